"""Items 5 and 9, critical failures: what cannot be protected is closed; what stands still or is silent is alarmed."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from strategy.admission import Admission
from strategy.control import CommandName, Result
from strategy.desk import Desk
from strategy.domain import NS_PER_MS, NS_PER_S, DoorState, Leg, Market, Reason, Role
from strategy.door import Door
from strategy.errors import ErrorLog
from strategy.grid import HedgeGrid
from strategy.inquiry import Inquiries
from strategy.risk import Risk
from strategy.upkeep import Upkeep
from strategy.watch import BareLots
from strategy.watchdog import SILENT_STREAM, STALE_FEED, STUCK_LOOP, Watchdog
from tests.strategy.scenes import only, started
from tests.strategy.test_restart import next_world
from tests.strategy.venue import Event
from tests.strategy.world import World

BOUND_MS: Final = 3_000
ESCALATION: Final = (
    f"watchdog.escalate_after_ms={BOUND_MS}",
    "execution.retry_first_ms=300",
    "execution.retry_last_ms=600",
)


# -- a leg that cannot be protected ------------------------------------------------------------------------------------


def no_stops(world: World) -> None:
    """The link takes everything but stops: they are lost on their way, and nobody says so."""
    for command in tuple(world.venue.inbound):
        if world.venue.orders[command[1]].role is Role.SL:
            world.venue.inbound.remove(command)
            del world.venue.orders[command[1]]


def bare(on_critical: str) -> World:
    """A long and a short lot, both protected; then a second long one whose stop never comes to rest."""
    world = started("grid.levels=4", "grid.tp_steps=3", *ESCALATION, f"watchdog.on_critical={on_critical}")
    for leg in Leg:
        fill(world, leg, 1)
    world.settle()
    fill(world, Leg.LONG, 2)
    for _ in range(2 * BOUND_MS // 100):
        no_stops(world)
        world.venue.process()
        world.venue.deliver()
        world.advance(100)
    return world


def fill(world: World, leg: Leg, level: int) -> None:
    world.venue.fill(next(order for order in world.venue.live(leg, Role.ENTRY) if order.order.key.slot == level))


def check_s09_escalation() -> None:
    """What is bare is closed at market within its bound, and only that; then trading halts and no entry rests."""
    world = bare("halt")
    closes = world.journal.of("order", event="submit", role=Role.CLOSE)
    assert closes, "nothing closes what is bare"
    bare_since = max(line["ts"] for line in world.journal.of("fill", leg=Leg.LONG, role=Role.ENTRY))
    late = (closes[0]["ts"] - bare_since) / NS_PER_MS
    assert BOUND_MS <= late <= BOUND_MS + 1_000, f"closed after {late:.0f} ms"
    world.settle()
    assert {leg: world.venue.true_position[leg] for leg in Leg} == dict.fromkeys(Leg, Decimal("0.004")), "too much went"
    world.checker.at_rest(world.grid)
    assert world.grid.state is DoorState.HALTED, "trading goes on"
    assert not world.venue.live(None, Role.ENTRY), "entries rest"
    told = [error.type for error in world.grid.errors.latest if error.critical]
    assert "not-restored" in told, "nobody is told"
    assert only(world.act(CommandName.RESUME)).result is Result.REFUSED
    world.act(CommandName.RESET_BREAKER)
    world.act(CommandName.RESUME)
    world.settle()
    assert world.venue.live(None, Role.ENTRY)


def check_s09_on_critical() -> None:
    """Where that is configured both legs are closed instead."""
    world = bare("flatten")
    world.settle()
    assert not any(world.venue.true_position.values()), "it still holds"
    assert not world.venue.live()
    assert world.grid.state is DoorState.HALTED, "trading goes on"


def test_s09_what_cannot_be_protected_is_closed_in_time_and_trading_halts() -> None:
    check_s09_escalation()


def test_s09_what_cannot_be_protected_flattens_where_that_is_chosen() -> None:
    check_s09_on_critical()


def impatient(self: BareLots, bound_ns: int) -> None:
    self._bound, self._bare = bound_ns // 3, {}


@pytest.mark.parametrize(
    ("owner", "method", "instead", "words"),
    [
        (HedgeGrid, "_escalate", lambda *_: None, "nothing closes"),
        (BareLots, "__init__", impatient, "closed after"),
        (Risk, "on_critical", lambda *_: None, "trading goes on"),
    ],
)
def test_s09_without_escalation_the_same_check_fails(
    owner: type, method: str, instead: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, method, instead)
    with pytest.raises(AssertionError, match=words):
        check_s09_escalation()


def test_s09_with_a_halt_that_leaves_entries_resting_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "_keep_latched_promises", lambda _self: None)
    monkeypatch.setattr(Desk, "_withdraw", lambda self, act_id, _by: self._answer(act_id, Result.DONE))
    with pytest.raises(AssertionError, match="entries rest"):
        check_s09_escalation()


def test_s09_with_a_halt_alone_the_same_check_of_a_flatten_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Risk, "_halt_and_flatten", lambda self, cause, _origin, words: self.halt(cause, words))
    with pytest.raises(AssertionError, match="it still holds"):
        check_s09_on_critical()


def check_s09_halt_lasts(folder: Path) -> None:
    """A halt after a critical failure is one after a restart too."""
    before = bare("halt")
    before.settle()
    world = next_world(before, folder)
    world.converge()
    world.settle()
    assert world.grid.state is DoorState.HALTED, "it was forgotten"
    assert not world.venue.live(None, Role.ENTRY)


def test_s09_a_critical_halt_outlives_the_process(tmp_path: Path) -> None:
    check_s09_halt_lasts(tmp_path)


def test_s09_with_a_halt_of_the_process_alone_the_same_check_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Door, "take_over", lambda *_: None)
    with pytest.raises(AssertionError, match="it was forgotten"):
        check_s09_halt_lasts(tmp_path)


# -- what stands still or is silent ------------------------------------------------------------------------------------

STALE_MS: Final = 4_000
SILENT_MS: Final = 3_000
REPEAT_S: Final = 10
WATCH: Final = (
    f"watchdog.stale_after_ms={STALE_MS}",
    f"watchdog.stream_silent_ms={SILENT_MS}",
    f"watchdog.alarm_repeat_s={REPEAT_S}",
)


def alarm_lines(world: World, name: str) -> list[tuple[int, bool, bool]]:
    """Per line how long after the beginning (ms), whether raised, and whether told again."""
    return [
        ((line["ts"] - BEGAN[id(world)]) // NS_PER_MS, line["raised"], line.get("again", False))
        for line in world.journal.of("alarm", name=name)
    ]


BEGAN: Final[dict[int, int]] = {}


def watched() -> World:
    world = started(*WATCH, "grid.recentre_trigger_bps=5000")
    world.sample()
    BEGAN[id(world)] = world.venue.now()
    return world


def look(world: World, ms: int) -> None:
    """So long the host looks every quarter of a second."""
    for _ in range(ms // 250):
        world.advance(250)
        if world.upkeep.look(world.venue.now(), world.venue.market()):
            world.converge()


def check_s09_stale() -> None:
    """The feed stands still: alarmed within a second of its bound, no entry leaves, exits stay, its return is told."""
    world = watched()
    fill(world, Leg.LONG, 1)
    world.venue.drain()
    world.venue.fill(only(world.venue.live(Leg.LONG, Role.TP)))
    freeze(world)
    look(world, STALE_MS + 1_000)
    (raised,) = alarm_lines(world, STALE_FEED) or [(0, False, False)]
    assert raised[1], "no alarm"
    assert STALE_MS <= raised[0] <= STALE_MS + 1_000, f"alarmed after {raised[0]} ms"
    sent = len(world.venue.live(None, Role.ENTRY))
    world.venue.deliver()
    world.converge()
    assert len(world.venue.live(None, Role.ENTRY)) == sent, "an entry left on stale data"
    assert Reason.STALE in world.grid.gaps.values()
    look(world, 2 * REPEAT_S * 1_000)
    assert [again for _, _, again in alarm_lines(world, STALE_FEED)] == [False, True, True], "not told again"
    world.venue.still_ns = 0
    look(world, 250)
    world.venue.drain()
    assert not alarm_lines(world, STALE_FEED)[-1][1], "its return is not told"
    assert len(world.venue.live(None, Role.ENTRY)) == 4, "no entry comes back with the feed"


def freeze(world: World) -> None:
    """No quote comes any more, until `still_ns` says that one has."""
    world.venue.still_ns = 1
    began, cure = world.venue.now(), world.venue.market

    def market() -> Market | None:
        now = cure()
        return now if now is None or not world.venue.still_ns else msgspec.structs.replace(now, ts=began)

    world.venue.market = market  # type: ignore[method-assign]


def check_s09_silent() -> None:
    """A request without a word from the venue: alarmed within a second of its bound, ended by the first word."""
    world = watched()
    world.act(CommandName.CANCEL_ENTRIES)
    look(world, SILENT_MS + 1_000)
    (raised,) = alarm_lines(world, SILENT_STREAM) or [(0, False, False)]
    assert raised[1], "no alarm"
    assert SILENT_MS <= raised[0] <= SILENT_MS + 1_000, f"alarmed after {raised[0]} ms"
    look(world, 300_000)
    assert all(line[1] for line in alarm_lines(world, SILENT_STREAM)), "it ends although nobody has answered"
    world.venue.drain()
    look(world, 250)
    assert not alarm_lines(world, SILENT_STREAM)[-1][1], "an answer does not end it"


def check_s09_talks() -> None:
    """A venue that tells of other orders is not silent, however long one request waits."""
    world = watched()
    slow = next(iter(world.venue.live(Leg.SHORT, Role.ENTRY)))
    world.grid.orders.cancel(slow.id, "on purpose")
    world.venue.inbound.clear()
    others = world.venue.live(Leg.LONG, Role.ENTRY)
    for turn in range(4 * SILENT_MS // 1_000):
        look(world, 1_000)
        world.venue.tell(Event("accepted", others[turn % 2].id), again=True)
    assert not alarm_lines(world, SILENT_STREAM), "silent although it talks"


def check_s09_stuck() -> None:
    """An engine that hung says so once it goes on."""
    world = watched()
    world.upkeep.stood_still(world.venue.now(), 3 * NS_PER_S)
    assert [line[1] for line in alarm_lines(world, STUCK_LOOP)] == [True, False], "no alarm"
    assert world.grid.errors.critical == 1


@pytest.mark.parametrize("check", [check_s09_stale, check_s09_silent, check_s09_talks, check_s09_stuck])
def test_s09_the_watchdog_tells_what_stands_still_in_time(check: Callable[[], None]) -> None:
    check()


def never_asked(self: Upkeep, now: int, market: Any) -> bool:
    return self._grid.books_differ


@pytest.mark.parametrize(
    ("check", "owner", "method", "instead", "words"),
    [
        (check_s09_stale, Watchdog, "look_at_feed", lambda *_, **_more: False, "no alarm"),
        (check_s09_stale, Upkeep, "look", never_asked, "no alarm"),
        (check_s09_stale, ErrorLog, "repeat_alarms", lambda *_: None, "not told again"),
        (check_s09_stale, ErrorLog, "end_alarm", lambda *_: None, "return is not told"),
        (check_s09_stale, Admission, "is_stale", lambda *_: False, "no alarm"),
        (check_s09_silent, Watchdog, "look_at_stream", lambda *_: None, "no alarm"),
        (check_s09_silent, Upkeep, "look", never_asked, "no alarm"),
        (check_s09_talks, Upkeep, "heard", lambda *_: None, "although it talks"),
        (check_s09_stuck, Watchdog, "was_stuck", lambda *_: None, "no alarm"),
    ],
)
def test_s09_without_the_watchdogs_code_the_same_check_fails(
    check: Callable[[], None],
    owner: type,
    method: str,
    instead: Any,
    words: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(owner, method, instead)
    with pytest.raises(AssertionError, match=words):
        check()


def test_s09_with_entries_on_stale_data_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    cure = Admission._gate_facts

    def fresh(self: Admission, key: Any) -> Any:
        return msgspec.structs.replace(cure(self, key), is_stale=False)

    monkeypatch.setattr(Admission, "_gate_facts", fresh)
    with pytest.raises(AssertionError, match="an entry left on stale data"):
        check_s09_stale()


def test_s09_with_inquiries_that_forget_whom_they_gave_up_the_same_check_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def of_open_ones(self: Inquiries) -> int | None:
        return min((inquiry.since_ns for inquiry in self._open.values() if inquiry.since_ns), default=None)

    monkeypatch.setattr(Inquiries, "waiting_since", of_open_ones)
    with pytest.raises(AssertionError, match="nobody has answered"):
        check_s09_silent()
