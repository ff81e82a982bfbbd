"""Own books: what fills do to lots and money, each of them once."""

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum

import msgspec

from strategy.domain import Leg, Lot, OrderKey, Role, Side
from strategy.errors import ErrorLog
from strategy.ledger import Ledger
from strategy.lots import LotBook
from strategy.order_ids import OrderId, parse_id
from strategy.order_index import OrderRecord
from strategy.past import TRADES_REMEMBERED, Past


class ReportStatus(StrEnum):
    """Where an order stands at the venue."""

    IN_FLIGHT = "in-flight"
    """Sent, and not answered yet."""
    OPEN = "open"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"


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
    leg: Leg | None = None
    """The leg whose position it changed, where the venue says so; ids of own orders tell it too."""


class VenueReport(msgspec.Struct, frozen=True):
    """One order as the venue last showed it, whoever has heard of it."""

    id: str
    side: Side
    price: Decimal | None
    """Limit price, trigger price of a stop, None at market."""
    qty: Decimal
    filled: Decimal
    status: ReportStatus
    fills: tuple[Fill, ...] = ()
    """Oldest first."""
    reason: str = ""
    """The venue's words where it was rejected."""
    pending: bool = False
    """Whether a cancel or change has left and is not answered yet."""


class Books:
    """Lots and ledger; fills go in here and nowhere else."""

    def __init__(self, session: str, ledger: Ledger, errors: ErrorLog) -> None:
        self.lots = LotBook()
        self.ledger = ledger
        self._errors = errors
        self._own = session
        self._sessions = {session}
        self._seen: dict[tuple[str, str], None] = {}

    def go_on_from(self, past: Past) -> None:
        """Take over what earlier sessions held, earned and have seen."""
        self.lots = past.lots
        self.ledger.go_on_from(past.realised, past.fees, past.funding)
        self._sessions |= past.sessions
        self._seen = dict(past.trades)

    def know(self, session: str) -> None:
        """Book the fills of that session's orders from now on."""
        self._sessions.add(session)

    def told(self, order_id: str) -> OrderId | None:
        """What the id of an order says; None where neither this session nor one before it sent that order."""
        told = parse_id(order_id)
        return told if told is not None and told.session in self._sessions else None

    def has_seen(self, fill: Fill) -> bool:
        """Whether the fill is in the books already."""
        return (fill.order_id, fill.trade_id) in self._seen

    def note_seen(self, fill: Fill) -> None:
        """Take it for known from now on."""
        self._seen[fill.order_id, fill.trade_id] = None
        self._forget_oldest()

    def _forget_oldest(self) -> None:
        if len(self._seen) > TRADES_REMEMBERED:
            del self._seen[next(iter(self._seen))]

    def outsider(self, leg: Leg) -> OrderId:
        """Stands for the order of somebody else that has closed of the leg what is held here."""
        return OrderId(self._own, OrderKey(leg, Role.CLOSE, 0), None, 0)

    def book(
        self,
        told: OrderId,
        order: OrderRecord | None,
        fill: Fill,
        step: Decimal,
        now: int,
        forget: Callable[[Lot], None],
    ) -> None:
        """Let a fill change lots and money, once; `forget` takes each lot that it closes.

        From the moment at which the lots have changed it counts as seen, whatever fails after that.

        `step` (quote) serves an entry whose order is not known any more: its lot is measured from its own price.
        """
        role, leg = told.key.role, told.key.leg
        if role is Role.ENTRY:
            outcome = self.lots.enter(_lot_of(told, order, fill, step, now))
        else:
            outcome = self.lots.take(leg, told.lot, fill.side, fill.qty, fill.price)
        self._seen[fill.order_id, fill.trade_id] = None  # by no call, which could fail
        self._forget_oldest()
        if outcome.excess:
            words = f"{leg}: an exit filled {fill.qty}, {outcome.excess} more than the leg held"
            self._errors.record(now, "fill", "over-closed", words, critical=True)
        self.ledger.book_fill(outcome.realised, fill.fee, len(outcome.closed))
        for lot in outcome.closed:
            forget(lot)
        if order is not None and order.open_qty <= 0:
            self.ledger.by_role[role] += 1


def _lot_of(told: OrderId, order: OrderRecord | None, fill: Fill, step: Decimal, now: int) -> Lot:
    return Lot(
        number=told.serial,
        leg=told.key.leg,
        level=told.key.slot,
        anchor=fill.price if order is None or order.price is None else order.price,
        step=step if order is None or not order.step else order.step,
        qty=fill.qty,
        cost=fill.price * fill.qty,
        opened_ns=now,
    )
