"""Turns what an engine shows into frames: ages, critical errors that stay, keys that can be used."""

from collections.abc import Callable
from dataclasses import dataclass, field

from hedgegrid_tui.actions import ACTIONS, Danger
from hedgegrid_tui.ports import Engine
from hedgegrid_tui.render.frame import Frame, KeyHint
from strategy.snapshot import EngineStatus, ErrorRecord, Snapshot


@dataclass(slots=True)
class Observer:
    """Reads the engine without ever waiting for it."""

    engine: Engine
    read_only: bool
    clock: Callable[[], float]
    _session: str = ""
    _seq: int = -1
    _changed: float = 0.0
    _acknowledged: int = -1
    _critical: dict[int, ErrorRecord] = field(default_factory=dict)

    def frame(self) -> Frame:
        """The picture of this moment."""
        snapshot, status = self.engine.snapshot, self.engine.status
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
            read_only=self.read_only,
            pinned=tuple(self._critical[number] for number in sorted(self._critical)),
            log=tuple(self.engine.log_lines()),
            hints=hints(snapshot, status, self.read_only),
        )

    def acknowledge(self) -> int:
        """Let go of the critical errors; gives how many there were."""
        found = len(self._critical)
        self._acknowledged = max(self._critical, default=self._acknowledged)
        self._critical.clear()
        return found


def hints(snapshot: Snapshot, status: EngineStatus, read_only: bool) -> tuple[KeyHint, ...]:
    """The footer's keys, dim where they cannot be used now."""
    return tuple(
        KeyHint(
            action.key,
            action.text,
            action.allowed(snapshot, status, read_only) is None,
            action.danger is Danger.GRAVE,
        )
        for action in ACTIONS.values()
    )
