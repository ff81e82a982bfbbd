"""A live node with the product's execution client at the fake, and a strategy that does what a test says."""

import asyncio
import functools
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.config import StrategyConfig
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import ClientId, ClientOrderId, PositionId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.trading.strategy import Strategy

from hedgegrid_tui.engine.binance.execution import user_stream
from hedgegrid_tui.engine.binance.execution.client import HedgeGridBinanceExecClientConfig
from hedgegrid_tui.engine.binance.execution.factory import HedgeGridBinanceExecFactory
from strategy.domain import Leg, OrderKey, Role
from strategy.order_ids import OrderId, format_id
from tests.venue.binance import adapter_node
from tests.venue.binance.adapter_node import CLIENT, INSTRUMENT
from tests.venue.binance.server import FakeBinance
from tests.venue.binance.streams import Side

QTY = Quantity.from_str("0.004")
TIMEOUT_MS = 800
GRACE_NS = 300_000_000


def own_id(number: int, role: Role = Role.ENTRY, leg: Leg = Leg.LONG, session: str = "s1") -> str:
    """A client order id of ours."""
    return format_id(OrderId(session=session, key=OrderKey(leg, role, number), lot=None, serial=number))


class Hand(Strategy):  # type: ignore[misc]
    """Does what the test says, and keeps what it hears."""

    def __init__(self, session: str = "s1") -> None:
        config = StrategyConfig(
            strategy_id="HAND", order_id_tag="001", oms_type="HEDGING", external_order_claims=[INSTRUMENT]
        )
        super().__init__(config)
        self.events: list[Any] = []
        self.session = session
        self.number = 0

    def on_start(self) -> None:
        self.subscribe_quote_ticks(INSTRUMENT, ClientId(CLIENT))

    def on_order_event(self, event: Any) -> None:
        self.events.append(event)

    def kinds(self, order: Any) -> list[str]:
        mine = (event for event in self.events if event.client_order_id == order.client_order_id)
        return [type(event).__name__.removeprefix("Order") for event in mine]

    def last(self, order: Any, kind: str) -> Any:
        return next(e for e in reversed(self.events) if type(e).__name__ == f"Order{kind}" and _is_of(e, order))

    def _next_id(self, role: Role) -> ClientOrderId:
        self.number += 1
        return ClientOrderId(own_id(self.number, role, session=self.session))

    def limit(self, side: str, leg: str, price: str, *, reduces: bool = False, qty: Quantity = QTY) -> Any:
        order = self.order_factory.limit(
            INSTRUMENT, OrderSide[side], qty, Price.from_str(price), post_only=not reduces, reduce_only=reduces,
            client_order_id=self._next_id(Role.TP if reduces else Role.ENTRY),
        )  # fmt: skip
        self.submit_order(order, position_id=PositionId(f"{INSTRUMENT}-{leg}"))
        return order

    def market(self, side: str, leg: str, *, reduces: bool = False, qty: Quantity = QTY) -> Any:
        role = Role.CLOSE if reduces else Role.ENTRY
        order = self.order_factory.market(
            INSTRUMENT, OrderSide[side], qty, reduce_only=reduces, client_order_id=self._next_id(role)
        )
        self.submit_order(order, position_id=PositionId(f"{INSTRUMENT}-{leg}"))
        return order

    def stop_market(self, side: str, leg: str, trigger: str) -> Any:
        """Not marked as reducing: Nautilus denies that where nothing is held."""
        order = self.order_factory.stop_market(
            INSTRUMENT, OrderSide[side], QTY, Price.from_str(trigger),
            client_order_id=self._next_id(Role.SL),
        )  # fmt: skip
        self.submit_order(order, position_id=PositionId(f"{INSTRUMENT}-{leg}"))
        return order

    def held(self, leg: str) -> Decimal:
        """The cache's word on a leg, signed."""
        position = self.cache.position(PositionId(f"{INSTRUMENT}-{leg}"))
        return Decimal(0) if position is None or position.is_closed else position.signed_decimal_qty()


def _is_of(event: Any, order: Any) -> bool:
    return bool(event.client_order_id == order.client_order_id)


class Heard:
    """What telemetry told."""

    def __init__(self) -> None:
        self.limited: list[tuple[float, str]] = []
        self.states: list[tuple[bool, str]] = []
        self.words: list[int] = []
        self.checks: list[int] = []
        self.usage: list[Any] = []
        self.foreign: list[str] = []
        self.liquidations: list[tuple[Any, Decimal, Decimal]] = []
        self.funding: list[Decimal] = []

    def attach(self, client: Any) -> None:
        telemetry = client.telemetry
        telemetry.on_limited = lambda wait, words: self.limited.append((wait, words))
        telemetry.on_stream_state = lambda alive, words: self.states.append((alive, words))
        telemetry.on_stream_word = self.words.append
        telemetry.on_stream_checked = self.checks.append
        telemetry.on_usage = self.usage.append
        telemetry.on_foreign = self.foreign.append
        telemetry.on_liquidation = lambda leg, qty, price: self.liquidations.append((leg, qty, price))
        telemetry.on_funding = lambda amount, _ts: self.funding.append(amount)


class Session:
    """A node, its strategy, and the venue that serves in a thread of its own."""

    def __init__(self, venue: FakeBinance, patch: pytest.MonkeyPatch, *, session: str = "s1") -> None:
        patch.setattr(adapter_node, "BinanceLiveExecClientFactory", HedgeGridBinanceExecFactory)
        config = functools.partial(HedgeGridBinanceExecClientConfig, http_timeout_ms=TIMEOUT_MS, strategy_id="HAND-001")
        patch.setattr(adapter_node, "BinanceExecClientConfig", config)
        patch.setattr(user_stream, "CHECK_S", 0.3)
        patch.setattr(user_stream, "FIRST_WAIT_S", 0.05)
        self.venue = venue
        self.hand = Hand(session)
        self.heard = Heard()
        self.node = adapter_node.build_node(venue, self.hand, asyncio.get_running_loop(), patch, allow_overfills=True)
        self.client: Any = self.node.kernel.exec_engine._clients[ClientId(CLIENT)]
        self.heard.attach(self.client)
        self.client._intake._grace_ns = GRACE_NS
        self.task = asyncio.create_task(self.node.run_async())

    async def until(self, done: Callable[[], Any], what: str, seconds: float = 8.0) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, f"no {what}; {[type(e).__name__ for e in self.hand.events]}"
            await asyncio.sleep(0.01)

    async def start(self) -> "Session":
        await self.until(lambda: self.node.trader.is_running, "start")
        await self.until(lambda: self.venue.streams.count(Side.MARKET) >= 1, "market stream")
        return self

    async def stop(self) -> None:
        if not self.task.done():
            await self.node.stop_async()
            await asyncio.wait_for(self.task, 10)
        self.node.kernel.dispose()

    async def answered(self, method: str, path: str, count: int = 1) -> None:
        """Until the venue has had so many requests of a kind, and what they led to has arrived."""
        await self.until(lambda: len(self.venue.requests(method, path)) >= count, f"{method} {path}")
        await self.settle()

    async def heard_of(self, order: Any, kind: str) -> None:
        """Until the strategy has had an event of that kind of an order."""
        await self.until(lambda: kind in self.hand.kinds(order), kind)

    async def settle(self) -> None:
        """Until no request of the client is on its way and the engine's queue is empty."""
        busy = ("submit_order", "cancel_order", "query_order", "modify_order", "ask after")
        await self.until(
            lambda: not any(t.get_name().startswith(busy) and not t.done() for t in asyncio.all_tasks()),
            "rest",
        )
        await self.until(lambda: self.node.kernel.exec_engine.evt_qsize() == 0, "empty queue")
        await asyncio.sleep(0.02)

    async def ask(self, order: Any) -> None:
        """One question about an order, and whatever it leads to."""
        self.hand.query_order(order)
        await asyncio.sleep(0)
        await self.settle()
