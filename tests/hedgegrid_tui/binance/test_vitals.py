"""The venue's vitals: each number from whoever knows it, None where nobody does; the clock is an alarm when far off."""

import msgspec
import pytest

from hedgegrid_tui.engine.binance.guards.dead_man import DeadManSwitch
from hedgegrid_tui.engine.binance.guards.limits import VenueLimits
from hedgegrid_tui.engine.binance.guards.truth import TruthPoll
from hedgegrid_tui.engine.binance.guards.vitals import CLOCK_AGAIN_S, CLOCK_EVERY_S, EVERY_S, SKEW, VenueVitalsFeed
from hedgegrid_tui.engine.binance.rest.client import BinanceRest
from strategy.snapshot import VenueVitals
from strategy.venue_config import BinanceConfig
from tests.hedgegrid_tui.binance.witness import Witness, until
from tests.venue.binance.server import FakeBinance

TIME = "/fapi/v1/time"


class Desk:
    def __init__(self, rest: BinanceRest, dead_man_s: int = 120) -> None:
        self.witness = Witness()
        self.steady = 0.0
        self.limits = VenueLimits(self.witness, 25)
        rest.on_usage = self.limits.on_usage
        config = BinanceConfig(dead_man_s=dead_man_s)
        self.dead_man = DeadManSwitch(
            rest, "BTCUSDT", config, self.witness,
            ails=lambda: "", are_exits_back=lambda _ns: True, monotonic=lambda: self.steady,
        )  # fmt: skip
        self.truth = TruthPoll(
            rest, "BTCUSDT", 5, self.witness,
            books=lambda: None, is_ours=lambda _id: True, is_limited=self.limits.is_limited,
        )  # fmt: skip
        self.feed = VenueVitalsFeed(
            rest, self.witness, recv_window_ms=5000, limits=self.limits, dead_man=self.dead_man, truth=self.truth
        )

    def advance(self, seconds: float) -> None:
        self.witness.advance(seconds)
        self.steady += seconds


@pytest.fixture
def desk(rest: BinanceRest) -> Desk:
    return Desk(rest)


async def test_what_nobody_knows_yet_is_none(desk: Desk) -> None:
    assert await desk.feed.look() == EVERY_S
    assert desk.witness.vitals == VenueVitals(
        taken_ns=desk.witness.clock,
        weight_limit=2400,
        orders_10s_limit=300,
        orders_1m_limit=1200,
        dead_man_of_s=120,
    )


async def test_every_number_comes_from_whoever_knows_it(desk: Desk) -> None:
    desk.feed.on_stream_word(desk.witness.clock)
    await desk.dead_man.look()
    assert await desk.feed.look_at_clock() == CLOCK_EVERY_S
    desk.advance(1.5)
    desk.feed.on_stream_checked(desk.witness.clock)
    desk.truth.checked_ns = desk.witness.clock
    desk.limits.on_limited(9, "429")
    desk.advance(0.5)
    vitals = desk.feed.vitals()
    assert vitals.stream_age_ms == 2000
    assert vitals.stream_checked_ms == 500
    assert vitals.weight_used is not None
    assert vitals.dead_man_s == 118
    assert vitals.round_trip_ms is not None
    assert vitals.skew_ms is not None
    assert abs(vitals.skew_ms) < 500
    assert vitals.limited_until_ns == desk.limits.until_ns
    assert vitals.checked_ns == desk.truth.checked_ns


async def test_a_word_of_the_stream_is_a_sign_of_life_too(desk: Desk) -> None:
    desk.feed.on_stream_word(desk.witness.clock)
    vitals = desk.feed.vitals()
    assert (vitals.stream_age_ms, vitals.stream_checked_ms) == (0, 0)


async def test_a_switch_that_is_off_has_no_seconds_and_one_that_is_over_has_none_left(rest: BinanceRest) -> None:
    assert Desk(rest, dead_man_s=0).feed.vitals().dead_man_of_s is None
    desk = Desk(rest)
    await desk.dead_man.look()
    desk.advance(200)
    assert desk.feed.vitals().dead_man_s == 0


@pytest.mark.parametrize(("skew_ms", "words"), [(2600, "ahead of"), (-2600, "behind"), (2300, None), (-2300, None)])
async def test_a_clock_beyond_half_of_what_requests_may_differ_is_an_alarm(
    desk: Desk, venue: FakeBinance, skew_ms: int, words: str | None
) -> None:
    venue.skew_ms = skew_ms
    await desk.feed.look_at_clock()
    assert desk.witness.alarms == {}, "whoever asked the clock: it is judged with each look"
    await desk.feed.look()
    told = desk.witness.alarms.get((SKEW, None))
    assert (told is not None and words in told) if words else told is None
    venue.skew_ms = 0
    await desk.feed.look_at_clock()
    await desk.feed.look()
    assert desk.witness.alarms == {}


async def test_a_clock_that_cannot_be_asked_is_asked_again_sooner_and_keeps_its_alarm(
    desk: Desk, venue: FakeBinance
) -> None:
    venue.skew_ms = 9000
    await desk.feed.look_at_clock()
    await desk.feed.look()
    venue.when("GET", TIME).drop()
    assert await desk.feed.look_at_clock() == CLOCK_AGAIN_S
    assert (SKEW, None) in desk.witness.alarms


async def test_while_limited_the_clock_is_not_asked(desk: Desk, venue: FakeBinance) -> None:
    desk.limits.on_limited(9, "429")
    assert await desk.feed.look_at_clock() == CLOCK_AGAIN_S
    assert venue.requests("GET", TIME) == []


async def test_each_look_ends_what_is_over(desk: Desk) -> None:
    desk.limits.on_limited(9, "418", banned=True)
    desk.advance(9)
    await desk.feed.look()
    assert desk.witness.alarms == {}
    assert desk.witness.vitals is not None
    assert desk.witness.vitals.limited_until_ns is None


async def test_started_it_tells_by_itself(desk: Desk) -> None:
    desk.feed.start()
    await until(lambda: desk.witness.vitals is not None and desk.feed.vitals().round_trip_ms is not None)
    await desk.feed.stop()
    assert msgspec.json.encode(desk.witness.vitals)
