"""The command `hedgegrid drill`: a folder of its own, progress, the report, an exit status."""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from hedgegrid_tui.drill_report import Line, lines
from hedgegrid_tui.engine.log_tap import LogTap

PASSED, FAILED = 0, 1
FOLDER: Final = "hedgegrid-drill-"


def drill(only: Sequence[str], rehearsals: int, sets: Sequence[str], *, json: bool) -> int:
    """Rehearse and print; gives the exit status: 0 where every step has passed, else 1.

    The sessions run in a new folder among the system's temporary ones, which is kept; no real state is touched.

    Raises:
        ConfigError: `sets` does not go with the steps' settings.
        ValueError: `only` names no step.
    """
    from hedgegrid_tui.engine.drill.programme import STEPS, check_sets, rehearse

    unknown = [name for name in only if name not in STEPS]
    if unknown:
        raise ValueError(f"--only {unknown[0]}: unknown; known: {', '.join(STEPS)}")
    check_sets(sets)
    # A session's loop is made before Nautilus, which sets a faster one for later ones, is imported: so are these.
    asyncio.set_event_loop_policy(None)
    folder = Path(tempfile.mkdtemp(prefix=FOLDER))
    tap = LogTap(folder / "stderr.log")
    try:
        report = rehearse(
            folder,
            _print_json if json else _print_text,
            begin=_ignore if json else _progress,
            only=only,
            rehearsals=rehearsals,
            sets=sets,
        )
    finally:
        tap.close()
    return PASSED if report.passed else FAILED


def _print_json(line: Line) -> None:
    print(msgspec.json.encode(line).decode(), flush=True)


def _print_text(line: Line) -> None:
    print("\n".join(lines(line)), flush=True)


def _progress(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


def _ignore(_text: str) -> None:
    """With `--json` the lines themselves tell how far it has come."""
