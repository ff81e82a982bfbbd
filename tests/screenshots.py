"""Makes the pictures in `screenshots/` from the app on a deterministic replay: `python -m tests.screenshots`."""

import asyncio
import html
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import resvg_py

from hedgegrid_tui.app import HedgeGridApp
from hedgegrid_tui.engine.host import EngineHost
from hedgegrid_tui.engine.plan import Mode
from strategy.control import Command, CommandName, Ending, Receipt
from strategy.domain import NS_PER_S
from strategy.grid import HedgeGrid
from strategy.journal import Journal
from strategy.snapshot import EngineStatus, Snapshot
from tests.hedgegrid_tui.engine.sessions import FIRST_NS, plan_for, write_tape

FOLDER: Final = Path(__file__).parent.parent / "screenshots"
STEPS: Final = 3_920
"""Steps of the market, a second each, until the pictures begin: the regime is warm after 55 minutes."""
SEED: Final = 4
SETTINGS: Final = ("grid.levels=8", "grid.step_bps=10", "breaker.cooldown_s=300")
FONT: Final = "DejaVu Sans Mono"
BRAILLE: Final = re.compile(
    r'(<text[^>]* x=")([\d.]+)("[^>]* textLength=")([\d.]+)("[^>]*>)([^<]*[\u2800-\u28ff][^<]*)</text>'
)
PROCESS: Final = re.compile(rb'"pid":[0-9]+')
WIDE: Final = (120, 40)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: the screen's size, the theme, the keys that lead to what it shows."""

    size: tuple[int, int] = WIDE
    theme: str = "dark"
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of the session, what is done to the engine behind it, and how many steps later the next one comes."""

    pictures: dict[str, Picture]
    acts: tuple[Command | Callable[[HedgeGrid], None], ...] = ()
    steps: int = 5


def now_of(grid: HedgeGrid) -> int:
    """Time of the market's latest event, ns."""
    if grid.market is None:
        raise RuntimeError("the market has shown no price")
    return grid.market.ts


def refuse_five(grid: HedgeGrid) -> None:
    """What a venue does that wants a larger notional than the instrument says."""
    for number in range(5):
        words = f"long entry {number + 1}: -4164 Order's notional must be no smaller than 100"
        grid.errors.record(now_of(grid), "venue", "order-rejected", words, critical=False, counts=True)
    grid.converge()


def lose_a_stop(grid: HedgeGrid) -> None:
    """What a leg is told of that could not be protected in time."""
    words = "long lot 12: 0.002 had no stop in time, closed at market"
    grid.errors.record(now_of(grid), "protection", "not-restored", words, critical=True)
    grid.risk.on_critical(words)
    grid.converge()


MOMENTS: Final = (
    Moment(
        {
            "dashboard": Picture(),
            "dashboard-80x24": Picture((80, 24)),
            "dashboard-200x60": Picture((200, 60)),
            **{f"theme-{theme}": Picture(theme=theme) for theme in ("light", "contrast", "mono", "safe", "asia")},
            "chart": Picture(keys=("4", "z")),
            "orders": Picture((80, 24), keys=("5",)),
            "flatten": Picture(keys=("F",)),
            "help": Picture(keys=("question_mark",)),
        },
        (Command(CommandName.PAUSE),),
    ),
    Moment({"paused": Picture()}, (Command(CommandName.RESUME), refuse_five)),
    Moment({"breaker-open": Picture()}, (Command(CommandName.RESET_BREAKER), lose_a_stop)),
    Moment({"halted": Picture()}),
)


@dataclass(slots=True)
class Gate:
    """Holds the engine at one moment of the tape after the other, between two turns of the market."""

    until_ns: int
    reached: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def __call__(self, snapshot: Snapshot) -> None:
        """Wait, once the moment has come; what the clock on the wall publishes in between has no fixed moment."""
        task = asyncio.current_task()
        if task is not None and task.get_name() == "market" and snapshot.ts >= self.until_ns:
            self.reached.set()
            self.go_on.wait(120)
            self.go_on.clear()

    def let_go(self, steps: int) -> None:
        """Go on for so many steps of the market."""
        self.reached.clear()
        self.until_ns += steps * NS_PER_S
        self.go_on.set()


class Still:
    """The engine as it stands at the gate; what depends on the machine is left out."""

    def __init__(self, host: EngineHost, journal: Path) -> None:
        self._lines = PROCESS.sub(b'"pid":4242', journal.read_bytes()).splitlines(keepends=True)
        self.snapshot = msgspec.structs.replace(host.snapshot, seq=1)
        self.status = EngineStatus(host.status.phase)

    def log_lines(self) -> Sequence[str]:
        """None: paths stand in them."""
        return ()

    def journal_lines(self, after: int) -> Sequence[bytes]:
        """The whole session's, as for a screen that was there from the start."""
        return self._lines[after:]

    def start(self) -> None:
        """It runs."""

    def send(self, command: Command) -> Future[Receipt]:
        """No picture sends anything."""
        raise NotImplementedError(command.name)

    def stop(self, ending: Ending) -> str:
        """No picture ends anything."""
        raise NotImplementedError(ending)


def one_by_one(text: re.Match[str]) -> str:
    """A run of braille as one element a character: few monospaced fonts have it, and others space it differently."""
    head, x, between, length, tail, escaped = text.groups()
    run = html.unescape(escaped)
    across = float(length) / len(run)
    return "".join(
        f"{head}{float(x) + index * across:.2f}{between}{across:.2f}{tail}{html.escape(char)}</text>"
        for index, char in enumerate(run)
        if not char.isspace()
    )


def to_png(svg: str) -> bytes:
    """The picture in pixels."""
    spaced = BRAILLE.sub(one_by_one, svg)
    return bytes(resvg_py.svg_to_bytes(svg_string=spaced, font_family=FONT, monospace_family=FONT))


async def draw(engine: Still, picture: Picture) -> str:
    """The screen as SVG."""
    app = HedgeGridApp(engine, poll=False, clock=lambda: 0.0, theme=f"hedgegrid-{picture.theme}")
    async with app.run_test(size=picture.size) as pilot:
        await pilot.press(*picture.keys)
        for _ in range(2):
            app.draw()
            await pilot.pause()
        return app.export_screenshot(title="hedgegrid")


@contextmanager
def session(folder: Path) -> Iterator[tuple[EngineHost, Gate]]:
    """A replay that is held at its first moment."""
    steps = STEPS + sum(moment.steps for moment in MOMENTS) + 60
    tape = write_tape(folder / "tape.jsonl", steps=steps, seed=SEED, step_ns=NS_PER_S)
    journal = Journal(folder / "state" / "journal.jsonl")
    host = EngineHost(plan_for(folder / "state", Mode.REPLAY, *SETTINGS, data=tape), journal)
    host.on_snapshot = gate = Gate(FIRST_NS + STEPS * NS_PER_S)
    try:
        host.start()
        yield host, gate
    finally:
        gate.let_go(10**6)
        host.stop(Ending.LEAVE)
        journal.close()


def act(host: EngineHost, what: Command | Callable[[HedgeGrid], None]) -> None:
    """Have it done on the engine's loop before the market takes its next turn."""
    if isinstance(what, Command):
        host.send(what)
        return
    runtime, loop = host._runtime, host._loop
    if runtime is None or loop is None or runtime.strategy.grid is None:
        raise RuntimeError("the engine does not run")
    loop.call_soon_threadsafe(what, runtime.strategy.grid)


def make() -> dict[str, str]:
    """Every picture by its name, as SVG.

    Raises:
        RuntimeError: The tape did not come so far in two minutes.
    """
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder, session(Path(folder)) as (host, gate):
        for moment in MOMENTS:
            if not gate.reached.wait(120):
                raise RuntimeError(f"the tape did not come so far: {host.status.detail}")
            still = Still(host, Path(folder) / "state" / "journal.jsonl")
            for name, picture in moment.pictures.items():
                found[name] = asyncio.run(draw(still, picture))
            for what in moment.acts:
                act(host, what)
            gate.let_go(moment.steps)
    return found


def main() -> None:
    """Write every picture as SVG and PNG, and take away what is none any more."""
    FOLDER.mkdir(exist_ok=True)
    pictures = make()
    for known in FOLDER.iterdir():
        if known.stem not in pictures:
            known.unlink()
    for name, svg in pictures.items():
        (FOLDER / f"{name}.svg").write_text(svg, encoding="utf-8")
        (FOLDER / f"{name}.png").write_bytes(to_png(svg))
        print(FOLDER / f"{name}.svg")


if __name__ == "__main__":
    main()
