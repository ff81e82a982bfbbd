"""The instrument's rules at the venue, looked at again now and then: a changed tick or step closes the gate.

Bounds far from any order of the grid change at Binance every few weeks; such a change is noted and closes nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import fields
from decimal import Decimal
from typing import Final

from hedgegrid_tui.engine.binance.guards.rounds import Rounds
from hedgegrid_tui.engine.binance.guards.watched import Watched
from hedgegrid_tui.engine.binance.rest.client import BinanceRest, RestError
from hedgegrid_tui.engine.binance.rest.truth import Filters, exchange_filters
from strategy.domain import NS_PER_S, Reason, plain

EVERY_NS: Final = 300 * NS_PER_S
"""The answer holds every symbol of the venue and is long."""
AT_LEAST_NS: Final = 30 * NS_PER_S
"""Refusals that name a filter let it look sooner, but not sooner than this."""
TICK_S: Final = 2.0
CODES: Final = ("-1111", "-4001", "-4002", "-4003", "-4004", "-4005", "-4013", "-4014", "-4016", "-4023", "-4164")
"""Refusals for price, quantity, precision, tick, step or value. Source: Binance, USDS-M Futures, "Error Codes"."""
GRAVE: Final = ("status", "tick_size", "step_size", "min_qty", "min_notional")
"""What an order of the grid is refused for once it changes."""
BUDGETS: Final = frozenset({"weight_1m", "orders_10s", "orders_1m"})
"""Handed on, and no rules for an order."""


class FiltersWatch:
    """Compares with what the first look found; `refusals` gives the venue's words on what it has refused lately."""

    def __init__(
        self,
        rest: BinanceRest,
        symbol: str,
        strategy: Watched,
        *,
        refusals: Callable[[], Iterable[str]],
        is_limited: Callable[[], bool],
        on_filters: Callable[[Filters], None],
    ) -> None:
        self._rest = rest
        self._symbol = symbol
        self._strategy = strategy
        self._refusals = refusals
        self._is_limited = is_limited
        self._on_filters = on_filters
        self._first: Filters | None = None
        self._latest: Filters | None = None
        self._asked_ns = 0
        self._rounds = Rounds("filters", self.look, strategy)

    def start(self) -> None:
        """Look now, and again now and then."""
        self._rounds.start()

    async def stop(self) -> None:
        """Look no more."""
        await self._rounds.stop()

    async def look(self) -> float:
        """Ask if it is time; gives the seconds to the next thought of it."""
        since = self._strategy.now() - self._asked_ns
        if self._is_limited() or since < (AT_LEAST_NS if self._is_suspect() else EVERY_NS):
            return TICK_S
        self._asked_ns = self._strategy.now()
        try:
            found = await exchange_filters(self._rest, self._symbol)
        except RestError:
            self._asked_ns += AT_LEAST_NS - EVERY_NS
            return TICK_S
        self._on_filters(found)
        if self._first is None or self._latest is None:
            self._first = self._latest = found
        self._judge(self._first, found)
        self._note(self._latest, found)
        self._latest = found
        return TICK_S

    def _is_suspect(self) -> bool:
        return any(code in words for words in self._refusals() for code in CODES)

    def _judge(self, first: Filters, now: Filters) -> None:
        told = _changes(first, now, GRAVE)
        if told:
            words = f"{told} at the venue now; end the session, set [instrument] to it, and start again"
            self._strategy.shut_entries(Reason.FILTERS_CHANGED, words)
        else:
            self._strategy.let_entries(Reason.FILTERS_CHANGED)

    def _note(self, before: Filters, now: Filters) -> None:
        names = [field.name for field in fields(Filters) if field.name not in (*GRAVE, *BUDGETS)]
        told = _changes(before, now, names)
        if told:
            self._strategy.note("venue", "filters", f"{told} at the venue now")


def _changes(before: Filters, now: Filters, names: Iterable[str]) -> str:
    pairs = ((name, getattr(before, name), getattr(now, name)) for name in names)
    return ", ".join(f"{name.replace('_', ' ')} {_text(old)} is {_text(new)}" for name, old, new in pairs if old != new)


def _text(value: object) -> str:
    return plain(value) if isinstance(value, Decimal) else "none" if value is None else str(value)
