"""Pins what tests may depend on: the environment, and the versions that drew the stored pictures."""

import os
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

PICTURE_MAKERS = ("textual", "rich", "pytest-textual-snapshot")
REAL_TIME = frozenset({
    "test_adapter", "test_cli", "test_cockpit_benchmark", "test_colours_in_a_terminal", "test_drill", "test_endings",
    "test_host",
    "test_last_resort", "test_live", "test_s16_threads", "test_session_in_a_terminal", "test_status", "test_terminal",
    "test_threads", "test_what_a_terminal_shows",
})  # fmt: skip
"""Modules with sessions that take their own time: one after the other, so that none holds up another."""
AT_THE_VENUE = frozenset({
    "test_checks", "test_ends_at_binance", "test_execution_fills", "test_execution_grid", "test_execution_outcomes",
    "test_execution_restart", "test_execution_stream", "test_faults_of_entries", "test_faults_of_exits",
    "test_faults_of_limits", "test_faults_of_streams", "test_faults_of_the_venue", "test_flatten_at_venue",
    "test_flatten_at_venue_faults", "test_flatten_command", "test_live_confirmation", "test_network",
    "test_paper_session", "test_restart_at_binance", "test_secrets", "test_testnet_session",
    "test_watches_in_a_session",
})  # fmt: skip
"""The same with sessions at the fake venue; Nautilus keeps one kind of account in a process, and theirs is the live."""

SHARED = "TEXTUAL_SNAPSHOT_TEMPDIR"
"""What processes that test together tell each other by."""

for name in set(os.environ) - {SHARED}:
    if name in {"NO_COLOR", "COLORTERM"} or name.startswith("TEXTUAL_"):
        # Textual reads some of these at import, before any fixture could run.
        del os.environ[name]

os.environ["XDG_CONFIG_HOME"] = str(Path(__file__).parent / "no-configuration")
"""Nobody's own keys and themes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process play all that takes its own time, while the other works off the rest."""
    for item in items:
        if item.path.stem in REAL_TIME:
            item.add_marker(pytest.mark.xdist_group("real-time"))
        elif item.path.stem in AT_THE_VENUE:
            item.add_marker(pytest.mark.xdist_group("at-the-venue"))


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to redraw stored pictures with other versions than the pinned ones."""
    if not config.getoption("--snapshot-update", default=False):
        return
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    pins = {*project["project"]["dependencies"], *project["dependency-groups"]["dev"]}
    other = [f"{name} {version(name)}" for name in PICTURE_MAKERS if f"{name}=={version(name)}" not in pins]
    if other:
        raise pytest.UsageError(f"--snapshot-update refused: {', '.join(other)} is not what pyproject.toml pins")
