"""A small signed client for tests of the fake itself: aiohttp, no retries, no opinions."""

import json
import time
from typing import Any, Self
from urllib.parse import urlencode

from aiohttp import ClientSession, ClientTimeout, ClientWebSocketResponse
from yarl import URL

from tests.venue.binance.server import FakeBinance


class Reply:
    """Status, headers and body of an answer."""

    def __init__(self, status: int, headers: dict[str, str], text: str) -> None:
        self.status = status
        self.headers = headers
        self.text = text

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.text)

    @property
    def code(self) -> int:
        """The refusal's code; 0 where there is none."""
        return int(self.json["code"]) if isinstance(self.json, dict) and "msg" in self.json else 0


class Asker:
    """Asks a fake as its account's owner."""

    def __init__(self, venue: FakeBinance) -> None:
        self.venue = venue
        self.session = ClientSession(timeout=ClientTimeout(total=5))
        self.skew_ms = 0
        self._count = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def public(self, path: str, **params: Any) -> Reply:
        """GET without a key."""
        return await self._send("GET", path, urlencode(params), {})

    async def signed(self, method: str, path: str, **params: Any) -> Reply:
        """With key, timestamp and signature."""
        stamp = time.time_ns() // 1_000_000 + self.skew_ms
        query = urlencode({**params, "timestamp": stamp})
        query += f"&signature={self.venue.keys.sign(query)}"
        return await self._send(method, path, query, {"X-MBX-APIKEY": self.venue.keys.key})

    async def _send(self, method: str, path: str, query: str, headers: dict[str, str]) -> Reply:
        url = f"{self.venue.url}{path}" + (f"?{query}" if query else "")
        # Encoded as it stands: a URL that aiohttp quotes anew is no longer the one that was signed.
        async with self.session.request(method, URL(url, encoded=True), headers=headers) as answer:
            return Reply(answer.status, dict(answer.headers), await answer.text())

    async def order(self, side: str, leg: str, kind: str = "MARKET", qty: str = "0.004", **params: Any) -> Reply:
        """A plain order; with `price`, a post-only limit unless `timeInForce` says otherwise."""
        self._count += 1
        words: dict[str, Any] = {"symbol": "BTCUSDT", "side": side, "positionSide": leg, "type": kind, "quantity": qty}
        words["newClientOrderId"] = f"c{self._count}"
        if kind == "LIMIT":
            words["timeInForce"] = "GTX"
        return await self.signed("POST", "/fapi/v1/order", **{**words, **params})

    async def stop(self, side: str, leg: str, trigger: str, qty: str | None = "0.004", **params: Any) -> Reply:
        """A conditional order."""
        self._count += 1
        words: dict[str, Any] = {"symbol": "BTCUSDT", "side": side, "positionSide": leg, "type": "STOP_MARKET"}
        words |= {"algoType": "CONDITIONAL", "triggerPrice": trigger, "clientAlgoId": f"c{self._count}"}
        words |= {} if qty is None else {"quantity": qty}
        return await self.signed("POST", "/fapi/v1/algoOrder", **{**words, **params})

    async def listen(self) -> ClientWebSocketResponse:
        """The account's user stream, under a listenKey."""
        reply = await self.signed("POST", "/fapi/v1/listenKey")
        return await self.session.ws_connect(f"{self.venue.ws_url}/ws/{reply.json['listenKey']}")

    async def watch(self, *streams: str) -> ClientWebSocketResponse:
        """Combined market streams."""
        return await self.session.ws_connect(f"{self.venue.ws_url}/stream?streams={'/'.join(streams)}")
