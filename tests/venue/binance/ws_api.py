"""The WebSocket API as Ed25519 keys use it: session.logon, and the user stream's listenKey."""

import json
from typing import Any

from aiohttp import WSMsgType, web

from tests.venue.binance.errors import ApiError
from tests.venue.binance.guard import Guard
from tests.venue.binance.listen_keys import ListenKeys


class WsApi:
    """Answers requests over a socket; one log-on per connection."""

    def __init__(self, guard: Guard, keys: ListenKeys) -> None:
        self.guard = guard
        self.keys = keys
        self.asked: list[str] = []
        """The methods that were called."""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection."""
        ws = web.WebSocketResponse(autoping=True)
        await ws.prepare(request)
        logged_on = False
        async for message in ws:
            if message.type is not WSMsgType.TEXT:
                continue
            asked = json.loads(message.data)
            self.asked.append(asked["method"])
            try:
                result = self._call(asked["method"], asked.get("params", {}), logged_on=logged_on)
                logged_on = logged_on or asked["method"] == "session.logon"
                answer: dict[str, Any] = {"id": asked["id"], "status": 200, "result": result}
            except ApiError as error:
                answer = {"id": asked["id"], "status": error.status, "error": error.body}
            await ws.send_str(json.dumps(answer))
        return ws

    def _call(self, method: str, params: dict[str, Any], *, logged_on: bool) -> dict[str, Any]:
        if method == "session.logon":
            return self._log_on(params)
        if not logged_on:
            raise ApiError(-2015)
        if method == "userDataStream.start":
            return {"listenKey": self.keys.create()}
        if method == "userDataStream.ping":
            return {"listenKey": self.keys.renew()}
        if method == "userDataStream.stop":
            self.keys.close()
            return {}
        raise ApiError(-1000, f"Unknown method {method}")

    def _log_on(self, params: dict[str, Any]) -> dict[str, Any]:
        if params.get("apiKey") != self.guard.keys.key:
            raise ApiError(-2015)
        signed = f"apiKey={params['apiKey']}&timestamp={params['timestamp']}"
        if params.get("signature") != self.guard.keys.sign(signed):
            raise ApiError(-1022)
        now = self.guard.now_ms()
        return {"apiKey": params["apiKey"], "authorizedSince": now, "connectedSince": now, "returnRateLimits": False}
