"""Orders, trades, legs and balances as REST answers show them."""

from decimal import Decimal
from typing import Any

from tests.venue.binance.papers import Deal, Paper
from tests.venue.core import LEGS, ZERO, Venue

ASSET = "USDT"
MAINTENANCE = Decimal("0.004")


def num(value: Decimal | None, places: int = 2) -> str:
    """A number with fixed decimals, as Binance writes them."""
    return f"{value or ZERO:.{places}f}"


def status(paper: Paper) -> str:
    """An order's status; a conditional one's while it is in the book."""
    return paper.live.status


def algo_status(paper: Paper) -> str:
    """A conditional order's own status."""
    if paper.order_id is not None:
        return "TRIGGERED" if paper.live.is_open else "FINISHED"
    return paper.live.status


def order_row(paper: Paper) -> dict[str, Any]:
    """`GET /fapi/v1/order` and the like."""
    order = paper.live
    limit, trigger = (None, order.price) if paper.is_algo else (order.price, None)
    return {
        "orderId": paper.order_id, "symbol": paper.symbol, "status": status(paper), "clientOrderId": paper.client_id,
        "price": num(limit), "avgPrice": num(paper.average, 5), "origQty": num(order.qty, 3),
        "executedQty": num(order.filled, 3), "cumQty": num(order.filled, 3),
        "cumQuote": num(paper.average * order.filled, 5), "timeInForce": paper.time_in_force,
        "type": "MARKET" if paper.is_algo else paper.kind, "reduceOnly": not order.opens,
        "closePosition": paper.close_position, "side": order.side, "positionSide": order.leg,
        "stopPrice": num(trigger), "workingType": paper.working_type, "priceProtect": False,
        "origType": paper.kind, "priceMatch": "NONE", "selfTradePreventionMode": "EXPIRE_MAKER", "goodTillDate": 0,
        "time": paper.created_ms, "updateTime": paper.updated_ms,
    }  # fmt: skip


def algo_row(paper: Paper) -> dict[str, Any]:
    """`GET /fapi/v1/algoOrder` and the like."""
    order = paper.live
    return {
        "algoId": paper.algo_id, "clientAlgoId": paper.client_id, "algoType": "CONDITIONAL", "orderType": paper.kind,
        "symbol": paper.symbol, "side": order.side, "positionSide": order.leg, "timeInForce": paper.time_in_force,
        "quantity": None if paper.close_position else num(order.qty, 3), "algoStatus": algo_status(paper),
        "actualOrderId": "" if paper.order_id is None else str(paper.order_id),
        "actualPrice": num(paper.average, 5), "triggerPrice": num(order.price), "price": "0.00",
        "icebergQuantity": None, "tpTriggerPrice": "0.00", "tpPrice": "0.00", "slTriggerPrice": "0.00",
        "slPrice": "0.00", "tpOrderType": "", "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": paper.working_type, "priceMatch": "NONE", "closePosition": paper.close_position,
        "priceProtect": False, "reduceOnly": not order.opens, "createTime": paper.created_ms,
        "updateTime": paper.updated_ms, "triggerTime": paper.triggered_ms, "goodTillDate": 0,
    }  # fmt: skip


def trade_row(deal: Deal) -> dict[str, Any]:
    """`GET /fapi/v1/userTrades`."""
    trade = deal.trade
    return {
        "symbol": deal.paper.symbol, "id": int(trade.id), "orderId": deal.paper.order_id, "side": trade.side,
        "price": num(trade.price), "qty": num(trade.qty, 3), "realizedPnl": num(deal.profit, 8),
        "quoteQty": num(trade.price * trade.qty, 5), "commission": num(trade.fee, 8), "commissionAsset": ASSET,
        "time": trade.ts // 1_000_000, "positionSide": trade.leg, "maker": trade.maker,
        "buyer": trade.side == "BUY",
    }  # fmt: skip


class Money:
    """What the account is worth at a mark price."""

    def __init__(self, venue: Venue, mark: Decimal) -> None:
        self.venue = venue
        self.mark = mark
        self.legs = {leg: self.notional(leg) / venue.filters.leverage for leg in LEGS}
        self.orders = sum((o.left * (o.price or mark) for o in venue.open.values() if o.opens), ZERO)
        self.open_margin = self.orders / venue.filters.leverage
        self.profit = sum((self.unrealised(leg) for leg in LEGS), ZERO)
        self.margin = sum(self.legs.values(), ZERO) + self.open_margin
        self.maintenance = sum((self.notional(leg) * MAINTENANCE for leg in LEGS), ZERO)
        self.balance = venue.wallet + self.profit
        self.free = max(self.balance - self.margin, ZERO)

    def notional(self, leg: str) -> Decimal:
        """A leg's value at the mark price, never negative."""
        return self.venue.held(leg) * self.mark

    def entry(self, leg: str) -> Decimal:
        """A leg's average entry price; 0 where it is flat."""
        position = self.venue.positions[leg]
        return position.cost / position.qty if position.qty else ZERO

    def unrealised(self, leg: str) -> Decimal:
        """A leg's open profit."""
        gain = self.notional(leg) - self.venue.positions[leg].cost
        return gain if leg == "LONG" else -gain

    def position_row(self, symbol: str, leg: str, now_ms: int, margin_type: str, *, older: bool) -> dict[str, Any]:
        """`GET /fapi/v3/positionRisk`, or v2 with leverage and margin type."""
        sign = -1 if leg == "SHORT" else 1
        amount = self.venue.held(leg) * sign if leg in LEGS else ZERO
        known = leg in LEGS
        row: dict[str, Any] = {
            "symbol": symbol, "positionSide": leg, "positionAmt": num(amount, 3),
            "entryPrice": num(self.entry(leg) if known else ZERO, 5), "markPrice": num(self.mark, 8),
            "breakEvenPrice": num(self.entry(leg) if known else ZERO, 5),
            "unRealizedProfit": num(self.unrealised(leg) if known else ZERO, 8), "liquidationPrice": "0",
            "isolatedMargin": "0", "isolatedWallet": "0", "notional": num(amount * self.mark, 8),
            "updateTime": now_ms if amount else 0,
        }  # fmt: skip
        if older:
            return row | {
                "marginType": "cross" if margin_type == "CROSSED" else "isolated", "isAutoAddMargin": "false",
                "leverage": num(self.venue.filters.leverage, 0), "maxNotionalValue": "300000000",
            }  # fmt: skip
        margin = num(self.legs[leg] if known else ZERO, 8)
        return row | {
            "marginAsset": ASSET, "initialMargin": margin, "positionInitialMargin": margin,
            "maintMargin": num(self.notional(leg) * MAINTENANCE if known else ZERO, 8),
            "openOrderInitialMargin": "0", "adl": 1, "bidNotional": "0", "askNotional": "0",
        }  # fmt: skip

    def asset_row(self, now_ms: int) -> dict[str, Any]:
        """An asset of `GET /fapi/v2/account`."""
        return {
            "asset": ASSET, "walletBalance": num(self.venue.wallet, 8), "unrealizedProfit": num(self.profit, 8),
            "marginBalance": num(self.balance, 8), "maintMargin": num(self.maintenance, 8),
            "initialMargin": num(self.margin, 8), "positionInitialMargin": num(self.margin - self.open_margin, 8),
            "openOrderInitialMargin": num(self.open_margin, 8), "crossWalletBalance": num(self.venue.wallet, 8),
            "crossUnPnl": num(self.profit, 8), "availableBalance": num(self.free, 8),
            "maxWithdrawAmount": num(self.free, 8), "marginAvailable": True, "updateTime": now_ms,
        }  # fmt: skip
