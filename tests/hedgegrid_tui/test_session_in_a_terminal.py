"""The whole product in a real terminal: keys, a reader that stops, what the journal says afterwards."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tests.hedgegrid_tui.live import ENTER, Live
from tests.journal_reader import read_journal

pytestmark = pytest.mark.timeout(150)

STALL_S = 8.0
"""At 30 frames a second the terminal is full within the first of them."""
ESCAPES = re.compile(r"\x1b(\[[0-9;?<>=]*[ -/]*[@-~]|[()][A-Z0-9]|[=>78]|\][^\x07]*\x07)")


class Terminal:
    """A pty of 120x40 with `hedgegrid` in it."""

    def __init__(self, state: Path, *arguments: str) -> None:
        self.journal = state / "sim" / "BTCUSDT" / "journal.jsonl"
        self.status: int | None = None
        self.text = ""
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.environ["TERM"] = "xterm-256color"
            program = [sys.executable, "-c", "from hedgegrid_tui.cli import main; main()"]
            os.execv(sys.executable, [*program, "--state-dir", str(state), *arguments])
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self.status is None:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._fd)

    def press(self, key: str) -> None:
        os.write(self._fd, key.encode())

    def read_until(self, wanted: str, seconds: float = 40.0) -> None:
        """Read the screen's changes until the text shows in them."""
        self.text = ""
        deadline = time.monotonic() + seconds
        while wanted not in self.text:
            assert time.monotonic() < deadline, f"{wanted!r} did not show; last: {self.text[-2000:]}"
            self._read()

    def read_for(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._read()

    def until_journal(self, wanted: str, seconds: float = 40.0) -> None:
        """Keep reading the screen until the journal holds the text."""
        deadline = time.monotonic() + seconds
        while not (self.journal.exists() and wanted in self.journal.read_text(encoding="utf-8")):
            assert time.monotonic() < deadline, f"{wanted!r} did not come into the journal"
            self._read()

    def waiting(self) -> int:
        """Bytes that the terminal holds for its reader."""
        return int(struct.unpack("i", fcntl.ioctl(self._fd, termios.FIONREAD, b"\0" * 4))[0])

    def until_ended(self, seconds: float = 20.0) -> int:
        deadline = time.monotonic() + seconds
        while self.status is None:
            assert time.monotonic() < deadline, "the process did not end"
            self._read()
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def _read(self) -> None:
        if select.select([self._fd], [], [], 0.05)[0]:
            try:
                raw = os.read(self._fd, 65_536).decode(errors="replace")
            except OSError:  # the other side has gone
                time.sleep(0.05)
                return
            self.text += ESCAPES.sub("", raw)


def lines_of(journal: Path, kind: str) -> Iterator[dict[str, Any]]:
    for line in journal.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["kind"] == kind:
            yield entry


def longest_gap(stamps: list[int]) -> int:
    return max(after - before for before, after in pairwise(stamps))


def test_flatten_from_the_keyboard_ends_flat_and_a_second_press_adds_nothing(tmp_path: Path) -> None:
    with Terminal(tmp_path, "--seed", "5") as screen:
        screen.until_journal('"role":"sl"')
        for _ in range(2):
            screen.press("F")
            screen.read_until("both legs")
            screen.read_for(0.8)  # keys are ignored for the first half second
            screen.press("a")
            screen.read_for(1.5)
        screen.press("q")
        screen.read_until("flatten both legs and leave")
        screen.read_for(0.8)
        screen.press("l")
        assert screen.until_ended() == 0
    books = read_journal(screen.journal)
    assert books.flat == "flat"
    assert not books.orders
    assert not books.owed
    receipts = [line for line in lines_of(screen.journal, "receipt") if "long" in line["detail"]]
    assert [line["result"] for line in receipts] == ["done", "done"]
    assert {leg["left"] for line in receipts for leg in line["detail"].values()} == {"0"}
    assert all(leg["closed"] == "0" for leg in receipts[1]["detail"].values())


def test_a_terminal_that_is_not_read_delays_neither_quotes_nor_orders(tmp_path: Path) -> None:
    with Terminal(tmp_path, "--fps", "30") as screen:
        screen.until_journal('"kind":"fill"')
        stalled = time.time_ns()
        time.sleep(STALL_S)
        waiting = screen.waiting()
        time.sleep(1.0)
        assert screen.waiting() == waiting > 0, "the terminal still took something: nothing was put to the test"
        resumed = time.time_ns()
        screen.read_for(2.0)
        screen.press("q")
        screen.read_until("leave", 10)
        screen.read_for(0.8)
        screen.press("l")
        assert screen.until_ended() == 0
    # An equity line is written on the first quote of each second: a gap would be one in the quotes handled.
    stamps = [line["ts"] for line in lines_of(screen.journal, "equity") if stalled <= line["ts"] <= resumed]
    assert len(stamps) >= STALL_S - 2
    assert longest_gap(stamps) < 1_500_000_000
    submitted: dict[str, int] = {}
    delays = []
    for line in lines_of(screen.journal, "order"):
        if line["event"] == "submit":
            submitted[line["id"]] = line["ts"]
        elif line["event"] == "accepted" and stalled <= line["ts"] <= resumed:
            delays.append(line["ts"] - submitted[line["id"]])
    assert delays
    assert max(delays) < 1_000_000_000
    assert read_journal(screen.journal).max_naked_ns < 1_000_000_000


def test_a_dropped_line_ends_the_session_in_order_where_it_is_to_end(tmp_path: Path) -> None:
    with Terminal(tmp_path, "--set", "session.on_disconnect=cancel") as screen:
        screen.until_journal('"event":"accepted"')
        os.kill(screen._pid, signal.SIGHUP)
        assert screen.until_ended() == 0
    assert [line["exit_code"] for line in lines_of(screen.journal, "session.stop")] == [0]
    read_journal(screen.journal)


def test_what_is_wrong_in_the_traders_own_files_is_told_before_the_screen_and_stops_nothing(tmp_path: Path) -> None:
    own = tmp_path / "config" / "hedgegrid"
    (own / "themes").mkdir(parents=True)
    (own / "keys.toml").write_text("[keys]\nfly = 'x'\n")
    (own / "themes" / "mine.toml").write_text("no theme")
    before = f"import os; os.environ['XDG_CONFIG_HOME'] = {str(tmp_path / 'config')!r}"
    with Live(tmp_path, before=before) as session:
        session.until_journal('"event":"accepted"')
        said = session.raw.partition(ENTER)[0].decode()
        assert f"{own / 'keys.toml'}" in said
        assert "fly" in said
        assert f"{own / 'themes' / 'mine.toml'}" in said
        session.send(signal.SIGTERM)
        assert session.ended() == 0


def test_a_colour_system_that_nobody_knows_is_refused_before_the_screen(tmp_path: Path) -> None:
    with Live(tmp_path, before="import os; os.environ['TEXTUAL_COLOR_SYSTEM'] = 'foo'") as session:
        assert session.ended() == 2
        assert "TEXTUAL_COLOR_SYSTEM=foo: must be" in session.text
        assert ENTER not in session.raw
        assert "Traceback" not in session.text
