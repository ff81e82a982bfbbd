"""The funding guard and the money of a settlement."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.config import FundingConfig
from strategy.domain import Leg
from strategy.funding import NS_PER_MINUTE, FundingView, guard, next_change, settlement

SETTLED = 1_700_006_400_000_000_000
HOURS_8 = 480
CONFIG = FundingConfig()
"""Thirty minutes, one basis point, half of the ladder."""
OPENS = SETTLED - 30 * NS_PER_MINUTE
DEAR = Decimal("0.0003")


def shares(view: FundingView) -> tuple[str, str]:
    return str(view.share_long), str(view.share_short)


@pytest.mark.parametrize(
    ("rate", "paying", "long", "short", "left"),
    [
        ("0.0003", Leg.LONG, "3", "-3", ("0.5", "1")),
        ("-0.0003", Leg.SHORT, "-3", "3", ("1", "0.5")),
    ],
)
def test_inside_the_window_only_the_leg_that_pays_shrinks(
    rate: str, paying: Leg, long: str, short: str, left: tuple[str, str]
) -> None:
    view = guard(Decimal(rate), SETTLED, HOURS_8, OPENS, CONFIG)
    assert view.in_window
    assert view.paying is paying
    assert (view.cost_long_bps, view.cost_short_bps) == (Decimal(long), Decimal(short))
    assert shares(view) == left
    assert view.shares == {Leg.LONG: Decimal(left[0]), Leg.SHORT: Decimal(left[1])}


@pytest.mark.parametrize(
    ("now", "in_window"),
    [(OPENS - 1, False), (OPENS, True), (SETTLED - 1, True), (SETTLED, False), (SETTLED + 1, False)],
)
def test_the_window_runs_from_its_first_moment_to_the_last_before_the_settlement(now: int, in_window: bool) -> None:
    view = guard(DEAR, SETTLED, HOURS_8, now, CONFIG)
    assert view.in_window is in_window
    assert (view.share_long < 1) is in_window


@pytest.mark.parametrize(("rate", "shrinks"), [("0.0001", False), ("0.000100001", True), ("-0.0001", False)])
def test_a_cost_at_the_limit_is_borne_and_one_above_it_is_not(rate: str, shrinks: bool) -> None:
    view = guard(Decimal(rate), SETTLED, HOURS_8, OPENS, CONFIG)
    assert view.is_costly is shrinks
    assert (shares(view) != ("1", "1")) is shrinks


def test_a_rate_of_zero_costs_nobody_anything() -> None:
    view = guard(Decimal(0), SETTLED, HOURS_8, OPENS, FundingConfig(max_cost_bps=Decimal(0)))
    assert view.paying is None
    assert view.cost_long_bps == view.cost_short_bps == Decimal(0)
    assert shares(view) == ("1", "1")
    assert next_change(view, OPENS) is None


@pytest.mark.parametrize(("rate", "next_ns"), [(None, SETTLED), (DEAR, None), (None, None)])
def test_what_is_not_known_has_no_effect(rate: Decimal | None, next_ns: int | None) -> None:
    view = guard(rate, next_ns, None, OPENS, CONFIG)
    assert shares(view) == ("1", "1")
    assert next_change(view, OPENS) is None


def test_the_cost_is_known_even_where_the_time_is_not() -> None:
    view = guard(DEAR, None, None, OPENS, CONFIG)
    assert (view.paying, view.cost_long_bps, view.opens_ns) == (Leg.LONG, Decimal(3), None)


def test_a_settlement_that_is_past_has_no_effect_and_asks_for_no_wake_up() -> None:
    view = guard(DEAR, SETTLED, HOURS_8, SETTLED + 1, CONFIG)
    assert shares(view) == ("1", "1")
    assert view.opens_ns is None
    assert next_change(view, SETTLED + 1) is None


@pytest.mark.parametrize(("interval", "minutes"), [(HOURS_8, 120), (60, 60), (None, 120), (0, 120)])
def test_the_window_is_no_longer_than_the_instruments_interval_where_that_is_known(
    interval: int | None, minutes: int
) -> None:
    view = guard(DEAR, SETTLED, interval, OPENS, FundingConfig(window_minutes=120))
    assert view.opens_ns == SETTLED - minutes * NS_PER_MINUTE
    assert view.interval_minutes == (interval or None)


def test_a_window_of_no_minutes_never_opens() -> None:
    view = guard(DEAR, SETTLED, HOURS_8, SETTLED - 1, FundingConfig(window_minutes=0))
    assert not view.in_window
    assert next_change(view, SETTLED - 1) is None


@pytest.mark.parametrize(
    ("now", "change"), [(OPENS - 5, OPENS), (OPENS, SETTLED), (SETTLED - 1, SETTLED), (SETTLED, None)]
)
def test_the_next_change_is_the_windows_opening_and_then_the_settlement(now: int, change: int | None) -> None:
    assert next_change(guard(DEAR, SETTLED, HOURS_8, now, CONFIG), now) == change


def test_a_cheap_settlement_asks_for_no_wake_up() -> None:
    assert next_change(guard(Decimal("0.00005"), SETTLED, HOURS_8, OPENS, CONFIG), OPENS) is None


def test_an_old_view_still_tells_what_comes_next() -> None:
    view = guard(DEAR, SETTLED, HOURS_8, OPENS - 5, CONFIG)
    assert next_change(view, OPENS + 1) == SETTLED
    assert next_change(view, SETTLED) is None


rates = st.decimals("-0.03", "0.03", places=8)
moments = st.integers(SETTLED - 600 * NS_PER_MINUTE, SETTLED + 10 * NS_PER_MINUTE)
configs = st.builds(
    FundingConfig,
    window_minutes=st.integers(0, 480),
    max_cost_bps=st.decimals(0, 50, places=2),
    paying_share=st.decimals(0, 1, places=2),
)
intervals = st.sampled_from([None, 0, 60, 240, 480])


@given(rates, intervals, moments, configs)
def test_by_time_alone_the_effect_changes_at_the_announced_moments_only(
    rate: Decimal, interval: int | None, now: int, config: FundingConfig
) -> None:
    view = guard(rate, SETTLED, interval, now, config)
    change = next_change(view, now)
    later = (SETTLED + NS_PER_MINUTE) if change is None else change - 1
    if later > now:
        assert guard(rate, SETTLED, interval, later, config).shares == view.shares
    if change is not None and config.paying_share < 1:
        assert guard(rate, SETTLED, interval, change, config).shares != view.shares


@given(rates, intervals, moments, configs)
def test_at_most_the_paying_leg_shrinks_and_never_below_its_share(
    rate: Decimal, interval: int | None, now: int, config: FundingConfig
) -> None:
    view = guard(rate, SETTLED, interval, now, config)
    for leg in Leg:
        assert view.shares[leg] in (1, config.paying_share)
        assert leg is view.paying or view.shares[leg] == 1


# -- the money -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leg", "rate", "amount"),
    [
        (Leg.LONG, "0.0001", "-6.00000000"),
        (Leg.SHORT, "0.0001", "6.00000000"),
        (Leg.LONG, "-0.0001", "6.00000000"),
        (Leg.SHORT, "-0.0001", "-6.00000000"),
        (Leg.LONG, "0", "0E-8"),
        (Leg.LONG, "0.00000000000001", "0E-8"),
    ],
)
def test_longs_pay_shorts_when_the_rate_is_above_zero_and_receive_below(leg: Leg, rate: str, amount: str) -> None:
    paid = settlement(leg, Decimal(1), Decimal(60_000), Decimal(rate))
    assert str(paid) == str(Decimal(amount))


def test_the_amount_is_rounded_half_to_even_at_the_eighth_decimal() -> None:
    assert settlement(Leg.SHORT, Decimal("0.5"), Decimal("0.00000001"), Decimal(1)) == 0
    assert settlement(Leg.SHORT, Decimal("1.5"), Decimal("0.00000001"), Decimal(1)) == Decimal("0.00000002")
    assert settlement(Leg.LONG, Decimal("2.5"), Decimal("0.00000001"), Decimal(1)) == Decimal("-0.00000002")


@given(st.decimals(0, 1000, places=3), st.decimals("0.1", 200_000, places=2), rates)
def test_two_equal_legs_pay_each_other(qty: Decimal, mark: Decimal, rate: Decimal) -> None:
    long, short = (settlement(leg, qty, mark, rate) for leg in Leg)
    assert long + short == 0
    assert abs(short - qty * mark * rate) <= Decimal("0.000000005")
