"""The strategy in a live node against the fake venue: real loop, real queues, Nautilus's own reconciliation."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from hedgegrid_tui.engine.instruments import perpetual
from strategy.config import load_config
from strategy.hedge_grid import HedgeGridConfig, HedgeGridStrategy
from strategy.journal import Journal
from strategy.past import read_past
from tests.journal_reader import read_journal
from tests.venue.core import LEGS, Venue
from tests.venue.core import Filters as VenueFilters
from tests.venue.faults import Chance, Faults, S
from tests.venue.link import Link
from tests.venue.live import LiveDesk, build_node

START = Decimal(60_000)


class Session:
    """A venue that outlives its nodes, and the node that runs now."""

    def __init__(self, folder: Path, faults: Faults | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.config = load_config(None, ("grid.levels=2", "grid.base_qty=0.004"))
        instrument = perpetual(self.config.instrument, self.config.account.leverage)
        self.venue = Venue(VenueFilters(), Decimal(10_000), lambda _notice: None)
        self.link = Link(self.venue, Chance(random.Random(1), faults or Faults()), self._later, time.time_ns)
        self.desk = LiveDesk(self.link, instrument)
        self.path = folder / "journal.jsonl"
        self.mid = START
        self.node: Any = None
        self.strategy: Any = None
        self._journal: Journal | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def _later(self, wait: int, act: Callable[[], None]) -> None:
        self.loop.call_later(wait / S, act)

    def _hop(self, callback: Callable[[], None]) -> None:
        self.loop.call_soon_threadsafe(callback)

    async def start(self) -> None:
        journal = self._journal = Journal(self.path)
        journal.write(
            "session.start", time.time_ns(), mode="testnet", instrument="BTCUSDT", version="0", config="", pid=0,
            restored=[], fresh_venue=False,
        )  # fmt: skip
        config = HedgeGridConfig(
            strategy_id="GRID-001",
            order_id_tag="001",
            oms_type="HEDGING",
            external_order_claims=[self.desk.instrument.id],
            instrument_id=self.desk.instrument.id,
            mode="testnet",
            linked_exits=False,
            resizes_stops=False,
        )
        self.strategy = HedgeGridStrategy(config, self.config, journal, self._hop, read_past(self.path))
        self.node = build_node(self.desk, self.strategy, self.loop)
        self._tasks = [asyncio.create_task(self.node.run_async()), asyncio.create_task(self._host())]
        await self.until(lambda: self.strategy.is_running and self.strategy.grid is not None, "the start", 10)

    async def _host(self) -> None:
        """Quotes each 50 ms, and what the host does now and then."""
        while True:
            self.move(self.mid)
            if self.strategy.is_running:
                self.strategy.tidy()
                self.strategy.publish()
            await asyncio.sleep(0.05)

    def move(self, mid: Decimal) -> None:
        self.mid = mid
        self.venue.now = time.time_ns()
        self.venue.move(mid, mid + Decimal("0.1"))
        if self.desk.feed is not None:
            self.desk.feed.quote(self.desk.instrument, mid, mid + Decimal("0.1"))

    async def stop(self) -> None:
        await asyncio.wait_for(self.node.stop_async(), 10)
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks, timeout=1)
        if self._journal is not None:
            self._journal.close()

    async def until(self, holds: Callable[[], bool], what: str, seconds: float = 6) -> None:
        deadline = self.loop.time() + seconds
        while not holds():
            assert self.loop.time() < deadline, f"{what}: not within {seconds} s; {self.describe()}"
            await asyncio.sleep(0.02)

    def total(self, leg: str, kind: str) -> Decimal:
        orders = self.venue.open.values()
        return sum((o.left for o in orders if o.leg == leg and not o.opens and o.type == kind), Decimal(0))

    def entries(self, leg: str) -> int:
        return sum(order.opens and order.leg == leg for order in self.venue.open.values())

    def is_covered(self) -> bool:
        """Stops and take-profits at the venue are exactly what it holds; own books and index say the same."""
        if {order.id for order in self.strategy.grid.index} != set(self.venue.open):
            return False
        own = {leg.name: self.strategy.grid.lots.held(leg) for leg in self.strategy._positions}
        return all(
            self.total(leg, "STOP_MARKET") == self.total(leg, "LIMIT") == self.venue.held(leg) == own[leg]
            for leg in LEGS
        )

    def describe(self) -> str:
        held = {leg: str(self.venue.held(leg)) for leg in LEGS}
        errors = [line for line in self.path.read_text().splitlines() if '"kind":"error"' in line]
        return f"held {held}, open {[str(o) for o in self.venue.open.values()]}, {self.strategy.failure} {errors[-3:]}"

    def check_journal(self) -> None:
        books = read_journal(self.path)
        for leg in LEGS:
            assert books.held(leg.lower()) == self.venue.held(leg)
        assert set(books.orders) == set(self.venue.open)


def live(scenario: Callable[[Session], Any], folder: Path, faults: Faults | None = None) -> Session:
    """Play a scenario on a loop of its own."""

    async def run() -> Session:
        session = Session(folder, faults)
        await session.start()
        try:
            await scenario(session)
        finally:
            with contextlib.suppress(TimeoutError):
                await session.stop()
        return session

    return asyncio.run(run())


async def _first_lot(session: Session) -> None:
    await session.until(lambda: session.entries("LONG") == session.entries("SHORT") == 2, "the ladder")
    session.move(START - 65)
    await session.until(lambda: session.venue.held("LONG") > 0 and session.is_covered(), "a covered lot")


def test_a_live_node_places_its_ladder_and_covers_what_fills(tmp_path: Path) -> None:
    session = live(_first_lot, tmp_path)
    assert session.venue.held("LONG") == Decimal("0.004")
    session.check_journal()


def test_a_take_profit_in_a_live_node_takes_its_stop_with_it(tmp_path: Path) -> None:
    async def scenario(session: Session) -> None:
        await _first_lot(session)
        session.move(START + 5)
        await session.until(lambda: not session.venue.held("LONG") and session.is_covered(), "a flat leg")

    live(scenario, tmp_path).check_journal()


def test_s27_a_live_node_that_starts_again_takes_over_orders_and_lots_and_doubles_nothing(tmp_path: Path) -> None:
    async def scenario(session: Session) -> None:
        await _first_lot(session)
        before = set(session.venue.orders)
        await session.stop()
        await session.start()
        await asyncio.sleep(1)
        assert set(session.venue.orders) == before, session.describe()
        assert session.is_covered(), session.describe()

    live(scenario, tmp_path).check_journal()


def test_s27_what_fills_while_no_node_runs_is_booked_at_the_next_start(tmp_path: Path) -> None:
    async def scenario(session: Session) -> None:
        await _first_lot(session)
        await session.stop()
        session.move(START + 5)
        assert session.venue.held("LONG") == 0
        await session.start()
        await session.until(session.is_covered, "books and exits as the venue has them")

    live(scenario, tmp_path).check_journal()


def test_s18_orders_whose_acceptance_was_never_told_are_asked_about(tmp_path: Path) -> None:
    async def scenario(session: Session) -> None:
        await asyncio.sleep(0.4)
        await session.until(lambda: all(order.acknowledged for order in session.strategy.grid.index), "answers", 8)
        assert session.entries("LONG") == session.entries("SHORT") == 2, session.describe()

    session = live(scenario, tmp_path, Faults(lost_ack=1.0))
    assert session.link.chance.injected["lost_ack"] >= 4
    assert len(session.venue.orders) == 4
