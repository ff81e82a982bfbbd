"""What is held, what covers it and what the books make of it: invariants 5, 6 and 17, per leg after every event."""

from decimal import Decimal
from typing import TYPE_CHECKING

from strategy.config import Config
from tests.simulation.told import ZERO, Told
from tests.venue.core import Order

if TYPE_CHECKING:
    from tests.simulation.checker import Checker

MS = 1_000_000
S = 1_000_000_000
AFTER_REFUSAL_NS = 600 * MS
"""A refused cancel is sent again after half a second."""
AFTER_BUDGET_NS = 100 * MS
"""Cancels that the message budget has kept back leave once it has room."""
UNANSWERED_NS = 62 * S
"""A request without an answer is asked about until then: after 2 s, and four times more after twice as long."""
SLACK_NS = S
"""For an alarm that a bound leads to."""
CLOSE_NS = 2 * S
"""For the closes that an escalation leads to."""
MISMATCH_NS = 2 * S
"""The mismatch bound of one second, a quarter between two looks, and the rest of a pass."""


class CoverCheck:
    """Compares the venue's positions and exits with what was told and with the journal."""

    def __init__(self, checker: "Checker", config: Config) -> None:
        self._checker = checker
        self._attach = config.execution.attach_bound_ms * MS
        self._escalate = config.watchdog.escalate_after_ms * MS
        self._naked: dict[str, int] = {}
        self._pieces: dict[str, list[tuple[int, Decimal]]] = {"LONG": [], "SHORT": []}
        """Per leg what is bare since when, oldest first; a stop covers the oldest, whatever lot it was sent for."""
        self._differs: dict[str, int] = {}

    def start(self) -> None:
        """A new engine: its clocks begin anew."""
        self._naked.clear()
        for pieces in self._pieces.values():
            pieces.clear()
        self._differs.clear()

    def look(self, leg: str, now: int) -> None:
        """One leg after an event."""
        self._check_exits(leg, now)
        self._check_cover(leg, now)
        self._check_books(leg, now)

    def heard(self, leg: str) -> None:
        """An order was told as accepted: where all is covered now, the clock ends, however short it lasts."""
        if self._bare(leg) <= 0:
            self._naked.pop(leg, None)
            self._pieces[leg].clear()

    def open(self, leg: str, role: str) -> list[tuple[Order, Told]]:
        checker = self._checker
        found = []
        for order in checker.venue.open.values():
            if order.leg == leg:
                told = checker.orders.get(order.client_id)
                if told is not None and told.purpose.role == role:
                    found.append((order, told))
        return found

    def _check_exits(self, leg: str, now: int) -> None:
        """Exits at the venue exceed what is held only by what is explained.

        Explained are: exit fills that were not told yet, orders whose acceptance was not told (they cannot be
        cancelled), orders with a cancel or change on its way or refused a moment ago, and the others of the same lot
        and role (one message at a time for each), a flatten (exits go last), the half second after an injected
        exception, a message budget that is spent, and what the strategy's books miss (invariant 17 watches over that).
        """
        checker = self._checker
        excused_until = max(checker.excused_until, checker.limits.blocked_until + AFTER_BUDGET_NS)
        if leg in checker.record.flattening or now < excused_until:
            return
        held = checker.venue.held(leg)
        for role in ("tp", "sl"):
            orders = self.open(leg, role)
            excess = sum((order.left for order, _ in orders), ZERO) - held
            if excess <= 0:
                continue
            explained = abs(checker.record.held[leg] - checker.held[leg])
            explained += sum((self._untold(order) for order, _ in self._exits_of(leg)), ZERO)
            busy = {told.purpose.key for told in checker.orders.values() if self._is_in_hand(told, now)}
            explained += sum((order.left for order, told in orders if told.purpose.key in busy), ZERO)
            what = f"{leg} holds {held}, {role} {held + excess}, explained {explained}"
            checker.require(5, excess <= explained, what)

    def _exits_of(self, leg: str) -> list[tuple[Order, Told]]:
        checker = self._checker
        return [
            (order, told)
            for client_id, told in checker.orders.items()
            if told.purpose.leg == leg
            and told.purpose.role != "entry"
            and (order := checker.venue.orders.get(client_id)) is not None
            and order.filled != told.filled
        ]

    def _untold(self, order: Order) -> Decimal:
        checker = self._checker
        return sum((trade.qty for trade in order.trades if trade.id not in checker.trades), ZERO)

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
        checker, bare = self._checker, self._bare(leg)
        self._age(leg, bare, now)
        if bare <= 0:
            self._naked.pop(leg, None)
            return
        since = self._naked.setdefault(leg, now)
        if now < checker.excused_until:
            return
        # A fill that an injected exception kept from the books is the mismatch alarm's to tell.
        missed = checker.record.held[leg] != checker.held[leg] and ("mismatch", leg) in checker.record.alarms
        alarmed = missed or ("unprotected", leg) in checker.record.alarms
        what = f"{leg}: {bare} of {checker.venue.held(leg)} ({checker.held[leg]} told) without a stop"
        late = now - since > self._attach + SLACK_NS
        checker.require(6, not late or alarmed, f"{what} for {(now - since) / S:.1f} s, no alarm")
        if missed or leg in checker.record.flattening or now < checker.limits.blocked_until + S:
            return
        oldest, qty = self._pieces[leg][0]
        lost = now - oldest > self._escalate + CLOSE_NS
        closing = lost and any(self._closes(told, leg, oldest) for told in checker.orders.values())
        checker.require(6, not lost or closing, f"{what}, {qty} for {(now - oldest) / S:.1f} s, and nothing closes it")

    def _bare(self, leg: str) -> Decimal:
        checker = self._checker
        bare = checker.venue.held(leg) - sum((order.left for order, _ in self.open(leg, "sl")), ZERO)
        if bare <= 0:
            return bare
        known = (t for t in checker.orders.values() if t.purpose.role == "sl" and t.purpose.leg == leg)
        working = sum((told.left for told in known if told.accepted and not told.ended), ZERO)
        return min(bare, checker.held[leg] - working)

    def _age(self, leg: str, bare: Decimal, now: int) -> None:
        pieces = self._pieces[leg]
        change = max(bare, ZERO) - sum((qty for _, qty in pieces), ZERO)
        if change > 0:
            pieces.append((now, change))
        while change < 0:
            since, qty = pieces.pop(0)
            change += qty
            if change > 0:
                pieces.insert(0, (since, change))

    @staticmethod
    def _closes(told: Told, leg: str, since: int) -> bool:
        purpose = told.purpose
        return purpose.role == "close" and purpose.leg == leg and (told.sent >= since or not told.ended)

    def _check_books(self, leg: str, now: int) -> None:
        checker = self._checker
        if checker.record.held[leg] == checker.held[leg]:
            self._differs.pop(leg, None)
            return
        since = self._differs.setdefault(leg, now)
        alarmed = ("mismatch", leg) in checker.record.alarms
        books, told = checker.record.held[leg], checker.held[leg]
        what = f"{leg}: books {books}, told {told} for {(now - since) / S:.1f} s, no alarm"
        checker.require(17, now - since <= MISMATCH_NS or alarmed, what)
