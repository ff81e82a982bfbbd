"""One-minute bars: gathered from ticks where the venue sends none, and taken in once each, in their sequence."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from strategy.domain import NS_PER_S

MINUTE_NS: Final = 60 * NS_PER_S
GRACE_NS: Final = 2 * NS_PER_S
"""A gathered bar waits so long beyond its minute, so that the venue's own comes first."""
NO_BARS: Final[tuple["MinuteBar", ...]] = ()


class MinuteBar(msgspec.Struct, frozen=True, gc=False):
    """One closed minute of prices."""

    open_ns: int
    """When the minute began, ns UTC."""
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


def opened_at(closed_ns: int) -> int:
    """When the minute began (ns UTC) whose bar is stamped `closed_ns`: its end, or its last moment before that."""
    return (closed_ns - 1) // MINUTE_NS * MINUTE_NS


class MinuteBuilder:
    """Gathers ticks into bars; `units` is how many raw price units make one.

    A minute without a tick gives no bar, nor does the first one when it was joined in the middle.
    """

    def __init__(self, units: int) -> None:
        self._units = Decimal(units)
        self._start = self._wake = -MINUTE_NS
        self._open = self._high = self._low = self._close = 0
        self._whole = False
        self._held: MinuteBar | None = None

    def add(self, price: int, ts: int) -> tuple[MinuteBar, ...]:
        """Take a tick, raw price at `ts` ns, and give the bars that it completes: mostly none, two at most.

        A bar is complete at the first tick 2 s or more after its minute. A tick from before the current minute is
        left out.
        """
        if self._start <= ts < self._wake:
            self._take(price)
            return NO_BARS
        return self._turn(price, ts)

    def _take(self, price: int) -> None:
        if price > self._high:
            self._high = price
        elif price < self._low:
            self._low = price
        self._close = price

    def _turn(self, price: int, ts: int) -> tuple[MinuteBar, ...]:
        """The rare tick that ends a minute or a grace, or comes too late."""
        if ts < self._start:
            return NO_BARS
        end = self._start + MINUTE_NS
        if ts < end:
            self._take(price)
            self._wake = end
            return self._released()
        done = self._released()
        if self._whole:
            self._held = self._bar()
            if ts >= end + GRACE_NS:
                done += self._released()
        self._begin(price, ts)
        return done

    def _begin(self, price: int, ts: int) -> None:
        start = ts // MINUTE_NS * MINUTE_NS
        self._whole = self._start >= 0 or ts == start
        self._start = start
        self._wake = start + (MINUTE_NS if self._held is None else GRACE_NS)
        self._open = self._high = self._low = self._close = price

    def _released(self) -> tuple[MinuteBar, ...]:
        held, self._held = self._held, None
        return NO_BARS if held is None else (held,)

    def _bar(self) -> MinuteBar:
        units = self._units
        return MinuteBar(self._start, self._open / units, self._high / units, self._low / units, self._close / units)


class BarIntake:
    """Lets each minute through once, in time sequence: the first bar of a minute counts, history or live.

    Live bars are kept back until history has come or was given up. What the methods give is to be fed to the
    indicators at once and in that sequence; together it never goes back in time. `slack_ns` is how far the venue's
    clock may be ahead of ours before its live bars count as not closed.
    """

    def __init__(self, slack_ns: int = 0) -> None:
        self._slack = slack_ns
        self._newest = -1
        self._kept: dict[int, MinuteBar] = {}
        self.is_waiting: bool = True
        """Whether live bars are still kept back for history."""
        self.gaps: int = 0
        """Holes in time between bars that were let through."""
        self.missing: int = 0
        """Minutes in those holes."""
        self.stale: int = 0
        """Bars left out: their minute, or a newer one, was there already."""
        self.unclosed: int = 0
        """Bars left out: their minute was not over."""

    def take_history(self, bars: Iterable[MinuteBar], now: int) -> list[MinuteBar]:
        """Take history at `now` ns, in any sequence; gives it together with the live bars that waited for it."""
        for bar in bars:
            self._keep(bar, now)
        return self._release()

    def give_up(self) -> list[MinuteBar]:
        """Wait for history no longer; gives the live bars that waited."""
        return self._release()

    def take_live(self, bar: MinuteBar, now: int) -> list[MinuteBar]:
        """Take one live bar at `now` ns; gives what is to be fed now: nothing while history is awaited."""
        self._keep(bar, now + self._slack)
        return [] if self.is_waiting else self._release()

    def _keep(self, bar: MinuteBar, now: int) -> None:
        minute = bar.open_ns // MINUTE_NS
        if bar.open_ns + MINUTE_NS > now:
            self.unclosed += 1
        elif minute <= self._newest or minute in self._kept:
            self.stale += 1
        else:
            self._kept[minute] = bar

    def _release(self) -> list[MinuteBar]:
        self.is_waiting = False
        kept, self._kept = self._kept, {}
        return [self._let_through(minute, kept[minute]) for minute in sorted(kept)]

    def _let_through(self, minute: int, bar: MinuteBar) -> MinuteBar:
        skipped = minute - self._newest - 1
        if self._newest >= 0 and skipped:
            self.gaps += 1
            self.missing += skipped
        self._newest = minute
        return bar
