"""Latched states: independent, the gravest shown, and unharmed by the way through the journal."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.domain import DoorState, Leg
from strategy.latches import RESTORED, Halt, Latches, read_latches

GRAVEST_FIRST = (DoorState.FLATTENING, DoorState.HALTED, DoorState.BREAKER_OPEN, DoorState.PAUSED)
FIELD = {
    DoorState.PAUSED: "paused",
    DoorState.BREAKER_OPEN: "breaker",
    DoorState.HALTED: "halted",
    DoorState.FLATTENING: "flattening",
}
words = st.text(max_size=20)
MORE: dict[str, st.SearchStrategy[Any]] = {
    "paused": st.just({}),
    "breaker": st.fixed_dictionaries(
        {"breaker_until": st.integers(0, 2**63 - 1), "breaker_errors": st.lists(words, max_size=4).map(tuple)}
    ),
    "halted": st.lists(st.sampled_from(Halt), min_size=1, max_size=2, unique=True).map(lambda h: {"halts": tuple(h)}),
    "flattening": st.lists(st.sampled_from(Leg), min_size=1, max_size=2, unique=True).map(
        lambda legs: {"legs": tuple(legs)}
    ),
}
CLEAR: dict[str, dict[str, Any]] = {
    "paused": {},
    "breaker": {"breaker_until": 0, "breaker_errors": ()},
    "halted": {"halts": ()},
    "flattening": {"legs": ()},
}


@st.composite
def changes(draw: st.DrawFn) -> dict[str, Any]:
    """One latch is set or cleared, with what belongs to it."""
    name = draw(st.sampled_from(sorted(MORE)))
    if draw(st.booleans()):
        return {name: draw(words), **draw(MORE[name])}
    return {name: None, **CLEAR[name]}


def line_of(latches: Latches) -> dict[str, Any]:
    """A `state` line as another process reads it."""
    fields = {"name": latches.state, "reason": latches.reason, "latched": latches}
    read: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(fields))
    return read


@given(st.lists(changes(), max_size=25))
def test_i14_any_sequence_of_latches_comes_back_from_the_journal_and_the_gravest_is_shown(
    sequence: list[dict[str, Any]],
) -> None:
    latches, held = Latches(), dict[str, str]()
    for change in sequence:
        latches = msgspec.structs.replace(latches, **change)
        for name in FIELD.values():
            if name in change and change[name] is None:
                held.pop(name, None)
            elif name in change:
                held[name] = change[name]
        assert read_latches(line_of(latches)) == latches
        expected = [state for state in GRAVEST_FIRST if FIELD[state] in held]
        assert [state for state, _ in latches.states] == expected
        assert latches.state is (expected[0] if expected else DoorState.RUNNING)
        assert latches.reason == (held[FIELD[expected[0]]] if expected else "")


def test_what_is_not_latched_takes_no_room_in_a_line() -> None:
    assert line_of(Latches()) == {"name": "running", "reason": "", "latched": {}}
    assert line_of(Latches(paused="why"))["latched"] == {"paused": "why"}


def test_a_latch_without_a_word_is_a_latch() -> None:
    assert Latches(paused="").state is DoorState.PAUSED
    assert read_latches(line_of(Latches(paused=""))).state is DoorState.PAUSED


def test_i14_restored_states_say_so_once_however_often_they_are_restored() -> None:
    more: dict[str, Any] = {
        "breaker_until": 7,
        "breaker_errors": ("x",),
        "halts": (Halt.CRITICAL,),
        "legs": (Leg.SHORT,),
    }
    latches = Latches(paused="p", breaker="b", halted="h", flattening="f", **more)
    once = latches.restored()
    assert [reason for _, reason in once.states] == [RESTORED + reason for _, reason in latches.states]
    assert once.restored() == once
    assert {name: getattr(once, name) for name in more} == more
    assert Latches().restored() == Latches()
    assert Latches(breaker="b").restored() == Latches(breaker=RESTORED + "b")


@pytest.mark.parametrize(
    ("name", "latches"),
    [
        ("running", Latches()),
        ("paused", Latches(paused="why")),
        ("breaker_open", Latches(breaker="why")),
        ("flattening", Latches(flattening="why", legs=tuple(Leg))),
        ("halted", Latches(halted="why", halts=(Halt.DRAWDOWN,))),
    ],
)
def test_a_line_of_an_older_version_latches_its_own_state(name: str, latches: Latches) -> None:
    assert read_latches({"name": name, "reason": "why"}) == latches
    assert latches.state == name


@pytest.mark.parametrize(
    "line",
    [
        {"name": "asleep", "reason": ""},
        {"name": "paused", "reason": "", "latched": {"paused": 1}},
        {"name": "halted", "reason": "", "latched": {"halts": ["boredom"]}},
        {"name": "halted", "reason": "", "latched": None},
    ],
)
def test_a_line_that_cannot_be_read_is_refused(line: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's, msgspec's or the enum's own words
        read_latches(line)
