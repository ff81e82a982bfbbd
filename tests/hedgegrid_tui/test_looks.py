"""Stored pictures of the cockpit, one for each state, screen, size and theme; `--snapshot-update` redraws them."""

from typing import Any

import pytest
from textual.pilot import Pilot

from hedgegrid_tui.app import HedgeGridApp
from hedgegrid_tui.drill_report import DrillReport, StepReport
from hedgegrid_tui.render.view import PanelId
from hedgegrid_tui.screens.drill_page import DrillRun
from hedgegrid_tui.screens.reader import Reader
from strategy.domain import DoorState
from tests.hedgegrid_tui.fakes import Clock, FakeEngine, cockpit, halted
from tests.hedgegrid_tui.scenes import SCREENS, STATES, Scene

SIZES = [(80, 24), (120, 40), (200, 60)]
THEMES = ["dark", "light", "mono"]
WITHOUT_COLOUR = (
    "running",
    "paused",
    "breaker-open",
    "halted",
    "flatten-closing",
    "stale",
    "disconnected",
    "unprotected",
)


REHEARSED = (
    StepReport("storm", "reject storm", passed=True, sentence="the breaker tripped once, exits stayed"),
    StepReport("gap", "price gap", passed=False, sentence="a lot stayed naked", problems=("0.002 without a stop",)),
    DrillReport("0.1", passed=False, steps=2, failed=("gap",), folder="a folder", seconds=9.0),
)


class Stage:
    """One cockpit over a scene, drawn when told to."""

    def __init__(self, scene: Scene, theme: str = "dark") -> None:
        self._silent = scene.silent_s
        self._clock = Clock()
        self.app: HedgeGridApp = cockpit(scene.engine(), self._clock, theme=f"hedgegrid-{theme}")

    async def settle(self, pilot: Pilot[int]) -> None:
        """Draw twice: on a busy machine the first layout may come after the first frame."""
        self._clock.now += self._silent
        for _ in range(2):
            await pilot.pause()
            self.app.draw()
        await pilot.pause()


def size_name(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


@pytest.mark.parametrize("size", SIZES, ids=size_name)
@pytest.mark.parametrize("state", STATES)
def test_the_cockpit_looks_as_it_did(snap_compare: Any, state: str, size: tuple[int, int]) -> None:
    stage = Stage(STATES[state])
    assert snap_compare(stage.app, terminal_size=size, run_before=stage.settle)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=size_name)
@pytest.mark.parametrize("screen", SCREENS)
def test_screens_and_dialogs_look_as_they_did(
    snap_compare: Any, screen: str, size: tuple[int, int], theme: str
) -> None:
    scene, keys = SCREENS[screen]
    stage = Stage(scene, theme)
    assert snap_compare(stage.app, press=keys, terminal_size=size, run_before=stage.settle)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=size_name)
def test_a_drill_that_failed_looks_as_it_did(snap_compare: Any, size: tuple[int, int], theme: str) -> None:
    run = DrillRun(lambda: iter(REHEARSED))
    run.start()
    run._thread.join()
    stage = Stage(STATES["running"], theme)

    async def drill(pilot: Pilot[int]) -> None:
        stage.app.push_screen(Reader("Drill", run.page, stage.app.frame, from_end=True))
        await stage.settle(pilot)

    assert snap_compare(stage.app, terminal_size=size, run_before=drill)


@pytest.mark.parametrize("theme", ["light", "mono"])
@pytest.mark.parametrize("size", SIZES, ids=size_name)
def test_the_dashboard_looks_as_it_did_in_other_themes(snap_compare: Any, size: tuple[int, int], theme: str) -> None:
    stage = Stage(STATES["running"], theme)
    assert snap_compare(stage.app, terminal_size=size, run_before=stage.settle)


@pytest.mark.parametrize("size", SIZES, ids=size_name)
@pytest.mark.parametrize("number", range(1, len(PanelId) + 1))
def test_each_panel_looks_as_it_did_with_the_whole_screen(
    snap_compare: Any, number: int, size: tuple[int, int]
) -> None:
    stage = Stage(STATES["running"])
    assert snap_compare(stage.app, press=(str(number), "z"), terminal_size=size, run_before=stage.settle)


@pytest.mark.parametrize("state", WITHOUT_COLOUR)
def test_every_state_reads_without_colour(snap_compare: Any, state: str) -> None:
    stage = Stage(STATES[state], "mono")
    assert snap_compare(stage.app, terminal_size=(120, 40), run_before=stage.settle)


def test_everything_that_can_be_latched_at_once_reads_without_colour(snap_compare: Any) -> None:
    stage = Stage(Scene(lambda: FakeEngine(halted(DoorState.BREAKER_OPEN, DoorState.PAUSED))), "mono")
    assert snap_compare(stage.app, terminal_size=(120, 40), run_before=stage.settle)
