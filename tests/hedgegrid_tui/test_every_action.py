"""Every action in every state: it acts, it asks, or it says why not; it is never silent."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, override

import pytest
from textual.pilot import Pilot

from hedgegrid_tui.actions import ACTIONS, ENDING, READ_ONLY, Action, Danger, Group
from hedgegrid_tui.app import HedgeGridApp
from hedgegrid_tui.drill_report import Line
from hedgegrid_tui.keymap import parse
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.rows import text_of
from hedgegrid_tui.render.view import PanelId, View
from hedgegrid_tui.screens.dashboard import Dashboard
from hedgegrid_tui.screens.dialog import Dialog
from hedgegrid_tui.screens.reader import Reader
from hedgegrid_tui.widgets.panel import Panel
from strategy.control import Ending
from strategy.domain import Leg
from strategy.snapshot import EnginePhase, EngineStatus, FlattenStage, Snapshot
from tests.hedgegrid_tui import fakes
from tests.hedgegrid_tui.fakes import Clock, FakeEngine, cockpit
from tests.hedgegrid_tui.test_app import shown

SENTINEL = "nothing was said"
NEEDS_A_READER = ("help", "risk", "journal", "drill")


class Lingering(FakeEngine):
    """Its stop waits until it is let go, as a flatten on the way out does."""

    def __init__(self, snapshot: Snapshot | None = None, status: EngineStatus | None = None) -> None:
        super().__init__(snapshot, status)
        self.let_go = threading.Event()

    @override
    def stop(self, ending: Ending) -> str:
        super().stop(ending)
        self.let_go.wait(20)
        return "flat"


@dataclass(frozen=True)
class State:
    """What the engine shows, whether it goes on speaking, and what the trader has done before."""

    snapshot: Callable[[], Snapshot]
    phase: EnginePhase = EnginePhase.RUNNING
    detail: str = ""
    speaks: bool = True
    options: dict[str, Any] = field(default_factory=dict)
    before: tuple[str, ...] = ()


def stage(known: FlattenStage, *, running: bool = True, **changes: Any) -> State:
    return State(lambda: fakes.flattening(known, running=running, **changes))


STATES: dict[str, State] = {
    "running": State(fakes.running),
    "paused": State(fakes.paused),
    "breaker open": State(fakes.breaker_open),
    "halted by losses": State(fakes.halted),
    "halted by an error": State(fakes.halted_by_error),
    "flattening: cancelling entries": stage(FlattenStage.CANCELLING_ENTRIES),
    "flattening: closing": stage(FlattenStage.CLOSING),
    "flattening: closing the long leg": stage(FlattenStage.CLOSING, legs=(Leg.LONG,)),
    "flattening: verifying": stage(FlattenStage.VERIFYING),
    "flattening: cancelling exits": stage(FlattenStage.CANCELLING_EXITS),
    "flat": stage(FlattenStage.FLAT, running=False),
    "not flat": stage(FlattenStage.NOT_FLAT, running=False),
    "critical": State(fakes.critical),
    "empty": State(fakes.restored),
    "idle": State(Snapshot, EnginePhase.IDLE, speaks=False),
    "loading": State(Snapshot, EnginePhase.LOADING, speaks=False),
    "connecting": State(Snapshot, EnginePhase.CONNECTING, "warming 16/55", speaks=False),
    "start failed": State(Snapshot, EnginePhase.FAILED, "the key may not trade futures", speaks=False),
    "failed": State(fakes.running, EnginePhase.FAILED, "the loop has ended", speaks=False),
    "stopping": State(fakes.running, EnginePhase.STOPPING),
    "stopped": State(fakes.running, EnginePhase.STOPPED, speaks=False),
    "tape ended": State(fakes.running, EnginePhase.ENDED, "the tape is over"),
    "stuck": State(fakes.running, speaks=False),
    "read-only": State(fakes.paused, options={"read_only": True}),
    "leaving": State(fakes.running, before=("q", "f")),
}
HANDS = (PanelId.LADDER, PanelId.EVENTS)
"""Panels in hand: one that can be searched and one that cannot."""


def no_drill() -> Iterator[Line]:
    yield from ()


class Trader:
    """Presses one key after the other and looks at what has come of it."""

    def __init__(self, app: HedgeGridApp, engine: FakeEngine, clock: Clock, pilot: Pilot[int], state: State) -> None:
        self.app, self.engine, self.clock, self.pilot, self.state = app, engine, clock, pilot, state

    async def settle(self, hand: PanelId) -> Frame:
        """Back to the dashboard, nothing on its way, nothing said."""
        while len(self.app.screen_stack) > 1:
            self.app.pop_screen()
            await self.pilot.pause()
        for _, receipt in self.engine.sent:
            if not receipt.done():
                self.engine.answer()
        self.app._desk.message()
        self.app._desk.say(SENTINEL)
        self.app._looking.view = View(panel=hand)
        self.clock.now += 1
        if self.state.speaks:
            self.engine.show()
        self.app.draw()
        return self.app.frame

    async def press(self, key: str) -> None:
        await self.pilot.press(key)
        await self.pilot.pause()

    @property
    def asked(self) -> str:
        return "\n".join(text_of(row) for row in self.app.screen.query_one("#question", Panel).rows)

    @property
    def said(self) -> str:
        return self.app.frame.message.text


def check(at: Trader, action: Action, before: Frame, sent: int, theme: str) -> str:
    """How the action was answered; fails where it was not, or otherwise than it promises."""
    app, top = at.app, at.app.screen
    fresh = len(at.engine.sent) - sent
    if reason := action.allowed(before):
        assert at.said == f"{before.keys.of(action.id)} {action.text}: {reason}".strip()
        assert (fresh, isinstance(top, Dashboard), app.frame.view) == (0, True, before.view)
        return "refused"
    if action.group is Group.ACT and action.danger is not Danger.SAFE:
        assert isinstance(top, Dialog)
        assert fresh == 0
        return "asked"
    if action.id == "pause":
        assert fresh == 1
        assert "pause: sent, waiting for its receipt" in at.said
    elif action.id in NEEDS_A_READER:
        assert isinstance(top, Reader)
    elif action.group is Group.LOOK:
        assert fresh == 0
        told = at.said != SENTINEL
        assert told or app.frame.view != before.view or not isinstance(top, Dashboard) or app.theme != theme
    else:
        assert at.said != SENTINEL
    return "acted"


@pytest.mark.parametrize("name", STATES)
async def test_every_action_acts_asks_or_says_why_not(name: str) -> None:
    state = STATES[name]
    engine, clock = Lingering(state.snapshot(), EngineStatus(state.phase, state.detail)), Clock()
    app = cockpit(engine, clock, rehearse=no_drill, **state.options)
    answers: dict[str, set[str]] = {action_id: set() for action_id in ACTIONS}
    async with app.run_test(size=(80, 24)) as pilot:
        at = Trader(app, engine, clock, pilot, state)
        await at.settle(PanelId.LADDER)
        for key in state.before:
            clock.now += 1
            await at.press(key)
        stopped = len(engine.stopped)
        for number, action in enumerate(ACTIONS.values()):
            before = await at.settle(HANDS[number % 2] if action.id not in ("search", "open") else PanelId.EVENTS)
            theme, sent = app.theme, len(engine.sent)
            if before.keys.all(action.id):
                await at.press(before.keys.all(action.id)[0])
            else:
                app.action_act(action.id)
                await pilot.pause()
            answers[action.id].add(check(at, action, before, sent, theme))
        assert len(engine.stopped) == stopped
        assert app.faults == 0
        engine.let_go.set()
    assert all(answers.values())
    if name == "running":
        refused = {action_id for action_id, found in answers.items() if found == {"refused"}}
        assert refused == {"resume", "acknowledge", "reset-breaker", "reset-drawdown", "back"}


@pytest.mark.parametrize("key", [key for action in ACTIONS.values() for key in Frame().keys.all(action.id)[1:]])
async def test_every_further_key_does_what_the_first_does(key: str) -> None:
    engine, clock = FakeEngine(), Clock()
    app = cockpit(engine, clock)
    action = next(action for action in ACTIONS.values() if Frame().keys.fires(key, action.id))
    async with app.run_test(size=(80, 24)) as pilot:
        at = Trader(app, engine, clock, pilot, STATES["running"])
        before = await at.settle(PanelId.LADDER)
        await at.press(key)
        assert check(at, action, before, 0, app.theme) != "refused"


async def test_a_session_that_ends_refuses_acts_and_lets_the_trader_look() -> None:
    engine, clock = Lingering(), Clock()
    app = cockpit(engine, clock)
    async with app.run_test(size=(80, 24)) as pilot:
        at = Trader(app, engine, clock, pilot, STATES["running"])
        await at.settle(PanelId.LADDER)
        for key in ("q", "l"):
            clock.now += 1
            await at.press(key)
        for key in ("p", "F", "q"):
            await at.press(key)
            assert at.said.endswith(ENDING)
        await at.press("l")
        assert isinstance(app.screen, Reader)
        assert engine.stopped == [Ending.LEAVE]
        engine.let_go.set()


@pytest.mark.parametrize("action", [action.id for action in ACTIONS.values() if action.group is Group.ACT])
def test_a_read_only_cockpit_never_commands(action: str) -> None:
    seen = Frame(snapshot=fakes.paused(), status=EngineStatus(EnginePhase.RUNNING), read_only=True, calls=("stuck",))
    assert ACTIONS[action].allowed(seen) == (None if action in ("quit", "acknowledge") else READ_ONLY)


async def test_a_key_that_was_moved_acts_and_is_named_everywhere() -> None:
    engine, clock = FakeEngine(fakes.paused()), Clock()
    moved = parse({"pause": "f5", "resume": "ctrl+r", "flatten": "X", "flatten-long": "W", "help": "f1"}, "keys.toml")
    assert moved.complaints == ()
    app = cockpit(engine, clock, keymap=moved)
    async with app.run_test(size=(160, 48)) as pilot:
        at = Trader(app, engine, clock, pilot, STATES["running"])
        await at.settle(PanelId.LADDER)
        assert "X flatten" in shown(app, "keys")
        assert "^r resume" in shown(app, "keys")
        for old in ("P", "F", "p"):
            await at.press(old)
            assert isinstance(app.screen, Dashboard)
        assert engine.sent == []
        await at.press("f5")
        assert at.said == "F5 pause: already paused"
        await at.press("X")
        assert isinstance(app.screen, Dialog)
        assert "F5 pauses" in at.asked
        assert "^r then lets entries out again" in at.asked
        await at.settle(PanelId.LADDER)
        await at.press("W")
        assert "Flatten the long leg?" in str(app.screen.query_one("#question").border_title)
        engine.show(state=fakes.running().state, risk=fakes.running().risk)
        clock.now += 1
        app.draw()
        await at.press("f5")
        assert [command.text for command in engine.commands] == ["pause"]
        assert isinstance(app.screen, Dialog)
        await at.settle(PanelId.LADDER)
        await at.press("f1")
        assert isinstance(app.screen, Reader)
        await at.press("f5")
        assert [command.text for command in engine.commands] == ["pause", "pause"]


async def test_what_is_wrong_with_the_keys_is_told_on_the_screen() -> None:
    app = cockpit(keymap=parse({"pasue": "f5"}, "keys.toml"))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "pasue is no action; did you mean pause?" in shown(app, "status")
