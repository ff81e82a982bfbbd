"""The real strategy through the real client: unclear outcomes and a dying user stream leave books that agree."""

import asyncio
import functools
import json
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hedgegrid_tui.engine.binance.execution import user_stream
from hedgegrid_tui.engine.binance.execution.client import HedgeGridBinanceExecClientConfig
from hedgegrid_tui.engine.binance.execution.factory import HedgeGridBinanceExecFactory
from strategy.config import load_config
from strategy.domain import Leg
from strategy.hedge_grid import HedgeGridConfig, HedgeGridStrategy
from strategy.journal import Journal
from strategy.past import read_past
from tests.journal_reader import read_journal
from tests.venue.binance import adapter_node
from tests.venue.binance.adapter_node import INSTRUMENT
from tests.venue.binance.server import FakeBinance
from tests.venue.binance.streams import Side

pytestmark = pytest.mark.timeout(90)

SETTINGS = ("grid.levels=2", "grid.base_qty=0.004", "execution.ask_after_ms=500")


def hop(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    """A timer's thread gives its callback to the loop."""
    loop.call_soon_threadsafe(callback)


class Grid:
    """The strategy in a node on the fake."""

    def __init__(self, venue: FakeBinance, folder: Path, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(adapter_node, "BinanceLiveExecClientFactory", HedgeGridBinanceExecFactory)
        config = functools.partial(HedgeGridBinanceExecClientConfig, http_timeout_ms=800)
        patch.setattr(adapter_node, "BinanceExecClientConfig", config)
        patch.setattr(user_stream, "CHECK_S", 0.5)
        # Funding comes by another way at Binance, which the node's own tests cover.
        patch.setattr(HedgeGridStrategy, "subscribe_funding_rates", lambda *_: None)
        self.venue = venue
        self.path = folder / "journal.jsonl"
        self.journal = Journal(self.path)
        self.journal.write(
            "session.start", time.time_ns(), mode="testnet", instrument="BTCUSDT", version="0", config="", pid=0,
            restored=[], fresh_venue=False,
        )  # fmt: skip
        loop = asyncio.get_running_loop()
        self.strategy: Any = HedgeGridStrategy(
            HedgeGridConfig(
                strategy_id="GRID", order_id_tag="001", oms_type="HEDGING", external_order_claims=[INSTRUMENT],
                instrument_id=INSTRUMENT, mode="testnet", linked_exits=False, resizes_stops=False,
            ),
            load_config(None, SETTINGS),
            self.journal,
            lambda callback: hop(loop, callback),
            read_past(self.path),
        )  # fmt: skip
        self.node = adapter_node.build_node(venue, self.strategy, loop, patch, allow_overfills=True)
        self.tasks = [asyncio.create_task(self.node.run_async()), asyncio.create_task(self._host())]

    async def _host(self) -> None:
        while True:
            if self.strategy.is_running:
                self.strategy.tidy()
                self.strategy.publish()
            await asyncio.sleep(0.05)

    async def until(self, holds: Any, what: str, seconds: float = 15.0) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"no {what}: {self.describe()}"
            await asyncio.sleep(0.05)

    async def enter(self) -> None:
        """Open the market, and wait for entries; the venue tells a price only to those who listen by then."""

        def has_entries() -> bool:
            if self.strategy.grid.market is None:
                self.venue.quote("60000.10")
            return bool(self.entries(Leg.LONG) and self.entries(Leg.SHORT))

        await self.until(has_entries, "entries on both legs")

    def agrees(self) -> bool:
        """The venue's open orders are the index's, its legs the lots', and each is covered by stop and take-profit."""
        grid, venue = self.strategy.grid, self.venue
        if {order.id for order in grid.index} != venue.open_ids():
            return False
        return all(
            venue.held(leg.name) == grid.lots.held(leg) == self.strategy.position(leg)
            and self.exits(leg, "STOP_MARKET") == self.exits(leg, "LIMIT") == venue.held(leg.name)
            for leg in Leg
        )

    def exits(self, leg: Leg, kind: str) -> Decimal:
        orders = self.venue.call(lambda: list(self.venue.exchange.book.open.values()))
        return sum((o.left for o in orders if o.leg == leg.name and not o.opens and o.type == kind), Decimal(0))

    def entries(self, leg: Leg) -> int:
        orders = self.venue.call(lambda: list(self.venue.exchange.book.open.values()))
        return sum(o.opens and o.leg == leg.name for o in orders)

    def describe(self) -> str:
        grid = self.strategy.grid
        if grid is None:
            return self.strategy.failure or "no grid yet"
        held = {leg.name: (str(self.venue.held(leg.name)), str(grid.lots.held(leg))) for leg in Leg}
        own = {order.id: order.status for order in grid.index}
        return f"held {held}; venue {self.venue.open_ids()}; own {own}; gaps {grid.gaps}"

    async def stop(self) -> None:
        await asyncio.wait_for(self.node.stop_async(), 10)
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks, timeout=1)
        self.node.kernel.dispose()
        self.journal.close()


@pytest.fixture
async def grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Grid]:
    with FakeBinance().threaded() as venue:
        venue.quote("60000.00")
        running = Grid(venue, tmp_path, monkeypatch)
        await running.until(lambda: running.strategy.is_running and running.strategy.grid is not None, "start")

        yield running
        await running.stop()


async def test_unclear_outcomes_never_double_an_order_and_everything_held_is_covered(grid: Grid) -> None:
    venue = grid.venue
    faults = [
        venue.when("POST", "/fapi/v1/order", range(1, 100, 4)).unknown(live=True),
        venue.when("POST", "/fapi/v1/order", range(2, 100, 4)).unknown(live=False),
        venue.when("POST", "/fapi/v1/order", range(3, 100, 8)).drop(executed=True),
        venue.when("POST", "/fapi/v1/algoOrder", range(1, 100, 3)).unknown(live=True),
        venue.when("POST", "/fapi/v1/algoOrder", range(2, 100, 3)).unknown(live=False),
        venue.when("DELETE", "/fapi/v1/order", range(1, 100, 3)).unknown(live=True),
        venue.when("DELETE", "/fapi/v1/order", range(2, 100, 3)).unknown(live=False),
    ]
    await grid.enter()
    for number, bid in enumerate(("59939.00", "59990.00", "60062.00", "60010.00", "59930.00", "60000.00")):
        if number in (1, 4):
            venue.drop(Side.USER)
        venue.quote(bid)
        await asyncio.sleep(1.0)
        assert all(grid.entries(leg) <= 2 for leg in Leg), "never more entries than rungs"
    for rule in faults:
        rule.remove()
    await grid.until(grid.agrees, "agreement of venue, index and lots", 25.0)
    assert sum(rule.hits for rule in faults) > 4
    assert len(venue.call(lambda: list(venue.exchange.archive.deals))) > 1
    told = [d.trade.id for d in venue.call(lambda: list(venue.exchange.archive.deals))]
    written = [
        line["trade_id"] for line in map(json.loads, grid.path.read_text().splitlines()) if line["kind"] == "fill"
    ]
    assert sorted(written) == sorted(told), "each trade at the venue stands in the journal once"
    books = read_journal(grid.path)
    assert {leg: books.held(leg.lower()) for leg in ("LONG", "SHORT")} == {
        leg: venue.held(leg) for leg in ("LONG", "SHORT")
    }


async def test_a_manual_trade_and_a_liquidation_are_seen_as_a_difference_and_booked_by_nobody(grid: Grid) -> None:
    venue, strategy = grid.venue, grid.strategy
    await grid.enter()
    venue.by_hand("SELL", "LONG", "0.010", "70000.00")
    venue.by_hand("BUY", "LONG", "0.003")
    await grid.until(lambda: strategy.position(Leg.LONG) == Decimal("0.003"), "the leg as the venue has it")
    assert strategy.grid.lots.held(Leg.LONG) == 0
    venue.liquidate("LONG")
    await grid.until(lambda: strategy.position(Leg.LONG) == 0, "the leg as the venue has it")
    await grid.until(lambda: venue.held("LONG") == strategy.grid.lots.held(Leg.LONG) == 0, "books that agree")

    lines = [json.loads(line) for line in grid.path.read_text().splitlines()]
    errors = [line for line in lines if line["kind"] == "error"]
    assert {line["type"] for line in errors if line["where"] == "fill"} == {"foreign-order"}
    assert not [line for line in errors if line["where"].startswith("on_")], "no handler failed"
    assert not [line for line in lines if line["kind"] == "fill"]
