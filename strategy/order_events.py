"""What order events do to the facts: index, lots and money, waits and questions; a pass follows where one is due."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from decimal import Decimal
from functools import partial
from typing import Final

import msgspec

from strategy.books import Books, Fill, ReportStatus, VenueReport
from strategy.config import Config
from strategy.domain import BPS, NS_PER_MS, ZERO, DesiredOrder, Ladder, Leg, Lot, OrderKey, Reason, Role, plain
from strategy.door import Door
from strategy.errors import ErrorLog
from strategy.inquiry import Inquiries, RollCalls
from strategy.journal import JournalWriter
from strategy.ladders import Ladders
from strategy.ledger import Ledger, ProtectionClock
from strategy.lots import COST_PRECISION, LotBook
from strategy.order_ids import OrderId
from strategy.order_index import OrderIndex, OrderRecord, OrderStatus
from strategy.orders import Orders, Venue
from strategy.reconcile import Cancel
from strategy.refusal import Refusal, classify
from strategy.retry import BackOff
from strategy.risk import Risk
from strategy.watch import Alarm, ProtectionWatch

ENDINGS: Final = {
    ReportStatus.FILLED: "canceled",
    ReportStatus.CANCELED: "canceled",
    ReportStatus.EXPIRED: "expired",
}
"""The journal's word for an order that has ended without having filled, as far as the books know."""

OUTSIDE: Final = "outside"
"""Begins the id of a fill that no order at the venue tells of."""
UNTOLD: Final = "untold"
"""Begins the trade id of a fill that the venue has not told; its price is an estimate."""


def order_found(told: OrderId, report: VenueReport) -> OrderRecord:
    """An open order at the venue of which the index does not know."""
    return OrderRecord(
        id=report.id,
        key=told.key,
        side=report.side,
        price=report.price,
        qty=report.qty,
        lot=told.serial if told.key.role is Role.ENTRY else told.lot,
        step=ZERO,
        status=OrderStatus.ACCEPTED,
        filled=report.filled,
        acknowledged=True,
    )


class OrderEvents(ABC):
    """The facts, and the handlers that write them; each is a no-op for what is known already."""

    orders: Orders
    """The way out; set by who judges orders."""

    def __init__(self, config: Config, journal: JournalWriter, venue: Venue, session: str, ledger: Ledger) -> None:
        self.config = config
        self.spec = config.instrument.spec()
        self.session = session
        self.index = OrderIndex()
        self.errors = ErrorLog(journal)
        self.errors.on_fault = self._on_fault
        self.door = Door(self.errors, venue.now)
        self.risk = Risk(config, self.errors, self.door, ledger.wallet)
        self.books = Books(session, ledger, self.errors)
        self.ladders = Ladders(config, self.spec)
        self.refusals: dict[OrderKey, str] = {}
        """The venue's own words on the last refusal, per key."""
        self.inquiries = Inquiries(config.execution)
        self.changed_ns: dict[Leg, int] = dict.fromkeys(Leg, 0)
        """When an event last changed anything of a leg."""
        self.closing_fill: Callable[[Leg, Fill], None] = lambda _leg, _fill: None
        """Takes each fill of an order that closes a whole leg."""
        self._journal = journal
        self._venue = venue
        self._back_off = BackOff(config.execution)
        self._roll_calls = RollCalls(config.execution)
        bound = config.execution.attach_bound_ms * NS_PER_MS
        self._protection = ProtectionWatch(bound, self.errors)
        self._emptied = Alarm("nothing-left", "venue", self.errors)
        self._doubts = False
        self._exits: dict[int, tuple[Lot, tuple[DesiredOrder, ...]]] = {}
        """Per lot the exits that it is owed, as it was when they were worked out."""

    @abstractmethod
    def converge(self) -> None:
        """Bring live orders to desired ones."""

    @property
    def lots(self) -> LotBook:
        """What is held."""
        return self.books.lots

    @property
    def ledger(self) -> Ledger:
        """The money."""
        return self.books.ledger

    @property
    def ladder(self) -> Ladder | None:
        """Both sides around the centre; None before the first market."""
        return self.ladders.ladder

    @property
    def gaps(self) -> dict[OrderKey, Reason]:
        """Why rungs have no entry."""
        return self.ladders.gaps

    @property
    def protection(self) -> ProtectionClock:
        """Since when each leg has been without full cover."""
        return self._protection.clock

    def _on_fault(self, now: int, words: str) -> None:
        """An error that counts towards the breaker; once that opens, the next pass takes the entries back."""
        if self.risk.on_fault(now, words):
            self._venue.wake_at(now)

    def on_accepted(self, order_id: str) -> None:
        """The venue has the order."""
        before = self.index.get(order_id)
        if before is None:
            self._take_in_late(order_id)
            return
        order = self.index.accepted(order_id)
        if order is None:
            return
        if before.status in (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN):
            self.inquiries.answered(order_id)
        self._back_off.passed(order.key)
        self.refusals.pop(order.key, None)
        self.ladders.rested(order.key)
        leg, now = order.key.leg, self.orders.write("accepted", order)
        self.watch_cover(leg, now)
        if order.status in (OrderStatus.CANCELLING, OrderStatus.RESIZING):
            self._free_request(self._venue.report(order_id))
        unfitting = not self._is_exact(order) if order.key.role.reduces else order.key in self.gaps
        if unfitting or self._protection.is_alarmed(leg) or self.door.latches.withdraws:
            self.converge()

    def _take_in_late(self, order_id: str) -> None:
        """An order that counted as rejected has landed after all: it is taken in, and the next pass judges it."""
        told, report = self.books.told(order_id), self._venue.report(order_id)
        if told is None or report is None or report.status is not ReportStatus.REJECTED:
            return  # told again, of an order that has ended since
        order = order_found(told, report)
        self.index.add(order)
        now = self.orders.write("accepted", order, "landed after all")
        words = f"{order_id}, {order.key}: counted as rejected, and has landed after all"
        self.errors.record(now, "venue", "landed-late", words, critical=True)
        if not order.key.role.reduces:
            self.orders.do([Cancel(order.id, "landed late")], ZERO)
        self._changed(order.key.leg, now)

    def _free_request(self, report: VenueReport | None) -> None:
        """A cancel or resize that never left, or came to a venue that did not have the order yet, may be repeated."""
        order = None if report is None else self.index.get(report.id)
        if order is None or report is None or report.status is not ReportStatus.OPEN or report.pending:
            return
        if order.status in (OrderStatus.CANCELLING, OrderStatus.RESIZING):
            self.index.mark(order.id, OrderStatus.ACCEPTED)

    def _is_exact(self, order: OrderRecord) -> bool:
        """Whether the exits of an order's key are as large as its lot, so that there is nothing to do."""
        lot = None if order.lot is None else self.lots.get(order.lot)
        return lot is not None and lot.qty == sum((each.open_qty for each in self.index.at(order.key)), ZERO)

    def on_refused(self, order_id: str, reason: str, *, event: str, post_only: bool = False) -> None:
        """The venue rejected the order, or Nautilus's risk engine denied it (`event`)."""
        order = self.index.get(order_id)
        if order is None:
            return
        rejected = event == "rejected"
        meaning = classify(reason, post_only=post_only) if rejected else Refusal.FINAL
        if meaning is Refusal.UNKNOWN_OUTCOME:
            self._hold(order, reason)
            return
        self.index.remove(order_id)
        self.inquiries.answered(order_id)
        if rejected:
            self.ledger.rejected += 1
        else:
            self.ledger.denied += 1
        now = self.orders.write(event, order, reason)
        self._answer_refusal(order, meaning, reason, event, now)
        self._changed(order.key.leg, now)

    def _answer_refusal(self, order: OrderRecord, meaning: Refusal, reason: str, event: str, now: int) -> None:
        """What a refusal leads to, beside another try."""
        key = order.key
        if meaning is Refusal.NEVER_ARRIVED or self._is_idle(order):
            return
        self.refusals[key] = reason
        if meaning is Refusal.POST_ONLY and self.ladders.refused(key):
            return
        nothing_left = meaning is Refusal.NOTHING_LEFT and key.role.reduces
        most = self.config.execution.ask_attempts if nothing_left else None
        given_up = self._back_off.refused(key, now, grows=nothing_left or key.role is not Role.SL, most=most)
        if meaning is Refusal.POST_ONLY:
            return
        if nothing_left:
            self._roll_calls.begin(key.leg, now)
        if given_up:
            held = f"own books hold {self.lots.held(key.leg)}"
            self._emptied.raise_on(key.leg, f"the venue says that nothing is left to reduce; {held}", now)
        closes = key.role is Role.SL and self._is_hopeless(key.leg, meaning, event, now)
        if closes and order.lot is not None and self.lots.get(order.lot):
            self.lots.mark_breached(order.lot)
        if meaning is Refusal.NOT_SENT:
            return
        critical = key.role.reduces and not closes and not nothing_left
        counts = meaning not in (Refusal.NOTHING_LEFT, Refusal.PASSED)
        self.errors.record(now, "venue", f"order-{event}", f"{key}: {reason}", critical=critical, counts=counts)

    def _is_hopeless(self, leg: Leg, meaning: Refusal, event: str, now: int) -> bool:
        """Whether a refused stop means that its lot is closed at market.

        A venue that rejects the stop itself has spoken. One that is busy, or an engine that denies it before it leaves,
        gets the attach bound.
        """
        if meaning in (Refusal.BUSY, Refusal.NOT_SENT) or event == "denied":
            return self._protection.is_late(leg, now)
        return meaning is not Refusal.NOTHING_LEFT

    def _hold(self, order: OrderRecord, reason: str) -> None:
        """The order may be live: it keeps its place until the venue was asked."""
        if order.status in (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN):
            if order.status is OrderStatus.UNKNOWN:
                return
            self.index.mark(order.id, OrderStatus.UNKNOWN)
        now = self.orders.write("unknown", order, reason)
        self.refusals[order.key] = reason
        self.inquiries.expect(order.id, now)
        self.errors.record(now, "venue", "outcome-unknown", f"{order.key}: {reason}", critical=False, counts=True)
        self.converge()

    def on_ended(self, order_id: str, event: str) -> None:
        """The order was cancelled or has expired (`event`)."""
        order = self.index.remove(order_id)
        if order is None:
            return
        self.inquiries.answered(order_id)
        now = self.orders.write(event, order)
        if order.status is not OrderStatus.CANCELLING and not self._is_idle(order):
            # Nobody here asked for it: the venue may hold less than is known, and the next try may end likewise.
            self._back_off.refused(order.key, now, grows=True)
            if order.key.role.reduces:
                self._roll_calls.begin(order.key.leg, now)
            self._ended_unasked(order, now)
        if not self._is_one_of_many(order):
            self._changed(order.key.leg, now)

    @abstractmethod
    def _ended_unasked(self, order: OrderRecord, now: int) -> None:
        """The venue has ended an order for which nobody here had asked; no pass has followed yet."""

    @abstractmethod
    def _is_one_of_many(self, order: OrderRecord) -> bool:
        """Whether the end of that order leaves a pass nothing to do before others have ended too."""

    def _is_idle(self, order: OrderRecord) -> bool:
        """Whether an exit's lot is closed, so that nothing will be tried again."""
        return order.key.role.reduces and order.lot is not None and self.lots.get(order.lot) is None

    def on_resized(self, order_id: str, qty: Decimal) -> None:
        """The venue has changed the order's quantity."""
        before = self.index.get(order_id)
        order = self.index.resized(order_id, qty)
        if before is not None and order is not None:
            if before.status is OrderStatus.RESIZING or order.open_qty <= 0:
                self.inquiries.answered(order_id)
            self._changed(order.key.leg, self.orders.write("updated", order))

    def on_request_refused(self, order_id: str, reason: str) -> None:
        """A cancel or resize was refused, mostly because the order has just ended: its own event is awaited first."""
        order = self.index.get(order_id)
        now = self._venue.now()
        if order is None or not self.inquiries.refused(order_id, now):
            return
        self.errors.record(now, "venue", "request-refused", f"{order.key}: {reason}", critical=False)
        self.converge()

    def on_fill(self, fill: Fill) -> None:
        """An order has filled, in part or to its end; a fill that was seen before changes nothing."""
        if self.books.has_seen(fill):
            return
        told = self.books.told(fill.order_id)
        now = self._venue.now()
        if told is None:
            self._on_outside_fill(fill, now)
            return
        leg = told.key.leg
        before = self.index.get(fill.order_id)
        order = None if before is None else msgspec.structs.replace(before, filled=before.filled + fill.qty)
        if told.key.role is Role.ENTRY and (before is None or not before.filled):
            self.risk.filled(told.key, now)
        step = self.ladders.step or fill.price * self.config.grid.step_bps / BPS
        try:
            self.books.book(told, order, fill, step, now, self._forget)
        finally:
            if self.books.has_seen(fill):
                with ExitStack() as whatever_fails:  # the last one first
                    whatever_fails.callback(self._changed, leg, now)
                    whatever_fails.callback(self._after_booking, told, fill, now)
                    whatever_fails.callback(self._write_fill, told, fill, now)
                    whatever_fails.callback(self._fill_order, fill)

    def _on_outside_fill(self, fill: Fill, now: int) -> None:
        """Somebody else has traded on the account: what it has closed of what is held here is booked, no more.

        That is by how much own books hold more than the venue does since then. What a stranger opens is not ours.
        """
        leg = fill.leg
        words = f"{fill.order_id}: {fill.side} {plain(fill.qty)} at {plain(fill.price)}"
        closed = ZERO
        if leg is not None and fill.side is leg.exit_side:
            closed = max(ZERO, min(fill.qty, self.lots.held(leg) - self._venue.position(leg)))
        if leg is None or not closed:
            self.books.note_seen(fill)
            self.errors.record(now, "fill", "foreign-order", f"{words}, not of this grid", critical=True)
            return
        fee = fill.fee if closed == fill.qty else (fill.fee * closed / fill.qty).quantize(COST_PRECISION)
        part = msgspec.structs.replace(fill, qty=closed, fee=fee)
        words += f": {plain(closed)} of the {leg} leg closed by others, booked"
        self._book_outside(leg, part, "closed-by-others", words, now)

    def write_off(self, leg: Leg) -> None:
        """Give up what own books hold of a leg, or owe it, that the venue has shown empty and that no trade explains.

        The price is an estimate, the middle of the market; the account's balance corrects it as a transfer. A debt is
        what was closed of somebody else's: it is settled at the price of closing, for its profit was never ours.
        """
        now, market, held = self._venue.now(), self._venue.market(), self.lots.held(leg)
        price = abs(self.lots.cost(leg) / held).quantize(COST_PRECISION) if market is None or held < 0 else market.mid
        side = leg.exit_side if held > 0 else leg.entry_side
        fill = Fill(
            order_id=f"{OUTSIDE}-{self.session}", trade_id=f"{UNTOLD}-{leg}-{now}", side=side, price=price,
            qty=abs(held), fee=ZERO, maker=False, leg=leg,
        )  # fmt: skip
        words = f"{leg}: the venue holds nothing and tells of no trade; {plain(held)} written off at {plain(price)}"
        self._book_outside(leg, fill, "written-off", words, now)

    def _book_outside(self, leg: Leg, fill: Fill, kind: str, words: str, now: int) -> None:
        told = self.books.outsider(leg)
        try:
            self.books.book(told, None, fill, ZERO, now, self._forget)
        finally:
            if self.books.has_seen(fill):
                with ExitStack() as whatever_fails:  # the last one first
                    whatever_fails.callback(self._changed, leg, now)
                    if fill.side is leg.exit_side:
                        whatever_fails.callback(self.closing_fill, leg, fill)
                    whatever_fails.callback(partial(self.errors.record, now, "fill", kind, words, critical=True))
                    whatever_fails.callback(self._write_fill, told, fill, now)

    def _fill_order(self, fill: Fill) -> None:
        order = self.index.filled(fill.order_id, fill.qty)
        if order is not None and order.open_qty <= 0:
            self.inquiries.answered(order.id)

    def _write_fill(self, told: OrderId, fill: Fill, now: int) -> None:
        role = told.key.role
        self._journal.write(
            "fill", now, id=fill.order_id, trade_id=fill.trade_id, leg=told.key.leg, role=role,
            lot=told.serial if role is Role.ENTRY else told.lot, side=fill.side, price=plain(fill.price),
            qty=plain(fill.qty), fee=plain(-fill.fee), liquidity="maker" if fill.maker else "taker",
        )  # fmt: skip

    def _after_booking(self, told: OrderId, fill: Fill, now: int) -> None:
        leg = told.key.leg
        self._back_off.succeeded(told.key)
        self.ladders.rested(told.key)
        self._emptied.end_on(leg, "filled again", now)
        if self.lots.held(leg) < 0:
            self._roll_calls.begin(leg, now)
        if told.key.role is Role.CLOSE and told.lot is None:
            self.closing_fill(leg, fill)

    def catch_up(self, report: VenueReport, missing: Decimal | None = None) -> None:
        """Take over what the venue has said of an order and no handler has heard; what is known changes nothing.

        `missing` bounds the quantity of the fills that are new, where they may be known by other trade ids.
        """
        known = self.index.get(report.id)
        if report.status is ReportStatus.REJECTED:
            # Only the venue's answer to a question ends an order whose outcome is unknown.
            answered = classify(report.reason) is Refusal.NEVER_ARRIVED
            if known is not None and (answered or known.status is not OrderStatus.UNKNOWN):
                self.on_refused(report.id, report.reason, event="rejected")
            return
        if report.status is not ReportStatus.IN_FLIGHT:
            self.on_accepted(report.id)
            self.on_resized(report.id, report.qty)
            self._free_request(report)
        if missing is None:
            missing = report.filled - (ZERO if known is None else known.filled)
        left = missing
        for fill in report.fills:
            if left > 0 and not self.books.has_seen(fill):
                qty = min(left, fill.qty)
                self.on_fill(fill if qty == fill.qty else msgspec.structs.replace(fill, qty=qty))
                left -= qty
        known = self.index.get(report.id)
        if known is not None and known.filled < report.filled:
            self.index.filled(report.id, report.filled - known.filled)  # booked, but not noted with the order
        if report.status in ENDINGS:
            self.on_ended(report.id, ENDINGS[report.status])

    def doubt(self) -> None:
        """An event may have been lost on its way through a handler: the next pass looks at every order again."""
        self._doubts = True

    def on_funding(self, leg: Leg, rate: Decimal, amount: Decimal) -> None:
        """A settlement has changed the wallet by `amount` for what `leg` held (quote; negative where it was paid)."""
        self._journal.write("funding", self._venue.now(), leg=leg, rate=plain(rate), amount=plain(amount))
        self.ledger.book_funding(amount)

    def on_transfer(self, amount: Decimal) -> None:
        """A deposit, or a withdrawal (negative), quote: neither profit nor loss."""
        self.ledger.transfer(amount)
        self.risk.drawdown.transfer(amount)
        wallet = plain(self.ledger.wallet)
        self.errors.write(self._venue.now(), "transfer", amount=plain(amount), wallet=wallet)

    def _forget(self, lot: Lot) -> None:
        """A closed lot leaves nothing behind, so that a pass costs what is held and not what ever was."""
        self._exits.pop(lot.number, None)
        for role in (Role.TP, Role.SL, Role.CLOSE):
            key = OrderKey(lot.leg, role, lot.number)
            self._back_off.succeeded(key)
            self.refusals.pop(key, None)

    def _changed(self, leg: Leg, now: int) -> None:
        self.changed_ns[leg] = now
        self.watch_cover(leg, now)
        self.converge()

    def watch_cover(self, leg: Leg, now: int) -> None:
        """Note what the leg holds and what of it is covered."""
        self.protection.update(leg, self.lots.held(leg), self.index.working_stop_qty(leg), now)
