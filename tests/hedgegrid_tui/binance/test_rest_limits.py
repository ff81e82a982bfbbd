"""The REST client's clock, and what it keeps back when the venue says: too many requests."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from hedgegrid_tui.engine.binance.rest.answers import LONGEST_WAIT_S
from hedgegrid_tui.engine.binance.rest.client import (
    BinanceRest,
    LimitedError,
    UnclearError,
    Usage,
    VenueError,
)
from hedgegrid_tui.engine.binance.rest.credentials import Credentials
from hedgegrid_tui.engine.binance.rest.endpoints import Endpoints
from tests.hedgegrid_tui.binance.asking import ENTRY, ORDER, failure
from tests.venue.binance.server import FakeBinance

pytestmark = pytest.mark.timeout(30)

# -- the clock ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("skew_ms", [60_000, -60_000])
async def test_a_refused_time_sets_the_clock_and_the_request_goes_out_once_more(
    rest: BinanceRest, venue: FakeBinance, skew_ms: int
) -> None:
    venue.skew_ms = skew_ms
    assert (await rest.signed("POST", ORDER, **ENTRY))["clientOrderId"] == "mine"
    assert abs(rest.clock_offset_ms - skew_ms) < 100
    assert [asked.executed for asked in venue.requests("POST", ORDER)] == [False, True]
    await rest.signed("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="mine")
    assert len(venue.requests("GET", "/fapi/v1/time")) == 3


async def test_a_time_that_is_refused_again_is_a_refusal(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.when("POST", ORDER).refuse(-1021)
    error = await failure(rest)
    assert isinstance(error, VenueError)
    assert error.code == -1021
    assert len(venue.requests("POST", ORDER)) == 2


async def test_a_time_that_cannot_be_asked_leaves_the_refusal(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.skew_ms = 60_000
    venue.when("GET", "/fapi/v1/time").refuse(-1016)
    error = await failure(rest)
    assert isinstance(error, VenueError)
    assert error.code == -1021
    assert len(venue.requests("POST", ORDER)) == len(venue.requests("GET", "/fapi/v1/time")) == 1


async def test_many_refused_at_once_set_the_clock_once(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.skew_ms = 60_000
    path = "/fapi/v1/positionSide/dual"
    told = await asyncio.gather(*(rest.signed("GET", path) for _ in range(5)))
    assert told == [{"dualSidePosition": True}] * 5
    assert len(venue.requests("GET", "/fapi/v1/time")) == 3


async def test_the_answer_with_the_shortest_way_tells_the_clock(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.skew_ms = 5_000
    for nth in (1, 3):
        venue.when("GET", "/fapi/v1/time", nth).delay(0.3, after=True)
    await rest.sync_clock()
    assert rest.round_trip_ms is not None
    assert rest.round_trip_ms < 250
    assert abs(rest.clock_offset_ms - 5_000) < 125


async def test_the_way_back_is_taken_for_half_of_the_whole(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.when("GET", "/fapi/v1/time").delay(0.2, after=True)
    await rest.sync_clock()
    assert -140 < rest.clock_offset_ms < -60


async def test_one_question_without_a_clear_answer_does_not_end_the_others(
    rest: BinanceRest, venue: FakeBinance
) -> None:
    venue.skew_ms = 5_000
    venue.when("GET", "/fapi/v1/time", 1).garble()
    await rest.sync_clock()
    assert abs(rest.clock_offset_ms - 5_000) < 100


@pytest.mark.parametrize("told", ['"soon"', "true", "-1", "1e12", "9" * 400])
async def test_a_clock_that_nobody_tells_stays_as_it_was(rest: BinanceRest, venue: FakeBinance, told: str) -> None:
    rest.clock_offset_ms = 7
    venue.when("GET", "/fapi/v1/time").garble(f'{{"serverTime": {told}}}'.encode())
    with pytest.raises(UnclearError, match="an answer without the time"):
        await rest.sync_clock()
    assert (rest.clock_offset_ms, rest.round_trip_ms) == (7, None)


# -- limits ------------------------------------------------------------------------------------------------------------


async def test_the_headers_tell_what_is_used(rest: BinanceRest, venue: FakeBinance) -> None:
    told: list[Usage] = []
    rest.on_usage = told.append
    await rest.signed("GET", "/fapi/v1/openOrders")
    await rest.signed("POST", ORDER, **ENTRY)
    assert (rest.usage.weight_1m, rest.usage.orders_10s, rest.usage.orders_1m) == (40, 1, 1)
    assert [usage.orders_1m for usage in told] == [None, 1]
    assert rest.usage.weight_1m_ns >= rest.usage.orders_1m_ns > told[0].weight_1m_ns > 0


def test_headers_that_are_no_numbers_tell_nothing() -> None:
    usage = Usage(weight_1m=5, weight_1m_ns=1)
    assert usage.told({"X-MBX-USED-WEIGHT-1M": "many", "X-MBX-ORDER-COUNT-10S": "-1"}, 2) is usage
    assert usage.told({"X-MBX-ORDER-COUNT-1M": "3"}, 2) == Usage(5, 1, None, 0, 3, 2)


async def test_after_too_many_requests_none_is_sent_but_the_urgent(rest: BinanceRest, venue: FakeBinance) -> None:
    limited: list[LimitedError] = []
    rest.on_limited = limited.append
    rule = venue.when("POST", ORDER).limit(7)
    error = await failure(rest)
    assert isinstance(error, LimitedError)
    assert (error.status, error.code, error.retry_after_s, error.sent, error.is_ban) == (429, -1003, 7, True, False)
    kept = await failure(rest, "GET")
    assert isinstance(kept, LimitedError)
    assert (kept.sent, kept.status) == (False, 429)
    assert 6 < kept.retry_after_s <= 7
    assert str(kept) == "/fapi/v1/order: refused with -1003: not sent, too many requests; wait 7 s"
    assert len(venue.front.asked) == 1
    rule.remove()
    assert (await rest.signed("POST", ORDER, urgent=True, **ENTRY))["clientOrderId"] == "mine"
    assert limited == [error]


async def test_while_the_address_is_banned_nothing_is_sent_at_all(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.when("GET", "/fapi/v1/ping").limit(9, banned=True)
    with pytest.raises(LimitedError):
        await rest.public("/fapi/v1/ping")
    for asking in (
        rest.signed("POST", ORDER, urgent=True, **ENTRY),
        rest.keyed("PUT", "/fapi/v1/listenKey", urgent=True),
        rest.public("/fapi/v1/time"),
    ):
        with pytest.raises(LimitedError) as caught:
            await asking
        assert (caught.value.is_ban, caught.value.sent) == (True, False)
    assert len(venue.front.asked) == 1


async def test_a_ban_is_not_shortened_by_a_lesser_limit(rest: BinanceRest, venue: FakeBinance) -> None:
    ban = venue.when("GET", "/fapi/v1/ping", 1).limit(9, banned=True)
    slow = venue.when("GET", "/fapi/v1/time", 1).limit(2).delay(0.3)
    late = asyncio.create_task(rest.sync_clock())
    await asyncio.sleep(0.1)
    with pytest.raises(LimitedError):
        await rest.public("/fapi/v1/ping")
    with pytest.raises(LimitedError):
        await late
    assert (ban.hits, slow.hits) == (1, 1)
    assert rest.limited_s > 8
    with pytest.raises(LimitedError) as caught:
        await rest.public("/fapi/v1/ping", urgent=True)
    assert caught.value.is_ban


async def test_requests_go_out_again_when_the_wait_is_over(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.when("GET", "/fapi/v1/ping", 1).limit(0)
    with pytest.raises(LimitedError) as caught:
        await rest.public("/fapi/v1/ping")
    assert caught.value.retry_after_s == 1
    await asyncio.sleep(rest.limited_s + 0.01)
    assert await rest.public("/fapi/v1/ping") == {}


@pytest.mark.parametrize(
    ("status", "code", "header", "words", "seconds"),
    [
        (429, -1003, "Wed, 01 Jan 2025 00:00:30 GMT", "", 30),
        (429, -1003, "Tue, 31 Dec 2024 23:59:00 GMT", "", 1),
        (429, -1003, "soon", "", 60),
        (429, -1003, "-5", "", 60),
        (429, -1003, "0", "", 1),
        (429, -1003, "Fri, 31 Dec 9999 23:59:59 -9999", "", 60),
        (429, -1003, None, "", 60),
        (400, -1003, None, "", 60),
        (418, -1003, None, "IP(1.2.3.4) banned until 1735689645000. Please", 45),
        (418, -1003, None, "IP banned until 9999999999999.", LONGEST_WAIT_S),
        (418, -1003, "999999999", "", LONGEST_WAIT_S),
        (418, 0, None, "", 60),
        (429, -1015, None, "", 10),
    ],
)
async def test_how_long_to_wait_is_read_from_header_words_or_window(
    addresses: Endpoints,
    credentials: Credentials,
    venue: FakeBinance,
    status: int,
    code: int,
    header: str | None,
    words: str,
    seconds: float,
) -> None:
    at = datetime(2025, 1, 1, tzinfo=UTC)
    rest = BinanceRest(addresses, credentials, now_ns=lambda: int(at.timestamp()) * 1_000_000_000)
    rule = venue.when("POST", ORDER).garble(f'{{"code": {code}, "msg": "{words}"}}'.encode(), status=status)
    rule.headers = {} if header is None else {"Retry-After": header}
    error = await failure(rest)
    assert isinstance(error, LimitedError)
    assert error.retry_after_s == seconds
    await rest.close()


async def test_a_date_to_wait_for_is_one_of_the_venues_clock(rest: BinanceRest, venue: FakeBinance) -> None:
    rest.clock_offset_ms = 60_000
    until = datetime.now(UTC) + timedelta(seconds=90)
    rule = venue.when("GET", "/fapi/v1/ping").limit(1)
    rule.headers = {"Retry-After": format_datetime(until, usegmt=True)}
    with pytest.raises(LimitedError) as caught:
        await rest.public("/fapi/v1/ping")
    assert 27 < caught.value.retry_after_s <= 30


async def test_too_many_orders_keep_no_question_and_no_cancel_back(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.guard.orders_limit = 1
    await rest.signed("POST", ORDER, **ENTRY)
    error = await failure(rest)
    assert isinstance(error, LimitedError)
    assert (error.code, error.retry_after_s) == (-1015, 10)
    assert (await rest.signed("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="mine"))["status"] == "CANCELED"


async def test_a_refusal_whose_code_stands_in_quotes_is_one(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.when("POST", ORDER).garble(b'{"code": "-2011", "msg": "Unknown order sent."}')
    error = await failure(rest)
    assert isinstance(error, VenueError)
    assert error.code == -2011


async def test_a_ban_that_another_client_was_told_of_keeps_everything_back_and_is_handed_on(
    rest: BinanceRest, venue: FakeBinance
) -> None:
    assert rest.ban is None
    rest.heed_ban(60.0)
    error = await failure(rest, urgent=True, **ENTRY)
    assert isinstance(error, LimitedError)
    assert error.is_ban
    assert venue.requests("POST", ORDER) == []
    assert rest.ban is not None
    assert 59 < rest.ban.retry_after_s <= 60
