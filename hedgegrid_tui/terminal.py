"""The terminal's ways to fail: one that is not read any more, one that is gone."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from typing import Final

MAX_BACKLOG: Final = 3
"""Writes that may wait before frames are skipped; Textual's own queue blocks its loop at 30."""
HANGUP_SIGNALS: Final = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)


def backlog(driver: object) -> int:
    """Writes that wait for the terminal; 0 for a driver without a writer thread."""
    queue = getattr(getattr(driver, "_writer_thread", None), "_queue", None)
    size = getattr(queue, "qsize", None)
    return int(size()) if callable(size) else 0


def congested(driver: object) -> bool:
    """Whether the terminal reads too slowly for another frame."""
    return backlog(driver) > MAX_BACKLOG


def watch_hangup(hang_up: Callable[[], None]) -> None:
    """Call `hang_up` on the running loop when the terminal goes or the process is told to end.

    Textual handles none of these signals: a dropped line would kill the engine with the screen.
    """
    loop = asyncio.get_running_loop()
    # Textual would answer SIGTSTP by stopping the whole process, engine included, and a SIGCONT (systemd and timeout
    # send one after SIGTERM) by entering the terminal a second time, which never ends.
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGTSTP, signal.SIG_IGN)
        signal.signal(signal.SIGCONT, signal.SIG_DFL)
    for name in HANGUP_SIGNALS:
        # Only the main thread's loop can take signals; elsewhere whoever owns the process handles them.
        with contextlib.suppress(RuntimeError, ValueError, NotImplementedError):
            loop.add_signal_handler(name, hang_up)


def why_no_screen() -> str | None:
    """Why the dashboard cannot run here, None where it can; Textual reads one and draws on the other's error stream."""
    streams = {"input": sys.stdin, "output": sys.stdout, "error": sys.__stderr__}
    missing = [name for name, stream in streams.items() if stream is None or not stream.isatty()]
    return f"the dashboard needs a terminal: standard {' and '.join(missing)} is none" if missing else None
