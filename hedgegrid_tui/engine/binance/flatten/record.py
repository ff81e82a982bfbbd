"""What a flatten without a node writes down, so that the next session finds the books as the venue has them."""

import os
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from hedgegrid_tui.engine.plan import Mode
from strategy.control import CommandName, Origin, Result
from strategy.domain import NS_PER_MS, NS_PER_S, ZERO, Leg, OrderKey, Role, Side, plain
from strategy.journal import JournalWriter
from strategy.order_events import OUTSIDE, UNTOLD
from strategy.order_ids import OrderId, base36, format_id, parse_id
from strategy.past import ENDED, NOT_FLAT, Past


class Trade(msgspec.Struct, frozen=True):
    """One execution as the venue's list of trades shows it. Source: "Account Trade List (USER_DATA)"."""

    id: str
    order: str
    """The venue's number of the order."""
    leg: Leg
    side: Side
    price: Decimal
    qty: Decimal
    fee: Decimal
    """Quote; negative where it was paid back."""
    maker: bool
    ts: int


class OwnOrder(msgspec.Struct, frozen=True):
    """An order of ours, as a journal line tells of it; its id says leg, role and lot."""

    id: str
    told: OrderId
    side: Side
    price: Decimal | None
    """None at market."""
    qty: Decimal


class Record:
    """Writes the lines, and keeps what they come to: held quantity per leg, and the orders that are open.

    Used by one flatten on one thread. `past` is what the journal said before; None where the lines go to a file of
    their own, beside the journal of a running session, which books by itself what it sees.
    """

    def __init__(self, journal: JournalWriter, past: Past | None) -> None:
        self.keeps_books = past is not None
        """Whether the lines are to make the journal's books agree with the venue."""
        self._journal = journal
        self._past = past or Past()
        self._latches = self._past.latches
        self._owed_legs: tuple[Leg, ...] = ()
        """Legs that an earlier session was flattening when it ended, beside those of this flatten."""
        self.session = base36(time.time_ns() // NS_PER_MS)
        """Of the ids of its orders; none but its own."""
        self._serial = self._past.serial
        self._act_id = f"{self.session}-1"
        self.held = {leg: self._past.lots.held(leg) for leg in Leg}
        """Per leg, as the lines tell it; negative where more was closed than was told of."""
        self.open = {
            order.id: OwnOrder(order.id, told, order.side, order.price, order.qty)
            for order in self._past.orders.values()
            if (told := parse_id(order.id)) is not None
        }
        """Orders that no line has ended yet, by id."""
        self._filled = dict(self._past.filled)
        self._sessions = {*self._past.sessions, self.session}
        self._known = {trade_id for _, trade_id in self._past.trades}

    # -- begin and end ---------------------------------------------------------------------------------------------

    def begin(self, mode: Mode, instrument: str, version: str, config: str, legs: Iterable[Leg], args: dict[str, str],
              *, torn: bool) -> None:  # fmt: skip
        """The session's first line, the act, and the latch under which it is carried out."""
        now, legs = self._now(), tuple(legs)
        self._owed_legs = tuple(leg for leg in self._past.latches.legs if leg not in legs)
        self._journal.write(
            "session.start", now, mode=mode, instrument=instrument, version=version, config=config, pid=os.getpid(),
            restored=list(self._past.latched), fresh_venue=False, torn_line_dropped=torn, without_node=True,
        )  # fmt: skip
        words = f"flatten {' and '.join(legs)} without a node"
        self._journal.write("act", now, act_id=self._act_id, command=CommandName.FLATTEN, args=args, by=Origin.OPERATOR)
        self._latch(flattening=words, legs=legs)

    def end(self, result: Result, detail: dict[str, Any], words: str, flat: str, exit_code: int,
            left: Mapping[Leg, Decimal | None]) -> None:  # fmt: skip
        """Alarms, the latch of afterwards, the receipt, and the last word.

        `left` is what the asked legs hold: None where that is not known.
        """
        now = self._now()
        for leg, qty in left.items():
            if qty == ZERO and result is Result.DONE:
                if (NOT_FLAT, leg) in self._past.alarms:
                    self._alarm(leg, "flat, verified", raised=False)
            elif qty is None or qty:
                held = "what is held is not known" if qty is None else f"{plain(qty)} held"
                self._alarm(leg, f"{held} after a flatten", raised=True)
        if result is not Result.DONE:
            self._journal.write("error", now, where="flatten", type=NOT_FLAT, message=words, critical=True)
        flattening = self._past.latches.flattening if self._owed_legs else None
        self._latch(flattening=flattening, legs=self._owed_legs, paused=words)
        self._journal.write("receipt", self._now(), act_id=self._act_id, result=result, detail=detail)
        self._journal.write("session.stop", self._now(), flat=flat, exit_code=exit_code)

    def _alarm(self, leg: Leg, detail: str, *, raised: bool) -> None:
        self._journal.write("alarm", self._now(), name=NOT_FLAT, leg=leg, raised=raised, detail=detail)

    def _latch(self, **changes: Any) -> None:  # noqa: ANN401 - the fields of Latches
        self._latches = latches = msgspec.structs.replace(self._latches, **changes)
        state = latches.state
        self._journal.write("state", self._now(), name=state, reason=latches.reason, latched=latches)

    def unanswered_s(self, arrives_s: float) -> float:
        """For how long an order may still arrive that the last session sent, and was not answered before its end."""
        sent = [order.sent_ns for order in self._past.orders.values() if not order.acknowledged]
        left = arrives_s - (self._now() - max(sent, default=0)) / NS_PER_S
        return min(max(left, 0.0), arrives_s)

    # -- orders ----------------------------------------------------------------------------------------------------

    def new_close(self, leg: Leg, qty: Decimal) -> OwnOrder:
        """A close at market with an id of its own; its line is written before it may leave."""
        self._serial += 1
        told = OrderId(self.session, OrderKey(leg, Role.CLOSE, 0), None, self._serial)
        order = OwnOrder(format_id(told), told, leg.exit_side, None, qty)
        self.open[order.id] = order
        self._filled[order.id] = ZERO
        self.order(order, "submit")
        return order

    def order(self, order: OwnOrder, event: str, reason: str = "") -> None:
        """A line on an order of ours: what was asked, or what the venue answered."""
        key = order.told.key
        entry = key.role is Role.ENTRY
        self._journal.write(
            "order", self._now(), event=event, id=order.id, leg=key.leg, role=key.role,
            level=key.slot if entry else None, lot=order.told.serial if entry else order.told.lot, side=order.side,
            price=None if order.price is None else plain(order.price), qty=plain(order.qty), reason=reason or None,
        )  # fmt: skip
        if event in ENDED:
            self.open.pop(order.id, None)

    def foreign(self, event: str, client_id: str, leg: Leg | None, words: str) -> None:
        """A line on an order that is not ours; readers of the books pass over it."""
        self._journal.write("foreign", self._now(), event=event, id=client_id, leg=leg, words=words)

    def error(self, kind: str, message: str) -> None:
        """A line on something that went wrong and did not end the flatten."""
        self._journal.write("error", self._now(), where="flatten", type=kind, message=message, critical=False)

    # -- fills -----------------------------------------------------------------------------------------------------

    def knows(self, told: OrderId, order_id: str) -> bool:
        """Whether an id is of a session of this journal, so that its fills belong into it."""
        return told.session in self._sessions or order_id in self._filled

    def has_trade(self, trade_id: str) -> bool:
        """Whether a line tells of that trade of the venue already."""
        return trade_id in self._known

    def own_fill(self, order_id: str, told: OrderId, trade: Trade, executed: Decimal | None) -> Decimal:
        """Book a trade of an order of ours, unless it is booked; gives the quantity that was new.

        `executed` is what the venue says that the order has filled in all: fills may be known by other trade ids.
        """
        known = self._filled.get(order_id, ZERO)
        room = trade.qty if executed is None else min(trade.qty, executed - known)
        if self.has_trade(trade.id) or room <= 0:
            return ZERO
        part = room / trade.qty
        lot = told.serial if told.key.role is Role.ENTRY else told.lot
        self._fill(order_id, trade.id, told.key.leg, told.key.role, lot, trade, room, trade.fee * part)
        self._filled[order_id] = known + room
        return room

    def square(self, leg: Leg, held: Decimal, trades: Iterable[Trade], entry: Decimal, mark: Decimal) -> Decimal:
        """Make the books of a leg show what the venue holds; gives the quantity that had to be booked for it.

        What somebody else has closed or opened there is booked by the trades that did it (`trades`, the earliest
        first, of orders that are not ours). The rest is booked at `mark`, the mark price, where it was closed, and at
        `entry`, the leg's average entry price at the venue, where it was opened; 0 is a price that is not known.
        """
        gap = self.held[leg] - held
        role, side = (Role.CLOSE, leg.exit_side) if gap > 0 else (Role.ENTRY, leg.entry_side)
        left = abs(gap)
        for trade in trades:
            if left <= 0:
                break
            if trade.leg is leg and trade.side is side and not self.has_trade(trade.id):
                qty = min(left, trade.qty)
                fee = trade.fee * qty / trade.qty
                self._fill(f"{OUTSIDE}-{trade.order}", trade.id, leg, role, self._lot(role), trade, qty, fee)
                left -= qty
        if left > 0:
            now = self._now()
            price = (mark or self._average(leg)) if role is Role.CLOSE else entry or mark
            made = Trade(f"{UNTOLD}-{leg}-{now}", "", leg, side, price, left, ZERO, maker=False, ts=now)
            self._fill(f"{OUTSIDE}-{self.session}", made.id, leg, role, self._lot(role), made, left, ZERO)
            self.error("untold-fill", f"{leg} {plain(left)}: {role} that no trade tells of, booked at {plain(price)}")
        return abs(gap)

    def _average(self, leg: Leg) -> Decimal:
        """What the leg's lots cost on average, so that closing them at it earns nothing."""
        held = self._past.lots.held(leg)
        return self._past.lots.cost(leg) / held if held else ZERO

    def _lot(self, role: Role) -> int | None:
        if role is not Role.ENTRY:
            return None
        self._serial += 1
        return self._serial

    def _fill(self, order_id: str, trade_id: str, leg: Leg, role: Role, lot: int | None, trade: Trade, qty: Decimal,
              fee: Decimal) -> None:  # fmt: skip
        self._journal.write(
            "fill", self._now(), id=order_id, trade_id=trade_id, leg=leg, role=role, lot=lot, side=trade.side,
            price=plain(trade.price), qty=plain(qty), fee=plain(fee), liquidity="maker" if trade.maker else "taker",
        )  # fmt: skip
        self._known.add(trade_id)
        self.held[leg] += qty if trade.side is leg.entry_side else -qty
        order = self.open.get(order_id)
        if order is not None and self._filled.get(order_id, ZERO) + qty >= order.qty:
            self.open.pop(order_id)

    def _now(self) -> int:
        return time.time_ns()
