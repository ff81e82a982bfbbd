"""Preflight of the account: key, modes, margin, leverage, balance, fees, orders and positions; each case, its cure."""

from collections.abc import Callable

import pytest

from hedgegrid_tui.engine.binance.preflight.checks import Verdict
from hedgegrid_tui.engine.binance.rest.client import BinanceRest
from hedgegrid_tui.engine.plan import Mode
from strategy.domain import Leg, Lot, OrderKey, Role, Side
from strategy.order_ids import OrderId, format_id
from strategy.order_index import OrderRecord
from strategy.past import Past
from tests.hedgegrid_tui.binance.preflight_cases import D, alter, look, one
from tests.venue.binance.asker import Asker
from tests.venue.binance.server import FakeBinance

PASS, WARN, FAIL = Verdict.PASS, Verdict.WARN, Verdict.FAIL
RIGHTS = "/sapi/v1/account/apiRestrictions"


def _withdraws(venue: FakeBinance) -> None:
    venue.keys.can_withdraw = True


def _cannot_trade(venue: FakeBinance) -> None:
    venue.keys.can_trade = False


def _anywhere(venue: FakeBinance) -> None:
    venue.keys.ip_restricted = False


def _one_way(venue: FakeBinance) -> None:
    venue.exchange.hedge_mode = False


def _multi_assets(venue: FakeBinance) -> None:
    venue.account_rest.multi_assets = True


def _isolated(venue: FakeBinance) -> None:
    venue.exchange.margin_type = "ISOLATED"


def _leverage(value: int) -> Callable[[FakeBinance], None]:
    return lambda venue: venue.exchange.set_leverage(value)


def _small_bracket(venue: FakeBinance) -> None:
    venue.account_rest.max_notional = "1500"


def _wallet(amount: int) -> Callable[[FakeBinance], None]:
    return lambda venue: venue.transfer(D(amount - 10_000))


def _fees(maker: str) -> Callable[[FakeBinance], None]:
    return lambda venue: venue.change_filters(maker_fee=D(maker))


def _nothing(_venue: FakeBinance) -> None:
    pass


def _others_hold(venue: FakeBinance) -> None:
    venue.by_hand("BUY", "LONG", "1.000")


NO_CAPS = ("limits.max_leg_notional=0", "limits.max_gross_notional=0")
CASES = {
    "withdraws": (_withdraws, (), "key", FAIL, "it can WITHDRAW", "take `Enable Withdrawals`"),
    "no futures": (_cannot_trade, (), "key", FAIL, "may not trade futures", "`Enable Futures`"),
    "any address": (_anywhere, (), "key", WARN, "no list of addresses", "this machine's address"),
    "one-way": (_one_way, (), "hedge mode", FAIL, "nets both legs", "Position Mode > Hedge Mode"),
    "several assets": (_multi_assets, (), "assets mode", FAIL, "in USDT alone", "Single-Asset Mode"),
    "isolated": (_isolated, (), "margin", FAIL, "isolated at Binance, cross", 'margin_type = "isolated"'),
    "isolated as wanted": (
        _isolated, ('binance.margin_type="isolated"',), "margin", WARN, "for cross margin", "liquidation price",
    ),
    "less leverage": (_leverage(5), (), "leverage", WARN, "5x at Binance, 10x configured: margins reckoned too small",
                      "leverage = 5"),
    "more leverage": (_leverage(50), (), "leverage", WARN, "too large", "BTCUSDT > leverage 10x"),
    "bracket": (_small_bracket, (), "leverage", FAIL, "lets 1,500 USDT be held", "a lower one"),
    "empty": (_wallet(0), (), "balance", FAIL, "no USDT in the futures wallet", "move USDT"),
    "not one rung": (_wallet(10), (), "balance", FAIL, "not even one rung", "move more"),
    "too little": (_wallet(180), (), "balance", WARN, "outer rungs stay empty", "lower grid.base_qty"),
    "reckoned wrong": (
        _wallet(150), ("account.leverage=20",), "balance", FAIL, "entries are refused", "leverage = 10",
    ),
    "held by others": (
        _others_hold, ("grid.base_qty=0.1", "limits.max_gross_notional=0", "limits.max_leg_notional=0",
                       "grid.levels=4"), "balance", WARN, "other positions or orders hold the rest", "not ours",
    ),
    "no caps": (
        _nothing, (*NO_CAPS, "limits.max_leverage=0"), "caps", WARN, "no cap: above what the margin carries, 100,000",
        "max_gross_notional = 50000",
    ),
    "caps too high": (
        _wallet(500), ("limits.max_leverage=0",), "caps", WARN, "above what the margin carries, 5,000 USDT",
        "max_gross_notional = 2500",
    ),
    "dear": (_fees("0.0006"), (), "fees", WARN, "costs 12 bps, its take-profit earns 10: it LOSES", "raise grid"),
    "other fees": (_fees("0.0003"), (), "fees", WARN, "configured: maker 2, taker 5", "maker_fee = 0.0003"),
    "no switch": (_nothing, ("binance.dead_man_s=0",), "dead-man", WARN, "every order stays", "dead_man_s = 120"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
async def test_what_does_not_fit_is_told_with_its_cure(case: str, rest: BinanceRest, venue: FakeBinance) -> None:
    act, sets, name, verdict, words, cure = CASES[case]
    act(venue)
    found = one(await look(rest, venue, *sets), name)
    assert (found.verdict, words in found.words, cure in found.cure) == (verdict, True, True), found


async def test_a_key_that_may_move_money_within_binance_is_told(
    rest: BinanceRest, venue: FakeBinance, ask: Asker
) -> None:
    told = (await ask.signed("GET", RIGHTS)).json
    alter(venue, RIGHTS, told, lambda rights: rights.update(permitsUniversalTransfer=True))
    found = one(await look(rest, venue), "key")
    assert found.verdict is WARN
    assert "the right `permitsUniversalTransfer`" in found.words


async def test_a_key_whose_right_to_withdraw_is_not_told_never_passes(
    rest: BinanceRest, venue: FakeBinance, ask: Asker
) -> None:
    told = (await ask.signed("GET", RIGHTS)).json
    alter(venue, RIGHTS, told, lambda rights: rights.pop("enableWithdrawals"))
    assert one(await look(rest, venue), "key").verdict is FAIL


async def test_an_account_that_may_not_trade_is_refused_on_the_testnet_too(
    rest: BinanceRest, venue: FakeBinance
) -> None:
    venue.keys.can_trade = False
    found = one(await look(rest, venue, mode=Mode.TESTNET), "key")
    assert found.verdict is FAIL
    assert "may not trade" in found.words


async def test_a_live_account_that_may_not_trade_is_refused_whatever_the_key_may(
    rest: BinanceRest, venue: FakeBinance, ask: Asker
) -> None:
    told = (await ask.signed("GET", "/fapi/v2/account")).json
    alter(venue, "/fapi/v2/account", told, lambda account: account.update(canTrade=False))
    found = one(await look(rest, venue), "key")
    assert found.verdict is FAIL
    assert "the account may not trade" in found.words


async def test_a_one_way_position_points_at_hedge_mode(rest: BinanceRest, venue: FakeBinance, ask: Asker) -> None:
    venue.by_hand("BUY", "LONG", "0.010")
    told = (await ask.signed("GET", "/fapi/v3/positionRisk")).json
    alter(venue, "/fapi/v3/positionRisk", told, lambda rows: rows[0].update(positionSide="BOTH"))
    found = one(await look(rest, venue), "positions")
    assert found.verdict is FAIL
    assert found.cure == "switch hedge mode on first"


# -- orders and positions that are not ours ----------------------------------------------------------------------------


def _id(serial: int) -> str:
    return format_id(OrderId("s1", OrderKey(Leg.LONG, Role.ENTRY, serial), None, serial))


def _record(serial: int) -> OrderRecord:
    key = OrderKey(Leg.LONG, Role.ENTRY, serial)
    return OrderRecord(_id(serial), key, Side.BUY, D("59000.00"), D("0.010"), None, D(60))


def _past(*serials: int, held: str = "0") -> Past:
    past = Past(orders={_id(serial): _record(serial) for serial in serials})
    if D(held):
        past.lots.enter(Lot(9, Leg.LONG, 1, D(60_000), D(60), D(held), D(held) * 60_000, 0))
    return past


async def _place(ask: Asker, serial: int) -> None:
    reply = await ask.order("BUY", "LONG", "LIMIT", "0.010", price="59000.00", newClientOrderId=_id(serial))
    assert reply.status == 200


async def test_our_own_orders_pass(rest: BinanceRest, venue: FakeBinance, ask: Asker) -> None:
    await _place(ask, 1)
    found = one(await look(rest, venue, past=_past(1)), "orders")
    assert (found.verdict, found.words) == (PASS, "1 open, as the journal tells")


async def test_orders_of_the_journal_that_are_gone_are_mentioned(
    rest: BinanceRest, venue: FakeBinance, ask: Asker
) -> None:
    await _place(ask, 1)
    found = one(await look(rest, venue, past=_past(1, 2, 3)), "orders")
    assert found.verdict is PASS
    assert "2 of the journal's are gone: asked about at the start" in found.words


async def test_orders_of_others_are_shown_and_left_alone(rest: BinanceRest, venue: FakeBinance, ask: Asker) -> None:
    await _place(ask, 1)
    for price in ("58000.00", "58100.00", "58200.00"):
        venue.by_hand("BUY", "LONG", "0.020", price)
    await ask.stop("SELL", "LONG", "50000.00", None, closePosition="true")
    before = venue.open_ids()
    found = one(await look(rest, venue, past=_past(1)), "orders")
    assert found.verdict is WARN
    assert found.words.startswith("4 not ours: ")
    assert found.words.endswith("and 1 more; 1 as the journal tells")
    assert "buy 0.020 long" in found.words
    assert "left alone" in found.cure
    assert venue.open_ids() == before


async def test_orders_with_ids_of_ours_in_no_journal_call_for_a_choice(
    rest: BinanceRest, venue: FakeBinance, ask: Asker
) -> None:
    await _place(ask, 7)
    for past in (None, _past()):
        found = one(await look(rest, venue, past=past), "orders")
        assert found.verdict is WARN
        assert "1 with ids of ours that the journal does not know" in found.words
        assert all(choice in found.cure for choice in ("adopt", "cancel", "flatten"))


async def test_positions_as_the_journal_has_them_pass(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.by_hand("BUY", "LONG", "0.010")
    found = one(await look(rest, venue, past=_past(held="0.010")), "positions")
    assert (found.verdict, found.words) == (PASS, "long 0.010, as the journal tells")


async def test_positions_that_differ_are_told_with_both_numbers(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.by_hand("BUY", "LONG", "0.010")
    venue.by_hand("SELL", "SHORT", "0.003")
    found = one(await look(rest, venue, past=_past(held="0.007")), "positions")
    assert found.verdict is WARN
    assert found.words == "long 0.010 at Binance, 0.007 in the journal; short 0.003 at Binance, 0 in the journal"
    assert all(choice in found.cure for choice in ("adopt", "cancel", "flatten"))


async def test_positions_without_a_journal_are_told_as_such(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.by_hand("BUY", "LONG", "0.010")
    found = one(await look(rest, venue), "positions")
    assert (found.verdict, found.words) == (WARN, "long 0.010 at Binance, there is no journal")


async def test_margin_that_our_own_lots_hold_does_not_keep_us_from_going_on(
    rest: BinanceRest, venue: FakeBinance
) -> None:
    venue.by_hand("BUY", "LONG", "0.010")
    venue.transfer(D(-9_935))
    assert one(await look(rest, venue), "balance").verdict is FAIL
    assert one(await look(rest, venue, past=_past(held="0.010")), "balance").verdict is not FAIL
