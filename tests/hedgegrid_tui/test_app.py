"""The cockpit as a whole: paints first, polls, survives, leaves in order."""

import subprocess
import sys
import threading
from collections.abc import Callable
from queue import Queue
from typing import Any

import pytest
from textual.pilot import Pilot

from hedgegrid_tui import terminal
from hedgegrid_tui.app import HedgeGridApp
from hedgegrid_tui.observer import Observer
from hedgegrid_tui.render import door, money
from hedgegrid_tui.render.rows import text_of
from hedgegrid_tui.screens.dashboard import PICTURES, Dashboard
from hedgegrid_tui.screens.dialog import Dialog
from hedgegrid_tui.widgets.panel import Panel
from strategy.control import Ending
from strategy.domain import DoorState
from strategy.snapshot import EnginePhase, EngineStatus, Snapshot
from tests.hedgegrid_tui.fakes import (
    Clock,
    FakeEngine,
    breaker_open,
    cockpit,
    critical,
    flattening,
    halted,
    paused,
    running,
    stale,
)


def shown(app: HedgeGridApp, panel: str) -> str:
    dashboard = app.screen_stack[0]
    return "\n".join(text_of(row).rstrip() for row in dashboard.query_one(f"#{panel}", Panel).rows)


async def until_stopped(pilot: Pilot[int], app: HedgeGridApp) -> None:
    await app.workers.wait_for_complete()
    await pilot.pause()


def test_importing_the_cockpit_loads_no_nautilus() -> None:
    code = (
        "import sys, hedgegrid_tui.app; "
        "print([name for name in sys.modules if name.startswith(('nautilus', 'aiohttp', 'pandas'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_the_engine_is_started_once_and_after_the_first_paint() -> None:
    engine = FakeEngine(Snapshot(), EngineStatus(EnginePhase.IDLE))
    seen: list[str] = []
    app = cockpit(engine)
    engine.start = lambda: seen.append(shown(app, "ladder"))  # type: ignore[method-assign]
    async with app.run_test(size=(80, 24)) as pilot:
        await until_stopped(pilot, app)
        assert len(seen) == 1
        assert "HedgeGrid is starting" in seen[0]


async def test_a_start_that_raises_is_told() -> None:
    engine = FakeEngine(Snapshot(), EngineStatus(EnginePhase.IDLE))
    app = cockpit(engine)

    def start() -> None:
        raise OSError("no room")

    engine.start = start  # type: ignore[method-assign]
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.2)
        assert shown(app, "status") == "the engine did not start: OSError: no room"


async def test_a_new_snapshot_is_drawn_by_the_next_frame() -> None:
    engine = FakeEngine()
    app = cockpit(engine)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "PAUSED" not in shown(app, "strip")
        engine.show(state=DoorState.PAUSED)
        app.draw()
        assert "‖ PAUSED" in shown(app, "strip")


async def test_the_timer_draws_without_being_told() -> None:
    engine = FakeEngine()
    app = HedgeGridApp(engine, fps=50)
    async with app.run_test(size=(80, 24)) as pilot:
        engine.show(instrument="ETHUSDT", mode="live")
        await pilot.pause(0.3)
        assert "LIVE" in shown(app, "strip")


@pytest.mark.parametrize("size", [(80, 24), (80, 40), (120, 24), (120, 40), (200, 60)])
async def test_what_is_vital_shows_at_every_size(size: tuple[int, int]) -> None:
    app = cockpit()
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        app.draw()
        for words in ("SIMULATED", "► RUNNING", "▲ +12.40", "✓ protected", "LONG", "SHORT"):
            assert words in shown(app, "strip")
        assert "mid 61,802.15" in shown(app, "ladder")
        assert "q quit" in shown(app, "keys")


async def test_a_resize_draws_again_at_the_new_size() -> None:
    app = cockpit()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert app.dashboard.room("ladder") == (76, 20)
        assert all(len(text_of(row)) == 76 for row in app.dashboard.query_one("#ladder", Panel).rows)
        assert "since start" in shown(app, "money")


async def test_a_frame_that_fails_is_counted_and_shown_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("no equity")

    engine = FakeEngine()
    app = cockpit(engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        monkeypatch.setitem(PICTURES, "money", broken)
        app.draw()
        assert shown(app, "money").startswith("✗ money cannot be drawn: ZeroDiv")
        assert app.faults == 1
        monkeypatch.setitem(PICTURES, "money", money.rows)
        app.draw()
        assert "since start" in shown(app, "money")
        assert "screen: 1 caught, last ZeroDivisionError: no equity" in shown(app, "errors")
        assert "2 errors" in shown(app, "strip")
        assert app.dashboard.query_one("#errors", Panel).title.startswith("8 Errors 2")


async def test_an_engine_whose_snapshot_raises_does_not_end_the_cockpit() -> None:
    class Broken(FakeEngine):
        broken = False

        def log_lines(self) -> list[str]:
            if self.broken:
                raise RuntimeError("torn down")
            return []

    engine = Broken()
    app = cockpit(engine)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        engine.broken = True
        app.draw()
        app.draw()
        assert "torn down" in shown(app, "status")
        assert app.is_running
        engine.broken = False
        engine.show(mode="live")
        app.draw()
        assert "LIVE" in shown(app, "strip")


async def test_a_frame_that_cannot_be_made_shows_what_was_known_as_old(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    app = cockpit(clock=clock)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        monkeypatch.setattr(Observer, "frame", lambda *_: 1 / 0)
        for _ in range(8):
            clock.now += 0.5
            app.draw()
        assert "ENGINE STUCK 4 s" in shown(app, "strip")
        assert "ZeroDivisionError" in shown(app, "status")


@pytest.mark.parametrize("key", ["question_mark", "F", "q", "z"])
async def test_a_key_whose_act_fails_says_so_and_the_cockpit_goes_on(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ImportError("cannot import name 'Reader'")

    app = cockpit()
    for part, name in ((app._opener, "open"), (app._opener, "ask"), (app._opener, "ask_to_leave"), (app, "_look")):
        monkeypatch.setattr(part, name, broken)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        assert "not done: ImportError: cannot import name 'Reader'" in shown(app, "status")
        assert app.faults == 1
        assert isinstance(app.screen, Dashboard)


def test_once_the_engine_runs_no_question_needs_the_disk_any_more() -> None:
    """An installation that is replaced below a running session must not cost the flatten."""
    code = (
        "import asyncio, sys\n"
        "from tests.hedgegrid_tui.fakes import FakeEngine, cockpit\n"
        "async def main():\n"
        "    app = cockpit(FakeEngine())\n"
        "    async with app.run_test(size=(80, 24)) as pilot:\n"
        "        await pilot.pause()\n"
        "        await app.workers.wait_for_complete()\n"
        "        sys.path.clear()\n"
        "        sys.modules['hedgegrid_tui'].__path__.clear()\n"
        "        sys.modules['hedgegrid_tui.screens'].__path__.clear()\n"
        "        for key in ('F', 'question_mark', 'ctrl+p'):\n"
        "            await pilot.press(key)\n"
        "            print(type(app.screen).__name__, app.faults)\n"
        "            await pilot.press('escape')\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["Dialog 0", "Reader 0", "Palette 0"]


async def test_behind_a_dialog_frames_come_once_a_second() -> None:
    clock, engine = Clock(), FakeEngine()
    app = cockpit(engine, clock)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("F")
        assert isinstance(app.screen, Dialog)
        engine.show(mode="live")
        clock.now += 0.5
        app._tick()
        assert "SIMULATED" in shown(app, "strip")
        clock.now += 0.6
        app._tick()
        assert "LIVE" in shown(app, "strip")


class Ringing:
    """Counts what would have sounded."""

    def __init__(self, app: HedgeGridApp, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times = 0
        monkeypatch.setattr(app, "bell", self._ring)

    def _ring(self) -> None:
        self.times += 1


async def test_an_alarm_rings_once_when_it_is_new_and_again_every_half_minute_until_it_is_acknowledged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, engine = Clock(), FakeEngine()
    app = cockpit(engine, clock)
    bell = Ringing(app, monkeypatch)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.draw()
        assert bell.times == 0
        rung = []
        engine.show(risk=stale().risk)
        for _ in range(70):
            app.draw()
            rung.append(bell.times)
            clock.now += 1
            engine.show()
        assert (rung[0], rung[29], rung[30], rung[59], rung[60]) == (1, 1, 2, 2, 3)
        await pilot.press("a")
        for _ in range(70):
            clock.now += 1
            engine.show()
            app.draw()
        assert bell.times == 3
        engine.show(risk=running().risk)
        app.draw()
        engine.show(risk=stale().risk)
        app.draw()
        assert bell.times == 4


async def test_a_critical_error_rings_until_it_is_acknowledged_though_the_engine_forgot_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, engine = Clock(), FakeEngine(running(errors=critical().errors))
    app = cockpit(engine, clock)
    bell = Ringing(app, monkeypatch)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        engine.show(errors=())
        clock.now += 31
        app.draw()
        assert bell.times == 2
        assert "CRITICAL on_order_filled: KeyError: 'lot 14" in shown(app, "notice")
        assert "8 shows it, a acknowledges" in shown(app, "notice")
        await pilot.press("8")
        assert "CRITICAL" in shown(app, "errors")
        assert "CRITICAL" not in shown(app, "notice")
        await pilot.press("a")
        clock.now += 31
        engine.show()
        app.draw()
        assert bell.times == 2


async def test_a_stuck_engine_is_told_and_rung_for_beyond_the_configured_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, engine = Clock(), FakeEngine()
    app = cockpit(engine, clock, stuck_after_s=4.0)
    bell = Ringing(app, monkeypatch)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        clock.now += 3.9
        app.draw()
        assert "STUCK" not in shown(app, "strip")
        clock.now += 0.3
        app.draw()
        assert "ENGINE STUCK 4 s" in shown(app, "strip")
        assert bell.times == 1
        engine.show()
        app.draw()
        assert "STUCK" not in shown(app, "strip")


async def test_an_alarm_does_not_wait_for_the_slow_frames_behind_a_dialog(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, engine = Clock(), FakeEngine()
    app = cockpit(engine, clock)
    bell = Ringing(app, monkeypatch)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("F")
        clock.now += 0.25
        engine.show(risk=stale().risk)
        app._tick()
        assert bell.times == 1
        assert "STALE FEED" in shown(app, "notice")
        engine.log_lines = lambda: 1 / 0  # type: ignore[assignment, method-assign, return-value]
        clock.now += 0.25
        app._tick()
        assert app.faults == 1


async def test_nothing_rings_into_a_terminal_that_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine()
    app = cockpit(engine)
    bell = Ringing(app, monkeypatch)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        monkeypatch.setattr(terminal, "backlog", lambda driver: terminal.MAX_BACKLOG + 1)
        engine.show(risk=stale().risk)
        app._tick()
        assert bell.times == 0
        monkeypatch.setattr(terminal, "backlog", lambda driver: 0)
        app._tick()
        assert bell.times == 1


@pytest.mark.parametrize("state", [paused, breaker_open, halted, flattening])
@pytest.mark.parametrize("size", [(80, 24), (80, 40), (120, 24), (120, 40), (200, 60)])
async def test_the_state_and_the_key_that_ends_it_show_at_every_size(
    size: tuple[int, int], state: Callable[[], Snapshot]
) -> None:
    snapshot = state()
    app = cockpit(FakeEngine(snapshot))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        app.draw()
        assert door.STATES[snapshot.state].text in shown(app, "strip")
        told = shown(app, "strip") + shown(app, "notice")
        assert (snapshot.state_reason if snapshot.state is DoorState.HALTED else door.figure(snapshot)) in told
        key, does = door.way_out(snapshot.state, snapshot)
        assert f"{key} {does}".strip() in shown(app, "notice")
        assert f"{key} {'resume' if key == 'P' else ''}".strip() in shown(app, "keys")


@pytest.mark.parametrize(
    ("size", "there"), [((80, 24), False), ((120, 24), False), ((120, 40), True), ((200, 60), True)]
)
async def test_risk_has_a_panel_of_its_own_where_there_is_room(size: tuple[int, int], there: bool) -> None:
    app = cockpit()
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        for _ in range(2):
            app.draw()
            await pilot.pause()
        assert ("risk" in app.dashboard.places) == there
        if there:
            for words in ("1 of 5 errors", "total 0.01 %", "caps"):
                assert words in shown(app, "risk")


async def test_frames_are_skipped_while_the_terminal_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine()
    app = cockpit(engine)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        engine.show(mode="live")
        monkeypatch.setattr(terminal, "backlog", lambda driver: terminal.MAX_BACKLOG + 1)
        app._tick()
        assert "SIMULATED" in shown(app, "strip")
        monkeypatch.setattr(terminal, "backlog", lambda driver: terminal.MAX_BACKLOG)
        app._tick()
        assert "LIVE" in shown(app, "strip")


async def test_a_frame_that_is_due_while_the_screens_close_is_no_crash() -> None:
    app = cockpit()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
    app._tick()
    assert app.faults == 0


def test_the_backlog_of_a_driver_is_its_writer_s_queue_and_none_without_one() -> None:
    class Writer:
        _queue: Queue[str] = Queue()

    class Driver:
        _writer_thread = Writer()

    Writer._queue.put("frame")
    assert terminal.backlog(Driver()) == 1
    assert terminal.backlog(object()) == terminal.backlog(None) == 0


@pytest.mark.parametrize(("letter", "ending"), [("l", Ending.LEAVE), ("c", Ending.CANCEL), ("f", Ending.FLATTEN)])
async def test_leaving_stops_the_engine_as_chosen_and_then_ends(letter: str, ending: Ending) -> None:
    clock, engine = Clock(), FakeEngine()
    app = cockpit(engine, clock)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("q")
        clock.now += 1
        await pilot.press(letter)
        await until_stopped(pilot, app)
    assert engine.stopped == [ending]
    assert not app.is_running
    assert not app.hangup


async def test_a_stop_that_raises_ends_the_cockpit_all_the_same() -> None:
    clock, engine = Clock(), FakeEngine()
    engine.stop_result = RuntimeError("thread died")
    app = cockpit(engine, clock)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("q")
        clock.now += 1
        await pilot.press("l")
        await until_stopped(pilot, app)
        assert app.return_value == 0
    assert app.crash is None


async def test_while_the_session_ends_every_key_says_so() -> None:
    clock, engine, gate = Clock(), FakeEngine(), threading.Event()

    def stop(ending: Ending) -> str:
        gate.wait(10)
        return "flat"

    engine.stop = stop  # type: ignore[method-assign]
    app = cockpit(engine, clock)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("q", "escape")
        assert shown(app, "status") == "staying"
        await pilot.press("q")
        clock.now += 1
        await pilot.press("f")
        await pilot.pause()
        assert "staying" not in shown(app, "status")
        clock.now += 2
        await pilot.press("p")
        assert shown(app, "status") == "p pause: the session is ending already"
        assert "stopping: flattening both legs, 2 s" in shown(app, "notice")
        assert isinstance(app.screen, Dashboard)
        gate.set()
        await until_stopped(pilot, app)
        assert app.return_value == 0


async def test_a_failed_engine_is_told_in_place_and_can_be_left() -> None:
    clock = Clock()
    engine = FakeEngine(Snapshot(), EngineStatus(EnginePhase.FAILED, "the key may not trade futures"))
    app = cockpit(engine, clock)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.draw()
        assert "the key may not trade futures" in shown(app, "ladder")
        await pilot.press("q")
        clock.now += 1
        await pilot.press("f")
        assert engine.stopped == []
        await pilot.press("l")
        await until_stopped(pilot, app)
    assert engine.stopped == [Ending.LEAVE]
