"""What the watches over the venue ask of the strategy, and the form in which they tell it what they found."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Protocol

from strategy.domain import Leg, OrderKey, Reason
from strategy.snapshot import VenueVitals


class Watched(Protocol):
    """`HedgeGridStrategy`, as far as the watches know it; everything on the engine's loop."""

    def now(self) -> int:
        """The engine's clock, ns UTC."""

    def shut_entries(self, reason: Reason, words: str, until_ns: int = 0) -> None:
        """Let no entry leave for that reason."""

    def let_entries(self, reason: Reason) -> None:
        """That reason does not hold any more."""

    def on_venue_vitals(self, vitals: VenueVitals) -> None:
        """Show them."""

    def on_venue_legs(self, held: Mapping[Leg, Decimal], asked_ns: int) -> None:
        """What the venue, asked at that time, says that it holds of each leg."""

    def venue_alarm(self, name: str, leg: Leg | None, words: str | None) -> None:
        """Raise an alarm, or give it other words; None ends it."""

    def note_critical(self, where: str, kind: str, words: str) -> None:
        """Record what somebody must look at."""

    def note(self, where: str, kind: str, words: str) -> None:
        """Record what is worth a line."""

    def look_again(self) -> None:
        """Ask the venue about every order, and converge."""

    def on_unasked_end(self, listener: Callable[[OrderKey, int], None]) -> None:
        """Let it hear of each order that ended although nobody here asked for it, and when (ns)."""
