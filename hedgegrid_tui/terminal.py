"""The terminal's ways to fail: one that is not read any more, one that is gone."""

import contextlib
import os
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

MAX_BACKLOG: Final = 3
"""Writes that may wait before frames are skipped; Textual's own queue blocks its loop at 30."""
RESTORE_PATIENCE_S: Final = 2.0
"""A terminal that takes no text for so long while the screen ends is let go unrestored."""
WRITER: Final = "textual-output"
"""Name of Textual's thread that writes to the terminal."""
LEAVING: Final = (
    b"\x1b[?2004l\x1b[?7h\x1b[?2048l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"
)
"""Takes back what Textual's driver asks of a terminal."""
DUMB: Final = ("dumb", "unknown")
"""Values of TERM that promise no cursor to move."""
GONE: Final = select.POLLHUP | select.POLLERR | select.POLLNVAL


def backlog(driver: object) -> int:
    """Writes that wait for the terminal; 0 for a driver without a writer thread."""
    queue = getattr(getattr(driver, "_writer_thread", None), "_queue", None)
    size = getattr(queue, "qsize", None)
    return int(size()) if callable(size) else 0


def congested(driver: object) -> bool:
    """Whether the terminal reads too slowly for another frame."""
    return backlog(driver) > MAX_BACKLOG


def stay_in_foreground() -> None:
    """Undo what Textual's driver makes of job control.

    It would answer SIGTSTP by stopping the whole process, engine included, and a SIGCONT (systemd and timeout send one
    after SIGTERM) by entering the terminal a second time, which never ends.
    """
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGTSTP, signal.SIG_IGN)
        signal.signal(signal.SIGCONT, signal.SIG_DFL)


def forget_told_size() -> None:
    """Drop what a shell has exported of the terminal's size: Textual would believe it, and follow no resize."""
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)


def why_no_screen() -> str | None:
    """Why the dashboard cannot run here, None where it can; Textual reads one and draws on the other's error stream."""
    streams = {"input": sys.stdin, "output": sys.stdout, "error": sys.__stderr__}
    missing = [name for name, stream in streams.items() if stream is None or not stream.isatty()]
    if missing:
        return f"the dashboard needs a terminal: standard {' and '.join(missing)} is none"
    term = os.environ.get("TERM", "")
    return f"TERM={term}: such a terminal shows no dashboard" if term.lower() in DUMB else None


def say(words: str) -> None:
    """Put a line on standard error, where there is one that takes it."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            print(f"hedgegrid: {words}", file=sys.stderr, flush=True)


def make_writers_wakeable() -> None:
    """Let `let_go` wake a thread that is stuck in a write; works in the main thread only."""
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGURG, lambda *_: None)  # without a handler a signal interrupts nothing


def let_go(descriptors: Iterable[int], writer: str = WRITER) -> None:
    """Point descriptors at nothing, so that writing to a stream that has gone or is not read neither fails nor waits.

    A thread with the name `writer` that is stuck in such a write is woken, and goes on into nothing.
    """
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for descriptor in descriptors:
        os.dup2(null, descriptor)
    os.close(null)
    for thread in threading.enumerate():
        if thread.name == writer and thread.ident is not None:
            with contextlib.suppress(OSError):
                signal.pthread_kill(thread.ident, signal.SIGURG)


class Line:
    """The line to the terminal: says when it is gone, and lets go of one that keeps the screen from ending.

    Make it in the main thread before the screen takes the terminal over.
    """

    def __init__(self, on_gone: Callable[[], None], patience_s: float = RESTORE_PATIENCE_S) -> None:
        self._on_gone = on_gone
        self._patience = patience_s
        streams = (sys.__stdin__, sys.__stdout__, sys.__stderr__)
        descriptors = {stream.fileno() for stream in streams if stream is not None}
        self._descriptors = sorted(number for number in descriptors if os.isatty(number))
        self._modes: list[Any] | None = None
        with contextlib.suppress(termios.error):
            self._modes = termios.tcgetattr(self._descriptors[0]) if self._descriptors else None
        self._path = os.devnull
        with contextlib.suppress(OSError):
            self._path = os.ttyname(self._descriptors[0]) if self._descriptors else os.devnull
        make_writers_wakeable()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._let_go = False
        self._thread = threading.Thread(target=self._watch, name="terminal-watch", daemon=True)
        self._thread.start()

    def screen_ends(self) -> None:
        """From now on the screen has `patience_s` to leave the terminal; safe in a signal handler."""
        with contextlib.suppress(OSError):
            os.write(self._writer, b"e")

    def close(self) -> None:
        """The screen has left the terminal: watch no longer."""
        self._closed.set()
        self.screen_ends()
        self._thread.join(timeout=1.0)

    def let_go(self) -> None:
        """Have nothing to do with the terminal any more; its modes are restored where it is still there."""
        with self._lock:
            if not self._let_go:
                self._let_go = True
                self.restore()
                let_go(self._descriptors)

    def restore(self) -> None:
        """Give the terminal back its modes and its screen without ever waiting for it."""
        # A background process that sets modes would be stopped, engine and all.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        try:
            with contextlib.suppress(termios.error, OSError):
                if self._modes is not None:
                    termios.tcsetattr(self._descriptors[0], termios.TCSANOW, self._modes)
            with contextlib.suppress(OSError):
                terminal = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
                try:
                    os.write(terminal, LEAVING)
                finally:
                    os.close(terminal)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def _watch(self) -> None:
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        for descriptor in self._descriptors:
            poll.register(descriptor, 0)
        deadline: float | None = None
        while not self._closed.is_set():
            left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
            events = dict(poll.poll(left))
            if self._closed.is_set():
                return
            gone = any(events.get(descriptor, 0) & GONE for descriptor in self._descriptors)
            if gone or (deadline is not None and time.monotonic() >= deadline):
                self.let_go()
            if gone:
                self._on_gone()
            if gone or self._let_go:
                return
            if self._reader in events:
                os.read(self._reader, 64)
                deadline = deadline or time.monotonic() + self._patience
