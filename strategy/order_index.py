"""Live and in-flight orders by id and by key, filled at submit and kept by every event that ends one."""

from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from strategy.domain import ZERO, Leg, OrderKey, Role, Side


class OrderStatus(StrEnum):
    """Where an open order stands."""

    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    CANCELLING = "cancelling"
    RESIZING = "resizing"
    UNKNOWN = "unknown"
    """Sent, but nobody has said what became of it."""


ENDED_REMEMBERED: Final = 20
"""Per leg so many ended orders are remembered, of which a fill may not have been told."""
WORKING: Final = (OrderStatus.ACCEPTED, OrderStatus.CANCELLING, OrderStatus.RESIZING)
"""At the venue, as far as it has said."""


class OrderRecord(msgspec.Struct, frozen=True, gc=False):
    """One open order as last known."""

    id: str
    key: OrderKey
    side: Side
    price: Decimal | None
    qty: Decimal
    lot: int | None
    step: Decimal
    """The ladder's step when it was sent."""
    status: OrderStatus = OrderStatus.SUBMITTED
    filled: Decimal = ZERO
    sent_ns: int = 0
    acknowledged: bool = False
    """Whether the venue has accepted it."""
    aim: Decimal | None = None
    """Price of the rung that an entry stands for, which it may have missed by a few ticks."""

    @property
    def open_qty(self) -> Decimal:
        """What may still fill."""
        return self.qty - self.filled

    @property
    def may_be_cancelled(self) -> bool:
        """Whether the venue has it, and no cancel is on its way."""
        return self.acknowledged and self.status is not OrderStatus.CANCELLING


class OrderIndex:
    """Constant-time look-ups; per-leg totals are kept, not summed."""

    def __init__(self) -> None:
        self._by_id: dict[str, OrderRecord] = {}
        self._by_key: dict[OrderKey, dict[str, OrderRecord]] = {}
        self._working_stops = dict.fromkeys(Leg, ZERO)
        self._closes: dict[Leg, dict[str, OrderRecord]] = {leg: {} for leg in Leg}
        self._counts = dict.fromkeys(Role, 0)
        self._entry_qty = dict.fromkeys(Leg, ZERO)
        self._entry_value = dict.fromkeys(Leg, ZERO)
        self._ended: dict[Leg, deque[str]] = {leg: deque(maxlen=ENDED_REMEMBERED) for leg in Leg}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[OrderRecord]:
        return iter(self._by_id.values())

    def get(self, order_id: str) -> OrderRecord | None:
        """The open order of that id."""
        return self._by_id.get(order_id)

    def at(self, key: OrderKey) -> tuple[OrderRecord, ...]:
        """Every open order of that key, oldest first."""
        found = self._by_key.get(key)
        return tuple(found.values()) if found else ()

    def has(self, key: OrderKey) -> bool:
        """Whether any order of that key is open or in flight."""
        return key in self._by_key

    def keys(self) -> tuple[OrderKey, ...]:
        """Every key that has an open order."""
        return tuple(self._by_key)

    def of(self, leg: Leg, *, entries: bool) -> tuple[OrderRecord, ...]:
        """The open entries, or the open reducing orders, of a leg."""
        return tuple(order for order in self if order.key.leg is leg and (order.key.role is Role.ENTRY) is entries)

    def ended(self, leg: Leg) -> tuple[str, ...]:
        """Ids of the leg's orders that ended last, oldest first."""
        return tuple(self._ended[leg])

    def closes(self, leg: Leg) -> tuple[OrderRecord, ...]:
        """The market orders that close the leg, or lots of it."""
        return tuple(self._closes[leg].values())

    def own_touch(self) -> dict[Side, Decimal]:
        """The highest resting buy and the lowest resting sell at a limit, in flight ones included."""
        touch: dict[Side, Decimal] = {}
        for order in self:
            if order.price is None or order.key.role is Role.SL:
                continue
            known = touch.get(order.side, order.price)
            touch[order.side] = max(known, order.price) if order.side is Side.BUY else min(known, order.price)
        return touch

    def count(self, role: Role) -> int:
        """How many orders of that role are open or in flight."""
        return self._counts[role]

    def entries(self, leg: Leg) -> tuple[Decimal, Decimal]:
        """What the leg's entries, in flight ones included, may still fill: quantity, and value at their own prices."""
        return self._entry_qty[leg], self._entry_value[leg]

    def working_stop_qty(self, leg: Leg) -> Decimal:
        """Quantity of the leg that stops working at the venue cover."""
        return self._working_stops[leg]

    def add(self, order: OrderRecord) -> None:
        """Note an order that is about to be sent.

        Raises:
            KeyError: The id is known already.
        """
        if order.id in self._by_id:
            raise KeyError(f"order {order.id} is indexed already")
        self._put(order)

    def accepted(self, order_id: str) -> OrderRecord | None:
        """The venue has it; None where that changes nothing."""
        order = self._by_id.get(order_id)
        if order is None or order.acknowledged:
            return None
        status = order.status if order.status in WORKING else OrderStatus.ACCEPTED
        return self._replace(order, msgspec.structs.replace(order, status=status, acknowledged=True))

    def mark(self, order_id: str, status: OrderStatus) -> OrderRecord | None:
        """Note that a cancel or resize is on its way, or that it was refused (`ACCEPTED` again)."""
        order = self._by_id.get(order_id)
        return None if order is None else self._replace(order, msgspec.structs.replace(order, status=status))

    def resized(self, order_id: str, qty: Decimal) -> OrderRecord | None:
        """The venue has changed its quantity; an order without an open part leaves the index."""
        order = self._by_id.get(order_id)
        if order is None or (order.qty == qty and order.status is not OrderStatus.RESIZING):
            return None
        status = OrderStatus.ACCEPTED if order.status is OrderStatus.RESIZING else order.status
        return self._replace_or_drop(order, msgspec.structs.replace(order, qty=qty, status=status))

    def filled(self, order_id: str, qty: Decimal) -> OrderRecord | None:
        """A part has filled; an order without an open part leaves the index."""
        order = self._by_id.get(order_id)
        if order is None:
            return None
        return self._replace_or_drop(order, msgspec.structs.replace(order, filled=order.filled + qty))

    def remove(self, order_id: str) -> OrderRecord | None:
        """The order has ended; None where it was not open."""
        order = self._by_id.get(order_id)
        if order is not None:
            self._drop(order)
        return order

    def _replace_or_drop(self, before: OrderRecord, after: OrderRecord) -> OrderRecord:
        if after.open_qty > 0:
            return self._replace(before, after)
        self._drop(before)
        return after

    def _replace(self, before: OrderRecord, after: OrderRecord) -> OrderRecord:
        self._count(before, -1)
        self._put(after)
        return after

    def _put(self, order: OrderRecord) -> None:
        self._by_id[order.id] = order
        self._by_key.setdefault(order.key, {})[order.id] = order
        if order.key.role is Role.CLOSE:
            self._closes[order.key.leg][order.id] = order
        self._count(order, 1)

    def _drop(self, order: OrderRecord) -> None:
        self._count(order, -1)
        del self._by_id[order.id]
        self._ended[order.key.leg].append(order.id)
        self._closes[order.key.leg].pop(order.id, None)
        siblings = self._by_key[order.key]
        del siblings[order.id]
        if not siblings:
            del self._by_key[order.key]

    def _count(self, order: OrderRecord, sign: int) -> None:
        self._counts[order.key.role] += sign
        if order.key.role is Role.SL and order.acknowledged and order.status in WORKING:
            self._working_stops[order.key.leg] += sign * order.open_qty
        elif order.key.role is Role.ENTRY and order.price is not None:
            self._entry_qty[order.key.leg] += sign * order.open_qty
            self._entry_value[order.key.leg] += sign * order.open_qty * order.price
