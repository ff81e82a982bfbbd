"""How much of each ladder is placed, and why the rest is not."""

import math
from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from strategy.config import GridConfig, InstrumentConfig, PlacementConfig, PlacementPolicy
from strategy.domain import InstrumentSpec, Ladder, Leg, OrderKey, Reason, Regime, Role, Rung
from strategy.ladder import build_ladder
from strategy.shape import Shape, regime_share, shape

ONE = Decimal(1)
HALF = Decimal("0.5")
CENTRE = Decimal(60_000)
SPEC = InstrumentConfig().spec()
FREE = InstrumentConfig(min_notional=Decimal(0)).spec()
BOTH = {Leg.LONG: ONE, Leg.SHORT: ONE}
QUIET = PlacementConfig(counter_share=ONE, core_share=ONE)


def ladder_of(qty: str, levels: int = 8, scale: str = "1", spec: InstrumentSpec = SPEC) -> Ladder:
    grid = GridConfig(levels=levels, base_qty=Decimal(qty), qty_scale=Decimal(scale), step_bps=Decimal(10))
    return build_ladder(CENTRE, grid, spec)


def throttled(ladder: Ladder, share: str | Decimal, spec: InstrumentSpec = SPEC) -> Shape:
    return shape(ladder, QUIET, spec, Regime.SIDEWAYS, Decimal(share), BOTH)


def quantities(shaped: Shape, leg: Leg = Leg.LONG) -> list[str]:
    return [str(rung.qty) for rung in shaped.wanted[leg]]


def reasons(shaped: Shape, leg: Leg = Leg.LONG) -> dict[int, Reason]:
    return {key.slot: reason for key, reason in shaped.absent.items() if key.leg is leg}


def total(rungs: tuple[Rung, ...]) -> Decimal:
    return sum((rung.qty for rung in rungs), Decimal(0))


# -- the share of a side -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "regime", "long", "short"),
    [
        (PlacementPolicy.THROTTLED_COUNTER, Regime.SIDEWAYS, "1", "1"),
        (PlacementPolicy.THROTTLED_COUNTER, Regime.UP, "1", "0.5"),
        (PlacementPolicy.THROTTLED_COUNTER, Regime.DOWN, "0.5", "1"),
        (PlacementPolicy.CORE_AND_SCALP, Regime.SIDEWAYS, "1", "1"),
        (PlacementPolicy.CORE_AND_SCALP, Regime.UP, "0.75", "0.5"),
        (PlacementPolicy.CORE_AND_SCALP, Regime.DOWN, "0.5", "0.75"),
    ],
)
def test_a_trend_thins_the_side_against_it_and_core_and_scalp_both(
    policy: PlacementPolicy, regime: Regime, long: str, short: str
) -> None:
    config = PlacementConfig(policy=policy)
    assert regime_share(Leg.LONG, regime, config) == Decimal(long)
    assert regime_share(Leg.SHORT, regime, config) == Decimal(short)


def test_regime_throttle_and_funding_multiply_on_each_side_by_itself() -> None:
    funding = {Leg.LONG: Decimal("0.8"), Leg.SHORT: ONE}
    shaped = shape(ladder_of("0.02"), PlacementConfig(), SPEC, Regime.UP, HALF, funding)
    assert shaped.shares == {Leg.LONG: Decimal("0.4"), Leg.SHORT: Decimal("0.25")}


def test_a_leg_without_a_funding_share_is_not_thinned_by_funding() -> None:
    shaped = shape(ladder_of("0.02"), QUIET, SPEC, Regime.SIDEWAYS, ONE, {Leg.SHORT: HALF})
    assert shaped.shares == {Leg.LONG: ONE, Leg.SHORT: HALF}


# -- what stays ----------------------------------------------------------------------------------------------------


def test_a_share_of_one_leaves_the_ladder_as_it_is_even_where_rungs_are_under_the_minimum() -> None:
    ladder = ladder_of("0.001", scale="1.5")
    shaped = throttled(ladder, "1")
    assert shaped.wanted == {Leg.LONG: ladder.long, Leg.SHORT: ladder.short}
    assert shaped.absent == {}


def test_a_share_of_nothing_leaves_no_rung() -> None:
    shaped = throttled(ladder_of("0.02", levels=3), "0")
    assert shaped.wanted == {Leg.LONG: (), Leg.SHORT: ()}
    assert reasons(shaped) == dict.fromkeys((1, 2, 3), Reason.THROTTLED)


def test_a_share_thins_levels_from_the_outside_and_quantities_on_every_level_that_stays() -> None:
    shaped = throttled(ladder_of("0.02"), "0.5")
    assert [rung.level for rung in shaped.wanted[Leg.LONG]] == [1, 2, 3, 4]
    assert quantities(shaped) == ["0.010"] * 4
    assert reasons(shaped) == dict.fromkeys((5, 6, 7, 8), Reason.THROTTLED)


def test_a_part_of_a_level_keeps_the_whole_level() -> None:
    assert len(throttled(ladder_of("0.02"), "0.51").wanted[Leg.LONG]) == 5


def test_prices_stay_where_they_are() -> None:
    ladder = ladder_of("0.02")
    assert [rung.price for rung in throttled(ladder, "0.5").wanted[Leg.SHORT]] == [
        rung.price for rung in ladder.short[:4]
    ]


# -- the minimum ---------------------------------------------------------------------------------------------------


def test_fewer_levels_stay_rather_than_rungs_under_the_minimum_notional() -> None:
    # Half of 0.003 is 0.001 after flooring, which is worth 60 of the 100 that an order needs. Four levels of 0.003
    # have 0.006 together: over three levels that is 0.002 each, which passes.
    shaped = throttled(ladder_of("0.003"), "0.5")
    assert quantities(shaped) == ["0.002"] * 3
    assert reasons(shaped) == {4: Reason.BELOW_MIN_NOTIONAL} | dict.fromkeys((5, 6, 7, 8), Reason.THROTTLED)


def test_no_rung_gets_more_than_its_full_quantity() -> None:
    shaped = throttled(ladder_of("0.002", levels=4), "0.6")
    # Three levels with 0.0036 together; two would get 0.0018 each, which floors to too little; one gets its 0.002.
    assert quantities(shaped) == ["0.002"]
    assert reasons(shaped) == {2: Reason.BELOW_MIN_NOTIONAL, 3: Reason.BELOW_MIN_NOTIONAL, 4: Reason.THROTTLED}


def test_no_rung_stays_where_the_budget_is_too_small_for_one() -> None:
    shaped = throttled(ladder_of("0.002", levels=2), "0.4")
    assert quantities(shaped) == []
    assert reasons(shaped) == {1: Reason.BELOW_MIN_NOTIONAL, 2: Reason.THROTTLED}


def test_the_least_quantity_counts_as_well_as_the_least_value() -> None:
    spec = InstrumentConfig(min_qty=Decimal("0.004"), min_notional=Decimal(0)).spec()
    assert quantities(throttled(ladder_of("0.006", spec=spec), "0.5", spec)) == ["0.004"] * 3


def test_a_rung_that_is_too_small_even_in_full_takes_no_part_and_takes_no_other_with_it() -> None:
    ladder = ladder_of("0.001", levels=4, scale="2")
    assert [str(rung.qty) for rung in ladder.long] == ["0.001", "0.002", "0.004", "0.008"]
    shaped = throttled(ladder, "0.7")
    # Three levels are kept, the first of which is worth 60; the others share 0.0042.
    assert [(rung.level, str(rung.qty)) for rung in shaped.wanted[Leg.LONG]] == [(2, "0.002")]
    assert reasons(shaped) == {1: Reason.BELOW_MIN_NOTIONAL, 3: Reason.BELOW_MIN_NOTIONAL, 4: Reason.THROTTLED}


# -- reasons -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("throttle", "funding", "counter", "reason"),
    [
        ("0.3", "0.5", "0.6", Reason.THROTTLED),
        ("0.5", "0.3", "0.6", Reason.FUNDING),
        ("0.6", "0.5", "0.3", Reason.REGIME),
        ("0.5", "0.5", "0.5", Reason.THROTTLED),
        ("0.6", "0.5", "0.5", Reason.FUNDING),
        ("0.5", "0.6", "0.5", Reason.THROTTLED),
        ("1", "1", "0.5", Reason.REGIME),
        ("1", "0.5", "1", Reason.FUNDING),
    ],
)
def test_the_most_restrictive_cause_is_the_reason_and_the_operators_own_comes_first(
    throttle: str, funding: str, counter: str, reason: Reason
) -> None:
    config = PlacementConfig(counter_share=Decimal(counter))
    both = dict.fromkeys(Leg, Decimal(funding))
    shaped = shape(ladder_of("0.2"), config, SPEC, Regime.UP, Decimal(throttle), both)
    assert set(reasons(shaped, Leg.SHORT).values()) == {reason}


# -- properties ----------------------------------------------------------------------------------------------------

shares = st.decimals(0, 1, places=3)
ladders = st.builds(
    ladder_of,
    qty=st.decimals("0.001", "0.02", places=3).map(str),
    levels=st.integers(1, 12),
    scale=st.sampled_from(["0.5", "0.8", "1", "1.25", "2"]),
)
specs = st.sampled_from([SPEC, FREE, InstrumentConfig(min_qty=Decimal("0.004")).spec()])


@st.composite
def requests(draw: st.DrawFn) -> tuple[Ladder, PlacementConfig, InstrumentSpec, Regime, Decimal, Mapping[Leg, Decimal]]:
    config = PlacementConfig(
        policy=draw(st.sampled_from(PlacementPolicy)), counter_share=draw(shares), core_share=draw(shares)
    )
    funding = {leg: draw(shares) for leg in Leg}
    return draw(ladders), config, draw(specs), draw(st.sampled_from(Regime)), draw(shares), funding


@given(requests())
def test_every_level_is_wanted_or_absent_and_never_both(
    request_: tuple[Ladder, PlacementConfig, InstrumentSpec, Regime, Decimal, Mapping[Leg, Decimal]],
) -> None:
    ladder = request_[0]
    shaped = shape(*request_)
    wanted = [OrderKey(leg, Role.ENTRY, rung.level) for leg in Leg for rung in shaped.wanted[leg]]
    assert len(wanted) == len(set(wanted))
    assert set(wanted).isdisjoint(shaped.absent)
    assert set(wanted) | set(shaped.absent) == {
        OrderKey(leg, Role.ENTRY, rung.level) for leg in Leg for rung in ladder.side(leg)
    }


@given(requests())
def test_what_is_wanted_is_orderable_within_its_rung_and_within_the_budget(
    request_: tuple[Ladder, PlacementConfig, InstrumentSpec, Regime, Decimal, Mapping[Leg, Decimal]],
) -> None:
    ladder, _, spec, *_ = request_
    shaped = shape(*request_)
    for leg in Leg:
        full, share, wanted = ladder.side(leg), shaped.shares[leg], shaped.wanted[leg]
        if share == 1:
            assert wanted == full
            continue
        kept = [rung for rung in full if rung.level <= math.ceil(len(full) * share)]
        assert {rung.level for rung in wanted} <= {rung.level for rung in kept}
        assert total(wanted) <= total(tuple(kept)) * share <= total(full)
        for rung in wanted:
            assert rung.price == full[rung.level - 1].price
            assert rung.qty <= full[rung.level - 1].qty
            assert rung.qty % spec.step_size == 0
            assert rung.qty >= spec.min_qty
            assert rung.qty * rung.price >= spec.min_notional


@given(requests())
def test_reasons_are_true(
    request_: tuple[Ladder, PlacementConfig, InstrumentSpec, Regime, Decimal, Mapping[Leg, Decimal]],
) -> None:
    ladder, config, _spec, regime, throttle, funding = request_
    for key, reason in shape(*request_).absent.items():
        factors = {
            Reason.THROTTLED: throttle,
            Reason.FUNDING: funding[key.leg],
            Reason.REGIME: regime_share(key.leg, regime, config),
        }
        if reason is Reason.BELOW_MIN_NOTIONAL:
            share = factors[Reason.THROTTLED] * factors[Reason.FUNDING] * factors[Reason.REGIME]
            assert (key.slot - 1) < share * len(ladder.side(key.leg))
        else:
            assert factors[reason] == min(factors.values()) < 1


@given(ladders, specs, shares, shares)
def test_a_smaller_share_never_gives_more_up_to_a_step_a_rung(
    ladder: Ladder, spec: InstrumentSpec, one: Decimal, other: Decimal
) -> None:
    assume(one != other)
    less, more = (throttled(ladder, share, spec) for share in sorted((one, other)))
    for leg in Leg:
        # Flooring loses up to a step on each rung of the larger share.
        tolerance = spec.step_size * len(more.wanted[leg])
        assert total(less.wanted[leg]) <= total(more.wanted[leg]) + tolerance
        assert {rung.level for rung in less.wanted[leg]} <= {rung.level for rung in more.wanted[leg]}
