"""Orders made for Nautilus, and read back: what the grid meant is what leaves, to the last digit."""

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.enums import ContingencyType, LiquiditySide, OrderSide, TimeInForce, TriggerType
from nautilus_trader.model.enums import OrderStatus as NautilusStatus
from nautilus_trader.model.events import OrderDenied, OrderFilled
from nautilus_trader.model.identifiers import AccountId, InstrumentId, StrategyId, TradeId, TraderId
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.model.orders import LimitOrder, MarketOrder, StopMarketOrder
from nautilus_trader.test_kit.stubs.events import TestEventStubs

from hedgegrid_tui.engine.instruments import instrument_id, perpetual
from strategy.books import Fill, ReportStatus
from strategy.config import InstrumentConfig
from strategy.domain import DesiredOrder, Leg, OrderKey, Role, Side
from strategy.order_factory import OrderFactory, exact, fill_of, report_of

INSTRUMENT_ID: InstrumentId = instrument_id(InstrumentConfig())
INSTRUMENT: Any = perpetual(InstrumentConfig(), 20)
ACCOUNT = AccountId("BINANCE-001")
FACTORY = OrderFactory(TraderId("HEDGEGRID-001"), StrategyId("GRID-001"), INSTRUMENT_ID)
NOW = 1_700_000_000_000_000_000


def desired(role: Role, price: str | None = "59940.1", qty: str = "0.004", leg: Leg = Leg.LONG) -> DesiredOrder:
    side = leg.exit_side if role.reduces else leg.entry_side
    return DesiredOrder(OrderKey(leg, role, 1), side, None if price is None else Decimal(price), Decimal(qty), 1)


def made(role: Role = Role.ENTRY, price: str | None = "59940.1", qty: str = "0.004", leg: Leg = Leg.LONG) -> Any:
    return FACTORY.order("HG-a-EL1-0-1", desired(role, price, qty, leg), NOW)


@pytest.mark.parametrize(
    ("role", "price", "kind", "post_only"),
    [
        (Role.ENTRY, "59940.1", LimitOrder, True),
        (Role.TP, "60000.1", LimitOrder, False),
        (Role.SL, "59640.1", StopMarketOrder, None),
        (Role.CLOSE, None, MarketOrder, None),
    ],
)
@pytest.mark.parametrize("leg", Leg)
def test_each_role_has_its_kind_of_order(
    role: Role, price: str | None, kind: Any, post_only: bool | None, leg: Leg
) -> None:
    order = made(role, price, leg=leg)
    wanted = desired(role, price, leg=leg)
    assert isinstance(order, kind)
    assert order.side == (OrderSide.BUY if wanted.side is Side.BUY else OrderSide.SELL)
    assert order.is_reduce_only is role.reduces
    assert order.time_in_force == TimeInForce.GTC
    assert (order.client_order_id.value, order.instrument_id, order.ts_init) == ("HG-a-EL1-0-1", INSTRUMENT_ID, NOW)
    assert (order.trader_id.value, order.strategy_id.value) == ("HEDGEGRID-001", "GRID-001")
    if post_only is not None:
        assert order.is_post_only is post_only
        assert str(order.price) == price
    if role is Role.SL:
        assert str(order.trigger_price) == price
        assert order.trigger_type == TriggerType.DEFAULT


@pytest.mark.parametrize(
    ("price", "qty"), [("0.00000001", "1000"), ("59940.10", "0.001"), ("60000", "0.00000100"), ("0.5", "123456.789")]
)
def test_s04_prices_and_quantities_leave_to_the_last_digit(price: str, qty: str) -> None:
    order = made(Role.TP, price, qty)
    assert exact(order.price) == Decimal(price)
    assert str(order.price) == price
    assert str(order.quantity) == qty


def test_s04_a_number_in_scientific_notation_leaves_as_digits() -> None:
    order = FACTORY.order("a", desired(Role.TP, "1E-7", "1E-3"), NOW)
    assert (str(order.price), str(order.quantity)) == ("0.0000001", "0.001")


def test_a_lots_two_exits_are_linked_to_each_other_and_share_a_list() -> None:
    pair = FACTORY.linked(("s", desired(Role.SL)), ("t", desired(Role.TP)), NOW)
    stop, target = pair.orders
    assert [type(stop), type(target)] == [StopMarketOrder, LimitOrder]
    assert pair.id.value == "s"
    for order, own, other in ((stop, "s", "t"), (target, "t", "s")):
        assert order.client_order_id.value == own
        assert order.order_list_id == pair.id
        assert order.contingency_type == ContingencyType.OUO
        assert [linked.value for linked in order.linked_order_ids] == [other]
        assert order.parent_order_id is None
        assert order.is_reduce_only


def test_an_order_of_an_earlier_process_is_as_one_that_was_sent() -> None:
    order = FACTORY.submitted("old", desired(Role.SL), ACCOUNT, NOW)
    assert order.status == NautilusStatus.SUBMITTED
    assert order.account_id == ACCOUNT
    assert order.is_inflight
    assert report_of(order).status is ReportStatus.IN_FLIGHT


# -- read back ---------------------------------------------------------------------------------------------------------


def submitted(order: Any) -> Any:
    order.apply(TestEventStubs.order_submitted(order, account_id=ACCOUNT))
    return order


def accepted(order: Any) -> Any:
    submitted(order).apply(TestEventStubs.order_accepted(order, account_id=ACCOUNT))
    return order


def filled(order: Any, qty: str, trade: str = "t1", price: str = "59940.1", fee: str = "0.05 USDT") -> OrderFilled:
    event = TestEventStubs.order_filled(
        order,
        instrument=INSTRUMENT,
        account_id=ACCOUNT,
        trade_id=TradeId(trade),
        last_qty=Quantity.from_str(qty),
        last_px=Price.from_str(price),
        liquidity_side=LiquiditySide.MAKER,
        commission=Money.from_str(fee),
    )
    order.apply(event)
    return event


@pytest.mark.parametrize(("leg", "side"), [(Leg.LONG, Side.BUY), (Leg.SHORT, Side.SELL)])
def test_a_fill_is_read_with_its_price_quantity_and_what_it_cost(leg: Leg, side: Side) -> None:
    event = filled(accepted(made(leg=leg)), "0.001", "t9", "59940.15", "-0.05000001 USDT")
    assert fill_of(event) == Fill(
        "HG-a-EL1-0-1", "t9", side, Decimal("59940.15"), Decimal("0.001"), Decimal("-0.05000001"), maker=True
    )


def test_a_taking_fill_is_no_makers() -> None:
    order = accepted(made(Role.CLOSE, None))
    event = TestEventStubs.order_filled(
        order, INSTRUMENT, account_id=ACCOUNT, last_px=Price.from_str("1"), liquidity_side=LiquiditySide.TAKER
    )
    assert not fill_of(event).maker


@pytest.mark.parametrize(
    ("role", "price", "said"),
    [(Role.ENTRY, "59940.1", "59940.1"), (Role.SL, "59640.1", "59640.1"), (Role.CLOSE, None, None)],
)
def test_a_report_has_the_price_that_the_order_waits_for(role: Role, price: str | None, said: str | None) -> None:
    report = report_of(accepted(made(role, price)))
    assert report.price == (None if said is None else Decimal(said))
    assert (report.id, report.qty, report.fills) == ("HG-a-EL1-0-1", Decimal("0.004"), ())
    assert report.filled == 0
    assert report.side is (Side.SELL if role.reduces else Side.BUY)


def test_a_report_tells_every_fill_oldest_first_and_how_much_has_filled() -> None:
    order = accepted(made())
    filled(order, "0.001", "t1")
    report = report_of(order)
    assert (report.status, report.filled) == (ReportStatus.OPEN, Decimal("0.001"))
    filled(order, "0.003", "t2")
    report = report_of(order)
    assert (report.status, report.filled) == (ReportStatus.FILLED, Decimal("0.004"))
    assert [(fill.trade_id, fill.qty) for fill in report.fills] == [("t1", Decimal("0.001")), ("t2", Decimal("0.003"))]


@pytest.mark.parametrize(
    ("steps", "status", "pending", "reason"),
    [
        ("", ReportStatus.IN_FLIGHT, False, ""),
        ("submitted", ReportStatus.IN_FLIGHT, False, ""),
        ("submitted rejected", ReportStatus.REJECTED, False, "ORDER_REJECTED"),
        ("denied", ReportStatus.REJECTED, False, "denied"),
        ("submitted accepted", ReportStatus.OPEN, False, ""),
        ("submitted accepted canceled", ReportStatus.CANCELED, False, ""),
        ("submitted accepted expired", ReportStatus.EXPIRED, False, ""),
        ("submitted accepted pending_cancel", ReportStatus.OPEN, True, ""),
        ("submitted accepted pending_update", ReportStatus.OPEN, True, ""),
        ("submitted pending_cancel", ReportStatus.IN_FLIGHT, True, ""),
        ("submitted pending_cancel accepted", ReportStatus.OPEN, False, ""),
    ],
)
def test_a_report_says_where_the_order_stands_and_whether_a_request_is_on_its_way(
    steps: str, status: ReportStatus, pending: bool, reason: str
) -> None:
    order = made()
    for step in steps.split():
        if step == "denied":
            ids = (order.trader_id, order.strategy_id, order.instrument_id, order.client_order_id)
            order.apply(OrderDenied(*ids, "denied", UUID4(), NOW))
        else:
            order.apply(getattr(TestEventStubs, f"order_{step}")(order))
    report = report_of(order)
    assert (report.status, report.pending, report.reason) == (status, pending, reason)


def test_a_market_order_that_has_filled_in_part_before_its_cancel_left_is_open() -> None:
    order = submitted(made(Role.CLOSE, None))
    filled(order, "0.001")
    order.apply(TestEventStubs.order_pending_cancel(order))
    report = report_of(order)
    assert (report.status, report.pending) == (ReportStatus.OPEN, True)


def test_a_fill_that_is_told_after_the_cancel_does_not_open_the_order_again() -> None:
    order = accepted(made())
    order.apply(TestEventStubs.order_canceled(order))
    filled(order, "0.001")
    assert order.is_open
    report = report_of(order)
    assert (report.status, report.filled) == (ReportStatus.CANCELED, Decimal("0.001"))
