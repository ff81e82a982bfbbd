"""The questions that the cockpit asks before it acts, and what each answer means."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Final

from hedgegrid_tui.actions import ACTIONS, can_command, can_flatten_leg
from hedgegrid_tui.render import blast, dialogs, resets
from hedgegrid_tui.render.conditions import share_text
from hedgegrid_tui.render.dialogs import Choice
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.rows import Rows
from strategy.control import Command, CommandName, Ending
from strategy.domain import Leg

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

    action_id: str
    title: str
    body: Callable[[Frame, int], Rows]
    """What the act would touch, for a width."""
    choices: Callable[[Frame], Sequence[Choice]]
    answers: dict[str, Command]
    word: str = ""
    """Where a word must be typed: the word, which is then the answer."""

    def refused(self, frame: Frame) -> str:
        """Why the act is impossible by now; empty where it is not."""
        return ACTIONS[self.action_id].allowed(frame) or ""


def _flatten_choices(frame: Frame) -> Sequence[Choice]:
    return (
        STAY,
        Choice("a", "flatten ALL: both legs"),
        Choice("L", "flatten the LONG leg only", refused=can_flatten_leg(frame, Leg.LONG) or ""),
        Choice("S", "flatten the SHORT leg only", refused=can_flatten_leg(frame, Leg.SHORT) or ""),
    )


def _leg_choices(frame: Frame, leg: Leg) -> Sequence[Choice]:  # noqa: ARG001 - as every question's
    return (STAY, Choice(leg[0].upper(), f"flatten the {leg.upper()} leg only"))


def _yes(text: str) -> Callable[[Frame], Sequence[Choice]]:
    return lambda _: (STAY, Choice("y", f"yes, {text}"))


def _throttle_choices(frame: Frame) -> Sequence[Choice]:
    """The first digit of each share is its letter."""
    now = frame.snapshot.throttle
    return (
        STAY,
        *(
            Choice(letter, share_text(share), refused="it is that already")
            if share == now
            else Choice(letter, _share_left(frame, share))
            for letter, share in SHARES.items()
        ),
    )


def _share_left(frame: Frame, share: Decimal) -> str:
    if not share:
        return f"{share_text(share)}: no rung enters"
    most = blast.most_rungs(frame.snapshot, share)
    if not any(most.values()):
        return share_text(share)
    return f"{share_text(share)}: at most {most[Leg.LONG]} LONG and {most[Leg.SHORT]} SHORT rungs enter"


def _leg_question(leg: Leg) -> Question:
    return Question(
        f"flatten-{leg}",
        f"Flatten the {leg} leg?",
        partial(dialogs.flatten_leg_body, leg=leg),
        partial(_leg_choices, leg=leg),
        {leg[0].upper(): Command(CommandName.FLATTEN, leg)},
    )


_ALL: Final = (
    Question(
        "flatten",
        "Flatten?",
        dialogs.flatten_body,
        _flatten_choices,
        {
            "a": Command(CommandName.FLATTEN),
            "L": Command(CommandName.FLATTEN, Leg.LONG),
            "S": Command(CommandName.FLATTEN, Leg.SHORT),
        },
    ),
    _leg_question(Leg.LONG),
    _leg_question(Leg.SHORT),
    Question(
        "cancel-entries",
        "Cancel all entries?",
        dialogs.cancel_body,
        _yes("cancel every entry and pause"),
        {"y": Command(CommandName.CANCEL_ENTRIES)},
    ),
    Question(
        "resume", "Resume?", dialogs.resume_body, _yes("let entries out again"), {"y": Command(CommandName.RESUME)}
    ),
    Question(
        "reset-breaker",
        "Reset the breaker?",
        resets.breaker_body,
        _yes("end what errors have latched"),
        {"y": Command(CommandName.RESET_BREAKER)},
    ),
    Question(
        "reset-drawdown",
        "Reset the drawdown?",
        resets.drawdown_body,
        lambda _: (),
        {WORD: Command(CommandName.RESET_DRAWDOWN)},
        word=WORD,
    ),
    Question(
        "throttle",
        "Throttle?",
        dialogs.throttle_body,
        _throttle_choices,
        {letter: Command(CommandName.SET_THROTTLE, share=share) for letter, share in SHARES.items()},
    ),
)
QUESTIONS: Final[dict[str, Question]] = {question.action_id: question for question in _ALL}
"""Every question that an answer turns into a command, by the id of its action."""

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


QUIT: Final = Question("quit", "Leave HedgeGrid?", dialogs.quit_body, quit_choices, {})
