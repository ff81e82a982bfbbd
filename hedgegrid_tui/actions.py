"""The one registry of actions: bindings, footer, help and palette all read it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hedgegrid_tui.render.door import closing, halted_by_errors, halted_by_losses, latched
from hedgegrid_tui.render.frame import Frame
from strategy.domain import DoorState, Leg
from strategy.snapshot import EnginePhase

type Allowed = Callable[[Frame], str | None]
"""Gives why an action cannot be used now, None where it can."""


class Danger(StrEnum):
    """How an action treats the trader's key press."""

    SAFE = "acts at once"
    ASKS = "asks first"
    GRAVE = "shows its blast radius, then asks"
    TYPED = "wants a word typed"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a key does, or a line of the palette."""

    id: str
    key: str
    """As printed on the keyboard; empty where the palette alone offers it."""
    text: str
    """A word for the footer."""
    help: str
    danger: Danger
    allowed: Allowed
    also: str = ""
    """Further keys, in Textual's names."""

    @property
    def keys(self) -> str:
        """All of its keys in Textual's names."""
        first = {"?": "question_mark"}.get(self.key, self.key)
        return f"{first},{self.also}" if self.also else first

    @property
    def shown(self) -> str:
        """Its key as the footer and the help print it."""
        return self.key.replace("ctrl+", "^")


DEAF: Final = {
    EnginePhase.STOPPING: "the engine is stopping",
    EnginePhase.STOPPED: "the engine has stopped",
    EnginePhase.FAILED: "the engine has failed",
}


def always(frame: Frame) -> str | None:  # noqa: ARG001
    """Never refused."""
    return None


def can_command(frame: Frame) -> str | None:
    """Refused where no command may or can be given at all."""
    if frame.read_only:
        return "this cockpit is read-only"
    if frame.status.phase in DEAF:
        return DEAF[frame.status.phase]
    return None if frame.snapshot.seq else "the engine has given no snapshot yet"


def can_pause(frame: Frame) -> str | None:
    """Refused where a pause is latched already; whatever else is latched, a pause may be latched beside it."""
    paused = DoorState.PAUSED in latched(frame.snapshot)
    return can_command(frame) or ("already paused" if paused else None)


def can_resume(frame: Frame) -> str | None:
    """Refused where there is nothing to resume from, and where something graver than a pause is latched."""
    return can_command(frame) or _keeps_shut(frame)


def _keeps_shut(frame: Frame) -> str | None:
    snapshot = frame.snapshot
    found = latched(snapshot)
    if DoorState.FLATTENING in found:
        return "a flatten runs; wait for its end"
    if DoorState.HALTED in found:
        return f"halted; {'D (drawdown)' if halted_by_losses(snapshot) else 'B (breaker)'} resets that first"
    if DoorState.BREAKER_OPEN in found:
        return f"the breaker is open, {closing(snapshot).removeprefix('open ')}; B resets it"
    return None if DoorState.PAUSED in found else "already running"


def can_flatten(frame: Frame) -> str | None:
    """Refused only where a flatten of both legs runs already."""
    flatten = frame.snapshot.flatten
    running = flatten is not None and flatten.running and set(flatten.legs) == set(Leg)
    return can_command(frame) or ("a flatten of both legs runs already" if running else None)


def can_cancel(frame: Frame) -> str | None:
    """Refused where no entry is open."""
    return can_command(frame) or (None if frame.snapshot.open_entries else "no entry is open")


def can_reset_breaker(frame: Frame) -> str | None:
    """Refused where errors have latched nothing."""
    snapshot = frame.snapshot
    if DoorState.BREAKER_OPEN in latched(snapshot) or snapshot.risk.repeated or halted_by_errors(snapshot):
        return can_command(frame)
    losses = halted_by_losses(snapshot)
    why = "halted by losses; D resets that" if losses else "the breaker is closed, and errors have latched nothing"
    return can_command(frame) or why


def can_reset_drawdown(frame: Frame) -> str | None:
    """Refused where losses have led to nothing."""
    snapshot = frame.snapshot
    led = bool(snapshot.risk.drawdown.reached) or DoorState.HALTED in latched(snapshot)
    return can_command(frame) or (None if led else "losses have reached no level")


def can_acknowledge(frame: Frame) -> str | None:
    """Refused where nothing calls; open to a read-only cockpit, since it touches nothing."""
    return None if frame.calls else "no alarm and no critical error waits for it"


def can_drill(frame: Frame) -> str | None:
    """Refused outside of the simulated market."""
    if frame.read_only:
        return "this cockpit is read-only"
    return None if frame.snapshot.mode == "sim" else "only with --mode sim"


_ALL: Final = (
    Action("help", "?", "help", "Show every key, and what the words of the screen mean.", Danger.SAFE, always),
    Action(
        "quit",
        "q",
        "quit",
        "Leave: choose what happens to entries and positions.",
        Danger.ASKS,
        always,
        also="ctrl+c,ctrl+q",
    ),
    Action(
        "flatten",
        "F",
        "flatten",
        "Close both legs or one at market, cancel its orders; from every state.",
        Danger.GRAVE,
        can_flatten,
    ),
    Action("pause", "p", "pause", "Let no new entry out; exits stay and go on working.", Danger.SAFE, can_pause),
    Action("resume", "P", "resume", "Let entries out again.", Danger.ASKS, can_resume),
    Action(
        "cancel-entries",
        "C",
        "cancel",
        "Cancel every open entry and pause; positions and exits stay.",
        Danger.ASKS,
        can_cancel,
    ),
    Action(
        "acknowledge",
        "a",
        "ack",
        "Acknowledge alarms and critical errors: the bell is quiet; errors leave the strip and stay in the list.",
        Danger.SAFE,
        can_acknowledge,
    ),
    Action(
        "risk", "r", "risk", "Read every limit, what is near it, what the gate has denied, all alarms.",
        Danger.SAFE, always,
    ),
    Action(
        "reset-breaker",
        "B",
        "breaker",
        "End what errors have latched: breaker, halt after a critical error, levels that filled too often.",
        Danger.ASKS,
        can_reset_breaker,
    ),
    Action(
        "reset-drawdown",
        "D",
        "drawdown",
        "End what losses have latched; peak and day begin anew at the present equity.",
        Danger.TYPED,
        can_reset_drawdown,
    ),
    Action("throttle", "t", "throttle", "Choose the share of both ladders that may enter.", Danger.ASKS, can_command),
    Action("journal", "l", "log", "Read all errors, receipts and the engine's log in full.", Danger.SAFE, always),
    Action("palette", "ctrl+p", "palette", "Find an action by its name.", Danger.SAFE, always),
    Action(
        "drill",
        "",
        "drill",
        "Rehearse the emergency on a simulated market of its own, beside this session, from the palette.",
        Danger.SAFE,
        can_drill,
    ),
)  # fmt: skip

ACTIONS: Final[Mapping[str, Action]] = {action.id: action for action in _ALL}
"""Every action by its id, the most needed first: a narrow footer leaves out the last ones."""
