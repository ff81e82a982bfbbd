"""Each invariant broken on purpose: the checker must raise exactly that number."""

import itertools
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

import strategy.grid
import strategy.hedge_grid
import strategy.ladder
import strategy.ladders
import strategy.lots
import strategy.orders
import strategy.reconcile
import strategy.shape
from strategy.admission import Admission
from strategy.control import CommandName, Result
from strategy.desk import Desk
from strategy.domain import Role
from strategy.errors import ErrorLog
from strategy.flattener import Flattener
from strategy.grid import HedgeGrid
from strategy.hedge_grid import HedgeGridStrategy
from strategy.journal import Journal
from strategy.order_index import OrderIndex
from strategy.reconcile import Cancel
from strategy.retry import BackOff
from strategy.watch import BooksWatch, ProtectionWatch
from tests.simulation.breaking import CALM, LADDER, after, give, play, restart
from tests.simulation.world import Plan, World
from tests.venue.faults import Faults, one


def test_nothing_is_seen_where_nothing_is_broken(tmp_path: Path) -> None:
    outcome = play(tmp_path)
    assert (outcome.number, outcome.broken) == (0, "")
    assert outcome.fills > 5
    assert outcome.checks > 1_000


def test_invariant_1_a_price_off_the_tick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strategy.ladder, "limit_price", lambda _side, price, _tick: price.quantize(Decimal("0.01")))
    assert play(tmp_path).number == 1


def test_invariant_2_a_quantity_off_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (strategy.ladder, strategy.shape):
        monkeypatch.setattr(module, "floor_to", lambda value, _step: value)
    plan = replace(CALM, overrides=("grid.base_qty=0.003", "instrument.step_size=0.002", "instrument.min_qty=0.002"))
    assert play(tmp_path, plan).number == 2


def test_invariant_3_an_entry_below_the_least_notional(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Admission, "_judge", lambda *_all: None)
    plan = replace(CALM, overrides=("grid.base_qty=0.001", "grid.levels=2"))
    assert play(tmp_path, plan).number == 3


def test_invariant_4_two_entries_on_one_rung(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = strategy.reconcile.reconcile_entries

    def blind(ladder: Any, shape: Any, occupants: Any, _index: OrderIndex, *rest: Any) -> Any:
        return real(ladder, shape, occupants, OrderIndex(), *rest)

    monkeypatch.setattr(strategy.ladders, "reconcile_entries", blind)
    assert play(tmp_path).number == 4


def _never_cancel_exits(monkeypatch: pytest.MonkeyPatch) -> None:
    real = strategy.reconcile.reconcile_exits
    monkeypatch.setattr(
        strategy.grid,
        "reconcile_exits",
        lambda *all_, **more: [each for each in real(*all_, **more) if not isinstance(each, Cancel)],
    )


def test_invariant_5_exits_that_outlive_their_lot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _never_cancel_exits(monkeypatch)
    assert play(tmp_path).number == 5


def test_invariant_6_a_lot_without_a_stop_and_without_an_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = strategy.lots.desired_exits
    monkeypatch.setattr(
        strategy.grid, "desired_exits", lambda *all_: tuple(each for each in real(*all_) if each.key.role is Role.TP)
    )
    monkeypatch.setattr(ProtectionWatch, "look", lambda *_all: None)
    monkeypatch.setattr(ProtectionWatch, "deadlines", lambda _self: [])
    assert play(tmp_path, swing=45).number == 6


def test_invariant_7_a_fill_that_counts_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = HedgeGrid.on_fill
    serial = itertools.count()

    def under_another_number(self: HedgeGrid, fill: Any) -> None:
        real(self, msgspec.structs.replace(fill, trade_id=f"{fill.trade_id}-{next(serial)}"))

    monkeypatch.setattr(HedgeGrid, "on_fill", under_another_number)
    plan = replace(CALM, faults=replace(Faults(), duplicate=0.9))
    assert play(tmp_path, plan).number == 7


def test_invariant_8_a_leg_that_changes_its_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _never_cancel_exits(monkeypatch)

    def no_cap(world: World) -> None:
        world.venue.caps_exits = False

    plan = replace(CALM, ignore=frozenset({5}), seconds=40, overrides=(*LADDER, "grid.sl_steps=1"))
    assert play(tmp_path, plan, no_cap).number == 8


def test_invariant_10_an_entry_while_paused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Admission, "_judge", lambda *_all: None)
    assert play(tmp_path, prepare=after(2, give(CommandName.PAUSE))).number == 10


def test_invariant_12_a_receipt_that_says_done_too_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "_withdraw", lambda self, act_id, _by: self._answer(act_id, Result.DONE, cancelled=0))
    assert play(tmp_path, prepare=after(2, give(CommandName.CANCEL_ENTRIES))).number == 12


def test_invariant_12_an_act_without_a_receipt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "_withdraw", lambda *_all: None)
    plan = replace(CALM, seconds=20)
    assert play(tmp_path, plan, after(2, give(CommandName.CANCEL_ENTRIES))).number == 12


def test_invariant_13_a_flatten_that_closes_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Flattener._facts

    def blind(self: Flattener, legs: Any) -> Any:
        return {leg: msgspec.structs.replace(fact, closes=()) for leg, fact in real(self, legs).items()}

    monkeypatch.setattr(Flattener, "_facts", blind)
    plan = replace(CALM, seconds=20)

    def often(world: World) -> None:
        for each in range(40):
            after(4 + each / 10, give(CommandName.FLATTEN))(world)

    assert play(tmp_path, plan, often).number == 13


def test_invariant_16_books_that_are_not_the_venues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = HedgeGrid.on_fill
    monkeypatch.setattr(
        HedgeGrid, "on_fill", lambda self, fill: real(self, msgspec.structs.replace(fill, fee=Decimal(0)))
    )
    assert play(tmp_path, replace(CALM, ignore=frozenset({30}))).number == 16


def test_invariant_17_a_mismatch_that_nobody_notices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HedgeGrid, "on_fill", lambda _self, _fill: None)
    monkeypatch.setattr(BooksWatch, "look", lambda *_all, **_more: set())
    assert play(tmp_path, replace(CALM, ignore=frozenset({6}))).number == 17


def test_invariant_18_a_rung_that_a_doubtful_refusal_frees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = HedgeGrid.on_refused

    def at_its_word(self: HedgeGrid, order_id: str, reason: str, **more: Any) -> None:
        real(self, order_id, "-2019 Margin is insufficient", **more)

    monkeypatch.setattr(HedgeGrid, "on_refused", at_its_word)
    plan = replace(CALM, faults=replace(Faults(), unknown_dead=0.5), plain=True)
    assert play(tmp_path, plan).number == 18


def test_invariant_22_a_command_that_leaves_before_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Journal.write

    def forgetful(self: Journal, kind: str, ts: int, **fields: Any) -> None:
        if fields.get("event") != "submit":
            real(self, kind, ts, **fields)

    monkeypatch.setattr(Journal, "write", forgetful)
    assert play(tmp_path).number == 22


def test_invariant_22_a_gap_in_the_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Journal.write

    def skipping(self: Journal, kind: str, ts: int, **fields: Any) -> None:
        self.seq += kind == "fill"
        real(self, kind, ts, **fields)

    monkeypatch.setattr(Journal, "write", skipping)
    assert play(tmp_path).number == 22


def test_invariant_24_an_exception_that_escapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unguarded(_self: HedgeGridStrategy, _event: Any) -> None:
        raise KeyError("nobody guards this")

    monkeypatch.setattr(HedgeGridStrategy, "on_order_filled", unguarded)
    assert play(tmp_path).number == 24


def test_invariant_24_a_contained_exception_that_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ErrorLog, "record", lambda *_all, **_more: None)
    plan = replace(CALM, faults=one("handler_raises"), seconds=30)
    assert play(tmp_path, plan).number == 24


def test_invariant_24_an_exception_that_no_fault_explains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: HedgeGrid, _fill: Any) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(HedgeGrid, "on_fill", broken)
    assert play(tmp_path).number == 24


def test_invariant_25_a_refused_order_that_is_sent_without_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BackOff, "refused", lambda *_all, **_more: None)
    plan = replace(CALM, faults=replace(Faults(), refused=1.0))
    assert play(tmp_path, plan).number == 25


def test_invariant_25_a_strategy_that_wakes_itself_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProtectionWatch, "look", lambda *_all: None)
    monkeypatch.setattr(ProtectionWatch, "deadlines", lambda self: [0])
    assert play(tmp_path).number == 25


def test_invariant_26_an_id_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = itertools.count()
    monkeypatch.setattr(strategy.orders, "format_id", lambda _order: f"HG-{next(numbers)}")
    assert play(tmp_path).number == 26


def test_invariant_27_a_restart_that_has_forgotten_its_orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start_blank(*_all: Any, **_more: Any) -> None:
        return None

    def forget(_world: World) -> None:
        monkeypatch.setattr(strategy.hedge_grid, "go_on", start_blank)

    assert play(tmp_path, prepare=after(2, forget, restart)).number == 27


def test_invariant_28_a_run_that_reads_the_wall_clock_has_another_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = play(tmp_path / "a", _in(tmp_path / "a")).hash
    assert play(tmp_path / "b", _in(tmp_path / "b")).hash == first
    real = Journal.write
    monkeypatch.setattr(Journal, "write", lambda self, kind, _ts, **fields: real(self, kind, time.time_ns(), **fields))
    assert play(tmp_path / "c", replace(_in(tmp_path / "c"), ignore=frozenset({12}))).hash != first


def _in(folder: Path) -> Plan:
    folder.mkdir()
    return CALM
