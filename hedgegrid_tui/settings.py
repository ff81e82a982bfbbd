"""Where the trader's own files for the cockpit stand, and how the screen was left."""

import contextlib
import errno
import os
from pathlib import Path
from typing import Final

import msgspec
import platformdirs

from hedgegrid_tui.render.view import RANGES_S, PanelId, View

APP: Final = "hedgegrid"
VIEW_FILE: Final = "view.json"
LARGEST: Final = 65_536
"""Bytes; a longer file would keep the trader waiting, and is none that a person has written."""


class _Left(msgspec.Struct, frozen=True):
    """What of the view outlives a session."""

    panel: PanelId = PanelId.LADDER
    beside: PanelId = PanelId.ERRORS
    zoomed: bool = False
    chart_range: int = View().chart_range


def config_dir() -> Path:
    """The platform's configuration folder: `themes/*.toml` and `keys.toml` are read from it; it need not exist."""
    return Path(platformdirs.user_config_dir(APP, appauthor=False))


def read_own(path: Path) -> bytes:
    """A file that the trader may have written; never waits, and never takes more than `LARGEST` bytes.

    Raises:
        OSError: It cannot be read, or is no file, or longer; `strerror` has the words.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise OSError(errno.EINVAL, "is no file", str(path))
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise OSError(errno.EFBIG, f"longer than {LARGEST:,} bytes", str(path))
    return content


def load_view(state_dir: Path) -> View:
    """How the screen was left: panels, what was maximised, the chart's range; the default for a file that is no use."""
    try:
        left = msgspec.json.decode(read_own(state_dir / VIEW_FILE), type=_Left)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
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
