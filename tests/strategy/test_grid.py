"""The grid against the fake venue: seeded runs under the checker, and the situations that deserve a name."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from strategy import books as books_module
from strategy import grid as grid_module
from strategy.books import Fill
from strategy.control import CommandName
from strategy.domain import DesiredOrder, Leg, OrderKey, Reason, Role, Side
from strategy.order_ids import OrderId, format_id
from strategy.order_index import OrderRecord, OrderStatus
from tests.strategy.venue import MS, Mischief, VenueOrder
from tests.strategy.world import ROUGH, SESSION, World

STEPS = 100
PLAIN = ("grid.levels=2", "grid.base_qty=0.004")
STRATEGY = Path(grid_module.__file__).parent


def started(*overrides: str, **options: object) -> World:
    """A world whose entries rest at the venue."""
    world = World(overrides=overrides or PLAIN, acts=False, **options)  # type: ignore[arg-type]
    world.quote(60_000)
    world.venue.drain()
    return world


def entry(world: World, leg: Leg, level: int) -> VenueOrder:
    (found,) = [order for order in world.venue.live(leg, Role.ENTRY) if order.order.key.slot == level]
    return found


@pytest.mark.parametrize("seed", range(40))
def test_a_well_behaved_venue_and_random_operator_acts_break_no_invariant(seed: int) -> None:
    World(seed).run(STEPS)


@pytest.mark.parametrize("seed", range(60))
def test_s03_rejects_partial_fills_and_repeated_events_break_no_invariant(seed: int) -> None:
    World(seed, mischief=ROUGH).run(STEPS)


@pytest.mark.parametrize("seed", range(40))
def test_s03_fills_after_their_orders_cancel_are_held_and_protected(seed: int) -> None:
    World(seed, mischief=replace(ROUGH, late_fill=0.3)).run(STEPS)


@pytest.mark.parametrize("seed", range(40))
def test_a_venue_that_answers_inside_the_call_breaks_no_invariant(seed: int) -> None:
    World(seed, mischief=ROUGH, instant=True).run(STEPS)


@pytest.mark.parametrize("seed", range(40))
def test_no_leg_changes_sign_even_where_the_venue_does_not_enforce_reduce_only(seed: int) -> None:
    World(seed, mischief=Mischief(piecemeal=0.5, duplicates=0.2), instant=True, enforces_reduce_only=False).run(STEPS)


@pytest.mark.parametrize("seed", range(30))
def test_exits_that_the_venue_links_break_no_invariant(seed: int) -> None:
    World(seed, mischief=ROUGH, linked_exits=True).run(STEPS)
    World(seed, mischief=Mischief(piecemeal=0.5), linked_exits=True, instant=True, enforces_reduce_only=False).run(
        STEPS
    )


@pytest.mark.parametrize("seed", range(40))
def test_stops_that_cannot_be_resized_are_replaced_without_a_breach(seed: int) -> None:
    World(seed, mischief=ROUGH, resizes_stops=False).run(STEPS)


@pytest.mark.parametrize("seed", range(40))
def test_quotes_inside_the_calm_band_may_be_left_unheeded(seed: int) -> None:
    World(seed, mischief=ROUGH, heeds_band=True).run(STEPS)


@pytest.mark.parametrize("seed", range(20))
def test_calls_that_raise_while_quotes_are_left_unheeded_break_no_invariant(seed: int) -> None:
    World(seed, mischief=replace(ROUGH, link_fails=0.3), heeds_band=True, acts=False).run(STEPS)


def test_the_same_seed_gives_the_same_trace_and_the_same_journal() -> None:
    first, second = (World(7, mischief=ROUGH) for _ in range(2))
    first.run(STEPS)
    second.run(STEPS)
    assert first.trace == second.trace
    assert first.journal.lines == second.journal.lines


def test_at_rest_another_pass_does_nothing() -> None:
    for seed in range(10):
        world = World(seed, mischief=ROUGH)
        world.run(60)
        before = world.fingerprint()
        world.converge()
        assert world.fingerprint() == before


def test_the_seeded_runs_do_trade() -> None:
    worlds = [World(seed, mischief=ROUGH) for seed in range(8)]
    for world in worlds:
        world.run(STEPS)
    assert sum(world.grid.ledger.fills for world in worlds) > 40
    assert all(world.checker.checked > 500 for world in worlds)


# -- entries -----------------------------------------------------------------------------------------------------------


def test_without_a_market_nothing_is_sent() -> None:
    world = World(overrides=PLAIN)
    world.converge()
    assert not world.venue.orders
    assert world.grid.ladder is None


def test_entries_beyond_a_turns_limit_are_queued_for_the_next_pass() -> None:
    world = World(overrides=("grid.levels=3", "grid.base_qty=0.004", "execution.orders_per_turn=2"), acts=False)
    world.quote(60_000)
    assert len(world.venue.live()) == 2
    assert list(world.grid.gaps.values()) == [Reason.QUEUED] * 4
    world.settle()
    assert len(world.venue.live()) == 6


def test_a_market_that_leaves_the_trigger_moves_the_entries_and_keeps_lots_and_exits() -> None:
    world = started()
    world.venue.fill(entry(world, Leg.LONG, 1))
    world.venue.drain()
    exits = {order.id for order in world.venue.live(Leg.LONG, Role.SL, Role.TP)}
    world.venue.fill(entry(world, Leg.LONG, 2))
    world.quote("59700")
    world.settle()
    world.quote("59500")
    world.settle()
    world.checker.at_rest(world.grid)
    assert world.grid.ladder is not None
    assert world.grid.ladder.centre == Decimal(59_500)
    assert len(exits) == 2


def test_a_rejected_entry_waits_twice_as_long_each_time() -> None:
    world = World(overrides=("grid.levels=1", "grid.base_qty=0.004"), mischief=Mischief(rejects_entry=1), acts=False)
    world.quote(60_000)
    times = []
    for _ in range(200):
        before = world.venue.commands["submit"]
        world.venue.drain()
        world.advance(50)
        if world.venue.commands["submit"] > before:
            times.append(world.venue.clock)
    waits = [(after - before) // MS for before, after in pairwise(times)]
    assert waits == sorted(waits)
    assert waits[:3] == [1000, 2000, 4000]
    assert world.grid.gaps[OrderKey(Leg.LONG, Role.ENTRY, 1)] is Reason.BACKING_OFF


def test_a_post_only_reject_is_no_error() -> None:
    world = World(overrides=PLAIN, acts=False)
    world.quote(60_000)
    world.quote(59_900, heed=False)
    world.venue.drain()
    assert world.grid.ledger.rejected == 1
    assert world.grid.errors.count == 0
    assert list(world.grid.refusals.values()) == ["would take"]


def test_a_denied_order_is_counted_apart_from_a_rejected_one() -> None:
    world = World(overrides=PLAIN, mischief=Mischief(denies=1), acts=False)
    world.quote(60_000)
    world.venue.drain()
    assert (world.grid.ledger.denied, world.grid.ledger.rejected) == (4, 0)


def test_a_gate_reason_is_journalled_once_until_it_changes() -> None:
    world = started("grid.levels=1", "grid.base_qty=0.001")
    for mid in (60_001, 60_002, 60_003):
        world.quote(mid)
    assert [line["reason"] for line in world.journal.of("gate")] == [Reason.BELOW_MIN_NOTIONAL] * 2


# -- lots and exits ----------------------------------------------------------------------------------------------------


def test_each_part_of_an_entry_is_covered_as_it_fills() -> None:
    world = started()
    first = entry(world, Leg.LONG, 1)
    for part in ("0.001", "0.002", "0.001"):
        world.venue.fill(first, part)
        world.venue.drain()
        held = world.venue.true_position[Leg.LONG]
        assert world.venue.open_qty(Leg.LONG, Role.SL) == world.venue.open_qty(Leg.LONG, Role.TP) == held
    assert len(world.grid.lots) == 1


def test_s03_a_fill_told_twice_counts_once() -> None:
    world = started()
    world.venue.fill(entry(world, Leg.LONG, 1))
    world.venue.drain()
    for _ in range(3):
        world.venue.replay_one()
    assert world.grid.lots.held(Leg.LONG) == Decimal("0.004")
    assert world.grid.ledger.fills == 1


def test_s03_only_so_many_fills_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books_module, "TRADES_REMEMBERED", 2)
    world = started()
    for _ in range(4):
        world.venue.fill(entry(world, Leg.LONG, 1), "0.001")
        world.venue.drain()
    assert len(world.grid.books._seen) == 2


def test_a_foreign_fill_is_a_critical_error_and_nothing_else() -> None:
    world = started()
    before = world.fingerprint()
    fill = Fill("manual-1", "t", Side.BUY, Decimal(60_000), Decimal("0.1"), Decimal(0), maker=False)
    world.grid.on_fill(fill)
    world.grid.on_fill(msgspec.structs.replace(fill, order_id="manual-2"))
    assert world.fingerprint() == before
    assert world.grid.errors.critical == 2


def test_an_entry_fill_without_a_ladder_takes_the_step_from_its_own_price() -> None:
    world = World(overrides=PLAIN, acts=False)
    order_id = format_id(OrderId(SESSION, OrderKey(Leg.SHORT, Role.ENTRY, 1), None, 9))
    world.grid.on_fill(Fill(order_id, "t", Side.SELL, Decimal(50_000), Decimal("0.004"), Decimal(0), maker=True))
    (lot,) = world.grid.lots
    assert (lot.number, lot.anchor, lot.step, lot.level) == (9, Decimal(50_000), Decimal(50), 1)


def test_an_exit_that_fills_more_than_is_held_is_a_critical_error() -> None:
    world = started(enforces_reduce_only=False)
    world.venue.fill(entry(world, Leg.LONG, 1))
    world.venue.drain()
    (stop,) = world.venue.live(Leg.LONG, Role.SL)
    order_id, fills = stop.id, world.grid.ledger.fills
    world.grid.on_fill(Fill(order_id, "big", Side.SELL, Decimal(60_000), Decimal("0.010"), Decimal(0), maker=False))
    assert world.grid.lots.held(Leg.LONG) == Decimal("-0.006")
    assert world.grid.ledger.fills == fills + 1
    assert world.grid.ledger.realised == Decimal("0.24000")
    assert world.grid.errors.latest[-1].type == "over-closed"


def test_a_stop_that_the_market_has_passed_before_it_rests_becomes_a_close() -> None:
    world = started("grid.levels=1", "grid.base_qty=0.004")
    world.venue.fill(entry(world, Leg.LONG, 1))
    world.venue.quote_at("59600", "59600.1")
    world.venue.deliver()
    assert [order.role for order in world.venue.live(Leg.LONG) if order.role.reduces] == [Role.CLOSE]
    world.settle()
    world.checker.at_rest(world.grid)


def test_a_refused_cancel_is_asked_again_after_its_wait() -> None:
    world = started()
    world.venue.fill(entry(world, Leg.LONG, 1))
    world.venue.drain()
    (target,) = world.venue.live(Leg.LONG, Role.TP)
    (stop,) = world.venue.live(Leg.LONG, Role.SL)
    world.venue.mischief = Mischief(refuses_request=1)
    world.venue.fill(stop)
    world.venue.drain()
    known = world.grid.index.get(target.id)
    assert known is not None
    assert known.status is OrderStatus.CANCELLING
    world.venue.mischief = Mischief()
    world.settle()
    assert target.done


def test_answers_about_unknown_orders_change_nothing() -> None:
    world = started()
    before = world.fingerprint()
    grid = world.grid
    grid.on_accepted("x")
    grid.on_refused("x", "why", event="rejected")
    grid.on_ended("x", "canceled")
    grid.on_resized("x", Decimal(1))
    grid.on_request_refused("x", "why")
    assert world.fingerprint() == before
    assert grid.errors.count == 0


def test_a_pass_that_keeps_changing_is_cut_off_and_continued_later() -> None:
    world = started()
    calls = []

    def restless() -> int | None:
        calls.append(1)
        world.grid.converge()
        return None

    world.venue.wakes.clear()
    world.grid.before_pass = restless
    world.grid.converge()
    assert len(calls) == grid_module.MAX_PASSES
    assert world.venue.wakes == {world.venue.clock + 1}


def test_the_gate_is_asked_again_just_before_an_entry_leaves() -> None:
    world = started()
    order = DesiredOrder(OrderKey(Leg.LONG, Role.ENTRY, 9), Side.BUY, Decimal(50_000), Decimal("0.004"), None)
    world.act(CommandName.PAUSE)
    sent = world.venue.commands["submit"]
    world.grid.orders.submit(order, Decimal(60))
    assert world.venue.commands["submit"] == sent


def test_requests_for_orders_that_have_ended_are_not_sent() -> None:
    world = started()
    world.grid.orders.cancel("gone", "why")
    world.grid.orders._resize("gone", Decimal(1), "why")
    assert (world.venue.commands["cancel"], world.venue.commands["resize"]) == (0, 0)


def test_an_order_that_ended_inside_the_call_that_raised_is_not_denied_as_well() -> None:
    world = World(overrides=PLAIN, acts=False)

    def reject_and_raise(order_id: str, order: DesiredOrder) -> None:
        world.grid.on_refused(order_id, "no", event="rejected")
        raise RuntimeError("and no link")

    world.venue.submit = reject_and_raise  # type: ignore[method-assign]
    world.quote(60_000)
    assert (world.grid.ledger.rejected, world.grid.ledger.denied) == (4, 0)


def test_s04_no_float_touches_a_price_or_quantity() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in STRATEGY.glob("*.py")}
    assert len(texts) > 15
    assert [name for name, text in texts.items() if "float(" in text or "as_double" in text] == []


def test_s04_every_number_of_an_order_and_of_the_books_is_a_decimal() -> None:
    world = World(3, mischief=ROUGH)
    world.run(60)
    for order in world.venue.orders.values():
        assert isinstance(order.order.qty, Decimal)
        assert isinstance(order.order.price, Decimal | None)
    assert isinstance(world.grid.ledger.realised + world.grid.ledger.fees, Decimal)


def test_an_entry_at_no_price_would_count_nothing_against_the_caps() -> None:
    world = World(overrides=("grid.levels=2", "grid.base_qty=0.004"), acts=False)
    world.quote(60_000)
    world.settle()
    before = world.grid.exposures()
    key = OrderKey(Leg.LONG, Role.ENTRY, 9)
    world.grid.index.add(OrderRecord("x", key, Side.BUY, None, Decimal(1), None, Decimal(60)))
    assert world.grid.exposures(key) == world.grid.exposures() == before


def test_a_close_waits_while_another_whose_lot_is_gone_may_still_take_what_is_left() -> None:
    world = World(overrides=("grid.levels=2", "grid.base_qty=0.004", "grid.tp_steps=4"), acts=False)
    world.quote(60_000)
    world.settle()
    for order in world.venue.live(Leg.LONG, Role.ENTRY):
        world.venue.fill(order)
    world.settle()
    first, second = (lot.number for lot in world.grid.lots.of(Leg.LONG))
    world.grid.lots.mark_breached(first)
    world.converge()
    (close,) = world.venue.live(Leg.LONG, Role.CLOSE)
    (target,) = [order for order in world.venue.live(Leg.LONG, Role.TP) if order.order.lot == first]
    world.venue.fill(target)
    world.venue.deliver()
    world.grid.lots.mark_breached(second)
    world.converge()
    assert world.venue.live(Leg.LONG, Role.CLOSE) == [close]
    world.settle()
    assert world.venue.true_position[Leg.LONG] == 0


def test_i25_what_is_left_for_the_next_turn_waits_until_the_message_budget_has_room() -> None:
    limits = ("grid.levels=2", "limits.max_messages=10", "limits.message_reserve=6", "limits.message_window_s=10")
    world = World(overrides=(*limits, "grid.base_qty=0.004", "execution.orders_per_turn=1"), acts=False)
    world.quote(60_000)
    grid, now = world.grid, world.venue.clock
    assert grid._unfinished
    world.venue.wakes.clear()
    grid._wake_for(None, now)
    assert now + 1 in world.venue.wakes
    grid.risk.budget.spend(now, 10)
    world.venue.wakes.clear()
    grid._wake_for(None, now)
    assert now + 1 not in world.venue.wakes
