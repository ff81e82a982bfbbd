"""Builds Nautilus orders from the grid's, and reads them back as reports."""

from decimal import Decimal
from types import UnionType
from typing import Any, Final

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.enums import ContingencyType, LiquiditySide, OrderSide, OrderStatus, TimeInForce, TriggerType
from nautilus_trader.model.events import (
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderSubmitted,
)
from nautilus_trader.model.identifiers import (
    AccountId,
    ClientOrderId,
    InstrumentId,
    OrderListId,
    PositionId,
    StrategyId,
    TraderId,
)
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.model.orders import LimitOrder, MarketOrder, Order, OrderList, StopMarketOrder

from strategy.books import Fill, ReportStatus, VenueReport
from strategy.domain import DesiredOrder, Leg, Role, Side, plain

SIDES: Final = {Side.BUY: OrderSide.BUY, Side.SELL: OrderSide.SELL}
STATUSES: Final = {
    OrderStatus.INITIALIZED: ReportStatus.IN_FLIGHT,
    OrderStatus.SUBMITTED: ReportStatus.IN_FLIGHT,
    OrderStatus.FILLED: ReportStatus.FILLED,
    OrderStatus.CANCELED: ReportStatus.CANCELED,
    OrderStatus.EXPIRED: ReportStatus.EXPIRED,
    OrderStatus.REJECTED: ReportStatus.REJECTED,
    OrderStatus.DENIED: ReportStatus.REJECTED,
}
"""Any other status is that of an open order."""
PENDING: Final = (OrderStatus.PENDING_CANCEL, OrderStatus.PENDING_UPDATE)


class OrderFactory:
    """Orders of one strategy on one instrument."""

    def __init__(self, trader_id: TraderId, strategy_id: StrategyId, instrument_id: InstrumentId) -> None:
        self._owner = {"trader_id": trader_id, "strategy_id": strategy_id, "instrument_id": instrument_id}

    def order(self, order_id: str, order: DesiredOrder, now: int, **link: Any) -> Order:  # noqa: ANN401
        """One order: market without a price, stop-market for a stop, else limit; entries are post-only."""
        role = order.key.role
        fields: dict[str, Any] = self._owner | {
            "client_order_id": ClientOrderId(order_id),
            "order_side": SIDES[order.side],
            "quantity": Quantity.from_str(plain(order.qty)),
            "init_id": UUID4(),
            "ts_init": now,
            "time_in_force": TimeInForce.GTC,
            "reduce_only": role.reduces,
            **link,
        }
        if order.price is None:
            return MarketOrder(**fields)
        price = Price.from_str(plain(order.price))
        if role is Role.SL:
            return StopMarketOrder(**fields, trigger_price=price, trigger_type=TriggerType.DEFAULT)
        return LimitOrder(**fields, price=price, post_only=role is Role.ENTRY)

    def linked(self, first: tuple[str, DesiredOrder], second: tuple[str, DesiredOrder], now: int) -> OrderList:
        """Two orders of which the venue shrinks one by what fills of the other (OUO)."""
        list_id = OrderListId(first[0])
        orders = [
            self.order(
                order_id,
                order,
                now,
                contingency_type=ContingencyType.OUO,
                order_list_id=list_id,
                linked_order_ids=[ClientOrderId(sibling)],
            )
            for (order_id, order), (sibling, _) in ((first, second), (second, first))
        ]
        return OrderList(list_id, orders)

    def submitted(self, order_id: str, order: DesiredOrder, account_id: AccountId, now: int) -> Order:
        """An order that was sent by an earlier process, as if this one had sent it."""
        made = self.order(order_id, order, now)
        made.apply(
            OrderSubmitted(
                **self._owner,
                client_order_id=made.client_order_id,
                account_id=account_id,
                event_id=UUID4(),
                ts_event=now,
                ts_init=now,
            )
        )
        return made


def exact(value: Price | Quantity) -> Decimal:
    """The value with all of its instrument's decimals."""
    return Decimal(str(value))


def fill_of(event: OrderFilled) -> Fill:
    """One execution in the grid's terms."""
    return Fill(
        order_id=event.client_order_id.value,
        trade_id=event.trade_id.value,
        side=Side.BUY if event.order_side == OrderSide.BUY else Side.SELL,
        price=exact(event.last_px),
        qty=exact(event.last_qty),
        fee=event.commission.as_decimal(),
        maker=event.liquidity_side == LiquiditySide.MAKER,
        leg=_leg_of(event.position_id),
    )


def _leg_of(position_id: PositionId | None) -> Leg | None:
    """The leg of a canonical position id, which ends in its name."""
    return (
        None if position_id is None else next((leg for leg in Leg if position_id.value.endswith(f"-{leg.name}")), None)
    )


def report_of(order: Order) -> VenueReport:
    """What Nautilus knows of an order after it has asked the venue."""
    price = order.price if order.has_price else order.trigger_price if order.has_trigger_price else None
    return VenueReport(
        id=order.client_order_id.value,
        side=Side.BUY if order.side == OrderSide.BUY else Side.SELL,
        price=None if price is None else exact(price),
        qty=exact(order.quantity),
        filled=exact(order.filled_qty),
        status=_status(order),
        fills=tuple(fill_of(event) for event in order.events if isinstance(event, OrderFilled)),
        reason=order.last_event.reason if isinstance(order.last_event, OrderRejected | OrderDenied) else "",
        pending=order.status in PENDING,
    )


def _status(order: Order) -> ReportStatus:
    """Where the order stands at the venue, which Nautilus's own status does not say in two cases.

    A cancel or change that is on its way says nothing of whether the order itself has been accepted. And a fill that is
    told after the order's end opens it again for Nautilus, though not for the venue.
    """
    if order.status in PENDING and not _had(order, OrderAccepted | OrderFilled):
        return ReportStatus.IN_FLIGHT
    if not order.is_closed and _had(order, OrderCanceled | OrderExpired):
        return ReportStatus.CANCELED
    return STATUSES.get(order.status, ReportStatus.OPEN)


def _had(order: Order, kinds: UnionType) -> bool:
    return any(isinstance(event, kinds) for event in order.events)
