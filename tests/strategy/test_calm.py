"""Inside the calm band a pass would do nothing: asked of every price around."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from strategy.calm import Band, calm_band
from strategy.config import GridConfig, InstrumentConfig
from strategy.control import CommandName
from strategy.domain import ZERO, DoorState, Leg, Market, OrderKey, Reason, Role
from strategy.ladder import build_ladder
from tests.strategy.world import World

SPEC = InstrumentConfig().spec()
GRID = GridConfig(levels=3)
LADDER = build_ladder(Decimal(60_000), GRID, SPEC)
PLAIN = ("grid.levels=3", "grid.base_qty=0.004", "grid.recentre_trigger_bps=25")


def key(leg: Leg, level: int) -> OrderKey:
    return OrderKey(leg, Role.ENTRY, level)


def is_inside(band: Band, bid: Decimal, ask: Decimal) -> bool:
    mid = (bid + ask) / 2
    return bid >= band.bid_floor and ask <= band.ask_ceiling and band.mid_floor <= mid <= band.mid_ceiling


def test_without_waiting_rungs_only_the_trigger_bounds_the_band() -> None:
    band = calm_band(LADDER, {}, GRID, SPEC.max_price, may_recentre=True)
    assert band == Band(ZERO, SPEC.max_price, Decimal(59_640), Decimal(60_360))


def test_where_the_ladder_may_not_move_no_price_is_heeded() -> None:
    band = calm_band(LADDER, {}, GRID, SPEC.max_price, may_recentre=False)
    assert band == Band(ZERO, SPEC.max_price, ZERO, SPEC.max_price)


def test_rungs_that_would_cross_bound_the_side_from_which_they_become_free() -> None:
    gaps = {
        key(Leg.LONG, 1): Reason.WOULD_CROSS,
        key(Leg.LONG, 2): Reason.WOULD_CROSS,
        key(Leg.LONG, 3): Reason.OCCUPIED,
        key(Leg.SHORT, 1): Reason.WOULD_CROSS,
        key(Leg.SHORT, 3): Reason.BACKING_OFF,
    }
    band = calm_band(LADDER, gaps, GRID, SPEC.max_price, may_recentre=True)
    assert (band.ask_ceiling, band.bid_floor) == (Decimal(59_880), Decimal(60_060))


@settings(max_examples=25, deadline=None)
@given(
    walk=st.lists(st.integers(-200, 200), min_size=1, max_size=6),
    paused=st.booleans(),
    ticks=st.lists(st.integers(-2_500, 2_500), min_size=20, max_size=20),
)
def test_inside_the_band_a_pass_sends_nothing(walk: list[int], paused: bool, ticks: list[int]) -> None:
    world = World(overrides=PLAIN, acts=False)
    for offset in (0, *walk):
        world.quote(60_000 + offset)
        world.settle()
    if paused:
        world.act(CommandName.PAUSE)
        world.settle()
    grid = world.grid
    assert grid.ladder is not None
    running = grid.state is DoorState.RUNNING
    commands = dict(world.venue.commands)
    band = calm_band(grid.ladder, grid.gaps, grid.config.grid, grid.spec.max_price, may_recentre=running)
    for tick in ticks:
        bid = world.mid + Decimal(tick) / 10
        ask = bid + Decimal("0.1")
        if is_inside(band, bid, ask):
            world.venue.quote = Market(bid, ask, 0)
            ladder = grid.ladder
            world.converge()
            assert world.venue.commands == commands
            assert grid.ladder is ladder


def test_a_rung_that_waits_is_entered_as_soon_as_the_market_leaves_the_band() -> None:
    world = World(overrides=("grid.levels=3", "grid.base_qty=0.004"), acts=False, heeds_band=True)
    world.quote(60_000)
    world.venue.drain()
    world.quote("59939.9")
    world.settle()
    world.act(CommandName.PAUSE)
    for mid in (60_001, "59930"):
        world.quote(mid)
        world.settle()
    world.act(CommandName.RESUME)
    assert world.grid.gaps == {key(Leg.LONG, 1): Reason.WOULD_CROSS}
    submits = world.venue.commands["submit"]
    world.quote("59939")
    assert world.venue.commands["submit"] == submits
    world.quote("59940.1")
    assert world.venue.commands["submit"] == submits + 1
