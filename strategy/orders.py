"""The way out: an order is judged, indexed, journalled and sent, in this sequence and nowhere else."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Protocol

import msgspec

from strategy.books import VenueReport
from strategy.budget import MessageBudget
from strategy.domain import DesiredOrder, Leg, Market, OrderKey, Reason, Role, plain
from strategy.inquiry import Inquiries
from strategy.journal import JournalWriter
from strategy.ledger import Ledger
from strategy.order_ids import OrderId, format_id
from strategy.order_index import OrderIndex, OrderRecord, OrderStatus
from strategy.reconcile import Action, Cancel, Submit, SubmitPair


class Venue(Protocol):
    """What the grid asks of the world."""

    def now(self) -> int:
        """The engine's clock, ns UTC."""

    def market(self) -> Market | None:
        """The best prices now; None before the first."""

    def position(self, leg: Leg) -> Decimal:
        """The venue's word on what a leg holds; negative where it was over-closed."""

    def submit(self, order_id: str, order: DesiredOrder) -> None:
        """Send a new order."""

    def submit_pair(self, stop_id: str, stop: DesiredOrder, target_id: str, target: DesiredOrder) -> None:
        """Send a lot's stop and take-profit, linked where the venue can: both leave, or neither."""

    def knows(self, order_id: str) -> bool:
        """Whether an order whose sending raised has left all the same."""

    def cancel(self, order_id: str) -> None:
        """Ask for an order's cancellation."""

    def ask(self, order_id: str) -> None:
        """Ask the venue what became of an order; whatever was missed comes as ordinary events."""

    def report(self, order_id: str) -> VenueReport | None:
        """What the link to the venue knows of an order; None where it has never heard of it."""

    def reports(self, since: int = 0) -> Iterable[VenueReport]:
        """The same of every order that is open or has ended at `since` (ns) or later."""

    def adopt(self, order: OrderRecord) -> None:
        """Take an order of an earlier session, of which nobody knows whether it arrived, as one that was sent."""

    def resize(self, order_id: str, qty: Decimal) -> None:
        """Ask for another total quantity of an order."""

    def wake_at(self, ts: int) -> None:
        """Ask for a pass at that time (ns), or as soon as possible after it."""


class Orders:
    """Sends orders and keeps their index; used on the engine's loop only."""

    def __init__(
        self,
        session: str,
        index: OrderIndex,
        ledger: Ledger,
        journal: JournalWriter,
        venue: Venue,
        judge: Callable[[DesiredOrder], Reason | None],
        on_unsent: Callable[[OrderKey | None, Exception], None],
        inquiries: Inquiries,
        budget: MessageBudget,
        on_denied: Callable[[OrderKey, Reason], None],
    ) -> None:
        self._session = session
        self._index = index
        self._ledger = ledger
        self._journal = journal
        self._venue = venue
        self._judge = judge
        self._on_unsent = on_unsent
        self._inquiries = inquiries
        self._budget = budget
        self._on_denied = on_denied
        self._held_up: dict[str, str] = {}
        self.serial = 0
        """Of the order sent last; a restart goes on from the journal's."""

    @property
    def held_up(self) -> Mapping[str, str]:
        """Cancels that the message budget keeps back, by order id, with their reasons."""
        return self._held_up

    def send_held_up(self) -> None:
        """Try again what the message budget has kept back."""
        if self._held_up:
            waiting, self._held_up = self._held_up, {}
            self.do([Cancel(order_id, reason) for order_id, reason in waiting.items()], Decimal(0))

    def do(self, actions: Iterable[Action], step: Decimal) -> None:
        """Carry out actions, each whatever became of the one before; `step` is the ladder's, noted with each order.

        What would exceed the message budget waits: an entry's cancel is kept, all else is worked out anew by the next
        pass.
        """
        for action in actions:
            key: OrderKey | None = None
            if not self._budget.has_room(self._venue.now(), entry=False, messages=_messages(action)):
                self._hold_up(action)
                continue
            try:
                if isinstance(action, Submit):
                    key = action.order.key
                    self.submit(action.order, step)
                elif isinstance(action, SubmitPair):
                    key = action.stop.key
                    self._submit_pair(action.stop, action.target, step)
                elif isinstance(action, Cancel):
                    self.cancel(action.id, action.reason)
                else:
                    self._resize(action.id, action.qty, action.reason)
            except Exception as error:  # noqa: BLE001 - one order that cannot be sent must not keep a stop from another lot
                self._on_unsent(key, error)

    def _hold_up(self, action: Action) -> None:
        order = self._index.get(action.id) if isinstance(action, Cancel) else None
        if isinstance(action, Cancel) and order is not None and order.key.role is Role.ENTRY:
            self._held_up[action.id] = action.reason
        now = self._venue.now()
        self._venue.wake_at(self._budget.next_free(now) or now)

    def submit(self, order: DesiredOrder, step: Decimal) -> None:
        """Judge, index, journal and send an order; where the gate says no, it is only told why.

        Raises:
            Exception: Whatever kept it from being sent; the index is as it was.
        """
        reason = self._judge(order)
        if reason is not None:
            self._on_denied(order.key, reason)
            return
        record = self._record(order, step)
        with self._unless_unsent(record):
            self._announce(record)
            self._venue.submit(record.id, order)

    def _submit_pair(self, stop: DesiredOrder, target: DesiredOrder, step: Decimal) -> None:
        """Both reduce, so that the gate lets both pass."""
        first, second = self._record(stop, step), self._record(target, step)
        with self._unless_unsent(first, second):
            self._announce(first)
            self._announce(second)
            self._venue.submit_pair(first.id, stop, second.id, target)

    def _record(self, order: DesiredOrder, step: Decimal) -> OrderRecord:
        self.serial += 1
        return OrderRecord(
            id=format_id(OrderId(self._session, order.key, order.lot, self.serial)),
            key=order.key,
            side=order.side,
            price=order.price,
            qty=order.qty,
            lot=self.serial if order.key.role is Role.ENTRY else order.lot,
            step=step,
            sent_ns=self._venue.now(),
            aim=order.aim,
        )

    def _announce(self, record: OrderRecord) -> None:
        """Index and journal an order that is about to leave."""
        self._index.add(record)
        self.write("submit", record)
        self._budget.spend(record.sent_ns)
        self._ledger.submitted += 1
        self._inquiries.expect(record.id, record.sent_ns)

    @contextmanager
    def _unless_unsent(self, *records: OrderRecord) -> Iterator[None]:
        """Where sending fails, the orders were never there, apart from those that have left all the same."""
        try:
            yield
        except Exception:
            for record in records:
                if not self._venue.knows(record.id) and self._index.remove(record.id) is not None:
                    self._inquiries.answered(record.id)
                    self._ledger.denied += 1
                    self.write("denied", record, "could not be sent")
            raise

    def cancel(self, order_id: str, reason: str) -> None:
        """Journal and send a cancel; nothing happens where one is under way or the order has ended."""
        order = self._index.get(order_id)
        if order is None or order.status is OrderStatus.CANCELLING:
            return
        self._index.mark(order_id, OrderStatus.CANCELLING)
        try:
            now = self.write("cancel", order, reason)
            self._budget.spend(now)
            self._inquiries.expect(order_id, now)
            self._venue.cancel(order_id)
        except Exception:
            self._inquiries.refused(order_id, self._venue.now())
            raise

    def write(self, event: str, order: OrderRecord, reason: str | None = None) -> int:
        """Write one journal line on an order; gives its time, ns."""
        key = order.key
        now = self._venue.now()
        self._journal.write(
            "order",
            now,
            event=event,
            id=order.id,
            leg=key.leg,
            role=key.role,
            level=key.slot if key.role is Role.ENTRY else None,
            lot=order.lot,
            side=order.side,
            price=None if order.price is None else plain(order.price),
            qty=plain(order.qty),
            reason=reason,
            **({"step": plain(order.step)} if event == "submit" and key.role is Role.ENTRY else {}),
        )
        return now

    def _resize(self, order_id: str, qty: Decimal, reason: str) -> None:
        order = self._index.get(order_id)
        if order is None:
            return
        self._index.mark(order_id, OrderStatus.RESIZING)
        try:
            now = self.write("modify", msgspec.structs.replace(order, qty=qty), reason)
            self._budget.spend(now)
            self._inquiries.expect(order_id, now)
            self._venue.resize(order_id, qty)
        except Exception:
            self._inquiries.refused(order_id, self._venue.now())
            raise


def _messages(action: Action) -> int:
    return 2 if isinstance(action, SubmitPair) else 1
