"""Arguments read without typer mean what typer makes of them, and whatever is not plain is left to it."""

import contextlib
import subprocess
import sys
from inspect import signature
from typing import Any, cast

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from hedgegrid_tui import cli
from hedgegrid_tui.arguments import _option, plain
from strategy.config import load_config

COMMAND: Any = cast("Any", typer.main.get_command(cli.app)).commands["run"]
WORDS = [
    *(name for parameter in COMMAND.params for name in parameter.opts),
    "--",
    "-h",
    "--help",
    "--no-fresh",
    "x",
    "--unknown",
]
VALUES = [
    "1",
    "30",
    "31",
    "0",
    "-1",
    "0.5",
    "nan",
    "1e3",
    "sim",
    "replay",
    "moon",
    "max",
    "grid.levels=3",
    "",
    "a b",
    "0x1",
    "٣",
    "--json",
]


def by_typer(arguments: list[str]) -> dict[str, Any] | None:
    """What typer calls the command with; None where it refuses, or prints its help."""
    with contextlib.suppress(Exception, SystemExit):
        params: dict[str, Any] = COMMAND.make_context("run", list(arguments)).params
        return params
    return None


def called_with(found: dict[str, Any]) -> dict[str, Any]:
    defaults = {name: parameter.default for name, parameter in signature(cli.run).parameters.items()}
    return {
        name: value or None if isinstance(value, list | tuple | None) else value
        for name, value in (defaults | found).items()
    }


def test_every_option_of_a_session_is_known_by_its_name() -> None:
    known = dict(map(_option, signature(cli.run).parameters.values()))
    assert {word: option.name for word, option in known.items()} == {
        parameter.opts[0]: parameter.name for parameter in COMMAND.params
    }


@given(
    st.lists(
        st.sampled_from(WORDS)
        | st.sampled_from(VALUES)
        | st.builds("{}={}".format, st.sampled_from(WORDS), st.sampled_from(VALUES)),
        max_size=5,
    )
)
def test_what_is_read_without_typer_is_what_typer_would_have_read(arguments: list[str]) -> None:
    found = plain(cli.run, arguments)
    if found is not None:
        told = by_typer(arguments)
        assert told is not None
        assert called_with(found) == called_with(told)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--mode", "replay", "--data", "tape.jsonl", "--speed", "max"],
        ["--set", "grid.levels=3", "--set=grid.step_bps=2", "--for", "2.5"],
        ["--headless", "--json", "--fresh", "--read-only", "--fps", "30", "--seed=7"],
    ],
)
def test_what_is_usual_is_read_without_typer(arguments: list[str]) -> None:
    found = plain(cli.run, arguments)
    assert found is not None
    assert called_with(found) == called_with(by_typer(arguments) or {})


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--fps", "31"],
        ["--fps", "0"],
        ["--mode", "moon"],
        ["--seed"],
        ["--seed", "1", "--seed", "2"],
        ["x"],
    ],
)
def test_what_is_not_plain_is_left_to_typer(arguments: list[str]) -> None:
    assert plain(cli.run, arguments) is None


def test_the_symbol_before_the_configuration_is_that_of_the_configuration() -> None:
    assert load_config().instrument.symbol == cli.DEFAULT_SYMBOL


def test_nothing_heavy_is_loaded_before_the_first_paint() -> None:
    code = """
import sys, hedgegrid_tui.cli as cli, hedgegrid_tui.session, hedgegrid_tui.app, hedgegrid_tui.keymap
assert cli.plain(cli.run, ["--fps", "2"]) == {"fps": 2}
heavy = {"pydantic", "pydantic_core", "nautilus_trader", "aiohttp", "numpy", "pandas", "strategy.config"}
print(sorted(heavy & set(sys.modules)), "hedgegrid_tui.engine.host" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[] False"
