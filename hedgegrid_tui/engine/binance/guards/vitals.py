"""The venue's vital signs, put together about once a second; and the venue's clock, asked once a minute."""

from typing import Final

from hedgegrid_tui.engine.binance.guards.dead_man import DeadManSwitch
from hedgegrid_tui.engine.binance.guards.limits import VenueLimits
from hedgegrid_tui.engine.binance.guards.rounds import Rounds
from hedgegrid_tui.engine.binance.guards.truth import TruthPoll
from hedgegrid_tui.engine.binance.guards.watched import Watched
from hedgegrid_tui.engine.binance.rest.client import BinanceRest, RestError
from strategy.domain import NS_PER_MS
from strategy.snapshot import VenueVitals

SKEW: Final = "clock-skew"
EVERY_S: Final = 1.0
CLOCK_EVERY_S: Final = 60.0
CLOCK_AGAIN_S: Final = 10.0
"""After a question that was not answered."""


class VenueVitalsFeed:
    """Collects from those who know, and tells the strategy."""

    def __init__(
        self,
        rest: BinanceRest,
        strategy: Watched,
        *,
        recv_window_ms: int,
        limits: VenueLimits,
        dead_man: DeadManSwitch,
        truth: TruthPoll,
    ) -> None:
        self.heard_ns: int | None = None
        """When the account's stream last said anything."""
        self.checked_ns: int | None = None
        """When it was last found alive, by a word or by asking."""
        self._rest = rest
        self._strategy = strategy
        self._bound_ms = recv_window_ms // 2
        self._limits = limits
        self._dead_man = dead_man
        self._truth = truth
        self._rounds = Rounds("vitals", self.look, strategy)
        self._clock = Rounds("clock", self.look_at_clock, strategy)

    def start(self) -> None:
        """Tell from now on."""
        self._rounds.start()
        self._clock.start()

    async def stop(self) -> None:
        """Tell no more."""
        await self._clock.stop()
        await self._rounds.stop()

    def on_stream_word(self, ts_ns: int) -> None:
        """The account's stream has said something."""
        self.heard_ns = self.checked_ns = ts_ns

    def on_stream_checked(self, ts_ns: int) -> None:
        """The account's stream has been asked and is alive."""
        self.checked_ns = ts_ns

    async def look(self) -> float:
        """Tell once; gives the seconds to the next time."""
        self._limits.look()
        if self._rest.round_trip_ms is not None:
            self._judge_skew(self._rest.clock_offset_ms)
        self._strategy.on_venue_vitals(self.vitals())
        return EVERY_S

    async def look_at_clock(self) -> float:
        """Ask the venue's time; gives the seconds to the next question."""
        if self._limits.is_limited():
            return CLOCK_AGAIN_S
        try:
            await self._rest.sync_clock()
        except RestError:
            return CLOCK_AGAIN_S  # who cannot be asked is told by the comparisons
        return CLOCK_EVERY_S

    def _judge_skew(self, skew: int) -> None:
        """Whoever has asked the clock last."""
        words = None
        if abs(skew) > self._bound_ms:
            where = "ahead of" if skew > 0 else "behind"
            words = (
                f"the venue's clock is {abs(skew):,} ms {where} ours; more than {self._bound_ms:,} ms endangers orders"
            )
        self._strategy.venue_alarm(SKEW, None, words)

    def vitals(self) -> VenueVitals:
        """As they are now."""
        now, limits, left = self._strategy.now(), self._limits, self._dead_man.left_s
        known = self._rest.round_trip_ms is not None
        return VenueVitals(
            taken_ns=now,
            stream_age_ms=_age_ms(now, self.heard_ns),
            stream_checked_ms=_age_ms(now, self.checked_ns),
            weight_used=limits.weight.at(now),
            weight_limit=limits.weight.limit,
            orders_10s=limits.orders_10s.at(now),
            orders_10s_limit=limits.orders_10s.limit,
            orders_1m=limits.orders_1m.at(now),
            orders_1m_limit=limits.orders_1m.limit,
            dead_man_s=None if left is None else max(0, int(left)),
            dead_man_of_s=self._dead_man.span_s if self._dead_man.is_on else None,
            skew_ms=self._rest.clock_offset_ms if known else None,
            round_trip_ms=self._rest.round_trip_ms,
            limited_until_ns=limits.until_ns if limits.is_limited() else None,
            checked_ns=self._truth.checked_ns,
        )


def _age_ms(now: int, since_ns: int | None) -> int | None:
    return None if since_ns is None else max(0, now - since_ns) // NS_PER_MS
