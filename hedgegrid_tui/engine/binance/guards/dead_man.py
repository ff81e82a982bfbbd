"""The dead-man's switch: unless this session says in time that it lives, the venue cancels the symbol's orders.

What it cancels (Binance, USDS-M Futures, "Auto-Cancel All Open Orders"): every open order of the symbol, which is all
entries and also all take-profits, foreign orders included. Whether it reaches conditional orders, and so stops, the
documentation does not say: after it has fired, stops are taken as gone until the venue shows them. It never closes a
position. The account has one such countdown per symbol: another program that sets it changes ours.

So after it has fired no entry leaves until exits stand again, which the strategy restores by itself, and the switch is
armed anew. A session that ends in order disarms it, since orders that are to stay would go otherwise; after a crash it
does what it is for.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from hedgegrid_tui.engine.binance.guards.rounds import Rounds
from hedgegrid_tui.engine.binance.guards.watched import Watched
from hedgegrid_tui.engine.binance.rest.client import BinanceRest, LimitedError, RestError
from strategy.domain import NS_PER_S, OrderKey, Reason
from strategy.venue_config import BinanceConfig

PATH: Final = "/fapi/v1/countdownCancelAll"
LATE: Final = "dead-man-late"
"""The alarm of a renewal that does not come through."""
TICK_S: Final = 1.0
RETRY_S: Final = 2.0
"""A renewal that failed is tried again after this."""
BULK: Final = 3
BULK_NS: Final = 2 * NS_PER_S
"""So many orders that end within so long, and nobody here asked: something at the venue has cancelled them."""
DISARM_TRIES: Final = 3
REACHES: Final = "entries and take-profits, perhaps stops"


class DeadManSwitch:
    """Renews the countdown while `ails` gives no reason against it, and shuts the gate once it has fired.

    `are_exits_back` is asked, with the time (ns) of the firing, whether the exits stand again.
    """

    def __init__(
        self,
        rest: BinanceRest,
        symbol: str,
        config: BinanceConfig,
        strategy: Watched,
        *,
        ails: Callable[[], str],
        are_exits_back: Callable[[int], bool],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.fired_ns = 0
        """When it was found to have fired; 0 where exits have been restored since, or it never has."""
        self._rest = rest
        self._symbol = symbol
        self._span_s = config.dead_man_s
        self._renew_s = config.dead_man_renew_s
        self._strategy = strategy
        self._ails = ails
        self._are_exits_back = are_exits_back
        self._monotonic = monotonic
        self._armed: tuple[int, float] | None = None
        """When its time is over, by the engine's clock (ns) and by the machine's steady one (s)."""
        self._due = 0.0
        self._trouble = ""
        self._asks = False
        """Whether the strategy must ask what became of its orders; not from within the event that told of one."""
        self._unasked: deque[int] = deque(maxlen=BULK)
        self._rounds = Rounds("dead-man", self.look, strategy)

    @property
    def is_on(self) -> bool:
        """Whether it is configured at all."""
        return bool(self._span_s)

    @property
    def span_s(self) -> int:
        """Seconds that it is set to."""
        return self._span_s

    @property
    def left_s(self) -> float | None:
        """Seconds until the venue cancels, at least; None while it is not armed.

        Counted from the moment at which the last renewal that the venue has confirmed was sent, by whichever clock has
        gone further: one stands still while the machine sleeps, the other may be set.
        """
        if self._armed is None:
            return None
        over_ns, over = self._armed
        return min((over_ns - self._strategy.now()) / NS_PER_S, over - self._monotonic())

    def start(self) -> None:
        """Arm it, and renew it from now on."""
        if self.is_on:
            self._strategy.on_unasked_end(self.on_unasked_end)
            self._rounds.start()

    async def stop(self, *, disarm: bool) -> bool:
        """No further renewal; `disarm` ends the countdown, so that orders may stay. False where that is not certain."""
        await self._rounds.stop()
        self._strategy.on_unasked_end(lambda _key, _now: None)
        return await self._disarm() if disarm and self._armed is not None else True

    def on_unasked_end(self, _key: OrderKey, now: int) -> None:
        """An order has ended at the venue, and nobody here had asked for it."""
        self._unasked.append(now)
        if self._armed is not None and len(self._unasked) == BULK and now - self._unasked[0] <= BULK_NS:
            self._fired(f"the venue has cancelled {BULK} orders or more at once, and nobody here asked for it")
            self._rounds.hurry()

    async def look(self) -> float:
        """Renew it if that is due, and tell what is wrong; gives the seconds to the next look."""
        left = self.left_s
        if left is not None and left <= 0:
            self._armed = None
            self._fired(f"no renewal has reached the venue for {self._span_s} s")
        if self._asks:
            self._asks = False
            self._strategy.look_again()
        ail = self._ails()
        if ail:
            self._trouble = f"not renewed: {ail}"
        elif self._monotonic() >= self._due:
            await self._renew()
        self._tell_late()
        if self.fired_ns and not self._trouble and self._are_exits_back(self.fired_ns):  # and so it is armed anew
            self.fired_ns = 0
            self._strategy.let_entries(Reason.DEAD_MAN)
        return TICK_S

    async def _renew(self) -> None:
        sent_ns, sent = self._strategy.now(), self._monotonic()
        try:
            await self._set(self._span_s)
        except RestError as error:
            self._trouble = f"renewal failed: {error}"
            wait = error.retry_after_s if isinstance(error, LimitedError) else RETRY_S
            self._due = self._monotonic() + min(wait, self._renew_s)
            return
        self._trouble = ""
        self._armed = sent_ns + self._span_s * NS_PER_S, sent + self._span_s
        self._due = sent + self._renew_s

    async def _set(self, seconds: int) -> None:
        await self._rest.signed("POST", PATH, urgent=True, symbol=self._symbol, countdownTime=seconds * 1000)

    def _fired(self, why: str) -> None:
        self._due = 0.0
        first, self.fired_ns = not self.fired_ns, self._strategy.now()
        if first:
            words = f"{why}: taken as fired, which cancels {REACHES}; exits are restored before any entry leaves"
            self._strategy.shut_entries(Reason.DEAD_MAN, words)
            self._asks = True

    def _tell_late(self) -> None:
        left = self.left_s
        if self._trouble and (left is None or 2 * left < self._span_s):
            when = "it is not armed" if left is None else f"it cancels {REACHES} once its time is over"
            self._strategy.venue_alarm(LATE, None, f"{self._trouble}; {when}")
        elif not self._trouble:
            self._strategy.venue_alarm(LATE, None, None)

    async def _disarm(self) -> bool:
        words = ""
        for _ in range(DISARM_TRIES):
            try:
                await self._set(0)
            except RestError as error:
                words = str(error)
            else:
                self._armed = None
                return True
        left = max(0, int(self.left_s or 0))
        told = f"not disarmed, {words}: in {left} s or less than {self._span_s} s the venue cancels {REACHES}"
        self._strategy.note_critical("dead-man", "not-disarmed", told)
        return False
