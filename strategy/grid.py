"""The hedge grid itself: events update facts, one pass turns facts into orders. Knows no Nautilus."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from typing import Final

import msgspec

from strategy.books import Books, Fill, ReportStatus, VenueReport
from strategy.config import Config
from strategy.domain import (
    BPS,
    NS_PER_MS,
    NS_PER_S,
    ZERO,
    DesiredOrder,
    DoorState,
    Ladder,
    Leg,
    Lot,
    Market,
    OrderKey,
    Reason,
    Role,
    plain,
)
from strategy.errors import ErrorLog
from strategy.gate import judge
from strategy.inquiry import Inquiries, RollCalls
from strategy.journal import JournalWriter
from strategy.ladders import Ladders
from strategy.ledger import Ledger, ProtectionClock
from strategy.lots import LotBook, desired_exits, is_passed
from strategy.order_ids import OrderId
from strategy.order_index import OrderIndex, OrderRecord, OrderStatus
from strategy.orders import Orders, Venue
from strategy.placement import occupied
from strategy.reconcile import Action, Cancel, VenueRules, open_keys, reconcile_exits
from strategy.refusal import Refusal, classify
from strategy.retry import BackOff
from strategy.watch import MISMATCH_BOUND_NS, Alarm, BooksWatch, JournalWatch, ProtectionWatch

CLOSE_BOUND_NS: Final = 2 * NS_PER_S
"""A market order that has not filled to its end by then hangs."""
JOURNAL_RETRY_NS: Final = NS_PER_S
"""While the journal cannot be written, entries wait and are judged again this often."""
MAX_PASSES: Final = 4
"""Passes in one turn before the rest is left to the next."""
NO_DENIALS: Final = frozenset(
    {
        Reason.OCCUPIED, Reason.MOVING, Reason.QUEUED, Reason.SAME_PRICE, Reason.UNKNOWN_OUTCOME,
        Reason.REGIME, Reason.THROTTLED, Reason.FUNDING,
    }
)  # fmt: skip
"""Why a rung may be empty without the gate having said no."""


ENDINGS: Final = {
    ReportStatus.FILLED: "canceled",
    ReportStatus.CANCELED: "canceled",
    ReportStatus.EXPIRED: "expired",
}
"""The journal's word for an order that has ended without having filled, as far as the books know."""


class HedgeGrid:
    """Facts, and the passes that bring the live orders to the desired ones. Used on the engine's loop only."""

    def __init__(
        self,
        config: Config,
        journal: JournalWriter,
        venue: Venue,
        session: str,
        ledger: Ledger,
        rules: VenueRules = VenueRules(),  # noqa: B008 - a frozen value
    ) -> None:
        self.config = config
        self.spec = config.instrument.spec()
        self.session = session
        self.state = DoorState.RUNNING
        self.market: Market | None = None
        """As the latest pass saw it."""
        self.index = OrderIndex()
        self.errors = ErrorLog(journal)
        self.books = Books(session, ledger, self.errors)
        self.ladders = Ladders(config, self.spec)
        self.refusals: dict[OrderKey, str] = {}
        """The venue's own words on the last refusal, per key."""
        self.frozen: frozenset[Leg] = frozenset()
        """Legs that a running flatten has in hand."""
        self.closing_fill: Callable[[Leg, Fill], None] = lambda _leg, _fill: None
        self.before_pass: Callable[[], int | None] = lambda: None
        """Runs before each pass; gives the time (ns) of its next deadline."""
        self._journal = journal
        self._venue = venue
        self.rules = rules
        self._back_off = BackOff(config.execution)
        self.inquiries = Inquiries(config.execution)
        self._roll_calls = RollCalls(config.execution)
        bound = config.execution.attach_bound_ms * NS_PER_MS
        self._protection = ProtectionWatch(bound, journal, self.errors)
        self._comparison = BooksWatch(journal, self.errors)
        self._journal_watch = JournalWatch(journal, self.errors)
        self._emptied = Alarm("nothing-left", "venue", journal, self.errors)
        self._doubts = False
        self._denied: dict[OrderKey, Reason] = {}
        self._unfinished = False
        self.orders = Orders(session, self.index, ledger, journal, venue, self._judge, self._on_unsent, self.inquiries)
        self._converging = False
        self._again = False

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

    # -- facts ---------------------------------------------------------------------------------------------------

    def on_accepted(self, order_id: str) -> None:
        """The venue has the order."""
        before = self.index.get(order_id)
        order = self.index.accepted(order_id)
        if order is None or before is None:
            return
        if before.status in (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN):
            self.inquiries.answered(order_id)
        if order.key.role.reduces:
            self._back_off.passed(order.key)
        else:
            self._back_off.succeeded(order.key)
        self.refusals.pop(order.key, None)
        self.ladders.rested(order.key)
        leg, now = order.key.leg, self.orders.write("accepted", order)
        self.watch_cover(leg, now)
        self._free_request(order)
        if order.key.role.reduces and (self._protection.is_alarmed(leg) or not self._is_exact(order)):
            self.converge()

    def _free_request(self, order: OrderRecord) -> None:
        """A cancel or resize that never left, or came to a venue that did not have the order yet, may be repeated."""
        if order.status not in (OrderStatus.CANCELLING, OrderStatus.RESIZING):
            return
        known = self._venue.report(order.id)
        if known is not None and known.status is ReportStatus.OPEN and not known.pending:
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
        if meaning is Refusal.NEVER_ARRIVED:
            return
        self.refusals[key] = reason
        if meaning is Refusal.POST_ONLY and self.ladders.refused(key):
            return
        nothing_left = meaning is Refusal.NOTHING_LEFT and key.role.reduces
        most = self.config.execution.ask_attempts if nothing_left else None
        given_up = self._back_off.refused(key, now, grows=nothing_left or not key.role.reduces, most=most)
        if meaning is Refusal.POST_ONLY:
            return
        if nothing_left:
            self._roll_calls.begin(key.leg, now)
        if given_up:
            held = f"own books hold {self.lots.held(key.leg)}"
            self._emptied.raise_on(key.leg, f"the venue says that nothing is left to reduce; {held}", now)
        closes = event == "rejected" and key.role is Role.SL and self._is_hopeless(key.leg, meaning, now)
        if closes and order.lot is not None and self.lots.get(order.lot):
            self.lots.mark_breached(order.lot)
        critical = key.role.reduces and not closes and not nothing_left
        self.errors.record(now, "venue", f"order-{event}", f"{key}: {reason}", critical=critical)

    def _is_hopeless(self, leg: Leg, meaning: Refusal, now: int) -> bool:
        """Whether a rejected stop means that its lot is closed at market; a busy venue gets the attach bound."""
        if meaning is Refusal.BUSY:
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
        self.errors.record(now, "venue", "outcome-unknown", f"{order.key}: {reason}", critical=False)
        self.converge()

    def on_ended(self, order_id: str, event: str) -> None:
        """The order was cancelled or has expired (`event`)."""
        order = self.index.remove(order_id)
        if order is None:
            return
        self.inquiries.answered(order_id)
        now = self.orders.write(event, order)
        unasked = order.status is not OrderStatus.CANCELLING
        if unasked and order.lot is not None and order.key.role.reduces and self.lots.get(order.lot) is not None:
            # Nobody here asked for it: the venue may hold less than is known, and the next try may end likewise.
            self._back_off.refused(order.key, now, grows=True)
            self._roll_calls.begin(order.key.leg, now)
        self._changed(order.key.leg, now)

    def on_resized(self, order_id: str, qty: Decimal) -> None:
        """The venue has changed the order's quantity."""
        order = self.index.resized(order_id, qty)
        if order is not None:
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
            self.errors.record(now, "fill", "foreign-order", f"{fill.order_id} filled {fill.qty}", critical=True)
            return
        leg = told.key.leg
        before = self.index.get(fill.order_id)
        order = None if before is None else msgspec.structs.replace(before, filled=before.filled + fill.qty)
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
            if known is not None and known.status is not OrderStatus.UNKNOWN:
                self.on_refused(report.id, report.reason, event="rejected")
            return
        if report.status is not ReportStatus.IN_FLIGHT:
            self.on_accepted(report.id)
            self.on_resized(report.id, report.qty)
        left = report.filled if missing is None else missing
        for fill in report.fills:
            if left > 0 and not self.books.has_seen(fill):
                qty = min(left, fill.qty)
                self.on_fill(fill if qty == fill.qty else msgspec.structs.replace(fill, qty=qty))
                left -= qty
        known = self.index.get(report.id)
        if known is not None and known.filled < report.filled and missing is None:
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

    def _forget(self, lot: Lot) -> None:
        """A closed lot leaves nothing behind, so that a pass costs what is held and not what ever was."""
        for role in (Role.TP, Role.SL, Role.CLOSE):
            key = OrderKey(lot.leg, role, lot.number)
            self._back_off.succeeded(key)
            self.refusals.pop(key, None)

    def _changed(self, leg: Leg, now: int) -> None:
        self.watch_cover(leg, now)
        self.converge()

    def watch_cover(self, leg: Leg, now: int) -> None:
        """Note what the leg holds and what of it is covered."""
        self.protection.update(leg, self.lots.held(leg), self.index.working_stop_qty(leg), now)

    # -- passes --------------------------------------------------------------------------------------------------

    def converge(self) -> None:
        """Bring live orders to desired ones; a call from within a pass asks for one more."""
        self._again = True
        if self._converging:
            return
        self._converging = True
        try:
            for _ in range(MAX_PASSES):
                self._again = False
                self._pass()
                if not self._again:
                    return
            self._venue.wake_at(self._venue.now())
        finally:
            self._converging = False

    @contextmanager
    def passes_held(self) -> Iterator[None]:
        """Let facts change without a pass in between: nothing is sent before all of them are known."""
        self._converging = True
        try:
            yield
        finally:
            self._converging = False

    def _pass(self) -> None:
        now = self._venue.now()
        self.market = self._venue.market()
        if self._doubts:
            self._doubts = False
            for report in self._venue.reports():
                self.catch_up(report)
        self._ask(now)
        self._protection.look(self.lots.held, self.index.working_stop_qty, now)
        self._journal_watch.look(now)
        self.compare_books(now)
        self._chase_closes(now)
        deadline = self.before_pass()
        if self.market is not None:
            self._reconcile(self.market, now)
        self._wake_for(deadline, now)

    def _reconcile(self, market: Market, now: int) -> None:
        self._mark_passed_stops(market)
        self.orders.do(self._exit_actions(now), self.ladders.step)
        if self.state is DoorState.RUNNING and self.ladders.needs_recentre(market):
            self._recentre(market, now)
        if self.ladder is not None:
            self._enter(self.ladder)

    def _recentre(self, market: Market, now: int) -> None:
        ladder = self.ladders.centre_on(market.mid)
        self._journal.write("ladder", now, centre=plain(ladder.centre), step=plain(ladder.step))

    def _wake_for(self, deadline: int | None, now: int) -> None:
        """Ask for a pass at the next time at which one would find something to do without an event."""
        dues = [deadline, self._back_off.next_due(now), self.inquiries.next_due(), self._roll_calls.next_due()]
        dues += [*self._protection.deadlines(), *self._comparison.deadlines()]
        closes = (order for leg in Leg for order in self.index.closes(leg))
        dues += [order.sent_ns + CLOSE_BOUND_NS for order in closes if order.sent_ns + CLOSE_BOUND_NS > now]
        if self._journal_watch.fails:
            dues.append(now + JOURNAL_RETRY_NS)
        if self._unfinished:
            dues.append(now)
        due = min((due for due in dues if due is not None), default=None)
        if due is not None:
            self._venue.wake_at(due)

    def _ask(self, now: int) -> None:
        """Ask the venue about requests that it has not answered; a refused one may be repeated from now on."""
        due = self.inquiries.take_due(now)
        for order_id in due.ask:
            order = self.index.get(order_id)
            if order is None:
                self.inquiries.answered(order_id)
                continue
            if order.status is OrderStatus.ACCEPTED:
                self.inquiries.answered(order_id)
            elif order.status is OrderStatus.SUBMITTED:
                self.index.mark(order_id, OrderStatus.UNKNOWN)
                self.orders.write("unknown", order, "no answer")
            elif order.status is not OrderStatus.UNKNOWN and order_id in due.refused:
                self.index.mark(order_id, OrderStatus.ACCEPTED)
                if order.status is OrderStatus.RESIZING and not order.key.role.reduces:
                    self.orders.do([Cancel(order_id, "cannot be resized")], ZERO)
            else:
                self._free_request(order)
            self._put_question(order_id)
        for leg in self._roll_calls.take_due(now):
            self._call_roll(leg)
        for order_id in due.lost:
            order = self.index.get(order_id)
            if order is not None:
                words = f"{order_id}, {order.key}: the venue never said what became of it; its place stays taken"
                self.errors.record(now, "venue", "order-lost", words, critical=True)

    def _put_question(self, order_id: str) -> None:
        try:
            known = self._venue.report(order_id)
            if known is not None:
                self.catch_up(known)
            self._venue.ask(order_id)
        except Exception as error:  # noqa: BLE001 - a question that cannot be put is put again later
            self._on_unsent(None, error)

    def ask_afresh(self) -> None:
        """An operator's act, or books that have come to differ, are worth new questions where asking had ended."""
        self.inquiries.renew(self._venue.now())
        self._roll_calls.renew()
        self._back_off.renew()

    def _call_roll(self, leg: Leg) -> None:
        """The venue sees the leg differently: ask it about everything that is open there, or was until a moment ago."""
        is_open = [order.id for order in self.index if order.key.leg is leg]
        for order_id in (*is_open, *self.index.ended(leg)):
            self._put_question(order_id)

    def _chase_closes(self, now: int) -> None:
        """A close that does not come to its end is cancelled, so that what is left is closed by another."""
        late = [
            Cancel(order.id, "close hangs")
            for leg in Leg
            for order in self.index.closes(leg)
            if now - order.sent_ns >= CLOSE_BOUND_NS and order.status is not OrderStatus.UNKNOWN
        ]
        self.orders.do(late, ZERO)

    def _mark_passed_stops(self, market: Market) -> None:
        for lot in tuple(self.lots):
            unstopped = not lot.breached and not self.index.has(OrderKey(lot.leg, Role.SL, lot.number))
            if unstopped and lot.leg not in self.frozen and is_passed(lot, market, self.config.grid, self.spec):
                self.lots.mark_breached(lot.number)

    def _exit_actions(self, now: int) -> list[Action]:
        desired = [
            order
            for lot in self._exit_lots()
            if lot.leg not in self.frozen
            for order in desired_exits(lot, self.config.grid, self.spec)
        ]
        surplus = self._comparison.surplus
        keys = [
            key
            for key in open_keys(self.index, (Role.SL, Role.TP, Role.CLOSE))
            # What the venue holds beyond the own books may be what an exit without a lot protects.
            if key.leg not in self.frozen and key.slot and surplus.get(key.leg, ZERO) <= 0
        ]
        return reconcile_exits(desired, keys, self.index, self._back_off.until, now, self.rules)

    def _exit_lots(self) -> Iterator[Lot]:
        """Every lot; where the venue holds less than the books say, the newest get no exits for what is not there."""
        lacking = {leg: -surplus for leg, surplus in self._comparison.surplus.items() if surplus < 0}
        if not lacking:
            yield from self.lots
            return
        for lot in reversed(tuple(self.lots)):
            missing = min(lacking.get(lot.leg, ZERO), lot.qty)
            if missing:
                lacking[lot.leg] -= missing
            if lot.qty > missing:
                yield msgspec.structs.replace(lot, qty=lot.qty - missing)

    def _enter(self, ladder: Ladder) -> None:
        plan = self.ladders.plan(occupied(ladder, self.lots), self.index, self.market, self._judge)
        self._unfinished = plan.unfinished
        self._write_denials()
        self.orders.do(plan.actions, ladder.step)

    def _judge(self, order: DesiredOrder) -> Reason | None:
        now = self._venue.now()
        return judge(order, self.state, self.market, self.spec, self._back_off.until, now, shut=self._shut())

    def _shut(self) -> Reason | None:
        """Why no entry at all may leave."""
        if self._journal_watch.fails:
            return Reason.JOURNAL_FAILING
        if self._comparison.disagree or self._emptied.raised:
            return Reason.UNRECONCILED
        if self.config.regime.require_warm and not self.ladders.reading.is_warm:
            return Reason.WARMING
        return None if self._has_room() else Reason.ORDER_LIMIT

    def _has_room(self) -> bool:
        """Whether one more entry, once it has filled in as many pieces as it may, keeps the venue's limits."""
        index, pieces = self.index, self.rules.most_pieces or 1
        entries, lots = index.count(Role.ENTRY) + 1, len(self.lots)
        stops = max(index.count(Role.SL), lots) + pieces * entries
        plain_orders = entries + max(index.count(Role.TP), lots) + pieces * entries
        return stops <= self.spec.max_stop_orders and plain_orders <= self.spec.max_open_orders

    @property
    def books_differ(self) -> bool:
        """Whether venue and own books do not show the same on some leg, or did when last looked at."""
        return self._comparison.differ or any(self._venue.position(leg) != self.lots.held(leg) for leg in Leg)

    def compare_books(self, now: int, bound_ns: int = MISMATCH_BOUND_NS) -> None:
        """A difference that stays for the bound is an alarm and shuts the gate; it is never mended by opening."""
        venue = {leg: self._venue.position(leg) for leg in Leg}
        own = {leg: self.lots.held(leg) for leg in Leg}
        if self._comparison.look(venue, own, now, bound_ns=bound_ns):
            self.ask_afresh()
            self.doubt()
            self._again = True
            for leg in self._comparison.surplus:
                self._roll_calls.begin(leg, now)

    def _on_unsent(self, key: OrderKey | None, error: Exception) -> None:
        """An order or a request could not be sent: the rest of the pass goes on, this one waits and is tried again."""
        now = self._venue.now()
        if key is not None:
            self._back_off.refused(key, now, grows=not key.role.reduces)
        else:
            self._venue.wake_at(now + self.config.execution.retry_first_ms * NS_PER_MS)
        self.errors.record(now, "send", type(error).__name__, f"{key}: {error}", critical=True)

    def _write_denials(self) -> None:
        denied = {key: reason for key, reason in self.gaps.items() if reason not in NO_DENIALS}
        for key, reason in denied.items():
            if self._denied.get(key) is not reason:
                self._journal.write(
                    "gate", self._venue.now(), leg=key.leg, role=key.role, level=key.slot, reason=reason
                )
        self._denied = denied

    @property
    def is_exposed(self) -> bool:
        """Whether any leg holds more than its working stops cover, so that every market event counts."""
        return any(self.protection.since(leg) is not None for leg in Leg)

    def held_back_closes(self, now: int) -> frozenset[Leg]:
        """Legs whose close was refused a moment ago, so that the next try waits."""
        return frozenset(leg for leg in Leg if self._back_off.until.get(OrderKey(leg, Role.CLOSE, 0), 0) > now)
