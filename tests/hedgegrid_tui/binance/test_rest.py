"""The REST client against the fake: what is signed and sent, and what each fault ends as."""

import asyncio
import base64
import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import pytest

from hedgegrid_tui.engine.binance.rest.client import (
    BinanceRest,
    UnclearError,
    UnreachableError,
    VenueError,
)
from hedgegrid_tui.engine.binance.rest.credentials import Credentials, KeyKind, Secret
from hedgegrid_tui.engine.binance.rest.endpoints import Endpoints
from tests.hedgegrid_tui.binance.asking import ENTRY, ORDER, Fault, failure
from tests.hedgegrid_tui.binance.keys import PEM
from tests.venue.binance.guard import SECRET
from tests.venue.binance.rules import HTML
from tests.venue.binance.server import FakeBinance

pytestmark = pytest.mark.timeout(30)


def answers(body: bytes, status: int = 200) -> Fault:
    return lambda venue: venue.when("POST", ORDER).garble(body, status=status)


def unknown(code: int = -1007, status: int = 503) -> Fault:
    """Carried out, and answered as if nobody knew."""
    return lambda venue: venue.when("POST", ORDER).unknown(live=True, code=code, status=status)


# -- what is sent ------------------------------------------------------------------------------------------------------


async def test_an_order_is_signed_and_reaches_the_venue_exactly(rest: BinanceRest, venue: FakeBinance) -> None:
    told = await rest.signed("POST", ORDER, **ENTRY)
    assert told["clientOrderId"] == "mine"
    assert venue.open_ids() == {"mine"}
    asked = venue.requests("POST", ORDER)[0]
    assert asked.query.startswith("symbol=BTCUSDT&side=BUY&positionSide=LONG&type=LIMIT&timeInForce=GTX&quantity=0.004")
    assert asked.get("recvWindow") == "5000"


async def test_what_needs_quoting_is_signed_as_it_is_sent(rest: BinanceRest, venue: FakeBinance) -> None:
    with pytest.raises(VenueError) as caught:
        await rest.signed("GET", ORDER, symbol="BTCUSDT", origClientOrderId="a b/c+d&e=f%2Fé~[1]")
    assert caught.value.code == -2013
    asked = venue.requests("GET", ORDER)[0]
    assert asked.get("origClientOrderId") == "a b/c+d&e=f%2Fé~[1]"


async def test_small_and_large_numbers_are_sent_as_digits_and_truth_values_as_words(
    rest: BinanceRest, venue: FakeBinance
) -> None:
    await failure(rest, a=Decimal("1E-8"), b=Decimal("1E+3"), c=True, d=7)
    assert venue.requests("POST", ORDER)[0].query.startswith("a=0.00000001&b=1000&c=true&d=7&recvWindow")


async def test_an_ed25519_key_signs_what_the_venue_verifies(addresses: Endpoints, venue: FakeBinance) -> None:
    venue.keys.secret = PEM
    rest = BinanceRest(addresses, Credentials(venue.keys.key, Secret(PEM), KeyKind.ED25519))
    await rest.signed("POST", ORDER, **ENTRY)
    sent = venue.requests("POST", ORDER)[0].params["signature"]
    assert len(base64.b64decode(sent, validate=True)) == 64
    venue.keys.secret = SECRET
    assert isinstance(await failure(rest), VenueError)
    await rest.close()


async def test_public_requests_carry_no_key_and_keyed_ones_no_signature(rest: BinanceRest, venue: FakeBinance) -> None:
    assert (await rest.public("/fapi/v1/premiumIndex", symbol="BTCUSDT"))["symbol"] == "BTCUSDT"
    assert "listenKey" in await rest.keyed("POST", "/fapi/v1/listenKey")
    public, keyed = venue.front.asked
    assert (public.key, public.query) == (None, "symbol=BTCUSDT")
    assert (keyed.key, keyed.query) == (venue.keys.key, "")


async def test_a_client_without_a_key_asks_what_is_public_only(addresses: Endpoints, venue: FakeBinance) -> None:
    rest = BinanceRest(addresses, None)
    assert await rest.public("/fapi/v1/ping") == {}
    with pytest.raises(ValueError, match="made without one"):
        await rest.signed("GET", ORDER, **ENTRY)
    await rest.close()
    assert len(venue.front.asked) == 1


async def test_numbers_with_a_point_come_as_decimals(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.when("GET", "/fapi/v1/ping").garble(b'{"a": 0.1, "b": 1e-9, "c": 7, "d": "0.1"}')
    told = await rest.public("/fapi/v1/ping")
    assert [told[name] for name in "abcd"] == [Decimal("0.1"), Decimal("1e-9"), 7, "0.1"]
    assert isinstance(told["a"], Decimal)
    assert isinstance(told["c"], int)


async def test_wallet_paths_go_to_their_own_address_or_nowhere(
    addresses: Endpoints, credentials: Credentials, venue: FakeBinance
) -> None:
    path = "/sapi/v1/account/apiRestrictions"
    rest = BinanceRest(replace(addresses, rest="http://127.0.0.1:1"), credentials)
    assert (await rest.signed("GET", path))["enableWithdrawals"] is False
    await rest.close()
    rest = BinanceRest(replace(addresses, wallet=""), credentials)
    error = await failure(rest, "GET", path)
    assert isinstance(error, UnreachableError)
    assert error.words == "this environment has no such address"
    await rest.close()
    assert len(venue.front.asked) == 1


# -- what each fault ends as -------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[Fault, int, int]] = {
    "tick": (lambda v: v.when("POST", ORDER).refuse(-4014), 400, -4014),
    "margin": (lambda v: v.when("POST", ORDER).refuse(-2019), 400, -2019),
    "nothing left on the leg": (lambda v: v.when("POST", ORDER).refuse(-2022), 400, -2022),
    "wrong key": (lambda v: setattr(v.keys, "key", "another"), 401, -2015),
    "wrong secret": (lambda v: setattr(v.keys, "secret", "another"), 400, -1022),
    "no permission": (lambda v: setattr(v.keys, "can_trade", False), 401, -2015),
    "maintenance": (lambda v: v.maintenance(), 503, -1016),
    "overload": (lambda v: v.when("POST", ORDER).refuse(-1008), 503, -1008),
    "service unavailable": (answers(b'{"code": 0, "msg": "Service Unavailable."}', 503), 503, 0),
    "firewall": (answers(HTML, 403), 403, 0),
    "refusal in a 200": (answers(b'{"code": -4061, "msg": "no"}'), 200, -4061),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_the_venue_certainly_refused_is_a_refusal(rest: BinanceRest, venue: FakeBinance, name: str) -> None:
    fault, status, code = REFUSED[name]
    fault(venue)
    error = await failure(rest)
    assert type(error) is VenueError
    assert (error.status, error.code) == (status, code)


UNCLEAR: dict[str, tuple[Fault, str]] = {
    "-1006": (unknown(code=-1006), "answered with HTTP 503, -1006"),
    "-1007": (unknown(), "answered with HTTP 503, -1007"),
    "-1007 as 408": (unknown(status=408), "answered with HTTP 408, -1007"),
    "-1007 as 400": (unknown(status=400), "answered with HTTP 400, -1007"),
    "-1007 as 504": (unknown(status=504), "answered with HTTP 504, -1007"),
    "-1007 in a 200": (unknown(status=200), "answered with HTTP 200, -1007"),
    "-1000": (unknown(code=-1000, status=400), "answered with HTTP 400, -1000"),
    "-1001": (unknown(code=-1001), "answered with HTTP 503, -1001"),
    "408 of another code": (unknown(code=-2019, status=408), "answered with HTTP 408, -2019"),
    "502 of another code": (unknown(code=-1008, status=502), "answered with HTTP 502, -1008"),
    "503 unknown error": (answers(b'{"msg": "Unknown error, please check your request or try again later."}', 503),
                          "answered with HTTP 503"),
    "502 of a proxy": (answers(HTML, 502), "answered with HTTP 502"),
    "503 of a proxy": (answers(HTML, 503), "answered with HTTP 503"),
    "400 of a proxy": (answers(HTML, 400), "answered with HTTP 400"),
    "bad JSON": (answers(b'{"orderId": 4000000001, "clientOr'), "an answer of 33 bytes that is no JSON"),
    "no JSON": (answers(HTML), "an answer of 50 bytes that is no JSON"),
    "empty": (answers(b""), "an answer of 0 bytes that is no JSON"),
    "not a number": (answers(b'{"a": NaN}'), "that is no JSON"),
    "other bytes": (answers(b'{"a": "\xff"}'), "that is no JSON"),
    "too deep": (answers(b"[" * 200_000), "that is no JSON"),
    "digits without end": (answers(b'{"a": ' + b"1" * 9_000 + b"}"), "that is no JSON"),
    "a power beyond all bounds": (answers(b'{"a": 1.0e9999999999999999999}'), "that is no JSON"),
    "drop, executed": (lambda v: v.when("POST", ORDER).drop(executed=True), "the connection broke before"),
    "drop, not executed": (lambda v: v.when("POST", ORDER).drop(), "the connection broke before"),
    "silence": (lambda v: v.when("POST", ORDER).hang(executed=True), "no answer within 2 s"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNCLEAR)
async def test_what_may_have_been_done_is_unclear(rest: BinanceRest, venue: FakeBinance, name: str) -> None:
    fault, words = UNCLEAR[name]
    fault(venue)
    error = await failure(rest)
    assert isinstance(error, UnclearError)
    assert words in error.words
    assert len(venue.requests("POST", ORDER)) == 1


async def test_a_venue_that_cannot_be_reached_has_done_nothing(addresses: Endpoints, credentials: Credentials) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    rest = BinanceRest(replace(addresses, rest=f"http://127.0.0.1:{port}"), credentials)
    error = await failure(rest)
    assert isinstance(error, UnreachableError)
    assert error.words.startswith(f"no connection to 127.0.0.1:{port}: Connect call failed")
    await rest.close()


@asynccontextmanager
async def raw_server(answer: bytes | None) -> AsyncIterator[str]:
    """A server that says these bytes to whatever it hears, or nothing at all."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.read(65_536)
        if answer is not None:
            writer.write(answer)
            await writer.drain()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for writer in writers:
            writer.close()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    ("answer", "words"), [(b"no TLS here\r\n\r\n", "no connection to"), (None, "no connection within")]
)
async def test_a_line_that_never_became_secure_has_carried_nothing(
    addresses: Endpoints, credentials: Credentials, answer: bytes | None, words: str
) -> None:
    async with raw_server(answer) as place:
        rest = BinanceRest(replace(addresses, rest=f"https://{place}"), credentials, timeout_s=0.5)
        error = await failure(rest)
        await rest.close()
    assert isinstance(error, UnreachableError)
    assert error.words.startswith(words)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n{}",
        b"SSH-2.0-none\r\n\r\n",
        b"",
    ],
)
async def test_half_an_answer_is_unclear(addresses: Endpoints, credentials: Credentials, answer: bytes) -> None:
    async with raw_server(answer) as place:
        rest = BinanceRest(replace(addresses, rest=f"http://{place}"), credentials)
        error = await failure(rest)
        await rest.close()
    assert isinstance(error, UnclearError)
    assert error.words == "the connection broke before the whole answer came"


@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_without_end_is_not_read_to_its_end(
    addresses: Endpoints, credentials: Credentials, venue: FakeBinance, packed: bool
) -> None:
    body = b'{"a": "' + b"x" * 4_000_000 + b'"}'
    rule = venue.when("POST", ORDER).garble(gzip.compress(body) if packed else body)
    rule.headers = {"Content-Encoding": "gzip"} if packed else {}
    rest = BinanceRest(addresses, credentials, max_bytes=1_000_000)
    error = await failure(rest)
    assert isinstance(error, UnclearError)
    assert error.words == "the answer is longer than 1,000,000 bytes"
    await rest.close()


async def test_a_redirect_is_not_followed(rest: BinanceRest, venue: FakeBinance) -> None:
    rule = venue.when("POST", ORDER).garble(b"", status=307)
    rule.headers = {"Location": f"{venue.url}/fapi/v1/ping"}
    error = await failure(rest)
    assert isinstance(error, UnclearError)
    assert error.words.startswith("answered with HTTP 307")
    assert [asked.path for asked in venue.front.asked] == [ORDER]


async def test_no_proxy_of_the_environment_is_asked(
    rest: BinanceRest, venue: FakeBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert await rest.public("/fapi/v1/ping") == {}


async def test_a_cookie_of_the_venue_is_not_kept(addresses: Endpoints, venue: FakeBinance) -> None:
    # Under a name: no client keeps cookies of a bare number.
    rest = BinanceRest(replace(addresses, rest=f"http://localhost:{venue.port}"), None)
    rule = venue.when("GET", "/fapi/v1/ping").garble(b"{}")
    rule.headers = {"Set-Cookie": "a=b; Path=/"}
    await rest.public("/fapi/v1/ping")
    assert rest._session is not None
    assert list(rest._session.cookie_jar) == []
    await rest.close()


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
async def test_a_request_that_changes_something_is_never_sent_twice(
    rest: BinanceRest, venue: FakeBinance, method: str
) -> None:
    await rest.public("/fapi/v1/ping")  # so that the connection is a kept one, after which aiohttp tries again
    venue.when(method, ORDER).drop(executed=True)
    error = await failure(rest, method, symbol="BTCUSDT", origClientOrderId="mine")
    assert isinstance(error, UnclearError)
    assert len(venue.requests(method, ORDER)) == 1


async def test_a_question_over_a_connection_that_had_closed_is_asked_again(
    rest: BinanceRest, venue: FakeBinance
) -> None:
    await rest.public("/fapi/v1/ping")
    venue.when("GET", "/fapi/v1/time", 1).drop()
    assert "serverTime" in await rest.public("/fapi/v1/time")


async def test_a_closed_client_sends_nothing(rest: BinanceRest, venue: FakeBinance) -> None:
    await rest.public("/fapi/v1/ping")
    await rest.close()
    await rest.close()
    error = await failure(rest)
    assert isinstance(error, UnreachableError)
    assert len(venue.front.asked) == 1


async def test_a_request_in_flight_when_the_client_closes_is_unclear(rest: BinanceRest, venue: FakeBinance) -> None:
    reached = asyncio.Event()
    venue.when("POST", ORDER).hang(executed=True).first(reached.set)
    asking = asyncio.create_task(failure(rest))
    await reached.wait()
    await rest.close()
    assert isinstance(await asking, UnclearError)
