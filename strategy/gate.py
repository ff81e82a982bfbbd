"""The one door: every order is judged here just before it leaves. Reducing orders always pass."""

from collections.abc import Mapping
from decimal import Decimal

from strategy.domain import DesiredOrder, DoorState, InstrumentSpec, Leg, Market, OrderKey, Reason

STATE_REASONS = {DoorState.PAUSED: Reason.PAUSED, DoorState.FLATTENING: Reason.FLATTENING}


def judge(
    order: DesiredOrder,
    state: DoorState,
    market: Market | None,
    spec: InstrumentSpec,
    held_back: Mapping[OrderKey, int],
    now: int,
    *,
    shut: Reason | None = None,
) -> Reason | None:
    """Why the order may not leave now; None lets it pass.

    `held_back` holds, per key, the time (ns) before which a rejected entry is not sent again; `shut` says why no entry
    at all may leave: a journal that cannot be written, books that are not the venue's, indicators that are cold, or a
    venue that has no room for one more order and its exits.
    """
    if order.key.role.reduces:
        return None
    if state is not DoorState.RUNNING:
        return STATE_REASONS[state]
    if shut is not None:
        return shut
    if market is None or order.price is None:
        return Reason.NO_MARKET
    if crosses(order.key.leg, order.price, market):
        return Reason.WOULD_CROSS
    if not _in_bounds(order.price, order.qty, spec):
        return Reason.OUT_OF_BOUNDS
    if order.price * order.qty < spec.min_notional:
        return Reason.BELOW_MIN_NOTIONAL
    if held_back.get(order.key, 0) > now:
        return Reason.BACKING_OFF
    return None


def crosses(leg: Leg, price: Decimal, market: Market) -> bool:
    """Whether an entry at that price would take instead of rest."""
    return price >= market.ask if leg is Leg.LONG else price <= market.bid


def _in_bounds(price: Decimal, qty: Decimal, spec: InstrumentSpec) -> bool:
    return spec.min_price <= price <= spec.max_price and spec.min_qty <= qty <= spec.max_qty
