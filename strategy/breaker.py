"""The breaker on repeated errors: a sliding window, a trip at its threshold, an end by cooldown or by hand."""

from collections import deque

from strategy.domain import NS_PER_S
from strategy.risk_config import BreakerConfig
from strategy.snapshot import BreakerView


class Breaker:
    """Counts errors; each one counts once, and while it is open none opens it again."""

    def __init__(self, config: BreakerConfig) -> None:
        self.is_open = False
        self.until_ns = 0
        """When it closes by itself; 0 while it is closed, or where only a reset closes it."""
        self.trips = 0
        self._threshold = config.errors
        self._window = config.window_s * NS_PER_S
        self._cooldown = config.cooldown_s * NS_PER_S
        self._errors: deque[tuple[int, str]] = deque(maxlen=config.errors)
        self.cause: tuple[str, ...] = ()
        """What has opened it; empty while it is closed."""

    def note(self, now: int, words: str) -> bool:
        """Count an error at `now` (ns); true where this one has opened the breaker."""
        if self.is_open:
            return False
        self._errors.append((now, words))
        self._drop_old(now)
        if len(self._errors) < self._threshold:
            return False
        self.trips += 1
        self.open(now + self._cooldown if self._cooldown else 0, tuple(words for _, words in self._errors))
        return True

    def open(self, until_ns: int, cause: tuple[str, ...]) -> None:
        """Open it, or take over that it was left open."""
        self.is_open, self.until_ns, self.cause = True, until_ns, cause
        self._errors.clear()

    def close(self) -> None:
        """Close it with an empty window, so that the next trip works like the first."""
        self.is_open, self.until_ns, self.cause = False, 0, ()
        self._errors.clear()

    def is_over(self, now: int) -> bool:
        """Whether its cooldown has passed."""
        return self.is_open and 0 < self.until_ns <= now

    def view(self, now: int) -> BreakerView:
        """For the snapshot."""
        self._drop_old(now)
        return BreakerView(
            is_open=self.is_open,
            count=len(self._errors),
            threshold=self._threshold,
            window_s=self._window // NS_PER_S,
            until_ns=self.until_ns,
            trips=self.trips,
            errors=self.cause if self.is_open else tuple(words for _, words in self._errors),
        )

    def _drop_old(self, now: int) -> None:
        while self._errors and now - self._errors[0][0] > self._window:
            self._errors.popleft()
