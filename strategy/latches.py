"""The latched states of the door: independent of each other, durable, the gravest shown first."""

from enum import StrEnum
from typing import Any, Final

import msgspec

from strategy.domain import DoorState, Leg

RESTORED: Final = "restored: "
"""Goes before the reason of a state that an earlier session has left latched."""


class Halt(StrEnum):
    """What has halted trading, and so which reset ends it."""

    DRAWDOWN = "drawdown"
    """Ended by reset-drawdown."""
    CRITICAL = "critical"
    """Ended by reset-breaker."""


class Latches(msgspec.Struct, frozen=True, omit_defaults=True):
    """Every latched state with its reason, None where it is not latched; `Latches()` is running."""

    paused: str | None = None
    breaker: str | None = None
    breaker_until: int = 0
    """When the breaker closes by itself, ns; 0 where only a reset closes it."""
    breaker_errors: tuple[str, ...] = ()
    """What has opened it."""
    halted: str | None = None
    halts: tuple[Halt, ...] = ()
    flattening: str | None = None
    legs: tuple[Leg, ...] = ()
    """What is being flattened."""

    @property
    def states(self) -> tuple[tuple[DoorState, str], ...]:
        """Every latched state with its reason, gravest first."""
        reasons = (
            (DoorState.FLATTENING, self.flattening),
            (DoorState.HALTED, self.halted),
            (DoorState.BREAKER_OPEN, self.breaker),
            (DoorState.PAUSED, self.paused),
        )
        return tuple((state, reason) for state, reason in reasons if reason is not None)

    @property
    def state(self) -> DoorState:
        """The gravest of them."""
        return self.states[0][0] if self.states else DoorState.RUNNING

    @property
    def reason(self) -> str:
        """Why the door is in that state; empty while it runs."""
        return self.states[0][1] if self.states else ""

    @property
    def withdraws(self) -> bool:
        """Whether resting entries are taken back."""
        return self.breaker is not None or self.halted is not None

    def restored(self) -> "Latches":
        """The same as a later session finds it."""
        reasons = {
            name: RESTORED + reason.removeprefix(RESTORED)
            for name in ("paused", "breaker", "halted", "flattening")
            if (reason := getattr(self, name)) is not None
        }
        return msgspec.structs.replace(self, **reasons)


def read_latches(line: dict[str, Any]) -> Latches:
    """The latches that a journal's `state` line tells of; an older line has only its own state.

    Raises:
        ValueError: The line names no such state, or what is latched cannot be read.
    """
    state, reason = DoorState(line["name"]), line["reason"]
    if "latched" in line:
        return msgspec.convert(line["latched"], Latches)
    match state:
        case DoorState.RUNNING:
            return Latches()
        case DoorState.PAUSED:
            return Latches(paused=reason)
        case DoorState.BREAKER_OPEN:
            return Latches(breaker=reason)
        case DoorState.FLATTENING:
            return Latches(flattening=reason, legs=tuple(Leg))
        case _:
            return Latches(halted=reason, halts=(Halt.DRAWDOWN,))
