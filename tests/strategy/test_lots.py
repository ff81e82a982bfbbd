"""The lot book against a naive list of lots, and the exits that a lot is owed."""

from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from strategy.config import GridConfig, InstrumentConfig
from strategy.domain import Leg, Lot, Market, OrderKey, Role, Side
from strategy.lots import LotBook, Outcome, desired_exits, exit_prices, is_passed

SPEC = InstrumentConfig().spec()
GRID = GridConfig()
legs = st.sampled_from(Leg)
quantities = st.integers(1, 40).map(lambda n: Decimal(n) / 1000)
prices = st.integers(1, 900_000).map(lambda n: Decimal(n) / 10)


def lot(number: int = 1, leg: Leg = Leg.LONG, qty: str | Decimal = "0.004", price: str | Decimal = "60000") -> Lot:
    amount, at = Decimal(qty), Decimal(price)
    return Lot(number, leg, 1, at, Decimal(60), amount, amount * at, 1)


class LotMachine(RuleBasedStateMachine):
    """Quantities, money and lots, counted the long way."""

    def __init__(self) -> None:
        super().__init__()
        self.book = LotBook()
        self.held: dict[Leg, dict[int, Decimal]] = {leg: {} for leg in Leg}
        self.money = dict.fromkeys(Leg, Decimal(0))
        """Paid in less taken out, plus what was realised."""
        self.owed: dict[Leg, list[Decimal]] = {leg: [] for leg in Leg}
        """Price of each thousandth that was closed before it was there, oldest first."""
        self.leg_of: dict[int, Leg] = {}
        self.last = 0

    @rule(leg=legs, qty=quantities, price=prices)
    def enter_new(self, leg: Leg, qty: Decimal, price: Decimal) -> None:
        self.last += 1
        self.leg_of[self.last] = leg
        self.put(self.last, qty, price)

    @rule(number=st.integers(1, 20), qty=quantities, price=prices)
    def enter_more(self, number: int, qty: Decimal, price: Decimal) -> None:
        if number in self.leg_of:
            self.put(number, qty, price)

    def put(self, number: int, qty: Decimal, price: Decimal) -> None:
        leg = self.leg_of[number]
        outcome = self.book.enter(lot(number, leg, qty, price))
        paid = self.owed[leg][: int(qty * 1000)]
        del self.owed[leg][: len(paid)]
        assert outcome.realised == leg.sign * sum((at - price for at in paid), Decimal(0)) / 1000
        left = qty - Decimal(len(paid)) / 1000
        assert len(outcome.closed) == (not left)
        if left:
            self.held[leg][number] = self.held[leg].get(number, Decimal(0)) + left
        self.money[leg] += qty * price + leg.sign * outcome.realised

    @rule(leg=legs, number=st.none() | st.integers(1, 20), qty=quantities, price=prices)
    def reduce(self, leg: Leg, number: int | None, qty: Decimal, price: Decimal) -> None:
        if number is not None and self.leg_of.get(number, leg) is not leg:
            return
        lots = self.held[leg]
        order = ([number] if number in lots else []) + [each for each in lots if each != number]
        left, emptied = qty, []
        for each in order:
            taken = min(left, lots[each])
            lots[each] -= taken
            left -= taken
            if not lots[each]:
                del lots[each]
                emptied.append(each)
        outcome = self.book.take(leg, number, leg.exit_side, qty, price)
        assert [each.number for each in outcome.closed] == emptied
        assert outcome.excess == left
        self.owed[leg] += [price] * int(left * 1000)
        self.money[leg] += leg.sign * outcome.realised - price * qty

    @rule(leg=legs, qty=quantities, price=prices)
    def buy_back(self, leg: Leg, qty: Decimal, price: Decimal) -> None:
        outcome = self.book.take(leg, None, leg.entry_side, qty, price)
        paid = self.owed[leg][: int(qty * 1000)]
        del self.owed[leg][: len(paid)]
        assert outcome.excess == qty - Decimal(len(paid)) / 1000
        self.money[leg] += leg.sign * outcome.realised + price * (qty - outcome.excess)

    @rule(number=st.integers(1, 20))
    def breach(self, number: int) -> None:
        if self.book.get(number) is not None:
            self.book.mark_breached(number)
            found = self.book.get(number)
            assert found is not None
            assert found.breached

    @invariant()
    def quantities_agree(self) -> None:
        for leg in Leg:
            assert {each.number: each.qty for each in self.book.of(leg)} == self.held[leg]
            assert self.book.held(leg) == sum(self.held[leg].values()) - Decimal(len(self.owed[leg])) / 1000
        assert len(self.book) == sum(len(lots) for lots in self.held.values())

    @invariant()
    def money_adds_up_exactly(self) -> None:
        for leg in Leg:
            owed = sum(self.owed[leg], Decimal(0)) / 1000
            assert self.book.cost(leg) == self.money[leg]
            assert self.book.cost(leg) == sum((each.cost for each in self.book.of(leg)), Decimal(0)) - owed


LotMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_s04_quantities_and_money_add_up_whatever_fills_come_in_whatever_sequence = LotMachine.TestCase


@pytest.mark.parametrize(("leg", "gain"), [(Leg.LONG, "0.4"), (Leg.SHORT, "-0.4")])
def test_a_rise_gains_on_a_long_lot_and_loses_on_a_short_one(leg: Leg, gain: str) -> None:
    book = LotBook()
    book.enter(lot(1, leg))
    assert book.unrealised(leg, Decimal(60_100)) == Decimal(gain)
    assert book.reduce(leg, 1, Decimal("0.004"), Decimal(60_100)) == Outcome(Decimal(gain), (lot(1, leg),))
    assert str(book.unrealised(leg, Decimal(60_100))) == "0.000"


def test_what_both_legs_took_from_the_cash_is_what_was_bought_less_what_was_sold() -> None:
    book = LotBook()
    for leg in Leg:
        book.enter(lot(1 if leg is Leg.LONG else 2, leg))
    assert book.net_cost == 0
    book.reduce(Leg.SHORT, 2, Decimal("0.001"), Decimal(60_000))
    assert book.net_cost == Decimal(60)
    book.reduce(Leg.LONG, 1, Decimal("0.004"), Decimal(60_100))
    assert book.net_cost == Decimal(-180)


def test_an_exit_takes_its_own_lot_first_then_the_oldest() -> None:
    book = LotBook()
    for number in (1, 2, 3):
        book.enter(lot(number))
    book.reduce(Leg.LONG, 2, Decimal("0.006"), Decimal(60_000))
    assert [(each.number, each.qty) for each in book] == [(1, Decimal("0.002")), (3, Decimal("0.004"))]
    assert next(iter(book)).average == Decimal(60_000)


def test_a_stop_comes_first_and_both_exits_have_exactly_the_lots_quantity() -> None:
    for leg, target, stop in ((Leg.LONG, "60060.0", "59700.0"), (Leg.SHORT, "59940.0", "60300.0")):
        first, second = desired_exits(lot(7, leg), GRID, SPEC)
        assert (first.key.role, first.price, first.qty, first.lot) == (Role.SL, Decimal(stop), Decimal("0.004"), 7)
        assert (second.key.role, second.price, second.qty) == (Role.TP, Decimal(target), Decimal("0.004"))
        assert first.side is second.side is leg.exit_side


def test_a_breached_lot_is_owed_a_close_at_market_only() -> None:
    book = LotBook()
    book.enter(lot())
    book.mark_breached(1)
    (close,) = desired_exits(next(iter(book)), GRID, SPEC)
    assert (close.key.role, close.price, close.side, close.qty) == (Role.CLOSE, None, Side.SELL, Decimal("0.004"))


def test_s01_exits_of_a_lot_off_the_grid_are_on_the_tick() -> None:
    for leg in Leg:
        for price in exit_prices(lot(1, leg, price="60000.037"), GRID, SPEC):
            assert price % SPEC.tick_size == 0


@pytest.mark.parametrize(
    ("leg", "bid", "ask", "passed"),
    [
        (Leg.LONG, "59700.0", "59700.1", True),
        (Leg.LONG, "59700.1", "59700.2", False),
        (Leg.SHORT, "60299.9", "60300.0", True),
        (Leg.SHORT, "60299.8", "60299.9", False),
    ],
)
def test_a_stop_is_passed_once_the_market_touches_it(leg: Leg, bid: str, ask: str, passed: bool) -> None:
    assert is_passed(lot(1, leg), Market(Decimal(bid), Decimal(ask), 0), GRID, SPEC) is passed


@pytest.mark.parametrize(
    ("leg", "target", "stop"), [(Leg.LONG, "60120.1", "59850.0"), (Leg.SHORT, "59880.0", "60150.1")]
)
def test_s01_an_exit_off_the_tick_is_rounded_to_the_better_deal_and_a_stop_away_from_the_market(
    leg: Leg, target: str, stop: str
) -> None:
    grid = GridConfig(tp_steps=Decimal(2), sl_steps=Decimal("2.5"))
    prices = exit_prices(lot(1, leg, price="60000.03"), grid, SPEC)
    assert prices == (Decimal(target), Decimal(stop))


def test_an_exit_told_for_its_lot_closes_that_lot_and_not_the_oldest() -> None:
    book = LotBook()
    for number in (1, 2):
        book.enter(lot(number))
    book.take(Leg.LONG, 2, Side.SELL, Decimal("0.004"), Decimal(60_000))
    assert [each.number for each in book] == [1]


def test_a_lot_is_found_by_its_number_and_its_exits_are_keyed_by_leg_role_and_number() -> None:
    book = LotBook()
    for number, leg in ((1, Leg.LONG), (2, Leg.SHORT)):
        book.enter(lot(number, leg))
    found = book.get(2)
    assert found is not None
    assert (found.number, found.leg) == (2, Leg.SHORT)
    assert book.get(3) is None
    keys = [order.key for order in desired_exits(found, GRID, SPEC)]
    assert keys == [OrderKey(Leg.SHORT, Role.SL, 2), OrderKey(Leg.SHORT, Role.TP, 2)]
