"""The flatten: from any state, joined by others, verified before it is said, and bounded by an alarm that stays."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from strategy.control import CommandName, Origin, Result
from strategy.domain import NS_PER_S, DoorState, Leg, Role
from strategy.flatten import Asked, Flatten, FlattenFacts
from strategy.flattener import Flattener
from strategy.latches import Halt
from strategy.past import NOT_FLAT
from strategy.snapshot import FlattenStage, FlattenView
from tests.strategy.scenes import PLAIN, entry, err, holding, only, result_of, started
from tests.strategy.venue import Event, Mischief
from tests.strategy.world import ROUGH, World


def shown(world: World) -> FlattenView:
    view = world.desk.flattener.shown
    assert view is not None
    return view


def alarms(world: World) -> list[tuple[Leg, bool]]:
    return [(line["leg"], line["raised"]) for line in world.journal.of("alarm", name=NOT_FLAT)]


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
        assert world.grid.door.reason == f"{leg} flat, verified"
    for leg in set(Leg) - {Leg(name) for name in order}:
        assert world.venue.open_qty(leg, Role.SL) == world.venue.true_position[leg] == Decimal("0.004")
    assert world.grid.state is DoorState.PAUSED


def test_s09_the_receipt_says_per_leg_what_was_held_closed_and_left_and_what_closing_cost() -> None:
    """The market stands at 59,999.90 / 60,000.10 all the while: half the spread is lost on either leg."""
    world = holding()
    receipts = world.act(CommandName.FLATTEN)
    world.settle()
    closed = {"held": "0.004", "closed": "0.004", "left": "0.000", "open_orders": "0",
              "slippage": "0.00040000", "slippage_bps": "0.02"}  # fmt: skip
    assert only(receipts).detail == {
        "long": {**closed, "average": "59999.90"},
        "short": {**closed, "average": "60000.10"},
    }


def test_s09_slippage_counts_what_the_market_moved_since_the_flatten_began() -> None:
    world = holding()
    receipts = world.act(CommandName.FLATTEN)
    world.quote(59_970)
    world.settle()
    detail = only(receipts).detail
    assert (detail["long"]["slippage"], detail["long"]["slippage_bps"]) == ("0.12040000", "5.02")
    assert "slippage" not in detail["short"], "its take-profit was quicker"


def test_s09_without_a_close_or_without_a_market_there_is_no_slippage() -> None:
    world = World(overrides=PLAIN, acts=False)
    receipts = world.act(CommandName.FLATTEN)
    assert only(receipts).detail["long"] == {"held": "0", "closed": "0", "average": "", "left": "0", "open_orders": "0"}


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
    assert world.desk.flattener.is_running
    world.advance(1)
    assert result_of(receipts) is Result.TIMEOUT
    assert receipts[0].detail["reason"] == "not verified in time"
    assert shown(world).stage is FlattenStage.NOT_FLAT
    assert world.grid.state is DoorState.PAUSED
    assert world.grid.door.reason == "flatten failed: long and short NOT FLAT"
    assert world.grid.errors.latest[-1].type == NOT_FLAT
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


# -- from any state ----------------------------------------------------------------------------------------------------


def open_the_breaker(world: World) -> None:
    err(world, 1000)


def halt(world: World) -> None:
    world.grid.risk.halt(Halt.CRITICAL, "on purpose")


STATES: dict[DoorState, Callable[[World], object]] = {
    DoorState.RUNNING: lambda _world: None,
    DoorState.PAUSED: lambda world: world.act(CommandName.PAUSE),
    DoorState.BREAKER_OPEN: open_the_breaker,
    DoorState.HALTED: halt,
    DoorState.FLATTENING: lambda world: world.act(CommandName.FLATTEN, Leg.SHORT),
}


@pytest.mark.parametrize("state", DoorState)
def test_s09_it_works_from_every_state_and_gives_back_the_one_that_lay_below(state: DoorState) -> None:
    world = holding("breaker.cooldown_s=0")
    STATES[state](world)
    assert world.grid.state is state
    receipts = world.act(CommandName.FLATTEN)
    assert world.grid.state is DoorState.FLATTENING
    world.settle()
    assert result_of(receipts) is Result.DONE
    assert not any(world.venue.true_position.values())
    assert not world.venue.live()
    below = {DoorState.BREAKER_OPEN: DoorState.BREAKER_OPEN, DoorState.HALTED: DoorState.HALTED}
    assert world.grid.state is below.get(state, DoorState.PAUSED)
    assert world.grid.door.latches.paused == "long and short flat, verified"


def test_s09_it_takes_back_entries_that_were_in_flight_when_it_began() -> None:
    world = World(overrides=PLAIN, acts=False)
    world.quote(60_000)
    assert len(world.venue.inbound) == 4
    receipts = world.act(CommandName.FLATTEN)
    world.settle()
    assert result_of(receipts) is Result.DONE
    assert not world.venue.live()


def test_s09_an_entry_that_fills_while_its_cancel_is_on_the_way_is_closed_as_well() -> None:
    world = started()
    receipts = world.act(CommandName.FLATTEN)
    world.venue.fill(entry(world, Leg.SHORT, 2))
    world.settle()
    assert result_of(receipts) is Result.DONE
    assert not any(world.venue.true_position.values())
    assert only(receipts).detail["short"]["closed"] == "0.004"


def test_s09_the_state_line_stands_before_anything_that_the_flatten_sends() -> None:
    world = holding()
    before = len(world.journal.lines)
    world.act(CommandName.FLATTEN)
    lines = world.journal.lines[before:]
    kinds = [line["kind"] for line in lines]
    assert kinds[:3] == ["act", "state", "order"]
    assert lines[1]["name"] == DoorState.FLATTENING
    assert lines[1]["latched"].legs == tuple(Leg)


def test_s09_a_wider_request_that_joins_has_its_own_whole_time_and_the_first_is_answered_at_its_own() -> None:
    world = holding()
    first = world.act(CommandName.FLATTEN, Leg.LONG)
    world.advance(6_000)
    second = world.act(CommandName.FLATTEN, Leg.SHORT)
    world.advance(3_999)
    assert (first, second) == ([], [])
    world.advance(1)
    assert (result_of(first), second) == (Result.TIMEOUT, [])
    assert world.grid.state is DoorState.FLATTENING
    world.advance(5_999)
    assert second == []
    world.advance(1)
    assert result_of(second) is Result.TIMEOUT
    assert len(first) == 1


def test_s09_the_same_request_that_joins_gains_no_time() -> None:
    world = holding()
    world.act(CommandName.FLATTEN)
    world.advance(6_000)
    receipts = world.act(CommandName.FLATTEN, Leg.LONG)
    world.advance(4_000)
    assert result_of(receipts) is Result.TIMEOUT


def test_s09_a_control_that_flattens_says_why_and_who() -> None:
    world = holding("watchdog.on_critical=flatten")
    world.grid.risk.on_critical("no stop")
    world.converge()
    assert world.grid.door.reason == "flatten long and short: no stop"
    act = only(world.journal.of("act"))
    assert (act["command"], act["by"], act["args"]) == (CommandName.FLATTEN, Origin.WATCHDOG, {"reason": "no stop"})


# -- the alarm that it is not flat -------------------------------------------------------------------------------------


def timed_out(leg: Leg | None = None) -> World:
    """A flatten whose closes the venue has kept to itself."""
    world = holding()
    receipts = world.act(CommandName.FLATTEN, leg)
    world.advance(10_000)
    assert result_of(receipts) is Result.TIMEOUT
    return world


def test_i12_a_flatten_that_did_not_come_to_its_end_is_alarmed_per_leg_and_told_again_while_it_lasts() -> None:
    world = timed_out()
    assert alarms(world) == [(leg, True) for leg in Leg]
    assert [alarm.detail for alarm in world.grid.errors.alarms.values()] == ["0.004 held after a flatten"] * 2
    world.grid.errors.repeat_alarms(world.venue.now() + 30 * NS_PER_S, 30 * NS_PER_S)
    assert [line["leg"] for line in world.journal.of("alarm", name=NOT_FLAT) if line.get("again")] == list(Leg)


def test_i12_of_two_legs_the_one_that_is_flat_is_not_alarmed() -> None:
    world = started()
    world.venue.fill(entry(world, Leg.LONG, 1))
    world.settle()
    for order in world.venue.live(Leg.SHORT):
        world.venue._end(order, stop_event(order.id))
    world.act(CommandName.PAUSE)
    world.venue.drain()
    world.act(CommandName.FLATTEN)
    world.advance(10_000)
    assert alarms(world) == [(Leg.LONG, True)]
    assert world.grid.door.reason == "flatten failed: long NOT FLAT"


def test_i12_the_alarm_is_about_the_leg_that_was_to_be_closed_alone() -> None:
    assert alarms(timed_out(Leg.SHORT)) == [(Leg.SHORT, True)]


def test_i12_the_alarm_of_a_leg_ends_once_it_is_closed_after_all() -> None:
    world = timed_out()
    for stop in world.venue.live(Leg.LONG, Role.SL, Role.TP, Role.ENTRY):
        world.venue._end(stop, stop_event(stop.id))
    world.settle()
    assert alarms(world)[2:] == [(leg, False) for leg in Leg]
    assert shown(world).long_left == shown(world).short_left == 0


def stop_event(order_id: str) -> Event:
    return Event("canceled", order_id)


def test_i12_a_further_flatten_that_succeeds_ends_the_alarm() -> None:
    world = timed_out()
    world.venue.inbound.clear()
    world.act(CommandName.FLATTEN)
    world.settle()
    assert {(line["leg"], line["raised"]) for line in world.journal.of("alarm", name=NOT_FLAT)[2:]} == {
        (leg, False) for leg in Leg
    }
    assert shown(world).stage is FlattenStage.FLAT


def test_whoever_resumes_takes_what_is_left_as_held_and_ends_the_alarm() -> None:
    world = timed_out()
    world.act(CommandName.RESUME)
    assert world.desk.flattener.shown is None
    assert world.grid.errors.alarms == {}


def test_what_a_flatten_could_not_close_is_protected_again_at_once() -> None:
    world = holding()
    receipts = world.act(CommandName.FLATTEN)
    world.venue.mischief = Mischief(rejects_exit=1)
    for _ in range(25):
        world.venue.drain()
        world.advance(500)
    assert result_of(receipts) is Result.TIMEOUT
    world.settle()
    for leg in Leg:
        assert world.venue.open_qty(leg, Role.SL) == world.venue.true_position[leg]


# -- a flatten that is latched -----------------------------------------------------------------------------------------


def test_i14_a_flatten_that_is_latched_and_does_not_run_is_begun_by_the_next_pass() -> None:
    world = holding()
    world.grid.door.set(flattening="restored: flatten long", legs=(Leg.LONG,))
    world.converge()
    act = only(world.journal.of("act"))
    assert (act["command"], act["by"], act["args"]["leg"]) == (CommandName.FLATTEN, Origin.SYSTEM, "long")
    world.settle()
    assert [world.venue.true_position[leg] for leg in Leg] == [0, Decimal("0.004")]
    assert world.grid.state is DoorState.PAUSED


def test_i11_while_a_flatten_runs_only_cancels_and_reducing_orders_leave() -> None:
    world = holding()
    before = len(world.journal.lines)
    world.act(CommandName.FLATTEN, Leg.LONG)
    for mid in (60_000, 59_700, 60_300, 60_000):
        world.quote(mid)
        world.venue.process()
        world.venue.deliver()
    world.settle()
    sent = [line for line in world.journal.lines[before:] if line.get("event") in ("submit", "modify")]
    assert sent
    assert all(line["role"] != Role.ENTRY for line in sent)


def test_s09_an_act_whose_legs_are_flat_in_time_is_done_although_another_leg_is_not() -> None:
    world = started()
    answered: list[tuple[str, Result]] = []
    flattener = Flattener(world.grid, world.venue, lambda act_id, result, _detail: answered.append((act_id, result)))
    due = world.venue.now()
    running = Flatten(
        legs=frozenset(Leg),
        started_ns=due - NS_PER_S,
        deadline_ns=due + NS_PER_S,
        acts={"early": Asked(frozenset({Leg.LONG}), due), "late": Asked(frozenset({Leg.SHORT}), due + NS_PER_S)},
        before=dict.fromkeys(Leg, Decimal(0)),
    )
    flat = FlattenFacts((), (), (), Decimal(0), Decimal(0))
    held = FlattenFacts((), (), (), Decimal("0.004"), Decimal("0.004"))
    flattener._answer_late_acts(running, {Leg.LONG: flat, Leg.SHORT: held}, due)
    assert answered == [("early", Result.DONE)]
    assert running.acts.keys() == {"late"}
    assert alarms(world) == []
