"""`hedgegrid flatten` as a process: typed confirmation, Ctrl-C, a terminal that is gone, what others read after it."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from hedgegrid_tui.engine.state_dir import LockedError, StateDir
from hedgegrid_tui.status import read_status
from strategy.domain import DoorState, Leg
from strategy.past import read_past
from tests.hedgegrid_tui.binance.flattening import SYMBOL, Stage, staged
from tests.hedgegrid_tui.binance.test_flatten_at_venue import NOTHING, assert_books_are_clean
from tests.journal_reader import read_journal

ORDER = "/fapi/v1/order"
BOUND_S = 40.0


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as found:
        yield found


def start(
    stage: Stage, *options: str, stdin: int = subprocess.DEVNULL, command: str = "flatten"
) -> "subprocess.Popen[str]":
    where = [f"binance.rest_url={stage.venue.url}", f"binance.stream_url={stage.venue.ws_url}"]
    sets = [word for each in where for word in ("--set", each)]
    words = [sys.executable, "-m", "hedgegrid_tui", command, "--mode", "testnet", "--state-dir", str(stage.base)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("BINANCE")} | stage.environ
    return subprocess.Popen(
        [*words, *sets, *options], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    try:
        out, err = process.communicate(timeout=BOUND_S)
    finally:
        process.kill()
    return process.returncode, out, err


def held_up(stage: Stage) -> threading.Event:
    """The first close is carried out and its answer late; the event says that it has come to the venue."""
    came = threading.Event()
    stage.venue.when("POST", ORDER, 1).first(came.set).delay(1.0, after=True)
    return came


def test_a_script_flattens_with_yes_and_status_and_the_next_session_find_nothing(stage: Stage) -> None:
    stage.set_out()
    code, out, err = ended(start(stage, "--yes"))
    assert (code, err) == (0, "")
    assert "FLAT, verified" in out
    assert stage.held() == NOTHING
    assert_books_are_clean(stage.state.journal)
    status = read_status(stage.state)
    assert status.books is not None
    assert [leg.held for leg in status.books.legs.values()] == [0, 0]
    assert (status.books.state, status.books.open_entries, status.books.open_exits) == ("paused", 0, 0)
    assert (status.problem, status.alarms, status.holder) == ("", (), None)


def test_the_session_that_follows_starts_paused_with_nothing_held_and_nothing_to_mend(stage: Stage) -> None:
    stage.set_out()
    stage.venue.by_hand("BUY", "LONG", "0.005")
    stage.venue.by_hand("BUY", "SHORT", "0.004")
    assert stage.run().code == 0
    before = len(stage.state.journal.read_text().splitlines())
    code, _, err = ended(start(stage, "--headless", "--json", "--for", "2", command="run"))
    assert (code, err) == (0, "")
    after = [json.loads(line) for line in stage.state.journal.read_text().splitlines()[before:]]
    assert after[0]["restored"] == ["paused"]
    told = [line for line in after if line["kind"] in ("order", "fill", "transfer", "error")]
    assert not [line for line in told if line.get("where") != "preflight"]
    assert stage.venue.open_ids() == set()


def test_typed_on_a_terminal_it_is_done(stage: Stage) -> None:
    stage.set_out()
    master, slave = pty.openpty()
    try:
        process = start(stage, stdin=slave)
        os.write(master, b"FLATTEN BTCUSDT\n")
        code, out, _ = ended(process)
    finally:
        os.close(master)
        os.close(slave)
    assert code == 0
    assert "Type FLATTEN BTCUSDT to do it: " in out
    assert stage.held() == NOTHING


def test_without_a_terminal_and_yes_it_is_refused(stage: Stage) -> None:
    stage.set_out()
    code, _, err = ended(start(stage))
    assert code == 2
    assert "--yes" in err
    assert stage.venue.front.asked == []


def test_ctrl_c_ends_it_after_the_step_that_runs_with_the_truth(stage: Stage) -> None:
    stage.set_out()
    came = held_up(stage)
    process = start(stage, "--yes")
    assert came.wait(BOUND_S)
    process.send_signal(signal.SIGINT)
    code, out, _ = ended(process)
    words = " ".join(out.split())
    assert code == 10
    assert "stopping after the step that runs" in words
    assert "NOT FLAT: stopped by the operator" in words
    assert "long closed 0.008" in words
    assert "short left: 0.008 held, 0 entries and 4 exits of ours open" in words
    assert stage.held() == {Leg.LONG: 0, Leg.SHORT: Decimal("0.008")}
    past = read_past(stage.state.journal)
    assert [past.lots.held(leg) for leg in Leg] == [Decimal(0), Decimal("0.008")]
    assert past.state is DoorState.PAUSED
    assert read_journal(stage.state.journal).flat == "not_flat"


def test_a_second_ctrl_c_breaks_it_off_as_unknown(stage: Stage) -> None:
    stage.set_out()
    came = threading.Event()
    stage.venue.when("POST", ORDER, 1).first(came.set).hang(executed=True)
    process = start(stage, "--yes")
    assert came.wait(BOUND_S)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    while "once more breaks it off" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    code, out, err = ended(process)
    assert code == 11
    assert "NOT KNOWN whether it is flat" in out
    assert "Traceback" not in err
    stage.venue.rules.clear()
    assert stage.run().code == 0  # the close that nobody heard of is found and booked
    assert_books_are_clean(stage.state.journal)


def test_a_line_that_is_hung_up_does_not_stop_what_was_confirmed(stage: Stage) -> None:
    stage.set_out()
    came = held_up(stage)
    process = start(stage, "--yes")
    assert came.wait(BOUND_S)
    process.send_signal(signal.SIGHUP)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stderr.close()
    assert process.wait(BOUND_S) == 0
    assert stage.held() == NOTHING
    assert_books_are_clean(stage.state.journal)


def test_a_process_that_is_killed_halfway_leaves_books_that_the_next_run_completes(stage: Stage) -> None:
    stage.set_out()
    came = held_up(stage)
    process = start(stage, "--yes")
    assert came.wait(BOUND_S)
    process.kill()
    ended(process)
    assert read_past(stage.state.journal).state is DoorState.FLATTENING
    assert stage.run().code == 0
    assert stage.held() == NOTHING
    assert_books_are_clean(stage.state.journal)


def test_the_key_is_in_no_argument_and_no_file_and_the_files_are_the_owners_alone(stage: Stage) -> None:
    stage.set_out()
    came = held_up(stage)
    process = start(stage, "--yes", "--json")
    assert came.wait(BOUND_S)
    arguments = Path(f"/proc/{process.pid}/cmdline").read_text()
    with pytest.raises(LockedError), StateDir(stage.base, "testnet", SYMBOL):
        pass
    code, out, err = ended(process)
    assert code == 0
    files = [path for path in stage.base.rglob("*") if path.is_file()]
    told = arguments + out + err + "".join(path.read_text() for path in files)
    assert stage.venue.keys.key not in told
    assert stage.venue.keys.secret not in told
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_it_loads_neither_nautilus_nor_a_screen() -> None:
    heavy = "('nautilus_trader', 'textual')"
    code = f"import sys, hedgegrid_tui.flatten_command; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=BOUND_S, check=True)
    assert done.stdout.strip() == "[]"
