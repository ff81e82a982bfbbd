"""The rehearsal: its report, its process, one whole drill, and that a broken control makes its step fail."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hedgegrid_tui.drill_report import DrillError, DrillReport, Figure, Line, StepReport, lines, rehearse

PROGRAM = [sys.executable, "-m", "hedgegrid_tui"]
STEPS = ["reject-storm", "second-storm", "feed-loss", "price-gap", "drawdown", "flatten"]
STEP = StepReport(name="price-gap", title="a gap", passed=True, sentence="all filled")
WHOLE = DrillReport(version="1", passed=True, steps=1, failed=(), folder="/somewhere", seconds=2.0)


def command(*arguments: str, folder: Path, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    places = {"TMPDIR": str(folder / "tmp"), "HOME": str(folder / "home"), "XDG_STATE_HOME": str(folder / "state")}
    for place in places.values():
        Path(place).mkdir(exist_ok=True)
    return subprocess.run(
        [*PROGRAM, *arguments],
        env=os.environ | places,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def printing(*said: str, then: str = "") -> list[str]:
    """A program that prints these lines, then runs something more."""
    return [sys.executable, "-c", f"for line in {said!r}: print(line, flush=True)\n{then}"]


def as_line(line: Line) -> str:
    import msgspec

    return msgspec.json.encode(line).decode()


# -- the report ------------------------------------------------------------------------------------------------------


def test_a_step_is_told_by_its_word_its_sentence_and_its_figures() -> None:
    told = lines(StepReport("flatten", "", True, "flat, verified", (Figure("flat_ms", 43.2, "ms", 250),)))
    assert told[0].split(maxsplit=2) == ["PASS", "flatten", "flat, verified"]
    assert told[1].strip() == "flat ms 43.2 ms, at most 250"


def test_a_figure_beyond_its_bound_and_a_problem_in_the_books_are_named() -> None:
    step = StepReport("flatten", "", False, "flat", (Figure("flat_ms", 251, "ms", 250),), ("long: 1 naked",))
    told = lines(step)
    assert told[0].startswith("FAIL")
    assert told[1].endswith("EXCEEDED")
    assert told[2].endswith("long: 1 naked")


def test_the_end_names_what_failed_and_where_the_journals_are() -> None:
    told = lines(DrillReport("1", False, 6, ("feed-loss",), "/tmp/here", 12.0))
    assert told == ["FAILED: feed-loss, of 6 steps in 12 s", "journals: /tmp/here"]


def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed() -> None:
    from hedgegrid_tui.engine.drill.flatten import percentile

    hundred = [float(value) for value in range(100, 0, -1)]
    assert percentile(hundred, 99) == 99
    assert percentile(hundred, 50) == 50
    assert percentile([7.0], 99) == 7


# -- entries that were doubled, in a journal -------------------------------------------------------------------------


def entry(seq: int, order_id: str, event: str, qty: str = "2") -> dict[str, Any]:
    fields = {"kind": "order", "event": event, "role": "entry", "leg": "long", "level": 3}
    return {"seq": seq, "id": order_id, "qty": qty, **fields}


def fill(seq: int, order_id: str, qty: str) -> dict[str, Any]:
    return {"seq": seq, "kind": "fill", "role": "entry", "leg": "long", "id": order_id, "qty": qty}


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        ([], 1),
        ([entry(2, "a", "cancel")], 1),
        ([fill(2, "a", "1")], 1),
        ([entry(2, "a", "canceled")], 0),
        ([entry(2, "a", "rejected")], 0),
        ([fill(2, "a", "2")], 0),
        ([entry(2, "a", "updated", "1"), fill(3, "a", "1")], 0),
    ],
)
def test_a_second_entry_at_a_rung_is_seen_unless_the_first_has_ended(
    between: list[dict[str, Any]], expected: int
) -> None:
    from hedgegrid_tui.engine.drill.audit import doubled

    journal = [entry(1, "a", "submit"), *between, entry(9, "b", "submit")]
    assert len(list(doubled(journal))) == expected


# -- the drill as a process ------------------------------------------------------------------------------------------


def test_a_process_gives_its_steps_as_they_end_and_the_whole_at_last() -> None:
    assert list(rehearse(printing(as_line(STEP), as_line(WHOLE)))) == [STEP, WHOLE]


def test_a_process_without_a_report_is_an_error_that_tells_its_last_words() -> None:
    program = printing(as_line(STEP), then="import sys; sys.exit('out of luck')")
    found: list[Line] = []
    with pytest.raises(DrillError, match="status 1 and no report: out of luck"):
        found.extend(rehearse(program))
    with pytest.raises(DrillError, match="could not start"):
        list(rehearse(["/nowhere/python"]))


def test_a_process_that_prints_something_else_is_an_error() -> None:
    with pytest.raises(DrillError, match="no report: b'Traceback"):
        list(rehearse(printing("Traceback")))


def test_a_process_that_takes_too_long_is_ended() -> None:
    with pytest.raises(DrillError, match="longer than 1 s"):
        list(rehearse(printing(then="import time; time.sleep(60)"), limit_s=1.0))


def test_whoever_stops_listening_ends_the_process(tmp_path: Path) -> None:
    written = tmp_path / "pid"
    then = f"import os, time; open({str(written)!r}, 'w').write(str(os.getpid())); print({as_line(STEP)!r}, flush=True)"
    heard: Iterator[Line] = rehearse(printing(then=f"{then}; time.sleep(60)"))
    assert next(heard) == STEP
    heard.close()  # type: ignore[attr-defined]
    with pytest.raises(ProcessLookupError):
        os.kill(int(written.read_text()), 0)


# -- the real thing --------------------------------------------------------------------------------------------------


@pytest.mark.timeout(120)
def test_the_whole_drill_passes_and_touches_no_real_state(tmp_path: Path) -> None:
    from tests.journal_reader import read_journal

    done = command("drill", "--json", folder=tmp_path, seconds=110)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    failed = [line for line in found if not line["passed"]]
    assert (done.returncode, done.stderr, failed) == (0, "", [])
    assert [line["name"] for line in found[:-1]] == STEPS
    assert (found[-1]["type"], found[-1]["steps"], found[-1]["failed"]) == ("drill", len(STEPS), [])
    assert found[-1]["seconds"] < 40
    figures = {figure["name"]: figure for figure in found[-2]["figures"]}
    assert {"entries_ms", "flat_ms", "long_slippage_bps", "short_slippage"} <= set(figures)
    assert list((tmp_path / "home").iterdir()) == list((tmp_path / "state").iterdir()) == []
    for journal in {line["journal"] for line in found[:-1]}:
        assert journal.startswith(found[-1]["folder"])
        read_journal(Path(journal))  # has no gap, and adds up


@pytest.mark.parametrize(
    "arguments", [("--only", "fire"), ("--set", "breaker.errors=many"), ("--set", "grid.levels=500")]
)
def test_a_drill_that_cannot_be_is_bad_usage_and_makes_no_folder(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = command("drill", *arguments, folder=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("hedgegrid: ")
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "tmp").iterdir())


def play(folder: Path, *names: str, **more: Any) -> list[StepReport]:
    """Steps in this process, where a test can break the product."""
    from hedgegrid_tui.engine.drill.programme import rehearse as play_steps

    told: list[Line] = []
    play_steps(folder, told.append, only=names, **more)
    return [line for line in told if isinstance(line, StepReport)]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    from hedgegrid_tui.engine.drill import stage

    monkeypatch.setattr(stage, "PATIENCE_S", 1.5)


@pytest.mark.usefixtures("impatient")
def test_a_breaker_that_never_opens_fails_the_storm_and_keeps_the_second_from_being_rehearsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from strategy.breaker import Breaker

    monkeypatch.setattr(Breaker, "note", lambda *_: False)
    first, second = play(tmp_path, "second-storm")
    assert (first.name, first.passed, second.passed) == ("reject-storm", False, False)
    assert "the breaker open" in first.sentence
    assert "not rehearsed" in second.sentence


@pytest.mark.usefixtures("impatient")
def test_a_breaker_that_takes_everything_back_fails_the_storm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from strategy.control import Command, CommandName, Origin
    from strategy.risk import Risk

    on_fault = Risk.on_fault

    def gone_too_far(self: Risk, now: int, words: str) -> bool:
        opened = on_fault(self, now, words)
        if opened:
            self.pending[:] = [Command(CommandName.FLATTEN, origin=Origin.BREAKER)]
        return opened

    monkeypatch.setattr(Risk, "on_fault", gone_too_far)
    (step,) = play(tmp_path, "reject-storm")
    assert not step.passed


@pytest.mark.usefixtures("impatient")
def test_stops_that_are_never_sent_fail_the_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from strategy import grid, lots
    from strategy.domain import Role

    owed = lots.desired_exits
    monkeypatch.setattr(
        grid, "desired_exits", lambda *facts: tuple(order for order in owed(*facts) if order.key.role is not Role.SL)
    )
    (step,) = play(tmp_path, "price-gap")
    assert not step.passed
    assert any("without a stop" in problem or "in sl orders" in problem for problem in step.problems)


@pytest.mark.usefixtures("impatient")
def test_prices_that_never_grow_old_fail_the_loss_of_the_feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from strategy.grid import HedgeGrid

    monkeypatch.setattr(HedgeGrid, "is_stale", lambda *_: False)
    (step,) = play(tmp_path, "feed-loss")
    assert not step.passed
    assert "the alarm" in step.sentence


@pytest.mark.usefixtures("impatient")
def test_a_flatten_that_calls_itself_flat_too_early_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from strategy import flattener
    from strategy.flatten import FlattenStep, next_step
    from strategy.snapshot import FlattenStage

    def hasty(*facts: Any, **more: Any) -> FlattenStep:
        step = next_step(*facts, **more)
        return FlattenStep(FlattenStage.FLAT) if step.stage is FlattenStage.CANCELLING_EXITS else step

    monkeypatch.setattr(flattener, "next_step", hasty)
    (step,) = play(tmp_path, "flatten")
    assert not step.passed
    assert "after the receipt" in step.sentence


def test_several_flattens_give_percentiles_with_their_bounds(tmp_path: Path) -> None:
    (step,) = play(tmp_path, "flatten", rehearsals=3)
    figures = {figure.name: figure for figure in step.figures}
    assert (figures["entries_p99_ms"].most, figures["flat_p99_ms"].most) == (50, 250)
    assert figures["flat_p99_ms"].value == figures["flat_max_ms"].value
    assert step.problems == ()
    assert all(abs(Decimal(str(figures[f"{leg}_slippage_bps"].value))) < 1 for leg in ("long", "short"))
