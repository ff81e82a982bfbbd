"""Own books: each fill once, its lot anchored, its money booked, and sums that go on after a restart."""

from decimal import Decimal

import pytest

from strategy import books as books_module
from strategy.books import Books, Fill
from strategy.domain import Leg, Lot, OrderKey, Role, Side
from strategy.errors import ErrorLog
from strategy.ledger import Ledger
from strategy.lots import LotBook
from strategy.order_ids import OrderId, format_id, parse_id
from strategy.order_index import OrderRecord
from strategy.past import Past
from tests.strategy.venue import MemoryJournal

SESSION = "s1"
STEP = Decimal(60)


def books(balance: int = 1000) -> Books:
    return Books(SESSION, Ledger(Decimal(balance)), ErrorLog(MemoryJournal()))


def id_of(role: Role, slot: int, serial: int, *, leg: Leg = Leg.LONG, session: str = SESSION) -> str:
    return format_id(OrderId(session, OrderKey(leg, role, slot), slot if role.reduces else None, serial))


def record(order_id: str, price: str | None, qty: str, filled: str = "0", step: Decimal = STEP) -> OrderRecord:
    told = parse_id(order_id)
    assert told is not None
    at = None if price is None else Decimal(price)
    return OrderRecord(
        order_id, told.key, Side.BUY, at, Decimal(qty), told.lot, step, filled=Decimal(filled), acknowledged=True
    )


def fill(order_id: str, price: str, qty: str, *, trade: str = "t1", side: Side = Side.BUY, fee: str = "0") -> Fill:
    return Fill(order_id, trade, side, Decimal(price), Decimal(qty), Decimal(fee), maker=True)


def book(own: Books, order: OrderRecord | None, of: Fill) -> list[Lot]:
    """Book a fill; gives the lots that were forgotten."""
    forgotten: list[Lot] = []
    told = own.told(of.order_id)
    assert told is not None
    own.book(told, order, of, Decimal(7), 99, forgotten.append)
    return forgotten


# -- whose orders ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["manual-1", "", id_of(Role.ENTRY, 1, 1, session="s2")])
def test_an_order_of_no_session_of_this_journal_is_not_told_of(text: str) -> None:
    assert books().told(text) is None


def test_orders_of_this_session_and_of_those_before_it_are_told_of() -> None:
    own = books()
    own.go_on_from(Past(sessions={"s0", "old"}))
    for session in ("s0", "old", SESSION):
        told = own.told(id_of(Role.TP, 4, 9, session=session))
        assert told == OrderId(session, OrderKey(Leg.LONG, Role.TP, 4), 4, 9)


# -- each fill once ----------------------------------------------------------------------------------------------------


def test_i07_a_fill_is_known_once_it_is_booked_and_is_told_apart_by_order_and_trade() -> None:
    own, entry = books(), id_of(Role.ENTRY, 1, 1)
    one = fill(entry, "60000", "0.001")
    assert not own.has_seen(one)
    book(own, None, one)
    assert own.has_seen(one)
    assert not own.has_seen(fill(id_of(Role.ENTRY, 1, 2), "60000", "0.001"))
    assert not own.has_seen(fill(entry, "60000", "0.001", trade="t2"))


def test_the_oldest_of_too_many_fills_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books_module, "TRADES_REMEMBERED", 2)
    own = books()
    trades = [fill(id_of(Role.ENTRY, 1, 1), "60000", "0.001", trade=f"t{number}") for number in range(3)]
    for each in trades:
        book(own, None, each)
    assert [own.has_seen(each) for each in trades] == [False, True, True]


def test_fills_of_earlier_sessions_are_known_and_the_past_itself_is_left_as_it_was() -> None:
    own, entry = books(), id_of(Role.ENTRY, 1, 1)
    past = Past(trades={(entry, "t1"): None})
    own.go_on_from(past)
    assert own.has_seen(fill(entry, "60000", "0.001"))
    book(own, None, fill(entry, "60000", "0.001", trade="t2"))
    assert past.trades == {(entry, "t1"): None}


def test_i24_a_fill_counts_as_seen_even_where_what_follows_its_booking_fails() -> None:
    own, entry, stop = books(), id_of(Role.ENTRY, 1, 1), id_of(Role.SL, 1, 2)
    book(own, None, fill(entry, "60000", "0.001"))
    closing = fill(stop, "59000", "0.001", trade="t2", side=Side.SELL)

    def fail(_lot: Lot) -> None:
        raise ZeroDivisionError

    told = own.told(stop)
    assert told is not None
    with pytest.raises(ZeroDivisionError):
        own.book(told, None, closing, STEP, 1, fail)
    assert own.has_seen(closing)
    assert own.lots.held(Leg.LONG) == 0


# -- what a fill does --------------------------------------------------------------------------------------------------


def test_an_entrys_lot_is_anchored_at_its_orders_price_with_its_orders_step() -> None:
    own, order_id = books(), id_of(Role.ENTRY, 3, 8)
    assert book(own, record(order_id, "59940", "0.004"), fill(order_id, "59939.5", "0.001")) == []
    assert own.lots.get(8) == Lot(8, Leg.LONG, 3, Decimal(59_940), STEP, Decimal("0.001"), Decimal("59.9395"), 99)


@pytest.mark.parametrize("order", [None, record(id_of(Role.ENTRY, 3, 8), None, "0.004", step=Decimal(0))])
def test_an_entry_that_is_not_known_any_more_is_anchored_at_its_fill(order: OrderRecord | None) -> None:
    own = books()
    book(own, order, fill(id_of(Role.ENTRY, 3, 8), "59939.5", "0.001"))
    lot = own.lots.get(8)
    assert lot is not None
    assert (lot.anchor, lot.step) == (Decimal("59939.5"), Decimal(7))


def test_the_money_of_a_round_trip_is_booked_with_its_fees_and_its_lot_forgotten() -> None:
    own = books()
    entry, target = id_of(Role.ENTRY, 1, 1), id_of(Role.TP, 1, 2)
    book(own, record(entry, "60000", "0.004", "0.004"), fill(entry, "60000", "0.004", fee="0.1"))
    first = fill(target, "60100", "0.001", side=Side.SELL, fee="-0.02")
    assert book(own, record(target, "60100", "0.004", "0.001"), first) == []
    assert own.ledger.by_role[Role.TP] == 0
    rest = fill(target, "60200", "0.003", trade="t2", side=Side.SELL, fee="0.03")
    (closed,) = book(own, record(target, "60100", "0.004", "0.004"), rest)
    assert closed.number == 1
    ledger = own.ledger
    assert (ledger.realised, ledger.fees) == (Decimal("0.7"), Decimal("-0.11"))
    assert (ledger.fills, ledger.round_trips) == (3, 1)
    assert (ledger.by_role[Role.ENTRY], ledger.by_role[Role.TP]) == (1, 1)
    assert ledger.wallet == Decimal("1000.59")


def test_a_fill_beyond_what_is_held_is_a_critical_error_and_a_debt_that_an_entry_makes_up_for() -> None:
    own = books()
    stop = id_of(Role.SL, 1, 2)
    book(own, None, fill(stop, "59000", "0.004", side=Side.SELL))
    assert own.lots.held(Leg.LONG) == Decimal("-0.004")
    errors = own._errors.latest
    assert [(error.type, error.critical) for error in errors] == [("over-closed", True)]
    assert errors[0].message == "long: an exit filled 0.004, 0.004 more than the leg held"
    entry = id_of(Role.ENTRY, 1, 1)
    book(own, None, fill(entry, "60000", "0.004", trade="t2"))
    assert own.lots.held(Leg.LONG) == 0
    assert len(own.lots) == 0
    assert own.ledger.realised == Decimal(-4)
    assert own._errors.count == 1


def test_a_reducing_order_on_the_legs_own_entry_side_buys_back_what_was_over_closed() -> None:
    own = books()
    book(own, None, fill(id_of(Role.SL, 1, 2), "59000", "0.004", side=Side.SELL))
    book(own, None, fill(id_of(Role.CLOSE, 0, 3), "59100", "0.004", trade="t2", side=Side.BUY))
    assert own.lots.held(Leg.LONG) == 0
    assert own.ledger.realised == Decimal("-0.4")


# -- going on ----------------------------------------------------------------------------------------------------------


def test_sums_and_lots_go_on_and_the_wallet_stays_what_it_is() -> None:
    own, lots = books(1000), LotBook()
    past = Past(lots=lots, realised=Decimal(30), fees=Decimal(-4), funding=Decimal(1))
    own.go_on_from(past)
    ledger = own.ledger
    assert own.lots is lots
    assert (ledger.realised, ledger.fees, ledger.funding) == (Decimal(30), Decimal(-4), Decimal(1))
    assert ledger.wallet == Decimal(1000)
    assert ledger.equity_start == Decimal(973)
    ledger.settle_wallet(Decimal(990))
    assert (ledger.wallet, ledger.equity_start) == (Decimal(990), Decimal(963))
    ledger.book_funding(Decimal("-1.5"))
    assert (ledger.funding, ledger.wallet) == (Decimal("-0.5"), Decimal("988.5"))
