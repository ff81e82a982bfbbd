"""Which rungs a lot occupies, and the entry that a free rung asks for."""

from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_EVEN, Decimal

from strategy.domain import DesiredOrder, Ladder, Leg, Lot, Market, OrderKey, Role, Rung
from strategy.quantise import ceil_to


def entry_key(rung: Rung) -> OrderKey:
    """The key of a rung's entry order."""
    return OrderKey(rung.leg, Role.ENTRY, rung.level)


def desired_entry(rung: Rung, refused: int, market: Market | None, tick: Decimal, reach: Decimal) -> DesiredOrder:
    """The entry that a free rung asks for.

    `refused` counts the tries that the venue refused because they would have taken: each gives way by one tick more,
    from the rung or from the book's own side, whichever is further, but by less than `reach` (quote).
    """
    price = rung.price
    if refused and market is not None:
        sign = rung.leg.sign
        touch = market.bid if rung.leg is Leg.LONG else market.ask
        way = max(refused * tick, sign * (rung.price - touch) + (refused - 1) * tick)
        price -= sign * min(way, ceil_to(reach, tick) - tick)
    key = entry_key(rung)
    return DesiredOrder(key=key, side=rung.leg.entry_side, price=price, qty=rung.qty, lot=None, aim=rung.price)


def occupied(ladder: Ladder, lots: Iterable[Lot]) -> dict[OrderKey, Lot]:
    """Per rung the oldest lot of its leg that was entered within half a step of it."""
    found: dict[OrderKey, Lot] = {}
    reach = ladder.step / 2
    for lot in lots:
        distance = (ladder.centre - lot.anchor) * lot.leg.sign / ladder.step
        level = int(distance.to_integral_value(ROUND_HALF_EVEN))
        side = ladder.side(lot.leg)
        if 1 <= level <= len(side) and abs(side[level - 1].price - lot.anchor) < reach:
            found.setdefault(entry_key(side[level - 1]), lot)
    return found


def rungs_nearest_first(ladder: Ladder) -> Iterator[Rung]:
    """Both sides, interleaved from the centre outwards."""
    for long, short in zip(ladder.side(Leg.LONG), ladder.side(Leg.SHORT), strict=True):
        yield long
        yield short
