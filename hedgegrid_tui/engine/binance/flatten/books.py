"""Brings the journal's books to the venue's word after a flatten without a node: how orders ended, and every fill."""

import asyncio
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from hedgegrid_tui.engine.binance.flatten.look import Found
from hedgegrid_tui.engine.binance.flatten.record import OwnOrder, Record, Trade
from hedgegrid_tui.engine.binance.rest.client import BinanceRest, LimitedError, RestError, VenueError
from hedgegrid_tui.engine.binance.rest.errors import clean
from hedgegrid_tui.engine.binance.rest.records import LEGS, SIDES
from hedgegrid_tui.engine.binance.rest.rows import MalformedError, Row, items, row_of
from strategy.domain import NS_PER_MS, ZERO, Leg, Role, plain
from strategy.order_ids import parse_id

TRADES: Final = "/fapi/v1/userTrades"
PAGE: Final = 1000
"""Trades that one answer holds at most."""
PAGES: Final = 5
LONGEST_MS: Final = (7 * 24 - 1) * 3_600_000
"""The venue tells of no more than seven days at once; an hour is left for clocks."""
AT_ONCE: Final = 5
MOST_ASKED: Final = 200
"""Orders that are asked about one by one."""
BOUND_S: Final = 20.0
"""What has not been asked by then is booked from what is known."""
ENDINGS: Final = {"CANCELED": "canceled", "EXPIRED": "expired", "EXPIRED_IN_MATCH": "expired", "REJECTED": "rejected"}


class Books:
    """Settles one journal; `numbers` are our ids by the venue's numbers, `executed` what our orders have filled."""

    def __init__(
        self, rest: BinanceRest, symbol: str, quote: str, record: Record,
        numbers: dict[str, str], executed: dict[str, Decimal],
    ) -> None:  # fmt: skip
        self._rest = rest
        self._symbol = symbol
        self._quote = quote
        self._record = record
        self._numbers = numbers
        self._executed = executed
        self._endings: dict[str, str] = {}

    async def settle(self, first: Found, found: Found, legs: Iterable[Leg], since_ns: int, now_ns: int) -> str:
        """Write how orders ended and what they filled; gives what could not be asked, empty where all could.

        Those of `legs` that hold nothing are squared: what others did there is booked by their trades. `first` is what
        was there before, `found` what is there now, `since_ns` when the journal's knowledge ends.
        """
        trades: list[Trade] = []
        problem = ""
        try:
            async with asyncio.timeout(BOUND_S):
                await self._ask_about_orders(found)
                trades = await self._trades(since_ns, now_ns)
                await self._name(trades)
        except TimeoutError:
            problem = f"not told within {BOUND_S:.0f} s"
        except RestError as error:
            problem = error.words
        if problem:
            self._record.error("untold", f"the venue did not tell all that was asked of it: {problem}")
        others = self._book(trades)
        self._end_orders(found)
        if self._record.keeps_books:
            for leg in (leg for leg in legs if not found.qty(leg)):
                before = first.positions[leg]
                self._record.square(leg, ZERO, others, before.entry, before.mark)
        return problem

    # -- what is asked -------------------------------------------------------------------------------------------------

    async def _ask_about_orders(self, found: Found) -> None:
        """How each of our orders ended that the journal has open and the venue has not."""
        standing = {order.client_id for order in found.orders}
        gone = [order for order in self._record.open.values() if order.id not in standing][:MOST_ASKED]
        for start in range(0, len(gone), AT_ONCE):
            await asyncio.gather(*map(self._ask_about, gone[start : start + AT_ONCE]))

    async def _ask_about(self, order: OwnOrder) -> None:
        """Plain orders and conditional ones have different addresses; a stop that has triggered is at both."""
        if order.told.key.role is Role.SL:
            row = await self._row("/fapi/v1/algoOrder", clientAlgoId=order.id)
            if row is not None:
                self._endings[order.id] = ENDINGS.get(row.text("algoStatus"), "")
                if row.cells.get("actualOrderId") in (None, ""):
                    return
                actual = str(row.integer("actualOrderId"))
                self._numbers[actual] = order.id
                self._take(order.id, await self._row("/fapi/v1/order", orderId=actual))
                return
        self._take(order.id, await self._row("/fapi/v1/order", origClientOrderId=order.id))

    async def _row(self, path: str, **params: str) -> Row | None:
        """One order; None where the venue does not know it."""
        try:
            return row_of(path, await self._rest.signed("GET", path, urgent=False, symbol=self._symbol, **params))
        except LimitedError:
            raise
        except VenueError:
            return None

    def _take(self, order_id: str, row: Row | None) -> None:
        if row is None:
            return
        number, executed, status = row.integer("orderId"), row.decimal("executedQty"), row.text("status")
        self._numbers[str(number)] = order_id
        self._executed[order_id] = executed
        self._endings[order_id] = ENDINGS.get(status, "")

    async def _trades(self, since_ns: int, now_ns: int) -> list[Trade]:
        """Every trade since then, the earliest first."""
        start = max(since_ns, now_ns - LONGEST_MS * NS_PER_MS) // NS_PER_MS
        found: dict[str, Trade] = {}
        for _ in range(PAGES):
            told = await self._rest.signed("GET", TRADES, symbol=self._symbol, startTime=start, limit=PAGE)
            rows = items(TRADES, told)
            found |= {str(row.integer("id")): self._trade(row) for row in rows if row.text("positionSide") in LEGS}
            if len(rows) < PAGE:
                break
            start = rows[-1].integer("time")
        return sorted(found.values(), key=lambda trade: (trade.ts, int(trade.id)))

    def _trade(self, row: Row) -> Trade:
        trade_id, fee, asset = str(row.integer("id")), row.decimal("commission"), row.text("commissionAsset")
        qty = row.decimal("qty")
        if qty <= 0:
            raise MalformedError(TRADES, f"trade {trade_id} of {plain(qty)}")
        if fee and asset != self._quote:
            self._record.error("fee", f"trade {trade_id}: {plain(fee)} {clean(asset)} is not in its fees")
            fee = ZERO
        return Trade(
            id=trade_id,
            order=str(row.integer("orderId")),
            leg=row.choice("positionSide", LEGS),
            side=row.choice("side", SIDES),
            price=row.decimal("price"),
            qty=qty,
            fee=fee,
            maker=row.flag("maker"),
            ts=row.integer("time") * NS_PER_MS,
        )

    async def _name(self, trades: Iterable[Trade]) -> None:
        """Find out whose the trades are that neither the journal nor an answer has named."""
        new = {trade.order for trade in trades if not self._record.has_trade(trade.id)}
        unknown = {number for number in new if self._numbers.get(number) not in self._executed}
        numbers = sorted(unknown)[:MOST_ASKED]
        for start in range(0, len(numbers), AT_ONCE):
            await asyncio.gather(*map(self._name_one, numbers[start : start + AT_ONCE]))

    async def _name_one(self, number: str) -> None:
        row = await self._row("/fapi/v1/order", orderId=number)
        if row is not None:
            self._take(row.text("clientOrderId"), row)

    # -- what is written -----------------------------------------------------------------------------------------------

    def _book(self, trades: Iterable[Trade]) -> list[Trade]:
        """Book those of our orders; gives the others'."""
        others = []
        for trade in trades:
            if self._record.has_trade(trade.id):
                continue
            order_id = self._numbers.get(trade.order, "")
            told = parse_id(order_id)
            if told is None or not self._record.knows(told, order_id):
                others.append(trade)
            else:
                self._record.own_fill(order_id, told, trade, self._executed.get(order_id))
        return others

    def _end_orders(self, found: Found) -> None:
        """Nothing stays open in the journal that is not open at the venue."""
        standing = {order.client_id for order in found.orders}
        for order in tuple(self._record.open.values()):
            if order.id not in standing:
                event = self._endings.get(order.id) or "canceled"
                self._record.order(order, event, "not open at the venue")
