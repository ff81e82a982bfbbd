"""Nautilus's real Binance adapter lives with the fake: it connects, quotes come, both legs trade, and it leaves."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.config import StrategyConfig
from nautilus_trader.model.enums import OrderSide, OrderStatus
from nautilus_trader.model.identifiers import ClientId, PositionId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.trading.strategy import Strategy

from tests.venue.binance.adapter_node import CLIENT, INSTRUMENT, build_node
from tests.venue.binance.guard import Keys
from tests.venue.binance.server import FakeBinance
from tests.venue.binance.streams import Side

pytestmark = pytest.mark.timeout(60)

QTY = Quantity.from_str("0.004")
PEM = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----"""
"""The published test key of RFC 8032."""


class Hand(Strategy):  # type: ignore[misc]
    """Does what the test says, and keeps what it hears."""

    def __init__(self) -> None:
        config = StrategyConfig(
            strategy_id="HAND-001", order_id_tag="001", oms_type="HEDGING", external_order_claims=[INSTRUMENT]
        )
        super().__init__(config)
        self.quotes: list[Any] = []
        self.trades: list[Any] = []
        self.events: list[Any] = []

    def on_start(self) -> None:
        self.subscribe_quote_ticks(INSTRUMENT, ClientId(CLIENT))
        self.subscribe_trade_ticks(INSTRUMENT, ClientId(CLIENT))

    def on_quote_tick(self, tick: Any) -> None:
        self.quotes.append(tick)

    def on_trade_tick(self, tick: Any) -> None:
        self.trades.append(tick)

    def on_order_event(self, event: Any) -> None:
        self.events.append(event)

    def kinds(self, order: Any) -> list[str]:
        mine = (event for event in self.events if event.client_order_id == order.client_order_id)
        return [type(event).__name__.removeprefix("Order") for event in mine]

    def limit(self, side: Any, leg: str, price: str) -> Any:
        order = self.order_factory.limit(INSTRUMENT, side, QTY, Price.from_str(price), post_only=True)
        self.submit_order(order, position_id=PositionId(f"{INSTRUMENT}-{leg}"))
        return order

    def stop_market(self, side: Any, leg: str, trigger: str) -> Any:
        order = self.order_factory.stop_market(INSTRUMENT, side, QTY, Price.from_str(trigger))
        self.submit_order(order, position_id=PositionId(f"{INSTRUMENT}-{leg}"))
        return order


class Session:
    """A node, its strategy, and the venue that serves in a thread of its own."""

    def __init__(self, venue: FakeBinance, patch: pytest.MonkeyPatch) -> None:
        self.venue = venue
        self.hand = Hand()
        self.node = build_node(venue, self.hand, asyncio.get_running_loop(), patch)
        self.task = asyncio.create_task(self.node.run_async())

    async def until(self, done: Callable[[], Any], what: str, seconds: float = 10.0) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, f"no {what}; {[type(e).__name__ for e in self.hand.events]}"
            await asyncio.sleep(0.01)

    async def start(self) -> None:
        await self.until(lambda: self.node.trader.is_running, "start")
        # Quotes and trades come over a socket each.
        await self.until(lambda: self.venue.streams.count(Side.MARKET) == 2, "market streams")

    async def stop(self) -> None:
        await self.node.stop_async()
        await asyncio.wait_for(self.task, 10)


@pytest.fixture(params=["HMAC", "Ed25519"])
def venue(request: pytest.FixtureRequest) -> Iterator[FakeBinance]:
    keys = Keys() if request.param == "HMAC" else Keys(secret=PEM)
    with FakeBinance(keys=keys).threaded() as fake:
        fake.quote("60000.00")
        yield fake


@pytest.fixture
async def session(venue: FakeBinance, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Session]:
    running = Session(venue, monkeypatch)
    await running.start()
    yield running
    if not running.task.done():
        await running.stop()


async def test_the_real_adapter_trades_both_legs_and_leaves_cleanly(venue: FakeBinance, session: Session) -> None:
    hand, until = session.hand, session.until
    venue.quote("60001.00")
    venue.trade("60001.00")
    await until(lambda: hand.quotes and hand.trades, "quotes and trades")

    long, short = hand.limit(OrderSide.BUY, "LONG", "59990.00"), hand.limit(OrderSide.SELL, "SHORT", "60010.00")
    idle = hand.limit(OrderSide.BUY, "LONG", "59000.00")
    await until(lambda: long.is_open and short.is_open and idle.is_open, "acceptance")
    assert venue.open_ids() == {order.client_order_id.value for order in (long, short, idle)}

    venue.quote("59985.00")
    await until(lambda: long.status == OrderStatus.FILLED, "fill of the long leg")
    stop = hand.stop_market(OrderSide.SELL, "LONG", "59900.00")
    await until(lambda: stop.is_open, "acceptance of the stop")
    assert venue.requests("POST", "/fapi/v1/algoOrder")[0].status == 200

    venue.quote("60015.00")
    await until(lambda: short.status == OrderStatus.FILLED, "fill of the short leg")
    assert (venue.held("LONG"), venue.held("SHORT")) == (Decimal("0.004"), Decimal("0.004"))

    hand.cancel_order(idle)
    await until(lambda: idle.status == OrderStatus.CANCELED, "cancel")
    venue.quote("59899.00")
    await until(lambda: stop.status == OrderStatus.FILLED, "fill of the stop")
    assert hand.kinds(stop)[:4] == ["Initialized", "Submitted", "Accepted", "Updated"]
    assert hand.kinds(stop).count("Filled") == 1
    assert [str(p.id) for p in hand.cache.positions_open()] == ["BTCUSDT-PERP.BINANCE-SHORT"]
    assert (venue.held("LONG"), venue.held("SHORT")) == (Decimal(0), Decimal("0.004"))

    await session.stop()
    await until(lambda: venue.streams.count(Side.USER) == 0, "end of the user stream")
    assert venue.streams.count(Side.MARKET) == 0
    assert {(a.method, a.path) for a in venue.front.asked if a.status != 200} == set()
