"""What the host needs of a mode: a strategy, a start that fails loudly, a market, a bounded stop."""

from collections.abc import Callable
from typing import Final, Protocol

from nautilus_trader.system.kernel import NautilusKernel

from hedgegrid_tui.engine.instruments import instrument_id
from hedgegrid_tui.engine.plan import SessionPlan, StartError
from strategy.hedge_grid import HedgeGridConfig, HedgeGridStrategy, Hop
from strategy.journal import JournalWriter
from strategy.past import Past

__all__ = ["STRATEGY", "TAG", "Runtime", "StartError", "simulated_strategy"]

STRATEGY: Final = "GRID"
TAG: Final = "001"
"""Nautilus joins both to the strategy's id."""


class Runtime(Protocol):
    """A running Nautilus in one mode; every member is used on the engine's loop only."""

    strategy: HedgeGridStrategy
    on_progress: Callable[[], None]
    """Called now and then while market time passes faster than real time."""

    @property
    def has_begun(self) -> bool:
        """Whether the strategy has started: from then on orders may have left."""

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

    async def release(self) -> None:
        """The session ends as it was asked to: whatever guards its orders at the venue lets go of them."""

    async def stop(self) -> None:
        """Stop and let go of everything, bounded in time."""


def simulated_strategy(plan: SessionPlan, journal: JournalWriter, hop: Hop, past: Past) -> HedgeGridStrategy:
    """The strategy for Nautilus's simulated venue, which links a lot's exits."""
    return HedgeGridStrategy(
        HedgeGridConfig(
            strategy_id=STRATEGY,
            order_id_tag=TAG,
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
