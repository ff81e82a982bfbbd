"""Item 7: repeated errors open the breaker at their threshold, once; entries go, exits stay, and it ends as stated."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from strategy import order_events
from strategy.breaker import Breaker
from strategy.control import CommandName, Origin, Result
from strategy.desk import Desk
from strategy.domain import NS_PER_S, DoorState, Leg, Reason, Role
from strategy.door import Door
from strategy.grid import HedgeGrid
from strategy.order_events import OrderEvents
from strategy.refusal import Refusal
from strategy.risk import Risk
from tests.strategy.scenes import holding, only, state_of
from tests.strategy.test_restart import next_world
from tests.strategy.venue import Event, Mischief
from tests.strategy.world import World

THRESHOLD: Final = 4
COOLDOWN_S: Final = 30
BREAKER: Final = (f"breaker.errors={THRESHOLD}", "breaker.window_s=600")
QUICK: Final = ("execution.retry_first_ms=200", "execution.retry_last_ms=400")


def room(*overrides: str) -> World:
    """Both legs hold a protected lot; two further entries rest."""
    return holding(*BREAKER, "grid.levels=4", *QUICK, *overrides)


def storm(world: World, rounds: int = 40) -> None:
    """The venue refuses every entry that comes; the market stands still, so that no exit fills."""
    world.venue.mischief = Mischief(rejects_entry=1)
    rest = [order for order in world.venue.live(None, Role.ENTRY) if order.arrived]
    for order in rest:
        world.venue._end(order, Event("expired", order.id))
    for _ in range(rounds):
        world.venue.drain()
        world.quote(60_000)
        world.advance(150)
    world.venue.drain()


def seq_of(world: World, kind: str, **wanted: Any) -> list[int]:
    return [line["seq"] for line in world.journal.of(kind, **wanted)]


def trips(world: World) -> list[int]:
    """Lines by which the breaker opened, of those that may follow and still show it open the first."""
    lines = world.journal.of("state")
    open_before, found = False, []
    for line in lines:
        is_open = line["latched"].breaker is not None
        if is_open and not open_before:
            found.append(line["seq"])
        open_before = is_open
    return found


# -- the trip ----------------------------------------------------------------------------------------------------------


def check_s07() -> None:
    """A storm of rejections: at the threshold, once, entries only."""
    world = room("breaker.cooldown_s=0")
    exits = {order.id for order in world.venue.live(None, Role.SL, Role.TP)}
    assert len(exits) == 4
    storm(world)
    errors = seq_of(world, "error", type="order-rejected")
    assert len(trips(world)) == 1, f"opened {len(trips(world))} times"
    (trip,) = trips(world)
    assert sum(seq < trip for seq in errors) == THRESHOLD, f"opened after {sum(seq < trip for seq in errors)} errors"
    later = [seq for seq in seq_of(world, "order", event="submit", role=Role.ENTRY) if seq > trip]
    assert not later, "an entry left although the breaker was open"
    world.settle()
    assert not world.venue.live(None, Role.ENTRY), "entries are still open"
    assert {order.id for order in world.venue.live()} == exits, "an exit went as well"
    assert set(world.grid.gaps.values()) <= {Reason.BREAKER_OPEN, Reason.OCCUPIED}
    view = world.grid.risk.breaker.view(world.venue.now())
    assert (view.is_open, view.trips, len(view.errors), view.until_ns) == (True, 1, THRESHOLD, 0)
    act = only(world.journal.of("act"))
    assert (act["command"], act["by"]) == (CommandName.CANCEL_ENTRIES, Origin.BREAKER)


def test_s07_a_storm_of_rejections_opens_it_at_its_threshold_once_and_takes_entries_only() -> None:
    check_s07()


def never_appended(self: Breaker, now: int, _words: str) -> bool:
    """As the seed has it: the window stays empty."""
    self._drop_old(now)
    return len(self._errors) >= self._threshold


def again_and_again(cure: Callable[..., bool]) -> Callable[..., bool]:
    def note(self: Breaker, now: int, words: str) -> bool:
        if self.is_open:
            self.is_open = False
        return cure(self, now, words)

    return note


def strips_the_stops(cure: Callable[..., None]) -> Callable[..., None]:
    """As the seed has it: everything is cancelled."""

    def withdraw(self: Desk, act_id: str, by: Origin) -> None:
        for order in self._grid.index.of(Leg.LONG, entries=False):
            self._grid.orders.cancel(order.id, "cancel all")
        cure(self, act_id, by)

    return withdraw


@pytest.mark.parametrize(
    ("owner", "method", "instead", "words"),
    [
        (Breaker, "note", never_appended, "opened 0 times"),
        (Risk, "on_fault", lambda *_: False, "opened 0 times"),
        (Desk, "_withdraw", strips_the_stops(Desk._withdraw), "an exit went as well"),
        (Door, "state", property(lambda _self: DoorState.RUNNING), "an entry left"),
    ],
)
def test_s07_without_the_code_the_same_check_fails(
    owner: type, method: str, instead: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, method, instead)
    with pytest.raises(AssertionError, match=words):
        check_s07()


def check_s07_rest() -> None:
    """Entries that rest when it opens are taken back; exits stay."""
    world = room("breaker.cooldown_s=0")
    exits = {order.id for order in world.venue.live(None, Role.SL, Role.TP)}
    resting = world.venue.live(None, Role.ENTRY)
    assert resting
    for _ in range(THRESHOLD):
        world.grid.errors.record(world.venue.now(), "test", "fault", "x", critical=False, counts=True)
    world.venue.drain()
    world.advance(100)
    world.settle()
    assert not world.venue.live(None, Role.ENTRY), "entries are still open"
    assert {order.id for order in world.venue.live()} == exits, "an exit went as well"


def test_s07_entries_that_rest_are_taken_back_and_exits_stay() -> None:
    check_s07_rest()


def test_s07_without_taking_entries_back_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "_withdraw", lambda self, act_id, _by: self._answer(act_id, Result.DONE))
    monkeypatch.setattr(Desk, "_keep_latched_promises", lambda _self: None)
    with pytest.raises(AssertionError, match="entries are still open"):
        check_s07_rest()


def test_s07_without_a_pass_right_after_the_error_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OrderEvents, "_on_fault", lambda self, now, words: self.risk.on_fault(now, words))
    with pytest.raises(AssertionError, match="entries are still open"):
        check_s07_rest()


@pytest.mark.parametrize("method", ["_withdraw", "_keep_latched_promises"])
def test_s07_the_act_and_the_promise_of_every_pass_each_take_them_back_alone(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead: dict[str, Any] = {
        "_withdraw": lambda self, act_id, _by: self._answer(act_id, Result.DONE),
        "_keep_latched_promises": lambda _self: None,
    }
    monkeypatch.setattr(Desk, method, instead[method])
    check_s07_rest()


# -- what counts -------------------------------------------------------------------------------------------------------


def check_s07_once() -> None:
    """The same rejections, each told three times: the count is that of the rejections."""
    world = room("breaker.cooldown_s=0")
    for order in world.venue.live(None, Role.ENTRY)[: THRESHOLD - 1]:
        order.done = True
        for _ in range(3):
            world.grid.on_refused(order.id, "-4014 off tick", event="rejected")
    assert world.grid.risk.breaker.view(world.venue.now()).count == THRESHOLD - 1, "a rejection counts more than once"
    assert state_of(world) is DoorState.RUNNING, "a rejection counts more than once"


def test_s07_an_event_that_is_told_again_counts_once() -> None:
    check_s07_once()


def test_s07_with_a_count_of_what_is_told_instead_of_what_happened_the_same_check_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cure = OrderEvents.on_refused

    def told(self: OrderEvents, order_id: str, reason: str, **more: Any) -> None:
        if self.index.get(order_id) is None:
            self.errors.record(self._venue.now(), "venue", "told-again", reason, critical=False, counts=True)
        cure(self, order_id, reason, **more)

    monkeypatch.setattr(HedgeGrid, "on_refused", told)
    with pytest.raises(AssertionError, match="more than once"):
        check_s07_once()


HARMLESS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("would take", {"post_only": True}),
    ("-5022 Due to the order could not be executed as maker.", {}),
    ("-2013 Order does not exist.", {}),
)


def check_s07_harmless() -> None:
    """What is no error never opens it, however often it comes."""
    world = room("breaker.cooldown_s=0")
    for turn in range(10):
        for order in [order for order in world.venue.live(None, Role.ENTRY) if not order.done][:2]:
            order.done = True
            words, how = HARMLESS[turn % len(HARMLESS)]
            world.grid.on_refused(order.id, words, event="rejected", **how)
        world.advance(500)
        world.venue.drain()
    assert world.grid.risk.breaker.view(world.venue.now()).count == 0, "what is no error counts"
    assert state_of(world) is DoorState.RUNNING, "what is no error counts"


def test_s07_a_post_only_rejection_is_no_error() -> None:
    check_s07_harmless()


def test_s07_with_every_rejection_an_error_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_events, "classify", lambda *_, **_more: Refusal.FINAL)
    with pytest.raises(AssertionError, match="no error counts"):
        check_s07_harmless()


# -- its end -----------------------------------------------------------------------------------------------------------


def open_it(world: World) -> None:
    for number in range(THRESHOLD):
        world.grid.errors.record(world.venue.now(), "test", "fault", f"x{number}", critical=False, counts=True)
    world.converge()
    world.venue.drain()


def check_s07_ends() -> None:
    """By its cooldown alone, not a moment before; then the grid enters again by itself."""
    world = room(f"breaker.cooldown_s={COOLDOWN_S}")
    opened = world.venue.now()
    open_it(world)
    while world.venue.now() - opened < COOLDOWN_S * NS_PER_S:
        assert state_of(world) is DoorState.BREAKER_OPEN, "it closed before its time"
        world.advance(500)
        world.venue.drain()
    world.venue.drain()
    assert state_of(world) is DoorState.RUNNING, "it never closed"
    assert world.venue.live(None, Role.ENTRY), "no entry comes back"


def check_s07_never() -> None:
    """Without a cooldown only reset-breaker ends it: neither time nor resume does."""
    world = room("breaker.cooldown_s=0")
    open_it(world)
    for _ in range(10):
        world.advance(86_400_000)
        world.quote(60_000)
    assert state_of(world) is DoorState.BREAKER_OPEN, "it closed by itself"
    assert only(world.act(CommandName.RESUME)).result is Result.REFUSED
    assert only(world.act(CommandName.RESET_BREAKER)).result is Result.DONE
    world.settle()
    assert state_of(world) is DoorState.RUNNING, "the reset does not end it"
    assert world.venue.live(None, Role.ENTRY)


def check_s07_second() -> None:
    """A second trip works like the first, after a cooldown as after a reset."""
    for end in ("cooldown", "reset"):
        world = room(f"breaker.cooldown_s={COOLDOWN_S if end == 'cooldown' else 0}")
        for trip in (1, 2, 3):
            for number in range(THRESHOLD):
                assert state_of(world) is DoorState.RUNNING, f"trip {trip} comes after {number} errors"
                world.grid.errors.record(world.venue.now(), "test", "fault", "x", critical=False, counts=True)
            assert state_of(world) is DoorState.BREAKER_OPEN, f"trip {trip} never comes"
            world.converge()
            world.venue.drain()
            assert not world.venue.live(None, Role.ENTRY), f"trip {trip} leaves entries"
            if end == "reset":
                world.act(CommandName.RESET_BREAKER)
            world.advance(COOLDOWN_S * 1_000)
            world.venue.drain()
        assert len(trips(world)) == 3


def test_s07_it_ends_by_its_cooldown() -> None:
    check_s07_ends()


def test_s07_without_a_cooldown_only_the_reset_ends_it() -> None:
    check_s07_never()


def test_s07_a_second_trip_works_like_the_first() -> None:
    check_s07_second()


def keeps_its_errors(self: Breaker) -> None:
    """It closes with a full window."""
    self.is_open, self.until_ns, self.cause = False, 0, ()


@pytest.mark.parametrize(
    ("check", "owner", "method", "instead", "words"),
    [
        (check_s07_ends, Breaker, "is_over", lambda *_: False, "never closed"),
        (check_s07_ends, Breaker, "is_over", lambda self, _now: self.is_open, "before its time"),
        (check_s07_never, Breaker, "is_over", lambda self, _now: self.is_open, "closed by itself"),
        (check_s07_never, Risk, "close_breaker", lambda *_: None, "does not end it"),
        (check_s07_second, Breaker, "close", keeps_its_errors, "comes after|never comes"),
        (check_s07_second, Risk, "close_breaker", lambda self, note: self._door.set(note, breaker=None), "comes after"),
    ],
)
def test_s07_without_the_code_of_its_end_the_same_check_fails(
    check: Callable[[], None], owner: type, method: str, instead: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if owner is Breaker and method == "close":
        cure = Breaker.open

        def opens(self: Breaker, until_ns: int, cause: tuple[str, ...]) -> None:
            kept = self._errors.copy()
            cure(self, until_ns, cause)
            self._errors.extend(kept)

        monkeypatch.setattr(Breaker, "open", opens)
    monkeypatch.setattr(owner, method, instead)
    with pytest.raises(AssertionError, match=words):
        check()


# -- a restart ---------------------------------------------------------------------------------------------------------


def check_s07_durable(folder: Path) -> None:
    """After the end of the process it is still open, for what is left of its time, and says so."""
    before = room(f"breaker.cooldown_s={COOLDOWN_S}")
    open_it(before)
    before.advance(10_000)
    world = next_world(before, folder)
    assert state_of(world) is DoorState.BREAKER_OPEN, "it was forgotten"
    assert world.grid.door.reason == f"restored: {THRESHOLD} errors within 600 s"
    world.converge()
    world.advance(COOLDOWN_S * 1_000 - 10_001)
    assert state_of(world) is DoorState.BREAKER_OPEN, "it closed before its time"
    assert not world.venue.live(None, Role.ENTRY)
    world.advance(1)
    world.settle()
    assert state_of(world) is DoorState.RUNNING, "it never closes"
    assert world.venue.live(None, Role.ENTRY)


def test_s07_it_outlives_the_process(tmp_path: Path) -> None:
    check_s07_durable(tmp_path)


def test_s07_with_latches_of_the_process_alone_the_same_check_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Door, "take_over", lambda *_: None)
    with pytest.raises(AssertionError, match="it was forgotten"):
        check_s07_durable(tmp_path)


def test_s07_with_a_cooldown_of_the_process_alone_the_same_check_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cure = Risk.go_on_from

    def forgetful(self: Risk, *args: Any) -> None:
        with monkeypatch.context() as inner:
            inner.setattr(Breaker, "open", lambda *_: None)
            cure(self, *args)

    monkeypatch.setattr(Risk, "go_on_from", forgetful)
    with pytest.raises(AssertionError, match="it never closes"):
        check_s07_durable(tmp_path)
