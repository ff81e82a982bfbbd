"""The user stream's listenKey: one at a time, good for an hour after it was made or renewed."""

import itertools
from collections.abc import Callable

from tests.venue.binance import events
from tests.venue.binance.errors import ApiError

LIFE_MS = 3_600_000


class ListenKeys:
    """The account's key; `tell` takes the event of its end, and `close` ends the sockets of one."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self.key: str | None = None
        self.ends_ms = 0
        self._numbers = itertools.count(1)

    def create(self) -> str:
        """The live key, made new where there is none; either way good for an hour."""
        if self.key is None:
            self.key = f"listen-key-{next(self._numbers)}-" + "x" * 46
        self.ends_ms = self.now_ms() + LIFE_MS
        return self.key

    def renew(self) -> str:
        """Good for another hour."""
        if self.key is None:
            raise ApiError(-1125)
        return self.create()

    def close(self) -> str | None:
        """There is none any more; gives what was."""
        key, self.key = self.key, None
        return key

    def is_live(self, key: str) -> bool:
        """Whether events go to sockets with that key."""
        return key == self.key

    def expire(self, tell: Callable[[dict[str, object]], None]) -> None:
        """The key ends now; its sockets stay, and hear nothing after this."""
        if self.key is None:
            return
        tell(events.listen_key_expired(self.key, self.now_ms()))
        self.key = None

    def is_due(self) -> bool:
        """Whether nobody renewed it in time."""
        return self.key is not None and self.now_ms() >= self.ends_ms
