"""What one session is to do: everything the host needs, decided before the engine starts."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from strategy.config import Config  # the command line needs modes and statuses before anything heavy


INTERNAL_ERROR: Final = 1
BAD_INPUT: Final = 2
COULD_NOT_START: Final = 3
NOT_FLAT_AS_ASKED: Final = 10
OUTCOME_UNKNOWN: Final = 11
"""Exit statuses; 0 is an end as asked."""

VENUE: Final = "BINANCE"
SIM_DEFAULT_SEED: Final = 1
AS_FAST_AS_IT_GOES: Final = 0.0


class Mode(StrEnum):
    """Where prices and fills come from."""

    SIM = "sim"
    REPLAY = "replay"
    PAPER = "paper"
    TESTNET = "testnet"
    LIVE = "live"


class SessionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One session's inputs."""

    mode: Mode
    config: "Config"
    state_dir: Path
    """The folder of this mode and instrument."""
    version: str
    data: Path | None = None
    speed: float = 1.0
    """Market seconds per second; 0 is as fast as it goes."""
    seed: int = SIM_DEFAULT_SEED
    scenario: str = "lively"
    fresh: bool = False
    """Forget the latched states of earlier sessions."""
    seconds: float | None = None
    """Market time after which the session ends; None: never."""

    @property
    def fresh_venue(self) -> bool:
        """Whether the venue starts empty in every session."""
        return self.mode in (Mode.SIM, Mode.REPLAY, Mode.PAPER)

    @property
    def instrument(self) -> str:
        """The symbol that is traded."""
        return self.config.instrument.symbol
