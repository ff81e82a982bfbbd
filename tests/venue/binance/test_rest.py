"""REST of the fake: who may ask, what it costs, and what the market and the account look like."""

import time
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from hedgegrid_tui.engine.markets.klines import KlineHistory
from tests.venue.binance.asker import Asker
from tests.venue.binance.candles import MINUTE_MS
from tests.venue.binance.guard import Keys
from tests.venue.binance.server import FakeBinance

pytestmark = pytest.mark.timeout(30)

PUBLIC = (
    "ping", "time", "exchangeInfo", "premiumIndex", "fundingInfo", "fundingRate", "ticker/bookTicker",
)  # fmt: skip
PRIVATE = (
    "/fapi/v2/account", "/fapi/v3/account", "/fapi/v2/balance", "/fapi/v2/positionRisk", "/fapi/v3/positionRisk",
    "/fapi/v1/positionSide/dual", "/fapi/v1/multiAssetsMargin", "/fapi/v1/symbolConfig", "/fapi/v1/accountConfig",
    "/fapi/v1/commissionRate?symbol=BTCUSDT", "/fapi/v1/apiTradingStatus", "/fapi/v1/openOrders",
    "/fapi/v1/openAlgoOrders", "/fapi/v1/income", "/sapi/v1/account/apiRestrictions",
)  # fmt: skip


@pytest.mark.parametrize("path", PUBLIC)
async def test_the_market_is_shown_without_a_key(ask: Asker, path: str) -> None:
    assert (await ask.public(f"/fapi/v1/{path}")).status == 200


@pytest.mark.parametrize("path", PRIVATE)
async def test_the_account_is_shown_to_its_owner_only(ask: Asker, venue: FakeBinance, path: str) -> None:
    path, _, query = path.partition("?")
    params = dict(part.split("=") for part in query.split("&") if part)
    assert (await ask.signed("GET", path, **params)).status == 200
    refused = await ask.public(path, **params)
    assert (refused.status, refused.code) == (401, -2014)


async def test_a_wrong_key_signature_or_clock_is_refused(ask: Asker, venue: FakeBinance) -> None:
    right = Keys()
    for keys, code in ((Keys(key="other"), -2015), (Keys(secret="other"), -1022)):
        venue.keys = keys
        assert (await ask.signed("GET", "/fapi/v2/account")).code == code
    venue.keys = right
    for skew, code in ((-6_000, -1021), (2_000, -1021), (-4_000, 0), (500, 0)):
        ask.skew_ms = skew
        assert (await ask.signed("GET", "/fapi/v2/account")).code == code


async def test_a_skewed_venue_tells_its_own_time_and_refuses_ours(ask: Asker, venue: FakeBinance) -> None:
    venue.skew_ms = 60_000
    told = (await ask.public("/fapi/v1/time")).json["serverTime"]
    assert 59_000 < told - time.time() * 1_000 < 61_000
    assert (await ask.signed("GET", "/fapi/v2/account")).code == -1021
    ask.skew_ms = 60_000
    assert (await ask.signed("GET", "/fapi/v2/account")).status == 200


async def test_a_key_without_permission_reads_and_does_not_trade(ask: Asker, venue: FakeBinance) -> None:
    venue.keys.can_trade = False
    assert (await ask.signed("GET", "/fapi/v2/account")).json["canTrade"] is False
    assert (await ask.order("BUY", "LONG")).code == -2015
    venue.keys.can_withdraw = True
    told = (await ask.signed("GET", "/sapi/v1/account/apiRestrictions")).json
    assert (told["enableFutures"], told["enableWithdrawals"]) == (False, True)


async def test_weights_and_orders_are_counted_in_the_headers(ask: Asker) -> None:
    assert (await ask.signed("GET", "/fapi/v2/account")).headers["X-MBX-USED-WEIGHT-1M"] == "5"
    assert (await ask.signed("GET", "/fapi/v1/openOrders")).headers["X-MBX-USED-WEIGHT-1M"] == "45"
    reply = await ask.order("BUY", "LONG")
    assert reply.headers["X-MBX-ORDER-COUNT-10S"] == reply.headers["X-MBX-ORDER-COUNT-1M"] == "1"
    assert reply.headers["X-MBX-USED-WEIGHT-1M"] == "45"


async def test_too_much_is_429_and_going_on_is_418(ask: Asker, venue: FakeBinance) -> None:
    venue.guard.weight_limit = 9
    statuses = [(await ask.signed("GET", "/fapi/v2/account")).status for _ in range(4)]
    assert statuses == [200, 429, 418, 418]
    refused = await ask.public("/fapi/v1/ping")
    assert (refused.status, refused.code) == (418, -1003)
    assert 110 < int(refused.headers["Retry-After"]) <= 120
    for later, status in ((70_000, 418), (130_000, 200)):
        venue.skew_ms = later
        assert (await ask.public("/fapi/v1/ping")).status == status


async def test_more_orders_than_a_minute_allows_are_refused(ask: Asker, venue: FakeBinance) -> None:
    venue.guard.orders_limit = 2
    replies = [await ask.order("BUY", "LONG") for _ in range(3)]
    assert [(reply.status, reply.code) for reply in replies] == [(200, 0), (200, 0), (429, -1015)]
    assert venue.held("LONG") == Decimal("0.008")


async def test_klines_begin_no_earlier_than_asked_and_hang_together(ask: Asker, venue: FakeBinance) -> None:
    now = venue.now_ms()
    start = now - 30 * MINUTE_MS + 1
    rows = (await ask.public("/fapi/v1/klines", symbol="BTCUSDT", interval="1m", startTime=start, limit=1500)).json
    assert all(start <= row[0] <= now for row in rows)
    assert len(rows) == 30
    assert {later[0] - earlier[0] for earlier, later in pairwise(rows)} == {MINUTE_MS}
    assert all(Decimal(row[3]) < Decimal(row[2]) for row in rows[:-1])
    beyond = await ask.public("/fapi/v1/klines", symbol="BTCUSDT", interval="1m", startTime=now + MINUTE_MS)
    assert beyond.json == []


async def test_the_products_own_warm_up_reads_the_klines(venue: FakeBinance) -> None:
    bars = await KlineHistory(venue.url, "BTCUSDT").fetch(240, time.time_ns())
    assert len(bars) == 240


async def test_filters_that_change_under_way_are_told_and_applied(ask: Asker, venue: FakeBinance) -> None:
    async def tick() -> Any:
        symbol = (await ask.public("/fapi/v1/exchangeInfo")).json["symbols"][0]
        return next(row["tickSize"] for row in symbol["filters"] if row["filterType"] == "PRICE_FILTER")

    assert await tick() == "0.10"
    assert (await ask.order("BUY", "LONG", "LIMIT", price="59900.10")).status == 200
    venue.change_filters(tick=Decimal("0.50"))
    assert await tick() == "0.50"
    assert (await ask.order("BUY", "LONG", "LIMIT", price="59900.10")).code == -4014


async def test_settings_change_and_refuse_as_binance_does(ask: Asker, venue: FakeBinance) -> None:
    async def set_dual(word: str) -> int:
        return (await ask.signed("POST", "/fapi/v1/positionSide/dual", dualSidePosition=word)).code

    assert await set_dual("true") == -4059
    assert (await ask.signed("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="CROSSED")).code == -4046
    assert (await ask.signed("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=200)).code == -4028
    assert (await ask.signed("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=5)).json["leverage"] == 5
    assert (await ask.signed("GET", "/fapi/v1/symbolConfig")).json[0]["leverage"] == 5
    await ask.order("BUY", "LONG")
    assert await set_dual("false") == -4068
    await ask.order("SELL", "LONG")
    assert await set_dual("false") == 200
    assert (await ask.order("BUY", "LONG")).code == -4061


async def test_balances_and_legs_follow_the_books(ask: Asker, venue: FakeBinance) -> None:
    await ask.order("BUY", "LONG", qty="0.010")
    await ask.order("SELL", "SHORT", qty="0.004")
    venue.quote("60100.00")
    rows = {row["positionSide"]: row for row in (await ask.signed("GET", "/fapi/v3/positionRisk")).json}
    assert (rows["LONG"]["positionAmt"], rows["SHORT"]["positionAmt"]) == ("0.010", "-0.004")
    account = (await ask.signed("GET", "/fapi/v2/account")).json
    balance = Decimal(account["totalWalletBalance"]) + Decimal(account["totalUnrealizedProfit"])
    assert Decimal(account["totalMarginBalance"]) == balance == venue.exchange.book.equity(venue.market.mark)
    venue.settle("0.0001")
    kinds = [row["incomeType"] for row in (await ask.signed("GET", "/fapi/v1/income")).json]
    assert kinds == ["COMMISSION", "COMMISSION", "FUNDING_FEE"]


async def test_it_serves_from_a_thread_of_its_own() -> None:
    with FakeBinance().threaded() as venue:
        venue.quote("60000.00")
        async with Asker(venue) as ask:
            await ask.order("BUY", "LONG")
        assert venue.held("LONG") == Decimal("0.004")
        port = venue.port
    with pytest.raises(OSError, match=str(port)):
        async with Asker(venue) as ask:
            await ask.public("/fapi/v1/ping")
