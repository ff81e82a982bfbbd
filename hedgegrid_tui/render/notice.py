"""What must be read now: a failed engine, alarms, what is latched, the stages of a flatten, an end under way."""

from typing import Final

from hedgegrid_tui.render import alarms, door, startup
from hedgegrid_tui.render.ages import age_ns
from hedgegrid_tui.render.door import STAGES
from hedgegrid_tui.render.frame import Frame, leg_mark
from hedgegrid_tui.render.keys import Keys
from hedgegrid_tui.render.lists import closed_legs
from hedgegrid_tui.render.numbers import clock_text, count, fixed
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit, width_of, wrap
from strategy.domain import ZERO, DoorState, Leg
from strategy.snapshot import EnginePhase, FlattenStage, FlattenView, Snapshot

MOST: Final = 6
"""Rows that the panel has room for."""
MOST_ALARMS: Final = 3
"""Beside other rows; one less beside a flatten."""
REASON_LINES: Final = 2


def rows(frame: Frame, width: int) -> Rows:
    """Nothing while nothing is the matter; what is graver comes first, and what has no room is counted."""
    snapshot = frame.snapshot
    found: list[Row] = []
    if frame.status.phase is EnginePhase.FAILED and snapshot.seq:
        found += startup.failure(frame, width)[:5]
    if frame.stopping:
        found.append((Segment(f"■ {frame.stopping}", Ink.WARN), Segment(f"  {frame.status.detail}", Ink.MUTED)))
    flatten = snapshot.flatten
    procedure = _flatten(frame, flatten) if flatten is not None and _matters(snapshot, flatten) else ()
    found += [*_alarms(frame, MOST_ALARMS - bool(procedure)), *procedure, *_latches(frame, width)]
    if frame.status.phase is EnginePhase.ENDED:
        found += [(Segment(text, Ink.WARN),) for text in wrap(frame.status.detail, width)]
    if len(found) > MOST:
        more = (Segment(f"… {len(found) - MOST + 1} more; {frame.keys.of('risk')} shows all", Ink.WARN),)
        found = [*found[: MOST - 1], more]
    return tuple(fit(row, width) for row in found)


def _alarms(frame: Frame, most: int) -> list[Row]:
    """What the state's own reason tells already is left out."""
    reason = frame.snapshot.state_reason
    told = [alarm for alarm in alarms.gravest(frame) if not (alarm.detail and alarm.detail in reason)]
    found = [(head, Segment(" "), *words) for head, *words in alarms.rows(frame, told)]
    if len(found) <= most:
        return found
    more = Segment(f"… {len(found) - most + 1} more alarms; {frame.keys.of('risk')} shows all", Ink.WARN)
    return [*found[: most - 1], (more,)]


def _latches(frame: Frame, width: int) -> list[Row]:
    """The state that shuts the door with its reason and its key; what is latched beneath it."""
    snapshot = frame.snapshot
    found: list[Row] = []
    runs = snapshot.flatten is not None and snapshot.flatten.running
    if snapshot.state is not DoorState.RUNNING and not (snapshot.state is DoorState.FLATTENING and runs):
        told = door.STATES[snapshot.state]
        since = " since an earlier session" if door.is_restored(snapshot) else ""
        shut_by = door.shut_by(snapshot)
        reason = f" ({shut_by})" if since and shut_by else f": {shut_by}" if shut_by else ""
        way_on = _way_on(frame, snapshot.state)
        lines = wrap(f"{told.text.strip()}{since}{reason}{f'; {way_on}' if way_on else ''}", width)
        ink = Ink.WARN if told.ink is Ink.ALARM else told.ink
        found = [(Segment(line, ink),) for line in lines[:REASON_LINES]]
    hidden = door.also_latched(snapshot)
    if not hidden:
        return found
    beneath = (Segment("also latched: ", Ink.MUTED), *hidden)
    if len(found) == 1 and width_of(found[0]) + 2 + width_of(beneath) <= width:
        return [(*found[0], Segment("  "), *beneath)]
    return [*found, beneath]


def _way_on(frame: Frame, state: DoorState) -> str:
    key, does = door.way_out(state, frame.snapshot, frame.keys)
    cure = "read-only here" if frame.read_only else f"{key} {does}".strip()
    return f"{door.closing(frame.snapshot)}, {cure}" if state is DoorState.BREAKER_OPEN else cure


def _matters(snapshot: Snapshot, flatten: FlattenView) -> bool:
    return flatten.running or snapshot.state is not DoorState.RUNNING or flatten.stage is FlattenStage.NOT_FLAT


def _flatten(frame: Frame, flatten: FlattenView) -> tuple[Row, ...]:
    snapshot = frame.snapshot
    which = flatten.legs[0].upper() if len(flatten.legs) == 1 else "BOTH"
    # One that has ended may stand there for hours.
    at = () if flatten.running else (Segment(f"{clock_text(flatten.started_ns)}  ", Ink.MUTED),)
    head = (Segment(f"FLATTEN {which}  ", Ink.STRONG), *at, *_stages(flatten, frame.keys))
    if not flatten.running:
        closed = closed_legs(snapshot.receipts)
        left = (_left(snapshot, flatten),) if flatten.stage is FlattenStage.NOT_FLAT or not closed else ()
        return (head, *closed, *left)
    return (head, (Segment(f"{age_ns(max(0, snapshot.ts - flatten.started_ns))} · "), *_left(snapshot, flatten)))


def _stages(flatten: FlattenView, keys: Keys) -> Row:
    if flatten.stage is FlattenStage.FLAT:
        return (Segment("✓ FLAT", Ink.OK), Segment(" verified at the venue", Ink.MUTED))
    if flatten.stage is FlattenStage.NOT_FLAT:
        return (
            Segment(" ✗ NOT FLAT ", Ink.ALARM),
            Segment(f" close what is left at the venue, or press {keys.of('flatten')} again", Ink.WARN),
        )
    order = [stage for stage, _ in STAGES]
    at = order.index(flatten.stage)
    line: list[Segment] = []
    for index, (_, text) in enumerate(STAGES):
        glyph, ink = ("✓", Ink.OK) if index < at else ("►", Ink.WARN) if index == at else ("·", Ink.FAINT)
        line.append(Segment(f"{glyph} {text}  ", ink))
    return tuple(line)


def _left(snapshot: Snapshot, flatten: FlattenView) -> Row:
    line: list[Segment] = [
        Segment(f"left: {count(flatten.entries_left, 'entry')}, {count(flatten.exits_left, 'exit')}", Ink.MUTED)
    ]
    for leg in flatten.legs:
        left = flatten.long_left if leg is Leg.LONG else flatten.short_left
        mark = leg_mark(leg)
        held = Segment(f" {fixed(left, snapshot.qty_decimals)} {snapshot.base}", Ink.OK if left == ZERO else Ink.WARN)
        line += (Segment("   "), mark, held)
    return tuple(line)
