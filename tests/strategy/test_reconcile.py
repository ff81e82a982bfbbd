"""Desired against live: it converges, it is idempotent, it is exact, and exits come first."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.config import GridConfig, InstrumentConfig, PlacementConfig
from strategy.domain import DesiredOrder, Leg, Lot, OrderKey, Reason, Regime, Role, Rung, Side
from strategy.ladder import build_ladder
from strategy.order_index import OrderIndex, OrderRecord, OrderStatus
from strategy.placement import desired_entry, occupied
from strategy.reconcile import Cancel, Resize, Submit, open_keys, reconcile_entries, reconcile_exits
from strategy.shape import Shape, shape

LADDER = build_ladder(Decimal(60_000), GridConfig(levels=3), InstrumentConfig().spec())
WHOLE = shape(LADDER, PlacementConfig(), InstrumentConfig().spec(), Regime.SIDEWAYS, Decimal(1), {})
PRICE = Decimal(59_000)
EXITS = (Role.SL, Role.TP, Role.CLOSE)
thousandths = st.integers(1, 12).map(lambda n: Decimal(n) / 1000)
statuses = st.sampled_from(OrderStatus)
slots = st.integers(1, 3)
roles = st.sampled_from([Role.SL, Role.TP])


def wanted(role: Role = Role.SL, slot: int = 1, qty: str | Decimal = "0.004", price: Decimal = PRICE) -> DesiredOrder:
    return DesiredOrder(OrderKey(Leg.LONG, role, slot), Side.SELL, price, Decimal(qty), slot)


def live(
    number: int,
    role: Role = Role.SL,
    slot: int = 1,
    qty: str | Decimal = "0.004",
    *,
    status: OrderStatus = OrderStatus.ACCEPTED,
    price: Decimal = PRICE,
    filled: str | Decimal = "0",
) -> OrderRecord:
    return OrderRecord(
        f"o{number}",
        OrderKey(Leg.LONG, role, slot),
        Side.SELL,
        price,
        Decimal(qty),
        slot,
        Decimal(60),
        status,
        Decimal(filled),
        acknowledged=status is not OrderStatus.SUBMITTED,
    )


def index_of(*orders: OrderRecord) -> OrderIndex:
    index = OrderIndex()
    for order in orders:
        index.add(order)
    return index


def exits(desired: list[DesiredOrder], index: OrderIndex, held_back: dict[OrderKey, int] | None = None) -> list[Any]:
    return list(reconcile_exits(desired, open_keys(index, EXITS), index, held_back or {}, 100))


def sent(actions: list[Any]) -> list[DesiredOrder]:
    """The orders that actions would send, pairs taken apart."""
    orders: list[DesiredOrder] = []
    for action in actions:
        if not isinstance(action, Cancel | Resize):
            orders += [value for value in msgspec.structs.astuple(action) if isinstance(value, DesiredOrder)]
    return orders


def answer(index: OrderIndex, actions: list[Any], serial: list[int]) -> None:
    """A venue that does at once all it is asked."""
    for action in actions:
        match action:
            case Cancel(order_id, _):
                index.remove(order_id)
            case Resize(order_id, qty, _):
                index.resized(order_id, qty)
            case _:
                pass
    for order in sent(actions):
        serial[0] += 1
        index.add(
            OrderRecord(
                f"n{serial[0]}", order.key, order.side, order.price, order.qty, order.lot or serial[0], Decimal(60),
                OrderStatus.ACCEPTED, acknowledged=True,
            )
        )  # fmt: skip
    for known in tuple(index):
        # What was in flight before gets its answer too.
        if known.status is OrderStatus.CANCELLING:
            index.remove(known.id)
        else:
            index.accepted(known.id)
            index.mark(known.id, OrderStatus.ACCEPTED)


lives = st.lists(st.tuples(roles, slots, thousandths, statuses, st.sampled_from([PRICE, PRICE - 1])), max_size=8)
wishes = st.dictionaries(st.tuples(roles, slots), thousandths, max_size=6)


@given(lives, wishes)
def test_s03_exits_converge_to_exactly_what_is_held_and_then_nothing_is_left_to_do(
    found: list[tuple[Role, int, Decimal, OrderStatus, Decimal]], wish: dict[tuple[Role, int], Decimal]
) -> None:
    index = index_of(
        *(
            live(n, role, slot, qty, status=status, price=price)
            for n, (role, slot, qty, status, price) in enumerate(found)
        )
    )
    desired = [wanted(role, slot, qty) for (role, slot), qty in wish.items()]
    serial = [0]
    for _ in range(8):
        actions = exits(desired, index)
        answer(index, actions, serial)
    assert exits(desired, index) == []
    for order in desired:
        assert sum(each.open_qty for each in index.at(order.key)) == order.qty
        assert {each.price for each in index.at(order.key)} == {order.price}
    assert set(index.keys()) == {order.key for order in desired}


@given(lives, wishes)
def test_s05_what_is_missing_is_sent_before_anything_is_taken_away(
    found: list[tuple[Role, int, Decimal, OrderStatus, Decimal]], wish: dict[tuple[Role, int], Decimal]
) -> None:
    index = index_of(*(live(n, role, slot, qty, status=status) for n, (role, slot, qty, status, _) in enumerate(found)))
    actions = exits([wanted(role, slot, qty) for (role, slot), qty in wish.items()], index)
    taken = [isinstance(action, Cancel | Resize) for action in actions]
    assert taken == sorted(taken)


@given(st.lists(st.tuples(thousandths, statuses), min_size=1, max_size=5), thousandths)
def test_s03_one_pass_never_asks_for_more_than_is_held(found: list[tuple[Decimal, OrderStatus]], qty: Decimal) -> None:
    index = index_of(*(live(n, qty=each, status=status) for n, (each, status) in enumerate(found)))
    covered = sum((order.open_qty for order in index), Decimal(0))
    assert covered + sum((order.qty for order in sent(exits([wanted(qty=qty)], index))), Decimal(0)) <= max(
        covered, qty
    )


def test_a_missing_part_is_added_by_a_further_order() -> None:
    (order,) = sent(exits([wanted(qty="0.006")], index_of(live(1, qty="0.005", filled="0.001"))))
    assert order.qty == Decimal("0.002")


def test_a_surplus_is_taken_from_the_newest_orders_first() -> None:
    index = index_of(live(1), live(2, qty="0.003"), live(3, qty="0.001"))
    assert exits([wanted(qty="0.005")], index) == [
        Cancel("o3", "lot is smaller now"),
        Resize("o2", Decimal("0.001"), "lot is smaller now"),
    ]


def test_a_partly_filled_order_is_resized_to_its_filled_part_and_what_stays() -> None:
    index = index_of(live(1, qty="0.005", filled="0.002"))
    assert exits([wanted(qty="0.001")], index) == [Resize("o1", Decimal("0.003"), "lot is smaller now")]


def test_an_order_that_the_venue_has_not_acknowledged_is_not_shrunk() -> None:
    assert exits([wanted(qty="0.001")], index_of(live(1, status=OrderStatus.SUBMITTED))) == []


@pytest.mark.parametrize("status", [OrderStatus.CANCELLING, OrderStatus.RESIZING])
@pytest.mark.parametrize("qty", ["0.001", "0.009"])
def test_nothing_is_done_at_a_key_whose_answer_is_awaited(status: OrderStatus, qty: str) -> None:
    assert exits([wanted(qty=qty)], index_of(live(1, status=status))) == []


def test_a_refused_exit_waits_for_its_time() -> None:
    order = wanted()
    assert exits([order], OrderIndex(), {order.key: 101}) == []
    assert sent(exits([order], OrderIndex(), {order.key: 100})) == [order]


def test_an_exit_at_another_price_is_replaced_once_it_is_gone() -> None:
    index = index_of(live(1, price=PRICE - 5))
    assert exits([wanted()], index) == [Cancel("o1", "price moved")]
    index.mark("o1", OrderStatus.CANCELLING)
    assert exits([wanted()], index) == []
    index.remove("o1")
    assert sent(exits([wanted()], index)) == [wanted()]


def test_the_exits_of_a_lot_that_is_gone_are_cancelled_once() -> None:
    index = index_of(live(1), live(2, Role.TP), live(3, Role.TP, 2, status=OrderStatus.CANCELLING))
    assert exits([], index) == [Cancel("o1", "nothing left to close"), Cancel("o2", "nothing left to close")]


# -- entries -----------------------------------------------------------------------------------------------------------


def entry(number: int, leg: Leg, level: int, price: Decimal, status: OrderStatus = OrderStatus.ACCEPTED) -> OrderRecord:
    return OrderRecord(
        f"o{number}", OrderKey(leg, Role.ENTRY, level), leg.entry_side, price, Decimal("0.002"), number, Decimal(60),
        status, acknowledged=True,
    )  # fmt: skip


def lot(number: int, leg: Leg, anchor: Decimal) -> Lot:
    return Lot(number, leg, 1, anchor, Decimal(60), Decimal("0.002"), Decimal(120), 1)


def entries(
    index: OrderIndex,
    lots: tuple[Lot, ...] = (),
    reason: Reason | None = None,
    limit: int = 99,
    within: Shape = WHOLE,
) -> tuple[list[Any], dict[OrderKey, Reason]]:
    def entry_for(rung: Rung) -> DesiredOrder:
        return desired_entry(rung, 0, None, Decimal("0.1"), LADDER.step / 2)

    plan = reconcile_entries(LADDER, within, occupied(LADDER, lots), index, entry_for, lambda _order: reason, limit)
    return plan.actions, plan.gaps


@given(
    st.lists(st.tuples(st.sampled_from(Leg), slots, st.booleans(), statuses), max_size=8),
    st.lists(st.tuples(st.sampled_from(Leg), slots), max_size=4),
    st.integers(1, 3),
)
def test_entries_converge_to_one_at_each_free_rung_and_none_at_a_taken_one(
    found: list[tuple[Leg, int, bool, OrderStatus]], taken: list[tuple[Leg, int]], limit: int
) -> None:
    index = OrderIndex()
    for number, (leg, level, fits, status) in enumerate(found):
        key = OrderKey(leg, Role.ENTRY, level)
        if not index.has(key):
            price = LADDER.side(leg)[level - 1].price - (0 if fits else 7)
            index.add(entry(number, leg, level, price, status))
    lots = tuple(lot(100 + number, leg, LADDER.side(leg)[level - 1].price) for number, (leg, level) in enumerate(taken))
    serial = [0]
    for _ in range(20):
        actions, _ = entries(index, lots, limit=limit)
        assert len(actions) <= limit
        answer(index, actions, serial)
    actions, gaps = entries(index, lots, limit=limit)
    assert actions == []
    for leg in Leg:
        for rung in LADDER.side(leg):
            key = OrderKey(leg, Role.ENTRY, rung.level)
            if (leg, rung.level) in taken:
                assert not index.has(key)
                assert gaps[key] is Reason.OCCUPIED
            else:
                assert [each.price for each in index.at(key)] == [rung.price]
                assert key not in gaps


def test_the_nearest_rungs_are_served_first_and_the_rest_is_queued() -> None:
    actions, gaps = entries(OrderIndex(), limit=2)
    assert [(order.key.leg, order.key.slot) for order in sent(actions)] == [(Leg.LONG, 1), (Leg.SHORT, 1)]
    assert list(gaps.values()) == [Reason.QUEUED] * 4


def test_a_denied_rung_says_why_and_uses_up_no_place() -> None:
    actions, gaps = entries(OrderIndex(), reason=Reason.PAUSED, limit=0)
    assert actions == []
    assert set(gaps.values()) == {Reason.PAUSED}


def test_an_entry_that_is_partly_filled_keeps_its_place_beside_its_own_lot() -> None:
    price = LADDER.long[0].price
    index = index_of(entry(5, Leg.LONG, 1, price))
    own, _ = entries(index, (lot(5, Leg.LONG, price),), reason=Reason.PAUSED)
    other, gaps = entries(index, (lot(6, Leg.LONG, price),), reason=Reason.PAUSED)
    assert own == []
    assert other == [Cancel("o5", "rung is occupied")]
    assert gaps[OrderKey(Leg.LONG, Role.ENTRY, 1)] is Reason.MOVING


def test_an_entry_off_its_rung_is_cancelled_once_and_says_that_it_moves() -> None:
    index = index_of(entry(1, Leg.LONG, 1, Decimal(1)), entry(2, Leg.LONG, 2, Decimal(1), OrderStatus.CANCELLING))
    actions, gaps = entries(index, reason=Reason.PAUSED)
    assert actions == [Cancel("o1", "ladder moved")]
    assert gaps[OrderKey(Leg.LONG, Role.ENTRY, 2)] is Reason.MOVING


def test_open_keys_are_those_of_the_roles_asked_for() -> None:
    index = index_of(live(1), live(2, Role.TP), live(3, Role.TP))
    assert open_keys(index, (Role.TP,)) == (OrderKey(Leg.LONG, Role.TP, 1),)
    assert Submit(wanted()).order == wanted()


def test_a_piece_that_nobody_has_confirmed_does_not_keep_the_rest_of_a_lot_from_its_stop() -> None:
    ghost = live(1, qty="0.001", status=OrderStatus.UNKNOWN)
    index = index_of(msgspec.structs.replace(ghost, acknowledged=False), live(2, qty="0.001"))
    (action,) = reconcile_exits([wanted(qty="0.004")], (), index, {}, 0)
    assert isinstance(action, Submit)
    assert action.order.qty == Decimal("0.002")
