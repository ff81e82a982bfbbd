"""REST endpoints of the account: balances, positions, settings, user stream, income, permissions of the key."""

from collections.abc import Callable

from tests.venue.binance.asked import Asked, Json, Route, Security
from tests.venue.binance.errors import ApiError
from tests.venue.binance.exchange import Exchange
from tests.venue.binance.guard import Guard
from tests.venue.binance.listen_keys import ListenKeys
from tests.venue.binance.rest_market import Routes
from tests.venue.binance.shapes import num
from tests.venue.core import LEGS

OK = {"code": 200, "msg": "success"}
MOST_LEVERAGE = 125


class AccountRest:
    """What the key's owner may know and set; `close_key` ends the sockets of a listenKey."""

    def __init__(
        self, exchange: Exchange, guard: Guard, keys: ListenKeys, close_key: Callable[[str], None]
    ) -> None:  # fmt: skip
        self.exchange = exchange
        self.guard = guard
        self.keys = keys
        self.close_key = close_key
        self.multi_assets = False
        self.fee_tier = 0
        self.max_notional = "300000000"

    def routes(self) -> Routes:
        """What is served here."""
        key = Security.KEY
        get: dict[str, Route] = {
            "/fapi/v2/account": Route(self._account, weight=_five),
            "/fapi/v3/account": Route(self._account, weight=_five),
            "/fapi/v2/balance": Route(self._balance, weight=_five),
            "/fapi/v3/balance": Route(self._balance, weight=_five),
            "/fapi/v2/positionRisk": Route(self._older_positions, weight=_five),
            "/fapi/v3/positionRisk": Route(self._positions, weight=_five),
            "/fapi/v1/positionSide/dual": Route(self._is_dual, weight=lambda _: 30),
            "/fapi/v1/multiAssetsMargin": Route(self._is_multi, weight=lambda _: 30),
            "/fapi/v1/symbolConfig": Route(self._symbol_config, weight=_five),
            "/fapi/v1/accountConfig": Route(self._account_config, weight=_five),
            "/fapi/v1/commissionRate": Route(self._commission, weight=lambda _: 20),
            "/fapi/v1/apiTradingStatus": Route(lambda _: {"indicators": {}, "updateTime": self._now()}),
            "/fapi/v1/rateLimit/order": Route(self._order_limits),
            "/fapi/v1/income": Route(self._income, weight=lambda _: 30),
            "/sapi/v1/account/apiRestrictions": Route(self._restrictions),
        }
        rest: Routes = {
            ("POST", "/fapi/v1/positionSide/dual"): Route(self._set_dual, trades=True),
            ("POST", "/fapi/v1/multiAssetsMargin"): Route(self._set_multi, trades=True),
            ("POST", "/fapi/v1/leverage"): Route(self._set_leverage, trades=True),
            ("POST", "/fapi/v1/marginType"): Route(self._set_margin_type, trades=True),
            ("POST", "/fapi/v1/listenKey"): Route(lambda _: {"listenKey": self.keys.create()}, key),
            ("PUT", "/fapi/v1/listenKey"): Route(lambda _: {"listenKey": self.keys.renew()}, key),
            ("DELETE", "/fapi/v1/listenKey"): Route(self._close_key, key),
        }
        return {("GET", path): route for path, route in get.items()} | rest

    # -- balances and positions ------------------------------------------------------------------------------------

    def _account(self, asked: Asked) -> Json:
        money, now = self.exchange.money(), self._now()
        kind = self.exchange.margin_type
        rows = [money.position_row(self.exchange.symbol, leg, now, kind, older=False) for leg in LEGS]
        return {
            "feeTier": self.fee_tier, "feeBurn": True, "canTrade": self.guard.keys.can_trade, "canDeposit": True,
            "canWithdraw": True, "updateTime": 0, "multiAssetsMargin": self.multi_assets, "tradeGroupId": -1,
            "totalInitialMargin": num(money.margin, 8), "totalMaintMargin": num(money.maintenance, 8),
            "totalWalletBalance": num(money.venue.wallet, 8), "totalUnrealizedProfit": num(money.profit, 8),
            "totalMarginBalance": num(money.balance, 8), "totalCrossUnPnl": num(money.profit, 8),
            "totalPositionInitialMargin": num(money.margin - money.open_margin, 8),
            "totalOpenOrderInitialMargin": num(money.open_margin, 8),
            "totalCrossWalletBalance": num(money.venue.wallet, 8), "availableBalance": num(money.free, 8),
            "maxWithdrawAmount": num(money.free, 8), "assets": [money.asset_row(now)],
            "positions": [row for row in rows if row["positionAmt"] != "0.000"],
        }  # fmt: skip

    def _balance(self, _asked: Asked) -> Json:
        asset = self.exchange.money().asset_row(self._now())
        names = ("asset", "crossWalletBalance", "crossUnPnl", "availableBalance", "maxWithdrawAmount", "updateTime")
        row = {name: asset[name] for name in (*names, "marginAvailable")}
        return [row | {"accountAlias": "FzSgFzTi", "balance": asset["walletBalance"]}]

    def _older_positions(self, asked: Asked) -> Json:
        self._check_symbol(asked)
        sides = ("BOTH", *LEGS) if self.exchange.hedge_mode else ("BOTH",)
        return [self._position(side, older=True) for side in sides]

    def _positions(self, asked: Asked) -> Json:
        """v3 shows only what is held or has open orders."""
        self._check_symbol(asked)
        shown = {order.leg for order in self.exchange.book.open.values()}
        shown |= {leg for leg in LEGS if self.exchange.book.held(leg)}
        return [self._position(leg, older=False) for leg in LEGS if leg in shown]

    def _position(self, side: str, *, older: bool) -> dict[str, object]:
        kind = self.exchange.margin_type
        return self.exchange.money().position_row(self.exchange.symbol, side, self._now(), kind, older=older)

    def _income(self, asked: Asked) -> Json:
        kind, since = asked.get("incomeType"), asked.integer("startTime") or 0
        rows = [row for row in self.exchange.income if row["incomeType"] == (kind or row["incomeType"])]
        return [row for row in rows if row["time"] >= since][-(asked.integer("limit") or 100) :]

    # -- settings --------------------------------------------------------------------------------------------------

    def _is_dual(self, _asked: Asked) -> Json:
        return {"dualSidePosition": self.exchange.hedge_mode}

    def _set_dual(self, asked: Asked) -> Json:
        wanted = asked.need("dualSidePosition").lower() == "true"
        if wanted is self.exchange.hedge_mode:
            raise ApiError(-4059)
        if self.exchange.book.open or any(self.exchange.book.held(leg) for leg in LEGS):
            raise ApiError(-4068)
        self.exchange.hedge_mode = wanted
        return OK

    def _is_multi(self, _asked: Asked) -> Json:
        return {"multiAssetsMargin": self.multi_assets}

    def _set_multi(self, asked: Asked) -> Json:
        self.multi_assets = asked.need("multiAssetsMargin").lower() == "true"
        return OK

    def _set_leverage(self, asked: Asked) -> Json:
        self._check_symbol(asked)
        leverage = asked.integer("leverage") or 0
        if not 1 <= leverage <= MOST_LEVERAGE:
            raise ApiError(-4028)
        self.exchange.set_leverage(leverage)
        return {"leverage": leverage, "maxNotionalValue": self.max_notional, "symbol": self.exchange.symbol}

    def _set_margin_type(self, asked: Asked) -> Json:
        wanted = asked.need("marginType")
        if wanted == self.exchange.margin_type:
            raise ApiError(-4046)
        if self.exchange.book.open:
            raise ApiError(-4047)
        self.exchange.margin_type = wanted
        return OK

    def _symbol_config(self, asked: Asked) -> Json:
        self._check_symbol(asked)
        leverage = int(self.exchange.book.filters.leverage)
        row: dict[str, object] = {"symbol": self.exchange.symbol, "marginType": self.exchange.margin_type}
        row |= {"isAutoAddMargin": False, "leverage": leverage, "maxNotionalValue": self.max_notional}
        return [row]

    def _account_config(self, _asked: Asked) -> Json:
        return {
            "feeTier": self.fee_tier, "canTrade": self.guard.keys.can_trade, "canDeposit": True, "canWithdraw": True,
            "dualSidePosition": self.exchange.hedge_mode, "updateTime": 0, "multiAssetsMargin": self.multi_assets,
            "tradeGroupId": -1,
        }  # fmt: skip

    def _commission(self, asked: Asked) -> Json:
        self._check_symbol(asked)
        filters = self.exchange.book.filters
        rates = {"makerCommissionRate": num(filters.maker_fee, 6), "takerCommissionRate": num(filters.taker_fee, 6)}
        return {"symbol": self.exchange.symbol, **rates, "rpiCommissionRate": "0.000050"}

    def _order_limits(self, _asked: Asked) -> Json:
        row = {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": self.guard.orders_limit}
        return [row]

    def _restrictions(self, _asked: Asked) -> Json:
        keys = self.guard.keys
        return {
            "ipRestrict": keys.ip_restricted, "createTime": 1_600_000_000_000, "enableReading": True,
            "enableWithdrawals": keys.can_withdraw, "enableInternalTransfer": False, "enableMargin": False,
            "enableFutures": keys.can_trade, "permitsUniversalTransfer": False, "enableVanillaOptions": False,
            "enableFixApiTrade": False, "enableFixReadOnly": False, "enableSpotAndMarginTrading": False,
            "enablePortfolioMarginTrading": False,
        }  # fmt: skip

    def _close_key(self, _asked: Asked) -> Json:
        key = self.keys.close()
        if key is None:
            raise ApiError(-1125)
        self.close_key(key)
        return {}

    def _check_symbol(self, asked: Asked) -> None:
        if asked.get("symbol") not in (None, self.exchange.symbol):
            raise ApiError(-1121)

    def _now(self) -> int:
        return self.exchange.now_ms()


def _five(_asked: Asked) -> int:
    return 5
