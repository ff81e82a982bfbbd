"""What the venue itself puts in the way: closures of the gate by reason, its alarms, its vital signs."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from strategy.domain import ZERO, Leg, OrderKey, Reason
from strategy.errors import ErrorLog
from strategy.snapshot import VenueVitals

WHERE: Final = "venue"
"""Where such errors are said to come from."""
PASSING: Final = frozenset({Reason.VENUE_LIMITED})
"""Closures that end by waiting: an alarm while they last, and no critical error that somebody must acknowledge."""


class Closure(msgspec.Struct, frozen=True, gc=False):
    """Why no entry may leave, as whoever watches the venue has said it."""

    words: str
    until_ns: int = 0
    """When it ends by itself; 0 where only its cause's end does."""


class VenueWatch:
    """Keeps closures and alarms as told from outside; each is raised once, told again while it lasts, and ended once.

    Several reasons may hold at once; the gate gives the oldest. The alarm of a closure has the reason's own name.
    """

    def __init__(self, errors: ErrorLog) -> None:
        self.vitals: VenueVitals | None = None
        """As last told; None in modes without a venue that tells any."""
        self.on_unasked_end: Callable[[OrderKey, int], None] = lambda _key, _now: None
        """Takes each order that has ended at the venue although nobody here had asked for it, and when (ns)."""
        self._legs: dict[Leg, tuple[Decimal, int]] = {}
        """What the venue holds of each leg, by its own word, and when (ns) it was asked."""
        self._errors = errors
        self._closures: dict[Reason, Closure] = {}

    @property
    def shut(self) -> Reason | None:
        """The oldest reason why no entry may leave; None while there is none."""
        return next(iter(self._closures), None)

    def on_legs(self, held: Mapping[Leg, Decimal], asked_ns: int) -> None:
        """The venue was asked at that time, and has shown so much of each leg; nothing of one that is left out."""
        self._legs = {leg: (held.get(leg, ZERO), asked_ns) for leg in Leg}

    def shows(self, leg: Leg, since_ns: int) -> Decimal:
        """What the venue, asked later than `since_ns`, holds of the leg; 0 where it was not asked since."""
        qty, asked_ns = self._legs.get(leg, (ZERO, 0))
        return qty if asked_ns > since_ns else ZERO

    def shows_empty(self, leg: Leg, since_ns: int) -> bool:
        """Whether the venue, asked at `since_ns` or later, holds nothing of the leg."""
        qty, asked_ns = self._legs.get(leg, (ZERO, 0))
        return not qty and asked_ns >= since_ns > 0

    def close(self, reason: Reason, words: str, now: int, until_ns: int = 0) -> None:
        """Let no entry leave, until `until_ns` where that is not 0; a repetition changes words and end."""
        before = self._closures.get(reason)
        closure = Closure(words, until_ns)
        if closure == before:
            return
        self._closures[reason] = closure
        if before is None:
            self._errors.raise_alarm(reason, None, words, now)
            self._errors.record(now, WHERE, reason, words, critical=reason not in PASSING)
        elif before.words != words:
            self._errors.reword_alarm(reason, None, words, now)

    def open(self, reason: Reason, now: int, words: str = "the cause is gone") -> bool:
        """That reason does not hold any more; false where it did not before."""
        if self._closures.pop(reason, None) is None:
            return False
        self._errors.end_alarm(reason, None, words, now)
        return True

    def look(self, now: int) -> None:
        """End what has lasted until its time."""
        over = [reason for reason, closure in self._closures.items() if 0 < closure.until_ns <= now]
        for reason in over:
            self.open(reason, now, "its time is over")

    def deadline(self) -> int | None:
        """When the next closure ends by itself, ns."""
        return min((closure.until_ns for closure in self._closures.values() if closure.until_ns), default=None)

    def alarm(self, name: str, leg: Leg | None, words: str | None, now: int) -> None:
        """Raise an alarm, or give it other words; None ends it."""
        if words is None:
            self._errors.end_alarm(name, leg, "the cause is gone", now)
        elif self._errors.raise_alarm(name, leg, words, now):
            told = words if leg is None else f"{leg}: {words}"
            self._errors.record(now, WHERE, name, told, critical=True)
        else:
            self._errors.reword_alarm(name, leg, words, now)
