"""What a test needs to break one thing on purpose and watch the checker find it."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from strategy.admission import Admission
from strategy.control import Command, CommandName
from strategy.domain import DesiredOrder, Reason
from strategy.gate import judge
from tests.simulation.world import Outcome, Plan, World
from tests.venue.faults import Faults, S

LADDER = ("grid.levels=2", "grid.base_qty=0.004", "breaker.errors=1000")
CALM = Plan(seed=3, faults=Faults(), seconds=12, overrides=LADDER, acts=False, transfers=False)


def play(
    folder: Path, plan: Plan = CALM, prepare: Callable[[World], None] = lambda _world: None, swing: int = 90
) -> Outcome:
    """One run; `prepare` may meddle with the world first."""
    world = World(plan, folder)
    world.swing = swing
    prepare(world)
    return world.run()


def after(seconds: float, *acts: Callable[[World], None]) -> Callable[[World], None]:
    """Meddle later, in market time."""

    def meddle(world: World) -> None:
        for act in acts:
            act(world)

    return lambda world: world.schedule(int(seconds * S), lambda: meddle(world))


def both(*preparations: Callable[[World], None]) -> Callable[[World], None]:
    """Several preparations."""

    def prepare(world: World) -> None:
        for each in preparations:
            each(world)

    return prepare


def give(name: CommandName, **details: Any) -> Callable[[World], None]:
    """An operator's command."""

    def give_it(world: World) -> None:
        world.act(Command(name, **details))

    return give_it


def restart(world: World) -> None:
    """The engine dies, and another starts a moment later."""
    world.kill(torn=False)
    world.schedule(S // 5, world.start_again)


def go_wrong(**faults: float) -> Callable[[World], None]:
    """From now on the line has these faults."""

    def go(world: World) -> None:
        world.chance.faults = Faults(**faults)

    return go


def jump(steps: float) -> Callable[[World], None]:
    """The price leaps by so many steps of the grid, and stays there."""

    def leap(world: World) -> None:
        world.mid += world.step * Decimal(str(steps))
        world.swing = 0

    return leap


def blind_gate(monkeypatch: pytest.MonkeyPatch, **facts: Any) -> None:
    """Let the gate believe something that is not so."""

    def look(self: Admission, order: DesiredOrder) -> Reason | None:
        known = msgspec.structs.replace(self._gate_facts(order.key), **facts)
        return judge(order, known, self.spec)

    monkeypatch.setattr(Admission, "_judge", look)
