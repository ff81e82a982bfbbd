"""Where the trader's own files for the cockpit stand, and how the screen was left."""

import contextlib
import os
from pathlib import Path
from typing import Final

import msgspec
import platformdirs

from hedgegrid_tui.render.view import RANGES_S, PanelId, View

APP: Final = "hedgegrid"
VIEW_FILE: Final = "view.json"
LARGEST: Final = 4096
"""A longer file is none of ours."""


class _Left(msgspec.Struct, frozen=True):
    """What of the view outlives a session."""

    panel: PanelId = PanelId.LADDER
    beside: PanelId = PanelId.ERRORS
    zoomed: bool = False
    chart_range: int = View().chart_range


def config_dir() -> Path:
    """The platform's configuration folder: `themes/*.toml` and `keys.toml` are read from it; it need not exist."""
    return Path(platformdirs.user_config_dir(APP, appauthor=False))


def load_view(state_dir: Path) -> View:
    """How the screen was left: panels, what was maximised, the chart's range; the default for a file that is no use."""
    try:
        with (state_dir / VIEW_FILE).open("rb") as file:
            left = msgspec.json.decode(file.read(LARGEST), type=_Left)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return View()
    if not 0 <= left.chart_range < len(RANGES_S):
        return View()
    return View(panel=left.panel, beside=left.beside, zoomed=left.zoomed, chart_range=left.chart_range)


def save_view(state_dir: Path, view: View) -> None:
    """Keep how the screen is left; a disk that refuses costs only that."""
    left = _Left(view.panel, view.beside, view.zoomed, view.chart_range)
    target = state_dir / VIEW_FILE
    draft = target.with_name(f"{VIEW_FILE}.{os.getpid()}")
    with contextlib.suppress(OSError):
        try:
            draft.write_bytes(msgspec.json.encode(left) + b"\n")
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
