"""What is done beside events: samples of the equity, transfers, and the watch on feed and venue."""

from decimal import Decimal

import pytest

from strategy.control import CommandName
from strategy.domain import NS_PER_S, Market, Reason
from strategy.upkeep import Upkeep
from strategy.watch import WALLET_LOOKS
from strategy.watchdog import SILENT_STREAM, STALE_FEED
from tests.strategy.scenes import PLAIN, holding, only, started
from tests.strategy.world import World


def upkeep(world: World, *, watches: bool = True) -> Upkeep:
    return Upkeep(world.grid, world.journal, world.venue.now(), watches=watches)


def alarms(world: World) -> list[str]:
    return [name for name, _ in world.grid.errors.alarms]


def test_a_sample_writes_what_the_equity_is_made_of() -> None:
    world = holding()
    world.sample()
    line = only(world.journal.of("equity"))
    values = {name: Decimal(line[name]) for name in ("wallet", "unrealised", "equity", "realised", "fees", "funding")}
    assert values["equity"] == values["wallet"] + values["unrealised"]
    assert values["wallet"] == world.cash + world.grid.lots.net_cost
    assert "day_start" not in line, "the day has not enough samples yet"
    world.sample(world.config.drawdown.samples)
    assert "day_start" in world.journal.of("equity")[-1]


def test_in_a_crossed_market_the_equity_is_not_known() -> None:
    world = started()
    crossed = Market(Decimal(60_001), Decimal(60_000), world.venue.now())
    assert not world.upkeep.sample(world.venue.now(), crossed, world.cash, world.cash)
    assert world.journal.of("equity") == []


def test_a_transfer_is_booked_once_it_is_certain() -> None:
    world = started()
    world.sample()
    world.paid_in += 500
    world.sample(WALLET_LOOKS)
    assert only(world.journal.of("transfer"))["amount"] == "500"
    assert world.grid.ledger.wallet == 10_500


def test_while_books_differ_no_gap_is_a_transfer() -> None:
    world = started()
    world.sample()
    world.paid_in += 500
    world.venue.told_position[next(iter(world.venue.told_position))] += Decimal("0.001")
    world.sample(2 * WALLET_LOOKS)
    assert world.journal.of("transfer") == []


def test_a_sample_asks_for_a_pass_where_a_control_acts_or_a_limit_on_the_equity_binds() -> None:
    world = started("limits.max_leverage=0.01")
    assert Reason.LEVERAGE in world.grid.gaps.values()
    now, market = world.venue.now(), world.venue.market()
    assert market is not None
    assert world.upkeep.sample(now, market, world.cash, world.cash)
    calm = started()
    now, market = calm.venue.now(), calm.venue.market()
    assert market is not None
    assert not calm.upkeep.sample(now, market, calm.cash, calm.cash)


def test_before_the_first_price_the_feed_is_stale_from_the_start_on() -> None:
    world = World(overrides=PLAIN, acts=False)
    made = upkeep(world)
    bound = world.config.watchdog.stale_after_ms * 1_000_000
    made.look(world.venue.now() + bound, None)
    assert alarms(world) == []
    made.look(world.venue.now() + bound + 1, None)
    assert alarms(world) == [STALE_FEED]


@pytest.mark.parametrize(("seconds", "stale"), [(150, False), (151, True)])
def test_prices_of_bars_alone_may_be_two_and_a_half_minutes_old(seconds: int, stale: bool) -> None:
    world = started()
    made, now = upkeep(world), world.venue.now()
    bars = Market(Decimal(60_000), Decimal(60_000), now - seconds * NS_PER_S, by_bars=True)
    made.look(now, bars)
    assert (STALE_FEED in alarms(world)) is stale


def test_a_feed_that_comes_back_asks_for_a_pass() -> None:
    world = started()
    made, now = upkeep(world), world.venue.now()
    assert not made.look(now, Market(Decimal(1), Decimal(2), now - 60 * NS_PER_S))
    assert made.look(now, Market(Decimal(1), Decimal(2), now))
    assert not made.look(now, Market(Decimal(1), Decimal(2), now))


def test_a_tape_is_not_watched_but_its_books_are_compared() -> None:
    world = started()
    made, now = upkeep(world, watches=False), world.venue.now()
    assert not made.look(now + 3_600 * NS_PER_S, None)
    assert alarms(world) == []
    world.venue.told_position[next(iter(world.venue.told_position))] += Decimal("0.001")
    assert made.look(now, None)


def test_a_silent_venue_is_heard_again() -> None:
    world = started()
    world.act(CommandName.CANCEL_ENTRIES)
    made, now = upkeep(world), world.venue.now()
    made.look(now + 60 * NS_PER_S, Market(Decimal(1), Decimal(2), now + 60 * NS_PER_S))
    assert SILENT_STREAM in alarms(world)
    made.heard(now + 60 * NS_PER_S)
    made.look(now + 61 * NS_PER_S, Market(Decimal(1), Decimal(2), now + 61 * NS_PER_S))
    assert SILENT_STREAM not in alarms(world)


def test_an_engine_that_stood_still_is_told() -> None:
    world = started()
    upkeep(world).stood_still(world.venue.now(), 3 * NS_PER_S)
    assert only(world.journal.of("alarm", raised=True))["name"] == "stuck-loop"
