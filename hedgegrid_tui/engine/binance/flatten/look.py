"""What a flatten without a node finds at the venue: both legs, every open order, and what closing would cost."""

import contextlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from hedgegrid_tui.engine.binance.rest import truth as rest_truth
from hedgegrid_tui.engine.binance.rest.client import BinanceRest, RestError
from hedgegrid_tui.engine.binance.rest.truth import VenueOrder, VenuePosition
from strategy.domain import ZERO, Leg, Role
from strategy.order_ids import OrderId, parse_id

BOOK: Final = "/fapi/v1/depth"
DEPTH: Final = 100
"""Levels of the book that are looked at for the cost (weight 5)."""


class Found(msgspec.Struct, frozen=True):
    """One look. The orders were asked for before the positions: what fills in between is seen at least once."""

    orders: tuple[VenueOrder, ...]
    positions: Mapping[Leg, VenuePosition]

    def qty(self, leg: Leg) -> Decimal:
        """What a leg holds, never negative."""
        position = self.positions.get(leg)
        return ZERO if position is None else abs(position.qty)

    def own(self, legs: Iterable[Leg], *roles: Role) -> tuple[VenueOrder, ...]:
        """Orders of ours on those legs, by what their ids say they are for."""
        wanted = frozenset(legs)
        found = ((order, told_of(order)) for order in self.orders)
        return tuple(o for o, told in found if told and told.key.leg in wanted and told.key.role in (roles or Role))

    def foreign(self, legs: Iterable[Leg]) -> tuple[VenueOrder, ...]:
        """Orders on those legs whose ids are not ours."""
        wanted = frozenset(legs)
        return tuple(order for order in self.orders if told_of(order) is None and order.leg in wanted)

    def is_flat(self, legs: Iterable[Leg]) -> bool:
        """Whether those legs hold nothing and no order of ours is open on them."""
        wanted = frozenset(legs)
        return not any(self.qty(leg) for leg in wanted) and not self.own(wanted)


class Cost(msgspec.Struct, frozen=True):
    """What closing a leg at market would come to, by the book as it stands; quote."""

    average: Decimal | None
    """None where the book shown does not hold the quantity, or could not be read."""
    fee: Decimal
    slippage: Decimal | None
    """Against the mark price."""
    unrealised: Decimal
    """What becomes final with it, at the mark price."""


def told_of(order: VenueOrder) -> OrderId | None:
    """What the id of an order of ours says; None where it is not ours."""
    return parse_id(order.client_id)


async def look(rest: BinanceRest, symbol: str) -> Found:
    """Ask for orders, then for positions.

    Raises:
        RestError: One of them was not answered.
    """
    orders = await rest_truth.open_orders(rest, symbol)
    return Found(tuple(orders), await rest_truth.positions(rest, symbol))


async def costs(rest: BinanceRest, symbol: str, found: Found, taker_fee: Decimal) -> dict[Leg, Cost]:
    """The cost of closing each leg that holds anything; a book that cannot be read leaves the slippage open."""
    held = [leg for leg in Leg if found.qty(leg)]
    book: Any = None
    if held:
        with contextlib.suppress(RestError):
            book = await rest.public(BOOK, symbol=symbol, limit=DEPTH)
    return {leg: _cost(leg, found, book, taker_fee) for leg in held}


def _cost(leg: Leg, found: Found, book: Any, taker_fee: Decimal) -> Cost:  # noqa: ANN401 - the venue's answer
    qty, position = found.qty(leg), found.positions[leg]
    average = None
    with contextlib.suppress(ArithmeticError, KeyError, TypeError, ValueError):
        average = _average(book["bids" if leg is Leg.LONG else "asks"], qty)
    price = position.mark if average is None else average
    slippage = None if average is None else leg.sign * (position.mark - average) * qty
    return Cost(average, qty * price * taker_fee, slippage, position.unrealised)


def _average(levels: Iterable[Any], qty: Decimal) -> Decimal | None:
    left, value = qty, ZERO
    for price, size in levels:
        taken = min(left, Decimal(size))
        value += taken * Decimal(price)
        left -= taken
        if left <= 0:
            return value / qty
    return None
