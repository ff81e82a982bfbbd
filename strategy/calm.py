"""Between which prices a market event changes no order, so that it costs a few comparisons only."""

from decimal import Decimal

import msgspec

from strategy.config import GridConfig
from strategy.domain import ZERO, Ladder, OrderKey, Reason, Rung
from strategy.ladder import recentre_bounds
from strategy.placement import entry_key


class Band(msgspec.Struct, frozen=True, gc=False):
    """The prices within which nothing has to be done."""

    bid_floor: Decimal
    """A short rung that would cross becomes free when the bid falls below this."""
    ask_ceiling: Decimal
    """A long rung that would cross becomes free when the ask rises above this."""
    mid_floor: Decimal
    mid_ceiling: Decimal


def calm_band(
    ladder: Ladder, gaps: dict[OrderKey, Reason], grid: GridConfig, max_price: Decimal, *, may_recentre: bool
) -> Band:
    """The band around the market for a ladder and the rungs that wait."""
    low, high = recentre_bounds(ladder.centre, grid) if may_recentre else (ZERO, max_price)

    def waiting(rungs: tuple[Rung, ...]) -> list[Decimal]:
        return [rung.price for rung in rungs if gaps.get(entry_key(rung)) is Reason.WOULD_CROSS]

    return Band(
        bid_floor=max(waiting(ladder.short), default=ZERO),
        ask_ceiling=min(waiting(ladder.long), default=max_price),
        mid_floor=low,
        mid_ceiling=high,
    )
