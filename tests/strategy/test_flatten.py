"""The flatten procedure from its facts alone."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.domain import ZERO, Leg, OrderKey, Role
from strategy.flatten import Asked, CloseLeg, Flatten, FlattenFacts, FlattenStep, next_step, view
from strategy.order_index import OrderRecord, OrderStatus
from strategy.snapshot import FlattenStage

QTY = Decimal("0.004")
statuses = st.sampled_from(OrderStatus)
positions = st.sampled_from([ZERO, QTY, -QTY])


def order(role: Role, status: OrderStatus = OrderStatus.ACCEPTED, number: int = 1) -> OrderRecord:
    return OrderRecord(
        f"{role}{number}", OrderKey(Leg.LONG, role, 1), Leg.LONG.exit_side, None, QTY, None, Decimal(60), status
    )


def orders(*roles: Role) -> st.SearchStrategy[tuple[OrderRecord, ...]]:
    return st.lists(st.builds(order, st.sampled_from(roles), statuses, st.integers(0, 9)), max_size=3).map(tuple)


facts = st.builds(
    FlattenFacts,
    entries=orders(Role.ENTRY),
    exits=orders(Role.TP, Role.SL),
    closes=orders(Role.CLOSE),
    venue_qty=positions,
    own_qty=positions,
)
states = st.dictionaries(st.sampled_from(Leg), facts, min_size=1)


def fact(
    entries: tuple[OrderRecord, ...] = (),
    exits: tuple[OrderRecord, ...] = (),
    closes: tuple[OrderRecord, ...] = (),
    venue: Decimal = ZERO,
    own: Decimal = ZERO,
) -> FlattenFacts:
    return FlattenFacts(entries, exits, closes, venue, own)


@given(states, st.frozensets(st.sampled_from(Leg)))
def test_s09_flat_is_said_only_when_nothing_at_all_is_left(
    state: dict[Leg, FlattenFacts], held_back: frozenset[Leg]
) -> None:
    step = next_step(state, held_back)
    left = any(f.entries or f.exits or f.closes or f.venue_qty or f.own_qty for f in state.values())
    assert (step.stage is FlattenStage.FLAT) is not left
    assert step == next_step(state, held_back)


@given(states)
def test_s09_once_its_orders_are_under_way_a_step_asks_for_nothing_more(state: dict[Leg, FlattenFacts]) -> None:
    step = next_step(state, frozenset())
    under_way = {
        leg: FlattenFacts(
            tuple(order(o.key.role, OrderStatus.CANCELLING) for o in f.entries),
            tuple(order(o.key.role, OrderStatus.CANCELLING) for o in f.exits),
            f.closes or tuple(order(Role.CLOSE, OrderStatus.SUBMITTED) for close in step.closes if close.leg is leg),
            f.venue_qty,
            f.own_qty,
        )
        for leg, f in state.items()
    }
    again = next_step(under_way, frozenset())
    assert again.cancels == ()
    if step.closes:
        assert again == FlattenStep(FlattenStage.CLOSING)


@given(states, st.frozensets(st.sampled_from(Leg)))
def test_s09_no_exit_is_cancelled_and_no_leg_is_closed_out_of_turn(
    state: dict[Leg, FlattenFacts], held_back: frozenset[Leg]
) -> None:
    step = next_step(state, held_back)
    exits_go = any(o.key.role is not Role.ENTRY for o in step.cancels)
    assert not (exits_go and any(f.entries or f.closes or f.venue_qty or f.own_qty for f in state.values()))
    assert not (step.closes and any(f.entries or f.closes for f in state.values()))
    assert not {close.leg for close in step.closes} & held_back


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (
            fact(entries=(order(Role.ENTRY),), venue=QTY, own=QTY),
            FlattenStep(FlattenStage.CANCELLING_ENTRIES, cancels=(order(Role.ENTRY),)),
        ),
        (
            fact(entries=(order(Role.ENTRY, OrderStatus.CANCELLING),), venue=QTY),
            FlattenStep(FlattenStage.CANCELLING_ENTRIES),
        ),
        (fact(venue=QTY, own=QTY), FlattenStep(FlattenStage.CLOSING, closes=(CloseLeg(Leg.LONG, QTY),))),
        (fact(venue=-QTY), FlattenStep(FlattenStage.CLOSING, closes=(CloseLeg(Leg.LONG, -QTY),))),
        (fact(closes=(order(Role.CLOSE),), venue=QTY), FlattenStep(FlattenStage.CLOSING)),
        (fact(own=QTY), FlattenStep(FlattenStage.VERIFYING)),
        (fact(exits=(order(Role.SL),)), FlattenStep(FlattenStage.CANCELLING_EXITS, cancels=(order(Role.SL),))),
        (fact(), FlattenStep(FlattenStage.FLAT)),
    ],
)
def test_s09_each_stage_follows_from_what_is_left(state: FlattenFacts, step: FlattenStep) -> None:
    assert next_step({Leg.LONG: state}, frozenset()) == step


def test_s09_a_leg_whose_close_was_refused_waits_while_the_other_is_closed() -> None:
    state = dict.fromkeys(Leg, fact(venue=QTY, own=QTY))
    assert next_step(state, frozenset({Leg.LONG})).closes == (CloseLeg(Leg.SHORT, QTY),)
    assert next_step(state, frozenset(Leg)) == FlattenStep(FlattenStage.CLOSING)


def test_the_view_counts_what_is_left_and_knows_only_its_legs() -> None:
    flatten = Flatten(frozenset({Leg.LONG}), 5, 9, {"a": Asked(frozenset({Leg.LONG}), 9)}, {})
    shown = view(flatten, {Leg.LONG: fact(entries=(order(Role.ENTRY),), exits=(order(Role.SL),) * 2, venue=QTY)})
    assert (shown.entries_left, shown.exits_left, shown.long_left, shown.short_left) == (1, 2, QTY, ZERO)
    assert (shown.legs, shown.started_ns, shown.running) == ((Leg.LONG,), 5, True)
    for stage in (FlattenStage.FLAT, FlattenStage.NOT_FLAT):
        flatten.stage = stage
        assert not view(flatten, {Leg.SHORT: fact()}).running


@given(states, st.frozensets(st.sampled_from(Leg)))
def test_s09_entries_that_nobody_answers_about_keep_no_leg_from_being_closed(
    state: dict[Leg, FlattenFacts], held_back: frozenset[Leg]
) -> None:
    step = next_step(state, held_back, wait_for_entries=False)
    under_way = any(f.closes for f in state.values())
    due = {leg for leg, f in state.items() if f.venue_qty and leg not in held_back}
    assert {close.leg for close in step.closes} == (set() if under_way else due)
    entries = [o for f in state.values() for o in f.entries]
    assert {o.id for o in entries if o.status is not OrderStatus.CANCELLING} <= {o.id for o in step.cancels}
    assert not (step.stage is FlattenStage.FLAT and entries)
