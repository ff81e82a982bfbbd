"""Orders at the fake: both kinds from their birth to their end, the countdown, and what the venue does by itself."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tests.venue.binance.asker import Asker
from tests.venue.binance.server import FakeBinance
from tests.venue.core import Filters

pytestmark = pytest.mark.timeout(30)


def told(venue: FakeBinance, kind: str, *names: str) -> list[Any]:
    """Fields of every user event of a kind."""
    rows = [event["o"] for event in venue.streams.user_events if event["e"] == kind]
    return [tuple(row[name] for name in names) for row in rows]


async def test_a_post_only_limit_rests_fills_and_is_told(ask: Asker, venue: FakeBinance) -> None:
    placed = (await ask.order("BUY", "LONG", "LIMIT", price="59990.00")).json
    assert (placed["status"], placed["timeInForce"]) == ("NEW", "GTX")
    venue.quote("59989.00")
    order = (await ask.signed("GET", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="c1")).json
    assert (order["status"], order["executedQty"], Decimal(order["avgPrice"])) == ("FILLED", "0.004", Decimal(59990))
    assert told(venue, "ORDER_TRADE_UPDATE", "x", "X", "m") == [("NEW", "NEW", False), ("TRADE", "FILLED", True)]
    trade = (await ask.signed("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")).json[0]
    assert (trade["orderId"], trade["positionSide"], trade["maker"]) == (order["orderId"], "LONG", True)
    kinds = [event["e"] for event in venue.streams.user_events]
    assert kinds == ["ORDER_TRADE_UPDATE", "TRADE_LITE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-5022, {"kind": "LIMIT", "price": "60001.00"}),
        (-4014, {"kind": "LIMIT", "price": "59990.05"}),
        (-4164, {"kind": "LIMIT", "price": "59990.00", "qty": "0.001"}),
        (-2019, {"kind": "LIMIT", "price": "59990.00", "qty": "9.000"}),
        (-1111, {"kind": "LIMIT", "price": "59990.00", "qty": "0.0045"}),
        (-4003, {"qty": "0"}),
        (-4016, {"kind": "LIMIT", "price": "64000.00", "timeInForce": "GTC"}),
        (-4024, {"side": "SELL", "leg": "SHORT", "kind": "LIMIT", "price": "56000.00", "timeInForce": "GTC"}),
        (-2022, {"side": "SELL"}),
        (-4061, {"leg": "BOTH"}),
        (-1106, {"reduceOnly": "true"}),
        (-4120, {"kind": "STOP_MARKET", "stopPrice": "59000.00"}),
        (-1121, {"symbol": "ETHUSDT"}),
        (-4116, {"newClientOrderId": "n" * 37}),
    ],
)
async def test_bad_orders_are_refused_with_binances_code(
    ask: Asker, venue: FakeBinance, code: int, words: dict[str, str]
) -> None:
    side, leg = words.pop("side", "BUY"), words.pop("leg", "LONG")
    assert (await ask.order(side, leg, **words)).code == code
    assert not venue.exchange.archive.papers
    assert not venue.streams.user_events


async def test_a_stop_waits_apart_triggers_and_takes_the_leg(ask: Asker, venue: FakeBinance) -> None:
    await ask.order("BUY", "LONG")
    placed = (await ask.stop("SELL", "LONG", "59900.00")).json
    assert (placed["algoStatus"], placed["triggerPrice"]) == ("NEW", "59900.00")
    assert (await ask.signed("GET", "/fapi/v1/openOrders", symbol="BTCUSDT")).json == []
    waiting = (await ask.signed("GET", "/fapi/v1/openAlgoOrders")).json
    assert [row["clientAlgoId"] for row in waiting] == ["c2"]
    assert (await ask.signed("DELETE", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="c2")).code == -2011
    assert (await ask.signed("GET", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="c2")).code == -2013
    venue.quote("59899.00")
    assert venue.held("LONG") == 0
    assert [row[0] for row in told(venue, "ALGO_UPDATE", "X")] == ["NEW", "TRIGGERING", "TRIGGERED", "FINISHED"]
    ended = (await ask.signed("GET", "/fapi/v1/algoOrder", clientAlgoId="c2")).json
    order = (await ask.signed("GET", "/fapi/v1/order", symbol="BTCUSDT", orderId=ended["actualOrderId"])).json
    assert (ended["algoStatus"], order["status"], order["origType"]) == ("FINISHED", "FILLED", "STOP_MARKET")


async def test_a_close_position_stop_takes_whatever_the_leg_holds(ask: Asker, venue: FakeBinance) -> None:
    await ask.stop("SELL", "LONG", "59900.00", None, closePosition="true")
    await ask.order("BUY", "LONG", qty="0.007")
    venue.quote("59899.00")
    assert venue.held("LONG") == 0
    order = (await ask.signed("GET", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="c1")).json
    assert (order["status"], order["origQty"]) == ("FILLED", "0.007")


async def test_a_take_profit_triggers_on_the_far_side(ask: Asker, venue: FakeBinance) -> None:
    await ask.order("BUY", "LONG")
    assert (await ask.stop("SELL", "LONG", "59000.00", type="TAKE_PROFIT_MARKET")).code == -2021
    assert (await ask.stop("SELL", "LONG", "60100.00", type="TAKE_PROFIT_MARKET")).status == 200
    venue.quote("60100.00")
    assert venue.held("LONG") == 0


async def test_stops_and_orders_have_limits_of_their_own(ask: Asker, venue: FakeBinance) -> None:
    venue.change_filters(max_orders=1, max_stops=1)
    assert (await ask.order("BUY", "LONG", "LIMIT", price="59990.00")).status == 200
    assert (await ask.stop("SELL", "LONG", "59900.00")).status == 200
    assert (await ask.order("BUY", "LONG", "LIMIT", price="59990.00")).code == -2025
    assert (await ask.stop("SELL", "LONG", "59900.00")).code == -4045
    rows = (await ask.public("/fapi/v1/exchangeInfo")).json["symbols"][0]["filters"]
    limits = {row["filterType"]: row["limit"] for row in rows if "limit" in row}
    assert limits == {"MAX_NUM_ORDERS": 1, "MAX_NUM_ALGO_ORDERS": 1}


async def test_an_amendment_changes_price_and_quantity(ask: Asker, venue: FakeBinance) -> None:
    await ask.order("BUY", "LONG", "LIMIT", price="59990.00")
    words = {"symbol": "BTCUSDT", "origClientOrderId": "c1", "side": "BUY"}
    for price, qty, code in (("59990.00", "0.004", -5027), ("60001.00", "0.004", -5022), ("59980.00", "0.006", 0)):
        assert (await ask.signed("PUT", "/fapi/v1/order", **words, price=price, quantity=qty)).code == code
    assert told(venue, "ORDER_TRADE_UPDATE", "x", "p", "q")[-1] == ("AMENDMENT", "59980.00", "0.006")


async def test_cancels_end_one_many_or_all_of_a_kind(ask: Asker, venue: FakeBinance) -> None:
    for step in range(4):
        await ask.order("BUY", "LONG", "LIMIT", price=f"{59_900 - step}.00")
    await ask.stop("SELL", "LONG", "59800.00")
    words = {"symbol": "BTCUSDT"}
    assert (await ask.signed("DELETE", "/fapi/v1/order", **words, origClientOrderId="c1")).json["status"] == "CANCELED"
    assert (await ask.signed("DELETE", "/fapi/v1/order", **words, origClientOrderId="c1")).code == -2011
    batch = await ask.signed("DELETE", "/fapi/v1/batchOrders", **words, origClientOrderIdList='["c2","c9"]')
    assert [row.get("status", row.get("code")) for row in batch.json] == ["CANCELED", -2011]
    assert (await ask.signed("DELETE", "/fapi/v1/allOpenOrders", **words)).json["code"] == 200
    assert venue.open_ids() == {"c5"}
    assert (await ask.signed("DELETE", "/fapi/v1/algoOrder", clientAlgoId="c5")).json["code"] == "200"
    assert venue.open_ids() == set()


@pytest.mark.parametrize("reaches", [False, True])
async def test_the_countdown_cancels_unless_it_is_renewed(ask: Asker, venue: FakeBinance, reaches: bool) -> None:
    venue.countdown.reaches_algos = reaches
    await ask.order("BUY", "LONG", "LIMIT", price="59990.00")
    await ask.stop("SELL", "LONG", "59800.00")

    async def arm(wait: int) -> None:
        await ask.signed("POST", "/fapi/v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=wait)

    for wait in (300, 10_000, 0):
        await arm(wait)
    await asyncio.sleep(0.4)
    assert (venue.open_ids(), venue.countdown.asked) == ({"c1", "c2"}, [300, 10_000, 0])
    await arm(100)
    await asyncio.sleep(0.3)
    assert venue.open_ids() == (set() if reaches else {"c2"})
    assert venue.countdown.fired == 1


async def test_a_partial_fill_leaves_the_rest_in_the_book(ask: Asker, venue: FakeBinance) -> None:
    venue.exchange.piece = lambda order: min(order.left, Decimal("0.003"))
    await ask.order("BUY", "LONG", "LIMIT", price="59990.00")
    venue.quote("59980.00")
    order = (await ask.signed("GET", "/fapi/v1/openOrders", symbol="BTCUSDT")).json[0]
    assert (order["status"], order["executedQty"]) == ("PARTIALLY_FILLED", "0.003")
    venue.quote("59980.00")
    assert venue.held("LONG") == Decimal("0.004")


async def test_a_liquidation_ends_every_order_and_takes_the_leg(ask: Asker, venue: FakeBinance) -> None:
    await ask.order("BUY", "LONG", qty="0.010")
    await ask.order("BUY", "LONG", "LIMIT", price="59990.00")
    await ask.stop("SELL", "LONG", "59800.00")
    venue.liquidate("LONG")
    assert (venue.held("LONG"), venue.open_ids()) == (Decimal(0), set())
    client_id, kind, shown, state = told(venue, "ORDER_TRADE_UPDATE", "c", "x", "o", "X")[-1]
    assert client_id.startswith("autoclose-")
    assert (kind, shown, state) == ("CALCULATED", "LIQUIDATION", "FILLED")


async def test_orders_by_hand_are_on_the_books_and_on_the_stream(ask: Asker, venue: FakeBinance) -> None:
    paper = venue.by_hand("BUY", "LONG", "0.010", "59000.00")
    venue.by_hand("SELL", "SHORT", "0.010")
    stop = venue.by_hand("BUY", "SHORT", "0.010", "61000.00", "STOP_MARKET")
    assert venue.held("SHORT") == Decimal("0.010")
    assert venue.open_ids() == {paper.client_id, stop.client_id}
    venue.cancel_by_hand(paper.client_id)
    assert told(venue, "ORDER_TRADE_UPDATE", "c", "x")[-1] == (paper.client_id, "CANCELED")


async def test_more_than_300_orders_in_ten_seconds_are_refused() -> None:
    async with FakeBinance(filters=Filters(orders_per_window=3)) as venue, Asker(venue) as ask:
        venue.quote("60000.00")
        replies = [await ask.order("BUY", "LONG") for _ in range(4)]
        assert [(reply.status, reply.code) for reply in replies[2:]] == [(200, 0), (429, -1015)]
