"""The append-only record: one JSON object a line, numbered without a gap, written before the act it tells of."""

import os
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

SYNCED: Final = frozenset({"session.start", "session.stop", "act", "state", "receipt", "alarm", "error"})
"""Kinds that are on disk before the next step."""
TAIL_BLOCK: Final = 65_536


class JournalError(Exception):
    """A journal that cannot be opened or continued."""


class JournalWriter(Protocol):
    """What the strategy needs of a journal."""

    def write(self, kind: str, ts: int, **fields: Any) -> None:  # noqa: ANN401
        """Append one line; `ts` is ns UTC on the engine's clock."""


class Journal:
    """A journal file that is open for appending; each line is handed to the system as it is written.

    Raises:
        JournalError: The file cannot be opened, or what stands in it is no journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.torn = False
        """Whether opening dropped a torn last line."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(f"{path}: cannot be opened ({error.strerror}); choose another --state-dir") from error
        self._encoder = msgspec.json.Encoder()
        self.seq = self._recover()

    def write(self, kind: str, ts: int, **fields: Any) -> None:  # noqa: ANN401
        """Append one line; `ts` is ns UTC on the engine's clock."""
        self.seq += 1
        line = self._encoder.encode({"seq": self.seq, "ts": ts, "kind": kind, **fields}) + b"\n"
        written = 0
        while written < len(line):
            written += os.write(self._file, line[written:])
        if kind in SYNCED:
            os.fdatasync(self._file)

    def close(self) -> None:
        """Put everything on disk and let go of the file."""
        os.fdatasync(self._file)
        os.close(self._file)

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
        if torn:
            self.torn = True
            os.ftruncate(self._file, size - len(torn))
        if not whole:
            return 0
        try:
            return int(msgspec.json.decode(whole.rpartition(b"\n")[2])["seq"])
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            raise JournalError(f"{self.path}: its last line is no journal line; move the file away") from error
