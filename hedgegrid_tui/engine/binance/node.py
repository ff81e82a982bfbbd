"""A session on Binance: paper on its public streams, testnet and live on an account through Nautilus's adapter."""

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from nautilus_trader.adapters.sandbox.factory import SandboxLiveExecClientFactory
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.identifiers import ClientId
from nautilus_trader.system.kernel import NautilusKernel

from hedgegrid_tui.engine.binance.execution.factory import HedgeGridBinanceExecFactory
from hedgegrid_tui.engine.binance.execution.telemetry import VenueTelemetry
from hedgegrid_tui.engine.binance.guards.venue_guards import VenueGuards
from hedgegrid_tui.engine.binance.market_data import MarketDataFactory
from hedgegrid_tui.engine.binance.node_config import account_config, market_data_config
from hedgegrid_tui.engine.binance.rest.client import BinanceRest
from hedgegrid_tui.engine.binance.rest.credentials import Credentials, load_credentials
from hedgegrid_tui.engine.binance.rest.endpoints import endpoints
from hedgegrid_tui.engine.binance.session_start import check_venue
from hedgegrid_tui.engine.binance.sources import FundingFees, funding_interval_minutes, history
from hedgegrid_tui.engine.funding import FundingSettlements
from hedgegrid_tui.engine.hosted_node import HostedNode, hop, hosted_node, settle_events_at_once
from hedgegrid_tui.engine.instruments import instrument_id, perpetual
from hedgegrid_tui.engine.node import sandbox_config
from hedgegrid_tui.engine.plan import VENUE, Mode, SessionPlan
from hedgegrid_tui.engine.runtime import STRATEGY, TAG, simulated_strategy
from hedgegrid_tui.engine.warmup import WarmUp
from strategy.hedge_grid import HedgeGridConfig, HedgeGridStrategy
from strategy.journal import JournalWriter
from strategy.past import Past

START_TIMEOUT_S: Final = 60.0
"""For connecting, reconciling and the strategy's own start together."""


class BinanceRuntime:
    """One session; nothing is asked of the venue before `start`, which ends in `StartError` or with all of it running.

    `strategy` and `kernel` are there once it has started.
    """

    strategy: HedgeGridStrategy

    def __init__(
        self,
        plan: SessionPlan,
        journal: JournalWriter,
        last_errors: Callable[[], str],
        past: Past,
        progress: Callable[[str], None] = lambda _words: None,
    ) -> None:
        self.on_progress: Callable[[], None] = lambda: None
        self._plan = plan
        self._journal = journal
        self._last_errors = last_errors
        self._past = past
        self._progress = progress
        self._hosted: HostedNode | None = None
        self._guards: VenueGuards | None = None
        self._leaves_in_order = False
        self._opened = AsyncExitStack()
        """What has to be closed, last opened first; it holds whatever a start that failed had reached."""

    @property
    def has_begun(self) -> bool:
        """Whether the strategy has started: from then on orders may have left."""
        return self._hosted is not None and self.strategy.grid is not None

    @property
    def kernel(self) -> NautilusKernel:
        """Nautilus's own parts."""
        return self._node.node.kernel

    @property
    def _node(self) -> HostedNode:
        if self._hosted is None:
            raise RuntimeError("the session has no node yet")
        return self._hosted

    async def start(self) -> None:
        """Check the venue, connect, reconcile, and wait until the strategy has started.

        Raises:
            StartError: The venue is not fit for this session, or the node did not come up; with every cause.
            CredentialError: There is no key that can be used.
            ConfigError: The mode and the addresses do not go together.
        """
        plan, settings = self._plan, self._plan.config.binance
        where = endpoints(plan.mode, settings)
        trades = plan.mode is not Mode.PAPER
        credentials = load_credentials(settings, os.environ, plan.mode) if trades else None
        rest = BinanceRest(
            where, credentials, timeout_s=settings.http_timeout_ms / 1000, recv_window_ms=settings.recv_window_ms
        )
        self._opened.push_async_callback(rest.close)
        warnings = await check_venue(rest, plan, self._past, self._progress)
        interval = await funding_interval_minutes(rest, plan.instrument)
        node = self._paper(interval) if credentials is None else self._account(credentials, interval)
        hosted = self._hosted = HostedNode(node, self.strategy, self._last_errors)
        self._opened.push_async_callback(hosted.stop)
        warm_up = WarmUp(history(where.rest, plan.instrument), self.strategy)
        self._opened.push_async_callback(warm_up.stop)
        telemetry = VenueTelemetry()
        if credentials is not None:
            self._guards = self._listen(node, rest, telemetry)
        warm_up.start()
        self._progress("connecting, reconciling what is open" if trades else "connecting")
        await hosted.start(START_TIMEOUT_S)
        for warning in warnings:
            self.strategy.note("preflight", warning.name, " ".join(f"{warning.words}; {warning.cure}".split()))
        if self._guards is not None:
            self._guards.start()

    async def run(self) -> str:
        """Serve until the node ends, which it should not do by itself."""
        return await self._node.run()

    def nudge(self) -> None:
        """A live node sends orders as they come."""

    async def release(self) -> None:
        """The orders that stay are left to themselves on purpose: the dead-man's switch must not end them."""
        self._leaves_in_order = True

    async def stop(self) -> None:
        """Stop guards, warm-up, node and connections in this sequence; positions and orders stay as they are.

        Without `release` before, the dead-man's switch stays armed: nobody looks after the orders any more.
        """
        try:
            if self._guards is not None:
                await self._guards.stop(disarm=self._leaves_in_order)
        finally:
            await self._opened.aclose()

    # -- both kinds of node ----------------------------------------------------------------------------------------

    def _paper(self, interval: int) -> TradingNode:
        """Public streams, and Nautilus's simulated venue, which needs the instrument before it connects."""
        plan = self._plan
        loop = asyncio.get_running_loop()
        node = hosted_node(sandbox_config(plan, market_data_config(plan, interval)), loop)
        node.add_data_client_factory(VENUE, MarketDataFactory)
        node.add_exec_client_factory(VENUE, SandboxLiveExecClientFactory)
        node.cache.add_instrument(perpetual(plan.config.instrument, plan.config.account.leverage))
        self.strategy = simulated_strategy(plan, self._journal, lambda callback: hop(loop, callback), self._past)
        node.trader.add_strategy(self.strategy)
        node.build()
        settle_events_at_once(node)
        settlements = FundingSettlements(instrument_id(plan.config.instrument), self.strategy.on_funding_paid)
        settlements.attach(node.kernel)
        return node

    def _account(self, credentials: Credentials, interval: int) -> TradingNode:
        """The account's own orders and positions, which Nautilus reconciles before the strategy starts."""
        plan = self._plan
        loop = asyncio.get_running_loop()
        wanted = instrument_id(plan.config.instrument)
        node = hosted_node(account_config(plan, credentials, market_data_config(plan, interval)), loop)
        node.add_data_client_factory(VENUE, MarketDataFactory)
        node.add_exec_client_factory(VENUE, HedgeGridBinanceExecFactory)
        self.strategy = HedgeGridStrategy(
            HedgeGridConfig(
                strategy_id=STRATEGY,
                order_id_tag=TAG,
                oms_type="HEDGING",
                external_order_claims=[wanted],
                instrument_id=wanted,
                mode=plan.mode,
                linked_exits=False,
                resizes_stops=False,
            ),
            plan.config,
            self._journal,
            lambda callback: hop(loop, callback),
            self._past,
        )
        node.trader.add_strategy(self.strategy)
        node.build()
        return node

    def _listen(self, node: TradingNode, rest: BinanceRest, telemetry: VenueTelemetry) -> VenueGuards:
        """Let the execution client tell the guards what it sees of the venue."""
        strategy = self.strategy
        guards = VenueGuards(strategy, rest, self._plan.config, self._plan.instrument)
        fees = FundingFees(
            strategy.position, strategy.market, lambda: strategy.snapshot.market.funding_rate, strategy.on_funding_paid
        )
        telemetry.clock_offset_ms = lambda: rest.clock_offset_ms
        telemetry.sync_clock = partial(rest.sync_clock, urgent=True)
        telemetry.ban = lambda: rest.ban
        telemetry.has_room = guards.limits.has_room
        telemetry.on_limited = guards.on_limited
        telemetry.on_stream_word = guards.on_stream_word
        telemetry.on_stream_checked = guards.on_stream_checked
        telemetry.on_stream_state = guards.on_stream_state
        telemetry.on_usage = guards.on_usage
        telemetry.on_foreign = guards.on_foreign
        telemetry.on_liquidation = guards.on_liquidation
        telemetry.on_funding = fees.take
        clients = node.kernel.exec_engine._clients  # noqa: SLF001 - it hands its clients out in no other way
        client = clients[ClientId(VENUE)]
        client.telemetry = telemetry
        guards.truth.on_differing = client.look_for_missed_trades
        return guards
