"""The dead-man's switch against the fake venue: renewed while all is sound, told when late, contained once it fired."""

import asyncio

import pytest

from hedgegrid_tui.engine.binance.guards.dead_man import BULK, LATE, PATH, DeadManSwitch
from hedgegrid_tui.engine.binance.rest.client import BinanceRest
from strategy.domain import Leg, OrderKey, Reason, Role
from strategy.venue_config import BinanceConfig
from tests.hedgegrid_tui.binance.witness import Witness, until
from tests.venue.binance.asker import Asker
from tests.venue.binance.server import FakeBinance

SYMBOL = "BTCUSDT"
KEY = OrderKey(Leg.LONG, Role.ENTRY, 1)


class Desk:
    """A switch with everything around it, on clocks that the test moves; the venue's goes along."""

    def __init__(self, venue: FakeBinance, rest: BinanceRest, span_s: int = 120, renew_s: int = 30) -> None:
        self.venue = venue
        self.witness = Witness()
        self.ails = ""
        self.exits_are_back = False
        self.steady = 1_000.0
        config = BinanceConfig(dead_man_s=span_s, dead_man_renew_s=renew_s)
        self.switch = DeadManSwitch(
            rest, SYMBOL, config, self.witness, ails=lambda: self.ails,
            are_exits_back=lambda _ns: self.exits_are_back, monotonic=lambda: self.steady,
        )  # fmt: skip

    def advance(self, seconds: float, *, asleep: bool = False) -> None:
        """Time passes; a machine that is asleep has a steady clock that stands still."""
        self.witness.advance(seconds)
        self.steady += 0 if asleep else seconds
        self.venue.skew_ms += int(seconds * 1000)
        self.venue.countdown.look()

    async def run(self, seconds: int, step: int = 1) -> None:
        for _ in range(0, seconds, step):
            self.advance(step)
            await self.switch.look()


@pytest.fixture
def desk(venue: FakeBinance, rest: BinanceRest) -> Desk:
    return Desk(venue, rest)


async def rest_entries(ask: Asker) -> None:
    for price in ("59000.0", "58000.0", "57000.0"):
        reply = await ask.order("BUY", "LONG", "LIMIT", price=price)
        assert reply.status == 200


async def test_it_is_armed_at_once_and_renewed_at_its_interval(desk: Desk) -> None:
    await desk.switch.look()
    assert desk.venue.countdown.asked == [120_000]
    await desk.run(29)
    assert len(desk.venue.countdown.asked) == 1
    assert desk.switch.left_s == 91
    await desk.run(61)
    assert desk.venue.countdown.asked == [120_000] * 4
    assert desk.venue.countdown.fired == 0
    assert desk.witness.alarms == {}


async def test_a_session_that_ails_does_not_renew_and_the_venue_cancels(desk: Desk, ask: Asker) -> None:
    await rest_entries(ask)
    await desk.switch.look()
    desk.ails = "the account's stream is dead"
    await desk.run(60)
    assert desk.witness.alarms == {}
    await desk.run(1)
    told = desk.witness.alarms[LATE, None]
    assert told.startswith("not renewed: the account's stream is dead; it cancels entries and take-profits")
    assert desk.venue.countdown.fired == 0
    await desk.run(59)
    assert desk.venue.countdown.fired == 1
    assert desk.venue.open_ids() == set()
    assert Reason.DEAD_MAN in desk.witness.shut
    assert desk.venue.countdown.asked == [120_000]


async def test_after_it_fired_entries_wait_until_it_is_armed_again_and_exits_are_back(desk: Desk) -> None:
    await desk.switch.look()
    desk.ails = "it hangs"
    await desk.run(120)
    words, until = desk.witness.shut[Reason.DEAD_MAN]
    assert "no renewal has reached the venue for 120 s" in words
    assert "entries and take-profits, perhaps stops" in words
    assert until == 0
    assert desk.witness.looks == 1
    desk.exits_are_back = True
    await desk.run(2)
    assert Reason.DEAD_MAN in desk.witness.shut, "not armed again"
    desk.ails, desk.exits_are_back = "", False
    await desk.run(3)
    assert desk.switch.left_s is not None
    assert Reason.DEAD_MAN in desk.witness.shut, "exits are not back"
    assert desk.witness.alarms == {}
    desk.exits_are_back = True
    await desk.run(1)
    assert desk.witness.shut == {}
    assert desk.switch.fired_ns == 0
    assert (desk.witness.looks, len(desk.witness.closures)) == (1, 1)


@pytest.mark.parametrize("fault", ["refuse", "unknown", "drop", "limit"])
async def test_a_renewal_that_fails_is_repeated_soon_and_alarmed_below_half(desk: Desk, fault: str) -> None:
    await desk.switch.look()
    rule = desk.venue.when("POST", PATH)
    match fault:
        case "refuse":
            rule.refuse(-1016)
        case "unknown":
            rule.unknown(live=False)
        case "drop":
            rule.drop()
        case _:
            rule.limit(2)
    await desk.run(34)
    assert rule.hits >= 2
    assert desk.witness.alarms == {}
    await desk.run(30)
    assert desk.witness.alarms[LATE, None].startswith("renewal failed: ")
    rule.remove()
    await desk.run(3)
    assert desk.witness.alarms == {}
    assert desk.witness.shut == {}
    assert desk.switch.left_s is not None
    assert desk.switch.left_s > 110


async def test_a_first_arming_that_fails_is_an_alarm_at_once(desk: Desk) -> None:
    desk.venue.when("POST", PATH).refuse(-1016)
    await desk.switch.look()
    assert desk.witness.alarms[LATE, None].endswith("it is not armed")
    assert desk.switch.left_s is None


async def test_its_seconds_count_from_the_moment_at_which_a_renewal_left(desk: Desk) -> None:
    desk.venue.when("POST", PATH, 1).first(lambda: desk.advance(7))
    await desk.switch.look()
    assert desk.switch.left_s == 113


async def test_a_machine_that_slept_too_long_takes_it_as_fired_before_it_renews(desk: Desk) -> None:
    await desk.switch.look()
    desk.advance(300, asleep=True)
    assert desk.venue.countdown.fired == 1
    await desk.switch.look()
    assert Reason.DEAD_MAN in desk.witness.shut
    assert desk.venue.countdown.asked == [120_000] * 2


async def test_orders_that_end_in_bulk_although_nobody_asked_are_taken_as_its_doing(desk: Desk) -> None:
    await desk.switch.look()
    for _ in range(BULK):
        assert desk.witness.shut == {}
        desk.switch.on_unasked_end(KEY, desk.witness.clock)
    assert "cancelled 3 orders or more at once" in desk.witness.shut[Reason.DEAD_MAN][0]
    assert desk.witness.looks == 0, "not from within the event"
    await desk.switch.look()
    assert desk.witness.looks == 1
    assert len(desk.venue.countdown.asked) == 2, "armed anew at once"
    fired = desk.switch.fired_ns
    desk.advance(1)
    for _ in range(BULK):
        desk.switch.on_unasked_end(KEY, desk.witness.clock)
    assert desk.switch.fired_ns > fired, "exits count from the latest"
    assert len(desk.witness.closures) == 1
    desk.exits_are_back, desk.ails = True, "the account's stream is dead"
    await desk.switch.look()
    assert desk.witness.shut, "not armed anew"
    desk.ails = ""
    await desk.switch.look()
    assert desk.witness.shut == {}


async def test_single_orders_that_end_by_themselves_are_no_firing(desk: Desk) -> None:
    await desk.switch.look()
    for _ in range(6):
        desk.advance(1.5)
        desk.switch.on_unasked_end(KEY, desk.witness.clock)
    assert desk.witness.shut == {}


async def test_a_switch_that_is_not_armed_cannot_have_cancelled_anything(desk: Desk) -> None:
    for _ in range(BULK):
        desk.switch.on_unasked_end(KEY, desk.witness.clock)
    assert desk.witness.shut == {}


async def test_an_orderly_end_disarms_it_and_orders_stay(desk: Desk, ask: Asker) -> None:
    await rest_entries(ask)
    await desk.switch.look()
    assert await desk.switch.stop(disarm=True)
    assert desk.venue.countdown.asked == [120_000, 0]
    desk.advance(500)
    assert desk.venue.countdown.fired == 0
    assert len(desk.venue.open_ids()) == 3


async def test_without_a_disarming_it_does_what_it_is_for(desk: Desk, ask: Asker) -> None:
    await rest_entries(ask)
    await desk.switch.look()
    assert await desk.switch.stop(disarm=False)
    desk.advance(121)
    assert desk.venue.open_ids() == set()


async def test_a_disarming_is_repeated_and_its_failure_is_critical_with_what_will_happen(desk: Desk) -> None:
    await desk.switch.look()
    rule = desk.venue.when("POST", PATH).refuse(-1016)
    assert not await desk.switch.stop(disarm=True)
    assert rule.hits == 3
    ((where, kind, words),) = desk.witness.critical
    assert (where, kind) == ("dead-man", "not-disarmed")
    assert "the venue cancels entries and take-profits, perhaps stops" in words
    assert "120 s" in words


async def test_a_disarming_that_fails_once_is_certain_in_the_end(desk: Desk) -> None:
    await desk.switch.look()
    desk.venue.when("POST", PATH, 1).drop(executed=True)
    assert await desk.switch.stop(disarm=True)
    assert desk.witness.critical == []


async def test_what_was_never_armed_needs_no_disarming(desk: Desk) -> None:
    assert await desk.switch.stop(disarm=True)
    assert desk.venue.countdown.asked == []


async def test_switched_off_it_asks_nothing(venue: FakeBinance, rest: BinanceRest) -> None:
    desk = Desk(venue, rest, span_s=0)
    desk.switch.start()
    await asyncio.sleep(0)
    await desk.switch.stop(disarm=True)
    assert not desk.switch.is_on
    assert venue.countdown.asked == []


async def test_started_it_looks_by_itself_hears_of_orders_that_end_and_stopped_it_does_neither(
    venue: FakeBinance, rest: BinanceRest
) -> None:
    witness = Witness()
    switch = DeadManSwitch(
        rest, SYMBOL, BinanceConfig(dead_man_s=120, dead_man_renew_s=30), witness,
        ails=lambda: "", are_exits_back=lambda _ns: True,
    )  # fmt: skip
    switch.start()
    await until(lambda: bool(venue.countdown.asked))
    for _ in range(BULK):
        witness.listener(KEY, witness.clock)
    await until(lambda: len(venue.countdown.asked) == 2 and not witness.shut)
    await switch.stop(disarm=False)
    witness.listener(KEY, witness.clock)
    assert witness.shut == {}
    assert len(witness.closures) == 1
