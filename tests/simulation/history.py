"""Minutes before a session, for indicators that want to be warm."""

from decimal import Decimal

from strategy.bars import MinuteBar

MINUTE_NS = 60_000_000_000
MINUTES = 120


def past_minutes(now: int, price: Decimal, drift: int) -> list[MinuteBar]:
    """The minutes up to `now` (ns); each went by `drift`, and the last has ended at `price`."""
    bars, at = [], price - MINUTES * drift
    for back in range(MINUTES, 0, -1):
        opened, at = at, at + drift
        start = (now // MINUTE_NS - back) * MINUTE_NS
        bars.append(MinuteBar(start, opened, max(opened, at), min(opened, at), at))
    return bars
