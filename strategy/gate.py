"""The one door: every order is judged here just before it leaves. Reducing orders always pass."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from strategy.domain import PERCENT, DesiredOrder, DoorState, InstrumentSpec, Leg, Market, Reason, Side
from strategy.exposure import Caps, LegExposure, breach

STATE_REASONS: Final = {
    DoorState.PAUSED: Reason.PAUSED,
    DoorState.BREAKER_OPEN: Reason.BREAKER_OPEN,
    DoorState.FLATTENING: Reason.FLATTENING,
    DoorState.HALTED: Reason.HALTED,
}


class GateFacts(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Everything that one entry is judged by."""

    state: DoorState
    shut: Reason | None
    """Why no entry at all may leave: a journal that cannot be written, books that are not the venue's, indicators that
    are cold, a venue that has no room for one more order and its exits."""
    market: Market | None
    mark: Decimal | None
    """The venue's mark price; None where it gives none."""
    is_stale: bool
    """Whether the market's prices are too old."""
    waits: bool
    """Whether the entry was refused a moment ago."""
    is_repeated: bool
    """Whether its level has filled too often."""
    has_budget: bool
    """Whether one more request by an entry keeps the message budget."""
    own_touch: Mapping[Side, Decimal]
    """The highest own resting buy and the lowest own resting sell, where there are any."""
    legs: Mapping[Leg, LegExposure]
    """Without what is open for the entry's own rung."""
    wallet: Decimal
    """Balance without open profit or loss, quote."""
    equity: Decimal
    """Balance with open profit or loss, quote."""
    caps: Caps
    collar_pct: Decimal
    """How far from the mark an entry may be priced, percent; 0 is off."""


def judge(order: DesiredOrder, facts: GateFacts, spec: InstrumentSpec) -> Reason | None:
    """Why the order may not leave now; None lets it pass."""
    if order.key.role.reduces:
        return None
    if facts.state is not DoorState.RUNNING:
        return STATE_REASONS[facts.state]
    if facts.shut is not None:
        return facts.shut
    if facts.market is None or order.price is None:
        return Reason.NO_MARKET
    price, market = order.price, facts.market
    return (
        _against_market(order.key.leg, price, market, facts)
        or _against_filters(price, order.qty, spec)
        or _against_own_orders(order, price, facts)
        or breach(order, price, facts.legs, facts.wallet, facts.equity, facts.caps)
        or (None if facts.has_budget else Reason.MESSAGE_BUDGET)
    )


def _against_market(leg: Leg, price: Decimal, market: Market, facts: GateFacts) -> Reason | None:
    if facts.is_stale:
        return Reason.STALE
    if market.bid > market.ask:
        return Reason.CROSSED
    if crosses(leg, price, market):
        return Reason.WOULD_CROSS
    far = facts.collar_pct and _distance_pct(price, facts.mark or market.mid) > facts.collar_pct
    return Reason.COLLAR if far else None


def _against_filters(price: Decimal, qty: Decimal, spec: InstrumentSpec) -> Reason | None:
    if not _in_bounds(price, qty, spec):
        return Reason.OUT_OF_BOUNDS
    return Reason.BELOW_MIN_NOTIONAL if price * qty < spec.min_notional else None


def _against_own_orders(order: DesiredOrder, price: Decimal, facts: GateFacts) -> Reason | None:
    if facts.waits:
        return Reason.BACKING_OFF
    if facts.is_repeated:
        return Reason.REPEATED
    return Reason.SELF_TRADE if _meets_own(order.side, price, facts.own_touch) else None


def crosses(leg: Leg, price: Decimal, market: Market) -> bool:
    """Whether an entry at that price would take instead of rest."""
    return price >= market.ask if leg is Leg.LONG else price <= market.bid


def _in_bounds(price: Decimal, qty: Decimal, spec: InstrumentSpec) -> bool:
    return spec.min_price <= price <= spec.max_price and spec.min_qty <= qty <= spec.max_qty


def _distance_pct(price: Decimal, reference: Decimal) -> Decimal:
    return abs(price - reference) / reference * PERCENT


def _meets_own(side: Side, price: Decimal, own_touch: Mapping[Side, Decimal]) -> bool:
    if side is Side.BUY:
        return Side.SELL in own_touch and price >= own_touch[Side.SELL]
    return Side.BUY in own_touch and price <= own_touch[Side.BUY]
