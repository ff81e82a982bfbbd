"""The same strategy on tapes: deterministic, complete, and agreeing with an independent reader of its journal."""

import gzip
import hashlib
import time
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest

from hedgegrid_tui.engine.host import EngineHost
from hedgegrid_tui.engine.plan import BAD_INPUT, Mode, SessionPlan
from strategy.control import Command, CommandName, Ending, Result
from strategy.snapshot import EnginePhase, Snapshot
from tests.hedgegrid_tui.engine.sessions import SHARED_DATA, hosted, plan_for, running, until, write_tape
from tests.journal_reader import Books, read_journal

pytestmark = pytest.mark.timeout(180)

CAPTURE = SHARED_DATA / "binance-usdm-BTCUSDT-20240808.jsonl.gz"
BARS = SHARED_DATA / "BTC-PERP-1m-202201.csv.gz"


def play(plan: SessionPlan, ending: Ending = Ending.LEAVE) -> tuple[EngineHost, Books]:
    """Play a tape to its end."""
    with hosted(plan) as host:
        until(lambda: running(host) and host.status.phase is EnginePhase.ENDED, 150)
        host.stop(ending)
    return host, read_journal(plan.state_dir / "journal.jsonl")


def digest(plan: SessionPlan) -> str:
    """Hash of the order and fill lines."""
    lines = (plan.state_dir / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if '"kind":"order"' in line or '"kind":"fill"' in line]
    return hashlib.sha256("\n".join(wanted).encode()).hexdigest()


def assert_agrees(snapshot: Snapshot, books: Books) -> None:
    """The product's own figures are those that the journal alone gives, to the last digit."""
    metrics, counts = snapshot.metrics, books.counts
    assert metrics.realised == books.realised
    assert metrics.fees == books.fees
    assert (snapshot.long.qty, snapshot.short.qty) == (books.held("long"), books.held("short"))
    assert (snapshot.long.sl_qty, snapshot.short.sl_qty) == (books.covered("long"), books.covered("short"))
    assert (snapshot.open_entries, snapshot.open_exits) == (
        books.count_open("entry"),
        books.count_open("tp", "sl", "close"),
    )
    assert metrics.fills == counts["fills"]
    assert (metrics.take_profits, metrics.stops) == (counts["filled_tp"], counts["filled_sl"])
    assert metrics.round_trips == counts["round_trips"]
    assert metrics.orders_submitted == counts["submit"]
    assert (metrics.orders_rejected, metrics.orders_denied) == (counts["rejected"], counts["denied"])
    assert (metrics.errors, metrics.critical_errors) == (counts["errors"], counts["critical_errors"])
    assert metrics.max_unprotected_ns == books.max_naked_ns
    assert metrics.equity_start + metrics.realised + metrics.unrealised + metrics.fees + metrics.funding == (
        metrics.equity
    )


def test_a_tape_gives_the_same_orders_and_fills_every_time_and_the_journal_agrees(tmp_path: Path) -> None:
    tape = write_tape(tmp_path / "tape.jsonl")
    digests = set()
    for name in ("first", "second"):
        plan = plan_for(tmp_path / name, Mode.REPLAY, data=tape)
        host, books = play(plan)
        assert host.snapshot.metrics.fills > 10
        assert host.snapshot.metrics.take_profits > 0
        assert host.snapshot.metrics.stops > 0
        assert_agrees(host.snapshot, books)
        digests.add(digest(plan))
    assert len(digests) == 1


def test_the_speed_of_a_replay_changes_no_order(tmp_path: Path) -> None:
    tape = write_tape(tmp_path / "tape.jsonl", steps=600)
    plans = [plan_for(tmp_path / str(speed), Mode.REPLAY, data=tape, speed=speed) for speed in (0.0, 40.0)]
    for plan in plans:
        play(plan)
    assert digest(plans[0]) == digest(plans[1])


def test_a_replay_at_a_given_speed_takes_its_time(tmp_path: Path) -> None:
    tape = write_tape(tmp_path / "tape.jsonl", steps=100)
    with hosted(plan_for(tmp_path / "state", Mode.REPLAY, data=tape, speed=2.0)) as host:
        until(lambda: running(host))
        started = time.monotonic()
        until(lambda: host.status.phase is EnginePhase.ENDED)
        assert time.monotonic() - started > 4.0


def test_commands_reach_the_venue_after_the_tape_is_over(tmp_path: Path) -> None:
    tape = write_tape(tmp_path / "tape.jsonl")
    with hosted(plan_for(tmp_path / "state", Mode.REPLAY, "grid.tp_steps=50", "grid.sl_steps=60", data=tape)) as host:
        until(lambda: host.status.phase is EnginePhase.ENDED)
        assert host.snapshot.long.qty
        receipt = host.send(Command(CommandName.FLATTEN)).result(10)
        assert receipt.result is Result.DONE
        assert Decimal(receipt.detail["long"]["closed"]) == Decimal(receipt.detail["long"]["held"]) > 0
        assert host.snapshot.is_flat
        assert host.stop(Ending.LEAVE) == "flat"
    books = read_journal(tmp_path / "state" / "journal.jsonl")
    assert_agrees(host.snapshot, books)


def test_a_session_ends_after_the_market_time_that_it_was_given(tmp_path: Path) -> None:
    tape = write_tape(tmp_path / "tape.jsonl")
    with hosted(plan_for(tmp_path / "state", Mode.REPLAY, data=tape, seconds=20.0)) as host:
        assert host.wait(60)
        seconds = (host.snapshot.ts - host.first_ns) / 1e9
        assert 20.0 <= seconds < 25.0
        assert host.exit_code == 0


def test_a_file_that_is_no_tape_is_refused_as_bad_input(tmp_path: Path) -> None:
    junk = tmp_path / "junk.txt"
    junk.write_text("hello\nworld\n")
    with hosted(plan_for(tmp_path / "state", Mode.REPLAY, data=junk)) as host:
        assert host.wait(60)
        assert host.status.phase is EnginePhase.FAILED
        assert "expected" in host.status.detail
        assert host.exit_code == BAD_INPUT


def test_the_venues_wallet_is_the_ledgers_to_the_last_unit_of_the_currency(tmp_path: Path) -> None:
    tape = write_tape(tmp_path / "tape.jsonl", steps=1500)
    plan = plan_for(tmp_path / "state", Mode.REPLAY, data=tape)
    with hosted(plan) as host:
        until(lambda: host.status.phase is EnginePhase.ENDED, 60)
        assert host.send(Command(CommandName.FLATTEN)).result(10).result is Result.DONE
        runtime = host._runtime
        assert runtime is not None
        account = runtime.strategy.portfolio.account(runtime.strategy.config.instrument_id.venue)
        venue = account.balance_total().as_decimal()
        assert abs(venue - host.snapshot.metrics.wallet) <= Decimal("0.00000001") * host.snapshot.metrics.fills


@pytest.mark.skipif(not CAPTURE.exists(), reason="the recorded tape of ../shared/data is not here")
def test_the_recorded_binance_tape_is_handled_whole(tmp_path: Path) -> None:
    plan = plan_for(tmp_path, Mode.REPLAY, "grid.step_bps=2", data=CAPTURE)
    host, books = play(plan)
    market, metrics = host.snapshot.market, host.snapshot.metrics
    assert (market.quotes, market.trades) == (66_089, 21_313)
    assert metrics.round_trips > 5
    assert metrics.errors == 0
    assert metrics.max_unprotected_ns <= 1_000_000_000
    assert_agrees(host.snapshot, books)
    lines = (tmp_path / "journal.jsonl").read_text()
    assert '"leg":"long","role":"tp"' in lines
    assert '"leg":"short","role":"tp"' in lines


@pytest.mark.skipif(not BARS.exists(), reason="the recorded bars of ../shared/data are not here")
def test_recorded_minute_bars_are_handled_whole(tmp_path: Path) -> None:
    days = tmp_path / "bars.csv"
    with gzip.open(BARS, "rt", encoding="utf-8") as bars:
        days.write_text("".join(islice(bars, 5_001)), encoding="utf-8")
    host, books = play(plan_for(tmp_path / "state", Mode.REPLAY, "grid.base_qty=0.003", data=days))
    assert host.snapshot.market.bars == 5_000
    assert host.snapshot.metrics.round_trips > 100
    assert host.snapshot.metrics.max_unprotected_ns <= 1_000_000_000
    assert_agrees(host.snapshot, books)
