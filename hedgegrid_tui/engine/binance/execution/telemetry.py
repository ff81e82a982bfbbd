"""What the execution client tells the rest of the session besides order events: limits, user stream, strangers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hedgegrid_tui.engine.binance.rest.errors import LimitedError
from hedgegrid_tui.engine.binance.rest.usage import Usage
from strategy.domain import Leg


def _nothing(*_args: Any) -> None:  # noqa: ANN401 - stands in for each of them
    """Nobody listens."""


def _no_offset() -> int:
    return 0


def _always() -> bool:
    return True


def _no_ban() -> None:
    return None


async def _no_clock() -> None:
    """Nobody can ask the venue's time."""


@dataclass
class VenueTelemetry:
    """Plain callbacks, called on the engine's loop; each does nothing until it is set, which is best before connecting.

    One that raises is logged and harms nothing else.
    """

    on_limited: Callable[[float, str], None] = _nothing
    """(retry_after_s, words): too many requests; the words begin with the HTTP status. Entries are denied here until
    then, and after a 418, which is a ban, nothing goes out."""
    on_usage: Callable[[Usage], None] = _nothing
    """The venue's budgets, as the headers of the latest answer told them."""
    on_stream_word: Callable[[int], None] = _nothing
    """(ts_ns): a message came on the user stream. An account on which nothing happens has none for hours."""
    on_stream_checked: Callable[[int], None] = _nothing
    """(ts_ns): the socket answers pings and the venue has just confirmed the stream's listenKey."""
    on_stream_state: Callable[[bool, str], None] = _nothing
    """(alive, words): False once the stream has died; True at first, and after whatever was missed has been told."""
    on_foreign: Callable[[str], None] = _nothing
    """(words): an order or fill that is not ours was seen, and left alone."""
    on_liquidation: Callable[[Leg, Decimal, Decimal], None] = _nothing
    """(leg, qty, price): the venue itself has closed a part of a leg."""
    on_funding: Callable[[Decimal, int], None] = _nothing
    """(amount, ts_ns): a settlement has changed the wallet (quote; negative where it was paid). Told ahead of the
    account's new state."""
    clock_offset_ms: Callable[[], int] = _no_offset
    """The venue's clock minus ours, which signed requests add to their time."""
    sync_clock: Callable[[], Awaitable[None]] = _no_clock
    """Asks the venue's time, which changes `clock_offset_ms`; wanted where the venue has refused ours (-1021)."""
    has_room: Callable[[], bool] = _always
    """Whether the venue's budget of weight has room for questions about orders that it has answered for."""
    ban: Callable[[], LimitedError | None] = _no_ban
    """What another client was told: a ban is of the address, and holds for each."""
