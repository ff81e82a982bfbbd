"""The one place that rounds: prices to ticks and quantities to steps, in Decimal, by direction."""

from decimal import Decimal

from strategy.domain import Side


def floor_to(value: Decimal, increment: Decimal) -> Decimal:
    """The largest multiple of `increment` that is not above a non-negative `value`."""
    return (value - value % increment).quantize(increment)


def ceil_to(value: Decimal, increment: Decimal) -> Decimal:
    """The smallest multiple of `increment` that is not below a non-negative `value`."""
    floor = floor_to(value, increment)
    return floor if floor == value else floor + increment


def limit_price(side: Side, price: Decimal, tick: Decimal) -> Decimal:
    """A limit price that never asks for a worse deal than `price`: buys round down, sells up."""
    return floor_to(price, tick) if side is Side.BUY else ceil_to(price, tick)


def stop_price(side: Side, price: Decimal, tick: Decimal) -> Decimal:
    """A trigger price rounded away from the market: a selling stop (below it) down, a buying stop up."""
    return floor_to(price, tick) if side is Side.SELL else ceil_to(price, tick)
