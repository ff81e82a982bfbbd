"""Holds the invariants after every event: against the venue's truth and the journal, never the strategy's own word.

What leaves is looked at in `sends` and `limits`, cover and books in `cover`, acts and alarms in `acts`, what is latched
in `latches`, equity and losses in `money`, the snapshot in `pictures`, the end in `rest`. Where an invariant must allow
for what the strategy cannot know yet, the allowance is what the client has told: `told` is the venue as it would look
to a perfect listener. Each allowance says why it is there.
"""

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from strategy.config import Config
from strategy.snapshot import Snapshot
from tests.simulation.acts import ActCheck
from tests.simulation.cover import CoverCheck
from tests.simulation.latches import DURABLE, LatchCheck
from tests.simulation.limits import LimitCheck
from tests.simulation.money import MoneyCheck
from tests.simulation.pictures import PictureCheck
from tests.simulation.record import LEGS, Record
from tests.simulation.rest import RestCheck
from tests.simulation.sends import SendCheck
from tests.simulation.told import ZERO, Told
from tests.venue.core import Request, Trade
from tests.venue.link import Link

AFTER_ERROR_NS = 600_000_000
"""A pass that failed is tried again after half a second."""


class BrokenInvariantError(AssertionError):
    """The number of the invariant that does not hold, and how."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"invariant {number}: {what}")
        self.number = number
        self.what = what

    def __reduce__(self) -> tuple[Any, ...]:
        return BrokenInvariantError, (self.number, self.what)


class Checker:
    """Raises the number of what is broken; `broken` keeps the first, for whatever contains exceptions on its way."""

    def __init__(
        self, link: Link, journal: Path, config: Config, *, plain: bool = False, ignore: frozenset[int] = frozenset()
    ) -> None:
        self.link = link
        self.ignore = ignore
        """Invariants that are not looked at."""
        self.venue = link.venue
        self.plain = plain
        """The client tells unknown outcomes as rejections: then only rungs are watched over."""
        self.record = Record(journal)
        self.record.hear = self._hear
        self.sends = SendCheck(self, config)
        self.cover = CoverCheck(self, config)
        self.acts = ActCheck(self, config)
        self.rest = RestCheck(self)
        self.latches = LatchCheck(self, config)
        self.limits = LimitCheck(self, config)
        self.money = MoneyCheck(self, config)
        self.pictures = PictureCheck(self, config)
        self.broken: BrokenInvariantError | None = None
        self.checks = 0
        self.session = 0
        self.orders: dict[str, Told] = {}
        self.trades: set[str] = set()
        self.held = dict.fromkeys(LEGS, ZERO)
        """As told."""
        self.sent: Counter[tuple[str, str]] = Counter()
        self.excused_until = 0
        self.injected: Counter[str] = Counter()
        """Exceptions that the harness raised inside the strategy, by type."""
        self.mid = ZERO
        """The middle of the latest quote that the strategy got."""
        self.quoted: int | None = None
        """When it came; None before a session's first."""
        self.quoted_since: int | None = None
        """When a session's first came."""
        self.is_crossed = False
        self.is_warm = True
        """Whether the indicators have the history that entries wait for."""
        self.began = 0
        """When the session did."""

    def _hear(self, line: dict[str, Any]) -> None:
        """A line has reached the journal."""
        self.limits.take(line)
        self.latches.take(line)
        self.money.take(line)

    def require(self, number: int, holds: bool, what: str) -> None:
        self.checks += 1
        if not holds and number not in self.ignore and not (self.plain and number not in (4, 18)):
            self.broken = self.broken or BrokenInvariantError(number, what)
            raise self.broken

    def report(self) -> None:
        """Raise the first breach, wherever it was contained."""
        if self.broken is not None:
            raise self.broken

    def start(self) -> None:
        """A new engine starts: it has been told what the venue lists."""
        self.session += 1
        venue = self.venue
        self.began = self.link.now()
        self.quoted = self.quoted_since = None
        self.pictures.start()
        self.cover.start()
        self.trades = {trade.id for trade in venue.trades}
        self.held = {leg: venue.held(leg) for leg in LEGS}
        for client_id, told in self.orders.items():
            order = venue.orders.get(client_id)
            told.waits.clear()
            told.cancelled = 0
            if order is None:
                continue
            told.accepted, told.filled, told.qty, told.wanted = True, order.filled, order.qty, ZERO
            told.ended = not order.is_open

    # -- what happens ----------------------------------------------------------------------------------------------

    def on_send(self, kind: str, client_id: str, request: Request | None) -> None:
        """Just as a command leaves; `request` is what a new or a changed order shall be."""
        self.record.follow()
        self.sent[kind, client_id] += 1
        self.sends.on_send(kind, client_id, request)

    def on_quote(self, bid: Decimal, ask: Decimal) -> None:
        """The strategy gets a quote."""
        self.mid, self.is_crossed = (bid + ask) / 2, bid > ask
        self.quoted = self.link.now()
        self.quoted_since = self.quoted_since or self.quoted

    def on_told(self, kind: str, client_id: str, trade: Trade | None) -> None:
        """Just before the engine hears of it."""
        told = self.orders.get(client_id)
        if trade is not None and trade.id not in self.trades:
            self.trades.add(trade.id)
            opens = (trade.side == "BUY") is (trade.leg == "LONG")
            self.held[trade.leg] += trade.qty if opens else -trade.qty
            if told is not None:
                told.filled += trade.qty
                told.cancelled = 0  # Nautilus takes an order that fills in part for one without a cancel on its way
                told.ended = told.ended or told.left <= 0
                told.ambiguous = told.ambiguous and told.left > 0
        if told is None:
            return
        match kind:
            case "accepted":
                told.accepted, told.cancelled = True, 0
                self.cover.heard(told.purpose.leg)
            case "canceled" | "expired" | "rejected":
                told.ended, told.ambiguous = True, False
                told.waits.clear()
            case "ambiguous":
                told.ended = told.ambiguous = True
            case "answer":
                told.answered = True
                if told.waits.pop("query", None) is not None:
                    told.refused = self.link.now()
            case "updated":
                self._amend(told)
            case "cancel-rejected" | "modify-rejected":
                told.refused, told.cancelled = self.link.now(), 0
                told.waits.pop(kind.partition("-")[0], None)
                told.wanted = ZERO if kind.startswith("modify") else told.wanted

    def _amend(self, told: Told) -> None:
        order = self.venue.orders.get(told.request.client_id)
        told.waits.pop("modify", None)
        told.wanted = ZERO
        if order is not None:
            told.qty = order.qty
            told.ended = told.ended or told.left <= 0

    # -- after every event -----------------------------------------------------------------------------------------

    def after_event(self) -> None:
        """The state of things once an event has been dealt with."""
        self.report()
        self.record.follow()
        now = self.link.now()
        self.require(22, not self.record.broken, self.record.broken)
        self._check_errors()
        self.acts.check_receipts()
        self.acts.check_owed(now)
        self.latches.after_event(now)
        for leg in LEGS:
            self.require(8, self.venue.held(leg) >= 0, f"{leg} is {self.venue.held(leg)}")
            self.cover.look(leg, now)

    def _check_errors(self) -> None:
        for name, count in self.injected.items():
            counted = self.record.errors[name]
            self.require(24, counted == count, f"{count} x {name} was raised, {counted} journalled")
        self.require(24, not self.record.odd, f"an exception that nothing explains: {self.record.odd[:1]}")

    def after_host(self, shot: Snapshot) -> None:
        """The host has looked after things, and a snapshot was published."""
        now = self.link.now()
        self.record.follow()
        self.acts.check_alarms(now)
        self.pictures.look(shot, now)

    def passing_alarms(self) -> list[tuple[str, str]]:
        """Those that end once their cause does."""
        return [key for key in self.record.alarms if not key[0].startswith(DURABLE)]
