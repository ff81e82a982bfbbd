"""What whoever watches the venue tells the strategy: closures of the gate, alarms, vital signs."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from strategy.domain import Leg, OrderKey, Reason
from strategy.grid import HedgeGrid
from strategy.guarded import guarded
from strategy.nautilus_link import NautilusLink
from strategy.snapshot import VenueVitals


class VenueHooks(NautilusLink):
    """May be told from before the start on, on the engine's loop only; `strategy.venue_watch` keeps what is told."""

    grid: HedgeGrid | None

    def __init__(self, config: Any) -> None:  # noqa: ANN401 - Nautilus's, of the class that is built
        super().__init__(config)
        self._early: list[Callable[[HedgeGrid], None]] = []
        """What was told before there was a grid to take it."""

    if TYPE_CHECKING:  # the strategy itself has them

        def contain(self, where: str, error: Exception) -> None: ...  # noqa: D102
        def wake_at(self, ts: int) -> None: ...  # noqa: D102
        def _after_pass(self) -> None: ...

    @guarded
    def shut_entries(self, reason: Reason, words: str, until_ns: int = 0) -> None:
        """Let no entry leave for that reason, until `until_ns` where it is not 0; shown and journalled as an alarm."""

        def shut(grid: HedgeGrid) -> None:
            grid.venue_watch.close(reason, words, self.now(), until_ns)
            if until_ns:
                self.wake_at(until_ns)

        self._tell(shut)

    @guarded
    def let_entries(self, reason: Reason) -> None:
        """That reason does not hold any more."""

        def let(grid: HedgeGrid) -> None:
            if grid.venue_watch.open(reason, self.now()):
                grid.converge()
                self._after_pass()

        self._tell(let)

    @guarded
    def on_venue_vitals(self, vitals: VenueVitals) -> None:
        """How the line to the venue fares, for the screen."""
        self._tell(lambda grid: setattr(grid.venue_watch, "vitals", vitals))

    @guarded
    def on_venue_legs(self, held: Mapping[Leg, Decimal], asked_ns: int) -> None:
        """What the venue, asked at that time (ns), says that it holds of each leg; a flatten verifies by it."""

        def see(grid: HedgeGrid) -> None:
            grid.venue_watch.on_legs(held, asked_ns)
            if grid.frozen:
                grid.converge()
                self._after_pass()

        self._tell(see)

    @guarded
    def venue_alarm(self, name: str, leg: Leg | None, words: str | None) -> None:
        """Raise an alarm that concerns the venue, or give it other words; None ends it."""
        self._tell(lambda grid: grid.venue_watch.alarm(name, leg, words, self.now()))

    @guarded
    def note_critical(self, where: str, kind: str, words: str) -> None:
        """Record what somebody must look at."""
        self._tell(lambda grid: grid.errors.record(self.now(), where, kind, words, critical=True))

    @guarded
    def note(self, where: str, kind: str, words: str) -> None:
        """Record what is worth a line."""
        self._tell(lambda grid: grid.errors.record(self.now(), where, kind, words, critical=False))

    @guarded
    def look_again(self) -> None:
        """The venue may have done something that nobody was told: ask it about every order, and converge."""
        if self.grid is not None:
            self.grid.look_again()
            self._after_pass()

    @guarded
    def on_unasked_end(self, listener: Callable[[OrderKey, int], None]) -> None:
        """Let `listener` hear of each order that ends at the venue although nobody here asked for it, and when (ns).

        It hears before anything takes the order's place.
        """
        self._tell(lambda grid: setattr(grid.venue_watch, "on_unasked_end", listener))

    def _tell_early_words(self, grid: HedgeGrid) -> None:
        """There is a grid now: it takes what was told before it."""
        early, self._early = self._early, []
        for word in early:
            word(grid)

    def _tell(self, word: Callable[[HedgeGrid], None]) -> None:
        """Carry it out; what is told before the start waits for it."""
        if self.grid is None:
            self._early.append(word)
        else:
            word(self.grid)
