"""The market that the fake shows: best prices, trades, mark price and funding, and their stream messages."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.venue.binance.candles import Candle, Candles
from tests.venue.binance.shapes import num

type Push = Callable[[str, dict[str, Any]], None]
"""Sends a message to whoever listens to a stream."""
HOUR_MS = 3_600_000
ONE = Decimal(1)


class Market:
    """What everybody may know of one symbol."""

    def __init__(self, symbol: str, tick: Decimal, now_ms: Callable[[], int], push: Push) -> None:
        self.symbol = symbol
        self.now_ms = now_ms
        self.push = push
        self.bid = self.ask = Decimal(0)
        self.bid_qty = self.ask_qty = ONE
        self.candles = Candles(tick)
        self.funding_rate = Decimal("0.0001")
        self.funding_hours = 8
        self.fixed_mark: Decimal | None = None
        """A mark price of the test's own; else the middle of the market."""
        self._updates = 5_000_000_000_000
        self._trades = 2_300_000_000

    @property
    def mark(self) -> Decimal:
        """The mark price; 0 before the first quote."""
        return self.fixed_mark or (self.bid + self.ask) / 2

    @property
    def next_funding_ms(self) -> int:
        """When funding is settled next."""
        interval = self.funding_hours * HOUR_MS
        return (self.now_ms() // interval + 1) * interval

    def stream(self, kind: str) -> str:
        """A stream's name."""
        return f"{self.symbol.lower()}@{kind}"

    def quote(self, bid: Decimal, ask: Decimal, bid_qty: Decimal = ONE, ask_qty: Decimal = ONE) -> None:
        """The best prices now."""
        self.bid, self.ask, self.bid_qty, self.ask_qty = bid, ask, bid_qty, ask_qty
        now = self.now_ms()
        self._updates += 1
        book = {"s": self.symbol, "b": num(bid), "B": num(bid_qty, 3), "a": num(ask), "A": num(ask_qty, 3)}
        message = {"e": "bookTicker", "u": self._updates, **book, "T": now, "E": now}
        self.push(self.stream("bookTicker"), message)
        self._close(self.candles.note(bid, Decimal(0), now))

    def trade(self, price: Decimal, qty: Decimal, *, sold: bool = False) -> None:
        """A trade of others; `sold`: its buyer was the maker."""
        now = self.now_ms()
        self._trades += 1
        number = {"a": self._trades, "f": self._trades, "l": self._trades}
        deal = {"p": num(price), "q": num(qty, 3), "nq": num(qty, 3), "T": now, "m": sold}
        self.push(self.stream("aggTrade"), {"e": "aggTrade", "E": now, "s": self.symbol, **number, **deal})
        self._close(self.candles.note(price, qty, now))

    def beat(self) -> None:
        """Once a second: mark price and the running minute."""
        if not self.bid:
            return
        now = self.now_ms()
        told = {
            "e": "markPriceUpdate", "E": now, "s": self.symbol, "p": num(self.mark, 8), "i": num(self.mark, 8),
            "P": num(self.mark, 8), "r": num(self.funding_rate, 8), "T": self.next_funding_ms,
        }  # fmt: skip
        self.push(self.stream("markPrice@1s"), told)
        self.push(self.stream("markPrice"), told)
        self._close(self.candles.roll(now))
        candle = self.candles.current()
        if candle is not None:
            self._tell_candle(candle, closed=False)

    def _close(self, candle: Candle | None) -> None:
        if candle is not None:
            self._tell_candle(candle, closed=True)

    def _tell_candle(self, candle: Candle, *, closed: bool) -> None:
        self.push(self.stream("kline_1m"), candle.message(self.symbol, self.now_ms(), closed=closed))

    # -- what REST shows -------------------------------------------------------------------------------------------

    def book_ticker(self) -> dict[str, Any]:
        """`GET /fapi/v1/ticker/bookTicker`."""
        best = {"bidPrice": num(self.bid), "bidQty": num(self.bid_qty, 3)}
        best |= {"askPrice": num(self.ask), "askQty": num(self.ask_qty, 3)}
        return {"symbol": self.symbol, **best, "time": self.now_ms(), "lastUpdateId": self._updates}

    def depth(self) -> dict[str, Any]:
        """`GET /fapi/v1/depth`: the best level only."""
        now = self.now_ms()
        bids, asks = [[num(self.bid), num(self.bid_qty, 3)]], [[num(self.ask), num(self.ask_qty, 3)]]
        return {"lastUpdateId": self._updates, "E": now, "T": now, "bids": bids, "asks": asks}

    def premium_index(self) -> dict[str, Any]:
        """`GET /fapi/v1/premiumIndex`."""
        mark = num(self.mark, 8)
        return {
            "symbol": self.symbol, "markPrice": mark, "indexPrice": mark, "estimatedSettlePrice": mark,
            "lastFundingRate": num(self.funding_rate, 8), "interestRate": "0.00010000",
            "nextFundingTime": self.next_funding_ms, "time": self.now_ms(),
        }  # fmt: skip

    def funding_info(self) -> list[dict[str, Any]]:
        """`GET /fapi/v1/fundingInfo`: symbols whose interval or bounds are not the usual ones."""
        row: dict[str, Any] = {"symbol": self.symbol, "adjustedFundingRateCap": "0.02000000"}
        row |= {"adjustedFundingRateFloor": "-0.02000000", "fundingIntervalHours": self.funding_hours}
        return [row | {"disclaimer": False}]

    def funding_rates(self, limit: int) -> list[dict[str, Any]]:
        """`GET /fapi/v1/fundingRate`: past settlements, oldest first."""
        interval, last = self.funding_hours * HOUR_MS, self.next_funding_ms
        row = {"symbol": self.symbol, "fundingRate": num(self.funding_rate, 8), "markPrice": num(self.mark, 8)}
        return [row | {"fundingTime": last - back * interval} for back in range(limit, 0, -1)]
