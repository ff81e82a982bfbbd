"""The limit on repeated executions: a level that fills too often within a window is latched until a reset."""

from collections import deque

from strategy.domain import NS_PER_S, OrderKey
from strategy.risk_config import LimitsConfig


class Repeats:
    """Counts the entries that fill, per level; a runaway loop of fills and exits costs fees until somebody looks."""

    def __init__(self, limits: LimitsConfig) -> None:
        self.latched: dict[OrderKey, None] = {}
        """Levels that wait for a reset, oldest first."""
        self._most = limits.max_fills_per_level
        self._window = limits.fill_window_s * NS_PER_S
        self._fills: dict[OrderKey, deque[int]] = {}

    def filled(self, key: OrderKey, now: int) -> bool:
        """An entry at that level has begun to fill; true where that has just latched the level."""
        if not self._most or key in self.latched:
            return False
        times = self._fills.setdefault(key, deque(maxlen=self._most))
        times.append(now)
        if len(times) < self._most or now - times[0] > self._window:
            return False
        self.latched[key] = None
        return True

    def release(self) -> None:
        """Let every level enter again, and count anew."""
        self.latched.clear()
        self._fills.clear()
