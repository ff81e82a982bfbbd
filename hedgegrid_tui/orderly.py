"""An app that leaves its terminal in order, however it ends: asked, told by a signal, cut off, or broken."""

import contextlib
import os
import signal
from functools import partial
from typing import override

from rich.console import RenderableType
from textual.app import App
from textual.driver import Driver

from hedgegrid_tui import terminal
from hedgegrid_tui.signals import PROCESS, EndSignals

HUNG_UP, LOST, UNREADABLE = "the line was hung up", "the terminal is gone", "the terminal cannot be read"


class OrderlyApp(App[int], inherit_bindings=False):
    """Ends itself only: whoever runs it reads `hangup`, `gone` and `crash`, and decides what becomes of the engine."""

    def __init__(self, signals: EndSignals = PROCESS) -> None:
        # Textual would turn colours into greys on a ground of its own; who wants none gets the terminal's own two.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self.hangup = False
        """Whether a signal or the loss of the terminal ended the app; the engine is then still running."""
        self.gone = ""
        """Why the terminal is taken for gone; empty while it is there."""
        self.crash: Exception | None = None
        """What nobody caught, so that it ended the app; the engine is then still running."""
        self._signals = signals
        self._line: terminal.Line | None = None

    def run_to_its_end(self) -> None:
        """Run; what escapes even Textual is kept as the crash, and the terminal is given back in any case."""
        try:
            self.run()
        except Exception as error:  # noqa: BLE001 - kept for whoever runs the app
            self.crash = self.crash or error
            if self._line is not None:
                self._line.restore()
                self._line.close()

    def heed_signals(self) -> None:
        """Let signals end the app; to be said again where something else has taken them."""
        if not self.is_headless:
            self._signals.install()
            self._signals.listen(self._on_signal)

    def hang_up(self, gone: str = "") -> None:
        """End the app, not the engine; `gone` says why the terminal is taken for lost, where it is.

        The first cause holds: a line that drops behind a SIGTERM is no loss.
        """
        if not self.hangup:
            self.hangup = True
            self.gone = gone
            self.exit(0, return_code=0)

    @override
    def exit(self, result: int | None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        self._screen_ends()
        super().exit(result, return_code, message)

    def _on_signal(self, number: int) -> None:
        """Hop onto the app's loop, which may be waiting for a terminal that is not read."""
        self._screen_ends()
        self._hang_up_soon(HUNG_UP if number == signal.SIGHUP else "")

    def _hang_up_soon(self, gone: str) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the app with it
                self._loop.call_soon_threadsafe(self.hang_up, gone)

    def _screen_ends(self) -> None:
        if self._line is not None:
            self._line.screen_ends()

    # -- what Textual calls: it has no public place for any of this ----------------------------------------------------

    @override
    def _build_driver(self, headless: bool, inline: bool, mouse: bool, size: tuple[int, int] | None) -> Driver:
        """Watch the terminal from before the driver takes it over until after it has left it."""
        driver = super()._build_driver(headless, inline, mouse, size)
        if not headless:
            terminal.stay_in_foreground()
            self._line = terminal.Line(partial(self._hang_up_soon, LOST))
            self._signals.before_force = self._line.restore
        return driver

    @override
    async def _shutdown(self) -> None:
        try:
            await super()._shutdown()
        finally:
            if self._line is not None:
                self._line.close()
                self._signals.before_force = lambda: None

    @override
    def _handle_exception(self, error: Exception) -> None:
        """End without the traceback that Textual would print; whoever runs the app says what happened."""
        self.crash = self.crash or error
        self._return_code = 1
        if self._exception is None:  # Textual's own test harness raises it again
            self._exception = error
            self._exception_event.set()
        self._screen_ends()
        self._close_messages_no_wait()

    @override
    def panic(self, *renderables: RenderableType) -> None:
        """Textual comes here where reading the terminal has failed."""
        self.hang_up(UNREADABLE)
