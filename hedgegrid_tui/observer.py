"""Turns what an engine shows into frames: ages, lists, alarms and critical errors that call, keys that can be used."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from hedgegrid_tui.actions import ACTIONS, Danger, Group
from hedgegrid_tui.events import EventBook
from hedgegrid_tui.ports import Engine
from hedgegrid_tui.render.alarms import name_of
from hedgegrid_tui.render.frame import STUCK_AFTER_S, Frame, KeyHint
from hedgegrid_tui.render.history import EquityHistory
from hedgegrid_tui.render.keys import Keys
from hedgegrid_tui.render.view import View
from strategy.snapshot import EnginePhase, EngineStatus, ErrorRecord, Snapshot

REPEAT_S: Final = 30.0
"""The bell rings again after so long, where nothing else is configured."""
LOOKS: Final = ("help", "zoom", "search", "open", "journal", "risk", "theme", "palette")
"""Actions of looking that the footer offers; the keys of panels stand in titles and tabs."""


@dataclass(slots=True)
class Bell:
    """Rings once for what is new, and again and again while anything waits to be acknowledged."""

    repeat_s: float
    _heard: frozenset[str] = frozenset()
    _acknowledged: frozenset[str] = frozenset()
    _rang: float = 0.0

    def waiting(self, causes: frozenset[str]) -> frozenset[str]:
        """What of the causes nobody has acknowledged."""
        return causes - self._acknowledged

    def is_news(self, causes: frozenset[str]) -> bool:
        """Whether one of them has not been rung for."""
        return bool(self.waiting(causes) - self._heard)

    def is_due(self, causes: frozenset[str], now: float) -> bool:
        """Whether to ring now; a cause that ends is forgotten, so that it is new when it comes back."""
        self._acknowledged &= causes
        due = self.is_news(causes) or (bool(self.waiting(causes)) and now - self._rang >= self.repeat_s)
        self._heard = causes
        self._rang = now if due else self._rang
        return due

    def acknowledge(self) -> None:
        """Be quiet about all that has been rung for."""
        self._acknowledged |= self._heard


@dataclass(slots=True)
class Observer:
    """Reads the engine without ever waiting for it."""

    engine: Engine
    read_only: bool
    clock: Callable[[], float]
    stuck_after: float = STUCK_AFTER_S
    repeat_s: float = REPEAT_S
    keys: Keys = field(default_factory=Keys)
    complaints: Sequence[str] = ()
    """What is wrong with the trader's own files; it stands at the head of the log."""
    _book: EventBook = field(default_factory=EventBook)
    _history: EquityHistory = field(default_factory=EquityHistory)
    _session: str = ""
    _seq: int = -1
    _changed: float = 0.0
    _acknowledged: int = -1
    _critical: dict[int, ErrorRecord] = field(default_factory=dict)
    _known: tuple[Snapshot, EngineStatus] = (Snapshot(), EngineStatus())
    _log: tuple[str, ...] = ()
    failures: list[Exception] = field(default_factory=list)
    """What the engine raised while the last frame was made: its older word stands there, and grows old."""
    _bell: Bell = field(init=False)

    def __post_init__(self) -> None:
        self._bell = Bell(self.repeat_s)

    def frame(self, view: View | None = None) -> Frame:
        """The picture of this moment for who looks at that."""
        view = View() if view is None else view
        frame = self._look()
        try:
            self._read_journal()
        except Exception as error:  # noqa: BLE001 - lists that stand still must not stop the rest
            self.failures.append(error)
        self._history.add(frame.snapshot)
        frame = replace(
            frame,
            view=view,
            fills=self._book.fills,
            events=self._book.events,
            history=self._history.samples(view.range_s, frame.snapshot.ts),
        )
        causes = self._causes(frame)
        calls, ring = self._bell.waiting(causes), self._bell.is_due(causes, self.clock())
        return replace(frame, calls=tuple(sorted(calls)), ring=ring)

    def has_news(self) -> bool:
        """Whether something calls for the trader, or has failed, that no frame has told of."""
        frame = self._look()
        return bool(self.failures) or self._bell.is_news(self._causes(frame))

    def acknowledge(self) -> None:
        """Let go of the critical errors and quieten the alarms."""
        self._acknowledged = max(self._critical, default=self._acknowledged)
        self._critical.clear()
        self._bell.acknowledge()

    def _read_journal(self) -> None:
        lines = self.engine.journal_lines(self._book.after)
        if lines:
            self._book.take(lines)
            self._history.load(lines)

    def _ask(self) -> None:
        """Learn what the engine shows; what it does not give stays as it was."""
        self.failures = []
        try:
            self._known = self.engine.snapshot, self.engine.status
            self._log = tuple(self.engine.log_lines())
        except Exception as error:  # noqa: BLE001 - a snapshot that does not come is stale, and is shown so
            self.failures.append(error)

    def _look(self) -> Frame:
        self._ask()
        snapshot, status = self._known
        now = self.clock()
        if (snapshot.session, snapshot.seq) != (self._session, self._seq):
            if snapshot.session != self._session:
                self._critical.clear()
                self._acknowledged = -1
            self._session, self._seq, self._changed = snapshot.session, snapshot.seq, now
        for record in snapshot.errors:
            if record.critical and record.number > self._acknowledged:
                self._critical[record.number] = record
        return Frame(
            snapshot=snapshot,
            status=status,
            age=max(0.0, now - self._changed),
            stuck_after=self.stuck_after,
            read_only=self.read_only,
            pinned=tuple(self._critical[number] for number in sorted(self._critical)),
            log=(*self.complaints, *self._log),
            keys=self.keys,
        )

    @staticmethod
    def _causes(frame: Frame) -> frozenset[str]:
        """Everything that may call, whether acknowledged or not."""
        own = {"engine failed": frame.status.phase is EnginePhase.FAILED, "engine stuck": frame.silent}
        return frozenset(
            (
                *(name for name, holds in own.items() if holds),
                *(name_of(alarm).lower() for alarm in frame.snapshot.risk.alarms),
                *(f"critical error {record.number}" for record in frame.pinned),
            )
        )


def hints(frame: Frame) -> tuple[KeyHint, ...]:
    """The footer's keys, acts first, dim where they cannot be used now."""
    return tuple(
        KeyHint(key, action.text, action.allowed(frame) is None, action.danger is Danger.GRAVE)
        for action in ACTIONS.values()
        if (action.group is Group.ACT or action.id in LOOKS) and (key := frame.keys.of(action.id))
    )
