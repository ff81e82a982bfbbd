"""What answers, refusals and silence do to the facts, one situation each."""

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from strategy.books import Fill, ReportStatus
from strategy.control import Command, CommandName, Result
from strategy.domain import DoorState, Leg, OrderKey, Reason, Role, Side
from strategy.order_index import OrderStatus
from tests.strategy.venue import MS, Event, Mischief, VenueDownError, VenueOrder
from tests.strategy.world import World

PLAIN = ("grid.levels=2", "grid.base_qty=0.004")


def started(*overrides: str, **options: object) -> World:
    """A world whose entries rest at the venue."""
    world = World(overrides=(*PLAIN, *overrides), acts=False, **options)  # type: ignore[arg-type]
    world.quote(60_000)
    world.settle()
    return world


def holding(*overrides: str, **options: object) -> World:
    """The same with a protected long lot."""
    world = started(*overrides, **options)
    world.venue.fill(entry(world))
    world.settle()
    return world


def only(orders: list[VenueOrder]) -> VenueOrder:
    (found,) = orders
    return found


def entry(world: World, leg: Leg = Leg.LONG, level: int = 1) -> VenueOrder:
    return only([order for order in world.venue.live(leg, Role.ENTRY) if order.order.key.slot == level])


def status(world: World, order: VenueOrder) -> OrderStatus | None:
    known = world.grid.index.get(order.id)
    return None if known is None else known.status


def refuse(world: World, order: VenueOrder, reason: str, *, event: str = "rejected") -> None:
    """The venue ends the order with those words, and tells it."""
    if order.id in {queued for _, queued, _ in world.venue.inbound}:
        world.venue.inbound = type(world.venue.inbound)(each for each in world.venue.inbound if each[1] != order.id)
    world.venue._end(order, Event(event, order.id, reason))
    world.venue.deliver()


def submits(world: World, role: Role) -> int:
    return len(world.journal.of("order", event="submit", role=role))


def errors(world: World) -> list[str]:
    return [error.type for error in world.grid.errors.latest]


# -- refusals of exits -------------------------------------------------------------------------------------------------


def exits_in_flight(world: World) -> tuple[VenueOrder, VenueOrder]:
    """A lot has just been entered; its stop and take-profit are on their way."""
    world.venue.fill(entry(world))
    world.venue.deliver()
    return only(world.venue.live(Leg.LONG, Role.SL)), only(world.venue.live(Leg.LONG, Role.TP))


@pytest.mark.parametrize("words", ["-2021 Order would immediately trigger.", "-4014 off tick"])
def test_a_stop_that_is_refused_for_good_closes_its_lot_at_market(words: str) -> None:
    world = started()
    stop, _ = exits_in_flight(world)
    refuse(world, stop, words)
    assert only(world.venue.live(Leg.LONG, Role.CLOSE)).open_qty == Decimal("0.004")
    assert not world.grid.errors.critical
    world.settle()
    world.checker.at_rest(world.grid)


def test_a_stop_that_a_busy_venue_refuses_is_sent_again_and_its_lot_kept() -> None:
    world = started()
    stop, _ = exits_in_flight(world)
    refuse(world, stop, "-1015 Too many new orders.")
    assert world.venue.live(Leg.LONG, Role.CLOSE) == []
    assert world.grid.errors.critical == 1
    world.settle()
    assert world.venue.open_qty(Leg.LONG, Role.SL) == world.venue.true_position[Leg.LONG] == Decimal("0.004")
    world.checker.at_rest(world.grid)


def test_a_stop_that_was_kept_back_is_no_error_and_is_sent_again() -> None:
    world = started()
    stop, _ = exits_in_flight(world)
    refuse(world, stop, "-1003 not sent, the address is banned")
    assert world.venue.live(Leg.LONG, Role.CLOSE) == []
    assert not world.grid.errors.latest
    assert world.grid.state is DoorState.RUNNING
    world.settle()
    assert world.venue.open_qty(Leg.LONG, Role.SL) == world.venue.true_position[Leg.LONG] == Decimal("0.004")
    world.checker.at_rest(world.grid)


def test_i06_a_venue_that_stays_busy_for_the_attach_bound_gets_a_close_instead_of_a_stop() -> None:
    world = started()
    stop, target = exits_in_flight(world)
    world.venue.inbound.clear()
    world.venue.orders[target.id].done = True
    world.grid.on_ended(target.id, "canceled")
    refuse(world, stop, "-1008 Server is overloaded.")
    for _ in range(3):
        world.advance(500)
        for again in world.venue.live(Leg.LONG, Role.SL):
            refuse(world, again, "-1008 Server is overloaded.")
    assert world.venue.live(Leg.LONG, Role.CLOSE)
    world.settle()
    assert world.venue.true_position[Leg.LONG] == 0


def test_a_denied_stop_never_left_and_is_sent_again() -> None:
    world = started()
    stop, _ = exits_in_flight(world)
    refuse(world, stop, "rate exceeded", event="denied")
    assert world.grid.ledger.denied == 1
    assert world.grid.errors.critical == 1
    world.settle()
    assert world.venue.open_qty(Leg.LONG, Role.SL) == Decimal("0.004")


def test_i25_a_venue_that_has_nothing_left_to_reduce_is_asked_believed_and_not_asked_for_ever() -> None:
    world = holding("execution.ask_attempts=3")
    before, asked = submits(world, Role.SL), world.venue.commands["ask"]
    world.act(CommandName.PAUSE)
    for _ in range(60):
        for exit_order in world.venue.live(Leg.LONG, Role.SL, Role.TP, Role.CLOSE):
            if not exit_order.done:
                refuse(world, exit_order, "-2022 ReduceOnly Order is rejected.")
        world.advance(1_000)
    assert submits(world, Role.SL) - before == 2
    assert submits(world, Role.CLOSE) == 3
    assert world.venue.commands["ask"] > asked
    (alarm,) = world.journal.of("alarm", name="nothing-left")
    assert (alarm["leg"], alarm["raised"]) == (Leg.LONG, True)
    assert alarm["detail"].endswith("own books hold 0.004")
    assert world.grid.lots.get(next(iter(world.grid.lots)).number) is not None
    assert world.venue.live(Leg.LONG, Role.CLOSE) == []


def test_while_the_venue_says_that_nothing_is_left_no_entry_leaves_and_an_act_tries_again() -> None:
    world = holding("execution.ask_attempts=1")
    refuse(world, only(world.venue.live(Leg.LONG, Role.SL)), "-2022 ReduceOnly Order is rejected.")
    world.venue._end(entry(world, Leg.SHORT, 2), Event("canceled", entry(world, Leg.SHORT, 2).id))
    world.venue.deliver()
    world.converge()
    assert world.grid.gaps[OrderKey(Leg.SHORT, Role.ENTRY, 2)] is Reason.UNRECONCILED
    assert world.venue.live(Leg.LONG, Role.SL) == []
    world.act(CommandName.PAUSE)
    world.settle()
    assert world.venue.open_qty(Leg.LONG, Role.SL) == Decimal("0.004")


def test_a_fill_ends_the_alarm_that_nothing_is_left() -> None:
    world = holding("execution.ask_attempts=1")
    refuse(world, only(world.venue.live(Leg.LONG, Role.SL)), "-2022 ReduceOnly Order is rejected.")
    world.venue.fill(only(world.venue.live(Leg.LONG, Role.TP)), "0.001")
    world.venue.drain()
    assert [line["raised"] for line in world.journal.of("alarm", name="nothing-left")] == [True, False]


def test_a_refused_entry_says_why_until_it_rests() -> None:
    world = World(overrides=PLAIN, acts=False)
    world.quote(60_000)
    first = entry(world)
    refuse(world, first, "-2019 Margin is insufficient.")
    key = OrderKey(Leg.LONG, Role.ENTRY, 1)
    assert world.grid.refusals == {key: "-2019 Margin is insufficient."}
    assert world.grid.gaps[key] is Reason.BACKING_OFF
    assert not world.grid.errors.critical
    world.settle()
    assert world.grid.refusals == {}


# -- outcomes that nobody knows ----------------------------------------------------------------------------------------

UNKNOWN = "{'code': -1007, 'msg': 'Timeout waiting for response. Execution status unknown.'}"


def in_doubt() -> tuple[World, VenueOrder]:
    """An entry that is live although it was refused with an unknown outcome."""
    world = World(overrides=PLAIN, acts=False)
    world.quote(60_000)
    first = entry(world)
    world.grid.on_refused(first.id, UNKNOWN, event="rejected")
    return world, first


def test_i18_an_unknown_outcome_keeps_the_rung_and_is_said_once() -> None:
    world, first = in_doubt()
    assert status(world, first) is OrderStatus.UNKNOWN
    assert world.grid.gaps[first.order.key] is Reason.UNKNOWN_OUTCOME
    lines = len(world.journal.lines)
    world.grid.on_refused(first.id, UNKNOWN, event="rejected")
    assert len(world.journal.lines) == lines
    assert errors(world) == ["outcome-unknown"]
    assert not world.grid.errors.critical


def test_i18_an_order_of_unknown_outcome_that_turns_out_to_be_live_goes_on() -> None:
    world, first = in_doubt()
    world.settle()
    assert status(world, first) is OrderStatus.ACCEPTED
    assert world.venue.commands["submit"] == 4
    world.checker.at_rest(world.grid)


def test_i18_an_unknown_outcome_of_an_order_that_rests_already_is_asked_about() -> None:
    world = started()
    first = entry(world)
    asked = world.venue.commands["ask"]
    world.grid.on_refused(first.id, UNKNOWN, event="rejected")
    assert status(world, first) is OrderStatus.ACCEPTED
    world.settle()
    assert world.venue.commands["ask"] > asked
    assert status(world, first) is OrderStatus.ACCEPTED


def test_an_order_without_an_answer_is_asked_about_and_counts_as_unknown_meanwhile() -> None:
    world = World(overrides=PLAIN, acts=False)
    world.quote(60_000)
    world.advance(2_000)
    assert {order.status for order in world.grid.index} == {OrderStatus.UNKNOWN}
    assert [line["reason"] for line in world.journal.of("order", event="unknown")] == ["no answer"] * 4
    world.settle()
    world.checker.at_rest(world.grid)


def test_a_question_that_cannot_be_put_is_put_again_later() -> None:
    world = World(overrides=PLAIN, acts=False)
    world.quote(60_000)
    asks = world.venue.ask
    world.venue.ask = fails  # type: ignore[method-assign]
    world.advance(2_000)
    assert errors(world) == ["VenueDownError"] * 4
    world.venue.ask = asks  # type: ignore[method-assign]
    world.settle()
    world.checker.at_rest(world.grid)


def fails(order_id: str) -> None:
    raise VenueDownError("no link")


def test_a_lost_order_that_has_just_ended_is_not_said_to_be_lost() -> None:
    world = World(overrides=("grid.levels=1", "grid.base_qty=0.004", "execution.ask_attempts=1"), acts=False)
    world.quote(60_000)
    first, second = (entry(world, leg) for leg in Leg)
    world.advance(2_000)
    world.grid.inquiries.answered(second.id)
    world.grid.inquiries.expect(second.id, world.venue.clock)

    def end_the_first(order_id: str) -> None:
        first.done = True
        world.grid.on_ended(first.id, "canceled")

    world.venue.ask = end_the_first  # type: ignore[method-assign]
    world.advance(2_000)
    assert status(world, first) is None
    assert "order-lost" not in errors(world)


def test_asking_about_an_order_that_is_gone_ends() -> None:
    world = started()
    world.grid.inquiries.expect("gone", world.venue.clock)
    world.venue.advance(2_000 * MS)
    world.converge()
    assert world.grid.inquiries.next_due() is None
    assert world.venue.commands["ask"] == 0


# -- requests ----------------------------------------------------------------------------------------------------------


def test_a_cancel_that_came_before_its_order_is_repeated_once_the_order_rests() -> None:
    world = World(overrides=PLAIN, acts=False)
    world.quote(60_000)
    receipts = world.act(CommandName.CANCEL_ENTRIES)
    cancels = world.venue.commands["cancel"]
    world.venue.inbound = type(world.venue.inbound)(each for each in world.venue.inbound if each[0] == "submit")
    world.venue.process()
    world.venue.deliver()
    world.converge()
    assert world.venue.commands["cancel"] == 2 * cancels
    world.settle()
    assert [receipt.result for receipt in receipts] == [Result.DONE]


def test_a_cancel_that_is_on_its_way_is_not_repeated_when_the_order_is_accepted() -> None:
    world = World(overrides=PLAIN, acts=False)
    world.quote(60_000)
    world.act(CommandName.CANCEL_ENTRIES)
    cancels = world.venue.commands["cancel"]
    world.venue.process(4)
    world.venue.deliver(4)
    world.converge()
    assert world.venue.commands["cancel"] == cancels


def test_an_entry_whose_new_quantity_is_refused_is_replaced() -> None:
    world = started("placement.throttle=1")
    world.venue.mischief = Mischief(refuses_request=1)
    world.act(Command(CommandName.SET_THROTTLE, share=Decimal("0.75")))
    first = entry(world)
    assert status(world, first) is OrderStatus.RESIZING
    world.venue.drain()
    world.venue.mischief = Mischief()
    world.settle()
    assert first.done
    assert [line["reason"] for line in world.journal.of("order", event="cancel", id=first.id)] == ["cannot be resized"]
    assert entry(world).qty == Decimal("0.003")


def test_an_exit_whose_new_quantity_is_refused_is_asked_for_again() -> None:
    world = holding()
    target = only(world.venue.live(Leg.LONG, Role.TP))
    world.venue.mischief = Mischief(refuses_request=1)
    world.venue.fill(only(world.venue.live(Leg.LONG, Role.SL)), "0.001")
    world.venue.drain()
    world.venue.mischief = Mischief()
    world.settle()
    assert (target.qty, target.done) == (Decimal("0.003"), False)


# -- endings that nobody asked for -------------------------------------------------------------------------------------


def test_exits_that_end_by_themselves_are_replaced_with_a_growing_wait() -> None:
    world = holding()
    times = []
    for _ in range(4):
        stop = only(world.venue.live(Leg.LONG, Role.SL))
        world.venue._end(stop, Event("expired", stop.id))
        world.venue.deliver()
        ended = world.venue.clock
        while not world.venue.live(Leg.LONG, Role.SL):
            world.advance(50)
        times.append((world.venue.clock - ended) // MS)
        world.venue.drain()
    assert times == sorted(times)
    assert times[0] == 500
    assert times[-1] > 500


def test_an_exit_whose_cancel_was_asked_for_ends_without_a_question() -> None:
    world = holding()
    asked = world.venue.commands["ask"]
    world.venue.fill(only(world.venue.live(Leg.LONG, Role.SL)))
    world.settle()
    assert world.venue.commands["ask"] == asked


# -- fills and faults --------------------------------------------------------------------------------------------------


def raises_once(world: World, owner: object, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """That method raises the next time, and is itself again."""
    real: Callable[..., object] = getattr(owner, name)

    def fail(*_args: object, **_more: object) -> None:
        monkeypatch.setattr(owner, name, real)
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(owner, name, fail)


@pytest.mark.parametrize("part", ["_fill_order", "_write_fill", "_after_booking", "watch_cover"])
def test_i24_a_fill_is_booked_noted_and_protected_whatever_part_of_it_fails(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = started(guarded=True)
    raises_once(world, world.grid, part, monkeypatch)
    world.venue.fill(entry(world), "0.001")
    world.venue.drain()
    world.grid.doubt()
    world.settle()
    world.converge()
    world.settle()
    assert world.grid.lots.held(Leg.LONG) == Decimal("0.001")
    world.checker.at_rest(world.grid)


def test_i24_an_order_whose_last_fill_was_not_noted_leaves_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    world = started(guarded=True)
    first = entry(world)
    raises_once(world, world.grid.index, "filled", monkeypatch)
    world.venue.fill(first)
    world.venue.drain()
    world.grid.doubt()
    world.converge()
    assert status(world, first) is None
    world.settle()
    world.checker.at_rest(world.grid)


def test_i24_a_fill_that_could_not_be_booked_is_not_seen_and_counts_when_it_is_told_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = started(guarded=True)
    raises_once(world, world.grid.lots, "enter", monkeypatch)
    world.venue.fill(entry(world))
    world.venue.deliver()
    assert world.grid.lots.held(Leg.LONG) == 0
    world.grid.doubt()
    world.converge()
    world.settle()
    assert world.grid.lots.held(Leg.LONG) == Decimal("0.004")
    world.checker.at_rest(world.grid)


def test_an_exit_told_before_its_entry_asks_about_the_leg() -> None:
    world = holding()
    stop = only(world.venue.live(Leg.LONG, Role.SL))
    asked = world.venue.commands["ask"]
    world.grid.on_fill(Fill(stop.id, "big", Side.SELL, Decimal(60_000), Decimal("0.006"), Decimal(0), maker=False))
    world.converge()
    assert world.grid.lots.held(Leg.LONG) == Decimal("-0.002")
    assert world.venue.commands["ask"] > asked
    assert "over-closed" in errors(world)


def test_a_rejection_that_no_handler_heard_of_is_taken_over() -> None:
    world = World(overrides=PLAIN, acts=False)
    world.quote(60_000)
    first = entry(world)
    report = world.venue.report(first.id)
    assert report is not None
    rejected = msgspec.structs.replace(report, status=ReportStatus.REJECTED, reason="-4014 off tick")
    world.grid.catch_up(rejected)
    assert status(world, first) is None
    assert world.grid.ledger.rejected == 1
    world.grid.catch_up(rejected)
    assert world.grid.ledger.rejected == 1


# -- the operator's desk -----------------------------------------------------------------------------------------------


def test_a_throttle_is_set_answered_with_before_and_now_and_thins_at_once() -> None:
    world = started()
    (receipt,) = world.act(Command(CommandName.SET_THROTTLE, share=Decimal("0.5")))
    assert (receipt.result, receipt.detail) == (Result.DONE, {"before": "1", "now": "0.5"})
    (act,) = world.journal.of("act")
    assert act["args"] == {"share": "0.5"}
    world.settle()
    assert {order.order.key.slot for order in world.venue.live(None, Role.ENTRY)} == {1}
    world.act(Command(CommandName.SET_THROTTLE, share=Decimal(1)))
    world.settle()
    assert len(world.venue.live(None, Role.ENTRY)) == 4


def test_an_act_that_raises_before_anything_is_under_way_is_answered_as_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = started(guarded=True)
    raises_once(world, world.grid.ladders, "set_throttle", monkeypatch)
    (receipt,) = world.act(Command(CommandName.SET_THROTTLE, share=Decimal("0.5")))
    assert (receipt.result, receipt.detail) == (Result.FAILED, {"reason": "ZeroDivisionError: on purpose"})


@pytest.mark.parametrize("name", [CommandName.FLATTEN, CommandName.CANCEL_ENTRIES])
def test_an_act_that_goes_on_by_itself_is_answered_at_its_end_although_its_first_pass_raised(
    name: CommandName, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = holding(guarded=True)
    raises_once(world, world.grid, "converge", monkeypatch)
    receipts = world.act(name)
    assert receipts == []
    world.settle()
    assert [receipt.result for receipt in receipts] == [Result.DONE]


def test_i08_a_flatten_waits_for_a_fill_that_is_on_its_way_instead_of_opening() -> None:
    world = holding()
    world.venue.told_position[Leg.LONG] -= Decimal("0.008")
    receipts = world.act(CommandName.FLATTEN, Leg.LONG)
    world.venue.process()
    world.venue.deliver()
    world.converge()
    assert world.venue.live(None, Role.CLOSE) == []
    world.venue.told_position[Leg.LONG] += Decimal("0.008")
    world.converge()
    world.settle()
    assert [receipt.result for receipt in receipts] == [Result.DONE]
    assert world.grid.state is DoorState.PAUSED
    assert world.venue.true_position[Leg.LONG] == 0


# -- orders that land after all ----------------------------------------------------------------------------------------


def lands_after_all(world: World, order: VenueOrder) -> None:
    """The venue has the order although it was told as rejected."""
    order.done, order.arrived = False, True
    world.venue.outbound.append(Event("accepted", order.id))
    world.venue.drain()


def test_i18_an_entry_that_lands_although_it_was_rejected_is_taken_in_said_and_withdrawn() -> None:
    world = World(overrides=PLAIN, acts=False)
    world.quote(60_000)
    first = entry(world)
    refuse(world, first, "-4014 off tick")
    lands_after_all(world, first)
    assert world.grid.errors.latest[-1].type == "landed-late"
    assert world.grid.errors.latest[-1].critical
    assert [line["reason"] for line in world.journal.of("order", event="cancel", id=first.id)] == ["landed late"]
    world.settle()
    assert first.done
    world.checker.at_rest(world.grid)


def test_i05_an_exit_that_lands_although_it_was_rejected_takes_the_place_of_another() -> None:
    world = started()
    _, target = exits_in_flight(world)
    refuse(world, target, "-1015 Too many new orders.")
    world.settle()
    lands_after_all(world, target)
    assert "landed-late" in errors(world)
    world.settle()
    world.checker.at_rest(world.grid)


def test_an_acceptance_that_is_told_again_after_its_order_has_ended_takes_nothing_in() -> None:
    world = started()
    world.act(CommandName.CANCEL_ENTRIES)
    world.settle()
    for order_id in tuple(world.venue.orders):
        world.grid.on_accepted(order_id)
    world.grid.on_accepted("manual-1")
    assert len(world.grid.index) == 0
    assert errors(world) == []


def test_a_rung_that_has_had_its_tries_waits_and_that_is_no_error() -> None:
    world = World(overrides=(*PLAIN, "execution.reprice_attempts=0"), acts=False)
    world.quote(60_000)
    first = entry(world)
    world.grid.on_refused(first.id, "would take", event="rejected", post_only=True)
    assert world.grid.gaps[first.order.key] is Reason.BACKING_OFF
    assert errors(world) == []


def test_i24_a_report_that_cannot_be_taken_keeps_none_of_the_others_from_the_grid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = started(guarded=True)
    filled = [entry(world, leg) for leg in Leg]
    raises_once(world, world.grid, "on_fill", monkeypatch)
    world.venue.fill(filled[0])
    world.venue.deliver(1)
    raises_once(world, world.grid, "catch_up", monkeypatch)
    world.grid.doubt()
    world.venue.fill(filled[1])
    world.settle()
    assert [error.where for error in world.grid.errors.latest].count("report") == 1
    world.grid.doubt()
    world.converge()
    world.settle()
    world.checker.at_rest(world.grid)


def test_an_entry_grows_by_a_new_order_and_shrinks_in_place() -> None:
    """What fills beyond its old quantity before a growth was told would be more than anybody here knows of."""
    world = started("placement.throttle=0.75")
    first = entry(world)
    assert first.qty == Decimal("0.003")
    world.act(Command(CommandName.SET_THROTTLE, share=Decimal(1)))
    assert world.grid.gaps[first.order.key] is Reason.MOVING
    world.settle()
    second = entry(world)
    assert (first.done, second.qty) == (True, Decimal("0.004"))
    assert world.venue.commands["resize"] == 0
    world.act(Command(CommandName.SET_THROTTLE, share=Decimal("0.5")))
    world.settle()
    assert (entry(world).id, entry(world).qty) == (second.id, Decimal("0.002"))


def test_i10_an_entry_does_not_grow_while_the_gate_is_shut() -> None:
    world = started("placement.throttle=0.75")
    first = entry(world)
    world.act(CommandName.PAUSE)
    world.act(Command(CommandName.SET_THROTTLE, share=Decimal(1)))
    world.settle()
    assert (entry(world).id, entry(world).qty) == (first.id, Decimal("0.003"))
