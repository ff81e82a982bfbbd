"""What the venue is asked before a start, all at once, and what each question came to."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

from hedgegrid_tui.engine.binance.rest.client import BinanceRest
from hedgegrid_tui.engine.binance.rest.errors import LimitedError, UnclearError, UnreachableError
from hedgegrid_tui.engine.binance.rest.rows import Row, items, row_of
from hedgegrid_tui.engine.binance.rest.truth import (
    account,
    open_orders,
    position_mode,
    positions,
    symbol_config,
)


class Topic(StrEnum):
    """A question; its weight stands beside it (Binance, USDⓈ-M Futures, each endpoint's "Request Weight")."""

    CLOCK = "the clock"
    """1 for each try."""
    INFO = "the instruments"
    """1."""
    PREMIUM = "the mark price"
    """1 with a symbol."""
    FUNDING = "the funding interval"
    """None of its own: 500 in five minutes for the address."""
    ACCOUNT = "the account"
    """5."""
    MODE = "the position mode"
    """30."""
    SYMBOL = "margin type and leverage"
    """5."""
    FEES = "the fees"
    """20."""
    ORDERS = "the open orders"
    """1 each for plain and conditional ones, with a symbol."""
    POSITIONS = "the positions"
    """5."""
    KEY = "the key's permissions"
    """1 at api.binance.com, which counts for itself."""


type Ask = Callable[[BinanceRest, str], Awaitable[Any]]


async def _premium(rest: BinanceRest, symbol: str) -> Row:
    """Source: Binance, USDS-M Futures, "Mark Price"."""
    path = "/fapi/v1/premiumIndex"
    return row_of(path, await rest.public(path, symbol=symbol))


async def _funding(rest: BinanceRest, _symbol: str) -> list[Row]:
    """Source: Binance, USDS-M Futures, "Get Funding Rate Info"."""
    path = "/fapi/v1/fundingInfo"
    return items(path, await rest.public(path))


async def _fees(rest: BinanceRest, symbol: str) -> Row:
    """Source: Binance, USDS-M Futures, "User Commission Rate"."""
    path = "/fapi/v1/commissionRate"
    return row_of(path, await rest.signed("GET", path, symbol=symbol))


async def _rights(rest: BinanceRest, _symbol: str) -> Row:
    """Source: Binance, Wallet, "Get API Key Permission"."""
    path = "/sapi/v1/account/apiRestrictions"
    return row_of(path, await rest.signed("GET", path))


QUESTIONS: Final[Mapping[Topic, Ask]] = {
    Topic.INFO: lambda rest, _symbol: rest.public("/fapi/v1/exchangeInfo"),
    Topic.PREMIUM: _premium,
    Topic.FUNDING: _funding,
    Topic.MODE: lambda rest, _symbol: position_mode(rest),
    Topic.SYMBOL: symbol_config,
    Topic.FEES: _fees,
    Topic.ORDERS: open_orders,
    Topic.POSITIONS: positions,
    Topic.KEY: _rights,
}
"""All but the account, which is asked in the quote currency."""
PUBLIC: Final = (Topic.INFO, Topic.PREMIUM, Topic.FUNDING)
"""What needs no key."""
PRIVATE: Final = (Topic.ACCOUNT, Topic.MODE, Topic.SYMBOL, Topic.FEES, Topic.ORDERS, Topic.POSITIONS)
"""What needs one, in every environment."""

ROUND_S = 8.0
"""How long answers are waited for."""


class Answers:
    """What came back, by question."""

    def __init__(self, given: Mapping[Topic, Any], offset_ms: int = 0, round_trip_ms: int | None = None) -> None:
        self._given = given
        self.offset_ms = offset_ms
        """The venue's clock less ours."""
        self.round_trip_ms = round_trip_ms
        """Of the question for the clock; None where it was not answered."""

    def __getitem__(self, topic: Topic) -> Any:  # noqa: ANN401
        """The answer.

        Raises:
            RestError: There was none, and why.
        """
        answer = self._given[topic]
        if isinstance(answer, BaseException):
            raise answer
        return answer


async def ask(rest: BinanceRest, symbol: str, quote: str, topics: Iterable[Topic]) -> Answers:
    """Ask for the clock first, by which questions are signed, then everything else at once.

    Where the venue cannot be reached, or limits this address, nothing else is asked: that answer stands for all. Each
    of the two rounds ends after `ROUND_S` at the latest.
    """
    wanted = tuple(topics)
    questions: dict[Topic, Ask] = {**QUESTIONS, Topic.ACCOUNT: lambda rest, _symbol: account(rest, quote)}
    clock: Exception | None = None
    try:
        await _in_time(rest.sync_clock())
    except (UnreachableError, LimitedError) as error:
        return Answers(dict.fromkeys((Topic.CLOCK, *wanted), error))
    except Exception as error:  # noqa: BLE001 - it is one finding among others
        clock = error
    answers = await asyncio.gather(
        *(_in_time(questions[topic](rest, symbol)) for topic in wanted), return_exceptions=True
    )
    given: dict[Topic, Any] = {Topic.CLOCK: clock, **dict(zip(wanted, answers, strict=True))}
    return Answers(given, rest.clock_offset_ms, rest.round_trip_ms)


async def _in_time(asking: Awaitable[Any]) -> Any:  # noqa: ANN401
    try:
        async with asyncio.timeout(ROUND_S):
            return await asking
    except TimeoutError:
        raise UnclearError("", f"no answer within {ROUND_S:g} s") from None
