"""What the journal of earlier sessions says: lots, open orders, money, and the states that were latched."""

from collections import deque
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from strategy.domain import NS_PER_DAY, ZERO, DoorState, Leg, Lot, OrderKey, Role, Side, plain
from strategy.journal import JournalError
from strategy.latches import Latches, read_latches
from strategy.lots import LotBook
from strategy.order_ids import parse_id
from strategy.order_index import OrderRecord, OrderStatus

TRADES_REMEMBERED: Final = 50_000
"""Trade ids kept to recognise a fill that comes twice."""
ENDED_REMEMBERED: Final = 10_000
"""Ended orders whose filled quantity is kept, for fills that the venue tells of afterwards."""
THROTTLE: Final = "throttle"
"""Begins the word of a session's first line on a throttle that it has taken over."""
REQUESTS_REMEMBERED: Final = 100_000
REQUESTS: Final = frozenset({"submit", "cancel", "modify"})
"""Lines of what has left for the venue."""
DRAWDOWN_ALARM: Final = "drawdown-"
"""Begins the name of the alarm of a drawdown level."""
REPEATED_ALARM: Final = "repeated-"
"""Begins the name of the alarm of a level that filled too often; its number follows."""
NOT_FLAT: Final = "not-flat"
"""Name of the alarm of a leg that a flatten could not close in time."""
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
    day: int = 0
    """Of the last equity line, in days since the epoch, UTC."""
    day_start: Decimal | None = None
    """First equity of that day."""
    equity_base: Decimal | None = None
    """What was in the wallet beside profit, loss, fees and funding, as of the last equity line."""
    latches: Latches = Latches()
    alarms: dict[tuple[str, Leg | None], str] = {}
    """Alarms that were raised, with their details: of those that a new session does not find out by itself."""
    sent: deque[int] = msgspec.field(default_factory=lambda: deque(maxlen=REQUESTS_REMEMBERED))
    """When requests were sent, ns, for the message budget."""
    first_ns: int = 0
    """When the first session began."""
    throttle: Decimal | None = None
    """What the operator set last."""

    @property
    def latched(self) -> tuple[str, ...]:
        """What a new session finds latched, as its first line tells of it."""
        states = tuple(state.value for state, _ in self.latches.states)
        states += tuple(_alarm_name(key) for key in self.alarms)
        return states if self.throttle is None else (*states, f"{THROTTLE} {plain(self.throttle)}")

    @property
    def state(self) -> DoorState:
        """The gravest latched state."""
        return self.latches.state

    @property
    def state_reason(self) -> str:
        """Why it is latched."""
        return self.latches.reason

    def unlatched(self) -> "Past":
        """The same past with nothing latched."""
        return msgspec.structs.replace(self, latches=Latches(), alarms={}, throttle=None)

    def at_fresh_venue(self) -> "Past":
        """What is left of it where the venue is new: the latched states alone."""
        levels = {key: words for key, words in self.alarms.items() if key[0].startswith(REPEATED_ALARM)}
        return Past(latches=self.latches, alarms=levels, throttle=self.throttle, first_ns=self.first_ns)


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
            except (msgspec.DecodeError, ArithmeticError, KeyError, RecursionError, TypeError, ValueError) as error:
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
            past.latches = read_latches(line)
        elif kind == "ladder":
            past.centre, self._step = Decimal(line["centre"]), Decimal(line["step"])
        elif kind == "alarm":
            self._alarm(line)
        elif kind == "act" and "share" in line["args"]:
            past.throttle = Decimal(line["args"]["share"])
        else:
            self._money(kind, line)

    def _money(self, kind: str, line: dict[str, Any]) -> None:
        if kind == "funding":
            self.past.funding += Decimal(line["amount"])
        elif kind == "equity":
            self._equity(line)
        elif kind == "receipt":
            self._reset(line)
        elif kind == "transfer":
            self._transfer(Decimal(line["amount"]))

    def _equity(self, line: dict[str, Any]) -> None:
        past = self.past
        past.peak = Decimal(line["peak"])
        past.equity_base = Decimal(line["wallet"]) - sum(
            (Decimal(line[name]) for name in ("realised", "fees", "funding")), ZERO
        )
        if "day_start" in line:
            past.day, past.day_start = line["ts"] // NS_PER_DAY, Decimal(line["day_start"])

    def _transfer(self, amount: Decimal) -> None:
        """What losses are measured from moves with it, also where no equity line follows."""
        past = self.past
        past.equity_base = None if past.equity_base is None else past.equity_base + amount
        past.peak = None if past.peak is None else past.peak + amount
        past.day_start = None if past.day_start is None else past.day_start + amount

    def _reset(self, line: dict[str, Any]) -> None:
        """A drawdown that was reset begins anew at once, also where no equity line follows."""
        if "peak_before" in line["detail"]:
            past = self.past
            past.peak = past.day_start = Decimal(line["detail"]["peak"])
            past.day = line["ts"] // NS_PER_DAY

    def _alarm(self, line: dict[str, Any]) -> None:
        if not line["name"].startswith((DRAWDOWN_ALARM, REPEATED_ALARM, NOT_FLAT)):
            return
        key = line["name"], None if line["leg"] is None else Leg(line["leg"])
        if line["raised"]:
            self.past.alarms[key] = line["detail"]
        else:
            self.past.alarms.pop(key, None)

    def _session(self, line: dict[str, Any]) -> None:
        self.past.first_ns = self.past.first_ns or line["ts"]
        if line["fresh_venue"]:
            self.past = self.past.at_fresh_venue()
        if not any(found.startswith(THROTTLE) for found in line["restored"]):
            self.past.throttle = None
        if not any(found in tuple(DoorState) for found in line["restored"]):
            self.past.latches = Latches()
        known = self.past.alarms
        self.past.alarms = {key: words for key, words in known.items() if _alarm_name(key) in line["restored"]}

    def _order(self, line: dict[str, Any]) -> None:
        past, order_id, event = self.past, line["id"], line["event"]
        if event in REQUESTS:
            past.sent.append(line["ts"])
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


def _alarm_name(key: tuple[str, Leg | None]) -> str:
    name, leg = key
    return name if leg is None else f"{name} {leg}"
