"""The one door."""

from decimal import Decimal

import msgspec
import pytest

from strategy.config import InstrumentConfig
from strategy.domain import DesiredOrder, DoorState, Leg, Market, OrderKey, Reason, Role
from strategy.gate import judge

SPEC = InstrumentConfig(max_qty=Decimal(1)).spec()
MARKET = Market(Decimal("59999.9"), Decimal("60000.1"), 0)


def order(
    leg: Leg = Leg.LONG, role: Role = Role.ENTRY, price: str | None = "59900", qty: str = "0.002"
) -> DesiredOrder:
    at = None if price is None else Decimal(price)
    return DesiredOrder(OrderKey(leg, role, 1), leg.entry_side, at, Decimal(qty), None)


def verdict(
    wanted: DesiredOrder,
    state: DoorState = DoorState.RUNNING,
    market: Market | None = MARKET,
    held_back: dict[OrderKey, int] | None = None,
) -> Reason | None:
    return judge(wanted, state, market, SPEC, held_back or {}, 100)


@pytest.mark.parametrize("role", [Role.TP, Role.SL, Role.CLOSE])
@pytest.mark.parametrize("state", DoorState)
def test_s06_a_reducing_order_passes_whatever_the_state(role: Role, state: DoorState) -> None:
    tiny = order(role=role, price=None, qty="0.0001")
    assert verdict(tiny, state, market=None, held_back={tiny.key: 999}) is None


def test_an_entry_that_breaks_no_rule_passes() -> None:
    assert verdict(order()) is None
    assert verdict(order(Leg.SHORT, price="60100")) is None


@pytest.mark.parametrize(
    ("state", "reason"), [(DoorState.PAUSED, Reason.PAUSED), (DoorState.FLATTENING, Reason.FLATTENING)]
)
def test_no_entry_passes_a_shut_door(state: DoorState, reason: Reason) -> None:
    assert verdict(order(), state) is reason


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
        (order(price="0.0"), Reason.OUT_OF_BOUNDS),
        (order(Leg.SHORT, price="1000000000.1"), Reason.OUT_OF_BOUNDS),
        (order(qty="0.001"), Reason.BELOW_MIN_NOTIONAL),
        (order(price="50000", qty="0.002"), None),
    ],
)
def test_each_rule_has_its_reason(wanted: DesiredOrder, reason: Reason | None) -> None:
    assert verdict(wanted) is reason


def test_without_a_market_no_entry_passes() -> None:
    assert verdict(order(), market=None) is Reason.NO_MARKET


@pytest.mark.parametrize(("until", "reason"), [(101, Reason.BACKING_OFF), (100, None)])
def test_a_rejected_entry_waits_until_its_time(until: int, reason: Reason | None) -> None:
    assert verdict(order(), held_back={order().key: until}) is reason


@pytest.mark.parametrize(
    "wanted",
    [order(qty="1.000"), order(Leg.SHORT, price="1000000000", qty="0.001")],
    ids=["largest-quantity", "highest-price"],
)
def test_an_entry_just_at_the_venues_bounds_passes(wanted: DesiredOrder) -> None:
    assert verdict(wanted) is None


def test_an_entry_at_the_lowest_price_and_the_least_quantity_passes() -> None:
    cheap = msgspec.structs.replace(SPEC, min_notional=Decimal(0))
    low = order(price=str(SPEC.min_price), qty=str(SPEC.min_qty))
    assert judge(low, DoorState.RUNNING, MARKET, cheap, {}, 0) is None


def test_an_entry_that_was_never_rejected_waits_at_no_time() -> None:
    assert judge(order(), DoorState.RUNNING, MARKET, SPEC, {}, 0) is None


@pytest.mark.parametrize("reason", [Reason.JOURNAL_FAILING, Reason.UNRECONCILED, Reason.WARMING, Reason.ORDER_LIMIT])
def test_i10_a_shut_door_names_its_cause_before_anything_else_and_lets_reducing_orders_out(reason: Reason) -> None:
    assert judge(order(price="60000.1"), DoorState.RUNNING, MARKET, SPEC, {}, 0, shut=reason) is reason
    assert judge(order(), DoorState.PAUSED, MARKET, SPEC, {}, 0, shut=reason) is Reason.PAUSED
    assert judge(order(role=Role.SL), DoorState.RUNNING, MARKET, SPEC, {}, 0, shut=reason) is None
