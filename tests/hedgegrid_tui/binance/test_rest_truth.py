"""What the typed reads say of the fake's books, what they do with answers that are not as documented, the way out."""

from decimal import Decimal
from typing import Any

import pytest

from hedgegrid_tui.engine.binance.rest import truth as rest_truth
from hedgegrid_tui.engine.binance.rest.client import BinanceRest, RestError, UnclearError, VenueError
from hedgegrid_tui.engine.binance.rest.rows import MalformedError, Row, items, row_of
from hedgegrid_tui.engine.binance.rest.truth import OneWayError, VenueOrder, filters_of
from strategy.domain import ZERO, Leg, Side
from strategy.venue_config import MarginType
from tests.venue.binance.asker import Asker
from tests.venue.binance.server import FakeBinance

pytestmark = pytest.mark.timeout(30)

SYMBOL = "BTCUSDT"
POSITIONS = "/fapi/v3/positionRisk"


def answer(venue: FakeBinance, path: str, body: str) -> None:
    venue.when("GET", path).garble(body.encode())


async def by_id(rest: BinanceRest) -> dict[str, VenueOrder]:
    return {order.client_id: order for order in await rest_truth.open_orders(rest, SYMBOL)}


# -- orders ------------------------------------------------------------------------------------------------------------


async def test_plain_and_conditional_orders_are_shown_together(rest: BinanceRest, ask: Asker) -> None:
    await ask.order("BUY", "LONG", qty="0.010")
    await ask.order("SELL", "SHORT", "LIMIT", "0.005", price="60300.00")
    await ask.stop("SELL", "LONG", "59000.00")
    await ask.stop("SELL", "LONG", "58000.00", None, closePosition="true")
    orders = await by_id(rest)
    entry, stop, whole = orders["c2"], orders["c3"], orders["c4"]
    assert len(orders) == 3
    assert (entry.leg, entry.side, entry.kind, entry.algo) == (Leg.SHORT, Side.SELL, "LIMIT", False)
    assert (entry.price, entry.qty, entry.filled, entry.average) == (Decimal(60300), Decimal("0.005"), ZERO, None)
    assert (stop.leg, stop.side, stop.kind, stop.algo) == (Leg.LONG, Side.SELL, "STOP_MARKET", True)
    assert (stop.price, stop.qty, stop.closes_all) == (Decimal(59000), Decimal("0.004"), False)
    assert (whole.closes_all, whole.qty) == (True, ZERO)
    assert [order.reduces for order in (entry, stop, whole)] == [False, True, True]
    assert all(order.is_open for order in orders.values())


async def test_what_filled_of_an_order_is_told_with_its_average(
    rest: BinanceRest, ask: Asker, venue: FakeBinance
) -> None:
    venue.exchange.piece = lambda order: Decimal("0.001")
    await ask.order("BUY", "LONG", "LIMIT", price="59990.00")
    venue.quote("59980.00")
    order = (await by_id(rest))["c1"]
    assert (order.status, order.filled, order.average) == ("PARTIALLY_FILLED", Decimal("0.001"), Decimal(59990))


async def test_an_order_that_triggers_between_the_two_questions_is_not_missed_and_not_doubled(
    rest: BinanceRest, ask: Asker, venue: FakeBinance
) -> None:
    await ask.order("BUY", "LONG")
    await ask.stop("SELL", "LONG", "59500.00")
    venue.exchange.piece = lambda order: Decimal("0.001")
    venue.when("GET", "/fapi/v1/openOrders").first(lambda: venue.quote("59400.00"))
    orders = await rest_truth.open_orders(rest, SYMBOL)
    assert [(order.client_id, order.algo, order.kind) for order in orders] == [("c2", False, "STOP_MARKET")]


async def test_an_order_is_found_in_whatever_state_or_not_at_all(rest: BinanceRest, ask: Asker) -> None:
    await ask.order("BUY", "LONG")
    await ask.stop("SELL", "LONG", "59000.00")
    filled = await rest_truth.find_order(rest, SYMBOL, "c1")
    assert filled is not None
    assert (filled.status, filled.is_open, filled.filled) == ("FILLED", False, Decimal("0.004"))
    stop = await rest_truth.find_algo(rest, "c2")
    assert stop is not None
    assert stop.algo
    assert await rest_truth.find_order(rest, SYMBOL, "c2") is None
    assert await rest_truth.find_algo(rest, "c1") is None


async def test_a_refused_question_is_not_an_absent_order(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.when("GET", "*").refuse(-2015)
    for asking in (rest_truth.find_order(rest, SYMBOL, "c1"), rest_truth.find_algo(rest, "c1")):
        with pytest.raises(VenueError):
            await asking


async def test_orders_of_both_kinds_are_cancelled_and_what_is_gone_is_told(
    rest: BinanceRest, ask: Asker, venue: FakeBinance
) -> None:
    await ask.order("BUY", "LONG")
    await ask.order("BUY", "LONG", "LIMIT", price="59900.00")
    await ask.stop("SELL", "LONG", "59000.00")
    orders = await rest_truth.open_orders(rest, SYMBOL)
    assert [await rest_truth.cancel(rest, order) for order in orders] == [True, True]
    assert venue.open_ids() == set()
    assert [await rest_truth.cancel(rest, order) for order in orders] == [False, False]
    venue.when("DELETE", "*").unknown(live=False)
    for order in orders:
        with pytest.raises(UnclearError):
            await rest_truth.cancel(rest, order)


@pytest.mark.parametrize("algo", [False, True])
async def test_a_cancel_by_its_own_name_gives_the_venues_answer_or_its_refusal(
    rest: BinanceRest, ask: Asker, algo: bool
) -> None:
    act = rest_truth.cancel_algo if algo else rest_truth.cancel_order
    await ask.order("BUY", "LONG")
    await (ask.stop("SELL", "LONG", "59000.00") if algo else ask.order("BUY", "LONG", "LIMIT", price="59900.00"))
    told = await act(rest, SYMBOL, "c2")
    assert told["clientAlgoId" if algo else "clientOrderId"] == "c2"
    with pytest.raises(VenueError) as caught:
        await act(rest, SYMBOL, "c2")
    assert caught.value.code == -2011


async def test_cancels_and_closes_pass_a_limit_that_keeps_questions_back(
    rest: BinanceRest, ask: Asker, venue: FakeBinance
) -> None:
    await ask.order("BUY", "LONG", "LIMIT", price="59900.00")
    await ask.order("BUY", "LONG")
    orders = await rest_truth.open_orders(rest, SYMBOL)
    venue.when("GET", POSITIONS).limit(30)
    for _ in range(2):
        with pytest.raises(VenueError):
            await rest_truth.positions(rest, SYMBOL)
    assert len(venue.requests("GET", POSITIONS)) == 1
    assert await rest_truth.cancel(rest, orders[0])
    await rest_truth.market_close(rest, SYMBOL, Leg.LONG, Decimal("0.004"), "out")
    assert (venue.open_ids(), venue.held("LONG")) == (set[str](), ZERO)


@pytest.mark.parametrize(("leg", "side"), [(Leg.LONG, "BUY"), (Leg.SHORT, "SELL")])
async def test_a_leg_is_closed_at_the_market_and_nothing_more(
    rest: BinanceRest, ask: Asker, venue: FakeBinance, leg: Leg, side: str
) -> None:
    for name, opening in (("LONG", "BUY"), ("SHORT", "SELL")):
        await ask.order(opening, name, qty="0.010")
    told = await rest_truth.market_close(rest, SYMBOL, leg, Decimal("0.004"), "out")
    assert (told["clientOrderId"], told["status"], told["executedQty"]) == ("out", "FILLED", "0.004")
    held = {name: venue.held(name) for name in ("LONG", "SHORT")}
    assert held.pop(leg.value.upper()) == Decimal("0.006")
    assert set(held.values()) == {Decimal("0.010")}


async def test_an_empty_leg_cannot_be_closed(rest: BinanceRest) -> None:
    with pytest.raises(VenueError) as caught:
        await rest_truth.market_close(rest, SYMBOL, Leg.LONG, Decimal("0.004"), "out")
    assert caught.value.code == -2022


# -- the account -------------------------------------------------------------------------------------------------------


async def test_both_legs_are_shown_the_empty_one_too(rest: BinanceRest, ask: Asker, venue: FakeBinance) -> None:
    await ask.order("SELL", "SHORT", qty="0.010")
    venue.quote("60100.00")
    legs = await rest_truth.positions(rest, SYMBOL)
    short, long = legs[Leg.SHORT], legs[Leg.LONG]
    assert (short.qty, short.entry, short.liquidation) == (Decimal("0.010"), Decimal(60000), None)
    assert short.unrealised == -(short.mark - short.entry) * short.qty
    assert (long.qty, long.entry, long.unrealised, long.mark) == (ZERO, ZERO, ZERO, short.mark)


async def test_a_flat_account_has_two_empty_legs(rest: BinanceRest) -> None:
    legs = await rest_truth.positions(rest, SYMBOL)
    assert [(leg, position.qty) for leg, position in legs.items()] == [(Leg.LONG, ZERO), (Leg.SHORT, ZERO)]


def leg_row(**cells: Any) -> str:
    row = {"symbol": SYMBOL, "positionSide": "LONG", "positionAmt": "0.010", "entryPrice": "60000"}
    row |= {"markPrice": "60001", "liquidationPrice": "0", "unRealizedProfit": "0.01"}
    return str([row | cells]).replace("'", '"')


async def test_a_liquidation_price_is_told_where_there_is_one(rest: BinanceRest, venue: FakeBinance) -> None:
    answer(venue, POSITIONS, leg_row(liquidationPrice="48123.4"))
    assert (await rest_truth.positions(rest, SYMBOL))[Leg.LONG].liquidation == Decimal("48123.4")


async def test_a_position_without_a_leg_is_not_taken_for_none(rest: BinanceRest, venue: FakeBinance) -> None:
    answer(venue, POSITIONS, leg_row(positionSide="BOTH"))
    with pytest.raises(OneWayError, match="the account is not in hedge mode"):
        await rest_truth.positions(rest, SYMBOL)


async def test_an_empty_position_without_a_leg_and_another_symbols_are_passed_over(
    rest: BinanceRest, venue: FakeBinance
) -> None:
    rows = [leg_row(positionSide="BOTH", positionAmt="0"), leg_row(symbol="ETHUSDT"), leg_row()]
    answer(venue, POSITIONS, "[" + ",".join(row[1:-1] for row in rows) + "]")
    assert (await rest_truth.positions(rest, SYMBOL))[Leg.LONG].qty == Decimal("0.010")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"positionAmt": "much"}, "positionAmt = much: must be a number"),
        ({"positionAmt": ""}, "positionAmt = (empty): must be a number"),
        ({"positionAmt": "NaN"}, "positionAmt = NaN: must be a number"),
        ({"positionAmt": "1" * 50}, f"positionAmt = {'*' * 3}: must be a number"),
        ({"entryPrice": []}, "entryPrice = list: must be a number"),
        ({"positionSide": "NORTH"}, "positionSide = NORTH: must be one of LONG, SHORT"),
        ({"symbol": 7}, "symbol = 7: must be a text"),
    ],
)
async def test_a_row_that_is_not_as_documented_is_unclear_and_never_guessed(
    rest: BinanceRest, venue: FakeBinance, cells: dict[str, Any], words: str
) -> None:
    answer(venue, POSITIONS, leg_row(**cells))
    with pytest.raises(UnclearError) as caught:
        await rest_truth.positions(rest, SYMBOL)
    assert caught.value.words == words
    assert caught.value.path == POSITIONS


@pytest.mark.parametrize("body", ["{}", "null", "7", "[1]", "[null]", "[[]]"])
async def test_an_answer_of_another_shape_is_unclear(rest: BinanceRest, venue: FakeBinance, body: str) -> None:
    answer(venue, "*", body)
    for asking in (
        rest_truth.positions(rest, SYMBOL),
        rest_truth.open_orders(rest, SYMBOL),
        rest_truth.find_order(rest, SYMBOL, "c1"),
        rest_truth.account(rest),
        rest_truth.position_mode(rest),
        rest_truth.symbol_config(rest, SYMBOL),
        rest_truth.exchange_filters(rest, SYMBOL),
    ):
        with pytest.raises(MalformedError):
            await asking


async def test_the_account_is_told_in_its_margin_asset(rest: BinanceRest, ask: Asker, venue: FakeBinance) -> None:
    await ask.order("BUY", "LONG", qty="0.010")
    venue.quote("60100.00")
    venue.keys.can_trade = False
    told = await rest_truth.account(rest)
    money = venue.exchange.money()
    assert abs(told.wallet - venue.exchange.book.wallet) < Decimal("1e-8")
    assert told.equity == told.wallet + told.unrealised
    assert abs(told.available - money.free) < Decimal("1e-7")
    assert abs(told.initial_margin - money.margin) < Decimal("1e-8")
    assert (told.can_trade, told.multi_assets) == (False, False)
    assert (await rest_truth.account(rest, "USDC")).wallet == 0


@pytest.mark.parametrize(("word", "meant"), [("CROSSED", MarginType.CROSS), ("ISOLATED", MarginType.ISOLATED)])
async def test_settings_are_read_as_they_stand(
    rest: BinanceRest, venue: FakeBinance, word: str, meant: MarginType
) -> None:
    venue.exchange.margin_type = word
    venue.exchange.set_leverage(7)
    venue.exchange.hedge_mode = word == "CROSSED"
    told = await rest_truth.symbol_config(rest, SYMBOL)
    assert (told.margin_type, told.leverage, told.max_notional) == (meant, 7, Decimal(300000000))
    assert await rest_truth.position_mode(rest) is venue.exchange.hedge_mode


# -- filters -----------------------------------------------------------------------------------------------------------


async def test_the_symbols_rules_and_budgets_are_read(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.change_filters(tick=Decimal("0.50"), max_stops=77)
    venue.market_rest.symbol_status = "SETTLING"
    told = await rest_truth.exchange_filters(rest, SYMBOL)
    assert (told.status, told.contract, told.margin_asset) == ("SETTLING", "PERPETUAL", "USDT")
    assert (told.tick_size, told.step_size, told.min_notional) == (Decimal("0.50"), Decimal("0.001"), Decimal(100))
    assert (told.min_qty, told.max_qty, told.market_max_qty) == (Decimal("0.001"), Decimal(1000), Decimal(120))
    assert (told.max_orders, told.max_algo_orders) == (200, 77)
    assert (told.percent_up, told.percent_down) == (Decimal("1.05"), Decimal("0.95"))
    assert (told.weight_1m, told.orders_10s, told.orders_1m) == (2_400, 300, 1_200)


async def rules_of(rest: BinanceRest) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    info = await rest.public("/fapi/v1/exchangeInfo")
    return info, info["symbols"][0]["filters"]


async def test_a_market_order_is_never_larger_than_any_order(rest: BinanceRest) -> None:
    info, rules = await rules_of(rest)
    next(rule for rule in rules if rule["filterType"] == "LOT_SIZE")["maxQty"] = "9"
    assert filters_of(info, SYMBOL).market_max_qty == 9


async def test_a_symbol_that_is_not_listed_is_said(rest: BinanceRest) -> None:
    with pytest.raises(MalformedError, match="nothing on ETHUSDT"):
        await rest_truth.exchange_filters(rest, "ETHUSDT")


@pytest.mark.parametrize("name", ["PRICE_FILTER", "LOT_SIZE", "MIN_NOTIONAL", "MAX_NUM_ORDERS", "PERCENT_PRICE"])
async def test_a_rule_that_is_missing_is_said(rest: BinanceRest, name: str) -> None:
    info, rules = await rules_of(rest)
    rules[:] = [rule for rule in rules if rule["filterType"] != name]
    with pytest.raises(ValueError, match=f"BTCUSDT has no {name}"):
        filters_of(info, SYMBOL)


async def test_limits_that_the_venue_does_not_name_are_none(rest: BinanceRest) -> None:
    info, rules = await rules_of(rest)
    rules[:] = [rule for rule in rules if rule["filterType"] != "MAX_NUM_ALGO_ORDERS"]
    info["rateLimits"] = []
    told = filters_of(info, SYMBOL)
    assert (told.max_algo_orders, told.weight_1m, told.orders_10s, told.orders_1m) == (None, None, None, None)


# -- cells -------------------------------------------------------------------------------------------------------------


def test_cells_are_read_in_and_out_of_quotes() -> None:
    row = row_of(
        "/p", {"a": "7", "b": 7, "c": "true", "d": False, "e": Decimal("0.1"), "f": "", "g": None, "h": "0.00"}
    )
    assert (row.integer("a"), row.integer("b"), row.flag("c"), row.flag("d")) == (7, 7, True, False)
    assert (row.decimal("a"), row.decimal("b"), row.decimal("e")) == (Decimal(7), Decimal(7), Decimal("0.1"))
    assert [row.above_zero(name) for name in "fghz"] == [None] * 4
    assert [row.has(name) for name in "afgz"] == [True, True, False, False]


@pytest.mark.parametrize("value", [True, "true", "-1", "1.5", "²", "9" * 5_000, None, 1.5, []])
def test_what_is_no_whole_number_is_not_made_one(value: object) -> None:
    with pytest.raises(MalformedError, match="must be a whole number"):
        Row("/p", {"a": value}).integer("a")


@pytest.mark.parametrize("value", [0, 1, "True", "", None])
def test_what_is_no_truth_value_is_not_made_one(value: object) -> None:
    with pytest.raises(MalformedError, match="must be true or false"):
        Row("/p", {"a": value}).flag("a")


def test_a_malformed_answer_is_unclear_and_a_value_error() -> None:
    with pytest.raises(RestError, match="/p: the answer must be a list"):
        items("/p", {})
    assert issubclass(MalformedError, UnclearError)
    assert issubclass(MalformedError, ValueError)


@pytest.mark.parametrize("text", ["1E+99999999", "1E-99999999", "9E+41"])
def test_a_number_beyond_all_measure_is_none(text: str) -> None:
    for value in (text, Decimal(text), 10**50):
        with pytest.raises(MalformedError):
            Row("/x", {"qty": value}).decimal("qty")
