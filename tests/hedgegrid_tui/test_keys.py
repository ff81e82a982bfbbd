"""Every key and every dialog: what it sends, what it refuses, what can never happen by accident."""

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from textual.app import ComposeResult
from textual.command import CommandList
from textual.pilot import Pilot

from hedgegrid_tui.actions import ACTIONS
from hedgegrid_tui.app import HedgeGridApp
from hedgegrid_tui.drill_report import DrillError, DrillReport, Line, StepReport
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.keys import Keys
from hedgegrid_tui.render.rows import text_of
from hedgegrid_tui.screens.dashboard import Dashboard
from hedgegrid_tui.screens.dialog import Dialog
from hedgegrid_tui.screens.pages import help_page
from hedgegrid_tui.screens.palette import Palette
from hedgegrid_tui.screens.reader import Reader
from hedgegrid_tui.widgets.panel import Panel
from strategy.control import Command, CommandName, Result
from strategy.domain import Leg
from strategy.snapshot import Snapshot
from tests.hedgegrid_tui.fakes import Clock, FakeEngine, breaker_open, cockpit, critical, halted, paused, running
from tests.hedgegrid_tui.test_app import shown

QUESTIONS = {"F": running, "C": running, "P": paused, "q": running, "B": breaker_open, "D": halted, "t": running}


class Desk:
    """An app under test with its engine, its clock and its pilot."""

    def __init__(self, app: HedgeGridApp, engine: FakeEngine, clock: Clock, pilot: Pilot[int]) -> None:
        self.app, self.engine, self.clock, self.pilot = app, engine, clock, pilot

    async def press(self, *keys: str, after: float = 1.0) -> None:
        for key in keys:
            self.clock.now += after
            self.engine.show()  # an engine that says nothing for so long would count as stuck
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
async def desk(snapshot: Snapshot, size: tuple[int, int] = (80, 24), **options: Any) -> AsyncIterator[Desk]:
    engine, clock = FakeEngine(snapshot), Clock()
    app = cockpit(engine, clock, **options)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        app.draw()
        yield Desk(app, engine, clock, pilot)


async def test_a_question_that_took_long_to_appear_takes_no_key_that_was_typed_before_it_was_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with desk(running()) as at:
        compose = Dialog.compose

        def slowly(dialog: Dialog) -> ComposeResult:
            at.clock.now += 2.0
            return compose(dialog)

        monkeypatch.setattr(Dialog, "compose", slowly)
        await at.press("F")
        await at.press("a", after=0.1)
        assert at.asked
        assert "ignored: the question had only just appeared" in at.question
        assert at.engine.commands == []
        await at.press("a", after=0.5)
        assert at.engine.commands == [Command(CommandName.FLATTEN)]


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
        ("B", "y", Command(CommandName.RESET_BREAKER)),
        ("t", "0", Command(CommandName.SET_THROTTLE, share=Decimal(0))),
        ("t", "2", Command(CommandName.SET_THROTTLE, share=Decimal("0.25"))),
        ("t", "5", Command(CommandName.SET_THROTTLE, share=Decimal("0.5"))),
        ("t", "7", Command(CommandName.SET_THROTTLE, share=Decimal("0.75"))),
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
@pytest.mark.parametrize("key", ["F", "C", "P", "B", "t"])
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


@pytest.mark.parametrize(
    ("key", "letter"),
    [("F", "a"), ("C", "y"), ("P", "y"), ("q", "f"), ("F", "enter"), ("B", "y"), ("t", "0"), ("D", "r")],
)
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


@pytest.mark.parametrize("opened", ["F", "q", "question_mark", "l", "r", "t", "B", "D"])
async def test_pause_acts_at_once_whatever_stands_on_the_screen(opened: str) -> None:
    async with desk(QUESTIONS.get(opened, running)()) as at:
        await at.press(opened, "p")
        assert at.engine.commands == [Command(CommandName.PAUSE)]


@pytest.mark.parametrize("key", ["F", "q", "C", "B", "t"])
async def test_the_safe_letter_stays_even_in_the_first_half_second(key: str) -> None:
    async with desk(QUESTIONS[key]()) as at:
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
        assert "S  flatten the SHORT leg only: the short leg holds nothing" in at.question
        await at.press("s")
        assert at.asked
        assert at.engine.sent == []


async def test_an_answer_that_came_too_late_is_refused_with_its_reason() -> None:
    async with desk(paused()) as at:
        await at.press("P")
        at.engine.snapshot = running(seq=99)
        at.app.draw()
        await at.press("y")
        assert at.asked
        assert at.engine.sent == []
        assert "already running" in at.question.splitlines()[-1]


@pytest.mark.parametrize(
    "action",
    [
        "flatten",
        "pause",
        "resume",
        "cancel-entries",
        "acknowledge",
        "reset-breaker",
        "reset-drawdown",
        "throttle",
    ],
)
async def test_a_key_that_cannot_be_used_says_why(action: str) -> None:
    known = ACTIONS[action]
    async with desk(Snapshot(), read_only=True) as at:
        await at.press(known.shown)
        assert at.engine.sent == []
        assert at.status.startswith(f"{known.shown} {known.text}: ")


async def test_the_word_resets_the_drawdown_once_it_is_whole_and_entered() -> None:
    async with desk(halted()) as at:
        await at.press("D", *"reset")
        assert at.asked
        assert at.engine.sent == []
        assert "Type reset, then Enter: [reset_]" in at.question
        await at.press("enter")
        assert not at.asked
        assert at.engine.commands == [Command(CommandName.RESET_DRAWDOWN)]
        at.engine.answer(Result.DONE, peak_before="10013.02", peak="7475.72", halt_ended=True)
        at.app.draw()
        assert at.status == "reset-drawdown: ✓ done: peak before 10,013.02, peak 7,475.72, halt ended yes"


@pytest.mark.parametrize("typed", ["", "rese", "resett", "Reset", "y", "yes", " reset", "reset "])
async def test_any_other_word_resets_nothing_however_often_it_is_entered(typed: str) -> None:
    async with desk(halted()) as at:
        await at.press("D", *("space" if letter == " " else letter for letter in typed), "enter", "enter")
        assert at.asked
        assert at.engine.sent == []
        assert "is not the word: type reset" in at.question


@pytest.mark.parametrize("leave", ["escape", "ctrl+c", "ctrl+q"])
async def test_a_typed_word_can_be_left_before_it_is_entered(leave: str) -> None:
    async with desk(halted()) as at:
        await at.press("D", *"reset", leave)
        assert not at.asked
        assert at.engine.sent == []
        assert at.status == "drawdown: not done, nothing was sent"


async def test_a_mistyped_word_can_be_mended() -> None:
    async with desk(halted()) as at:
        await at.press("D", *"rex", "backspace", *"set", "enter")
        assert at.engine.commands == [Command(CommandName.RESET_DRAWDOWN)]
        await at.press("D", *"rubbish", "ctrl+u", *"reset", "enter")
        assert len(at.engine.commands) == 2


async def test_a_word_that_stands_entered_too_late_is_refused_with_its_reason() -> None:
    async with desk(halted()) as at:
        await at.press("D", *"reset")
        at.engine.snapshot = running(seq=99)
        at.app.draw()
        assert "NO LONGER POSSIBLE: losses have reached no level" in at.question
        await at.press("enter")
        assert at.engine.sent == []
        assert at.status == "drawdown: not done, nothing was sent"


async def test_the_throttle_that_stands_is_not_offered_again() -> None:
    async with desk(running()) as at:
        await at.press("t", "1")
        assert at.asked
        assert at.engine.sent == []
        assert "1: it is that already" in at.question


async def test_a_refused_act_shows_the_engine_s_reason() -> None:
    async with desk(breaker_open()) as at:
        await at.press("B", "y")
        at.engine.answer(Result.REFUSED, reason="nothing is latched")
        at.app.draw()
        assert at.status == "reset-breaker: ! refused: nothing is latched"


async def test_the_page_on_risk_follows_the_snapshot_while_it_is_open() -> None:
    async with desk(breaker_open()) as at:
        await at.press("r")
        assert isinstance(at.app.screen, Reader)
        assert "closes in 4 m 12 s" in at.question
        assert "order rejected -4164" in at.question
        at.engine.show(risk=running().risk, state=running().state)
        at.app.draw()
        assert "✓ closed" in at.question
        await at.press("r")
        assert isinstance(at.app.screen, Dashboard)


async def choose(at: Desk, text: str) -> None:
    """Find an action in the palette and choose it, as a trader would."""
    await at.press("ctrl+p", *text)
    for _ in range(50):
        await at.pilot.pause(0.02)
        if at.app.screen.query_one(CommandList).option_count == 1:
            break
    await at.press("enter")
    await at.pilot.pause()


async def test_the_palette_offers_the_registry_and_nothing_else_and_says_what_is_refused() -> None:
    async with desk(running()) as at:
        await at.press("ctrl+p")
        palette = at.app.screen
        assert isinstance(palette, Palette)
        await at.pilot.pause(0.3)
        offered = palette.query_one(CommandList).options
        told = {str(option.prompt).splitlines()[0].split()[0]: str(option.prompt) for option in offered}
        assert list(told) == [action for action in ACTIONS if action != "palette"]
        assert "not now: already running" in told["resume"]
        assert ACTIONS["flatten"].help in told["flatten"]


async def test_an_action_from_the_palette_does_what_its_key_does() -> None:
    async with desk(running()) as at:
        await choose(at, "cancel-ent")
        assert at.asked
        assert at.engine.sent == []
        await at.press("y")
        assert at.engine.commands == [Command(CommandName.CANCEL_ENTRIES)]
        await choose(at, "resume")
        assert at.status.startswith("P resume: already running")


async def test_a_drill_runs_beside_the_session_and_shows_each_step_as_it_comes() -> None:
    step = StepReport("storm", "reject storm", passed=True, sentence="the breaker tripped once")
    bad = StepReport("gap", "price gap", passed=False, sentence="a lot stayed naked", problems=("0.002 naked",))
    whole = DrillReport("0.1", passed=False, steps=2, failed=("gap",), folder="/tmp/x", seconds=9.0)
    go_on = threading.Event()
    begun: list[int] = []

    def rehearse() -> Iterator[Line]:
        begun.append(1)
        yield step
        go_on.wait(10)
        yield from (bad, whole)

    async with desk(running(), rehearse=rehearse) as at:
        await choose(at, "drill")
        assert isinstance(at.app.screen, Reader)
        assert "✓ PASS  reject storm" in at.question
        assert "it goes on" in at.question
        await at.press("escape", "p")
        assert at.engine.commands == [Command(CommandName.PAUSE)]
        await choose(at, "drill")
        assert len(begun) == 1
        go_on.set()
        await at.pilot.pause(0.2)
        at.app.draw()
        assert "✗ FAIL   price gap" in at.question
        assert "not as it should be: 0.002 naked" in at.question
        assert "FAILED: gap, of 2 steps" in at.question
        assert "it goes on" not in at.question


async def test_a_drill_that_cannot_start_says_why() -> None:
    def rehearse() -> Iterator[Line]:
        raise DrillError("the drill could not start: no memory")

    async with desk(running(), rehearse=rehearse) as at:
        await choose(at, "drill")
        await at.pilot.pause(0.1)
        at.app.draw()
        assert "the drill could not start: no memory" in at.question


async def test_a_session_on_another_market_has_no_drill() -> None:
    async with desk(running(mode="replay")) as at:
        await choose(at, "drill")
        assert isinstance(at.app.screen, Dashboard)
        assert at.status == "drill: only with --mode sim"


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


async def test_nothing_is_said_to_pause_a_read_only_cockpit() -> None:
    for read_only in (False, True):
        async with desk(running(), read_only=read_only) as at:
            await at.press("q")
            assert ("p pauses" in at.question) is not read_only
    assert "p pauses from here" in text_of(help_page(Frame(), 100)[0])
    assert "pauses" not in text_of(help_page(Frame(read_only=True), 100)[0])


def test_the_help_sets_its_texts_below_each_other_however_long_a_key_is() -> None:
    page = [text_of(row) for row in help_page(Frame(keys=Keys({"pause": ("ctrl+pageup",)})), 100)]
    columns = {line.index(action.help[:10]) for action in ACTIONS.values() for line in page if action.help[:10] in line}
    assert len(columns) == 1


def test_help_lists_every_action_with_its_key() -> None:
    page = [" ".join(text_of(row).split()) for row in help_page(Frame(), 100)]
    for action in ACTIONS.values():
        assert any(row.startswith(f"{action.shown or '-'} {action.text} ") for row in page), action.id


async def test_help_says_why_a_key_cannot_be_used_and_scrolls_to_its_end() -> None:
    async with desk(running()) as at:
        await at.press("question_mark")
        assert isinstance(at.app.screen, Reader)
        await at.press("home")
        assert "not now: already running" in at.question
        top = at.question
        await at.press("end")
        assert at.question != top
        assert "↓ 0" in at.question
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
        assert at.status == "acknowledged: critical error 2, unprotected long"
        await at.press("a")
        assert at.status == "a ack: no alarm and no critical error waits for it"


async def test_an_acknowledged_alarm_stays_on_the_screen_while_it_lasts() -> None:
    async with desk(critical()) as at:
        await at.press("a")
        assert "UNPROTECTED LONG" in shown(at.app, "notice")
        assert "UNPROTECTED" in shown(at.app, "strip")
