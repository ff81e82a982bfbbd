"""What the host needs of a mode: a strategy, a start that fails loudly, a market, a bounded stop."""

from typing import Protocol

from strategy.hedge_grid import HedgeGridStrategy


class StartError(Exception):
    """The engine could not start; the text says why in plain words."""


class Runtime(Protocol):
    """A running Nautilus in one mode; every member is used on the engine's loop only."""

    strategy: HedgeGridStrategy

    async def start(self) -> None:
        """Bring the strategy to RUNNING.

        Raises:
            StartError: It did not get there; with the cause.
        """

    async def run(self) -> str:
        """Serve the market until it is over; gives what happened, in plain words."""

    def nudge(self) -> None:
        """Orders have been sent from outside of a market event: see that they leave."""

    async def stop(self) -> None:
        """Stop and let go of everything, bounded in time."""
