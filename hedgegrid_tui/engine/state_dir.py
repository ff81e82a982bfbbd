"""Where a mode and instrument keep journal, log and lock; one process at a time."""

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

import msgspec
import platformdirs

JOURNAL: Final = "journal.jsonl"


class LockedError(Exception):
    """Another process trades this instrument in this mode."""


def default_base() -> Path:
    """The platform's state folder."""
    return platformdirs.user_state_path("hedgegrid")


class StateDir:
    """One folder per mode and instrument, held by a lock while open."""

    def __init__(self, base: Path, mode: str, instrument: str) -> None:
        self.path = base / mode / instrument
        self._lock: int | None = None

    @property
    def journal(self) -> Path:
        """The journal of this mode and instrument."""
        return self.path / JOURNAL

    @property
    def log(self) -> Path:
        """What libraries wrote to standard error."""
        return self.path / "stderr.log"

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            LockedError: Another process holds it; the message names the process.
            OSError: The folder cannot be made or written.
        """
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            message = f"{self.path}: process {holder} trades here already; end it or choose another --state-dir"
            raise LockedError(message) from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        self._lock = lock
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def set_journal_aside(self) -> None:
        """Keep an earlier journal under its start time, so that a replay starts a new one."""
        if not self.journal.exists() or not self.journal.stat().st_size:
            return
        with self.journal.open("rb") as file:
            try:
                started = int(msgspec.json.decode(file.readline())["ts"])
            except (msgspec.DecodeError, KeyError, TypeError, ValueError):
                started = self.journal.stat().st_mtime_ns
        stamp = datetime.fromtimestamp(started / 1e9, UTC).strftime("%Y%m%dT%H%M%SZ")
        target, copies = self.path / f"journal-{stamp}.jsonl", 1
        while target.exists():
            copies += 1
            target = self.path / f"journal-{stamp}-{copies}.jsonl"
        self.journal.rename(target)
