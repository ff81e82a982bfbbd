"""Signals that ask the process to end: noted from the first moment on, heard by whoever runs the session."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

FORCED_WITHIN_S: Final = 2.0
"""A third request to end that comes so soon after the second gives up on an ending that hangs."""
FORCED_STATUS: Final = 11
"""`engine.plan.OUTCOME_UNKNOWN`, which would load too much for a process's first moment."""


class EndSignals:
    """SIGTERM and SIGINT ask for an end, SIGHUP says that the line is gone; handlers run in the main thread only.

    A second request while an ending runs does nothing. A third within `FORCED_WITHIN_S` of the second ends the process
    at once, with `FORCED_STATUS`: the journal then has no last word, and what is at the venue stays as it is.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, end_process: Callable[[int], object] = os._exit
    ) -> None:
        self.asked = False
        """Whether the process was told to end."""
        self.hung_up = False
        """Whether the line was hung up."""
        self.before_force: Callable[[], None] = lambda: None
        """Runs before a forced end; must not block."""
        self._clock = clock
        self._end_process = end_process
        self._listener: Callable[[int], None] = lambda _number: None
        self._second: float | None = None

    @property
    def pending(self) -> bool:
        """Whether any of them came."""
        return self.asked or self.hung_up

    def install(self) -> None:
        """Take the signals, also back from whoever took them; one that is ignored, as under nohup, stays ignored."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                with contextlib.suppress(ValueError):  # only the main thread takes signals
                    signal.signal(number, self._on_signal)

    def listen(self, listener: Callable[[int], None]) -> None:
        """Call `listener` with the number of the first signal of each kind; at once for what came before."""
        self._listener = listener
        if self.hung_up:
            listener(signal.SIGHUP)
        if self.asked:
            listener(signal.SIGTERM)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            first, self.hung_up = not self.hung_up, True
        else:
            first, self.asked = not self.asked, True
        if first:
            self._listener(number)
        elif number != signal.SIGHUP:
            self._asked_again()

    def _asked_again(self) -> None:
        now = self._clock()
        if self._second is not None and now - self._second <= FORCED_WITHIN_S:
            self.before_force()
            self._end_process(FORCED_STATUS)
        self._second = now


PROCESS: Final = EndSignals()
"""Those of this process; without effect until they are installed."""
