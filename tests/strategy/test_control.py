"""Operator commands as typed lines."""

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.control import Command, CommandName, Origin, parse_command
from strategy.domain import Leg

THROTTLE = CommandName.SET_THROTTLE
COMMANDS = [
    *(Command(name) for name in CommandName if name is not THROTTLE),
    *(Command(CommandName.FLATTEN, leg) for leg in Leg),
    Command(THROTTLE, share=Decimal("0.5")),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.text)
def test_a_command_is_read_back_from_its_own_text(command: Command) -> None:
    assert parse_command(f"  {command.text} \n") == command
    assert command.origin is Origin.OPERATOR


@pytest.mark.parametrize(
    "line", ["", "   ", "set-throttle", "flat", "flatten both", "flatten long short", "pause now", "PAUSE", "quit"]
)
def test_what_is_no_command_is_refused_with_what_is_known(line: str) -> None:
    with pytest.raises(ValueError, match="is no command; known: pause, resume, cancel-entries, flatten") as caught:
        parse_command(line)
    assert repr(line.strip()) in str(caught.value)


@pytest.mark.parametrize("share", ["x", "2", "-0.1", "nan", "inf", "1e9"])
def test_a_throttle_outside_of_nought_to_one_is_refused_with_its_rule(share: str) -> None:
    with pytest.raises(ValueError, match="must be a number from 0 to 1"):
        parse_command(f"set-throttle {share}")


@given(st.text())
def test_any_line_is_a_command_or_a_value_error(line: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_command(line) in COMMANDS
