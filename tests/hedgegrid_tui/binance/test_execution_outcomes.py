"""What the strategy hears of requests: refusals, unclear outcomes, limits, and answers to its questions."""

from typing import Any

import pytest
from nautilus_trader.model.enums import OrderStatus

from hedgegrid_tui.engine.binance.execution.intake import UNKNOWN_MARGIN_NS
from hedgegrid_tui.engine.binance.rest.errors import LimitedError
from strategy.config import load_config
from strategy.domain import NS_PER_MS, NS_PER_S
from tests.hedgegrid_tui.binance.execution_fixtures import exchange, session
from tests.hedgegrid_tui.binance.execution_session import QTY, Session
from tests.venue.binance.adapter_node import INSTRUMENT
from tests.venue.binance.guard import Keys
from tests.venue.binance.rules import HTML, Rule
from tests.venue.binance.server import FakeBinance
from tests.venue.binance.streams import Side
from tests.venue.binance.test_adapter import PEM

__all__ = ["exchange", "session"]

pytestmark = pytest.mark.timeout(60)

ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
UNCLEAR = {
    "-1007": lambda rule: rule.unknown(live=True),
    "-1006": lambda rule: rule.unknown(live=True, code=-1006),
    "500": lambda rule: rule.garble(HTML, status=502),
    "408": lambda rule: rule.garble(b'{"code":-1007,"msg":"Timeout"}', status=408),
    "drop": lambda rule: rule.drop(executed=True),
    "hang": lambda rule: rule.hang(executed=True),
    "bad JSON": lambda rule: rule.garble(),
}


@pytest.mark.parametrize("how", UNCLEAR)
async def test_an_unclear_outcome_of_an_order_that_landed_is_never_a_rejection(session: Session, how: str) -> None:
    hand, venue = session.hand, session.venue
    venue.stall(Side.USER)
    UNCLEAR[how](venue.when("POST", ORDER, 1))
    order = hand.limit("BUY", "LONG", "59000.00")
    await session.answered("POST", ORDER)
    assert hand.kinds(order) == ["Initialized", "Submitted"]
    assert venue.open_ids() == {order.client_order_id.value}

    await session.ask(order)
    assert hand.kinds(order) == ["Initialized", "Submitted", "Accepted"]


async def test_no_request_waits_longer_than_the_time_out(session: Session) -> None:
    rule = session.venue.when("POST", ORDER, 1).hang()
    session.hand.limit("BUY", "LONG", "59000.00")
    await session.answered("POST", ORDER)
    assert rule.active, "the venue has not answered yet"


async def test_an_order_that_never_arrived_is_rejected_when_the_venue_says_so_clearly(session: Session) -> None:
    hand, venue = session.hand, session.venue
    venue.when("POST", ORDER, 1).unknown(live=False)
    order = hand.limit("BUY", "LONG", "59000.00")
    await session.answered("POST", ORDER)

    session.client._intake._grace_ns = 60_000_000_000
    await session.ask(order)
    assert hand.kinds(order) == ["Initialized", "Submitted"], "it may still be on its way"

    session.client._intake._grace_ns = 0
    venue.when("GET", ORDER, 1).unknown(live=False)
    await session.ask(order)
    assert hand.kinds(order) == ["Initialized", "Submitted"], "a failed question says nothing"

    await session.ask(order)
    assert hand.kinds(order) == ["Initialized", "Submitted", "Rejected"]
    assert "-2013" in hand.last(order, "Rejected").reason
    assert len(venue.requests("GET", ALGO)) == 2, "asked as a conditional order too"


async def test_an_order_that_may_still_arrive_is_asked_about_again_once_it_cannot(session: Session) -> None:
    hand, venue = session.hand, session.venue
    venue.when("POST", ORDER, 1).unknown(live=False)
    order = hand.limit("BUY", "LONG", "59000.00")
    await session.answered("POST", ORDER)
    session.client._intake._grace_ns = NS_PER_S
    await session.ask(order)
    await session.ask(order)
    assert hand.kinds(order) == ["Initialized", "Submitted"]
    await session.until(lambda: "Rejected" in hand.kinds(order), "the venue's word, asked for by nobody else")
    assert len(venue.requests("GET", ORDER)) == 3, "asked again once"


def test_with_the_default_times_a_lost_stop_is_back_before_its_lot_is_given_up() -> None:
    config = load_config()
    grace_ms = config.binance.recv_window_ms + UNKNOWN_MARGIN_NS // NS_PER_MS
    assert max(grace_ms, config.execution.ask_after_ms) + 1000 < config.watchdog.escalate_after_ms


async def test_an_order_that_counts_as_rejected_and_lands_late_is_accepted_and_can_be_cancelled(
    session: Session,
) -> None:
    hand, venue = session.hand, session.venue
    venue.when("POST", ORDER, 1).delay(1.5)
    order = hand.limit("BUY", "LONG", "59000.00")
    await session.answered("POST", ORDER)
    session.client._intake._grace_ns = 0
    await session.ask(order)
    assert order.status == OrderStatus.REJECTED
    await session.until(lambda: "Accepted" in hand.kinds(order), "acceptance of the late order")

    session.hand.msgbus.send(endpoint="ExecEngine.execute", msg=_cancel_of(session, order))
    await session.until(lambda: "Canceled" in hand.kinds(order), "end of the late order")
    assert venue.open_ids() == set()


def _cancel_of(session: Session, order: Any) -> Any:
    from nautilus_trader.core.uuid import UUID4
    from nautilus_trader.execution.messages import CancelOrder

    return CancelOrder(
        session.hand.trader_id, session.hand.id, INSTRUMENT, order.client_order_id, None, UUID4(), 0
    )  # fmt: skip


async def test_certain_refusals_come_with_the_venues_code(session: Session) -> None:
    hand, venue = session.hand, session.venue
    crossing = hand.limit("BUY", "LONG", "60001.00")
    small = hand.limit("SELL", "SHORT", "60500.00", qty=type(QTY).from_str("0.001"))
    venue.when("POST", ALGO, 1).refuse(-2021)
    stop = hand.stop_market("SELL", "LONG", "59000.00")
    await session.until(lambda: all(o.status == OrderStatus.REJECTED for o in (crossing, small, stop)), "refusals")
    assert hand.last(crossing, "Rejected").due_post_only
    assert "-5022" in hand.last(crossing, "Rejected").reason
    assert "-4164" in hand.last(small, "Rejected").reason
    assert not hand.last(small, "Rejected").due_post_only
    assert "-2021" in hand.last(stop, "Rejected").reason


async def test_an_order_without_a_position_id_is_denied(session: Session) -> None:
    order = session.hand.order_factory.market(INSTRUMENT, 1, QTY)
    session.hand.submit_order(order)
    await session.until(lambda: session.hand.kinds(order)[-1:] == ["Denied"], "denial")
    assert session.venue.requests("POST", ORDER) == []


async def _limited(session: Session, rule: Rule) -> None:
    await session.until(lambda: session.heard.limited, "word on the limit")
    rule.remove()


async def test_after_429_entries_are_denied_here_while_exits_and_cancels_go_out(session: Session) -> None:
    hand, venue = session.hand, session.venue
    resting = hand.limit("BUY", "LONG", "59000.00")
    held = hand.market("BUY", "LONG")
    await session.until(lambda: resting.is_open and held.status == OrderStatus.FILLED, "orders")

    rule = venue.when("POST", ORDER).limit(7)
    refused = hand.limit("BUY", "LONG", "58900.00")
    await session.until(lambda: refused.status == OrderStatus.REJECTED, "refusal")
    assert "-1003" in hand.last(refused, "Rejected").reason
    await _limited(session, rule)
    assert session.heard.limited[0][0] == 7
    assert session.heard.limited[0][1].startswith("429 ")

    asked = len(venue.requests("POST", ORDER))
    denied = hand.limit("BUY", "LONG", "58800.00")
    await session.until(lambda: denied.status == OrderStatus.DENIED, "denial")
    assert "limited for" in hand.last(denied, "Denied").reason
    assert len(venue.requests("POST", ORDER)) == asked

    close = hand.market("SELL", "LONG", reduces=True)
    hand.cancel_order(resting)
    await session.until(lambda: close.status == OrderStatus.FILLED and resting.is_closed, "close and cancel")


async def test_while_the_address_is_banned_nothing_goes_out_and_all_is_told_refused(session: Session) -> None:
    hand, venue = session.hand, session.venue
    resting = hand.limit("BUY", "LONG", "59000.00")
    held = hand.market("BUY", "LONG")
    await session.until(lambda: resting.is_open and held.status == OrderStatus.FILLED, "orders")
    rule = venue.when("POST", ORDER).limit(60, banned=True)
    hand.limit("BUY", "LONG", "58900.00")
    await _limited(session, rule)

    assert session.heard.limited[0][1].startswith("418 ")
    asked = len(venue.front.asked)
    close, entry = hand.market("SELL", "LONG", reduces=True), hand.limit("BUY", "LONG", "58700.00")
    hand.cancel_order(resting)
    await session.until(lambda: close.is_closed and entry.is_closed and resting.is_open, "refusals")
    await session.until(lambda: "CancelRejected" in hand.kinds(resting), "refused cancel")
    await session.ask(resting)
    assert close.status == OrderStatus.REJECTED
    assert "-1003" in hand.last(close, "Rejected").reason
    assert entry.status == OrderStatus.DENIED
    mine = [a for a in venue.front.asked[asked:] if a.method != "GET" or "signature" in a.query]
    assert mine == []


async def test_a_ban_that_another_client_was_told_of_holds_here_too(session: Session) -> None:
    hand, venue = session.hand, session.venue
    session.client.telemetry.ban = lambda: LimitedError("", 418, -1003, "told to another", 60.0, sent=False)
    asked = len(venue.requests("POST", ORDER))
    entry = hand.limit("BUY", "LONG", "58700.00")
    await session.until(lambda: entry.status == OrderStatus.DENIED, "denial")
    await session.ask(entry)
    assert "limited for 60 s" in hand.last(entry, "Denied").reason
    assert len(venue.requests("POST", ORDER)) == asked


async def test_too_many_orders_shut_entries_only(session: Session) -> None:
    hand, venue = session.hand, session.venue
    venue.when("POST", ORDER, 1).refuse(-1015)
    refused = hand.limit("BUY", "LONG", "58900.00")
    await session.until(lambda: refused.status == OrderStatus.REJECTED, "refusal")
    assert "-1015" in hand.last(refused, "Rejected").reason
    denied = hand.limit("BUY", "LONG", "58800.00")
    await session.until(lambda: denied.status == OrderStatus.DENIED, "denial")
    await session.ask(refused)
    assert venue.requests("GET", ORDER), "questions go on"


@pytest.mark.parametrize("how", UNCLEAR)
async def test_an_unclear_outcome_of_a_cancel_is_told_as_nothing(session: Session, how: str) -> None:
    hand, venue = session.hand, session.venue
    order = hand.limit("BUY", "LONG", "59000.00")
    await session.until(lambda: order.is_open, "acceptance")
    venue.stall(Side.USER)
    UNCLEAR[how](venue.when("DELETE", ORDER, 1))
    hand.cancel_order(order)
    await session.answered("DELETE", ORDER)
    assert order.status == OrderStatus.PENDING_CANCEL

    await session.ask(order)
    assert order.status == OrderStatus.CANCELED


async def test_a_cancel_that_never_arrived_may_be_repeated_once_the_venue_shows_the_order_open(
    session: Session,
) -> None:
    hand, venue = session.hand, session.venue
    order = hand.limit("BUY", "LONG", "59000.00")
    await session.until(lambda: order.is_open, "acceptance")
    venue.when("DELETE", ORDER, 1).unknown(live=False)
    hand.cancel_order(order)
    await session.answered("DELETE", ORDER)
    await session.ask(order)
    assert hand.kinds(order)[-1] == "CancelRejected"
    hand.cancel_order(order)
    await session.until(lambda: order.status == OrderStatus.CANCELED, "cancel")


async def test_a_cancel_of_what_is_gone_is_refused_and_the_question_tells_the_end(session: Session) -> None:
    hand, venue = session.hand, session.venue
    order, stop = hand.limit("BUY", "LONG", "59000.00"), hand.stop_market("SELL", "LONG", "58000.00")
    await session.until(lambda: order.is_open and stop.is_open, "acceptance")
    venue.stall(Side.USER)
    for gone in (order, stop):
        venue.cancel_by_hand(gone.client_order_id.value)
        hand.cancel_order(gone)
        await session.heard_of(gone, "CancelRejected")
        assert "-2011" in hand.last(gone, "CancelRejected").reason
        await session.ask(gone)
        assert gone.status == OrderStatus.CANCELED


async def test_an_order_that_an_answer_has_told_to_its_end_is_not_asked_about_again(session: Session) -> None:
    """Twenty of a leg that ended last, five times over, would be half of a minute's weight."""
    hand, venue = session.hand, session.venue
    filled, resting = hand.market("BUY", "LONG"), hand.limit("BUY", "LONG", "59000.00")
    await session.until(lambda: filled.status == OrderStatus.FILLED and resting.is_open, "orders")
    before = len(venue.requests("GET", "/fapi/v1/userTrades"))
    for _ in range(3):
        await session.ask(filled)
        await session.ask(resting)
    about = [asked.get("origClientOrderId") for asked in venue.requests("GET", ORDER)]
    assert about.count(filled.client_order_id.value) == 1
    assert about.count(resting.client_order_id.value) == 3
    assert len(venue.requests("GET", "/fapi/v1/userTrades")) == before + 1


async def test_without_room_only_orders_without_an_answer_are_asked_about(session: Session) -> None:
    hand, venue = session.hand, session.venue
    resting = hand.limit("BUY", "LONG", "59000.00")
    await session.until(lambda: resting.is_open, "acceptance")
    session.client.telemetry.has_room = lambda: False
    await session.ask(resting)
    assert not venue.requests("GET", ORDER)
    venue.stall(Side.USER)
    venue.when("POST", ORDER).unknown(live=True)
    unclear = hand.limit("BUY", "LONG", "58900.00")
    await session.answered("POST", ORDER, 2)
    await session.ask(unclear)
    assert unclear.is_open


async def test_market_orders_close_a_leg_without_reduce_only(session: Session) -> None:
    entry = session.hand.market("SELL", "SHORT")
    await session.until(lambda: entry.status == OrderStatus.FILLED, "entry")
    close = session.hand.market("BUY", "SHORT", reduces=True)
    await session.until(lambda: close.status == OrderStatus.FILLED, "close")
    assert all("reduceOnly" not in asked.params for asked in session.venue.requests("POST", ORDER))
    assert session.venue.held("SHORT") == session.hand.held("SHORT") == 0


async def test_signed_requests_go_by_the_venues_clock(session: Session) -> None:
    session.venue.skew_ms = 60_000
    session.client.telemetry.clock_offset_ms = lambda: 60_000
    order = session.hand.limit("BUY", "LONG", "59000.00")
    await session.until(lambda: order.is_open, "acceptance")


async def test_an_ed25519_key_trades_and_listens_by_the_same_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeBinance(keys=Keys(secret=PEM)).threaded() as venue:
        venue.quote("60000.00")
        session = await Session(venue, monkeypatch).start()
        order, stop = (
            session.hand.limit("BUY", "LONG", "59000.00"),
            session.hand.stop_market("SELL", "LONG", "58000.00"),
        )
        await session.until(lambda: order.is_open and stop.is_open, "acceptance")
        session.hand.cancel_order(stop)
        await session.until(lambda: stop.status == OrderStatus.CANCELED, "cancel")
        await session.stop()
        assert {a.status for a in venue.front.asked} == {200}
