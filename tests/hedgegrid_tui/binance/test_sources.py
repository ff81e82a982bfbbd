"""What a session asks besides the streams, and on which leg funding is booked."""

from decimal import Decimal

import pytest

from hedgegrid_tui.engine.binance.found import Found, found_at_venue, lines_of
from hedgegrid_tui.engine.binance.rest.client import BinanceRest
from hedgegrid_tui.engine.binance.session_start import command_at_start, held_back
from hedgegrid_tui.engine.binance.sources import FundingFees, funding_interval_minutes, history, interval_in, split
from hedgegrid_tui.engine.plan import AtStart
from strategy.control import CommandName
from strategy.domain import Leg, Market
from strategy.latches import Latches
from strategy.past import Past
from tests.venue.binance.server import FakeBinance

pytestmark = pytest.mark.timeout(30)

D = Decimal


@pytest.mark.parametrize(
    ("amount", "owed", "told"),
    [
        ("-0.12", ("-0.12", "0"), {Leg.LONG: "-0.12"}),
        ("0.07", ("0", "0.07"), {Leg.SHORT: "0.07"}),
        ("-0.11", ("-0.12", "0"), {Leg.LONG: "-0.11"}),
        ("-0.12", ("-0.12", "0.06"), {Leg.LONG: "-0.12"}),
        ("0.06", ("-0.12", "0.06"), {Leg.SHORT: "0.06"}),
        ("-0.06", ("-0.12", "0.06"), {Leg.LONG: "-0.12", Leg.SHORT: "0.06"}),
        ("-0.0601", ("-0.12", "0.06"), {Leg.LONG: "-0.1201", Leg.SHORT: "0.06"}),
        ("0", ("0", "0"), {}),
        ("-0.5", ("0", "0"), {Leg.LONG: "-0.5"}),
    ],
)
def test_a_fee_goes_to_the_leg_that_owed_it_and_to_the_last_unit(
    amount: str, owed: tuple[str, str], told: dict[Leg, str]
) -> None:
    parts = split(D(amount), dict(zip(Leg, map(D, owed), strict=True)))
    assert parts == {leg: D(text) for leg, text in told.items()}
    assert sum(parts.values(), D(0)) == D(amount)


def test_what_is_booked_adds_up_to_what_the_venue_has_told() -> None:
    booked: list[tuple[Leg, Decimal, Decimal]] = []
    held = {Leg.LONG: D("0.010"), Leg.SHORT: D("0.004")}
    market = Market(D(59_999), D(60_001), 0, mark=D(60_000))
    fees = FundingFees(held.__getitem__, lambda: market, lambda: D("0.0001"), lambda *told: booked.append(told))
    fees.take(D("-0.0360"))
    assert booked == [(Leg.LONG, D("0.0001"), D("-0.0600")), (Leg.SHORT, D("0.0001"), D("0.0240"))]


def test_a_fee_of_which_nothing_is_known_is_booked_all_the_same() -> None:
    booked: list[tuple[Leg, Decimal, Decimal]] = []
    fees = FundingFees(lambda _leg: D(1), lambda: None, lambda: None, lambda *told: booked.append(told))
    fees.take(D("-1.5"))
    assert booked == [(Leg.LONG, D(0), D("-1.5"))]


@pytest.mark.parametrize(
    ("rows", "minutes"),
    [
        ([], 480),
        ([{"symbol": "ETHUSDT", "fundingIntervalHours": 4}], 480),
        ([{"symbol": "BTCUSDT", "fundingIntervalHours": 4}], 240),
        ([{"symbol": "BTCUSDT", "fundingIntervalHours": 0}], 480),
        ([{"symbol": "BTCUSDT", "fundingIntervalHours": "4"}], 480),
        (["BTCUSDT"], 480),
    ],
)
def test_the_interval_is_the_venues_or_the_usual_one(rows: list[object], minutes: int) -> None:
    assert interval_in(rows, "BTCUSDT") == minutes


async def test_the_interval_is_asked_of_the_venue(venue: FakeBinance, rest: BinanceRest) -> None:
    venue.market.funding_hours = 4
    assert await funding_interval_minutes(rest, "BTCUSDT") == 240
    venue.maintenance()
    assert await funding_interval_minutes(rest, "BTCUSDT") == 480


async def test_history_comes_from_the_venues_klines(venue: FakeBinance) -> None:
    bars = await history(venue.url, "BTCUSDT").fetch(3, venue.now_ms() * 1_000_000)
    assert len(venue.requests("GET", "/fapi/v1/klines")) == 1
    assert len(bars) <= 3


async def test_what_is_found_tells_ours_from_others(venue: FakeBinance, rest: BinanceRest) -> None:
    assert not (await found_at_venue(rest, "BTCUSDT")).anything
    venue.by_hand("BUY", "LONG", "0.002", "50000.00")
    found = await found_at_venue(rest, "BTCUSDT")
    assert (found.foreign, found.anything) == (1, False)
    venue.by_hand("BUY", "LONG", "0.003")
    found = await found_at_venue(rest, "BTCUSDT")
    assert found.held == {Leg.LONG: D("0.003")}
    assert found.words == "long 0.003, orders of others: 1, left alone"


def test_the_question_names_what_is_there_and_what_each_answer_means() -> None:
    lines = lines_of(Found(held={Leg.SHORT: D("0.004")}, entries=8, exits=2, foreign=0))
    assert lines[0] == "at the venue: short 0.004, 8 entries and 2 exits of ours"
    assert [line.split()[0] for line in lines[1:]] == ["adopt", "cancel", "flatten"]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("choice", "name"),
    [(AtStart.ADOPT, None), (AtStart.CANCEL, CommandName.CANCEL_ENTRIES), (AtStart.FLATTEN, CommandName.FLATTEN)],
)
def test_a_choice_other_than_adopt_pauses_before_its_command(choice: AtStart, name: CommandName | None) -> None:
    command = command_at_start(choice)
    assert (None if command is None else command.name) is name
    past = held_back(Past(), choice)
    assert (past.latches.paused is None) is (name is None)
    paused = Past(latches=Latches(paused="by hand"))
    assert held_back(paused, choice).latches.paused == "by hand"
