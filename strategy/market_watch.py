"""The market as it was last seen, in Nautilus's own values; Decimal only where a pass or a picture asks for it."""

from decimal import Decimal
from typing import Final

from nautilus_trader.model.data import Bar, FundingRateUpdate, QuoteTick, TradeTick
from nautilus_trader.model.objects import FIXED_PRECISION, Price

from strategy.bars import MinuteBar, MinuteBuilder, opened_at
from strategy.calm import Band
from strategy.domain import Market
from strategy.order_factory import exact
from strategy.snapshot import MarketView

RAW_UNITS: Final = 10**FIXED_PRECISION
"""Nautilus's raw price units in one."""


class MarketWatch:
    """Keeps the last events and says whether one has left the calm band; integer comparisons only."""

    def __init__(self) -> None:
        self.mark: Price | None = None
        self._quote: QuoteTick | None = None
        self._last: Price | None = None
        self.funding_rate: Decimal | None = None
        """Predicted for the next settlement, as a fraction of notional."""
        self.next_funding = 0
        """Time of the next settlement, ns; 0 where it is not known."""
        self.funding_interval = 0
        """Minutes between two settlements; 0 where it is not known."""
        self._minutes = MinuteBuilder(RAW_UNITS)
        self._closed: tuple[MinuteBar, ...] = ()
        self._ts = 0
        self._quotes = self._trades = self._bars = 0
        self.drop_band()

    def on_quote(self, tick: QuoteTick) -> bool:
        """Take a quote; true where something may have to be done."""
        self._quotes += 1
        self._quote = tick
        self._ts = tick.ts_init
        bid, ask = tick.bid_price.raw, tick.ask_price.raw
        if not self._trades:
            self._gather((bid + ask) >> 1, tick.ts_init)
        return self._is_outside(bid, ask)

    def on_trade(self, tick: TradeTick) -> bool:
        """Take a trade; it tells the price only where there are no quotes."""
        self._trades += 1
        self._ts = tick.ts_init
        self._gather(tick.price.raw, tick.ts_init)
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
        self.funding_rate = update.rate
        self.next_funding = update.next_funding_ns or 0
        self.funding_interval = update.interval or 0

    @property
    def has_minutes(self) -> bool:
        """Whether a gathered minute has closed."""
        return bool(self._closed)

    def take_minutes(self) -> tuple[MinuteBar, ...]:
        """Minutes gathered from trades, or from quotes where there are none, that have closed since the last call."""
        closed, self._closed = self._closed, ()
        return closed

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
            mark = None if self.mark is None else exact(self.mark)
            quote = self._quote
            return Market(exact(quote.bid_price), exact(quote.ask_price), quote.ts_init, mark=mark)
        if self._last is not None:
            last = exact(self._last)
            return Market(last, last, self._ts, by_bars=not self._trades)
        return None

    def view(self) -> MarketView:
        """For the snapshot."""
        market = self.market()
        return MarketView(
            bid=None if market is None else market.bid,
            ask=None if market is None else market.ask,
            mark=None if self.mark is None else exact(self.mark),
            funding_rate=self.funding_rate,
            next_funding_ns=self.next_funding,
            ts=self._ts,
            quotes=self._quotes,
            trades=self._trades,
            bars=self._bars,
        )

    def _gather(self, price: int, ts: int) -> None:
        closed = self._minutes.add(price, ts)
        if closed:
            self._closed += closed

    def _on_last(self, price: Price) -> bool:
        self._last = price
        return self._is_outside(price.raw, price.raw)

    def _is_outside(self, bid: int, ask: int) -> bool:
        return (
            bid < self._bid_floor
            or ask > self._ask_ceiling
            or not self._mid_floor <= (bid + ask) >> 1 <= self._mid_ceiling
        )


def minute_of(bar: Bar) -> MinuteBar:
    """A one-minute bar in the grid's terms."""
    return MinuteBar(opened_at(bar.ts_event), exact(bar.open), exact(bar.high), exact(bar.low), exact(bar.close))
