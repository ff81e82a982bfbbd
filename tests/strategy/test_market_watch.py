"""The market as last seen: what is heeded, what price it tells, and the minutes that it gathers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model.data import Bar, BarType, FundingRateUpdate, QuoteTick, TradeTick
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.identifiers import InstrumentId, TradeId
from nautilus_trader.model.objects import Price, Quantity

from strategy.bars import GRACE_NS, MINUTE_NS, MinuteBar
from strategy.calm import Band
from strategy.domain import Market
from strategy.market_watch import MarketWatch, minute_of

ID = InstrumentId.from_str("BTCUSDT-PERP.BINANCE")
ONE = Quantity.from_str("1.000")
START = 1_700_000_040_000_000_000
BAND = Band(Decimal(59990), Decimal(60010), Decimal(59800), Decimal(60200))


def quote(bid: str, ask: str, ts: int = START) -> QuoteTick:
    return QuoteTick(ID, Price.from_str(bid), Price.from_str(ask), ONE, ONE, ts, ts)


def trade(price: str, ts: int = START) -> TradeTick:
    return TradeTick(ID, Price.from_str(price), ONE, AggressorSide.BUYER, TradeId("1"), ts, ts)


def bar(close: str, ts: int = START) -> Bar:
    prices = (Price.from_str(text) for text in (close, close, close, close))
    return Bar(BarType.from_str(f"{ID}-1-MINUTE-LAST-EXTERNAL"), *prices, ONE, ts, ts)


def calm() -> MarketWatch:
    watch = MarketWatch()
    watch.set_band(BAND)
    return watch


def test_before_the_first_event_there_is_no_market_and_nothing_to_show() -> None:
    watch = MarketWatch()
    assert watch.market() is None
    view = watch.view()
    assert (view.bid, view.ask, view.mark, view.funding_rate, view.ts) == (None, None, None, None, 0)
    assert (view.quotes, view.trades, view.bars) == (0, 0, 0)
    assert not watch.has_minutes


# -- the calm band -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bid", "ask"), [("1", "2"), ("59999.9", "60000.1"), ("999999.0", "999999.1")])
def test_without_a_band_every_event_is_heeded(bid: str, ask: str) -> None:
    watch = MarketWatch()
    assert watch.on_quote(quote(bid, ask))
    dropped = calm()
    dropped.drop_band()
    assert dropped.on_quote(quote(bid, ask))


@pytest.mark.parametrize(
    ("bid", "ask", "heeded"),
    [
        ("59999.9", "60000.1", False),
        ("59990.0", "60010.0", False),
        ("59989.9", "60000.0", True),
        ("60000.0", "60010.1", True),
    ],
)
def test_only_a_quote_outside_of_the_band_is_heeded(bid: str, ask: str, heeded: bool) -> None:
    assert calm().on_quote(quote(bid, ask)) is heeded


@pytest.mark.parametrize(("mid", "heeded"), [("59800", False), ("59799", True), ("60200", False), ("60201", True)])
def test_a_middle_beyond_the_trigger_is_heeded(mid: str, heeded: bool) -> None:
    watch = MarketWatch()
    watch.set_band(Band(Decimal(0), Decimal(1_000_000), Decimal(59_800), Decimal(60_200)))
    assert watch.on_quote(quote(mid, mid)) is heeded


@given(st.integers(590_000, 610_000), st.integers(0, 300))
def test_integer_comparisons_say_what_decimals_would(bid_ticks: int, spread: int) -> None:
    bid, ask = Decimal(bid_ticks) / 10, Decimal(bid_ticks + spread) / 10
    outside = (
        bid < BAND.bid_floor or ask > BAND.ask_ceiling or not BAND.mid_floor <= (bid + ask) / 2 <= BAND.mid_ceiling
    )
    assert calm().on_quote(quote(f"{bid:.1f}", f"{ask:.1f}")) is outside


# -- which price counts ------------------------------------------------------------------------------------------------


def test_quotes_go_before_trades_and_trades_before_bars() -> None:
    watch = MarketWatch()
    assert watch.on_bar(bar("100", 1))
    assert watch.market() == Market(Decimal(100), Decimal(100), 1, by_bars=True)
    assert watch.on_trade(trade("101", 2))
    assert watch.market() == Market(Decimal(101), Decimal(101), 2)
    assert not watch.on_bar(bar("102", 3))
    assert watch.market() == Market(Decimal(101), Decimal(101), 2)
    assert watch.on_quote(quote("103.1", "103.2", 4))
    assert not watch.on_trade(trade("104", 5))
    assert not watch.on_bar(bar("105", 6))
    assert watch.market() == Market(Decimal("103.1"), Decimal("103.2"), 4)


def test_a_feed_whose_quotes_stand_still_is_as_old_as_its_last_quote_whatever_trades() -> None:
    watch = MarketWatch()
    watch.on_quote(quote("103.1", "103.2", 4))
    watch.on_trade(trade("103.1", 900))
    market = watch.market()
    assert market is not None
    assert market.ts == 4


def test_a_market_brings_the_mark_price_along_once_there_is_one() -> None:
    watch = MarketWatch()
    watch.on_quote(quote("103.1", "103.2", 4))
    assert watch.market() == Market(Decimal("103.1"), Decimal("103.2"), 4, mark=None)
    watch.mark = Price.from_str("103.17")
    assert watch.market() == Market(Decimal("103.1"), Decimal("103.2"), 4, mark=Decimal("103.17"))


def test_a_bar_after_quotes_tells_nothing() -> None:
    watch = MarketWatch()
    watch.on_quote(quote("103.1", "103.2", 4))
    assert not watch.on_bar(bar("105", 6))
    assert watch.market() == Market(Decimal("103.1"), Decimal("103.2"), 4)


def test_a_trade_or_a_bar_inside_the_band_is_not_heeded() -> None:
    assert not calm().on_trade(trade("60000"))
    assert calm().on_trade(trade("59989"))
    assert not calm().on_bar(bar("60000"))
    assert calm().on_bar(bar("60011"))


def test_the_view_counts_events_and_shows_funding_and_mark() -> None:
    watch = MarketWatch()
    watch.on_quote(quote("59999.90", "60000.10", 4))
    watch.on_trade(trade("60000", 5))
    watch.on_trade(trade("60000", 6))
    watch.on_bar(bar("60000", 7))
    watch.on_funding(FundingRateUpdate(ID, Decimal("0.0001"), 1, 1, interval=480, next_funding_ns=99))
    watch.mark = Price.from_str("60000.05")
    view = watch.view()
    assert (view.bid, view.ask, view.mark) == (Decimal("59999.9"), Decimal("60000.1"), Decimal("60000.05"))
    assert (view.quotes, view.trades, view.bars, view.ts) == (1, 2, 1, 6)
    assert (view.funding_rate, view.next_funding_ns) == (Decimal("0.0001"), 99)
    assert watch.funding_interval == 480


def test_a_funding_rate_without_a_time_has_none() -> None:
    watch = MarketWatch()
    watch.on_funding(FundingRateUpdate(ID, Decimal("0.0001"), 1, 1, interval=480, next_funding_ns=99))
    watch.on_funding(FundingRateUpdate(ID, Decimal("-0.0002"), 2, 2))
    assert (watch.funding_rate, watch.next_funding, watch.funding_interval) == (Decimal("-0.0002"), 0, 0)


# -- minutes -----------------------------------------------------------------------------------------------------------


def test_minutes_are_gathered_from_trades() -> None:
    watch = MarketWatch()
    for price, ts in (("100", 0), ("102", 1), ("99.5", 2), ("101", 3)):
        watch.on_trade(trade(price, START + ts))
    watch.on_quote(quote("500.0", "500.1", START + 4))
    assert not watch.has_minutes
    watch.on_trade(trade("103", START + MINUTE_NS + GRACE_NS))
    assert watch.has_minutes
    (minute,) = watch.take_minutes()
    assert minute == MinuteBar(START, Decimal(100), Decimal(102), Decimal("99.5"), Decimal(101))
    assert watch.take_minutes() == ()
    assert not watch.has_minutes


def test_minutes_are_gathered_from_the_middle_of_quotes_where_there_are_no_trades() -> None:
    watch = MarketWatch()
    for number, bid in enumerate(("100.0", "104.0", "98.0", "101.0")):
        watch.on_quote(quote(bid, str(Decimal(bid) + 1), START + number))
    watch.on_quote(quote("200", "201", START + MINUTE_NS + GRACE_NS))
    (minute,) = watch.take_minutes()
    assert minute == MinuteBar(START, Decimal("100.5"), Decimal("104.5"), Decimal("98.5"), Decimal("101.5"))


def test_minutes_that_nobody_takes_wait_in_their_sequence() -> None:
    watch = MarketWatch()
    for number in range(4):
        watch.on_trade(trade(str(100 + number), START + number * (MINUTE_NS + GRACE_NS)))
    opened = [minute.open for minute in watch.take_minutes()]
    assert opened == [100, 101, 102]


def test_a_bar_is_the_minute_that_it_closed() -> None:
    prices = (Price.from_str(text) for text in ("100.1", "103", "99.5", "101"))
    closed = Bar(
        BarType.from_str(f"{ID}-1-MINUTE-LAST-EXTERNAL"), *prices, ONE, START + MINUTE_NS, START + MINUTE_NS + 5
    )
    assert minute_of(closed) == MinuteBar(START, Decimal("100.1"), Decimal(103), Decimal("99.5"), Decimal(101))
