"""User events in Binance's shapes: ORDER_TRADE_UPDATE, TRADE_LITE, ALGO_UPDATE, ACCOUNT_UPDATE and the rest."""

from decimal import Decimal
from typing import Any

from tests.venue.binance.papers import Deal, Paper
from tests.venue.binance.shapes import ASSET, Money, algo_status, num, status
from tests.venue.core import LEGS, ZERO

type Event = dict[str, Any]


def order_update(kind: str, paper: Paper, now_ms: int, deal: Deal | None = None) -> Event:
    """ORDER_TRADE_UPDATE; `kind` is the execution type."""
    order = paper.live
    shown = "LIQUIDATION" if paper.is_of_venue else "MARKET" if paper.is_algo else paper.kind
    told: dict[str, Any] = {
        "s": paper.symbol, "c": paper.client_id, "S": order.side, "o": shown, "f": paper.time_in_force,
        "q": num(order.qty, 3), "p": num(None if paper.is_algo else order.price), "ap": num(paper.average, 5),
        "sp": num(order.price if paper.is_algo else None), "x": kind, "X": status(paper), "i": paper.order_id,
        "l": "0", "z": num(order.filled, 3), "L": "0", "n": "0", "N": ASSET, "T": now_ms, "t": 0, "b": "0", "a": "0",
        "m": False, "R": not order.opens, "wt": paper.working_type, "ot": paper.kind, "ps": order.leg,
        "cp": paper.close_position, "rp": "0", "pP": False, "si": 0, "ss": 0, "V": "EXPIRE_MAKER", "pm": "NONE",
        "gtd": 0,
    }  # fmt: skip
    if deal is not None:
        trade = deal.trade
        told |= {
            "l": num(trade.qty, 3), "L": num(trade.price), "n": num(trade.fee, 8), "t": int(trade.id),
            "m": trade.maker, "rp": num(deal.profit, 8),
        }  # fmt: skip
    return {"e": "ORDER_TRADE_UPDATE", "E": now_ms, "T": now_ms, "o": told}


def trade_lite(deal: Deal, now_ms: int) -> Event:
    """TRADE_LITE, which comes ahead of a trade's ORDER_TRADE_UPDATE."""
    trade, paper = deal.trade, deal.paper
    return {
        "e": "TRADE_LITE", "E": now_ms, "T": now_ms, "s": paper.symbol, "q": num(paper.live.qty, 3),
        "p": num(None if paper.is_algo else paper.live.price), "m": trade.maker, "c": paper.client_id,
        "S": trade.side, "L": num(trade.price), "l": num(trade.qty, 3), "t": int(trade.id), "i": paper.order_id,
    }  # fmt: skip


def algo_update(paper: Paper, now_ms: int, state: str = "") -> Event:
    """ALGO_UPDATE; `state` where it is another than the order's own."""
    order, triggered = paper.live, paper.order_id is not None
    told = {
        "caid": paper.client_id, "aid": paper.algo_id, "at": "CONDITIONAL", "o": paper.kind, "s": paper.symbol,
        "S": order.side, "ps": order.leg, "f": paper.time_in_force, "q": num(order.qty, 3),
        "X": state or algo_status(paper), "ai": str(paper.order_id) if triggered else "",
        "ap": num(paper.average, 5) if order.filled else "0", "aq": num(order.filled, 3) if order.filled else "0",
        "act": "MARKET" if triggered else "0", "tp": num(order.price), "p": "0", "V": "EXPIRE_MAKER",
        "wt": paper.working_type, "pm": "NONE", "cp": paper.close_position, "pP": False, "R": not order.opens,
        "tt": paper.triggered_ms, "gtd": 0, "rm": "",
    }  # fmt: skip
    return {"e": "ALGO_UPDATE", "E": now_ms, "T": now_ms, "o": told}


def account_update(
    money: Money, symbol: str, margin_type: str, reason: str, change: Decimal, now_ms: int, *, legs: bool
) -> Event:
    """ACCOUNT_UPDATE with the wallet and, where `legs`, both positions."""
    wallet = num(money.venue.wallet, 8)
    rows = [
        {
            "s": symbol, "pa": num(money.venue.held(leg) * (-1 if leg == "SHORT" else 1), 3),
            "ep": num(money.entry(leg), 5), "bep": num(money.entry(leg), 5), "cr": "0",
            "up": num(money.unrealised(leg), 8), "mt": "cross" if margin_type == "CROSSED" else "isolated",
            "iw": num(ZERO, 8), "ps": leg, "ma": ASSET,
        }
        for leg in LEGS
    ]  # fmt: skip
    balance = {"a": ASSET, "wb": wallet, "cw": wallet, "bc": num(change, 8)}
    told = {"m": reason, "B": [balance], "P": rows if legs else []}
    return {"e": "ACCOUNT_UPDATE", "E": now_ms, "T": now_ms, "a": told}


def listen_key_expired(key: str, now_ms: int) -> Event:
    """The user stream's last event."""
    return {"e": "listenKeyExpired", "E": now_ms, "listenKey": key}


def config_update(symbol: str, leverage: int, now_ms: int) -> Event:
    """ACCOUNT_CONFIG_UPDATE: another leverage."""
    told = {"s": symbol, "l": leverage}
    return {"e": "ACCOUNT_CONFIG_UPDATE", "E": now_ms, "T": now_ms, "ac": told}
