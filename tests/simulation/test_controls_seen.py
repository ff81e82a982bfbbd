"""Each control broken on purpose, its limits, latches, alarms and sums: the checker must raise exactly that number."""

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

import strategy.gate
import strategy.grid
import strategy.hedge_grid
import strategy.lots
import strategy.picture
import strategy.reconcile
import strategy.restart
from strategy.budget import MessageBudget
from strategy.control import CommandName
from strategy.domain import DoorState, Leg, Role, Side
from strategy.door import Door
from strategy.drawdown import Drawdown
from strategy.errors import ErrorLog
from strategy.grid import HedgeGrid
from strategy.ledger import Ledger
from strategy.order_events import OrderEvents
from strategy.order_index import OrderIndex, OrderStatus
from strategy.past import Past
from strategy.reconcile import Resize
from strategy.risk import Risk
from tests.simulation.breaking import CALM, LADDER, after, blind_gate, both, give, go_wrong, jump, play, restart
from tests.simulation.world import Plan, World
from tests.venue.faults import Faults, S

HERE = Path(__file__).parent
ELSEWHERE = {
    23: "tests/seventeen/test_s02_one_writer.py",  # a run has one thread only
    29: "tests/hedgegrid_tui/test_endings.py",  # a terminal and an exit status belong to a process
}


def calm(*overrides: str, seconds: int = 12, **more: Any) -> Plan:
    return replace(CALM, overrides=(*LADDER, *overrides), seconds=seconds, **more)


def test_every_invariant_is_seen_broken_here_or_has_its_test_elsewhere() -> None:
    text = "".join((HERE / f"test_{name}_seen.py").read_text() for name in ("controls",))
    text += (HERE / "test_checker_sees.py").read_text()
    seen = {int(number) for number in re.findall(r"def test_invariant_(\d+)_", text)}
    assert seen | ELSEWHERE.keys() == set(range(1, 31))
    assert all((HERE.parents[1] / path).is_file() for path in ELSEWHERE.values())


def test_invariant_6_a_leg_that_stays_bare_and_is_not_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = strategy.lots.desired_exits
    monkeypatch.setattr(
        strategy.grid, "desired_exits", lambda *all_: tuple(each for each in real(*all_) if each.key.role is Role.TP)
    )
    monkeypatch.setattr(HedgeGrid, "_escalate", lambda *_all: None)
    outcome = play(tmp_path, calm("watchdog.escalate_after_ms=2000"), swing=45)
    assert outcome.number == 6
    assert "nothing closes it" in outcome.broken


# -- what an entry must keep -------------------------------------------------------------------------------------------


def test_invariant_9_an_entry_beyond_the_cap_of_its_leg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strategy.gate, "breach", lambda *_all: None)
    outcome = play(tmp_path, calm("limits.max_leg_notional=300"))
    assert outcome.number == 9


def test_invariant_9_an_entry_beyond_the_cap_of_both_legs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strategy.gate, "breach", lambda *_all: None)
    assert play(tmp_path, calm("limits.max_gross_notional=600")).number == 9


def test_invariant_9_a_cap_that_the_ramp_should_have_lowered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Risk, "ramp_from", lambda *_all: None)
    plan = calm("limits.max_leg_notional=600", "ramp.start_pct=50")
    assert play(tmp_path, plan).number == 9


def test_invariant_9_entries_in_flight_that_nobody_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OrderIndex, "entries", lambda *_all: (Decimal(0), Decimal(0)))
    assert play(tmp_path, calm("limits.max_leg_notional=300")).number == 9


def test_invariant_9_growth_that_nobody_counts_until_it_is_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A throttle that is lifted lets every entry grow at once."""

    def grow(self: Any, entry: Any, qty: Decimal) -> None:
        self._request(Resize(entry.id, qty, "ladder changed"))

    monkeypatch.setattr(strategy.reconcile._Turn, "_resize", grow)
    plan = calm("grid.levels=4", "grid.base_qty=0.008", "grid.qty_scale=0.5", "limits.max_leg_notional=800")
    throttles = ((1, "0.5"), (3, "1"))
    acts = [after(at, jump(0), give(CommandName.SET_THROTTLE, share=Decimal(share))) for at, share in throttles]
    assert play(tmp_path, plan, both(*acts)).number == 9


def test_invariant_10_an_entry_on_stale_prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blind_gate(monkeypatch, is_stale=False)

    def no_feed(world: World) -> None:
        world.feed_down_until = world.now + 8 * S

    outcome = play(tmp_path, calm("watchdog.stale_after_ms=300"), after(3, no_feed))
    assert outcome.number == 10
    assert "prices" in outcome.broken


def test_invariant_10_a_feed_that_stops_without_an_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ErrorLog, "raise_alarm", lambda *_all, **_more: False)

    def no_feed(world: World) -> None:
        world.feed_down_until = world.now + 4 * S

    outcome = play(tmp_path, calm("watchdog.stale_after_ms=1000"), after(3, no_feed))
    assert outcome.number == 10
    assert "alarm raised: False" in outcome.broken


def test_invariant_10_an_entry_on_a_crossed_market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = strategy.gate._against_market

    def straight(leg: Any, price: Any, market: Any, facts: Any) -> Any:
        return real(leg, price, msgspec.structs.replace(market, bid=market.ask, ask=market.ask), facts)

    monkeypatch.setattr(strategy.gate, "_against_market", straight)
    plan = calm(seconds=30, faults=replace(Faults(), crossed=0.4))
    assert play(tmp_path, plan).number == 10


def test_invariant_10_an_entry_by_cold_indicators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blind_gate(monkeypatch, shut=None)
    outcome = play(tmp_path, calm("regime.require_warm=true"))
    assert outcome.number == 10
    assert "cold" in outcome.broken


def test_invariant_10_an_entry_while_books_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blind_gate(monkeypatch, shut=None)
    real = HedgeGrid.on_fill
    lost: list[str] = []

    def lose_one(self: HedgeGrid, fill: Any) -> None:
        if not lost and "-EL" in fill.order_id:
            lost.append(fill.trade_id)
        if fill.trade_id not in lost:
            real(self, fill)

    monkeypatch.setattr(HedgeGrid, "on_fill", lose_one)
    outcome = play(tmp_path, calm(seconds=30, ignore=frozenset({6, 30})))
    assert outcome.number == 10
    assert "mismatch" in outcome.broken


def test_invariant_11_an_entry_while_the_breaker_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blind_gate(monkeypatch, state=DoorState.RUNNING)
    plan = calm("breaker.errors=1", "breaker.cooldown_s=0", seconds=20, faults=replace(Faults(), refused=0.3))
    outcome = play(tmp_path, plan)
    assert outcome.number == 11
    assert "breaker is latched" in outcome.broken


def test_invariant_11_an_entry_while_a_flatten_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blind_gate(monkeypatch, state=DoorState.RUNNING)
    assert play(tmp_path, prepare=after(3, give(CommandName.FLATTEN, leg=Leg.LONG))).number == 11


def test_invariant_11_a_breaker_that_leaves_the_entries_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Risk.on_fault

    def idle(self: Risk, now: int, words: str) -> bool:
        tripped = real(self, now, words)
        self.pending.clear()
        return tripped

    monkeypatch.setattr(Risk, "on_fault", idle)
    plan = calm("breaker.errors=1", "breaker.cooldown_s=0", faults=replace(Faults(), refused=0.3))
    outcome = play(tmp_path, plan)
    assert outcome.number == 11
    assert "taken the entries back" in outcome.broken


# -- acts that do not reach their end ----------------------------------------------------------------------------------

QUICK = ("execution.flatten_timeout_ms=600", "watchdog.alarm_repeat_s=1")


def keep_quiet(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """One alarm is never raised."""
    real = ErrorLog.raise_alarm

    def raise_alarm(self: ErrorLog, known: str, *rest: Any, **more: Any) -> bool:
        return known != name and real(self, known, *rest, **more)

    monkeypatch.setattr(ErrorLog, "raise_alarm", raise_alarm)


def test_invariant_12_a_flatten_that_fails_without_an_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_quiet(monkeypatch, "not-flat")
    fail = after(6, jump(0), go_wrong(refused=1.0), give(CommandName.FLATTEN))
    outcome = play(tmp_path, calm(*QUICK), fail)
    assert outcome.number == 12
    assert "no alarm" in outcome.broken


def test_invariant_12_a_cancel_all_that_fails_without_an_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_quiet(monkeypatch, "entries-open")
    fail = after(3, go_wrong(refused=1.0), give(CommandName.CANCEL_ENTRIES))
    outcome = play(tmp_path, calm(*QUICK), fail)
    assert outcome.number == 12
    assert "in spite of" in outcome.broken


def test_invariant_12_an_alarm_that_is_told_once_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ErrorLog, "repeat_alarms", lambda *_all: None)
    fail = after(6, jump(0), go_wrong(refused=1.0), give(CommandName.FLATTEN))
    outcome = play(tmp_path, calm(*QUICK, "watchdog.escalate_after_ms=60000"), fail)
    assert outcome.number == 12
    assert "last told" in outcome.broken


def test_invariant_13_a_cancel_that_is_sent_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = OrderIndex.mark

    def forgetful(self: OrderIndex, order_id: str, status: OrderStatus) -> Any:
        return None if status is OrderStatus.CANCELLING else real(self, order_id, status)

    monkeypatch.setattr(OrderIndex, "mark", forgetful)
    plan = calm(faults=replace(Faults(), late_ack=1.0))
    twice = both(*(after(at, give(CommandName.CANCEL_ENTRIES)) for at in (6, 6.1)))
    outcome = play(tmp_path, plan, twice)
    assert outcome.number == 13
    assert "twice" in outcome.broken


# -- latches -----------------------------------------------------------------------------------------------------------


def forget(monkeypatch: pytest.MonkeyPatch, change: Callable[[Past], Past]) -> None:
    """A start takes over less of the past than there is."""
    real = strategy.restart.go_on

    def go_on(grid: Any, past: Past, *rest: Any) -> None:
        real(grid, change(past), *rest)

    monkeypatch.setattr(strategy.hedge_grid, "go_on", go_on)


def test_invariant_14_a_pause_that_a_restart_forgets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Door, "take_over", lambda *_all: None)
    outcome = play(tmp_path, prepare=both(after(2, give(CommandName.PAUSE)), after(4, restart)))
    assert outcome.number == 14
    assert "before the restart" in outcome.broken


def test_invariant_14_a_throttle_that_a_restart_forgets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget(monkeypatch, lambda past: msgspec.structs.replace(past, throttle=None))
    throttle = give(CommandName.SET_THROTTLE, share=Decimal("0.5"))
    outcome = play(tmp_path, prepare=both(after(2, throttle), after(4, restart)))
    assert outcome.number == 14
    assert "throttle" in outcome.broken


def test_invariant_14_a_level_that_filled_too_often_and_that_a_restart_forgets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(monkeypatch, lambda past: msgspec.structs.replace(past, alarms={}))
    outcome = play(tmp_path, calm("limits.max_fills_per_level=1"), after(6, restart))
    assert outcome.number == 14
    assert "alarms are gone" in outcome.broken


def test_invariant_14_a_pause_that_nobody_has_ended(tmp_path: Path) -> None:
    def slip(world: World) -> None:
        world.strategy.grid.door.set(paused=None)

    outcome = play(tmp_path, prepare=both(after(2, give(CommandName.PAUSE)), after(4, slip)))
    assert outcome.number == 14
    assert "ended without resume" in outcome.broken


def test_invariant_14_a_halt_after_which_the_door_is_open_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end_halt(self: Risk, *_all: Any) -> bool:
        self._door.set(halts=(), halted=None, paused=None)
        return True

    monkeypatch.setattr(Risk, "end_halt", end_halt)

    def lose(world: World) -> None:
        world.strategy.grid.risk.on_critical("on purpose")

    outcome = play(tmp_path, prepare=both(after(4, lose), after(6, give(CommandName.RESET_BREAKER))))
    assert outcome.number == 14
    assert "open at once" in outcome.broken


def test_invariant_14_a_breaker_that_outstays_its_cooldown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forget_the_time(self: Risk, _now: int) -> bool:
        self.breaker.until_ns = 0
        return False

    monkeypatch.setattr(Risk, "cool_down", forget_the_time)
    plan = calm("breaker.errors=1", "breaker.cooldown_s=2", faults=replace(Faults(), refused=0.3))
    outcome = play(tmp_path, replace(plan, ignore=frozenset({21})))
    assert outcome.number == 14
    assert "after its cooldown" in outcome.broken


def test_invariant_14_a_breaker_that_closes_before_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Risk, "cool_down", lambda self, _now: self.breaker.is_open and not self.close_breaker("early"))
    plan = calm("breaker.errors=1", "breaker.cooldown_s=2", faults=replace(Faults(), refused=0.3))
    outcome = play(tmp_path, plan)
    assert outcome.number == 14
    assert "without reset-breaker" in outcome.broken


# -- messages and own orders -------------------------------------------------------------------------------------------

TIGHT = ("limits.max_messages=14", "limits.message_reserve=6")


def test_invariant_15_more_requests_than_the_window_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MessageBudget, "has_room", lambda *_all, **_more: True)
    outcome = play(tmp_path, calm(*TIGHT, seconds=30))
    assert outcome.number == 15


def test_invariant_15_entries_that_leave_no_reserve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = MessageBudget.has_room
    monkeypatch.setattr(
        MessageBudget,
        "has_room",
        lambda self, now, *, entry, messages=1: real(self, now, entry=False, messages=messages),
    )
    outcome = play(tmp_path, calm(*TIGHT, seconds=30))
    assert outcome.number == 15
    assert "leaves" in outcome.broken


def test_invariant_15_requests_that_a_restart_forgets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MessageBudget, "go_on_from", lambda *_all: None)
    plan = calm(*TIGHT, "limits.message_window_s=60", seconds=30)
    assert play(tmp_path, plan, both(*(after(at, restart) for at in (4, 8, 12)))).number == 15


def test_invariant_19_an_entry_that_meets_an_own_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blind_gate(monkeypatch, own_touch={side: Decimal(price) for side, price in ((Side.BUY, 0), (Side.SELL, 10**9))})
    faults = replace(Faults(), jump=0.1, late_ack=0.5)
    plan = calm("grid.levels=3", "grid.recentre_trigger_bps=15", seconds=40, faults=faults)
    assert play(tmp_path, plan).number == 19


# -- losses ------------------------------------------------------------------------------------------------------------

LOSSES = (
    "drawdown.samples=1",
    "drawdown.total_warn_pct=0.001",
    "drawdown.total_pause_pct=0.002",
    "drawdown.day_warn_pct=0",
)


def test_invariant_20_a_peak_that_falls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Drawdown.sample

    def sink(self: Drawdown, now: int, equity: Decimal) -> Any:
        self.peak = min(self.peak, equity)
        return real(self, now, equity)

    monkeypatch.setattr(Drawdown, "sample", sink)
    outcome = play(tmp_path)
    assert outcome.number == 20
    assert "peak" in outcome.broken


def test_invariant_20_a_loss_that_raises_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Risk, "_cross", lambda *_all: None)
    outcome = play(tmp_path, calm(*LOSSES))
    assert outcome.number == 20
    assert "has not raised" in outcome.broken


def test_invariant_20_a_level_that_acts_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Drawdown.sample

    def forgetful(self: Drawdown, now: int, equity: Decimal) -> Any:
        self.reached.clear()
        return real(self, now, equity)

    monkeypatch.setattr(Drawdown, "sample", forgetful)
    outcome = play(tmp_path, calm(*LOSSES))
    assert outcome.number == 20
    assert "no level was crossed" in outcome.broken


def test_invariant_20_a_reset_that_a_restart_forgets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget(monkeypatch, lambda past: msgspec.structs.replace(past, peak=Decimal(10_001)))
    plan = calm("drawdown.samples=1")
    acts = both(after(5, jump(0)), after(6, give(CommandName.RESET_DRAWDOWN)), after(8, restart))
    assert play(tmp_path, plan, acts).number == 20


# -- the snapshot ------------------------------------------------------------------------------------------------------


def draw_wrong(monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], Any]) -> None:
    """A snapshot is not what was taken."""
    real = strategy.picture.take_picture
    monkeypatch.setattr(strategy.hedge_grid, "take_picture", lambda *all_: change(real(*all_)))


def test_invariant_21_a_number_that_does_not_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_wrong(monkeypatch, lambda shot: msgspec.structs.replace(shot, seq=1))
    assert play(tmp_path).number == 21


def test_invariant_21_a_sum_that_is_not_that_of_its_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_wrong(
        monkeypatch, lambda shot: msgspec.structs.replace(shot, long=msgspec.structs.replace(shot.long, qty=Decimal(1)))
    )
    assert play(tmp_path).number == 21


def test_invariant_21_a_state_that_is_not_the_journals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_wrong(monkeypatch, lambda shot: msgspec.structs.replace(shot, state=DoorState.RUNNING))
    assert play(tmp_path, prepare=after(2, give(CommandName.PAUSE))).number == 21


def test_invariant_21_a_snapshot_that_changes_after_its_publication(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []

    def touch(shot: Any) -> Any:
        for old in shown[-1:]:
            msgspec.structs.force_setattr(old, "throttle", Decimal(shot.seq))
        shown.append(shot)
        return shot

    draw_wrong(monkeypatch, touch)
    outcome = play(tmp_path)
    assert outcome.number == 21
    assert "has changed" in outcome.broken


# -- money -------------------------------------------------------------------------------------------------------------


def test_invariant_30_funding_that_nobody_books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ledger, "book_funding", lambda *_all: None)

    def settle(world: World) -> None:
        for leg, amount in world.venue.settle(Decimal("0.001"), world.mid).items():
            world.treasury.pay(Leg(leg.lower()), Decimal("0.001"), amount)

    outcome = play(tmp_path, prepare=both(*(after(at, settle) for at in range(3, 11))))
    assert outcome.number == 30
    assert "funding" in outcome.broken


def test_invariant_30_a_deposit_that_counts_as_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OrderEvents, "on_transfer", lambda *_all: None)

    def deposit(world: World) -> None:
        world.venue.transfer(Decimal(500))

    outcome = play(tmp_path, prepare=after(4, deposit))
    assert outcome.number == 30
    assert "at rest" in outcome.broken


def test_invariant_30_a_deposit_that_was_none(tmp_path: Path) -> None:
    def dream(world: World) -> None:
        world.strategy.grid.on_transfer(Decimal(70))

    outcome = play(tmp_path, prepare=after(4, dream))
    assert outcome.number == 30
    assert "a transfer of 70" in outcome.broken


def test_invariant_30_profit_that_no_fill_has_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Ledger.book_fill
    monkeypatch.setattr(
        Ledger, "book_fill", lambda self, realised, *rest: real(self, realised + Decimal("1E-9"), *rest)
    )
    outcome = play(tmp_path)
    assert outcome.number == 30
