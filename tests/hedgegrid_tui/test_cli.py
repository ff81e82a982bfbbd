"""The command line as scripts use it: real processes, their output, their exit status."""

import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.hedgegrid_tui.engine.sessions import SHARED_DATA, write_tape
from tests.journal_reader import read_journal

pytestmark = pytest.mark.timeout(150)

PROGRAM = [sys.executable, "-c", "from hedgegrid_tui.cli import main; main()"]


def run(*arguments: str, given: str = "", seconds: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments], input=given, capture_output=True, text=True, timeout=seconds, check=False
    )


def headless(state: Path, *arguments: str, given: str = "") -> tuple[int, list[dict[str, Any]], str]:
    done = run("--headless", "--json", "--state-dir", str(state), *arguments, given=given)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def assert_adds_up(summary: dict[str, Any]) -> None:
    parts = sum(Decimal(summary[name]) for name in ("realised", "unrealised", "fees", "funding"))
    assert Decimal(summary["equity_start"]) + parts == Decimal(summary["equity_end"])


def test_a_while_of_the_simulated_market_shows_entries_fills_take_profits_and_a_stop(tmp_path: Path) -> None:
    # With rungs five times as near as by default, a quarter of a minute brings what a minute brings there.
    status, lines, errors = headless(tmp_path, "--mode", "sim", "--for", "15", "--set", "grid.step_bps=2")
    summary = lines[-1]
    assert (status, errors) == (0, "")
    assert summary["type"] == "summary"
    assert 15 <= summary["seconds"] < 16
    assert summary["fills"] >= 4
    assert summary["take_profits"] >= 1
    assert summary["stops"] >= 1
    assert summary["max_unprotected_ms"] <= 1000
    assert (summary["errors"], summary["critical_errors"]) == (0, 0)
    assert_adds_up(summary)
    snapshots = [line for line in lines if line["type"] == "snapshot"]
    assert 13 <= len(snapshots) <= 18
    assert [line["seq"] for line in snapshots] == sorted({line["seq"] for line in snapshots})
    books = read_journal(tmp_path / "sim" / "BTCUSDT" / "journal.jsonl")
    assert (Decimal(summary["realised"]), Decimal(summary["fees"])) == (books.realised, books.fees)
    assert (Decimal(summary["position_long"]), Decimal(summary["position_short"])) == (
        books.held("long"),
        books.held("short"),
    )
    assert (summary["open_entries"], summary["open_exits"]) == (
        books.count_open("entry"),
        books.count_open("tp", "sl", "close"),
    )
    assert summary["max_unprotected_ms"] == round(books.max_naked_ns / 1e6, 3)
    assert summary["fills"] == books.counts["fills"]


def test_standard_input_steers_a_session_and_every_word_gets_its_receipt(tmp_path: Path) -> None:
    words = ["pause", "resume", "flatten", "flatten", "flatten short", "cancel-entries", "nonsense", "set-throttle 0.5"]
    words += ["reset-breaker", "snapshot", "quit flatten"]
    status, lines, _ = headless(tmp_path, given="\n".join(words) + "\n")
    assert status == 0
    receipts = [(line["command"], line["result"]) for line in lines if line["type"] == "receipt"]
    assert sorted(command for command, _ in receipts) == sorted(
        [*[word for word in words if word not in ("snapshot", "quit flatten")], "flatten", "quit"]
    )
    results = dict(receipts)
    assert results["nonsense"] == "refused"
    assert results["set-throttle 0.5"] == results["reset-breaker"] == "done"
    assert results["flatten"] == results["flatten short"] == results["quit"] == "done"
    summary = lines[-1]
    assert summary["flat"] == "flat"
    assert (summary["open_entries"], summary["open_exits"]) == (0, 0)
    assert summary["state"] == "paused"


def test_a_read_only_session_refuses_commands(tmp_path: Path) -> None:
    words = ("flatten", "quit cancel", "quit flatten")
    status, lines, _ = headless(tmp_path, "--read-only", given="\n".join((*words, "quit")) + "\n")
    assert status == 0
    results = {line["command"]: line["result"] for line in lines if line["type"] == "receipt"}
    assert [results[word] for word in words] == ["refused"] * 3
    assert lines[-1]["state"] == "running"


def test_bytes_that_are_no_text_get_a_receipt_and_the_next_command_is_heard(tmp_path: Path) -> None:
    command = [*PROGRAM, "--headless", "--json", "--state-dir", str(tmp_path)]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    given = b"\xff\xfe\x00garbage\npause\nquit\n"
    done = subprocess.run(command, input=given, capture_output=True, timeout=60, check=False, env=environment)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    receipts = [(line["command"], line["result"]) for line in results if line["type"] == "receipt"]
    assert receipts[0][1] == "refused"
    assert ("pause", "done") in receipts
    assert done.returncode == 0


def test_a_session_under_nohup_outlives_its_line(tmp_path: Path) -> None:
    command = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *PROGRAM]
    command += ["--headless", "--json", "--for", "6", "--state-dir", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as session:
        assert session.stdout is not None
        session.stdout.readline()
        session.send_signal(signal.SIGHUP)
        last = session.stdout.read().splitlines()[-1]
    assert json.loads(last)["seconds"] >= 6


@pytest.mark.skipif(not SHARED_DATA.exists(), reason="the recorded tape of ../shared/data is not here")
def test_the_recorded_tape_twice_gives_identical_orders_and_fills(tmp_path: Path) -> None:
    data = SHARED_DATA / "binance-usdm-BTCUSDT-20240808.jsonl.gz"
    arguments = ("--mode", "replay", "--data", str(data), "--speed", "max", "--set", "grid.step_bps=2")
    traces = []
    for name in ("first", "second"):
        status, lines, _ = headless(tmp_path / name, *arguments)
        summary = lines[-1]
        assert status == 0
        assert (summary["quotes"], summary["trades"]) == (66_089, 21_313)
        assert summary["round_trips"] > 0
        assert_adds_up(summary)
        journal = (tmp_path / name / "replay" / "BTCUSDT" / "journal.jsonl").read_text(encoding="utf-8")
        traces.append([line for line in journal.splitlines() if '"kind":"order"' in line or '"kind":"fill"' in line])
        assert {'"leg":"long"' in line for line in traces[-1] if '"kind":"fill"' in line} == {True, False}
    assert traces[0] == traces[1]


def test_each_replay_starts_a_new_journal_and_keeps_the_earlier_one(tmp_path: Path) -> None:
    tape = write_tape(tmp_path / "tape.jsonl", steps=50)
    for _ in range(2):
        assert headless(tmp_path / "state", "--mode", "replay", "--data", str(tape), "--speed", "max")[0] == 0
    folder = tmp_path / "state" / "replay" / "BTCUSDT"
    assert len(list(folder.glob("journal*.jsonl"))) == 2
    assert read_journal(folder / "journal.jsonl").seq > 0


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--set", "grid.step_bps=0.5"], 2, "grid.step_bps = 0.5: must be at least 2"),
        (["--set", "grid.stepbps=5"], 2, "did you mean grid.step_bps?"),
        (["--mode", "replay"], 2, "needs --data FILE"),
        (["--mode", "replay", "--data", "missing.jsonl"], 2, "no such file"),
        (["--mode", "live"], 3, "BINANCE_API_KEY is not set"),
        (["--mode", "live", "--fresh"], 2, "--fresh: not in live"),
        (["--at-start", "adopt"], 2, "is for testnet and live"),
        (["--mode", "moon"], 2, "moon"),
        (["--scenario", "moon"], 2, "known: lively"),
        (["--speed", "fast"], 2, "must be `max` or a number"),
        (["--for", "-1"], 2, "must be more than 0"),
        (["--fps", "0"], 2, "--fps"),
        (["--fps", "31"], 2, "--fps"),
        (["--config", "missing.toml"], 2, "cannot be read"),
        (["--state-dir", "/proc/nowhere"], 3, "choose another --state-dir"),
        (["bogus"], 2, "bogus"),
    ],
)
def test_a_bad_input_gets_a_clear_error_and_its_exit_status(arguments: list[str], status: int, words: str) -> None:
    done = run("--headless", *arguments)
    assert done.returncode == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_a_file_that_is_no_recording_is_refused_with_what_was_expected(tmp_path: Path) -> None:
    junk = tmp_path / "junk.csv"
    junk.write_text("a,b\n1,2\n")
    status, lines, errors = headless(tmp_path / "state", "--mode", "replay", "--data", str(junk))
    assert status == 2
    assert "expected" in errors
    assert "Traceback" not in errors
    assert lines[-1]["flat"] == "unknown"


def test_the_dashboard_without_a_terminal_is_refused(tmp_path: Path) -> None:
    done = run("--state-dir", str(tmp_path))
    assert done.returncode == 2
    assert "--headless" in done.stderr


def test_a_second_process_on_the_same_state_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*PROGRAM, "--headless", "--state-dir", str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        try:
            assert first.stdout is not None
            first.stdout.readline()
            second = run("--headless", "--state-dir", str(tmp_path))
            assert second.returncode == 3
            assert str(first.pid) in second.stderr
        finally:
            first.terminate()
            assert first.wait(20) == 0


def test_init_writes_a_file_that_check_accepts_and_never_overwrites(tmp_path: Path) -> None:
    file = tmp_path / "grid.toml"
    assert run("init", str(file)).returncode == 0
    checked = run("check", "--config", str(file))
    assert checked.returncode == 0
    assert "8 rungs a side, 10 bps apart" in checked.stdout
    before = file.read_text()
    again = run("init", str(file))
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert file.read_text() == before


def test_version_is_printed() -> None:
    assert run("version").stdout.startswith("hedgegrid 0.")
