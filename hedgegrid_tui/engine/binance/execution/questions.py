"""What the execution client asks the venue: one order, all open ones, trades; an answer is clear or it is none."""

import json
from typing import Any, Final

import msgspec
from nautilus_trader.adapters.binance.http.error import BinanceClientError
from nautilus_trader.core.nautilus_pyo3 import HttpMethod

from hedgegrid_tui.engine.binance.execution.http import VenueHttp
from hedgegrid_tui.engine.binance.execution.rows import (
    EXPIRED,
    OPEN,
    OrderRow,
    TradeRow,
    algo_of_row,
    order_of_row,
    trade_of_row,
)
from hedgegrid_tui.engine.binance.rest.errors import UnclearError

PLAIN: Final = "/fapi/v1/order"
ALGO: Final = "/fapi/v1/algoOrder"
TRADES: Final = "/fapi/v1/userTrades"
MOST_TRADES: Final = 1000
"""In one answer."""
MOST_PAGES: Final = 20


class Found(msgspec.Struct, frozen=True):
    """What became of an order."""

    order: OrderRow
    trades: tuple[TradeRow, ...]
    complete: bool = True
    """Whether the trades are all that the order's filled quantity speaks of."""


class Questions:
    """Signed reads; each raises `UnclearError` or `LimitedError` where it was not answered."""

    def __init__(self, http: VenueHttp, recv_window_ms: int) -> None:
        self._http = http
        self._recv_window_ms = recv_window_ms

    async def look_up(self, symbol: str, client_id: str, *, algo: bool) -> Found | None:
        """An order with its trades; None where the venue says clearly that it has none of that id.

        A conditional order is asked for as one first (`algo`), the other way round else: after a restart, one that has
        triggered is known as the plain order that it became.
        """
        waiting = await self._algo(client_id) if algo else None
        plain = None
        if waiting is None or waiting.triggered:
            number = None if waiting is None else waiting.venue_id
            plain = await self._plain(symbol, client_id, number)
        if plain is None and waiting is None and not algo:
            waiting = await self._algo(client_id)
            if waiting is not None and waiting.triggered:
                plain = await self._plain(symbol, client_id, waiting.venue_id)
        if plain is None:
            return None if waiting is None else self._waiting(waiting)
        trades = await self.trades_of(symbol, plain.venue_id) if plain.filled else ()
        complete = sum(trade.qty for trade in trades) >= plain.filled
        triggered = waiting is not None
        return Found(msgspec.structs.replace(plain, client_id=client_id, triggered=triggered), trades, complete)

    def _waiting(self, order: OrderRow) -> Found:
        if order.triggered or order.status not in OPEN | EXPIRED | {"CANCELED", "REJECTED"}:
            raise UnclearError(ALGO, f"{order.status}, and the order that it became is not shown")
        return Found(order, ())

    async def open_orders(self, symbol: str) -> dict[str, OrderRow]:
        """Every open order by its client id, conditional ones among them."""
        rows = await self._get("/fapi/v1/openOrders", symbol=symbol)
        algos = await self._get("/fapi/v1/openAlgoOrders", symbol=symbol)
        orders = [algo_of_row(row) for row in algos] + [order_of_row(row) for row in rows]
        return {order.client_id: order for order in orders}

    async def order_of(self, symbol: str, order_id: str) -> OrderRow | None:
        """The plain order of a number."""
        return await self._plain(symbol, "", order_id)

    async def trades_of(self, symbol: str, order_id: str) -> tuple[TradeRow, ...]:
        """Every trade of one order."""
        rows = await self._get(TRADES, symbol=symbol, orderId=order_id, limit=MOST_TRADES)
        return tuple(trade_of_row(row) for row in rows)

    async def trades_since(self, symbol: str, since_ms: int) -> list[TradeRow]:
        """Every trade of the account since then, oldest first."""
        trades: dict[str, TradeRow] = {}
        params: dict[str, Any] = {"startTime": since_ms}
        for _ in range(MOST_PAGES):
            rows = await self._get(TRADES, symbol=symbol, limit=MOST_TRADES, **params)
            trades |= {trade.id: trade for trade in map(trade_of_row, rows)}
            if len(rows) < MOST_TRADES:
                break
            params = {"fromId": max(int(row["id"]) for row in rows) + 1}
        return sorted(trades.values(), key=lambda trade: int(trade.id))

    async def _plain(self, symbol: str, client_id: str, order_id: str | None) -> OrderRow | None:
        by: dict[str, Any] = {"orderId": order_id} if order_id else {"origClientOrderId": client_id}
        row = await self._find(PLAIN, symbol=symbol, **by)
        return None if row is None else order_of_row(row)

    async def _algo(self, client_id: str) -> OrderRow | None:
        row = await self._find(ALGO, clientAlgoId=client_id)
        return None if row is None else algo_of_row(row)

    async def _find(self, path: str, **params: Any) -> Any:  # noqa: ANN401
        try:
            return await self._get(path, **params)
        except BinanceClientError:  # of a question, this says that there is no such order
            return None

    async def _get(self, path: str, **params: Any) -> Any:  # noqa: ANN401
        stamp = self._http._clock.timestamp_ms()  # noqa: SLF001 - Nautilus keeps it there
        told = {name: str(value) for name, value in params.items()}
        told |= {"recvWindow": str(self._recv_window_ms), "timestamp": str(stamp)}
        return json.loads(await self._http.sign_request(HttpMethod.GET, path, told))
