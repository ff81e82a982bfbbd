"""The time that a flatten without a node has: its bound, its waits, an operator who stops it, and what it tells."""

import asyncio
from collections.abc import Callable
from typing import Final

from hedgegrid_tui.engine.binance.rest.client import LimitedError
from strategy.domain import Leg

Tell = Callable[[str, Leg | None], None]
"""Takes a line on how it goes, in plain words, and the leg that it is about."""


LIMIT_GRACE_S: Final = 90.0
"""Waiting for rate limits prolongs the bound by so much at the most: a minute's window of weights, and some."""


class OverError(Exception):
    """It ends here; the words say why."""


class Pace:
    """The clock of one flatten; `stop` set, it ends after the step that runs. Used on one loop."""

    def __init__(self, bound_s: float, tell: Tell, stop: asyncio.Event) -> None:
        self.tell = tell
        self.now = asyncio.get_running_loop().time
        """Seconds; only differences mean anything."""
        self.started = self.now()
        self._bound_s = bound_s
        self._deadline = self.started + bound_s
        self._grace_s = LIMIT_GRACE_S
        self._stop = stop
        self._said: set[str] = set()

    def check(self) -> None:
        """Go on, or not.

        Raises:
            OverError: The time is over, or somebody has stopped it.
        """
        if self._stop.is_set():
            raise OverError("stopped by the operator")
        if self.now() >= self._deadline:
            raise OverError(f"not flat within {self._bound_s:.0f} s")

    async def pause(self, seconds: float) -> None:
        """Wait, no longer than there is time and nobody stops it."""
        try:
            async with asyncio.timeout(min(seconds, max(0.0, self._deadline - self.now()))):
                await self._stop.wait()
        except TimeoutError:
            return

    async def wait_out(self, error: LimitedError) -> None:
        """Ask nothing before a rate limit is over.

        Raises:
            OverError: That is longer than there is patience for.
        """
        wait = error.retry_after_s
        if wait > self._grace_s:
            raise OverError(f"Binance answers nothing for {wait:.0f} s (HTTP {error.status}): run it again then")
        if error.sent:
            self.tell(f"Binance asks to wait {wait:.0f} s (HTTP {error.status}); waiting", None)
        self._grace_s -= wait
        self._deadline += wait
        await self.pause(wait)
        self.check()

    def say_once(self, words: str) -> None:
        """Tell what may happen many times."""
        if words not in self._said:
            self._said.add(words)
            self.tell(words, None)
