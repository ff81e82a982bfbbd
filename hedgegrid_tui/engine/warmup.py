"""Fetches the minutes that indicators start from, beside the session: it delays no start and fails none."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import msgspec

from hedgegrid_tui.engine.markets.history import BarHistory, HistoryError
from strategy.bars import MinuteBar

STOP_S: Final = 1.0
"""A stop waits no longer for a request to let go."""
ALONE: Final = "warming from live bars alone"

type Sleep = Callable[[float], Awaitable[None]]


class Warmable(Protocol):
    """What wants history; its members are used on the engine's loop only."""

    @property
    def bars_needed(self) -> int:
        """How many minutes it wants."""

    def take_history(self, bars: Sequence[MinuteBar]) -> None:
        """Take the closed minutes, oldest first; they may be fewer than wanted."""

    def warming(self, words: str) -> None:
        """Show how far the fetching is."""

    def without_history(self, words: str) -> None:
        """Wait for history no longer, for the cause in `words`."""


class Patience(msgspec.Struct, frozen=True):
    """How long history is asked for; times in seconds."""

    attempts: int = 8
    first_s: float = 0.5
    """Wait after the first failure; it doubles with each."""
    longest_s: float = 30.0
    """The wait doubles no further."""
    fetch_s: float = 60.0
    """An attempt is cancelled after so long; the source's own limits should come before."""
    longest_asked_s: float = 120.0
    """Where a source asks to be left alone for longer, it is: live bars warm meanwhile."""


class WarmUp:
    """Brings history to `warmable`, once, by a task of its own; every failure becomes words.

    It ends in one call of `take_history` or `without_history` (both only where `take_history` raises), or in none
    where it was stopped before.
    """

    def __init__(
        self,
        history: BarHistory,
        warmable: Warmable,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        sleep: Sleep = asyncio.sleep,
        patience: Patience = Patience(),  # noqa: B008 - frozen
    ) -> None:
        self._history = history
        self._warmable = warmable
        self._now_ns = now_ns
        self._sleep = sleep
        self._patience = patience
        self._stopped = False
        self._task: asyncio.Task[None] | None = None
        self.words: str = ""
        """What was told last, also where nobody could be told; empty once history was taken."""

    def start(self) -> None:
        """Begin on the running loop; returns at once and raises nothing. A second start does nothing."""
        if self._stopped or self._task is not None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._give_up("no event loop runs here")
            return
        self._task = loop.create_task(self._run(), name="warm-up")

    async def stop(self) -> None:
        """End it, within a second; nothing is called from here on."""
        self._stopped = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=STOP_S)

    async def _run(self) -> None:
        try:
            await self._attempts()
        except Exception as error:  # noqa: BLE001 - history may fail, the session goes on
            self._give_up(_words(error))

    async def _attempts(self) -> None:
        patience, wanted = self._patience, self._warmable.bars_needed
        failure: Exception | None
        for attempt in itertools.count(1):
            if wanted > 0:
                self._show(f"history: asking for {wanted} bars")
            try:
                async with asyncio.timeout(patience.fetch_s):
                    bars = await _fetched(self._history, wanted, self._now_ns())
            except Exception as error:  # noqa: BLE001 - whatever it is, the next attempt may do
                failure = error
            else:
                failure = None
            if self._stopped:  # by a source that swallowed being cancelled
                return
            if failure is None:
                self.words = _hand_over(self._warmable, bars, wanted)
                return
            asked = getattr(failure, "retry_after_s", None) or 0.0
            if attempt >= patience.attempts:
                self._give_up(f"{_words(failure)} at the last of {attempt} attempts")
                return
            if asked > patience.longest_asked_s:
                self._give_up(f"{_words(failure)}, asked to wait {asked:.0f} s")
                return
            wait = max(asked, min(patience.first_s * 2 ** (attempt - 1), patience.longest_s))
            self._show(f"history: {_words(failure)}, again in {wait:g} s")
            await self._sleep(wait)

    def _show(self, words: str) -> None:
        self._tell(self._warmable.warming, words)

    def _give_up(self, cause: str) -> None:
        self._tell(self._warmable.without_history, f"history: {cause}; {ALONE}")

    def _tell(self, listener: Callable[[str], None], words: str) -> None:
        if self._stopped:
            return
        self.words = words
        try:
            listener(words)
        except Exception as error:  # noqa: BLE001 - who cannot be told must not end the fetching
            self.words = f"{words}; telling it failed: {_words(error)}"


async def warm_at_once(history: BarHistory, warmable: Warmable, count: int, now_ns: int) -> str:
    """Bring history before the first event, in one attempt without a clock, so that runs repeat.

    Raises nothing: gives what went wrong in words, empty where history was taken.
    """
    try:
        return _hand_over(warmable, await _fetched(history, count, now_ns), count)
    except Exception as error:  # noqa: BLE001 - history may fail, the session goes on
        words = f"history: {_words(error)}; {ALONE}"
    try:
        warmable.without_history(words)
    except Exception as error:  # noqa: BLE001 - nor may telling it
        words = f"{words}; telling it failed: {_words(error)}"
    return words


async def _fetched(history: BarHistory, wanted: int, now_ns: int) -> Sequence[MinuteBar]:
    return await history.fetch(wanted, now_ns) if wanted > 0 else ()


def _hand_over(warmable: Warmable, bars: Sequence[MinuteBar], wanted: int) -> str:
    if bars or wanted <= 0:
        warmable.take_history(bars)
        return ""
    words = f"history: there is none; {ALONE}"
    warmable.without_history(words)
    return words


def _words(error: Exception) -> str:
    """Plain words where the source has them, else the error with its name."""
    text = str(error)
    if isinstance(error, HistoryError):
        return text
    if isinstance(error, TimeoutError) and not text:
        return "no answer in time"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
