"""Runs in a child process beside the product: tells what the simulated venue has, and does there what a test asks.

Four times a second the exchange's own books go to `venue.json` in a folder, once more before the node stops; Python
text that appears there as `do.py` is run on the engine's loop with `strategy` at hand, and the file is removed.
"""

import json
from pathlib import Path
from typing import Any

from nautilus_trader.model.identifiers import ClientId

from hedgegrid_tui.engine.node import NodeRuntime
from hedgegrid_tui.engine.plan import VENUE
from strategy.hedge_grid import HedgeGridStrategy

BREAKER = """
for _ in range(5):
    strategy.grid.errors.record(strategy.now(), "venue", "on-purpose", "one of five", critical=False, counts=True)
strategy.grid.converge()
"""
HALTED = """
from strategy.latches import Halt
strategy.grid.door.set(halted="halted on purpose", halts=(Halt.CRITICAL,))
strategy.grid.converge()
"""
FLATTENING = """
from strategy.control import Command, CommandName
from strategy.domain import Leg
grid, since, free = strategy.grid, strategy.now(), strategy.grid.held_back_closes
grid.held_back_closes = lambda now: frozenset(Leg) if now < since + 4_000_000_000 else free(now)
strategy.desk.handle(Command(CommandName.FLATTEN), lambda receipt: None)
strategy.wake_at(since + 4_000_000_000)
"""
"""A flatten whose closes wait for four seconds."""


def install(folder: str) -> None:
    """Hook into the product; call it before the product runs."""
    path = Path(folder)
    tidy, stop = HedgeGridStrategy.tidy, NodeRuntime.stop
    state: dict[str, NodeRuntime] = {}
    start = NodeRuntime.start

    async def started(runtime: NodeRuntime) -> None:
        await start(runtime)
        state["runtime"] = runtime

    def looked_at(strategy: HedgeGridStrategy) -> None:
        tidy(strategy)
        if "runtime" in state:
            _dump(state["runtime"], path)
            _do(strategy, path / "do.py")

    async def stopped(runtime: NodeRuntime) -> None:
        _dump(runtime, path)
        await stop(runtime)

    replaced: Any = NodeRuntime
    replaced.start, replaced.stop = started, stopped
    HedgeGridStrategy.tidy = looked_at  # type: ignore[method-assign]


def _dump(runtime: NodeRuntime, path: Path) -> None:
    kernel = runtime.kernel
    exchange: Any = kernel.exec_engine._clients[ClientId(VENUE)].exchange
    orders = exchange.get_open_orders()
    held = {
        str(position.id).rsplit("-", 1)[1].lower(): str(position.quantity) for position in kernel.cache.positions_open()
    }
    told = {
        "long": held.get("long", "0"),
        "short": held.get("short", "0"),
        "entries": sum(not order.is_reduce_only for order in orders),
        "exits": sum(order.is_reduce_only for order in orders),
    }
    new = path / "venue.new"
    new.write_text(json.dumps(told), encoding="utf-8")
    new.replace(path / "venue.json")


def _do(strategy: HedgeGridStrategy, file: Path) -> None:
    if file.exists():
        text = file.read_text(encoding="utf-8")
        file.unlink()
        exec(text, {"strategy": strategy})
