"""Every way a session may end, with real processes: who is told, what stays, what the exit status says."""

import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

import pytest

from hedgegrid_tui.engine.plan import COULD_NOT_START, NOT_FLAT_AS_ASKED, OUTCOME_UNKNOWN
from hedgegrid_tui.engine.state_dir import Holder, holder_of
from hedgegrid_tui.signals import FORCED_STATUS, EndSignals
from hedgegrid_tui.start import runs_session
from strategy.control import Ending
from strategy.desk import Desk
from tests.hedgegrid_tui.disk import Disk, limited_disk, small_disk
from tests.hedgegrid_tui.engine.sessions import hosted, plan_for, running, until
from tests.hedgegrid_tui.live import LEAVE, Live
from tests.journal_reader import read_journal

pytestmark = pytest.mark.timeout(150)

POLICY = "session.on_disconnect={}"
CRASH = """
import hedgegrid_tui.app as app
def broken(self, action):
    raise RuntimeError("broken on purpose")
app.HedgeGridApp.action_act = broken
"""
"""Any key breaks the app."""
NO_MOUNT = """
import hedgegrid_tui.app as app
def broken(self):
    raise ValueError("no\\nmount")
app.HedgeGridApp.on_mount = broken
"""
HANG = """
import time
from hedgegrid_tui.engine.host import EngineHost
EngineHost.stop = lambda *_, **__: time.sleep(60)
"""
"""An ending that never ends."""
SLOW = """
import asyncio
from hedgegrid_tui.engine.host import EngineHost
end = EngineHost._end
async def slow(self, *args):
    await asyncio.sleep(1.5)
    await end(self, *args)
EngineHost._end = slow
"""
"""An ending that takes its time."""


# -- signals -----------------------------------------------------------------------------------------------------------


class EndedError(Exception):
    """Stands for the end of the process."""


def counted(times: list[float]) -> tuple[EndSignals, list[int]]:
    def end(status: int) -> None:
        raise EndedError(status)

    heard: list[int] = []
    signals = EndSignals(clock=lambda: times.pop(0), end_process=end)
    signals.listen(heard.append)
    return signals, heard


def test_the_first_request_to_end_is_heard_and_the_second_changes_nothing() -> None:
    signals, heard = counted([0.0])
    for number in (signal.SIGTERM, signal.SIGINT):
        signals._on_signal(number, None)
    assert heard == [signal.SIGTERM]
    assert signals.asked
    assert not signals.hung_up


def test_a_third_request_soon_after_the_second_ends_the_process_with_what_is_unknown() -> None:
    signals, _ = counted([0.0, 2.0])
    restored: list[bool] = []
    signals.before_force = lambda: restored.append(True)
    for number in (signal.SIGTERM, signal.SIGTERM):
        signals._on_signal(number, None)
    with pytest.raises(EndedError, match="11"):
        signals._on_signal(signal.SIGINT, None)
    assert restored == [True]
    assert FORCED_STATUS == OUTCOME_UNKNOWN


def test_a_third_request_long_after_the_second_counts_as_a_second() -> None:
    signals, _ = counted([0.0, 2.1, 4.0])
    for _ in range(3):
        signals._on_signal(signal.SIGTERM, None)
    with pytest.raises(EndedError):
        signals._on_signal(signal.SIGTERM, None)


def test_a_line_that_is_hung_up_often_never_forces_an_end() -> None:
    signals, heard = counted([])
    for _ in range(5):
        signals._on_signal(signal.SIGHUP, None)
    assert heard == [signal.SIGHUP]
    assert not signals.asked


def test_whoever_listens_late_hears_of_what_came_before() -> None:
    signals, heard = counted([])
    signals.listen(lambda _: None)
    signals._on_signal(signal.SIGHUP, None)
    signals._on_signal(signal.SIGTERM, None)
    signals.listen(heard.append)
    assert heard == [signal.SIGHUP, signal.SIGTERM]


@pytest.mark.parametrize(
    ("arguments", "session"),
    [([], True), (["run"], True), (["--headless"], True), (["check"], False), (["--help"], False), (["-h"], False)],
)
def test_signals_are_held_for_sessions_only(arguments: list[str], session: bool) -> None:
    assert runs_session(arguments) is session


@pytest.mark.parametrize("terminal", [True, False], ids=["dashboard", "headless"])
@pytest.mark.parametrize("delay", [0.15, 0.5, 1.0, 1.6])
def test_a_session_that_is_told_to_end_while_it_starts_ends_in_order(
    tmp_path: Path, delay: float, terminal: bool
) -> None:
    with Live(tmp_path, terminal=terminal) as session:
        session.read_for(delay)
        session.send(signal.SIGTERM)
        assert session.ended() == 0
        assert not terminal or session.is_restored()
        assert "Traceback" not in session.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_dashboard_that_is_told_to_end_leaves_everything_and_restores_the_terminal(
    tmp_path: Path, number: signal.Signals
) -> None:
    with Live(tmp_path) as session:
        session.until_journal('"event":"accepted"', times=16)
        session.send(number)
        session.send(signal.SIGCONT)  # systemd and timeout send one behind
        assert session.ended() == 0
        assert session.is_restored()
        assert "ended not flat" in session.text.rsplit("\x1b", 1)[-1]
    assert session.acts() == [("quit", "system", "done")]
    assert [line["exit_code"] for line in session.lines("session.stop")] == [0]
    assert read_journal(session.journal).count_open("entry") == 16


def test_further_requests_to_end_do_not_break_a_flatten_that_ends_the_session(tmp_path: Path) -> None:
    with Live(tmp_path, "--set", "grid.step_bps=2", before=SLOW) as session:
        session.until_journal('"role":"sl"')
        session.press("q")
        session.until_text("flatten both legs and leave")
        session.read_for(0.8)  # keys are ignored for the first half second
        session.press("f")
        session.until_text("flattening both legs")
        for _ in range(2):
            session.send(signal.SIGTERM)
            session.read_for(0.2)
        assert session.ended() == 0
        assert session.is_restored()
    assert read_journal(session.journal).flat == "flat"


def test_an_ending_that_hangs_is_given_up_at_the_third_request_and_the_terminal_is_restored(tmp_path: Path) -> None:
    with Live(tmp_path, before=HANG) as session:
        session.until_journal('"event":"accepted"')
        for _ in range(3):
            session.send(signal.SIGTERM)
            session.read_for(0.3)
        assert session.ended(3) == OUTCOME_UNKNOWN
        assert session.is_restored()
    assert not session.lines("session.stop")


def test_an_end_of_a_headless_session_that_hangs_is_given_up_at_the_third_request(tmp_path: Path) -> None:
    with Live(tmp_path, terminal=False, before=HANG) as session:
        session.until_journal('"event":"accepted"')
        for _ in range(3):
            session.send(signal.SIGINT)
            session.read_for(0.3)
        assert session.ended(3) == OUTCOME_UNKNOWN


def test_a_terminal_that_is_not_read_does_not_keep_a_dashboard_from_ending(tmp_path: Path) -> None:
    with Live(tmp_path) as session:
        session.until_journal('"event":"accepted"')
        time.sleep(8)  # nobody reads: the writer is stuck in the terminal
        session.send(signal.SIGTERM)
        end = time.monotonic() + 20
        while session.process.poll() is None:
            assert time.monotonic() < end, "it did not end"
            time.sleep(0.05)
        assert session.process.returncode == 0
        session.ended()
        assert session.lines("session.stop")


# -- the terminal goes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["keep", "pause"])
def test_a_session_whose_terminal_goes_goes_on_without_it(tmp_path: Path, policy: str) -> None:
    with Live(tmp_path, "--set", POLICY.format(policy)) as session:
        session.until_journal('"event":"accepted"', times=16)
        session.close_terminal()
        session.until_journal('"command":"disconnect"')
        before = len(session.lines("equity"))
        session.until_journal('"kind":"equity"', times=before + 4)
        cpu = cpu_seconds(session.process.pid)
        session.read_for(2.0)
        assert cpu_seconds(session.process.pid) - cpu < 1.2  # nobody spins on what is left of the terminal
        session.send(signal.SIGHUP)
        session.read_for(0.3)
        assert session.process.poll() is None
        session.send(signal.SIGTERM)
        assert session.ended() == 0
    books = read_journal(session.journal)
    assert books.state == {"keep": "running", "pause": "paused"}[policy]
    acts = session.acts()
    assert acts[0] == ("disconnect", "system", "done")
    assert acts[-1] == ("quit", "system", "done")
    assert (("pause", "system", "done") in acts) is (policy == "pause")
    assert not books.owed
    assert session.lines("act")[0]["args"]["policy"] == policy


@pytest.mark.parametrize("policy", ["cancel", "flatten"])
def test_a_session_whose_terminal_goes_ends_as_its_policy_says(tmp_path: Path, policy: str) -> None:
    with Live(tmp_path, "--set", POLICY.format(policy), "--set", "grid.step_bps=2") as session:
        session.until_journal('"role":"sl"')
        session.close_terminal()
        assert session.ended() == 0
    books = read_journal(session.journal)
    assert books.count_open("entry") == 0
    assert books.flat == "flat" or policy == "cancel"
    assert ("quit", "system", "done") in session.acts()
    assert ("disconnect", "system", "done") in session.acts()
    assert [line["exit_code"] for line in session.lines("session.stop")] == [0]


def test_a_terminal_that_goes_without_a_word_is_noticed(tmp_path: Path) -> None:
    with Live(tmp_path, "--set", POLICY.format("cancel"), controlling=False) as session:
        session.until_journal('"event":"accepted"', times=16)
        session.close_terminal()
        assert session.ended() == 0
    assert session.lines("act")[0]["args"]["why"] == "the terminal is gone"
    assert read_journal(session.journal).count_open("entry") == 0


def test_a_terminal_that_goes_while_the_engine_loads_leaves_a_session_that_says_so(tmp_path: Path) -> None:
    with Live(tmp_path, "--set", POLICY.format("pause")) as session:
        session.until_text("LOADING")
        session.close_terminal()
        session.until_journal('"command":"disconnect"')
        session.send(signal.SIGTERM)
        assert session.ended() == 0
    assert [line["kind"] for line in session.lines()][:1] == ["session.start"]
    assert read_journal(session.journal).state == "paused"


def test_a_hung_up_line_whose_terminal_is_still_there_gets_it_back(tmp_path: Path) -> None:
    with Live(tmp_path) as session:
        session.until_journal('"event":"accepted"')
        session.send(signal.SIGHUP)
        session.until_text("ends it")
        session.read_for(0.5)
        assert session.is_restored()
        session.press("\x03")  # the terminal makes a SIGINT of it again
        assert session.ended() == 0


# -- the app breaks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "status"), [("keep", 0), ("cancel", 1), ("flatten", 1)])
def test_an_app_that_breaks_restores_the_terminal_says_one_line_and_follows_the_policy(
    tmp_path: Path, policy: str, status: int
) -> None:
    with Live(tmp_path, "--set", POLICY.format(policy), before=CRASH) as session:
        session.until_journal('"event":"accepted"', times=16)
        session.press("?")
        session.until_text("the screen failed (RuntimeError: broken on purpose)")
        if policy == "keep":
            session.until_journal('"command":"disconnect"')
            session.send(signal.SIGTERM)
        assert session.ended() == status
        assert session.is_restored()
        after = session.raw.rsplit(LEAVE, 1)[-1].decode()
        assert "Traceback" not in after
        assert after.count("broken on purpose") == 1
    assert "broken on purpose" in (session.folder / "stderr.log").read_text()
    assert "Traceback" in (session.folder / "stderr.log").read_text()
    books = read_journal(session.journal)
    assert bool(books.count_open("entry")) is (policy == "keep")
    assert books.flat == "flat" or policy != "flatten"


def test_an_app_that_breaks_before_the_engine_begins_is_an_internal_error(tmp_path: Path) -> None:
    with Live(tmp_path, before=NO_MOUNT) as session:
        assert session.ended() == 1
        assert session.is_restored()
        said = session.raw.rsplit(LEAVE, 1)[-1].decode()
        assert "the screen failed (ValueError: no mount)" in said
        assert "Traceback" not in said
    assert not session.journal.read_text()


def test_a_cancel_at_the_end_that_fails_leaves_what_is_at_the_venue_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("on purpose")

    with hosted(plan_for(tmp_path)) as host:
        until(lambda: running(host) and bool(host.snapshot.open_entries))
        monkeypatch.setattr(Desk, "handle", broken)
        host.stop(Ending.CANCEL)
        assert host.exit_code == OUTCOME_UNKNOWN


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# -- the disk is full --------------------------------------------------------------------------------------------------


DISKS = pytest.mark.parametrize("make_disk", [small_disk, limited_disk])


@DISKS
def test_a_disk_that_fills_up_shuts_the_gate_keeps_the_protection_and_loses_nothing(
    tmp_path: Path, make_disk: Callable[[Path], AbstractContextManager[Disk]]
) -> None:
    with make_disk(tmp_path / "disk") as disk, Live(disk.folder, "--set", "grid.step_bps=2") as session:
        session.until_journal('"role":"sl"')
        written = session.lines()
        disk.fill(session.process.pid)
        filled = time.time_ns()
        session.raw = b""
        session.until_text(disk.word)  # the screen says why
        session.until_text("journal failing")  # and each rung
        session.read_for(4.0)
        disk.free(session.process.pid)
        freed = time.time_ns()
        session.until_journal('"kind":"equity"')
        session.read_for(4.0)
        session.send(signal.SIGTERM)
        assert session.ended() == 0
        books = read_journal(session.journal)  # no gap
        assert session.lines()[: len(written)] == written
        submits = [line for line in session.lines("order") if line["event"] == "submit"]
        meanwhile = {line["role"] for line in submits if filled + 1_000_000_000 <= line["ts"] <= freed}
        assert "entry" not in meanwhile
        assert "sl" in meanwhile
        assert "entry" in {line["role"] for line in submits if line["ts"] > freed}
        assert books.max_naked_ns < 1_000_000_000
        assert "entries wait, exits go on" in session.lines("error")[0]["message"]


@DISKS
def test_lines_that_the_disk_refuses_to_the_end_are_counted_and_the_status_says_so(
    tmp_path: Path, make_disk: Callable[[Path], AbstractContextManager[Disk]]
) -> None:
    with make_disk(tmp_path / "disk") as disk:
        with Live(disk.folder, terminal=False) as session:
            session.until_journal('"event":"accepted"', times=16)
            disk.fill(session.process.pid)
            session.until_journal_stands()
            session.give("quit")
            assert session.ended() == 1
            lost = re.search(rf"{disk.word}: (\d+) lines of the journal were lost", session.problems)
        assert lost is not None
        assert int(lost[1]) >= 3  # quit, its receipt, the end
        assert "Traceback" not in session.text
        seq = read_journal(session.journal).seq
        disk.free(session.process.pid)
        with Live(disk.folder, "--for", "1", terminal=False) as session:
            assert session.ended() == 0
        assert [line["torn_line_dropped"] for line in session.lines("session.start")] == [False, False]
        assert [line["seq"] for line in session.lines("session.start")] == [1, seq + 1]


def test_not_flat_although_flat_was_asked_is_graver_than_lost_lines(tmp_path: Path) -> None:
    spoilt = """
import os, strategy.journal
from hedgegrid_tui.engine.host import EngineHost
from hedgegrid_tui.engine.plan import NOT_FLAT_AS_ASKED
end = EngineHost._end
async def fails(self, *args):
    self.exit_code = NOT_FLAT_AS_ASKED
    def full(*_):
        raise OSError(28, "No space left on device")
    strategy.journal.os.write = full
EngineHost._end = fails
"""
    with Live(tmp_path, terminal=False, before=spoilt) as session:
        session.until_journal('"event":"accepted"')
        session.give("quit flatten")
        assert session.ended() == NOT_FLAT_AS_ASKED
        assert "lines of the journal were lost" in session.problems


# -- two processes, and a process that is killed -----------------------------------------------------------------------


@pytest.mark.parametrize("first", [True, False], ids=["dashboard-holds", "headless-holds"])
@pytest.mark.parametrize("second", [True, False], ids=["dashboard-comes", "headless-comes"])
def test_a_second_process_is_refused_and_told_who_is_there_since_when(
    tmp_path: Path, first: bool, second: bool
) -> None:
    with Live(tmp_path, terminal=first) as holder:
        holder.until_journal('"kind":"session.start"')
        with Live(tmp_path, terminal=second) as late:
            assert late.ended() == COULD_NOT_START
            said = late.text if second else late.problems
            assert "Traceback" not in said
        told = re.search(r"process (\d+) since ([\d-]+ [\d:]+\+00:00) \((.*)\) trades here", " ".join(said.split()))
        assert told is not None, said
        assert abs(datetime.fromisoformat(told[2]).timestamp() - time.time()) < 60
        assert f"--state-dir {tmp_path}" in told[3]
        pid = int(told[1])
        assert holder_of(holder.folder / "lock") == Holder(pid, told[2], told[3])
        holder.read_for(0.2)
        os.kill(pid, signal.SIGTERM)
        assert holder.ended() == 0
    assert holder_of(holder.folder / "lock") is None


def test_after_a_kill_the_lock_is_free_and_what_was_latched_is_found_again(tmp_path: Path) -> None:
    with Live(tmp_path, terminal=False) as session:
        session.until_journal('"event":"accepted"', times=16)
        session.give("pause")
        session.until_journal('"name":"paused"')
        session.send(signal.SIGKILL)
        assert session.ended() == -signal.SIGKILL
    with Live(tmp_path) as session:
        session.until_text("PAUSED")
        session.until_text("restored")
        session.until_journal('"kind":"equity"', times=2)
        session.send(signal.SIGTERM)
        assert session.ended() == 0
    assert session.lines("session.start")[1]["restored"] == ["paused"]
    assert len(session.lines("session.stop")) == 1
    later = session.lines()[session.lines("session.start")[1]["seq"] :]
    assert not [line for line in later if line["kind"] == "order" and line["event"] == "submit"]


# -- standard output ---------------------------------------------------------------------------------------------------


def test_a_reader_that_goes_takes_neither_the_session_nor_its_exit_status_with_it(tmp_path: Path) -> None:
    with Live(tmp_path, terminal=False) as session:
        session.until_text("snapshot")
        assert session.process.stdout is not None
        session.process.stdout.close()
        session.fd = -1
        session.until_journal('"kind":"equity"', times=4)
        session.give("quit")
        assert session.ended() == 0
        assert session.problems == ""


def test_a_reader_that_stops_loses_lines_and_nothing_else(tmp_path: Path) -> None:
    patience = "import hedgegrid_tui.headless as headless; headless.READER_PATIENCE_S = 0.5"
    with Live(tmp_path, terminal=False, before=patience) as session:
        for _ in range(200):
            session.give("snapshot")
        session.until_journal('"kind":"equity"', times=6)
        session.fd, reader = -1, session.fd
        for _ in range(200):
            session.give("snapshot")
        session.read_for(1.0)
        session.give("quit")
        assert session.ended() == 0
        assert "standard output is not read" in session.problems
        assert reader
    assert [line["exit_code"] for line in session.lines("session.stop")] == [0]
