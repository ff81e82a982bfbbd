"""A whole testnet session in this process at a fake that fails by rule: what its trader reads, and what is true."""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from nautilus_trader.model.identifiers import ClientId

from hedgegrid_tui.engine.binance.execution import user_stream
from hedgegrid_tui.engine.binance.guards import filters as filters_watch
from hedgegrid_tui.engine.binance.rest import answers as rest_answers
from hedgegrid_tui.engine.host import EngineHost
from hedgegrid_tui.engine.plan import Mode, SessionPlan
from hedgegrid_tui.render import errors, ladder, notice, risk, strip, vitals
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.rows import Rows
from strategy.config import load_config
from strategy.control import Command, CommandName, Ending, Receipt
from strategy.domain import NS_PER_S, Leg
from strategy.journal import Journal
from strategy.order_ids import parse_id
from strategy.snapshot import EnginePhase, Snapshot
from tests.hedgegrid_tui.binance.product import addresses, set_keys
from tests.hedgegrid_tui.binance.truth_watch import TruthWatch, own_open, stops
from tests.journal_reader import Books
from tests.venue.binance.server import FakeBinance

CALM = "60000.00"
"""Nothing is reached there: the rungs are 60 apart."""
FIRST_LONG = "59939.90"
"""Ask at the first long entry."""
FIRST_SHORT = "60060.00"
"""Bid at the first short entry."""
SETS = (
    "grid.step_bps=10", "grid.levels=2", "grid.base_qty=0.004", "grid.sl_steps=5", "account.leverage=10",
    "execution.ask_after_ms=400", "execution.retry_last_ms=1000",
    "execution.attach_bound_ms=2000",
    "breaker.errors=1000", "limits.max_fills_per_level=1000", "binance.truth_poll_s=1", "binance.http_timeout_ms=700",
)  # fmt: skip
GRACE_NS = 500_000_000
"""An order of which the venue knows nothing may be on its way for so long; five seconds outside of tests."""
PULSE_S = 0.2
WIDTH = 220
SECONDS = 8.0
ENTRIES = 4
"""Two rungs on either side."""


class Faulted:
    """One session; whatever it shows is the latest publication, as a trader has it on the screen."""

    settings: tuple[str, ...] = SETS
    """What the configuration is beside the venue's addresses."""

    def __init__(self, venue: FakeBinance, folder: Path, *sets: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.venue = venue
        self.path = folder / "journal.jsonl"
        config = load_config(None, (*self.settings, *addresses(venue), *sets))
        plan = SessionPlan(mode=Mode.TESTNET, config=config, state_dir=folder, version="test")
        self._journal = Journal(self.path)
        self.host = EngineHost(plan, self._journal)
        self.watch = TruthWatch(venue)
        self._price = CALM
        self._marked = 0
        self._over = False
        self._pulse = venue.start(self._beat())

    async def _beat(self) -> None:
        """A market that stands still, and is alive."""
        while not self._over:
            self.venue.quote(self._price)
            await asyncio.sleep(PULSE_S)

    def quote(self, bid: str) -> None:
        """The market is there from now on."""
        self._price = bid
        self.venue.quote(bid)

    # -- what the trader has ---------------------------------------------------------------------------------------

    @property
    def snapshot(self) -> Snapshot:
        return self.host.snapshot

    @property
    def screen(self) -> str:
        """Every panel that tells of faults, as text."""
        snapshot = self.snapshot
        pinned = tuple(error for error in snapshot.errors if error.critical)
        frame = Frame(snapshot=snapshot, status=self.host.status, pinned=pinned)
        panels: tuple[Rows, ...] = (
            strip.rows(frame, WIDTH, 7),
            notice.rows(frame, WIDTH),
            vitals.rows(frame, 90, 40),
            risk.brief(frame, WIDTH, 20),
            ladder.rows(frame, WIDTH, 30),
            errors.rows(frame, WIDTH, 400),
        )
        return "\n".join("".join(part.text for part in row).rstrip() for panel in panels for row in panel)

    @property
    def alarms(self) -> set[str]:
        return {str(alarm.name) for alarm in self.snapshot.risk.alarms}

    def lines(self, kind: str = "", **fields: Any) -> list[dict[str, Any]]:
        """What the journal has since `mark`."""
        return [
            line
            for line in self._all_lines()
            if line["seq"] > self._marked
            and kind in ("", line["kind"])
            and all(line.get(name) == value for name, value in fields.items())
        ]

    def errors(self, *words: str) -> list[dict[str, Any]]:
        """The journal's errors since `mark` with all of these words in them."""
        found = self.lines("error")
        return [line for line in found if all(word in f"{line['type']} {line['message']}" for word in words)]

    def mark(self) -> None:
        """What the journal tells from here on counts; so does cover."""
        self._marked = max((line["seq"] for line in self._all_lines()), default=0)
        self.watch.forget()

    def give(self, name: CommandName, leg: Leg | None = None, seconds: float = SECONDS) -> Receipt:
        return self.host.send(Command(name, leg)).result(seconds)

    def until(self, holds: Callable[[], Any], what: str, seconds: float = SECONDS) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"no {what}\n{self.describe()}"
            time.sleep(0.02)

    def until_shown(self, *words: str, seconds: float = SECONDS) -> None:
        """Until all of it stands on the screen at once."""
        self.until(lambda: all(word in self.screen for word in words), f"screen with {words}", seconds)

    def until_written(self, kind: str, seconds: float = SECONDS, **fields: Any) -> dict[str, Any]:
        """Until the journal has such a line since `mark`; gives the first."""
        self.until(lambda: self.lines(kind, **fields), f"line {kind} {fields}", seconds)
        return self.lines(kind, **fields)[0]

    @property
    def client(self) -> Any:
        """The execution client."""
        runtime: Any = self.host._runtime
        return runtime.kernel.exec_engine._clients[ClientId("BINANCE")]

    # -- what is true ----------------------------------------------------------------------------------------------

    def open(self, role: str = "", leg: Leg | None = None) -> set[str]:
        """The session's own open orders at the venue."""
        orders = self.venue.call(lambda: own_open(self.venue))
        return {o.client_id for told, o in orders if role in ("", told.key.role) and leg in (None, told.key.leg)}

    def asked(self, method: str, path: str) -> int:
        return len(self.venue.requests(method, path))

    @property
    def books(self) -> Books:
        return Books().read(json.dumps(line) for line in self._all_lines())

    def _all_lines(self) -> list[dict[str, Any]]:
        whole, _, _ = self.path.read_text(encoding="utf-8").rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def differences(self) -> list[str]:
        """Where venue, strategy and journal are not the same; empty where all is as it should be."""
        snapshot, books, venue = self.snapshot, self.books, self.venue
        found = [f"{words} (seen as it happened)" for words in self.watch.broken]
        for leg in Leg:
            true, own, written = venue.held(leg.name), snapshot.leg(leg).qty, books.held(leg)
            covered = venue.call(partial(stops, venue, leg))
            if not true == own == written:
                found.append(f"{leg}: venue {true}, strategy {own}, journal {written}")
            if covered != true:
                found.append(f"{leg}: {true} held at the venue, {covered} covered by its stops")
        true_ids, own_ids = self.open(), {order.id for order in snapshot.orders}
        if not true_ids == own_ids == set(books.orders):
            found.append(f"orders: venue {true_ids}, strategy {own_ids}, journal {set(books.orders)}")
        trades = venue.call(lambda: {(trade.client_id, str(trade.id)) for trade in venue.exchange.book.trades})
        if ours(trades) != ours(books.trades):
            found.append(f"trades: venue {trades}, journal {books.trades}")
        found += [f"sent twice: {name}" for name in self.watch.sent_twice()]
        return found

    def agree(self, seconds: float = SECONDS) -> None:
        """Until venue, strategy and journal say the same, each held quantity covered by stops, nothing doubled."""
        end = time.monotonic() + seconds
        while self.differences():
            assert not self.watch.broken, self.watch.broken
            assert time.monotonic() < end, f"{self.differences()}\n{self.describe()}"
            time.sleep(0.05)

    def at_rest(self, seconds: float = SECONDS) -> None:
        """Until every rung has its entry or its lot, nothing is in the way, and all of it agrees."""

        def whole() -> bool:
            rungs = (*self.snapshot.ladders.long, *self.snapshot.ladders.short)
            return len(rungs) == ENTRIES and all(rung.state in ("live", "held") for rung in rungs)

        end = time.monotonic() + seconds
        while not whole() or self.differences() or not whole():
            assert not self.watch.broken, self.watch.broken
            assert time.monotonic() < end, f"no whole ladder, or {self.differences()}\n{self.describe()}"
            time.sleep(0.05)

    def describe(self) -> str:
        tail = "\n".join(json.dumps(line) for line in self._all_lines()[-25:] if line["kind"] != "equity")
        return f"{self.host.status}\n{self.screen}\nvenue {self.venue.open_ids()}\n{tail}"

    # -- what is done again and again ------------------------------------------------------------------------------

    def withdraw(self) -> None:
        """The trader takes the entries back."""
        assert self.give(CommandName.CANCEL_ENTRIES).result == "done"
        self.until(lambda: not self.open("entry"), "empty ladder")

    def enter_anew(self) -> None:
        """The trader lets entries leave again."""
        assert self.give(CommandName.RESUME).result == "done"

    def calm(self) -> None:
        """Before a fault: no rule, flat, the whole ladder."""
        self.venue.rules.clear()
        if any(self.venue.held(leg.name) for leg in Leg):
            self.quote(CALM)
            self.give(CommandName.FLATTEN)
        if self.snapshot.state != "running":
            self.give(CommandName.RESUME)
        self.quote(CALM)
        self.at_rest(12.0)
        self.mark()

    def start(self) -> None:
        self.host.start()
        self.until(lambda: self.host.status.phase in (EnginePhase.RUNNING, EnginePhase.FAILED), "session", 20.0)
        assert self.host.status.phase is EnginePhase.RUNNING, self.host.status
        self.client._intake._grace_ns = GRACE_NS
        self.at_rest(12.0)

    def end(self) -> None:
        """Flatten, and hold the whole session's journal against the venue for the last time."""
        self.venue.rules.clear()
        flat = self.host.stop(Ending.FLATTEN)
        self._close()
        books = self.books
        assert (flat, self.host.exit_code, books.flat) == ("flat", 0, "flat"), self.describe()
        assert not self.open(), self.describe()
        assert {leg: self.venue.held(leg.name) for leg in Leg} == dict.fromkeys(Leg, Decimal(0))
        assert not self.watch.broken
        assert not self.watch.sent_twice()

    def _close(self) -> None:
        self._over = True
        self._pulse.result(2)
        self._journal.close()


def ours(trades: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    return {trade for trade in trades if parse_id(trade[0])}


@contextmanager
def faulted(folder: Path, *sets: str) -> Iterator[Faulted]:
    """A running session at a fake of its own; what it waits for is short."""
    with pytest.MonkeyPatch.context() as patch, FakeBinance().threaded() as venue:
        venue.quote(CALM)
        venue.guard.weight_limit = 100_000  # it looks at the venue far more often than a session outside of tests
        set_keys(patch, venue)
        patch.setattr(user_stream, "CHECK_S", 0.5)
        patch.setattr(user_stream, "FIRST_WAIT_S", 0.2)
        patch.setattr(rest_answers, "ORDER_WINDOW_S", 2.0)
        patch.setattr(filters_watch, "AT_LEAST_NS", NS_PER_S)
        session = Faulted(venue, folder, *sets)
        try:
            session.start()
            yield session
        except BaseException:
            session.host.stop(Ending.LEAVE)
            session._close()
            raise
        session.end()
