"""All watches together beside a real grid: what the telemetry tells reaches the gate, what ails ends the renewals."""

from decimal import Decimal
from typing import Any

import pytest

from hedgegrid_tui.engine.binance.guards.venue_guards import LIQUIDATED, VenueGuards
from hedgegrid_tui.engine.binance.rest.client import BinanceRest, LimitedError, Usage
from strategy.config import load_config
from strategy.domain import Leg, Reason, Role
from strategy.order_index import OrderRecord
from strategy.snapshot import Snapshot
from tests.hedgegrid_tui.binance.witness import Witness, until
from tests.strategy.scenes import PLAIN, only, started
from tests.strategy.venue import Event
from tests.strategy.world import World
from tests.venue.binance.asker import Asker
from tests.venue.binance.server import FakeBinance


class Shell(Witness):
    """The hooks, and the rest of the strategy that the guards read."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.grid: Any = world.grid
        self.failure = ""
        self.is_running = True
        self.fresh = True

    @property
    def snapshot(self) -> Snapshot:
        return Snapshot(ts=self.clock if self.fresh else self.clock - 11_000_000_000)


class Desk:
    def __init__(self, rest: BinanceRest) -> None:
        self.world = started()
        self.shell = Shell(self.world)
        settings: Any = self.shell
        self.guards = VenueGuards(settings, rest, load_config(None, PLAIN), "BTCUSDT")


@pytest.fixture
def desk(rest: BinanceRest) -> Desk:
    return Desk(rest)


async def mirror(desk: Desk, ask: Asker) -> None:
    """The venue has what the grid believes."""
    for order in desk.world.grid.index:
        await send(ask, order)


async def send(ask: Asker, order: OrderRecord) -> None:
    side, leg = order.side.upper(), order.key.leg.upper()
    reply = await ask.order(side, leg, "LIMIT", str(order.qty), price=str(order.price), newClientOrderId=order.id)
    assert reply.status == 200


async def test_started_they_arm_compare_tell_and_read_the_budgets_and_stopped_they_disarm(
    desk: Desk, venue: FakeBinance, ask: Asker
) -> None:
    await mirror(desk, ask)
    desk.guards.start()
    await until(lambda: bool(desk.guards.truth.agreed_ns and venue.countdown.asked and desk.shell.vitals))
    await until(lambda: desk.guards.limits.weight.used is not None)
    assert desk.shell.shut == {}
    assert await desk.guards.stop(disarm=True)
    assert venue.countdown.asked == [120_000, 0]
    assert desk.shell.critical == []
    asked = len(venue.front.asked)
    await until(lambda: True)
    assert len(venue.front.asked) == asked


async def test_without_disarming_the_switch_is_left_as_it_is(desk: Desk, venue: FakeBinance) -> None:
    desk.guards.start()
    await until(lambda: bool(venue.countdown.asked))
    assert await desk.guards.stop(disarm=False)
    assert venue.countdown.asked == [120_000]


@pytest.mark.parametrize("ail", ["stream", "failure", "stopped", "silent", "ends"])
async def test_whatever_ails_keeps_the_switch_from_being_renewed(desk: Desk, venue: FakeBinance, ail: str) -> None:
    match ail:
        case "stream":
            desk.guards.on_stream_state(alive=False, words="listenKey expired")
        case "failure":
            desk.shell.failure = "ArithmeticError"
        case "stopped":
            desk.shell.is_running = False
        case "silent":
            desk.shell.fresh = False
        case _:
            await desk.guards.stop(disarm=False)
    await desk.guards.dead_man.look()
    assert venue.countdown.asked == []
    assert desk.shell.alarms


async def test_a_sound_session_renews(desk: Desk, venue: FakeBinance) -> None:
    await desk.guards.dead_man.look()
    assert venue.countdown.asked == [120_000]


async def test_a_dead_stream_shuts_entries_and_its_return_lets_them_and_asks_what_was_missed(desk: Desk) -> None:
    desk.guards.on_stream_state(alive=True, words="")
    assert desk.shell.looks == 0
    desk.guards.on_stream_state(alive=False, words="")
    assert desk.shell.shut[Reason.STREAM_DEAD] == ("the account's stream is dead", 0)
    desk.guards.on_stream_state(alive=True, words="")
    assert desk.shell.shut == {}
    assert desk.shell.looks == 1


async def test_exits_are_back_once_own_books_and_the_venue_show_them_after_it_fired(desk: Desk) -> None:
    world, guards = desk.world, desk.guards
    world.venue.fill(only([o for o in world.venue.live(Leg.LONG, Role.ENTRY) if o.order.key.slot == 1]))
    world.settle()
    guards.truth.agreed_ns = 10
    assert guards._are_exits_back(9)
    assert not guards._are_exits_back(10)
    target = only(world.venue.live(Leg.LONG, Role.TP))
    world.venue._end(target, Event("canceled", target.id))
    world.venue.deliver()
    assert not guards._are_exits_back(9)
    world.settle()
    assert guards._are_exits_back(9)
    desk.shell.grid = None
    assert not guards._are_exits_back(9)


async def test_while_a_flatten_verifies_by_it_the_venue_is_looked_at_each_second(desk: Desk) -> None:
    assert await desk.guards.truth.look() == 5
    desk.world.grid.frozen = frozenset({Leg.LONG})
    assert await desk.guards.truth.look() == 1
    desk.shell.grid = None
    assert await desk.guards.truth.look() == 5


async def test_own_books_are_the_grid_s(desk: Desk) -> None:
    books = desk.guards._books()
    assert books is not None
    assert set(books.orders) == {order.id for order in desk.world.grid.index}
    assert all(desk.guards._is_ours(order_id) for order_id in books.orders)
    assert not desk.guards._is_ours("web_1")
    desk.world.grid.refusals[next(iter(desk.world.grid.index)).key] = "-4014 tick"
    assert desk.guards._refusals() == ("-4014 tick",)
    desk.shell.grid = None
    assert desk.guards._books() is None
    assert not desk.guards._is_ours("web_1")
    assert desk.guards._refusals() == ()


async def test_the_venue_s_differences_from_the_grid_shut_entries(desk: Desk, ask: Asker, venue: FakeBinance) -> None:
    await mirror(desk, ask)
    gone = next(iter(desk.world.grid.index))
    venue.cancel_by_hand(gone.id)
    for _ in range(2):
        await desk.guards.truth.look()
    assert desk.shell.shut[Reason.VENUE_DIFFERS][0].startswith(f"{gone.id} ")


@pytest.mark.parametrize(("words", "banned"), [("429 slow down", False), ("418 banned", True)])
async def test_a_wait_that_the_execution_client_was_told_is_taken(desk: Desk, words: str, banned: bool) -> None:
    desk.guards.on_limited(30, words)
    assert Reason.VENUE_LIMITED in desk.shell.shut
    assert bool(desk.shell.alarms) is banned
    assert (desk.guards._rest.ban is not None) is banned, "a ban is of the address"


async def test_a_wait_that_the_own_client_was_told_is_taken(desk: Desk, venue: FakeBinance, rest: BinanceRest) -> None:
    venue.when("GET", "/fapi/v1/openOrders").limit(30, banned=True)
    with pytest.raises(LimitedError):
        await rest.signed("GET", "/fapi/v1/openOrders", symbol="BTCUSDT")
    assert desk.shell.shut[Reason.VENUE_LIMITED]
    assert desk.shell.alarms


async def test_usage_stream_words_and_strangers_are_passed_on(desk: Desk) -> None:
    now = desk.shell.clock
    desk.guards.on_usage(Usage(weight_1m=7, weight_1m_ns=now))
    desk.guards.on_stream_word(now)
    desk.guards.on_stream_checked(now)
    desk.guards.on_foreign("web_1 filled 0.002")
    vitals = desk.guards.feed.vitals()
    assert (vitals.weight_used, vitals.stream_age_ms, vitals.stream_checked_ms) == (7, 0, 0)
    assert desk.shell.notes == [("venue", "foreign", "web_1 filled 0.002")]


async def test_a_liquidation_is_an_alarm_on_its_leg_until_own_books_have_taken_it_in(
    desk: Desk, venue: FakeBinance, ask: Asker
) -> None:
    desk.guards.on_liquidation(Leg.LONG, Decimal("0.004"), Decimal("50000.0"))
    assert "0.004 at 50000.0 by force" in desk.shell.alarms[LIQUIDATED, Leg.LONG]
    assert desk.shell.looks == 1
    await desk.guards.truth.look()
    assert desk.shell.alarms, "the venue has none of the grid's orders"
    await mirror(desk, ask)
    await desk.guards.truth.look()
    assert desk.shell.alarms == {}


async def test_the_venue_s_budgets_are_taken_over(desk: Desk, venue: FakeBinance) -> None:
    await desk.guards.filters.look()
    assert desk.guards.limits.weight.limit == venue.guard.weight_limit
