"""Fills of entries, take-profits, stops and closes in any interleaving, against books kept the long way."""

import tempfile
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from strategy.books import Fill, VenueReport
from strategy.domain import DesiredOrder, Leg, Lot, Market, OrderKey, Role, Side, plain
from strategy.grid import HedgeGrid
from strategy.ledger import Ledger
from strategy.lots import COST_PRECISION, LotBook, Outcome, desired_exits
from strategy.order_ids import OrderId, format_id
from strategy.order_index import OrderRecord
from strategy.past import Past, read_past
from tests.strategy.venue import START_NS, MemoryJournal
from tests.strategy.world import config_of

SESSION = "m4ch1"
CENTRE = Decimal(60_000)
EXITS = (Role.TP, Role.SL, Role.CLOSE)

legs = st.sampled_from(Leg)
pieces = st.integers(1, 9).map(lambda n: Decimal(n) / 1000)
prices = st.integers(550_000, 650_000).map(lambda n: Decimal(n) / 10)
fees = st.integers(-50, 500).map(lambda n: Decimal(n) / 10_000)
picks = st.integers(0, 50)


@dataclass
class Held:
    """One lot, as simply as it can be said."""

    number: int
    qty: Decimal
    cost: Fraction


@dataclass
class LegBooks:
    """One leg's lots, oldest first, and what was closed before it was there: price of each thousandth."""

    lots: list[Held] = field(default_factory=list)
    owed: list[Decimal] = field(default_factory=list)
    realised: Fraction = Fraction(0)

    @property
    def held(self) -> Decimal:
        return sum((lot.qty for lot in self.lots), Decimal(0)) - Decimal(len(self.owed)) / 1000

    def repay(self, sign: int, qty: Decimal, price: Decimal) -> Decimal:
        """Use up to `qty` for what is owed; gives what is left of it."""
        paid = self.owed[: int(qty * 1000)]
        del self.owed[: len(paid)]
        self.realised += sum((sign * (Fraction(at) - Fraction(price)) / 1000 for at in paid), Fraction(0))
        return qty - Decimal(len(paid)) / 1000

    def enter(self, sign: int, number: int, qty: Decimal, price: Decimal) -> None:
        left = self.repay(sign, qty, price)
        if left:
            lot = next((lot for lot in self.lots if lot.number == number), None)
            if lot is None:
                lot = Held(number, Decimal(0), Fraction(0))
                self.lots.append(lot)
            lot.qty += left
            lot.cost += Fraction(left) * Fraction(price)

    def reduce(self, sign: int, number: int | None, qty: Decimal, price: Decimal) -> None:
        own = [lot for lot in self.lots if lot.number == number]
        for lot in own + [lot for lot in self.lots if lot.number != number]:
            taken = min(qty, lot.qty)
            share = lot.cost * Fraction(taken) / Fraction(lot.qty)
            self.realised += sign * (Fraction(price) * Fraction(taken) - share)
            lot.qty, lot.cost, qty = lot.qty - taken, lot.cost - share, qty - taken
        self.lots = [lot for lot in self.lots if lot.qty]
        self.owed += [price] * int(qty * 1000)


class SilentVenue:
    """Nothing may be sent to it; its positions are those of the books."""

    def __init__(self) -> None:
        self.clock = START_NS
        self.grid: HedgeGrid | None = None

    def now(self) -> int:
        return self.clock

    def market(self) -> Market | None:
        return None

    def position(self, leg: Leg) -> Decimal:
        return Decimal(0) if self.grid is None else self.grid.lots.held(leg)

    def knows(self, order_id: str) -> bool:
        return True

    def report(self, order_id: str) -> VenueReport | None:
        return None

    def reports(self, since: int = 0) -> list[VenueReport]:
        return []

    def ask(self, order_id: str) -> None: ...

    def adopt(self, order: OrderRecord) -> None: ...

    def wake_at(self, ts: int) -> None: ...

    def submit(self, order_id: str, order: DesiredOrder) -> None:
        raise AssertionError(f"{order_id} was sent")

    def submit_pair(self, stop_id: str, stop: DesiredOrder, target_id: str, target: DesiredOrder) -> None:
        raise AssertionError(f"{stop_id} was sent")

    def cancel(self, order_id: str) -> None:
        raise AssertionError(f"a cancel of {order_id} was sent")

    def resize(self, order_id: str, qty: Decimal) -> None:
        raise AssertionError(f"a resize of {order_id} was sent")


@dataclass
class Sent:
    """An order with what of it has not filled."""

    record: OrderRecord
    left: Decimal


class FillMachine(RuleBasedStateMachine):
    """Whatever fills come in whatever sequence, lots, money and a later session's reading of them are the same."""

    @initialize(levels=st.sampled_from([0, 3]))
    def begin(self, levels: int) -> None:
        self.config = config_of("grid.levels=3")
        self.journal = MemoryJournal()
        self.venue = SilentVenue()
        self.grid = HedgeGrid(self.config, self.journal, self.venue, SESSION, Ledger(Decimal(10_000)))
        self.venue.grid = self.grid
        self.grid.converge = lambda: None  # type: ignore[method-assign] # no pass: what leaves is the machine's own
        ladder = self.grid.ladders.centre_on(CENTRE)
        self.journal.write("ladder", START_NS, centre=plain(ladder.centre), step=plain(ladder.step))
        self.model = {leg: LegBooks() for leg in Leg}
        self.orders: list[Sent] = []
        self.fills: list[Fill] = []
        self.cash = self.paid = Decimal(0)
        self.serial = 0
        for level in range(1, levels + 1):
            for leg in Leg:
                self.send_entry(leg, level, Decimal("0.006"), CENTRE - leg.sign * 60 * level)
                self.fill_order(self.orders[-1], Decimal("0.004"), CENTRE - leg.sign * 60 * level, Decimal("0.01"), 0)

    # -- orders --------------------------------------------------------------------------------------------------------

    def send(self, key: OrderKey, side: Side, qty: Decimal, price: Decimal | None, lot: int | None) -> None:
        self.serial += 1
        record = OrderRecord(
            id=format_id(OrderId(SESSION, key, lot, self.serial)), key=key, side=side, price=price, qty=qty,
            lot=self.serial if key.role is Role.ENTRY else lot, step=self.grid.ladders.step, sent_ns=self.venue.clock,
        )  # fmt: skip
        self.grid.orders._announce(record)
        self.orders.append(Sent(record, qty))

    @rule(leg=legs, level=st.integers(1, 3), qty=pieces, price=prices)
    def send_entry(self, leg: Leg, level: int, qty: Decimal, price: Decimal) -> None:
        self.send(OrderKey(leg, Role.ENTRY, level), leg.entry_side, qty, price, None)

    @precondition(lambda self: any(side.lots for side in self.model.values()))
    @rule(pick=picks, role=st.sampled_from(EXITS), more=st.sampled_from([Decimal(0), Decimal("0.002")]), price=prices)
    def send_exit(self, pick: int, role: Role, more: Decimal, price: Decimal) -> None:
        """Of a lot's quantity, or of more: another exit of it may have filled meanwhile."""
        lots = [(leg, lot) for leg, side in self.model.items() for lot in side.lots]
        leg, lot = lots[-1 - pick % len(lots)]
        at = None if role is Role.CLOSE else price
        self.send(OrderKey(leg, role, lot.number), leg.exit_side, lot.qty + more, at, lot.number)

    @rule(leg=legs, qty=pieces)
    def send_close_of_the_leg(self, leg: Leg, qty: Decimal) -> None:
        self.send(OrderKey(leg, Role.CLOSE, 0), leg.exit_side, qty, None, None)

    @rule(leg=legs, qty=pieces)
    def send_buy_back(self, leg: Leg, qty: Decimal) -> None:
        """Where a venue lets a leg change its sign; no larger than what is owed."""
        owed = Decimal(len(self.model[leg].owed)) / 1000
        if owed:
            self.send(OrderKey(leg, Role.CLOSE, 0), leg.entry_side, min(qty, owed), None, None)

    @rule(pick=picks)
    def accept(self, pick: int) -> None:
        if self.orders:
            self.grid.on_accepted(self.orders[pick % len(self.orders)].record.id)

    @rule(pick=picks, event=st.sampled_from(["canceled", "expired"]))
    def end(self, pick: int, event: str) -> None:
        """It may fill all the same, and be told of it afterwards."""
        if self.orders:
            self.grid.on_ended(self.orders[pick % len(self.orders)].record.id, event)

    # -- fills ---------------------------------------------------------------------------------------------------------

    @precondition(lambda self: any(sent.left for sent in self.orders))
    @rule(pick=picks, qty=pieces, price=prices, fee=fees, repeats=st.integers(0, 2))
    def fill(self, pick: int, qty: Decimal, price: Decimal, fee: Decimal, repeats: int) -> None:
        open_orders = [sent for sent in self.orders if sent.left]
        self.fill_order(open_orders[pick % len(open_orders)], qty, price, fee, repeats)

    def fill_order(self, sent: Sent, qty: Decimal, price: Decimal, fee: Decimal, repeats: int) -> None:
        order, leg = sent.record, sent.record.key.leg
        qty = min(qty, sent.left)
        if order.side is leg.entry_side and order.key.role is Role.CLOSE:
            # Another order has bought back what this one was sent for: no venue lets it fill.
            qty = min(qty, Decimal(len(self.model[leg].owed)) / 1000)
            if not qty:
                return
        sent.left -= qty
        self.venue.clock += 1
        told = Fill(order.id, f"t{len(self.fills)}", order.side, price, qty, fee, maker=True)
        self.fills.append(told)
        self.cash += (1 if order.side is Side.SELL else -1) * qty * price
        self.paid += fee
        side = self.model[leg]
        if order.key.role is Role.ENTRY:
            assert order.lot is not None
            side.enter(leg.sign, order.lot, qty, price)
        elif order.side is leg.exit_side:
            side.reduce(leg.sign, order.lot, qty, price)
        else:
            side.repay(leg.sign, qty, price)
        for _ in range(1 + repeats):
            self.grid.on_fill(told)

    @precondition(lambda self: any(side.lots for side in self.model.values()))
    @rule(pick=picks, role=st.sampled_from(EXITS), qty=pieces, price=prices, repeats=st.integers(0, 1))
    def exit_of_a_lot_fills(self, pick: int, role: Role, qty: Decimal, price: Decimal, repeats: int) -> None:
        self.send_exit(pick, role, Decimal(0), price)
        self.fill_order(self.orders[-1], qty, price, Decimal("0.03"), repeats)

    @rule(leg=legs, more=pieces, price=prices)
    def close_more_than_is_held(self, leg: Leg, more: Decimal, price: Decimal) -> None:
        qty = max(self.model[leg].held, Decimal(0)) + more
        self.send(OrderKey(leg, Role.CLOSE, 0), leg.exit_side, qty, None, None)
        self.fill_order(self.orders[-1], qty, price, Decimal("0.02"), 0)

    @precondition(lambda self: self.fills)
    @rule(pick=picks)
    def tell_again(self, pick: int) -> None:
        self.grid.on_fill(self.fills[pick % len(self.fills)])

    @rule(qty=pieces, price=prices)
    def tell_of_a_stranger(self, qty: Decimal, price: Decimal) -> None:
        self.grid.on_fill(Fill("web-1", "t1", Side.BUY, price, qty, Decimal(1), maker=False))

    # -- what must hold ------------------------------------------------------------------------------------------------

    @invariant()
    def lots_agree(self) -> None:
        for leg, side in self.model.items():
            mine = [(lot.number, lot.qty) for lot in self.grid.lots.of(leg)]
            assert mine == [(lot.number, lot.qty) for lot in side.lots]
            assert self.grid.lots.held(leg) == side.held
            assert not (side.lots and side.owed)

    @invariant()
    def money_agrees(self) -> None:
        ledger, lots = self.grid.ledger, self.grid.lots
        assert ledger.realised - lots.cost(Leg.LONG) + lots.cost(Leg.SHORT) == self.cash
        assert (ledger.fees, ledger.fills) == (-self.paid, len(self.fills))
        exact = sum((side.realised for side in self.model.values()), Fraction(0))
        assert abs(Fraction(ledger.realised) - exact) <= Fraction(COST_PRECISION) * (len(self.fills) + 1) ** 2

    @invariant()
    def exits_owed_are_what_is_held(self) -> None:
        for leg, side in self.model.items():
            owed: dict[Role, Decimal] = {}
            for lot in self.grid.lots.of(leg):
                for order in desired_exits(lot, self.config.grid, self.grid.spec):
                    owed[order.key.role] = owed.get(order.key.role, Decimal(0)) + order.qty
                    assert order.side is leg.exit_side
            assert owed == ({Role.SL: side.held, Role.TP: side.held} if side.lots else {})

    @invariant()
    def orders_agree(self) -> None:
        for order in self.grid.index:
            (sent,) = [each for each in self.orders if each.record.id == order.id]
            assert order.open_qty == sent.left > 0

    @rule()
    def read_the_journal(self) -> None:
        """A later session takes over exactly this."""
        past, lots = self.past(), self.grid.lots
        for leg in Leg:
            assert past.lots.of(leg) == lots.of(leg)
            assert (past.lots.held(leg), past.lots.cost(leg)) == (lots.held(leg), lots.cost(leg))
        assert (past.realised, past.fees) == (self.grid.ledger.realised, self.grid.ledger.fees)
        assert {order.id: (order.qty, order.filled, order.acknowledged) for order in past.orders.values()} == {
            order.id: (order.qty, order.filled, order.acknowledged) for order in self.grid.index
        }
        for fill in self.fills:
            assert (fill.order_id, fill.trade_id) in past.trades
        assert past.serial == self.serial

    def past(self) -> Past:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "journal.jsonl"
            path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in self.journal.lines))
            return read_past(path)

    def teardown(self) -> None:
        if hasattr(self, "grid"):
            self.read_the_journal()


FillMachine.TestCase.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
test_fills_in_any_interleaving_leave_the_same_lots_money_and_memory = FillMachine.TestCase


# -- the machine itself: a broken book does not get past it ------------------------------------------------------------


def oldest_first(self: LotBook, leg: Leg, number: int | None, qty: Decimal, price: Decimal) -> Outcome:
    return REDUCE(self, leg, None, qty, price)


def forgiving(self: LotBook, leg: Leg, qty: Decimal, price: Decimal) -> tuple[Decimal, Decimal]:
    self._debts[leg].clear()
    return REPAY(self, leg, qty, price)


def rounded(self: LotBook, lot: Lot, qty: Decimal, cost: Decimal) -> None:
    TAKE(self, lot, qty, cost.quantize(Decimal("0.01")))


REDUCE, REPAY, TAKE, ON_FILL = LotBook.reduce, LotBook.repay, LotBook._take, HedgeGrid.on_fill


@pytest.mark.parametrize(
    ("kind", "name", "broken"),
    [
        (LotBook, "reduce", oldest_first),
        (LotBook, "repay", forgiving),
        (LotBook, "_take", rounded),
        (HedgeGrid, "on_fill", lambda self, fill: (self.books._seen.clear(), ON_FILL(self, fill))),
    ],
)
def test_with_a_broken_book_the_same_machine_fails(
    kind: type, name: str, broken: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, name, broken)
    quick = settings(
        max_examples=200, deadline=None, database=None, phases=[Phase.generate], report_multiple_bugs=False
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(FillMachine, settings=quick)
