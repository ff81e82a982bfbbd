"""The fake's sockets: what they tell to whom, and how they fail."""

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from tests.venue.binance.asker import Asker
from tests.venue.binance.listen_keys import LIFE_MS
from tests.venue.binance.server import FakeBinance
from tests.venue.binance.streams import Side

pytestmark = pytest.mark.timeout(30)

TAPE = Path(__file__).parents[4] / "shared" / "data" / "binance-usdm-BTCUSDT-20240808.jsonl.gz"
STREAMS = ("btcusdt@bookTicker", "btcusdt@aggTrade", "btcusdt@kline_1m", "btcusdt@markPrice@1s")


async def heard(socket: ClientWebSocketResponse, seconds: float = 0.15) -> list[Any]:
    """Everything that comes within some time; ends with None where the socket closes."""
    messages: list[Any] = []
    end = asyncio.get_running_loop().time() + seconds
    while (left := end - asyncio.get_running_loop().time()) > 0:
        try:
            message = await socket.receive(left)
        except TimeoutError:
            break
        if message.type is not WSMsgType.TEXT:
            return [*messages, None]
        messages.append(json.loads(message.data))
    return messages


async def test_combined_streams_tell_what_was_subscribed(ask: Asker, venue: FakeBinance) -> None:
    socket = await ask.watch(STREAMS[0])
    await socket.send_json({"method": "SUBSCRIBE", "params": list(STREAMS[1:]), "id": 1})
    assert {"result": None, "id": 1} in await heard(socket)
    venue.quote("60001.00")
    venue.trade("60001.00", "0.005", sold=True)
    messages = await heard(socket, 1.3)
    data = {message["stream"]: message["data"] for message in messages if "stream" in message}
    assert set(data) == set(STREAMS)
    assert (data[STREAMS[0]]["b"], data[STREAMS[1]]["m"]) == ("60001.00", True)
    assert (data[STREAMS[2]]["k"]["c"], data[STREAMS[3]]["r"]) == ("60001.00", "0.00010000")
    await socket.send_json({"method": "UNSUBSCRIBE", "params": [STREAMS[0]], "id": 2})
    await heard(socket)
    venue.quote("60002.00")
    assert all(message.get("stream") != STREAMS[0] for message in await heard(socket))


async def test_a_minute_that_ends_is_told_closed(ask: Asker, venue: FakeBinance) -> None:
    socket = await ask.watch("btcusdt@kline_1m")
    await asyncio.sleep(0.05)
    venue.skew_ms = 60_000
    venue.quote("60010.00")
    closed = [message["data"]["k"] for message in await heard(socket) if message["data"]["k"]["x"]]
    assert [candle["c"] for candle in closed] == ["60000.00"]


@pytest.mark.parametrize("form", ["/ws/{}", "/ws?listenKey={}", "/private/ws?listenKey={}", "/stream?streams={}"])
async def test_every_form_of_the_user_stream_hears_the_account(ask: Asker, venue: FakeBinance, form: str) -> None:
    key = (await ask.signed("POST", "/fapi/v1/listenKey")).json["listenKey"]
    socket = await ask.session.ws_connect(venue.ws_url + form.format(key))
    await ask.order("BUY", "LONG")
    names = [message["e"] for message in await heard(socket)]
    assert names == ["ORDER_TRADE_UPDATE", "TRADE_LITE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"]


async def test_an_unknown_listen_key_hears_nothing(ask: Asker, venue: FakeBinance) -> None:
    socket = await ask.session.ws_connect(f"{venue.ws_url}/ws/no-such-key")
    await ask.order("BUY", "LONG")
    assert await heard(socket) == []


async def test_an_expired_listen_key_says_so_and_falls_silent(ask: Asker, venue: FakeBinance) -> None:
    socket = await ask.listen()
    venue.expire_listen_key()
    assert [message["e"] for message in await heard(socket)] == ["listenKeyExpired"]
    await ask.order("BUY", "LONG")
    assert await heard(socket) == []
    assert (await ask.signed("PUT", "/fapi/v1/listenKey")).code == -1125
    fresh = await ask.listen()
    await ask.order("BUY", "LONG")
    assert len(await heard(fresh)) == 4


async def test_a_listen_key_lives_an_hour_and_a_renewal_makes_it_another(ask: Asker, venue: FakeBinance) -> None:
    socket = await ask.listen()
    venue.skew_ms = LIFE_MS - 10_000
    await ask.signed("PUT", "/fapi/v1/listenKey")
    venue.skew_ms = LIFE_MS + 10_000
    assert await heard(socket) == []
    venue.skew_ms = 3 * LIFE_MS
    assert [message["e"] for message in await heard(socket, 0.3)] == ["listenKeyExpired"]


async def test_a_dropped_socket_breaks_and_loses_what_came_meanwhile(ask: Asker, venue: FakeBinance) -> None:
    socket = await ask.listen()
    assert venue.drop(Side.USER) == 1
    await ask.order("BUY", "LONG")
    assert await heard(socket) == [None]
    again = await ask.listen()
    assert await heard(again) == []
    assert venue.streams.opened[Side.USER] == 2


@pytest.mark.parametrize(("lose", "count"), [(False, 8), (True, 4)])
async def test_a_stalled_stream_is_silent_until_it_resumes(
    ask: Asker, venue: FakeBinance, lose: bool, count: int
) -> None:
    socket = await ask.listen()
    venue.stall(Side.USER)
    await ask.order("BUY", "LONG")
    assert await heard(socket) == []
    venue.resume(Side.USER, lose=lose)
    await ask.order("BUY", "LONG")
    assert len(await heard(socket)) == count


async def test_a_side_that_is_refused_takes_no_new_socket(ask: Asker, venue: FakeBinance) -> None:
    venue.refuse(Side.MARKET)
    with pytest.raises(WSServerHandshakeError):
        await ask.watch("btcusdt@bookTicker")
    await ask.listen()
    venue.refuse(Side.MARKET, off=True)
    await ask.watch("btcusdt@bookTicker")
    assert venue.streams.count(Side.MARKET) == 1


@pytest.mark.skipif(not TAPE.exists(), reason="no ../shared/data")
async def test_the_tape_comes_over_the_streams_and_fills_what_it_reaches(ask: Asker, venue: FakeBinance) -> None:
    socket = await ask.watch("btcusdt@bookTicker", "btcusdt@aggTrade")
    venue.quote("61800.00")
    await ask.order("SELL", "SHORT", "LIMIT", price="61810.00")
    await ask.order("BUY", "LONG", "LIMIT", price="61700.00")
    playing = asyncio.create_task(venue.play(TAPE, speed=0, seconds=20.0))
    messages: list[Any] = []
    while not playing.done():
        messages += await heard(socket, 0.1)
    messages += await heard(socket, 0.5)
    assert len(messages) == playing.result() + 1 > 1_000
    assert {message["stream"] for message in messages} == {"btcusdt@bookTicker", "btcusdt@aggTrade"}
    assert (venue.held("SHORT"), venue.held("LONG")) == (Decimal("0.004"), Decimal(0))
