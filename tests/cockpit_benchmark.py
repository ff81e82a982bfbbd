"""What the screen costs and how soon it answers, in a real terminal: `python -m tests.cockpit_benchmark`.

Parts, each in processes of its own: `busy` (40 rungs, every frame another price, 120x40), `small` (the same at 80x24),
`quiet` (events at the same price), `keys` (a key's way to the engine's loop below a thousand quotes a second), `paint`
(process start to first frame, beside a bare `import textual.app`). What others do on the machine counts in: read the
ratios, and the load that is printed with them.
"""

import argparse
import contextlib
import json
import os
import pstats
import random
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

ROOT: Final = Path(__file__).parents[1]
PRODUCT: Final = "from hedgegrid_tui.start import main; main()"
HOOK: Final = "import tests.cockpit_keys as keys; keys.install({!r})"
FIRST_WORD: Final = b"SIMULATED"
"""In the first frame, and not in what is written before it."""
WARM_S: Final = 3.0
"""Until the engine has started and the first layouts are over."""
FPS: Final = 4
PATIENCE_S: Final = 60.0
BYTECODE: Final = f"hedgegrid-benchmark-bytecode-{os.getuid()}"
"""A folder beside other temporary ones that keeps what Python has compiled."""


@dataclass(frozen=True)
class Figure:
    """One thing that was measured, against its target."""

    part: str
    what: str
    value: float
    unit: str
    target: float | None = None
    """At most so much; None: told for comparison."""

    @property
    def held(self) -> bool:
        """Whether the target is met."""
        return self.target is None or self.value <= self.target


def environment() -> dict[str, str]:
    """As over SSH, where 256 colours are the rule, and as installed, where bytecode is at hand."""
    unwanted = ("COLORTERM", "NO_COLOR", "TEXTUAL_COLOR_SYSTEM", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return kept | {"TERM": "xterm-256color", "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / BYTECODE)}


class Pty:
    """A command in a pseudo-terminal; remembers when how many bytes came."""

    def __init__(self, command: Sequence[str], columns: int, lines: int) -> None:
        self.reads: list[tuple[float, int]] = []
        self.raw = b""
        self.fd, slave = os.openpty()
        termios.tcsetwinsize(slave, (lines, columns))
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, *command], stdin=slave, stdout=slave, stderr=slave, env=environment(), cwd=ROOT,
            start_new_session=True,
        )  # fmt: skip
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.fd)

    def read(self, *others: int, seconds: float = 0.1) -> list[int]:
        """Take what the screen writes; gives which of the other descriptors have something to read."""
        ready = select.select([self.fd, *others], [], [], seconds)[0]
        if self.fd in ready:
            with contextlib.suppress(OSError):  # the other side has gone
                taken = os.read(self.fd, 1 << 16)
                self.reads.append((time.monotonic(), len(taken)))
                self.raw = (self.raw + taken)[-(1 << 16) :]
        return [number for number in ready if number != self.fd]

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Read until that holds.

        Raises:
            RuntimeError: The process ended or took too long; with the last that it wrote.
        """
        end = time.monotonic() + PATIENCE_S
        while True:
            ended = self.process.poll() is not None  # looked at first: it may end while that comes to hold
            if done():
                return
            if ended or time.monotonic() > end:
                raise RuntimeError(f"no {what}: {self.raw[-2000:].decode(errors='replace')}")
            self.read(seconds=0.02)

    def written(self, began: float, ended: float) -> int:
        """Bytes that came between two moments."""
        return sum(size for at, size in self.reads if began <= at <= ended)


def screen(part: str, kind: str, size: tuple[int, int], seconds: float, profile: str = "") -> list[Figure]:
    """CPU and bytes of the screen over a made-up market."""
    targets = {"busy": (6.0, 30.0), "small": (None, 10.0), "quiet": (None, 1.0)}
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = ["-m", "tests.cockpit_market", kind, str(result), str(WARM_S), str(seconds), str(FPS)]
        if profile:
            os.environ["COCKPIT_PROFILE"] = profile
        with Pty(command, *size) as terminal:
            terminal.until(lambda: terminal.process.poll() is not None, "end")
            told = json.loads(result.read_text(encoding="utf-8"))
            if terminal.process.returncode:
                raise RuntimeError(terminal.raw[-2000:].decode(errors="replace"))
    spent = told["ended"] - told["began"]
    cpu, speed = 100 * (told["cpu"] - told["market"]) / spent, terminal.written(told["began"], told["ended"]) / spent
    name = f"{size[0]}x{size[1]}, {FPS} Hz, {kind}"
    return [
        Figure(part, f"CPU of the screen, {name}", cpu, "% of a core", targets[part][0]),
        Figure(part, f"bytes of the screen, {name}", speed / 1000, "KB/s", targets[part][1]),
    ]


def keys(presses: int) -> list[Figure]:
    """From the write of a key to its command on the loop of an engine that handles a thousand quotes a second."""
    delays: list[float] = []
    told: list[tuple[int, int]] = []
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        fifo = Path(folder) / "arrivals"
        os.mkfifo(fifo)
        listener = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        program = f"{HOOK.format(str(fifo))}\n{PRODUCT}"
        with Pty(["-c", program, "--state-dir", folder], 120, 40) as terminal:
            journal = Path(folder) / "sim" / "BTCUSDT" / "journal.jsonl"
            started = '"event":"accepted"'
            terminal.until(lambda: journal.exists() and started in journal.read_text(encoding="utf-8"), "orders")
            _pass(terminal, WARM_S)
            for _ in range(presses):
                _pass(terminal, chance.uniform(0.3, 0.6))  # at any moment between two frames
                pressed = time.monotonic_ns()
                os.write(terminal.fd, b"p")
                arrived, quotes = _arrival(terminal, listener)
                delays.append((arrived - pressed) / 1e6)
                told.append((arrived, quotes))
            terminal.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(RuntimeError):
                terminal.until(lambda: terminal.process.poll() is not None, "end")
        os.close(listener)
    delays.sort()
    (first, before), (last, after) = told[0], told[-1]
    return [
        Figure("keys", "quotes that the engine handled", (after - before) / (last - first) * 1e9, "a second"),
        Figure("keys", f"key to command, median of {presses}", statistics.median(delays), "ms"),
        Figure("keys", "key to command, p99", delays[min(len(delays) - 1, int(len(delays) * 0.99))], "ms", 50.0),
    ]


def _pass(terminal: Pty, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        terminal.read(seconds=min(0.05, max(0.0, end - time.monotonic())))


def _arrival(terminal: Pty, listener: int) -> tuple[int, int]:
    end, line = time.monotonic() + 5.0, b""
    while not line.endswith(b"\n"):
        if time.monotonic() > end:
            raise RuntimeError(f"a key did not arrive: {terminal.raw[-2000:].decode(errors='replace')}")
        if listener in terminal.read(listener):
            line += os.read(listener, 256)
    arrived, quotes = line.split()
    return int(arrived), int(quotes)


def paint(runs: int) -> list[Figure]:
    """From the start of the process to its first frame, the two kinds of process in turn."""
    painted, configured, bare = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "grid.toml"
        subprocess.run([sys.executable, "-c", PRODUCT, "init", str(file)], cwd=ROOT, check=True, capture_output=True)
        for number in range(runs + 1):
            began = time.monotonic()
            subprocess.run([sys.executable, "-c", "import textual.app"], cwd=ROOT, env=environment(), check=True)
            bare.append(time.monotonic() - began)
            painted.append(_first_frame(["--state-dir", f"{folder}/{number}"]))
            configured.append(_first_frame(["--state-dir", f"{folder}/{number}", "--config", str(file)]))
    bare, painted, configured = (sorted(times[1:]) for times in (bare, painted, configured))  # the first warms the disk
    alone, first = statistics.median(bare), statistics.median(painted)
    return [
        Figure("paint", "a bare `import textual.app`, median", alone, "s"),
        Figure("paint", f"process start to first frame, median of {runs}", first, "s", 0.6),
        Figure("paint", "the quickest of them", painted[0], "s"),
        Figure("paint", "ratio to the bare import", first / alone, "times"),
        Figure("paint", "the same with --config, median", statistics.median(configured), "s"),
    ]


def _first_frame(arguments: list[str]) -> float:
    with Pty(["-c", PRODUCT, *arguments], 120, 40) as terminal:
        terminal.until(lambda: FIRST_WORD in terminal.raw, "first frame")
        return time.monotonic() - terminal.began


PARTS: Final = ("busy", "small", "quiet", "keys", "paint")


def measured(part: str, seconds: float, presses: int, runs: int, profile: str = "") -> list[Figure]:
    """The figures of one part."""
    match part:
        case "busy" | "quiet":
            return screen(part, part, (120, 40), seconds, profile)
        case "small":
            return screen(part, "busy", (80, 24), seconds, profile)
        case "keys":
            return keys(presses)
        case _:
            return paint(runs)


def main() -> int:
    """Print a table; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=PARTS, choices=PARTS, metavar="PART")
    parser.add_argument("--seconds", type=float, default=20.0, help="for which a screen is measured")
    parser.add_argument("--presses", type=int, default=150)
    parser.add_argument("--runs", type=int, default=10, help="of the first paint")
    parser.add_argument("--profile", action="store_true", help="what the screen spends its time on, instead")
    parser.add_argument("--json", action="store_true", help="one line of JSON a figure")
    asked = parser.parse_args()
    missed = 0
    if not asked.json:
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        print(f"{'':46} {'measured':>22}  target")
    for part in asked.only:
        if asked.profile:
            _print_profile(part, asked.seconds)
            continue
        for figure in measured(part, asked.seconds, asked.presses, asked.runs):
            missed += not figure.held
            target = (
                "" if figure.target is None else f"{'held' if figure.held else 'MISSED'}, at most {figure.target:g}"
            )
            row = f"{figure.what:<46} {figure.value:>9.2f} {figure.unit:<12}  {target}"
            print(json.dumps(asdict(figure) | {"held": figure.held}) if asked.json else row, flush=True)
    return 1 if missed else 0


def _print_profile(part: str, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/profile"
        measured(part, seconds, 0, 0, file)
        pstats.Stats(file).sort_stats("tottime").print_stats(40).sort_stats("cumtime").print_stats(60)


if __name__ == "__main__":
    sys.exit(main())
