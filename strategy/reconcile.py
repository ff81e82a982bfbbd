"""Desired against live: the actions that close each difference, and a reason for each gap that stays."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal

import msgspec

from strategy.domain import DesiredOrder, Ladder, Leg, Lot, OrderKey, Reason, Role, Rung
from strategy.order_index import OrderIndex, OrderRecord, OrderStatus
from strategy.placement import entry_key, rungs_nearest_first
from strategy.shape import Shape

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


class VenueRules(msgspec.Struct, frozen=True):
    """How venues differ."""

    resizes_stops: bool = True
    """Whether a resting stop can change its quantity; otherwise it is replaced."""
    most_pieces: int = 2
    """A lot that grows fill by fill has at most so many orders of one role; 0 for any number."""
    flips_legs: bool = False
    """Whether a leg that was over-closed changes its sign, so that it must be bought back. Binance never lets it: there
    the same order would open."""


def reconcile_exits(
    desired: Iterable[DesiredOrder],
    open_exits: Iterable[OrderKey],
    index: OrderIndex,
    held_back: Mapping[OrderKey, int],
    now: int,
    rules: VenueRules = VenueRules(),  # noqa: B008 - a frozen value
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
            known = [each for each in live if each.acknowledged]
            if rules.most_pieces and len(known) >= rules.most_pieces:
                surplus.append(Cancel(min(known, key=lambda each: each.open_qty).id, "joined with what the lot gained"))
            else:
                missing.append(msgspec.structs.replace(order, qty=gap))
        elif gap < 0 and settled:
            surplus += _shrink(live, -gap, resizable=rules.resizes_stops or order.key.role is not Role.SL)
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


def _shrink(live: Iterable[OrderRecord], excess: Decimal, *, resizable: bool) -> Iterable[Action]:
    """Take the excess away, newest first; an order that cannot be resized is cancelled, and its rest sent anew."""
    for order in reversed(tuple(live)):
        if excess <= 0 or not order.acknowledged:
            return
        if order.open_qty <= excess or not resizable:
            yield Cancel(order.id, "lot is smaller now")
        else:
            yield Resize(order.id, order.qty - excess, "lot is smaller now")
        excess -= min(excess, order.open_qty)


class EntryPlan(msgspec.Struct, frozen=True):
    """What to do about entries now, and why rungs stay empty."""

    actions: list[Action]
    gaps: dict[OrderKey, Reason]
    """For each rung without a resting entry that fits it."""
    unfinished: bool
    """Whether the turn's limit has left something for the next one."""


def reconcile_entries(
    ladder: Ladder,
    shape: Shape,
    occupants: Mapping[OrderKey, Lot],
    index: OrderIndex,
    entry_for: Callable[[Rung], DesiredOrder],
    verdict: Verdict,
    limit: int,
) -> EntryPlan:
    """Bring resting entries to the rungs that are wanted, with at most `limit` requests, nearest to the centre first.

    `entry_for` gives the order that a rung asks for now; `verdict` is the gate's word on it.
    """
    turn = _Turn(limit, index, verdict)
    nearer: dict[Leg, Decimal] = {}
    wanted = {entry_key(rung): rung for leg in Leg for rung in shape.wanted[leg]}
    for full in rungs_nearest_first(ladder):
        key = entry_key(full)
        if nearer.get(full.leg) == full.price:  # a coarse tick has rounded both to one price
            turn.withdraw(key, Reason.SAME_PRICE, "same price as the rung before")
            continue
        nearer[full.leg] = full.price
        rung = wanted.pop(key, None)
        if rung is None:
            turn.withdraw(key, shape.absent[key], "ladder thinned")
            continue
        lot = occupants.get(key)
        if index.has(key):
            turn.keep(rung, lot)
        elif lot is not None:
            turn.gaps[key] = Reason.OCCUPIED
        else:
            turn.place(entry_for(rung))
    return EntryPlan(turn.actions, turn.gaps, turn.unfinished)


class _Turn:
    """Requests of one turn of the loop, and the gaps that stay."""

    def __init__(self, limit: int, index: OrderIndex, verdict: Verdict) -> None:
        self.actions: list[Action] = []
        self.gaps: dict[OrderKey, Reason] = {}
        self.unfinished = False
        self._left = limit
        self._index = index
        self._verdict = verdict

    def withdraw(self, key: OrderKey, reason: Reason, why: str) -> None:
        """No entry is wanted at that key."""
        self.gaps[key] = reason
        for entry in self._index.at(key):
            self._take_back(entry, why)

    def keep(self, rung: Rung, lot: Lot | None) -> None:
        """Entries are open at the rung: those that do not fit go, one of another quantity is resized."""
        key = entry_key(rung)
        taken = False
        for entry in self._index.at(key):
            aim = entry.price if entry.aim is None else entry.aim
            if taken or aim != rung.price or (lot is not None and lot.number != entry.lot):
                self.gaps[key] = Reason.MOVING
                self._take_back(entry, "ladder moved" if lot is None else "rung is occupied")
                continue
            taken = True
            if entry.status is OrderStatus.UNKNOWN:
                self.gaps[key] = Reason.UNKNOWN_OUTCOME
            elif entry.qty != rung.qty and not entry.filled and entry.status is OrderStatus.ACCEPTED:
                self._resize(entry, rung.qty)

    def _resize(self, entry: OrderRecord, qty: Decimal) -> None:
        """A smaller quantity is asked for in place; a larger one comes with a new order, where the gate lets it pass.

        An order that fills beyond its old quantity before its growth was told would be more than anybody here knows of.
        """
        if qty < entry.qty:
            self._request(Resize(entry.id, qty, "ladder changed"))
        elif self._verdict(grown(entry, qty)) is None:
            self.gaps[entry.key] = Reason.MOVING
            self._take_back(entry, "ladder changed")

    def place(self, order: DesiredOrder) -> None:
        """The rung is free."""
        reason = self._verdict(order)
        if reason is None and not self._request(Submit(order)):
            reason = Reason.QUEUED
        if reason is not None:
            self.gaps[order.key] = reason

    def _take_back(self, entry: OrderRecord, why: str) -> None:
        """Cancel an entry that the venue has; one that it has not taken yet would only refuse the cancel."""
        if entry.acknowledged and entry.status is not OrderStatus.CANCELLING:
            self._request(Cancel(entry.id, why))

    def _request(self, action: Action) -> bool:
        if self._left <= 0:
            self.unfinished = True
            return False
        self._left -= 1
        self.actions.append(action)
        return True


def grown(entry: OrderRecord, qty: Decimal) -> DesiredOrder:
    """What a resting entry would be with another quantity, for the gate to judge."""
    return DesiredOrder(key=entry.key, side=entry.side, price=entry.price, qty=qty, lot=None, aim=entry.aim)


def open_keys(index: OrderIndex, roles: Iterable[Role]) -> tuple[OrderKey, ...]:
    """The keys of those roles that have an open order."""
    wanted = frozenset(roles)
    return tuple(key for key in index.keys() if key.role in wanted)  # noqa: SIM118 - OrderIndex is no mapping
