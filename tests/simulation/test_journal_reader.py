"""The independent reader recomputes what is latched: states, levels and throttle, from the lines alone."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from strategy.control import CommandName
from strategy.latches import read_latches
from tests.journal_reader import Books, read_journal
from tests.simulation.breaking import CALM, after, both, give, restart
from tests.simulation.world import World


def read(*lines: dict[str, Any]) -> Books:
    return Books().read(json.dumps({"seq": seq, "ts": seq} | line) for seq, line in enumerate(lines, start=1))


def state(name: str, **latched: Any) -> dict[str, Any]:
    return {"kind": "state", "name": name, "reason": "", "latched": latched}


def alarm(name: str, leg: str | None, *, raised: bool) -> dict[str, Any]:
    return {"kind": "alarm", "name": name, "leg": leg, "raised": raised, "detail": "why"}


def test_every_latch_is_told_gravest_first() -> None:
    books = read(state("flattening", paused="p", breaker="b", breaker_until=7, halted="h", flattening="f"))
    assert list(books.latched.items()) == [
        ("flattening", "f"), ("halted", "h"), ("breaker_open", "b"), ("paused", "p"),
    ]  # fmt: skip
    assert books.until == 7


def test_what_a_later_line_does_not_name_has_ended() -> None:
    books = read(state("breaker_open", paused="p", breaker="b", breaker_until=7), state("paused", paused="p"))
    assert (books.latched, books.until) == ({"paused": "p"}, 0)
    assert not read(state("paused", paused="p"), state("running")).latched


def test_a_state_that_is_not_the_gravest_of_what_is_latched_is_refused() -> None:
    with pytest.raises(AssertionError, match="latched is"):
        read(state("paused", paused="p", halted="h"))


def test_levels_and_throttle_are_what_was_said_last() -> None:
    act = {"kind": "act", "act_id": "1", "command": "set-throttle", "by": "operator"}
    books = read(
        alarm("drawdown-total-warn", None, raised=True),
        alarm("repeated-2", "long", raised=True),
        alarm("unprotected", "long", raised=True),
        alarm("drawdown-total-warn", None, raised=False),
        act | {"args": {"share": "0.25"}},
    )
    assert books.levels == {("repeated-2", "long"): "why"}
    assert books.throttle == Decimal("0.25")


def test_a_run_that_ends_latched_is_read_as_it_stands(tmp_path: Path) -> None:
    world = World(CALM, tmp_path)

    def lose(at: World) -> None:
        at.strategy.grid.risk.on_critical("on purpose")

    both(after(3, give(CommandName.PAUSE)), after(5, lose), after(8, restart))(world)
    assert not world.run().number
    path = tmp_path / "journal.jsonl"
    latches = read_latches([line for line in map(json.loads, path.open()) if line["kind"] == "state"][-1])
    books = read_journal(path)
    assert books.latched == {name.value: reason for name, reason in latches.states}
    assert list(books.latched) == ["halted", "paused"]
