"""Holds the invariants after every event: against the venue's truth and the journal, never the strategy's own word.

Where an invariant must allow for what the strategy cannot know yet, the allowance is what the client has told: `told`
is the venue as it would look to a perfect listener. Each allowance says why it is there.
"""

import re
from collections import Counter, deque
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from strategy.domain import Leg
from tests.simulation.record import LEGS, Record
from tests.venue.core import Order, Request, Trade
from tests.venue.link import Link

ZERO = Decimal(0)
MS = 1_000_000
S = 1_000_000_000
ID = re.compile(r"HG-[0-9a-z]{1,9}-([ETSC])([LS])([0-9a-z]{1,6})-([0-9a-z]{1,6})-([0-9a-z]{1,6})")
ROLES = {"E": "entry", "T": "tp", "S": "sl", "C": "close"}
AFTER_ERROR_NS = 600 * MS
"""A pass that failed is tried again after half a second."""
AFTER_REFUSAL_NS = 600 * MS
"""A refused cancel is sent again after half a second."""
UNANSWERED_NS = 15 * S
"""A request without an answer is asked about until then."""
ATTACH_NS = 2 * S
"""The attach bound of one second, and one for the alarm."""
MISMATCH_NS = 2 * S
"""The mismatch bound of one second, a quarter between two looks, and the rest of a pass."""
ACT_NS = 12 * S
"""The flatten's own bound of ten seconds, and two for its last words."""
SENDS_PER_KEY = 40
"""More orders for one purpose within ten seconds is a retry chain that runs wild."""


class BrokenInvariantError(AssertionError):
    """The number of the invariant that does not hold, and how."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"invariant {number}: {what}")
        self.number = number
        self.what = what

    def __reduce__(self) -> tuple[Any, ...]:
        return BrokenInvariantError, (self.number, self.what)


@dataclass(frozen=True)
class Purpose:
    """What an id says that its order is for."""

    role: str
    leg: str
    slot: str
    lot: str
    serial: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.leg, self.role, self.slot


@dataclass
class Told:
    """What the client has told of one order since the engine started."""

    request: Request
    purpose: Purpose
    session: int
    sent: int
    accepted: bool = False
    ended: bool = False
    """For certain, or filled to its end."""
    ambiguous: bool = False
    """Told as rejected although nobody knows."""
    answered: bool = False
    """The venue was asked, and its answer told, after that."""
    filled: Decimal = ZERO
    qty: Decimal = ZERO
    waits: dict[str, int] = field(default_factory=dict)
    """Cancels, changes and questions without an answer, and since when."""
    refused: int = 0
    """When a cancel or a change was last refused, or a question answered."""

    @property
    def left(self) -> Decimal:
        return self.qty - self.filled


def read_id(client_id: str) -> Purpose | None:
    """What an id says; the checker's own reading."""
    match = ID.fullmatch(client_id)
    if match is None:
        return None
    role, leg, *rest = match.groups()
    return Purpose(ROLES[role], "LONG" if leg == "L" else "SHORT", *rest)


class Checker:
    """Raises the number of what is broken; `broken` keeps the first, for whatever contains exceptions on its way."""

    def __init__(self, link: Link, journal: Path, *, plain: bool = False, ignore: frozenset[int] = frozenset()) -> None:
        self.link = link
        self.ignore = ignore
        """Invariants that are not looked at."""
        self.venue = link.venue
        self.plain = plain
        """The client tells unknown outcomes as rejections: then only rungs are watched over."""
        self.record = Record(journal)
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
        self.uncounted: Counter[str] = Counter()
        self._live: dict[tuple[str, str, str], dict[str, Told]] = {}
        self._naked: dict[str, int] = {}
        self._differs: dict[str, int] = {}
        self._by_key: dict[tuple[str, str, str], deque[int]] = {}

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
        self._naked.clear()
        self._differs.clear()
        self.trades = {trade.id for trade in venue.trades}
        self.held = {leg: venue.held(leg) for leg in LEGS}
        for client_id, told in self.orders.items():
            order = venue.orders.get(client_id)
            told.waits.clear()
            if order is None:
                continue
            told.accepted, told.filled, told.qty = True, order.filled, order.qty
            told.ended = not order.is_open

    # -- what leaves -----------------------------------------------------------------------------------------------

    def on_send(self, kind: str, client_id: str, request: Request | None) -> None:
        """Just as a command leaves."""
        self.record.follow()
        self.sent[kind, client_id] += 1
        if kind == "query":
            self.require(25, self.sent[kind, client_id] <= 60, f"{client_id} is asked about without end")
            if client_id in self.orders:
                self.orders[client_id].waits.setdefault(kind, self.link.now())
            return
        word = {"place": "submit"}.get(kind, kind)
        lines = self.record.written[word, client_id]
        self.require(22, lines >= self.sent[kind, client_id], f"{kind} of {client_id} left unwritten")
        if request is None:
            told = self.orders.get(client_id)
            if told is not None:
                told.waits[kind] = self.link.now()
            return
        purpose = self._check_id(client_id, request)
        self._check_values(request, purpose)
        told = Told(request, purpose, self.session, self.link.now(), qty=request.qty)
        if purpose.role == "entry":
            self._check_entry(client_id, purpose)
        elif purpose.role == "close":
            self._check_close(client_id, told)
        self.orders[client_id] = told
        self._live.setdefault(purpose.key, {})[client_id] = told
        times = self._by_key.setdefault(purpose.key, deque(maxlen=SENDS_PER_KEY))
        wild = len(times) == SENDS_PER_KEY and times[0] > self.link.now() - 10 * S
        self.require(25, not wild, f"{purpose.key} was sent {SENDS_PER_KEY} times within ten seconds")
        times.append(self.link.now())

    def _check_id(self, client_id: str, request: Request) -> Purpose:
        purpose = read_id(client_id)
        self.require(26, purpose is not None and len(client_id) <= 36, f"{client_id} cannot be read")
        assert purpose is not None
        self.require(26, client_id not in self.orders, f"{client_id} was used before")
        opens = (request.side == "BUY") is (request.leg == "LONG")
        fits = purpose.leg == request.leg and (purpose.role == "entry") is opens
        self.require(26, fits, f"{client_id} says {purpose}, the order {request}")
        return purpose

    def _check_values(self, request: Request, purpose: Purpose) -> None:
        filters, price = self.venue.filters, request.price
        if price is not None:
            self.require(1, price > 0 and price % filters.tick == 0, f"{request.client_id} at {price}")
        in_bounds = filters.min_qty <= request.qty <= filters.max_qty and request.qty % filters.step == 0
        self.require(2, in_bounds, f"{request.client_id} of {request.qty}")
        if purpose.role == "entry":
            value = request.qty * (price or ZERO)
            self.require(3, value >= filters.min_notional, f"{request.client_id} is worth {value}")

    def _check_entry(self, client_id: str, purpose: Purpose) -> None:
        state = self.record.state
        self.require(10, state == "running", f"entry {client_id} left while {state or 'no state was said'}")
        alarms = [key for key in self.record.alarms if key[0] == "mismatch"]
        self.require(10, not alarms, f"entry {client_id} left while {alarms}")
        for other, told in list(self._live.get(purpose.key, {}).items()):
            live = other in self.venue.open or other in self.link.on_way
            number = 27 if told.session != self.session else 4
            self.require(number, not live, f"{client_id} was sent while {other} is live at {purpose.key}")
            known = told.ended and (not told.ambiguous or told.answered)
            self.require(18, known, f"{client_id} was sent before the venue was asked what became of {other}")
            del self._live[purpose.key][other]

    def _check_close(self, client_id: str, new: Told) -> None:
        """Closes on their way never ask for more than is held: a second flatten sends nothing that the first has."""
        leg = new.purpose.leg
        live = [
            told
            for told in self.orders.values()
            # One that is being cancelled stands for a lot that has closed otherwise.
            if told.purpose.role == "close"
            and told.purpose.leg == leg
            and not told.ended
            and "cancel" not in told.waits
        ]
        asked = new.left + sum((told.left for told in live), ZERO)
        # Books that differ are closed by the larger of the two; invariant 17 watches over that.
        limit = max(self.held[leg], self.record.held[leg])
        self.require(13, asked <= limit, f"{client_id}: closes of {asked} on their way, {leg} holds {limit}")

    # -- what is told ----------------------------------------------------------------------------------------------

    def on_told(self, kind: str, client_id: str, trade: Trade | None) -> None:
        """Just before the engine hears of it."""
        told = self.orders.get(client_id)
        if trade is not None and trade.id not in self.trades:
            self.trades.add(trade.id)
            opens = (trade.side == "BUY") is (trade.leg == "LONG")
            self.held[trade.leg] += trade.qty if opens else -trade.qty
            if told is not None:
                told.filled += trade.qty
                told.ended = told.ended or told.left <= 0
                told.ambiguous = told.ambiguous and told.left > 0
        if told is None:
            return
        match kind:
            case "accepted":
                told.accepted = True
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
                told.refused = self.link.now()
                told.waits.pop(kind.partition("-")[0], None)

    def _amend(self, told: Told) -> None:
        order = self.venue.orders.get(told.request.client_id)
        told.waits.pop("modify", None)
        if order is not None:
            told.qty = order.qty
            told.ended = told.ended or told.left <= 0

    # -- after every event -----------------------------------------------------------------------------------------

    def after_event(self) -> None:
        """The state of things once an event has been dealt with."""
        self.report()
        new = self.record.follow()
        now = self.link.now()
        self.require(22, not self.record.broken, self.record.broken)
        if new:
            self._check_errors()
            self._check_receipts()
        for act_id, (since, command, _) in self.record.acts.items():
            self.require(12, now - since <= ACT_NS, f"{command} {act_id} has no receipt")
        for leg in LEGS:
            self.require(8, self.venue.held(leg) >= 0, f"{leg} is {self.venue.held(leg)}")
            self._check_exits(leg, now)
            self._check_cover(leg, now)
            self._check_books(leg, now)

    def _check_errors(self) -> None:
        for name, count in self.injected.items():
            counted = self.record.errors[name]
            self.require(24, counted == count, f"{count} x {name} was raised, {counted} journalled")
        self.require(24, not self.record.odd, f"an exception that nothing explains: {self.record.odd[:1]}")

    def _check_receipts(self) -> None:
        while self.record.receipts:
            command, result, legs, since, act_id = self.record.receipts.popleft()
            if result != "done":
                continue
            live = [o.client_id for o in self.venue.open.values() if o.leg in legs]
            live += [r.client_id for r in self.link.on_way.values() if r.leg in legs]
            if command == "cancel-entries":
                # A resume in the meantime may have sent new ones.
                known = [(each, self.orders[each]) for each in live]
                entries = [each for each, told in known if told.purpose.role == "entry" and told.sent <= since]
                self.require(12, not entries, f"{act_id} says done; open entries: {entries}")
            elif command == "flatten":
                left = {leg: self.held[leg] for leg in legs if self.held[leg]}
                self.require(12, not left, f"{act_id} says flat; held: {left}")
                self.require(12, not live, f"{act_id} says flat; open: {live}")

    def _open(self, leg: str, role: str) -> list[tuple[Order, Told]]:
        found = []
        for order in self.venue.open.values():
            if order.leg == leg:
                told = self.orders.get(order.client_id)
                if told is not None and told.purpose.role == role:
                    found.append((order, told))
        return found

    def _check_exits(self, leg: str, now: int) -> None:
        """Exits at the venue exceed what is held only by what is explained.

        Explained are: exit fills that were not told yet, orders whose acceptance was not told (they cannot be
        cancelled), orders with a cancel or change on its way or refused a moment ago, and the others of the same lot
        and role (one message at a time for each), a flatten (exits go last), the half second after an injected
        exception, and what the strategy's books miss (invariant 17 watches over that).
        """
        if leg in self.record.flattening or now < self.excused_until:
            return
        held = self.venue.held(leg)
        for role in ("tp", "sl"):
            orders = self._open(leg, role)
            excess = sum((order.left for order, _ in orders), ZERO) - held
            if excess <= 0:
                continue
            explained = abs(self.record.held[leg] - self.held[leg])
            explained += sum((self._untold(order) for order, _ in self._exits_of(leg)), ZERO)
            busy = {told.purpose.key for told in self.orders.values() if self._is_in_hand(told, now)}
            explained += sum((order.left for order, told in orders if told.purpose.key in busy), ZERO)
            self.require(5, excess <= explained, f"{leg} holds {held}, {role} {held + excess}, explained {explained}")

    def _exits_of(self, leg: str) -> list[tuple[Order, Told]]:
        return [
            (order, told)
            for client_id, told in self.orders.items()
            if told.purpose.leg == leg
            and told.purpose.role != "entry"
            and (order := self.venue.orders.get(client_id)) is not None
            and order.filled != told.filled
        ]

    def _untold(self, order: Order) -> Decimal:
        return sum((trade.qty for trade in order.trades if trade.id not in self.trades), ZERO)

    @staticmethod
    def _is_in_hand(told: Told, now: int) -> bool:
        if told.ended:
            return False
        if not told.accepted:
            return True
        if any(now - since <= UNANSWERED_NS for since in told.waits.values()):
            return True
        return bool(told.refused) and now - told.refused <= AFTER_REFUSAL_NS

    def _check_cover(self, leg: str, now: int) -> None:
        """Stops cover what is held; the clock runs while the venue's truth and what was told both say otherwise."""
        stops = self._open(leg, "sl")
        bare = self.venue.held(leg) - sum((order.left for order, _ in stops), ZERO)
        if bare > 0:
            known = (t for t in self.orders.values() if t.purpose.role == "sl" and t.purpose.leg == leg)
            working = sum((told.left for told in known if told.accepted and not told.ended), ZERO)
            bare = min(bare, self.held[leg] - working)
        if bare <= 0:
            self._naked.pop(leg, None)
            return
        since = self._naked.setdefault(leg, now)
        late = now - since > ATTACH_NS and now >= self.excused_until
        # A fill that an injected exception kept from the books is the mismatch alarm's to tell.
        missed = self.record.held[leg] != self.held[leg] and ("mismatch", leg) in self.record.alarms
        alarmed = missed or ("unprotected", leg) in self.record.alarms
        what = f"{leg}: {bare} of {self.venue.held(leg)} ({self.held[leg]} told) without a stop"
        self.require(6, not late or alarmed, f"{what} for {(now - since) / S:.1f} s, no alarm")

    def _check_books(self, leg: str, now: int) -> None:
        if self.record.held[leg] == self.held[leg]:
            self._differs.pop(leg, None)
            return
        since = self._differs.setdefault(leg, now)
        alarmed = ("mismatch", leg) in self.record.alarms
        what = f"{leg}: books {self.record.held[leg]}, told {self.held[leg]} for {(now - since) / S:.1f} s, no alarm"
        self.require(17, now - since <= MISMATCH_NS or alarmed, what)

    # -- at rest ---------------------------------------------------------------------------------------------------

    def is_at_rest(self) -> bool:
        """Whether venue and journal agree that nothing is left to do; the details are required by `at_rest`."""
        if not self.link.is_quiet or self.record.acts or self.record.alarms:
            return False
        if any(not told.ended and {"cancel", "modify"} & told.waits.keys() for told in self.orders.values()):
            return False  # its answer was lost, and the question about it is still to come
        for leg in LEGS:
            held = self.venue.held(leg)
            stops, targets = (sum((o.left for o, _ in self._open(leg, role)), ZERO) for role in ("sl", "tp"))
            if not held == stops == targets == self.record.held[leg] or self._open(leg, "close"):
                return False
        return True

    def at_rest(self, strategy: Any) -> None:
        """Nothing is in flight, nothing is faulty: everything must agree exactly."""
        venue, grid = self.venue, strategy.grid
        for leg, own in zip(LEGS, list(Leg), strict=True):
            held = venue.held(leg)
            for role in ("sl", "tp"):
                qty = sum((order.left for order, _ in self._open(leg, role)), ZERO)
                self.require(6, qty == held, f"at rest: {leg} holds {held}, {role} {qty}")
            told = grid.lots.held(own), strategy.position(own), self.record.held[leg]
            self.require(
                16, all(each == held for each in told), f"at rest: {leg} holds {held}; own, cache, line {told}"
            )
        ours = {order.id for order in grid.index}
        self.require(16, ours == set(venue.open), f"at rest: index and venue differ: {sorted(ours ^ set(venue.open))}")
        owed = list(self.record.acts.values())
        self.require(12, not owed, f"at rest: no receipt for {owed}")
        raised = list(self.record.alarms)
        self.require(6, not raised, f"at rest: alarms are raised: {raised}")

    def at_end(self, books: Any) -> None:
        """The journal, read again by the independent reader, against the venue."""
        venue = self.venue
        for leg in LEGS:
            name = leg.lower()
            held, covered = books.held(name), books.covered(name)
            self.require(16, held == venue.held(leg), f"journal: {leg} holds {held}, venue {venue.held(leg)}")
            self.require(16, covered == venue.held(leg), f"journal: {leg} holds {held}, covered {covered}")
        self.require(16, set(books.orders) == set(venue.open), "journal: open orders differ from the venue's")
        costs = {leg: sum((cost for _, cost in lots.values()), ZERO) for leg, lots in books.lots.items()}
        cash = books.realised - costs["long"] + costs["short"]
        self.require(16, cash == venue.cash, f"journal: cash {cash}, venue {venue.cash}")
        self.require(16, books.fees == -venue.fees, f"journal: fees {books.fees}, venue {venue.fees}")
