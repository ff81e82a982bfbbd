"""A restart: what reconciliation finds lies on its leg, strangers stay out, and what comes during it is not lost."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model.enums import OrderStatus, OrderType
from nautilus_trader.model.identifiers import ClientOrderId

from strategy.domain import Leg, Role
from tests.hedgegrid_tui.binance.execution_fixtures import exchange
from tests.hedgegrid_tui.binance.execution_session import Session, own_id
from tests.hedgegrid_tui.binance.test_execution_fills import LONG, SHORT, positions
from tests.venue.binance.server import FakeBinance
from tests.venue.core import Request

__all__ = ["exchange"]

pytestmark = pytest.mark.timeout(60)

ENTRY, STOP, HELD = own_id(90), own_id(91), own_id(92)


def place(venue: FakeBinance, client_id: str, side: str, leg: str, kind: str, price: str | None = None) -> None:
    limit = None if price is None else Decimal(price)
    request = Request(client_id, side, leg, kind, Decimal("0.004"), limit)
    venue.call(lambda: venue.exchange.place(request, "GTC"))


@pytest.fixture
async def restarted(exchange: FakeBinance, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Session]:
    place(exchange, HELD, "BUY", "LONG", "MARKET")
    place(exchange, ENTRY, "SELL", "SHORT", "LIMIT", "60500.00")
    place(exchange, STOP, "SELL", "LONG", "STOP_MARKET", "59000.00")
    exchange.by_hand("BUY", "LONG", "0.010", "58000.00")
    exchange.by_hand("SELL", "LONG", "0.010", "57000.00", "STOP_MARKET")
    exchange.by_hand("SELL", "SHORT", "0.003")
    running = Session(exchange, monkeypatch, session="s2")
    await running.start()
    yield running
    await running.stop()


def order(session: Session, client_id: str) -> Any:
    return session.hand.cache.order(ClientOrderId(client_id))


async def test_orders_that_reconciliation_finds_have_the_legs_position_id(restarted: Session) -> None:
    cache = restarted.hand.cache
    assert str(cache.position_id(ClientOrderId(ENTRY))) == SHORT
    assert str(cache.position_id(ClientOrderId(STOP))) == LONG
    assert positions(restarted) == {LONG: "0.004", SHORT: "-0.003"}
    assert order(restarted, HELD).status == OrderStatus.FILLED


async def test_strangers_orders_are_shown_and_not_claimed(restarted: Session) -> None:
    ids = {o.client_order_id.value for o in restarted.hand.cache.orders_open()}
    assert ids == {ENTRY, STOP}
    assert len([w for w in restarted.heard.foreign if "open" in w]) == 2


async def test_what_was_found_goes_on_to_trade_on_its_leg(restarted: Session) -> None:
    stop, entry = order(restarted, STOP), order(restarted, ENTRY)
    restarted.venue.quote("58999.00")
    await restarted.until(lambda: stop.status == OrderStatus.FILLED, "stop")
    restarted.venue.quote("60501.00")
    await restarted.until(lambda: entry.status == OrderStatus.FILLED, "entry")
    await restarted.settle()
    assert positions(restarted) == {SHORT: "-0.007"}
    assert restarted.venue.held("SHORT") == -restarted.hand.held("SHORT")


async def test_what_was_found_can_be_cancelled(restarted: Session) -> None:
    for found in (order(restarted, STOP), order(restarted, ENTRY)):
        restarted.hand.cancel_order(found)
        await restarted.heard_of(found, "Canceled")


async def test_what_opened_and_closed_while_nobody_listened_has_its_real_trades(
    exchange: FakeBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(exchange, HELD, "BUY", "LONG", "MARKET")
    place(exchange, STOP, "SELL", "LONG", "STOP_MARKET", "59000.00")
    exchange.quote("58999.00")
    session = await Session(exchange, monkeypatch, session="s2").start()
    for client_id, trade_id in ((HELD, "1"), (STOP, "2")):
        assert [trade.value for trade in order(session, client_id).trade_ids] == [trade_id]
    assert positions(session) == {}
    await session.stop()


async def test_what_strangers_have_traded_is_part_of_its_leg(
    exchange: FakeBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long: our close took the owner's addition with it. Short: the owner has taken a part of ours."""
    exchange.by_hand("BUY", "LONG", "0.003")
    place(exchange, HELD, "BUY", "LONG", "MARKET")
    close = Request(own_id(93, Role.CLOSE), "SELL", "LONG", "MARKET", Decimal("0.007"))
    exchange.call(lambda: exchange.exchange.place(close, "IOC"))
    place(exchange, own_id(94, leg=Leg.SHORT), "SELL", "SHORT", "MARKET")
    exchange.by_hand("BUY", "SHORT", "0.001")
    session = await Session(exchange, monkeypatch, session="s2").start()
    assert positions(session) == {SHORT: "-0.003"}
    assert session.venue.held("LONG") == 0
    await session.stop()


async def test_a_fill_during_the_start_is_booked_once(exchange: FakeBinance, monkeypatch: pytest.MonkeyPatch) -> None:
    place(exchange, ENTRY, "SELL", "SHORT", "LIMIT", "60500.00")
    place(exchange, STOP, "BUY", "SHORT", "STOP_MARKET", "61000.00")
    exchange.exchange.piece = lambda order: min(order.left, Decimal("0.002"))

    def happen() -> None:
        exchange.streams.push_user({"e": "ORDER_TRADE_UPDATE"})
        exchange.quote("60501.00")
        exchange.by_hand("BUY", "LONG", "0.002")

    # The last of the questions, when orders and trades have been read; providers and others have asked it before.
    rule = exchange.when("GET", "/fapi/v3/positionRisk", 5).delay(0.5).first(happen)
    session = Session(exchange, monkeypatch, session="s2")
    await session.start()
    assert rule.hits == 1
    await session.settle()
    entry = order(session, ENTRY)
    assert positions(session) == {LONG: "0.002", SHORT: "-0.002"}
    assert (entry.order_type, entry.status) == (OrderType.LIMIT, OrderStatus.PARTIALLY_FILLED)
    exchange.quote("60502.00")
    await session.until(lambda: entry.status == OrderStatus.FILLED, "the rest")
    assert positions(session) == {LONG: "0.002", SHORT: "-0.004"}
    await session.stop()


@pytest.mark.parametrize("path", ["/fapi/v1/openOrders", "/fapi/v1/allOrders", "/fapi/v1/userTrades"])
async def test_a_start_does_not_take_a_failed_question_for_an_empty_account(
    exchange: FakeBinance, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    place(exchange, HELD, "BUY", "LONG", "MARKET")
    place(exchange, ENTRY, "SELL", "SHORT", "LIMIT", "60500.00")
    rule = exchange.when("GET", path).refuse(-1021)
    session = Session(exchange, monkeypatch, session="s2")
    await session.until(lambda: rule.hits, "question")
    for _ in range(30):
        assert not session.node.trader.is_running
        await asyncio.sleep(0.02)
    await session.stop()
