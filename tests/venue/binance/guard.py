"""Who may ask what, and how much: key, signature, clock, weights and bans."""

import hashlib
import hmac
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tests.venue.binance.asked import Asked, Route, Security
from tests.venue.binance.errors import ApiError

KEY = "fake-key-" + "k" * 55
SECRET = "fake-secret-" + "s" * 52
MINUTE_MS = 60_000
TEN_S_MS = 10_000
AHEAD_MS = 1_000
RECV_WINDOW_MS = 5_000


@dataclass
class Keys:
    """The account's one key; `secret` is an HMAC secret or an Ed25519 PEM."""

    key: str = KEY
    secret: str = SECRET
    can_trade: bool = True
    can_withdraw: bool = False
    ip_restricted: bool = True

    def sign(self, text: str) -> str:
        """The signature of a raw query string."""
        if "PRIVATE KEY" in self.secret:
            return _ed25519(self.secret, text)
        return hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _ed25519(pem: str, text: str) -> str:
    # Such signatures are deterministic, so that signing again verifies; the project has no other library for it.
    from nautilus_trader.adapters.binance.common.credentials import extract_ed25519_private_key
    from nautilus_trader.core.nautilus_pyo3 import ed25519_signature

    return str(ed25519_signature(extract_ed25519_private_key(pem), text))


class Guard:
    """Lets a request in or refuses it, and tells the headers that go with every answer."""

    def __init__(self, keys: Keys, now_ms: Callable[[], int]) -> None:
        self.keys = keys
        self.now_ms = now_ms
        self.weight_limit = 2_400
        self.orders_limit = 1_200
        """Per minute; the limit for ten seconds is the matching core's."""
        self.banned_until_ms = 0
        self._weights: deque[tuple[int, int]] = deque()
        self._orders: deque[int] = deque()
        self._warned_until_ms = 0

    def admit(self, asked: Asked, route: Route) -> None:
        """Count the request and check it.

        Raises:
            ApiError: It is refused.
        """
        self._weigh(route.weight(asked))
        if route.security is not Security.NONE:
            self._check_key(asked, route)
        if route.security is Security.SIGNED:
            self._check_signature(asked)
            self._check_time(asked)
        self._count(route.orders)

    def _count(self, orders: int) -> None:
        if len(self._orders) + orders > self.orders_limit and self._used_orders(MINUTE_MS) >= self.orders_limit:
            words = f"Too many new orders; current limit is {self.orders_limit} orders per MINUTE."
            raise ApiError(-1015, words)
        self._orders.extend([self.now_ms()] * orders)

    def headers(self, *, orders: bool) -> dict[str, str]:
        """What every answer tells of the limits."""
        told = {"X-MBX-USED-WEIGHT-1M": str(self.used_weight)}
        if orders:
            told["X-MBX-ORDER-COUNT-10S"] = str(self._used_orders(TEN_S_MS))
            told["X-MBX-ORDER-COUNT-1M"] = str(self._used_orders(MINUTE_MS))
        return told

    @property
    def used_weight(self) -> int:
        """In this minute."""
        while self._weights and self._weights[0][0] <= self.now_ms() - MINUTE_MS:
            self._weights.popleft()
        return sum(weight for _, weight in self._weights)

    def _used_orders(self, window_ms: int) -> int:
        while self._orders and self._orders[0] <= self.now_ms() - MINUTE_MS:
            self._orders.popleft()
        since = self.now_ms() - window_ms
        return sum(at > since for at in self._orders)

    def _weigh(self, weight: int) -> None:
        now = self.now_ms()
        if now < self.banned_until_ms:
            self._limited(418, self.banned_until_ms)
        self._weights.append((now, weight))
        if self.used_weight <= self.weight_limit:
            return
        if now < self._warned_until_ms:
            # Going on after a 429 is what the venue bans an address for.
            self.banned_until_ms = now + 2 * MINUTE_MS
            self._limited(418, self.banned_until_ms)
        self._warned_until_ms = self._weights[0][0] + MINUTE_MS
        self._limited(429, self._warned_until_ms)

    def _limited(self, status: int, until_ms: int) -> None:
        wait = math.ceil(max(until_ms - self.now_ms(), 0) / 1_000)
        words = f"Way too many requests; IP banned until {until_ms}." if status == 418 else ""
        raise ApiError(-1003, words, status, {"Retry-After": str(wait)})

    def _check_key(self, asked: Asked, route: Route) -> None:
        if not asked.key:
            raise ApiError(-2014)
        if asked.key != self.keys.key or (route.trades and not self.keys.can_trade):
            raise ApiError(-2015)

    def _check_signature(self, asked: Asked) -> None:
        text, found, signature = asked.query.rpartition("&signature=")
        if not found:
            raise ApiError(-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
        sent = asked.params.get("signature", signature)
        if not hmac.compare_digest(sent, self.keys.sign(text)):
            raise ApiError(-1022)

    def _check_time(self, asked: Asked) -> None:
        stamp, window = asked.integer("timestamp"), asked.integer("recvWindow")
        if stamp is None:
            raise ApiError(-1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.")
        now = self.now_ms()
        if stamp > now + AHEAD_MS:
            raise ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now - stamp > (window or RECV_WINDOW_MS):
            raise ApiError(-1021)
