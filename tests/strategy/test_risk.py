"""The controls together: what errors and losses latch at once, and which acts they ask for."""

from decimal import Decimal
from typing import Any

import pytest

from strategy.config import load_config
from strategy.control import CommandName, Origin
from strategy.domain import NS_PER_DAY, NS_PER_S, DoorState, Leg, OrderKey, Reason, Role
from strategy.door import Door
from strategy.errors import ErrorLog
from strategy.latches import Halt, Latches
from strategy.past import NOT_FLAT, Past
from strategy.risk import Risk
from tests.strategy.scenes import entry, err, holding, only, picture, sample, started, state_of
from tests.strategy.venue import MemoryJournal
from tests.strategy.world import World

NOW = 19_000 * NS_PER_DAY
BASE = Decimal(10_000)
LEVEL = OrderKey(Leg.LONG, Role.ENTRY, 3)


class Bench:
    """The controls without a grid."""

    def __init__(self, *overrides: str) -> None:
        self.journal = MemoryJournal()
        self.errors = ErrorLog(self.journal)
        self.door = Door(self.errors, lambda: NOW)
        self.risk = Risk(load_config(None, overrides), self.errors, self.door, BASE)

    @property
    def asked(self) -> list[tuple[CommandName, Origin, str]]:
        return [(command.name, command.origin, command.reason) for command in self.risk.pending]

    def alarms(self) -> list[tuple[str, Leg | None, bool]]:
        return [(line["name"], line["leg"], line["raised"]) for line in self.journal.of("alarm")]


# -- errors ------------------------------------------------------------------------------------------------------------


def test_s07_the_error_that_opens_the_breaker_shuts_the_door_and_asks_once_for_the_entries() -> None:
    bench = Bench("breaker.errors=3", "breaker.cooldown_s=60")
    assert [bench.risk.on_fault(NOW + n, f"error {n}") for n in range(5)] == [False, False, True, False, False]
    latches = bench.door.latches
    assert latches == Latches(
        breaker="3 errors within 60 s",
        breaker_until=NOW + 2 + 60 * NS_PER_S,
        breaker_errors=("error 0", "error 1", "error 2"),
    )
    assert bench.asked == [(CommandName.CANCEL_ENTRIES, Origin.BREAKER, "3 errors within 60 s")]
    assert len(bench.journal.of("state")) == 1


def test_s07_it_closes_by_itself_after_its_cooldown_and_leaves_no_trace_in_the_latches() -> None:
    bench = Bench("breaker.errors=1", "breaker.cooldown_s=60")
    bench.risk.on_fault(NOW, "x")
    assert not bench.risk.cool_down(NOW + 60 * NS_PER_S - 1)
    assert bench.risk.cool_down(NOW + 60 * NS_PER_S)
    assert not bench.risk.cool_down(NOW + 60 * NS_PER_S)
    assert bench.door.latches == Latches()
    assert bench.door.reason == "the breaker closed after 60 s"


def test_a_level_that_filled_too_often_is_alarmed_once_and_released_by_a_reset() -> None:
    bench = Bench("limits.max_fills_per_level=2", "limits.fill_window_s=60")
    for now in (0, 1, 2):
        bench.risk.filled(LEVEL, NOW + now)
    assert bench.alarms() == [("repeated-3", Leg.LONG, True)]
    assert bench.journal.of("alarm")[0]["detail"] == "level 3 filled 2 times within 60 s"
    assert bench.risk.release_levels(NOW) == 1
    assert bench.risk.release_levels(NOW) == 0
    assert bench.alarms() == [("repeated-3", Leg.LONG, True), ("repeated-3", Leg.LONG, False)]
    assert not bench.risk.repeats.latched


# -- a leg that could not be protected ---------------------------------------------------------------------------------


def test_a_leg_that_could_not_be_protected_halts_and_takes_the_entries_back() -> None:
    bench = Bench("watchdog.on_critical=halt")
    bench.risk.on_critical("no stop")
    latches = bench.door.latches
    assert (latches.halted, latches.halts, latches.flattening) == ("critical: no stop", (Halt.CRITICAL,), None)
    assert latches.withdraws


def test_a_leg_that_could_not_be_protected_flattens_where_that_is_configured() -> None:
    bench = Bench("watchdog.on_critical=flatten")
    bench.risk.on_critical("no stop")
    latches = bench.door.latches
    assert (latches.halts, latches.flattening, latches.legs) == ((Halt.CRITICAL,), "no stop", tuple(Leg))
    assert bench.asked == [(CommandName.FLATTEN, Origin.WATCHDOG, "no stop")]
    assert len(bench.journal.of("state")) == 1, "both are latched by one line"


def test_a_halt_while_both_legs_are_flattened_asks_for_nothing_more() -> None:
    bench = Bench("watchdog.on_critical=flatten")
    bench.door.set(flattening="by hand", legs=tuple(Leg))
    bench.risk.on_critical("no stop")
    assert bench.asked == []
    assert bench.door.latches.halts == (Halt.CRITICAL,)


@pytest.mark.parametrize("leg", Leg)
def test_a_halt_while_one_leg_is_flattened_asks_for_both(leg: Leg) -> None:
    bench = Bench("watchdog.on_critical=flatten")
    bench.door.set(flattening="by hand", legs=(leg,))
    bench.risk.on_critical("no stop")
    assert bench.door.latches.legs == tuple(Leg)
    assert [name for name, _, _ in bench.asked] == [CommandName.FLATTEN]


def test_several_causes_of_a_halt_are_ended_one_by_one() -> None:
    bench = Bench()
    for halt in (Halt.DRAWDOWN, Halt.CRITICAL, Halt.DRAWDOWN):
        bench.risk.halt(halt, "x")
    assert bench.door.latches.halts == (Halt.DRAWDOWN, Halt.CRITICAL)
    assert not bench.risk.end_halt(Halt.DRAWDOWN, "done")
    assert bench.door.state is DoorState.HALTED
    assert bench.door.reason.startswith("critical: ")
    assert not bench.risk.end_halt(Halt.DRAWDOWN, "done")
    assert bench.risk.end_halt(Halt.CRITICAL, "done")
    assert bench.door.latches == Latches(paused="done; resume trades again")


def test_the_end_of_a_halt_keeps_the_reason_of_an_earlier_pause() -> None:
    bench = Bench()
    bench.door.set(paused="by hand")
    bench.risk.halt(Halt.CRITICAL, "x")
    bench.risk.end_halt(Halt.CRITICAL, "done")
    assert bench.door.latches == Latches(paused="by hand")


# -- losses ------------------------------------------------------------------------------------------------------------

LEVELS = (
    "drawdown.samples=1",
    "drawdown.total_warn_pct=5",
    "drawdown.total_pause_pct=10",
    "drawdown.total_halt_pct=20",
)
NO_DAY = ("drawdown.day_warn_pct=0", "drawdown.day_pause_pct=0", "drawdown.day_halt_pct=0")


@pytest.mark.parametrize(
    ("equity", "asked", "state"),
    [
        (9_500, [], DoorState.RUNNING),
        (9_000, [CommandName.PAUSE], None),
        (8_000, [CommandName.PAUSE, CommandName.FLATTEN], DoorState.FLATTENING),
    ],
)
def test_s08_each_level_alarms_and_asks_for_what_it_leads_to(
    equity: int, asked: list[CommandName], state: DoorState | None
) -> None:
    bench = Bench(*LEVELS, *NO_DAY)
    bench.risk.sample(NOW, BASE)
    bench.risk.sample(NOW + NS_PER_S, Decimal(equity))
    assert [name for name, _, _ in bench.asked] == asked
    assert {origin for _, origin, _ in bench.asked} <= {Origin.DRAWDOWN}
    assert [name for name, leg, raised in bench.alarms() if leg is None and raised] == [
        f"drawdown-total-{level}" for level in ("warn", "pause", "halt")[: len(asked) + 1]
    ]
    assert state is None or bench.door.state is state
    assert [error.where for error in bench.errors.latest] == ["drawdown"] * (len(asked) + 1)
    assert bench.errors.critical == len(asked)


def test_s08_a_level_that_fails_to_act_acts_with_the_next_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(*LEVELS, *NO_DAY)

    def fail(*_: object, **_more: object) -> None:
        raise ArithmeticError("on purpose")

    with monkeypatch.context() as inner:
        inner.setattr(bench.door, "set", fail)
        with pytest.raises(ArithmeticError):
            bench.risk.sample(NOW, Decimal(7_000))
    assert list(bench.risk.drawdown.reached) == ["total-warn"]
    bench.risk.sample(NOW + NS_PER_S, Decimal(7_000))
    assert bench.door.latches.halts == (Halt.DRAWDOWN,)
    assert list(bench.risk.drawdown.reached) == ["total-warn", "total-pause", "total-halt"]


def test_s07_a_breaker_that_is_open_is_latched_whatever_failed_before() -> None:
    bench = Bench("breaker.errors=1")
    bench.risk.breaker.note(NOW, "x")
    assert bench.door.state is DoorState.RUNNING
    for _ in range(2):
        bench.risk.latch_open_breaker()
    assert bench.door.latches.breaker_errors == ("x",)
    assert [name for name, _, _ in bench.asked] == [CommandName.CANCEL_ENTRIES]


def test_s08_a_halt_by_losses_is_latched_together_with_its_flatten() -> None:
    bench = Bench(*LEVELS, *NO_DAY)
    bench.risk.sample(NOW, Decimal(7_000))
    latches = bench.door.latches
    assert latches.halts == (Halt.DRAWDOWN,)
    assert latches.halted == "drawdown: loss 30.00 % below the peak, limit 20 %"
    assert latches.legs == tuple(Leg)


def test_s08_alarms_of_losses_end_when_their_levels_are_armed_again_or_reset() -> None:
    bench = Bench(*LEVELS, *NO_DAY)
    for second, equity in enumerate((10_000, 9_400, 10_001, 9_000)):
        bench.risk.sample(NOW + second * NS_PER_S, Decimal(equity))
    warn, pause = ("drawdown-total-warn", None), ("drawdown-total-pause", None)
    assert bench.alarms() == [(*warn, True), (*warn, False), (*warn, True), (*pause, True)]
    bench.risk.reset_drawdown(NOW, Decimal(9_000))
    assert bench.alarms()[4:] == [(*warn, False), (*pause, False)]
    assert bench.errors.alarms == {}


# -- a restart ---------------------------------------------------------------------------------------------------------


def restored(*overrides: str, found: Decimal = BASE, **past: Any) -> Bench:
    """After a restart that has `found` that much in the wallet beside the sums."""
    bench = Bench(*overrides)
    known = Past(**past)
    bench.door.take_over(known.latches)
    bench.risk.go_on_from(known, found, NOW)
    return bench


def test_i14_a_breaker_that_was_open_stays_open_for_what_is_left_of_its_cooldown() -> None:
    latches = Latches(breaker="5 errors", breaker_until=NOW + 9, breaker_errors=("a", "b"))
    bench = restored(latches=latches)
    assert bench.risk.breaker.is_open
    assert bench.risk.breaker.view(NOW).errors == ("a", "b")
    assert not bench.risk.cool_down(NOW + 8)
    assert bench.risk.cool_down(NOW + 9)
    assert bench.door.state is DoorState.RUNNING


def test_i14_levels_that_filled_too_often_stay_kept_with_the_same_words_however_often_it_is_restarted() -> None:
    words = "level 3 filled 2 times within 60 s"
    bench = restored(alarms={("repeated-3", Leg.LONG): words})
    assert list(bench.risk.repeats.latched) == [LEVEL]
    assert bench.journal.of("alarm")[0]["detail"] == words
    assert bench.alarms() == [("repeated-3", Leg.LONG, True)]


def test_i14_levels_of_a_loss_that_have_acted_do_not_act_again() -> None:
    past: dict[str, Any] = {"peak": BASE, "day": NOW // NS_PER_DAY, "day_start": BASE, "equity_base": BASE}
    bench = restored(*LEVELS, *NO_DAY, alarms={("drawdown-total-warn", None): "loss"}, **past)
    bench.risk.sample(NOW, Decimal(9_400))
    assert bench.alarms() == [("drawdown-total-warn", None, True)]
    assert bench.errors.count == 0
    bench.risk.sample(NOW, Decimal(9_000))
    assert [name for name, _, _ in bench.asked] == [CommandName.PAUSE]


def test_i12_a_leg_that_was_not_flat_is_alarmed_again() -> None:
    bench = restored(alarms={(NOT_FLAT, Leg.SHORT): "0.004 held after a flatten"})
    assert bench.alarms() == [(NOT_FLAT, Leg.SHORT, True)]
    assert not bench.risk.repeats.latched


def test_i15_what_was_sent_a_moment_ago_counts() -> None:
    bench, past = Bench(), Past()
    past.sent.extend([NOW - 1] * 10)
    bench.risk.go_on_from(past, BASE, NOW)
    assert bench.risk.budget.used(NOW) == 10


@pytest.mark.parametrize("moved", ["500", "-500", "0"])
def test_s08_what_was_paid_in_or_out_between_two_sessions_is_neither_profit_nor_loss(moved: str) -> None:
    past: dict[str, Any] = {
        "peak": Decimal(11_000),
        "day": NOW // NS_PER_DAY,
        "day_start": Decimal(10_500),
        "equity_base": BASE,
    }
    bench = restored(found=BASE + Decimal(moved), **past)
    assert bench.risk.drawdown.peak == 11_000 + Decimal(moved)
    assert bench.risk.drawdown.day_start == 10_500 + Decimal(moved)


def test_s08_a_past_from_before_sums_were_told_moves_nothing() -> None:
    bench = restored(peak=Decimal(11_000), day=5, day_start=Decimal(10_500))
    assert bench.risk.drawdown.peak == Decimal(11_000)


def test_s08_a_first_session_measures_from_what_it_finds() -> None:
    bench = restored(found=Decimal(777))
    assert (bench.risk.drawdown.peak, bench.risk.drawdown.day_start) == (Decimal(777), Decimal(777))


# -- the ramp ----------------------------------------------------------------------------------------------------------


def test_the_ramp_climbs_day_by_day_and_only_once_it_was_begun() -> None:
    bench = Bench("ramp.start_pct=20", "ramp.days=4", "limits.max_leg_notional=1000")
    bench.risk.climb(NOW)
    assert bench.risk.caps.share == 1
    assert (bench.risk.ramp_day(NOW), bench.risk.ramp_days) == (0, 0)
    bench.risk.ramp_from(NOW, NOW + NS_PER_DAY)
    assert (bench.risk.caps.share, bench.risk.caps.leg) == (Decimal("0.4"), Decimal(400))
    assert (bench.risk.ramp_day(NOW + NS_PER_DAY), bench.risk.ramp_days) == (1, 4)
    known = bench.risk.caps
    bench.risk.climb(NOW + NS_PER_DAY + 5)
    assert bench.risk.caps is known
    bench.risk.climb(NOW + 4 * NS_PER_DAY)
    assert bench.risk.caps.leg == Decimal(1000)
    assert (bench.risk.ramp_day(NOW + 4 * NS_PER_DAY), bench.risk.ramp_days) == (0, 0)


# -- on a grid ---------------------------------------------------------------------------------------------------------


def refuse_entries(world: World, count: int, **how: Any) -> None:
    """The venue refuses entries, one after the other, a moment apart."""
    for _ in range(count):
        order = next(order for order in world.venue.live(None, Role.ENTRY) if not order.done)
        order.done = True
        world.grid.on_refused(order.id, "-4014 off tick", event="rejected", **how)
        world.advance(700)


def test_s07_rejections_open_the_breaker_entries_go_and_every_exit_stays() -> None:
    world = holding("breaker.errors=2", "breaker.cooldown_s=0")
    exits = {order.id for order in world.venue.live(None, Role.SL, Role.TP)}
    refuse_entries(world, 2)
    assert state_of(world) is DoorState.BREAKER_OPEN
    world.settle()
    assert {order.id for order in world.venue.live()} == exits
    assert set(world.grid.gaps.values()) == {Reason.BREAKER_OPEN, Reason.OCCUPIED}


def test_s07_post_only_rejections_are_no_errors() -> None:
    world = holding("breaker.errors=1")
    refuse_entries(world, 3, post_only=True)
    assert state_of(world) is DoorState.RUNNING


def test_s07_an_event_that_is_told_twice_counts_once() -> None:
    world = started("breaker.errors=2")
    order = entry(world)
    order.done = True
    for _ in range(3):
        world.grid.on_refused(order.id, "-4014 off tick", event="rejected")
    assert world.grid.risk.breaker.view(world.venue.now()).count == 1


def test_s07_a_stop_that_the_market_has_passed_and_an_order_that_never_arrived_are_no_errors() -> None:
    world = holding("breaker.errors=1")
    for role, words in ((Role.SL, "-2021 Order would immediately trigger."), (Role.TP, "-2013 Order does not exist.")):
        order = only(world.venue.live(Leg.LONG, role))
        order.done = True
        world.grid.on_refused(order.id, words, event="rejected")
    world.settle()
    assert state_of(world) is DoorState.RUNNING
    assert world.venue.true_position[Leg.LONG] == 0, "the lot whose stop was passed is closed"


def test_s07_after_its_cooldown_the_grid_enters_again_by_itself() -> None:
    world = started("breaker.cooldown_s=10")
    err(world, 1000)
    world.venue.drain()
    assert not world.venue.live()
    world.advance(10_000)
    world.settle()
    assert state_of(world) is DoorState.RUNNING
    assert len(world.venue.live(None, Role.ENTRY)) == 4


def test_s08_a_deep_loss_flattens_and_halts_and_no_price_brings_an_entry() -> None:
    world = holding("drawdown.samples=2")
    sample(world, 7_000)
    assert state_of(world) is DoorState.RUNNING
    sample(world, 7_000)
    assert state_of(world) is DoorState.FLATTENING
    world.settle()
    assert state_of(world) is DoorState.HALTED
    assert not any(world.venue.true_position.values())
    for mid in (59_000, 60_000, 61_000):
        world.quote(mid)
        world.settle()
    assert not world.venue.live()


def test_s08_a_pause_by_losses_keeps_what_is_held_protected() -> None:
    world = holding("drawdown.samples=1")
    sample(world, 8_400)
    assert state_of(world) is DoorState.PAUSED
    assert world.grid.door.reason == "loss 16.00 % below the peak, limit 15 %"
    world.settle()
    world.checker.at_rest(world.grid)


def test_the_picture_shows_every_control() -> None:
    world = holding("breaker.errors=5", "breaker.cooldown_s=0", "limits.max_leg_notional=500")
    err(world, 2)
    shown = picture(world).risk
    assert (shown.latched, shown.breaker.count, shown.breaker.threshold) == ((), 2, 5)
    assert (shown.caps.leg_cap, shown.caps.share) == (Decimal(500), Decimal(1))
    exposure = world.grid.exposures()[Leg.LONG]
    assert shown.caps.long_worst == exposure.worst > 0
    gross = shown.caps.long_worst + shown.caps.short_worst
    assert shown.caps.leverage == gross / (world.grid.ledger.wallet + world.grid.unrealised(world.grid.market))
    assert shown.budget.used == world.grid.risk.budget.used(world.venue.now()) > 0
    assert shown.alarms == ()
    err(world, 3)
    world.grid.risk.latch_level(OrderKey(Leg.SHORT, Role.ENTRY, 2), "often", world.venue.now())
    shown = picture(world).risk
    assert shown.latched == ("breaker_open",)
    assert shown.breaker.is_open
    assert shown.repeated == ("short 2",)
    assert [alarm.name for alarm in shown.alarms] == ["repeated-2"]
    world.venue.drain()
    assert picture(world).risk.denials == ((Reason.BREAKER_OPEN.value, 2),)


def test_without_equity_the_picture_shows_no_leverage() -> None:
    world = started()
    world.grid.on_transfer(Decimal(-20_000))
    assert picture(world).risk.caps.leverage == 0


def test_a_deposit_is_booked_journalled_and_moves_what_losses_are_measured_from() -> None:
    world = started()
    world.grid.on_transfer(Decimal(500))
    assert world.grid.ledger.wallet == 10_500
    drawdown = world.grid.risk.drawdown
    assert [drawdown.peak, drawdown.day_start] == [Decimal(10_500)] * 2
    line = only(world.journal.of("transfer"))
    assert (line["amount"], line["wallet"]) == ("500", "10500")


def test_an_error_of_the_passes_own_wakes_the_grid_for_the_entries_that_are_to_go() -> None:
    world = started("breaker.errors=1")
    world.venue.wakes.clear()
    world.grid.errors.record(world.venue.now(), "test", "fault", "on purpose", critical=False, counts=True)
    assert min(world.venue.wakes) == world.venue.now() + 1
    world.advance(1)
    world.venue.drain()
    assert not world.venue.live()
