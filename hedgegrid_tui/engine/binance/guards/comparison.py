"""Own books held against what the venue shows: every difference, with both numbers. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from hedgegrid_tui.engine.binance.rest.truth import VenueOrder
from strategy.domain import ZERO, Leg, Role, plain
from strategy.order_index import OrderRecord, OrderStatus

ON_ITS_WAY: Final = (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN, OrderStatus.CANCELLING, OrderStatus.RESIZING)
"""Something was asked of the venue about the order, and it has not answered."""


@dataclass(frozen=True, slots=True)
class OwnBooks:
    """What the strategy believes at one moment."""

    orders: Mapping[str, OrderRecord]
    held: Mapping[Leg, Decimal]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as own books say; two are the same if they are about the same thing by the same amount."""

    about: str
    """Id of an order, or a leg."""
    gap: Decimal
    """What the venue has beyond own books, base currency."""
    words: str = field(compare=False)
    is_under_way: bool = field(compare=False, default=False)
    """Whether an answer that is awaited may explain it."""


def compare(
    before: OwnBooks,
    after: OwnBooks,
    orders: Iterable[VenueOrder],
    legs: Mapping[Leg, Decimal],
    is_ours: Callable[[str], bool],
) -> tuple[Difference, ...]:
    """What differs; `before` and `after` are own books around the question, and what changed in between is left out."""
    shown = {order.client_id: order for order in orders if is_ours(order.client_id)}
    found: list[Difference] = []
    for order_id, own in after.orders.items():
        if own == before.orders.get(order_id):
            found += _known(own, shown.get(order_id))
    known = before.orders.keys() | after.orders.keys()
    found += [_unknown(order) for order_id, order in shown.items() if order_id not in known]
    for leg in Leg:
        if before.held[leg] == after.held[leg]:
            found += _leg(leg, after, legs.get(leg, ZERO))
    return tuple(sorted(found, key=lambda each: (each.about not in tuple(Leg), each.about)))


def _unknown(venue: VenueOrder) -> Difference:
    left = venue.qty - venue.filled
    return Difference(venue.client_id, left, f"{venue.client_id}: venue {plain(left)} open, own books none")


def _known(own: OrderRecord, venue: VenueOrder | None) -> list[Difference]:
    if venue is None:
        if not _should_rest(own):
            return []
        words = f"{own.id} ({own.key}): venue none, own books {plain(own.open_qty)} open"
        return [Difference(own.id, -own.open_qty, words, own.status in ON_ITS_WAY)]
    left = venue.qty - venue.filled
    if venue.closes_all or left == own.open_qty:
        return []
    words = f"{own.id} ({own.key}): venue {plain(left)} open, own books {plain(own.open_qty)}"
    return [Difference(own.id, left - own.open_qty, words, own.status in ON_ITS_WAY)]


def _should_rest(own: OrderRecord) -> bool:
    """Whether own books say that it is open: one that the venue never confirmed may be nothing, and is asked about."""
    return own.acknowledged and own.key.role is not Role.CLOSE


def _leg(leg: Leg, own: OwnBooks, venue: Decimal) -> list[Difference]:
    held = own.held[leg]
    if venue == held:
        return []
    under_way = any(
        order.key.leg is leg and (order.status in ON_ITS_WAY or order.key.role is Role.CLOSE)
        for order in own.orders.values()
    )
    return [Difference(leg, venue - held, f"{leg} leg: venue {plain(venue)}, own books {plain(held)}", under_way)]
