"""A fault at each step: contained, counted once, and the next pass converges. Faults that are not, are marked."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest

from strategy.control import Command, CommandName, Receipt, Result
from strategy.domain import DoorState, Leg, Reason, Role
from strategy.snapshot import FlattenStage
from tests.strategy.venue import Mischief, VenueDownError
from tests.strategy.world import ROUGH, SESSION, World

PLAIN = ("grid.levels=2", "grid.base_qty=0.004")


def world_with_lot(**options: object) -> World:
    """One long lot, entered at 59,940, with its stop at 59,640 and its take-profit at 60,000."""
    world = World(overrides=PLAIN, acts=False, **options)  # type: ignore[arg-type]
    world.quote(60_000)
    world.venue.drain()
    fill_entry(world)
    world.settle()
    return world


def fill_entry(world: World, *, drain: bool = True) -> None:
    (entry,) = [order for order in world.venue.live(Leg.LONG, Role.ENTRY) if order.order.key.slot == 1]
    world.venue.fill(entry)
    if drain:
        world.venue.drain()


def fail_once(world: World, call: str, when: Callable[[str], bool] = lambda _id: True) -> None:
    """That call raises the next time that `when` holds for one of its order ids."""

    def fail(each: str, order_ids: tuple[str, ...]) -> None:
        if each == call and any(map(when, order_ids)):
            world.venue.before_call = lambda _call, _ids: None
            raise VenueDownError("no link")

    world.venue.before_call = fail


def fail_journal_once(world: World, kind: str, nth: int = 1) -> None:
    """The nth line of that kind from now on cannot be written."""
    left = [nth]

    def fails(each: str) -> bool:
        left[0] -= each == kind
        return each == kind and left[0] == 0

    world.journal.fails = fails


@pytest.mark.parametrize("seed", range(25))
def test_s05_calls_that_raise_at_random_are_contained_and_all_converges(seed: int) -> None:
    world = World(seed, mischief=replace(ROUGH, link_fails=0.15))
    world.run(100)
    sends = [line for line in world.journal.of("error") if line["where"] == "send"]
    assert world.grid.errors.count == len(world.journal.of("error"))
    assert len(sends) <= world.grid.errors.count


@pytest.mark.parametrize("role", ["S", "T", "E"])
def test_s17_an_order_that_cannot_be_sent_is_counted_and_sent_again_later(role: str) -> None:
    world = World(overrides=PLAIN, acts=False)
    fail_once(world, "submit", lambda order_id: f"-{role}L" in order_id)
    world.quote(60_000)
    world.venue.drain()
    world.settle()
    fill_entry(world)
    world.settle()
    world.checker.at_rest(world.grid)
    assert world.grid.errors.count == 1
    assert world.grid.ledger.denied == len(world.journal.of("order", event="denied")) > 0


def test_s17_the_stop_of_one_lot_that_cannot_be_sent_does_not_keep_back_that_of_another() -> None:
    world = World(overrides=PLAIN, acts=False)
    world.quote(60_000)
    world.venue.drain()
    world.quote(59_870, heed=False)
    world.venue.process()
    fail_once(world, "submit", lambda order_id: "-SL" in order_id)
    world.venue.deliver()
    assert len(world.venue.live(Leg.LONG, Role.SL)) == 1
    assert world.grid.protection.since(Leg.LONG) is not None
    world.settle()
    world.checker.at_rest(world.grid)


def without_stops_for_too_long() -> World:
    """A lot whose stop could not be sent for longer than the attach bound, and now could."""
    world = World(overrides=PLAIN, acts=False)
    world.quote(60_000)
    world.venue.drain()

    def no_stops(_call: str, order_ids: tuple[str, ...]) -> None:
        if any("-S" in order_id for order_id in order_ids):
            raise VenueDownError("no link")

    world.venue.before_call = no_stops
    fill_entry(world)
    for _ in range(9):
        world.advance(100)
    assert world.journal.of("alarm") == []
    for _ in range(2):
        world.advance(100)
    world.venue.before_call = lambda _call, _ids: None
    return world


def test_s17_a_stop_that_stays_unsent_raises_the_alarm_within_its_bound() -> None:
    world = without_stops_for_too_long()
    assert [(line["name"], line["raised"]) for line in world.journal.of("alarm")] == [("unprotected", True)]
    assert [error.type for error in world.grid.errors.latest].count("unprotected") == 1
    world.settle()
    world.checker.at_rest(world.grid)


def test_s17_a_rejected_stop_is_replaced_by_a_close_at_market() -> None:
    world = World(overrides=PLAIN, acts=False)
    world.quote(60_000)
    world.venue.drain()
    fill_entry(world, drain=False)
    world.venue.deliver()
    world.venue.mischief = Mischief(rejects_exit=1)
    world.venue.process(1)
    world.venue.mischief = Mischief()
    world.settle()
    assert world.venue.true_position[Leg.LONG] == 0
    assert world.grid.ledger.by_role[Role.CLOSE] == 1
    world.checker.at_rest(world.grid)


# -- found by these tests; each says what is wrong ---------------------------------------------------------------------


@pytest.mark.parametrize("method", ["cancel", "resize"])
def test_s05_a_cancel_or_resize_that_cannot_be_sent_is_tried_again_without_waiting_for_an_event(method: str) -> None:
    world = world_with_lot()
    world.act(CommandName.PAUSE)
    (stop,) = world.venue.live(Leg.LONG, Role.SL)
    fail_once(world, method)
    world.venue.fill(stop, None if method == "cancel" else "0.001")
    world.settle()
    assert world.venue.open_qty(Leg.LONG, Role.TP) == world.venue.true_position[Leg.LONG]


def test_s05_a_refused_cancel_is_asked_again_until_cancel_entries_is_done() -> None:
    world = World(overrides=PLAIN, acts=False)
    world.quote(60_000)
    world.venue.drain()
    world.venue.mischief = Mischief(refuses_request=1)
    receipts = world.act(CommandName.CANCEL_ENTRIES)
    world.venue.drain()
    world.settle()
    assert not world.venue.live(None, Role.ENTRY)
    assert [receipt.result for receipt in receipts] == [Result.DONE]


def test_s17_a_fill_whose_journal_line_fails_is_still_held_and_protected() -> None:
    world = World(overrides=PLAIN, acts=False, guarded=True)
    world.quote(60_000)
    world.venue.drain()
    fail_journal_once(world, "fill")
    fill_entry(world)
    world.venue.replay_one()
    world.settle()
    world.checker.at_rest(world.grid)


@pytest.mark.parametrize("nth", [1, 2])
def test_s17_an_exit_whose_journal_line_fails_is_attached_by_a_later_pass(nth: int) -> None:
    world = World(overrides=PLAIN, acts=False, guarded=True)
    world.quote(60_000)
    world.venue.drain()
    fail_journal_once(world, "order", nth)
    fill_entry(world)
    world.settle()
    world.quote(59_999)
    world.settle()
    world.checker.at_rest(world.grid)


@pytest.mark.parametrize("filled", [None, "0.001"])
def test_s17_a_cancel_or_resize_whose_journal_line_fails_is_sent_by_a_later_pass(filled: str | None) -> None:
    world = world_with_lot(guarded=True)
    (stop,) = world.venue.live(Leg.LONG, Role.SL)
    fail_journal_once(world, "order")
    world.venue.fill(stop, filled)
    world.settle()
    world.quote(59_999)
    world.settle()
    world.checker.at_rest(world.grid)


def test_s17_a_reply_that_raises_does_not_stop_later_passes() -> None:
    world = World(overrides=PLAIN, acts=False, guarded=True)
    world.quote(60_000)
    world.venue.drain()

    def gone(_receipt: Receipt) -> None:
        raise RuntimeError("the caller has gone")

    world.desk.handle(Command(CommandName.CANCEL_ENTRIES), gone)
    world.venue.drain()
    world.act(CommandName.RESUME)
    world.settle()
    fill_entry(world)
    world.settle()
    world.checker.at_rest(world.grid)


def test_s17_a_receipt_whose_journal_line_fails_still_reaches_the_operator() -> None:
    world = World(overrides=PLAIN, acts=False, guarded=True)
    world.quote(60_000)
    world.venue.drain()
    fail_journal_once(world, "receipt")
    receipts = world.act(CommandName.CANCEL_ENTRIES)
    world.settle()
    assert [receipt.result for receipt in receipts] == [Result.DONE]
    world.grid.converge()


def test_s17_a_state_line_that_fails_at_the_end_of_a_flatten_does_not_leave_the_door_flattening() -> None:
    world = world_with_lot(guarded=True)
    fail_journal_once(world, "state", 2)
    receipts = world.act(CommandName.FLATTEN)
    world.settle()
    assert world.grid.state is DoorState.PAUSED
    assert [receipt.result for receipt in receipts] == [Result.DONE]


def test_s17_a_command_whose_journal_line_fails_is_answered_all_the_same() -> None:
    world = World(overrides=PLAIN, acts=False, guarded=True)
    world.quote(60_000)
    fail_journal_once(world, "act")
    receipts = world.act(CommandName.PAUSE)
    world.settle()
    assert len(receipts) == 1


def test_s17_an_order_that_left_although_the_call_raised_is_neither_doubled_nor_hidden_from_a_flatten() -> None:
    world = World(overrides=PLAIN, acts=False)
    world.quote(60_000, heed=False)
    world.venue.mischief = Mischief(link_fails_after=1)
    world.converge()
    world.settle()
    world.checker.report()
    world.act(CommandName.FLATTEN)
    world.settle()
    world.checker.report()
    assert not world.venue.live()


def test_s17_a_stop_that_left_before_its_take_profit_could_not_is_not_sent_twice() -> None:
    world = World(overrides=PLAIN, acts=False)
    world.quote(60_000)
    world.venue.drain()
    world.venue.mischief = Mischief(pair_splits=1)
    fill_entry(world)
    world.settle()
    world.checker.at_rest(world.grid)


def test_s17_the_alarm_is_lowered_as_soon_as_the_leg_is_covered() -> None:
    world = without_stops_for_too_long()
    world.settle()
    assert [line["raised"] for line in world.journal.of("alarm")] == [True, False]


def test_s17_a_quote_beyond_the_stop_of_an_unprotected_lot_is_heeded_within_a_tenth_of_a_second() -> None:
    world = World(overrides=("grid.levels=1", "grid.base_qty=0.004", "grid.sl_steps=2"), acts=False, heeds_band=True)
    world.quote(60_000)
    world.venue.drain()
    fail_once(world, "submit", lambda order_id: "-SL" in order_id)
    world.act(CommandName.PAUSE)
    fill_entry(world)
    world.quote(59_700)
    world.advance(100)
    assert world.venue.live(Leg.LONG, Role.CLOSE)


def test_a_close_that_fills_forgets_the_refusals_before_it() -> None:
    world = world_with_lot()
    world.venue.mischief = Mischief(rejects_exit=1)
    world.act(CommandName.FLATTEN)
    world.venue.drain()
    world.settle()
    assert world.venue.true_position[Leg.LONG] == 0
    assert not world.grid.held_back_closes(0)


def test_s09_a_leg_larger_than_the_largest_order_is_closed_in_pieces() -> None:
    world = World(overrides=(*PLAIN, "instrument.max_qty=0.005"), acts=False)
    world.quote(60_000)
    world.venue.drain()
    world.quote(59_870)
    world.venue.drain()
    world.act(CommandName.FLATTEN)
    world.settle()
    world.checker.report()
    assert world.venue.true_position[Leg.LONG] == 0


def test_a_fill_of_another_sessions_order_is_foreign() -> None:
    world = world_with_lot()
    (lot,) = world.grid.lots
    (own,) = [event.fill for event in world.venue.told if event.fill is not None]
    world.grid.on_fill(msgspec.structs.replace(own, order_id=own.order_id.replace(SESSION, "k3x99"), trade_id="x"))
    assert tuple(world.grid.lots) == (lot,)


def test_s03_a_repeated_update_writes_no_second_line() -> None:
    world = world_with_lot()
    (target,) = world.venue.live(Leg.LONG, Role.TP)
    world.venue.mischief = Mischief(duplicates=1)
    world.venue.fill(target, "0.001")
    world.venue.drain()
    assert len(world.journal.of("order", event="updated")) == 1


def test_while_the_journal_cannot_be_written_entries_wait_exits_go_on_and_it_is_said_once() -> None:
    world = world_with_lot()
    world.journal.failure = "No space left on device"
    (entry,) = [order for order in world.venue.live(Leg.LONG, Role.ENTRY) if order.order.key.slot == 2]
    world.venue.fill(entry)
    world.venue.drain()
    world.quote(60_000)
    world.venue.drain()
    assert world.venue.open_qty(Leg.LONG, Role.SL) == world.venue.true_position[Leg.LONG]
    sent = world.venue.commands["submit"]
    for lot in tuple(world.grid.lots):
        (target,) = [order for order in world.venue.live(Leg.LONG, Role.TP) if order.order.lot == lot.number]
        world.venue.fill(target)
    world.venue.drain()
    assert world.venue.commands["submit"] == sent
    assert set(world.grid.gaps.values()) == {Reason.JOURNAL_FAILING}
    failures = [line for line in world.journal.of("error") if line["where"] == "journal"]
    assert [line["critical"] for line in failures] == [True]
    world.journal.failure = ""
    world.advance(1_000)
    world.venue.drain()
    assert len(world.venue.live(Leg.LONG, Role.ENTRY)) == 2


def test_a_close_that_hangs_is_cancelled_and_what_is_left_is_closed_by_another() -> None:
    world = world_with_lot()
    world.act(CommandName.FLATTEN)
    while not world.venue.live(Leg.LONG, Role.CLOSE):
        world.venue.process()
        world.venue.deliver()
    (close,) = world.venue.live(Leg.LONG, Role.CLOSE)
    world.venue.hangs = close.id
    world.venue.process()
    world.venue.fill(close, "0.001")
    world.venue.deliver()
    world.advance(2_000)
    world.venue.drain()
    world.settle()
    assert world.venue.true_position[Leg.LONG] == 0
    assert [line["reason"] for line in world.journal.of("order", event="cancel", role=Role.CLOSE)] == ["close hangs"]
    assert world.desk.flattener.shown is not None
    assert world.desk.flattener.shown.stage is FlattenStage.FLAT


def test_rungs_that_a_coarse_tick_puts_on_one_price_hold_one_entry() -> None:
    world = World(overrides=("grid.levels=4", "grid.step_bps=2", "instrument.tick_size=100"), acts=False)
    world.quote(60_050)
    world.venue.drain()
    world.settle()
    for leg in Leg:
        prices = [order.order.price for order in world.venue.live(leg, Role.ENTRY)]
        assert len(prices) == len(set(prices))
    assert Reason.SAME_PRICE in world.grid.gaps.values()


def test_a_position_that_is_not_ours_is_told_shuts_entries_out_and_is_never_mended_by_an_order() -> None:
    world = world_with_lot()
    world.venue.told_position[Leg.SHORT] -= Decimal("0.004")
    sent = world.venue.commands["submit"]
    assert world.grid.books_differ
    world.converge()
    assert not world.journal.of("alarm")
    world.advance(1_000)
    (alarm,) = world.journal.of("alarm")
    assert (alarm["name"], alarm["leg"], alarm["raised"]) == ("mismatch", Leg.SHORT, True)
    assert "venue holds -0.004, own books 0" in alarm["detail"]
    (entry,) = [order for order in world.venue.live(Leg.LONG, Role.ENTRY) if order.order.key.slot == 2]
    world.venue.fill(entry)
    world.venue.drain()
    assert world.venue.open_qty(Leg.LONG, Role.SL) == world.venue.true_position[Leg.LONG]
    assert world.venue.commands["submit"] == sent + 2
    world.venue.told_position[Leg.SHORT] += Decimal("0.004")
    world.converge()
    assert [line["raised"] for line in world.journal.of("alarm")] == [True, False]
    assert not world.grid.books_differ


def test_while_books_differ_no_entry_leaves() -> None:
    world = world_with_lot()
    world.venue.told_position[Leg.SHORT] -= Decimal("0.004")
    world.converge()
    world.advance(1_000)
    (target,) = world.venue.live(Leg.LONG, Role.TP)
    world.venue.fill(target)
    world.venue.drain()
    assert Reason.UNRECONCILED in world.grid.gaps.values()
    world.venue.told_position[Leg.SHORT] += Decimal("0.004")
    world.converge()
    assert Reason.UNRECONCILED not in world.grid.gaps.values()
