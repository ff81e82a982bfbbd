"""What the dialogs of the two resets say: what has latched, what the reset ends, what follows."""

from decimal import Decimal

from hedgegrid_tui.render import blast, door
from hedgegrid_tui.render.dialogs import LINE, told, where
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.numbers import fixed, span
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, wrap
from strategy.domain import DoorState


def breaker_body(frame: Frame, width: int = LINE) -> Rows:
    """What a reset of the breaker ends, what tripped it, and what follows."""
    snapshot = frame.snapshot
    breaker, found = snapshot.risk.breaker, door.latched(snapshot)
    is_open = DoorState.BREAKER_OPEN in found
    count = f"{breaker.threshold} errors within {span(breaker.window_s)}; {door.closing(snapshot)}"
    reason = door.shut_by(snapshot) if snapshot.state is DoorState.HALTED else ""
    halt = (reason or "halted") if door.halted_by_errors(snapshot) else ""
    ends: list[Row] = [
        _ending("the breaker", count if is_open else "", "it is closed"),
        _ending("the halt after a critical error", halt, "there is none"),
        _ending("levels that filled too often", ", ".join(snapshot.risk.repeated), "there are none"),
    ]
    errors = [_error(error) for error in reversed(breaker.errors if is_open else ())]
    if errors:
        errors = [(), (Segment("What opened it, newest first:", Ink.MUTED),), *errors]
    return (
        where(snapshot),
        (Segment("Ends what errors have latched:"),),
        *(line for row in ends for line in _folded(row, width)),
        (),
        *_after(frame),
        *(line for row in errors for line in (_folded(row, width) if len(row) > 1 else (row,))),
    )


def _ending(what: str, found: str, none: str) -> Row:
    if found:
        return (Segment("► ", Ink.WARN), Segment(f"{what}: {found}"))
    return (Segment("· ", Ink.FAINT), Segment(f"{what}: {none}", Ink.FAINT))


def _error(words: str) -> Row:
    return (Segment("· ", Ink.MUTED), Segment(words))


def _folded(row: Row, width: int) -> Rows:
    """One glyph and its text, wrapped beside it."""
    glyph, words = row
    return tuple(
        (glyph if index == 0 else Segment("  "), Segment(line, words.ink))
        for index, line in enumerate(wrap(words.text, max(1, width - 2)) or ("",))
    )


def _after(frame: Frame) -> Rows:
    """The state that the door will be in, and the entries that then leave at once."""
    snapshot = frame.snapshot
    left = {state for state in door.latched(snapshot) if state is not DoorState.BREAKER_OPEN}
    if door.halted_by_errors(snapshot) and not door.halted_by_losses(snapshot):
        left = (left - {DoorState.HALTED}) | {DoorState.PAUSED}
    return (blast.after(frame, left), *(() if left else blast.free_table(snapshot)))


def drawdown_body(frame: Frame, width: int = LINE) -> Rows:
    """What was lost, and what a reset of the drawdown does about it."""
    snapshot = frame.snapshot
    drawdown, equity, currency = snapshot.risk.drawdown, snapshot.metrics.equity, snapshot.currency
    halted = DoorState.HALTED in door.latched(snapshot)
    reached = ", ".join(drawdown.reached) or "no level"
    reason = door.shut_by(snapshot) if snapshot.state is DoorState.HALTED else ""
    return (
        where(snapshot),
        *told(f"Halted: {reason}" if reason else f"Reached: {reached}", width, Ink.WARN),
        (),
        _money("equity now", equity, currency, ""),
        _money("peak", drawdown.peak, currency, _loss(drawdown.peak - equity, drawdown.total_pct)),
        _money("day began at", drawdown.day_start, currency, _loss(drawdown.day_start - equity, drawdown.day_pct)),
        (),
        *told(_follows(frame, halted=halted), width),
        *told("Peak and day begin anew at the present equity: this loss counts no more.", width),
        *told("No order is touched: what is open stays as it is.", width, Ink.MUTED),
    )


def _follows(frame: Frame, *, halted: bool) -> str:
    snapshot, keys = frame.snapshot, frame.keys
    breaker = keys.of("reset-breaker")
    if not halted:
        return "Arms the levels again; the state stays as it is."
    if not door.halted_by_losses(snapshot):
        return f"No loss has halted: {breaker} ends this halt, this does not."
    if door.halted_by_errors(snapshot):
        return f"Errors have halted as well: the state stays HALTED until {breaker} ends that."
    return f"Ends the halt; the state goes to PAUSED; {keys.of('resume')} then lets entries out again."


def _money(label: str, value: Decimal, currency: str, loss: str) -> Row:
    return (Segment(f"{label:13}", Ink.MUTED), Segment(f"{fixed(value, 2):>12} {currency}  "), Segment(loss, Ink.DOWN))


def _loss(lost: Decimal, share: Decimal) -> str:
    return f"lost {fixed(lost, 2)} ({fixed(share, 2)} %)" if lost > 0 else ""
