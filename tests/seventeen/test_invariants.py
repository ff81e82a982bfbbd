"""Invariants 9, 11, 14, 15, 19 and 20 amid refusals, operator acts and restarts, by the venue's own word."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from strategy.admission import Admission
from strategy.breaker import Breaker
from strategy.budget import MessageBudget
from strategy.control import CommandName, Result
from strategy.desk import Desk
from strategy.domain import DoorState, Leg, Role
from strategy.door import Door
from strategy.drawdown import Drawdown
from strategy.errors import ErrorLog
from strategy.exposure import Caps
from strategy.latches import Latches, read_latches
from strategy.order_index import OrderIndex
from tests.seventeen.test_s06_gate import check_s06
from tests.seventeen.truth import meets_an_own_order, most_within, requests, worst_case
from tests.strategy.test_restart import next_world
from tests.strategy.venue import MS, VenueOrder
from tests.strategy.world import ROUGH, BrokenInvariantError, World

SEEDS: Final = range(12)
STEPS: Final = 220
LEG_CAP, GROSS_CAP = Decimal(700), Decimal(1_100)
MESSAGES, RESERVE, WINDOW_S = 30, 16, 2
CONTROLS: Final = (
    "grid.levels=4", "grid.base_qty=0.004", "grid.recentre_trigger_bps=15", "grid.tp_steps=2",
    f"limits.max_leg_notional={LEG_CAP}", f"limits.max_gross_notional={GROSS_CAP}",
    f"limits.max_messages={MESSAGES}", f"limits.message_reserve={RESERVE}", f"limits.message_window_s={WINDOW_S}",
    "breaker.errors=3", "breaker.window_s=20", "breaker.cooldown_s=2",
    "drawdown.samples=2", "drawdown.total_warn_pct=0.01", "drawdown.total_pause_pct=0.02",
    "drawdown.total_halt_pct=0.2", "drawdown.day_warn_pct=0.01",
)  # fmt: skip


def witness(world: World) -> None:
    """Every entry that leaves is held against the venue and the journal."""
    checked = world.venue.on_submit

    def on_submit(sent: VenueOrder) -> None:
        require, venue = world.checker.require, world.venue
        if sent.role is Role.ENTRY:
            worst = {leg: worst_case(venue, leg) for leg in Leg}
            require(9, worst[sent.leg] <= LEG_CAP, f"{sent.leg} would be worth {worst[sent.leg]}")
            require(9, sum(worst.values()) <= GROSS_CAP, f"both legs would be worth {sum(worst.values())}")
            met = meets_an_own_order(venue, sent)
            require(19, not met, f"{sent.id} would trade with {[order.id for order in met]}")
            latched = latches_of(world)
            shut = latched.breaker is not None or latched.flattening is not None
            require(11, not shut, f"{sent.id} left with {latched.states[0][0] if latched.states else ''} latched")
        checked(sent)

    world.venue.on_submit = on_submit


def latches_of(world: World) -> Latches:
    lines = world.journal.of("state")
    return read_latches(lines[-1]) if lines else Latches()


def run(seed: int, folder: Path | None = None, steps: int = STEPS) -> Iterator[World]:
    """A rough run that is looked at after every step; with a folder the process is killed twice on its way."""
    world = World(seed, mischief=ROUGH, overrides=CONTROLS)
    witness(world)
    world.quote(60_000)
    for step in range(steps):
        world.step()
        if step % 8 == 0:
            world.sample()
        if world.grid.state is not DoorState.RUNNING and world.rng.random() < 0.25:
            world.act(world.rng.choice((CommandName.RESET_BREAKER, CommandName.RESET_DRAWDOWN, CommandName.RESUME)))
        if folder is not None and step % (steps // 3) == steps // 3 - 1:
            world = killed(world, folder)
        yield world
    world.settle()
    world.checker.report()
    yield world


def killed(world: World, folder: Path) -> World:
    """The same venue, and a process that knows the journal alone."""
    session = f"k3x{len(world.journal.of('state')):x}"
    after = next_world(world, folder, session=session)
    after.acts, after.rng = True, world.rng
    after.mischief = after.venue.mischief = replace(ROUGH)
    witness(after)
    after.converge()
    return after


def last(seed: int, folder: Path | None = None) -> World:
    world = None
    for each in run(seed, folder):
        world = each
    assert world is not None
    return world


def red(check: Callable[..., None], *args: Any, words: str | None = None) -> None:
    """At least one seed breaks it, and in the way that is meant."""

    def every_seed() -> None:
        for seed in SEEDS:
            check(seed, *args)

    with pytest.raises(AssertionError, match=words):
        every_seed()


# -- 9: exposure -------------------------------------------------------------------------------------------------------


def check_i09(seed: int) -> None:
    """Per leg and gross, held + in flight + resting never exceed the caps at any entry that leaves."""
    world = last(seed)
    assert len(world.journal.of("fill")) > 3, "nothing was traded"


@pytest.mark.parametrize("seed", SEEDS)
def test_i09_worst_case_exposure_keeps_both_caps_amid_trouble(seed: int) -> None:
    check_i09(seed)


@pytest.mark.parametrize("cap", ["leg", "gross"])
def test_i09_without_that_cap_the_same_check_fails(cap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cure = Caps.of
    monkeypatch.setattr(Caps, "of", staticmethod(lambda *of: msgspec.structs.replace(cure(*of), **{cap: Decimal(0)})))
    red(check_i09, words=r"invariant 9")


def test_i09_with_what_is_in_flight_not_counted_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def working(self: OrderIndex, leg: Leg) -> tuple[Decimal, Decimal]:
        known = [order for order in self.of(leg, entries=True) if order.acknowledged and order.price is not None]
        return (
            sum((order.open_qty for order in known), Decimal(0)),
            sum((order.open_qty * (order.price or 0) for order in known), Decimal(0)),
        )

    monkeypatch.setattr(OrderIndex, "entries", working)
    red(check_i09, words=r"invariant 9")


# -- 11: only what reduces ---------------------------------------------------------------------------------------------


def check_i11(seed: int) -> None:
    """While the breaker is open or a flatten runs nothing leaves that could open, and no entry grows."""
    world = last(seed)
    shut, sizes = False, dict[str, Decimal]()
    for line in world.journal.lines:
        if line["kind"] == "state":
            latched = read_latches(line)
            shut = latched.breaker is not None or latched.flattening is not None
        if line["kind"] != "order" or line["role"] != Role.ENTRY:
            continue
        if line["event"] == "modify":
            assert not shut or Decimal(line["qty"]) < sizes[line["id"]], f"{line['id']} grows in a shut door"
        assert not shut or line["event"] != "submit", f"{line['id']} was sent through a shut door"
        sizes[line["id"]] = Decimal(line["qty"])


@pytest.mark.parametrize("seed", SEEDS)
def test_i11_with_breaker_or_flatten_only_what_reduces_leaves(seed: int) -> None:
    check_i11(seed)


def test_i11_with_a_door_that_is_not_asked_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Admission, "state", property(lambda _self: DoorState.RUNNING))
    red(check_i11, words=r"invariant 1[01]")


# -- 14: latches -------------------------------------------------------------------------------------------------------


def unexplained(world: World) -> Iterator[str]:
    """Latches that end by nothing that may end them: a named act that was done, the cooldown, or their own end."""
    before, act, flattens = Latches(), {"ts": 0, "command": ""}, 0
    for line in world.journal.lines:
        if line["kind"] == "act":
            act = line
            flattens += line["command"] == CommandName.FLATTEN
        if line["kind"] != "state":
            continue
        now = read_latches(line)
        ended = {state for state, _ in before.states} - {state for state, _ in now.states}
        cause = act["command"] if act["ts"] == line["ts"] else ""
        over = 0 < before.breaker_until <= line["ts"]
        if DoorState.PAUSED in ended and cause != CommandName.RESUME:
            yield f"paused ended by {cause or 'nothing'}"
        if DoorState.BREAKER_OPEN in ended and not over and cause != CommandName.RESET_BREAKER:
            yield f"the breaker closed by {cause or 'nothing'}"
        if DoorState.HALTED in ended and cause not in (CommandName.RESET_BREAKER, CommandName.RESET_DRAWDOWN):
            yield f"a halt ended by {cause or 'nothing'}"
        if DoorState.FLATTENING in ended and not flattens:
            yield "a flatten ended that nobody began"
        before = now


def check_i14(seed: int, folder: Path) -> None:
    """Every latched state is there again after the end of the process, and ends by what may end it."""
    before: World | None = None
    for world in run(seed, folder):
        if before is not None and world is not before:
            old, new = latches_of(before), read_latches(first_state_after(world, before))
            assert {state for state, _ in new.states} == {state for state, _ in old.states}, "a latch was forgotten"
            assert (new.breaker_until, new.halts, new.legs) == (old.breaker_until, old.halts, old.legs)
        before = world
    assert before is not None
    assert list(unexplained(before)) == []


def first_state_after(world: World, before: World) -> dict[str, Any]:
    """The line by which a start tells of what it has found."""
    return next(line for line in world.journal.of("state") if line["seq"] > len(before.journal.lines))


@pytest.mark.parametrize("seed", SEEDS)
def test_i14_latched_states_outlive_the_process_and_end_by_named_acts_or_the_cooldown(
    seed: int, tmp_path: Path
) -> None:
    check_i14(seed, tmp_path)


def resumes_everything(self: Desk, act_id: str) -> None:
    none: dict[str, Any] = {"paused": None, "breaker": None, "halted": None, "halts": ()}
    self._grid.door.set("resumed", **none)
    self._grid.risk.breaker.close()
    self._answer(act_id, Result.DONE)
    self._grid.converge()


def closes_at_once(self: Breaker, _now: int) -> bool:
    return self.is_open


@pytest.mark.parametrize(
    ("owner", "method", "instead"),
    [
        (Door, "take_over", lambda *_: None),
        (Desk, "_resume", resumes_everything),
        (Breaker, "is_over", closes_at_once),
    ],
)
def test_i14_without_the_code_the_same_check_fails(
    owner: type, method: str, instead: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, method, instead)
    red(check_i14, tmp_path)


# -- 15: messages ------------------------------------------------------------------------------------------------------


def check_i15(seed: int, folder: Path) -> None:
    """In any window, also across restarts, at most so many requests leave, and entries leave the reserve."""
    world = last(seed, folder)
    sent = requests(world.journal.lines)
    times = [ts for ts, _ in sent]
    most = most_within(times, WINDOW_S * 1_000)
    assert most <= MESSAGES, f"{most} requests in one window"
    for number, (ts, entry) in enumerate(sent):
        within = sum(ts - each < WINDOW_S * 1_000 * MS for each in times[: number + 1])
        assert not entry or within <= MESSAGES - RESERVE, f"an entry was request {within} of its window"


@pytest.mark.parametrize("seed", SEEDS)
def test_i15_requests_keep_the_budget_and_entries_the_reserve(seed: int, tmp_path: Path) -> None:
    check_i15(seed, tmp_path)


def without_reserve(self: MessageBudget, now: int, *, entry: bool, messages: int = 1) -> bool:
    return self.used(now) + messages <= self._limit


@pytest.mark.parametrize(
    ("owner", "method", "instead"),
    [
        (MessageBudget, "has_room", lambda *_, **_more: True),
        (MessageBudget, "has_room", without_reserve),
    ],
)
def test_i15_without_the_budget_the_same_check_fails(
    owner: type, method: str, instead: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, method, instead)
    red(check_i15, tmp_path)


# -- 19: own trades ----------------------------------------------------------------------------------------------------


def check_i19(seed: int) -> None:
    """No entry is sent at or through an own resting order of the other side."""
    last(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_i19_no_entry_meets_an_own_order_amid_trouble(seed: int) -> None:
    check_i19(seed)


def test_i19_without_a_look_at_own_orders_the_same_scene_lets_one_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prices seldom come so far in a rough run: an own target hangs, and the ladder moves up beyond it."""
    check_s06("self-trade")
    monkeypatch.setattr(OrderIndex, "own_touch", lambda _self: {})
    with pytest.raises(BrokenInvariantError, match="would trade with"):
        check_s06("self-trade")


# -- 20: the peak ------------------------------------------------------------------------------------------------------


def check_i20(seed: int, folder: Path) -> None:
    """The peak never falls but by a reset or a transfer, and each level acts once until it is armed again."""
    before, starts = None, []
    for world in run(seed, folder):
        if before is not None and world is not before:
            starts.append(len(before.journal.lines))
        before = world
    assert before is not None
    lines = before.journal.lines
    resets = {line["act_id"] for line in before.journal.of("act", command=CommandName.RESET_DRAWDOWN)}
    peak, may_fall, raised, acted = Decimal(0), True, set[str](), 0
    for line in lines:
        if starts and line["seq"] > starts[0]:
            starts.pop(0)
            raised.clear()  # a start tells again of what has acted
        kind = line["kind"]
        if kind == "transfer" or (kind == "receipt" and line["act_id"] in resets and line["result"] == Result.DONE):
            may_fall = True
        elif kind == "equity":
            now = Decimal(line["peak"])
            assert may_fall or now >= peak, f"the peak falls from {peak} to {now}"
            peak, may_fall = now, False
        elif kind == "alarm" and line["name"].startswith("drawdown-"):
            assert not line["raised"] or line["name"] not in raised, f"{line['name']} acts twice"
            (raised.add if line["raised"] else raised.discard)(line["name"])
        elif kind == "error" and line["where"] == "drawdown":
            acted += 1
            assert f"drawdown-{line['type']}" in raised, f"{line['type']} acts unarmed"
    assert acted <= sum(line["raised"] for line in before.journal.of("alarm") if line["name"].startswith("drawdown-"))
    assert len(before.journal.of("equity")) > 20


@pytest.mark.parametrize("seed", SEEDS)
def test_i20_the_peak_never_falls_and_each_level_acts_once(seed: int, tmp_path: Path) -> None:
    check_i20(seed, tmp_path)


def follows_the_equity(cure: Callable[..., Any]) -> Callable[..., Any]:
    def sample(self: Drawdown, now: int, equity: Decimal) -> Any:
        found = cure(self, now, equity)
        self.peak = equity
        return found

    return sample


def never_reached(cure: Callable[..., Any]) -> Callable[..., Any]:
    def sample(self: Drawdown, now: int, equity: Decimal) -> Any:
        found = cure(self, now, equity)
        self.reached.clear()
        return found

    return sample


def begins_anew(self: Drawdown, _peak: Decimal, day: int, day_start: Decimal, reached: dict[str, None]) -> None:
    self.peak, self.day, self.day_start, self.reached = Decimal(9_000), day, day_start, reached


@pytest.mark.parametrize(
    ("method", "instead"),
    [
        ("sample", follows_the_equity(Drawdown.sample)),
        ("sample", never_reached(Drawdown.sample)),
        ("go_on_from", begins_anew),
    ],
)
def test_i20_without_the_code_the_same_check_fails(
    method: str, instead: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Drawdown, method, instead)
    if instead.__name__ == "sample":
        monkeypatch.setattr(ErrorLog, "raise_alarm", tells_every_time)
    red(check_i20, tmp_path)


def tells_every_time(
    self: ErrorLog, name: str, leg: Leg | None, detail: str, now: int, *, repeats: bool = True
) -> bool:
    """Hides no second act behind an alarm that is raised already."""
    self.write(now, "alarm", name=name, leg=leg, raised=True, detail=detail)
    return True
