"""The cockpit in a real terminal that hangs up, is told to end, or stops reading."""

import os
import pty
import select
import signal
import sys
import time
from pathlib import Path

import pytest

from hedgegrid_tui import terminal

ROOT = Path(__file__).parents[2]
SECONDS = 20.0


class Child:
    """A cockpit under a pseudo-terminal."""

    def __init__(self, result: Path) -> None:
        self.result = result
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            os.environ["TERM"] = "xterm-256color"
            os.execv(sys.executable, [sys.executable, "-m", "tests.hedgegrid_tui.pty_child", str(result)])
        self.seen = b""

    def read_until(self, words: bytes) -> None:
        end = time.monotonic() + SECONDS
        while words not in self.seen and time.monotonic() < end:
            if select.select([self.fd], [], [], 0.05)[0]:
                self.seen += os.read(self.fd, 65_536)
        assert words in self.seen

    def ended(self, *, reading: bool = True) -> str:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if reading and select.select([self.fd], [], [], 0.02)[0]:
                try:
                    os.read(self.fd, 65_536)
                except OSError:
                    reading = False
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return self.result.read_text(encoding="utf-8")
            time.sleep(0.01)
        os.kill(self.pid, signal.SIGKILL)
        raise AssertionError("the cockpit did not end")


@pytest.fixture
def child(tmp_path: Path) -> Child:
    started = Child(tmp_path / "result")
    started.read_until(b"RUNNING")
    return started


@pytest.mark.parametrize(
    "signals", [("SIGTERM",), ("SIGTERM", "SIGCONT"), ("SIGINT",), ("SIGTSTP", "SIGHUP")], ids="+".join
)
def test_a_signal_ends_the_screen_in_order_and_leaves_the_engine(child: Child, signals: tuple[str, ...]) -> None:
    for name in signals:
        os.kill(child.pid, signal.Signals[name])
    assert child.ended() == "hangup=True faults=0 stopped=0"


def test_a_line_that_drops_ends_the_screen_in_order_and_leaves_the_engine(child: Child) -> None:
    os.close(child.fd)
    assert child.ended(reading=False) == "hangup=True faults=0 stopped=0"


def test_a_reader_that_stalls_finds_the_cockpit_alive(child: Child) -> None:
    time.sleep(2)
    os.write(child.fd, b"\x03")
    child.read_until(b"Leave HedgeGrid?")
    time.sleep(0.6)
    os.write(child.fd, b"l")
    assert child.ended() == "hangup=False faults=0 stopped=1"


def test_without_a_terminal_there_is_a_reason_instead_of_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream:
        def isatty(self) -> bool:
            return self is both

    both = Stream()
    monkeypatch.setattr(sys, "stdin", both)
    monkeypatch.setattr(sys, "stdout", both)
    monkeypatch.setattr(sys, "__stderr__", both)
    monkeypatch.setenv("TERM", "xterm")
    assert terminal.why_no_screen() is None
    monkeypatch.setenv("TERM", "dumb")
    assert terminal.why_no_screen() == "TERM=dumb: such a terminal shows no dashboard"
    monkeypatch.setattr(sys, "stdin", Stream())
    assert terminal.why_no_screen() == "the dashboard needs a terminal: standard input is none"
