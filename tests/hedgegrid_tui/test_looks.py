"""Stored pictures of the cockpit; `--snapshot-update` redraws them."""

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from strategy.domain import DoorState
from strategy.snapshot import EnginePhase, EngineStatus, Snapshot
from tests.hedgegrid_tui.fakes import (
    FakeEngine,
    breaker_open,
    cockpit,
    critical,
    flattening,
    halted,
    paused,
    ramped,
    restored,
    running,
    stale,
    thinned,
    warming,
)

SIZES = [(80, 24), (120, 40)]
STATES: dict[str, tuple[Callable[[], FakeEngine], tuple[str, ...]]] = {
    "empty": (lambda: FakeEngine(Snapshot(), EngineStatus(EnginePhase.LOADING, "importing NautilusTrader")), ()),
    "running": (lambda: FakeEngine(running()), ()),
    "paused": (lambda: FakeEngine(paused()), ()),
    "restored": (lambda: FakeEngine(restored()), ()),
    "warming": (lambda: FakeEngine(warming()), ()),
    "thinned": (lambda: FakeEngine(thinned()), ()),
    "flatten-dialog": (lambda: FakeEngine(running()), ("F",)),
    "flattening": (lambda: FakeEngine(flattening()), ()),
    "critical-error": (lambda: FakeEngine(critical()), ()),
    "breaker-open": (lambda: FakeEngine(breaker_open(DoorState.PAUSED)), ()),
    "halted": (lambda: FakeEngine(halted()), ()),
    "stale-feed": (lambda: FakeEngine(stale()), ()),
    "breaker-dialog": (lambda: FakeEngine(breaker_open()), ("B",)),
    "drawdown-dialog": (lambda: FakeEngine(halted()), ("D",)),
    "throttle-dialog": (lambda: FakeEngine(running()), ("t",)),
    "risk-page": (lambda: FakeEngine(ramped()), ("r",)),
}
WIDE = ("running", "breaker-open", "halted")


async def _settle(pilot: Pilot[int]) -> None:
    """Twice: on a busy machine the first layout may come after the first frame."""
    for _ in range(2):
        await pilot.pause()
        pilot.app.draw()  # type: ignore[attr-defined]
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("state", STATES)
def test_the_cockpit_looks_as_it_did(snap_compare: Any, state: str, size: tuple[int, int]) -> None:
    engine, keys = STATES[state]
    assert snap_compare(cockpit(engine()), press=keys, terminal_size=size, run_before=_settle)


@pytest.mark.parametrize("state", WIDE)
def test_the_widest_cockpit_looks_as_it_did(snap_compare: Any, state: str) -> None:
    assert snap_compare(cockpit(STATES[state][0]()), terminal_size=(200, 60), run_before=_settle)


@pytest.mark.parametrize("theme", ["hedgegrid-light", "hedgegrid-mono"])
def test_the_other_themes_look_as_they_did(snap_compare: Any, theme: str) -> None:
    assert snap_compare(cockpit(FakeEngine(critical()), theme=theme), terminal_size=(120, 40), run_before=_settle)


def test_every_state_reads_without_colour(snap_compare: Any) -> None:
    snapshot = halted(DoorState.BREAKER_OPEN, DoorState.PAUSED)
    app = cockpit(FakeEngine(snapshot), theme="hedgegrid-mono")
    assert snap_compare(app, terminal_size=(120, 40), run_before=_settle)
