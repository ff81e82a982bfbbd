"""Errors that were contained: counted once each, the latest kept for the screen."""

import contextlib
from collections import deque
from typing import Final

from strategy.journal import JournalWriter
from strategy.snapshot import ErrorRecord

KEPT: Final = 200


class ErrorLog:
    """Counts and keeps errors, and writes each to the journal."""

    def __init__(self, journal: JournalWriter) -> None:
        self._journal = journal
        self._latest: deque[ErrorRecord] = deque(maxlen=KEPT)
        self.count = 0
        self.critical = 0

    @property
    def latest(self) -> tuple[ErrorRecord, ...]:
        """The latest errors, oldest first."""
        return tuple(self._latest)

    def record(self, now: int, where: str, kind: str, message: str, *, critical: bool) -> None:
        """Note one error; `where` is the handler or part, `kind` the error's type."""
        self.count += 1
        self.critical += critical
        self._latest.append(ErrorRecord(self.count, now, where, kind, message, critical))
        with contextlib.suppress(OSError):  # the record of a failure must not become a second one
            self._journal.write("error", now, where=where, type=kind, message=message, critical=critical)
