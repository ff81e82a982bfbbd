"""What is at the venue, asked over REST and typed: orders, legs, account, settings, filters; and the way out of it."""

from decimal import Decimal
from typing import Any, Final

from hedgegrid_tui.engine.binance.rest.client import BinanceRest, VenueError
from hedgegrid_tui.engine.binance.rest.records import (
    INFO,
    Filters,
    OneWayError,
    SymbolSettings,
    VenueAccount,
    VenueOrder,
    VenuePosition,
    algo_of,
    filters_of,
    order_of,
    position_of,
)
from hedgegrid_tui.engine.binance.rest.rows import MalformedError, Row, items, row_of
from strategy.domain import ZERO, Leg
from strategy.venue_config import MarginType

__all__ = [
    "Filters", "OneWayError", "SymbolSettings", "VenueAccount", "VenueOrder", "VenuePosition", "account", "cancel",
    "cancel_algo", "cancel_order", "exchange_filters", "filters_of", "find_algo", "find_order", "market_close",
    "open_orders", "position_mode", "positions", "symbol_config",
]  # fmt: skip

NOTHING_TO_CANCEL: Final = -2011
NO_SUCH_ORDER: Final = -2013
MARGIN_TYPES: Final = {"CROSSED": MarginType.CROSS, "ISOLATED": MarginType.ISOLATED}
ORDER: Final = "/fapi/v1/order"
ALGO_ORDER: Final = "/fapi/v1/algoOrder"
POSITIONS: Final = "/fapi/v3/positionRisk"


# -- orders ------------------------------------------------------------------------------------------------------------


async def open_orders(rest: BinanceRest, symbol: str, *, urgent: bool = False) -> list[VenueOrder]:
    """Every open order of the symbol, plain and conditional; weight 2.

    Conditional ones are asked first: one that triggers in between then shows twice, and is kept once, instead of never.
    Source: Binance, USDS-M Futures, "Current All Algo Open Orders", "Current All Open Orders".
    """
    algos = await _list(rest, "/fapi/v1/openAlgoOrders", symbol, urgent=urgent)
    plain = await _list(rest, "/fapi/v1/openOrders", symbol, urgent=urgent)
    found = {order.client_id: order for order in map(algo_of, algos)}
    found |= {order.client_id: order for order in map(order_of, plain)}
    return list(found.values())


async def find_order(rest: BinanceRest, symbol: str, client_id: str, *, urgent: bool = False) -> VenueOrder | None:
    """A plain order in whatever state, or None where the venue knows none; weight 1. Source: Binance, "Query Order"."""
    try:
        told = await rest.signed("GET", ORDER, urgent=urgent, symbol=symbol, origClientOrderId=client_id)
    except VenueError as error:
        if error.code != NO_SUCH_ORDER:
            raise
        return None
    return order_of(row_of(ORDER, told))


async def find_algo(rest: BinanceRest, client_id: str, *, urgent: bool = False) -> VenueOrder | None:
    """A conditional order in whatever state, or None where the venue knows none; weight 1.

    Source: Binance, "Query Algo Order".
    """
    try:
        told = await rest.signed("GET", ALGO_ORDER, urgent=urgent, clientAlgoId=client_id)
    except VenueError as error:
        if error.code not in (NO_SUCH_ORDER, NOTHING_TO_CANCEL):
            raise
        return None
    return algo_of(row_of(ALGO_ORDER, told))


async def cancel_order(rest: BinanceRest, symbol: str, client_id: str, *, urgent: bool = True) -> dict[str, Any]:
    """Cancel a plain order; the answer is the order's row. Source: Binance, USDS-M Futures, "Cancel Order".

    Raises:
        VenueError: Refused; -2011 says that there was none to cancel: filled, cancelled, or never there.
    """
    told = await rest.signed("DELETE", ORDER, urgent=urgent, symbol=symbol, origClientOrderId=client_id)
    return row_of(ORDER, told).cells


async def cancel_algo(rest: BinanceRest, _symbol: str, client_id: str, *, urgent: bool = True) -> dict[str, Any]:
    """Cancel a conditional order that waits; the venue wants no symbol here. Source: "Cancel Algo Order".

    Raises:
        VenueError: Refused; -2011 says that there was none to cancel: triggered, cancelled, or never there.
    """
    told = await rest.signed("DELETE", ALGO_ORDER, urgent=urgent, clientAlgoId=client_id)
    return row_of(ALGO_ORDER, told).cells


async def cancel(rest: BinanceRest, order: VenueOrder, *, urgent: bool = True) -> bool:
    """Cancel an order of either kind; False where there was none to cancel."""
    act = cancel_algo if order.algo else cancel_order
    try:
        await act(rest, order.symbol, order.client_id, urgent=urgent)
    except VenueError as error:
        if error.code != NOTHING_TO_CANCEL:
            raise
        return False
    return True


async def market_close(
    rest: BinanceRest, symbol: str, leg: Leg, qty: Decimal, client_id: str, *, urgent: bool = True
) -> dict[str, Any]:
    """Close so much of a leg at the market; the answer is the order's row, as a rule as it ended.

    After an UnclearError ask for `client_id` before anything is sent again: the venue takes an id anew once the order
    that bore it has ended. Source: Binance, USDS-M Futures, "New Order".

    Raises:
        VenueError: Refused; -2022 says that nothing is left on the leg.
        UnclearError: It may have been done.
    """
    told = await rest.signed(
        "POST", ORDER, urgent=urgent, symbol=symbol, side=leg.exit_side.value.upper(), type="MARKET",
        positionSide=leg.value.upper(), quantity=qty, newClientOrderId=client_id, newOrderRespType="RESULT",
    )  # fmt: skip
    return row_of(ORDER, told).cells


# -- the account -------------------------------------------------------------------------------------------------------


async def positions(rest: BinanceRest, symbol: str, *, urgent: bool = False) -> dict[Leg, VenuePosition]:
    """Both legs, an empty one too; weight 5. Source: Binance, USDS-M Futures, "Position Information V3".

    Raises:
        OneWayError: There is a position without a leg.
    """
    mark, found = ZERO, {}
    for row in await _list(rest, POSITIONS, symbol, urgent=urgent):
        if row.text("positionSide") == "BOTH" and not row.decimal("positionAmt"):
            continue
        if row.text("symbol") == symbol:
            position = position_of(row)
            mark, found[position.leg] = position.mark, position
    return {leg: found.get(leg) or VenuePosition(leg, ZERO, ZERO, mark, None, ZERO) for leg in Leg}


async def account(rest: BinanceRest, asset: str = "USDT", *, urgent: bool = False) -> VenueAccount:
    """The account in one asset; weight 5. Source: Binance, USDS-M Futures, "Account Information V2"."""
    path = "/fapi/v2/account"
    whole = row_of(path, await rest.signed("GET", path, urgent=urgent))
    row = next((row for row in whole.rows("assets") if row.text("asset") == asset), None)

    def amount(name: str) -> Decimal:
        return ZERO if row is None else row.decimal(name)

    return VenueAccount(
        asset=asset,
        wallet=amount("walletBalance"),
        unrealised=amount("unrealizedProfit"),
        equity=amount("marginBalance"),
        available=amount("availableBalance"),
        initial_margin=amount("initialMargin"),
        maintenance_margin=amount("maintMargin"),
        can_trade=whole.flag("canTrade"),
        multi_assets=whole.flag("multiAssetsMargin"),
    )


async def position_mode(rest: BinanceRest, *, urgent: bool = False) -> bool:
    """Whether the account is in hedge mode; weight 30. Source: Binance, "Get Current Position Mode"."""
    path = "/fapi/v1/positionSide/dual"
    return row_of(path, await rest.signed("GET", path, urgent=urgent)).flag("dualSidePosition")


async def symbol_config(rest: BinanceRest, symbol: str, *, urgent: bool = False) -> SymbolSettings:
    """Margin type and leverage of the symbol; weight 5. Source: Binance, "Symbol Configuration"."""
    path = "/fapi/v1/symbolConfig"
    for row in await _list(rest, path, symbol, urgent=urgent):
        if row.text("symbol") == symbol:
            margin_type = row.choice("marginType", MARGIN_TYPES)
            return SymbolSettings(margin_type, row.integer("leverage"), row.above_zero("maxNotionalValue"))
    raise MalformedError(path, f"nothing on {symbol}")


async def exchange_filters(rest: BinanceRest, symbol: str, *, urgent: bool = False) -> Filters:
    """The symbol's rules; weight 1. Source: Binance, USDS-M Futures, "Exchange Information"."""
    return filters_of(await rest.public(INFO, urgent=urgent), symbol)


async def _list(rest: BinanceRest, path: str, symbol: str, *, urgent: bool) -> list[Row]:
    return items(path, await rest.signed("GET", path, urgent=urgent, symbol=symbol))
