"""The one door: each rule has its reason, in a fixed order, and what reduces always passes."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.config import InstrumentConfig, load_config
from strategy.domain import ZERO, DesiredOrder, DoorState, Leg, Market, OrderKey, Reason, Role, Side
from strategy.exposure import Caps, LegExposure
from strategy.gate import STATE_REASONS, GateFacts, judge

SPEC = InstrumentConfig(max_qty=Decimal(1)).spec()
MARKET = Market(Decimal("59999.9"), Decimal("60000.1"), 0)
CAPS = Caps.of(load_config(None, ()), Decimal(1))
NOTHING: Mapping[Leg, LegExposure] = dict.fromkeys(Leg, LegExposure())
RICH = Decimal(1_000_000)
FREE = GateFacts(
    state=DoorState.RUNNING,
    shut=None,
    market=MARKET,
    mark=None,
    is_stale=False,
    waits=False,
    is_repeated=False,
    has_budget=True,
    own_touch={},
    legs=NOTHING,
    wallet=RICH,
    equity=RICH,
    caps=CAPS,
    collar_pct=Decimal(10),
)
"""Facts by which an ordinary entry passes."""
HINDRANCES: list[tuple[dict[str, Any], Reason]] = [
    ({"state": DoorState.HALTED}, Reason.HALTED),
    ({"shut": Reason.UNRECONCILED}, Reason.UNRECONCILED),
    ({"market": None}, Reason.NO_MARKET),
    ({"is_stale": True}, Reason.STALE),
    ({"mark": Decimal(100)}, Reason.COLLAR),
    ({"waits": True}, Reason.BACKING_OFF),
    ({"is_repeated": True}, Reason.REPEATED),
    ({"own_touch": {Side.SELL: Decimal(50_000), Side.BUY: Decimal(70_000)}}, Reason.SELF_TRADE),
    ({"equity": ZERO}, Reason.NO_EQUITY),
    ({"caps": msgspec.structs.replace(CAPS, leg=Decimal(1))}, Reason.LEG_CAP),
    ({"has_budget": False}, Reason.MESSAGE_BUDGET),
]
"""Each alone keeps an ordinary entry back; of several the first in this sequence is told."""


def order(
    leg: Leg = Leg.LONG, role: Role = Role.ENTRY, price: str | None = "59900", qty: str = "0.002"
) -> DesiredOrder:
    at = None if price is None else Decimal(price)
    return DesiredOrder(OrderKey(leg, role, 1), leg.entry_side, at, Decimal(qty), None)


def facts(**changes: Any) -> GateFacts:
    return msgspec.structs.replace(FREE, **changes)


def verdict(wanted: DesiredOrder, **changes: Any) -> Reason | None:
    return judge(wanted, facts(**changes), SPEC)


# -- what passes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.TP, Role.SL, Role.CLOSE])
@pytest.mark.parametrize("changes", [{}, *(changes for changes, _ in HINDRANCES)])
def test_s06_a_reducing_order_passes_whatever_would_keep_an_entry_back(role: Role, changes: dict[str, Any]) -> None:
    assert verdict(order(role=role, price=None, qty="0.0001"), **changes) is None


@pytest.mark.parametrize("role", [Role.TP, Role.SL, Role.CLOSE])
@pytest.mark.parametrize("state", DoorState)
def test_s06_a_reducing_order_passes_in_every_state(role: Role, state: DoorState) -> None:
    assert verdict(order(role=role, price=None), state=state) is None


def test_an_entry_that_breaks_no_rule_passes() -> None:
    assert verdict(order()) is None
    assert verdict(order(Leg.SHORT, price="60100")) is None


# -- reasons -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "reason"), STATE_REASONS.items())
def test_i10_no_entry_passes_a_shut_door(state: DoorState, reason: Reason) -> None:
    assert verdict(order(), state=state) is reason


def test_every_state_but_running_shuts_the_door_by_its_own_name() -> None:
    assert set(STATE_REASONS) == set(DoorState) - {DoorState.RUNNING}
    assert len(set(STATE_REASONS.values())) == len(STATE_REASONS)


@pytest.mark.parametrize("leg", Leg)
@pytest.mark.parametrize(("changes", "reason"), HINDRANCES)
def test_each_hindrance_has_its_reason_on_either_leg(leg: Leg, changes: dict[str, Any], reason: Reason) -> None:
    wanted = order(leg, price="59900" if leg is Leg.LONG else "60100")
    assert verdict(wanted) is None
    assert verdict(wanted, **changes) is reason


@given(st.sets(st.integers(0, len(HINDRANCES) - 1), min_size=1))
def test_of_several_hindrances_the_first_in_the_fixed_sequence_is_told(chosen: set[int]) -> None:
    changes: dict[str, Any] = {}
    for number in sorted(chosen):
        changes |= HINDRANCES[number][0]
    assert verdict(order(), **changes) is HINDRANCES[min(chosen)][1]


@pytest.mark.parametrize("reason", [Reason.JOURNAL_FAILING, Reason.UNRECONCILED, Reason.WARMING, Reason.ORDER_LIMIT])
def test_i10_what_shuts_the_door_for_all_names_its_cause_after_the_state_and_lets_reducing_orders_out(
    reason: Reason,
) -> None:
    assert verdict(order(price="60000.1"), shut=reason) is reason
    assert verdict(order(), shut=reason, state=DoorState.PAUSED) is Reason.PAUSED
    assert verdict(order(role=Role.SL), shut=reason) is None


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (order(price=None), Reason.NO_MARKET),
        (order(price="60000.1"), Reason.WOULD_CROSS),
        (order(price="60000.0"), None),
        (order(Leg.SHORT, price="59999.9"), Reason.WOULD_CROSS),
        (order(Leg.SHORT, price="60000.0"), None),
        (order(qty="0.000"), Reason.OUT_OF_BOUNDS),
        (order(qty="1.001"), Reason.OUT_OF_BOUNDS),
        (order(qty="0.001"), Reason.BELOW_MIN_NOTIONAL),
        (order(price="50000", qty="0.002"), None),
    ],
)
def test_prices_and_quantities_that_the_venue_would_refuse_stay_here(
    wanted: DesiredOrder, reason: Reason | None
) -> None:
    assert verdict(wanted, collar_pct=ZERO) is reason


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (order(price="0.0"), Reason.OUT_OF_BOUNDS),
        (order(price=str(SPEC.min_price), qty=str(SPEC.min_qty)), None),
        (order(qty="1.000"), None),
        (order(Leg.SHORT, price="1000000000", qty="0.001"), None),
        (order(Leg.SHORT, price="1000000000.1"), Reason.OUT_OF_BOUNDS),
    ],
)
def test_the_venues_own_bounds_are_kept_to_the_last_step(wanted: DesiredOrder, reason: Reason | None) -> None:
    """Without the limits on the account, which bind long before them."""
    unlimited = msgspec.structs.replace(
        CAPS, leg=ZERO, gross=ZERO, order=ZERO, order_pct=ZERO, leverage=ZERO, margin_pct=ZERO, liquidation_pct=ZERO
    )
    cheap = msgspec.structs.replace(SPEC, min_notional=ZERO)
    assert judge(wanted, facts(collar_pct=ZERO, caps=unlimited), cheap) is reason


# -- the market --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bid", "ask", "reason"), [("60000.2", "60000.1", Reason.CROSSED), ("60000", "60000", None)])
def test_in_a_crossed_market_no_entry_passes_in_a_locked_one_it_may(bid: str, ask: str, reason: Reason | None) -> None:
    assert verdict(order(), market=Market(Decimal(bid), Decimal(ask), 0)) is reason


@pytest.mark.parametrize(
    ("leg", "price", "reason"),
    [
        (Leg.LONG, "59400", None),
        (Leg.LONG, "59399.9", Reason.COLLAR),
        (Leg.SHORT, "60600", None),
        (Leg.SHORT, "60600.1", Reason.COLLAR),
    ],
)
def test_the_collar_holds_to_the_tick_on_both_sides_of_the_mark(leg: Leg, price: str, reason: Reason | None) -> None:
    assert verdict(order(leg, price=price), collar_pct=Decimal(1), mark=Decimal(60_000)) is reason


def test_the_collar_is_laid_around_the_mark_and_around_the_middle_where_there_is_none() -> None:
    one = Decimal(1)
    assert verdict(order(price="59900"), collar_pct=one, mark=Decimal(62_000)) is Reason.COLLAR
    assert verdict(order(price="59900"), collar_pct=one, mark=None) is None
    assert verdict(order(price="59000"), collar_pct=one, mark=None) is Reason.COLLAR


def test_a_collar_of_nought_is_off() -> None:
    assert verdict(order(price="30000", qty="0.004"), collar_pct=ZERO, mark=Decimal(60_000)) is None


# -- own orders --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leg", "price", "touch", "reason"),
    [
        (Leg.LONG, "59900", {Side.SELL: "59900"}, Reason.SELF_TRADE),
        (Leg.LONG, "59900", {Side.SELL: "59900.1"}, None),
        (Leg.LONG, "59900", {Side.BUY: "59900"}, None),
        (Leg.SHORT, "60100", {Side.BUY: "60100"}, Reason.SELF_TRADE),
        (Leg.SHORT, "60100", {Side.BUY: "60099.9"}, None),
        (Leg.SHORT, "60100", {Side.SELL: "60100"}, None),
    ],
)
def test_i19_an_entry_never_meets_an_own_resting_order_of_the_other_side(
    leg: Leg, price: str, touch: dict[Side, str], reason: Reason | None
) -> None:
    own = {side: Decimal(at) for side, at in touch.items()}
    assert verdict(order(leg, price=price), own_touch=own) is reason
