"""What the grid keeps an eye on beside its orders: cover, books and journal; each says once when something is wrong."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final

from strategy.domain import NS_PER_S, Leg, Lot
from strategy.errors import ErrorLog
from strategy.journal import JournalWriter
from strategy.ledger import ProtectionClock

MISMATCH_BOUND_NS: Final = NS_PER_S
"""Venue and own books may differ for so long, while events are on their way."""


WALLET_TOLERANCE: Final = Decimal("0.01")
"""The venue rounds what it books; a transfer is more than this, quote."""
AVERAGE_DOUBT: Final = Decimal("0.01")
"""By such a part of what is held two averages of the same fills may differ."""
WALLET_LOOKS: Final = 10
"""So many looks in a row must see the same gap."""


class Alarm:
    """A named alarm per leg: one journal line and one critical error when it is raised, one line when it ends."""

    def __init__(self, name: str, where: str, errors: ErrorLog) -> None:
        self._name = name
        self._where = where
        self._errors = errors
        self.raised: set[Leg] = set()

    def raise_on(self, leg: Leg, detail: str, now: int) -> bool:
        """Raise it; false where it is raised already."""
        if leg in self.raised:
            return False
        self.raised.add(leg)
        self._errors.raise_alarm(self._name, leg, detail, now)
        self._errors.record(now, self._where, self._name, f"{leg}: {detail}", critical=True)
        return True

    def end_on(self, leg: Leg, detail: str, now: int) -> None:
        """The cause is gone."""
        if leg in self.raised:
            self.raised.discard(leg)
            self._errors.end_alarm(self._name, leg, detail, now)


class ProtectionWatch:
    """Raises an alarm where a held quantity goes without a working stop for longer than the bound."""

    def __init__(self, bound_ns: int, errors: ErrorLog) -> None:
        self.clock = ProtectionClock()
        self._bound = bound_ns
        self._alarm = Alarm("unprotected", "protection", errors)

    def is_alarmed(self, leg: Leg) -> bool:
        """Whether the alarm is raised on the leg."""
        return leg in self._alarm.raised

    def is_late(self, leg: Leg, now: int) -> bool:
        """Whether the leg has been unprotected for its bound."""
        since = self.clock.since(leg)
        return since is not None and now - since >= self._bound

    def look(self, held: Callable[[Leg], Decimal], covered: Callable[[Leg], Decimal], now: int) -> None:
        """Raise and end the alarm."""
        for leg in Leg:
            if self.is_late(leg, now):
                self._alarm.raise_on(leg, f"{held(leg)} held, {covered(leg)} covered by stops", now)
            elif self.clock.since(leg) is None:
                self._alarm.end_on(leg, "covered again", now)

    def deadlines(self) -> list[int]:
        """When an unprotected leg that is not alarmed yet will be, ns."""
        since = (self.clock.since(leg) for leg in Leg if leg not in self._alarm.raised)
        return [start + self._bound for start in since if start is not None]


class BarePieces:
    """Since when each part of one quantity has been without a stop; a new stop covers the oldest part first.

    So a lot that fills piece by piece, each piece with its stop in time, is never lost, and one of which some part is
    always bare keeps the age of that part.
    """

    def __init__(self) -> None:
        self._pieces: deque[tuple[int, Decimal]] = deque()
        """Since when (ns) how much has been bare, oldest first."""
        self._qty = Decimal(0)
        self._stops = Decimal(0)

    def look(self, qty: Decimal, stops: Decimal, now: int) -> None:
        """Take what is held and what the stops cover, now."""
        more, covered = qty - self._qty, stops - self._stops
        self._qty, self._stops = qty, stops
        if more > 0 and covered > 0:
            self._cover(covered)
        bare = max(Decimal(0), qty - stops)
        known = sum((piece for _, piece in self._pieces), Decimal(0))
        if bare > known:
            self._pieces.append((now, bare - known))
        else:
            self._cover(known - bare)

    @property
    def since(self) -> int | None:
        """Since when the oldest part has been bare, ns; None where all of it is covered."""
        return self._pieces[0][0] if self._pieces else None

    def _cover(self, qty: Decimal) -> None:
        while qty > 0 and self._pieces:
            since, piece = self._pieces.popleft()
            if piece > qty:
                self._pieces.appendleft((since, piece - qty))
            qty -= piece


class BareLots:
    """Tells which lots have a part without a stop for so long that nothing but closing them is left.

    The clock is a lot's own: on a busy leg some lot is always a moment without its stop.
    """

    def __init__(self, bound_ns: int) -> None:
        self._bound = bound_ns
        self._bare: dict[int, BarePieces] = {}

    def look(self, lots: Iterable[Lot], covered: Callable[[Lot], Decimal], now: int) -> list[Lot]:
        """Take the open lots whose stops are wanted; gives those that are lost now."""
        before, self._bare = self._bare, {}
        lost = []
        for lot in lots:
            pieces = self._bare[lot.number] = before.get(lot.number) or BarePieces()
            pieces.look(lot.qty, covered(lot), now)
            if pieces.since is not None and now - pieces.since >= self._bound:
                lost.append(lot)
        return lost

    def deadline(self) -> int | None:
        """When the next lot is lost unless its stop comes, ns."""
        since = (pieces.since for pieces in self._bare.values())
        return min((start + self._bound for start in since if start is not None), default=None)


class BooksWatch:
    """Compares the venue's word on each leg with the own books; a difference that stays is an alarm."""

    def __init__(self, errors: ErrorLog) -> None:
        self._since: dict[Leg, int] = {}
        self._alarm = Alarm("mismatch", "books", errors)
        self.surplus: dict[Leg, Decimal] = {}
        """Per leg on alarm what the venue holds beyond the own books; negative where it holds less."""

    @property
    def disagree(self) -> bool:
        """Whether the alarm is raised on any leg, so that no entry may leave."""
        return bool(self._alarm.raised)

    @property
    def differ(self) -> bool:
        """Whether any leg differed when last looked at."""
        return bool(self._since)

    def look(self, venue: Mapping[Leg, Decimal], own: Mapping[Leg, Decimal], now: int, *, bound_ns: int) -> set[Leg]:
        """Compare; gives the legs on which the alarm was raised just now."""
        new = set()
        for leg in Leg:
            if venue[leg] == own[leg]:
                self._since.pop(leg, None)
                self.surplus.pop(leg, None)
                self._alarm.end_on(leg, "books agree again", now)
                continue
            since = self._since.setdefault(leg, now)
            if leg in self._alarm.raised or now - since >= bound_ns:
                self.surplus[leg] = venue[leg] - own[leg]
                if self._alarm.raise_on(leg, f"the venue holds {venue[leg]}, own books {own[leg]}", now):
                    new.add(leg)
        return new

    def deadlines(self) -> list[int]:
        """When a difference that is not alarmed yet will be, ns."""
        return [since + MISMATCH_BOUND_NS for leg, since in self._since.items() if leg not in self._alarm.raised]


class JournalWatch:
    """Says once when the journal fails; the line that says so waits with the others."""

    def __init__(self, journal: JournalWriter, errors: ErrorLog) -> None:
        self._journal = journal
        self._errors = errors
        self._failed = False

    @property
    def fails(self) -> bool:
        """Whether lines wait for a disk that refuses them."""
        return bool(self._journal.failure)

    def look(self, now: int) -> None:
        """Record the first failure of a row."""
        if self.fails and not self._failed:
            words = f"{self._journal.failure}: entries wait, exits go on; lines are kept in memory until it takes them"
            self._errors.record(now, "journal", "not-written", words, critical=True)
        self._failed = self.fails


class WalletWatch:
    """Tells deposits and withdrawals from profit and loss: what changes the venue's balance and no own book explains.

    A gap that stays the same for a number of looks, while the balance is another than when there was none, is a
    transfer. One that is there because a fill and its change of the balance are told apart from each other closes by
    itself.
    """

    def __init__(self, balance: Decimal | None = None) -> None:
        self._balance = balance
        """As it was when there was no gap: at the start, at which the own books take it over."""
        self._explained = Decimal(0)
        """Gap that is known: rounding by the venue."""
        self._gap = Decimal(0)
        self._looks = 0

    def look(self, balance: Decimal, venue: Decimal, own: Decimal, held: Decimal = Decimal(0)) -> Decimal:
        """Compare cash, `balance` less what the legs cost, by the venue and by the own books, quote.

        `held` is what both legs cost together: fills that were told in another sequence than the venue's own give
        another average, and a gap that this may explain is left alone until they are closed.

        Gives a transfer that is certain now, else 0.
        """
        gap = venue - own - self._explained
        if abs(gap) <= WALLET_TOLERANCE:
            self._explained += gap
            self._balance = balance
            self._looks = 0
            return Decimal(0)
        if abs(gap) <= held * AVERAGE_DOUBT:
            self._looks = 0
            return Decimal(0)
        if self._looks and abs(gap - self._gap) <= WALLET_TOLERANCE:
            self._looks += 1
        else:
            self._looks = 1
        if balance == self._balance or self._balance is None:
            self._looks = 0
        self._gap = gap
        if self._looks < WALLET_LOOKS:
            return Decimal(0)
        self._looks = 0
        self._balance = balance
        return gap
