"""Desired against live, one case each: which order is shrunk, joined, replaced, withdrawn, and with what words."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from strategy.config import GridConfig, InstrumentConfig, PlacementConfig
from strategy.domain import DesiredOrder, Ladder, Leg, Lot, OrderKey, Reason, Regime, Role, Rung, Side
from strategy.ladder import build_ladder
from strategy.order_index import OrderIndex, OrderRecord, OrderStatus
from strategy.placement import desired_entry, occupied
from strategy.reconcile import (
    Cancel,
    EntryPlan,
    Resize,
    Submit,
    SubmitPair,
    VenueRules,
    open_keys,
    reconcile_entries,
    reconcile_exits,
)
from strategy.shape import shape

PRICE = Decimal(59_000)
SPEC = InstrumentConfig().spec()
LADDER = build_ladder(Decimal(60_000), GridConfig(levels=4, base_qty=Decimal("0.004")), SPEC)
NOW = 100


def key_of(role: Role = Role.SL, slot: int = 1) -> OrderKey:
    return OrderKey(Leg.LONG, role, slot)


def wanted(qty: str, role: Role = Role.SL, slot: int = 1, price: Decimal = PRICE) -> DesiredOrder:
    return DesiredOrder(key_of(role, slot), Side.SELL, price, Decimal(qty), slot)


def live(
    name: str,
    qty: str,
    role: Role = Role.SL,
    slot: int = 1,
    *,
    price: Decimal = PRICE,
    filled: str = "0",
    status: OrderStatus = OrderStatus.ACCEPTED,
) -> OrderRecord:
    acknowledged = status not in (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN)
    return OrderRecord(
        name, key_of(role, slot), Side.SELL, price, Decimal(qty), slot, Decimal(60), status, Decimal(filled),
        acknowledged=acknowledged,
    )  # fmt: skip


def index_of(orders: Iterable[OrderRecord]) -> OrderIndex:
    index = OrderIndex()
    for order in orders:
        index.add(order)
    return index


def exits(desired: list[DesiredOrder], *orders: OrderRecord, rules: VenueRules = VenueRules()) -> list[Any]:  # noqa: B008
    index = index_of(orders)
    return reconcile_exits(desired, open_keys(index, (Role.SL, Role.TP, Role.CLOSE)), index, {}, NOW, rules)


# -- exits -------------------------------------------------------------------------------------------------------------


def test_exits_that_fit_are_left_alone_however_many_pieces_they_are() -> None:
    assert exits([wanted("0.005")], live("a", "0.003"), live("b", "0.004", filled="0.002")) == []


def test_a_missing_stop_and_take_profit_of_one_lot_and_quantity_leave_as_a_pair() -> None:
    stop, target = wanted("0.004"), wanted("0.004", Role.TP)
    assert exits([stop, target]) == [SubmitPair(stop, target)]


@pytest.mark.parametrize(
    "orders",
    [
        [wanted("0.004"), wanted("0.003", Role.TP)],
        [wanted("0.004"), wanted("0.004", Role.TP, slot=2)],
        [wanted("0.004", Role.TP), wanted("0.004")],
        [wanted("0.004"), wanted("0.004", slot=2)],
    ],
    ids=["other-quantity", "other-lot", "other-sequence", "two-stops"],
)
def test_orders_that_do_not_belong_together_leave_alone(orders: list[DesiredOrder]) -> None:
    assert exits(orders) == [Submit(order) for order in orders]


def test_two_lots_leave_as_two_pairs_in_their_sequence() -> None:
    orders = [wanted("0.004", role, slot) for slot in (1, 2) for role in (Role.SL, Role.TP)]
    assert exits(orders) == [SubmitPair(orders[0], orders[1]), SubmitPair(orders[2], orders[3])]


def test_a_lot_that_has_as_many_pieces_as_it_may_has_its_smallest_joined_with_what_it_gained() -> None:
    found = exits([wanted("0.009")], live("a", "0.005", filled="0.003"), live("b", "0.003"))
    assert found == [Cancel("a", "joined with what the lot gained")]


@pytest.mark.parametrize(("pieces", "sent"), [(2, False), (3, True), (0, True)])
def test_a_further_piece_is_sent_only_while_the_lot_may_have_one(pieces: int, sent: bool) -> None:
    found = exits([wanted("0.009")], live("a", "0.002"), live("b", "0.003"), rules=VenueRules(most_pieces=pieces))
    assert found == ([Submit(wanted("0.004"))] if sent else [Cancel("a", "joined with what the lot gained")])


def test_every_surplus_is_acted_on_whatever_came_before_it() -> None:
    found = exits(
        [wanted("0.002"), wanted("0.004", Role.TP), wanted("0.001", slot=2), wanted("0.009", Role.TP, slot=3)],
        live("smaller", "0.004"),
        live("moved", "0.004", Role.TP, price=PRICE + 1),
        live("smaller-too", "0.002", slot=2),
        live("piece", "0.001", Role.TP, slot=3),
        live("other", "0.002", Role.TP, slot=3),
        live("orphan", "0.004", slot=9),
    )
    assert found == [
        Resize("smaller", Decimal("0.002"), "lot is smaller now"),
        Cancel("moved", "price moved"),
        Resize("smaller-too", Decimal("0.001"), "lot is smaller now"),
        Cancel("piece", "joined with what the lot gained"),
        Cancel("orphan", "nothing left to close"),
    ]


def test_an_order_of_just_the_excess_is_cancelled_and_not_made_empty() -> None:
    assert exits([wanted("0.003")], live("a", "0.003"), live("b", "0.002")) == [Cancel("b", "lot is smaller now")]


@pytest.mark.parametrize("role", [Role.SL, Role.TP])
def test_where_stops_cannot_be_resized_a_stop_is_cancelled_and_a_take_profit_resized(role: Role) -> None:
    found = exits([wanted("0.003", role)], live("a", "0.004", role), rules=VenueRules(resizes_stops=False))
    resized, cancelled = Resize("a", Decimal("0.003"), "lot is smaller now"), Cancel("a", "lot is smaller now")
    assert found == [cancelled if role is Role.SL else resized]


def test_a_refused_exit_may_be_sent_from_its_time_on_and_one_that_never_was_at_any_time() -> None:
    index = OrderIndex()
    order = wanted("0.004")
    assert reconcile_exits([order], (), index, {order.key: 1}, 0) == []
    assert reconcile_exits([order], (), index, {order.key: 1}, 1) == [Submit(order)]
    assert reconcile_exits([order], (), index, {}, 0) == [Submit(order)]


# -- entries -----------------------------------------------------------------------------------------------------------


def entry(
    name: str,
    level: int,
    *,
    price: Decimal | None = None,
    qty: str = "0.004",
    aim: Decimal | None = None,
    filled: str = "0",
    lot: int = 1,
    status: OrderStatus = OrderStatus.ACCEPTED,
) -> OrderRecord:
    at = LADDER.long[level - 1].price if price is None else price
    acknowledged = status not in (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN)
    return OrderRecord(
        name, OrderKey(Leg.LONG, Role.ENTRY, level), Side.BUY, at, Decimal(qty), lot, LADDER.step, status,
        Decimal(filled), acknowledged=acknowledged, aim=aim,
    )  # fmt: skip


def plan(
    *orders: OrderRecord,
    ladder: Ladder = LADDER,
    throttle: str = "1",
    lots: tuple[Lot, ...] = (),
    limit: int = 99,
    reason: Reason | None = Reason.PAUSED,
) -> EntryPlan:
    """The plan for those entries; a gate that is shut keeps free rungs out of the actions."""
    whole = shape(ladder, PlacementConfig(), SPEC, Regime.SIDEWAYS, Decimal(throttle), {})

    def entry_for(rung: Rung) -> DesiredOrder:
        return desired_entry(rung, 0, None, Decimal("0.1"), ladder.step / 2)

    held = occupied(ladder, lots)
    return reconcile_entries(ladder, whole, held, index_of(orders), entry_for, lambda _order: reason, limit)


def gap(found: EntryPlan, level: int) -> Reason | None:
    return found.gaps.get(OrderKey(Leg.LONG, Role.ENTRY, level))


def test_an_entry_that_fits_its_rung_leaves_no_gap_and_asks_for_nothing() -> None:
    found = plan(entry("a", 2))
    assert found.actions == []
    assert gap(found, 2) is None
    assert gap(found, 1) is Reason.PAUSED
    assert found.unfinished is False


def test_entries_of_a_thinned_ladder_are_withdrawn_or_resized_and_the_rest_says_why() -> None:
    found = plan(*(entry(f"e{level}", level) for level in (1, 2, 3, 4)), throttle="0.5")
    assert found.actions == [
        Resize("e1", Decimal("0.002"), "ladder changed"),
        Resize("e2", Decimal("0.002"), "ladder changed"),
        Cancel("e3", "ladder thinned"),
        Cancel("e4", "ladder thinned"),
    ]
    assert (gap(found, 3), gap(found, 4)) == (Reason.THROTTLED, Reason.THROTTLED)


@pytest.mark.parametrize(
    "order",
    [
        entry("a", 1, qty="0.006", filled="0.001"),
        entry("a", 1, qty="0.006", status=OrderStatus.RESIZING),
        entry("a", 1, qty="0.006", status=OrderStatus.CANCELLING),
        entry("a", 1, qty="0.006", status=OrderStatus.SUBMITTED),
        entry("a", 1),
    ],
    ids=["filled", "resizing", "cancelling", "in-flight", "fits"],
)
def test_an_entry_that_has_filled_or_awaits_an_answer_keeps_its_quantity(order: OrderRecord) -> None:
    assert plan(order).actions == []


def test_an_entry_of_unknown_outcome_keeps_its_rung_and_says_so() -> None:
    found = plan(entry("a", 1, qty="0.006", status=OrderStatus.UNKNOWN))
    assert found.actions == []
    assert gap(found, 1) is Reason.UNKNOWN_OUTCOME


def test_an_entry_that_gave_way_to_the_book_stands_for_the_rung_that_it_aimed_at() -> None:
    aim = LADDER.long[0].price
    assert plan(entry("a", 1, price=aim - 2, aim=aim)).actions == []
    assert plan(entry("a", 1, price=aim, aim=aim - 2)).actions == [Cancel("a", "ladder moved")]


@pytest.mark.parametrize("status", [OrderStatus.CANCELLING])
def test_an_entry_that_is_being_withdrawn_is_not_withdrawn_again(status: OrderStatus) -> None:
    found = plan(entry("a", 4, status=status), entry("b", 1, price=Decimal(1), status=status), throttle="0.5")
    assert found.actions == []
    assert (gap(found, 4), gap(found, 1)) == (Reason.THROTTLED, Reason.MOVING)


def test_a_turn_that_has_used_up_its_requests_says_that_it_is_unfinished() -> None:
    orders = [entry(f"e{level}", level, price=Decimal(level)) for level in (1, 2, 3)]
    found = plan(*orders, limit=2)
    assert [action.id for action in found.actions if isinstance(action, Cancel)] == ["e1", "e2"]
    assert found.unfinished is True
    assert gap(found, 3) is Reason.MOVING
    assert plan(*orders, limit=3).unfinished is False


def coarse() -> Ladder:
    """Long rungs 1 and 2 have been rounded to one price."""
    prices = [Decimal(59_900), Decimal(59_900), Decimal(59_800), Decimal(59_700)]
    long = tuple(Rung(Leg.LONG, number, price, Decimal("0.004")) for number, price in enumerate(prices, 1))
    short = tuple(Rung(Leg.SHORT, number, 120_000 - price, Decimal("0.004")) for number, price in enumerate(prices, 1))
    return Ladder(Decimal(60_000), Decimal(60), long, short)


def test_of_two_rungs_at_one_price_the_nearer_counts_and_the_others_go_on() -> None:
    found = plan(entry("twin", 2, price=Decimal(59_900)), ladder=coarse(), reason=None)
    assert found.actions[0] == Submit(desired_entry(coarse().long[0], 0, None, Decimal("0.1"), Decimal(30)))
    assert Cancel("twin", "same price as the rung before") in found.actions
    sent = {(action.order.key.leg, action.order.key.slot) for action in found.actions if isinstance(action, Submit)}
    assert sent == {(leg, level) for leg in Leg for level in (1, 3, 4)}
    assert found.gaps == {OrderKey(leg, Role.ENTRY, 2): Reason.SAME_PRICE for leg in Leg}


def test_a_second_entry_at_a_rung_whose_lot_is_held_says_that_the_rung_is_occupied() -> None:
    held = Lot(7, Leg.LONG, 1, LADDER.long[0].price, LADDER.step, Decimal("0.004"), Decimal(240), 0)
    found = plan(entry("a", 1, lot=8), lots=(held,))
    assert found.actions == [Cancel("a", "rung is occupied")]
    assert gap(plan(lots=(held,)), 1) is Reason.OCCUPIED


def test_of_several_entries_at_one_rung_the_first_that_fits_stays_and_every_other_goes() -> None:
    off = Decimal(1)
    found = plan(entry("off", 1, price=off), entry("first", 1), entry("second", 1), entry("off-too", 1, price=off))
    assert found.actions == [Cancel(name, "ladder moved") for name in ("off", "second", "off-too")]


def test_an_entry_that_the_venue_has_not_taken_yet_is_not_asked_back() -> None:
    found = plan(entry("a", 1, price=Decimal(1), status=OrderStatus.SUBMITTED))
    assert found.actions == []
    assert gap(found, 1) is Reason.MOVING


def test_the_gate_judges_the_very_order_that_would_leave() -> None:
    judged: list[DesiredOrder] = []
    whole = shape(LADDER, PlacementConfig(), SPEC, Regime.SIDEWAYS, Decimal(1), {})

    def entry_for(rung: Rung) -> DesiredOrder:
        return desired_entry(rung, 0, None, Decimal("0.1"), LADDER.step / 2)

    found = reconcile_entries(LADDER, whole, {}, OrderIndex(), entry_for, judged.append, 99)
    assert judged == [action.order for action in found.actions if isinstance(action, Submit)]
    assert len(judged) == 8


def test_i10_an_entry_grows_by_a_new_order_where_the_gate_lets_it_and_shrinks_in_place_at_any_time() -> None:
    small, large = entry("small", 1, qty="0.003"), entry("large", 2, qty="0.006")
    shrink = Resize("large", Decimal("0.004"), "ladder changed")
    shut = plan(small, large)
    assert shut.actions == [shrink]
    open_gate = plan(small, large, reason=None)
    changes = [action for action in open_gate.actions if not isinstance(action, Submit)]
    assert changes == [Cancel("small", "ladder changed"), shrink]
    assert gap(open_gate, 1) is Reason.MOVING


def test_i03_an_entry_that_grows_is_judged_as_the_order_that_it_would_be() -> None:
    aim = LADDER.long[0].price
    known = entry("small", 1, qty="0.003", price=aim - 2, aim=aim)
    judged: list[DesiredOrder] = []
    whole = shape(LADDER, PlacementConfig(), SPEC, Regime.SIDEWAYS, Decimal(1), {})

    def entry_for(rung: Rung) -> DesiredOrder:
        return desired_entry(rung, 0, None, Decimal("0.1"), LADDER.step / 2)

    reconcile_entries(LADDER, whole, {}, index_of([known]), entry_for, judged.append, 99)
    (grown,) = [order for order in judged if order.key == known.key]
    assert grown == DesiredOrder(known.key, Side.BUY, aim - 2, Decimal("0.004"), None, aim)
