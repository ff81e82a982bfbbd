"""The product as a process of its own, in a terminal or without: signals, keys, what it leaves behind."""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ESCAPES = re.compile(r"\x1b(\[[0-9;?<>=]*[ -/]*[@-~]|[()][A-Z0-9]|[=>78]|\][^\x07]*\x07)")
ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"
PROGRAM = "from hedgegrid_tui.start import main; main()"
SECONDS = 40.0


class Live:
    """One process; `terminal` gives it a pty of 120x40, else its streams are pipes.

    `before` is Python that runs in the child before the product: it breaks what a test wants broken. A pty is the
    child's controlling terminal unless `controlling` says no: then its loss sends no SIGHUP.
    """

    def __init__(
        self, state: Path, *arguments: str, terminal: bool = True, before: str = "", controlling: bool = True
    ) -> None:
        self.folder = state / "sim" / "BTCUSDT"
        self.journal = self.folder / "journal.jsonl"
        self.raw = b""
        self.fd = -1
        command = [sys.executable, "-c", f"{before}\n{PROGRAM}", "--state-dir", str(state), *arguments]
        environment = os.environ | {"TERM": "xterm-256color"}
        self.began = time.monotonic()
        if terminal:
            self.fd, slave = os.openpty()
            termios.tcsetwinsize(slave, (40, 120))
            self.modes = termios.tcgetattr(slave)
            self.process = subprocess.Popen(
                ["setsid", "--ctty", *command] if controlling else command,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env=environment,
                start_new_session=not controlling,
            )
            os.close(slave)
        else:
            pipe = subprocess.PIPE
            self.process = subprocess.Popen(
                [*command, "--headless", "--json"], stdin=pipe, stdout=pipe, stderr=pipe, env=environment
            )
            assert self.process.stdout is not None
            self.fd = self.process.stdout.fileno()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        if self.process.stdout is None:
            self.close_terminal()

    @property
    def text(self) -> str:
        """What it has written, without escape sequences."""
        return ESCAPES.sub("", self.raw.decode(errors="replace"))

    @property
    def problems(self) -> str:
        """Standard error of a process without a terminal, once it has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def press(self, key: str) -> None:
        os.write(self.fd, key.encode())

    def give(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def close_terminal(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def read(self, seconds: float = 0.05) -> None:
        """Take what it has written."""
        if self.fd < 0 or not select.select([self.fd], [], [], seconds)[0]:
            time.sleep(seconds if self.fd < 0 else 0)
            return
        try:
            self.raw += os.read(self.fd, 65_536)
        except OSError:  # the other side has gone
            time.sleep(seconds)

    def read_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read()

    def until_text(self, wanted: str, seconds: float = SECONDS) -> None:
        """Until it has written the text."""
        end = time.monotonic() + seconds
        while wanted not in self.text:
            assert time.monotonic() < end, f"{wanted!r} did not show; last: {self.text[-1500:]}"
            assert self.process.poll() is None or wanted in self.text, f"it ended: {self.text[-1500:]}"
            self.read()

    def until_journal(self, wanted: str, seconds: float = SECONDS, *, times: int = 1) -> None:
        """Until the journal holds the text so often."""
        end = time.monotonic() + seconds
        while not (self.journal.exists() and self.journal.read_text(encoding="utf-8").count(wanted) >= times):
            assert time.monotonic() < end, f"{wanted!r} did not come into the journal; last: {self.text[-1500:]}"
            assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.text[-1500:]}"
            self.read()

    def until_journal_stands(self) -> None:
        """Until the journal, which gets a line a second, does not grow any more: a full disk's last page had room."""
        size = -1
        while size != self.journal.stat().st_size:
            size = self.journal.stat().st_size
            self.read_for(1.5)

    def ended(self, seconds: float = SECONDS) -> int:
        """Its exit status, once it has one; what it writes until then is read."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < end, f"it did not end; last: {self.text[-1500:]}"
            self.read(0.02)
        while self.fd >= 0 and select.select([self.fd], [], [], 0)[0]:
            before = len(self.raw)
            self.read(0)
            if len(self.raw) == before:
                break
        return self.process.returncode

    def is_restored(self) -> bool:
        """Whether the terminal has its modes and its own screen again."""
        return bool(termios.tcgetattr(self.fd) == self.modes) and self.raw.count(ENTER) <= self.raw.count(LEAVE)

    def lines(self, kind: str = "") -> list[dict[str, Any]]:
        """The journal's lines of a kind."""
        return [line for line in read_lines(self.journal) if kind in ("", line["kind"])]

    def acts(self) -> list[tuple[str, str, str]]:
        """Command, who gave it and how it ended, per act."""
        results = {line["act_id"]: line["result"] for line in self.lines("receipt")}
        return [(line["command"], line["by"], results.get(line["act_id"], "")) for line in self.lines("act")]


def read_lines(journal: Path) -> Iterator[dict[str, Any]]:
    """The lines of a journal that may be growing."""
    for line in journal.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)
