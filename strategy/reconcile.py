"""Desired against live: the actions that close each difference, and a reason for each gap that stays."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal

import msgspec

from strategy.domain import DesiredOrder, Ladder, Leg, Lot, OrderKey, Reason, Role
from strategy.order_index import OrderIndex, OrderRecord, OrderStatus
from strategy.placement import desired_entry, entry_key, rungs_nearest_first

Verdict = Callable[[DesiredOrder], Reason | None]
"""The gate's word on one order."""


class Submit(msgspec.Struct, frozen=True):
    """Send a new order."""

    order: DesiredOrder


class SubmitPair(msgspec.Struct, frozen=True):
    """Send a lot's stop and take-profit as one: where the venue can, the fill of one shrinks the other there."""

    stop: DesiredOrder
    target: DesiredOrder


class Cancel(msgspec.Struct, frozen=True):
    """Cancel an open order."""

    id: str
    reason: str


class Resize(msgspec.Struct, frozen=True):
    """Change an open order's total quantity."""

    id: str
    qty: Decimal
    reason: str


Action = Submit | SubmitPair | Cancel | Resize


def reconcile_exits(
    desired: Iterable[DesiredOrder],
    open_exits: Iterable[OrderKey],
    index: OrderIndex,
    held_back: Mapping[OrderKey, int],
    now: int,
) -> list[Action]:
    """Bring exits to exactly what is held: what is missing is sent before anything is taken away.

    `open_exits` are the keys that may have exits now; `held_back` holds, per key, the time (ns) before which a
    rejected exit is not sent again.
    """
    missing: list[DesiredOrder] = []
    surplus: list[Action] = []
    wanted: set[OrderKey] = set()
    for order in desired:
        wanted.add(order.key)
        live = index.at(order.key)
        gap = order.qty - sum((each.open_qty for each in live), Decimal(0))
        settled = all(_is_settled(each) for each in live)
        strays = [each for each in live if each.price != order.price and each.status is not OrderStatus.CANCELLING]
        if strays:
            surplus += [Cancel(each.id, "price moved") for each in strays]
        elif gap > 0 and settled and held_back.get(order.key, 0) <= now:
            missing.append(msgspec.structs.replace(order, qty=gap))
        elif gap < 0 and settled:
            surplus += _shrink(live, -gap)
    for key in open_exits:
        if key not in wanted:
            surplus += [
                Cancel(each.id, "nothing left to close")
                for each in index.at(key)
                if each.status is not OrderStatus.CANCELLING
            ]
    return [*_paired(missing), *surplus]


def _paired(missing: list[DesiredOrder]) -> Iterator[Action]:
    """Exits in their sequence; a stop that is followed by its lot's take-profit of the same quantity goes with it."""
    rest = deque(missing)
    while rest:
        order = rest.popleft()
        if rest and _belong_together(order, rest[0]):
            yield SubmitPair(order, rest.popleft())
        else:
            yield Submit(order)


def _belong_together(stop: DesiredOrder, target: DesiredOrder) -> bool:
    roles = stop.key.role, target.key.role
    return roles == (Role.SL, Role.TP) and (stop.lot, stop.qty) == (target.lot, target.qty)


def _is_settled(order: OrderRecord) -> bool:
    return order.status not in (OrderStatus.CANCELLING, OrderStatus.RESIZING)


def _shrink(live: Iterable[OrderRecord], excess: Decimal) -> Iterable[Action]:
    for order in reversed(tuple(live)):
        if excess <= 0 or not order.acknowledged:
            return
        if order.open_qty <= excess:
            yield Cancel(order.id, "lot is smaller now")
        else:
            yield Resize(order.id, order.qty - excess, "lot is smaller now")
        excess -= min(excess, order.open_qty)


def reconcile_entries(
    ladder: Ladder,
    occupants: Mapping[OrderKey, Lot],
    index: OrderIndex,
    verdict: Verdict,
    limit: int,
) -> tuple[list[Action], dict[OrderKey, Reason]]:
    """Bring resting entries to the ladder's rungs, at most `limit` new ones, nearest to the centre first.

    Returns:
        The actions, and for each rung without a resting entry the reason.
    """
    actions: list[Action] = []
    gaps: dict[OrderKey, Reason] = {}
    nearer: dict[Leg, Decimal] = {}
    for rung in rungs_nearest_first(ladder):
        key = entry_key(rung)
        if nearer.get(rung.leg) == rung.price:  # a coarse tick has rounded both to one price
            gaps[key] = Reason.SAME_PRICE
            continue
        nearer[rung.leg] = rung.price
        lot = occupants.get(key)
        live = index.at(key)
        if live:
            for entry in live:
                fits = entry.price == rung.price and (lot is None or lot.number == entry.lot)
                if not fits and entry.status is not OrderStatus.CANCELLING:
                    actions.append(Cancel(entry.id, "ladder moved" if lot is None else "rung is occupied"))
                if not fits:
                    gaps[key] = Reason.MOVING
            continue
        if lot is not None:
            gaps[key] = Reason.OCCUPIED
            continue
        order = desired_entry(rung)
        reason = verdict(order)
        if reason is None and limit <= 0:
            reason = Reason.QUEUED
        if reason is None:
            limit -= 1
            actions.append(Submit(order))
        else:
            gaps[key] = reason
    return actions, gaps


def open_keys(index: OrderIndex, roles: Iterable[Role]) -> tuple[OrderKey, ...]:
    """The keys of those roles that have an open order."""
    wanted = frozenset(roles)
    return tuple(key for key in index.keys() if key.role in wanted)  # noqa: SIM118 - OrderIndex is no mapping
