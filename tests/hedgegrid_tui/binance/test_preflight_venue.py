"""Preflight of what anybody may know: clock, instrument, filters, limits and funding; each failing case, its cure."""

from collections.abc import Callable
from typing import Any

import pytest

from hedgegrid_tui.engine.binance.preflight.checks import Verdict
from hedgegrid_tui.engine.binance.rest.client import BinanceRest
from tests.hedgegrid_tui.binance.preflight_cases import D, alter, look, one
from tests.venue.binance.asker import Asker
from tests.venue.binance.server import FakeBinance

INFO = "/fapi/v1/exchangeInfo"
PASS, WARN, FAIL = Verdict.PASS, Verdict.WARN, Verdict.FAIL


@pytest.mark.parametrize(
    ("skew_ms", "verdict", "words"),
    [
        (-1_500, FAIL, "ahead of Binance's: signed requests are refused"),
        (-700, WARN, "ahead of Binance's"),
        (100, PASS, "behind Binance's"),
        (1_500, WARN, "behind Binance's"),
        (3_000, FAIL, "behind Binance's: signed requests are refused"),
    ],
)
async def test_the_clock_may_be_off_by_little(
    skew_ms: int, verdict: Verdict, words: str, rest: BinanceRest, venue: FakeBinance
) -> None:
    venue.skew_ms = skew_ms
    found = one(await look(rest, venue), "clock")
    assert found.verdict is verdict
    assert words in found.words
    assert ("set-ntp true" in found.cure) is (verdict is not PASS)


async def test_slow_answers_are_told(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.when("GET", "/fapi/v1/time").delay(0.6)
    found = one(await look(rest, venue), "reach")
    assert found.verdict is WARN
    assert "nearer machine" in found.cure


def _status(venue: FakeBinance) -> None:
    venue.market_rest.symbol_status = "SETTLING"


def _filters(**changes: Any) -> Callable[[FakeBinance], None]:
    return lambda venue: venue.change_filters(**changes)


def _nothing(_venue: FakeBinance) -> None:
    pass


def _cheap(venue: FakeBinance) -> None:
    venue.quote("560.00")


CASES = {
    "not trading": (_status, (), "instrument", FAIL, "SETTLING", "wait until"),
    "other tick": (_filters(tick=D("0.50")), (), "tick", FAIL, "no multiple of Binance's 0.50", "tick_size = 0.50"),
    "finer tick": (_filters(tick=D("0.01")), (), "tick", WARN, "coarser than Binance's 0.01", "tick_size = 0.01"),
    "price too low": (_cheap, (), "tick", FAIL, "Binance takes prices from 556.8", "lower grid.levels"),
    "other step": (_filters(step=D("0.010")), (), "lot", FAIL, "step_size 0.001 against", "step_size = 0.010"),
    "finer step": (_filters(step=D("0.0001")), (), "lot", WARN, "above Binance's 0.0001", "step_size = 0.0001"),
    "larger least": (_filters(min_qty=D("0.002")), (), "lot", FAIL, "min_qty 0.001 against", "min_qty = 0.002"),
    "smaller most": (_filters(max_qty=D(500)), (), "lot", FAIL, "max_qty 1000 against", "max_qty = 500"),
    "notional": (
        _filters(min_notional=D(200)), (), "notional", FAIL, "below Binance's 200 USDT", "min_notional = 200",
    ),
    "own notional": (
        _filters(min_notional=D(5)), (), "notional", WARN, "above Binance's 5 USDT", "min_notional = 5",
    ),
    "no rung": (_nothing, ("grid.base_qty=0.001",), "notional", FAIL, "no rung reaches 100", "base_qty = 0.002"),
    "some rungs": (
        _nothing, ("grid.base_qty=0.002", "grid.qty_scale=0.9"), "notional", WARN, "14 of 16 rungs stay empty",
        "base_qty = 0.002",
    ),
    "stops": (
        _filters(max_stops=90), (), "open orders", FAIL, "max_stop_orders 100 against Binance's 90",
        "max_stop_orders = 90",
    ),
    "orders": (
        _filters(max_orders=150), (), "open orders", FAIL, "max_open_orders 200 against Binance's 150",
        "max_open_orders = 150",
    ),
    "far stops": (_nothing, ("grid.sl_steps=60",), "price band", FAIL, "a stop may be refused", "below 500"),
    "wide stops": (_nothing, ("grid.sl_steps=45",), "price band", WARN, "fast market", "lower grid.sl_steps"),
    "far rungs": (
        _nothing, ("grid.levels=20", "grid.step_bps=25"), "price band", WARN, "rungs to 560", "lower grid.levels",
    ),
    "boundless close": (
        _nothing, ("limits.max_leg_notional=0", "limits.max_gross_notional=0"), "close", FAIL, "no limit bounds a leg",
        "max_qty = 120",
    ),
    "large close": (
        _nothing, ("limits.max_leg_notional=9000000",), "close", FAIL, "a leg may hold 150", "max_qty = 120",
    ),
    "many requests": (_nothing, ("limits.max_messages=400",), "requests", WARN, "300 orders in 10 s",
                      "max_messages = 300"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
async def test_what_does_not_fit_is_told_with_its_cure(case: str, rest: BinanceRest, venue: FakeBinance) -> None:
    act, sets, name, verdict, words, cure = CASES[case]
    act(venue)
    found = one(await look(rest, venue, *sets), name)
    assert (found.verdict, words in found.words, cure in found.cure) == (verdict, True, True), found


TO_WRITE = [case for case, row in CASES.items() if " = " in row[5] and case != "some rungs"]


@pytest.mark.parametrize("case", TO_WRITE)
async def test_what_the_cure_says_to_write_makes_it_pass(case: str, rest: BinanceRest, venue: FakeBinance) -> None:
    act, sets, name, *_ = CASES[case]
    act(venue)
    changes: list[str] = []
    for line in one(await look(rest, venue, *sets), name).cure.splitlines():
        if line.startswith("write under ["):
            section = line.removeprefix("write under [").removesuffix("]:")
        else:
            changes.append(f"{section}.{line.strip().replace(' = ', '=')}")
    assert changes
    assert one(await look(rest, venue, *sets, *changes), name).verdict is PASS


async def test_a_ladder_with_more_lots_than_stops_is_told_how_far_to_go_down(
    rest: BinanceRest, venue: FakeBinance
) -> None:
    venue.change_filters(max_stops=10)
    found = one(await look(rest, venue), "open orders")
    assert found.verdict is FAIL
    assert "16 lots" in found.words
    assert found.cure == "write under [instrument]:\n  max_stop_orders = 10\nwrite under [grid]:\n  levels = 5"
    sets = ("instrument.max_stop_orders=10", "grid.levels=5")
    assert one(await look(rest, venue, *sets), "open orders").verdict is PASS


async def test_several_filters_that_differ_are_one_cure(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.change_filters(min_qty=D("0.004"), max_qty=D(700))
    found = one(await look(rest, venue), "lot")
    assert found.cure == "write under [instrument]:\n  min_qty = 0.004\n  max_qty = 700"


async def test_an_instrument_that_the_venue_does_not_have_is_told(rest: BinanceRest, venue: FakeBinance) -> None:
    found = await look(rest, venue, 'instrument.symbol="ETHUSDT"', 'instrument.base="ETH"')
    assert one(found, "instrument").verdict is FAIL
    assert "ETHUSDT is not in Binance's list" in one(found, "instrument").words
    assert "[instrument] symbol" in one(found, "instrument").cure
    assert one(found, "tick").verdict is FAIL


async def test_a_contract_that_ends_is_refused(rest: BinanceRest, venue: FakeBinance, ask: Asker) -> None:
    told = (await ask.public(INFO)).json
    alter(venue, INFO, told, lambda info: info["symbols"][0].update(contractType="CURRENT_\x1b[2JQUARTER"))
    found = one(await look(rest, venue), "instrument")
    assert found.verdict is FAIL
    assert found.words == "BTCUSDT is CURRENT_?[2JQUARTER, BTC against USDT"


async def test_the_least_quantity_at_market_counts_too(rest: BinanceRest, venue: FakeBinance, ask: Asker) -> None:
    told = (await ask.public(INFO)).json
    alter(venue, INFO, told, lambda info: info["symbols"][0]["filters"][2].update(minQty="0.003"))
    assert one(await look(rest, venue), "lot").cure.endswith("min_qty = 0.003")


async def test_a_venue_that_names_no_limit_of_conditional_orders_is_no_obstacle(
    rest: BinanceRest, venue: FakeBinance, ask: Asker
) -> None:
    told = (await ask.public(INFO)).json
    alter(venue, INFO, told, lambda info: info["symbols"][0]["filters"].pop(4))
    assert one(await look(rest, venue), "open orders").verdict is PASS


@pytest.mark.parametrize("hours", [1, 4])
async def test_funding_tells_the_venues_interval(hours: int, rest: BinanceRest, venue: FakeBinance) -> None:
    venue.market.funding_hours = hours
    found = one(await look(rest, venue), "funding")
    assert found.verdict is PASS
    assert found.words.startswith(f"every {hours} h, next in ")
    assert found.words.endswith("predicted +0.0100 %")


async def test_funding_is_every_eight_hours_where_the_venue_names_no_other(
    rest: BinanceRest, venue: FakeBinance
) -> None:
    venue.when("GET", "/fapi/v1/fundingInfo").garble(b"[]")
    assert one(await look(rest, venue), "funding").words.startswith("every 8 h")


async def test_a_guard_that_never_sleeps_is_told(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.market.funding_hours = 1
    found = one(await look(rest, venue, "funding.window_minutes=60"), "funding")
    assert found.verdict is WARN
    assert "window of 60 minutes never ends" in found.words
    assert "window_minutes = 15" in found.cure


async def test_without_a_mark_price_nothing_is_reckoned(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.market.bid = venue.market.ask = D(0)
    found = one(await look(rest, venue), "tick")
    assert found.verdict is FAIL
    assert "there is no mark price" in found.words
