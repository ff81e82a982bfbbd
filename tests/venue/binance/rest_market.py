"""REST endpoints that anybody may ask."""

from tests.venue.binance.asked import Asked, Json, Route, Security
from tests.venue.binance.errors import ApiError
from tests.venue.binance.exchange import Exchange
from tests.venue.binance.guard import Guard
from tests.venue.binance.info import exchange_info, limits
from tests.venue.binance.market import Market

type Routes = dict[tuple[str, str], Route]
DEFAULT_KLINES = 500


class MarketRest:
    """Time, filters, bars, prices and funding."""

    def __init__(self, market: Market, exchange: Exchange, guard: Guard) -> None:
        self.market = market
        self.exchange = exchange
        self.guard = guard
        self.symbol_status = "TRADING"

    def routes(self) -> Routes:
        """What is served here."""
        public = {
            "/fapi/v1/ping": Route(lambda _: {}, Security.NONE),
            "/fapi/v1/time": Route(lambda _: {"serverTime": self.market.now_ms()}, Security.NONE),
            "/fapi/v1/exchangeInfo": Route(self._info, Security.NONE),
            "/fapi/v1/klines": Route(self._klines, Security.NONE, _klines_weight),
            "/fapi/v1/premiumIndex": Route(self._premium, Security.NONE, lambda a: 1 if a.get("symbol") else 10),
            "/fapi/v1/fundingInfo": Route(lambda _: self.market.funding_info(), Security.NONE, lambda _: 0),
            "/fapi/v1/fundingRate": Route(self._funding_rates, Security.NONE, lambda _: 0),
            "/fapi/v1/depth": Route(self._depth, Security.NONE, _depth_weight),
            "/fapi/v1/ticker/bookTicker": Route(self._ticker, Security.NONE, lambda a: 2 if a.get("symbol") else 5),
        }
        return {("GET", path): route for path, route in public.items()}

    def _info(self, _asked: Asked) -> Json:
        guard, filters = self.guard, self.exchange.book.filters
        told = limits(guard.weight_limit, filters.orders_per_window, guard.orders_limit)
        return exchange_info(self.market.symbol, filters, told, self.market.now_ms(), self.symbol_status)

    def _klines(self, asked: Asked) -> Json:
        self._check_symbol(asked)
        if asked.need("interval") != "1m":
            raise ApiError(-1120, "Invalid interval: the fake serves 1m only.")
        limit = asked.integer("limit") or DEFAULT_KLINES
        return self.market.candles.rows(
            asked.integer("startTime"), asked.integer("endTime"), limit, self.market.now_ms()
        )  # fmt: skip

    def _premium(self, asked: Asked) -> Json:
        return self._one_or_all(asked, self.market.premium_index())

    def _ticker(self, asked: Asked) -> Json:
        return self._one_or_all(asked, self.market.book_ticker())

    def _funding_rates(self, asked: Asked) -> Json:
        return list(self.market.funding_rates(min(asked.integer("limit") or 100, 1_000)))

    def _depth(self, asked: Asked) -> Json:
        self._check_symbol(asked)
        return self.market.depth()

    def _one_or_all(self, asked: Asked, row: dict[str, object]) -> Json:
        if asked.get("symbol") is None:
            return [row]
        self._check_symbol(asked)
        return row

    def _check_symbol(self, asked: Asked) -> None:
        if asked.need("symbol") != self.market.symbol:
            raise ApiError(-1121)


def _klines_weight(asked: Asked) -> int:
    limit = asked.integer("limit") or DEFAULT_KLINES
    return next((weight for below, weight in ((100, 1), (500, 2), (1_001, 5)) if limit < below), 10)


def _depth_weight(asked: Asked) -> int:
    limit = asked.integer("limit") or DEFAULT_KLINES
    return next((weight for most, weight in ((50, 2), (100, 5), (500, 10)) if limit <= most), 20)
