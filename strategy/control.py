"""Operator commands and their receipts."""

from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

import msgspec

from strategy.domain import Leg


class CommandName(StrEnum):
    """Every command that an operator, a script or the system may give."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL_ENTRIES = "cancel-entries"
    FLATTEN = "flatten"
    RESET_BREAKER = "reset-breaker"
    RESET_DRAWDOWN = "reset-drawdown"
    SET_THROTTLE = "set-throttle"


class Origin(StrEnum):
    """Who gave a command."""

    OPERATOR = "operator"
    BREAKER = "breaker"
    DRAWDOWN = "drawdown"
    WATCHDOG = "watchdog"
    SYSTEM = "system"


class Result(StrEnum):
    """How a command ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    TIMEOUT = "timeout"


class Ending(StrEnum):
    """What a session does about the market when it ends."""

    LEAVE = "leave"
    """Entries, exits and positions stay as they are."""
    CANCEL = "cancel"
    """Entries are cancelled; positions and their exits stay."""
    FLATTEN = "flatten"
    """Both legs are closed and nothing stays open."""


class Command(msgspec.Struct, frozen=True):
    """One command; `leg` narrows a flatten, None means both; `share` (0 to 1) is a throttle's."""

    name: CommandName
    leg: Leg | None = None
    origin: Origin = Origin.OPERATOR
    share: Decimal | None = None
    reason: str = ""
    """Why a control gave it."""

    @property
    def text(self) -> str:
        """The command as an operator would type it."""
        return " ".join(str(part) for part in (self.name, self.leg, self.share) if part is not None)


class Receipt(msgspec.Struct, frozen=True):
    """The answer to one command, given when its outcome is known."""

    act_id: str
    command: str
    result: Result
    detail: dict[str, Any]
    """Plain values only; `reason` says why where the result is not `done`."""
    ts: int = 0
    """When it was given, ns on the engine's clock."""


def parse_command(line: str) -> Command:
    """Read one line of operator input.

    Raises:
        ValueError: The line is no command; the message names the line and what is accepted.
    """
    words = line.split()
    if words and words[0] == CommandName.FLATTEN and len(words) <= 2:
        if len(words) == 1:
            return Command(CommandName.FLATTEN)
        if words[1] in tuple(Leg):
            return Command(CommandName.FLATTEN, Leg(words[1]))
    if len(words) == 2 and words[0] == CommandName.SET_THROTTLE:
        return Command(CommandName.SET_THROTTLE, share=_share(words[1]))
    if len(words) == 1 and words[0] in tuple(CommandName) and words[0] != CommandName.SET_THROTTLE:
        return Command(CommandName(words[0]))
    known = (
        "pause, resume, cancel-entries, flatten [long|short], reset-breaker, reset-drawdown, set-throttle SHARE, "
        "snapshot, quit [cancel|flatten]"
    )
    raise ValueError(f"{line.strip()!r} is no command; known: {known}")


def _share(text: str) -> Decimal:
    try:
        share = Decimal(text)
    except InvalidOperation:
        share = Decimal("NaN")
    if not (share.is_finite() and 0 <= share <= 1):
        raise ValueError(f"set-throttle {text}: must be a number from 0 to 1")
    return share
