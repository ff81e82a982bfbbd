"""Makes the pictures in `screenshots/` from the app on a deterministic replay: `python -m tests.screenshots`."""

import asyncio
import tempfile
import threading
from pathlib import Path

import resvg_py

from hedgegrid_tui.app import HedgeGridApp
from hedgegrid_tui.engine.host import EngineHost
from hedgegrid_tui.engine.plan import Mode
from strategy.control import Ending
from strategy.journal import Journal
from strategy.snapshot import Snapshot
from tests.hedgegrid_tui.engine.sessions import FIRST_NS, STEP_NS, plan_for, write_tape

FOLDER = Path(__file__).parent.parent / "screenshots"
SIZES = {"dashboard": (120, 40), "dashboard-80x24": (80, 24)}
STEPS = 36_320
"""Market steps of 100 ms after which the picture is taken: the regime is warm after 55 minutes."""


class Held:
    """Holds the engine at a moment of the tape, so that the pictures show it running."""

    def __init__(self) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()

    def __call__(self, snapshot: Snapshot) -> None:
        """Wait, once the moment has come."""
        if snapshot.ts >= FIRST_NS + STEPS * STEP_NS:
            self.reached.set()
            self.go_on.wait(60)


async def picture(host: EngineHost, size: tuple[int, int], keys: tuple[str, ...] = ()) -> str:
    """The screen as SVG."""
    app = HedgeGridApp(host, poll=False, clock=lambda: 0.0)
    async with app.run_test(size=size) as pilot:
        await pilot.press(*keys)
        for _ in range(2):
            app.draw()
            await pilot.pause()
        return app.export_screenshot(title="hedgegrid")


def main() -> None:
    """Write every picture as SVG and PNG."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        tape = write_tape(Path(folder) / "tape.jsonl", steps=STEPS + 100, seed=4)
        journal = Journal(Path(folder) / "state" / "journal.jsonl")
        host = EngineHost(plan_for(Path(folder) / "state", Mode.REPLAY, data=tape), journal)
        host.on_snapshot = held = Held()
        try:
            host.start()
            if not held.reached.wait(240):
                raise RuntimeError(f"the tape did not come so far: {host.status.detail}")
            pictures = {name: asyncio.run(picture(host, size)) for name, size in SIZES.items()}
            pictures["flatten"] = asyncio.run(picture(host, (120, 40), ("F",)))
        finally:
            held.go_on.set()
            host.stop(Ending.LEAVE)
            journal.close()
    for name, svg in pictures.items():
        (FOLDER / f"{name}.svg").write_text(svg, encoding="utf-8")
        png = resvg_py.svg_to_bytes(svg_string=svg, font_family="DejaVu Sans Mono", monospace_family="DejaVu Sans Mono")
        (FOLDER / f"{name}.png").write_bytes(bytes(png))
        print(FOLDER / f"{name}.svg")


if __name__ == "__main__":
    main()
