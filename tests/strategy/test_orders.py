"""The way out under a message budget: what it keeps back is sent as soon as there is room, and nothing is lost."""

from decimal import Decimal

from strategy.control import CommandName
from strategy.domain import NS_PER_S, DesiredOrder, Leg, Reason, Role
from strategy.reconcile import Cancel, Submit
from tests.strategy.scenes import entry, holding, only, started
from tests.strategy.world import World

TIGHT = ("limits.max_messages=20", "limits.message_reserve=8", "limits.message_window_s=2")


def spend(world: World, left: int = 0) -> None:
    """Use the budget up but for so many requests."""
    budget, now = world.grid.risk.budget, world.venue.now()
    budget.spend(now, 20 - left - budget.used(now))


def test_i15_a_cancel_of_an_entry_that_the_budget_keeps_back_is_sent_when_there_is_room() -> None:
    world = started(*TIGHT)
    world.advance(3_000)
    spend(world)
    first = entry(world)
    world.grid.orders.do([Cancel(first.id, "on purpose")], Decimal(60))
    assert world.grid.orders.held_up == {first.id: "on purpose"}
    assert world.venue.commands["cancel"] == 0
    assert min(world.venue.wakes) == world.venue.now() + 2 * NS_PER_S
    world.advance(2_000)
    assert world.grid.orders.held_up == {}
    assert only(world.journal.of("order", event="cancel"))["reason"] == "on purpose"


def test_i15_a_cancel_of_an_exit_is_worked_out_anew_instead_of_being_kept() -> None:
    world = holding(*TIGHT)
    world.advance(3_000)
    spend(world)
    stop = only(world.venue.live(Leg.LONG, Role.SL))
    world.grid.orders.do([Cancel(stop.id, "not wanted any more")], Decimal(60))
    assert world.grid.orders.held_up == {}
    world.settle()
    assert not stop.done


def test_i15_a_cancel_of_an_order_that_is_gone_is_not_kept() -> None:
    world = started(*TIGHT)
    world.advance(3_000)
    spend(world)
    world.grid.orders.do([Cancel("unknown", "x")], Decimal(60))
    assert world.grid.orders.held_up == {}


def test_i15_exits_that_the_budget_keeps_back_leave_with_the_next_room() -> None:
    world = started(*TIGHT)
    world.advance(3_000)
    spend(world, left=1)
    world.venue.fill(entry(world))
    world.venue.drain()
    assert world.venue.live(Leg.LONG, Role.SL) == [], "a pair needs room for two"
    world.advance(2_000)
    world.venue.drain()
    assert world.venue.open_qty(Leg.LONG, Role.SL) == world.venue.open_qty(Leg.LONG, Role.TP) == Decimal("0.004")


def test_i15_entries_wait_for_the_budget_and_come_by_themselves() -> None:
    world = started(*TIGHT)
    world.act(CommandName.CANCEL_ENTRIES)
    world.settle()
    world.advance(3_000)
    spend(world, left=8)
    world.act(CommandName.RESUME)
    assert set(world.grid.gaps.values()) == {Reason.MESSAGE_BUDGET}
    world.advance(2_000)
    world.settle()
    assert len(world.venue.live(None, Role.ENTRY)) == 4


def test_an_order_that_a_limit_refuses_as_it_leaves_leaves_its_reason_at_its_rung() -> None:
    world = started(*TIGHT)
    world.advance(3_000)
    spend(world, left=8)
    first = entry(world)
    wanted = DesiredOrder(first.order.key, first.order.side, first.order.price, first.order.qty, None)
    world.grid.orders.do([Submit(wanted)], Decimal(60))
    assert world.grid.gaps[first.order.key] is Reason.MESSAGE_BUDGET
