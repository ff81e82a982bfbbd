"""Operator commands as typed lines."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.control import Command, CommandName, Origin, parse_command
from strategy.domain import Leg

COMMANDS = [Command(name) for name in CommandName] + [Command(CommandName.FLATTEN, leg) for leg in Leg]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.text)
def test_a_command_is_read_back_from_its_own_text(command: Command) -> None:
    assert parse_command(f"  {command.text} \n") == command
    assert command.origin is Origin.OPERATOR


@pytest.mark.parametrize(
    "line", ["", "   ", "flat", "flatten both", "flatten long short", "pause now", "PAUSE", "quit"]
)
def test_what_is_no_command_is_refused_with_what_is_known(line: str) -> None:
    with pytest.raises(ValueError, match="is no command; known: pause, resume, cancel-entries, flatten") as caught:
        parse_command(line)
    assert repr(line.strip()) in str(caught.value)


@given(st.text())
def test_any_line_is_a_command_or_a_value_error(line: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_command(line) in COMMANDS
