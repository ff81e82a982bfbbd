"""The own books, and how long anything held went without a stop."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from strategy.domain import ZERO, Leg, Role
from strategy.ledger import Ledger, ProtectionClock

money = st.decimals(-1_000, 1_000, places=8)


@given(st.lists(st.tuples(money, money, st.integers(0, 3))), money)
def test_the_books_add_up_to_the_last_digit(fills: list[tuple[Decimal, Decimal, int]], open_profit: Decimal) -> None:
    ledger = Ledger(Decimal(10_000))
    for realised, fee, closed in fills:
        ledger.book_fill(realised, fee, closed)
    assert ledger.wallet == 10_000 + sum((gain - fee for gain, fee, _ in fills), ZERO)
    equity = ledger.metrics(open_profit).equity
    assert equity - ledger.equity_start == ledger.realised + ledger.fees + open_profit
    assert (ledger.fills, ledger.round_trips) == (len(fills), sum(closed for _, _, closed in fills))


@given(st.lists(money))
def test_a_transfer_moves_the_wallet_and_is_neither_profit_nor_loss(amounts: list[Decimal]) -> None:
    ledger = Ledger(Decimal(100))
    ledger.book_fill(Decimal(5), Decimal(1), 1)
    before = ledger.metrics(ZERO)
    for amount in amounts:
        ledger.transfer(amount)
    after = ledger.metrics(ZERO)
    assert after.wallet - before.wallet == after.equity_start - before.equity_start == sum(amounts, ZERO)
    assert (after.realised, after.fees, after.funding) == (before.realised, before.fees, before.funding)


def test_the_metrics_show_the_books() -> None:
    ledger = Ledger(Decimal(100))
    ledger.book_fill(Decimal(5), Decimal(1), 2)
    ledger.by_role[Role.SL] += 1
    shown = ledger.metrics(Decimal(3))
    assert [shown.wallet, shown.equity, shown.unrealised, shown.fees] == [Decimal(n) for n in (104, 107, 3, -1)]
    assert (shown.stops, shown.take_profits, shown.round_trips, shown.wins) == (1, 0, 2, 2)


def test_what_earlier_sessions_brought_is_told_apart() -> None:
    ledger = Ledger(Decimal(100))
    ledger.go_on_from(Decimal(9), Decimal(-2), Decimal(-1))
    ledger.book_fill(Decimal(5), Decimal(1), 1)
    shown = ledger.metrics(ZERO)
    assert (shown.earned_before, shown.realised + shown.fees + shown.funding) == (Decimal(6), Decimal(10))


def test_a_round_trip_is_won_where_its_last_fill_earned_more_than_its_fee() -> None:
    ledger = Ledger(Decimal(100))
    for realised, fee, closed in ((-3, 1, 1), (1, 1, 1), (2, 1, 0), (2, 1, 1)):
        ledger.book_fill(Decimal(realised), Decimal(fee), closed)
    shown = ledger.metrics(ZERO)
    assert (shown.round_trips, shown.wins) == (3, 1)


def test_the_clock_runs_while_more_is_held_than_covered() -> None:
    clock, one = ProtectionClock(), Decimal(1)
    clock.update(Leg.LONG, one, one, 10)
    assert clock.since(Leg.LONG) is None
    assert clock.longest(10) == 0
    clock.update(Leg.LONG, one, ZERO, 20)
    clock.update(Leg.LONG, one * 2, one, 25)
    assert clock.since(Leg.LONG) == 20
    assert clock.longest(50) == 30
    clock.update(Leg.LONG, one, one, 60)
    assert clock.since(Leg.LONG) is None
    clock.update(Leg.SHORT, one, ZERO, 70)
    assert (clock.longest(75), clock.longest(200)) == (40, 130)
