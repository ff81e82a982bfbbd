"""History from a venue's kline endpoint: exact, in pages, within time, and never believed unread."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from email.utils import formatdate
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import RawTestServer, unused_port

from hedgegrid_tui.engine.markets.history import HistoryError
from hedgegrid_tui.engine.markets.klines import MAX_BYTES, KlineHistory
from strategy.bars import MINUTE_NS, MinuteBar

MINUTE_MS = 60_000
NOW_MS = 28_000_000 * MINUTE_MS + 30_123
NOW_NS = NOW_MS * 1_000_000
OLDEST = NOW_MS // MINUTE_MS - 4_000

type Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
type Row = list[Any]


def row(minute: int, *, high: str = "61850.50", low: str = "61790.10") -> Row:
    """A kline as the venue writes it, `minute` counted from the epoch."""
    start = minute * MINUTE_MS
    prices = ["61800.10", high, low, "61810.00"]
    return [start, *prices, "123.456", start + MINUTE_MS - 1, "7629123.1", 1234, "60.1", "3714512.9", "0"]


LAST = NOW_MS // MINUTE_MS
"""The minute that still runs."""


class Venue:
    """An endpoint that holds 4,000 minutes and the one that still runs, and keeps what it was asked."""

    def __init__(self, *, heeds_end: bool = True) -> None:
        self.asked: list[web.BaseRequest] = []
        self._heeds_end = heeds_end

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        self.asked.append(request)
        limit = int(request.query["limit"])
        assert 1 <= limit <= 1_500
        last = min(LAST, int(request.query["endTime"]) // MINUTE_MS) if self._heeds_end else LAST
        return web.json_response([row(minute) for minute in range(max(OLDEST, last - limit + 1), last + 1)])


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    async with RawTestServer(handler) as server:
        yield str(server.make_url("/"))


async def fetch_from(handler: Handler, count: int = 3, timeout_s: float = 5.0) -> list[MinuteBar]:
    async with serving(handler) as url:
        return list(await KlineHistory(url, "BTCUSDT", timeout_s=timeout_s).fetch(count, NOW_NS))


async def failure(handler: Handler, count: int = 3, timeout_s: float = 5.0) -> HistoryError:
    with pytest.raises(HistoryError) as caught:
        await fetch_from(handler, count, timeout_s)
    return caught.value


def answering(
    rows: object, status: int = 200, headers: dict[str, str] | None = None
) -> Callable[[web.BaseRequest], Awaitable[web.Response]]:
    body = rows if isinstance(rows, bytes) else json.dumps(rows).encode()

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(body=body, status=status, headers=headers)

    return answer


class TestGoodAnswers:
    async def test_the_request_is_the_venues_and_carries_no_more_than_needed(self) -> None:
        venue = Venue()
        await fetch_from(venue, 120)
        (request,) = venue.asked
        assert request.method == "GET"
        assert request.path == "/fapi/v1/klines"
        assert dict(request.query) == {
            "symbol": "BTCUSDT",
            "interval": "1m",
            "limit": "120",
            "endTime": str(LAST * MINUTE_MS - 1),
        }

    async def test_prices_are_the_venues_to_the_last_digit(self) -> None:
        prices = ["61800.10", "61850.50", "61790.10", "61810.00"]
        (bar,) = await fetch_from(answering([row(LAST - 1)]))
        assert bar == MinuteBar((LAST - 1) * MINUTE_NS, *map(Decimal, prices))
        assert [str(value) for value in (bar.open, bar.high, bar.low, bar.close)] == prices

    @pytest.mark.parametrize("heeds_end", [True, False])
    async def test_the_minute_that_still_runs_is_left_out(self, heeds_end: bool) -> None:
        bars = await fetch_from(Venue(heeds_end=heeds_end), 5)
        assert bars[-1].open_ns == (LAST - 1) * MINUTE_NS
        assert all(bar.open_ns + MINUTE_NS <= NOW_NS for bar in bars)

    async def test_a_minute_counts_as_closed_from_its_very_end(self) -> None:
        async with serving(answering([row(LAST - 1)])) as url:
            history = KlineHistory(url, "BTCUSDT")
            assert len(await history.fetch(1, LAST * MINUTE_NS)) == 1
            assert await history.fetch(1, LAST * MINUTE_NS - 1) == []

    @pytest.mark.parametrize(("count", "limits"), [(1_500, [1_500]), (1_501, [1_500, 1]), (3_700, [1_500, 1_500, 700])])
    async def test_more_than_a_page_is_asked_for_in_pages_that_join_without_a_hole(
        self, count: int, limits: list[int]
    ) -> None:
        venue = Venue()
        bars = await fetch_from(venue, count)
        assert [int(request.query["limit"]) for request in venue.asked] == limits
        assert len(bars) == count
        assert bars[-1].open_ns == (LAST - 1) * MINUTE_NS
        assert all(later.open_ns - earlier.open_ns == MINUTE_NS for earlier, later in pairwise(bars))

    async def test_a_young_symbol_gives_what_there_is(self) -> None:
        venue = Venue()
        assert len(await fetch_from(venue, 9_000)) == 4_000
        assert len(venue.asked) == 3

    async def test_minutes_without_a_kline_are_allowed(self) -> None:
        bars = await fetch_from(answering([row(LAST - 9), row(LAST - 5)]))
        assert [bar.open_ns // MINUTE_NS for bar in bars] == [LAST - 9, LAST - 5]

    async def test_an_empty_answer_is_no_bars(self) -> None:
        assert await fetch_from(answering([])) == []

    async def test_others_get_their_turn_while_a_full_page_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async def at_once(*_: object) -> list[Row]:
            return [row(minute) for minute in range(LAST - 1_500, LAST)]

        monkeypatch.setattr(KlineHistory, "_rows", at_once)
        task = asyncio.create_task(other())
        bars = await KlineHistory("http://127.0.0.1:9", "BTCUSDT").fetch(1_500, NOW_NS)
        task.cancel()
        assert len(bars) == 1_500
        assert turns >= 15

    @pytest.mark.parametrize("count", [0, -3])
    async def test_nothing_is_asked_where_nothing_is_wanted(self, count: int) -> None:
        venue = Venue()
        assert await fetch_from(venue, count) == []
        assert venue.asked == []


class TestRefusals:
    @pytest.mark.parametrize("status", [418, 429, 503])
    async def test_a_wait_that_is_asked_for_is_told(self, status: int) -> None:
        error = await failure(answering([], status, {"Retry-After": "17"}))
        assert str(error) == f"HTTP {status}"
        assert error.retry_after_s == 17

    async def test_a_wait_may_be_given_as_a_date(self) -> None:
        date = formatdate(NOW_NS / 1e9 + 90, usegmt=True)
        error = await failure(answering([], 429, {"Retry-After": date}))
        assert error.retry_after_s == pytest.approx(90, abs=1)
        error = await failure(answering([], 429, {"Retry-After": formatdate(0, usegmt=True)}))
        assert error.retry_after_s == 0

    @pytest.mark.parametrize("value", [None, "soon", "-5", "9" * 5_000, "1e9", "١٢"])
    async def test_too_many_requests_without_a_usable_wait_mean_a_minute(self, value: str | None) -> None:
        headers = {} if value is None else {"Retry-After": value}
        assert (await failure(answering([], 429, headers))).retry_after_s == 60
        assert (await failure(answering([], 500, headers))).retry_after_s is None

    async def test_the_venues_own_words_are_passed_on_without_control_characters(self) -> None:
        error = await failure(answering({"code": -1121, "msg": "Invalid\x1b[2J symbol."}, 400))
        assert str(error) == r"HTTP 400: Invalid\x1b[2J symbol."

    @pytest.mark.parametrize("body", [b"<html>", b"", b"[" * 100_000, b"[1]", b'{"code":1}'])
    async def test_a_refusal_with_any_body_is_a_refusal(self, body: bytes) -> None:
        assert str(await failure(answering(body, 502))) == "HTTP 502"

    async def test_a_redirect_is_a_refusal_and_nobody_else_is_asked(self) -> None:
        elsewhere = Venue()
        async with serving(elsewhere) as url:
            error = await failure(answering([], 302, {"Location": f"{url}fapi/v1/klines"}))
        assert str(error) == "HTTP 302"
        assert elsewhere.asked == []

    async def test_a_proxy_of_the_environment_is_not_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        proxy, venue = Venue(), Venue()
        async with serving(proxy) as url:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, url)
            await fetch_from(venue)
        assert (len(proxy.asked), len(venue.asked)) == (0, 1)


class TestBrokenLines:
    async def test_an_answer_that_does_not_come_in_time_is_given_up(self) -> None:
        async def slow(_: web.BaseRequest) -> web.Response:
            await asyncio.sleep(5)
            return web.json_response([])

        assert str(await failure(slow, timeout_s=0.05)) == "no answer within 0.05 s"

    async def test_an_answer_that_trickles_is_given_up_at_the_same_time(self) -> None:
        async def trickling(request: web.BaseRequest) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(b" ")
                await asyncio.sleep(0.01)

        assert str(await failure(trickling, timeout_s=0.1)) == "no answer within 0.1 s"

    async def test_a_connection_that_drops_before_the_answer_is_told(self) -> None:
        async def dropping(request: web.BaseRequest) -> web.Response:
            assert request.transport is not None
            request.transport.close()
            return web.Response()

        assert str(await failure(dropping)) == "the request failed: Server disconnected"

    async def test_an_answer_that_breaks_off_is_told(self) -> None:
        async def breaking_off(request: web.BaseRequest) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Length": "9000"})
            await response.prepare(request)
            await response.write(b"[[")
            assert request.transport is not None
            request.transport.close()
            return response

        assert str(await failure(breaking_off)).startswith("the request failed: ")

    async def test_nobody_at_the_address_is_told(self) -> None:
        port = unused_port()
        with pytest.raises(HistoryError, match=f"no connection to 127.0.0.1:{port}: "):
            await KlineHistory(f"http://127.0.0.1:{port}", "BTCUSDT").fetch(3, NOW_NS)

    @pytest.mark.parametrize("url", ["", "nonsense", "ftp://127.0.0.1", "http://127.0.0.1:99999999"])
    async def test_an_address_that_is_none_is_told(self, url: str) -> None:
        with pytest.raises(HistoryError, match="the request failed: "):
            await KlineHistory(url, "BTCUSDT").fetch(3, NOW_NS)

    async def test_bytes_that_are_not_what_their_header_says_are_told(self) -> None:
        error = await failure(answering([row(LAST - 1)], headers={"Content-Encoding": "gzip"}))
        assert str(error).startswith("the request failed: ")

    async def test_the_session_is_closed_whatever_happens(self) -> None:
        sessions: list[ClientSession] = []

        def opened() -> ClientSession:
            sessions.append(ClientSession())
            return sessions[-1]

        async with serving(answering([], 500)) as url:
            with pytest.raises(HistoryError):
                await KlineHistory(url, "BTCUSDT", opened).fetch(3, NOW_NS)
        async with serving(Venue()) as url:
            await KlineHistory(url, "BTCUSDT", opened).fetch(3, NOW_NS)
        assert [session.closed for session in sessions] == [True, True]


class TestGarbage:
    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (b"", "the answer is no JSON: (empty)"),
            (b"<html>\x1b[31m", r"the answer is no JSON: <html>\x1b[31m"),
            (b"\xff\xfe", r"the answer is no JSON: \\xff\\xfe"),
            (b"[[1,2", "the answer is no JSON: [[1,2"),
            (b"[" * 100_000, f"the answer is no JSON: {'[' * 60}..."),
            (b'{"code":0}', 'the answer is no list of klines: {"code":0}'),
            (b"null", "the answer is no list of klines: null"),
        ],
    )
    async def test_an_answer_that_is_no_list_is_shown(self, body: bytes, words: str) -> None:
        assert str(await failure(answering(body))) == words

    async def test_an_answer_without_end_is_cut_off(self) -> None:
        error = await failure(answering(b"[" + b" " * MAX_BYTES + b"]"))
        assert str(error) == "the answer is longer than 2,097,152 bytes"

    async def test_more_rows_than_asked_for_are_not_believed(self) -> None:
        error = await failure(answering([row(LAST - age) for age in (5, 4, 3, 2)]))
        assert str(error) == "4 rows came; asked were 3"

    @pytest.mark.parametrize("value", [{}, 5, "x", [1, 2, 3], None])
    async def test_a_row_that_is_no_kline_is_named(self, value: object) -> None:
        error = await failure(answering([row(LAST - 3), value]))
        assert str(error) == f"row 2: {value}: must be a list of at least 7 cells"

    @pytest.mark.parametrize(
        ("cell", "value", "words"),
        [
            (0, "1680000000000", "open time 1680000000000: must be the first"),
            (0, 1.5, "open time 1.5: must be the first"),
            (0, True, "open time True: must be the first"),
            (0, False, "open time False: must be the first"),
            (0, -60_000, "open time -60000: must be the first"),
            (0, (LAST - 2) * MINUTE_MS + 1, f"open time {(LAST - 2) * MINUTE_MS + 1}: must be the first"),
            (0, 10**30, f"open time {10**30}: must be the first"),
            (6, (LAST - 2) * MINUTE_MS + 3_599_999, f"close time {(LAST - 2) * MINUTE_MS + 3_599_999}: must be"),
            (0, 10**4_000 + 1, f"open time 1{'0' * 59}...: must be the first"),
            (6, None, "close time None: must be"),
            (1, 61800.1, "open 61800.1: must be a price above 0, as a string"),
            (2, "NaN", "high NaN: must be a price"),
            (2, "Infinity", "high Infinity: must be a price"),
            (3, "-1", "low -1: must be a price"),
            (3, "0.00", "low 0.00: must be a price"),
            (4, "", "close (empty): must be a price"),
            (4, "1e5", "close 1e5: must be a price"),
            (4, "9" * 200, f"close {'9' * 60}...: must be a price"),
            (4, "٦١٨٠٠", r"close \u0666\u0661\u0668\u0660\u0660: must be a price"),
            (2, "61809.99", "high 61809.99: must be the highest of"),
            (3, "61800.11", "low 61800.11: must be the lowest of"),
        ],
    )
    async def test_a_cell_that_contradicts_is_named_with_its_value(self, cell: int, value: object, words: str) -> None:
        bad = row(LAST - 2)
        bad[cell] = value
        error = await failure(answering([row(LAST - 3), bad]))
        assert str(error).startswith(f"row 2: {words}")

    @pytest.mark.parametrize("ages", [(2, 3), (3, 3)])
    async def test_times_that_do_not_rise_are_not_believed(self, ages: tuple[int, int]) -> None:
        error = await failure(answering([row(LAST - age) for age in ages]))
        assert str(error).startswith(f"row 2: open time {(LAST - ages[1]) * MINUTE_MS}: must be after ")

    async def test_a_venue_that_gives_the_same_page_again_is_not_believed(self) -> None:
        venue = Venue(heeds_end=False)
        error = await failure(venue, 3_000)
        assert "must not be after" in str(error)
        assert len(venue.asked) == 2
