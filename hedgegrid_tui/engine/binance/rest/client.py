"""The product's own small REST client: signed requests, whose outcome is never guessed."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote, urlencode

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientError,
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    TraceConfig,
)
from yarl import URL

from hedgegrid_tui.engine.binance.rest.answers import (
    BAD_TIMESTAMP,
    BANNED,
    TOO_MANY_ORDERS,
    TOO_MANY_REQUESTS,
    Answer,
    value_of,
)
from hedgegrid_tui.engine.binance.rest.credentials import Credentials
from hedgegrid_tui.engine.binance.rest.endpoints import Endpoints
from hedgegrid_tui.engine.binance.rest.errors import (
    LimitedError,
    RestError,
    UnclearError,
    UnreachableError,
    VenueError,
)
from hedgegrid_tui.engine.binance.rest.usage import Usage
from strategy.domain import NS_PER_MS, plain

__all__ = ["BinanceRest", "LimitedError", "RestError", "UnclearError", "UnreachableError", "Usage", "VenueError"]

type Value = str | int | Decimal | bool

TIME_PATH: Final = "/fapi/v1/time"
WALLET_PATHS: Final = "/sapi/"
CLOCK_QUESTIONS: Final = 3
MAX_BYTES: Final = 16 << 20
"""The largest answer, that on every symbol's filters, is a tenth of it."""
LATEST_MS: Final = 1 << 53
"""Times beyond it are none."""
KEEP_ALIVE_S: Final = 10.0
REPEATABLE: Final = frozenset({"GET"})
"""Of what aiohttp sends again by itself when a kept connection turns out to be closed."""
AGENT: Final = "hedgegrid"


class _SentTwiceError(Exception):
    """aiohttp was about to send a request again that may have been carried out."""


class _TooLongError(Exception):
    """A body beyond all bounds."""


@dataclass(slots=True)
class _Course:
    """How far a request came."""

    connected: bool = False
    """From here on it may have been sent."""
    attempts: int = 0


class BinanceRest:
    """One session with the venue's REST addresses; redirects and proxies are not followed, cookies not kept.

    Every request ends in a value or in one of `VenueError` (refused, nothing was done), its kind `LimitedError` (too
    many requests), `UnreachableError` (never sent) and `UnclearError` (it may have been done). After a LimitedError
    further requests are kept back here until the wait is over; `urgent` ones pass unless the address is banned.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        credentials: Credentials | None,
        *,
        timeout_s: float = 5.0,
        recv_window_ms: int = 5000,
        max_bytes: int = MAX_BYTES,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.endpoints = endpoints
        self.credentials = credentials
        self.clock_offset_ms = 0
        """The venue's clock minus ours, as `sync_clock` found it."""
        self.round_trip_ms: int | None = None
        """Of the question that told the clock best."""
        self.usage = Usage()
        self.on_usage: Callable[[Usage], None] = lambda _usage: None
        """Called with each answer that told something."""
        self.on_limited: Callable[[LimitedError], None] = lambda _error: None
        """Called with each answer that said: too many requests."""
        self._timeout_s = timeout_s
        self._recv_window_ms = recv_window_ms
        self._max_bytes = max_bytes
        self._now_ns = now_ns
        self._session: ClientSession | None = None
        self._closed = False
        self._limit: LimitedError | None = None
        self._limited_until = 0.0
        self._syncing = asyncio.Lock()
        self._syncs = 0

    # -- requests --------------------------------------------------------------------------------------------------

    async def public(self, path: str, /, *, urgent: bool = False, **params: Value) -> Any:  # noqa: ANN401
        """GET what anybody may know; numbers with a point come as Decimal."""
        return await self._ask("GET", path, _query(params), {}, urgent=urgent)

    async def keyed(self, method: str, path: str, /, *, urgent: bool = False, **params: Value) -> Any:  # noqa: ANN401
        """Ask with the key and without a signature, such as for a listenKey."""
        return await self._ask(method, path, _query(params), self._key_header(), urgent=urgent)

    async def signed(self, method: str, path: str, /, *, urgent: bool = False, **params: Value) -> Any:  # noqa: ANN401
        """Ask with key, time and signature, everything in the query string.

        Where the venue refuses the time (-1021), the clock is synchronised and the request is sent once more: refused
        as it was, it cannot have been carried out.
        """
        headers, syncs = self._key_header(), self._syncs
        try:
            return await self._ask(method, path, self._signed_query(params), headers, urgent=urgent)
        except VenueError as error:
            if error.code != BAD_TIMESTAMP:
                raise
            refused = error
        try:
            await self._resync(syncs, urgent=urgent)
        except RestError:
            raise refused from None
        return await self._ask(method, path, self._signed_query(params), headers, urgent=urgent)

    async def close(self) -> None:
        """End the session; later requests are refused as unreachable."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    # -- the clock -------------------------------------------------------------------------------------------------

    async def sync_clock(self, *, urgent: bool = False) -> None:
        """Ask the venue's time a few times and keep what came back soonest.

        Raises:
            RestError: No question was answered.
        """
        best: tuple[float, int] | None = None
        failed: RestError | None = None
        for _ in range(CLOCK_QUESTIONS):
            began_ns, began = self._now_ns(), time.perf_counter()
            try:
                told = await self.public(TIME_PATH, urgent=urgent)
                venue_ms = _server_time(told)
            except RestError as error:
                failed = error
                if not isinstance(error, UnclearError):
                    break
                continue
            trip_ms = (time.perf_counter() - began) * 1_000
            offset_ms = round(venue_ms - began_ns / NS_PER_MS - trip_ms / 2)
            if best is None or trip_ms < best[0]:
                best = trip_ms, offset_ms
        if best is None:
            raise failed or UnclearError(TIME_PATH, "no answer")
        self.round_trip_ms, self.clock_offset_ms = round(best[0]), best[1]
        self._syncs += 1

    async def _resync(self, syncs: int, *, urgent: bool) -> None:
        """Synchronise, unless another request did so since; many are refused at once when the clock was wrong."""
        async with self._syncing:
            if self._syncs == syncs:
                await self.sync_clock(urgent=urgent)

    # -- limits ----------------------------------------------------------------------------------------------------

    @property
    def limited_s(self) -> float:
        """For how long requests are kept back; 0 where they are not."""
        return max(self._limited_until - time.monotonic(), 0.0)

    @property
    def ban(self) -> LimitedError | None:
        """The venue's word that it takes nothing from this address, while it holds, with what is left of it."""
        wait, limit = self.limited_s, self._limit
        if limit is None or not wait or not limit.is_ban:
            return None
        return LimitedError(limit.path, limit.status, limit.code, limit.message, wait, sent=False)

    def heed_ban(self, retry_after_s: float) -> None:
        """Another client of this address was told so: nothing is sent from here either."""
        self._limit = LimitedError("", BANNED, TOO_MANY_REQUESTS, "told to another client", retry_after_s, sent=False)
        self._limited_until = max(self._limited_until, time.monotonic() + retry_after_s)

    def _check_limit(self, path: str, *, urgent: bool) -> None:
        wait, limit = self.limited_s, self._limit
        if limit is None or not wait or (urgent and not limit.is_ban):
            return
        words = "not sent, the address is banned" if limit.is_ban else "not sent, too many requests"
        raise LimitedError(path, limit.status, limit.code, words, wait, sent=False)

    def _note_limit(self, error: LimitedError, answer: Answer) -> None:
        # Too many orders is no fault of the address: reads and cancels go on, unless the venue names a wait.
        if error.code != TOO_MANY_ORDERS or error.is_ban or "Retry-After" in answer.headers:
            standing = self._limit if self.limited_s else None
            if standing is None or error.is_ban or not standing.is_ban:
                self._limit = error
            self._limited_until = max(self._limited_until, time.monotonic() + error.retry_after_s)
        self.on_limited(error)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _key_header(self) -> dict[str, str]:
        return {"X-MBX-APIKEY": self._credentials().key}

    def _credentials(self) -> Credentials:
        if self.credentials is None:
            raise ValueError("such a request needs a key, and this client was made without one")
        return self.credentials

    def _signed_query(self, params: Mapping[str, Value]) -> str:
        stamp = self._now_ns() // NS_PER_MS + self.clock_offset_ms
        query = _query({**params, "recvWindow": self._recv_window_ms, "timestamp": stamp})
        return f"{query}&signature={quote(self._credentials().sign(query), safe='')}"

    async def _ask(self, method: str, path: str, query: str, headers: Mapping[str, str], *, urgent: bool) -> Any:  # noqa: ANN401
        self._check_limit(path, urgent=urgent)
        base = self.endpoints.wallet if path.startswith(WALLET_PATHS) else self.endpoints.rest
        if not base:
            raise UnreachableError(path, "this environment has no such address")
        if self._closed:
            raise UnreachableError(path, "the client is closed")
        # Encoded as it stands: a URL that is quoted anew is no longer the one that was signed.
        url = URL(f"{base}{path}" + (f"?{query}" if query else ""), encoded=True)
        answer = await self._send(method, path, url, headers)
        now_ns = self._now_ns()
        usage = self.usage.told(answer.headers, now_ns)
        if usage is not self.usage:
            self.usage = usage
            self.on_usage(usage)
        try:
            return value_of(answer, now_ns + self.clock_offset_ms * NS_PER_MS)
        except LimitedError as error:
            self._note_limit(error, answer)
            raise

    async def _send(self, method: str, path: str, url: URL, headers: Mapping[str, str]) -> Answer:
        """The answer, whatever it says.

        aiohttp's errors may hold the address with its signature: they are put in other words, and not chained.
        """
        course = _Course()

        async def once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
            course.attempts += 1
            if course.attempts > 1 and method not in REPEATABLE:
                raise _SentTwiceError
            return await handler(request)

        error: RestError
        try:
            async with self._open().request(
                method, url, headers=headers, allow_redirects=False, middlewares=(once,), trace_request_ctx=course
            ) as response:
                body = await self._read(response)
                return Answer(path, response.status, response.headers.copy(), body)
        except (ClientError, OSError, ValueError, _SentTwiceError, _TooLongError) as found:
            words = self._words(found, course)
            error = UnclearError(path, words) if course.connected else UnreachableError(path, words)
        raise error

    def _open(self) -> ClientSession:
        if self._session is None:
            trace = TraceConfig()
            trace.on_connection_create_end.append(_connected)
            trace.on_connection_reuseconn.append(_connected)
            self._session = ClientSession(
                connector=TCPConnector(keepalive_timeout=KEEP_ALIVE_S),
                cookie_jar=DummyCookieJar(),
                timeout=ClientTimeout(total=self._timeout_s),
                headers={"User-Agent": AGENT},
                trace_configs=[trace],
                trust_env=False,
            )
        return self._session

    async def _read(self, response: ClientResponse) -> bytes:
        body = bytearray()
        async for part in response.content.iter_any():
            body += part
            if len(body) > self._max_bytes:
                raise _TooLongError
        return bytes(body)

    def _words(self, error: Exception, course: _Course) -> str:
        if isinstance(error, TimeoutError):
            what = "answer" if course.connected else "connection"
            return f"no {what} within {self._timeout_s:g} s"
        if isinstance(error, ClientConnectorCertificateError):
            return f"the certificate of {error.host} is not trusted"
        if isinstance(error, ClientConnectorError):
            return f"no connection to {error.host}:{error.port}: {error.strerror or 'no cause was given'}"
        if isinstance(error, _TooLongError):
            return f"the answer is longer than {self._max_bytes:,} bytes"
        return "the connection broke before the whole answer came" if course.connected else "no connection"


async def _connected(_session: ClientSession, context: Any, _params: Any) -> None:  # noqa: ANN401 - aiohttp's
    context.trace_request_ctx.connected = True


def _server_time(told: Any) -> int:  # noqa: ANN401 - whatever was sent
    stamp = told.get("serverTime") if isinstance(told, dict) else None
    if not isinstance(stamp, int) or isinstance(stamp, bool) or not 0 < stamp < LATEST_MS:
        raise UnclearError(TIME_PATH, "an answer without the time")
    return stamp


def _query(params: Mapping[str, Value]) -> str:
    return urlencode({name: _text(value) for name, value in params.items()}, quote_via=quote, safe="")


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return plain(value) if isinstance(value, Decimal) else str(value)
