"""Start-up, step by step, while no snapshot has come."""

from typing import Final

from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit_all, wrap
from strategy.snapshot import EnginePhase

STEPS: Final = (
    (EnginePhase.IDLE, "cockpit on screen"),
    (EnginePhase.LOADING, "load the engine"),
    (EnginePhase.CONNECTING, "connect, reconcile what is open"),
    (EnginePhase.RUNNING, "first snapshot"),
)
ON_ACCOUNTS: Final = ("testnet", "live")
AFTERWARDS: Final = "then the indicators warm up; the strip counts the bars"


def rows(frame: Frame, width: int, height: int) -> Rows:
    """What is done, what is under way, what is to come; a failure in its own words."""
    phase, detail = frame.status.phase, frame.status.detail
    if phase is EnginePhase.FAILED:
        return fit_all(failure(frame, width), width, height)
    order = [step for step, _ in STEPS]
    at = order.index(phase) if phase in order else len(order)
    lines: list[Row] = [(), (Segment("  HedgeGrid is starting", Ink.STRONG),), ()]
    for index, (_, text) in enumerate(STEPS):
        if index == 0 or index < at:
            lines.append((Segment("  ✓ ", Ink.OK), Segment(text, Ink.MUTED)))
        elif index == at or (index == 1 and at == 0):
            lines.append((Segment("  ► ", Ink.WARN), Segment(text), Segment(f"  {detail}", Ink.MUTED)))
        else:
            lines.append((Segment("  · ", Ink.FAINT), Segment(text, Ink.FAINT)))
    lines.append((Segment(f"    {AFTERWARDS}", Ink.FAINT),))
    return fit_all(lines, width, height)


def _without_engine(frame: Frame, width: int) -> Rows:
    """What is left to do about orders and positions that no engine looks after."""
    mode = frame.snapshot.mode
    if mode not in ON_ACCOUNTS:
        return ()
    words = f"what is at the venue stays there; without an engine `hedgegrid flatten --mode {mode}` closes it"
    return tuple((Segment(f"    {line}", Ink.WARN),) for line in wrap(words, max(1, width - 4)))


def failure(frame: Frame, width: int) -> Rows:
    """Why the engine failed, in its own words, and what can be done."""
    started = bool(frame.snapshot.seq)
    head = "✗ The engine has failed." if started else "✗ The engine could not start."
    orders = " Nothing watches the venue now: check it there." if started else ""
    log, leave = frame.keys.of("journal"), frame.keys.of("quit")
    words = wrap(frame.status.detail or f"It gave no reason; the log ({log}) may.", max(1, width - 4))
    return (
        (Segment(f"  {head}", Ink.ALARM), Segment(orders, Ink.WARN)),
        *((Segment(f"    {line}"),) for line in words),
        *_without_engine(frame, width),
        (Segment(f"    press {log} for the log, {leave} to leave", Ink.MUTED),),
    )
