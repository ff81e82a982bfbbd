"""Runs in a child process beside the product: tells what the app itself has on the screen, and writes to fd 2.

On SIGUSR1 the app draws no more; a moment later the text of its screen goes to a file. On SIGUSR2 lines go to fd 2 past
every Python stream, as a native library would write them.
"""

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

LINES = 2_000
SETTLE_S = 0.4


def install(file: str) -> None:
    """Hook into the app; call it before the app runs."""
    from hedgegrid_tui.app import HedgeGridApp

    mount = HedgeGridApp.on_mount

    def mounted(app: HedgeGridApp) -> None:
        mount(app)
        signal.signal(signal.SIGUSR1, lambda *_: freeze(app, Path(file)))
        signal.signal(signal.SIGUSR2, lambda *_: threading.Thread(target=burst).start())

    HedgeGridApp.on_mount = mounted  # type: ignore[method-assign, assignment]


def freeze(app: Any, file: Path) -> None:
    app.draw = lambda: None
    app._loop.call_soon_threadsafe(app._loop.call_later, SETTLE_S, dump, app, file)


def dump(app: Any, file: Path) -> None:
    with app._context():
        rows = [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]
    new = file.with_suffix(".new")
    new.write_text(json.dumps({"rows": rows, "faults": app.faults}), encoding="utf-8")
    new.replace(file)


def burst() -> None:
    for number in range(LINES):
        os.write(2, f"burst line {number} of a library\n".encode())
