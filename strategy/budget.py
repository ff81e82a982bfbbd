"""The message budget: requests within a sliding window, with a part that entries leave to exits and cancels."""

from collections import deque
from collections.abc import Iterable

from strategy.domain import NS_PER_S
from strategy.risk_config import LimitsConfig
from strategy.snapshot import BudgetView


class MessageBudget:
    """Every order, change and cancel that leaves is counted; venues ban who sends too many."""

    def __init__(self, limits: LimitsConfig) -> None:
        self._limit = limits.max_messages
        self._reserve = limits.message_reserve
        self._window = limits.message_window_s * NS_PER_S
        self._sent: deque[int] = deque()

    def go_on_from(self, sent: Iterable[int]) -> None:
        """Count what an earlier session has sent, times in ns."""
        self._sent.extend(sorted(sent)[-self._limit :])

    def spend(self, now: int, messages: int = 1) -> None:
        """Note requests that leave at `now` (ns)."""
        self._sent.extend([now] * messages)

    def has_room(self, now: int, *, entry: bool, messages: int = 1) -> bool:
        """Whether so many requests may leave now; entries leave the reserve alone."""
        limit = self._limit - self._reserve if entry else self._limit
        return self.used(now) + messages <= limit

    def used(self, now: int) -> int:
        """Requests within the window."""
        while self._sent and now - self._sent[0] >= self._window:
            self._sent.popleft()
        return len(self._sent)

    def next_free(self, now: int) -> int | None:
        """When the oldest request leaves the window, ns; None where it is empty."""
        return self._sent[0] + self._window if self.used(now) else None

    def view(self, now: int) -> BudgetView:
        """For the snapshot."""
        return BudgetView(self.used(now), self._limit, self._reserve, self._window // NS_PER_S)
