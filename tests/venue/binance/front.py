"""Where REST requests come in: faults first, then key, signature and weight, then the endpoint."""

import asyncio
import json

from aiohttp import web

from tests.venue.binance.asked import Asked, Json
from tests.venue.binance.errors import ApiError
from tests.venue.binance.guard import Guard
from tests.venue.binance.rest_market import Routes
from tests.venue.binance.rules import Ending, Rule, Rules

POLL_S = 0.02


class Front:
    """Serves every REST request; all of them are kept in `asked`."""

    def __init__(self, routes: Routes, guard: Guard, rules: Rules) -> None:
        self.routes = routes
        self.guard = guard
        self.rules = rules
        self.asked: list[Asked] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        body = (await request.text()) if request.can_read_body else ""
        query = "&".join(part for part in (request.raw_path.partition("?")[2], body) if part)
        key = request.headers.get("X-MBX-APIKEY")
        asked = Asked(request.method, request.path, query, key, self.guard.now_ms())
        self.asked.append(asked)
        rule = self.rules.strike(asked)
        if rule is None:
            return self._answer(asked, *self._execute(asked))
        return await self._strike(request, asked, rule)

    async def _strike(self, request: web.Request, asked: Asked, rule: Rule) -> web.StreamResponse:
        if rule.wait_before:
            await asyncio.sleep(rule.wait_before)
        if rule.before is not None:
            rule.before()
        answer: tuple[int, bytes, dict[str, str]] = (rule.status, rule.body, dict(rule.headers))
        if rule.executes:
            true_answer = self._execute(asked)
            answer = answer if rule.status else true_answer
        if rule.wait_after:
            await asyncio.sleep(rule.wait_after)
        while rule.ending is Ending.HANG and rule.active:  # noqa: ASYNC110 - a rule is removed from any thread
            await asyncio.sleep(POLL_S)
        if rule.ending is not Ending.ANSWER:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        return self._answer(asked, *answer)

    def _execute(self, asked: Asked) -> tuple[int, bytes, dict[str, str]]:
        try:
            told = self._call(asked)
        except ApiError as error:
            return error.status, json.dumps(error.body).encode(), dict(error.headers)
        asked.executed = True
        return 200, json.dumps(told).encode(), {}

    def _call(self, asked: Asked) -> Json:
        route = self.routes.get((asked.method, asked.path))
        if route is None:
            raise ApiError(-5000, f"Path {asked.path}, Method {asked.method} is invalid", 404)
        self.guard.admit(asked, route)
        return route.handler(asked)

    def _answer(self, asked: Asked, status: int, body: bytes, headers: dict[str, str]) -> web.Response:
        asked.status = status
        route = self.routes.get((asked.method, asked.path))
        told = self.guard.headers(orders=route is not None and route.orders > 0)
        return web.Response(status=status, body=body, headers=told | headers, content_type="application/json")
