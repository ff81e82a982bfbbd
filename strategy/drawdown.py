"""Drawdown: losses, open ones included, against the highest equity and the day's first; each level acts once."""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from strategy.domain import NS_PER_DAY, PERCENT, ZERO
from strategy.risk_config import DrawdownConfig
from strategy.snapshot import DrawdownView

SHOWN: Final = Decimal("0.01")


class Scope(StrEnum):
    """What a loss is measured from."""

    TOTAL = "total"
    DAY = "day"


class Level(StrEnum):
    """What a loss leads to, mildest first."""

    WARN = "warn"
    PAUSE = "pause"
    HALT = "halt"


class Crossing(msgspec.Struct, frozen=True):
    """A level that a confirmed loss has reached."""

    scope: Scope
    level: Level
    loss_pct: Decimal
    limit_pct: Decimal

    @property
    def name(self) -> str:
        """Such as `total-warn`."""
        return f"{self.scope}-{self.level}"

    @property
    def words(self) -> str:
        """For people."""
        base = "the peak" if self.scope is Scope.TOTAL else "the day's first equity"
        return f"{self.loss_pct.quantize(SHOWN)} % below {base}, limit {self.limit_pct} %"


class Drawdown:
    """Samples of the equity, one a second; a level counts once so many in a row lie beyond it.

    The peak counts what so many samples in a row have reached, so that one wild quote makes neither a peak nor a
    trip. A level that has acted is armed again by a new peak, or a new day for those of the day, and by a reset.
    """

    def __init__(self, config: DrawdownConfig, equity: Decimal) -> None:
        self.peak = equity
        self.day = 0
        """Days since the epoch, UTC; 0 before the first sample."""
        self.day_start: Decimal | None = equity
        """Equity at the beginning of the day: the middle one of its first samples; None until it has them."""
        self.reached: dict[str, None] = {}
        """Names of the levels that have acted and are not armed again."""
        self.trips = 0
        self._config = config
        self._levels = {
            Scope.TOTAL: (config.total_warn_pct, config.total_pause_pct, config.total_halt_pct),
            Scope.DAY: (config.day_warn_pct, config.day_pause_pct, config.day_halt_pct),
        }
        self._last: deque[Decimal] = deque(maxlen=config.samples)

    def go_on_from(self, peak: Decimal, day: int, day_start: Decimal | None, reached: dict[str, None]) -> None:
        """Take over what earlier sessions have measured."""
        self.peak, self.day, self.day_start = peak, day, day_start
        self.reached = dict(reached)

    def sample(self, now: int, equity: Decimal) -> tuple[list[Crossing], list[str]]:
        """Take a sample at `now` (ns); gives the levels that act now, mildest first, and those that are armed again."""
        rearmed: list[str] = []
        if now // NS_PER_DAY != self.day:
            self.day, self.day_start = now // NS_PER_DAY, None
            self._last.clear()
            rearmed += self._arm(Scope.DAY)
        self._last.append(equity)
        if len(self._last) < self._config.samples:
            return [], rearmed
        if self.day_start is None:
            self.day_start = sorted(self._last)[len(self._last) // 2]
        lowest, highest = min(self._last), max(self._last)
        if lowest > self.peak:
            self.peak = lowest
            rearmed += self._arm(Scope.TOTAL)
        crossings = []
        for scope in Scope:
            loss = self._loss_pct(scope, highest)
            for level, limit in zip(Level, self._levels[scope], strict=True):
                crossing = Crossing(scope, level, loss, limit)
                if limit and loss >= limit and crossing.name not in self.reached:
                    self.reached[crossing.name] = None
                    crossings.append(crossing)
        crossings.sort(key=lambda crossing: list(Level).index(crossing.level))
        self.trips += any(crossing.level is not Level.WARN for crossing in crossings)
        return crossings, rearmed

    def forget(self, crossings: Iterable[Crossing]) -> None:
        """Those levels have not acted after all."""
        for crossing in crossings:
            self.reached.pop(crossing.name, None)

    def transfer(self, amount: Decimal) -> None:
        """A deposit, or a withdrawal (negative), moves what losses are measured from with it."""
        self.peak += amount
        if self.day_start is not None:
            self.day_start += amount
        self._last = deque((equity + amount for equity in self._last), maxlen=self._last.maxlen)

    def reset(self, now: int, equity: Decimal) -> None:
        """Begin anew at the present equity."""
        self.peak = self.day_start = equity
        self.day = now // NS_PER_DAY
        self.reached.clear()
        self._last.clear()

    def view(self, equity: Decimal) -> DrawdownView:
        """For the snapshot."""
        return DrawdownView(
            peak=self.peak,
            total_pct=max(ZERO, self._loss_pct(Scope.TOTAL, equity)),
            total_levels=self._levels[Scope.TOTAL],
            day_start=self.day_start or ZERO,
            day_pct=self._loss_pct(Scope.DAY, equity),
            day_levels=self._levels[Scope.DAY],
            reached=tuple(self.reached),
            trips=self.trips,
        )

    def _loss_pct(self, scope: Scope, equity: Decimal) -> Decimal:
        base = self.peak if scope is Scope.TOTAL else self.day_start
        if base is None:
            return ZERO
        if base <= 0:
            return PERCENT if equity < base else ZERO
        return (base - equity) / base * PERCENT

    def _arm(self, scope: Scope) -> list[str]:
        names = [name for name in self.reached if name.startswith(scope)]
        for name in names:
            del self.reached[name]
        return names
