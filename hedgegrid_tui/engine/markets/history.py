"""Where the minutes before a session come from: made up with the market, recorded, or asked of a venue."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from hedgegrid_tui.engine.markets import price_path
from hedgegrid_tui.engine.markets.price_path import PricePath
from strategy.bars import MINUTE_NS, MinuteBar


class HistoryError(Exception):
    """History could not be had; the text says why in plain words."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        """How long the source asks to be left alone, s; None where it does not say."""


class BarHistory(Protocol):
    """A source of closed minutes."""

    async def fetch(self, count: int, now_ns: int) -> Sequence[MinuteBar]:
        """The latest closed minutes, oldest first: at most `count`, none that ends after `now_ns` (ns UTC).

        Raises:
            HistoryError: It could not be had, or what came cannot be believed.
        """


class SimulatedHistory:
    """The minutes before a simulated market opened at `opened_ns`, which ends where its first price begins."""

    def __init__(self, path: PricePath, opened_ns: int) -> None:
        self._path = path
        self._opened_minute = opened_ns // MINUTE_NS

    async def fetch(self, count: int, now_ns: int) -> Sequence[MinuteBar]:
        """The same minutes at every call; after the market has opened, those since then are not among them."""
        not_yet = max(0, self._opened_minute - now_ns // MINUTE_NS)
        bars = self._path.history(max(0, count) + not_yet)[: max(0, count)]
        first = self._opened_minute - not_yet - len(bars)
        return [_stamped(bar, (first + i) * MINUTE_NS) for i, bar in enumerate(bars)]


class RecordedHistory:
    """The bars from before a recording's first event: none, unless the recording begins with older bars."""

    def __init__(self, older: Iterable[MinuteBar] = ()) -> None:
        self._bars = sorted(older, key=lambda bar: bar.open_ns)

    async def fetch(self, count: int, now_ns: int) -> Sequence[MinuteBar]:
        """The latest of the older bars."""
        closed = [bar for bar in self._bars if bar.open_ns + MINUTE_NS <= now_ns]
        return closed[max(0, len(closed) - max(0, count)) :]


def _stamped(bar: price_path.MinuteBar, open_ns: int) -> MinuteBar:
    return MinuteBar(open_ns, bar.open, bar.high, bar.low, bar.close)
