"""A disk that fills up on demand: a small tmpfs where mounting is permitted, or a limit on what a process may write."""

import contextlib
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

SIZE = 4 << 20


class Disk(Protocol):
    """Room for one session's state."""

    folder: Path
    word: str
    """What the system says when it is full."""

    def fill(self, pid: int) -> None:
        """Leave no room for what that process writes."""

    def free(self, pid: int) -> None:
        """Give the room back."""


class SmallDisk:
    """A real file system of a few megabytes; a file that takes the rest of it fills it."""

    word = "No space left on device"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, pid: int) -> None:
        with self._filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return

    def free(self, pid: int) -> None:
        self._filler.unlink()


class LimitedDisk:
    """The largest size of a file: the system refuses what would make the journal larger than it is."""

    word = "File too large"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, pid: int) -> None:
        size = next(self.folder.rglob("journal.jsonl")).stat().st_size
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def free(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # the limit has ended with the process
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """A disk at `folder`, gone afterwards."""
    folder.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(folder)]
    if subprocess.run(options, capture_output=True, check=False).returncode:
        yield LimitedDisk(folder)
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def limited_disk(folder: Path) -> Iterator[Disk]:
    """The same by a limit, whatever is permitted."""
    folder.mkdir()
    yield LimitedDisk(folder)
