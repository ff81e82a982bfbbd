"""What whoever watches the venue tells: closures keep entries back and nothing else, are told once, and end once."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from strategy.domain import NS_PER_S, Leg, OrderKey, Reason, Role
from strategy.errors import ErrorLog
from strategy.hedge_grid import HedgeGridStrategy
from strategy.snapshot import VenueVitals
from strategy.venue_watch import VenueWatch
from tests.strategy.scenes import entry, holding, only, picture, started
from tests.strategy.test_shell import Room
from tests.strategy.test_shell import holding as holding_room
from tests.strategy.test_shell import started as started_room
from tests.strategy.venue import Event, MemoryJournal, VenueOrder
from tests.strategy.world import World

CLOSURES = (
    Reason.VENUE_LIMITED,
    Reason.VENUE_DIFFERS,
    Reason.DEAD_MAN,
    Reason.STREAM_DEAD,
    Reason.FILTERS_CHANGED,
)


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def watch(journal: MemoryJournal) -> VenueWatch:
    return VenueWatch(ErrorLog(journal))


def alarms(journal: MemoryJournal) -> list[tuple[str, bool, str]]:
    return [(line["name"], line["raised"], line["detail"]) for line in journal.of("alarm")]


# -- closures ----------------------------------------------------------------------------------------------------------


def test_several_reasons_hold_at_once_and_the_oldest_is_given(watch: VenueWatch) -> None:
    assert watch.shut is None
    watch.close(Reason.STREAM_DEAD, "no words", 1)
    watch.close(Reason.VENUE_DIFFERS, "0.004 here, 0.008 there", 2)
    assert watch.shut is Reason.STREAM_DEAD
    assert watch.open(Reason.STREAM_DEAD, 3)
    assert watch.shut is Reason.VENUE_DIFFERS
    assert watch.open(Reason.VENUE_DIFFERS, 4)
    assert watch.shut is None


def test_a_closure_is_one_alarm_however_often_it_is_told_and_its_end_is_told_once(
    watch: VenueWatch, journal: MemoryJournal
) -> None:
    for now in (1, 2):
        watch.close(Reason.DEAD_MAN, "it has fired", now)
    assert watch.open(Reason.DEAD_MAN, 3)
    assert not watch.open(Reason.DEAD_MAN, 4)
    assert alarms(journal) == [("dead-man", True, "it has fired"), ("dead-man", False, "the cause is gone")]
    assert len(journal.of("error")) == 1


def test_other_words_of_the_same_reason_are_told_and_its_age_stays(watch: VenueWatch, journal: MemoryJournal) -> None:
    watch.close(Reason.VENUE_DIFFERS, "one differs", 1)
    watch.close(Reason.VENUE_DIFFERS, "two differ", 2)
    assert alarms(journal)[-1] == ("venue-differs", True, "two differ")
    assert journal.of("alarm")[-1]["again"]
    alarm = watch._errors.alarms["venue-differs", None]
    assert (alarm.since_ns, alarm.detail) == (1, "two differ")
    assert len(journal.of("error")) == 1


def test_another_end_with_the_same_words_is_kept_and_not_told(watch: VenueWatch, journal: MemoryJournal) -> None:
    watch.close(Reason.VENUE_LIMITED, "wait", 1, 5)
    watch.close(Reason.VENUE_LIMITED, "wait", 1, 9)
    assert watch.deadline() == 9
    assert len(journal.of("alarm")) == 1


def test_a_closure_ends_at_its_time_and_not_before_while_one_without_stays(
    watch: VenueWatch, journal: MemoryJournal
) -> None:
    assert watch.deadline() is None
    watch.close(Reason.VENUE_LIMITED, "wait", 1, 10)
    watch.close(Reason.STREAM_DEAD, "no words", 2)
    assert watch.deadline() == 10
    shut = []
    for now in (9, 10):
        watch.look(now)
        shut.append(watch.shut)
    assert shut == [Reason.VENUE_LIMITED, Reason.STREAM_DEAD]
    assert watch.deadline() is None
    assert alarms(journal)[-1] == ("venue-limited", False, "its time is over")


@pytest.mark.parametrize("reason", CLOSURES)
def test_all_but_a_wait_are_critical(watch: VenueWatch, journal: MemoryJournal, reason: Reason) -> None:
    watch.close(reason, "words", 1, 5)
    assert journal.of("error")[0]["critical"] is (reason is not Reason.VENUE_LIMITED)


def test_a_closure_that_lasts_is_told_again(watch: VenueWatch, journal: MemoryJournal) -> None:
    watch.close(Reason.STREAM_DEAD, "no words", 0)
    watch._errors.repeat_alarms(30 * NS_PER_S, 30 * NS_PER_S)
    assert [line.get("again", False) for line in journal.of("alarm")] == [False, True]


# -- alarms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("leg", "told"), [(None, "far apart"), (Leg.SHORT, "short: far apart")])
def test_an_alarm_is_raised_reworded_and_ended(
    watch: VenueWatch, journal: MemoryJournal, leg: Leg | None, told: str
) -> None:
    watch.alarm("clock-skew", leg, None, 0)
    for words in ("far apart", "far apart", "further apart", None, None):
        watch.alarm("clock-skew", leg, words, 1)
    assert [(raised, detail) for _, raised, detail in alarms(journal)] == [
        (True, "far apart"),
        (True, "further apart"),
        (False, "the cause is gone"),
    ]
    assert [line["message"] for line in journal.of("error")] == [told]


def test_words_for_an_alarm_that_is_not_raised_raise_nothing(journal: MemoryJournal) -> None:
    errors = ErrorLog(journal)
    errors.reword_alarm("clock-skew", None, "far apart", 1)
    assert errors.alarms == {}
    assert journal.lines == []


# -- the gate ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", CLOSURES)
def test_while_shut_no_entry_leaves_exits_do_and_what_rests_stays(reason: Reason) -> None:
    world = started()
    world.grid.venue_watch.close(reason, "words", world.venue.now())
    sent = world.venue.commands["submit"]
    world.venue.fill(entry(world))
    world.settle()
    assert world.venue.commands["submit"] == sent + 2, "a stop and a take-profit"
    assert world.grid.protection.since(Leg.LONG) is None
    world.venue.fill(only(world.venue.live(Leg.LONG, Role.TP)))
    world.settle()
    key = OrderKey(Leg.LONG, Role.ENTRY, 1)
    assert world.grid.gaps[key] is reason
    assert world.grid.denials[reason] == 1
    assert len(world.venue.live(None, Role.ENTRY)) == 3
    world.grid.venue_watch.open(reason, world.venue.now())
    world.converge()
    assert key not in world.grid.gaps


def test_a_closure_with_an_end_ends_by_itself_without_any_event() -> None:
    world = World(overrides=("grid.levels=2", "grid.base_qty=0.004"), acts=False)
    world.grid.venue_watch.close(Reason.VENUE_LIMITED, "wait", world.venue.now(), world.venue.now() + NS_PER_S)
    world.quote(60_000)
    assert world.venue.live() == []
    world.advance(999)
    assert world.venue.live() == []
    world.advance(1)
    world.venue.drain()
    assert len(world.venue.live(None, Role.ENTRY)) == 4


def test_the_picture_has_the_vitals_as_they_were_told() -> None:
    world = started()
    assert picture(world).venue is None
    vitals = VenueVitals(taken_ns=5, weight_used=7)
    world.grid.venue_watch.vitals = vitals
    assert picture(world).venue == vitals


# -- endings that nobody asked for -------------------------------------------------------------------------------------


def listening(world: World) -> list[OrderKey]:
    heard: list[OrderKey] = []
    world.grid.venue_watch.on_unasked_end = lambda key, _now: heard.append(key)
    return heard


def end(world: World, order: VenueOrder, event: str = "canceled") -> None:
    world.venue._end(order, Event(event, order.id))
    world.venue.deliver()


def test_an_order_that_ends_by_itself_is_told_before_anything_takes_its_place() -> None:
    world = started()
    watch = world.grid.venue_watch
    watch.on_unasked_end = lambda _key, now: watch.close(Reason.DEAD_MAN, "fired", now)
    sent = world.venue.commands["submit"]
    end(world, entry(world))
    world.settle()
    assert world.venue.commands["submit"] == sent
    assert watch.shut is Reason.DEAD_MAN


def test_an_order_whose_cancel_was_asked_for_is_not_told() -> None:
    world = started()
    heard = listening(world)
    world.quote(61_000)
    world.settle()
    assert world.venue.commands["cancel"]
    assert heard == []


def test_without_a_listener_nothing_comes_of_it() -> None:
    world = started()
    end(world, entry(world))
    world.settle()
    assert world.grid.venue_watch.shut is None


# -- looking again -----------------------------------------------------------------------------------------------------


def test_looking_again_asks_about_every_order_and_finds_what_no_handler_has_heard() -> None:
    world = holding()
    target = only(world.venue.live(Leg.LONG, Role.TP))
    target.done = True
    world.venue.told.append(Event("canceled", target.id))
    world.grid.look_again()
    assert world.venue.commands["ask"] >= len(world.grid.index)
    world.settle()
    assert target.id not in [order.id for order in world.grid.index]
    assert world.grid.exits_stand


def test_exits_stand_while_both_work_for_all_of_every_lot() -> None:
    world = holding()
    assert world.grid.exits_stand
    for role in (Role.TP, Role.SL):
        end(world, only(world.venue.live(Leg.SHORT, role)))
        assert not world.grid.exits_stand
        world.settle()
        assert world.grid.exits_stand


def test_a_lot_that_is_closed_at_market_or_by_a_flatten_needs_no_exits() -> None:
    world = holding()
    end(world, only(world.venue.live(Leg.SHORT, Role.TP)))
    lot = only(list(world.grid.lots.of(Leg.SHORT)))
    world.grid.frozen = frozenset({Leg.SHORT})
    assert world.grid.exits_stand
    world.grid.frozen = frozenset()
    assert not world.grid.exits_stand
    world.grid.lots.mark_breached(lot.number)
    assert world.grid.exits_stand


# -- the strategy's hooks ----------------------------------------------------------------------------------------------


def resting() -> Room:
    room = started_room()
    room.strategy.shut_entries(Reason.STREAM_DEAD, "the stream is dead")
    room.quote(60_000)
    return room


def test_entries_that_are_shut_leave_once_they_are_let() -> None:
    room = resting()
    assert room.sent("submit") == []
    room.strategy.let_entries(Reason.DEAD_MAN)
    assert room.sent("submit") == []
    room.strategy.let_entries(Reason.STREAM_DEAD)
    assert len(room.sent("submit")) == 4
    room.strategy.publish()
    assert room.strategy.snapshot.risk.alarms == ()


def test_a_closure_until_a_time_ends_then() -> None:
    room = started_room()
    room.strategy.shut_entries(Reason.VENUE_LIMITED, "wait", room.strategy.now() + NS_PER_S)
    room.quote(60_000)
    assert room.sent("submit") == []
    room.advance(2 * NS_PER_S)
    assert len(room.sent("submit")) == 4


def test_what_is_told_before_the_start_holds_from_its_first_pass() -> None:
    room = Room()
    room.strategy.shut_entries(Reason.DEAD_MAN, "fired before", room.strategy.now() + NS_PER_S)
    room.strategy.note_critical("venue", "odd", "before the start")
    room.strategy.look_again()
    room.strategy.start()
    assert room.strategy.failure == ""
    room.quote(60_000)
    assert room.sent("submit") == []
    assert ("venue", "odd") in room.errors
    room.advance(2 * NS_PER_S)
    assert len(room.sent("submit")) == 4


def test_vitals_and_alarms_reach_the_snapshot() -> None:
    room = started_room()
    vitals = VenueVitals(taken_ns=room.strategy.now(), dead_man_s=90)
    room.strategy.on_venue_vitals(vitals)
    room.strategy.venue_alarm("clock-skew", None, "far apart")
    room.strategy.publish()
    assert room.strategy.snapshot.venue == vitals
    assert [alarm.name for alarm in room.strategy.snapshot.risk.alarms] == ["clock-skew"]
    room.strategy.venue_alarm("clock-skew", None, None)
    room.strategy.publish()
    assert room.strategy.snapshot.risk.alarms == ()


@pytest.mark.parametrize(
    ("note", "critical"), [(HedgeGridStrategy.note_critical, True), (HedgeGridStrategy.note, False)]
)
def test_a_note_is_an_error_of_its_gravity(
    note: Callable[[HedgeGridStrategy, str, str, str], None], critical: bool
) -> None:
    room = started_room()
    note(room.strategy, "venue", "odd", "words")
    (error,) = room.grid.errors.latest
    assert (error.where, error.type, error.message, error.critical) == ("venue", "odd", "words", critical)


def test_looking_again_puts_a_question_for_each_order() -> None:
    room = holding_room()
    room.strategy.look_again()
    assert len(room.sent("query")) >= len(room.grid.index)


def test_a_listener_hears_of_orders_that_end_by_themselves() -> None:
    room = holding_room()
    heard: list[OrderKey] = []
    room.strategy.on_unasked_end(lambda key, _now: heard.append(key))
    room.tell("canceled", room.order(Leg.LONG, Role.TP))
    assert [key.role for key in heard] == [Role.TP]


def test_a_listener_that_fails_is_contained() -> None:
    room = holding_room()

    def fail(_key: OrderKey, _now: int) -> None:
        raise ArithmeticError("no listener")

    room.strategy.on_unasked_end(fail)
    room.tell("canceled", room.order(Leg.LONG, Role.TP))
    assert ("on_order_canceled", "ArithmeticError") in room.errors
    assert room.strategy.is_running


def test_what_the_venue_says_of_the_legs_takes_a_flatten_on_and_nothing_else() -> None:
    room = holding_room()
    passes: list[None] = []
    room.grid.before_pass = lambda: passes.append(None)
    room.strategy.on_venue_legs({Leg.LONG: Decimal(1)}, 5)
    assert passes == []
    room.grid.frozen = frozenset({Leg.LONG})
    room.strategy.on_venue_legs({}, 7)
    assert passes
    assert room.grid.venue_watch.shows_empty(Leg.LONG, 7)
    assert not room.grid.venue_watch.shows_empty(Leg.LONG, 8)
