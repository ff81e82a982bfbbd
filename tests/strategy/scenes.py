"""Ordinary beginnings for tests on a world: entries that rest, lots that are held, controls that have struck."""

from decimal import Decimal
from typing import Any

from strategy.control import Receipt, Result
from strategy.domain import DoorState, Leg, Role
from strategy.picture import take_picture
from strategy.snapshot import MarketView, Snapshot
from tests.strategy.venue import VenueOrder
from tests.strategy.world import World

PLAIN = ("grid.levels=2", "grid.base_qty=0.004")
QTY = Decimal("0.004")


def started(*overrides: str, seed: int = 0, **options: Any) -> World:
    """Four entries rest at the venue, around 60,000."""
    world = World(seed, overrides=(*PLAIN, *overrides), acts=False, **options)
    world.quote(60_000)
    world.settle()
    return world


def holding(*overrides: str, seed: int = 0, **options: Any) -> World:
    """The same with a long lot and a short lot, both protected."""
    world = started(*overrides, seed=seed, **options)
    for leg in Leg:
        world.venue.fill(entry(world, leg, 1))
    world.settle()
    return world


def entry(world: World, leg: Leg = Leg.LONG, level: int = 1) -> VenueOrder:
    """The entry that rests at a rung."""
    return only([order for order in world.venue.live(leg, Role.ENTRY) if order.order.key.slot == level])


def only[T](found: list[T]) -> T:
    """The one that there is."""
    (one,) = found
    return one


def state_of(world: World) -> DoorState:
    """What the door shows now; read anew each time."""
    return world.grid.state


def result_of(receipts: list[Receipt]) -> Result:
    """How the act ended."""
    return only(receipts).result


def err(world: World, times: int = 1) -> None:
    """So many errors that count, at once, and the pass that follows."""
    for _ in range(times):
        world.grid.errors.record(world.venue.now(), "test", "fault", "on purpose", critical=False, counts=True)
    world.converge()


def picture(world: World) -> Snapshot:
    """What the outside sees now."""
    market = world.venue.quote
    view = MarketView() if market is None else MarketView(bid=market.bid, ask=market.ask)
    return take_picture(Snapshot(), 1, world.venue.now(), world.grid, world.desk, view)


def sample(world: World, equity: int | str | Decimal, times: int = 1) -> None:
    """So many samples of the equity, a second apart, and the pass that follows."""
    for _ in range(times):
        world.advance(1_000)
        world.grid.risk.sample(world.venue.now(), Decimal(equity))
    world.converge()
