"""The market as it was last seen, in Nautilus's own values; Decimal only where a pass or a picture asks for it."""

from decimal import Decimal
from typing import Final

from nautilus_trader.model.data import Bar, FundingRateUpdate, QuoteTick, TradeTick
from nautilus_trader.model.objects import FIXED_PRECISION, Price, Quantity

from strategy.calm import Band
from strategy.domain import Market
from strategy.snapshot import MarketView

RAW_UNITS: Final = 10**FIXED_PRECISION
"""Nautilus's raw price units in one."""


class MarketWatch:
    """Keeps the last events and says whether one has left the calm band; integer comparisons only."""

    def __init__(self) -> None:
        self.mark: Price | None = None
        self._quote: QuoteTick | None = None
        self._last: Price | None = None
        self._funding_rate: Decimal | None = None
        self._next_funding = 0
        self._ts = 0
        self._quotes = self._trades = self._bars = 0
        self.drop_band()

    def on_quote(self, tick: QuoteTick) -> bool:
        """Take a quote; true where something may have to be done."""
        self._quotes += 1
        self._quote = tick
        self._ts = tick.ts_init
        return self._is_outside(tick.bid_price.raw, tick.ask_price.raw)

    def on_trade(self, tick: TradeTick) -> bool:
        """Take a trade; it tells the price only where there are no quotes."""
        self._trades += 1
        self._ts = tick.ts_init
        return self._quote is None and self._on_last(tick.price)

    def on_bar(self, bar: Bar) -> bool:
        """Take a closed bar; it tells the price only where there are neither quotes nor trades."""
        self._bars += 1
        if self._quote is not None or self._trades:
            return False
        self._ts = bar.ts_init
        return self._on_last(bar.close)

    def on_funding(self, update: FundingRateUpdate) -> None:
        """Take the predicted rate of the next settlement."""
        self._funding_rate = update.rate
        self._next_funding = update.next_funding_ns or 0

    def set_band(self, band: Band) -> None:
        """Within `band` no event is heeded."""
        self._bid_floor = int(band.bid_floor * RAW_UNITS)
        self._ask_ceiling = int(band.ask_ceiling * RAW_UNITS)
        self._mid_floor = int(band.mid_floor * RAW_UNITS)
        self._mid_ceiling = int(band.mid_ceiling * RAW_UNITS)

    def drop_band(self) -> None:
        """Heed every event."""
        self._bid_floor = self._mid_floor = 1
        self._ask_ceiling = self._mid_ceiling = 0

    def market(self) -> Market | None:
        """The best prices; without quotes the last price is both."""
        if self._quote is not None:
            return Market(exact(self._quote.bid_price), exact(self._quote.ask_price), self._ts)
        if self._last is not None:
            last = exact(self._last)
            return Market(last, last, self._ts)
        return None

    def view(self) -> MarketView:
        """For the snapshot."""
        market = self.market()
        return MarketView(
            bid=None if market is None else market.bid,
            ask=None if market is None else market.ask,
            mark=None if self.mark is None else exact(self.mark),
            funding_rate=self._funding_rate,
            next_funding_ns=self._next_funding,
            ts=self._ts,
            quotes=self._quotes,
            trades=self._trades,
            bars=self._bars,
        )

    def _on_last(self, price: Price) -> bool:
        self._last = price
        return self._is_outside(price.raw, price.raw)

    def _is_outside(self, bid: int, ask: int) -> bool:
        return (
            bid < self._bid_floor
            or ask > self._ask_ceiling
            or not self._mid_floor <= (bid + ask) >> 1 <= self._mid_ceiling
        )


def exact(value: Price | Quantity) -> Decimal:
    """The value with all of its instrument's decimals."""
    return Decimal(str(value))
