"""A recorded stream capture played through the fake: to the streams, and to the matching core."""

import asyncio
import gzip
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.venue.binance.market import Market

NS = 1_000_000_000
BREATH = 200
"""Messages between two turns of the loop when playing as fast as the sockets take them."""


def recorded(path: Path) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Local time in ns, stream and data of each message of a capture (`<ns> <JSON>` a line)."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            stamp, _, text = line.partition(" ")
            message = json.loads(text)
            if "stream" in message:
                yield int(stamp), message["stream"], message["data"]


async def play(
    path: Path,
    market: Market,
    quote: Callable[[Decimal, Decimal, Decimal, Decimal], None],
    drained: Callable[[], Any],
    *,
    speed: float,
    seconds: float | None,
) -> int:
    """Play it and count what was played; `speed` 0 is as fast as the sockets take it.

    Best prices and trades are told with the present time, and trades as the aggTrades that futures publish.
    """
    began: int | None = None
    start = asyncio.get_running_loop().time()
    count = 0
    for stamp, stream, data in recorded(path):
        began = stamp if began is None else began
        offset = (stamp - began) / NS
        if seconds is not None and offset > seconds:
            break
        if speed:
            wait = start + offset / speed - asyncio.get_running_loop().time()
            if wait > 0.002:
                await asyncio.sleep(wait)
        if stream.endswith("@bookTicker"):
            quote(*(Decimal(data[name]) for name in ("b", "a", "B", "A")))
        elif stream.endswith(("@trade", "@aggTrade")):
            market.trade(Decimal(data["p"]), Decimal(data["q"]), sold=data["m"])
        else:
            continue
        count += 1
        if count % BREATH == 0:
            await drained()
    return count
