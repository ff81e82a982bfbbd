"""The venue's budgets of requests: what is used, what entries must leave to exits, how long nothing may be asked.

Source: Binance, USDS-M Futures, "General Info", "LIMITS": weight counts per address and minute, orders per account and
ten seconds and minute; after 429 one waits, and whoever does not is banned with 418.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from hedgegrid_tui.engine.binance.guards.watched import Watched
from strategy.domain import NS_PER_S, Reason

BANNED: Final = "banned"
"""The alarm of an address from which the venue takes nothing."""
MINUTE_NS: Final = 60 * NS_PER_S
TEN_S_NS: Final = 10 * NS_PER_S
SLACK_NS: Final = NS_PER_S // 2
"""Clocks differ, and a window turns by the venue's."""


class Told(Protocol):
    """Numbers of an answer's headers, each with the time (ns) at which it was told; `rest.Usage` is one."""

    @property
    def weight_1m(self) -> int | None: ...  # noqa: D102

    @property
    def weight_1m_ns(self) -> int: ...  # noqa: D102

    @property
    def orders_10s(self) -> int | None: ...  # noqa: D102

    @property
    def orders_10s_ns(self) -> int: ...  # noqa: D102

    @property
    def orders_1m(self) -> int | None: ...  # noqa: D102

    @property
    def orders_1m_ns(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Budgets:
    """What the venue allows; the values are Binance's own for an address and an account without special terms."""

    weight_1m: int = 2400
    orders_10s: int = 300
    orders_1m: int = 1200


@dataclass(slots=True)
class Meter:
    """One budget and the latest word on its use."""

    name: str
    window_ns: int
    limit: int
    used: int | None = None
    told_ns: int = 0

    def tell(self, used: int | None, told_ns: int) -> None:
        """An answer said so; an older one than the latest is not heeded."""
        if used is not None and told_ns >= self.told_ns:
            self.used, self.told_ns = used, told_ns

    def at(self, now: int) -> int | None:
        """What is used; None before any answer, and once what was told is older than its window."""
        return self.used if now - self.told_ns < self.window_ns else None

    def turns_ns(self, offset_ns: int) -> int:
        """When the window turns in which it was told, by our clock, where the venue's is `offset_ns` ahead."""
        venue = self.told_ns + offset_ns
        return (venue // self.window_ns + 1) * self.window_ns - offset_ns + SLACK_NS


class VenueLimits:
    """Takes what answers say of the limits, from whichever client got them, and keeps entries away from the reserve.

    `offset_ms` gives how far the venue's clock is ahead of ours.
    """

    def __init__(
        self,
        strategy: Watched,
        reserve_pct: int,
        budgets: Budgets | None = None,
        offset_ms: Callable[[], int] = lambda: 0,
    ) -> None:
        self.budgets = Budgets() if budgets is None else budgets
        self.weight = Meter("weight in this minute", MINUTE_NS, self.budgets.weight_1m)
        self.orders_10s = Meter("orders in ten seconds", TEN_S_NS, self.budgets.orders_10s)
        self.orders_1m = Meter("orders in this minute", MINUTE_NS, self.budgets.orders_1m)
        self.until_ns = 0
        """Until when the venue wants no requests; in the past where it does."""
        self._strategy = strategy
        self._share = 100 - reserve_pct
        self._offset_ms = offset_ms
        self._shut_until = 0
        self._banned = False

    def set_budgets(self, weight_1m: int | None, orders_10s: int | None, orders_1m: int | None) -> None:
        """What the venue's own exchange information allows; None leaves a budget as it is."""
        for meter, limit in ((self.weight, weight_1m), (self.orders_10s, orders_10s), (self.orders_1m, orders_1m)):
            meter.limit = limit or meter.limit

    def is_limited(self) -> bool:
        """Whether the venue has said to wait, and that is not over."""
        return self._strategy.now() < self.until_ns

    def has_room(self) -> bool:
        """Whether the weight used leaves half of the reserve: questions find lost fills, and may use the other half."""
        used = self.weight.at(self._strategy.now())
        return used is None or used * 200 <= self.weight.limit * (100 + self._share)

    def on_usage(self, told: Told) -> None:
        """An answer's headers."""
        self.weight.tell(told.weight_1m, told.weight_1m_ns)
        self.orders_10s.tell(told.orders_10s, told.orders_10s_ns)
        self.orders_1m.tell(told.orders_1m, told.orders_1m_ns)
        for meter in (self.weight, self.orders_10s, self.orders_1m):
            self._keep_reserve(meter)

    def on_limited(self, retry_after_s: float, words: str, *, banned: bool = False) -> None:
        """The venue has said to wait; `banned` where it takes nothing at all, whatever it is for."""
        now = self._strategy.now()
        self.until_ns = max(self.until_ns, now + int(retry_after_s * NS_PER_S))
        if banned and not self._banned:
            self._banned = True
            told = f"no request is taken for {retry_after_s:.0f} s, cancels and closes included: {words}"
            self._strategy.venue_alarm(BANNED, None, told)
        self._shut(f"the venue says to wait {retry_after_s:.0f} s: {words}", self.until_ns)

    def look(self) -> None:
        """End a ban that is over; called about once a second."""
        if self._banned and not self.is_limited():
            self._banned = False
            self._strategy.venue_alarm(BANNED, None, None)
            self._strategy.look_again()

    def _keep_reserve(self, meter: Meter) -> None:
        now = self._strategy.now()
        used = meter.at(now)
        if used is None or used * 100 <= meter.limit * self._share:
            return
        until = meter.turns_ns(self._offset_ms() * NS_PER_S // 1000)
        if until > now:
            words = f"{meter.name}: more than {self._share} % of {meter.limit:,} used, the rest is kept for exits"
            self._shut(words, until)

    def _shut(self, words: str, until_ns: int) -> None:
        """The closure that lasts longest stands; one within it changes nothing."""
        if until_ns > self._shut_until:
            self._shut_until = until_ns
            self._strategy.shut_entries(Reason.VENUE_LIMITED, words, until_ns)
