"""Orders and trades as the venue shows them, in one shape whether they came by the user stream or by an answer."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

OPEN: Final = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_NEW", "TRIGGERING", "TRIGGERED"})
CANCELED: Final = frozenset({"CANCELED"})
EXPIRED: Final = frozenset({"EXPIRED", "EXPIRED_IN_MATCH"})
SYSTEM: Final = ("autoclose-", "adl_autoclose", "settlement_autoclose-")
"""How the client ids of the venue's own orders start: liquidation, auto-deleveraging, settlement. Source: Binance,
USDS-M Futures, "Event: Order Update"."""

type Row = Mapping[str, Any]


class OrderRow(msgspec.Struct, frozen=True):
    """One order."""

    client_id: str
    venue_id: str
    """Of the conditional order while it waits, of the order that it became once it has triggered."""
    side: str
    leg: str
    """LONG or SHORT; BOTH on an account that is not in hedge mode."""
    status: str
    qty: Decimal
    filled: Decimal
    price: Decimal
    ts_ms: int
    triggered: bool = False
    """A conditional order that has become a plain one."""

    @property
    def is_of_venue(self) -> bool:
        """Whether the venue itself gave it."""
        return self.client_id.startswith(SYSTEM)


class TradeRow(msgspec.Struct, frozen=True):
    """One execution."""

    id: str
    order_id: str
    side: str
    leg: str
    qty: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    ts_ms: int


def order_of_event(told: Row) -> OrderRow:
    """The `o` of ORDER_TRADE_UPDATE."""
    return OrderRow(
        client_id=told["c"], venue_id=str(told["i"]), side=told["S"], leg=told["ps"], status=told["X"],
        qty=Decimal(told["q"]), filled=Decimal(told["z"]), price=Decimal(told["p"]), ts_ms=int(told["T"]),
    )  # fmt: skip


def trade_of_event(told: Row) -> TradeRow | None:
    """The trade of an ORDER_TRADE_UPDATE; None where there is none."""
    if told["x"] not in ("TRADE", "CALCULATED") or not Decimal(told["l"]):
        return None
    return TradeRow(
        id=str(told["t"]), order_id=str(told["i"]), side=told["S"], leg=told["ps"], qty=Decimal(told["l"]),
        price=Decimal(told["L"]), fee=Decimal(told.get("n") or 0), fee_asset=told.get("N") or "",
        maker=bool(told["m"]), ts_ms=int(told["T"]),
    )  # fmt: skip


def order_of_row(row: Row) -> OrderRow:
    """A row of `GET /fapi/v1/order` and the like."""
    return OrderRow(
        client_id=row["clientOrderId"], venue_id=str(row["orderId"]), side=row["side"], leg=row["positionSide"],
        status=row["status"], qty=Decimal(row["origQty"]), filled=Decimal(row["executedQty"]),
        price=Decimal(row["price"]), ts_ms=int(row["updateTime"]),
    )  # fmt: skip


def algo_of_row(row: Row) -> OrderRow:
    """A row of `GET /fapi/v1/algoOrder` and the like."""
    actual = row.get("actualOrderId") or ""
    return OrderRow(
        client_id=row["clientAlgoId"], venue_id=str(actual or row["algoId"]), side=row["side"],
        leg=row["positionSide"], status=row["algoStatus"], qty=Decimal(row.get("quantity") or 0), filled=Decimal(0),
        price=Decimal(0), ts_ms=int(row["updateTime"]), triggered=bool(actual),
    )  # fmt: skip


def trade_of_row(row: Row) -> TradeRow:
    """A row of `GET /fapi/v1/userTrades`."""
    return TradeRow(
        id=str(row["id"]), order_id=str(row["orderId"]), side=row["side"], leg=row["positionSide"],
        qty=Decimal(row["qty"]), price=Decimal(row["price"]), fee=Decimal(row["commission"]),
        fee_asset=row["commissionAsset"], maker=bool(row["maker"]), ts_ms=int(row["time"]),
    )  # fmt: skip
