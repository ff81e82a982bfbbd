"""The sockets: market streams with subscriptions, user streams by listenKey, and their faults."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiohttp import WSMsgType, web

FULL = 500
"""Messages in a queue above which a fast tape waits."""


class Side(StrEnum):
    """The kinds of socket."""

    MARKET = "market"
    USER = "user"


@dataclass(eq=False)
class Socket:
    """One connection."""

    request: web.Request
    ws: web.WebSocketResponse
    side: Side
    combined: bool
    listen_key: str = ""
    streams: set[str] = field(default_factory=set)
    queue: "asyncio.Queue[str]" = field(default_factory=asyncio.Queue)
    held: str | None = None
    """What was taken from the queue while the side was stalled."""

    def abort(self) -> None:
        """Break the connection without a word."""
        if self.request.transport is not None:
            self.request.transport.abort()


class Streams:
    """Every socket; what is told to nobody is lost, as at the venue."""

    def __init__(self, is_live: Callable[[str], bool]) -> None:
        self.is_live = is_live
        self.sockets: set[Socket] = set()
        self.refused: set[Side] = set()
        """Whose new connections are turned away."""
        self.opened = dict.fromkeys(Side, 0)
        """How many connections there were."""
        self.user_events: list[dict[str, Any]] = []
        """Every user event, whether anybody heard it or not."""
        self._flows = {side: asyncio.Event() for side in Side}
        for flow in self._flows.values():
            flow.set()

    # -- telling ---------------------------------------------------------------------------------------------------

    def push_market(self, stream: str, data: dict[str, Any]) -> None:
        """Tell everybody who subscribed."""
        plain = wrapped = ""
        for socket in self.sockets:
            if stream not in socket.streams:
                continue
            if socket.combined:
                wrapped = wrapped or json.dumps({"stream": stream, "data": data})
            else:
                plain = plain or json.dumps(data)
            socket.queue.put_nowait(wrapped if socket.combined else plain)

    def push_user(self, event: dict[str, Any]) -> None:
        """Tell the account's owner, if he listens with a key that is live."""
        self.user_events.append(event)
        text = json.dumps(event)
        for socket in self.sockets:
            if socket.side is Side.USER and self.is_live(socket.listen_key):
                socket.queue.put_nowait(text)

    def count(self, side: Side) -> int:
        """How many sockets are open."""
        return sum(socket.side is side for socket in self.sockets)

    async def drained(self) -> None:
        """Until no queue is long; a stalled one is not waited for."""
        await asyncio.sleep(0)
        while any(s.queue.qsize() > FULL and self._flows[s.side].is_set() for s in self.sockets):  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    # -- faults ----------------------------------------------------------------------------------------------------

    def drop(self, side: Side) -> int:
        """Break every socket of a side; gives how many there were."""
        dropped = [socket for socket in self.sockets if socket.side is side]
        for socket in dropped:
            socket.abort()
            self.sockets.discard(socket)
        return len(dropped)

    def stall(self, side: Side) -> None:
        """Nothing comes any more, while the connections stay."""
        self._flows[side].clear()

    def resume(self, side: Side, *, lose: bool = False) -> None:
        """Things come again: all that was held back, or (`lose`) only what is new."""
        for socket in [s for s in self.sockets if lose and s.side is side]:
            socket.held = None
            while not socket.queue.empty():
                socket.queue.get_nowait()
        self._flows[side].set()

    def close_key(self, listen_key: str) -> None:
        """End the user sockets of a key."""
        for socket in [s for s in self.sockets if s.listen_key == listen_key]:
            socket.abort()

    # -- connections -----------------------------------------------------------------------------------------------

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection, from its upgrade to its end."""
        socket = self._describe(request)
        if socket.side in self.refused:
            return web.Response(status=503)
        await socket.ws.prepare(request)
        self.sockets.add(socket)
        self.opened[socket.side] += 1
        writer = asyncio.create_task(self._write(socket))
        try:
            async for message in socket.ws:
                if message.type is WSMsgType.TEXT:
                    self._command(socket, message.data)
        finally:
            self.sockets.discard(socket)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer
        return socket.ws

    async def _write(self, socket: Socket) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                socket.held = await socket.queue.get()
                await self._flows[socket.side].wait()
                if socket.held is not None:
                    await socket.ws.send_str(socket.held)

    def _describe(self, request: web.Request) -> Socket:
        """Which socket a path stands for: `/ws`, `/ws/<name>`, `/stream?streams=`, each perhaps behind a route."""
        parts = [part for part in request.path.split("/") if part not in ("", "market", "public", "private")]
        query = request.query
        name = parts[1] if len(parts) > 1 else ""
        key = query.get("listenKey", "") or (name if name and "@" not in name else "")
        names = {name} if "@" in name else set(filter(None, query.get("streams", "").split("/")))
        if not key and len(names) == 1 and "@" not in next(iter(names)):
            key = names.pop()
        side = Side.USER if key else Side.MARKET
        ws = web.WebSocketResponse(autoping=True)
        return Socket(request, ws, side, combined=parts[0] == "stream", listen_key=key, streams=names)

    def _command(self, socket: Socket, text: str) -> None:
        """SUBSCRIBE, UNSUBSCRIBE or LIST_SUBSCRIPTIONS."""
        try:
            asked = json.loads(text)
            method, names = asked["method"], asked.get("params", [])
        except (ValueError, KeyError, TypeError):
            socket.queue.put_nowait(json.dumps({"error": {"code": 2, "msg": "Invalid request"}}))
            return
        result: list[str] | None = None
        if method == "SUBSCRIBE":
            socket.streams.update(names)
        elif method == "UNSUBSCRIBE":
            socket.streams.difference_update(names)
        elif method == "LIST_SUBSCRIPTIONS":
            result = sorted(socket.streams)
        else:
            error = {"code": 2, "msg": f"Invalid request: unknown method {method}"}
            socket.queue.put_nowait(json.dumps({"error": error, "id": asked.get("id")}))
            return
        socket.queue.put_nowait(json.dumps({"result": result, "id": asked.get("id")}))
