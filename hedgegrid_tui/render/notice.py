"""What must be read now: a failed engine, an end under way, the stages of a flatten."""

from typing import Final

from hedgegrid_tui.render import startup
from hedgegrid_tui.render.frame import Frame, is_restored, leg_mark, shut_by
from hedgegrid_tui.render.numbers import count, fixed, span_ns
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit, wrap
from strategy.domain import ZERO, DoorState, Leg
from strategy.snapshot import EnginePhase, FlattenStage, FlattenView, Snapshot

STAGES: Final = (
    (FlattenStage.CANCELLING_ENTRIES, "cancel entries"),
    (FlattenStage.CLOSING, "close"),
    (FlattenStage.VERIFYING, "verify"),
    (FlattenStage.CANCELLING_EXITS, "cancel exits"),
)


def rows(frame: Frame, width: int) -> Rows:
    """Nothing while nothing is the matter."""
    found: list[Row] = []
    if frame.status.phase is EnginePhase.FAILED and frame.snapshot.seq:
        found += startup.failure(frame, width)[:5]
    if frame.status.phase is EnginePhase.ENDED:
        found += [(Segment(text, Ink.WARN),) for text in wrap(frame.status.detail, width)]
    if frame.stopping:
        found.append((Segment(f"■ {frame.stopping}", Ink.WARN), Segment(f"  {frame.status.detail}", Ink.MUTED)))
    flatten = frame.snapshot.flatten
    if flatten is not None and _matters(frame.snapshot, flatten):
        found += _flatten(frame.snapshot, flatten)
    elif is_restored(frame.snapshot):
        found += _restored(frame, width)
    elif frame.snapshot.state_reason and frame.snapshot.state is not DoorState.RUNNING:
        found.append((Segment("‖ ", Ink.WARN), Segment(frame.snapshot.state_reason, Ink.WARN)))
    return tuple(fit(row, width) for row in found)


def _restored(frame: Frame, width: int) -> list[Row]:
    """A pause from before the start looks like nothing going on, so that it says what to do."""
    cure = "read-only here" if frame.read_only else "P resumes"
    text = f"‖ PAUSED since an earlier session ({shut_by(frame.snapshot)}): {cure}"
    return [(Segment(line, Ink.WARN),) for line in wrap(text, width)]


def _matters(snapshot: Snapshot, flatten: FlattenView) -> bool:
    return flatten.running or snapshot.state is not DoorState.RUNNING or flatten.stage is FlattenStage.NOT_FLAT


def _flatten(snapshot: Snapshot, flatten: FlattenView) -> tuple[Row, ...]:
    which = flatten.legs[0].upper() if len(flatten.legs) == 1 else "BOTH"
    age = f"{span_ns(max(0, snapshot.ts - flatten.started_ns))} · " if flatten.running else ""
    head = Segment(f"FLATTEN {which}  ", Ink.STRONG)
    return ((head, *_stages(flatten)), (Segment(age), *_left(snapshot, flatten)))


def _stages(flatten: FlattenView) -> Row:
    if flatten.stage is FlattenStage.FLAT:
        return (Segment("✓ FLAT", Ink.OK), Segment(" verified at the venue", Ink.MUTED))
    if flatten.stage is FlattenStage.NOT_FLAT:
        return (
            Segment(" ✗ NOT FLAT ", Ink.ALARM),
            Segment(" close what is left at the venue, or press F again", Ink.WARN),
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
