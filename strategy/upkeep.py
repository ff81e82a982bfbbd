"""What is done beside events: the equity is sampled and written, feed, venue and engine are watched."""

from decimal import Decimal
from typing import Final

from strategy.domain import NS_PER_MS, ZERO, Leg, Market, Reason, plain
from strategy.grid import HedgeGrid
from strategy.journal import JournalWriter
from strategy.watch import WalletWatch
from strategy.watchdog import Watchdog

SLOW: Final = frozenset(
    {Reason.COLLAR, Reason.ORDER_SIZE, Reason.NO_EQUITY, Reason.LEVERAGE, Reason.MARGIN, Reason.LIQUIDATION}
)
"""Reasons that change with the equity or the mark: they are looked at again with each sample."""


class Upkeep:
    """Serves one grid; used on the engine's loop only.

    A tape is not watched (`watches`): how often it is looked at depends on its speed, and its journal must not.
    `balance` (quote) is the account's at the start.
    """

    def __init__(
        self,
        grid: HedgeGrid,
        journal: JournalWriter,
        began_ns: int,
        *,
        watches: bool,
        balance: Decimal | None = None,
    ) -> None:
        self._grid = grid
        self._journal = journal
        self._began = began_ns
        self._watches = watches
        self.last_word = 0
        """When the venue last said something of an order, ns; 0 where it has not yet."""
        self._wallet = WalletWatch(balance)
        self._watchdog = Watchdog(grid.config.watchdog, grid.errors)

    def heard(self, now: int) -> None:
        """The venue has said something of an order at `now` (ns)."""
        self.last_word = now

    def sample(self, now: int, market: Market, balance: Decimal, cash: Decimal) -> bool:
        """Sample the equity and write its line; true where a pass is due.

        `balance` is the account's, and `cash` what the venue makes of it less what the legs cost, quote.
        """
        if market.bid > market.ask:
            return False
        grid, ledger, risk = self._grid, self._grid.ledger, self._grid.risk
        risk.climb(now)
        if not grid.books_differ:
            held = sum((abs(grid.lots.cost(leg)) for leg in Leg), ZERO)
            moved = self._wallet.look(balance, cash, ledger.wallet - grid.lots.net_cost, held)
            if moved:
                grid.on_transfer(moved)
        unrealised = grid.unrealised(market)
        equity = ledger.wallet + unrealised
        risk.sample(now, equity)
        day_start = risk.drawdown.day_start
        self._journal.write(
            "equity", now, wallet=plain(ledger.wallet), unrealised=plain(unrealised), equity=plain(equity),
            peak=plain(risk.drawdown.peak), realised=plain(ledger.realised), fees=plain(ledger.fees),
            funding=plain(ledger.funding), **({} if day_start is None else {"day_start": plain(day_start)}),
        )  # fmt: skip
        return bool(risk.pending) or not SLOW.isdisjoint(grid.gaps.values())

    def look(self, now: int, market: Market | None) -> bool:
        """Watch feed and venue, and tell again what lasts; true where a pass is due."""
        grid, watchdog = self._grid, self._watchdog
        if not self._watches:
            return grid.books_differ
        last = self._began if market is None else market.ts
        bound = grid.config.watchdog.stale_after_ms * NS_PER_MS
        is_stale = now - last > bound if market is None else grid.is_stale(market, now)
        came_back = watchdog.look_at_feed(now, last, is_stale=is_stale)
        watchdog.look_at_stream(now, grid.inquiries.waiting_since(), self.last_word)
        watchdog.repeat(now)
        return came_back or grid.books_differ

    def stood_still(self, now: int, stood_ns: int) -> None:
        """The engine did nothing for so long, and goes on."""
        self._watchdog.was_stuck(now, stood_ns)
