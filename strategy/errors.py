"""What went wrong: errors that were contained, counted once each, and the alarms that are raised."""

import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from strategy.domain import Leg
from strategy.journal import JournalWriter
from strategy.snapshot import AlarmView, ErrorRecord

KEPT: Final = 200


class ErrorLog:
    """Counts and keeps errors, keeps alarms while they last, and writes each to the journal."""

    def __init__(self, journal: JournalWriter) -> None:
        self._journal = journal
        self._latest: deque[ErrorRecord] = deque(maxlen=KEPT)
        self.count = 0
        self.critical = 0
        self.alarms: dict[tuple[str, Leg | None], AlarmView] = {}
        """The alarms that are raised, oldest first."""
        self.on_fault: Callable[[int, str], None] = lambda _now, _words: None
        """Takes each error that counts towards the breaker: its time and what it was."""
        self._told: dict[tuple[str, Leg | None], int] = {}

    @property
    def latest(self) -> tuple[ErrorRecord, ...]:
        """The latest errors, oldest first."""
        return tuple(self._latest)

    def write(self, now: int, kind: str, **fields: Any) -> None:  # noqa: ANN401
        """Write a journal line; one that cannot be written is an error, but never keeps an act from its end."""
        try:
            self._journal.write(kind, now, **fields)
        except Exception as error:  # noqa: BLE001
            self.record(now, "journal", type(error).__name__, f"{kind}: {error}", critical=True)

    def raise_alarm(self, name: str, leg: Leg | None, detail: str, now: int, *, repeats: bool = True) -> bool:
        """Raise an alarm, on a leg or on the whole session; false where it is raised already.

        One that `repeats` is told again while it lasts.
        """
        key = name, leg
        if key in self.alarms:
            return False
        self.alarms[key] = AlarmView(name, leg, now, detail)
        if repeats:
            self._told[key] = now
        self.write(now, "alarm", name=name, leg=leg, raised=True, detail=detail)
        return True

    def reword_alarm(self, name: str, leg: Leg | None, detail: str, now: int) -> None:
        """Give an alarm that lasts other words, where they are others."""
        alarm = self.alarms.get((name, leg))
        if alarm is None or alarm.detail == detail:
            return
        self.alarms[name, leg] = AlarmView(name, leg, alarm.since_ns, detail)
        self.write(now, "alarm", name=name, leg=leg, raised=True, detail=detail, again=True)

    def end_alarm(self, name: str, leg: Leg | None, detail: str, now: int) -> None:
        """The cause is gone."""
        self._told.pop((name, leg), None)
        if self.alarms.pop((name, leg), None) is not None:
            self.write(now, "alarm", name=name, leg=leg, raised=False, detail=detail)

    def repeat_alarms(self, now: int, every_ns: int) -> None:
        """Tell again what has lasted for so long since it was told."""
        for key, told in self._told.items():
            if now - told >= every_ns:
                self._told[key] = now
                alarm = self.alarms[key]
                self.write(now, "alarm", name=alarm.name, leg=alarm.leg, raised=True, detail=alarm.detail, again=True)

    def record(self, now: int, where: str, kind: str, message: str, *, critical: bool, counts: bool = False) -> None:
        """Note one error; `where` is the handler or part, `kind` the error's type; `counts` towards the breaker."""
        self.count += 1
        self.critical += critical
        self._latest.append(ErrorRecord(self.count, now, where, kind, message, critical))
        with contextlib.suppress(OSError):  # the record of a failure must not become a second one
            self._journal.write("error", now, where=where, type=kind, message=message, critical=critical)
        if counts:
            self.on_fault(now, f"{where} {kind}: {message}")
