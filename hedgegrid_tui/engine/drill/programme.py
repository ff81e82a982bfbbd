"""The drill's steps in their sequence, each on its stage, each followed by a look at the books."""

import functools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from hedgegrid_tui import __version__
from hedgegrid_tui.drill_report import DrillReport, Line, StepReport
from hedgegrid_tui.engine.drill import drawdown, feed, flatten, gap, storm
from hedgegrid_tui.engine.drill.audit import audit
from hedgegrid_tui.engine.drill.stage import Failed, Notes, Stage, stage_config

Act = Callable[[Stage, Notes], str]
"""Rehearses something; gives what happened in a sentence, or raises `Failed`."""


class Step(NamedTuple):
    """One step."""

    name: str
    title: str
    act: Act


class Scene(NamedTuple):
    """Steps that follow each other in one session."""

    sets: tuple[str, ...]
    steps: tuple[Step, ...]


def _scenes(rehearsals: int) -> tuple[Scene, ...]:
    return (
        Scene(
            storm.SETS,
            (
                Step("reject-storm", "every new entry refused in a flood of quotes", storm.first_storm),
                Step("second-storm", "breaker reset, and tripped once more", storm.second_storm),
            ),
        ),
        Scene(feed.SETS, (Step("feed-loss", "no price for a while", feed.feed_loss),)),
        Scene(gap.SETS, (Step("price-gap", "one quote beyond a whole ladder", gap.price_gap),)),
        Scene(drawdown.SETS, (Step("drawdown", "losses beyond every level", drawdown.drawdown),)),
        Scene(
            flatten.SETS,
            (
                Step(
                    "flatten",
                    "forty orders and both legs held",
                    functools.partial(flatten.flatten, times=rehearsals),
                ),
            ),
        ),
    )


STEPS: Final = tuple(step.name for scene in _scenes(1) for step in scene.steps)
"""Names of all steps."""


def check_sets(sets: Sequence[str]) -> None:
    """See that overrides go with every scene's own settings.

    Raises:
        ConfigError: They do not.
    """
    for scene in _scenes(1):
        stage_config([*scene.sets, *sets])


def rehearse(
    folder: Path,
    tell: Callable[[Line], None],
    *,
    begin: Callable[[str], None] = lambda _: None,
    only: Sequence[str] = (),
    rehearsals: int = 1,
    sets: Sequence[str] = (),
) -> DrillReport:
    """Run the drill in `folder`, which gets a folder with a journal per session.

    `tell` takes each step as it ends and the whole at the end, `begin` the title of each that begins. `only` names the
    steps to run; the second storm needs the first, which then runs as well. `sets` overrides the steps' own settings.
    """
    started = time.monotonic()
    done: list[StepReport] = []
    for number, scene in enumerate(_scenes(rehearsals), 1):
        last = max((at for at, step in enumerate(scene.steps, 1) if not only or step.name in only), default=0)
        if last:
            steps = scene.steps[:last]
            done += _play(folder / f"{number}-{steps[0].name}", steps, [*scene.sets, *sets], tell, begin)
    failed = tuple(step.name for step in done if not step.passed)
    report = DrillReport(
        version=__version__,
        passed=not failed,
        steps=len(done),
        failed=failed,
        folder=str(folder),
        seconds=round(time.monotonic() - started, 1),
    )
    tell(report)
    return report


def _play(
    folder: Path, steps: Sequence[Step], sets: Sequence[str], tell: Callable[[Line], None], begin: Callable[[str], None]
) -> list[StepReport]:
    """Play a scene; where a step fails, those after it are not rehearsed and fail with it."""
    done: list[StepReport] = []
    try:
        with Stage(folder, sets) as stage:
            for step in steps:
                begin(f"{step.name}: {step.title}")
                done.append(_report(stage, step))
                tell(done[-1])
                if not done[-1].passed:
                    break
    except Exception as error:  # noqa: BLE001 - a session that cannot start or end fails its steps, not the drill
        done += _not_rehearsed(steps[len(done) : len(done) + 1], _words(error), tell)
    if done and not done[-1].passed:
        done += _not_rehearsed(steps[len(done) :], "not rehearsed, since the step before it failed", tell)
    return done


def _report(stage: Stage, step: Step) -> StepReport:
    started = time.monotonic()
    notes, went_well = Notes(), True
    try:
        sentence = step.act(stage, notes)
    except Exception as error:  # noqa: BLE001 - whatever kept a step from its end is its failure
        sentence, went_well = _words(error), False
    problems = _problems(stage)
    return StepReport(
        name=step.name,
        title=step.title,
        passed=went_well and not problems and all(figure.is_within for figure in notes.figures),
        sentence=sentence,
        figures=tuple(notes.figures),
        problems=problems,
        seconds=round(time.monotonic() - started, 1),
        journal=str(stage.journal),
    )


def _problems(stage: Stage) -> tuple[str, ...]:
    try:
        return audit(stage)
    except Exception as error:  # noqa: BLE001 - books that cannot be looked at are a problem of their own
        return (f"the books could not be looked at: {_words(error)}",)


def _not_rehearsed(steps: Sequence[Step], words: str, tell: Callable[[Line], None]) -> list[StepReport]:
    reports = [StepReport(name=step.name, title=step.title, passed=False, sentence=words) for step in steps]
    for report in reports:
        tell(report)
    return reports


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, Failed) else f"{type(error).__name__}: {error}"
