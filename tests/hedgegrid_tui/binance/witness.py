"""A strategy that keeps what the watches over the venue tell it, on a clock that a test sets."""

import asyncio
import time
from collections.abc import Callable, Mapping
from decimal import Decimal

from strategy.domain import NS_PER_S, Leg, OrderKey, Reason
from strategy.snapshot import VenueVitals


class Witness:
    """Stands in for `HedgeGridStrategy` where only the hooks count."""

    def __init__(self) -> None:
        self.clock = time.time_ns()
        self.shut: dict[Reason, tuple[str, int]] = {}
        """Words and end per closure that holds."""
        self.closures: list[tuple[Reason, str]] = []
        """Each time that one was told."""
        self.alarms: dict[tuple[str, Leg | None], str] = {}
        self.critical: list[tuple[str, str, str]] = []
        self.notes: list[tuple[str, str, str]] = []
        self.looks = 0
        self.legs: tuple[dict[Leg, Decimal], int] = {}, 0
        self.vitals: VenueVitals | None = None
        self.listener: Callable[[OrderKey, int], None] = lambda _key, _now: None

    def now(self) -> int:
        return self.clock

    def advance(self, seconds: float) -> None:
        self.clock += int(seconds * NS_PER_S)

    def shut_entries(self, reason: Reason, words: str, until_ns: int = 0) -> None:
        self.shut[reason] = words, until_ns
        self.closures.append((reason, words))

    def let_entries(self, reason: Reason) -> None:
        self.shut.pop(reason, None)

    def on_venue_vitals(self, vitals: VenueVitals) -> None:
        self.vitals = vitals

    def on_venue_legs(self, held: Mapping[Leg, Decimal], asked_ns: int) -> None:
        self.legs = dict(held), asked_ns

    def venue_alarm(self, name: str, leg: Leg | None, words: str | None) -> None:
        if words is None:
            self.alarms.pop((name, leg), None)
        else:
            self.alarms[name, leg] = words

    def note_critical(self, where: str, kind: str, words: str) -> None:
        self.critical.append((where, kind, words))

    def note(self, where: str, kind: str, words: str) -> None:
        self.notes.append((where, kind, words))

    def look_again(self) -> None:
        self.looks += 1

    def on_unasked_end(self, listener: Callable[[OrderKey, int], None]) -> None:
        self.listener = listener


async def until(met: Callable[[], bool], bound_s: float = 5.0) -> None:
    """Let the loop turn until it is so."""
    async with asyncio.timeout(bound_s):
        while not met():  # noqa: ASYNC110 - what is waited for belongs to the fake venue, which tells nobody
            await asyncio.sleep(0.005)
