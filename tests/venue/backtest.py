"""Nautilus's own engine under a test clock, put together from the parts that BacktestEngine consists of."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from nautilus_trader.backtest.data_client import BacktestMarketDataClient
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.config import ExecEngineConfig, RiskEngineConfig
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.data.engine import DataEngine
from nautilus_trader.execution.client import ExecutionClient
from nautilus_trader.execution.engine import ExecutionEngine
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide, TimeInForce, TriggerType
from nautilus_trader.model.identifiers import (
    AccountId,
    ClientId,
    ClientOrderId,
    PositionId,
    TraderId,
    Venue,
)
from nautilus_trader.model.objects import Quantity
from nautilus_trader.model.orders import LimitOrder, MarketOrder, StopMarketOrder
from nautilus_trader.portfolio.portfolio import Portfolio
from nautilus_trader.risk.engine import RiskEngine

from tests.venue.client import Teller, open_account, price_of
from tests.venue.core import Notice, Order
from tests.venue.link import Link

VENUE = "BINANCE"
TRADER = TraderId("HEDGEGRID-001")
ORDER_RATE = "10000/00:00:01"


class FakeExecutionClient(ExecutionClient):  # type: ignore[misc]
    """Hands every command to its teller."""

    def __init__(self, bus: MessageBus, cache: Cache, clock: TestClock, quote: Any) -> None:
        super().__init__(
            client_id=ClientId(VENUE),
            venue=Venue(VENUE),
            oms_type=OmsType.HEDGING,
            account_type=AccountType.MARGIN,
            base_currency=quote,
            msgbus=bus,
            cache=cache,
            clock=clock,
        )
        self.cache_in_use = cache
        self.teller: Teller | None = None
        self._set_account_id(AccountId(f"{VENUE}-001"))
        self._set_connected(True)

    @property
    def _listener(self) -> Teller:
        assert self.teller is not None
        return self.teller

    def submit_order(self, command: Any) -> None:
        self._listener.submit(command)

    def cancel_order(self, command: Any) -> None:
        self._listener.cancel(command)

    def modify_order(self, command: Any) -> None:
        self._listener.modify(command)

    def query_order(self, command: Any) -> None:
        self._listener.query(command)


class Engine:
    """Clock, bus, cache, portfolio, the three engines and one strategy."""

    def __init__(self, instrument: Any, link: Link, now: int, *, plain: bool = False) -> None:
        self.instrument = instrument
        self.clock = TestClock()
        self.clock.set_time(now)
        self.bus = MessageBus(trader_id=TRADER, clock=self.clock)
        self.cache = Cache()
        self.portfolio = Portfolio(msgbus=self.bus, cache=self.cache, clock=self.clock)
        self.data = DataEngine(msgbus=self.bus, cache=self.cache, clock=self.clock)
        rates = RiskEngineConfig(max_order_submit_rate=ORDER_RATE, max_order_modify_rate=ORDER_RATE)
        self.risk = RiskEngine(self.portfolio, self.bus, self.cache, self.clock, rates)
        fills = ExecEngineConfig(allow_overfills=True)
        self.execution = ExecutionEngine(msgbus=self.bus, cache=self.cache, clock=self.clock, config=fills)
        self.client = FakeExecutionClient(self.bus, self.cache, self.clock, instrument.quote_currency)
        self.teller = self.client.teller = Teller(self.client, link, instrument, plain=plain)
        self.execution.register_client(self.client)
        self.data.register_client(BacktestMarketDataClient(ClientId(VENUE), self.bus, self.cache, self.clock))
        self.cache.add_instrument(instrument)
        self.link = link
        for part in (self.data, self.risk, self.execution):
            part.start()
        open_account(self.client, link.venue.wallet, instrument.quote_currency, now)
        self.strategy: Any = None

    def restore(self, orders: Iterable[Order]) -> None:
        """Put the venue's orders and their fills into the cache before the strategy runs."""
        known = list(orders)
        for said in known:
            order = self._order(said)
            self.cache.add_order(order, PositionId(f"{self.instrument.id}-{said.leg}"))
            self.client.generate_order_submitted(
                order.strategy_id, order.instrument_id, order.client_order_id, said.placed
            )
            self.teller.on_notice(Notice("NEW", said.client_id, said.venue_id, said.placed))
        trades = sorted((trade for said in known for trade in said.trades), key=lambda trade: int(trade.id))
        for trade in trades:
            venue_id = self.link.venue.orders[trade.client_id].venue_id
            self.teller.on_notice(Notice("TRADE", trade.client_id, venue_id, trade.ts, trade))
        for said in known:
            if said.status in ("CANCELED", "EXPIRED"):
                self.teller.on_notice(Notice(said.status, said.client_id, said.venue_id, said.placed))

    def add(self, strategy: Any) -> None:
        """Register the strategy as a trader does; until it runs it hears no event."""
        self.strategy = strategy
        strategy.register(TRADER, self.portfolio, self.bus, self.cache, self.clock)
        self.execution.register_oms_type(strategy)

    def run(self) -> None:
        """Listen to the venue, and start the strategy."""
        self.link.attach(self.teller)
        self.strategy.start()

    def quote(self, bid: Decimal, ask: Decimal) -> None:
        """A quote reaches the data engine now."""
        now = self.clock.timestamp_ns()
        size = Quantity.from_str("1.000")
        tick = QuoteTick(
            self.instrument.id, price_of(self.instrument, bid), price_of(self.instrument, ask), size, size, now, now
        )
        self.data.process(tick)

    def next_alert(self) -> int | None:
        """When the next timer is due."""
        return min((self.clock.next_time_ns(name) for name in self.clock.timer_names), default=None)

    def advance(self, to: int) -> None:
        """Move the clock, and run what falls due."""
        for handler in self.clock.advance_time(to):
            handler.handle()

    def _order(self, said: Order) -> Any:
        fields: dict[str, Any] = {
            "trader_id": TRADER,
            "strategy_id": self.strategy.id,
            "instrument_id": self.instrument.id,
            "client_order_id": ClientOrderId(said.client_id),
            "order_side": OrderSide.BUY if said.side == "BUY" else OrderSide.SELL,
            "quantity": Quantity.from_str(f"{said.qty:f}"),
            "init_id": UUID4(),
            "ts_init": said.placed,
            "time_in_force": TimeInForce.GTC,
            "reduce_only": not said.opens,
        }
        if said.price is None:
            return MarketOrder(**fields)
        price = price_of(self.instrument, said.price)
        if said.type == "STOP_MARKET":
            return StopMarketOrder(**fields, trigger_price=price, trigger_type=TriggerType.DEFAULT)
        return LimitOrder(**fields, price=price, post_only=said.type == "GTX")
