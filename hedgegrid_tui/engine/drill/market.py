"""A simulated market whose price, pace and silence the drill sets."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, override

from nautilus_trader.live.factories import LiveDataClientFactory

from hedgegrid_tui.engine.markets.price_path import MarketStep
from hedgegrid_tui.engine.markets.simulated import SimulatedMarket
from strategy.domain import ZERO

START: Final = Decimal(60_000)
"""Where the market begins, quote."""
QUIET_PACE: Final = 50
"""Quotes a second while nothing is rehearsed with them."""
FLOOD_PACE: Final = 2_000
BOOK_SIZE: Final = Decimal(900)
"""At the best prices, base: more than any rehearsal closes."""
WOBBLE: Final = (0, 1, 2, 1, 0, -1, -2, -1)
"""Ticks around the price, quote after quote."""
MOST_BEHIND_S: Final = 0.25
"""A market that is later than this lets the quotes between go."""


class StagedMarket(SimulatedMarket):
    """Quotes around one price; used on the engine's loop only."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Nautilus's own arguments
        super().__init__(*args, **kwargs)
        self.mid = START
        """The middle that quotes wobble around, quote."""
        self.pace = QUIET_PACE
        """Quotes a second."""
        self.silent = False
        """Whether the feed is lost."""
        self.quotes = 0
        """Sent so far."""
        self.last_ns = 0
        """Engine time of the last quote."""
        self._tick = self._cache.instrument(self._instrument_id).price_increment.as_decimal()

    def move(self, mid: Decimal) -> None:
        """Jump to a price in one quote."""
        self.mid = mid
        self.quote()

    def quote(self) -> None:
        """Send one quote and the mark price, unless the feed is lost."""
        if self.silent:
            return
        first = not self.quotes
        low = self.mid - self.mid % self._tick + WOBBLE[self.quotes % len(WOBBLE)] * self._tick
        self.quotes += 1
        self.last_ns = self._clock.timestamp_ns()
        self._send(
            MarketStep(
                number=0 if first else 1,  # the funding rate goes with the first alone
                bid=low,
                ask=low + self._tick,
                bid_size=BOOK_SIZE,
                ask_size=BOOK_SIZE,
                trades=(),
                mark=low,
                funding_rate=ZERO,
            )
        )

    @override
    async def _emit(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            self.quote()
            due = max(due + 1 / self.pace, loop.time() - MOST_BEHIND_S)
            await asyncio.sleep(max(0.0, due - loop.time()))


def market_factory(take: Callable[[StagedMarket], None]) -> type[LiveDataClientFactory]:
    """A factory that hands the market which it makes to `take`."""

    class StagedMarketFactory(LiveDataClientFactory):
        @staticmethod
        def create(loop: Any, name: str, config: Any, msgbus: Any, cache: Any, clock: Any) -> StagedMarket:  # noqa: ANN401, ARG004
            market = StagedMarket(loop, msgbus, cache, clock, config)
            take(market)
            return market

    return StagedMarketFactory
