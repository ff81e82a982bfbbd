"""The cockpit: one timer draws the engine's snapshot, keys become commands, the engine outlives it."""

import time
from collections.abc import Callable
from functools import partial
from typing import ClassVar, Final, Protocol, override, runtime_checkable

from msgspec.structs import replace
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.worker import Worker, WorkerState

from hedgegrid_tui import drill_report, terminal, theming
from hedgegrid_tui.actions import ACTIONS, Action
from hedgegrid_tui.desk import Desk
from hedgegrid_tui.observer import Observer
from hedgegrid_tui.orderly import OrderlyApp
from hedgegrid_tui.ports import Engine
from hedgegrid_tui.render import risk_page
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.numbers import count, span
from hedgegrid_tui.render.rows import Ink
from hedgegrid_tui.screens.dashboard import LAYOUT, Dashboard
from hedgegrid_tui.screens.dialog import Dialog, WordDialog
from hedgegrid_tui.screens.drill_page import DrillRun, Rehearse
from hedgegrid_tui.screens.palette import Palette
from hedgegrid_tui.screens.questions import ENDINGS, QUESTIONS, QUIT, Question
from hedgegrid_tui.screens.reader import Reader, help_page, journal_page
from strategy.control import Command, CommandName, Ending
from strategy.risk_config import WatchdogConfig
from strategy.snapshot import EnginePhase

MODAL_PERIOD_S: Final = 1.0
"""Behind a dialog every frame costs three times the bytes."""
ENDING_WORDS: Final = {
    Ending.LEAVE: "leaving everything as it is",
    Ending.CANCEL: "cancelling entries",
    Ending.FLATTEN: "flattening both legs",
}
START, STOP = "engine-start", "engine-stop"


@runtime_checkable
class Shows(Protocol):
    """A screen that draws frames and gives back what failed."""

    def show(self, frame: Frame) -> list[Exception]:
        """Draw a frame."""


class HedgeGridApp(OrderlyApp, inherit_bindings=False):
    """Hosts the screens over an engine; `flat` holds what the engine said of the market when it stopped."""

    TITLE = "HedgeGrid"
    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = theming.style_sheets()
    CSS = LAYOUT
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(action.keys, f"act('{action.id}')", action.text, id=action.id, key_display=action.shown)
        for action in ACTIONS.values()
        if action.key
    ]

    def __init__(
        self,
        engine: Engine,
        *,
        read_only: bool = False,
        theme: str = theming.DEFAULT_THEME,
        fps: float = 4.0,
        clock: Callable[[], float] = time.monotonic,
        poll: bool = True,
        end_status: Callable[[str], int] | None = None,
        watchdog: WatchdogConfig | None = None,
        rehearse: Rehearse = drill_report.rehearse,
    ) -> None:
        super().__init__()
        for known in theming.themes().values():
            self.register_theme(known)
        if theme not in self.available_themes:
            raise theming.ThemeError(f"theme {theme!r} is not known; known: {', '.join(sorted(theming.themes()))}")
        self.theme = theme
        self.animation_level = "none"
        self.engine = engine
        self.read_only = read_only
        self.clock = clock
        self.flat = "unknown"
        """What the engine's stop gave: `flat`, `not_flat` or `unknown`, as it is before a stop."""
        self.faults = 0
        self._fault = ""
        self._period = 1 / fps
        self._poll = poll
        self._end_status = end_status
        bounds = WatchdogConfig() if watchdog is None else watchdog
        self._observer = Observer(engine, read_only, clock, bounds.loop_stall_ms / 1000, bounds.alarm_repeat_s)
        self._desk = Desk(engine, clock)
        self._rehearse = rehearse
        self._drilled: DrillRun | None = None
        self._frame = Frame(read_only=read_only)
        self._drawn = clock()
        self._stopping: tuple[Ending, float] | None = None
        self._signals_reclaimed = False

    @override
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theming.role_defaults()

    @override
    def get_default_screen(self) -> Dashboard:
        return Dashboard(self.draw)

    def on_mount(self) -> None:
        """Paint first; only then let the engine load what takes seconds to import."""
        self.heed_signals()
        if self._poll:
            self.set_interval(self._period, self._tick)
        self.draw()
        self.call_after_refresh(self._start_engine)

    def _start_engine(self) -> None:
        self.run_worker(self.engine.start, name=START, thread=True, exit_on_error=False)

    def _tick(self) -> None:
        if terminal.congested(self._driver):
            return
        behind_modal = isinstance(self.screen, ModalScreen) and self.clock() - self._drawn < MODAL_PERIOD_S
        if not behind_modal or self._has_news():
            self.draw()

    def _has_news(self) -> bool:
        try:
            return self._observer.has_news()
        except Exception:  # noqa: BLE001 - drawing meets it again, and counts it
            return True

    def draw(self) -> None:
        """Draw what the engine shows now; an exception is caught, counted and shown."""
        self._drawn = self.clock()
        try:
            frame = self._observer.frame()
            self._reclaim_signals(frame)
            if frame.ring:
                self.bell()
        except Exception as error:  # noqa: BLE001 - a frame must never take the cockpit with it
            self._count(error)
            frame = self._frame
        try:
            self._frame = self._with_own_words(frame)
            with self.batch_update():
                failures = [
                    failure
                    for screen in self.screen_stack
                    if isinstance(screen, Shows) and screen.is_mounted
                    for failure in screen.show(self._frame)
                ]
        except Exception as error:  # noqa: BLE001 - as above
            failures = [error]
        for failure in failures:
            self._count(failure)

    def _with_own_words(self, frame: Frame) -> Frame:
        stopping = ""
        if self._stopping is not None:
            ending, since = self._stopping
            stopping = f"stopping: {ENDING_WORDS[ending]}, {span(self.clock() - since)}"
        message = self._desk.message()
        return replace(frame, faults=self.faults, fault=self._fault, message=message, stopping=stopping)

    def _count(self, error: Exception) -> None:
        self.faults += 1
        self._fault = f"{type(error).__name__}: {error}"
        self._desk.say(f"the screen caught {self._fault}", Ink.WARN)

    def _reclaim_signals(self, frame: Frame) -> None:
        # Building a Nautilus node takes the signals for itself.
        if not self._signals_reclaimed and frame.status.phase is EnginePhase.RUNNING:
            self._signals_reclaimed = True
            self.heed_signals()

    def action_act(self, action_id: str) -> None:
        """Do what the key stands for, or say why not."""
        action = ACTIONS[action_id]
        reason = self._refusal(action)
        if reason:
            self._desk.say(f"{action.shown} {action.text}: {reason}".strip(), Ink.WARN)
        else:
            self._do(action)
        self.draw()

    def _do(self, action: Action) -> None:
        match action.id:
            case "pause":
                self._desk.send(Command(CommandName.PAUSE))
            case "acknowledge":
                calls = count(len(self._frame.calls), "call")
                self._observer.acknowledge()
                self._desk.say(f"acknowledged {calls}: {', '.join(self._frame.calls)}", Ink.PLAIN)
            case "help":
                self.push_screen(Reader("Keys", help_page, self._frame, from_end=False))
            case "risk":
                self.push_screen(Reader("Risk", risk_page.page, self._frame, from_end=False))
            case "journal":
                self.push_screen(Reader("Errors and log", journal_page, self._frame, from_end=True))
            case "drill":
                self._drill()
            case "palette":
                self.push_screen(Palette(self._frame, self.action_act))
            case "quit":
                self._ask(QUIT, self._quit_answered)
            case _:
                self._ask(QUESTIONS[action.id], partial(self._answered, action))

    def _drill(self) -> None:
        if self._drilled is None or not self._drilled.running:
            self._drilled = DrillRun(self._rehearse)
            self._drilled.start()
        self.push_screen(Reader("Drill", self._drilled.page, self._frame, from_end=True))

    def _refusal(self, action: Action) -> str | None:
        if self._stopping is not None:
            return "the session is ending already"
        return action.allowed(self._frame)

    def _ask(self, question: Question, answered: Callable[[str | None], None]) -> None:
        dialog = (
            WordDialog(question.title, question.body, question.word, self._frame, self.clock)
            if question.word
            else Dialog(question.title, question.body, question.choices, self._frame, self.clock)
        )
        self.push_screen(dialog, answered)

    def _answered(self, action: Action, letter: str | None) -> None:
        command = QUESTIONS[action.id].answers.get(letter or "")
        if command is None:
            self._desk.say(f"{action.text}: not done, nothing was sent")
        elif reason := self._refusal(action):
            self._desk.say(f"{action.shown} {action.text}: {reason}", Ink.WARN)
        else:
            self._desk.send(command)
        self.draw()

    def _quit_answered(self, letter: str | None) -> None:
        ending = ENDINGS.get(letter or "")
        if ending is None:
            self._desk.say("staying")
        else:
            self._stopping = (ending, self.clock())
            self.run_worker(partial(self.engine.stop, ending), name=STOP, thread=True, exit_on_error=False)
        self.draw()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Take the result of the engine's start and stop."""
        worker = event.worker
        if event.state is WorkerState.ERROR and worker.name == START:
            self._desk.say(f"the engine did not start: {type(worker.error).__name__}: {worker.error}", Ink.ALARM)
            self.draw()
        elif worker.name == STOP and event.state in (WorkerState.SUCCESS, WorkerState.ERROR):
            self.flat = str(worker.result) if event.state is WorkerState.SUCCESS else "unknown"
            code = 0 if self._end_status is None else self._end_status(self.flat)
            self.exit(code, return_code=code)
