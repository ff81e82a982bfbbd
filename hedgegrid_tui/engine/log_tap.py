"""Keeps file descriptor 2 off the screen: what libraries write there goes to a log file and a short memory."""

import contextlib
import io
import os
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Final, override

KEPT: Final = 500
MAX_BYTES: Final = 10 << 20
"""Of the log file; one older one is kept."""


class Unfailing(io.TextIOWrapper):
    """A terminal that may go at any moment: what cannot be written is dropped, and nobody's thread ends of it."""

    @override
    def write(self, text: str, /) -> int:
        with contextlib.suppress(OSError, ValueError):
            return super().write(text)
        return len(text)

    @override
    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().flush()


class LogTap:
    """Redirects fd 2 into a pipe that a thread drains; `sys.stderr` and `sys.__stderr__` keep the real one."""

    def __init__(self, path: Path) -> None:
        self._lines: deque[str] = deque(maxlen=KEPT)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._log = path.open("a", encoding="utf-8", buffering=1)
        self._saved = os.dup(2)
        self._streams = (sys.stderr, sys.__stderr__)
        screen = io.FileIO(os.dup(2), "w")
        real = Unfailing(io.BufferedWriter(screen), encoding="utf-8", errors="replace", line_buffering=True)
        sys.stderr = sys.__stderr__ = real  # type: ignore[misc] # where Textual's driver draws
        self._real = real
        reader, writer = os.pipe()
        os.dup2(writer, 2)
        os.close(writer)
        self._thread = threading.Thread(target=self._drain, args=(reader,), name="log-tap", daemon=True)
        self._thread.start()

    def lines(self) -> tuple[str, ...]:
        """The latest lines, oldest first."""
        return tuple(self._lines)

    def add(self, text: str) -> None:
        """Put lines of the process's own where those of the libraries go."""
        with contextlib.suppress(OSError):
            os.write(2, text.encode(errors="replace"))

    def let_go(self) -> None:
        """Forget the terminal that fd 2 was, for it is gone: closing gives back nothing that could fail."""
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(null, self._saved)
        os.close(null)

    def close(self) -> None:
        """Give fd 2 back and write out what is left."""
        os.dup2(self._saved, 2)
        os.close(self._saved)
        self._thread.join(timeout=1.0)
        sys.stderr, sys.__stderr__ = self._streams  # type: ignore[misc]
        for file in (self._real, self._log):
            with contextlib.suppress(OSError):  # a full disk, a terminal that has gone
                file.close()

    def _drain(self, reader: int) -> None:
        with os.fdopen(reader, encoding="utf-8", errors="replace") as pipe:
            for line in pipe:
                self._lines.append(line.rstrip("\n"))
                try:
                    self._write(line)
                except (OSError, ValueError):
                    continue  # a full disk must not stop the drain: fd 2 would block the engine

    def _write(self, line: str) -> None:
        if not self._log.closed and self._log.tell() > MAX_BYTES:
            self._log.close()
            self._path.replace(self._path.with_suffix(".1.log"))
        if self._log.closed:
            self._log = self._path.open("a", encoding="utf-8", buffering=1)
        self._log.write(line)
