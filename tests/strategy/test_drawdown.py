"""Drawdown: confirmed losses act once each, one wild price does nothing, and transfers are no losses."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.domain import NS_PER_DAY, NS_PER_S
from strategy.drawdown import Crossing, Drawdown, Level, Scope
from strategy.risk_config import DrawdownConfig

START = 19_000 * NS_PER_DAY
OFF = {f"{scope}_{level}_pct": Decimal(0) for scope in Scope for level in Level}
HUNDRED = Decimal(100)
moves = st.lists(st.integers(-6, 6), min_size=1, max_size=60)
"""Steps of the equity from one sample to the next, in hundredths of what it began with."""


def drawdown(samples: int = 3, equity: str = "1000", **limits: str) -> Drawdown:
    levels = {f"{name}_pct": Decimal(value) for name, value in limits.items()}
    return Drawdown(DrawdownConfig(**(OFF | levels), samples=samples), Decimal(equity))


def feed(made: Drawdown, equities: Sequence[str | int | Decimal], start: int = START) -> list[str]:
    """One sample a second; the names of the levels that have acted, in their sequence."""
    names = []
    for number, equity in enumerate(equities):
        crossings, _ = made.sample(start + number * NS_PER_S, Decimal(equity))
        names += [crossing.name for crossing in crossings]
    return names


def path(steps: list[int]) -> list[Decimal]:
    equity, found = Decimal(1000), []
    for step in steps:
        equity += 10 * step
        found.append(equity)
    return found


# -- the peak ----------------------------------------------------------------------------------------------------------


@given(moves, st.integers(1, 5))
def test_i20_the_peak_never_falls_and_is_what_so_many_samples_in_a_row_have_reached(
    steps: list[int], samples: int
) -> None:
    made, equities = drawdown(samples), path(steps)
    peaks = []
    for number, equity in enumerate(equities):
        made.sample(START + number * NS_PER_S, equity)
        peaks.append(made.peak)
    windows = [equities[number : number + samples] for number in range(len(equities) - samples + 1)]
    assert peaks == sorted(peaks)
    assert peaks[-1] == max([Decimal(1000), *map(min, windows)])


# -- crossings ---------------------------------------------------------------------------------------------------------


@given(moves, st.integers(1, 4))
def test_i20_each_crossing_acts_once_until_a_new_peak_arms_it_again(steps: list[int], samples: int) -> None:
    """Against the losses themselves, computed anew from all samples so far."""
    limits = {Level.WARN: Decimal(4), Level.PAUSE: Decimal(8), Level.HALT: Decimal(16)}
    made = drawdown(samples, total_warn="4", total_pause="8", total_halt="16")
    equities, peak, armed = path(steps), Decimal(1000), set(Level)
    for number, equity in enumerate(equities):
        crossings, rearmed = made.sample(START + number * NS_PER_S, equity)
        window = equities[max(0, number - samples + 1) : number + 1]
        if len(window) < samples:
            assert (crossings, rearmed) == ([], [])
            continue
        if min(window) > peak:
            peak = min(window)
            assert set(rearmed) == {f"total-{level}" for level in set(Level) - armed}
            armed = set(Level)
        else:
            assert rearmed == []
        beyond = {level for level in armed if (peak - max(window)) / peak * 100 >= limits[level]}
        assert [crossing.level for crossing in crossings] == [level for level in Level if level in beyond]
        armed -= beyond
        assert set(made.reached) == {f"total-{level}" for level in set(Level) - armed}


@pytest.mark.parametrize(("scope", "base"), [("total", "the peak"), ("day", "the day's first equity")])
def test_s08_a_level_acts_at_its_limit_and_not_a_hair_before(scope: str, base: str) -> None:
    made = drawdown(1, **{f"{scope}_halt": "25"})
    assert feed(made, [1000, "750.00000001"]) == []
    crossings, _ = made.sample(START + 9 * NS_PER_S, Decimal(750))
    assert crossings == [Crossing(Scope(scope), Level.HALT, Decimal(25), Decimal(25))]
    assert crossings[0].words == f"25.00 % below {base}, limit 25 %"


@pytest.mark.parametrize("samples", range(1, 6))
def test_s08_a_loss_acts_with_the_sample_that_confirms_it(samples: int) -> None:
    made = drawdown(samples, total_pause="10")
    feed(made, [1000] * samples)
    acted = [bool(feed(made, [880], START + (samples + n) * NS_PER_S)) for n in range(samples + 2)]
    assert acted == [False] * (samples - 1) + [True, False, False]


@given(st.integers(3, 6), st.integers(0, 20), st.sampled_from(["1", "300", "1700", "100000"]), st.booleans())
def test_s08_one_wild_price_does_nothing_wherever_it_comes(
    samples: int, at: int, wild: str, at_the_days_first: bool
) -> None:
    limits = {
        f"{scope}_{level}": str(limit) for scope in Scope for level, limit in zip(Level, (5, 10, 15), strict=True)
    }
    made, calm = drawdown(samples, **limits), drawdown(samples, **limits)
    equities = ["1000"] * 30
    feed(calm, equities)
    equities[0 if at_the_days_first else at] = wild
    assert feed(made, equities) == []
    assert made.view(HUNDRED) == calm.view(HUNDRED)


@given(moves)
def test_s08_levels_that_are_off_never_act(steps: list[int]) -> None:
    assert feed(drawdown(1), path(steps)) == []


def test_s08_a_crash_through_every_level_acts_by_each_of_them_mildest_first_and_counts_as_one_trip() -> None:
    limits = {f"{scope}_{level}": limit for scope in Scope for level, limit in zip(Level, "123", strict=True)}
    made = drawdown(1, **limits)
    feed(made, [1000])
    names = feed(made, [500], START + NS_PER_S)
    assert names == ["total-warn", "day-warn", "total-pause", "day-pause", "total-halt", "day-halt"]
    assert made.trips == 1
    assert feed(made, [400, 300, 200], START + 2 * NS_PER_S) == []
    assert made.trips == 1


def test_s08_a_warning_alone_is_no_trip() -> None:
    made = drawdown(1, total_warn="5")
    assert feed(made, [1000, 940]) == ["total-warn"]
    assert made.trips == 0


# -- days --------------------------------------------------------------------------------------------------------------


def test_s08_the_day_begins_with_the_middle_one_of_its_first_samples_and_arms_its_levels_again() -> None:
    made = drawdown(3, day_warn="5", total_warn="50")
    assert feed(made, [1000] * 3 + [900] * 3) == ["day-warn"]
    tomorrow = START + NS_PER_DAY
    crossings, rearmed = made.sample(tomorrow, Decimal(900))
    assert (crossings, rearmed, list(made.reached)) == ([], ["day-warn"], [])
    feed(made, [100, 901], tomorrow + NS_PER_S)
    assert made.day_start == Decimal(900)
    assert made.day == START // NS_PER_DAY + 1
    assert feed(made, [850] * 3, tomorrow + 3 * NS_PER_S) == ["day-warn"]


def test_s08_a_new_day_leaves_the_levels_of_the_total_as_they_are() -> None:
    made = drawdown(1, total_warn="5")
    assert feed(made, [1000, 900]) == ["total-warn"]
    assert made.sample(START + NS_PER_DAY, Decimal(900)) == ([], [])
    assert list(made.reached) == ["total-warn"]


def test_s08_a_new_peak_leaves_the_levels_of_the_day_as_they_are() -> None:
    made = drawdown(1, day_warn="5", total_warn="5", equity="500")
    assert feed(made, [1000, 900]) == ["total-warn", "day-warn"]
    _, rearmed = made.sample(START + 9 * NS_PER_S, Decimal(1001))
    assert rearmed == ["total-warn"]
    assert list(made.reached) == ["day-warn"]


# -- transfers ---------------------------------------------------------------------------------------------------------


@given(moves, st.lists(st.tuples(st.integers(0, 59), st.integers(-400, 4000)), max_size=6), st.integers(1, 4))
def test_s08_deposits_and_withdrawals_are_neither_losses_nor_peaks(
    steps: list[int], transfers: list[tuple[int, int]], samples: int
) -> None:
    """In quote: what is lost stays the same however much lies beside it, and a transfer alone makes no crossing."""
    made = drawdown(samples, total_warn="4")
    equities, moved = path(steps), Decimal(0)
    for number, equity in enumerate(equities):
        for at, amount in transfers:
            if at == number:
                lost = made.peak - (equity + moved)
                made.transfer(Decimal(amount))
                moved += amount
                assert made.peak - (equity + moved) == lost
        before = dict(made.reached)
        made.sample(START + number * NS_PER_S, equity + moved)
        window = equities[max(0, number - samples + 1) : number + 1]
        if len(window) == samples and max(window) >= made.peak - moved:
            assert set(made.reached) <= set(before), "a level acted although nothing was lost"
    windows = [equities[number : number + samples] for number in range(len(equities) - samples + 1)]
    assert made.peak - moved == max([Decimal(1000), *map(min, windows)])


def test_s08_a_transfer_in_the_first_samples_of_a_day_moves_them_too() -> None:
    made = drawdown(3, day_warn="5")
    feed(made, [1000, 1000])
    made.transfer(Decimal(-500))
    assert feed(made, [500] * 6, START + 2 * NS_PER_S) == []
    assert made.day_start == Decimal(500)


@pytest.mark.parametrize("withdrawn", ["1000", "1500"])
def test_s08_a_withdrawal_of_everything_divides_by_nothing_and_is_no_loss(withdrawn: str) -> None:
    made = drawdown(1, total_halt="25", day_halt="25")
    feed(made, [1000])
    made.transfer(-Decimal(withdrawn))
    left = 1000 - Decimal(withdrawn)
    assert feed(made, [left], START + NS_PER_S) == []
    assert feed(made, [left - 1], START + 2 * NS_PER_S) == ["total-halt", "day-halt"]


# -- a reset and a restart ---------------------------------------------------------------------------------------------


def test_s08_a_reset_begins_anew_at_the_present_equity() -> None:
    made = drawdown(2, total_halt="25", day_halt="25")
    assert feed(made, [1000] * 2 + [700] * 2) == ["total-halt", "day-halt"]
    made.reset(START + 5 * NS_PER_S, Decimal(700))
    assert (made.peak, made.day_start, made.reached) == (Decimal(700), Decimal(700), {})
    assert feed(made, [530] * 5, START + 6 * NS_PER_S) == []
    assert feed(made, [525] * 2, START + 20 * NS_PER_S) == ["total-halt", "day-halt"]
    assert made.trips == 2


def test_s08_a_sample_from_before_a_reset_confirms_nothing_after_it() -> None:
    made = drawdown(2, total_halt="25")
    feed(made, [1000, 1000, 700])
    made.reset(START + 5 * NS_PER_S, Decimal(1000))
    assert feed(made, [700], START + 6 * NS_PER_S) == []
    assert feed(made, [700], START + 7 * NS_PER_S) == ["total-halt"]


def test_s08_a_level_whose_act_has_failed_acts_with_the_next_sample() -> None:
    made = drawdown(1, total_warn="5", total_pause="10")
    feed(made, [1000])
    crossings, _ = made.sample(START + NS_PER_S, Decimal(800))
    made.forget(crossings[1:])
    assert feed(made, [800, 800], START + 2 * NS_PER_S) == ["total-pause"]


def test_i14_what_earlier_sessions_have_measured_goes_on() -> None:
    made = drawdown(1, total_warn="5", total_halt="25", day_warn="5", equity="800")
    made.go_on_from(Decimal(1000), START // NS_PER_DAY, Decimal(820), {"total-warn": None})
    assert feed(made, [800]) == []
    assert feed(made, [750], START + NS_PER_S) == ["day-warn", "total-halt"]


def test_the_view_shows_losses_against_both_bases() -> None:
    made = drawdown(1, total_warn="10", total_pause="15", total_halt="25", day_warn="5", day_pause="8", day_halt="12")
    feed(made, [1000, 880])
    view = made.view(Decimal(900))
    shown = [view.peak, view.total_pct, view.day_start, view.day_pct]
    assert shown == [Decimal(n) for n in (1000, 10, 1000, 10)]
    assert view.total_levels == (Decimal(10), Decimal(15), Decimal(25))
    assert view.day_levels == (Decimal(5), Decimal(8), Decimal(12))
    assert view.reached == ("total-warn", "day-warn", "day-pause", "day-halt")
    assert view.trips == 1
    gained = made.view(Decimal(1100))
    assert [gained.total_pct, gained.day_pct] == [Decimal(0), Decimal(-10)]


def test_before_a_day_has_its_first_samples_no_loss_of_it_is_shown() -> None:
    made = drawdown(3)
    made.sample(START, Decimal(1000))
    view = made.view(Decimal(500))
    assert [view.day_start, view.day_pct] == [Decimal(0), Decimal(0)]
    assert view.total_pct == 50
