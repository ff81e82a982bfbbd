"""One session from its plan to its exit status: with a screen or without, and what is said at its end."""

import gc
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from hedgegrid_tui.engine.log_tap import LogTap
from hedgegrid_tui.engine.plan import INTERNAL_ERROR, Mode, SessionPlan
from hedgegrid_tui.late_host import LateHost
from hedgegrid_tui.observer import REPEAT_S
from hedgegrid_tui.render.frame import STUCK_AFTER_S
from hedgegrid_tui.render.plot import glyphs_for
from hedgegrid_tui.signals import PROCESS, EndSignals
from hedgegrid_tui.terminal import forget_told_size, say
from strategy.control import Ending, Origin
from strategy.journal import Journal
from strategy.snapshot import EnginePhase

if TYPE_CHECKING:
    from hedgegrid_tui.engine.host import EngineHost
    from hedgegrid_tui.keymap import Keymap
    from hedgegrid_tui.theming import Loaded

LINE_LENGTH: Final = 200
SWITCH_S: Final = 0.001
"""How long the screen's thread and the engine's have Python to themselves while the other waits; 5 ms is its default.

A key goes from one to the other several times: below a busy engine it arrives within 8 ms instead of 23.
"""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How the dashboard looks and answers."""

    theme: str
    themes: "Loaded"
    keymap: "Keymap"
    fps: int
    """Frames a second."""
    memory: Path | None
    """The folder that keeps how the screen was left."""
    read_only: bool = False
    stuck_after_s: float = STUCK_AFTER_S
    """An engine that is silent for longer is called stuck."""
    alarm_repeat_s: float = REPEAT_S
    """The bell rings again after so long."""


class Session:
    """Runs an engine to its end and gives the exit status of the process.

    `plan` is asked for after the first paint, and again: it may take its time the first time, and must not fail for
    anything that a trader has written.

    0 ended as asked; 1 an internal error, also where the disk has refused lines of the journal to the end; 10 not flat
    although flat was asked; 11 what is at the venue is unknown. A graver status holds against 1.
    """

    def __init__(
        self,
        plan: Callable[[], SessionPlan],
        mode: Mode,
        instrument: str,
        journal: Journal,
        log: LogTap,
        signals: EndSignals = PROCESS,
    ) -> None:
        self._plan = plan
        self._mode = mode
        self._instrument = instrument
        self._journal = journal
        self._log = log
        self._signals = signals

    def headless(self, *, json: bool, read_only: bool) -> int:
        """Commands from standard input, lines to standard output."""
        from hedgegrid_tui.headless import Headless

        host = self._made()
        return self._to_the_end(
            Headless(host, self._mode, json=json, read_only=read_only).run,
            lambda: host,
        )

    def on_screen(self, look: Look) -> int:
        """The dashboard; where its terminal goes or it breaks, `session.on_disconnect` decides."""
        sys.setswitchinterval(SWITCH_S)
        forget_told_size()
        engine = LateHost(self._made, self._mode, self._instrument)
        return self._to_the_end(lambda: self._dashboard(engine, look), engine.settled)

    def _made(self) -> "EngineHost":
        from hedgegrid_tui.engine.host import EngineHost

        gc.enable()  # `start` has put it off
        return EngineHost(self._plan(), self._journal, self._log)

    def _to_the_end(self, run: Callable[[], int], made: Callable[[], "EngineHost | None"]) -> int:
        try:
            if self._signals.pending:
                say("told to end before the session began")
                return 0
            code = run()
        finally:
            host = made()
            if host is not None:
                host.stop(Ending.LEAVE, Origin.SYSTEM)
            lost = self._journal.close()
        if self._journal.failure:
            what = f"{lost} lines of the journal were lost; it ends before them" if lost else "the journal may not last"
            say(f"{self._journal.failure}: {what}")
            code = code or INTERNAL_ERROR
        return code

    def _dashboard(self, engine: LateHost, look: Look) -> int:
        from hedgegrid_tui.app import HedgeGridApp

        app = HedgeGridApp(
            engine,
            read_only=look.read_only,
            theme=look.theme,
            themes=look.themes,
            keymap=look.keymap,
            fps=look.fps,
            settings_dir=look.memory,
            glyphs=glyphs_for(sys.__stderr__.encoding if sys.__stderr__ else "", os.environ.get("TERM", "")),
            stuck_after_s=look.stuck_after_s,
            alarm_repeat_s=look.alarm_repeat_s,
        )
        app.run_to_its_end()
        if app.crash is not None:
            self._log.add("".join(traceback.format_exception(app.crash)))
        gone = app.gone or ("" if app.crash is None or app.hangup else f"the screen failed ({_line(app.crash)})")
        host = engine.settled()
        if host is None:
            return self._never_began(engine, gone, broken=bool(gone) and not app.gone)
        if gone:
            from hedgegrid_tui.without_screen import Loss, carry_on

            policy = self._plan().config.session.on_disconnect
            code = carry_on(host, policy, Loss(gone, broken=not app.gone), self._signals, self._log)
        else:
            host.stop(Ending.LEAVE, Origin.SYSTEM if app.hangup else Origin.OPERATOR)
            code = host.exit_code
        self._last_words(_how_it_ended(host, self._journal.path))
        return code

    def _never_began(self, engine: LateHost, gone: str, *, broken: bool) -> int:
        """The engine was not even made: nothing can have left this process."""
        failure = engine.status.detail if engine.status.phase is EnginePhase.FAILED else ""
        if gone:
            say(gone)
        self._last_words(failure or f"ended before it began; journal: {self._journal.path}")
        return INTERNAL_ERROR if failure or broken else 0

    def _last_words(self, words: str) -> None:
        say(words)
        self._log.add(f"hedgegrid: {words}\n")


def _how_it_ended(host: "EngineHost", journal: Path) -> str:
    status, last = host.status, host.snapshot
    if status.phase is EnginePhase.FAILED:
        return status.detail
    flat = host.stop()
    held = f"long {last.long.qty}, short {last.short.qty}, {last.open_entries} entries and {last.open_exits} exits"
    words = "flat" if flat == "flat" else f"{flat.replace('_', ' ')}: {held} resting"
    return f"ended {words}; journal: {journal}"


def _line(error: BaseException | None) -> str:
    """An error in one line; the log has it whole."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:LINE_LENGTH]
