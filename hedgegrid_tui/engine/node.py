"""A live Nautilus node on the engine's own loop: embedded market, Sandbox execution in hedge mode."""

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from nautilus_trader.adapters.sandbox.config import SandboxExecutionClientConfig
from nautilus_trader.adapters.sandbox.factory import SandboxLiveExecClientFactory
from nautilus_trader.config import (
    LiveExecEngineConfig,
    TradingNodeConfig,
)
from nautilus_trader.live.config import LiveDataClientConfig
from nautilus_trader.live.factories import LiveDataClientFactory, LiveExecClientFactory
from nautilus_trader.system.kernel import NautilusKernel

from hedgegrid_tui.engine.funding import FundingSettlements
from hedgegrid_tui.engine.hosted_node import ENGINES, HostedNode, hop, hosted_node, settle_events_at_once
from hedgegrid_tui.engine.instruments import perpetual
from hedgegrid_tui.engine.markets.history import SimulatedHistory
from hedgegrid_tui.engine.markets.simulated import SimulatedMarketConfig, SimulatedMarketFactory, price_path
from hedgegrid_tui.engine.plan import VENUE, SessionPlan
from hedgegrid_tui.engine.runtime import simulated_strategy
from hedgegrid_tui.engine.warmup import WarmUp
from strategy.journal import JournalWriter
from strategy.past import Past

START_TIMEOUT_S: Final = 20.0


class NodeRuntime:
    """The simulated market in a live node; ours are the loop, the thread and the signals."""

    def __init__(
        self,
        plan: SessionPlan,
        journal: JournalWriter,
        last_errors: Callable[[], str],
        past: Past,
        *,
        market: type[LiveDataClientFactory] = SimulatedMarketFactory,
        venue: type[LiveExecClientFactory] = SandboxLiveExecClientFactory,
    ) -> None:
        self.on_progress: Callable[[], None] = lambda: None
        loop = asyncio.get_running_loop()
        settings = plan.config
        instrument = perpetual(settings.instrument, settings.account.leverage)
        simulated = SimulatedMarketConfig(symbol=settings.instrument.symbol, seed=plan.seed, scenario=plan.scenario)
        node = hosted_node(sandbox_config(plan, simulated), loop)
        node.add_data_client_factory(VENUE, market)
        node.add_exec_client_factory(VENUE, venue)
        node.cache.add_instrument(instrument)
        self.strategy = simulated_strategy(plan, journal, lambda callback: hop(loop, callback), past)
        node.trader.add_strategy(self.strategy)
        node.build()
        settle_events_at_once(node)
        FundingSettlements(instrument.id, self.strategy.on_funding_paid).attach(node.kernel)
        self._hosted = HostedNode(node, self.strategy, last_errors)
        self._warm_up = WarmUp(
            SimulatedHistory(price_path(plan.seed, plan.scenario, instrument), time.time_ns()), self.strategy
        )

    @property
    def has_begun(self) -> bool:
        """Whether the strategy has started: from then on orders may have left."""
        return self.strategy.grid is not None

    @property
    def kernel(self) -> NautilusKernel:
        """Nautilus's own parts."""
        return self._hosted.node.kernel

    async def start(self) -> None:
        """Run the node and wait until the strategy has started.

        Raises:
            StartError: A client, the engines or the strategy did not come up.
        """
        self._warm_up.start()  # first, so that history that is at hand shapes the first ladder
        await self._hosted.start(START_TIMEOUT_S)

    async def run(self) -> str:
        """Serve until the node ends, which it should not do by itself."""
        return await self._hosted.run()

    def nudge(self) -> None:
        """A live node sends orders as they come."""

    async def release(self) -> None:
        """Nothing at the venue outlives this process."""

    async def stop(self) -> None:
        """Stop the node; positions and orders stay as they are."""
        await self._warm_up.stop()
        await self._hosted.stop()


def sandbox_config(plan: SessionPlan, data: LiveDataClientConfig) -> TradingNodeConfig:
    """A node whose orders meet Nautilus's simulated venue, moved by the market of `data`."""
    settings = plan.config
    return TradingNodeConfig(
        **ENGINES,
        exec_engine=LiveExecEngineConfig(
            graceful_shutdown_on_exception=True,
            reconciliation=False,
            reconciliation_startup_delay_secs=0,
            allow_overfills=True,  # a fill is never dropped for want of an earlier message
        ),
        data_clients={VENUE: data},
        exec_clients={
            VENUE: SandboxExecutionClientConfig(
                venue=VENUE,
                starting_balances=[f"{settings.account.starting_balance} {settings.instrument.quote}"],
                base_currency=settings.instrument.quote,
                oms_type="HEDGING",
                account_type="MARGIN",
                default_leverage=Decimal(settings.account.leverage),
                bar_execution=False,
                support_contingent_orders=True,
                use_reduce_only=False,
            )
        },
        timeout_connection=10.0,
        timeout_portfolio=5.0,
        timeout_disconnection=5.0,
        timeout_post_stop=0.2,
    )
