"""The operator's desk against the fake venue: latched states, receipts that are true, flattening that is verified."""

from decimal import Decimal

import msgspec
import pytest

from strategy.control import Command, CommandName, Receipt, Result
from strategy.domain import DoorState, Leg, OrderKey, Reason, Role
from strategy.picture import take_picture
from strategy.snapshot import FlattenStage, MarketView, RungState, Snapshot
from tests.strategy.venue import Mischief
from tests.strategy.world import ACTS, ROUGH, World

PLAIN = ("grid.levels=2", "grid.base_qty=0.004")


def holding(*, seed: int = 0, **options: object) -> World:
    """A world with a long lot, a short lot and resting entries."""
    world = World(seed, overrides=PLAIN, acts=False, **options)  # type: ignore[arg-type]
    world.quote(60_000)
    world.venue.drain()
    for leg in Leg:
        world.venue.fill(next(order for order in world.venue.live(leg, Role.ENTRY) if order.order.key.slot == 1))
    world.settle()
    return world


def result_of(receipts: list[Receipt]) -> Result:
    (receipt,) = receipts
    return receipt.result


def picture(world: World) -> Snapshot:
    market = world.venue.quote
    view = MarketView() if market is None else MarketView(bid=market.bid, ask=market.ask)
    return take_picture(Snapshot(), 1, world.venue.now(), world.grid, world.desk, view)


@pytest.mark.parametrize("seed", range(30))
def test_s09_after_a_flatten_amid_trouble_done_means_flat_and_nothing_open(seed: int) -> None:
    world = World(seed, mischief=ROUGH)
    world.quote(60_000)
    for _ in range(50):
        world.step()
    receipts = world.act(CommandName.FLATTEN)
    for _ in range(10):
        world.step()
    world.settle()
    world.checker.report()
    assert result_of(receipts) in (Result.DONE, Result.TIMEOUT)
    world.checker.at_rest(world.grid)


@pytest.mark.parametrize("seed", range(20))
def test_every_act_gets_one_receipt_and_one_act_line(seed: int) -> None:
    world = World(seed, mischief=ROUGH, acts=False)
    world.quote(60_000)
    given = []
    for _ in range(25):
        world.step()
        given.append(world.act(world.rng.choice(ACTS)))
    world.settle()
    world.checker.report()
    assert all(len(receipts) == 1 for receipts in given)
    acts = [line["act_id"] for line in world.journal.of("act")]
    answered = [line["act_id"] for line in world.journal.of("receipt")]
    assert len(acts) == 25
    assert sorted(answered) == sorted(acts)


@pytest.mark.parametrize("order", [("long", "short"), ("short", "long"), ("short",), ("long",)])
def test_s09_one_leg_is_flattened_without_touching_the_other(order: tuple[str, ...]) -> None:
    world = holding()
    for name in order:
        leg = Leg(name)
        receipts = world.act(CommandName.FLATTEN, leg)
        assert world.grid.state is DoorState.FLATTENING
        world.settle()
        assert result_of(receipts) is Result.DONE
        assert world.venue.true_position[leg] == 0
        assert not world.venue.live(leg)
        assert world.desk.reason == f"{leg} flat, verified"
    for leg in set(Leg) - {Leg(name) for name in order}:
        assert world.venue.open_qty(leg, Role.SL) == world.venue.true_position[leg] == Decimal("0.004")
    assert world.grid.state is DoorState.PAUSED


def test_s09_the_receipt_says_per_leg_what_was_held_closed_and_left() -> None:
    world = holding()
    receipts = world.act(CommandName.FLATTEN)
    world.settle()
    (receipt,) = receipts
    assert receipt.detail["long"] == {
        "held": "0.004",
        "closed": "0.004",
        "average": "59999.90",
        "left": "0.000",
        "open_orders": "0",
    }


def test_s09_entries_go_first_and_exits_last() -> None:
    world = holding()
    before = len(world.journal.lines)
    world.act(CommandName.FLATTEN)
    world.settle()
    sent = [line["role"] for line in world.journal.lines[before:] if line.get("event") in ("cancel", "submit")]
    turns = [role for n, role in enumerate(sent) if n == 0 or role != sent[n - 1]]
    assert [role for role in turns if role in ("entry", "close")] == ["entry", "close"]
    assert set(turns[2:]) == {"sl", "tp"}


def test_s09_further_flattens_join_the_one_that_runs_and_add_nothing() -> None:
    world = holding()
    first = world.act(CommandName.FLATTEN, Leg.LONG)
    commands = dict(world.venue.commands)
    second = world.act(CommandName.FLATTEN, Leg.LONG)
    assert world.venue.commands == commands
    third = world.act(CommandName.FLATTEN, Leg.SHORT)
    world.settle()
    assert [result_of(receipts) for receipts in (first, second, third)] == [Result.DONE] * 3
    assert not world.venue.live()


def test_s09_a_flatten_of_what_is_flat_sends_nothing() -> None:
    world = holding()
    world.act(CommandName.FLATTEN)
    world.settle()
    commands = dict(world.venue.commands)
    assert result_of(world.act(CommandName.FLATTEN)) is Result.DONE
    assert world.venue.commands == commands


def test_s09_a_flatten_that_is_not_verified_in_time_says_not_flat() -> None:
    world = holding()
    receipts = world.act(CommandName.FLATTEN)
    world.advance(9_999)
    assert receipts == []
    assert world.desk.flattened is not None
    assert world.desk.flattened.running
    world.advance(1)
    assert result_of(receipts) is Result.TIMEOUT
    assert receipts[0].detail["reason"] == "not verified in time"
    assert world.desk.flattened.stage is FlattenStage.NOT_FLAT
    assert world.desk.reason == "flatten failed: long and short NOT FLAT"
    assert world.grid.errors.latest[-1].type == "not-flat"
    world.settle()
    again = world.act(CommandName.FLATTEN)
    world.settle()
    assert result_of(again) is Result.DONE


def test_s09_a_close_that_fills_after_the_time_is_over_is_booked_all_the_same() -> None:
    world = holding()
    receipts = world.act(CommandName.FLATTEN)
    world.venue.process()
    world.venue.deliver()
    assert len(world.venue.live(None, Role.CLOSE)) == 2
    world.advance(10_000)
    assert result_of(receipts) is Result.TIMEOUT
    world.settle()
    assert not any(world.venue.true_position.values())
    world.checker.at_rest(world.grid)


def test_s09_a_leg_that_was_over_closed_is_bought_back() -> None:
    world = holding(enforces_reduce_only=False)
    (stop,) = world.venue.live(Leg.LONG, Role.SL)
    (target,) = world.venue.live(Leg.LONG, Role.TP)
    world.venue.fill(stop)
    world.venue.fill(target)
    world.venue.mischief = Mischief()
    world.checker.broken = None
    world.venue.on_submit = lambda _order: None
    world.checker.at_every_moment = lambda: None  # type: ignore[method-assign]
    world.settle()
    assert world.venue.true_position[Leg.LONG] == Decimal("-0.004")
    receipts = world.act(CommandName.FLATTEN)
    world.settle()
    assert world.venue.true_position[Leg.LONG] == 0
    assert result_of(receipts) is Result.DONE


def test_s09_a_refused_close_is_tried_again_after_its_wait() -> None:
    world = holding()
    receipts = world.act(CommandName.FLATTEN, Leg.LONG)
    world.venue.mischief = Mischief(rejects_exit=1)
    world.venue.drain()
    world.converge()
    closes = len(world.journal.of("order", event="submit", role=Role.CLOSE))
    assert closes == 1
    world.settle()
    assert result_of(receipts) is Result.DONE
    assert len(world.journal.of("order", event="submit", role=Role.CLOSE)) == 2


def test_a_fill_on_the_other_leg_during_a_flatten_is_protected() -> None:
    world = holding()
    world.act(CommandName.FLATTEN, Leg.LONG)
    world.venue.fill(next(iter(world.venue.live(Leg.SHORT, Role.ENTRY))), "0.003")
    world.settle()
    world.checker.at_rest(world.grid)
    assert len(world.journal.of("order", event="submit", role=Role.SL, leg=Leg.SHORT)) == 2


def test_pausing_keeps_entries_and_exits_and_sends_no_new_entry() -> None:
    world = holding()
    live = {order.id for order in world.venue.live()}
    receipts = world.act(CommandName.PAUSE)
    assert receipts[0].detail == {"entries_left_resting": 2}
    world.converge()
    world.settle()
    assert {order.id for order in world.venue.live()} == live
    world.venue.fill(next(iter(world.venue.live(Leg.LONG, Role.TP))))
    world.settle()
    assert world.grid.gaps[OrderKey(Leg.LONG, Role.ENTRY, 1)] is Reason.PAUSED
    assert world.act(CommandName.PAUSE)[0].detail["reason"] == "was paused already"
    assert result_of(world.act(CommandName.RESUME)) is Result.DONE
    assert world.act(CommandName.RESUME)[0].detail["reason"] == "was running already"
    world.settle()
    assert len(world.venue.live(Leg.LONG, Role.ENTRY)) == 2


def test_a_session_that_is_paused_before_its_first_quote_builds_no_ladder() -> None:
    world = World(overrides=PLAIN, acts=False)
    world.act(CommandName.PAUSE)
    world.quote(60_000)
    assert world.grid.ladder is None
    world.act(CommandName.RESUME)
    assert len(world.venue.live()) == 4


def test_pause_and_resume_wait_for_a_flatten() -> None:
    world = holding()
    world.act(CommandName.FLATTEN)
    assert result_of(world.act(CommandName.RESUME)) is Result.REFUSED
    assert world.act(CommandName.PAUSE)[0].detail["reason"] == "a flatten runs; it ends paused"
    assert world.grid.state is DoorState.FLATTENING


def test_cancel_entries_is_done_when_no_entry_is_open_and_keeps_what_is_held_protected() -> None:
    world = holding()
    receipts = world.act(CommandName.CANCEL_ENTRIES)
    assert receipts == []
    commands = dict(world.venue.commands)
    again = world.act(CommandName.CANCEL_ENTRIES)
    assert world.venue.commands == commands
    world.settle()
    assert result_of(receipts) is result_of(again) is Result.DONE
    assert receipts[0].detail == {"cancelled": 2}
    assert world.grid.state is DoorState.PAUSED
    world.checker.at_rest(world.grid)


def test_cancel_entries_that_the_venue_never_answers_times_out() -> None:
    world = holding()
    receipts = world.act(CommandName.CANCEL_ENTRIES)
    world.advance(10_000)
    assert result_of(receipts) is Result.TIMEOUT
    assert receipts[0].detail["reason"] == "2 entries are still open"


def test_cancel_entries_during_a_flatten_leaves_the_door_to_the_flatten() -> None:
    world = holding()
    world.act(CommandName.FLATTEN)
    world.act(CommandName.CANCEL_ENTRIES)
    assert world.grid.state is DoorState.FLATTENING


@pytest.mark.parametrize("name", [CommandName.RESET_BREAKER, CommandName.RESET_DRAWDOWN, CommandName.SET_THROTTLE])
def test_what_this_version_cannot_do_is_refused(name: CommandName) -> None:
    assert result_of(holding().act(name)) is Result.REFUSED


def test_at_the_end_of_a_session_what_is_owed_is_answered_as_failed() -> None:
    world = holding()
    flatten, cancel = world.act(CommandName.FLATTEN), world.act(CommandName.CANCEL_ENTRIES)
    world.desk.abandon()
    assert result_of(flatten) is result_of(cancel) is Result.FAILED


def test_an_act_is_journalled_with_its_leg_and_its_origin_before_anything_it_causes() -> None:
    world = holding()
    before = len(world.journal.lines)
    world.desk.handle(Command(CommandName.FLATTEN, Leg.SHORT), lambda _receipt: None)
    act = world.journal.lines[before]
    assert (act["kind"], act["command"], act["args"], act["by"]) == ("act", "flatten", {"leg": "short"}, "operator")
    assert world.journal.lines[before + 1]["kind"] == "state"


# -- the picture of it -------------------------------------------------------------------------------------------------


def test_the_picture_shows_live_held_missing_and_moving_rungs() -> None:
    world = World(overrides=PLAIN, acts=False)
    empty = picture(world)
    assert empty.ladders.centre is None
    assert empty.is_flat
    world.quote(60_000)
    assert {rung.state for rung in picture(world).ladders.long} == {RungState.IN_FLIGHT}
    world.venue.drain()
    assert {rung.state for rung in picture(world).ladders.long} == {RungState.LIVE}
    world.venue.fill(next(iter(world.venue.live(Leg.LONG, Role.ENTRY))))
    world.venue.drain()
    shown = picture(world)
    assert [rung.state for rung in shown.ladders.long] == [RungState.HELD, RungState.LIVE]
    lot = shown.ladders.long[0].lot
    assert lot is not None
    assert lot.tp_qty == lot.sl_qty == lot.qty == shown.long.qty == Decimal("0.004")
    assert lot.unrealised == shown.long.unrealised == shown.metrics.unrealised == Decimal("0.24000")
    world.act(CommandName.CANCEL_ENTRIES)
    assert picture(world).ladders.long[1].state is RungState.CANCELLING
    world.venue.drain()
    assert picture(world).ladders.long[1].state is RungState.GAP
    world.act(CommandName.FLATTEN)
    world.settle()
    flat = picture(world)
    assert flat.is_flat
    assert flat.flatten is not None
    assert not flat.flatten.running
    assert [receipt.command for receipt in flat.receipts] == ["cancel-entries", "flatten"]


def test_the_picture_shows_an_unprotected_leg_at_once_and_lots_without_a_rung_as_strays() -> None:
    world = World(overrides=PLAIN, acts=False)
    world.quote(60_000)
    world.venue.drain()
    world.venue.fill(next(iter(world.venue.live(Leg.LONG, Role.ENTRY))))
    world.venue.deliver()
    assert picture(world).long.unprotected_ns == 1
    world.settle()
    world.quote("60400")
    world.settle()
    world.quote("60900")
    world.settle()
    shown = picture(world)
    assert shown.long.unprotected_ns == 0
    assert shown.leg(Leg.LONG).lots == len([r for r in shown.ladders.long if r.lot]) + len(
        [lot for lot in shown.ladders.strays if lot.leg is Leg.LONG]
    )


@pytest.mark.parametrize("seed", range(15))
def test_s02_any_picture_of_a_run_adds_up_and_survives_serialisation(seed: int) -> None:
    world = World(seed, mischief=ROUGH)
    world.quote(60_000)
    for _ in range(60):
        world.step()
        shown = picture(world)
        for leg in Leg:
            lots = [rung.lot for rung in (*shown.ladders.long, *shown.ladders.short) if rung.lot and rung.leg is leg]
            strays = [lot for lot in shown.ladders.strays if lot.leg is leg]
            assert sum((lot.qty for lot in (*lots, *strays)), Decimal(0)) == shown.leg(leg).qty
        assert shown.metrics.equity == shown.metrics.wallet + shown.metrics.unrealised
        assert shown.metrics.peak >= shown.metrics.equity
    assert msgspec.json.decode(msgspec.json.encode(shown), type=Snapshot) == shown


def test_s09_a_flatten_closes_the_legs_although_one_entry_was_lost_and_nobody_answers() -> None:
    world = holding()
    lost = world.venue.live(Leg.SHORT, Role.ENTRY)[0]
    answer = world.venue.cancel
    world.venue.cancel = lambda order_id: None if order_id == lost.id else answer(order_id)  # type: ignore[method-assign]
    receipts = world.act(CommandName.FLATTEN)
    for _ in range(8):
        world.venue.drain()
        world.advance(500)
    assert world.venue.true_position[Leg.LONG] == 0
    assert not receipts
    for _ in range(60):
        world.venue.drain()
        world.advance(500)
    assert [receipt.result for receipt in receipts] == [Result.TIMEOUT]
