"""Desired against live under a venue that answers when and how it likes: never more than wanted, and it converges."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

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

from strategy import reconcile
from strategy.config import GridConfig, InstrumentConfig, PlacementConfig
from strategy.domain import ZERO, DesiredOrder, Ladder, Leg, Lot, OrderKey, Reason, Regime, Role, Rung
from strategy.ladder import build_ladder
from strategy.order_index import OrderIndex, OrderRecord, OrderStatus
from strategy.placement import desired_entry, entry_key, occupied
from strategy.reconcile import (
    Cancel,
    EntryPlan,
    Resize,
    VenueRules,
    open_keys,
    reconcile_entries,
    reconcile_exits,
)
from strategy.shape import Shape, shape

SPEC = InstrumentConfig().spec()
LEVELS = 3
EXITS = (Role.SL, Role.TP, Role.CLOSE)
ROUNDS = 40
"""Passes within which everything must have converged once the venue behaves."""
STATUSES_AFTER = {OrderStatus.SUBMITTED: OrderStatus.ACCEPTED, OrderStatus.UNKNOWN: OrderStatus.ACCEPTED}

legs = st.sampled_from(Leg)
picks = st.integers(0, 30)
thousandths = st.integers(1, 9).map(lambda n: Decimal(n) / 1000)


class Venue:
    """What was sent and not answered; the index is told of each answer as the grid tells it."""

    def __init__(self) -> None:
        self.index = OrderIndex()
        self.resizing: dict[str, Decimal] = {}
        self.serial = 100

    def send(self, actions: list[Any]) -> None:
        for action in actions:
            match action:
                case Cancel(order_id, _):
                    order = self.index.get(order_id)
                    assert order is not None, f"a cancel of {order_id}, which is not open"
                    assert order.status is not OrderStatus.CANCELLING, f"{order_id} is cancelled twice"
                    self.resizing.pop(order_id, None)
                    self.index.mark(order_id, OrderStatus.CANCELLING)
                case Resize(order_id, qty, _):
                    order = self.index.get(order_id)
                    assert order is not None
                    assert order.acknowledged, f"{order_id} is resized before the venue has it"
                    assert qty > order.filled
                    self.index.mark(order_id, OrderStatus.RESIZING)
                    self.resizing[order_id] = qty
                case _:
                    for part in msgspec.structs.astuple(action):
                        self._submit(part)

    def _submit(self, order: DesiredOrder) -> None:
        assert order.qty > 0
        self.serial += 1
        number = self.serial if order.key.role is Role.ENTRY else order.lot
        self.index.add(
            OrderRecord(f"n{self.serial}", order.key, order.side, order.price, order.qty, number, Decimal(60),
                        aim=order.aim)
        )  # fmt: skip

    def answer(self, order: OrderRecord, *, kindly: bool) -> None:
        """What was asked for last is done, or refused."""
        match order.status:
            case OrderStatus.SUBMITTED | OrderStatus.UNKNOWN if kindly:
                self.index.accepted(order.id)
            case OrderStatus.SUBMITTED | OrderStatus.UNKNOWN:
                self.index.remove(order.id)
            case OrderStatus.CANCELLING if kindly:
                self.index.remove(order.id)
            case OrderStatus.RESIZING if kindly and self.resizing[order.id] > order.filled:
                self.index.resized(order.id, self.resizing.pop(order.id))
            case OrderStatus.RESIZING:
                self.resizing.pop(order.id)
                self.index.mark(order.id, OrderStatus.ACCEPTED)
            case OrderStatus.CANCELLING:
                self.index.mark(order.id, OrderStatus.ACCEPTED)
                self.index.accepted(order.id)
            case OrderStatus.ACCEPTED:
                pass

    def pick(self, number: int) -> OrderRecord | None:
        orders = tuple(self.index)
        return orders[number % len(orders)] if orders else None

    def open_at(self, key: OrderKey) -> Decimal:
        return sum((order.open_qty for order in self.index.at(key)), ZERO)

    def behave(self) -> None:
        for order in tuple(self.index):
            self.answer(order, kindly=True)


# -- exits -------------------------------------------------------------------------------------------------------------


@dataclass
class Wish:
    """A lot and where its exits should rest."""

    leg: Leg
    qty: Decimal
    shift: int = 0
    breached: bool = False


class ExitMachine(RuleBasedStateMachine):
    """Lots grow, shrink, move and vanish while the venue answers."""

    @initialize(resizes=st.booleans(), pieces=st.sampled_from([0, 2, 3]))
    def begin(self, resizes: bool, pieces: int) -> None:
        self.venue_rules = VenueRules(resizes_stops=resizes, most_pieces=pieces)
        self.venue = Venue()
        self.lots: dict[int, Wish] = {}
        self.held_back: dict[OrderKey, int] = {}
        self.now = 0

    def desired(self) -> list[DesiredOrder]:
        found = []
        for number, lot in self.lots.items():
            for role, away in ((Role.CLOSE, None),) if lot.breached else ((Role.SL, -300), (Role.TP, 60)):
                price = None if away is None else Decimal(60_000 + lot.leg.sign * away + lot.shift)
                key = OrderKey(lot.leg, role, number)
                found.append(DesiredOrder(key, lot.leg.exit_side, price, lot.qty, number))
        return found

    def plan(self) -> list[Any]:
        keys = open_keys(self.venue.index, EXITS)
        return reconcile_exits(self.desired(), keys, self.venue.index, self.held_back, self.now, self.venue_rules)

    # -- what happens --------------------------------------------------------------------------------------------------

    @rule(leg=legs, qty=thousandths)
    def enter(self, leg: Leg, qty: Decimal) -> None:
        self.lots[len(self.lots) + 1 + self.now] = Wish(leg, qty)
        self.now += 10

    @precondition(lambda self: self.lots)
    @rule(pick=picks, qty=thousandths)
    def grow(self, pick: int, qty: Decimal) -> None:
        self.some(pick)[1].qty += qty

    @precondition(lambda self: self.lots)
    @rule(pick=picks, qty=thousandths)
    def shrink(self, pick: int, qty: Decimal) -> None:
        """An exit of another lot, or a close of the leg, has taken it."""
        number, lot = self.some(pick)
        lot.qty -= min(qty, lot.qty)
        if not lot.qty:
            del self.lots[number]

    @precondition(lambda self: self.lots)
    @rule(pick=picks)
    def breach(self, pick: int) -> None:
        self.some(pick)[1].breached = True

    @precondition(lambda self: self.lots)
    @rule(pick=picks, shift=st.sampled_from([-5, 5]))
    def move(self, pick: int, shift: int) -> None:
        self.some(pick)[1].shift += shift

    @rule(pick=picks, kindly=st.booleans())
    def answer(self, pick: int, kindly: bool) -> None:
        order = self.venue.pick(pick)
        if order is not None:
            self.venue.answer(order, kindly=kindly)
            if not kindly and order.status is OrderStatus.SUBMITTED:
                self.held_back[order.key] = self.now + 5

    @rule(pick=picks)
    def no_answer(self, pick: int) -> None:
        order = self.venue.pick(pick)
        if order is not None and order.status is OrderStatus.SUBMITTED:
            self.venue.index.mark(order.id, OrderStatus.UNKNOWN)

    @rule(pick=picks, qty=thousandths)
    def fill(self, pick: int, qty: Decimal) -> None:
        """A reducing order never fills beyond what is held."""
        order = self.venue.pick(pick)
        lot = None if order is None or order.lot is None else self.lots.get(order.lot)
        if order is None or lot is None or not order.acknowledged:
            return
        qty = min(qty, order.open_qty, lot.qty)
        self.venue.index.filled(order.id, qty)
        lot.qty -= qty
        if not lot.qty:
            del self.lots[order.lot]  # type: ignore[arg-type]

    @rule()
    def wait(self) -> None:
        self.now += 6

    # -- what must hold ------------------------------------------------------------------------------------------------

    @rule()
    def converge(self) -> None:
        """One pass asks for no more than is wanted, and a second one at once for nothing."""
        desired = {order.key: order.qty for order in self.desired()}
        keys = {*desired, *self.venue.index.keys()}
        before = {key: self.venue.open_at(key) for key in keys}
        pieces = {key: len(self.known_at(key)) for key in keys}
        actions = self.plan()
        taken = [isinstance(action, Cancel | Resize) for action in actions]
        assert taken == sorted(taken), "something is taken away before what is missing is sent"
        sent_before = {each.id for each in self.venue.index}
        self.venue.send(actions)
        for key in keys:
            wanted = desired.get(key, ZERO)
            assert self.venue.open_at(key) <= max(before[key], wanted), f"{key}: more than {wanted}"
            found = self.venue.index.at(key)
            if key in desired and any(self.is_resized_by(actions, each) for each in found):
                left = [each for each in found if each.status is not OrderStatus.CANCELLING]
                after = sum((self.venue.resizing.get(each.id, each.qty) - each.filled for each in left), ZERO)
                assert after == wanted, f"{key}: {after} once its requests are done, wanted {wanted}"
            if self.venue_rules.most_pieces and any(each.id not in sent_before for each in found):
                assert pieces[key] < self.venue_rules.most_pieces, f"{key}: one more beside {pieces[key]} pieces"
        assert self.plan() == [], "a second pass asks again"

    def known_at(self, key: OrderKey) -> list[OrderRecord]:
        """Orders that the venue has confirmed: only those can be joined."""
        return [order for order in self.venue.index.at(key) if order.acknowledged]

    def is_resized_by(self, actions: list[Any], order: OrderRecord) -> bool:
        return any(isinstance(action, Resize) and action.id == order.id for action in actions)

    @invariant()
    def nothing_is_sent_for_what_is_not_held(self) -> None:
        if not hasattr(self, "venue"):
            return
        for order in self.venue.index:
            assert order.key.role in EXITS
            assert order.qty > 0

    def teardown(self) -> None:
        """The venue behaves from now on."""
        if not hasattr(self, "venue"):
            return
        self.held_back.clear()
        for _ in range(ROUNDS):
            self.converge()
            self.venue.behave()
        assert self.plan() == []
        index, desired = self.venue.index, self.desired()
        assert set(index.keys()) == {order.key for order in desired}
        for order in desired:
            assert self.venue.open_at(order.key) == order.qty, f"{order.key}: wanted {order.qty}"
            assert {each.price for each in index.at(order.key)} == {order.price}
            assert {each.status for each in index.at(order.key)} == {OrderStatus.ACCEPTED}

    def some(self, pick: int) -> tuple[int, Wish]:
        found = sorted(self.lots.items())
        return found[-1 - pick % len(found)]


# -- entries -----------------------------------------------------------------------------------------------------------


class EntryMachine(RuleBasedStateMachine):
    """The ladder moves, is thinned and filled while the venue answers."""

    @initialize(limit=st.integers(1, 4))
    def begin(self, limit: int) -> None:
        self.limit = limit
        self.venue = Venue()
        self.lots: dict[int, Lot] = {}
        self.denied: set[OrderKey] = set()
        self.shares = dict.fromkeys(Leg, Decimal(1))
        self.ladder: Ladder = build_ladder(Decimal(60_000), GridConfig(levels=LEVELS, base_qty=Decimal("0.008")), SPEC)

    @property
    def shape(self) -> Shape:
        return shape(self.ladder, PlacementConfig(), SPEC, Regime.SIDEWAYS, Decimal(1), self.shares)

    def plan(self) -> EntryPlan:
        def entry_for(rung: Rung) -> DesiredOrder:
            return desired_entry(rung, 0, None, SPEC.tick_size, self.ladder.step / 2)

        def verdict(order: DesiredOrder) -> Reason | None:
            return Reason.PAUSED if order.key in self.denied else None

        taken = occupied(self.ladder, self.lots.values())
        return reconcile_entries(self.ladder, self.shape, taken, self.venue.index, entry_for, verdict, self.limit)

    # -- what happens --------------------------------------------------------------------------------------------------

    @rule(centre=st.integers(59_900, 60_100))
    def recentre(self, centre: int) -> None:
        grid = GridConfig(levels=LEVELS, base_qty=Decimal("0.008"))
        self.ladder = build_ladder(Decimal(centre), grid, SPEC)

    @rule(leg=legs, share=st.sampled_from(["0", "0.3", "0.5", "1"]))
    def thin(self, leg: Leg, share: str) -> None:
        self.shares[leg] = Decimal(share)

    @rule(leg=legs, level=st.integers(1, LEVELS))
    def deny_or_allow(self, leg: Leg, level: int) -> None:
        self.denied ^= {OrderKey(leg, Role.ENTRY, level)}

    @rule(pick=picks, kindly=st.booleans())
    def answer(self, pick: int, kindly: bool) -> None:
        order = self.venue.pick(pick)
        if order is not None:
            self.venue.answer(order, kindly=kindly)

    @rule(pick=picks)
    def no_answer(self, pick: int) -> None:
        order = self.venue.pick(pick)
        if order is not None and order.status is OrderStatus.SUBMITTED:
            self.venue.index.mark(order.id, OrderStatus.UNKNOWN)

    @rule(pick=picks, qty=thousandths)
    def fill(self, pick: int, qty: Decimal) -> None:
        order = self.venue.pick(pick)
        if order is None or not order.acknowledged or order.price is None or order.lot is None:
            return
        qty = min(qty, order.open_qty)
        self.venue.index.filled(order.id, qty)
        known = self.lots.get(order.lot)
        held = qty if known is None else known.qty + qty
        cost = held * order.price
        leg = order.key.leg
        self.lots[order.lot] = Lot(order.lot, leg, order.key.slot, order.price, self.ladder.step, held, cost, 1)

    @precondition(lambda self: self.lots)
    @rule(pick=picks)
    def close(self, pick: int) -> None:
        found = sorted(self.lots)
        del self.lots[found[pick % len(found)]]

    # -- what must hold ------------------------------------------------------------------------------------------------

    @rule()
    def converge(self) -> None:
        """Within a turn's limit; no rung ever has two entries, and none is sent to a taken, thinned or denied one."""
        before = {order.id for order in self.venue.index}
        plan = self.plan()
        assert len(plan.actions) <= self.limit
        self.venue.send(plan.actions)
        taken, wanted = occupied(self.ladder, self.lots.values()), self.wanted()
        for order in self.venue.index:
            assert len(self.venue.index.at(order.key)) == 1, f"two entries at {order.key}"
            if order.id not in before:
                assert order.key not in taken, f"an entry at {order.key}, which is taken"
                assert order.key not in self.denied
                assert (order.price, order.qty) == (wanted[order.key].price, wanted[order.key].qty)
        again = self.plan()
        if not plan.unfinished:
            assert again.actions == [], "a second pass asks again"

    def wanted(self) -> Mapping[OrderKey, Rung]:
        return {entry_key(rung): rung for leg in Leg for rung in self.shape.wanted[leg]}

    @invariant()
    def every_gap_has_a_reason(self) -> None:
        if not hasattr(self, "venue"):
            return
        plan = self.plan()
        for leg in Leg:
            for rung in self.ladder.side(leg):
                key = entry_key(rung)
                assert key in plan.gaps or self.venue.index.has(key) or plan.unfinished or plan.actions

    def teardown(self) -> None:
        """The venue behaves from now on."""
        if not hasattr(self, "venue"):
            return
        for _ in range(ROUNDS):
            self.converge()
            self.venue.behave()
        plan = self.plan()
        assert plan.actions == []
        assert not plan.unfinished
        taken, wanted = occupied(self.ladder, self.lots.values()), self.wanted()
        for leg in Leg:
            for rung in self.ladder.side(leg):
                self.rests_as_wanted(entry_key(rung), wanted.get(entry_key(rung)), taken, plan)

    def rests_as_wanted(self, key: OrderKey, rung: Rung | None, taken: Mapping[OrderKey, Lot], plan: EntryPlan) -> None:
        found = self.venue.index.at(key)
        if rung is None:
            assert not found, f"{key} was thinned away"
        elif key in taken:
            assert all(order.lot == taken[key].number for order in found), f"{key} is taken"
        elif found:
            (order,) = found
            assert order.price == rung.price
            kept_small = key in self.denied and order.qty < rung.qty
            assert order.qty == rung.qty or order.filled or kept_small, f"{key} is of another quantity"
        else:
            assert plan.gaps[key] is Reason.PAUSED, f"{key} is empty"


steps = settings(max_examples=80, stateful_step_count=40, deadline=None)
ExitMachine.TestCase.settings = steps
EntryMachine.TestCase.settings = steps
test_exits_are_never_more_than_held_and_converge_from_any_state = ExitMachine.TestCase
test_entries_are_never_two_at_a_rung_and_converge_from_any_state = EntryMachine.TestCase


# -- the machines themselves: a broken plan does not get past them -----------------------------------------------------


def in_spite_of_answers(_order: OrderRecord) -> bool:
    return True


def of_working_only(self: OrderIndex, key: OrderKey) -> tuple[OrderRecord, ...]:
    return tuple(order for order in AT(self, key) if order.acknowledged)


def resized_to_the_surplus(live: Any, excess: Decimal, *, resizable: bool) -> list[Any]:
    return [Resize(action.id, excess, action.reason) if isinstance(action, Resize) else action
            for action in SHRINK(live, excess, resizable=resizable)]  # fmt: skip


AT, SHRINK = OrderIndex.at, reconcile._shrink


@pytest.mark.parametrize(
    ("machine", "owner", "name", "broken"),
    [
        (ExitMachine, reconcile, "_is_settled", in_spite_of_answers),
        (ExitMachine, OrderIndex, "at", of_working_only),
        (ExitMachine, reconcile, "_shrink", resized_to_the_surplus),
        (ExitMachine, reconcile, "_shrink", lambda *_live, **_how: []),
        (EntryMachine, OrderIndex, "has", lambda _index, _key: False),
        (EntryMachine, reconcile._Turn, "withdraw", lambda turn, key, reason, _why: turn.gaps.update({key: reason})),
        (EntryMachine, reconcile._Turn, "keep", lambda *_rung: None),
    ],
)
def test_with_a_broken_plan_the_same_machine_fails(
    machine: type[RuleBasedStateMachine], owner: object, name: str, broken: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, broken)
    quick = settings(
        max_examples=1000, derandomize=True, deadline=None, database=None, phases=[Phase.generate],
        report_multiple_bugs=False,
    )  # fmt: skip
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=quick)
