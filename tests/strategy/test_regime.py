"""Trend or sideways: the indicators against published numbers, the rules against their own statement."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from nautilus_trader.indicators import AverageTrueRange, ExponentialMovingAverage, MovingAverageType

from strategy.bars import MinuteBar
from strategy.config import RegimeConfig
from strategy.domain import Regime
from strategy.regime import DirectionalIndex, RegimeReading, RegimeWatch, exponential, next_regime, wilder

SMALL = RegimeConfig(fast_bars=3, slow_bars=6, adx_bars=4, atr_bars=5)
NEAR = Decimal("1e-20")
"""Two ways of computing the same figure differ in the last of 28 digits only."""


def numbers(text: str) -> list[Decimal]:
    return [Decimal(word) for word in text.split()]


def bars_of(highs: Sequence[Decimal], lows: Sequence[Decimal], closes: Sequence[Decimal]) -> list[MinuteBar]:
    rows = zip(highs, lows, closes, strict=True)
    return [MinuteBar(i, close, high, low, close) for i, (high, low, close) in enumerate(rows)]


def readings(config: RegimeConfig, bars: Iterable[MinuteBar]) -> list[RegimeReading]:
    watch = RegimeWatch(config)
    return [watch.update(bar) for bar in bars]


# -- published examples --------------------------------------------------------------------------------------------


def test_the_ema_is_the_published_one() -> None:
    """StockCharts ChartSchool, "Moving Averages - Simple and Exponential": Intel, ten days, printed to the cent."""
    closes = numbers(
        "22.27 22.19 22.08 22.17 22.18 22.13 22.23 22.43 22.24 22.29 22.15 22.39 22.38 22.61 23.36 24.05 23.75 23.83 "
        "23.95 23.63 23.82 23.87 23.65 23.19 23.10 23.33 22.68 23.10 22.40 22.17"
    )
    published = numbers(
        "22.22 22.21 22.24 22.27 22.33 22.52 22.80 22.97 23.13 23.28 23.34 23.43 23.51 23.54 23.47 23.40 23.39 23.26 "
        "23.23 23.08 22.92"
    )
    average = exponential(10)
    values = [average.update(close) for close in closes]
    assert values[:9] == [None] * 9
    for value, printed in zip(values[9:], published, strict=True):
        assert value is not None
        # Closes and results are both printed to the cent.
        assert abs(value - printed) <= Decimal("0.01")


def test_adx_is_the_published_one_from_its_first_value_on() -> None:
    """The example that the public `technicalindicators` package is tested with (test/directionalmovement/ADX.js)."""
    highs = numbers(
        "30.20 30.28 30.45 29.35 29.35 29.29 28.83 28.73 28.67 28.85 28.64 27.68 27.21 26.87 27.41 26.94 26.52 26.52 "
        "27.09 27.69 28.45 28.53 28.67 29.01 29.87 29.80 29.75 30.65 30.60 30.76 31.17 30.89 30.04 30.66 30.60 31.97 "
        "32.10 32.03 31.63 31.85 32.71 32.76 32.58 32.13 33.12 33.19 32.52"
    )
    lows = numbers(
        "29.41 29.32 29.96 28.74 28.56 28.41 28.08 27.43 27.66 27.83 27.40 27.09 26.18 26.13 26.63 26.13 25.43 25.35 "
        "25.88 26.96 27.14 28.01 27.88 27.99 28.76 29.14 28.71 28.93 30.03 29.39 30.14 30.43 29.35 29.99 29.52 30.94 "
        "31.54 31.36 30.92 31.20 32.13 32.23 31.97 31.56 32.21 32.63 31.76"
    )
    closes = numbers(
        "29.87 30.24 30.10 28.90 28.92 28.48 28.56 27.56 28.47 28.28 27.49 27.23 26.35 26.33 27.03 26.22 26.01 25.46 "
        "27.03 27.45 28.36 28.43 27.95 29.01 29.38 29.36 28.91 30.61 30.05 30.19 31.12 30.54 29.78 30.04 30.49 31.47 "
        "32.05 31.97 31.13 31.66 32.64 32.59 32.19 32.10 32.93 33.00 31.94"
    )
    published = numbers(
        "33.70789 32.25668 30.01835 28.43901 26.97249 25.84732 24.01791 22.85086 22.12975 21.57870 20.84157 19.61908 "
        "18.72578 18.75196 18.82257 18.52094 17.68461 17.90759 18.17858 17.28769"
    )
    values = [reading.adx for reading in readings(RegimeConfig(adx_bars=14), bars_of(highs, lows, closes))]
    assert values[:27] == [None] * 27
    for value, printed in zip(values[27:], published, strict=True):
        assert value is not None
        assert abs(value - printed) <= Decimal("0.00002")


def test_atr_is_the_published_one_from_its_first_value_on() -> None:
    """The example that the public `technicalindicators` package is tested with (test/directionalmovement/ATR.js).

    Like Wilder it needs a close before the first range.
    """
    highs = numbers(
        "48.70 48.72 48.90 48.87 48.82 49.05 49.20 49.35 49.92 50.19 50.12 49.66 49.88 50.19 50.36 50.57 50.65 50.43 "
        "49.63 50.33 50.29 50.17 49.32 48.50 48.32 46.80 47.80 48.39 48.66 48.79"
    )
    lows = numbers(
        "47.79 48.14 48.39 48.37 48.24 48.64 48.94 48.86 49.50 49.87 49.20 48.90 49.43 49.73 49.26 50.09 50.30 49.21 "
        "48.98 49.61 49.20 49.43 48.08 47.64 41.55 44.28 47.31 47.20 47.90 47.73"
    )
    closes = numbers(
        "48.16 48.61 48.75 48.63 48.74 49.03 49.07 49.32 49.91 50.13 49.53 49.50 49.75 50.03 50.31 50.52 50.41 49.34 "
        "49.37 50.23 49.24 49.93 48.43 48.18 46.57 45.41 47.77 47.72 48.62 47.85"
    )
    published = numbers(
        "0.56786 0.56158 0.54647 0.59458 0.59854 0.62436 0.65762 0.67707 0.76085 0.76794 1.19665 1.29118 1.36967 "
        "1.35683 1.32706 1.30798"
    )
    values = [reading.atr for reading in readings(RegimeConfig(atr_bars=14), bars_of(highs, lows, closes))]
    assert values[:14] == [None] * 14
    for value, printed in zip(values[14:], published, strict=True):
        assert value is not None
        assert abs(value - printed) <= Decimal("0.00001")


# -- against Nautilus, where the convention is the same ------------------------------------------------------------

prices = st.decimals(100, 200, places=2)
series = st.lists(prices, min_size=12, max_size=40)


@given(series, st.integers(2, 8))
def test_after_its_start_the_ema_goes_on_as_nautilus_does(closes: list[Decimal], bars: int) -> None:
    ours, theirs = exponential(bars), ExponentialMovingAverage(bars)
    theirs.update_raw(float(sum(closes[:bars]) / bars))
    values = [ours.update(close) for close in closes]
    for close, value in zip(closes[bars:], values[bars:], strict=True):
        theirs.update_raw(float(close))
        assert float(value or 0) == pytest.approx(theirs.value, rel=1e-12)


@given(series, st.integers(1, 8))
def test_the_first_atr_is_nautilus_simple_one(closes: list[Decimal], bars: int) -> None:
    theirs: Any = AverageTrueRange(bars, MovingAverageType.SIMPLE)
    spread = [bar_around(low, high) for low, high in pairwise(closes)]
    config = RegimeConfig(atr_bars=bars)
    found = readings(config, spread)
    for bar in spread[: bars + 1]:
        theirs.update_raw(float(bar.high), float(bar.low), float(bar.close))
    if len(spread) > bars:
        # Theirs counts the first bar, without a close before it, as well; it has left the window by then.
        assert float(found[bars].atr or 0) == pytest.approx(theirs.value, rel=1e-12)


def bar_around(one: Decimal, other: Decimal, at: int = 0) -> MinuteBar:
    return MinuteBar(at, one, max(one, other) + 1, min(one, other) - 1, other)


# -- the rules -----------------------------------------------------------------------------------------------------

RULES = RegimeConfig(enter_bps=Decimal(8), leave_bps=Decimal(4), adx_trend=Decimal(25), adx_calm=Decimal(20))


@pytest.mark.parametrize(
    ("before", "spread", "adx", "after"),
    [
        (Regime.SIDEWAYS, "8", "25", Regime.UP),
        (Regime.SIDEWAYS, "-8", "25", Regime.DOWN),
        (Regime.SIDEWAYS, "7.99", "60", Regime.SIDEWAYS),
        (Regime.SIDEWAYS, "50", "24.99", Regime.SIDEWAYS),
        (Regime.UP, "4", "20", Regime.UP),
        (Regime.UP, "7.9", "24", Regime.UP),
        (Regime.UP, "3.99", "60", Regime.SIDEWAYS),
        (Regime.UP, "50", "19.99", Regime.SIDEWAYS),
        (Regime.UP, "-7.99", "60", Regime.SIDEWAYS),
        (Regime.UP, "-8", "24.99", Regime.SIDEWAYS),
        (Regime.UP, "-8", "25", Regime.DOWN),
        (Regime.DOWN, "-4", "20", Regime.DOWN),
        (Regime.DOWN, "-3.99", "60", Regime.SIDEWAYS),
        (Regime.DOWN, "-50", "19.99", Regime.SIDEWAYS),
        (Regime.DOWN, "8", "25", Regime.UP),
    ],
)
def test_a_trend_begins_above_one_pair_of_bounds_and_ends_below_another(
    before: Regime, spread: str, adx: str, after: Regime
) -> None:
    assert next_regime(before, Decimal(spread), Decimal(adx), RULES) is after


@pytest.mark.parametrize("before", Regime)
def test_a_spread_of_zero_begins_no_trend_even_where_no_spread_is_asked_for(before: Regime) -> None:
    config = RegimeConfig(enter_bps=Decimal(0), leave_bps=Decimal(0))
    assert next_regime(before, Decimal(0), Decimal(100), config) is before


figures = st.tuples(st.sampled_from(Regime), st.decimals(-30, 30, places=1), st.decimals(0, 100, places=1))


@given(figures)
def test_the_rules_are_the_same_upside_down(figure: tuple[Regime, Decimal, Decimal]) -> None:
    regime, spread, adx = figure
    other = {Regime.UP: Regime.DOWN, Regime.DOWN: Regime.UP, Regime.SIDEWAYS: Regime.SIDEWAYS}
    assert next_regime(other[regime], -spread, adx, RULES) is other[next_regime(regime, spread, adx, RULES)]


@given(figures)
def test_between_the_bounds_nothing_changes(figure: tuple[Regime, Decimal, Decimal]) -> None:
    regime, spread, adx = figure
    with_trend = -spread if regime is Regime.DOWN else spread
    held = regime is not Regime.SIDEWAYS and with_trend >= RULES.leave_bps and adx >= RULES.adx_calm
    begins = abs(spread) >= RULES.enter_bps and adx >= RULES.adx_trend
    changed = next_regime(regime, spread, adx, RULES) is not regime
    if held or (regime is Regime.SIDEWAYS and not begins):
        assert not changed
    else:
        assert changed


# -- warming up ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "needed"),
    [
        (RegimeConfig(), 55),
        (RegimeConfig(adx_bars=30), 60),
        (RegimeConfig(atr_bars=70), 71),
        (SMALL, 8),
    ],
)
def test_it_is_warm_with_the_bar_that_completes_the_last_figure(config: RegimeConfig, needed: int) -> None:
    watch = RegimeWatch(config)
    assert (watch.reading.seen, watch.reading.needed, watch.reading.regime) == (0, needed, Regime.SIDEWAYS)
    for count in range(1, needed + 1):
        reading = watch.update(bar_around(Decimal(100 + count), Decimal(101 + count)))
        assert reading is watch.reading
        assert (reading.seen, reading.is_warm) == (count, count == needed)
        complete = None not in (reading.fast, reading.slow, reading.spread_bps, reading.adx, reading.atr)
        assert complete is reading.is_warm
        assert reading.is_warm or reading.regime is Regime.SIDEWAYS
    assert watch.reading.regime is Regime.UP


def test_a_rally_is_up_a_slump_down_and_a_range_neither() -> None:
    def leg(start: int, step: int, count: int) -> list[MinuteBar]:
        return [bar_around(Decimal(start + step * i), Decimal(start + step * (i + 1))) for i in range(count)]

    up, down = leg(1000, 2, 60), leg(1120, -2, 60)
    flat = [bar_around(Decimal(1000), Decimal(1000 + i % 2)) for i in range(60)]
    config = RegimeConfig(fast_bars=5, slow_bars=15, adx_bars=7)
    found = readings(config, up + down + flat)
    assert [found[i].regime for i in (59, 119, 179)] == [Regime.UP, Regime.DOWN, Regime.SIDEWAYS]


def test_a_market_that_never_moves_has_no_trend_and_no_range() -> None:
    still = [MinuteBar(i, Decimal(7), Decimal(7), Decimal(7), Decimal(7)) for i in range(20)]
    last = readings(SMALL, still)[-1]
    assert last.spread_bps == last.adx == last.atr == Decimal(0)
    assert last.regime is Regime.SIDEWAYS


def test_a_bar_that_reaches_as_far_on_both_sides_has_no_direction() -> None:
    ours, other = DirectionalIndex(2), DirectionalIndex(2)
    for rise, fall in ((3, -1), (2, 2), (1, -3)):
        found = ours.update(Decimal(rise), Decimal(fall))
        expected = other.update(Decimal(0 if rise == fall else rise), Decimal(0 if rise == fall else fall))
    assert found == expected == 100


def test_bars_of_one_make_a_plain_range() -> None:
    average = wilder(1)
    assert [average.update(Decimal(value)) for value in (3, 5, 4)] == [3, 5, 4]


# -- properties ----------------------------------------------------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn, least: int = 0, most: int = 60) -> list[MinuteBar]:
    moves = draw(
        st.lists(st.tuples(st.integers(-30, 30), st.integers(0, 9), st.integers(0, 9)), min_size=least, max_size=most)
    )
    drift, price, bars = draw(st.sampled_from([-12, 0, 12])), Decimal(100_000), []
    for i, (move, above, below) in enumerate(moves):
        close = price + move + drift
        bars.append(MinuteBar(i, price, max(price, close) + above, min(price, close) - below, close))
        price = close
    return bars


@given(histories())
def test_adx_is_a_percentage_and_the_range_not_negative(bars: list[MinuteBar]) -> None:
    for reading in readings(SMALL, bars):
        assert reading.adx is None or 0 <= reading.adx <= 100
        assert reading.atr is None or reading.atr >= 0


@given(histories(least=SMALL.slow_bars * 2), st.integers(-6, 6))
def test_the_unit_of_the_price_changes_nothing(bars: list[MinuteBar], power: int) -> None:
    unit = Decimal(10) ** power
    scaled = [
        MinuteBar(bar.open_ns, bar.open * unit, bar.high * unit, bar.low * unit, bar.close * unit) for bar in bars
    ]
    for one, other in zip(readings(SMALL, bars), readings(SMALL, scaled), strict=True):
        assert (one.regime, one.spread_bps, one.adx) == (other.regime, other.spread_bps, other.adx)
        assert one.atr is None or other.atr == one.atr * unit


@given(histories(least=SMALL.slow_bars * 2), st.decimals("0.01", 100, places=4))
def test_a_constant_factor_changes_no_figure_beyond_its_last_digits(bars: list[MinuteBar], factor: Decimal) -> None:
    scaled = [MinuteBar(bar.open_ns, *(factor * p for p in (bar.open, bar.high, bar.low, bar.close))) for bar in bars]
    for one, other in zip(readings(SMALL, bars), readings(SMALL, scaled), strict=True):
        for mine, its in ((one.spread_bps, other.spread_bps), (one.adx, other.adx)):
            assert (mine is None) is (its is None)
            assert mine is None or its is None or abs(mine - its) < NEAR


@given(histories(least=30, most=200))
def test_figures_do_not_grow(bars: list[MinuteBar]) -> None:
    for reading in readings(SMALL, bars):
        for figure in (reading.fast, reading.slow, reading.spread_bps, reading.adx, reading.atr):
            assert figure is None or len(figure.as_tuple().digits) <= 28


# -- a textbook that computes everything anew from the whole history -----------------------------------------------


def textbook_ema(closes: Sequence[Decimal], bars: int) -> Decimal | None:
    if len(closes) < bars:
        return None
    value = sum(closes[:bars], Decimal(0)) / bars
    for close in closes[bars:]:
        value = close * 2 / (bars + 1) + value * (bars - 1) / (bars + 1)
    return value


def textbook_sums(values: Sequence[Decimal], bars: int) -> list[Decimal]:
    """Wilder's running sums: each loses a part of itself and gains the new value."""
    sums = [sum(values[:bars], Decimal(0))] if len(values) >= bars else []
    for value in values[bars:]:
        sums.append(sums[-1] - sums[-1] / bars + value)
    return sums


def textbook_ranges(bars: Sequence[MinuteBar]) -> list[Decimal]:
    return [
        max(now.high - now.low, abs(now.high - last.close), abs(now.low - last.close)) for last, now in pairwise(bars)
    ]


def textbook_adx(bars: Sequence[MinuteBar], period: int) -> Decimal | None:
    ups, downs = [], []
    for last, now in pairwise(bars):
        up, down = now.high - last.high, last.low - now.low
        ups.append(up if up > max(down, Decimal(0)) else Decimal(0))
        downs.append(down if down > max(up, Decimal(0)) else Decimal(0))
    strengths = []
    sums = (textbook_sums(values, period) for values in (ups, downs, textbook_ranges(bars)))
    for up, down, true_range in zip(*sums, strict=True):
        plus = 100 * up / true_range if true_range else Decimal(0)
        minus = 100 * down / true_range if true_range else Decimal(0)
        strengths.append(100 * abs(plus - minus) / (plus + minus) if plus + minus else Decimal(0))
    averages = textbook_sums(strengths, period)
    return averages[-1] / period if averages else None


def close_to(one: Decimal | None, other: Decimal | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= NEAR * (1 + abs(one))


class WatchedMarket(RuleBasedStateMachine):
    """Any market, minute by minute; the watch against the textbook and the words of its rules."""

    @initialize(
        fast=st.integers(2, 4),
        more=st.integers(1, 4),
        adx=st.integers(2, 4),
        atr=st.integers(1, 5),
        bounds=st.sampled_from([("8", "4", "25", "20"), ("2", "0", "0", "0"), ("3", "3", "40", "40")]),
    )
    def begin(self, fast: int, more: int, adx: int, atr: int, bounds: tuple[str, str, str, str]) -> None:
        enter, leave, trend, calm = map(Decimal, bounds)
        self.config = RegimeConfig(
            fast_bars=fast,
            slow_bars=fast + more,
            adx_bars=adx,
            atr_bars=atr,
            enter_bps=enter,
            leave_bps=leave,
            adx_trend=trend,
            adx_calm=calm,
        )
        self.watch = RegimeWatch(self.config)
        self.bars: list[MinuteBar] = []
        self.price = Decimal(10_000)
        self.regime = Regime.SIDEWAYS

    @rule(move=st.integers(-20, 20), above=st.integers(0, 5), below=st.integers(0, 5))
    def a_minute(self, move: int, above: int, below: int) -> None:
        self._feed(move, above, below)

    @rule(move=st.sampled_from([-15, -3, 3, 15]), minutes=st.integers(2, 12))
    def a_run(self, move: int, minutes: int) -> None:
        for _ in range(minutes):
            self._feed(move, 1, 1)

    @rule(minutes=st.integers(2, 8))
    def a_calm(self, minutes: int) -> None:
        for i in range(minutes):
            self._feed(1 if i % 2 else -1, 2, 2)

    def _feed(self, move: int, above: int, below: int) -> None:
        close = self.price + move
        bar = MinuteBar(
            len(self.bars), self.price, max(self.price, close) + above, min(self.price, close) - below, close
        )
        self.price = close
        self.bars.append(bar)
        reading = self.watch.update(bar)
        if reading.is_warm:
            self.regime = self._expected(reading)
        assert reading.regime is self.regime

    def _expected(self, reading: RegimeReading) -> Regime:
        spread, adx = reading.spread_bps, reading.adx
        assert spread is not None
        assert adx is not None
        strong, config = adx >= self.config.adx_trend, self.config
        if strong and spread > 0 and spread >= config.enter_bps:
            return Regime.UP
        if strong and spread < 0 and -spread >= config.enter_bps:
            return Regime.DOWN
        if self.regime is Regime.UP and spread >= config.leave_bps and adx >= config.adx_calm:
            return Regime.UP
        if self.regime is Regime.DOWN and -spread >= config.leave_bps and adx >= config.adx_calm:
            return Regime.DOWN
        return Regime.SIDEWAYS

    @invariant()
    def the_figures_are_the_textbooks(self) -> None:
        if not hasattr(self, "watch"):
            return
        reading, config = self.watch.reading, self.config
        closes = [bar.close for bar in self.bars]
        assert reading.seen == len(self.bars)
        assert close_to(reading.fast, textbook_ema(closes, config.fast_bars))
        assert close_to(reading.slow, textbook_ema(closes, config.slow_bars))
        assert close_to(reading.adx, textbook_adx(self.bars, config.adx_bars))
        sums = textbook_sums(textbook_ranges(self.bars), config.atr_bars)
        assert close_to(reading.atr, sums[-1] / config.atr_bars if sums else None)


TestWatchedMarket = WatchedMarket.TestCase
TestWatchedMarket.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
