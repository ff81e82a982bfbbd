"""The cockpit: one timer draws the engine's snapshot, keys become commands, the engine outlives it."""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Protocol, override, runtime_checkable

from msgspec.structs import replace
from rich.console import RenderableType
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.worker import Worker, WorkerState

from hedgegrid_tui import settings, terminal, theming
from hedgegrid_tui.actions import ACTIONS, Action, Group
from hedgegrid_tui.desk import Desk
from hedgegrid_tui.keymap import Keymap
from hedgegrid_tui.looking import Looking
from hedgegrid_tui.observer import REPEAT_S, Observer, hints
from hedgegrid_tui.opening import PAGES, Opener
from hedgegrid_tui.orderly import OrderlyApp
from hedgegrid_tui.ports import Engine
from hedgegrid_tui.render.ages import age
from hedgegrid_tui.render.frame import STUCK_AFTER_S, Frame
from hedgegrid_tui.render.numbers import count
from hedgegrid_tui.render.plot import Glyphs
from hedgegrid_tui.render.rows import Ink
from hedgegrid_tui.screens.dashboard import Dashboard
from strategy.control import Command, CommandName, Ending
from strategy.snapshot import EnginePhase

if TYPE_CHECKING:
    from hedgegrid_tui.drill_report import Line

MODAL_PERIOD_S: Final = 1.0
"""Behind a dialog every frame costs three times the bytes."""
SLOWEST_OVER_S: Final = 10.0
"""The time that frames take to draw is told as the longest of so many seconds."""
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
    """Hosts the screens over an engine; whoever runs it asks the engine how the session has ended."""

    TITLE = "HedgeGrid"
    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = theming.style_sheets()
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(action.keys, f"act('{action.id}')", action.text, id=action.id, key_display=action.shown)
        for action in ACTIONS.values()
    ]

    def __init__(
        self,
        engine: Engine,
        *,
        read_only: bool = False,
        theme: str = theming.DEFAULT_THEME,
        themes: theming.Loaded | None = None,
        fps: float = 4.0,
        clock: Callable[[], float] = time.monotonic,
        poll: bool = True,
        stuck_after_s: float = STUCK_AFTER_S,
        alarm_repeat_s: float = REPEAT_S,
        rehearse: "Callable[[], Iterable[Line]] | None" = None,
        settings_dir: Path | None = None,
        keymap: Keymap | None = None,
        complaints: Sequence[str] = (),
        glyphs: Glyphs = Glyphs.BRAILLE,
    ) -> None:
        super().__init__()
        self._loaded = theming.load() if themes is None else themes
        for known in self._loaded.themes.values():
            self.register_theme(known)
        if theme not in self._loaded.names:
            raise theming.ThemeError(theming.refusal(theme, self._loaded))
        self.theme = theme
        self.animation_level = "none"
        self.engine = engine
        self.clock = clock
        self.faults = 0
        self._fault = ""
        self._period = 1 / fps
        self._poll = poll
        keymap = Keymap() if keymap is None else keymap
        self._complaints = (*keymap.complaints, *self._loaded.complaints, *complaints)
        self._observer = Observer(
            engine, read_only, clock, stuck_after_s, alarm_repeat_s, keymap.keys, self._complaints
        )
        self._desk = Desk(engine, clock)
        self._opener = Opener(self, self._desk, rehearse)
        self._glyphs = glyphs
        self._settings_dir = settings_dir
        self._looking = Looking(None if settings_dir is None else settings.load_view(settings_dir))
        self.frame = Frame(read_only=read_only, keys=keymap.keys, view=self._looking.view)
        """What was drawn last."""
        self._drawn = self._slow_since = clock()
        self._slowest = 0.0
        self._stopping: tuple[Ending, float] | None = None
        self._signals_reclaimed = False
        self.set_keymap(keymap.textual)

    @override
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theming.role_defaults()

    @override
    def get_default_screen(self) -> Dashboard:
        return Dashboard(self.draw, self._typed, self._glyphs)

    @property
    def dashboard(self) -> Dashboard:
        """The screen below all others."""
        found = self.screen_stack[0]
        if not isinstance(found, Dashboard):
            raise TypeError(f"the lowest screen is {found!r}: must be the dashboard")
        return found

    def on_mount(self) -> None:
        """Paint first; only then let the engine load what takes seconds to import."""
        self.heed_signals()
        if self._complaints:
            told = count(len(self._complaints), "complaint")
            key = self.frame.keys.of("journal")
            self._desk.say(f"{told} about your own files, {key} shows all: {self._complaints[0]}", Ink.WARN)
        if self._poll:
            self.set_interval(self._period, self._tick)
        self.draw()
        self.call_after_refresh(self._start_engine)

    def _start_engine(self) -> None:
        self.run_worker(self.engine.start, name=START, thread=True, exit_on_error=False)

    def _tick(self) -> None:
        if not self.screen_stack or terminal.congested(self._driver):  # there is none while the app closes
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
        before, self._drawn = self._drawn, self.clock()
        try:
            frame = self._observer.frame(self._looking.view)
            for failure in self._observer.failures:
                self._count(failure)
            self._looking.follow(self.frame, frame)
            self._reclaim_signals(frame)
            if frame.ring:
                self.bell()
        except Exception as error:  # noqa: BLE001 - a frame must never take the cockpit with it
            self._count(error)
            # What is known grows older, whatever keeps the cockpit from knowing more.
            frame = replace(self.frame, age=self.frame.age + max(0.0, self._drawn - before))
        try:
            self.frame = self._with_own_words(frame)
            with self.batch_update():
                failures = [
                    failure
                    for screen in self.screen_stack
                    if isinstance(screen, Shows) and screen.is_mounted
                    for failure in screen.show(self.frame)
                ]
        except Exception as error:  # noqa: BLE001 - as above
            failures = [error]
        for failure in failures:
            self._count(failure)
        self._time(self.clock() - self._drawn)

    def _with_own_words(self, frame: Frame) -> Frame:
        stopping = ""
        if self._stopping is not None:
            ending, since = self._stopping
            stopping = f"stopping: {ENDING_WORDS[ending]}, {age(self.clock() - since)}"
        frame = replace(
            frame,
            view=self._looking.view,
            faults=self.faults,
            fault=self._fault,
            message=self._desk.message(),
            stopping=stopping,
            draw_ms=self.frame.draw_ms,
        )
        return replace(frame, hints=hints(frame))

    def _time(self, took_s: float) -> None:
        """The figure moves once in ten seconds: one that moves with each frame would cost more than it tells."""
        self._slowest = max(self._slowest, took_s)
        if self._drawn - self._slow_since >= SLOWEST_OVER_S or not self.frame.draw_ms:
            self.frame = replace(self.frame, draw_ms=round(self._slowest * 1000, 1))
            self._slow_since, self._slowest = self._drawn, 0.0

    def _count(self, error: Exception) -> None:
        self.faults += 1
        self._fault = f"{type(error).__name__}: {error}"
        self._desk.say(f"the screen caught {self._fault}", Ink.WARN)

    def _reclaim_signals(self, frame: Frame) -> None:
        # Building a Nautilus node takes the signals for itself.
        if not self._signals_reclaimed and frame.status.phase is EnginePhase.RUNNING:
            self._signals_reclaimed = True
            self.heed_signals()
            self.run_worker(self._opener.preload, thread=True, exit_on_error=False)

    def action_act(self, action_id: str) -> None:
        """Do what the key stands for, or say why not."""
        action = ACTIONS[action_id]
        reason = action.allowed(self.frame)
        if reason:
            self._desk.say(f"{self.frame.keys.of(action_id)} {action.text}: {reason}".strip(), Ink.WARN)
        else:
            try:
                self._do(action)
            except Exception as error:  # noqa: BLE001 - a key must never take the cockpit with it
                self._count(error)
                self._desk.say(f"{action.text}: ✗ not done: {self._fault}", Ink.ALARM)
        self.draw()

    def _do(self, action: Action) -> None:
        match action.id:
            case "pause":
                self._desk.send(Command(CommandName.PAUSE))
            case "acknowledge":
                self._observer.acknowledge()
                self._desk.say(f"acknowledged: {', '.join(self.frame.calls)}")
            case "quit":
                self._opener.ask_to_leave()
            case "theme":
                names = self._loaded.names
                self.theme = names[(names.index(self.theme) + 1) % len(names)]
                self._desk.say(f"theme {self.theme}")
            case name if name in PAGES:
                self._opener.open(name)
            case _ if action.group is Group.LOOK:
                self._look(action.id)
            case _:
                self._opener.ask(action)

    def _look(self, action_id: str) -> None:
        dashboard = self.dashboard
        size = dashboard.room(self._looking.view.panel)
        if said := self._looking.act(action_id, self.frame, dashboard.shown, size):
            self._desk.say(said)

    def _typed(self, key: str, character: str | None) -> bool:
        """Take a key for a letter of the search; gives whether it was one."""
        if not self._looking.view.typing:
            return False
        self._looking.type(key, character)
        self.draw()
        return True

    def end(self, ending: Ending) -> None:
        """Stop the engine that way, and leave once it has."""
        self._stopping = (ending, self.clock())
        self._desk.say("")
        self.run_worker(partial(self.engine.stop, ending), name=STOP, thread=True, exit_on_error=False)
        self.draw()

    @override
    def exit(self, result: int | None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        if self._settings_dir is not None:
            settings.save_view(self._settings_dir, self._looking.view)
        super().exit(result, return_code, message)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Take the result of the engine's start and stop."""
        worker = event.worker
        if event.state is WorkerState.ERROR and worker.name == START:
            self._desk.say(f"the engine did not start: {type(worker.error).__name__}: {worker.error}", Ink.ALARM)
            self.draw()
        elif worker.name == STOP and event.state in (WorkerState.SUCCESS, WorkerState.ERROR):
            self.exit(0)
