"""Which way the market goes, from one-minute bars: two EMAs, and Wilder's ADX and ATR.

Nautilus 1.231.0 has no ADX: `DirectionalMovement` smooths +DM and -DM only, and its averages start at the first value.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from strategy.bars import MINUTE_NS, MinuteBar
from strategy.domain import BPS, ZERO, Regime

if TYPE_CHECKING:
    from strategy.config import RegimeConfig  # snapshots show the regime, and screens load no configuration


class RegimeReading(msgspec.Struct, frozen=True, gc=False):
    """The regime after a bar and the figures that it comes from; None while a figure is cold."""

    regime: Regime = Regime.SIDEWAYS
    """SIDEWAYS while cold."""
    seen: int = 0
    """Bars taken."""
    needed: int = 0
    """Bars until every figure is there."""
    fast: Decimal | None = None
    """Fast EMA of the closes, quote."""
    slow: Decimal | None = None
    """Slow EMA of the closes, quote."""
    spread_bps: Decimal | None = None
    """(fast - slow) / slow, bps."""
    adx: Decimal | None = None
    """Strength of a trend in either direction, 0 to 100."""
    atr: Decimal | None = None
    """Average true range, quote."""
    ts: int = 0
    """When the last bar closed, ns UTC; 0 before the first."""

    @property
    def is_warm(self) -> bool:
        """Whether every figure is there."""
        return self.seen >= self.needed


class RegimeWatch:
    """Takes bars one by one; a trend begins above one pair of bounds and ends below another."""

    def __init__(self, config: "RegimeConfig") -> None:
        self._config = config
        self._fast = exponential(config.fast_bars)
        self._slow = exponential(config.slow_bars)
        self._adx = DirectionalIndex(config.adx_bars)
        self._true_range = wilder(config.atr_bars)
        self._last: MinuteBar | None = None
        needed = max(config.slow_bars, 2 * config.adx_bars, config.atr_bars + 1)
        self._reading = RegimeReading(needed=needed)

    @property
    def reading(self) -> RegimeReading:
        """What the bars so far say."""
        return self._reading

    def update(self, bar: MinuteBar) -> RegimeReading:
        """Take the next closed minute; its prices are above zero."""
        last, self._last, before = self._last, bar, self._reading
        fast, slow = self._fast.update(bar.close), self._slow.update(bar.close)
        adx = atr = None
        if last is not None:
            adx = self._adx.update(bar.high - last.high, last.low - bar.low)
            atr = self._true_range.update(max(bar.high, last.close) - min(bar.low, last.close))
        spread = None if fast is None or slow is None else (fast - slow) * BPS / slow
        seen, regime = before.seen + 1, before.regime
        if seen >= before.needed and spread is not None and adx is not None:
            regime = next_regime(regime, spread, adx, self._config)
        self._reading = RegimeReading(
            regime=regime,
            seen=seen,
            needed=before.needed,
            fast=fast,
            slow=slow,
            spread_bps=spread,
            adx=adx,
            atr=atr,
            ts=bar.open_ns + MINUTE_NS,
        )
        return self._reading


def next_regime(regime: Regime, spread_bps: Decimal, adx: Decimal, config: "RegimeConfig") -> Regime:
    """The regime that follows `regime` at those figures.

    A trend begins, also straight after the opposite one, at `enter_bps` and `adx_trend`; it ends when its spread is
    below `leave_bps` or ADX below `adx_calm`. Between the bounds nothing changes. A spread of zero has no direction.
    """
    if spread_bps and abs(spread_bps) >= config.enter_bps and adx >= config.adx_trend:
        return Regime.UP if spread_bps > 0 else Regime.DOWN
    if regime is Regime.SIDEWAYS:
        return regime
    with_trend = spread_bps if regime is Regime.UP else -spread_bps
    return Regime.SIDEWAYS if with_trend < config.leave_bps or adx < config.adx_calm else regime


class Average:
    """A recursive average whose first value is the plain mean of the first `bars` values; None before.

    Values keep the 28 significant digits of the decimal context, however long it runs.
    """

    def __init__(self, bars: int, follow: Callable[[Decimal, Decimal], Decimal]) -> None:
        self._bars = bars
        self._follow = follow
        self._count = 0
        self._value = ZERO

    def update(self, value: Decimal) -> Decimal | None:
        """Take the next value; gives the average once it is there."""
        if self._count == self._bars:
            self._value = self._follow(self._value, value)
            return self._value
        self._count += 1
        self._value += value
        if self._count < self._bars:
            return None
        self._value /= self._bars
        return self._value


def exponential(bars: int) -> Average:
    """EMA with the weight 2 / (bars + 1), started at the mean of the first `bars` closes.

    Source of the start: StockCharts ChartSchool, "Moving Averages". Nautilus's `ExponentialMovingAverage` starts at the
    first close instead; the two approach each other by the factor 1 - weight each bar.
    """
    weight = Decimal(2) / (bars + 1)
    return Average(bars, lambda average, value: average + (value - average) * weight)


def wilder(bars: int) -> Average:
    """Wilder's average with the weight 1 / bars (source: "New Concepts in Technical Trading Systems", 1978)."""
    return Average(bars, lambda average, value: (average * (bars - 1) + value) / bars)


class DirectionalIndex:
    """Wilder's ADX, 0 to 100; its first value comes with bar 2 x `bars` (source: the same book).

    +DI and -DI are divided by the same true range, which therefore drops out of DX = 100 x |+DI - -DI| / (+DI + -DI).
    Without any directional movement DX is 0.
    """

    def __init__(self, bars: int) -> None:
        self._up = wilder(bars)
        self._down = wilder(bars)
        self._dx = wilder(bars)

    def update(self, rise: Decimal, fall: Decimal) -> Decimal | None:
        """Take how far the high rose above the last one, and how far the low fell below it; the larger counts."""
        up = self._up.update(rise if rise > fall and rise > 0 else ZERO)
        down = self._down.update(fall if fall > rise and fall > 0 else ZERO)
        if up is None or down is None:
            return None
        movement = up + down
        return self._dx.update(100 * abs(up - down) / movement if movement else ZERO)
