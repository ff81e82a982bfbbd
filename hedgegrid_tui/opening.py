"""What keys open above the dashboard: questions with their answers, pages, the palette; loaded late."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Final

from hedgegrid_tui.actions import ACTIONS, Action
from hedgegrid_tui.desk import Desk
from hedgegrid_tui.render.rows import Ink
from hedgegrid_tui.render.view import PanelId
from strategy.control import Command, Ending

if TYPE_CHECKING:
    from hedgegrid_tui.app import HedgeGridApp
    from hedgegrid_tui.drill_report import Line
    from hedgegrid_tui.screens.drill_page import DrillRun
    from hedgegrid_tui.screens.questions import Question

PAGES: Final = ("help", "risk", "journal", "drill", "palette", "open")
"""Actions that open something to read."""


class Opener:
    """Opens screens above the app's dashboard and does what their answers order."""

    def __init__(self, app: "HedgeGridApp", desk: Desk, rehearse: "Callable[[], Iterable[Line]] | None") -> None:
        self._app = app
        self._desk = desk
        self._rehearse = rehearse
        self._drilled: DrillRun | None = None

    @staticmethod
    def preload() -> None:
        """Load what keys open: an installation that is replaced below a running session must not cost the flatten."""
        from hedgegrid_tui import drill_report  # noqa: F401
        from hedgegrid_tui.screens import dialog, drill_page, pages, palette, questions, reader  # noqa: F401

    def ask(self, action: Action) -> None:
        """Put an action's question; nothing is sent before its answer."""
        from hedgegrid_tui.screens.questions import QUESTIONS

        self._ask(QUESTIONS[action.id], partial(self._answered, action, QUESTIONS[action.id].answers))

    def ask_to_leave(self) -> None:
        """Ask what is to become of entries and positions."""
        from hedgegrid_tui.screens.questions import ENDINGS, QUIT

        self._ask(QUIT, partial(self._quit_answered, ENDINGS))

    def _ask(self, question: "Question", answered: Callable[[str | None], None]) -> None:
        from hedgegrid_tui.screens.dialog import dialog_for

        self._app.push_screen(dialog_for(question, self._app.frame, self._app.clock), answered)

    def _answered(self, action: Action, answers: dict[str, Command], letter: str | None) -> None:
        command = answers.get(letter or "")
        if command is None:
            self._desk.say(f"{action.text}: not done, nothing was sent")
        elif reason := action.allowed(self._app.frame):
            self._desk.say(f"{self._app.frame.keys.of(action.id)} {action.text}: {reason}".strip(), Ink.WARN)
        else:
            self._desk.send(command)
        self._app.draw()

    def _quit_answered(self, endings: dict[str, Ending], letter: str | None) -> None:
        ending = endings.get(letter or "")
        if ending is None:
            self._desk.say("staying")
            self._app.draw()
        else:
            self._app.end(ending)

    def open(self, action_id: str) -> None:
        """Open what there is to read."""
        from hedgegrid_tui.render import risk_page
        from hedgegrid_tui.screens.pages import help_page, journal_page
        from hedgegrid_tui.screens.reader import Reader

        app, frame = self._app, self._app.frame
        match action_id:
            case "help":
                app.push_screen(Reader("Help", help_page, frame, from_end=False))
            case "risk":
                app.push_screen(Reader("Risk", risk_page.page, frame, from_end=False))
            case "journal":
                app.push_screen(Reader("Errors and log", journal_page, frame, from_end=True))
            case "drill":
                self._drill()
            case "palette":
                from hedgegrid_tui.screens.palette import Palette

                app.push_screen(Palette(frame, app.action_act))
            case _:
                self._open_line(frame.view.panel)

    def _drill(self) -> None:
        from hedgegrid_tui import drill_report
        from hedgegrid_tui.screens.drill_page import DrillRun
        from hedgegrid_tui.screens.reader import Reader

        if self._drilled is None or not self._drilled.running:
            self._drilled = DrillRun(self._rehearse or drill_report.rehearse)
            self._drilled.start()
        self._app.push_screen(Reader("Drill", self._drilled.page, self._app.frame, from_end=True))

    def _open_line(self, panel: PanelId) -> None:
        """The newest line that the panel shows, with what happened around it."""
        from hedgegrid_tui.render import errors, events
        from hedgegrid_tui.screens.reader import Reader

        frame, height = self._app.frame, self._app.dashboard.room(panel)[1]
        lists = errors if panel is PanelId.ERRORS else events
        number = lists.in_view(frame, height)
        if number is None:
            self._desk.say(f"{ACTIONS['open'].text}: no line of {panel} is shown", Ink.WARN)
        else:
            title = "Error" if panel is PanelId.ERRORS else "Event"
            self._app.push_screen(Reader(title, lists.context_page(frame, number), frame, from_end=False))
