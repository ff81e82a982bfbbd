"""Pins what tests may depend on: the environment, and the versions that drew the stored pictures."""

import os
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

PICTURE_MAKERS = ("textual", "rich", "pytest-textual-snapshot")

for name in [name for name in os.environ if name in {"NO_COLOR", "COLORTERM"} or name.startswith("TEXTUAL_")]:
    # Textual reads some of these at import, before any fixture could run.
    del os.environ[name]


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to redraw stored pictures with other versions than the pinned ones."""
    if not config.getoption("--snapshot-update", default=False):
        return
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    pins = {*project["project"]["dependencies"], *project["dependency-groups"]["dev"]}
    other = [f"{name} {version(name)}" for name in PICTURE_MAKERS if f"{name}=={version(name)}" not in pins]
    if other:
        raise pytest.UsageError(f"--snapshot-update refused: {', '.join(other)} is not what pyproject.toml pins")
