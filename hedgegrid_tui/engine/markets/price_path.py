"""A made-up market: a seeded, endless sequence of best prices and trades. Pure; knows no Nautilus.

Floats live inside only: what comes out are exact multiples of tick and lot. Only `Random.random()` is drawn
from, which Python promises to repeat for a seed in every version; `gauss` and the like it does not.
"""

import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import StrEnum
from itertools import count, islice
from random import Random
from typing import Final

import msgspec

type Draw = Callable[[], float]
"""Gives the next number, at least 0 and below 1."""

STEP_MS: Final = 100
"""Market time from one step to the next, ms."""
STEPS_PER_S: Final = 1_000 // STEP_MS
MAX_MOVE_BPS: Final = 14.0
"""Largest move of one step outside of a gap."""


class Scenario(StrEnum):
    """The markets that can be asked for."""

    LIVELY = "lively"
    CALM = "calm"
    TREND_UP = "trend-up"
    TREND_DOWN = "trend-down"
    GAP = "gap"


class Shape(msgspec.Struct, frozen=True):
    """What makes a scenario; distances in bps of the start price, times in seconds."""

    wave_bps: tuple[float, float]
    """Least and largest height of a swing."""
    wave_s: tuple[float, float]
    """Least and largest time of a swing."""
    noise_bps: float
    """Typical size of one step's noise."""
    burst_every_s: float = 0.0
    """Mean time between bursts; 0 for none."""
    trend_bps_per_min: float = 0.0
    wide_spread: float = 0.08
    """How often the spread is 2 to 5 ticks instead of 1."""
    trades_per_step: float = 1.2
    gap_bps: float = 0.0
    """Size of the single jump; 0 for none."""
    opening: bool = False
    """Whether the first 40 s are arranged so that a default grid sees entries, take-profits and a stop."""


SHAPES: Final[dict[Scenario, Shape]] = {
    Scenario.LIVELY: Shape((30, 90), (10, 35), 0.30, burst_every_s=45, trades_per_step=2.0, opening=True),
    Scenario.CALM: Shape((6, 18), (30, 90), 0.10, wide_spread=0.03, trades_per_step=0.6),
    Scenario.TREND_UP: Shape((12, 35), (10, 30), 0.20, burst_every_s=90, trend_bps_per_min=40),
    Scenario.TREND_DOWN: Shape((12, 35), (10, 30), 0.20, burst_every_s=90, trend_bps_per_min=-40),
    Scenario.GAP: Shape((10, 30), (10, 30), 0.20, gap_bps=150),
}

REACH_BPS: Final = 400.0
"""Swings turn back beyond this distance from the start (or from a trend's line)."""
TREND_REACH_BPS: Final = 2_000.0
"""Where a trend levels out, so that no session of days leaves the range of real prices."""
_GAP_S: Final = (29.0, 31.0)
_BURST_BPS: Final = (8.0, 15.0)
_BURST_STEPS: Final = (4, 7)
_BURST_DECAY: Final = 0.995
_NOISE_DECAY: Final = 0.94
INTEREST_RATE: Final = 0.0001
FUNDING_CLAMP: Final = 0.0005
_PREMIUM_WEIGHT: Final = 0.01
_MARK_WEIGHT: Final = 0.2
_MOVE_SIGNAL_TICKS: Final = 20.0
_PULL: Final = 0.95
_TURN_PROBABILITY: Final = 0.75
_HISTORY_PULL: Final = 0.98
_HISTORY_TREND: Final = 0.25
_MOST_TRADES: Final = 8
_TRADE_QUOTE: Final = 1_000
"""Typical value of a trade, quote; a best price holds 150 of it, a minute of history 2,500."""
_BOOK_TRADES: Final = 150
_MINUTE_TRADES: Final = 2_500
MIN_START_TICKS: Final = 100
"""Below this a single tick is a bigger move than any scenario makes."""


class PathTrade(msgspec.Struct, frozen=True, gc=False):
    """One deal at the step's own bid or ask."""

    price: Decimal
    qty: Decimal
    buyer_is_aggressor: bool


class MarketStep(msgspec.Struct, frozen=True):
    """The market after one step; its trades follow the quote."""

    number: int
    """From 0; market time is number x STEP_MS."""
    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal
    trades: tuple[PathTrade, ...]
    mark: Decimal
    funding_rate: Decimal
    """Predicted for the next settlement, as a fraction of notional; positive: longs pay shorts."""


class MinuteBar(msgspec.Struct, frozen=True):
    """One minute of history."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


def funding_rate(premium: float) -> Decimal:
    """Binance's formula: premium index + clamp(interest rate - premium index, -0.05 %, 0.05 %), to eight decimals.

    Source: Binance, "Introduction to Binance Futures Funding Rates"; interest 0.01 % per eight hours.
    """
    rate = premium + max(-FUNDING_CLAMP, min(FUNDING_CLAMP, INTEREST_RATE - premium))
    return Decimal(round(rate * 10**8)).scaleb(-8)


class PricePath:
    """The market of one seed and scenario; every call of `steps` or `history` tells the same again."""

    def __init__(
        self,
        seed: int = 0,
        scenario: Scenario = Scenario.LIVELY,
        *,
        start: Decimal = Decimal(61_800),
        tick: Decimal = Decimal("0.10"),
        lot: Decimal = Decimal("0.001"),
    ) -> None:
        self.seed = seed
        self.scenario = Scenario(scenario)
        self.shape = SHAPES[self.scenario]
        self._tick = tick
        self._lot = lot
        self._start = round(start / tick)
        if self._start < MIN_START_TICKS:
            raise ValueError(f"start {start}: must be at least {MIN_START_TICKS} ticks of {tick}")
        self._trade_lots = max(1.0, float(_TRADE_QUOTE / (start * lot)))

    def steps(self) -> Iterator[MarketStep]:
        """The market, step after step, without end."""
        shape, tick, draw = self.shape, self._tick, self._random("book")
        mark = before = float(self._start)
        premium = 0.0
        for number, mid in enumerate(self.mids()):
            spread = 1 if draw() >= shape.wide_spread else 2 + int(draw() * 4)
            low = round(mid - spread / 2)
            bid, ask = low * tick, (low + spread) * tick
            mark += (mid - mark) * _MARK_WEIGHT
            premium += ((mid - mark) / mark - premium) * _PREMIUM_WEIGHT
            yield MarketStep(
                number=number,
                bid=bid,
                ask=ask,
                bid_size=self._lots(draw, _BOOK_TRADES),
                ask_size=self._lots(draw, _BOOK_TRADES),
                trades=tuple(self._trades(draw, mid - before, bid, ask)),
                mark=round(mark) * tick,
                funding_rate=funding_rate(premium),
            )
            before = mid

    def mids(self) -> Iterator[float]:
        """The middle prices behind the steps, in ticks."""
        gap_step, gap = self._gap()
        jumped = at = 0.0
        for number, level in enumerate(self._levels()):
            if number == gap_step:
                jumped = gap
                at += gap
            # The bound holds whatever waves and bursts add up to; what it cuts off follows in the next steps.
            at += max(-MAX_MOVE_BPS, min(MAX_MOVE_BPS, level + jumped - at))
            yield self._ticks(at)

    def history(self, minutes: int) -> list[MinuteBar]:
        """So many one-minute bars, oldest first, the last of which closes at the start price."""
        return list(islice(self._minutes_back(), minutes))[::-1]

    def _random(self, purpose: str) -> Draw:
        # Each purpose has numbers of its own, so that another book does not change the prices.
        return Random(f"{self.seed}/{self.scenario}/{purpose}").random  # noqa: S311 - a market, not a secret

    def _ticks(self, bps: float) -> float:
        return self._start * math.exp(bps / 10_000)

    def _gap(self) -> tuple[int, float]:
        draw = self._random("gap")
        step = round(_between(draw, _GAP_S) * STEPS_PER_S)
        size = self.shape.gap_bps * (0.95 + draw() / 10)
        return (step, size * _sign(draw)) if size else (-1, 0.0)

    def _levels(self) -> Iterator[float]:
        """Where the price would like to be at each step, bps from the start."""
        shape, draw = self.shape, self._random("price")
        burst_probability = 1 / (shape.burst_every_s * STEPS_PER_S) if shape.burst_every_s else 0.0
        noise = burst = push = 0.0
        pushes = 0
        for number, wave in enumerate(self._waves()):
            yield wave + noise + burst + _trend(shape.trend_bps_per_min, number / (60 * STEPS_PER_S))
            noise = noise * _NOISE_DECAY + _bell(draw) * shape.noise_bps
            burst *= _BURST_DECAY
            if pushes:
                pushes -= 1
                burst += push
            elif draw() < burst_probability and not (shape.opening and number < OPENING_STEPS):
                pushes = round(_between(draw, _BURST_STEPS))
                push = _sign(draw) * _between(draw, _BURST_BPS) / pushes

    def _waves(self) -> Iterator[float]:
        """Swings from one turning point to the next, bps."""
        shape, draw = self.shape, self._random("waves")
        level, sign = 0.0, _sign(draw)
        yield level
        if shape.opening:
            for low, high, shortest, longest in _OPENING:
                target = sign * _between(draw, (low, high))
                yield from _swing(level, target, _between(draw, (shortest, longest)))
                level = target
        while True:
            if draw() < _TURN_PROBABILITY:
                sign = -sign
            if abs(level) > REACH_BPS:
                sign = -math.copysign(1.0, level)
            target = level * _PULL + sign * _between(draw, shape.wave_bps)
            yield from _swing(level, target, _between(draw, shape.wave_s))
            level = target

    def _trades(self, draw: Draw, moved_ticks: float, bid: Decimal, ask: Decimal) -> Iterator[PathTrade]:
        more = self.shape.trades_per_step / (1 + self.shape.trades_per_step)
        buying = 0.5 + max(-0.4, min(0.4, moved_ticks / _MOVE_SIGNAL_TICKS))
        for _ in range(_MOST_TRADES):
            if draw() >= more:
                return
            buyer = draw() < buying
            yield PathTrade(ask if buyer else bid, self._lots(draw, 1), buyer)

    def _lots(self, draw: Draw, trades: float) -> Decimal:
        """A quantity of about so many typical trades, at least one lot."""
        return (1 + int(-math.log(1 - draw()) * self._trade_lots * trades)) * self._lot

    def _minutes_back(self) -> Iterator[MinuteBar]:
        draw, rate = self._random("history"), self.shape.trend_bps_per_min * _HISTORY_TREND
        typical = self.shape.wave_bps[1] / 8
        close = wander = 0.0
        for age in count(1):
            wander = wander * _HISTORY_PULL + _bell(draw) * typical
            opened = wander - _trend(rate, age)
            high = max(opened, close) + draw() * typical
            low = min(opened, close) - draw() * typical
            prices = [round(self._ticks(level)) * self._tick for level in (opened, high, low, close)]
            yield MinuteBar(prices[0], prices[1], prices[2], prices[3], self._lots(draw, _MINUTE_TRADES))
            close = opened


_OPENING: Final = ((0, 0, 1.5, 2.5), (17, 22, 5, 7), (-73, -67, 13, 16), (-30, -20, 10, 12))
"""Turning points, bps from and to, and the time to get there, s from and to.

Over the first rung of one leg, then through the stop of the other leg's first lot (60 bps away), then back
over the take-profits of the lots that were entered on the way.
"""
OPENING_STEPS: Final = round(sum(longest for *_, longest in _OPENING) * STEPS_PER_S)


def _swing(start: float, end: float, seconds: float) -> Iterator[float]:
    steps = round(seconds * STEPS_PER_S)
    for step in range(1, steps + 1):
        part = step / steps
        yield start + (end - start) * part * part * (3 - 2 * part)


def _trend(bps_per_min: float, minutes: float) -> float:
    """A trend's line after so many minutes: straight at first, level in the end."""
    if not bps_per_min:
        return 0.0
    reached = -math.expm1(-abs(bps_per_min) * minutes / TREND_REACH_BPS)
    return math.copysign(TREND_REACH_BPS, bps_per_min) * reached


def _between(draw: Draw, bounds: tuple[float, float]) -> float:
    low, high = bounds
    return low + draw() * (high - low)


def _sign(draw: Draw) -> float:
    return 1.0 if draw() < 0.5 else -1.0


def _bell(draw: Draw) -> float:
    """About normal, with mean 0 and deviation 1, never beyond 3."""
    return (draw() + draw() + draw() - 1.5) * 2
