"""The user stream: its death is told, it comes back by itself, and what happened meanwhile is told once."""

import functools
from typing import Any

import pytest
from nautilus_trader.model.enums import OrderStatus

from hedgegrid_tui.engine.binance.execution import user_stream
from tests.hedgegrid_tui.binance.execution_fixtures import exchange, session
from tests.hedgegrid_tui.binance.execution_session import Session
from tests.hedgegrid_tui.binance.test_execution_fills import LONG, SHORT, fills_of, positions, trades_of
from tests.venue.binance.adapter_node import INSTRUMENT
from tests.venue.binance.server import FakeBinance
from tests.venue.binance.streams import Side

__all__ = ["exchange", "session"]

pytestmark = pytest.mark.timeout(60)

LISTEN_KEY = "/fapi/v1/listenKey"


def dead(session: Session) -> bool:
    return bool(session.heard.states) and not session.heard.states[-1][0]


def alive(session: Session) -> bool:
    return session.heard.states[-1:] != [] and session.heard.states[-1][0]


async def _revived(session: Session) -> None:
    await session.until(lambda: len(session.heard.states) > 2 and alive(session), "revival")
    await session.settle()


async def _trade_in_the_gap(session: Session) -> tuple[Any, ...]:
    """While nobody listens: an entry fills, another is cancelled, a stop triggers, a stranger trades."""
    hand = session.hand
    entry = hand.market("SELL", "SHORT")
    await session.until(lambda: entry.status == OrderStatus.FILLED, "entry")
    filling, dying = hand.limit("BUY", "LONG", "59990.00"), hand.limit("BUY", "LONG", "59000.00")
    staying, stop = hand.limit("BUY", "LONG", "58000.00"), hand.stop_market("BUY", "SHORT", "60100.00")
    orders = filling, dying, staying, stop
    await session.until(lambda: all(order.is_open for order in orders), "acceptance")
    await session.until(lambda: alive(session), "a stream")
    return orders


async def _act(session: Session, orders: tuple[Any, ...]) -> None:
    venue = session.venue
    venue.quote("59980.00")
    venue.quote("60101.00")
    venue.cancel_by_hand(orders[1].client_order_id.value)
    venue.by_hand("BUY", "LONG", "0.002")


def _check(session: Session, orders: tuple[Any, ...]) -> None:
    filling, _, staying, stop = orders
    assert [order.status for order in orders] == [
        OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.ACCEPTED, OrderStatus.FILLED,
    ]  # fmt: skip
    for order in (filling, stop):
        assert fills_of(session, order) == trades_of(session, order)
    assert positions(session) == {LONG: "0.006"}
    assert session.venue.held("LONG") == session.hand.held("LONG")
    assert session.venue.open_ids() == {staying.client_order_id.value}


@pytest.mark.parametrize("how", ["drop", "expiry", "silent expiry", "failed listenKey", "refused socket"])
async def test_what_happened_while_the_stream_was_dead_is_told_once_after_its_revival(
    session: Session, how: str
) -> None:
    orders = await _trade_in_the_gap(session)
    venue = session.venue
    if how == "expiry":
        venue.refuse(Side.USER)
        venue.expire_listen_key()
    elif how == "silent expiry":
        venue.call(venue.listen_keys.close)
    else:
        if how == "failed listenKey":
            venue.when("POST", LISTEN_KEY, (1, 2)).unknown(live=False)
        venue.refuse(Side.USER)
        venue.drop(Side.USER)
    if how != "silent expiry":
        await session.until(lambda: dead(session), "word on its death", 5.0)
    await _act(session, orders)
    venue.refuse(Side.USER, off=True)
    await _revived(session)
    _check(session, orders)
    await session.until(lambda: session.heard.checks, "confirmation of the new stream")
    after = session.hand.limit("BUY", "LONG", "57000.00")
    await session.until(lambda: after.is_open, "events on the new stream")


async def test_nothing_is_doubled_where_events_and_the_catching_up_tell_the_same(session: Session) -> None:
    orders = await _trade_in_the_gap(session)
    await _act(session, orders)
    session.venue.drop(Side.USER)
    await _revived(session)
    _check(session, orders)


async def test_an_order_that_counts_as_rejected_and_lives_is_found_after_a_revival(session: Session) -> None:
    venue = session.venue
    venue.refuse(Side.USER)
    venue.drop(Side.USER)
    await session.until(lambda: dead(session), "word on its death")
    venue.when("POST", "/fapi/v1/order", 1).delay(1.0)
    order = session.hand.limit("BUY", "LONG", "59000.00")
    await session.settle()
    session.client._intake._grace_ns = 0
    await session.ask(order)
    assert order.status == OrderStatus.REJECTED
    await session.until(venue.open_ids, "its landing")
    venue.refuse(Side.USER, off=True)
    await _revived(session)
    assert session.hand.kinds(order)[-1] == "Accepted"


async def test_the_stream_is_revived_for_ever(session: Session) -> None:
    session.venue.when("POST", LISTEN_KEY).refuse(-2015)
    session.venue.drop(Side.USER)
    asked = len(session.venue.requests("POST", LISTEN_KEY))
    await session.until(lambda: len(session.venue.requests("POST", LISTEN_KEY)) >= asked + 6, "attempts")
    assert dead(session)
    session.venue.rules.clear()
    await _revived(session)


async def test_a_gap_that_cannot_be_looked_into_yet_keeps_the_stream_told_dead(session: Session) -> None:
    orders = await _trade_in_the_gap(session)
    rule = session.venue.when("GET", "/fapi/v1/userTrades").unknown(live=False)
    session.venue.refuse(Side.USER)
    session.venue.drop(Side.USER)
    await session.until(lambda: dead(session), "word on its death")
    await _act(session, orders)
    session.venue.refuse(Side.USER, off=True)
    await session.until(lambda: rule.hits >= 2, "attempts")
    assert dead(session)
    after = session.hand.limit("BUY", "LONG", "57000.00")
    await session.until(lambda: after.is_open, "events that come are told meanwhile")
    session.hand.cancel_order(after)
    await session.until(lambda: after.is_closed, "its end")
    rule.remove()
    await _revived(session)
    _check(session, orders)


async def test_a_quiet_stream_is_confirmed_and_not_taken_for_dead(session: Session) -> None:
    words = len(session.heard.words)
    await session.until(lambda: len(session.heard.checks) >= 3, "confirmations")
    assert [state for state, _ in session.heard.states] == [True]
    assert len(session.heard.words) == words
    assert session.venue.requests("PUT", LISTEN_KEY)


async def test_a_confirmation_that_is_not_answered_does_not_end_the_stream(session: Session) -> None:
    rule = session.venue.when("PUT", LISTEN_KEY, (1, 2)).drop()
    await session.until(lambda: rule.hits == 2 and session.heard.checks, "confirmation after failures")
    assert [state for state, _ in session.heard.states] == [True]


async def test_a_word_of_the_stream_is_told_with_its_time(session: Session) -> None:
    order = session.hand.limit("BUY", "LONG", "59000.00")
    await session.until(lambda: order.is_open, "acceptance")
    assert abs(session.heard.words[-1] - session.hand.clock.timestamp_ns()) < 5_000_000_000
    assert str(INSTRUMENT) == str(order.instrument_id)


async def test_an_event_that_cannot_be_read_ends_nothing(session: Session) -> None:
    for event in ({"e": "ORDER_TRADE_UPDATE"}, {"e": "NEWS", "x": 1}, {}):
        session.venue.call(functools.partial(session.venue.streams.push_user, event))
    order = session.hand.limit("BUY", "LONG", "59000.00")
    await session.until(lambda: order.is_open, "acceptance")
    assert [state for state, _ in session.heard.states] == [True]
    assert SHORT not in positions(session)


async def test_an_expiry_is_heeded_at_once(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_stream, "CHECK_S", 60.0)
    checks = len(session.heard.checks)
    await session.until(lambda: len(session.heard.checks) > checks, "the last confirmation for long")
    session.venue.expire_listen_key()
    await session.until(lambda: len(session.heard.states) > 1, "word on its death", 2.0)
    assert "expired" in session.heard.states[1][1]
    await _revived(session)


async def test_a_socket_that_answers_no_ping_is_dead(exchange: FakeBinance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_stream, "HEARTBEAT_S", 0.4)
    session = await Session(exchange, monkeypatch).start()
    for socket in [s for s in exchange.streams.sockets if s.side is Side.USER]:
        monkeypatch.setattr(socket.ws, "_autoping", False)
    await session.until(lambda: len(session.heard.states) > 1, "word on its death", 3.0)
    await _revived(session)
    await session.stop()
