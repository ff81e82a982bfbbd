"""Each rule of the checker, shown to see: the code is broken on purpose, and the run must end with its number."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from strategy import flatten, flattener, gate, grid, ladder, lots, order_ids, orders, reconcile
from strategy.books import Books
from strategy.control import CommandName, Receipt, Result
from strategy.desk import Desk
from strategy.domain import DesiredOrder, DoorState, Lot, Reason, Role
from strategy.flatten import FlattenStep
from strategy.grid import HedgeGrid
from strategy.ledger import Ledger
from strategy.lots import LotBook, Outcome
from strategy.order_index import OrderIndex
from strategy.orders import Orders
from strategy.snapshot import FlattenStage
from tests.strategy.venue import Mischief
from tests.strategy.world import BrokenInvariantError, World

PLAIN = ("grid.levels=3", "grid.base_qty=0.004")
Break = Callable[[pytest.MonkeyPatch], None]


def off_tick(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ladder, "limit_price", lambda _side, price, _tick: price + Decimal("0.03"))


def off_step(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ladder, "floor_to", lambda value, _step: value + Decimal("0.0005"))


def open_gate(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(HedgeGrid, "_judge", lambda _self, _order: None)


def blind_index(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OrderIndex, "at", lambda _self, _key: ())
    patch.setattr(OrderIndex, "has", lambda _self, _key: False)


def no_shrinking(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reconcile, "_shrink", lambda _live, _excess, **_more: ())


def no_stops(patch: pytest.MonkeyPatch) -> None:
    real = lots.desired_exits
    patch.setattr(grid, "desired_exits", lambda *args: [o for o in real(*args) if o.key.role is not Role.SL])


def forgets_fills(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Books, "has_seen", lambda _self, _fill: False)


def closes_again_and_again(patch: pytest.MonkeyPatch) -> None:
    real = flatten.next_step

    def next_step(facts: Any, held_back: Any, **more: Any) -> FlattenStep:
        blind = {leg: msgspec.structs.replace(fact, closes=()) for leg, fact in facts.items()}
        return real(blind, held_back, **more)

    patch.setattr(flattener, "next_step", next_step)


def gate_forgets_the_pause(patch: pytest.MonkeyPatch) -> None:
    def judged(self: HedgeGrid, order: DesiredOrder) -> Reason | None:
        facts = msgspec.structs.replace(self._gate_facts(order.key), state=DoorState.RUNNING)
        return gate.judge(order, facts, self.spec)

    patch.setattr(HedgeGrid, "_judge", judged)


def says_flat_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(flattener, "next_step", lambda *_facts, **_more: FlattenStep(FlattenStage.FLAT))


def looks_for_no_entries(patch: pytest.MonkeyPatch) -> None:
    def done_at_once(self: Desk, _now: int) -> None:
        for act_id in tuple(self._withdrawing):
            del self._withdrawing[act_id]
            self._answer(act_id, Result.DONE, cancelled=0)

    patch.setattr(Desk, "_finish_withdrawals", done_at_once)


def answers_twice(patch: pytest.MonkeyPatch) -> None:
    real = Desk.handle

    def handle(self: Desk, command: Any, reply: Callable[[Receipt], None]) -> None:
        def twice(receipt: Receipt) -> None:
            reply(receipt)
            reply(receipt)

        real(self, command, twice)

    patch.setattr(Desk, "handle", handle)


def books_no_fees(patch: pytest.MonkeyPatch) -> None:
    real = Ledger.book_fill
    patch.setattr(Ledger, "book_fill", lambda self, realised, _fee, closed: real(self, realised, Decimal(0), closed))


def books_wrong_profit(patch: pytest.MonkeyPatch) -> None:
    real = Ledger.book_fill
    patch.setattr(Ledger, "book_fill", lambda self, gain, fee, closed: real(self, gain + Decimal("1E-9"), fee, closed))


def holds_too_much(patch: pytest.MonkeyPatch) -> None:
    real = LotBook.enter

    def enter(self: LotBook, lot: Lot) -> Outcome:
        return real(self, msgspec.structs.replace(lot, qty=lot.qty + Decimal("0.001")))

    patch.setattr(LotBook, "enter", enter)


def writes_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Orders, "write", lambda self, *_args, **_more: self._venue.now())


def raises_in_a_handler(patch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object) -> bool:
        raise ZeroDivisionError("broken on purpose")

    patch.setattr(grid, "is_passed", broken)


def never_rests(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(HedgeGrid, "_wake_for", lambda self, _deadline, now: self._venue.wake_at(now))


def unreadable_ids(patch: pytest.MonkeyPatch) -> None:
    real = order_ids.format_id
    patch.setattr(orders, "format_id", lambda order: real(order) + "!")


def long_ids(patch: pytest.MonkeyPatch) -> None:
    real = order_ids.format_id
    patch.setattr(orders, "format_id", lambda order: real(order).ljust(40, "0"))


# Down through two rungs, up through a take-profit, down again.
WALK = (*range(0, -130, -10), *range(-130, -30, 10), *range(-30, -130, -10))


def run(world: World, act: CommandName | None) -> None:
    for offset in WALK:
        world.quote(60_000 + offset)
        for _ in range(3):
            world.converge()
            world.venue.process()
            world.venue.deliver()
            world.checker.report()
        if world.venue.quiet and not world.grid.frozen:
            world.checker.when_quiet()
        if offset == -130 and act is not None:
            world.act(act)
    world.settle()
    world.checker.report()
    world.checker.at_rest(world.grid)


def until_broken(world: World, act: CommandName | None = None) -> int:
    with pytest.raises(BrokenInvariantError) as caught:
        run(world, act)
    return caught.value.number


@pytest.mark.parametrize(
    ("breaks", "number"),
    [
        (off_tick, 1),
        (off_step, 2),
        (blind_index, 4),
        (books_no_fees, 16),
        (books_wrong_profit, 16),
        (writes_nothing, 22),
        (raises_in_a_handler, 24),
        (never_rests, 25),
        (unreadable_ids, 26),
        (long_ids, 26),
    ],
)
def test_the_checker_sees(breaks: Break, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    breaks(monkeypatch)
    assert until_broken(World(overrides=PLAIN)) == number


def test_the_checker_sees_a_lot_without_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    no_stops(monkeypatch)
    monkeypatch.setattr(HedgeGrid, "_escalate", lambda _self, _now: None)
    # A grid that may not close what it cannot protect goes on looking after the naked lot and never comes to rest.
    assert until_broken(World(overrides=PLAIN)) in (6, 25)


def test_the_checker_sees_an_entry_below_the_least_notional(monkeypatch: pytest.MonkeyPatch) -> None:
    open_gate(monkeypatch)
    assert until_broken(World(overrides=("grid.base_qty=0.001",))) == 3


def test_the_checker_sees_exits_of_more_than_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    no_shrinking(monkeypatch)
    assert until_broken(World(overrides=("grid.base_qty=0.040",), mischief=Mischief(piecemeal=1))) == 5


def test_the_checker_sees_a_lot_that_is_larger_than_its_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    holds_too_much(monkeypatch)
    assert until_broken(World(overrides=PLAIN)) == 5


def test_the_checker_sees_a_fill_that_counts_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    forgets_fills(monkeypatch)
    assert until_broken(World(overrides=PLAIN, mischief=Mischief(duplicates=1))) == 7


def test_the_checker_sees_a_leg_that_changes_its_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    closes_again_and_again(monkeypatch)
    world = World(overrides=PLAIN, enforces_reduce_only=False)
    assert until_broken(world, CommandName.FLATTEN) == 8


def test_the_checker_sees_an_entry_that_leaves_while_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    gate_forgets_the_pause(monkeypatch)
    assert until_broken(World(overrides=PLAIN), CommandName.CANCEL_ENTRIES) == 10


@pytest.mark.parametrize(
    ("breaks", "act"),
    [(says_flat_at_once, CommandName.FLATTEN), (looks_for_no_entries, CommandName.CANCEL_ENTRIES)],
)
def test_the_checker_sees_a_receipt_that_is_not_true(
    breaks: Break, act: CommandName, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(monkeypatch)
    assert until_broken(World(overrides=PLAIN), act) == 12


def test_the_checker_sees_a_second_receipt(monkeypatch: pytest.MonkeyPatch) -> None:
    answers_twice(monkeypatch)
    assert until_broken(World(overrides=PLAIN), CommandName.PAUSE) == 13
