"""The entry side: what regime, throttle and funding leave of the ladder, and the tries of its rungs."""

from decimal import Decimal

import msgspec
import pytest

from strategy.config import Config, load_config
from strategy.domain import DesiredOrder, Leg, Market, OrderKey, Reason, Regime, Role
from strategy.funding import FundingView
from strategy.ladders import Ladders
from strategy.order_index import OrderIndex
from strategy.reconcile import Submit
from strategy.regime import RegimeReading

CENTRE = Decimal(60_000)
MARKET = Market(Decimal("59999.9"), Decimal("60000.1"), 0)
KEY = OrderKey(Leg.LONG, Role.ENTRY, 1)
TREND = RegimeReading(regime=Regime.UP, seen=9, needed=9)


def config_of(*sets: str) -> Config:
    return load_config(None, ("grid.levels=4", "grid.base_qty=0.008", *sets))


def ladders(*sets: str, centre: Decimal | None = CENTRE) -> Ladders:
    config = config_of(*sets)
    found = Ladders(config, config.instrument.spec())
    if centre is not None:
        found.centre_on(centre)
    return found


def wanted(found: Ladders) -> tuple[int, int]:
    """How many rungs are wanted on the long and on the short side."""
    assert found.shape is not None
    return len(found.shape.wanted[Leg.LONG]), len(found.shape.wanted[Leg.SHORT])


def planned(found: Ladders, reason: Reason | None = None, market: Market | None = MARKET) -> list[DesiredOrder]:
    plan = found.plan({}, OrderIndex(), market, lambda _order: reason)
    return [action.order for action in plan.actions if isinstance(action, Submit)]


def test_before_the_first_centre_there_is_no_ladder_and_nothing_is_planned() -> None:
    found = ladders(centre=None)
    assert found.ladder is None
    assert found.step == 0
    assert found.needs_recentre(MARKET)
    plan = found.plan({}, OrderIndex(), MARKET, lambda _order: None)
    assert (plan.actions, plan.gaps, plan.unfinished) == ([], {}, False)


def test_a_centre_gives_both_sides_and_a_step() -> None:
    found = ladders()
    assert found.step == Decimal(60)
    assert wanted(found) == (4, 4)
    assert found.ladder is not None
    assert found.ladder.centre == CENTRE
    assert found.centre_on(Decimal(30_000)) is found.ladder
    assert found.step == Decimal(30)


@pytest.mark.parametrize(("mid", "moves"), [(60_360, False), (60_361, True), (59_640, False), (59_639, True)])
def test_the_ladder_moves_once_the_market_is_further_than_the_trigger(mid: int, moves: bool) -> None:
    assert ladders().needs_recentre(Market(Decimal(mid), Decimal(mid), 0)) is moves


def test_a_plan_asks_for_each_wanted_rung_and_keeps_the_reasons_of_the_others() -> None:
    found = ladders()
    assert [order.key.slot for order in planned(found)] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert found.gaps == {}
    assert planned(found, Reason.PAUSED) == []
    assert set(found.gaps.values()) == {Reason.PAUSED}
    assert len(found.gaps) == 8


def test_a_plan_keeps_to_the_turns_limit() -> None:
    found = ladders("execution.orders_per_turn=3")
    plan = found.plan({}, OrderIndex(), MARKET, lambda _order: None)
    assert len(plan.actions) == 3
    assert plan.unfinished


# -- what thins the ladder ---------------------------------------------------------------------------------------------


def test_the_throttle_thins_both_sides_and_a_later_centre_keeps_it() -> None:
    found = ladders()
    found.set_throttle(Decimal("0.5"))
    assert wanted(found) == (2, 2)
    found.centre_on(Decimal(61_000))
    assert wanted(found) == (2, 2)
    planned(found)
    assert set(found.gaps.values()) == {Reason.THROTTLED}


def test_the_throttle_begins_at_the_configured_share_and_may_be_set_before_the_first_ladder() -> None:
    assert wanted(ladders("placement.throttle=0.25")) == (1, 1)
    early = ladders(centre=None)
    early.set_throttle(Decimal("0.5"))
    assert early.shape is None
    early.centre_on(CENTRE)
    assert wanted(early) == (2, 2)


def test_a_trend_thins_the_side_against_it() -> None:
    found = ladders()
    assert found.set_regime(TREND)
    assert wanted(found) == (4, 2)
    assert found.set_regime(msgspec.structs.replace(TREND, regime=Regime.DOWN))
    assert wanted(found) == (2, 4)


def test_a_reading_that_changes_nothing_that_is_wanted_says_so_and_is_kept() -> None:
    found = ladders()
    found.set_regime(TREND)
    later = msgspec.structs.replace(TREND, seen=10)
    assert not found.set_regime(later)
    assert found.reading is later


def test_a_reading_that_has_become_warm_may_open_the_gate_and_says_so() -> None:
    found = ladders()
    cold = RegimeReading(seen=1, needed=2)
    assert found.set_regime(cold)
    assert found.set_regime(msgspec.structs.replace(cold, seen=2))


def test_costly_funding_thins_the_paying_side_alone() -> None:
    found = ladders()
    assert found.set_funding(FundingView(share_short=Decimal("0.5")))
    assert wanted(found) == (4, 2)
    assert not found.set_funding(FundingView(rate=Decimal("0.01"), share_short=Decimal("0.5")))
    assert found.funding.rate == Decimal("0.01")
    assert found.set_funding(FundingView(share_long=Decimal("0.25"), share_short=Decimal("0.5")))
    assert wanted(found) == (1, 2)


# -- tries that would have taken ---------------------------------------------------------------------------------------


def test_each_refused_try_moves_its_rungs_price_until_its_tries_are_used_up() -> None:
    found = ladders("execution.reprice_attempts=2")
    prices = []
    for _ in range(4):
        prices.append(next(order.price for order in planned(found) if order.key == KEY))
        found.refused(KEY)
    assert prices == [Decimal(text) for text in ("59940.0", "59939.9", "59939.8", "59940.0")]


def test_a_rung_has_its_tries_then_waits_and_begins_again() -> None:
    found = ladders("execution.reprice_attempts=2")
    assert [found.refused(KEY) for _ in range(6)] == [True, True, False, True, True, False]


def test_tries_are_counted_per_rung() -> None:
    found = ladders("execution.reprice_attempts=1")
    assert found.refused(KEY)
    assert found.refused(OrderKey(Leg.SHORT, Role.ENTRY, 1))
    assert not found.refused(KEY)


def test_a_try_that_has_come_to_rest_or_a_new_centre_forgets_the_refusals() -> None:
    found = ladders("execution.reprice_attempts=1")
    found.refused(KEY)
    found.rested(KEY)
    found.rested(KEY)
    assert found.refused(KEY)
    found.centre_on(CENTRE)
    assert found.refused(KEY)


def test_without_any_further_tries_a_rung_waits_at_once() -> None:
    assert not ladders("execution.reprice_attempts=0").refused(KEY)
