"""`exchangeInfo`: limits, and one perpetual with its filters in their real shapes."""

from typing import Any

from tests.venue.binance.book import PERCENT_DOWN, PERCENT_UP
from tests.venue.core import Filters

ORDER_TYPES = ("LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")


def limits(weight: int, orders_10s: int, orders_1m: int) -> list[dict[str, Any]]:
    """What may be asked in which time."""
    return [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": weight},
        {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": orders_1m},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": orders_10s},
    ]


def symbol_filters(filters: Filters) -> list[dict[str, Any]]:
    """A symbol's filters."""
    lot = {"minQty": f"{filters.min_qty:f}", "stepSize": f"{filters.step:f}"}
    percent = {"multiplierUp": f"{PERCENT_UP:f}", "multiplierDown": f"{PERCENT_DOWN:f}", "multiplierDecimal": "4"}
    return [
        {"filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764", "tickSize": f"{filters.tick:f}"},
        {"filterType": "LOT_SIZE", "maxQty": f"{filters.max_qty:f}", **lot},
        {"filterType": "MARKET_LOT_SIZE", "maxQty": "120", **lot},
        {"filterType": "MAX_NUM_ORDERS", "limit": filters.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": filters.max_stops},
        {"filterType": "MIN_NOTIONAL", "notional": f"{filters.min_notional:f}"},
        {"filterType": "PERCENT_PRICE", **percent},
        {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE", "notionalLimit": "0"},
    ]


def symbol_info(symbol: str, filters: Filters, status: str) -> dict[str, Any]:
    """The perpetual."""
    return {
        "symbol": symbol, "pair": symbol, "contractType": "PERPETUAL", "deliveryDate": 4_133_404_800_000,
        "onboardDate": 1_569_398_400_000, "status": status, "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000", "baseAsset": symbol.removesuffix("USDT"), "quoteAsset": "USDT",
        "marginAsset": "USDT", "pricePrecision": 2, "quantityPrecision": 3, "baseAssetPrecision": 8,
        "quotePrecision": 8, "underlyingType": "COIN", "underlyingSubType": ["PoW"], "settlePlan": 0,
        "triggerProtect": "0.0500", "liquidationFee": "0.012500", "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10_000, "filters": symbol_filters(filters), "orderTypes": list(ORDER_TYPES),
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"], "permissionSets": ["GRID", "COPY", "DCA", "PSB"],
    }  # fmt: skip


def exchange_info(
    symbol: str, filters: Filters, rate_limits: list[dict[str, Any]], now_ms: int, status: str = "TRADING"
) -> dict[str, Any]:
    """The whole answer."""
    return {
        "timezone": "UTC", "serverTime": now_ms, "futuresType": "U_MARGINED", "rateLimits": rate_limits,
        "exchangeFilters": [], "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
        "symbols": [symbol_info(symbol, filters, status)],
    }  # fmt: skip
