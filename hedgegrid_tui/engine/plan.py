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


class StartError(Exception):
    """The engine could not start; the text says why in plain words, the code is the process's exit status."""

    def __init__(self, message: str, exit_code: int = COULD_NOT_START) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Mode(StrEnum):
    """Where prices and fills come from."""

    SIM = "sim"
    REPLAY = "replay"
    PAPER = "paper"
    TESTNET = "testnet"
    LIVE = "live"

    @property
    def is_on_binance(self) -> bool:
        """Whether its prices are Binance's of now."""
        return self in (Mode.PAPER, Mode.TESTNET, Mode.LIVE)

    @property
    def trades_an_account(self) -> bool:
        """Whether orders go to an account at Binance, and outlive the process."""
        return self in (Mode.TESTNET, Mode.LIVE)


class AtStart(StrEnum):
    """What a session does about its own orders and positions that it finds at the venue."""

    ADOPT = "adopt"
    CANCEL = "cancel"
    FLATTEN = "flatten"


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
    at_start: AtStart = AtStart.ADOPT
    """What it does about what it finds at the venue; testnet and live only."""
    seconds: float | None = None
    """Market time after which the session ends; None: never."""

    @property
    def fresh_venue(self) -> bool:
        """Whether the venue starts empty in every session."""
        return not self.mode.trades_an_account

    @property
    def instrument(self) -> str:
        """The symbol that is traded."""
        return self.config.instrument.symbol
