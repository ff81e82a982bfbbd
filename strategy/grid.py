"""The hedge grid itself: one pass turns facts into orders. Knows no Nautilus."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Final, override

import msgspec

from strategy.admission import Admission
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
    plain,
)
from strategy.journal import JournalWriter
from strategy.ledger import Ledger
from strategy.lots import desired_exits, is_passed
from strategy.order_index import WORKING, OrderRecord, OrderStatus
from strategy.orders import Orders, Venue
from strategy.placement import entry_key, occupied
from strategy.reconcile import Action, Cancel, Submit, VenueRules, open_keys, reconcile_exits
from strategy.watch import MISMATCH_BOUND_NS, BareLots

CLOSE_BOUND_NS: Final = 2 * NS_PER_S
"""A market order that has not filled to its end by then hangs."""
JOURNAL_RETRY_NS: Final = NS_PER_S
"""While the journal cannot be written, entries wait and are judged again this often."""
ENDED_KEPT_NS: Final = 600 * NS_PER_S
"""For so long an order that has ended is kept and looked at again; later fills may be too old to be recognised."""
MAX_PASSES: Final = 4
"""Passes in one turn before the rest is left to the next."""


class HedgeGrid(Admission):
    """The passes that bring the live orders to the desired ones. Used on the engine's loop only."""

    def __init__(
        self,
        config: Config,
        journal: JournalWriter,
        venue: Venue,
        session: str,
        ledger: Ledger,
        rules: VenueRules = VenueRules(),  # noqa: B008 - a frozen value
    ) -> None:
        super().__init__(config, journal, venue, session, ledger, rules)
        self.frozen: frozenset[Leg] = frozenset()
        """Legs that a running flatten has in hand."""
        self.before_pass: Callable[[], int | None] = lambda: None
        """Runs before each pass; gives the time (ns) of its next deadline."""
        self._bare = BareLots(config.watchdog.escalate_after_ms * NS_PER_MS)
        self._unfinished = False
        self.orders = Orders(
            session,
            self.index,
            ledger,
            journal,
            venue,
            self._judge,
            self._on_unsent,
            self.inquiries,
            self.risk.budget,
            self._on_denied,
        )
        self._converging = False
        self._again = False

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
            self._look_at_every_order(now)
        self._ask(now)
        self._protection.look(self.lots.held, self.index.working_stop_qty, now)
        self._journal_watch.look(now)
        self.venue_watch.look(now)
        self._escalate(now)
        self.compare_books(now)
        self.orders.send_held_up()
        self._chase_closes(now)
        deadline = self.before_pass()
        self._reconcile(self.market, now)
        self._wake_for(deadline, now)

    def _look_at_every_order(self, now: int) -> None:
        """Take over what handlers have lost; one report that cannot be taken keeps none of the others."""
        for report in self._venue.reports(now - ENDED_KEPT_NS):
            try:
                self.catch_up(report)
            except Exception as error:  # noqa: BLE001 - recorded; the pass must go on to what is unprotected
                self.errors.record(
                    now, "report", type(error).__name__, f"{report.id}: {error}", critical=True, counts=True
                )

    def _escalate(self, now: int) -> None:
        """What has been bare of stops for too long is closed at market: nothing restores its protection."""
        exposed = [leg for leg in Leg if leg not in self.frozen and self.protection.since(leg) is not None]
        lots = (lot for lot in self._exit_lots() if lot.leg in exposed and not lot.breached)
        lost = self._bare.look(lots, self._working_stops, now)
        if lost:
            words = "; ".join(
                f"{lot.leg} lot {lot.number}: {lot.qty} had no stop in time, closed at market" for lot in lost
            )
            self.errors.record(now, "protection", "not-restored", words, critical=True)
            self.risk.on_critical(words)
        for lot in lost:
            self.lots.mark_breached(lot.number)

    def _working_stops(self, lot: Lot) -> Decimal:
        stops = self.index.at(OrderKey(lot.leg, Role.SL, lot.number))
        return sum((stop.open_qty for stop in stops if stop.acknowledged and stop.status in WORKING), ZERO)

    def _reconcile(self, market: Market | None, now: int) -> None:
        """Entries need a price; exits do not, and are not kept waiting for one."""
        if market is not None:
            self._mark_passed_stops(market)
        self.orders.do(self._exit_actions(now), self.ladders.step)
        if market is None:
            return
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
        dues += [self._bare.deadline(), self.venue_watch.deadline()]
        if self._journal_watch.fails:
            dues.append(now + JOURNAL_RETRY_NS)
        if Reason.MESSAGE_BUDGET in self.gaps.values() or self.orders.held_up:
            dues.append(self.risk.budget.next_free(now))
        if self._unfinished:
            budget = self.risk.budget
            dues.append(now if budget.has_room(now, entry=False) else budget.next_free(now))
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
            if order.status is OrderStatus.ACCEPTED and order.acknowledged:
                self.inquiries.answered(order_id)
            elif order.status is OrderStatus.SUBMITTED:
                self.index.mark(order_id, OrderStatus.UNKNOWN)
                self.orders.write("unknown", order, "no answer")
            elif order.status is not OrderStatus.UNKNOWN and order_id in due.refused:
                self.index.mark(order_id, OrderStatus.ACCEPTED if order.acknowledged else OrderStatus.UNKNOWN)
                if order.status is OrderStatus.RESIZING and not order.key.role.reduces:
                    self.orders.do([Cancel(order_id, "cannot be resized")], ZERO)
            self._put_question(order_id)
        for leg in self._roll_calls.take_due(now):
            self._call_roll(leg)
        for order_id in due.lost:
            order = self.index.get(order_id)
            if order is not None:
                words = f"{order_id}, {order.key}: the venue never said what became of it; its place stays taken"
                self.errors.record(now, "venue", "order-lost", words, critical=True, counts=True)

    def _put_question(self, order_id: str) -> None:
        try:
            try:
                known = self._venue.report(order_id)
                if known is not None:
                    self.catch_up(known)
            finally:
                self._venue.ask(order_id)
        except Exception as error:  # noqa: BLE001 - a question that cannot be put is put again later
            self._on_unsent(None, error)

    def ask_afresh(self) -> None:
        """An operator's act, or books that have come to differ, are worth new questions where asking had ended."""
        self.inquiries.renew(self._venue.now())
        self._roll_calls.renew()
        self._back_off.renew()

    def look_again(self) -> None:
        """Something may have happened at the venue that nobody was told: every order is looked at and asked about."""
        now = self._venue.now()
        self.ask_afresh()
        self.doubt()
        for leg in Leg:
            self._roll_calls.begin(leg, now)
        self.converge()

    @property
    def exits_stand(self) -> bool:
        """Whether take-profit and stop of every held lot work at the venue, as far as it has said.

        A lot that is owed a close at market has none; a leg that a flatten has in hand is its own affair.
        """
        lots = (lot for lot in self.lots if not lot.breached and lot.leg not in self.frozen)
        return all(self._works(lot, Role.TP) and self._works(lot, Role.SL) for lot in lots)

    def _works(self, lot: Lot, role: Role) -> bool:
        orders = self.index.at(OrderKey(lot.leg, role, lot.number))
        return lot.qty <= sum((order.open_qty for order in orders if order.status in WORKING), ZERO)

    def _call_roll(self, leg: Leg) -> None:
        """The venue sees the leg differently: ask it about everything that is open there, or was until a moment ago.

        A request that is on its way is left to its own question: the venue would deny what it gets a moment later.
        """
        on_its_way = (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN)
        is_open = [order.id for order in self.index if order.key.leg is leg and order.status not in on_its_way]
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
            if lot.breached or lot.leg in self.frozen or self._may_have_stop(lot):
                continue
            if is_passed(lot, market, self.config.grid, self.spec):
                self.lots.mark_breached(lot.number)

    def _may_have_stop(self, lot: Lot) -> bool:
        """Whether a stop is there or on its way; one that nobody has confirmed would have triggered by now."""
        stops = self.index.at(OrderKey(lot.leg, Role.SL, lot.number))
        return any(stop.status is not OrderStatus.UNKNOWN for stop in stops)

    def _exit_actions(self, now: int) -> list[Action]:
        desired = [order for lot in self._exit_lots() if lot.leg not in self.frozen for order in self._owed(lot)]
        surplus = self._comparison.surplus
        keys = [
            key
            for key in open_keys(self.index, (Role.SL, Role.TP, Role.CLOSE))
            # What the venue holds beyond the own books may be what an exit without a lot protects.
            if key.leg not in self.frozen and key.slot and surplus.get(key.leg, ZERO) <= 0
        ]
        actions = reconcile_exits(desired, keys, self.index, self._back_off.until, now, self.rules)
        return list(self._closing_no_more_than_held(actions))

    def _closing_no_more_than_held(self, actions: Iterable[Action]) -> Iterator[Action]:
        """A close whose outcome is not known yet may take what another lot holds: the next one waits for it."""
        room: dict[Leg, Decimal] = {}
        for action in actions:
            if not isinstance(action, Submit) or action.order.key.role is not Role.CLOSE:
                yield action
                continue
            leg = action.order.key.leg
            if leg not in room:
                under_way = sum((order.open_qty for order in self.index.closes(leg)), ZERO)
                room[leg] = self.lots.held(leg) - under_way
            qty = min(action.order.qty, room[leg])
            if qty > 0:
                room[leg] -= qty
                yield Submit(msgspec.structs.replace(action.order, qty=qty))

    def _owed(self, lot: Lot) -> tuple[DesiredOrder, ...]:
        """The lot's exits; worked out again only when the lot has changed."""
        known = self._exits.get(lot.number)
        if known is None or known[0] is not lot:
            known = self._exits[lot.number] = (lot, desired_exits(lot, self.config.grid, self.spec))
        return known[1]

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

    @override
    def _is_one_of_many(self, order: OrderRecord) -> bool:
        """A flatten of both legs goes on once the last of its entries has ended, or its patience with them."""
        return order.key.role is Role.ENTRY and self.frozen.issuperset(Leg) and self.index.count(Role.ENTRY) > 0

    def _enter(self, ladder: Ladder) -> None:
        if self.frozen.issuperset(Leg):  # a flatten takes every entry back itself
            self.ladders.gaps = {entry_key(rung): Reason.FLATTENING for leg in Leg for rung in ladder.side(leg)}
            self._unfinished = False
            return
        self._own_touch = self.index.own_touch()
        plan = self.ladders.plan(occupied(ladder, self.lots), self.index, self.market, self._judge)
        self._unfinished = plan.unfinished
        self.orders.do(plan.actions, ladder.step)
        self._write_denials()

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
        self.errors.record(now, "send", type(error).__name__, f"{key}: {error}", critical=True, counts=True)

    @property
    def is_exposed(self) -> bool:
        """Whether any leg holds more than its working stops cover, so that every market event counts."""
        return any(self.protection.since(leg) is not None for leg in Leg)

    def held_back_closes(self, now: int) -> frozenset[Leg]:
        """Legs whose close was refused a moment ago, so that the next try waits."""
        return frozenset(leg for leg in Leg if self._back_off.until.get(OrderKey(leg, Role.CLOSE, 0), 0) > now)
