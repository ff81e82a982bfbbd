"""Alarms that are raised now, the cockpit's own among them: what, on which leg, for how long."""

from collections.abc import Iterable
from typing import Final

from hedgegrid_tui.render.ages import age
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.rows import Ink, Row, Segment
from strategy.domain import NS_PER_S, Reason
from strategy.snapshot import AlarmView, EnginePhase

STALE_FEED: Final = "stale-feed"
UNPROTECTED: Final = "unprotected"
DOUBTFUL: Final = frozenset({Reason.STREAM_DEAD.value, Reason.VENUE_DIFFERS.value, Reason.DEAD_MAN.value, "mismatch"})
"""While one of these is raised, what is at the venue may not be what own books say."""
LOSS: Final = "drawdown-"
"""How the alarms of losses begin; scope and level follow."""
LEVELS: Final = ("warn", "pause", "halt")


def name_of(alarm: AlarmView) -> str:
    """The alarm in capitals, with its leg."""
    leg = "" if alarm.leg is None else f" {alarm.leg}"
    return f"{alarm.name.replace('-', ' ')}{leg}".upper()


def lasting(frame: Frame, alarm: AlarmView) -> str:
    """For how long it has been raised."""
    seconds = max(0, frame.snapshot.ts - alarm.since_ns) / NS_PER_S
    return age(seconds + (frame.age if frame.stale else 0.0))


def is_raised(frame: Frame, name: str) -> bool:
    """Whether an alarm of that name is raised."""
    return any(alarm.name == name for alarm in frame.snapshot.risk.alarms)


def in_doubt(frame: Frame) -> bool:
    """Whether own books may not be what is at the venue."""
    return any(alarm.name in DOUBTFUL for alarm in frame.snapshot.risk.alarms)


def silence(frame: Frame) -> str:
    """What an engine that should speak and does not is called; empty where it speaks."""
    if not frame.silent:
        return ""
    return f"ENGINE {'STUCK' if frame.status.phase is EnginePhase.RUNNING else 'SILENT'} {age(frame.age)}"


def gravest(frame: Frame) -> list[AlarmView]:
    """The alarms without those of losses that a graver one of the same kind includes."""
    found: list[AlarmView] = []
    losses: list[AlarmView] = []
    for alarm in frame.snapshot.risk.alarms:
        (losses if alarm.name.startswith(LOSS) else found).append(alarm)
    for scope in ("total", "day"):
        of_scope = [alarm for alarm in losses if alarm.name.startswith(f"{LOSS}{scope}")]
        found += sorted(of_scope, key=_gravity)[-1:]
    return found


def _gravity(alarm: AlarmView) -> int:
    return LEVELS.index(alarm.name.rsplit("-", 1)[-1]) if alarm.name.endswith(LEVELS) else 0


def in_brief(frame: Frame) -> tuple[Segment, ...]:
    """For the strip: how many there are; those that have a place of their own there are left out."""
    found: list[Segment] = []
    if frame.silent:
        found.append(Segment(f" {silence(frame)} ", Ink.ALARM))
    others = sum(alarm.name not in (UNPROTECTED, STALE_FEED) for alarm in gravest(frame))
    if others:
        found.append(Segment(f" ! {others} ALARM{'S' if others > 1 else ''} ", Ink.ALARM))
    if frame.pinned:
        found.append(Segment(f" ✗ {len(frame.pinned)} CRITICAL ", Ink.ALARM))
    return tuple(found)


def rows(frame: Frame, raised: Iterable[AlarmView]) -> list[Row]:
    """One row for each of these alarms, the engine's own silence first."""
    found: list[Row] = []
    if frame.silent:
        words = "it publishes nothing: all numbers are what it last knew"
        found.append((Segment(f" {silence(frame)} ", Ink.ALARM), Segment(words, Ink.WARN)))
    for alarm in raised:
        head = Segment(f" ! {name_of(alarm)} {lasting(frame, alarm)} ", Ink.ALARM)
        found.append((head, Segment(alarm.detail, Ink.WARN)))
    return found
