"""Nautilus's REST client with time-outs, the venue's clock, and answers that never call refused what may be done."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

from multidict import CIMultiDict
from nautilus_trader.adapters.binance.http.client import BinanceHttpClient
from nautilus_trader.adapters.binance.http.error import BinanceClientError
from nautilus_trader.core.nautilus_pyo3 import HttpClient, HttpError, HttpMethod, HttpTimeoutError

from hedgegrid_tui.engine.binance.execution.telemetry import VenueTelemetry
from hedgegrid_tui.engine.binance.rest.answers import BAD_TIMESTAMP, TOO_MANY_ORDERS, Answer, value_of
from hedgegrid_tui.engine.binance.rest.errors import LimitedError, RestError, UnclearError, VenueError
from hedgegrid_tui.engine.binance.rest.usage import Usage

NO_SUCH_ORDER: Final = -2013
HEADERS: Final = ("Retry-After", "X-MBX-USED-WEIGHT-1M", "X-MBX-ORDER-COUNT-10S", "X-MBX-ORDER-COUNT-1M")
LISTEN_KEY: Final = "/fapi/v1/listenKey"


class TimeRefusedError(UnclearError):
    """A question that was not answered because of its time (-1021)."""


class VenueHttp(BinanceHttpClient):
    """What Nautilus sends and how it signs stay; what an answer means is decided here.

    Nautilus has no time-out, takes 5xx for a refusal, and reads a question that failed as an empty answer. Here a
    request is refused (`BinanceClientError`, which Nautilus knows) only where the venue certainly refused it. Else it
    ends as `UnclearError` or `LimitedError`, which Nautilus does not catch, so that nothing is told of it.
    """

    def __init__(self, clock: Any, key: str, secret: str, base_url: str, *, ed25519: bool, timeout_s: float) -> None:  # noqa: ANN401
        super().__init__(clock, key, secret, base_url, ed25519_private_key=secret if ed25519 else None)
        # Nautilus's client shows no header of an answer but those that it was asked for.
        self._client = HttpClient(header_keys=list(HEADERS))
        self.telemetry: Callable[[], VenueTelemetry] = VenueTelemetry
        self._timeout_s = timeout_s
        self._usage = Usage()
        self._limit: LimitedError | None = None
        self._limited_until = 0.0

    @property
    def limit(self) -> LimitedError | None:
        """The venue's latest word on too many requests, while it holds; a ban is of the address, whoever heard it."""
        own = self._limit if time.monotonic() < self._limited_until else None
        return own if own is not None and own.is_ban else self.telemetry().ban() or own

    @property
    def limited_s(self) -> float:
        """For how long it still holds."""
        ban = self.telemetry().ban()
        return max(self._limited_until - time.monotonic(), 0.0 if ban is None else ban.retry_after_s)

    async def sign_request(
        self,
        http_method: Any,  # noqa: ANN401
        url_path: str,
        payload: dict[str, str] | None = None,
        ratelimiter_keys: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """With the venue's time: a clock that is wrong by seconds would have everything refused (-1021).

        One that has gone wrong meanwhile is set by the venue's, and the request, which was refused, is sent once more.
        """

        async def send() -> Any:  # noqa: ANN401
            told = dict(payload or {})
            if "timestamp" in told:
                told["timestamp"] = str(int(told["timestamp"]) + self.telemetry().clock_offset_ms())
            return await parent(http_method, url_path, told, ratelimiter_keys)

        parent, before_ms = super().sign_request, self.telemetry().clock_offset_ms()
        try:
            return await send()
        except BinanceClientError as error:
            if error.message["code"] != BAD_TIMESTAMP:
                raise
            refused: Exception = error
        except TimeRefusedError as error:
            refused = error
        if self.telemetry().clock_offset_ms() == before_ms:  # else somebody else has asked in between
            try:
                await self.telemetry().sync_clock()
            except RestError:
                raise refused from None
        return await send()

    async def send_request(
        self,
        http_method: Any,  # noqa: ANN401
        url_path: str,
        payload: dict[str, str] | None = None,
        ratelimiter_keys: Any = None,  # noqa: ANN401, ARG002
    ) -> bytes:
        """One request; its address, which holds the signature, is neither logged nor put into an error.

        Raises:
            BinanceClientError: The venue refused it; of a question only that there is no such order.
            LimitedError: Too many requests: nothing was done, and perhaps nothing sent.
            UnclearError: It may have been done; or a question was not answered.
        """
        reads = http_method == HttpMethod.GET
        self._check_limit(url_path, waits=reads or url_path.endswith("listenKey"))
        path = url_path if url_path.startswith("/") else f"/{url_path}"
        url = f"{self._base_url}{path}" + (f"?{urlencode(payload)}" if payload else "")
        failed = ""
        try:
            response = await asyncio.wait_for(
                self._client.request(http_method, url=url, headers=self._headers), self._timeout_s
            )
        except (TimeoutError, HttpTimeoutError):
            failed = f"no answer within {self._timeout_s:g} s"
        except HttpError:
            failed = "the line failed"
        if failed:  # outside of the handler, since Nautilus's error holds the whole address
            raise UnclearError(path, failed)
        answer = Answer(path, response.status, CIMultiDict(response.headers), bytes(response.body))
        now_ns = self._clock.timestamp_ns()
        self._note_usage(answer, now_ns)
        self._judge(answer, now_ns, reads=reads)
        return answer.body

    def _judge(self, answer: Answer, now_ns: int, *, reads: bool) -> None:
        try:
            value_of(answer, now_ns + self.telemetry().clock_offset_ms() * 1_000_000)
        except LimitedError as error:
            self._note_limit(error)
            raise
        except VenueError as error:
            if reads and error.code != NO_SUCH_ORDER:
                kind = TimeRefusedError if error.code == BAD_TIMESTAMP else UnclearError
                raise kind(answer.path, error.words) from None
            told = {"code": error.code, "msg": error.message}
            raise BinanceClientError(status=error.status, message=told, headers={}) from None

    def _check_limit(self, path: str, *, waits: bool) -> None:
        limit = self.limit
        if limit is None or not (limit.is_ban or (waits and limit.code != TOO_MANY_ORDERS)):
            return
        words = "not sent, the address is banned" if limit.is_ban else "not sent, too many requests"
        raise LimitedError(path, limit.status, limit.code, words, self.limited_s, sent=False)

    def _note_limit(self, error: LimitedError) -> None:
        standing = self.limit
        if standing is None or error.is_ban or not standing.is_ban:
            self._limit = error
        self._limited_until = max(self._limited_until, time.monotonic() + error.retry_after_s)
        self._say(self.telemetry().on_limited, error.retry_after_s, f"{error.status} {error.words}")

    def _note_usage(self, answer: Answer, now_ns: int) -> None:
        usage = self._usage.told(answer.headers, now_ns)
        if usage is not self._usage:
            self._usage = usage
            self._say(self.telemetry().on_usage, usage)

    def _say(self, callback: Callable[..., None], *args: object) -> None:
        try:
            callback(*args)
        except Exception as error:  # noqa: BLE001 - a listener's fault is no request's
            self._log.error(f"telemetry: {error!r}")
