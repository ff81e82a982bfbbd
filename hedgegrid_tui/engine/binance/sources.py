"""What a session on Binance asks the venue besides its streams: history to warm from, funding's interval and fees."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

from aiohttp import ClientSession, DummyCookieJar

from hedgegrid_tui.engine.binance.rest.client import BinanceRest, RestError
from hedgegrid_tui.engine.funding import OnPaid
from hedgegrid_tui.engine.markets.klines import KlineHistory
from strategy.domain import ZERO, Leg, Market
from strategy.funding import settlement

FUNDING_INFO: Final = "/fapi/v1/fundingInfo"
USUAL_HOURS: Final = 8
"""Of a symbol that the venue does not list. Source: Binance, "Get Funding Rate Info"."""
MINUTES: Final = 60


def history(base_url: str, symbol: str) -> KlineHistory:
    """The minutes before the session; weights are told in `KlineHistory`."""
    return KlineHistory(base_url, symbol, lambda: ClientSession(trust_env=False, cookie_jar=DummyCookieJar()))


async def funding_interval_minutes(rest: BinanceRest, symbol: str) -> int:
    """From one settlement to the next; the usual eight hours where the venue lists nothing else or does not answer."""
    try:
        rows = await rest.public(FUNDING_INFO)
    except RestError:
        return USUAL_HOURS * MINUTES
    return interval_in(rows if isinstance(rows, list) else (), symbol)


def interval_in(rows: Iterable[Any], symbol: str) -> int:
    """The interval in an answer of `fundingInfo`, minutes."""
    for row in rows:
        hours = row.get("fundingIntervalHours") if isinstance(row, dict) and row.get("symbol") == symbol else None
        if type(hours) is int and 0 < hours <= 24:
            return hours * MINUTES
    return USUAL_HOURS * MINUTES


class FundingFees:
    """Books what the user stream tells of funding, each message once, on the leg that it is of.

    An ACCOUNT_UPDATE with the reason FUNDING_FEE tells one change of the balance and no leg (source: Binance, "Event:
    Balance and Position Update"). What each leg owes is known: what it holds, at the mark price, times the rate. The
    amount goes to the leg whose debt is nearest to it, or to both where their sum is nearest; then the difference to
    the computed amounts is the larger leg's, so that the sum is the venue's to the last unit. A message that was lost
    shows as a transfer in the journal, as every change of the balance does that nothing explains.
    """

    def __init__(
        self,
        held: Callable[[Leg], Decimal],
        market: Callable[[], Market | None],
        rate: Callable[[], Decimal | None],
        on_paid: OnPaid,
    ) -> None:
        self._held = held
        self._market = market
        self._rate = rate
        self._on_paid = on_paid

    def take(self, amount: Decimal, _ts_ns: int = 0) -> None:
        """Book a fee, quote currency; below zero it was paid."""
        rate = self._rate() or ZERO
        for leg, part in split(amount, {leg: self._owed(leg, rate) for leg in Leg}).items():
            self._on_paid(leg, rate, part)

    def _owed(self, leg: Leg, rate: Decimal) -> Decimal:
        market = self._market()
        if market is None:
            return ZERO
        price = (market.bid + market.ask) / 2 if market.mark is None else market.mark
        return settlement(leg, self._held(leg), price, rate)


def split(amount: Decimal, owed: dict[Leg, Decimal]) -> dict[Leg, Decimal]:
    """Which part of a fee is which leg's, by what each was computed to owe; the parts add up to `amount`."""
    legs = [leg for leg in Leg if owed[leg]]
    choices = [[leg] for leg in legs] + ([legs] if len(legs) > 1 else [])
    if not choices:
        return {Leg.LONG: amount} if amount else {}
    best = min(choices, key=lambda chosen: abs(amount - sum((owed[leg] for leg in chosen), ZERO)))
    parts = {leg: owed[leg] for leg in best}
    largest = max(best, key=lambda leg: abs(owed[leg]))
    parts[largest] += amount - sum(parts.values(), ZERO)
    return parts
