"""Item 3: never a duplicate exit, never a held quantity without one; what is told twice counts once."""

from decimal import Decimal
from typing import Any, Final

import pytest

from strategy import grid as grid_module
from strategy import lots
from strategy.books import Fill
from strategy.domain import DesiredOrder, Leg, Lot, Role
from strategy.grid import HedgeGrid
from tests.strategy.world import World

SETTINGS: Final = ("grid.levels=1", "grid.base_qty=0.006")
LIVES: Final = 3
"""How often the one rung is entered, closed and entered again."""


def covered(world: World) -> None:
    """Each lot has one stop's and one take-profit's worth of exits, at the venue itself."""
    for leg in Leg:
        held = world.venue.true_position[leg]
        for role in (Role.SL, Role.TP):
            qty = world.venue.open_qty(leg, role)
            assert qty == held, f"{leg} holds {held}, {role} {qty}"


def tell_all_again(world: World) -> None:
    """Every fill, acceptance and ending so far comes a second time."""
    for event in tuple(world.venue.told):
        if event.kind not in ("updated", "request-refused"):
            world.venue.tell(event, again=True)
    world.venue.drain()


def check_s03(world: World) -> None:
    """One rung: filled in pieces, covered after each; closed in pieces; entered again, again and again."""
    for life in range(1, LIVES + 1):
        world.quote(60_000)
        world.settle()
        for leg in Leg:
            (entry,) = world.venue.live(leg, Role.ENTRY)
            for piece in ("0.001", "0.003", "0.002"):
                world.venue.fill(entry, piece)
                world.venue.drain()
                world.settle()
                covered(world)
            assert entry.done
            assert world.venue.true_position[leg] == Decimal("0.006")
        before = world.fingerprint()
        tell_all_again(world)
        assert world.fingerprint() == before, "events told twice have changed something"
        for leg in Leg:
            for part in ("0.001", None):
                for order in world.venue.live(leg, Role.TP):
                    world.venue.fill(order, part)
                world.settle()
                covered(world)
            assert world.venue.true_position[leg] == 0
        assert world.grid.ledger.round_trips == 2 * life
    world.checker.at_rest(world.grid)


def new_world() -> World:
    return World(overrides=("grid.recentre_trigger_bps=5000", *SETTINGS), acts=False)


def test_s03_repeat_and_partial_fills_at_one_rung_are_each_covered_and_repetitions_change_nothing() -> None:
    check_s03(new_world())


def test_s03_with_exits_remembered_per_leg_and_level_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seed's key: after the first fill at a level no later one gets exits."""
    known: dict[tuple[Leg, int], tuple[DesiredOrder, ...]] = {}
    cure = lots.desired_exits

    def seed(lot: Lot, grid: Any, spec: Any) -> tuple[DesiredOrder, ...]:
        exits = known.setdefault((lot.leg, lot.level), cure(lot, grid, spec))
        return exits if exits[0].lot == lot.number else ()

    monkeypatch.setattr(grid_module, "desired_exits", seed)
    with pytest.raises(AssertionError, match=r"holds 0.004, sl 0.001"):
        check_s03(new_world())


def test_s03_with_exits_for_the_first_lot_of_a_level_only_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    first: dict[tuple[Leg, int], int] = {}
    cure = lots.desired_exits

    def seed(lot: Lot, grid: Any, spec: Any) -> tuple[DesiredOrder, ...]:
        return cure(lot, grid, spec) if first.setdefault((lot.leg, lot.level), lot.number) == lot.number else ()

    monkeypatch.setattr(grid_module, "desired_exits", seed)
    with pytest.raises(AssertionError, match=r"holds 0.001, sl 0\b"):
        check_s03(new_world())


def test_s03_with_a_pair_of_exits_sent_by_each_fill_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exits fired by the event instead of derived from what is held."""
    cure = HedgeGrid.on_fill

    def fire(self: HedgeGrid, fill: Fill) -> None:
        cure(self, fill)
        for lot in tuple(self.lots):
            for order in lots.desired_exits(lot, self.config.grid, self.spec):
                self.orders.submit(order, lot.step)

    monkeypatch.setattr(HedgeGrid, "on_fill", fire)
    with pytest.raises(AssertionError, match="told twice"):
        check_s03(new_world())


def test_s03_with_fills_that_are_not_recognised_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    cure = HedgeGrid.on_fill

    def forgetful(self: HedgeGrid, fill: Fill) -> None:
        self.books._seen.clear()
        cure(self, fill)

    monkeypatch.setattr(HedgeGrid, "on_fill", forgetful)
    with pytest.raises(AssertionError, match="told twice"):
        check_s03(new_world())


def test_s03_two_entries_can_never_stand_at_one_rung() -> None:
    check_one_entry_a_rung(new_world())


def check_one_entry_a_rung(world: World) -> None:
    """However often a pass runs while an entry is in flight, the rung gets one."""
    world.quote(60_000)
    for _ in range(5):
        world.converge()
    keys = [order.order.key for order in world.venue.live(None, Role.ENTRY)]
    assert len(keys) == len(set(keys)) == 2, f"{len(keys)} entries"


def test_s03_with_an_index_that_is_filled_on_acceptance_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    world = new_world()
    monkeypatch.setattr(world.grid.index, "add", lambda _order: None)
    world.checker.at_every_moment = lambda: None  # type: ignore[method-assign]
    with pytest.raises(AssertionError, match="entries"):
        check_one_entry_a_rung(world)
