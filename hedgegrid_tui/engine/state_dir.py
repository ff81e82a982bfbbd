"""Where a mode and instrument keep journal, log and lock; one process at a time."""

import fcntl
import os
import shlex
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

import msgspec
import platformdirs

JOURNAL: Final = "journal.jsonl"
LOCK: Final = "lock"
LOCK_BYTES: Final = 4096
LOCK_TRIES: Final = 3
LOCK_PAUSE_S: Final = 0.02
COMMAND_SHOWN: Final = 200
"""Characters of a command line that the lock file keeps."""


class LockedError(Exception):
    """Another process trades this instrument in this mode."""


class Holder(msgspec.Struct, frozen=True):
    """Who has a state folder, as its lock file tells."""

    pid: int
    since: str
    """ISO time, UTC, to the second; empty where the file does not say."""
    command: str
    """The command line that it was started with."""

    def __str__(self) -> str:
        since = f" since {self.since}" if self.since else ""
        command = f" ({self.command})" if self.command else ""
        return f"process {self.pid or 'unknown'}{since}{command}"


def holder_of(lock: Path) -> Holder | None:
    """Who holds a lock file now; None where nobody does, or there is no such file.

    Raises:
        OSError: The file is there and cannot be read.
    """
    try:
        file = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_holder(file)
    finally:
        os.close(file)
    return None


def _read_holder(file: int) -> Holder:
    pid, since, command, *_ = [*os.pread(file, LOCK_BYTES, 0).decode(errors="replace").split("\n"), "", "", ""]
    return Holder(int(pid) if pid.isdecimal() else 0, since, command)


def _takes(lock: int) -> bool:
    """Take the lock; whoever only asks who holds it has it for a moment too."""
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOCK_PAUSE_S)
        else:
            return True
    return False


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
    def lock(self) -> Path:
        """The file that the process which trades here holds locked."""
        return self.path / LOCK

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
        lock = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _takes(lock):
            holder = _read_holder(lock)
            os.close(lock)
            raise LockedError(f"{self.path}: {holder} trades here already; end it or choose another --state-dir")
        since = datetime.now(UTC).isoformat(sep=" ", timespec="seconds")
        command = shlex.join(["hedgegrid", *sys.argv[1:]]).replace("\n", " ")
        command = command if len(command) <= COMMAND_SHOWN else f"{command[: COMMAND_SHOWN - 1]}…"
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n{since}\n{command}\n".encode(errors="replace"), 0)
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
