"""One-minute bars: a quiet made-up past before the session, and what was traded or quoted since."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.venue.binance.shapes import num

MINUTE_MS = 60_000
PAST_TICKS = (0, 150, -90, 60, -180, 120, -60)
"""Where past minutes close, in ticks from the first price: enough movement that no range is zero."""
MOST_ROWS = 1_500


@dataclass
class Candle:
    """One minute."""

    opened_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = Decimal(0)
    trades: int = 0

    def note(self, price: Decimal, qty: Decimal) -> None:
        """A price was seen, and perhaps traded."""
        self.high, self.low, self.close = max(self.high, price), min(self.low, price), price
        self.volume += qty
        self.trades += 1

    def row(self) -> list[Any]:
        """As `GET /fapi/v1/klines` shows it."""
        value = self.volume * self.close
        return [
            self.opened_ms, num(self.open), num(self.high), num(self.low), num(self.close), num(self.volume, 3),
            self.opened_ms + MINUTE_MS - 1, num(value, 5), self.trades, num(self.volume / 2, 3), num(value / 2, 5), "0",
        ]  # fmt: skip

    def message(self, symbol: str, now_ms: int, *, closed: bool) -> dict[str, Any]:
        """As the kline stream tells it."""
        value = self.volume * self.close
        told = {
            "t": self.opened_ms, "T": self.opened_ms + MINUTE_MS - 1, "s": symbol, "i": "1m", "f": 1, "L": 1,
            "o": num(self.open), "c": num(self.close), "h": num(self.high), "l": num(self.low),
            "v": num(self.volume, 3), "n": self.trades, "x": closed, "q": num(value, 5),
            "V": num(self.volume / 2, 3), "Q": num(value / 2, 5), "B": "0",
        }  # fmt: skip
        return {"e": "kline", "E": now_ms, "s": symbol, "k": told}


class Candles:
    """Every minute that was seen; any other one is made up, always alike."""

    def __init__(self, tick: Decimal) -> None:
        self.tick = tick
        self.seen: dict[int, Candle] = {}
        self.base: Decimal | None = None

    def note(self, price: Decimal, qty: Decimal, now_ms: int) -> Candle | None:
        """A price now; gives the minute that this closed, if any."""
        self.base = self.base or price
        closed = self.roll(now_ms)
        self._at(now_ms, price).note(price, qty)
        return closed

    def roll(self, now_ms: int) -> Candle | None:
        """Begin a new minute if it is time; gives the one that ended."""
        opened = now_ms - now_ms % MINUTE_MS
        if not self.seen or opened in self.seen:
            return None
        last = self.seen[max(self.seen)]
        self._at(now_ms, last.close)
        return last

    def current(self) -> Candle | None:
        """The minute that runs."""
        return self.seen[max(self.seen)] if self.seen else None

    def rows(self, start_ms: int | None, end_ms: int | None, limit: int, now_ms: int) -> list[list[Any]]:
        """Minutes whose opening lies within the bounds, oldest first; the newest `limit` where there is no start."""
        newest = min(now_ms, now_ms if end_ms is None else end_ms)
        newest -= newest % MINUTE_MS
        limit = min(limit, MOST_ROWS)
        first = newest - (limit - 1) * MINUTE_MS if start_ms is None else -(-start_ms // MINUTE_MS) * MINUTE_MS
        last = min(newest, first + (limit - 1) * MINUTE_MS)
        return [self._candle(opened).row() for opened in range(first, last + 1, MINUTE_MS)]

    def _at(self, now_ms: int, price: Decimal) -> Candle:
        opened = now_ms - now_ms % MINUTE_MS
        return self.seen.setdefault(opened, Candle(opened, price, price, price, price))

    def _candle(self, opened: int) -> Candle:
        if opened in self.seen:
            return self.seen[opened]
        base = self.base or Decimal(60_000)
        first, last = (base + self.tick * PAST_TICKS[(opened // MINUTE_MS - back) % 7] for back in (1, 0))
        high, low = max(first, last) + 20 * self.tick, min(first, last) - 20 * self.tick
        return Candle(opened, first, high, low, last, Decimal("12.345"), 100)
