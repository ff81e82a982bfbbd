"""Orders, legs, account and rules of the venue as frozen values, read from the rows of its answers."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from hedgegrid_tui.engine.binance.rest.errors import RestError
from hedgegrid_tui.engine.binance.rest.rows import MalformedError, Row, row_of
from strategy.domain import ZERO, Leg, Side
from strategy.venue_config import MarginType

INFO: Final = "/fapi/v1/exchangeInfo"
LEGS: Final = {leg.value.upper(): leg for leg in Leg}
SIDES: Final = {side.value.upper(): side for side in Side}
OPEN_STATUSES: Final = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_NEW", "TRIGGERING", "TRIGGERED"})


class OneWayError(RestError):
    """The account holds or orders something without a leg: it is not in hedge mode."""


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the venue shows it."""

    id: int
    """`orderId`, or `algoId` of a conditional order that waits."""
    client_id: str
    symbol: str
    leg: Leg
    side: Side
    kind: str
    """LIMIT, MARKET, STOP_MARKET, TAKE_PROFIT_MARKET, ...; of a triggered one what it was given as."""
    status: str
    price: Decimal | None
    """Limit price, or trigger price of a conditional order; quote currency."""
    qty: Decimal
    """Base currency; 0 of an order that closes whatever the leg holds."""
    filled: Decimal
    average: Decimal | None
    """Of what was filled."""
    closes_all: bool
    algo: bool
    """Whether it is a conditional order that waits, which has its own addresses."""

    @property
    def reduces(self) -> bool:
        """Whether it can only make its leg smaller: in hedge mode the side says so."""
        return self.side is self.leg.exit_side

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return self.status in OPEN_STATUSES


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """One leg as the venue shows it."""

    leg: Leg
    qty: Decimal
    """Base currency, never negative."""
    entry: Decimal
    mark: Decimal
    liquidation: Decimal | None
    unrealised: Decimal


@dataclass(frozen=True, slots=True)
class VenueAccount:
    """The account in one margin asset."""

    asset: str
    wallet: Decimal
    unrealised: Decimal
    equity: Decimal
    """Margin balance: wallet and open profit."""
    available: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    can_trade: bool
    multi_assets: bool


@dataclass(frozen=True, slots=True)
class SymbolSettings:
    """What the account has set for a symbol."""

    margin_type: MarginType
    leverage: int
    max_notional: Decimal | None


@dataclass(frozen=True, slots=True)
class Filters:
    """A symbol's rules, and the budgets of address and account; None where the venue names none."""

    symbol: str
    status: str
    """TRADING, or why not."""
    contract: str
    base: str
    quote: str
    margin_asset: str
    tick_size: Decimal
    min_price: Decimal
    max_price: Decimal
    step_size: Decimal
    min_qty: Decimal
    max_qty: Decimal
    market_min_qty: Decimal
    market_max_qty: Decimal
    """Of a market order; never more than `max_qty`."""
    min_notional: Decimal
    max_orders: int
    max_algo_orders: int | None
    percent_up: Decimal
    """A buy's limit price is at most so many times the mark price."""
    percent_down: Decimal
    """A sell's limit price is at least so many times the mark price."""
    weight_1m: int | None
    orders_10s: int | None
    orders_1m: int | None


def filters_of(info: object, symbol: str) -> Filters:
    """A symbol's rules in an answer of `exchangeInfo`.

    Raises:
        MalformedError: It has no such symbol, or one of its rules is missing.
    """
    whole = row_of(INFO, info)
    for row in whole.rows("symbols"):
        if row.text("symbol") == symbol:
            return _filters(row, _budgets(whole))
    raise MalformedError(INFO, f"nothing on {symbol}")


def _leg(row: Row) -> Leg:
    if row.text("positionSide") == "BOTH":
        raise OneWayError(row.path, "an order or position without a leg: the account is not in hedge mode")
    return row.choice("positionSide", LEGS)


def order_of(row: Row) -> VenueOrder:
    """A plain order's row."""
    return VenueOrder(
        id=row.integer("orderId"),
        client_id=row.text("clientOrderId"),
        symbol=row.text("symbol"),
        leg=_leg(row),
        side=row.choice("side", SIDES),
        kind=row.text("origType" if row.has("origType") else "type"),
        status=row.text("status"),
        price=row.above_zero("price") or row.above_zero("stopPrice"),
        qty=row.decimal("origQty"),
        filled=row.decimal("executedQty"),
        average=row.above_zero("avgPrice"),
        closes_all=row.has("closePosition") and row.flag("closePosition"),
        algo=False,
    )


def algo_of(row: Row) -> VenueOrder:
    """A conditional order's row."""
    return VenueOrder(
        id=row.integer("algoId"),
        client_id=row.text("clientAlgoId"),
        symbol=row.text("symbol"),
        leg=_leg(row),
        side=row.choice("side", SIDES),
        kind=row.text("orderType"),
        status=row.text("algoStatus"),
        price=row.above_zero("triggerPrice"),
        qty=row.above_zero("quantity") or ZERO,
        filled=ZERO,
        average=None,
        closes_all=row.has("closePosition") and row.flag("closePosition"),
        algo=True,
    )


def position_of(row: Row) -> VenuePosition:
    """A row of a leg."""
    return VenuePosition(
        leg=_leg(row),
        qty=abs(row.decimal("positionAmt")),
        entry=row.decimal("entryPrice"),
        mark=row.decimal("markPrice"),
        liquidation=row.above_zero("liquidationPrice"),
        unrealised=row.decimal("unRealizedProfit"),
    )


def _budgets(whole: Row) -> dict[tuple[str, str, int], int]:
    """Limits by kind, unit of the interval, and its length."""
    rows = whole.rows("rateLimits")
    return {
        (row.text("rateLimitType"), row.text("interval"), row.integer("intervalNum")): row.integer("limit")
        for row in rows
    }


def _filters(row: Row, budgets: dict[tuple[str, str, int], int]) -> Filters:
    by_type = {rule.text("filterType"): rule for rule in row.rows("filters")}

    def rule(name: str) -> Row:
        if name not in by_type:
            raise MalformedError(row.path, f"{row.text('symbol')} has no {name}")
        return by_type[name]

    price, lot, percent = rule("PRICE_FILTER"), rule("LOT_SIZE"), rule("PERCENT_PRICE")
    market = rule("MARKET_LOT_SIZE")
    return Filters(
        symbol=row.text("symbol"),
        status=row.text("status"),
        contract=row.text("contractType"),
        base=row.text("baseAsset"),
        quote=row.text("quoteAsset"),
        margin_asset=row.text("marginAsset"),
        tick_size=price.decimal("tickSize"),
        min_price=price.decimal("minPrice"),
        max_price=price.decimal("maxPrice"),
        step_size=lot.decimal("stepSize"),
        min_qty=lot.decimal("minQty"),
        max_qty=lot.decimal("maxQty"),
        market_min_qty=market.decimal("minQty"),
        market_max_qty=min(market.decimal("maxQty"), lot.decimal("maxQty")),
        min_notional=rule("MIN_NOTIONAL").decimal("notional"),
        max_orders=rule("MAX_NUM_ORDERS").integer("limit"),
        max_algo_orders=by_type["MAX_NUM_ALGO_ORDERS"].integer("limit") if "MAX_NUM_ALGO_ORDERS" in by_type else None,
        percent_up=percent.decimal("multiplierUp"),
        percent_down=percent.decimal("multiplierDown"),
        weight_1m=budgets.get(("REQUEST_WEIGHT", "MINUTE", 1)),
        orders_10s=budgets.get(("ORDERS", "SECOND", 10)),
        orders_1m=budgets.get(("ORDERS", "MINUTE", 1)),
    )
