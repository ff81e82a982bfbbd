"""The door: every change of what is latched stands in the journal before anything follows from it."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from strategy.domain import DoorState, Leg
from strategy.door import Door
from strategy.errors import ErrorLog
from strategy.latches import Halt, Latches, read_latches
from tests.strategy.venue import MemoryJournal

NOW = 77
CHANGES: list[dict[str, Any]] = [
    {"paused": "by hand"},
    {"paused": None},
    {"breaker": "5 errors", "breaker_until": 9},
    {"breaker": None, "breaker_until": 0},
    {"halted": "loss", "halts": (Halt.DRAWDOWN,)},
    {"halted": None, "halts": ()},
    {"flattening": "flatten long", "legs": (Leg.LONG,)},
    {"flattening": None, "legs": ()},
]


def door() -> tuple[Door, MemoryJournal]:
    journal = MemoryJournal()
    return Door(ErrorLog(journal), lambda: NOW), journal


@given(st.lists(st.sampled_from(CHANGES), max_size=30))
def test_i14_each_change_is_one_line_that_holds_everything_that_is_latched(sequence: list[dict[str, Any]]) -> None:
    made, journal = door()
    for number, change in enumerate(sequence, 1):
        made.set(**change)
        assert len(journal.lines) == number
        line = journal.lines[-1]
        assert (line["kind"], line["ts"], line["name"], line["reason"]) == ("state", NOW, made.state, made.reason)
        assert read_latches(msgspec.json.decode(msgspec.json.encode(line))) == made.latches


def test_while_nothing_is_latched_the_note_says_why_it_runs() -> None:
    made, journal = door()
    assert (made.state, made.reason, journal.lines) == (DoorState.RUNNING, "started", [])
    made.set("resumed by the operator", paused="p")
    assert made.reason == "p"
    made.set(paused=None)
    assert (made.state, made.reason) == (DoorState.RUNNING, "resumed by the operator")


def test_the_gravest_state_is_shown_and_what_lies_below_it_comes_back() -> None:
    made, _ = door()
    shown = []
    for change in (CHANGES[0], CHANGES[2], CHANGES[4], CHANGES[6], CHANGES[7], CHANGES[5], CHANGES[3], CHANGES[1]):
        made.set(**change)
        shown.append(made.state)
    assert shown == [
        DoorState.PAUSED, DoorState.BREAKER_OPEN, DoorState.HALTED, DoorState.FLATTENING, DoorState.HALTED,
        DoorState.BREAKER_OPEN, DoorState.PAUSED, DoorState.RUNNING,
    ]  # fmt: skip


def test_what_is_taken_over_is_written_by_the_start_and_says_that_it_was_restored() -> None:
    made, journal = door()
    made.take_over(Latches(paused="by hand"))
    assert journal.lines == []
    made.write()
    assert journal.lines[0]["reason"] == "restored: by hand"


def test_a_disk_that_refuses_the_line_does_not_keep_the_door_open() -> None:
    made, journal = door()
    journal.fails = lambda kind: kind == "state"
    made.set(halted="loss", halts=(Halt.DRAWDOWN,))
    assert made.state is DoorState.HALTED
    assert [line["where"] for line in journal.of("error")] == ["journal"]
