"""REST endpoints of orders, plain and conditional, and of trades."""

import json
from collections.abc import Callable

from tests.venue.binance import shapes
from tests.venue.binance.asked import Asked, Json, Route
from tests.venue.binance.book import CONDITIONAL
from tests.venue.binance.errors import ApiError
from tests.venue.binance.exchange import Exchange
from tests.venue.binance.papers import Paper
from tests.venue.binance.rest_market import Routes
from tests.venue.core import LEGS, Request

LEGACY_CONDITIONAL = (*CONDITIONAL, "STOP", "TAKE_PROFIT", "TRAILING_STOP_MARKET")
ALL_GONE = {"code": 200, "msg": "The operation of cancel all open order is done."}


class OrderRest:
    """Orders of the account; `countdown` takes the ms after which everything is to be cancelled, 0 for never."""

    def __init__(self, exchange: Exchange, countdown: Callable[[int], None]) -> None:
        self.exchange = exchange
        self.countdown = countdown

    def routes(self) -> Routes:
        """What is served here."""

        def per_symbol(asked: Asked) -> int:
            return 1 if asked.get("symbol") else 40

        return {
            ("POST", "/fapi/v1/order"): Route(self._place, weight=lambda _: 0, orders=1, trades=True),
            ("GET", "/fapi/v1/order"): Route(self._query),
            ("PUT", "/fapi/v1/order"): Route(self._amend, orders=1, trades=True),
            ("DELETE", "/fapi/v1/order"): Route(self._cancel, trades=True),
            ("DELETE", "/fapi/v1/batchOrders"): Route(self._cancel_batch, trades=True),
            ("DELETE", "/fapi/v1/allOpenOrders"): Route(self._cancel_all, trades=True),
            ("GET", "/fapi/v1/openOrder"): Route(self._query_open),
            ("GET", "/fapi/v1/openOrders"): Route(self._open, weight=per_symbol),
            ("GET", "/fapi/v1/allOrders"): Route(self._all, weight=lambda _: 5),
            ("GET", "/fapi/v1/userTrades"): Route(self._trades, weight=lambda _: 5),
            ("POST", "/fapi/v1/algoOrder"): Route(self._place_algo, weight=lambda _: 0, orders=1, trades=True),
            ("GET", "/fapi/v1/algoOrder"): Route(self._query_algo),
            ("DELETE", "/fapi/v1/algoOrder"): Route(self._cancel_algo, trades=True),
            ("DELETE", "/fapi/v1/algoOpenOrders"): Route(self._cancel_all_algos, trades=True),
            ("GET", "/fapi/v1/openAlgoOrders"): Route(self._open_algos, weight=per_symbol),
            ("GET", "/fapi/v1/allAlgoOrders"): Route(self._all_algos, weight=lambda _: 5),
            ("POST", "/fapi/v1/countdownCancelAll"): Route(self._count_down, weight=lambda _: 10, trades=True),
        }

    # -- plain orders ----------------------------------------------------------------------------------------------

    def _place(self, asked: Asked) -> Json:
        kind = asked.need("type")
        if kind in LEGACY_CONDITIONAL:
            raise ApiError(-4120)
        if kind not in ("LIMIT", "MARKET"):
            raise ApiError(-1116)
        time_in_force = asked.need("timeInForce") if kind == "LIMIT" else "GTC"
        price = asked.decimal("price") if kind == "LIMIT" else None
        core_kind = "GTX" if time_in_force == "GTX" else kind
        client_id = asked.get("newClientOrderId") or self.exchange.new_id("fake_")
        side, leg = self._sides(asked)
        request = Request(client_id, side, leg, core_kind, asked.decimal("quantity"), price)
        paper = self.exchange.place(request, time_in_force)
        if time_in_force in ("IOC", "FOK") and paper.live.is_open:
            self.exchange.book.expire(client_id)
        return shapes.order_row(paper)

    def _query(self, asked: Asked) -> Json:
        return shapes.order_row(self._known(self._find(asked)))

    def _query_open(self, asked: Asked) -> Json:
        paper = self._known(self._find(asked))
        if not paper.live.is_open:
            raise ApiError(-2013)
        return shapes.order_row(paper)

    def _amend(self, asked: Asked) -> Json:
        paper = self._find(asked)
        return shapes.order_row(self.exchange.amend(paper, asked.decimal("quantity"), asked.decimal("price")))

    def _cancel(self, asked: Asked) -> Json:
        self._check_symbol(asked)
        return shapes.order_row(self.exchange.cancel(self._find(asked), algo=False))

    def _cancel_batch(self, asked: Asked) -> Json:
        """Each order's own answer, in the order in which they were asked."""
        archive, rows = self.exchange.archive, []
        numbers = json.loads(asked.get("orderIdList") or "[]")
        names = json.loads(asked.get("origClientOrderIdList") or "[]")
        papers = [archive.by_order(number, None) for number in numbers]
        for paper in papers or [archive.by_order(None, name) for name in names]:
            try:
                rows.append(shapes.order_row(self.exchange.cancel(paper, algo=False)))
            except ApiError as error:
                rows.append(error.body)
        return rows

    def _cancel_all(self, asked: Asked) -> Json:
        self._check_symbol(asked, needed=True)
        self.exchange.cancel_all(algos=False)
        return ALL_GONE

    def _open(self, asked: Asked) -> Json:
        self._check_symbol(asked)
        return [shapes.order_row(paper) for paper in self.exchange.open_papers() if not paper.waits]

    def _all(self, asked: Asked) -> Json:
        self._check_symbol(asked, needed=True)
        papers = [paper for paper in self.exchange.archive.papers.values() if not paper.waits]
        since, first = asked.integer("startTime") or 0, asked.integer("orderId") or 0
        rows = [shapes.order_row(paper) for paper in papers if paper.created_ms >= since]
        return [row for row in rows if row["orderId"] >= first][-(asked.integer("limit") or 500) :]

    def _trades(self, asked: Asked) -> Json:
        self._check_symbol(asked, needed=True)
        rows = [shapes.trade_row(deal) for deal in self.exchange.archive.deals]
        for name, low in (("time", "startTime"), ("id", "fromId")):
            rows = [row for row in rows if row[name] >= (asked.integer(low) or 0)]
        end, order = asked.integer("endTime"), asked.integer("orderId")
        rows = [row for row in rows if end is None or row["time"] <= end]
        rows = [row for row in rows if order is None or row["orderId"] == order]
        limit = asked.integer("limit") or 500
        return rows[:limit] if asked.get("fromId") else rows[-limit:]

    # -- conditional orders ----------------------------------------------------------------------------------------

    def _place_algo(self, asked: Asked) -> Json:
        kind = asked.need("type")
        if asked.need("algoType") != "CONDITIONAL" or kind not in CONDITIONAL:
            raise ApiError(-1116)
        close = asked.flag("closePosition")
        if close and asked.get("quantity"):
            raise ApiError(-1106, "Parameter 'quantity' sent when not required.")
        qty = self.exchange.book.filters.max_qty if close else asked.decimal("quantity")
        client_id = asked.get("clientAlgoId") or self.exchange.new_id("fake_")
        side, leg = self._sides(asked)
        request = Request(client_id, side, leg, kind, qty, asked.decimal("triggerPrice"))
        working = asked.get("workingType") or "CONTRACT_PRICE"
        words = {"working_type": working, "close_position": close}
        return shapes.algo_row(self.exchange.place(request, asked.get("timeInForce") or "GTC", **words))

    def _query_algo(self, asked: Asked) -> Json:
        return shapes.algo_row(self._known(self._find_algo(asked)))

    def _cancel_algo(self, asked: Asked) -> Json:
        paper = self.exchange.cancel(self._find_algo(asked), algo=True)
        return {"algoId": paper.algo_id, "clientAlgoId": paper.client_id, "code": "200", "msg": "success"}

    def _cancel_all_algos(self, asked: Asked) -> Json:
        self._check_symbol(asked, needed=True)
        self.exchange.cancel_all(algos=True)
        return ALL_GONE

    def _open_algos(self, asked: Asked) -> Json:
        self._check_symbol(asked)
        return [shapes.algo_row(paper) for paper in self.exchange.open_papers() if paper.waits]

    def _all_algos(self, asked: Asked) -> Json:
        self._check_symbol(asked, needed=True)
        return [shapes.algo_row(paper) for paper in self.exchange.archive.papers.values() if paper.is_algo]

    def _count_down(self, asked: Asked) -> Json:
        self._check_symbol(asked, needed=True)
        wait = int(asked.decimal("countdownTime"))
        self.countdown(wait)
        return {"symbol": self.exchange.symbol, "countdownTime": str(wait)}

    # -- inside ----------------------------------------------------------------------------------------------------

    def _sides(self, asked: Asked) -> tuple[str, str]:
        """Side and leg of a new order."""
        self._check_symbol(asked, needed=True)
        leg = asked.get("positionSide") or "BOTH"
        if leg not in LEGS or not self.exchange.hedge_mode:
            raise ApiError(-4061)
        if asked.get("reduceOnly") is not None:
            raise ApiError(-1106)
        return asked.need("side"), leg

    def _find(self, asked: Asked) -> Paper | None:
        number, client_id = asked.integer("orderId"), asked.get("origClientOrderId")
        if number is None and client_id is None:
            raise ApiError(-1102, "Param 'origClientOrderId' or 'orderId' must be sent.")
        return self.exchange.archive.by_order(number, client_id)

    def _find_algo(self, asked: Asked) -> Paper | None:
        number, client_id = asked.integer("algoId"), asked.get("clientAlgoId")
        if number is None and client_id is None:
            raise ApiError(-1102, "Param 'algoId' or 'clientAlgoId' must be sent.")
        return self.exchange.archive.by_algo(number, client_id)

    def _known(self, paper: Paper | None) -> Paper:
        if paper is None:
            raise ApiError(-2013)
        return paper

    def _check_symbol(self, asked: Asked, *, needed: bool = False) -> None:
        symbol = asked.need("symbol") if needed else asked.get("symbol")
        if symbol not in (None, self.exchange.symbol):
            raise ApiError(-1121)
