"""Where the trader's own files for the cockpit stand: themes, keys, and how the screen was left."""

from pathlib import Path
from typing import Final

import platformdirs

APP: Final = "hedgegrid"


def config_dir() -> Path:
    """The platform's configuration folder: `themes/*.toml` and `keys.toml` are read from it; it need not exist."""
    return Path(platformdirs.user_config_dir(APP, appauthor=False))
