"""The user stream: one socket, revived for ever, whose death is told at once and whose gaps are told afterwards."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import ClientError, ClientSession, ClientWebSocketResponse, ClientWSTimeout, WSMsgType
from nautilus_trader.adapters.binance.http.error import BinanceClientError
from nautilus_trader.core.nautilus_pyo3 import HttpMethod

from hedgegrid_tui.engine.binance.execution.http import LISTEN_KEY, VenueHttp
from hedgegrid_tui.engine.binance.execution.telemetry import VenueTelemetry
from hedgegrid_tui.engine.binance.rest.errors import RestError

NO_SUCH_KEY: Final = -1125
OPEN_TIMEOUT_S: Final = 10.0
HEARTBEAT_S: Final = 10.0
"""A ping goes out after so long; a socket that has not answered it after half as long again is dead."""
CHECK_S: Final = 15.0
"""How often the listenKey is confirmed (weight 1), which renews it too: good for an hour, it may end before."""
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 15.0
MAX_MESSAGE: Final = 4 << 20
MARGIN_NS: Final = 60_000_000_000
"""What was told so shortly before the stream was last known to be whole is looked at again."""


class UserStream:
    """In place of Nautilus's client, by its methods.

    That one gives the stream up after one failed listenKey request, tells nobody, and starts its recovery from a
    foreign thread without waking the loop. The listenKey comes by REST for either kind of key: it needs no signature
    (Binance, USDS-M Futures, "Start User Data Stream"), and one way is enough.
    """

    def __init__(
        self,
        http: VenueHttp,
        url_of: Callable[[str], str],
        handler: Callable[[bytes], None],
        catch_up: Callable[[int], Awaitable[None]],
        log: Any,  # noqa: ANN401
        now_ns: Callable[[], int],
    ) -> None:
        self.telemetry: Callable[[], VenueTelemetry] = VenueTelemetry
        self._http = http
        self._url_of = url_of
        self._handler = handler
        self._catch_up = catch_up
        self._log = log
        self._now_ns = now_ns
        self._session: ClientSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._key = ""
        self._ending = ""
        """Why a socket was closed by us."""
        self._failures = 0
        self._whole_ns = 0
        """When it was last known that nothing had been missed."""

    # -- Nautilus's names ------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """There is no connection but the stream itself."""

    async def session_logon(self) -> None:
        """The listenKey is all that it needs."""

    async def subscribe_user_data_stream(self) -> None:
        """Open the stream; a failure at the start is the start's, later ones are ours."""
        self._session = ClientSession(trust_env=False)
        try:
            socket = await self._open()
        except BaseException:
            await self._session.close()
            raise
        self._task = asyncio.create_task(self._run(socket), name="user-stream")

    async def unsubscribe_user_data_stream(self) -> None:
        """Close the stream. The listenKey is left to end by itself: the account has one, which others may use too."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        if self._session is not None:
            await self._session.close()

    async def disconnect(self) -> None:
        """Nothing is left to close."""

    # -- life ------------------------------------------------------------------------------------------------------

    async def _run(self, first: ClientWebSocketResponse) -> None:
        socket: ClientWebSocketResponse | None = first
        behind = False
        while True:
            self._ending = ""
            try:
                if socket is None:
                    socket = await self._open()
                words = await self._serve(socket, behind=behind)
            except Exception as error:  # noqa: BLE001 - whatever it is, the stream is revived
                words = _words(error)
            finally:
                if socket is not None:
                    await socket.close()
            socket, behind = None, True
            self._say(self.telemetry().on_stream_state, False, words)
            self._log.warning(f"User stream down: {words}")
            await asyncio.sleep(min(FIRST_WAIT_S * 2 ** min(self._failures, 10), LONGEST_WAIT_S))
            self._failures += 1

    async def _open(self) -> ClientWebSocketResponse:
        assert self._session is not None  # noqa: S101 - made in the same breath as the task
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            self._key = _key_of(await self._http.send_request(HttpMethod.POST, LISTEN_KEY))
            return await self._session.ws_connect(
                self._url_of(self._key),
                heartbeat=HEARTBEAT_S,
                timeout=ClientWSTimeout(ws_close=1.0),
                max_msg_size=MAX_MESSAGE,
            )

    async def _serve(self, socket: ClientWebSocketResponse, *, behind: bool) -> str:
        """Read until the socket's end; gives the reason."""
        tending = asyncio.create_task(self._tend(socket, behind=behind), name="user-stream-tending")
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    continue
                self._say(self.telemetry().on_stream_word, self._now_ns())
                if '"listenKeyExpired"' in message.data:
                    return "the listenKey has expired"
                self._handler(message.data.encode())
            return self._ending or "the socket was closed"
        finally:
            tending.cancel()
            await asyncio.wait([tending])

    async def _tend(self, socket: ClientWebSocketResponse, *, behind: bool) -> None:
        """Tell what was missed, then see to it that the listenKey lives; closes the socket where it does not."""
        if behind:
            await self._mend_gap()
        self._failures, self._whole_ns = 0, self._now_ns()
        self._say(self.telemetry().on_stream_state, True, "the user stream is up")
        while not self._ending:
            await asyncio.sleep(CHECK_S)
            try:
                key = _key_of(await self._http.send_request(HttpMethod.PUT, LISTEN_KEY))
            except BinanceClientError as error:
                if error.message["code"] == NO_SUCH_KEY:
                    self._ending = "the listenKey is gone"
                else:  # maintenance, say: the key may be as good as ever
                    self._log.warning(f"User stream: listenKey not confirmed: {_words(error)}")
            except Exception as error:  # noqa: BLE001 - unanswered: the key is good for an hour
                self._log.warning(f"User stream: listenKey not confirmed: {_words(error)}")
            else:
                self._ending = "" if key in ("", self._key) else "the account has another listenKey"
                if not self._ending:
                    self._whole_ns = self._now_ns()
                    self._say(self.telemetry().on_stream_checked, self._whole_ns)
        await socket.close()

    async def _mend_gap(self) -> None:
        """Until it has succeeded once; what comes meanwhile is told as it comes."""
        failures = 0
        while True:
            try:
                await self._catch_up(max(self._whole_ns - MARGIN_NS, 0))
            except Exception as error:  # noqa: BLE001 - the venue may be away for long
                self._log.warning(f"User stream: what was missed is not known yet: {_words(error)}")
            else:
                return
            await asyncio.sleep(min(FIRST_WAIT_S * 2 ** min(failures, 10), LONGEST_WAIT_S))
            failures += 1

    def _say(self, callback: Callable[..., None], *args: object) -> None:
        try:
            callback(*args)
        except Exception as error:  # noqa: BLE001 - a listener's fault must not end the stream
            self._log.error(f"telemetry: {error!r}")


def _key_of(answer: bytes) -> str:
    told = json.loads(answer)
    return str(told.get("listenKey", "")) if isinstance(told, dict) else ""


def _words(error: Exception) -> str:
    """In our own words: those of others may hold the address with its listenKey."""
    if isinstance(error, RestError):
        return error.words
    if isinstance(error, BinanceClientError):
        return f"refused: {error.message}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    status = getattr(error, "status", 0)
    kind = "the socket was refused" if isinstance(error, ClientError | OSError) else type(error).__name__
    return f"{kind} (HTTP {status})" if status else kind
