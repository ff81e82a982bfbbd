"""The life of a Nautilus node on a loop that is not its own: signals left alone, a start that fails loudly."""

import asyncio
import contextlib
import functools
from collections.abc import Callable
from typing import Any, Final

from nautilus_trader.config import (
    LiveDataEngineConfig,
    LiveRiskEngineConfig,
    LoggingConfig,
    TradingNodeConfig,
)
from nautilus_trader.execution.engine import ExecutionEngine
from nautilus_trader.live.node import TradingNode
from nautilus_trader.system.kernel import NautilusKernel

from hedgegrid_tui.engine.runtime import StartError
from strategy.hedge_grid import HedgeGridStrategy

STOP_TIMEOUT_S: Final = 10.0
ORDER_RATE: Final = "10000/00:00:01"
"""Nautilus denies what exceeds its own throttle, exits too; the strategy keeps a budget of its own."""
ENGINES: Final[dict[str, Any]] = {
    "trader_id": "HEDGEGRID-001",
    "logging": LoggingConfig(log_level="OFF"),
    "data_engine": LiveDataEngineConfig(graceful_shutdown_on_exception=True),
    "risk_engine": LiveRiskEngineConfig(
        graceful_shutdown_on_exception=True, max_order_submit_rate=ORDER_RATE, max_order_modify_rate=ORDER_RATE
    ),
}
"""What every node's configuration has, whatever executes its orders."""


def _leave_signals_alone(_kernel: NautilusKernel) -> None:
    """Signals belong to the process that hosts the node, and cannot be taken from a thread."""


def hosted_node(config: TradingNodeConfig, loop: asyncio.AbstractEventLoop) -> TradingNode:
    """A node that leaves the signals of the process alone."""
    NautilusKernel._setup_loop = _leave_signals_alone  # noqa: SLF001 - it has no option for this
    return TradingNode(config, loop=loop)


def settle_events_at_once(node: TradingNode) -> None:
    """Let a simulated venue's events reach the orders while it matches, as they do in a replay.

    It reads from the orders themselves what is left of them. Through the live engine's queue they are a turn behind:
    the rest of a market order is forgotten, and both exits of a lot fill.
    """
    engine, bus = node.kernel.exec_engine, node.kernel.msgbus
    bus.deregister("ExecEngine.process", engine.process)
    bus.register("ExecEngine.process", functools.partial(ExecutionEngine.process, engine))


def hop(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    """A live timer fires on a thread of Nautilus's own: its callback goes to the loop, unless that has ended."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(callback)


class HostedNode:
    """Starts, serves and stops one built node with one strategy; used on the engine's loop only."""

    def __init__(self, node: TradingNode, strategy: HedgeGridStrategy, last_errors: Callable[[], str]) -> None:
        self.node = node
        self._strategy = strategy
        self._last_errors = last_errors
        self._running: asyncio.Task[None] | None = None

    async def start(self, patience_s: float) -> None:
        """Run the node and wait until the strategy has started.

        Raises:
            StartError: A client, the engines or the strategy did not come up.
        """
        self._running = asyncio.create_task(self.node.run_async(), name="node")
        deadline = asyncio.get_running_loop().time() + patience_s
        while not (self._strategy.is_running and self._strategy.grid is not None):
            if self._strategy.failure:
                raise StartError(f"the strategy did not start: {self._strategy.failure}")
            if self._running.done():
                raise StartError(f"the node ended while starting: {self._cause(self._running)}")
            if asyncio.get_running_loop().time() > deadline:
                raise StartError(f"the node did not start within {patience_s:.0f} s: {self._last_errors()}")
            await asyncio.sleep(0.02)

    async def run(self) -> str:
        """Serve until the node ends, which it should not do by itself."""
        if self._running is None:
            raise StartError("the node was not started")
        await asyncio.wait([self._running])
        return f"the node ended by itself: {self._cause(self._running)}"

    async def stop(self) -> None:
        """Stop the node; positions and orders stay as they are."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.node.stop_async(), STOP_TIMEOUT_S)
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running], timeout=1.0)
        self.node.kernel.dispose()

    def _cause(self, task: asyncio.Task[None]) -> str:
        error = None if task.cancelled() else task.exception()
        return f"{type(error).__name__}: {error}" if error is not None else self._last_errors()
