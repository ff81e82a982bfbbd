"""At rest everything must agree exactly: venue, cache, own books, journal. Invariants 6, 12, 14, 16 and 30."""

from typing import TYPE_CHECKING, Any

from strategy.domain import Leg
from tests.simulation.latches import states
from tests.simulation.record import LEGS
from tests.simulation.told import ZERO

if TYPE_CHECKING:
    from tests.simulation.checker import Checker


class RestCheck:
    """Used once the faults have stopped."""

    def __init__(self, checker: "Checker") -> None:
        self._checker = checker

    def is_reached(self) -> bool:
        """Whether venue and journal agree that nothing is left to do; the details are required by `at_rest`."""
        checker = self._checker
        if not checker.link.is_quiet or checker.record.acts or self._idle_alarms() or not checker.money.is_settled:
            return False
        if any(not told.ended and {"cancel", "modify"} & told.waits.keys() for told in checker.orders.values()):
            return False  # its answer was lost, and the question about it is still to come
        for leg in LEGS:
            held = checker.venue.held(leg)
            stops, targets = (sum((o.left for o, _ in checker.cover.open(leg, role)), ZERO) for role in ("sl", "tp"))
            if not held == stops == targets == checker.record.held[leg] or checker.cover.open(leg, "close"):
                return False
        return True

    def _idle_alarms(self) -> list[tuple[str, str]]:
        """Alarms without a cause that lasts: a flatten that has failed is told of as long as anything is left."""
        checker = self._checker
        open_legs = {order.leg for order in checker.venue.open.values()}
        left = {leg for leg in LEGS if checker.venue.held(leg)} | open_legs
        return [key for key in checker.passing_alarms() if not (key[0] == "not-flat" and key[1] in left)]

    def at_rest(self, strategy: Any) -> None:
        """Nothing is in flight, nothing is faulty: everything must agree exactly."""
        checker = self._checker
        venue, grid = checker.venue, strategy.grid
        for leg, own in zip(LEGS, list(Leg), strict=True):
            held = venue.held(leg)
            for role in ("sl", "tp"):
                qty = sum((order.left for order, _ in checker.cover.open(leg, role)), ZERO)
                checker.require(6, qty == held, f"at rest: {leg} holds {held}, {role} {qty}")
            told = grid.lots.held(own), strategy.position(own), checker.record.held[leg]
            agree = all(each == held for each in told)
            checker.require(16, agree, f"at rest: {leg} holds {held}; own, cache, line {told}")
        ours = {order.id for order in grid.index}
        other = sorted(ours ^ set(venue.open))
        checker.require(16, not other, f"at rest: index and venue differ: {other}")
        owed = list(checker.record.acts.values())
        checker.require(12, not owed, f"at rest: no receipt for {owed}")
        raised = self._idle_alarms()
        checker.require(6, not raised, f"at rest: alarms are raised: {raised}")
        checker.money.at_rest()

    def at_end(self, books: Any) -> None:
        """The journal, read again by the independent reader, against the venue."""
        checker = self._checker
        venue = checker.venue
        for leg in LEGS:
            name = leg.lower()
            held, covered = books.held(name), books.covered(name)
            checker.require(16, held == venue.held(leg), f"journal: {leg} holds {held}, venue {venue.held(leg)}")
            checker.require(16, covered == venue.held(leg), f"journal: {leg} holds {held}, covered {covered}")
        checker.require(16, set(books.orders) == set(venue.open), "journal: open orders differ from the venue's")
        costs = {leg: sum((cost for _, cost in lots.values()), ZERO) for leg, lots in books.lots.items()}
        cash = books.realised - costs["long"] + costs["short"]
        checker.require(16, cash == venue.cash, f"journal: cash {cash}, venue {venue.cash}")
        checker.require(16, books.fees == -venue.fees, f"journal: fees {books.fees}, venue {venue.fees}")
        latched = states(checker.record.latched)
        checker.require(14, list(books.latched) == latched, f"journal: latched is {list(books.latched)}, not {latched}")
