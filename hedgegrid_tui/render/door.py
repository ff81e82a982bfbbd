"""The door in words: what shuts it, what the gravest latch hides, when it opens by itself, which key opens it."""

from typing import Final

from hedgegrid_tui.render.ages import age_ns
from hedgegrid_tui.render.keys import Keys
from hedgegrid_tui.render.rows import Ink, Row, Segment
from strategy.domain import DoorState
from strategy.latches import Halt
from strategy.snapshot import FlattenStage, Snapshot

STATES: Final = {
    DoorState.RUNNING: Segment("► RUNNING", Ink.OK),
    DoorState.PAUSED: Segment("‖ PAUSED", Ink.WARN),
    DoorState.BREAKER_OPEN: Segment("⊘ BREAKER OPEN", Ink.BREAKER),
    DoorState.HALTED: Segment(" ■ HALTED ", Ink.ALARM),
    DoorState.FLATTENING: Segment(" ▼ FLATTENING ", Ink.ALARM),
}
GRAVEST_FIRST: Final = (DoorState.FLATTENING, DoorState.HALTED, DoorState.BREAKER_OPEN, DoorState.PAUSED)
STAGES: Final = (
    (FlattenStage.CANCELLING_ENTRIES, "cancel entries"),
    (FlattenStage.CLOSING, "close"),
    (FlattenStage.VERIFYING, "verify"),
    (FlattenStage.CANCELLING_EXITS, "cancel exits"),
)
DEFAULT: Final = Keys()
RESTORED: Final = "restored: "
"""How the reason of a state begins that an earlier session has left behind."""


def latched(snapshot: Snapshot) -> tuple[DoorState, ...]:
    """Every latched state, gravest first; empty while the door runs."""
    names = {snapshot.state, *snapshot.risk.latched}
    return tuple(state for state in GRAVEST_FIRST if state in names)


def hidden(snapshot: Snapshot) -> tuple[DoorState, ...]:
    """What is latched beneath the state that the door shows."""
    return tuple(state for state in latched(snapshot) if state is not snapshot.state)


def is_restored(snapshot: Snapshot) -> bool:
    """Whether the door is shut because an earlier session was, rather than by an act of this one."""
    return snapshot.state is not DoorState.RUNNING and snapshot.state_reason.startswith(RESTORED.strip())


def shut_by(snapshot: Snapshot) -> str:
    """The reason of the door's state, in the words of the session that shut it."""
    reason = snapshot.state_reason
    while reason.startswith(RESTORED):
        reason = reason.removeprefix(RESTORED)
    return reason


def halted_by_losses(snapshot: Snapshot) -> bool:
    """Whether a drawdown level has halted."""
    if snapshot.risk.halts:
        return Halt.DRAWDOWN in snapshot.risk.halts
    told = snapshot.state is DoorState.HALTED and shut_by(snapshot).startswith(Halt.DRAWDOWN)
    return told or any(name.endswith("-halt") for name in snapshot.risk.drawdown.reached)


def halted_by_errors(snapshot: Snapshot) -> bool:
    """Whether a critical error has halted; a halt of an older session that no loss explains is one, too."""
    if snapshot.risk.halts:
        return Halt.CRITICAL in snapshot.risk.halts
    if DoorState.HALTED not in latched(snapshot):
        return False
    told = snapshot.state is DoorState.HALTED and shut_by(snapshot).startswith(Halt.CRITICAL)
    return told or not halted_by_losses(snapshot)


def halted_by(snapshot: Snapshot) -> str:
    """What has halted, in words."""
    causes = ((halted_by_losses(snapshot), "losses"), (halted_by_errors(snapshot), "a critical error"))
    return f"by {' and '.join(words for holds, words in causes if holds) or 'a critical error'}"


def closing(snapshot: Snapshot) -> str:
    """When an open breaker closes."""
    until = snapshot.risk.breaker.until_ns
    return f"closes in {age_ns(max(0, until - snapshot.ts))}" if until else "open until reset"


def figure(snapshot: Snapshot) -> str:
    """What belongs to the state's word: the stage of a flatten, the time left to a breaker, what has halted."""
    match snapshot.state:
        case DoorState.FLATTENING:
            stage = None if snapshot.flatten is None else snapshot.flatten.stage
            return next((words for known, words in STAGES if known is stage), "")
        case DoorState.HALTED:
            return halted_by(snapshot)
        case DoorState.BREAKER_OPEN:
            until = snapshot.risk.breaker.until_ns
            return age_ns(max(0, until - snapshot.ts)) if until else "until reset"
        case _:
            return ""


def way_out(state: DoorState, snapshot: Snapshot, keys: Keys = DEFAULT) -> tuple[str, str]:
    """The key that ends a latched state and what it does, such as `P` and `resumes`; empty where none does."""
    match state:
        case DoorState.PAUSED:
            return keys.of("resume"), "resumes"
        case DoorState.BREAKER_OPEN:
            return keys.of("reset-breaker"), "resets"
        case DoorState.HALTED:
            return keys.of("reset-drawdown" if halted_by_losses(snapshot) else "reset-breaker"), "resets"
        case _:
            return "", ""


def also_latched(snapshot: Snapshot) -> Row:
    """What is latched beneath the gravest state, each in a word of its own."""
    line: list[Segment] = []
    for state in hidden(snapshot):
        told = STATES[state]
        line += (*((Segment(" + ", Ink.MUTED),) if line else ()), told)
    return tuple(line)
