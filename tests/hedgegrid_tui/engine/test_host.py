"""The host with a real Nautilus node on the simulated market."""

import threading
import time
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from hedgegrid_tui.engine.host import EngineHost
from hedgegrid_tui.engine.plan import COULD_NOT_START, Mode
from strategy.control import Command, CommandName, Ending, Result
from strategy.domain import DoorState, Leg
from strategy.past import Past
from strategy.snapshot import EnginePhase, Snapshot
from tests.hedgegrid_tui.engine.sessions import hosted, plan_for, running, until
from tests.journal_reader import read_journal

pytestmark = pytest.mark.timeout(120)


def test_the_snapshot_is_a_typed_empty_one_before_the_engine_runs(tmp_path: Path) -> None:
    with hosted(plan_for(tmp_path)) as host:
        assert isinstance(host.snapshot, Snapshot)
        assert host.snapshot.seq == 0
        assert host.snapshot.market.bid is None


def test_s02_ladders_and_metrics_are_reads_of_the_one_published_snapshot(tmp_path: Path) -> None:
    with hosted(plan_for(tmp_path)) as host:
        until(lambda: running(host) and host.snapshot.open_entries == 16)
        assert host._runtime is not None
        strategy = host._runtime.strategy
        host.stop(Ending.LEAVE)  # from here on nothing publishes
        assert len(strategy.get_ladders_snapshot().long) == 8
        assert strategy.get_ladders_snapshot() is strategy.snapshot.ladders
        assert strategy.get_operational_metrics() is strategy.snapshot.metrics


def test_the_journals_latest_lines_are_shown_from_any_number_on(tmp_path: Path) -> None:
    with hosted(plan_for(tmp_path)) as host:
        until(lambda: running(host) and host.snapshot.open_entries == 16)
        first = host.journal_lines(0)
        assert [msgspec.json.decode(line)["seq"] for line in first] == list(range(1, len(first) + 1))
        assert msgspec.json.decode(first[0])["kind"] == "session.start"
        until(lambda: len(host.journal_lines(len(first))) > 0)
        assert msgspec.json.decode(host.journal_lines(len(first))[0])["seq"] == len(first) + 1


def test_how_late_the_loop_is_goes_with_the_status(tmp_path: Path) -> None:
    with hosted(plan_for(tmp_path)) as host:
        until(lambda: running(host) and host.snapshot.seq > 2)
        loop = host._loop
        assert loop is not None
        loop.call_soon_threadsafe(time.sleep, 0.6)
        until(lambda: host.status.lag_ms >= 200)
        until(lambda: host.status.lag_ms < 200)
        assert host.status.phase is EnginePhase.RUNNING


def test_two_sessions_run_one_after_the_other_in_one_process(tmp_path: Path) -> None:
    for name in ("first", "second"):
        with hosted(plan_for(tmp_path / name)) as host:
            until(lambda host=host: running(host) and host.snapshot.open_entries == 16)  # type: ignore[misc]
            before = host.snapshot.seq
            until(lambda host=host, before=before: host.snapshot.seq > before + 2)  # type: ignore[misc]
            assert host.stop(Ending.CANCEL) == "flat" or host.snapshot.long.qty or host.snapshot.short.qty
            assert host.snapshot.open_entries == 0
            assert host.status.phase is EnginePhase.STOPPED


def test_a_flatten_ends_flat_and_a_second_press_adds_nothing(tmp_path: Path) -> None:
    with hosted(plan_for(tmp_path, Mode.SIM, "grid.step_bps=2", "grid.recentre_trigger_bps=500")) as host:
        until(lambda: running(host) and bool(host.snapshot.long.qty or host.snapshot.short.qty))
        first = host.send(Command(CommandName.FLATTEN))
        second = host.send(Command(CommandName.FLATTEN))
        assert first.result(20).result is Result.DONE
        sent = host.snapshot.metrics.orders_submitted
        assert second.result(20).result is Result.DONE
        assert host.snapshot.is_flat
        assert host.snapshot.state is DoorState.PAUSED
        assert host.snapshot.metrics.orders_submitted == sent
        assert host.stop(Ending.LEAVE) == "flat"
    books = read_journal(tmp_path / "journal.jsonl")
    assert not books.orders
    assert all(not books.held(leg) for leg in Leg)
    assert books.flat == "flat"
    assert not books.owed
    lines = (tmp_path / "journal.jsonl").read_text().splitlines()
    closes = [line for line in lines if '"event":"submit"' in line and '"role":"close"' in line]
    assert 1 <= len(closes) <= 2


def test_a_leg_larger_than_the_top_of_the_book_is_flattened_whole(tmp_path: Path) -> None:
    caps = ("max_leg_notional", "max_gross_notional", "max_order_notional")
    settings: tuple[str, ...] = ("grid.step_bps=2", "grid.base_qty=5", "account.starting_balance=50000000")
    settings += tuple(f"limits.{name}=0" for name in caps)
    with hosted(plan_for(tmp_path, Mode.SIM, *settings, seed=2)) as host:
        until(lambda: running(host) and host.snapshot.long.qty + host.snapshot.short.qty >= 5)
        held = {leg: host.snapshot.leg(leg).qty for leg in Leg}
        receipt = host.send(Command(CommandName.FLATTEN)).result(20)
        assert receipt.result is Result.DONE
        assert sum(Decimal(receipt.detail[leg]["closed"]) for leg in Leg) >= 5, held
        assert host.snapshot.is_flat
        assert host.snapshot.metrics.errors == 0


def test_a_stop_while_loading_sends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = EngineHost._build

    def slow(self: EngineHost, past: Past) -> object:
        until(lambda: self._wanted_ending is not None)
        return build(self, past)

    monkeypatch.setattr(EngineHost, "_build", slow)
    with hosted(plan_for(tmp_path)) as host:
        assert host.stop(Ending.LEAVE) == "flat"
    assert not (tmp_path / "journal.jsonl").read_text()


def test_a_command_before_the_engine_runs_is_refused_and_says_why(tmp_path: Path) -> None:
    with hosted(plan_for(tmp_path)) as host:
        receipt = host.send(Command(CommandName.PAUSE)).result(1)
        assert receipt.result is Result.REFUSED
        assert "not running" in receipt.detail["reason"]


def test_an_unknown_market_is_a_failure_with_its_cause(tmp_path: Path) -> None:
    with hosted(plan_for(tmp_path, scenario="nonsense")) as host:
        assert host.wait(60)
        assert host.status.phase is EnginePhase.FAILED
        assert "nonsense" in host.status.detail
        assert host.exit_code != 0


def test_a_strategy_that_cannot_start_is_a_failure_with_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from strategy import hedge_grid

    def broken(*_: object) -> None:
        raise OSError("the account is on fire")

    monkeypatch.setattr(hedge_grid, "Ledger", broken)
    with hosted(plan_for(tmp_path)) as host:
        assert host.wait(60)
        assert host.status.phase is EnginePhase.FAILED
        assert "the account is on fire" in host.status.detail
        assert host.exit_code == COULD_NOT_START
        assert host.stop(Ending.LEAVE) == "unknown"


def test_a_stop_while_the_engine_still_loads_is_obeyed(tmp_path: Path) -> None:
    with hosted(plan_for(tmp_path)) as host:
        host.stop(Ending.LEAVE)
        assert host.status.phase is EnginePhase.STOPPED


def test_handlers_and_timers_run_on_the_engines_thread_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from strategy.grid import HedgeGrid

    threads: set[str] = set()
    converge = HedgeGrid.converge

    def watched(self: HedgeGrid) -> None:
        threads.add(threading.current_thread().name)
        converge(self)

    monkeypatch.setattr(HedgeGrid, "converge", watched)
    # One order a turn: the other rungs are queued and come by time alerts, which fire on other threads.
    with hosted(plan_for(tmp_path, Mode.SIM, "execution.orders_per_turn=1")) as host:
        until(lambda: running(host) and host.snapshot.open_entries == 16)
    assert threads == {"engine"}


def test_an_error_in_a_handler_is_contained_shown_and_the_next_pass_converges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from strategy.grid import HedgeGrid

    accepted = HedgeGrid.on_accepted
    broken: list[str] = []

    def once_broken(self: HedgeGrid, order_id: str) -> None:
        accepted(self, order_id)
        if not broken:
            broken.append(order_id)
            raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(HedgeGrid, "on_accepted", once_broken)
    with hosted(plan_for(tmp_path)) as host:
        until(lambda: running(host) and host.snapshot.metrics.critical_errors == 1)
        until(lambda: host.snapshot.open_entries == 16)
        assert host.snapshot.errors[0].where == "on_order_accepted"
        assert "on purpose" in host.snapshot.errors[0].message
    assert read_journal(tmp_path / "journal.jsonl").counts["critical_errors"] == 1
