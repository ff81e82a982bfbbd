"""Each fault by rule: what the client gets, and what is at the venue afterwards."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from json import JSONDecodeError

import pytest
from aiohttp import ClientConnectionError

from tests.venue.binance.asker import Asker, Reply
from tests.venue.binance.errors import WORDS
from tests.venue.binance.server import FakeBinance

pytestmark = pytest.mark.timeout(30)

ORDER = "/fapi/v1/order"
type Fault = Callable[[FakeBinance], object]
ROWS: dict[str, tuple[Fault, int, int, bool]] = {
    "tick": (lambda v: v.when("POST", ORDER).refuse(-4014), 400, -4014, False),
    "notional": (lambda v: v.when("POST", ORDER).refuse(-4164), 400, -4164, False),
    "margin": (lambda v: v.when("POST", ORDER).refuse(-2019), 400, -2019, False),
    "post-only": (lambda v: v.when("POST", ORDER).refuse(-5022), 400, -5022, False),
    "429": (lambda v: v.when("POST", ORDER).limit(7), 429, -1003, False),
    "418": (lambda v: v.when("POST", ORDER).limit(7, banned=True), 418, -1003, False),
    "-1021": (lambda v: v.when("POST", ORDER).refuse(-1021), 400, -1021, False),
    "5xx, dead": (lambda v: v.when("POST", ORDER).unknown(live=False), 503, -1007, False),
    "5xx, live": (lambda v: v.when("POST", ORDER).unknown(live=True), 503, -1007, True),
    "-1006, live": (lambda v: v.when("POST", ORDER).unknown(live=True, code=-1006), 503, -1006, True),
    "408, live": (lambda v: v.when("POST", ORDER).unknown(live=True, status=408), 408, -1007, True),
    "502, live": (lambda v: v.when("POST", ORDER).unknown(live=True, status=502), 502, -1007, True),
    "maintenance": (lambda v: v.maintenance(), 503, -1016, False),
    "clock": (lambda v: setattr(v, "skew_ms", 60_000), 400, -1021, False),
    "nothing left on the leg": (lambda v: v.when("POST", ORDER).refuse(-2022), 400, -2022, False),
}


@pytest.mark.parametrize("row", ROWS)
async def test_a_row_of_the_error_table_is_one_line(ask: Asker, venue: FakeBinance, row: str) -> None:
    fault, status, code, live = ROWS[row]
    fault(venue)
    reply = await ask.order("BUY", "LONG", "LIMIT", price="59990.00")
    assert (reply.status, reply.code) == (status, code)
    assert venue.open_ids() == ({"c1"} if live else set())
    if row in ("429", "418"):
        assert reply.headers["Retry-After"] == "7"


@pytest.mark.parametrize("executed", [False, True])
async def test_a_connection_that_breaks_leaves_the_order_live_or_not(
    ask: Asker, venue: FakeBinance, executed: bool
) -> None:
    venue.when("POST", ORDER).drop(executed=executed)
    with pytest.raises(ClientConnectionError):
        await ask.order("BUY", "LONG", "LIMIT", price="59990.00")
    assert venue.open_ids() == ({"c1"} if executed else set())
    assert [(asked.status, asked.executed) for asked in venue.requests("POST", ORDER)] == [(0, executed)]


@pytest.mark.parametrize("executed", [False, True])
async def test_an_answer_that_never_comes_is_waited_for_until_the_rule_goes(
    ask: Asker, venue: FakeBinance, executed: bool
) -> None:
    rule = venue.when("POST", ORDER).hang(executed=executed)
    asking = asyncio.create_task(ask.order("BUY", "LONG", "LIMIT", price="59990.00"))
    await asyncio.sleep(0.2)
    assert (asking.done(), venue.open_ids()) == (False, {"c1"} if executed else set())
    rule.remove()
    with pytest.raises(ClientConnectionError):
        await asking


async def test_bad_json_hides_an_order_that_is_live(ask: Asker, venue: FakeBinance) -> None:
    venue.when("POST", ORDER).garble()
    reply = await ask.order("BUY", "LONG", "LIMIT", price="59990.00")
    with pytest.raises(JSONDecodeError):
        _ = reply.json
    assert venue.open_ids() == {"c1"}


async def test_a_late_request_and_a_late_answer_differ_at_the_venue(ask: Asker, venue: FakeBinance) -> None:
    venue.when("POST", ORDER, 1).delay(0.2)
    venue.when("POST", ORDER, 2).delay(0.2, after=True)
    for live in (False, True):
        asking = asyncio.create_task(ask.order("BUY", "LONG", "LIMIT", price="59990.00"))
        await asyncio.sleep(0.1)
        assert (len(venue.open_ids()) > len(venue.requests("POST", ORDER)) - 1) is live
        assert (await asking).status == 200


async def test_a_rule_strikes_the_nth_request_and_those_that_it_is_meant_for(ask: Asker, venue: FakeBinance) -> None:
    venue.when("POST", ORDER, (2, 3)).refuse(-1001)
    shorts = venue.when("POST", "/fapi/*", if_=lambda asked: asked.get("positionSide") == "SHORT").refuse(-1008)
    replies = [await ask.order("BUY", "LONG") for _ in range(4)]
    assert [reply.code for reply in replies] == [0, -1001, -1001, 0]
    assert (await ask.order("SELL", "SHORT")).code == -1008
    assert (await ask.signed("GET", "/fapi/v1/openOrders")).status == 200
    assert shorts.hits == 1
    shorts.remove()
    assert (await ask.order("SELL", "SHORT")).code == 0


async def test_a_cancel_that_crosses_a_fill_is_refused(ask: Asker, venue: FakeBinance) -> None:
    await ask.order("BUY", "LONG", "LIMIT", price="59990.00")
    venue.when("DELETE", ORDER).first(lambda: venue.quote("59980.00"))
    assert (await ask.signed("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="c1")).code == -2011
    assert venue.held("LONG") == Decimal("0.004")


async def test_a_renewal_that_fails_leaves_the_listen_key_to_die(ask: Asker, venue: FakeBinance) -> None:
    await ask.listen()
    venue.when("PUT", "/fapi/v1/listenKey").unknown(live=False, code=-1001)
    assert (await ask.signed("PUT", "/fapi/v1/listenKey")).status == 503
    venue.when("POST", "/fapi/v1/listenKey").first(venue.expire_listen_key).refuse(-1008)
    reply: Reply = await ask.signed("POST", "/fapi/v1/listenKey")
    assert (reply.status, venue.listen_keys.key) == (503, None)


async def test_a_live_order_sent_again_after_5xx_is_refused_as_a_duplicate(ask: Asker, venue: FakeBinance) -> None:
    venue.when("POST", ORDER, 1).unknown(live=True)
    words = {"price": "59990.00", "newClientOrderId": "mine"}
    assert (await ask.order("BUY", "LONG", "LIMIT", **words)).code == -1007
    assert (await ask.order("BUY", "LONG", "LIMIT", **words)).code == -4116
    assert venue.open_ids() == {"mine"}


async def test_every_known_code_can_be_told(ask: Asker, venue: FakeBinance) -> None:
    for code, (status, words) in WORDS.items():
        rule = venue.when("GET", "/fapi/v1/ping").refuse(code)
        reply = await ask.public("/fapi/v1/ping")
        assert (reply.status, reply.json) == (status, {"code": code, "msg": words})
        rule.remove()
