"""Nautilus live clients in front of the fake venue, and a node that uses them."""

import asyncio
from decimal import Decimal
from typing import Any

from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.config import (
    LiveDataClientConfig,
    LiveDataEngineConfig,
    LiveExecClientConfig,
    LiveExecEngineConfig,
    LiveRiskEngineConfig,
    LoggingConfig,
    TradingNodeConfig,
)
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.reports import FillReport, OrderStatusReport, PositionStatusReport
from nautilus_trader.live.data_client import LiveMarketDataClient
from nautilus_trader.live.execution_client import LiveExecutionClient
from nautilus_trader.live.factories import LiveDataClientFactory, LiveExecClientFactory
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import (
    AccountType,
    LiquiditySide,
    OmsType,
    OrderSide,
    OrderStatus,
    OrderType,
    PositionSide,
    TimeInForce,
    TriggerType,
)
from nautilus_trader.model.identifiers import (
    AccountId,
    ClientId,
    ClientOrderId,
    PositionId,
    TradeId,
    Venue,
    VenueOrderId,
)
from nautilus_trader.model.objects import Money, Quantity
from nautilus_trader.system.kernel import NautilusKernel

from tests.venue.client import Teller, open_account, price_of
from tests.venue.core import LEGS, Order, Trade
from tests.venue.link import Link

VENUE = "BINANCE"
ORDER_RATE = "10000/00:00:01"
STATUS = {
    "NEW": OrderStatus.ACCEPTED,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "EXPIRED": OrderStatus.EXPIRED,
}
TYPES = {
    "GTX": OrderType.LIMIT,
    "LIMIT": OrderType.LIMIT,
    "MARKET": OrderType.MARKET,
    "STOP_MARKET": OrderType.STOP_MARKET,
}


class FakeLiveClient(LiveExecutionClient):  # type: ignore[misc]
    """Hands commands to its teller, and reports orders, fills and positions for Nautilus's own reconciliation."""

    def __init__(self, loop: asyncio.AbstractEventLoop, bus: Any, cache: Any, clock: Any, desk: "LiveDesk") -> None:
        super().__init__(
            loop=loop,
            client_id=ClientId(VENUE),
            venue=Venue(VENUE),
            oms_type=OmsType.HEDGING,
            account_type=AccountType.MARGIN,
            base_currency=desk.instrument.quote_currency,
            instrument_provider=InstrumentProvider(),
            msgbus=bus,
            cache=cache,
            clock=clock,
            config=LiveExecClientConfig(),
        )
        self.cache_in_use = cache
        self._desk = desk
        self._teller = Teller(self, desk.link, desk.instrument)
        self._teller.told, self._teller.sends = desk.told, desk.sends
        self._set_account_id(AccountId(f"{VENUE}-001"))

    async def _connect(self) -> None:
        desk = self._desk
        desk.link.attach(self._teller)
        open_account(self, desk.link.venue.wallet, desk.instrument.quote_currency, self._clock.timestamp_ns())

    async def _disconnect(self) -> None:
        self._desk.link.attach(None)

    async def _submit_order(self, command: Any) -> None:
        self._teller.submit(command)

    async def _cancel_order(self, command: Any) -> None:
        self._teller.cancel(command)

    async def _modify_order(self, command: Any) -> None:
        self._teller.modify(command)

    async def _query_order(self, command: Any) -> None:
        self._teller.query(command)

    async def generate_order_status_report(self, command: Any) -> OrderStatusReport | None:
        order = self._desk.link.venue.orders.get(command.client_order_id.value) if command.client_order_id else None
        return None if order is None else self._order_report(order)

    async def generate_order_status_reports(self, command: Any) -> list[OrderStatusReport]:
        orders = self._desk.link.venue.orders.values()
        return [self._order_report(order) for order in orders if order.is_open or not command.open_only]

    async def generate_fill_reports(self, _command: Any) -> list[FillReport]:
        return [self._fill_report(trade) for trade in self._desk.link.venue.trades]

    async def generate_position_status_reports(self, _command: Any) -> list[PositionStatusReport]:
        return [self._position_report(leg) for leg in LEGS]

    def _order_report(self, order: Order) -> OrderStatusReport:
        instrument = self._desk.instrument
        stop = order.type == "STOP_MARKET"
        price = None if order.price is None else price_of(instrument, order.price)
        value = sum((trade.price * trade.qty for trade in order.trades), Decimal(0))
        return OrderStatusReport(
            account_id=self.account_id,
            instrument_id=instrument.id,
            client_order_id=ClientOrderId(order.client_id),
            venue_order_id=VenueOrderId(order.venue_id),
            venue_position_id=PositionId(f"{instrument.id}-{order.leg}"),
            order_side=OrderSide.BUY if order.side == "BUY" else OrderSide.SELL,
            order_type=TYPES[order.type],
            time_in_force=TimeInForce.GTC,
            order_status=STATUS[order.status],
            price=None if stop else price,
            trigger_price=price if stop else None,
            trigger_type=TriggerType.DEFAULT if stop else TriggerType.NO_TRIGGER,
            quantity=Quantity.from_str(f"{order.qty:f}"),
            filled_qty=Quantity.from_str(f"{order.filled:.{instrument.size_precision}f}"),
            avg_px=value / order.filled if order.filled else None,
            post_only=order.type == "GTX",
            reduce_only=not order.opens,
            report_id=UUID4(),
            ts_accepted=order.placed,
            ts_last=order.trades[-1].ts if order.trades else order.placed,
            ts_init=self._clock.timestamp_ns(),
        )

    def _fill_report(self, trade: Trade) -> FillReport:
        instrument = self._desk.instrument
        quote = instrument.quote_currency
        return FillReport(
            account_id=self.account_id,
            instrument_id=instrument.id,
            client_order_id=ClientOrderId(trade.client_id),
            venue_order_id=VenueOrderId(self._desk.link.venue.orders[trade.client_id].venue_id),
            venue_position_id=PositionId(f"{instrument.id}-{trade.leg}"),
            trade_id=TradeId(trade.id),
            order_side=OrderSide.BUY if trade.side == "BUY" else OrderSide.SELL,
            last_qty=Quantity.from_str(f"{trade.qty:f}"),
            last_px=price_of(instrument, trade.price),
            commission=Money.from_str(f"{trade.fee:f} {quote.code}"),
            liquidity_side=LiquiditySide.MAKER if trade.maker else LiquiditySide.TAKER,
            report_id=UUID4(),
            ts_event=trade.ts,
            ts_init=self._clock.timestamp_ns(),
        )

    def _position_report(self, leg: str) -> PositionStatusReport:
        held, now = self._desk.link.venue.held(leg), self._clock.timestamp_ns()
        side = PositionSide.LONG if leg == "LONG" else PositionSide.SHORT
        return PositionStatusReport(
            account_id=self.account_id,
            instrument_id=self._desk.instrument.id,
            venue_position_id=PositionId(f"{self._desk.instrument.id}-{leg}"),
            position_side=side if held else PositionSide.FLAT,
            quantity=Quantity.from_str(f"{held:.{self._desk.instrument.size_precision}f}"),
            report_id=UUID4(),
            ts_last=now,
            ts_init=now,
        )


class FakeFeed(LiveMarketDataClient):  # type: ignore[misc]
    """Hands on the quotes that a test gives."""

    def __init__(self, loop: asyncio.AbstractEventLoop, bus: Any, cache: Any, clock: Any) -> None:
        super().__init__(
            loop=loop,
            client_id=ClientId(VENUE),
            venue=Venue(VENUE),
            msgbus=bus,
            cache=cache,
            clock=clock,
            instrument_provider=InstrumentProvider(),
            config=LiveDataClientConfig(),
        )

    async def _connect(self) -> None:
        """Nothing to connect to."""

    async def _disconnect(self) -> None:
        """Nothing to leave."""

    async def _take_note(self, _command: Any) -> None:
        """Every quote is handed on anyway."""

    _subscribe_quote_ticks = _subscribe_trade_ticks = _subscribe_bars = _take_note
    _subscribe_mark_prices = _subscribe_funding_rates = _take_note
    _unsubscribe_quote_ticks = _unsubscribe_trade_ticks = _unsubscribe_bars = _take_note
    _unsubscribe_mark_prices = _unsubscribe_funding_rates = _take_note

    def quote(self, instrument: Any, bid: Decimal, ask: Decimal) -> None:
        now, size = self._clock.timestamp_ns(), Quantity.from_str("1.000")
        tick = QuoteTick(instrument.id, price_of(instrument, bid), price_of(instrument, ask), size, size, now, now)
        self._handle_data(tick)


class LiveDesk:
    """What one live node is built on: line, instrument, and who listens in."""

    def __init__(self, link: Link, instrument: Any) -> None:
        self.link = link
        self.instrument = instrument
        self.told: Any = lambda _kind, _client_id, _trade: None
        self.sends: Any = lambda _kind, _client_id, _request: None
        self.feed: FakeFeed | None = None


def build_node(desk: LiveDesk, strategy: Any, loop: asyncio.AbstractEventLoop) -> TradingNode:
    """A node with both fake clients, Nautilus's reconciliation on, and the strategy added."""

    class Exec(LiveExecClientFactory):  # type: ignore[misc]
        @staticmethod
        def create(
            loop: asyncio.AbstractEventLoop, name: str, config: Any, msgbus: MessageBus, cache: Cache, clock: LiveClock
        ) -> FakeLiveClient:
            return FakeLiveClient(loop, msgbus, cache, clock, desk)

    class Data(LiveDataClientFactory):  # type: ignore[misc]
        @staticmethod
        def create(
            loop: asyncio.AbstractEventLoop, name: str, config: Any, msgbus: MessageBus, cache: Cache, clock: LiveClock
        ) -> FakeFeed:
            desk.feed = FakeFeed(loop, msgbus, cache, clock)
            return desk.feed

    # A node that is hosted by a test leaves signals alone; Nautilus has no option for that.
    NautilusKernel._setup_loop = lambda _kernel: None
    node = TradingNode(_config(), loop=loop)
    node.add_exec_client_factory(VENUE, Exec)
    node.add_data_client_factory(VENUE, Data)
    node.cache.add_instrument(desk.instrument)
    node.trader.add_strategy(strategy)
    node.build()
    return node


def _config() -> TradingNodeConfig:
    return TradingNodeConfig(
        trader_id="HEDGEGRID-001",
        logging=LoggingConfig(log_level="OFF"),
        data_engine=LiveDataEngineConfig(graceful_shutdown_on_exception=True),
        risk_engine=LiveRiskEngineConfig(
            graceful_shutdown_on_exception=True, max_order_submit_rate=ORDER_RATE, max_order_modify_rate=ORDER_RATE
        ),
        exec_engine=LiveExecEngineConfig(
            graceful_shutdown_on_exception=True,
            reconciliation=True,
            reconciliation_startup_delay_secs=0,
            inflight_check_interval_ms=0,
            allow_overfills=True,
        ),
        data_clients={VENUE: LiveDataClientConfig()},
        exec_clients={VENUE: LiveExecClientConfig()},
        timeout_connection=5.0,
        timeout_reconciliation=5.0,
        timeout_portfolio=5.0,
        timeout_disconnection=2.0,
        timeout_post_stop=0.1,
    )
