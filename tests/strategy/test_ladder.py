"""The ladders around a centre, and which of their rungs are taken."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.config import GridConfig, InstrumentConfig
from strategy.domain import Leg, Lot, Market, OrderKey, Role, Side
from strategy.ladder import build_ladder, needs_recentre, recentre_bounds
from strategy.placement import desired_entry, occupied, rungs_nearest_first

SPEC = InstrumentConfig().spec()
GRID = GridConfig(levels=4)
LADDER = build_ladder(Decimal(60_000), GRID, SPEC)


def lot(number: int, leg: Leg, anchor: str) -> Lot:
    return Lot(number, leg, 1, Decimal(anchor), Decimal(60), Decimal("0.002"), Decimal(120), 1)


def test_rungs_stand_a_step_apart_on_both_sides() -> None:
    assert LADDER.step == 60
    assert [rung.price for rung in LADDER.long] == [Decimal(price) for price in (59_940, 59_880, 59_820, 59_760)]
    assert [rung.price for rung in LADDER.short] == [Decimal(price) for price in (60_060, 60_120, 60_180, 60_240)]
    assert [rung.level for rung in LADDER.side(Leg.SHORT)] == [1, 2, 3, 4]


def test_quantities_scale_with_the_level_and_are_floored_to_the_lot_step() -> None:
    ladder = build_ladder(Decimal(60_000), GridConfig(levels=4, qty_scale=Decimal("1.5")), SPEC)
    assert [str(rung.qty) for rung in ladder.long] == ["0.002", "0.003", "0.004", "0.006"]


@given(
    centre=st.decimals(1_000, 200_000, places=4),
    step=st.decimals(2, 100, places=2),
    tick=st.sampled_from(["0.1", "0.05", "0.5", "5", "0.0001"]),
)
def test_s01_every_rung_is_on_the_tick_and_never_nearer_than_its_place(
    centre: Decimal, step: Decimal, tick: str
) -> None:
    spec = InstrumentConfig(tick_size=Decimal(tick)).spec()
    ladder = build_ladder(centre, GridConfig(step_bps=step), spec)
    for rung in rungs_nearest_first(ladder):
        place = centre - rung.leg.sign * rung.level * ladder.step
        assert rung.price % spec.tick_size == 0
        assert 0 <= rung.leg.sign * (place - rung.price) < spec.tick_size


@pytest.mark.parametrize(("mid", "moves"), [("60360", False), ("60360.5", True), ("59640", False), ("59639.5", True)])
def test_the_ladder_moves_only_beyond_the_trigger(mid: str, moves: bool) -> None:
    assert recentre_bounds(Decimal(60_000), GRID) == (Decimal(59_640), Decimal(60_360))
    market = Market(Decimal(mid) - Decimal("0.5"), Decimal(mid) + Decimal("0.5"), 0)
    assert needs_recentre(LADDER, market, GRID) is moves


def test_rungs_come_nearest_first_from_both_sides() -> None:
    assert [(rung.leg, rung.level) for rung in rungs_nearest_first(LADDER)][:3] == [
        (Leg.LONG, 1),
        (Leg.SHORT, 1),
        (Leg.LONG, 2),
    ]


def test_an_entry_asks_for_its_rungs_price_and_quantity() -> None:
    order = desired_entry(LADDER.short[1], 0, None, SPEC.tick_size, LADDER.step / 2)
    assert order.key == OrderKey(Leg.SHORT, Role.ENTRY, 2)
    assert (order.side, order.price, order.qty, order.lot) == (Side.SELL, Decimal(60_120), Decimal("0.002"), None)


@pytest.mark.parametrize(
    ("leg", "anchor", "level"),
    [
        (Leg.LONG, "59940", 1),
        (Leg.LONG, "59910.1", 1),
        (Leg.LONG, "59969.9", 1),
        (Leg.LONG, "59909.9", 2),
        (Leg.SHORT, "60060", 1),
        (Leg.SHORT, "60210.1", 4),
        (Leg.LONG, "59910", None),
        (Leg.LONG, "59970", None),
        (Leg.LONG, "60060", None),
        (Leg.LONG, "59700", None),
    ],
)
def test_a_lot_occupies_the_rung_within_half_a_step_of_its_entry(leg: Leg, anchor: str, level: int | None) -> None:
    expected = set() if level is None else {OrderKey(leg, Role.ENTRY, level)}
    assert set(occupied(LADDER, [lot(1, leg, anchor)])) == expected


@given(st.lists(st.tuples(st.sampled_from(Leg), st.decimals(59_500, 60_500, places=1)), max_size=12))
def test_occupation_agrees_with_asking_each_rung(lots: list[tuple[Leg, Decimal]]) -> None:
    book = [lot(number, leg, str(anchor)) for number, (leg, anchor) in enumerate(lots, 1)]
    naive = {}
    for rung in rungs_nearest_first(LADDER):
        near = [each for each in book if each.leg is rung.leg and abs(each.anchor - rung.price) < LADDER.step / 2]
        if near:
            naive[OrderKey(rung.leg, Role.ENTRY, rung.level)] = near[0]
    assert occupied(LADDER, book) == naive
