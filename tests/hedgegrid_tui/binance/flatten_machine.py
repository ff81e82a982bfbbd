"""A machine that tries to break `hedgegrid flatten`, seed by seed: without sockets, on a clock of its own.

Everything but the wire is the product's and the fake's: the whole command runs, its REST client signs and judges, the
fake's guard and books answer. Time passes only while the flatten waits, so that a seed takes some milliseconds.
`python -m tests.hedgegrid_tui.binance.flatten_machine 1 500` runs the seeds from 1 to 500 and tells what broke.
"""

import asyncio
import heapq
import json
import os
import random
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from yarl import URL

from hedgegrid_tui import flatten_command, flatten_notebook
from hedgegrid_tui.engine.binance.flatten import procedure as flatten_at_venue
from hedgegrid_tui.engine.binance.flatten import record as flatten_record
from hedgegrid_tui.engine.binance.flatten.books import Books
from hedgegrid_tui.engine.binance.flatten.look import look
from hedgegrid_tui.engine.binance.flatten.procedure import FlattenAtVenue
from hedgegrid_tui.engine.binance.rest import client as rest
from hedgegrid_tui.engine.binance.rest.answers import Answer
from hedgegrid_tui.engine.binance.rest.errors import UnclearError, UnreachableError
from hedgegrid_tui.flatten_command import LEGS
from strategy.domain import ZERO, Leg, OrderKey, Role
from strategy.order_ids import OrderId, format_id, parse_id
from strategy.past import read_past
from tests.hedgegrid_tui.binance.flattening import BID, SESSION, Ran, Stage
from tests.journal_reader import read_journal
from tests.venue.binance.asked import Asked
from tests.venue.binance.errors import ApiError
from tests.venue.binance.server import FakeBinance
from tests.venue.core import Request

START = 1_000.0
WALL_S = 1_750_000_000
ORDER = "/fapi/v1/order"
POSITIONS = "/fapi/v3/positionRisk"
ORDERS = ("/fapi/v1/openAlgoOrders", "/fapi/v1/openOrders")
FAULTS = (
    "refuse", "limit", "limit", "unknown", "unknown-done", "drop", "drop-done", "hang", "hang-done", "late", "garble",
    "lie", "unreachable", "503", "html", "absent", "slow", "time",
)  # fmt: skip
LATER_S = (0.2, 0.8, 1.3, 1.4, 3.0, 8.0)
"""How late a request arrives that the client has given up."""
MOST_S = 30.0 + 90.0 + 15.0 + 25.0 + 2 * 60.0 + 20.0
"""The bound, what rate limits may add, the last look, the books, and the first look with its two waits."""


class Clock:
    """Stands in for the module `time`; moves only when the loop has nothing to do."""

    def __init__(self) -> None:
        self.at = START
        self.wall_shift_s = 0.0
        """A wall clock that was set while it ran."""

    def monotonic(self) -> float:
        return self.at

    perf_counter = monotonic

    def time_ns(self) -> int:
        return WALL_S * 1_000_000_000 + int((self.at + self.wall_shift_s) * 1_000_000_000)


class Loop(asyncio.SelectorEventLoop):
    """Jumps to the next timer instead of waiting for it."""

    clock = Clock()

    def __init__(self) -> None:
        super().__init__()
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self.clock.at

    def _run_once(self) -> None:
        timers = self._scheduled  # type: ignore[attr-defined]
        while timers and timers[0].cancelled():
            heapq.heappop(timers)._scheduled = False
            self._timer_cancelled_count -= 1  # type: ignore[attr-defined]
        if timers and not self._ready:  # type: ignore[attr-defined]
            self.clock.at = max(self.clock.at, timers[0].when())
        super()._run_once()  # type: ignore[misc]


class Fake(FakeBinance):
    """On that clock, and never served."""

    clock: Clock

    def now_ms(self) -> int:
        return WALL_S * 1_000 + int(self.clock.at * 1_000) + self.skew_ms


class Machine:
    """One seed: a venue with something on it, a wire that fails, hands that meddle, and the promises that are held."""

    def __init__(self, seed: int, base: Path) -> None:
        self.random = random.Random(seed)
        self.clock = Loop.clock = Clock()
        self.venue = Fake()
        self.venue.clock = self.clock
        self.venue.port = 9
        self.venue.quote(BID)
        self.stage = Stage(self.venue, base)
        pick = self.random.choice
        self.fault_share = pick((0.0, 0.05, 0.2, 0.5, 0.8))
        self.focus = pick((("GET", "POST", "DELETE"), ("GET",), ("POST",), ("DELETE",), ("POST", "DELETE")))
        """Requests that faults strike."""
        self.hand_share = pick((0.0, 0.0, 0.02, 0.1))
        self.signal_share = pick((0.0, 0.0, 0.0, 0.02))
        self.choose(pick(("both", "both", "long", "short")))
        self.include_foreign = pick((False, False, True))
        self.choose_fault: Callable[[str, str], str] = self.random_fault
        """Takes method and path, and gives the fault; a test may set it, and what follows."""
        self.first_faults: list[str] = []
        """Of the first requests."""
        self.bodies: dict[str, bytes] = {}
        """What is answered instead, by path."""
        self.edits: dict[str, dict[str, str]] = {}
        """What the first row of an answer says instead, by path."""
        self.on_post: Callable[[], object] = lambda: None
        """Called when a close was taken."""
        self.signals_at: set[str] = set()
        """Paths at which it is told to stop."""
        self.latencies_s: tuple[float, ...] = (0.02, 0.05, 0.2)
        self.late_s: float | None = None
        self.ghost_s: float | None = None
        self.told: dict[Leg, Decimal] = {}
        """What the venue has said last that each leg holds, as far as the answer arrived."""
        self.truth: tuple[dict[Leg, Decimal], set[str]] = {}, set()
        """Held and open when the venue was asked for the legs last."""
        self.acted = False
        self.meddled_late = False
        """Whether a hand was at work since the venue was asked for the legs last."""
        self.posts: list[dict[str, Any]] = []
        self.flying: list[Callable[[], None]] = []
        """What has not arrived yet."""
        self.trace: list[str] = []
        self.broken: list[str] = []
        self.ghost: Request | None = None
        self.booked = False
        """Whether the books are being settled: what happens at the venue from now on is of no look."""

    def choose(self, legs: str) -> None:
        """What is to be flattened."""
        self.legs, self.wanted = legs, LEGS[legs]

    # -- the scene -----------------------------------------------------------------------------------------------------

    def set_out(self) -> None:
        """Legs, exits, entries, foreign orders; some unknown to the journal, some sent when the session died."""
        stage, rnd = self.stage, self.random
        stage.begin()
        bare = rnd.random() < 0.15
        for leg in () if bare else Leg:
            for _ in range(rnd.randint(0, 3)):
                stage.fill_entry(leg, told=rnd.random() < 0.8)
                if rnd.random() < 0.8:
                    stage.order(leg, Role.SL)
                if rnd.random() < 0.8:
                    stage.order(leg, Role.TP)
            for _ in range(rnd.choice((0, 1, 2, 12))):
                stage.order(leg, Role.ENTRY, told=rnd.random() < 0.8)
        if rnd.random() < 0.3:
            self.venue.by_hand("BUY", "LONG", "0.003")
        if rnd.random() < 0.3:
            self.venue.by_hand("SELL", "SHORT", "0.005", "65000")
        stage.cut()
        if rnd.random() < 0.3:
            stage.sets.append("instrument.max_qty=0.005")
        if rnd.random() < 0.2:
            self.venue.exchange.piece = lambda order: min(order.left, rnd.choice((ZERO, Decimal("0.001"), order.left)))
        if bare or rnd.random() < 0.3:
            self.ghost = self.stage_ghost(rnd.choice(self.wanted))
        self.venue.skew_ms = rnd.choice((0, 0, 0, 400, -400, 5_000, -5_000))

    def stage_ghost(self, leg: Leg) -> Request:
        """An entry that was on its way when its session died: told in the journal, and not yet at the venue."""
        self.stage.reopen()
        number = 900 + len(self.posts)
        name = format_id(OrderId(SESSION, OrderKey(leg, Role.ENTRY, 9), None, number))
        price = "60010.0" if leg is Leg.LONG else "59990.0"
        line = {"id": name, "leg": leg, "role": Role.ENTRY, "level": 9, "lot": number, "side": leg.entry_side,
                "price": price, "qty": "0.002", "reason": None}  # fmt: skip
        journal = self.stage.journal
        assert journal is not None
        journal.write("order", self.clock.time_ns(), event="submit", **line)
        self.stage.cut()
        return Request(name, leg.entry_side.upper(), leg.upper(), "LIMIT", Decimal("0.002"), Decimal(price))

    def arrive_ghost(self, request: Request) -> None:
        self.trace.append(f"{self.clock.at - START:8.3f} arrives: {request.client_id}, sent before the session died")
        with suppress(ApiError):
            self.venue.exchange.place(request, "GTC")

    # -- hands ---------------------------------------------------------------------------------------------------------

    def meddle(self) -> None:
        """The market moves, the owner trades, orders vanish."""
        rnd, venue = self.random, self.venue
        if self.booked or rnd.random() >= self.hand_share:
            return
        self.meddled_late = True
        act = rnd.choice(("move", "open", "close", "order", "cancel", "hedge", "clock", "skew"))
        self.trace.append(f"  hand: {act}")
        leg = rnd.choice(("LONG", "SHORT"))
        try:
            if act == "move":
                venue.quote(str(rnd.choice((57_900, 58_900, 60_000, 60_700, 61_100, 62_100))))
            elif act == "open":
                venue.by_hand("BUY" if leg == "LONG" else "SELL", leg, "0.003")
            elif act == "close":
                venue.by_hand("SELL" if leg == "LONG" else "BUY", leg, "0.003")
            elif act == "order":
                venue.by_hand("BUY", "LONG", "0.003", "55000")
            elif act == "cancel" and venue.open_ids():
                venue.cancel_by_hand(rnd.choice(sorted(venue.open_ids())))
            elif act == "hedge":
                venue.exchange.hedge_mode = not venue.exchange.hedge_mode
            elif act == "clock":
                self.clock.wall_shift_s += rnd.choice((-7_200.0, -3.0, 3.0, 7_200.0))
            elif act == "skew":
                venue.skew_ms += rnd.choice((-4_000, 4_000))
        except ApiError:
            """The venue refuses it."""

    # -- the wire ------------------------------------------------------------------------------------------------------

    async def send(self, client: rest.BinanceRest, method: str, path: str, url: URL, key: str | None) -> Answer:
        """What aiohttp would do, with a fault or without."""
        rnd, query = self.random, url.raw_query_string
        if self.ghost is not None:
            request, self.ghost = self.ghost, None
            self.fly(self.ghost_s or rnd.choice((0.3, 1.0, 1.4)), partial(self.arrive_ghost, request))
        await asyncio.sleep(rnd.choice(self.latencies_s))
        self.meddle()
        if rnd.random() < self.signal_share and self.acted:
            number = rnd.choice((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
            self.trace.append(f"  {number.name}")
            os.kill(os.getpid(), number)
        asked = Asked(method, path, query, key, self.venue.now_ms())
        self.check(asked)
        if self.acted and path in self.signals_at:
            self.signals_at.discard(path)
            os.kill(os.getpid(), signal.SIGTERM)
        fault = self.first_faults.pop(0) if self.first_faults else self.choose_fault(method, path)
        self.trace.append(f"{self.clock.at - START:8.3f} {method} {path} {fault} {_short(asked)}")
        return await self.struck(client, asked, fault)

    def random_fault(self, method: str, path: str) -> str:
        share = self.fault_share if method in self.focus else 0.0
        if self.random.random() >= share * (1.0 if self.acted else 0.3):
            return "none"
        if path == ORDER and self.random.random() < 0.2:
            return "late"
        return self.random.choice(FAULTS)

    async def struck(self, client: rest.BinanceRest, asked: Asked, fault: str) -> Answer:
        rnd, path, limit_s = self.random, asked.path, client._timeout_s
        post = {"leg": asked.get("positionSide"), "alive": False, "id": asked.get("newClientOrderId")}
        if (asked.method, path) == ("POST", ORDER):
            post["qty"] = asked.get("quantity")
            self.posts.append(post)
        if fault == "unreachable":
            raise UnreachableError(path, "no connection")
        if fault == "late":
            wait = self.late_s or rnd.choice(LATER_S)
            post["alive"] = not self.will_be_refused(asked, wait)
            self.fly(wait, partial(self.arrive, asked, post))
            await asyncio.sleep(0.0 if self.late_s else rnd.choice((0.0, limit_s)))
            raise UnclearError(path, "the connection broke before the whole answer came")
        if fault in ("drop", "hang"):
            await asyncio.sleep(limit_s if fault == "hang" else 0)
            raise UnclearError(path, "no answer")
        if fault in ("drop-done", "hang-done"):
            self.execute(asked)
            await asyncio.sleep(limit_s if fault == "hang-done" else 0)
            raise UnclearError(path, "no answer")
        if fault in ("none", "slow", "garble", "lie", "unknown-done"):
            status, body, headers = self.execute(asked)
            body = self.edited(path, body)
        elif fault == "nothing":
            status, body, headers = 200, b"[]", {}
        else:
            status, body, headers = self.told_wrong(fault)
        if fault == "slow":
            await asyncio.sleep(limit_s / 2)
        if fault == "unknown-done":
            status, body, headers = _refused(-1007, 503)
        elif fault == "garble":
            body = body[: len(body) // 2] if rnd.random() < 0.5 else _garbled(rnd, body)
        elif fault == "lie" and path not in (POSITIONS, *ORDERS):
            body = rnd.choice((b"[]", b"{}", b"null", b"7", b'"ok"', b'{"orderId": "NaN"}', b"[[]]"))
        return Answer(path, status, headers, body)

    def edited(self, path: str, body: bytes) -> bytes:
        if path == ORDER:
            self.on_post()
            self.on_post = lambda: None
        rows = json.loads(body)
        if path in self.edits and rows:
            rows[0] |= self.edits[path]
            body = json.dumps(rows).encode()
        return self.bodies.get(path, body)

    def told_wrong(self, fault: str) -> tuple[int, bytes, Mapping[str, str]]:
        rnd = self.random
        if fault == "limit":
            after = rnd.choice(("1", "2", "5", "-3", "soon", "", "Wed, 21 Oct 2015 07:28:00 GMT"))
            banned = rnd.random() < 0.1
            status, body, _ = _refused(-1003, 418 if banned else 429)
            return status, body, {"Retry-After": after} if after else {}
        if fault == "absent":
            return _refused(rnd.choice((-2013, -2011, -2022, -4061, -1121)), 400)
        if fault == "time":
            return _refused(-1021, 400)
        if fault == "503":
            return _refused(rnd.choice((-1008, -1016)), 503)
        if fault == "html":
            return rnd.choice((200, 400, 403, 404, 502, 503)), b"<html>gone</html>", {}
        if fault == "unknown":
            return _refused(rnd.choice((-1000, -1006, -1007)), rnd.choice((400, 408, 500, 503)))
        return _refused(rnd.choice((-1102, -2015, -2019, -4003, -1022)), 400)

    def execute(self, asked: Asked) -> tuple[int, bytes, Mapping[str, str]]:
        """What the venue does."""
        exchange = self.venue.exchange
        if asked.path == POSITIONS:
            self.meddled_late = False
            own = {name for name in exchange.book.open if parse_id(name)}
            self.truth = {leg: self.venue.held(leg.upper()) for leg in Leg}, own
        return self.venue.front._execute(asked)

    def arrive(self, asked: Asked, post: dict[str, Any]) -> None:
        post["alive"] = False
        status, _, _ = self.execute(asked)
        self.trace.append(f"{self.clock.at - START:8.3f} arrives: {asked.method} {asked.path} {status} {_short(asked)}")

    def fly(self, wait_s: float, arrive: Callable[[], None]) -> None:
        """Something arrives later, perhaps when the flatten has ended."""
        self.flying.append(arrive)

        def land() -> None:
            self.flying.remove(arrive)
            arrive()

        asyncio.get_running_loop().call_later(wait_s, land)

    def will_be_refused(self, asked: Asked, wait_s: float) -> bool:
        stamp, window = asked.integer("timestamp"), asked.integer("recvWindow")
        return stamp is not None and self.venue.now_ms() + wait_s * 1_000 - stamp > (window or 0)

    # -- promises ------------------------------------------------------------------------------------------------------

    def check(self, asked: Asked) -> None:
        """Held against each request as it leaves."""
        wanted = self.wanted
        if asked.method == "POST":
            leg = Leg(str(asked.get("positionSide")).lower())
            self.promise(leg in wanted, f"closes {leg}")
            self.promise(asked.get("side") == leg.exit_side.upper(), "a close of the wrong side")
            self.promise(asked.get("type") == "MARKET", "a close that is not at market")
            self.promise(asked.decimal("quantity") <= self.told[leg], f"closes more than the {self.told[leg]} held")
            alive = [post["id"] for post in self.posts if post["leg"] == leg.upper() and self.lives(post)]
            self.promise(not alive, f"a second close of {leg} while {alive} may live")
        if asked.method == "DELETE":
            name = asked.get("origClientOrderId") or asked.get("clientAlgoId") or ""
            told = parse_id(name)
            if told is None:
                self.promise(self.include_foreign, f"cancels {name}, which is not ours")
            else:
                self.promise(told.key.leg in wanted, f"cancels {name} of another leg")
                exits = told.key.role in (Role.TP, Role.SL)
                self.promise(not exits or not self.told[told.key.leg], f"cancels {name} while its leg is held")

    def lives(self, post: dict[str, Any]) -> bool:
        order = self.venue.exchange.book.orders.get(post["id"])
        return bool(post["alive"]) or (order is not None and order.is_open)

    def promise(self, kept: bool, words: str) -> None:
        if not kept:
            self.broken.append(words)
            self.trace.append(f"  BROKEN: {words}")

    def judge(self, ran: Ran) -> None:
        """Held against what came of it."""
        wanted = self.wanted
        held, own = self.truth
        promise = self.promise
        if ran.code == 3:
            promise(not self.posts, "could not start, but has closed something")
            return
        mine = {name for name in own if (told := parse_id(name)) and told.key.leg in wanted}
        flat = not any(held.get(leg) for leg in wanted) and not mine
        if ran.code == 0:
            promise(flat, f"says flat with {held} held and {mine} open")
            if not self.meddled_late:
                now = {leg: self.venue.held(leg.upper()) for leg in wanted}
                promise(not any(now.values()), f"says flat, and in the end {now} is held")
            promise("FLAT, verified" in ran.out, "says nothing of being flat")
        elif ran.code == 10:
            promise("NOT FLAT: " in ran.out, "does not say NOT FLAT")
            promise("NOT FLAT: \n" not in ran.out, "does not say why it is not flat")
            promise(not flat or self.include_foreign, "says not flat, and is")
        else:
            promise(ran.code == 11, f"ends with {ran.code}")
        promise("an error of its own" not in ran.out and "Error:" not in ran.out, "an error of its own")
        promise(self.clock.at - START < MOST_S, f"took {self.clock.at - START:.0f} s")
        promise(not self.leaks(ran), "a secret is told")
        self.judge_journal(ran, wanted, held)

    def judge_journal(self, ran: Ran, wanted: tuple[Leg, ...], held: Mapping[Leg, Decimal]) -> None:
        past = read_past(ran.journal)
        read_journal(ran.journal)
        stop = ran.of("session.stop")[-1]
        self.promise(stop["exit_code"] == ran.code, "the journal tells another exit status")
        told = {0: ("flat", "not_flat"), 10: ("not_flat", "flat"), 11: ("unknown",)}[ran.code]
        self.promise(stop["flat"] in told, f"the journal says {stop['flat']}")
        for leg in wanted if ran.code != 11 else ():
            if not held[leg]:
                self.promise(past.lots.held(leg) == ZERO, f"{leg}: the books hold {past.lots.held(leg)}, the venue 0")
        if ran.code == 0:
            left = {name for name in past.orders if (order := parse_id(name)) and order.key.leg in wanted}
            self.promise(not left, f"the books have {left} open")

    def leaks(self, ran: Ran) -> bool:
        keys, journal = self.venue.keys, ran.journal.read_text()
        return any(text in where for text in (keys.secret, keys.key) for where in (ran.out, ran.err, journal))


def _short(asked: Asked) -> str:
    names = ("positionSide", "quantity", "newClientOrderId", "origClientOrderId", "clientAlgoId", "orderId")
    return " ".join(asked.params[name] for name in names if name in asked.params)


def _refused(code: int, status: int) -> tuple[int, bytes, Mapping[str, str]]:
    return status, json.dumps({"code": code, "msg": "as the machine wants it"}).encode(), {}


def _garbled(rnd: random.Random, body: bytes) -> bytes:
    """One value of the answer is what no such value should be."""
    try:
        value = json.loads(body)
    except ValueError:
        return b""
    rows = value if isinstance(value, list) else [value]
    wrong: Any = rnd.choice((None, "NaN", "", [], {}, "1E+999999999", -1, "\x1b[2J", True, "x" * 5_000))
    row = rnd.choice(rows) if rows else None
    if not isinstance(row, dict) or not row:
        return b"nothing"
    name = rnd.choice(sorted(row))
    # These the client cannot see through, for they are what such a cell may hold.
    texts = ("clientOrderId", "clientAlgoId", "symbol", "status", "algoStatus", "origType", "orderType")
    if name in texts and isinstance(wrong, str):
        wrong = None
    return json.dumps({**row, name: wrong} if isinstance(value, dict) else [*rows[1:], {**row, name: wrong}]).encode()


@contextmanager
def _on(machine: Machine) -> Iterator[None]:
    """The product's modules on the machine's clock and wire."""
    clock = machine.clock

    class Client(rest.BinanceRest):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs, now_ns=clock.time_ns)

        async def _send(self, method: str, path: str, url: URL, headers: Mapping[str, str]) -> Answer:
            return await machine.send(self, method, path, url, headers.get("X-MBX-APIKEY"))

    run, settle = FlattenAtVenue.run, Books.settle

    async def running(self: Any) -> Any:
        machine.acted = True
        return await run(self)

    async def looking(*args: Any) -> Any:
        found = await look(*args)
        machine.told = {leg: found.qty(leg) for leg in Leg}
        return found

    async def settling(self: Any, *args: Any) -> Any:
        machine.booked = True
        return await settle(self, *args)

    shim = SimpleNamespace(monotonic=clock.monotonic, time_ns=clock.time_ns, perf_counter=clock.perf_counter)
    fake_asyncio = SimpleNamespace(**{name: getattr(asyncio, name) for name in asyncio.__all__})
    fake_asyncio.Runner = partial(asyncio.Runner, loop_factory=Loop)
    with (
        patch.object(rest, "time", shim),
        patch.object(flatten_record, "time", shim),
        patch.object(flatten_notebook, "time", shim),
        patch.object(flatten_command, "time", shim),
        patch.object(flatten_command, "asyncio", fake_asyncio),
        patch.object(flatten_command, "BinanceRest", Client),
        patch.object(flatten_at_venue, "look", looking),
        patch.object(FlattenAtVenue, "run", running),
        patch.object(Books, "settle", settling),
    ):
        yield


def finish(machine: Machine, *, yes: bool = True, judged: bool = True) -> Ran:
    """Flatten what was set out, and hold what came of it against the promises."""
    with _on(machine):
        ran = machine.stage.run(leg=machine.legs, include_foreign=machine.include_foreign, yes=yes)
    for arrive in machine.flying:
        arrive()
    if judged:
        machine.judge(ran)
    return ran


def run_seed(seed: int, base: Path) -> tuple[Machine, Ran]:
    """One run; what broke is in `machine.broken`."""
    machine = Machine(seed, base)
    machine.set_out()
    try:
        return machine, finish(machine)
    except Exception as error:  # noqa: BLE001 - the trader would see a traceback, or a journal that no reader takes
        machine.broken.append(f"{type(error).__name__}: {error}")
        told = "".join(traceback.format_exception(error))
        return machine, Ran(1, "", told, machine.stage.state.journal)


def main(first: int, last: int, echo: Callable[[str], object] = print) -> int:
    """Run many; the exit status is the number of seeds that broke."""
    bad, codes = 0, dict.fromkeys((0, 3, 10, 11), 0)
    for seed in range(first, last + 1):
        with tempfile.TemporaryDirectory() as base:
            machine, ran = run_seed(seed, Path(base))
        codes[ran.code] = codes.get(ran.code, 0) + 1
        if machine.broken:
            bad += 1
            echo(f"seed {seed}: exit {ran.code}: {'; '.join(machine.broken)}")
            if first == last:
                echo("\n".join(machine.trace) + f"\n{ran.out}{ran.err}")
    echo(f"{last - first + 1} seeds, {bad} broken, exit codes {codes}")
    return bad


if __name__ == "__main__":
    sys.exit(min(main(int(sys.argv[1]), int(sys.argv[-1])), 100))
