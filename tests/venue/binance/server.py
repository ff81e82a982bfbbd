"""The fake Binance as a whole: served on a loopback port, in the test's loop or in a thread of its own."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from tests.venue.binance import tape
from tests.venue.binance.asked import Asked
from tests.venue.binance.countdown import Countdown
from tests.venue.binance.exchange import Exchange
from tests.venue.binance.front import Front
from tests.venue.binance.guard import Guard, Keys
from tests.venue.binance.listen_keys import ListenKeys
from tests.venue.binance.market import Market
from tests.venue.binance.papers import Paper
from tests.venue.binance.rest_account import AccountRest
from tests.venue.binance.rest_market import MarketRest
from tests.venue.binance.rest_orders import OrderRest
from tests.venue.binance.rules import Rule, Rules
from tests.venue.binance.streams import Side, Streams
from tests.venue.binance.ws_api import WsApi
from tests.venue.core import Filters, Request

BEAT_S = 1.0
WATCH_S = 0.05
CALL_S = 10.0
SPREAD = Decimal("0.10")
SYMBOL = "BTCUSDT"
SOCKETS = ("/ws", "/stream", "/market/", "/public/", "/private/")


class FakeBinance:
    """One venue, one account, BTCUSDT in hedge mode.

    `async with FakeBinance() as venue` serves in the running loop; `with FakeBinance().threaded() as venue` in a
    thread, and then every method may be called from any other. Books and records live in `exchange`, `asked` (each
    REST request) and `streams.user_events`; read them through `call` while a thread serves.
    """

    def __init__(
        self, *, keys: Keys | None = None, filters: Filters | None = None, wallet: Decimal = Decimal(10_000)
    ) -> None:
        self.keys = keys or Keys()
        self.skew_ms = 0
        """How far the venue's clock is ahead."""
        self.finished_after_s = 0.0
        """How long after its last trade a conditional order is told FINISHED; at once is what strains clients most."""
        self.rules = Rules()
        self.when = self.rules.when
        """A fault for requests to a path."""
        self.listen_keys = ListenKeys(self.now_ms)
        self.streams = Streams(self.listen_keys.is_live)
        filters = filters or Filters()
        self.exchange = Exchange(SYMBOL, filters, wallet, self.now_ms, self.streams.push_user)
        self.exchange.later = self._later
        self.countdown = Countdown(self.exchange)
        self.market = Market(SYMBOL, filters.tick, self.now_ms, self.streams.push_market)
        self.guard = Guard(self.keys, self.now_ms)
        self.ws_api = WsApi(self.guard, self.listen_keys)
        self.market_rest = MarketRest(self.market, self.exchange, self.guard)
        self.account_rest = AccountRest(self.exchange, self.guard, self.listen_keys, self.streams.close_key)
        orders = OrderRest(self.exchange, self.countdown.set)
        routes = self.market_rest.routes() | self.account_rest.routes() | orders.routes()
        self.front = Front(routes, self.guard, self.rules)
        self.port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread_id = 0
        self._runner: web.AppRunner | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # -- life ------------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The base of REST addresses."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        """The base of market and user streams."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def ws_api_url(self) -> str:
        """The WebSocket API, which Ed25519 keys log on to."""
        return f"{self.ws_url}/ws-fapi/v1"

    async def __aenter__(self) -> Self:
        self._loop, self._thread_id = asyncio.get_running_loop(), threading.get_ident()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        self._tasks = [asyncio.create_task(self._beat()), asyncio.create_task(self._watch())]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.rules.clear()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self.streams.drop(Side.MARKET)
        self.streams.drop(Side.USER)
        if self._runner is not None:
            await self._runner.cleanup()
        self._loop = None

    @contextmanager
    def threaded(self) -> Iterator[Self]:
        """Serve in a thread of its own until the block ends."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="fake-binance", daemon=True)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.__aenter__(), loop).result(CALL_S)
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self.__aexit__(), loop).result(CALL_S)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(CALL_S)
            loop.close()

    def call[T](self, act: Callable[[], T]) -> T:
        """Do something where the venue lives, and give its result; from any thread."""
        if self._loop is None or threading.get_ident() == self._thread_id:
            return act()
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(act())
            except BaseException as error:  # noqa: BLE001 - it belongs to the caller
                done.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return done.result(CALL_S)

    def now_ms(self) -> int:
        """The venue's clock."""
        return time.time_ns() // 1_000_000 + self.skew_ms

    # -- the market ------------------------------------------------------------------------------------------------

    def quote(self, bid: Decimal | str, ask: Decimal | str | None = None) -> None:
        """The best prices are these now; without an ask, one tick above the bid. What they reach fills."""
        low = Decimal(bid)
        high = low + SPREAD if ask is None else Decimal(ask)
        self.call(lambda: self._quote(low, high, Decimal(1), Decimal(1)))

    def trade(self, price: Decimal | str, qty: Decimal | str = "0.010", *, sold: bool = False) -> None:
        """A trade of others, told on aggTrade and kline_1m; it fills nothing."""
        self.call(lambda: self.market.trade(Decimal(price), Decimal(qty), sold=sold))

    async def play(self, path: Path, *, speed: float = 1.0, seconds: float | None = None) -> int:
        """Play a recorded capture (0: as fast as it goes); gives the number of messages. In the venue's own loop."""
        drained = self.streams.drained
        return await tape.play(path, self.market, self._quote, drained, speed=speed, seconds=seconds)

    def start(self, work: Coroutine[Any, Any, Any]) -> "Future[Any]":
        """Run a coroutine such as `play` where the venue lives."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    # -- faults ----------------------------------------------------------------------------------------------------

    def maintenance(self) -> Rule:
        """503 for everything until the rule is removed."""
        return self.rules.when("*", "*").refuse(-1016)

    def drop(self, side: Side) -> int:
        """Break every socket of a side."""
        return self.call(lambda: self.streams.drop(side))

    def stall(self, side: Side) -> None:
        """Nothing comes on a side's sockets, while they stay open."""
        self.call(lambda: self.streams.stall(side))

    def resume(self, side: Side, *, lose: bool = False) -> None:
        """End a stall; `lose` what was held back."""
        self.call(lambda: self.streams.resume(side, lose=lose))

    def refuse(self, side: Side, *, off: bool = False) -> None:
        """Turn new sockets of a side away (or no longer)."""
        (self.streams.refused.discard if off else self.streams.refused.add)(side)

    def expire_listen_key(self) -> None:
        """The listenKey ends now, with its event."""
        self.call(lambda: self.listen_keys.expire(self.streams.push_user))

    # -- the account -----------------------------------------------------------------------------------------------

    def change_filters(self, **changes: Any) -> None:
        """Other filters from now on (names of `core.Filters`)."""
        self.call(lambda: self.exchange.change_filters(**changes))

    def by_hand(
        self, side: str, leg: str, qty: Decimal | str, price: Decimal | str | None = None, kind: str = ""
    ) -> Paper:
        """An order that the account's owner gives elsewhere: MARKET, LIMIT where there is a price, or a `kind`."""
        limit = None if price is None else Decimal(price)
        name = kind or ("MARKET" if limit is None else "LIMIT")

        def place() -> Paper:
            request = Request(self.exchange.new_id("web_"), side, leg, name, Decimal(qty), limit)
            return self.exchange.place(request, "GTC")

        return self.call(place)

    def cancel_by_hand(self, client_id: str) -> None:
        """The owner cancels an order elsewhere."""
        paper = self.exchange.archive.papers[client_id]
        self.call(lambda: self.exchange.cancel(paper, algo=paper.waits))

    def liquidate(self, leg: str) -> None:
        """The venue takes a leg."""
        self.call(lambda: self.exchange.liquidate(leg))

    def settle(self, rate: Decimal | str) -> Decimal:
        """Funding is settled now."""
        return self.call(lambda: self.exchange.settle(Decimal(rate), self.market.mark))

    def transfer(self, amount: Decimal | str) -> None:
        """A deposit, or a withdrawal (negative)."""
        self.call(lambda: self.exchange.transfer(Decimal(amount)))

    # -- what there is ---------------------------------------------------------------------------------------------

    def held(self, leg: str) -> Decimal:
        """What a leg holds."""
        return self.call(lambda: self.exchange.book.held(leg))

    def open_ids(self) -> set[str]:
        """The client ids of every open order, conditional ones among them."""
        return self.call(lambda: set(self.exchange.book.open))

    def requests(self, method: str, path: str) -> list[Asked]:
        """The REST requests of one kind."""
        return self.call(lambda: [a for a in self.front.asked if (a.method, a.path) == (method, path)])

    # -- inside ----------------------------------------------------------------------------------------------------

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/ws-fapi/"):
            return await self.ws_api.serve(request)
        if request.path.startswith(SOCKETS):
            return await self.streams.serve(request)
        return await self.front.serve(request)

    def _quote(self, bid: Decimal, ask: Decimal, bid_qty: Decimal, ask_qty: Decimal) -> None:
        self.market.quote(bid, ask, bid_qty, ask_qty)
        self.exchange.move(bid, ask, self.market.mark)

    def _later(self, act: Callable[[], None]) -> None:
        if self.finished_after_s and self._loop is not None:
            self._loop.call_later(self.finished_after_s, act)
        else:
            act()

    async def _beat(self) -> None:
        while True:
            self.market.beat()
            await asyncio.sleep(BEAT_S)

    async def _watch(self) -> None:
        while True:
            self.countdown.look()
            if self.listen_keys.is_due():
                self.listen_keys.expire(self.streams.push_user)
            await asyncio.sleep(WATCH_S)
