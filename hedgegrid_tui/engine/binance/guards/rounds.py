"""A job that is done again and again on the engine's loop, whatever becomes of one round."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from hedgegrid_tui.engine.binance.guards.watched import Watched

AGAIN_S: Final = 1.0
"""After a round that failed the next one begins so much later."""
PATIENCE_S: Final = 6.0
"""A round that runs when the job ends is waited for; a request ends within its own time-out."""


class Rounds:
    """Runs `act` until stopped; it gives the seconds to its next round. Nothing that it raises leaves the task."""

    def __init__(self, name: str, act: Callable[[], Awaitable[float]], strategy: Watched) -> None:
        self._name = name
        self._act = act
        self._strategy = strategy
        self._wake = asyncio.Event()
        self._ends = False
        self._failure = ""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the first round comes at once."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    def hurry(self) -> None:
        """The next round comes at once."""
        self._wake.set()

    async def stop(self) -> None:
        """No further round; the one that runs may come to its end."""
        self._ends = True
        self._wake.set()
        task, self._task = self._task, None
        if task is None:
            return
        await asyncio.wait([task], timeout=PATIENCE_S)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while not self._ends:
            self._wake.clear()
            wait = await self._round()
            if self._ends:
                return
            try:
                await asyncio.wait_for(self._wake.wait(), wait)
            except TimeoutError:
                continue

    async def _round(self) -> float:
        try:
            wait = await self._act()
        except Exception as error:  # noqa: BLE001 - recorded once; a watch that ends watches nothing
            words = f"{self._name}: {error}"
            if words != self._failure:
                self._failure = words
                self._strategy.note_critical(self._name, type(error).__name__, words)
            return AGAIN_S
        self._failure = ""
        return wait
