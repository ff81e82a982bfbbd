"""The ladders that a centre and the configuration give, and when they should move."""

from decimal import Decimal

from strategy.config import GridConfig
from strategy.domain import BPS, InstrumentSpec, Ladder, Leg, Market, Rung
from strategy.quantise import floor_to, limit_price


def build_ladder(centre: Decimal, grid: GridConfig, spec: InstrumentSpec) -> Ladder:
    """Both sides around `centre`: rung i at centre -/+ i x step, its quantity floored to the lot step."""
    step = centre * grid.step_bps / BPS

    def side(leg: Leg) -> tuple[Rung, ...]:
        return tuple(
            Rung(
                leg=leg,
                level=level,
                price=limit_price(leg.entry_side, centre - leg.sign * level * step, spec.tick_size),
                qty=floor_to(grid.base_qty * grid.qty_scale ** (level - 1), spec.step_size),
            )
            for level in range(1, grid.levels + 1)
        )

    return Ladder(centre=centre, step=step, long=side(Leg.LONG), short=side(Leg.SHORT))


def recentre_bounds(centre: Decimal, grid: GridConfig) -> tuple[Decimal, Decimal]:
    """The lowest and highest mid at which the ladder stays where it is."""
    distance = centre * grid.recentre_trigger_bps / BPS
    return centre - distance, centre + distance


def needs_recentre(ladder: Ladder, market: Market, grid: GridConfig) -> bool:
    """Whether the market is further from the centre than the trigger."""
    low, high = recentre_bounds(ladder.centre, grid)
    return not low <= market.mid <= high
