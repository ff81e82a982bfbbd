"""The append-only record: one JSON object a line, numbered without a gap, written before the act it tells of."""

import contextlib
import os
from collections import deque
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

SYNCED: Final = frozenset({"session.start", "session.stop", "act", "state", "receipt", "alarm", "error"})
"""Kinds that are on disk before the next step."""
LATEST: Final = 2000
"""So many lines are remembered for whoever shows them."""
TAIL_BLOCK: Final = 65_536
LINE_START: Final = b'{"seq":'


class JournalError(Exception):
    """A journal that cannot be opened or continued."""

    exit_code: Final = 3
    """Exit status of a session that could not start."""


class JournalWriter(Protocol):
    """What the strategy needs of a journal."""

    @property
    def failure(self) -> str:
        """Why lines wait in memory for a disk that refuses them; empty while none does."""

    def write(self, kind: str, ts: int, **fields: Any) -> None:  # noqa: ANN401
        """Append one line; `ts` is ns UTC on the engine's clock."""


class Journal:
    """A journal file that is open for appending; each line is handed to the system as it is written.

    A disk that refuses lines does not stop the protection of what is held: they wait in memory, in their sequence and
    with their numbers, and are written as soon as it takes them again. Meanwhile `failure` says so.

    Raises:
        JournalError: The file cannot be opened, or what stands in it is no journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.torn = False
        """Whether opening dropped a torn last line."""
        self.failure = ""
        self._waiting: deque[bytes] = deque()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(f"{path}: cannot be opened ({error.strerror}); choose another --state-dir") from error
        self._encoder = msgspec.json.Encoder()
        self._latest: deque[tuple[int, bytes]] = deque(maxlen=LATEST)
        self.seq = self._recover()

    def write(self, kind: str, ts: int, **fields: Any) -> None:  # noqa: ANN401
        """Append one line; `ts` is ns UTC on the engine's clock."""
        line = self._encoder.encode({"seq": self.seq + 1, "ts": ts, "kind": kind, **fields}) + b"\n"
        self._waiting.append(line)
        self.seq += 1
        self._latest.append((self.seq, line))
        try:
            self._write_waiting()
            if kind in SYNCED:
                os.fdatasync(self._file)
            self.failure = ""
        except OSError as error:
            self.failure = error.strerror or str(error)

    def _write_waiting(self) -> None:
        while self._waiting:
            self._append(self._waiting[0])
            self._waiting.popleft()

    def _append(self, line: bytes) -> None:
        """Write a whole line or none."""
        written = 0
        try:
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError:
            if written:
                os.ftruncate(self._file, os.fstat(self._file).st_size - written)
            raise

    def latest(self, after: int) -> tuple[bytes, ...]:
        """The session's lines behind number `after`, oldest first, of those that are remembered; from any thread."""
        return tuple(line for seq, line in tuple(self._latest) if seq > after) if self.seq > after else ()

    def close(self) -> int:
        """Try once more to put everything on disk, and let go of the file.

        Gives how many lines the disk has refused to the end; `failure` says why, and they are lost with the process.
        """
        try:
            self._write_waiting()
            os.fdatasync(self._file)
            self.failure = ""
        except OSError as error:
            self.failure = error.strerror or str(error)
        with contextlib.suppress(OSError):
            os.close(self._file)
        return len(self._waiting)

    def _recover(self) -> int:
        """The last line's number; a torn last line is cut off."""
        size = os.fstat(self._file).st_size
        tail = b""
        start = size
        while start > 0 and tail.count(b"\n") < 2:
            block = min(TAIL_BLOCK, start)
            start -= block
            tail = os.pread(self._file, block, start) + tail
        whole, _, torn = tail.rpartition(b"\n")
        try:
            last = int(msgspec.json.decode(whole.rpartition(b"\n")[2])["seq"]) if whole else 0
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            raise self._foreign() from error
        if torn[: len(LINE_START)] != LINE_START[: len(torn)]:
            raise self._foreign()
        if torn:
            self.torn = True
            os.ftruncate(self._file, size - len(torn))
        return last

    def _foreign(self) -> JournalError:
        return JournalError(f"{self.path}: its last line is no journal line; move the file away")
