"""When a refused order may be tried again: a wait that doubles, bounded, per key."""

import sys
from collections.abc import Mapping
from typing import Final

from strategy.config import ExecutionConfig
from strategy.domain import NS_PER_MS, NS_PER_S, OrderKey, Role

NEVER: Final = sys.maxsize
REST_NS: Final = 300 * NS_PER_S
"""A key that was not refused for so long begins again with the first wait."""
CLOSE_LONGEST_NS: Final = 5 * NS_PER_S
"""What is to be closed at market has no stop: it waits no longer than this."""


class BackOff:
    """Per key the time before which nothing is sent again."""

    def __init__(self, execution: ExecutionConfig) -> None:
        self._first = execution.retry_first_ms * NS_PER_MS
        self._last = execution.retry_last_ms * NS_PER_MS
        self._attempts: dict[OrderKey, int] = {}
        self._last_refusal: dict[OrderKey, int] = {}
        self._until: dict[OrderKey, int] = {}

    @property
    def until(self) -> Mapping[OrderKey, int]:
        """Per key the time, ns, before which it waits."""
        return self._until

    def refused(self, key: OrderKey, now: int, *, grows: bool, most: int | None = None) -> bool:
        """Note a refusal at `now` (ns); the wait of an order that protects something should not grow.

        After `most` refusals in a row the key is given up; returns whether that has just happened.
        """
        rested = now - self._last_refusal.get(key, now) > REST_NS
        self._last_refusal[key] = now
        attempts = self._attempts.get(key, 0) if grows and not rested else 0
        self._attempts[key] = attempts + 1
        if most is not None and attempts + 1 >= most:
            self._until[key] = NEVER
            return True
        last = min(self._last, CLOSE_LONGEST_NS) if key.role is Role.CLOSE else self._last
        wait = min(self._first << min(attempts, 32), last)
        self._until[key] = now + wait
        return False

    def renew(self) -> None:
        """Keys that were given up may be tried again."""
        for key in [key for key, until in self._until.items() if until == NEVER]:
            self.succeeded(key)

    def passed(self, key: OrderKey) -> None:
        """The venue has taken the order: nothing waits; whether it lasts is not known yet."""
        self._until.pop(key, None)

    def succeeded(self, key: OrderKey) -> None:
        """Forget the refusals of a key that has filled, or that is gone."""
        self._attempts.pop(key, None)
        self._last_refusal.pop(key, None)
        self._until.pop(key, None)

    def next_due(self, now: int) -> int | None:
        """The earliest time after `now` at which a key may be tried again."""
        return min((until for until in self._until.values() if now < until < NEVER), default=None)
