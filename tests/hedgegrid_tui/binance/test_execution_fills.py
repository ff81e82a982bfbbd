"""Trades: each told once with its real id, on the leg's own position, whoever gave the order."""

from typing import Any

import pytest
from nautilus_trader.model.enums import OrderStatus

from strategy.domain import Leg
from tests.hedgegrid_tui.binance.execution_fixtures import exchange, session
from tests.hedgegrid_tui.binance.execution_session import QTY, Session
from tests.venue.binance.adapter_node import INSTRUMENT
from tests.venue.binance.streams import Side

__all__ = ["exchange", "session"]

pytestmark = pytest.mark.timeout(60)

LONG, SHORT = f"{INSTRUMENT}-LONG", f"{INSTRUMENT}-SHORT"


def fills_of(session: Session, order: Any) -> list[str]:
    mine = (e for e in session.hand.events if type(e).__name__ == "OrderFilled")
    return [e.trade_id.value for e in mine if e.client_order_id == order.client_order_id]


def trades_of(session: Session, order: Any) -> list[str]:
    deals = session.venue.call(lambda: list(session.venue.exchange.archive.deals))
    return [d.trade.id for d in deals if d.paper.client_id == order.client_order_id.value]


def positions(session: Session) -> dict[str, str]:
    return {p.id.value: str(p.signed_decimal_qty()) for p in session.hand.cache.positions_open()}


async def _enter(session: Session, leg: str = "LONG") -> Any:
    order = session.hand.market("BUY" if leg == "LONG" else "SELL", leg)
    await session.until(lambda: order.status == OrderStatus.FILLED, "entry")
    return order


@pytest.mark.parametrize("finished_after_s", [0.0, 0.2])
async def test_a_triggered_stop_is_booked_once_with_its_real_trade(session: Session, finished_after_s: float) -> None:
    session.venue.finished_after_s = finished_after_s
    await _enter(session)
    stop = session.hand.stop_market("SELL", "LONG", "59900.00")
    await session.until(lambda: stop.is_open, "acceptance of the stop")
    session.venue.quote("59899.00")
    await session.until(lambda: stop.status == OrderStatus.FILLED, "fill of the stop")
    await session.settle()
    assert fills_of(session, stop) == trades_of(session, stop)
    assert positions(session) == {}


async def test_a_stop_that_triggers_and_fills_in_pieces_is_booked_once(session: Session) -> None:
    await _enter(session)
    session.venue.exchange.piece = lambda order: min(order.left, type(order.left)("0.002"))
    stop = session.hand.stop_market("SELL", "LONG", "59900.00")
    await session.until(lambda: stop.is_open, "acceptance of the stop")
    session.venue.quote("59899.00")
    session.venue.quote("59898.00")
    await session.until(lambda: stop.status == OrderStatus.FILLED, "fill of the stop")
    await session.settle()
    assert fills_of(session, stop) == trades_of(session, stop)
    assert len(fills_of(session, stop)) == 2
    assert positions(session) == {}


async def test_a_stops_trade_that_no_event_told_is_asked_for_after_it_finished(session: Session) -> None:
    await _enter(session)
    stop = session.hand.stop_market("SELL", "LONG", "59900.00")
    await session.until(lambda: stop.is_open, "acceptance of the stop")
    push = session.venue.streams.push_user
    session.venue.exchange.tell = lambda event: push(event) if event["e"] == "ALGO_UPDATE" else None
    session.venue.quote("59899.00")
    await session.until(lambda: stop.status == OrderStatus.FILLED, "fill of the stop")
    assert fills_of(session, stop) == trades_of(session, stop)


async def test_a_stops_trade_is_booked_though_its_trigger_was_not_heard(session: Session) -> None:
    await _enter(session)
    stop = session.hand.stop_market("SELL", "LONG", "59900.00")
    await session.until(lambda: stop.is_open, "acceptance of the stop")
    push = session.venue.streams.push_user
    session.venue.exchange.tell = lambda e: (
        push(e) if e["e"] == "ORDER_TRADE_UPDATE" and e["o"]["x"] == "TRADE" else None
    )
    session.venue.quote("59899.00")
    await session.until(lambda: stop.status == OrderStatus.FILLED, "fill of the stop")
    assert positions(session) == {}


async def test_a_triggered_stop_is_known_by_its_number_under_whatever_client_id_it_trades(session: Session) -> None:
    await _enter(session)
    stop = session.hand.stop_market("SELL", "LONG", "59900.00")
    await session.until(lambda: stop.is_open, "acceptance of the stop")
    push = session.venue.streams.push_user

    def tell(event: dict[str, Any]) -> None:
        if event["e"] == "ORDER_TRADE_UPDATE":
            event["o"]["c"] = "another"
        push(event)

    session.venue.exchange.tell = tell
    session.venue.quote("59899.00")
    await session.until(lambda: stop.status == OrderStatus.FILLED, "fill of the stop")
    await session.settle()
    assert fills_of(session, stop) == trades_of(session, stop)
    assert positions(session) == {}
    assert not session.heard.foreign


async def test_fills_that_were_missed_are_told_by_the_answer_to_a_question_each_once(session: Session) -> None:
    session.venue.exchange.piece = lambda order: min(order.left, type(order.left)("0.002"))
    order = session.hand.limit("BUY", "LONG", "59990.00")
    await session.until(lambda: order.is_open, "acceptance")
    session.venue.stall(Side.USER)
    session.venue.quote("59980.00")
    await session.ask(order)
    assert order.status == OrderStatus.PARTIALLY_FILLED
    session.venue.quote("59979.00")
    await session.ask(order)
    await session.ask(order)
    assert order.status == OrderStatus.FILLED
    session.venue.resume(Side.USER)
    await session.until(lambda: len(session.heard.words) > 6, "the held back events")
    await session.settle()
    assert fills_of(session, order) == trades_of(session, order)
    assert positions(session) == {LONG: "0.004"}


async def test_a_stop_that_triggered_unheard_is_told_by_the_answer_to_a_question(session: Session) -> None:
    await _enter(session)
    stop = session.hand.stop_market("SELL", "LONG", "59900.00")
    await session.until(lambda: stop.is_open, "acceptance of the stop")
    session.venue.stall(Side.USER)
    session.venue.quote("59899.00")
    await session.ask(stop)
    assert stop.status == OrderStatus.FILLED
    session.venue.resume(Side.USER)
    await session.until(lambda: len(session.heard.words) > 10, "the held back events")
    await session.settle()
    assert fills_of(session, stop) == trades_of(session, stop)
    assert positions(session) == {}


@pytest.mark.parametrize("status", ["CANCELED", "EXPIRED", "REJECTED"])
async def test_a_trade_on_an_order_that_has_ended_for_nautilus_is_told_once(session: Session, status: str) -> None:
    hand = session.hand
    order = hand.limit("BUY", "LONG", "59990.00")
    await session.until(lambda: order.is_open, "acceptance")
    tell = getattr(session.client, f"generate_order_{status.lower()}")
    ids = order.strategy_id, order.instrument_id, order.client_order_id
    tell(*ids, "guess" if status == "REJECTED" else order.venue_order_id, 0)
    await session.until(lambda: order.status == OrderStatus[status], "its end")

    session.venue.quote("59980.00")
    await session.until(lambda: fills_of(session, order), "fill")
    await session.ask(order)
    assert fills_of(session, order) == trades_of(session, order)
    assert positions(session) == {LONG: "0.004"}


async def test_a_liquidation_is_booked_on_the_legs_own_position_and_told(session: Session) -> None:
    await _enter(session, "LONG")
    await _enter(session, "SHORT")
    resting = session.hand.limit("BUY", "LONG", "59000.00")
    await session.until(lambda: resting.is_open, "acceptance")
    session.venue.liquidate("LONG")
    await session.until(lambda: session.heard.liquidations, "word on the liquidation")
    await session.settle()
    assert [(leg, str(qty)) for leg, qty, _ in session.heard.liquidations] == [(Leg.LONG, "0.004")]
    assert resting.status == OrderStatus.CANCELED
    assert positions(session) == {SHORT: "-0.004"}
    assert session.venue.held("LONG") == 0


async def test_manual_trades_change_the_legs_own_position_and_are_shown(session: Session) -> None:
    await _enter(session)
    session.venue.by_hand("BUY", "LONG", "0.003")
    session.venue.by_hand("SELL", "SHORT", "0.005")
    session.venue.by_hand("SELL", "LONG", "0.001")
    await session.until(lambda: len([w for w in session.heard.foreign if "filled" in w]) == 3, "word on them")
    await session.settle()
    assert positions(session) == {LONG: "0.006", SHORT: "-0.005"}
    assert len([e for e in session.hand.events if "web_" in e.client_order_id.value]) == 3, "the strategy hears of them"
    assert not session.heard.liquidations
    assert not [o for o in session.hand.cache.orders() if not o.is_closed], "nothing of a stranger stays open here"


async def test_a_strangers_resting_order_is_shown_and_left_alone(session: Session) -> None:
    paper = session.venue.by_hand("BUY", "LONG", "0.010", "59000.00")
    stop = session.venue.by_hand("SELL", "LONG", "0.010", "58000.00", "STOP_MARKET")
    await session.until(lambda: len(session.heard.foreign) >= 2, "word on them")
    assert {w.split(":")[0] for w in session.heard.foreign} == {paper.client_id, stop.client_id}
    assert session.hand.cache.orders() == []
    session.venue.cancel_by_hand(paper.client_id)
    await session.until(lambda: any("canceled" in w for w in session.heard.foreign), "word on its end")
    assert session.venue.open_ids() == {stop.client_id}


async def test_a_fill_of_our_own_order_that_was_forgotten_here_is_told_under_its_own_id(session: Session) -> None:
    order = session.hand.limit("BUY", "LONG", "59990.00")
    await session.until(lambda: order.is_open, "acceptance")
    session.client.generate_order_canceled(
        order.strategy_id, order.instrument_id, order.client_order_id, order.venue_order_id, 0
    )
    await session.until(lambda: order.is_closed, "its end")
    session.hand.cache.purge_order(order.client_order_id)
    session.venue.quote("59980.00")
    await session.until(lambda: fills_of(session, order), "fill")
    assert positions(session) == {LONG: "0.004"}
    assert not session.heard.foreign


async def test_fees_come_in_the_quote_currency_and_funding_is_told(session: Session) -> None:
    order = await _enter(session)
    fill = session.hand.last(order, "Filled")
    assert str(fill.commission) == "0.12000020 USDT"
    assert fill.last_qty == QTY
    paid = session.venue.settle("0.0001")
    await session.until(lambda: session.heard.funding, "word on funding")
    assert session.heard.funding == [paid]
    assert session.heard.usage[-1].weight_1m > 0
