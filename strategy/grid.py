"""The hedge grid itself: events update facts, one pass turns facts into orders. Knows no Nautilus."""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from strategy.config import Config
from strategy.domain import (
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
    Side,
    plain,
)
from strategy.errors import ErrorLog
from strategy.gate import judge
from strategy.journal import JournalWriter
from strategy.ladder import build_ladder, needs_recentre
from strategy.ledger import Ledger, ProtectionClock
from strategy.lots import LotBook, OverClosedError, desired_exits, is_passed
from strategy.order_ids import OrderId, parse_id
from strategy.order_index import OrderIndex, OrderRecord, OrderStatus
from strategy.orders import Orders, Venue
from strategy.placement import occupied
from strategy.reconcile import Action, Cancel, open_keys, reconcile_entries, reconcile_exits
from strategy.retry import BackOff

MISMATCH_BOUND_NS: Final = NS_PER_S
"""Venue and own books may differ for so long, while events are on their way."""
CLOSE_BOUND_NS: Final = 2 * NS_PER_S
"""A market order that has not filled to its end by then hangs."""
JOURNAL_RETRY_NS: Final = NS_PER_S
"""While the journal cannot be written, entries wait and are judged again this often."""
MAX_PASSES: Final = 4
"""Passes in one turn before the rest is left to the next."""
FILLS_REMEMBERED: Final = 50_000
"""Trade ids kept to recognise a fill that comes twice."""
GATE_REASONS: Final = frozenset(Reason) - {Reason.OCCUPIED, Reason.MOVING, Reason.QUEUED, Reason.SAME_PRICE}


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One execution as the venue reports it."""

    order_id: str
    trade_id: str
    side: Side
    price: Decimal
    qty: Decimal
    fee: Decimal
    """Cost in quote currency; negative for a rebate."""
    maker: bool


class HedgeGrid:
    """Facts, and the passes that bring the live orders to the desired ones. Used on the engine's loop only."""

    def __init__(self, config: Config, journal: JournalWriter, venue: Venue, session: str, ledger: Ledger) -> None:
        self.config = config
        self.spec = config.instrument.spec()
        self.session = session
        self.state = DoorState.RUNNING
        self.market: Market | None = None
        """As the latest pass saw it."""
        self.ladder: Ladder | None = None
        self.lots = LotBook()
        self.index = OrderIndex()
        self.ledger = ledger
        self.protection = ProtectionClock()
        self.errors = ErrorLog(journal)
        self.gaps: dict[OrderKey, Reason] = {}
        self.refusals: dict[OrderKey, str] = {}
        """The venue's own words on the last refusal, per key."""
        self.frozen: frozenset[Leg] = frozenset()
        """Legs that a running flatten has in hand."""
        self.closing_fill: Callable[[Leg, Fill], None] = lambda _leg, _fill: None
        self.before_pass: Callable[[], int | None] = lambda: None
        """Runs before each pass; gives the time (ns) of its next deadline."""
        self._journal = journal
        self._venue = venue
        self._back_off = BackOff(config.execution)
        self._unanswered: dict[str, int] = {}
        """Orders whose cancel or resize was refused, and when to ask again."""
        self._alarmed: set[Leg] = set()
        self._journal_failed = False
        self._differs_since: dict[Leg, int] = {}
        self._disagreed: set[Leg] = set()
        self._denied: dict[OrderKey, Reason] = {}
        self._seen: dict[tuple[str, str], None] = {}
        self.orders = Orders(session, self.index, ledger, journal, venue, self._judge, self._on_unsent)
        self._converging = False
        self._again = False

    # -- facts ---------------------------------------------------------------------------------------------------

    def on_accepted(self, order_id: str) -> None:
        """The venue has the order."""
        order = self.index.accepted(order_id)
        if order is None:
            return
        self._back_off.succeeded(order.key)
        self.refusals.pop(order.key, None)
        leg, now = order.key.leg, self.orders.write("accepted", order)
        self._watch_cover(leg, now)
        lot = None if order.lot is None else self.lots.get(order.lot)
        if order.key.role.reduces and (leg in self._alarmed or lot is None or lot.qty != order.open_qty):
            self.converge()

    def on_refused(self, order_id: str, reason: str, *, event: str, post_only: bool = False) -> None:
        """The venue rejected the order, or Nautilus's risk engine denied it (`event`)."""
        order = self.index.remove(order_id)
        if order is None:
            return
        if event == "denied":
            self.ledger.denied += 1
        else:
            self.ledger.rejected += 1
        now = self.orders.write(event, order, reason)
        self._back_off.refused(order.key, now)
        self.refusals[order.key] = reason
        passed = event == "rejected" and order.key.role is Role.SL
        if passed and order.lot is not None and self.lots.get(order.lot):
            self.lots.mark_breached(order.lot)
        if not post_only:
            critical = order.key.role.reduces and not passed  # a passed stop is closed at once
            self.errors.record(now, "venue", f"order-{event}", f"{order.key}: {reason}", critical=critical)
        self._changed(order.key.leg, now)

    def on_ended(self, order_id: str, event: str) -> None:
        """The order was cancelled or has expired (`event`)."""
        order = self.index.remove(order_id)
        if order is None:
            return
        self._unanswered.pop(order_id, None)
        self._changed(order.key.leg, self.orders.write(event, order))

    def on_resized(self, order_id: str, qty: Decimal) -> None:
        """The venue has changed the order's quantity."""
        order = self.index.resized(order_id, qty)
        if order is not None:
            self._changed(order.key.leg, self.orders.write("updated", order))

    def on_request_refused(self, order_id: str, reason: str) -> None:
        """A cancel or resize was refused, mostly because the order has just ended: its own event is awaited first."""
        order = self.index.get(order_id)
        if order is None or order_id in self._unanswered:
            return
        now = self._venue.now()
        self._unanswered[order_id] = now + self.config.execution.retry_first_ms * NS_PER_MS
        self.errors.record(now, "venue", "request-refused", f"{order.key}: {reason}", critical=False)
        self.converge()

    def on_fill(self, fill: Fill) -> None:
        """An order has filled, in part or to its end; a fill that was seen before changes nothing."""
        identity = (fill.order_id, fill.trade_id)
        if identity in self._seen:
            return
        told = parse_id(fill.order_id)
        now = self._venue.now()
        if told is None or told.session != self.session:
            self.errors.record(now, "fill", "foreign-order", f"{fill.order_id} filled {fill.qty}", critical=True)
            return
        self._seen[identity] = None
        if len(self._seen) > FILLS_REMEMBERED:
            del self._seen[next(iter(self._seen))]
        leg, role = told.key.leg, told.key.role
        order = self.index.filled(fill.order_id, fill.qty)
        try:
            self._journal.write(
                "fill", now, id=fill.order_id, trade_id=fill.trade_id, leg=leg, role=role,
                lot=told.serial if role is Role.ENTRY else told.lot, side=fill.side, price=plain(fill.price),
                qty=plain(fill.qty), fee=plain(-fill.fee), liquidity="maker" if fill.maker else "taker",
            )  # fmt: skip
        finally:
            self._book(told, order, fill, now)
            self._changed(leg, now)

    def _book(self, told: OrderId, order: OrderRecord | None, fill: Fill, now: int) -> None:
        """What a fill does to lots and money, whatever became of its line."""
        leg, role = told.key.leg, told.key.role
        realised, closed = ZERO, 0
        if role is Role.ENTRY:
            self.lots.enter(self._lot_of(told, order, fill, now))
        else:
            realised, closed = self._reduce(told, fill, now)
        self.ledger.book_fill(realised, fill.fee, closed)
        self._back_off.succeeded(told.key)
        if order is not None and order.open_qty <= 0:
            self.ledger.by_role[role] += 1
            self._unanswered.pop(order.id, None)
        if role is Role.CLOSE and told.lot is None:
            self.closing_fill(leg, fill)

    def _lot_of(self, told: OrderId, order: OrderRecord | None, fill: Fill, now: int) -> Lot:
        """The lot that an entry's fill opens; one that comes after the order's end is measured from its own price."""
        step = self.ladder.step if self.ladder is not None else fill.price * self.config.grid.step_bps / 10_000
        return Lot(
            number=told.serial,
            leg=told.key.leg,
            level=told.key.slot,
            anchor=fill.price if order is None or order.price is None else order.price,
            step=step if order is None else order.step,
            qty=fill.qty,
            cost=fill.price * fill.qty,
            opened_ns=now,
        )

    def _reduce(self, told: OrderId, fill: Fill, now: int) -> tuple[Decimal, int]:
        leg = told.key.leg
        before = self.lots.of(leg)
        try:
            realised, closed = self.lots.reduce(leg, told.lot, fill.qty, fill.price)
        except OverClosedError as error:
            self.errors.record(now, "fill", "over-closed", str(error), critical=True)
            realised, closed = error.realised, error.closed
        for lot in before if closed else ():
            if self.lots.get(lot.number) is None:
                self._forget(lot)
        return realised, closed

    def _forget(self, lot: Lot) -> None:
        """A closed lot leaves nothing behind, so that a pass costs what is held and not what ever was."""
        for role in (Role.TP, Role.SL, Role.CLOSE):
            key = OrderKey(lot.leg, role, lot.number)
            self._back_off.succeeded(key)
            self.refusals.pop(key, None)

    def _changed(self, leg: Leg, now: int) -> None:
        self._watch_cover(leg, now)
        self.converge()

    def _watch_cover(self, leg: Leg, now: int) -> None:
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

    def _pass(self) -> None:
        now = self._venue.now()
        self.market = self._venue.market()
        self._ask_again(now)
        self._watch_protection(now)
        self._watch_journal(now)
        self._watch_books(now)
        self._chase_closes(now)
        deadline = self.before_pass()
        if self.market is not None:
            self._reconcile(self.market, now)
        self._wake_for(deadline, now)

    def _reconcile(self, market: Market, now: int) -> None:
        self._mark_passed_stops(market)
        self.orders.do(self._exit_actions(now), self._step())
        if self.state is DoorState.RUNNING:
            grid = self.config.grid
            if self.ladder is None or needs_recentre(self.ladder, market, grid):
                self.ladder = build_ladder(market.mid, grid, self.spec)
        if self.ladder is not None:
            self._enter(self.ladder)

    def _wake_for(self, deadline: int | None, now: int) -> None:
        """Ask for a pass at the next time at which one would find something to do without an event."""
        bound = self.config.execution.attach_bound_ms * NS_PER_MS
        naked = (self.protection.since(leg) for leg in Leg if leg not in self._alarmed)
        dues = [deadline, self._back_off.next_due(now), *self._unanswered.values()]
        dues += [since + bound for since in naked if since is not None]
        closes = (order for leg in Leg for order in self.index.closes(leg))
        dues += [order.sent_ns + CLOSE_BOUND_NS for order in closes if order.sent_ns + CLOSE_BOUND_NS > now]
        dues += [since + MISMATCH_BOUND_NS for leg, since in self._differs_since.items() if leg not in self._disagreed]
        if self._journal.failure:
            dues.append(now + JOURNAL_RETRY_NS)
        if Reason.QUEUED in self.gaps.values():
            dues.append(now)
        due = min((due for due in dues if due is not None), default=None)
        if due is not None:
            self._venue.wake_at(due)

    def _ask_again(self, now: int) -> None:
        for order_id, due in tuple(self._unanswered.items()):
            if due <= now:
                del self._unanswered[order_id]
                self.index.mark(order_id, OrderStatus.ACCEPTED)

    def _chase_closes(self, now: int) -> None:
        """A close that does not come to its end is cancelled, so that what is left is closed by another."""
        late = [
            Cancel(order.id, "close hangs")
            for leg in Leg
            for order in self.index.closes(leg)
            if now - order.sent_ns >= CLOSE_BOUND_NS
        ]
        self.orders.do(late, ZERO)

    def _watch_protection(self, now: int) -> None:
        bound = self.config.execution.attach_bound_ms * NS_PER_MS
        for leg in Leg:
            since = self.protection.since(leg)
            late = since is not None and now - since >= bound
            if late and leg not in self._alarmed:
                self._alarmed.add(leg)
                detail = f"{self.lots.held(leg)} held, {self.index.working_stop_qty(leg)} covered by stops"
                self._journal.write("alarm", now, name="unprotected", leg=leg, raised=True, detail=detail)
                self.errors.record(now, "protection", "unprotected", f"{leg}: {detail}", critical=True)
            elif since is None and leg in self._alarmed:
                self._alarmed.discard(leg)
                self._journal.write("alarm", now, name="unprotected", leg=leg, raised=False, detail="covered again")

    def _mark_passed_stops(self, market: Market) -> None:
        for lot in tuple(self.lots):
            unstopped = not lot.breached and not self.index.has(OrderKey(lot.leg, Role.SL, lot.number))
            if unstopped and lot.leg not in self.frozen and is_passed(lot, market, self.config.grid, self.spec):
                self.lots.mark_breached(lot.number)

    def _exit_actions(self, now: int) -> list[Action]:
        desired = [
            order
            for lot in self.lots
            if lot.leg not in self.frozen
            for order in desired_exits(lot, self.config.grid, self.spec)
        ]
        keys = [
            key
            for key in open_keys(self.index, (Role.SL, Role.TP, Role.CLOSE))
            if key.leg not in self.frozen and key.slot
        ]
        return reconcile_exits(desired, keys, self.index, self._back_off.until, now)

    def _enter(self, ladder: Ladder) -> None:
        actions, self.gaps = reconcile_entries(
            ladder,
            occupied(ladder, self.lots),
            self.index,
            self._judge,
            self.config.execution.orders_per_turn,
        )
        self._write_denials()
        self.orders.do(actions, ladder.step)

    def _step(self) -> Decimal:
        return ZERO if self.ladder is None else self.ladder.step

    def _judge(self, order: DesiredOrder) -> Reason | None:
        now = self._venue.now()
        return judge(order, self.state, self.market, self.spec, self._back_off.until, now, shut=self._shut())

    def _shut(self) -> Reason | None:
        if self._journal.failure:
            return Reason.JOURNAL_FAILING
        return Reason.UNRECONCILED if self._disagreed else None

    @property
    def books_differ(self) -> bool:
        """Whether venue and own books do not show the same on some leg, or did when last looked at."""
        return bool(self._differs_since) or any(self._venue.position(leg) != self.lots.held(leg) for leg in Leg)

    def _watch_books(self, now: int) -> None:
        """A difference that stays is an alarm and shuts the gate for entries; it is never mended by opening."""
        for leg in Leg:
            venue, own = self._venue.position(leg), self.lots.held(leg)
            if venue == own:
                self._differs_since.pop(leg, None)
                if leg in self._disagreed:
                    self._disagreed.discard(leg)
                    self._journal.write(
                        "alarm", now, name="mismatch", leg=leg, raised=False, detail="books agree again"
                    )
                continue
            since = self._differs_since.setdefault(leg, now)
            if now - since >= MISMATCH_BOUND_NS and leg not in self._disagreed:
                self._disagreed.add(leg)
                detail = f"the venue holds {venue}, own books {own}"
                self._journal.write("alarm", now, name="mismatch", leg=leg, raised=True, detail=detail)
                self.errors.record(now, "books", "mismatch", f"{leg}: {detail}", critical=True)

    def _watch_journal(self, now: int) -> None:
        """Say once when the journal fails; the line itself waits with the others."""
        failing = bool(self._journal.failure)
        if failing and not self._journal_failed:
            words = f"{self._journal.failure}: entries wait, exits go on; lines are kept in memory until it takes them"
            self.errors.record(now, "journal", "not-written", words, critical=True)
        self._journal_failed = failing

    def _on_unsent(self, key: OrderKey | None, error: Exception) -> None:
        """An order or a request could not be sent: the rest of the pass goes on, this one waits and is tried again."""
        now = self._venue.now()
        if key is not None:
            self._back_off.refused(key, now)
        else:
            self._venue.wake_at(now + self.config.execution.retry_first_ms * NS_PER_MS)
        self.errors.record(now, "send", type(error).__name__, f"{key}: {error}", critical=True)

    def _write_denials(self) -> None:
        denied = {key: reason for key, reason in self.gaps.items() if reason in GATE_REASONS}
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
