"""What the host needs of a mode: a strategy, a start that fails loudly, a market, a bounded stop."""

from collections.abc import Callable
from typing import Protocol

from nautilus_trader.system.kernel import NautilusKernel

from hedgegrid_tui.engine.instruments import instrument_id
from hedgegrid_tui.engine.plan import COULD_NOT_START, SessionPlan
from strategy.hedge_grid import HedgeGridConfig, HedgeGridStrategy, Hop
from strategy.journal import JournalWriter
from strategy.past import Past


class StartError(Exception):
    """The engine could not start; the text says why in plain words, the code is the process's exit status."""

    def __init__(self, message: str, exit_code: int = COULD_NOT_START) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Runtime(Protocol):
    """A running Nautilus in one mode; every member is used on the engine's loop only."""

    strategy: HedgeGridStrategy
    on_progress: Callable[[], None]
    """Called now and then while market time passes faster than real time."""

    @property
    def kernel(self) -> NautilusKernel:
        """Nautilus's own parts, of which a flatten past the strategy needs cache and message bus."""

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


def simulated_strategy(plan: SessionPlan, journal: JournalWriter, hop: Hop, past: Past) -> HedgeGridStrategy:
    """The strategy for Nautilus's simulated venue, which links a lot's exits."""
    return HedgeGridStrategy(
        HedgeGridConfig(
            strategy_id="GRID",
            order_id_tag="001",
            oms_type="HEDGING",
            instrument_id=instrument_id(plan.config.instrument),
            mode=plan.mode,
            linked_exits=True,
        ),
        plan.config,
        journal,
        hop,
        past,
    )
