"""The minutes before a session, asked of Binance's public kline endpoint; no answer is believed unread."""

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec
from aiohttp import ClientConnectorError, ClientError, ClientResponse, ClientSession, ClientTimeout

from hedgegrid_tui.engine.markets.history import HistoryError
from hedgegrid_tui.engine.markets.tape_numbers import shown
from strategy.bars import MINUTE_NS, MinuteBar
from strategy.domain import NS_PER_MS, NS_PER_S

PATH: Final = "/fapi/v1/klines"
TIMEOUT_S: Final = 10.0
"""For one request from the connection to the last byte."""
PAGE: Final = 1_500
"""Most rows of one answer."""
ROWS_PER_TURN: Final = 100
MAX_BYTES: Final = 2 << 20
"""A full page is a fifth of it."""
LIMIT_STATUSES: Final = frozenset({418, 429})
"""Too many requests; asked again too soon, the venue bans the address, orders and all."""
LIMIT_WINDOW_S: Final = 60.0
"""The venue counts requests by the minute: the wait where such an answer names none."""
OK: Final = 200

_MINUTE_MS: Final = MINUTE_NS // NS_PER_MS
_CELLS: Final = 7
"""Open time, open, high, low, close, volume, close time; what follows is not needed."""
_PRICE: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,16})?")
_SECONDS: Final = re.compile(r"[0-9]{1,9}")


class KlineHistory:
    """One symbol's closed minutes from the venue at `base_url`; redirects and proxies are not followed.

    A request weighs 1 below 100 rows, 2 below 500, 5 up to 1,000 and 10 above, of 2,400 a minute.
    Source: Binance, USDS-M Futures, "Kline/Candlestick Data".
    """

    def __init__(
        self,
        base_url: str,
        symbol: str,
        open_session: Callable[[], ClientSession] = ClientSession,
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._url = base_url.rstrip("/") + PATH
        self._symbol = symbol
        self._open_session = open_session
        self._timeout = ClientTimeout(total=timeout_s)

    async def fetch(self, count: int, now_ns: int) -> Sequence[MinuteBar]:
        """The latest closed minutes, oldest first; more than 1,500 in several requests, newest first.

        Raises:
            HistoryError: No answer in time, an answer other than 200, or one that contradicts itself.
        """
        bars: list[MinuteBar] = []
        end_ms = now_ns // MINUTE_NS * _MINUTE_MS - 1
        try:
            async with self._open_session() as session:
                while len(bars) < count:
                    limit = min(count - len(bars), PAGE)
                    rows = await self._rows(session, limit, end_ms, now_ns)
                    page = await _unhurried(_bars(rows, limit, end_ms, now_ns // NS_PER_MS))
                    bars = page + bars
                    if len(rows) < limit or not page:
                        break
                    end_ms = page[0].open_ns // NS_PER_MS - 1
        except TimeoutError:
            raise HistoryError(f"no answer within {self._timeout.total:g} s") from None
        except ClientConnectorError as error:
            raise HistoryError(f"no connection to {error.host}:{error.port}: {shown(str(error.strerror))}") from error
        except (ClientError, OSError, ValueError) as error:
            raise HistoryError(f"the request failed: {shown(str(error)) or type(error).__name__}") from error
        return bars

    async def _rows(self, session: ClientSession, limit: int, end_ms: int, now_ns: int) -> list[Any]:
        query: dict[str, str | int] = {"symbol": self._symbol, "interval": "1m", "limit": limit, "endTime": end_ms}
        async with session.get(self._url, params=query, timeout=self._timeout, allow_redirects=False) as answer:
            body = await _read(answer)
            if answer.status != OK:
                raise _refusal(answer, body, now_ns)
        rows = _decoded(body)
        if not isinstance(rows, list):
            raise HistoryError(f"the answer is no list of klines: {shown(body)}")
        return rows


async def _read(answer: ClientResponse) -> bytes:
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > MAX_BYTES:
            raise HistoryError(f"the answer is longer than {MAX_BYTES:,} bytes")
    return bytes(body)


def _decoded(body: bytes) -> Any:  # noqa: ANN401 - whatever was sent
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        raise HistoryError(f"the answer is no JSON: {shown(body) or '(empty)'}") from error


def _refusal(answer: ClientResponse, body: bytes, now_ns: int) -> HistoryError:
    wait = _asked_wait(answer.headers.get("Retry-After", ""), now_ns)
    if wait is None and answer.status in LIMIT_STATUSES:
        wait = LIMIT_WINDOW_S
    try:
        told = _decoded(body)
    except HistoryError:
        told = None
    words = f": {shown(str(told['msg']))}" if isinstance(told, dict) and "msg" in told else ""
    return HistoryError(f"HTTP {answer.status}{words}", wait)


def _asked_wait(value: str, now_ns: int) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or a date."""
    if _SECONDS.fullmatch(value):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    now = datetime.fromtimestamp(now_ns / NS_PER_S, UTC)
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds())


async def _unhurried(bars: Iterator[MinuteBar]) -> list[MinuteBar]:
    """All of them, with a turn of the loop for others in between: a full page takes 10 to 20 ms."""
    page: list[MinuteBar] = []
    for bar in bars:
        page.append(bar)
        if len(page) % ROWS_PER_TURN == 0:
            await asyncio.sleep(0)
    return page


def _bars(rows: list[Any], limit: int, end_ms: int, now_ms: int) -> Iterator[MinuteBar]:
    """The rows that are closed, each checked by itself and against the one before."""
    if len(rows) > limit:
        raise HistoryError(f"{len(rows)} rows came; asked were {limit}")
    last = -1
    for number, row in enumerate(rows, 1):
        opened = _opened(row, number)
        if opened <= last:
            raise _bad(number, "open time", opened, f"must be after {last}, that of the row before")
        last = opened
        if row[6] >= now_ms:
            return
        if opened > end_ms:
            raise _bad(number, "open time", opened, f"must not be after {end_ms}, as asked")
        yield _bar(row, number, opened)


def _opened(row: Any, number: int) -> int:  # noqa: ANN401 - whatever was sent
    """The row's open time, ms, its times being those of a minute."""
    if not isinstance(row, list) or len(row) < _CELLS:
        raise HistoryError(f"row {number}: {shown(str(row))}: must be a list of at least {_CELLS} cells")
    opened, closed = row[0], row[6]
    if type(opened) is not int or opened < 0 or opened % _MINUTE_MS:
        raise _bad(number, "open time", opened, "must be the first millisecond of a minute")
    if type(closed) is not int or closed != opened + _MINUTE_MS - 1:
        raise _bad(number, "close time", closed, f"must be {opened + _MINUTE_MS - 1}, the minute's last millisecond")
    return opened


def _bar(row: list[Any], number: int, opened: int) -> MinuteBar:
    prices = [_price(cell, number, name) for cell, name in zip(row[1:5], ("open", "high", "low", "close"), strict=True)]
    first, high, low, last = prices
    if high < max(prices):
        raise _bad(number, "high", row[2], f"must be the highest of {', '.join(row[1:5])}")
    if low > min(prices):
        raise _bad(number, "low", row[3], f"must be the lowest of {', '.join(row[1:5])}")
    return MinuteBar(opened * NS_PER_MS, first, high, low, last)


def _price(cell: Any, number: int, name: str) -> Decimal:  # noqa: ANN401 - whatever was sent
    if isinstance(cell, str) and _PRICE.fullmatch(cell):
        price = Decimal(cell)
        if price:
            return price
    raise _bad(number, name, cell, "must be a price above 0, as a string")


def _bad(number: int, name: str, value: object, rule: str) -> HistoryError:
    return HistoryError(f"row {number}: {name} {shown(str(value)) or '(empty)'}: {rule}")
