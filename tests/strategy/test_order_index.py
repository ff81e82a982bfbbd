"""The index against a naive list of orders."""

import timeit
from decimal import Decimal

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from strategy.domain import Leg, OrderKey, Role, Side
from strategy.order_index import WORKING, OrderIndex, OrderRecord, OrderStatus

keys = st.builds(OrderKey, st.sampled_from(Leg), st.sampled_from(Role), st.integers(0, 2))
picks = st.integers(0, 30)
thousandths = st.integers(1, 9).map(lambda n: Decimal(n) / 1000)
prices = st.sampled_from([None, *map(Decimal, (59_900, 60_000, 60_100))])


def record(number: int, key: OrderKey, qty: Decimal = Decimal("0.005"), price: Decimal | None = None) -> OrderRecord:
    side = key.leg.entry_side if key.role is Role.ENTRY else key.leg.exit_side
    return OrderRecord(f"o{number}", key, side, price, qty, None, Decimal(1))


class IndexMachine(RuleBasedStateMachine):
    """Every rule does to a plain list what the index should do."""

    def __init__(self) -> None:
        super().__init__()
        self.index = OrderIndex()
        self.model: list[OrderRecord] = []
        self.added = 0

    def pick(self, number: int) -> int | None:
        return number % len(self.model) if self.model else None

    def change(self, at: int | None, result: OrderRecord | None, **fields: object) -> None:
        if at is None:
            assert result is None
            return
        self.model[at] = msgspec.structs.replace(self.model[at], **fields)
        assert result == self.model[at]

    def id_at(self, at: int | None) -> str:
        return "unknown" if at is None else self.model[at].id

    @rule(key=keys, qty=thousandths, price=prices)
    def add(self, key: OrderKey, qty: Decimal, price: Decimal | None) -> None:
        self.added += 1
        order = record(self.added, key, qty, price)
        self.index.add(order)
        self.model.append(order)

    @rule(number=picks)
    def add_again(self, number: int) -> None:
        at = self.pick(number)
        if at is not None:
            with pytest.raises(KeyError, match="indexed already"):
                self.index.add(self.model[at])

    @rule(number=picks)
    def accept(self, number: int) -> None:
        at = self.pick(number)
        result = self.index.accepted(self.id_at(at))
        if at is None or self.model[at].acknowledged:
            assert result is None
            return
        was = self.model[at].status
        status = OrderStatus.ACCEPTED if was in (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN) else was
        self.change(at, result, status=status, acknowledged=True)

    @rule(number=picks, status=st.sampled_from(OrderStatus))
    def mark(self, number: int, status: OrderStatus) -> None:
        at = self.pick(number)
        self.change(at, self.index.mark(self.id_at(at), status), status=status)

    @rule(number=picks, more=thousandths)
    def resize(self, number: int, more: Decimal) -> None:
        at = self.pick(number)
        if at is None:
            assert self.index.resized("unknown", more) is None
            return
        self.index.mark(self.model[at].id, OrderStatus.RESIZING)
        qty = self.model[at].filled + more
        self.change(at, self.index.resized(self.model[at].id, qty), qty=qty, status=OrderStatus.ACCEPTED)

    @rule(number=picks, qty=thousandths)
    def fill(self, number: int, qty: Decimal) -> None:
        at = self.pick(number)
        result = self.index.filled(self.id_at(at), qty)
        self.change(at, result, **({} if at is None else {"filled": self.model[at].filled + qty}))
        if at is not None and self.model[at].open_qty <= 0:
            del self.model[at]

    @rule(number=picks)
    def remove(self, number: int) -> None:
        at = self.pick(number)
        assert self.index.remove(self.id_at(at)) == (None if at is None else self.model[at])
        if at is not None:
            del self.model[at]

    @invariant()
    def look_ups_agree(self) -> None:
        assert len(self.index) == len(self.model)
        assert {order.id: order for order in self.index} == {order.id: order for order in self.model}
        assert set(self.index.keys()) == {order.key for order in self.model}
        for key in {order.key for order in self.model} | {OrderKey(Leg.LONG, Role.CLOSE, 9)}:
            mine = {order.id: order for order in self.model if order.key == key}
            assert {order.id: order for order in self.index.at(key)} == mine
            assert self.index.has(key) is bool(mine)
        for order in self.model:
            assert self.index.get(order.id) == order

    @invariant()
    def totals_agree(self) -> None:
        for leg in Leg:
            mine = [order for order in self.model if order.key.leg is leg]
            stops = [o for o in mine if o.key.role is Role.SL and o.acknowledged and o.status in WORKING]
            assert self.index.working_stop_qty(leg) == sum((order.open_qty for order in stops), Decimal(0))
            for entries in (True, False):
                ids = {order.id for order in mine if (order.key.role is Role.ENTRY) is entries}
                assert {order.id for order in self.index.of(leg, entries=entries)} == ids
            may_enter = [order for order in mine if order.key.role is Role.ENTRY and order.price is not None]
            qty = sum((order.open_qty for order in may_enter), Decimal(0))
            value = sum((order.open_qty * (order.price or 0) for order in may_enter), Decimal(0))
            assert self.index.entries(leg) == (qty, value)

    @invariant()
    def own_touch_agrees(self) -> None:
        limits = [order for order in self.model if order.price is not None and order.key.role is not Role.SL]
        touch = {}
        for side, nearest in ((Side.BUY, max), (Side.SELL, min)):
            at = [order.price for order in limits if order.side is side and order.price is not None]
            if at:
                touch[side] = nearest(at)
        assert self.index.own_touch() == touch


IndexMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_s10_the_index_agrees_with_a_naive_list = IndexMachine.TestCase


def test_s10_orders_of_a_key_come_oldest_first() -> None:
    index, key = OrderIndex(), OrderKey(Leg.LONG, Role.SL, 1)
    for number in (3, 1, 2):
        index.add(record(number, key))
    index.accepted("o3")
    assert [order.id for order in index.at(key)] == ["o3", "o1", "o2"]


def test_s10_a_look_up_among_a_thousand_orders_costs_what_it_costs_among_ten() -> None:
    def cost(count: int) -> float:
        index = OrderIndex()
        for number in range(count):
            index.add(record(number, OrderKey(Leg.LONG, Role.ENTRY, number)))
        key = OrderKey(Leg.LONG, Role.ENTRY, count // 2)
        return min(timeit.repeat(lambda: (index.at(key), index.has(key), index.get("o5")), number=500, repeat=15))

    assert cost(1_000) < 4 * cost(10)
