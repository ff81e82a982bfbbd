"""Item 10: the index is filled at submit, and what a tick or a look-up costs does not grow with the orders.

Costs are counted in instructions of the interpreter, so that a busy machine changes nothing.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec
import pytest

from strategy.domain import Leg, Lot, OrderKey, Role
from strategy.market_watch import MarketWatch
from strategy.order_index import OrderIndex, OrderRecord, OrderStatus
from tests.seventeen.bench import Bench, bench
from tests.seventeen.faults import operations
from tests.strategy.venue import Mischief, VenueOrder
from tests.strategy.world import World

FEW, MANY = 10, 1_000
FLAT: Final = 1.1
"""The most that a hundred times the orders may cost."""
PER_ORDER: Final = 1.3
"""The most that one order of a thousand may cost in a pass, against one of a hundred."""


def stop_of(number: int, role: Role = Role.SL) -> OrderRecord:
    leg = Leg.LONG if number % 2 else Leg.SHORT
    return OrderRecord(
        f"o{number}{role}", OrderKey(leg, role, number), leg.exit_side, Decimal(50_000 if leg is Leg.LONG else 70_000),
        Decimal("0.001"), number, Decimal(60), OrderStatus.ACCEPTED, acknowledged=True,
    )  # fmt: skip


# -- filled at submit --------------------------------------------------------------------------------------------------


def check_s10_filled_at_submit(world: World) -> None:
    """An order is in the index before it leaves, and until the event that ends it; then no longer."""
    missing: list[str] = []

    def leaves(order: VenueOrder) -> None:
        if world.grid.index.get(order.id) is None:
            missing.append(f"{order.id} left before it was indexed")

    world.venue.on_submit = leaves
    world.quote(60_000)
    for _ in range(120):
        world.step()
        gone = {each.id for each in world.venue.orders.values() if not each.done} - {
            each.id for each in world.grid.index
        }
        assert not gone, f"live and not indexed: {sorted(gone)}"
    assert not missing, missing
    assert len(world.venue.orders) > 20
    world.settle()
    assert {each.id for each in world.grid.index} == {each.id for each in world.venue.live()}


def eventful() -> World:
    return World(6, mischief=Mischief(piecemeal=0.5, rejects_entry=0.1, duplicates=0.1))


def test_s10_every_order_is_indexed_from_before_it_leaves_until_it_has_ended() -> None:
    check_s10_filled_at_submit(eventful())


def test_s10_with_an_index_that_is_filled_on_acceptance_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    world = eventful()
    world.guarded = True
    late: dict[str, OrderRecord] = {}
    index, accepted = world.grid.index, world.grid.on_accepted

    def on_accepted(order_id: str) -> None:
        if order_id in late:
            OrderIndex.add(index, late.pop(order_id))
        accepted(order_id)

    monkeypatch.setattr(index, "add", lambda order: late.__setitem__(order.id, order))
    monkeypatch.setattr(world.grid, "on_accepted", on_accepted)
    world.checker.at_every_moment = lambda: None  # type: ignore[method-assign]
    with pytest.raises(AssertionError, match=r"not indexed|before it was indexed"):
        check_s10_filled_at_submit(world)


# -- look-ups ----------------------------------------------------------------------------------------------------------


def look_ups(index: OrderIndex) -> dict[str, Callable[[], object]]:
    """Everything that is asked of the index while events are handled."""
    key = OrderKey(Leg.LONG, Role.SL, 5)
    return {
        "get": lambda: index.get("o5sl"),
        "at": lambda: index.at(key),
        "has": lambda: index.has(key),
        "working_stop_qty": lambda: index.working_stop_qty(Leg.LONG),
        "count": lambda: index.count(Role.SL),
        "closes": lambda: index.closes(Leg.LONG),
        "accepted": lambda: index.accepted("o5sl"),
        "mark": lambda: index.mark("o5sl", OrderStatus.ACCEPTED),
        "resized": lambda: index.resized("o5sl", Decimal("0.001")),
        "filled": lambda: index.filled("o5sl", Decimal(0)),
        "add": lambda: index.add(stop_of(0)),
        "remove": lambda: index.remove("o0sl"),
    }


def index_with(count: int, kind: type[OrderIndex]) -> OrderIndex:
    index = kind()
    for number in range(1, count + 1):
        index.add(stop_of(number))
    return index


def check_s10_look_ups(kind: type[OrderIndex] = OrderIndex) -> None:
    """Among a thousand orders each costs what it costs among ten."""
    few, many = look_ups(index_with(FEW, kind)), look_ups(index_with(MANY, kind))
    for name in few:
        cheap, dear = operations(few[name]), operations(many[name])
        assert dear <= FLAT * cheap, f"{name}: {cheap} instructions among {FEW} orders, {dear} among {MANY}"


def test_s10_a_look_up_or_a_change_costs_the_same_among_ten_and_a_thousand_orders() -> None:
    check_s10_look_ups()


def test_s10_with_an_index_that_looks_through_all_orders_the_same_check_fails() -> None:
    class Scanning(OrderIndex):
        def at(self, key: OrderKey) -> tuple[OrderRecord, ...]:
            return tuple(order for order in self if order.key == key)

    with pytest.raises(AssertionError, match=r"^at: "):
        check_s10_look_ups(Scanning)


# -- ticks -------------------------------------------------------------------------------------------------------------


def loaded(found: Bench, count: int) -> None:
    """Lots with a stop and a take-profit each, `count` exits in all, known to books and index."""
    grid = found.strategy.grid
    assert grid is not None
    for number in range(1_000, 1_000 + count // 2):
        leg = Leg.LONG if number % 2 else Leg.SHORT
        anchor = Decimal(50_300 if leg is Leg.LONG else 69_700)
        grid.lots.enter(Lot(number, leg, 1, anchor, Decimal(60), Decimal("0.001"), anchor / 1000, 1))
        for role, price in ((Role.SL, anchor - leg.sign * 300), (Role.TP, anchor + leg.sign * 60)):
            grid.index.add(msgspec.structs.replace(stop_of(number, role), price=price))


def cost_of_a_tick(count: int) -> int:
    """Instructions for a quote, a trade and a mark price with so many open orders; the market stands nearly still."""
    with bench() as found:
        found.quote(60_000, 3)
        loaded(found, count)
        quote = found.tick(Decimal("60000.3"), Decimal("60000.5"))
        trade, mark = found.trade("60000.4"), found.mark("60000.4")
        strategy = found.strategy
        strategy.on_quote_tick(quote)

        def ticks() -> None:
            strategy.on_quote_tick(quote)
            strategy.on_trade_tick(trade)
            strategy.on_mark_price(mark)

        return operations(ticks)


def check_s10_ticks() -> None:
    """A tick costs the same with ten and with a thousand open orders."""
    costs = [cost_of_a_tick(count) for count in (FEW, 100, MANY)]
    assert costs[0] > 50
    assert max(costs) <= FLAT * costs[0], f"instructions a tick with {FEW}, 100, {MANY} orders: {costs}"


def test_s10_a_tick_costs_the_same_with_ten_and_a_thousand_orders() -> None:
    check_s10_ticks()


def test_s10_with_a_pass_at_every_tick_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MarketWatch, "_is_outside", lambda *_prices: True)
    with pytest.raises(AssertionError, match="instructions a tick"):
        check_s10_ticks()


# -- passes ------------------------------------------------------------------------------------------------------------


def cost_of_a_pass(count: int) -> int:
    with bench() as found:
        found.quote(60_000, 3)
        loaded(found, count)
        grid = found.strategy.grid
        assert grid is not None
        sent = grid.ledger.submitted
        cost = operations(grid.converge)
        assert grid.ledger.submitted == sent
        return cost


def check_s10_passes() -> None:
    """A pass looks at each order once: the cost of one order does not grow with their number."""
    empty, hundred, many = cost_of_a_pass(0), cost_of_a_pass(100), cost_of_a_pass(MANY)
    each = (hundred - empty) / 100, (many - empty) / MANY
    assert each[1] <= PER_ORDER * each[0], f"instructions an order with 100 and {MANY}: {each}"


def test_s10_a_pass_costs_each_order_the_same_among_a_hundred_and_a_thousand() -> None:
    check_s10_passes()


def test_s10_with_a_scan_for_each_order_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def at(self: OrderIndex, key: OrderKey) -> tuple[OrderRecord, ...]:
        return tuple(order for order in self if order.key == key)

    monkeypatch.setattr(OrderIndex, "at", at)
    with pytest.raises(AssertionError, match="instructions an order"):
        check_s10_passes()
