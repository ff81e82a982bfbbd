"""Every watch over the venue in one hand: started once the node runs, told by the telemetry, stopped at the end.

All of it lives on the engine's loop, tells the strategy and touches no order; only the dead-man's switch asks the venue
for anything but words.
"""

from decimal import Decimal
from typing import Final

from hedgegrid_tui.engine.binance.guards.comparison import OwnBooks
from hedgegrid_tui.engine.binance.guards.dead_man import DeadManSwitch
from hedgegrid_tui.engine.binance.guards.filters import FiltersWatch
from hedgegrid_tui.engine.binance.guards.limits import Told, VenueLimits
from hedgegrid_tui.engine.binance.guards.truth import TruthPoll
from hedgegrid_tui.engine.binance.guards.vitals import VenueVitalsFeed
from hedgegrid_tui.engine.binance.rest.client import BinanceRest, LimitedError
from hedgegrid_tui.engine.binance.rest.truth import Filters
from strategy.config import Config
from strategy.domain import NS_PER_S, Leg, Reason, plain
from strategy.hedge_grid import HedgeGridStrategy

LIQUIDATED: Final = "liquidated"
SILENT_NS: Final = 10 * NS_PER_S
"""A strategy that has published nothing for so long does not run, whatever its loop does."""
BANNED: Final = "418"


class VenueGuards:
    """The telemetry's callbacks have the telemetry's names."""

    def __init__(self, strategy: HedgeGridStrategy, rest: BinanceRest, config: Config, symbol: str) -> None:
        venue = config.binance
        self._strategy = strategy
        self._rest = rest
        self._ends = False
        self._stream_ails = ""
        self._liquidated: set[Leg] = set()
        self.limits = VenueLimits(strategy, venue.emergency_reserve_pct, offset_ms=lambda: rest.clock_offset_ms)
        self.truth = TruthPoll(
            rest,
            symbol,
            venue.truth_poll_s,
            strategy,
            books=self._books,
            is_ours=self._is_ours,
            is_limited=self.limits.is_limited,
            on_agreed=self._on_agreed,
            is_awaited=self._is_awaited,
        )
        self.dead_man = DeadManSwitch(
            rest, symbol, venue, strategy, ails=self._ails, are_exits_back=self._are_exits_back
        )
        self.filters = FiltersWatch(
            rest,
            symbol,
            strategy,
            refusals=self._refusals,
            is_limited=self.limits.is_limited,
            on_filters=self._on_filters,
        )
        self.feed = VenueVitalsFeed(
            rest,
            strategy,
            recv_window_ms=venue.recv_window_ms,
            limits=self.limits,
            dead_man=self.dead_man,
            truth=self.truth,
        )
        rest.on_usage = self.on_usage
        rest.on_limited = self._on_own_limited

    def start(self) -> None:
        """Watch from now on; the node runs."""
        self.limits.on_usage(self._rest.usage)
        self.dead_man.start()
        self.truth.start()
        self.feed.start()
        self.filters.start()

    async def stop(self, *, disarm: bool) -> bool:
        """Watch no more; `disarm` lets orders stay for good. False where the switch may still be armed against that."""
        self._ends = True
        certain = await self.dead_man.stop(disarm=disarm)
        await self.truth.stop()
        await self.filters.stop()
        await self.feed.stop()
        return certain

    # -- what the execution client tells ---------------------------------------------------------------------------

    def on_limited(self, retry_after_s: float, words: str) -> None:
        """The venue has said to wait; words that begin with 418 tell of a ban."""
        banned = words.startswith(BANNED)
        if banned:
            self._rest.heed_ban(retry_after_s)
        self.limits.on_limited(retry_after_s, words, banned=banned)

    def on_usage(self, told: Told) -> None:
        """Headers of an answer, whoever got it."""
        self.limits.on_usage(told)

    def on_stream_word(self, ts_ns: int) -> None:
        """The account's stream has said something."""
        self.feed.on_stream_word(ts_ns)

    def on_stream_checked(self, ts_ns: int) -> None:
        """The account's stream has been found alive, although it had nothing to say."""
        self.feed.on_stream_checked(ts_ns)

    def on_stream_state(self, alive: bool, words: str) -> None:
        """The account's stream has ended, or is back; what was missed meanwhile is asked about."""
        if not alive:
            self._stream_ails = words or "the account's stream is dead"
            self._strategy.shut_entries(Reason.STREAM_DEAD, self._stream_ails)
            return
        was_dead, self._stream_ails = bool(self._stream_ails), ""
        self._strategy.let_entries(Reason.STREAM_DEAD)
        if was_dead:
            self._strategy.look_again()
            self.truth.hurry()

    def on_foreign(self, words: str) -> None:
        """Something of somebody else's has happened on the account; it is shown and left alone."""
        self._strategy.note("venue", "foreign", words)

    def on_liquidation(self, leg: Leg, qty: Decimal, price: Decimal) -> None:
        """The venue has taken a leg, or part of it."""
        words = f"the venue has closed {plain(qty)} at {plain(price)} by force (liquidation or auto-deleveraging)"
        self._liquidated.add(leg)
        self._strategy.venue_alarm(LIQUIDATED, leg, words)
        self._strategy.look_again()
        self.truth.hurry()

    # -- what the watches ask --------------------------------------------------------------------------------------

    def _on_own_limited(self, error: LimitedError) -> None:
        self.limits.on_limited(error.retry_after_s, error.words, banned=error.is_ban)

    def _on_agreed(self) -> None:
        """Own books have taken in what the venue did; the critical error stays until somebody acknowledges it."""
        for leg in self._liquidated:
            self._strategy.venue_alarm(LIQUIDATED, leg, None)
        self._liquidated.clear()

    def _is_awaited(self) -> bool:
        """Whether a flatten runs, whose end may hang on what the venue shows."""
        grid = self._strategy.grid
        return grid is not None and bool(grid.frozen)

    def _on_filters(self, found: Filters) -> None:
        self.limits.set_budgets(found.weight_1m, found.orders_10s, found.orders_1m)

    def _ails(self) -> str:
        """Why the session must not be kept alive by the switch; empty while it is sound."""
        strategy = self._strategy
        if self._ends:
            return "the session ends"
        if strategy.failure:
            return f"the strategy has failed: {strategy.failure}"
        if not strategy.is_running:
            return "the strategy does not run"
        if strategy.now() - strategy.snapshot.ts > SILENT_NS:
            return "the strategy has published nothing for 10 s"
        return self._stream_ails

    def _are_exits_back(self, fired_ns: int) -> bool:
        """Own books show every exit at work, and the venue has shown the same since it fired."""
        grid = self._strategy.grid
        back = grid is not None and grid.exits_stand and self.truth.agreed_ns > fired_ns
        if not back:
            self.truth.hurry()
        return back

    def _books(self) -> OwnBooks | None:
        grid = self._strategy.grid
        if grid is None:
            return None
        return OwnBooks({order.id: order for order in grid.index}, {leg: grid.lots.held(leg) for leg in Leg})

    def _is_ours(self, order_id: str) -> bool:
        grid = self._strategy.grid
        return grid is not None and grid.books.told(order_id) is not None

    def _refusals(self) -> tuple[str, ...]:
        """The venue's words on what it has refused and nothing has made good since."""
        grid = self._strategy.grid
        return () if grid is None else tuple(grid.refusals.values())
