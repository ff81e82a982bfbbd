"""A tick that changes at the venue under a running session closes the gate, soon after an order is refused for it."""

from decimal import Decimal

import pytest

from hedgegrid_tui.engine.binance.guards.filters import FiltersWatch
from hedgegrid_tui.engine.binance.rest.client import BinanceRest
from hedgegrid_tui.engine.binance.rest.truth import Filters
from strategy.domain import Reason
from tests.hedgegrid_tui.binance.witness import Witness, until
from tests.venue.binance.server import FakeBinance

INFO = "/fapi/v1/exchangeInfo"
CHANGED = Reason.FILTERS_CHANGED


class Desk:
    def __init__(self, rest: BinanceRest) -> None:
        self.witness = Witness()
        self.refused: list[str] = []
        self.limited = False
        self.found: list[Filters] = []
        self.watch = FiltersWatch(
            rest, "BTCUSDT", self.witness, refusals=lambda: self.refused, is_limited=lambda: self.limited,
            on_filters=self.found.append,
        )  # fmt: skip


@pytest.fixture
def desk(rest: BinanceRest) -> Desk:
    return Desk(rest)


async def test_a_changed_tick_is_told_with_both_numbers_and_its_cure(desk: Desk, venue: FakeBinance) -> None:
    await desk.watch.look()
    assert desk.witness.shut == {}
    venue.change_filters(tick=Decimal("0.50"))
    desk.witness.advance(299)
    await desk.watch.look()
    assert desk.witness.shut == {}
    desk.witness.advance(1)
    await desk.watch.look()
    words, until_ns = desk.witness.shut[CHANGED]
    assert "tick size 0.10 is 0.50 at the venue now" in words
    assert "[instrument]" in words
    assert until_ns == 0
    venue.change_filters(tick=Decimal("0.10"))
    desk.witness.advance(300)
    await desk.watch.look()
    assert desk.witness.shut == {}


async def test_a_refusal_that_names_a_filter_makes_it_look_sooner(desk: Desk, venue: FakeBinance) -> None:
    await desk.watch.look()
    venue.change_filters(tick=Decimal("0.50"))
    desk.refused = ["{'code': -4014, 'msg': 'Price not increased by tick size.'}"]
    desk.witness.advance(29)
    await desk.watch.look()
    assert desk.witness.shut == {}
    desk.witness.advance(1)
    await desk.watch.look()
    assert CHANGED in desk.witness.shut


async def test_a_bound_that_no_order_is_near_is_noted_once_and_closes_nothing(desk: Desk, venue: FakeBinance) -> None:
    await desk.watch.look()
    venue.change_filters(max_qty=Decimal(900))
    for _ in range(2):
        desk.witness.advance(300)
        await desk.watch.look()
    assert desk.witness.shut == {}
    assert desk.witness.notes == [("venue", "filters", "max qty 1000 is 900 at the venue now")]


async def test_other_refusals_do_not_hurry_it(desk: Desk, venue: FakeBinance) -> None:
    await desk.watch.look()
    desk.refused = ["-2019 margin is insufficient"]
    desk.witness.advance(200)
    await desk.watch.look()
    assert len(venue.requests("GET", INFO)) == 1


async def test_budgets_are_handed_on_and_their_change_closes_nothing(desk: Desk) -> None:
    await desk.watch.look()
    assert desk.found[0].weight_1m == 2400
    assert desk.witness.shut == {}


async def test_a_look_that_fails_is_repeated_after_half_a_minute(desk: Desk, venue: FakeBinance) -> None:
    rule = venue.when("GET", INFO).refuse(-1016)
    await desk.watch.look()
    rule.remove()
    desk.witness.advance(29)
    await desk.watch.look()
    assert desk.found == []
    desk.witness.advance(1)
    await desk.watch.look()
    assert len(desk.found) == 1


async def test_while_the_venue_wants_no_requests_it_asks_nothing(desk: Desk, venue: FakeBinance) -> None:
    desk.limited = True
    await desk.watch.look()
    assert venue.requests("GET", INFO) == []


async def test_started_it_looks_by_itself(desk: Desk) -> None:
    desk.watch.start()
    await until(lambda: bool(desk.found))
    await desk.watch.stop()
