"""What the journal of earlier sessions says: lots, open orders, money, and the states that were latched."""

from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from strategy.domain import ZERO, DoorState, Leg, Lot, OrderKey, Role, Side, plain
from strategy.journal import JournalError
from strategy.lots import LotBook
from strategy.order_ids import parse_id
from strategy.order_index import OrderRecord, OrderStatus

TRADES_REMEMBERED: Final = 50_000
"""Trade ids kept to recognise a fill that comes twice."""
ENDED_REMEMBERED: Final = 10_000
"""Ended orders whose filled quantity is kept, for fills that the venue tells of afterwards."""
THROTTLE: Final = "throttle"
"""Begins the word of a session's first line on a throttle that it has taken over."""
ENDED: Final = frozenset({"rejected", "denied", "canceled", "expired"})


class Past(msgspec.Struct):
    """Everything that a restart takes over; `Past()` is that of a first session."""

    lots: LotBook = msgspec.field(default_factory=LotBook)
    orders: dict[str, OrderRecord] = {}
    """Orders that were open or in flight, by id."""
    filled: dict[str, Decimal] = {}
    """Per order, open or ended, what had filled."""
    trades: dict[tuple[str, str], None] = {}
    """Order id and trade id of every fill, oldest first."""
    sessions: set[str] = set()
    """Ids of the sessions that sent orders."""
    serial: int = 0
    """Of the order sent last."""
    centre: Decimal | None = None
    """Of the ladder that stood last."""
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    peak: Decimal | None = None
    """Highest equity."""
    state: DoorState = DoorState.RUNNING
    state_reason: str = ""
    throttle: Decimal | None = None
    """What the operator set last."""

    @property
    def latched(self) -> tuple[str, ...]:
        """What a new session finds latched, as its first line tells of it."""
        state = () if self.state is DoorState.RUNNING else (self.state.value,)
        return state if self.throttle is None else (*state, f"{THROTTLE} {plain(self.throttle)}")

    def unlatched(self) -> "Past":
        """The same past with nothing latched."""
        return msgspec.structs.replace(self, state=DoorState.RUNNING, state_reason="", throttle=None)

    def at_fresh_venue(self) -> "Past":
        """What is left of it where the venue is new: the latched states alone."""
        return Past(state=self.state, state_reason=self.state_reason, throttle=self.throttle)


def read_past(path: Path) -> Past:
    """Recompute the past from a journal file; one that does not exist or is empty gives an empty past.

    Raises:
        JournalError: A line that is none, or that contradicts the ones before it; named by its number.
    """
    reader = _Reader()
    decoder = msgspec.json.Decoder(dict[str, Any])
    if not path.exists():
        return reader.past
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                reader.take(decoder.decode(line), number)
            except (msgspec.DecodeError, ArithmeticError, KeyError, TypeError, ValueError) as error:
                cure = "move the file away to start without it, or mend the line"
                raise JournalError(
                    f"{path}: line {number} cannot be used ({type(error).__name__}: {error}); {cure}"
                ) from error
    return reader.past


class _Reader:
    """Takes the lines in their sequence, with the arithmetic of a running session."""

    def __init__(self) -> None:
        self.past = Past()
        self._step = ZERO

    def take(self, line: dict[str, Any], number: int) -> None:
        if line["seq"] != number:
            raise ValueError(f"it has the number {line['seq']}")
        kind = line["kind"]
        past = self.past
        if kind == "order":
            self._order(line)
        elif kind == "fill":
            self._fill(line)
        elif kind == "session.start":
            self._session(line)
        elif kind == "state":
            past.state, past.state_reason = DoorState(line["name"]), line["reason"]
        elif kind == "ladder":
            past.centre, self._step = Decimal(line["centre"]), Decimal(line["step"])
        elif kind == "funding":
            past.funding += Decimal(line["amount"])
        elif kind == "equity":
            past.peak = Decimal(line["peak"])
        elif kind == "act" and "share" in line["args"]:
            past.throttle = Decimal(line["args"]["share"])

    def _session(self, line: dict[str, Any]) -> None:
        if line["fresh_venue"]:
            self.past = self.past.at_fresh_venue()
        if not any(found.startswith(THROTTLE) for found in line["restored"]):
            self.past.throttle = None

    def _order(self, line: dict[str, Any]) -> None:
        past, order_id, event = self.past, line["id"], line["event"]
        if event == "submit":
            past.orders[order_id] = self._record(line)
            past.filled[order_id] = ZERO
            if len(past.filled) > ENDED_REMEMBERED:
                self._forget_ended()
        elif event in ENDED:
            past.orders.pop(order_id, None)
        elif event == "accepted" or order_id in past.orders:
            # Without a submit line it is one that was found at the venue.
            order = past.orders.get(order_id) or self._record(line)
            past.filled.setdefault(order_id, ZERO)
            if event == "accepted":
                order = msgspec.structs.replace(order, acknowledged=True, status=OrderStatus.ACCEPTED)
            elif event == "updated":
                order = msgspec.structs.replace(order, qty=Decimal(line["qty"]))
            past.orders[order_id] = order
            if order.open_qty <= 0:
                del past.orders[order_id]

    def _record(self, line: dict[str, Any]) -> OrderRecord:
        past = self.past
        leg, role = Leg(line["leg"]), Role(line["role"])
        told = parse_id(line["id"])
        if told is None:
            raise ValueError(f"{line['id']} is no order id")
        past.sessions.add(told.session)
        past.serial = max(past.serial, told.serial)
        price = None if line["price"] is None else Decimal(line["price"])
        return OrderRecord(
            id=line["id"],
            key=OrderKey(leg, role, told.key.slot),
            side=Side(line["side"]),
            price=price,
            qty=Decimal(line["qty"]),
            lot=line["lot"],
            step=Decimal(line.get("step", "0")),
            sent_ns=line["ts"],
        )

    def _forget_ended(self) -> None:
        """The older half of what has ended; what is open stays."""
        past = self.past
        ended = [order_id for order_id in past.filled if order_id not in past.orders]
        for order_id in ended[: len(ended) // 2]:
            del past.filled[order_id]

    def _fill(self, line: dict[str, Any]) -> None:
        past, order_id = self.past, line["id"]
        leg, role = Leg(line["leg"]), Role(line["role"])
        qty, price = Decimal(line["qty"]), Decimal(line["price"])
        past.trades[order_id, line["trade_id"]] = None
        if len(past.trades) > TRADES_REMEMBERED:
            del past.trades[next(iter(past.trades))]
        past.filled[order_id] = past.filled.get(order_id, ZERO) + qty
        past.fees += Decimal(line["fee"])
        order = past.orders.get(order_id)
        if order is not None:
            order = msgspec.structs.replace(order, filled=order.filled + qty)
            past.orders[order_id] = order
            if order.open_qty <= 0:
                del past.orders[order_id]
        if role is Role.ENTRY:
            outcome = past.lots.enter(self._lot(line, leg, order, qty, price))
        else:
            outcome = past.lots.take(leg, line["lot"], Side(line["side"]), qty, price)
        past.realised += outcome.realised

    def _lot(self, line: dict[str, Any], leg: Leg, order: OrderRecord | None, qty: Decimal, price: Decimal) -> Lot:
        told = parse_id(line["id"])
        return Lot(
            number=line["lot"],
            leg=leg,
            level=told.key.slot if told is not None else 0,
            anchor=price if order is None or order.price is None else order.price,
            step=self._step if order is None or not order.step else order.step,
            qty=qty,
            cost=price * qty,
            opened_ns=line["ts"],
        )
