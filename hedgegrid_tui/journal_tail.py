"""A journal file as others read it while a session writes: whole lines, block by block, never all of it at once."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

BLOCK: Final = 1 << 20
"""Bytes read at once; a line that is longer is none of a journal."""
TOO_LONG: Final = b"a line longer than any"
"""Stands for it."""


class AuditError(ValueError):
    """A journal that cannot be read, or a filter that cannot be understood; the text says what to do."""


class MissingError(AuditError):
    """There is no such journal."""


class Tail:
    """A journal's whole lines as they come; it stays open, so that one that is set aside is read to its end.

    Raises:
        MissingError: There is no such journal.
        AuditError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.rest = b""
        """What followed the last whole line when it was last looked at."""
        self._path = path
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise MissingError(f"{path}: no such journal; {_others(path)}") from error
        except OSError as error:
            raise AuditError(f"{path}: cannot be read ({error.strerror})") from error
        self._offset = 0

    def lines(self) -> Iterator[bytes]:
        """Every whole line that has not been given yet."""
        while True:
            block = self._read()
            whole, newline, _ = block.rpartition(b"\n")
            if newline:
                self._offset += len(whole) + 1
                yield from whole.split(b"\n")
            elif len(block) < BLOCK:
                self.rest = block
                return
            else:
                self._skip_line()
                yield TOO_LONG

    def _read(self) -> bytes:
        try:
            return os.pread(self._file, BLOCK, self._offset)
        except OSError as error:
            raise AuditError(f"{self._path}: cannot be read ({error.strerror})") from error

    def _skip_line(self) -> None:
        while block := self._read():
            end = block.find(b"\n")
            self._offset += len(block) if end < 0 else end + 1
            if end >= 0:
                return

    def cut(self) -> tuple[int, int] | None:
        """Size before and after, where the file has become shorter than what was given; then it begins again."""
        size = os.fstat(self._file).st_size
        if size >= self._offset:
            return None
        before, self._offset = self._offset, 0
        return before, size

    def is_replaced(self) -> bool:
        """Whether another file, or none, stands in the journal's place."""
        try:
            return not os.path.samestat(os.fstat(self._file), self._path.stat())
        except OSError:
            return True

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


def latest_ts(path: Path) -> int:
    """Engine time of the last whole line, ns; 0 where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - BLOCK))
            lines = file.read().split(b"\n")
        return int(msgspec.json.decode(lines[-2])["ts"]) if len(lines) > 1 else 0
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError):
        return 0


def _others(path: Path) -> str:
    """What to do where a journal is not there: the others of the same state folder."""
    *_, base = path.parents[:3]
    others = sorted(f"--mode {each.parts[-3]} --instrument {each.parts[-2]}" for each in base.glob(f"*/*/{path.name}"))
    return f"there is {', '.join(others)}" if others else f"there is none under {base}, name another --state-dir"
