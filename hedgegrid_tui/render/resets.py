"""What the dialogs of the two resets say: what has latched, what the reset ends, what follows."""

from decimal import Decimal

from hedgegrid_tui.render import door
from hedgegrid_tui.render.dialogs import LINE, where
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.numbers import fixed, span
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, wrap
from strategy.domain import DoorState
from strategy.snapshot import Snapshot


def breaker_body(frame: Frame) -> Rows:
    """What a reset of the breaker ends, what tripped it, and what follows."""
    snapshot = frame.snapshot
    breaker, found = snapshot.risk.breaker, door.latched(snapshot)
    is_open = DoorState.BREAKER_OPEN in found
    count = f"{breaker.threshold} errors within {span(breaker.window_s)}; {door.closing(snapshot)}"
    told = door.shut_by(snapshot) if snapshot.state is DoorState.HALTED else ""
    halt = (told or "halted") if door.halted_by_errors(snapshot) else ""
    ends: list[Row] = [
        _ending("the breaker", count if is_open else "", "it is closed"),
        _ending("the halt after a critical error", halt, "there is none"),
        _ending("levels that filled too often", ", ".join(snapshot.risk.repeated), "there are none"),
    ]
    errors: list[Row] = []
    for error in reversed(breaker.errors if is_open else ()):
        first, *others = wrap(error, LINE - 2) or ("",)
        errors += [(Segment("· ", Ink.MUTED), Segment(first)), *((Segment(f"  {text}"),) for text in others)]
    if errors:
        errors = [(), (Segment("What opened it, newest first:", Ink.MUTED),), *errors]
    return (
        where(snapshot),
        (Segment("Ends what errors have latched:"),),
        *(line for row in ends for line in _folded(row)),
        (),
        _after(snapshot),
        *errors,
    )


def _ending(what: str, found: str, none: str) -> Row:
    if found:
        return (Segment("► ", Ink.WARN), Segment(f"{what}: {found}"))
    return (Segment("· ", Ink.FAINT), Segment(f"{what}: {none}", Ink.FAINT))


def _folded(row: Row) -> Rows:
    """One glyph and its text, wrapped beside it."""
    glyph, told = row
    return tuple(
        (glyph if index == 0 else Segment("  "), Segment(line, told.ink))
        for index, line in enumerate(wrap(told.text, LINE - 2))
    )


def _after(snapshot: Snapshot) -> Row:
    """The state that the door will be in: entries that leave at once must not come as a surprise."""
    left = {state for state in door.latched(snapshot) if state is not DoorState.BREAKER_OPEN}
    if door.halted_by_errors(snapshot) and not door.halted_by_losses(snapshot):
        left = (left - {DoorState.HALTED}) | {DoorState.PAUSED}
    state = next((state for state in door.GRAVEST_FIRST if state in left), DoorState.RUNNING)
    words = {DoorState.RUNNING: "; entries leave again AT ONCE", DoorState.PAUSED: "; P then lets entries out again"}
    ink = Ink.WARN if state is DoorState.RUNNING else Ink.PLAIN
    return (Segment("After it: "), door.STATES[state], Segment(f"{words.get(state, '')}.", ink))


def drawdown_body(frame: Frame) -> Rows:
    """What was lost, and what a reset of the drawdown does about it."""
    snapshot = frame.snapshot
    drawdown, equity, currency = snapshot.risk.drawdown, snapshot.metrics.equity, snapshot.currency
    halted = DoorState.HALTED in door.latched(snapshot)
    reached = ", ".join(drawdown.reached) or "no level"
    reason = door.shut_by(snapshot) if snapshot.state is DoorState.HALTED else ""
    return (
        where(snapshot),
        *((Segment(line, Ink.WARN),) for line in wrap(f"Halted: {reason}" if reason else f"Reached: {reached}", LINE)),
        (),
        _money("equity now", equity, currency, ""),
        _money("peak", drawdown.peak, currency, _loss(drawdown.peak - equity, drawdown.total_pct)),
        _money("day began at", drawdown.day_start, currency, _loss(drawdown.day_start - equity, drawdown.day_pct)),
        (),
        (Segment(_follows(snapshot, halted=halted)),),
        (Segment("Peak and day begin anew at the present equity: this loss counts no more."),),
    )


def _follows(snapshot: Snapshot, *, halted: bool) -> str:
    if not halted:
        return "Arms the levels again; the state stays as it is."
    if not door.halted_by_losses(snapshot):
        return "No loss has halted: B ends this halt, this does not."
    if door.halted_by_errors(snapshot):
        return "Errors have halted as well: the state stays HALTED until B ends that."
    return "Ends the halt; the state goes to PAUSED, and P then lets entries out again."


def _money(label: str, value: Decimal, currency: str, loss: str) -> Row:
    return (Segment(f"{label:14}", Ink.MUTED), Segment(f"{fixed(value, 2):>14} {currency}  "), Segment(loss, Ink.DOWN))


def _loss(lost: Decimal, share: Decimal) -> str:
    return f"lost {fixed(lost, 2)} ({fixed(share, 2)} %)" if lost > 0 else ""
