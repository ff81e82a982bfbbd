"""Runs in a child process beside the product: a thousand quotes a second, and the moment a command reaches the engine.

Each `pause` that arrives on the engine's loop is told to a FIFO as `monotonic_ns quotes`, and resumed at once, so that
the next one finds a running session.
"""

import asyncio
import os
import time
from concurrent.futures import Future
from typing import Any, Final

from nautilus_trader.model.data import QuoteTick

from hedgegrid_tui.engine.host import EngineHost
from hedgegrid_tui.engine.markets.simulated import SimulatedMarket
from strategy.control import Command, CommandName, Origin, Receipt

BURST: Final = 10
"""Quotes each 10 ms."""


def install(fifo: str) -> None:
    """Hook into the product; call it before the product runs."""
    teller = os.open(fifo, os.O_WRONLY)
    carry_out = EngineHost._carry_out

    def timed(host: EngineHost, command: Command, answer: "Future[Receipt]") -> None:
        arrived = time.monotonic_ns()
        carry_out(host, command, answer)
        if command.name is CommandName.PAUSE:
            os.write(teller, f"{arrived} {host.snapshot.market.quotes}\n".encode())
            carry_out(host, Command(CommandName.RESUME, origin=Origin.OPERATOR), Future())
            if host._runtime is not None:
                host._runtime.strategy.publish()  # the next frame finds the session running

    replaced: Any = EngineHost
    replaced._carry_out = timed
    market: Any = SimulatedMarket
    market._emit = _emit


async def _emit(market: Any) -> None:
    """The path's steps as they are, and between them quotes that wobble around the last."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    for step in market._path.steps():
        market._send(step)
        for _ in range(10):
            for place in range(BURST):
                market._handle_data(_quote(market, step, place % 2))
            due += 0.01
            await asyncio.sleep(max(0.0, due - loop.time()))


def _quote(market: Any, step: Any, wobble: int) -> QuoteTick:
    now = market._clock.timestamp_ns()
    sizes = market._size(step.bid_size + wobble), market._size(step.ask_size)
    return QuoteTick(market._instrument_id, market._price(step.bid), market._price(step.ask), *sizes, now, now)
