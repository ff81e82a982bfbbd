"""`countdownCancelAll`: every open order ends unless the countdown is renewed in time."""

from tests.venue.binance.exchange import Exchange


class Countdown:
    """The account's countdown for its one symbol."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.reaches_algos = False
        """Whether it ends conditional orders too, which the documentation leaves open."""
        self.asked: list[int] = []
        """Each countdown that was asked for, ms; 0 ends it."""
        self.fired = 0
        self._ends_ms: int | None = None

    def set(self, wait_ms: int) -> None:
        """Begin anew, or end it with 0."""
        self.asked.append(wait_ms)
        self._ends_ms = self.exchange.now_ms() + wait_ms if wait_ms else None

    def look(self) -> None:
        """Fire if it is time."""
        if self._ends_ms is None or self.exchange.now_ms() < self._ends_ms:
            return
        self._ends_ms = None
        self.fired += 1
        self.exchange.cancel_all(algos=False)
        if self.reaches_algos:
            self.exchange.cancel_all(algos=True)
