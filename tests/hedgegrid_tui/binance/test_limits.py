"""The venue's budgets: headers are shown, the reserve is kept for exits, a wait is a wait and a ban an alarm."""

from typing import Any

import pytest

from hedgegrid_tui.engine.binance.guards.limits import BANNED, MINUTE_NS, SLACK_NS, TEN_S_NS, VenueLimits
from hedgegrid_tui.engine.binance.rest.client import BinanceRest, LimitedError, Usage
from strategy.domain import NS_PER_S, Reason
from tests.hedgegrid_tui.binance.witness import Witness
from tests.venue.binance.server import FakeBinance

LIMITED = Reason.VENUE_LIMITED


@pytest.fixture
def witness() -> Witness:
    found = Witness()
    found.clock -= found.clock % MINUTE_NS - 20 * NS_PER_S
    return found


@pytest.fixture
def limits(witness: Witness) -> VenueLimits:
    return VenueLimits(witness, 25)


def tell(limits: VenueLimits, witness: Witness, **used: int) -> None:
    stamps: dict[str, Any] = {f"{name}_ns": witness.clock for name in used}
    limits.on_usage(Usage(**used, **stamps))


@pytest.mark.parametrize(
    ("name", "most", "window"),
    [("weight_1m", 1800, MINUTE_NS), ("orders_10s", 225, TEN_S_NS), ("orders_1m", 900, MINUTE_NS)],
)
def test_beyond_the_reserve_entries_wait_until_the_window_turns(
    limits: VenueLimits, witness: Witness, name: str, most: int, window: int
) -> None:
    tell(limits, witness, **{name: most})
    assert witness.shut == {}
    tell(limits, witness, **{name: most + 1})
    words, until = witness.shut[LIMITED]
    assert until == (witness.clock // window + 1) * window + SLACK_NS
    assert "75 %" in words
    assert not limits.is_limited(), "exits, cancels and looks go on"


def test_questions_may_use_half_of_the_reserve(limits: VenueLimits, witness: Witness) -> None:
    assert limits.has_room(), "before any answer"
    tell(limits, witness, weight_1m=2100)
    assert limits.has_room()
    tell(limits, witness, weight_1m=2101)
    assert not limits.has_room()
    witness.advance(60)
    assert limits.has_room()


def test_one_window_is_told_once_and_the_next_anew(limits: VenueLimits, witness: Witness) -> None:
    for used in (2000, 2100, 2200):
        tell(limits, witness, weight_1m=used)
    assert len(witness.closures) == 1
    witness.advance(60)
    tell(limits, witness, weight_1m=2000)
    assert len(witness.closures) == 2


def test_windows_turn_by_the_venue_s_clock(witness: Witness) -> None:
    limits = VenueLimits(witness, 25, offset_ms=lambda: 3000)
    tell(limits, witness, weight_1m=2000)
    assert witness.shut[LIMITED][1] == (witness.clock // MINUTE_NS + 1) * MINUTE_NS - 3 * NS_PER_S + SLACK_NS


def test_numbers_of_a_window_that_is_over_shut_nothing_and_are_not_shown(limits: VenueLimits, witness: Witness) -> None:
    told = Usage(weight_1m=2300, weight_1m_ns=witness.clock, orders_10s=299, orders_10s_ns=witness.clock)
    witness.advance(61)
    limits.on_usage(told)
    assert witness.shut == {}
    assert limits.weight.at(witness.clock) is None
    assert limits.orders_10s.at(witness.clock) is None


def test_numbers_of_the_last_minute_that_are_heard_in_this_one_shut_nothing(
    limits: VenueLimits, witness: Witness
) -> None:
    witness.advance(39)
    told = Usage(weight_1m=2300, weight_1m_ns=witness.clock)
    witness.advance(2)
    limits.on_usage(told)
    assert witness.shut == {}
    assert limits.weight.at(witness.clock) == 2300, "shown all the same until it is a minute old"


def test_a_word_that_comes_late_does_not_replace_a_later_one(limits: VenueLimits, witness: Witness) -> None:
    late = Usage(weight_1m=5, weight_1m_ns=witness.clock)
    witness.advance(1)
    tell(limits, witness, weight_1m=100)
    limits.on_usage(late)
    limits.on_usage(Usage())
    assert limits.weight.at(witness.clock) == 100


def test_budgets_of_the_venue_s_own_word_replace_the_usual_ones(limits: VenueLimits, witness: Witness) -> None:
    limits.set_budgets(6000, None, 100)
    tell(limits, witness, weight_1m=4000, orders_10s=225)
    assert witness.shut == {}
    tell(limits, witness, orders_1m=76)
    assert LIMITED in witness.shut


def test_the_reserve_is_as_configured(witness: Witness) -> None:
    limits = VenueLimits(witness, 90)
    tell(limits, witness, weight_1m=241)
    assert "10 %" in witness.shut[LIMITED][0]


def test_a_wait_shuts_entries_for_as_long_as_the_venue_says(limits: VenueLimits, witness: Witness) -> None:
    limits.on_limited(7.5, "429 too many requests")
    assert witness.shut[LIMITED] == (
        "the venue says to wait 8 s: 429 too many requests",
        witness.clock + 7_500_000_000,
    )
    assert witness.alarms == {}
    witness.advance(7.4)
    assert limits.is_limited()
    witness.advance(0.2)
    assert not limits.is_limited()


def test_of_several_waits_the_longest_stands(limits: VenueLimits, witness: Witness) -> None:
    limits.on_limited(100, "429 long")
    limits.on_limited(5, "429 short")
    tell(limits, witness, weight_1m=2300)
    assert witness.shut[LIMITED][1] == limits.until_ns == witness.clock + 100 * NS_PER_S
    assert len(witness.closures) == 1


def test_a_ban_is_an_alarm_until_it_is_over_and_then_the_strategy_looks_again(
    limits: VenueLimits, witness: Witness
) -> None:
    limits.on_limited(120, "418 banned", banned=True)
    limits.on_limited(119, "418 banned", banned=True)
    assert witness.alarms[BANNED, None] == ("no request is taken for 120 s, cancels and closes included: 418 banned")
    witness.advance(119)
    limits.look()
    assert (BANNED, None) in witness.alarms
    witness.advance(1)
    limits.look()
    limits.look()
    assert witness.alarms == {}
    assert witness.looks == 1


async def test_the_headers_of_the_venue_itself_are_read(venue: FakeBinance, rest: BinanceRest) -> None:
    witness = Witness()
    limits = VenueLimits(witness, 25)
    rest.on_usage = limits.on_usage
    venue.guard.weight_limit = 100_000
    for _ in range(46):
        await rest.signed("GET", "/fapi/v1/openOrders")
    used = limits.weight.at(witness.now())
    assert used is not None
    assert used > 1800
    assert LIMITED in witness.shut


@pytest.mark.parametrize("banned", [False, True])
async def test_429_and_418_of_the_venue_itself_are_taken(venue: FakeBinance, rest: BinanceRest, banned: bool) -> None:
    witness = Witness()
    limits = VenueLimits(witness, 25)
    rest.on_limited = lambda error: limits.on_limited(error.retry_after_s, error.words, banned=error.is_ban)
    venue.when("GET", "/fapi/v1/openOrders").limit(30, banned=banned)
    with pytest.raises(LimitedError):
        await rest.signed("GET", "/fapi/v1/openOrders")
    assert witness.shut[LIMITED][1] == witness.clock + 30 * NS_PER_S
    assert ((BANNED, None) in witness.alarms) is banned
