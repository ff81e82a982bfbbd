"""Truth at the venue: open orders and both legs, asked every few seconds and held against own books.

It never places, changes or cancels anything. A difference closes the gate for entries, is an alarm with both numbers,
and lets the strategy ask about its orders itself. One look weighs 7 (Binance, USDS-M Futures, "Current All Open
Orders" 1, "Current All Algo Open Orders" 1, "Position Information V3" 5).
"""

from collections.abc import Callable, Iterable
from typing import Final

from hedgegrid_tui.engine.binance.guards.comparison import Difference, OwnBooks, compare
from hedgegrid_tui.engine.binance.guards.rounds import Rounds
from hedgegrid_tui.engine.binance.guards.watched import Watched
from hedgegrid_tui.engine.binance.rest.client import BinanceRest, RestError
from hedgegrid_tui.engine.binance.rest.truth import VenueOrder, open_orders, positions
from strategy.domain import NS_PER_S, Reason, plain

UNSEEN: Final = "venue-unseen"
"""The alarm of a venue that could not be looked at."""
MOST_FAILURES: Final = 3
"""Looks in a row that may fail before it is raised."""
UNDER_WAY_NS: Final = 15 * NS_PER_S
"""An answer that is awaited may explain a difference for so long."""
AWAITED_S: Final = 1.0
"""Between two looks while a flatten verifies by them."""
LOOK_AGAIN_NS: Final = 60 * NS_PER_S
"""While a difference lasts, the strategy is told to ask about its orders so often."""
MOST_WORDS: Final = 3
"""Differences that are told one by one."""
FOREIGN_REMEMBERED: Final = 1000


class TruthPoll:
    """Compares; a difference counts once it is the same at two looks in a row with nothing under way about it.

    `books` gives own books, None before there are any; `is_ours` whether an order id is of this grid.
    """

    def __init__(
        self,
        rest: BinanceRest,
        symbol: str,
        every_s: float,
        strategy: Watched,
        *,
        books: Callable[[], OwnBooks | None],
        is_ours: Callable[[str], bool],
        is_limited: Callable[[], bool],
        on_agreed: Callable[[], None] = lambda: None,
        is_awaited: Callable[[], bool] = lambda: False,
    ) -> None:
        self.checked_ns: int | None = None
        """When the venue was last seen whole."""
        self.agreed_ns = 0
        """When nothing at all differed, the last time; 0 where that never was."""
        self.on_differing: Callable[[], None] = lambda: None
        """Called where a difference counts, and again while it lasts: trades may have been missed."""
        self._rest = rest
        self._symbol = symbol
        self._every_s = every_s
        self._strategy = strategy
        self._books = books
        self._is_ours = is_ours
        self._is_limited = is_limited
        self._on_agreed = on_agreed
        self._is_awaited = is_awaited
        self._since: dict[Difference, int] = {}
        """What differed at the last look, and since when (ns)."""
        self._counted: set[str] = set()
        """What the gate is shut for."""
        self._told_ns = 0
        self._failures = 0
        self._foreign: dict[str, None] = {}
        self._rounds = Rounds("truth", self.look, strategy)

    def start(self) -> None:
        """Look now, and every few seconds."""
        self._rounds.start()

    async def stop(self) -> None:
        """Look no more."""
        await self._rounds.stop()

    def hurry(self) -> None:
        """Look at once: something has happened."""
        self._rounds.hurry()

    async def look(self) -> float:
        """Ask and compare, once; gives the seconds to the next look."""
        before = self._books()
        if before is None or self._is_limited():
            return self._every_s
        asked_ns = self._strategy.now()
        try:
            orders = await open_orders(self._rest, self._symbol)
            legs = await positions(self._rest, self._symbol)
        except RestError as error:
            self._failed(error)
            return self._every_s
        if self._failures >= MOST_FAILURES:
            self._strategy.venue_alarm(UNSEEN, None, None)
        self._failures = 0
        self.checked_ns = self._strategy.now()
        held = {leg: position.qty for leg, position in legs.items()}
        self._strategy.on_venue_legs(held, asked_ns)
        after = self._books()
        if after is not None:
            self._judge(compare(before, after, orders, held, self._is_ours), asked_ns)
        self._note_foreign(orders)
        return min(self._every_s, AWAITED_S) if self._is_awaited() else self._every_s

    def _judge(self, found: tuple[Difference, ...], asked_ns: int) -> None:
        now = self._strategy.now()
        before, self._since = self._since, {each: self._since.get(each, now) for each in found}
        counted = [each for each in found if each in before and self._is_due(each, now)]
        if counted:
            self._shut(counted, now)
        elif not found:
            self.agreed_ns = asked_ns
            self._on_agreed()
            if self._counted:
                self._counted.clear()
                self._strategy.let_entries(Reason.VENUE_DIFFERS)

    def _is_due(self, each: Difference, now: int) -> bool:
        return not each.is_under_way or now - self._since[each] >= UNDER_WAY_NS

    def _shut(self, counted: list[Difference], now: int) -> None:
        words = "; ".join(each.words for each in counted[:MOST_WORDS])
        if len(counted) > MOST_WORDS:
            words += f"; and {len(counted) - MOST_WORDS} more"
        self._strategy.shut_entries(Reason.VENUE_DIFFERS, words)
        new = not self._counted.issuperset(each.about for each in counted)
        self._counted = {each.about for each in counted}
        if new or now - self._told_ns >= LOOK_AGAIN_NS:
            self._told_ns = now
            self._strategy.look_again()
            self.on_differing()

    def _failed(self, error: RestError) -> None:
        self._failures += 1
        if self._failures == MOST_FAILURES:
            words = f"{MOST_FAILURES} looks in a row have failed: {error}"
            self._strategy.venue_alarm(UNSEEN, None, words)

    def _note_foreign(self, orders: Iterable[VenueOrder]) -> None:
        """An order of somebody else's is told once, and left alone."""
        for order in orders:
            if self._is_ours(order.client_id) or order.client_id in self._foreign:
                continue
            self._foreign[order.client_id] = None
            if len(self._foreign) > FOREIGN_REMEMBERED:
                del self._foreign[next(iter(self._foreign))]
            price = "market" if order.price is None else plain(order.price)
            words = f"{order.kind} {order.side} {plain(order.qty)} {order.leg} at {price} ({order.client_id[:36]})"
            self._strategy.note("venue", "foreign-order", f"not of this grid, left alone: {words}")
