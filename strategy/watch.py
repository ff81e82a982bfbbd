"""What the grid keeps an eye on beside its orders: cover, books and journal; each says once when something is wrong."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from strategy.domain import NS_PER_S, Leg
from strategy.errors import ErrorLog
from strategy.journal import JournalWriter
from strategy.ledger import ProtectionClock

MISMATCH_BOUND_NS: Final = NS_PER_S
"""Venue and own books may differ for so long, while events are on their way."""


class Alarm:
    """A named alarm per leg: one journal line and one critical error when it is raised, one line when it ends."""

    def __init__(self, name: str, where: str, journal: JournalWriter, errors: ErrorLog) -> None:
        self._name = name
        self._where = where
        self._journal = journal
        self._errors = errors
        self.raised: set[Leg] = set()

    def raise_on(self, leg: Leg, detail: str, now: int) -> bool:
        """Raise it; false where it is raised already."""
        if leg in self.raised:
            return False
        self.raised.add(leg)
        self._journal.write("alarm", now, name=self._name, leg=leg, raised=True, detail=detail)
        self._errors.record(now, self._where, self._name, f"{leg}: {detail}", critical=True)
        return True

    def end_on(self, leg: Leg, detail: str, now: int) -> None:
        """The cause is gone."""
        if leg in self.raised:
            self.raised.discard(leg)
            self._journal.write("alarm", now, name=self._name, leg=leg, raised=False, detail=detail)


class ProtectionWatch:
    """Raises an alarm where a held quantity goes without a working stop for longer than the bound."""

    def __init__(self, bound_ns: int, journal: JournalWriter, errors: ErrorLog) -> None:
        self.clock = ProtectionClock()
        self._bound = bound_ns
        self._alarm = Alarm("unprotected", "protection", journal, errors)

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


class BooksWatch:
    """Compares the venue's word on each leg with the own books; a difference that stays is an alarm."""

    def __init__(self, journal: JournalWriter, errors: ErrorLog) -> None:
        self._since: dict[Leg, int] = {}
        self._alarm = Alarm("mismatch", "books", journal, errors)
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
