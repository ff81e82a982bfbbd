"""Everything that one picture is drawn from."""

from dataclasses import dataclass
from typing import Final

import msgspec

from hedgegrid_tui.render.keys import Keys
from hedgegrid_tui.render.records import EquitySample, EventRecord, FillRecord
from hedgegrid_tui.render.rows import NOTHING, Ink, Segment
from hedgegrid_tui.render.view import View
from strategy.domain import NS_PER_S, ZERO, Leg
from strategy.snapshot import EnginePhase, EngineStatus, ErrorRecord, LegView, Snapshot

STUCK_AFTER_S: Final = 2.0
"""A running engine without a new snapshot for longer is shown as stuck, where nothing else is configured."""
SILENT_AFTER_S: Final = 3.0
"""The same for one that winds down."""
FEED_OLD_AFTER_S: Final = 5.0
"""A market without an event for longer is shown as old."""
SPEAKING: Final = frozenset({EnginePhase.RUNNING, EnginePhase.ENDED, EnginePhase.STOPPING})
"""Phases in which snapshots come."""
GONE: Final = frozenset({EnginePhase.FAILED, EnginePhase.STOPPED})
"""Phases in which nobody takes snapshots any more."""
UNPROTECTED_ALARM_NS: Final = NS_PER_S
"""A held quantity without a working stop for longer is an alarm; up to there its stop is on its way."""


@dataclass(frozen=True, slots=True)
class KeyHint:
    """A key for the footer; one that cannot be used now is dim."""

    key: str
    text: str
    usable: bool
    grave: bool = False


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """The engine's snapshot and status, and what the cockpit itself adds."""

    snapshot: Snapshot = Snapshot()
    status: EngineStatus = EngineStatus()
    age: float = 0.0
    """Seconds since the snapshot last changed."""
    stuck_after: float = STUCK_AFTER_S
    """An age (seconds) that a running engine's snapshot never has while its loop turns."""
    read_only: bool = False
    pinned: tuple[ErrorRecord, ...] = ()
    """Critical errors that nobody has acknowledged, oldest first."""
    calls: tuple[str, ...] = ()
    """What the bell rings for: alarms and critical errors that nobody has acknowledged."""
    ring: bool = False
    """Whether the bell is due."""
    log: tuple[str, ...] = ()
    faults: int = 0
    """Exceptions that the cockpit caught while drawing."""
    fault: str = ""
    message: Segment = NOTHING
    """The status line."""
    stopping: str = ""
    """What the end of the session is doing; empty while it goes on."""
    hints: tuple[KeyHint, ...] = ()
    keys: Keys = Keys()
    """Which key does what; the trader's own where there are any."""
    view: View = View()
    """What the trader looks at."""
    fills: tuple[FillRecord, ...] = ()
    """The latest, oldest first."""
    events: tuple[EventRecord, ...] = ()
    """The latest, oldest first."""
    history: tuple[EquitySample, ...] = ()
    """The equity over the chart's range, oldest first."""
    draw_ms: float = 0.0
    """What the slowest of the latest frames took to draw, milliseconds."""

    @property
    def silent(self) -> bool:
        """Whether an engine that should speak does not."""
        bound = self.stuck_after if self.status.phase is EnginePhase.RUNNING else SILENT_AFTER_S
        return self.status.phase in SPEAKING and bool(self.snapshot.seq) and self.age > bound

    @property
    def stale(self) -> bool:
        """Whether the snapshot is what was last known rather than what is."""
        return self.silent or (bool(self.snapshot.seq) and self.status.phase in GONE)

    @property
    def feed_age(self) -> float | None:
        """Seconds since the last market event, as far as is known; None before the first event."""
        snapshot = self.snapshot
        if not snapshot.market.ts:
            return None
        return max(0, snapshot.ts - snapshot.market.ts) / NS_PER_S + (self.age if self.stale else 0.0)


def uncovered(leg: LegView) -> bool:
    """Whether some of the leg has no working stop."""
    return leg.sl_qty < leg.qty


def protection(leg: LegView) -> Ink:
    """How well stops cover the leg: OK, WARN while a stop is on its way, ALARM beyond that."""
    if not uncovered(leg):
        return Ink.OK
    return Ink.ALARM if leg.unprotected_ns > UNPROTECTED_ALARM_NS or leg.sl_qty < ZERO else Ink.WARN


def leg_mark(leg: Leg) -> Segment:
    """The leg by glyph, word and ink."""
    return Segment("▲ LONG ", Ink.LONG) if leg is Leg.LONG else Segment("▼ SHORT", Ink.SHORT)
