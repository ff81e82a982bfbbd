"""The entry that a rung asks for, and which rungs a lot occupies."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.config import GridConfig, InstrumentConfig
from strategy.domain import Ladder, Leg, Lot, Market, OrderKey, Role, Rung, Side
from strategy.ladder import build_ladder
from strategy.placement import desired_entry, entry_key, occupied, rungs_nearest_first

TICK = Decimal("0.1")
REACH = Decimal("29.97")
LADDER = build_ladder(Decimal(60_000), GridConfig(levels=3), InstrumentConfig().spec())
STEP = Decimal(60)
legs = st.sampled_from(Leg)


def rung(leg: Leg = Leg.LONG, price: str = "59940", level: int = 1) -> Rung:
    return Rung(leg, level, Decimal(price), Decimal("0.002"))


def market(bid: str, ask: str) -> Market:
    return Market(Decimal(bid), Decimal(ask), 0)


def lot(number: int, leg: Leg, anchor: Decimal | str) -> Lot:
    return Lot(number, leg, 1, Decimal(anchor), STEP, Decimal("0.002"), Decimal(120), 0)


def asked(leg: Leg, refused: int, where: Market | None, price: str = "59940", reach: Decimal = REACH) -> Decimal:
    found = desired_entry(rung(leg, price), refused, where, TICK, reach).price
    assert found is not None
    return found


@pytest.mark.parametrize(("leg", "side"), [(Leg.LONG, Side.BUY), (Leg.SHORT, Side.SELL)])
def test_a_rung_asks_for_its_own_price_and_quantity_and_remembers_what_it_stands_for(leg: Leg, side: Side) -> None:
    order = desired_entry(rung(leg, level=3), 0, market("1", "2"), TICK, REACH)
    assert order.key == entry_key(rung(leg, level=3)) == OrderKey(leg, Role.ENTRY, 3)
    assert (order.side, order.price, order.qty, order.lot) == (side, Decimal(59_940), Decimal("0.002"), None)
    assert order.aim == Decimal(59_940)


@pytest.mark.parametrize(
    ("leg", "refused", "bid", "ask", "price"),
    [
        (Leg.LONG, 1, "59950", "59950.1", "59939.9"),
        (Leg.LONG, 3, "59950", "59950.1", "59939.7"),
        (Leg.LONG, 1, "59935", "59935.1", "59935.0"),
        (Leg.LONG, 3, "59935", "59935.1", "59934.8"),
        (Leg.SHORT, 1, "59930", "59930.1", "59940.1"),
        (Leg.SHORT, 3, "59930", "59930.1", "59940.3"),
        (Leg.SHORT, 1, "59944.9", "59945", "59945.0"),
        (Leg.SHORT, 3, "59944.9", "59945", "59945.2"),
    ],
)
def test_each_refused_try_gives_way_by_a_tick_from_the_rung_or_from_the_book(
    leg: Leg, refused: int, bid: str, ask: str, price: str
) -> None:
    assert asked(leg, refused, market(bid, ask)) == Decimal(price)


@pytest.mark.parametrize(("leg", "price"), [(Leg.LONG, "59910.1"), (Leg.SHORT, "59969.9")])
def test_a_try_stays_within_reach_of_its_rung_however_far_the_book_is(leg: Leg, price: str) -> None:
    far = market("50000", "50000.1") if leg is Leg.LONG else market("70000", "70000.1")
    order = desired_entry(rung(leg), 1, far, TICK, REACH)
    assert order.price == Decimal(price)
    assert order.aim == Decimal(59_940)


def test_without_a_market_a_refused_try_keeps_its_rungs_price() -> None:
    assert asked(Leg.LONG, 2, None) == Decimal(59_940)


@given(legs, st.integers(0, 6), st.integers(590_000, 610_000), st.integers(1, 400))
def test_a_try_is_on_the_tick_never_nearer_to_the_market_and_further_with_each_refusal(
    leg: Leg, refused: int, bid: int, spread: int
) -> None:
    where = Market(Decimal(bid) / 10, Decimal(bid + spread) / 10, 0)
    price, after = asked(leg, refused, where), asked(leg, refused + 1, where)
    away = leg.sign * (Decimal(59_940) - price)
    assert price % TICK == 0
    assert 0 <= away < REACH
    assert leg.sign * (price - after) >= 0
    assert refused == 0 or away >= min(refused * TICK, REACH - TICK)


@pytest.mark.parametrize("leg", Leg)
def test_a_try_stays_nearer_to_its_rung_than_half_a_step_so_that_its_lot_occupies_the_rung(leg: Leg) -> None:
    reach = LADDER.step / 2
    where = market("59900", "59920") if leg is Leg.LONG else market("60080", "60100")
    order = desired_entry(LADDER.side(leg)[0], 1, where, TICK, reach)
    assert order.price is not None
    assert abs(order.price - LADDER.side(leg)[0].price) < reach
    assert occupied(LADDER, [lot(1, leg, order.price)]).keys() == {OrderKey(leg, Role.ENTRY, 1)}


# -- occupied rungs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("leg", Leg)
@pytest.mark.parametrize(
    ("steps", "level"),
    [
        ("1", 1),
        ("2", 2),
        ("3", 3),
        ("0.51", 1),
        ("1.49", 1),
        ("1.51", 2),
        ("3.49", 3),
        ("0.49", None),
        ("3.51", None),
        ("0", None),
        ("-1", None),
        ("-2", None),
        ("40", None),
    ],
)
def test_a_lot_occupies_the_rung_that_it_was_entered_within_half_a_step_of(
    leg: Leg, steps: str, level: int | None
) -> None:
    held = lot(5, leg, LADDER.centre - leg.sign * Decimal(steps) * LADDER.step)
    expected = {} if level is None else {OrderKey(leg, Role.ENTRY, level): held}
    assert occupied(LADDER, [held]) == expected


@pytest.mark.parametrize("steps", ["0.5", "1.5", "2.5", "3.5"])
def test_a_lot_exactly_between_two_rungs_occupies_neither(steps: str) -> None:
    assert occupied(LADDER, [lot(1, Leg.LONG, LADDER.centre - Decimal(steps) * LADDER.step)]) == {}


def test_of_two_lots_at_one_rung_the_older_is_named() -> None:
    older, newer = lot(3, Leg.SHORT, "60060"), lot(4, Leg.SHORT, "60061")
    assert occupied(LADDER, [older, newer]) == {OrderKey(Leg.SHORT, Role.ENTRY, 1): older}


@given(st.lists(st.tuples(legs, st.integers(0, 4_000)), max_size=6))
def test_occupied_is_what_a_search_through_all_rungs_finds(entered: list[tuple[Leg, int]]) -> None:
    lots = [
        lot(number, leg, LADDER.centre - leg.sign * Decimal(ticks) / 10) for number, (leg, ticks) in enumerate(entered)
    ]
    naive: dict[OrderKey, Lot] = {}
    for each in lots:
        for place in LADDER.side(each.leg):
            if abs(place.price - each.anchor) < LADDER.step / 2:
                naive.setdefault(entry_key(place), each)
    assert occupied(LADDER, lots) == naive


def test_rungs_come_from_the_centre_outwards_with_both_legs_in_turn() -> None:
    found = [(each.leg, each.level) for each in rungs_nearest_first(LADDER)]
    assert found == [(leg, level) for level in (1, 2, 3) for leg in (Leg.LONG, Leg.SHORT)]
    assert list(rungs_nearest_first(Ladder(Decimal(1), Decimal(1), (), ()))) == []
