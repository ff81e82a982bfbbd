"""Worst-case exposure: what every entry would make of both legs, and the price at which the account would be gone."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from strategy.config import load_config
from strategy.domain import NS_PER_S, ZERO, DesiredOrder, Leg, OrderKey, Reason, Role
from strategy.exposure import Caps, LegExposure, breach, liquidation_price, ramp_share
from strategy.risk_config import RampConfig

ONE = Decimal(1)
OFF = Caps(
    share=ONE, leg=ZERO, gross=ZERO, order=ZERO, order_pct=ZERO, leverage=ZERO, margin_pct=ZERO, liquidation_pct=ZERO,
    account_leverage=20, maintenance=Decimal("0.005"),
)  # fmt: skip
"""No limit at all."""
RICH = Decimal(10_000_000)
quantities = st.integers(0, 5_000).map(lambda n: Decimal(n) / 1000)
prices = st.integers(500, 200_000).map(Decimal)
rates = st.sampled_from(["0.004", "0.005", "0.01", "0.05"]).map(Decimal)


@st.composite
def exposures(draw: st.DrawFn) -> LegExposure:
    held, rests = draw(quantities), draw(quantities)
    return LegExposure(held, held * draw(prices), rests, rests * draw(prices))


both = st.fixed_dictionaries({leg: exposures() for leg in Leg})


def entry(leg: Leg = Leg.LONG, qty: str | Decimal = "1", price: str | int | Decimal = 1000) -> DesiredOrder:
    return DesiredOrder(OrderKey(leg, Role.ENTRY, 1), leg.entry_side, Decimal(price), Decimal(qty), None)


def first_breach(
    wanted: DesiredOrder,
    legs: Mapping[Leg, LegExposure] | None = None,
    wallet: Decimal = RICH,
    equity: Decimal = RICH,
    **caps: Any,
) -> Reason | None:
    assert wanted.price is not None
    limits = msgspec.structs.replace(OFF, **{name: Decimal(value) for name, value in caps.items()})
    return breach(wanted, wanted.price, legs or dict.fromkeys(Leg, LegExposure()), wallet, equity, limits)


# -- one leg -----------------------------------------------------------------------------------------------------------


@given(exposures(), quantities, prices)
def test_the_worst_case_of_a_leg_is_what_is_held_and_everything_that_may_enter(
    leg: LegExposure, qty: Decimal, price: Decimal
) -> None:
    assert leg.worst == leg.cost + leg.open_value
    assert leg.worst_qty == leg.qty + leg.open_qty
    grown = leg.grown(qty, qty * price)
    assert (grown.worst - leg.worst, grown.worst_qty - leg.worst_qty) == (qty * price, qty)
    assert grown.worst >= leg.worst
    assert grown.grown(-qty, -qty * price) == leg


# -- limits ------------------------------------------------------------------------------------------------------------

HELD = {
    Leg.LONG: LegExposure(Decimal(2), Decimal(2_000), ONE, Decimal(1_000)),
    Leg.SHORT: LegExposure(ONE, Decimal(1_000), ONE, Decimal(1_000)),
}
"""3,000 long and 2,000 short in the worst case; an entry of 1,000 makes it 4,000 and 6,000 of both."""


@pytest.mark.parametrize(
    ("limit", "at", "below", "reason"),
    [
        ("order", "1000", "999.99", Reason.ORDER_SIZE),
        ("order_pct", "10", "9.999", Reason.ORDER_SIZE),
        ("leg", "4000", "3999.99", Reason.LEG_CAP),
        ("gross", "6000", "5999.99", Reason.GROSS_CAP),
        ("leverage", "0.6", "0.5999", Reason.LEVERAGE),
        ("margin_pct", "3", "2.999", Reason.MARGIN),
    ],
)
def test_s06_a_limit_holds_to_the_last_unit_and_nought_switches_it_off(
    limit: str, at: str, below: str, reason: Reason
) -> None:
    def found(value: str) -> Reason | None:
        caps: dict[str, Any] = {limit: value}
        return first_breach(entry(), HELD, equity=Decimal(10_000), **caps)

    assert (found(at), found(below), found("0")) == (None, reason, None)


@pytest.mark.parametrize("equity", [0, -1])
def test_s06_without_equity_every_entry_is_refused_whatever_the_limits(equity: int) -> None:
    assert first_breach(entry(), equity=Decimal(equity)) is Reason.NO_EQUITY
    assert first_breach(entry(), equity=Decimal("0.01")) is None


def test_s06_of_several_limits_the_narrowest_scope_is_told_first() -> None:
    tight: dict[str, Any] = {"order": 1, "leg": 1, "gross": 1, "leverage": "0.001", "margin_pct": "0.001"}
    told = []
    for name in tuple(tight):
        told.append(first_breach(entry(), HELD, equity=Decimal(10_000), **tight))
        del tight[name]
    assert told == [Reason.ORDER_SIZE, Reason.LEG_CAP, Reason.GROSS_CAP, Reason.LEVERAGE, Reason.MARGIN]


@pytest.mark.parametrize("leg", Leg)
def test_s06_a_leg_cap_counts_its_own_leg_and_the_gross_cap_both(leg: Leg) -> None:
    other = Leg.SHORT if leg is Leg.LONG else Leg.LONG
    legs = {leg: LegExposure(), other: LegExposure(Decimal(9), Decimal(9_000))}
    assert first_breach(entry(leg), legs, leg="1000") is None
    assert first_breach(entry(leg), legs, gross="9999") is Reason.GROSS_CAP


@given(both, quantities, prices, st.sampled_from(["5000", "50000", "500000"]), st.sampled_from(Leg))
def test_i09_what_passes_keeps_leg_and_gross_cap_and_what_is_denied_would_not(
    legs: dict[Leg, LegExposure], qty: Decimal, price: Decimal, cap: str, leg: Leg
) -> None:
    assume(qty)
    worst = {each: legs[each].cost + legs[each].open_value for each in Leg}
    worst[leg] += qty * price
    reason = first_breach(entry(leg, qty, price), legs, leg=cap, gross=str(Decimal(cap) * 2))
    broken = [worst[leg] > Decimal(cap), sum(worst.values()) > Decimal(cap) * 2]
    expected = Reason.LEG_CAP if broken[0] else Reason.GROSS_CAP if broken[1] else None
    assert reason is expected


# -- liquidation -------------------------------------------------------------------------------------------------------


def surplus(leg: Leg, legs: Mapping[Leg, LegExposure], wallet: Decimal, rate: Decimal, price: Fraction) -> Fraction:
    """Equity less maintenance margin at a price, in exact fractions: a lot gains its distance times its quantity."""
    other = Leg.SHORT if leg is Leg.LONG else Leg.LONG
    entered, held = legs[leg], legs[other]
    qty, cost = Fraction(entered.qty + entered.open_qty), Fraction(entered.cost + entered.open_value)
    gain = leg.sign * (qty * price - cost) + other.sign * (Fraction(held.qty) * price - Fraction(held.cost))
    return Fraction(wallet) + gain - Fraction(rate) * (qty + Fraction(held.qty)) * price


@given(st.sampled_from(Leg), both, st.integers(1, 500_000).map(Decimal), rates)
def test_s06_at_the_liquidation_price_equity_is_the_maintenance_margin_and_beyond_it_less(
    leg: Leg, legs: dict[Leg, LegExposure], wallet: Decimal, rate: Decimal
) -> None:
    found = liquidation_price(leg, legs, wallet, rate)
    assume(found is not None)
    assert found is not None
    price = Fraction(found)
    scale = 1 + abs(Fraction(wallet)) + sum(Fraction(each.worst + each.worst_qty * found) for each in legs.values())
    assert abs(surplus(leg, legs, wallet, rate, price)) / scale < Fraction(1, 10**18)
    worse, better = price * (1 - leg.sign * Fraction(1, 10)), price * (1 + leg.sign * Fraction(1, 10))
    assert surplus(leg, legs, wallet, rate, worse) < 0 < surplus(leg, legs, wallet, rate, better)


@given(st.sampled_from(Leg), both, st.integers(1, 500_000).map(Decimal), rates)
def test_s06_without_a_liquidation_price_no_fall_of_a_solvent_leg_takes_the_account(
    leg: Leg, legs: dict[Leg, LegExposure], wallet: Decimal, rate: Decimal
) -> None:
    """For a long leg any lower price, for a short one any higher."""
    now = Fraction(10_000)
    assume(surplus(leg, legs, wallet, rate, now) >= 0)
    assume(legs[leg].worst_qty > legs[Leg.SHORT if leg is Leg.LONG else Leg.LONG].qty)
    if liquidation_price(leg, legs, wallet, rate) is not None:
        return
    for factor in (Fraction(1, 2), Fraction(1, 100), Fraction(1, 10_000)):
        price = now * factor if leg is Leg.LONG else now / factor
        assert surplus(leg, legs, wallet, rate, price) >= 0


def test_s06_a_known_liquidation_price_by_hand() -> None:
    """10,000 in the wallet, 1 long at 60,000: 10,000 + p - 60,000 = 0.005 p, so that p = 50,000 / 0.995."""
    legs = {Leg.LONG: LegExposure(ONE, Decimal(60_000)), Leg.SHORT: LegExposure()}
    found = liquidation_price(Leg.LONG, legs, Decimal(10_000), Decimal("0.005"))
    assert found is not None
    assert found.quantize(Decimal("0.01")) == Decimal("50251.26")
    assert liquidation_price(Leg.SHORT, legs, Decimal(10_000), Decimal("0.005")) is None
    assert liquidation_price(Leg.LONG, legs, Decimal(60_000), Decimal("0.005")) is None


@given(st.sampled_from(Leg), both, st.integers(1, 500_000).map(Decimal), rates, quantities, prices)
def test_s06_one_more_entry_at_its_own_price_brings_liquidation_no_farther_away(
    leg: Leg, legs: dict[Leg, LegExposure], wallet: Decimal, rate: Decimal, qty: Decimal, price: Decimal
) -> None:
    """Entering above a long leg's liquidation price, or below a short one's, raises it towards the market."""
    assume(qty)
    before = liquidation_price(leg, legs, wallet, rate)
    assume(before is not None)
    assert before is not None
    assume(leg.sign * (price - before) > 0)
    grown = {**legs, leg: legs[leg].grown(qty, qty * price)}
    after = liquidation_price(leg, grown, wallet, rate)
    assert after is not None
    assert leg.sign * (after - before) >= -Decimal("1E-15") * before


@pytest.mark.parametrize("leg", Leg)
def test_s06_an_entry_must_keep_its_distance_to_liquidation(leg: Leg) -> None:
    order = entry(leg, qty="1", price=60_000)
    legs = dict.fromkeys(Leg, LegExposure())
    wallet = Decimal(10_000)
    grown = {**legs, leg: LegExposure(ZERO, ZERO, ONE, Decimal(60_000))}
    price = liquidation_price(leg, grown, wallet, OFF.maintenance)
    assert price is not None
    distance = leg.sign * (60_000 - price) / 60_000 * 100
    assert Decimal(15) < distance < Decimal(17)
    assert first_breach(order, legs, wallet, wallet, liquidation_pct="15") is None
    assert first_breach(order, legs, wallet, wallet, liquidation_pct="17") is Reason.LIQUIDATION
    assert first_breach(order, legs, wallet, wallet, liquidation_pct="0") is None


def test_s06_an_account_that_is_below_its_maintenance_margin_enters_nothing_even_where_it_is_nearly_hedged() -> None:
    legs = {
        Leg.LONG: LegExposure(Decimal("9.9"), Decimal(594_000)),
        Leg.SHORT: LegExposure(Decimal(10), Decimal(600_000)),
    }
    assert liquidation_price(Leg.LONG, legs, Decimal(100), OFF.maintenance) is None
    order = entry(Leg.LONG, qty="0.2", price=59_900)
    assert first_breach(order, legs, Decimal(100), Decimal(100), liquidation_pct="10") is Reason.LIQUIDATION


def test_s06_an_entry_that_hedges_is_not_held_back_by_the_other_legs_liquidation() -> None:
    legs = {Leg.LONG: LegExposure(ONE, Decimal(60_000)), Leg.SHORT: LegExposure()}
    order = entry(Leg.SHORT, qty="0.5", price=60_000)
    assert first_breach(order, legs, Decimal(10_000), Decimal(10_000), liquidation_pct="50") is None


# -- caps and the ramp -------------------------------------------------------------------------------------------------


def test_the_ramp_scales_the_notional_limits_and_nothing_else() -> None:
    config = load_config(None, ("limits.max_leg_notional=2000", "limits.max_gross_notional=3000"))
    full, quarter = Caps.of(config, ONE), Caps.of(config, Decimal("0.25"))
    assert (full.leg, full.gross) == (Decimal(2000), Decimal(3000))
    assert (quarter.leg, quarter.gross, quarter.share) == (Decimal(500), Decimal(750), Decimal("0.25"))
    assert msgspec.structs.replace(quarter, leg=full.leg, gross=full.gross, share=ONE) == full


def test_caps_take_percentages_and_the_account_from_the_configuration() -> None:
    caps = Caps.of(load_config(None, ("account.leverage=7", "account.maintenance_margin_pct=0.4")), ONE)
    assert (caps.account_leverage, caps.maintenance) == (7, Decimal("0.004"))
    assert (caps.order, caps.order_pct, caps.leverage) == (Decimal(10_000), Decimal(50), Decimal(5))
    assert (caps.margin_pct, caps.liquidation_pct) == (Decimal(80), Decimal(10))


DAY = 86_400 * NS_PER_S


@pytest.mark.parametrize(
    ("passed", "share"),
    [
        (-5, "0.2"),
        (0, "0.2"),
        (DAY - 1, "0.2"),
        (DAY, "0.4"),
        (2 * DAY, "0.6"),
        (4 * DAY - 1, "0.8"),
        (4 * DAY, "1"),
        (900 * DAY, "1"),
    ],
)
def test_the_ramp_grows_by_equal_parts_day_by_day(passed: int, share: str) -> None:
    ramp = RampConfig(start_pct=Decimal(20), days=4)
    assert ramp_share(ramp, 7 * DAY, 7 * DAY + passed) == Decimal(share)


def test_a_ramp_that_starts_in_full_is_off() -> None:
    assert ramp_share(RampConfig(start_pct=Decimal(100)), 0, 0) == 1
