"""The questions that the cockpit asks before it acts, and what each answer means."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from hedgegrid_tui.actions import can_command
from hedgegrid_tui.render import dialogs, resets
from hedgegrid_tui.render.conditions import share_text
from hedgegrid_tui.render.dialogs import Choice
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.rows import Rows
from strategy.control import Command, CommandName, Ending
from strategy.domain import Leg
from strategy.snapshot import LegView

WORD: Final = "reset"
"""What must be typed to let a loss count no more."""
SHARES: Final = {
    "0": Decimal(0),
    "2": Decimal("0.25"),
    "5": Decimal("0.5"),
    "7": Decimal("0.75"),
    "1": Decimal(1),
}
"""Shares of the ladders that a key offers."""
STAY: Final = Choice("n", "no, leave everything as it is", safe=True)


@dataclass(frozen=True, slots=True)
class Question:
    """A dialog's contents; `answers` says what each letter orders."""

    title: str
    body: Callable[[Frame], Rows]
    choices: Callable[[Frame], Sequence[Choice]]
    answers: dict[str, Command]
    word: str = ""
    """Where a word must be typed: the word, which is then the answer."""


def _flatten_choices(frame: Frame) -> Sequence[Choice]:
    snapshot = frame.snapshot
    return (
        STAY,
        Choice("a", "flatten ALL: both legs"),
        Choice("L", "flatten the LONG leg only", refused=_nothing(snapshot.long)),
        Choice("S", "flatten the SHORT leg only", refused=_nothing(snapshot.short)),
    )


def _throttle_choices(frame: Frame) -> Sequence[Choice]:
    """The first digit of each share is its letter."""
    now = frame.snapshot.throttle
    return (
        STAY,
        *(
            Choice(letter, share_text(share), refused="it is that already" if share == now else "")
            for letter, share in SHARES.items()
        ),
    )


def _nothing(leg: LegView) -> str:
    return "" if leg.qty or leg.open_entries or leg.open_exits else "holds nothing and has no order"


QUESTIONS: Final[dict[str, Question]] = {
    "flatten": Question(
        "Flatten?",
        dialogs.flatten_body,
        _flatten_choices,
        {
            "a": Command(CommandName.FLATTEN),
            "L": Command(CommandName.FLATTEN, Leg.LONG),
            "S": Command(CommandName.FLATTEN, Leg.SHORT),
        },
    ),
    "cancel-entries": Question(
        "Cancel all entries?",
        dialogs.cancel_body,
        lambda _: (STAY, Choice("y", "yes, cancel every entry and pause")),
        {"y": Command(CommandName.CANCEL_ENTRIES)},
    ),
    "resume": Question(
        "Resume?",
        dialogs.resume_body,
        lambda _: (STAY, Choice("y", "yes, let entries out again")),
        {"y": Command(CommandName.RESUME)},
    ),
    "reset-breaker": Question(
        "Reset the breaker?",
        resets.breaker_body,
        lambda _: (STAY, Choice("y", "yes, end what errors have latched")),
        {"y": Command(CommandName.RESET_BREAKER)},
    ),
    "reset-drawdown": Question(
        "Reset the drawdown?",
        resets.drawdown_body,
        lambda _: (),
        {WORD: Command(CommandName.RESET_DRAWDOWN)},
        word=WORD,
    ),
    "throttle": Question(
        "Throttle?",
        dialogs.throttle_body,
        _throttle_choices,
        {letter: Command(CommandName.SET_THROTTLE, share=share) for letter, share in SHARES.items()},
    ),
}

ENDINGS: Final = {"l": Ending.LEAVE, "c": Ending.CANCEL, "f": Ending.FLATTEN}


def quit_choices(frame: Frame) -> Sequence[Choice]:
    """The ways to leave; those that need a listening engine are refused without one."""
    deaf = can_command(frame) or ""
    return (
        Choice("n", "no, stay", safe=True),
        Choice("l", "leave: orders and positions stay as they are"),
        Choice("c", "cancel entries and leave: positions and exits stay", refused=deaf),
        Choice("f", "flatten both legs and leave", refused=deaf),
    )


QUIT: Final = Question("Leave HedgeGrid?", dialogs.quit_body, quit_choices, {})
