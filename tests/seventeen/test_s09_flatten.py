"""Item 9: a flatten shuts the gate first, closes what is held, says flat only when it is, and bounds its own time."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec
import pytest

from strategy import flattener
from strategy.control import Command, CommandName, Receipt, Result
from strategy.desk import Desk
from strategy.domain import DoorState, Leg, Role
from strategy.door import Door
from strategy.errors import ErrorLog
from strategy.flatten import FlattenFacts, FlattenStep, next_step
from strategy.flattener import Flattener
from strategy.latches import Halt
from strategy.order_index import OrderStatus
from strategy.past import NOT_FLAT
from strategy.snapshot import FlattenStage
from tests.strategy.scenes import PLAIN, entry, err, holding, only
from tests.strategy.venue import VenueOrder
from tests.strategy.world import World

STATES: Final[dict[DoorState, Callable[[World], object]]] = {
    DoorState.RUNNING: lambda _world: None,
    DoorState.PAUSED: lambda world: world.act(CommandName.PAUSE),
    DoorState.BREAKER_OPEN: lambda world: err(world, 1000),
    DoorState.HALTED: lambda world: world.grid.risk.halt(Halt.CRITICAL, "on purpose"),
    DoorState.FLATTENING: lambda world: world.act(CommandName.FLATTEN, Leg.SHORT),
}


class Watch:
    """Looks at the venue at every turn of a flatten, and at every order that leaves."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.receipts: list[Receipt] = []
        checked = world.venue.on_submit

        def on_submit(sent: VenueOrder) -> None:
            world.checker.require(11, sent.role is not Role.ENTRY, "an entry left while the flatten ran")
            checked(sent)

        world.venue.on_submit = on_submit

    def covered(self) -> None:
        """Until it is closed, what is held keeps its stops."""
        for leg in Leg:
            held, stops = self.world.venue.true_position[leg], self.world.venue.open_qty(leg, Role.SL)
            assert stops >= held, f"{leg} holds {held}, stops {stops}"

    def flatten(self, leg: Leg | None = None, turns: int = 60) -> None:
        """Act, and let messages through one at a time, while prices move."""
        self.receipts = self.world.act(CommandName.FLATTEN, leg)
        for turn in range(turns):
            self.turn(turn)
            self.covered()
            self.true()

    def turn(self, number: int) -> None:
        world = self.world
        world.venue.process(1)
        world.venue.deliver(1)
        world.advance(20)
        if number % 5 == 0:
            world.quote(60_000)
        world.checker.report()

    def true(self) -> None:
        """Whoever is told that it is flat finds it so."""
        for receipt in self.receipts:
            if receipt.result is Result.DONE:
                left = {leg: self.world.venue.true_position[leg] for leg in Leg if leg in receipt.detail}
                assert not any(left.values()), f"said flat and holds {left}"
                assert not [order.id for leg in left for order in self.world.venue.live(leg)], "said flat, orders open"


# -- from any state ----------------------------------------------------------------------------------------------------


def check_s09(state: DoorState) -> None:
    """Both legs held, entries resting, in any state: verified flat, within its time, and the state below is kept."""
    world = holding("breaker.cooldown_s=0")
    STATES[state](world)
    assert world.grid.state is state
    watch = Watch(world)
    watch.flatten()
    assert [receipt.result for receipt in watch.receipts] == [Result.DONE], f"no way from {state}"
    receipt = only(watch.receipts)
    for leg in Leg:
        detail = receipt.detail[leg]
        assert (detail["closed"], detail["left"], detail["open_orders"]) == ("0.004", "0.000", "0")
        assert detail["slippage"] == "0.00040000", "no slippage is told"
    assert not world.venue.live()
    kept = {DoorState.BREAKER_OPEN, DoorState.HALTED}
    assert world.grid.state is (state if state in kept else DoorState.PAUSED), f"{state} was lost"
    assert world.grid.door.latches.paused is not None, "it does not end paused"


@pytest.mark.parametrize("state", DoorState)
def test_s09_a_flatten_works_from_every_state_and_ends_verified(state: DoorState) -> None:
    check_s09(state)


def of_running_alone(cure: Callable[..., None]) -> Callable[..., None]:
    """A halt that forbids the very orders that would end the danger."""

    def carry_out(self: Desk, act_id: str, command: Command) -> None:
        if command.name is CommandName.FLATTEN and self._grid.state is not DoorState.RUNNING:
            self._answer(act_id, Result.REFUSED, reason=f"not while {self._grid.state}")
        else:
            cure(self, act_id, command)

    return carry_out


@pytest.mark.parametrize("state", [state for state in DoorState if state is not DoorState.RUNNING])
def test_s09_with_a_flatten_of_running_alone_the_same_check_fails(
    state: DoorState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Desk, "_carry_out_act", of_running_alone(Desk._carry_out_act))
    with pytest.raises(AssertionError, match="no way from"):
        check_s09(state)


def test_s09_with_one_state_instead_of_latches_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    cure = Door.set

    def set_one(self: Door, note: str = "", **changes: Any) -> None:
        if changes.get("paused") is not None:
            changes |= {"breaker": None, "halted": None, "halts": ()}
        cure(self, note, **changes)

    monkeypatch.setattr(Door, "set", set_one)
    with pytest.raises(AssertionError, match="was lost"):
        check_s09(DoorState.HALTED)


def facts_without(name: str) -> Callable[..., FlattenStep]:
    """The procedure, blind on one side."""

    def blind(facts: Any, held_back: Any, **more: Any) -> FlattenStep:
        return next_step(
            {leg: msgspec.structs.replace(fact, **{name: ()}) for leg, fact in facts.items()}, held_back, **more
        )

    return blind


def exits_first(facts: Any, held_back: Any, **more: Any) -> FlattenStep:
    """As the seed has it: everything is cancelled, then the legs are closed."""
    step = next_step(facts, held_back, **more)
    exits = tuple(
        order for fact in facts.values() for order in fact.exits if order.status is not OrderStatus.CANCELLING
    )
    return msgspec.structs.replace(step, cancels=(*step.cancels, *exits))


def flat_at_once(_facts: Any, _held_back: Any, **_more: Any) -> FlattenStep:
    return FlattenStep(FlattenStage.FLAT)


@pytest.mark.parametrize(
    ("instead", "words"),
    [
        (flat_at_once, "said flat"),
        (exits_first, "holds 0.004, stops 0"),
        (facts_without("exits"), "said flat"),
        (facts_without("entries"), "said flat"),
    ],
)
def test_s09_with_another_sequence_of_steps_the_same_check_fails(
    instead: Callable[..., FlattenStep], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flattener, "next_step", instead)
    with pytest.raises(AssertionError, match=words):
        check_s09(DoorState.RUNNING)


def check_s09_gate() -> None:
    """While one leg is flattened no entry leaves on either; the other leg's exits work on."""
    world = holding()
    watch = Watch(world)
    watch.flatten(Leg.LONG, turns=0)
    world.venue.fill(only(world.venue.live(Leg.SHORT, Role.TP)))
    for turn in range(40):
        watch.turn(turn)
    assert [receipt.result for receipt in watch.receipts] == [Result.DONE]


def test_s09_the_gate_is_shut_first_and_for_both_legs() -> None:
    check_s09_gate()


def test_s09_with_a_gate_that_is_shut_at_the_end_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the seed has it: the pause comes last, and entries race the closes."""
    cure = Door.set

    def late(self: Door, note: str = "", **changes: Any) -> None:
        if changes.get("flattening") is None:
            cure(self, note, **changes)

    monkeypatch.setattr(Door, "set", late)
    with pytest.raises(AssertionError, match="an entry left while"):
        check_s09_gate()


def test_s09_without_the_cost_of_closing_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    cure = flattener._leg_detail

    def untold(*args: Any) -> dict[str, str]:
        return {**cure(*args), "slippage": ""}

    monkeypatch.setattr(flattener, "_leg_detail", untold)
    with pytest.raises(AssertionError, match="no slippage"):
        check_s09(DoorState.RUNNING)


# -- entries in flight -------------------------------------------------------------------------------------------------


def check_s09_in_flight() -> None:
    """Entries that the venue has not answered yet: none is left, and what they fill meanwhile is closed."""
    world = World(overrides=PLAIN, acts=False)
    world.quote(60_000)
    receipts = world.act(CommandName.FLATTEN)
    world.venue.process(4)
    world.venue.fill(entry(world, Leg.LONG, 1))
    for _ in range(60):
        world.venue.process(1)
        world.venue.deliver(1)
        world.advance(50)
    left = [order.id for order in world.venue.live(None, Role.ENTRY)]
    assert not left, f"left open: {left}"
    assert not any(world.venue.true_position.values()), "what an entry in flight filled is still held"
    assert only(receipts).result is Result.DONE


def test_s09_entries_in_flight_are_taken_back_and_what_they_fill_is_closed() -> None:
    check_s09_in_flight()


def test_s09_with_an_index_filled_at_acceptance_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    cure = Flattener._facts

    def acknowledged(self: Flattener, legs: frozenset[Leg]) -> dict[Leg, FlattenFacts]:
        facts = cure(self, legs)
        return {
            leg: msgspec.structs.replace(fact, entries=tuple(order for order in fact.entries if order.acknowledged))
            for leg, fact in facts.items()
        }

    monkeypatch.setattr(Flattener, "_facts", acknowledged)
    with pytest.raises(AssertionError, match=r"left open|said flat|still held"):
        check_s09_in_flight()


# -- while another runs ------------------------------------------------------------------------------------------------


def check_s09_joined() -> None:
    """Pressed again and again, for other legs too: nothing is closed twice, and each press gets one receipt."""
    world = holding(enforces_reduce_only=False)
    given = []
    for leg in (Leg.LONG, None, Leg.LONG, Leg.SHORT, None):
        given.append(world.act(CommandName.FLATTEN, leg))
        world.venue.process(2)
        world.venue.deliver(2)
    world.settle()
    world.checker.report()
    assert [len(receipts) for receipts in given] == [1] * 5, "a press has no receipt, or two"
    assert {only(receipts).result for receipts in given} == {Result.DONE}
    closed = [order for order in world.venue.orders.values() if order.role is Role.CLOSE and order.filled]
    assert sum(order.filled for order in closed) == Decimal("0.008"), "closed twice"
    assert not any(world.venue.true_position.values())


def test_s09_further_requests_join_the_one_that_runs() -> None:
    check_s09_joined()


def test_s09_with_a_second_flatten_beside_the_first_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    cure = Flattener.begin

    def anew(self: Flattener, act_id: str, legs: frozenset[Leg], reason: str) -> None:
        self._running = None
        cure(self, act_id, legs, reason)

    monkeypatch.setattr(Flattener, "begin", anew)
    with pytest.raises(AssertionError, match="no receipt"):
        check_s09_joined()


def test_s09_with_closes_that_are_not_waited_for_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flattener, "next_step", facts_without("closes"))
    with pytest.raises(AssertionError, match=r"closed twice|is -0|invariant 8"):
        check_s09_joined()


# -- its bound ---------------------------------------------------------------------------------------------------------


def check_s09_bounded() -> None:
    """A venue that never answers: that it is not flat is said in time, alarmed per leg, and told again until it is."""
    world = holding()
    receipts = world.act(CommandName.FLATTEN)
    for _ in range(41):
        world.advance(500)
    assert [receipt.result for receipt in receipts] == [Result.TIMEOUT], "no answer in time"
    assert world.grid.door.reason == "flatten failed: long and short NOT FLAT"
    raised = [(line["leg"], line["raised"]) for line in world.journal.of("alarm", name=NOT_FLAT)]
    assert raised == [(leg, True) for leg in Leg], "no alarm"
    world.sample(31)
    again = [line["leg"] for line in world.journal.of("alarm", name=NOT_FLAT) if line.get("again")]
    assert set(again) == set(Leg), "the alarm is not told again"
    world.act(CommandName.FLATTEN)
    world.settle()
    assert not any(world.venue.true_position.values())
    assert not [name for name, _ in world.grid.errors.alarms if name == NOT_FLAT], "the alarm stays although it is flat"


def test_s09_a_flatten_is_bounded_and_what_it_could_not_close_is_an_alarm_until_it_is() -> None:
    check_s09_bounded()


@pytest.mark.parametrize(
    ("owner", "method", "instead", "words"),
    [
        (Flattener, "_end", lambda *_: None, "no answer in time"),
        (ErrorLog, "raise_alarm", lambda *_, **_more: True, "no alarm"),
        (ErrorLog, "repeat_alarms", lambda *_: None, "not told again"),
        (ErrorLog, "end_alarm", lambda *_: None, "stays although"),
    ],
)
def test_s09_without_the_code_of_its_bound_the_same_check_fails(
    owner: type, method: str, instead: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, method, instead)
    with pytest.raises(AssertionError, match=words):
        check_s09_bounded()
