"""The operator's desk against the fake venue: latched states, receipts that are true, and the picture of it all."""

from decimal import Decimal

import msgspec
import pytest

from strategy.control import Command, CommandName, Origin, Result
from strategy.domain import DoorState, Leg, OrderKey, Reason, Role, Side
from strategy.latches import Halt
from strategy.order_index import OrderStatus
from strategy.snapshot import RungState, Snapshot
from tests.strategy.scenes import PLAIN, entry, err, holding, only, picture, result_of, sample, started, state_of
from tests.strategy.world import ACTS, ROUGH, World


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


def test_resume_waits_for_a_flatten_and_pause_is_latched_below_it() -> None:
    world = holding()
    world.act(CommandName.FLATTEN)
    assert result_of(world.act(CommandName.RESUME)) is Result.REFUSED
    (receipt,) = world.act(CommandName.PAUSE)
    assert receipt.detail["reason"] == "flattening as well: flatten long and short"
    assert state_of(world) is DoorState.FLATTENING


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
    assert state_of(world) is DoorState.PAUSED
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
    assert state_of(world) is DoorState.FLATTENING


def test_a_throttle_without_a_share_is_refused() -> None:
    assert result_of(holding().act(CommandName.SET_THROTTLE)) is Result.REFUSED


def test_resume_is_refused_while_something_graver_is_latched_and_says_what_ends_it() -> None:
    world = holding("breaker.cooldown_s=300")
    err(world, 1000)
    assert refused(world) == "the breaker is open; it closes in 300 s, or by reset-breaker"
    world.advance(100_500)
    assert refused(world) == "the breaker is open; it closes in 199 s, or by reset-breaker"
    world.grid.risk.halt(Halt.CRITICAL, "x")
    assert refused(world) == "halted; reset-breaker first"
    world.grid.risk.halt(Halt.DRAWDOWN, "y")
    assert refused(world) == "halted; reset-breaker and reset-drawdown first"
    world.act(CommandName.FLATTEN)
    assert refused(world) == "a flatten runs; wait for its end"


def refused(world: World) -> str:
    receipt = only(world.act(CommandName.RESUME))
    assert receipt.result is Result.REFUSED
    reason: str = receipt.detail["reason"]
    return reason


def test_without_a_cooldown_resume_says_that_only_a_reset_closes_the_breaker() -> None:
    world = holding("breaker.cooldown_s=0")
    err(world, 1000)
    assert refused(world) == "the breaker is open; reset-breaker first"


@pytest.mark.parametrize("graver", [DoorState.BREAKER_OPEN, DoorState.HALTED])
def test_a_pause_below_something_graver_is_what_is_left_of_it(graver: DoorState) -> None:
    world = holding("breaker.cooldown_s=0")
    if graver is DoorState.HALTED:
        world.grid.risk.halt(Halt.CRITICAL, "x")
    else:
        err(world, 1000)
    (receipt,) = world.act(CommandName.PAUSE)
    assert receipt.detail["reason"].startswith(f"{graver} as well: ")
    assert state_of(world) is graver
    world.act(CommandName.RESET_BREAKER)
    assert state_of(world) is DoorState.PAUSED
    assert world.grid.door.reason == "paused by the operator"
    assert result_of(world.act(CommandName.RESUME)) is Result.DONE


def test_reset_breaker_gives_back_what_is_latched_below_and_lets_entries_leave_again() -> None:
    world = holding("breaker.cooldown_s=0")
    err(world, 1000)
    world.settle()
    assert not world.venue.live(None, Role.ENTRY)
    (receipt,) = world.act(CommandName.RESET_BREAKER)
    assert receipt.detail == {"breaker_closed": True, "halt_ended": False, "levels_released": 0}
    assert (world.grid.state, world.grid.door.reason) == (DoorState.RUNNING, "the breaker was reset by the operator")
    assert len(world.venue.live(None, Role.ENTRY)) == 2


def test_reset_breaker_with_nothing_latched_counts_errors_anew() -> None:
    world = holding("breaker.errors=3")
    err(world, 2)
    (receipt,) = world.act(CommandName.RESET_BREAKER)
    assert receipt.detail == {"reason": "nothing was latched; errors count anew"}
    err(world, 2)
    assert state_of(world) is DoorState.RUNNING
    err(world)
    assert state_of(world) is DoorState.BREAKER_OPEN


def test_reset_breaker_ends_a_critical_halt_and_trading_waits_for_a_resume() -> None:
    world = holding()
    world.grid.risk.on_critical("x")
    world.converge()
    world.settle()
    (receipt,) = world.act(CommandName.RESET_BREAKER)
    assert receipt.detail["halt_ended"]
    assert state_of(world) is DoorState.PAUSED
    assert world.grid.door.reason == "the halt was ended by reset-breaker; resume trades again"
    assert not world.venue.live(None, Role.ENTRY)
    world.act(CommandName.RESUME)
    assert world.venue.live(None, Role.ENTRY)


def test_reset_breaker_leaves_a_halt_by_losses_and_reset_drawdown_a_critical_one() -> None:
    for first, last in (
        (CommandName.RESET_BREAKER, CommandName.RESET_DRAWDOWN),
        (CommandName.RESET_DRAWDOWN, CommandName.RESET_BREAKER),
    ):
        world = holding()
        for halt in Halt:
            world.grid.risk.halt(halt, "x")
        world.act(first)
        assert state_of(world) is DoorState.HALTED
        world.act(last)
        assert state_of(world) is DoorState.PAUSED


def test_reset_drawdown_begins_peak_and_day_anew_and_trading_waits_for_a_resume() -> None:
    world = holding("drawdown.samples=1")
    sample(world, 7_000)
    world.settle()
    assert state_of(world) is DoorState.HALTED
    (receipt,) = world.act(CommandName.RESET_DRAWDOWN)
    equity = world.grid.ledger.wallet
    assert receipt.detail == {"peak_before": "10000", "peak": str(equity), "halt_ended": True}
    assert state_of(world) is DoorState.PAUSED
    assert (world.grid.risk.drawdown.peak, world.grid.risk.drawdown.day_start) == (equity, equity)
    assert not [key for key in world.grid.errors.alarms if key[0].startswith("drawdown")]
    assert result_of(world.act(CommandName.RESUME)) is Result.DONE


def test_reset_drawdown_counts_open_profit_in() -> None:
    world = holding()
    world.act(CommandName.PAUSE)
    world.quote("59999.9")
    open_profit = sum((world.grid.lots.unrealised(leg, Decimal("59999.9")) for leg in Leg), Decimal(0))
    world.act(CommandName.RESET_DRAWDOWN)
    assert open_profit > 0
    assert world.grid.risk.drawdown.peak == world.grid.ledger.wallet + open_profit


def test_reset_drawdown_is_refused_while_what_is_held_cannot_be_valued() -> None:
    world = holding()
    world.venue.quote = None
    (receipt,) = world.act(CommandName.RESET_DRAWDOWN)
    assert (receipt.result, receipt.detail["reason"]) == (
        Result.REFUSED, "there is no price yet to value what is held"
    )  # fmt: skip
    empty = World(overrides=PLAIN, acts=False)
    assert result_of(empty.act(CommandName.RESET_DRAWDOWN)) is Result.DONE


# -- entries that are taken back ---------------------------------------------------------------------------------------


def test_cancel_entries_below_a_graver_state_latches_the_pause_so_that_no_entry_comes_back_by_itself() -> None:
    world = started("breaker.cooldown_s=10")
    err(world, 1000)
    world.venue.drain()
    world.act(CommandName.CANCEL_ENTRIES)
    world.advance(10_000)
    assert (world.grid.state, world.grid.door.reason) == (DoorState.PAUSED, "entries cancelled by the operator")
    assert not world.venue.live(None, Role.ENTRY)


def test_i12_entries_that_could_not_be_taken_back_in_time_are_an_alarm_until_they_are_gone() -> None:
    world = holding()
    world.act(CommandName.CANCEL_ENTRIES)
    world.advance(10_000)
    assert only(world.journal.of("alarm"))["detail"] == "2 entries are still open"
    assert world.grid.errors.latest[-1].type == "entries-open"
    world.settle()
    assert [line["raised"] for line in world.journal.of("alarm")] == [True, False]


def test_i12_the_same_entries_that_two_acts_could_not_take_back_are_one_alarm() -> None:
    world = holding()
    given = [world.act(CommandName.CANCEL_ENTRIES) for _ in range(2)]
    world.advance(10_000)
    assert [result_of(receipts) for receipts in given] == [Result.TIMEOUT] * 2
    assert len(world.journal.of("alarm")) == 1
    assert [error.type for error in world.grid.errors.latest] == ["entries-open"]


def test_i12_entries_that_came_after_a_resume_are_not_those_that_were_to_be_taken_back() -> None:
    world = holding()
    receipts = world.act(CommandName.CANCEL_ENTRIES)
    world.act(CommandName.RESUME)
    world.settle()
    assert result_of(receipts) is Result.DONE
    assert len(world.venue.live(None, Role.ENTRY)) == 2


@pytest.mark.parametrize("latch", ["breaker", "halt"])
def test_i14_entries_that_rest_although_they_were_to_be_taken_back_are_taken_back_by_any_pass(latch: str) -> None:
    """As after the end of a process between the latch and its cancels."""
    world = started()
    if latch == "breaker":
        world.grid.door.set(breaker="5 errors")
    else:
        world.grid.door.set(halted="critical: x", halts=(Halt.CRITICAL,))
    world.converge()
    world.settle()
    assert not world.venue.live()


# -- acts that controls ask for ----------------------------------------------------------------------------------------


def test_what_a_control_asks_for_and_fails_is_told_and_keeps_no_pass_from_its_exits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = started()

    def fail(*_: object) -> None:
        raise ArithmeticError("on purpose")

    world.grid.risk.on_critical("x")
    with monkeypatch.context() as inner:
        inner.setattr(world.desk, "_withdraw", fail)
        world.venue.fill(entry(world))
        world.venue.drain()
    assert world.venue.open_qty(Leg.LONG, Role.SL) == Decimal("0.004")
    assert [error.where for error in world.grid.errors.latest] == ["desk"]
    assert only(world.journal.of("receipt"))["result"] == Result.FAILED
    world.converge()
    world.settle()
    assert not world.venue.live(None, Role.ENTRY)


def test_an_act_that_has_had_its_receipt_gets_no_other() -> None:
    world = started()
    receipts = world.act(CommandName.PAUSE)
    world.desk._answer(receipts[0].act_id, Result.FAILED)
    assert len(receipts) == len(world.journal.of("receipt")) == 1


def test_what_a_control_asks_for_is_an_act_with_its_own_name_and_a_receipt() -> None:
    world = holding()
    err(world, 1000)
    world.settle()
    (act,), (receipt,) = world.journal.of("act"), world.journal.of("receipt")
    assert (act["command"], act["by"]) == (CommandName.CANCEL_ENTRIES, Origin.BREAKER)
    assert act["args"] == {"reason": "1000 errors within 60 s"}
    assert (receipt["act_id"], receipt["result"], receipt["detail"]) == (act["act_id"], Result.DONE, {"cancelled": 2})


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


def test_the_picture_shows_every_open_order_as_it_stands() -> None:
    world = holding()
    shown = picture(world)
    assert [order.id for order in shown.orders] == [order.id for order in world.grid.index]
    stop = only([order for order in shown.orders if order.role is Role.SL and order.leg is Leg.LONG])
    lot = only([lot for lot in world.grid.lots if lot.leg is Leg.LONG])
    assert (stop.slot, stop.side, stop.qty, stop.filled) == (lot.number, Side.SELL, lot.qty, Decimal(0))
    assert stop.status is OrderStatus.ACCEPTED
    entries = {(order.leg, order.slot): order.sent_ns for order in shown.orders if order.role is Role.ENTRY}
    rungs = (*shown.ladders.long, *shown.ladders.short)
    assert {(rung.leg, rung.level): rung.sent_ns for rung in rungs if rung.sent_ns} == entries != {}
    assert any(not rung.sent_ns for rung in rungs)


def test_the_picture_shows_what_has_halted() -> None:
    world = holding()
    assert picture(world).risk.halts == ()
    world.grid.risk.on_critical("on purpose")
    world.converge()
    assert picture(world).risk.halts == (Halt.CRITICAL,)


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
        assert shown.metrics.peak == world.grid.risk.drawdown.peak
    assert msgspec.json.decode(msgspec.json.encode(shown), type=Snapshot) == shown
