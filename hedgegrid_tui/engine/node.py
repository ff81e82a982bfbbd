"""A live Nautilus node on the engine's own loop: embedded market, Sandbox execution in hedge mode."""

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from nautilus_trader.adapters.sandbox.config import SandboxExecutionClientConfig
from nautilus_trader.adapters.sandbox.factory import SandboxLiveExecClientFactory
from nautilus_trader.config import (
    LiveDataEngineConfig,
    LiveExecEngineConfig,
    LiveRiskEngineConfig,
    LoggingConfig,
    TradingNodeConfig,
)
from nautilus_trader.execution.engine import ExecutionEngine
from nautilus_trader.live.factories import LiveDataClientFactory, LiveExecClientFactory
from nautilus_trader.live.node import TradingNode
from nautilus_trader.system.kernel import NautilusKernel

from hedgegrid_tui.engine.funding import FundingSettlements
from hedgegrid_tui.engine.instruments import perpetual
from hedgegrid_tui.engine.markets.history import SimulatedHistory
from hedgegrid_tui.engine.markets.simulated import SimulatedMarketConfig, SimulatedMarketFactory, price_path
from hedgegrid_tui.engine.plan import VENUE, SessionPlan
from hedgegrid_tui.engine.runtime import StartError, simulated_strategy
from hedgegrid_tui.engine.warmup import WarmUp
from strategy.journal import JournalWriter
from strategy.past import Past

START_TIMEOUT_S: Final = 20.0
STOP_TIMEOUT_S: Final = 10.0
ORDER_RATE: Final = "10000/00:00:01"
"""Nautilus denies what exceeds its own throttle, exits too; a simulated venue needs none."""


def _leave_signals_alone(_kernel: NautilusKernel) -> None:
    """Signals belong to the process that hosts the node, and cannot be taken from a thread."""


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
        self._last_errors = last_errors
        loop = asyncio.get_running_loop()
        settings = plan.config
        instrument = perpetual(settings.instrument, settings.account.leverage)
        NautilusKernel._setup_loop = _leave_signals_alone  # noqa: SLF001 - it has no option for this
        self._node = TradingNode(_node_config(plan), loop=loop)
        self._node.add_data_client_factory(VENUE, market)
        self._node.add_exec_client_factory(VENUE, venue)
        self._node.cache.add_instrument(instrument)
        self.strategy = simulated_strategy(plan, journal, lambda callback: _hop(loop, callback), past)
        self._node.trader.add_strategy(self.strategy)
        self._node.build()
        self._settle_events_at_once()
        FundingSettlements(instrument.id, self.strategy.on_funding_paid).attach(self._node.kernel)
        self._warm_up = WarmUp(
            SimulatedHistory(price_path(plan.seed, plan.scenario, instrument), time.time_ns()), self.strategy
        )
        self._running: asyncio.Task[None] | None = None

    def _settle_events_at_once(self) -> None:
        """Let the simulated venue's events reach the orders while it matches, as they do in a replay.

        It reads from the orders themselves what is left of them. Through the live engine's queue they are a turn
        behind: the rest of a market order is forgotten, and both exits of a lot fill.
        """
        engine, bus = self._node.kernel.exec_engine, self._node.kernel.msgbus
        bus.deregister("ExecEngine.process", engine.process)
        bus.register("ExecEngine.process", functools.partial(ExecutionEngine.process, engine))

    @property
    def kernel(self) -> NautilusKernel:
        """Nautilus's own parts."""
        return self._node.kernel

    async def start(self) -> None:
        """Run the node and wait until the strategy has started.

        Raises:
            StartError: A client, the engines or the strategy did not come up.
        """
        self._warm_up.start()  # first, so that history that is at hand shapes the first ladder
        self._running = asyncio.create_task(self._node.run_async(), name="node")
        deadline = asyncio.get_running_loop().time() + START_TIMEOUT_S
        while not (self.strategy.is_running and self.strategy.grid is not None):
            if self.strategy.failure:
                raise StartError(f"the strategy did not start: {self.strategy.failure}")
            if self._running.done():
                raise StartError(f"the node ended while starting: {self._cause(self._running)}")
            if asyncio.get_running_loop().time() > deadline:
                raise StartError(f"the node did not start within {START_TIMEOUT_S:.0f} s: {self._last_errors()}")
            await asyncio.sleep(0.02)

    async def run(self) -> str:
        """Serve until the node ends, which it should not do by itself."""
        if self._running is None:
            raise StartError("the node was not started")
        await asyncio.wait([self._running])
        return f"the node ended by itself: {self._cause(self._running)}"

    def nudge(self) -> None:
        """A live node sends orders as they come."""

    async def stop(self) -> None:
        """Stop the node; positions and orders stay as they are."""
        await self._warm_up.stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._node.stop_async(), STOP_TIMEOUT_S)
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running], timeout=1.0)
        self._node.kernel.dispose()

    def _cause(self, task: asyncio.Task[None]) -> str:
        error = None if task.cancelled() else task.exception()
        return f"{type(error).__name__}: {error}" if error is not None else self._last_errors()


def _hop(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    """A live timer fires on a thread of Nautilus's own: its callback goes to the loop, unless that has ended."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(callback)


def _node_config(plan: SessionPlan) -> TradingNodeConfig:
    settings = plan.config
    return TradingNodeConfig(
        trader_id="HEDGEGRID-001",
        logging=LoggingConfig(log_level="OFF"),
        data_engine=LiveDataEngineConfig(graceful_shutdown_on_exception=True),
        risk_engine=LiveRiskEngineConfig(
            graceful_shutdown_on_exception=True,
            max_order_submit_rate=ORDER_RATE,
            max_order_modify_rate=ORDER_RATE,
        ),
        exec_engine=LiveExecEngineConfig(
            graceful_shutdown_on_exception=True,
            reconciliation=False,
            reconciliation_startup_delay_secs=0,
            allow_overfills=True,  # a fill is never dropped for want of an earlier message
        ),
        data_clients={
            VENUE: SimulatedMarketConfig(
                symbol=settings.instrument.symbol,
                seed=plan.seed,
                scenario=plan.scenario,
            )
        },
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
