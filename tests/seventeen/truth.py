"""What a venue's own orders and fills say of exposure, messages and own trades; nothing is asked of the strategy."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from strategy.domain import Leg, Role, Side
from strategy.order_ids import parse_id
from tests.strategy.venue import MS, FakeVenue, MemoryJournal, VenueOrder
from tests.strategy.world import World

ZERO = Decimal(0)
REQUESTS = ("submit", "cancel", "modify")


def entries(world: World) -> list[VenueOrder]:
    """Every entry that ever reached the venue, oldest first."""
    return [order for order in world.venue.orders.values() if order.role is Role.ENTRY]


def value_of(order: VenueOrder) -> Decimal:
    """What an order is worth at its own price."""
    return order.qty * (order.order.price or ZERO)


def lot_of(order: VenueOrder) -> int | None:
    """The lot that an order opens or reduces, read from its id."""
    told = parse_id(order.id)
    assert told is not None
    return told.serial if order.role is Role.ENTRY else told.lot


def held_at_cost(venue: FakeVenue, leg: Leg) -> tuple[Decimal, Decimal]:
    """Quantity and value of what a leg holds at its entries' prices, from the venue's fills alone.

    An exit takes from its own lot first, and from the oldest where that holds no more.
    """
    lots: dict[int | None, list[Decimal]] = {}
    for order in (order for order in venue.orders.values() if order.leg is leg and order.filled):
        lot = lot_of(order)
        if order.role is Role.ENTRY:
            lots[lot] = [order.filled, order.order.price or ZERO]
    for order in (order for order in venue.orders.values() if order.leg is leg and order.filled and order.role.reduces):
        lot, left = lot_of(order), order.filled
        for each in sorted(lots, key=lambda each: each != lot):
            taken = min(left, lots[each][0])
            lots[each][0] -= taken
            left -= taken
    return sum((qty for qty, _ in lots.values()), ZERO), sum((qty * price for qty, price in lots.values()), ZERO)


def worst_case(venue: FakeVenue, leg: Leg) -> Decimal:
    """What a leg would be worth at entry prices once everything that is in flight or rests has filled."""
    resting = sum((order.open_qty * (order.order.price or ZERO) for order in venue.live(leg, Role.ENTRY)), ZERO)
    return held_at_cost(venue, leg)[1] + resting


def surplus_at(world: World, leg: Leg, price: Fraction) -> Fraction:
    """Equity less maintenance margin at a price, once every entry of that leg has filled."""
    venue, rate = world.venue, Fraction(world.config.account.maintenance_margin_pct) / 100
    quantities = dict.fromkeys(Leg, Fraction(0))
    cash = Fraction(world.cash)
    for each in Leg:
        quantities[each] = Fraction(venue.true_position[each])
    for order in venue.live(leg, Role.ENTRY):
        quantities[leg] += Fraction(order.open_qty)
        cash -= leg.sign * Fraction(order.open_qty) * Fraction(order.order.price or ZERO)
    value = sum(each.sign * quantities[each] for each in Leg) * price
    return cash + value - rate * sum(quantities.values()) * price


def meets_an_own_order(venue: FakeVenue, sent: VenueOrder) -> list[VenueOrder]:
    """The own resting limit orders that an entry would trade with."""
    price, buys = sent.order.price, sent.order.side is Side.BUY
    assert price is not None
    others = [order for order in venue.live() if order is not sent and order.order.side is not sent.order.side]
    limits = [(order, order.order.price) for order in others if order.role is not Role.SL]
    return [order for order, at in limits if at is not None and ((price >= at) if buys else (price <= at))]


def requests(lines: Iterable[dict[str, Any]]) -> list[tuple[int, bool]]:
    """When each request left (ns), and whether it was one of an entry that does not get smaller."""
    return [
        (line["ts"], line["role"] == Role.ENTRY and line["event"] == "submit")
        for line in lines
        if line["kind"] == "order" and line["event"] in REQUESTS
    ]


def most_within(times: list[int], window_ms: int) -> int:
    """The most that lies within any half-open window."""
    window = window_ms * MS
    most, start = 0, 0
    for end, time in enumerate(times):
        while time - times[start] >= window:
            start += 1
        most = max(most, end - start + 1)
    return most


def denied(journal: MemoryJournal) -> set[str]:
    """Reasons that the journal tells of."""
    return {line["reason"] for line in journal.of("gate")}
