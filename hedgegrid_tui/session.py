"""One session from its plan to its exit status: with a screen or without, and what is said at its end."""

import traceback
from collections.abc import Callable
from typing import Final

from hedgegrid_tui.engine.host import EngineHost
from hedgegrid_tui.engine.log_tap import LogTap
from hedgegrid_tui.engine.plan import INTERNAL_ERROR, SessionPlan
from hedgegrid_tui.signals import PROCESS, EndSignals
from hedgegrid_tui.terminal import say
from strategy.control import Ending, Origin
from strategy.journal import Journal
from strategy.snapshot import EnginePhase

LINE_LENGTH: Final = 200


class Session:
    """Runs an engine to its end and gives the exit status of the process.

    0 ended as asked; 1 an internal error, also where the disk has refused lines of the journal to the end; 10 not flat
    although flat was asked; 11 what is at the venue is unknown. A graver status holds against 1.
    """

    def __init__(self, plan: SessionPlan, journal: Journal, log: LogTap, signals: EndSignals = PROCESS) -> None:
        self._plan = plan
        self._journal = journal
        self._log = log
        self._signals = signals
        self._host = EngineHost(plan, journal, log)

    def headless(self, *, json: bool, read_only: bool) -> int:
        """Commands from standard input, lines to standard output."""
        from hedgegrid_tui.headless import Headless

        return self._to_the_end(Headless(self._host, self._plan.mode, json=json, read_only=read_only).run)

    def on_screen(self, *, theme: str, read_only: bool) -> int:
        """The dashboard; where its terminal goes or it breaks, `session.on_disconnect` decides."""
        return self._to_the_end(lambda: self._dashboard(theme, read_only))

    def _to_the_end(self, run: Callable[[], int]) -> int:
        try:
            if self._signals.pending:
                say("told to end before the session began")
                return 0
            code = run()
        finally:
            self._host.stop(Ending.LEAVE, Origin.SYSTEM)
            lost = self._journal.close()
        if self._journal.failure:
            what = f"{lost} lines of the journal were lost; it ends before them" if lost else "the journal may not last"
            say(f"{self._journal.failure}: {what}")
            code = code or INTERNAL_ERROR
        return code

    def _dashboard(self, theme: str, read_only: bool) -> int:
        from hedgegrid_tui.app import HedgeGridApp

        config = self._plan.config
        app = HedgeGridApp(self._host, read_only=read_only, theme=theme, watchdog=config.watchdog)
        app.run_to_its_end()
        if app.crash is not None:
            self._log.add("".join(traceback.format_exception(app.crash)))
        if app.gone or (app.crash is not None and not app.hangup):
            from hedgegrid_tui.without_screen import Loss, carry_on

            loss = Loss(app.gone or f"the screen failed ({_line(app.crash)})", broken=not app.gone)
            code = carry_on(self._host, config.session.on_disconnect, loss, self._signals, self._log)
        else:
            self._host.stop(Ending.LEAVE, Origin.SYSTEM if app.hangup else Origin.OPERATOR)
            code = self._host.exit_code
        words = self._last_words()
        say(words)
        self._log.add(f"hedgegrid: {words}\n")
        return code

    def _last_words(self) -> str:
        status, last = self._host.status, self._host.snapshot
        if status.phase is EnginePhase.FAILED:
            return status.detail
        flat = self._host.stop()
        held = f"long {last.long.qty}, short {last.short.qty}, {last.open_entries} entries and {last.open_exits} exits"
        words = "flat" if flat == "flat" else f"{flat.replace('_', ' ')}: {held} resting"
        return f"ended {words}; journal: {self._journal.path}"


def _line(error: BaseException | None) -> str:
    """An error in one line; the log has it whole."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:LINE_LENGTH]
