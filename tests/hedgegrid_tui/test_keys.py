"""Every key and every dialog: what it sends, what it refuses, what can never happen by accident."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from hedgegrid_tui.actions import ACTIONS
from hedgegrid_tui.app import HedgeGridApp
from hedgegrid_tui.render.rows import text_of
from hedgegrid_tui.screens.dashboard import Dashboard
from hedgegrid_tui.screens.dialog import Dialog
from hedgegrid_tui.screens.reader import Reader
from hedgegrid_tui.widgets.panel import Panel
from strategy.control import Command, CommandName, Result
from strategy.domain import Leg
from strategy.snapshot import Snapshot
from tests.hedgegrid_tui.fakes import Clock, FakeEngine, cockpit, critical, paused, running
from tests.hedgegrid_tui.test_app import shown

QUESTIONS = {"F": running, "C": running, "P": paused, "q": running}


class Desk:
    """An app under test with its engine, its clock and its pilot."""

    def __init__(self, app: HedgeGridApp, engine: FakeEngine, clock: Clock, pilot: Pilot[int]) -> None:
        self.app, self.engine, self.clock, self.pilot = app, engine, clock, pilot

    async def press(self, *keys: str, after: float = 1.0) -> None:
        for key in keys:
            self.clock.now += after
            await self.pilot.press(key)
            await self.pilot.pause()

    @property
    def status(self) -> str:
        return shown(self.app, "status")

    @property
    def asked(self) -> bool:
        return isinstance(self.app.screen, Dialog)

    @property
    def question(self) -> str:
        return "\n".join(text_of(row).rstrip() for row in self.app.screen.query_one(Panel).rows)


@asynccontextmanager
async def desk(snapshot: Snapshot, *, read_only: bool = False) -> AsyncIterator[Desk]:
    engine, clock = FakeEngine(snapshot), Clock()
    app = cockpit(engine, clock, read_only=read_only)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.draw()
        yield Desk(app, engine, clock, pilot)


async def test_pause_acts_at_once_and_believes_nothing_before_its_receipt() -> None:
    async with desk(running()) as at:
        await at.press("p")
        assert at.engine.commands == [Command(CommandName.PAUSE)]
        assert at.status == "pause: sent, waiting for its receipt"
        assert "► RUNNING" in shown(at.app, "strip")
        at.engine.answer(Result.DONE)
        at.app.draw()
        assert at.status == "pause: ✓ done"
        assert "► RUNNING" in shown(at.app, "strip")


@pytest.mark.parametrize(
    ("key", "letter", "command"),
    [
        ("F", "a", Command(CommandName.FLATTEN)),
        ("F", "L", Command(CommandName.FLATTEN, Leg.LONG)),
        ("F", "S", Command(CommandName.FLATTEN, Leg.SHORT)),
        ("C", "y", Command(CommandName.CANCEL_ENTRIES)),
        ("P", "y", Command(CommandName.RESUME)),
    ],
)
async def test_a_confirmed_question_sends_its_command_once(key: str, letter: str, command: Command) -> None:
    async with desk(QUESTIONS[key]()) as at:
        await at.press(key)
        assert at.asked
        assert at.engine.commands == []
        await at.press(letter)
        assert not at.asked
        assert at.engine.commands == [command]
        at.engine.answer(Result.DONE)
        at.app.draw()
        assert at.status == f"{command.text}: ✓ done"


@pytest.mark.parametrize("no", ["escape", "n", "enter", "ctrl+c", "ctrl+q"])
@pytest.mark.parametrize("key", ["F", "C", "P"])
async def test_every_way_out_of_a_question_sends_nothing(key: str, no: str) -> None:
    async with desk(QUESTIONS[key]()) as at:
        await at.press(key, no)
        assert not at.asked
        assert at.engine.sent == []
        assert "nothing was sent" in at.status


@pytest.mark.parametrize("key", QUESTIONS)
async def test_enter_never_confirms(key: str) -> None:
    async with desk(QUESTIONS[key]()) as at:
        await at.press(key, "enter", "enter", "enter")
        assert at.engine.sent == []
        assert at.engine.stopped == []


@pytest.mark.parametrize(("key", "letter"), [("F", "a"), ("C", "y"), ("P", "y"), ("q", "f"), ("F", "enter")])
async def test_a_key_pressed_before_the_question_could_be_read_is_ignored_and_says_so(key: str, letter: str) -> None:
    async with desk(QUESTIONS[key]()) as at:
        await at.press(key)
        await at.press(letter, after=0.4)
        assert at.asked
        assert at.engine.sent == []
        assert at.engine.stopped == []
        assert "ignored: the question had only just appeared" in at.question


async def test_escape_leaves_a_question_at_any_time() -> None:
    async with desk(running()) as at:
        await at.press("F")
        await at.press("escape", after=0.0)
        assert not at.asked


async def test_a_letter_that_is_no_answer_is_told_and_keys_of_the_dashboard_do_nothing() -> None:
    async with desk(running()) as at:
        await at.press("F", "C", "y")
        assert at.asked
        assert at.engine.sent == []
        assert "'y' is no answer here" in at.question


@pytest.mark.parametrize("opened", ["F", "q", "question_mark", "l"])
async def test_pause_acts_at_once_whatever_stands_on_the_screen(opened: str) -> None:
    async with desk(running()) as at:
        await at.press(opened, "p")
        assert at.engine.commands == [Command(CommandName.PAUSE)]


@pytest.mark.parametrize("key", ["F", "q", "C"])
async def test_the_safe_letter_stays_even_in_the_first_half_second(key: str) -> None:
    async with desk(running()) as at:
        await at.press(key)
        assert at.asked
        await at.press("n", after=0.0)
        assert not at.asked
        assert at.engine.commands == []


async def test_the_flatten_question_follows_the_snapshot_while_it_is_open() -> None:
    async with desk(running()) as at:
        await at.press("F")
        assert "12 entries, 8 exits" in at.question
        at.engine.show(long=critical().long, short=Snapshot().short)
        at.app.draw()
        assert "6 entries, 4 exits" in at.question
        assert "S  flatten the SHORT leg only: holds nothing and has no order" in at.question
        await at.press("s")
        assert at.asked
        assert at.engine.sent == []


async def test_an_answer_that_came_too_late_is_refused_with_its_reason() -> None:
    async with desk(paused()) as at:
        await at.press("P")
        at.engine.snapshot = running(seq=99)
        at.app.draw()
        await at.press("y")
        assert at.engine.sent == []
        assert at.status == "P resume: already running"


@pytest.mark.parametrize(
    "action", [action for action in ACTIONS.values() if action.id not in ("help", "quit", "journal")]
)
async def test_a_key_that_cannot_be_used_says_why(action: object) -> None:
    known = next(known for known in ACTIONS.values() if known is action)
    async with desk(Snapshot(), read_only=True) as at:
        await at.press(known.key)
        assert at.engine.sent == []
        assert at.status.startswith(f"{known.key} {known.text}: ")


async def test_the_breaker_key_says_that_there_is_no_breaker() -> None:
    async with desk(running()) as at:
        await at.press("B")
        assert at.status == "B breaker: this version has no breaker to reset"


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
async def test_every_way_to_quit_asks_and_staying_stays(key: str) -> None:
    async with desk(running()) as at:
        await at.press(key)
        assert "leave: orders and positions stay as they are" in at.question
        await at.press("n")
        assert not at.asked
        assert at.status == "staying"
        assert at.engine.stopped == []
        assert at.app.is_running


async def test_a_read_only_cockpit_may_leave_but_not_flatten() -> None:
    async with desk(running(), read_only=True) as at:
        assert "READ-ONLY" in shown(at.app, "strip")
        await at.press("q", "f", "c")
        assert at.asked
        assert at.engine.stopped == []
        assert "c: this cockpit is read-only" in at.question


async def test_help_lists_every_key_and_why_it_cannot_be_used() -> None:
    async with desk(running()) as at:
        await at.press("question_mark")
        assert isinstance(at.app.screen, Reader)
        for action in ACTIONS.values():
            assert f"  {action.key}  {action.text}" in at.question
        assert "not now: already running" in at.question
        await at.press("end")
        assert "SILENT" in at.question
        await at.press("home", "escape")
        assert isinstance(at.app.screen, Dashboard)


async def test_the_log_shows_errors_and_lines_in_full_and_follows_its_end() -> None:
    async with desk(critical()) as at:
        at.engine.lines = [f"line {number}" for number in range(100)]
        at.app.draw()
        await at.press("l")
        assert "line 99" in at.question
        await at.press("home")
        assert "unknown to the order index" in " ".join(at.question.split())
        at.engine.lines.append("line 100")
        await at.press("end")
        at.app.draw()
        assert "line 100" in at.question


async def test_acknowledging_takes_critical_errors_off_the_strip_and_not_off_the_list() -> None:
    async with desk(critical()) as at:
        assert "✗ 1 CRITICAL" in shown(at.app, "strip")
        await at.press("a")
        assert "1 CRITICAL" not in shown(at.app, "strip")
        assert "CRITICAL on_order_filled" in shown(at.app, "errors")
        assert at.status == "acknowledged 1 critical error"
