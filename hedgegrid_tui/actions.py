"""The one registry of actions: bindings, footer and help all read it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from strategy.domain import DoorState, Leg
from strategy.snapshot import EnginePhase, EngineStatus, Snapshot

type Allowed = Callable[[Snapshot, EngineStatus, bool], str | None]
"""Gives why an action cannot be used now, None where it can."""


class Danger(StrEnum):
    """How an action treats the trader's key press."""

    SAFE = "acts at once"
    ASKS = "asks first"
    GRAVE = "shows its blast radius, then asks"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a key does."""

    id: str
    key: str
    """As printed on the keyboard."""
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


DEAF: Final = {
    EnginePhase.STOPPING: "the engine is stopping",
    EnginePhase.STOPPED: "the engine has stopped",
    EnginePhase.FAILED: "the engine has failed",
}


def always(snapshot: Snapshot, status: EngineStatus, read_only: bool) -> str | None:  # noqa: ARG001
    """Never refused."""
    return None


def can_command(snapshot: Snapshot, status: EngineStatus, read_only: bool) -> str | None:
    """Refused where no command may or can be given at all."""
    if read_only:
        return "this cockpit is read-only"
    if status.phase in DEAF:
        return DEAF[status.phase]
    return None if snapshot.seq else "the engine has given no snapshot yet"


def can_pause(snapshot: Snapshot, status: EngineStatus, read_only: bool) -> str | None:
    """Refused where entries are held back already."""
    return can_command(snapshot, status, read_only) or {
        DoorState.PAUSED: "already paused",
        DoorState.FLATTENING: "a flatten runs and holds back entries already",
    }.get(snapshot.state)


def can_resume(snapshot: Snapshot, status: EngineStatus, read_only: bool) -> str | None:
    """Refused where there is nothing to resume from, or a flatten runs."""
    return can_command(snapshot, status, read_only) or {
        DoorState.RUNNING: "already running",
        DoorState.FLATTENING: "a flatten runs; wait for its end",
    }.get(snapshot.state)


def can_flatten(snapshot: Snapshot, status: EngineStatus, read_only: bool) -> str | None:
    """Refused only where a flatten of both legs runs already."""
    flatten = snapshot.flatten
    running = flatten is not None and flatten.running and set(flatten.legs) == set(Leg)
    return can_command(snapshot, status, read_only) or ("a flatten of both legs runs already" if running else None)


def can_cancel(snapshot: Snapshot, status: EngineStatus, read_only: bool) -> str | None:
    """Refused where no entry is open."""
    refused = can_command(snapshot, status, read_only)
    return refused or (None if snapshot.open_entries else "no entry is open")


def can_acknowledge(snapshot: Snapshot, status: EngineStatus, read_only: bool) -> str | None:  # noqa: ARG001
    """Refused where nothing critical has happened; open to a read-only cockpit, since it touches nothing."""
    return None if snapshot.metrics.critical_errors else "there is no critical error"


def no_breaker(snapshot: Snapshot, status: EngineStatus, read_only: bool) -> str | None:  # noqa: ARG001
    """Always refused: there is no breaker to reset."""
    return "this version has no breaker to reset"


_ALL: Final = (
    Action("help", "?", "help", "Show this list.", Danger.SAFE, always),
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
        "Close both legs or one at market, cancel its orders.",
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
    Action("journal", "l", "log", "Read all errors and the engine's log in full.", Danger.SAFE, always),
    Action(
        "acknowledge",
        "a",
        "ack",
        "Acknowledge critical errors: they leave the strip and stay in the list.",
        Danger.SAFE,
        can_acknowledge,
    ),
    Action("reset-breaker", "B", "breaker", "Reset the breaker; this version has none.", Danger.ASKS, no_breaker),
)

ACTIONS: Final[Mapping[str, Action]] = {action.id: action for action in _ALL}
"""Every action by its id, the most needed first: a narrow footer leaves out the last ones."""
