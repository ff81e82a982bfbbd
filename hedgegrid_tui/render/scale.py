"""Scales with round numbers: for money in Decimal, for time in UTC."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final, NamedTuple

from strategy.domain import NS_PER_DAY, NS_PER_S

_ROUND: Final = (Decimal(1), Decimal(2), Decimal(5), Decimal(10))
_LEAST_PART: Final = Decimal("0.0001")
"""Of a value that never changes, the scale shows so much of it around it."""
_TIMES_S: Final = (
    60, 120, 300, 600, 900, 1800, 3600, 7200, 3 * 3600, 6 * 3600, 12 * 3600, 86_400, 2 * 86_400, 7 * 86_400,
)  # fmt: skip
_EPOCH: Final = date(1970, 1, 1).toordinal()
_CYCLE: Final = 146_097
"""Days after which the calendar repeats itself: no time is beyond it."""
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Scale(NamedTuple):
    """A range of values and the round ones in it."""

    low: Decimal
    high: Decimal
    step: Decimal
    """Distance of the round values."""
    decimals: int
    """Places that tell two of them apart; 2 at least where there are any."""

    def points(self, number: int) -> Callable[[Decimal], int]:
        """Tells which of so many points stands for a value; 0 is the lowest."""
        low, top, factor = self.low, number - 1, number / float(self.high - self.low)

        def at(value: Decimal) -> int:
            point = int(float(value - low) * factor)
            return 0 if point < 0 else min(point, top)

        return at

    def rounds(self) -> list[Decimal]:
        """The round values within the range, lowest first."""
        first = (self.low / self.step).to_integral_value(ROUND_CEILING)
        number = int((self.high / self.step).to_integral_value(ROUND_FLOOR) - first)
        return [(first + index) * self.step for index in range(number + 1)]


def round_step(span: Decimal, most: int) -> Decimal:
    """The smallest of 1, 2, 5, 10, .. that divides a span into at most so many."""
    least = span / max(1, most)
    power = Decimal(1).scaleb(least.adjusted())
    return next(power * each for each in _ROUND if power * each >= least)


def scale(values: Sequence[Decimal], labels: int) -> Scale:
    """A scale for the values with at most about so many round ones; its ends keep still while values move a little."""
    low, high = min(values), max(values)
    if low == high:
        around = max(abs(low) * _LEAST_PART, _LEAST_PART * _LEAST_PART)
        low, high = low - around, high + around
    fine = round_step(high - low, 10)
    low = (low / fine).to_integral_value(ROUND_FLOOR) * fine
    high = (high / fine).to_integral_value(ROUND_CEILING) * fine
    step = round_step(high - low, labels)
    places = -step.adjusted()
    return Scale(low, high, step, max(2, places) if places > 0 else 0)


class Tick(NamedTuple):
    """A round time on the axis."""

    ts: int
    label: str


def time_ticks(begin_ns: int, end_ns: int, most: int) -> list[Tick]:
    """At most so many round times between two, oldest first, told in UTC: the time of day, or the date at midnight."""
    span = end_ns - begin_ns
    step_s = next((each for each in _TIMES_S if each * NS_PER_S * max(1, most) >= span), _TIMES_S[-1])
    step = step_s * NS_PER_S
    first = -(-begin_ns // step) * step
    return [Tick(ts, _label(ts)) for ts in range(max(first, 0), end_ns + 1, step)][: max(0, most) + 1]


def _label(ts: int) -> str:
    if ts % NS_PER_DAY == 0:
        day = date.fromordinal(_EPOCH + ts // NS_PER_DAY % _CYCLE)
        return f"{day.day:02} {_MONTHS[day.month - 1]}"
    minutes = ts // NS_PER_S // 60
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"
