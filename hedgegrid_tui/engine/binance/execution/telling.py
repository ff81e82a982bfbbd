"""What the venue shows of an order, told as ordinary Nautilus events: each fact once, whoever brought it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.enums import LiquiditySide, OrderSide, OrderStatus, TimeInForce
from nautilus_trader.model.events import OrderAccepted, OrderSubmitted
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId, PositionId, StrategyId, TradeId, VenueOrderId
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.model.orders import MarketOrder, Order

from hedgegrid_tui.engine.binance.execution.questions import Found
from hedgegrid_tui.engine.binance.execution.rows import CANCELED, EXPIRED, OPEN, OrderRow, TradeRow
from strategy.domain import NS_PER_MS

REMEMBERED: Final = 50_000
"""Facts of a kind that are kept; a session needs the latest few hundred."""
UNANSWERED: Final = (
    OrderStatus.SUBMITTED,
    OrderStatus.ACCEPTED,
    OrderStatus.PENDING_CANCEL,
    OrderStatus.PENDING_UPDATE,
)


class Recent(dict[str, str]):
    """A bounded memory; the oldest is forgotten first."""

    def note(self, key: str, value: str = "") -> bool:
        """Remember it; whether it is new."""
        known = key in self
        self[key] = value
        if len(self) > REMEMBERED:
            del self[next(iter(self))]
        return not known


class Teller:
    """Sends events of one execution client.

    Events lie in the engine's queue for a while, so that an order itself does not show yet what was told of it last:
    what was told is remembered here.
    """

    def __init__(self, client: Any, strategy_id: Callable[[], StrategyId]) -> None:  # noqa: ANN401
        self._client = client
        self._cache = client._cache  # noqa: SLF001 - this is a part of the client
        self._strategy_id = strategy_id
        self._venue_ids = Recent()
        self._owners = Recent()
        self._accepted = Recent()
        self._ended = Recent()
        self._trades = Recent()

    # -- one event each --------------------------------------------------------------------------------------------

    def accept(self, order: Order, venue_id: str, ts_ms: int) -> None:
        """The venue has the order."""
        known = any(isinstance(event, OrderAccepted) for event in order.events)
        if self._accepted.note(order.client_order_id.value) and not known:
            self._client.generate_order_accepted(*_ids(order), self._known_id(order, venue_id), ts_ms * NS_PER_MS)

    def trigger(self, order: Order, venue_id: str, ts_ms: int) -> None:
        """A conditional order has become a plain one with a number of its own."""
        client_id = order.client_order_id.value
        if client_id in self._ended or self._known_id(order, venue_id).value == venue_id:
            return
        self._venue_ids.note(client_id, venue_id)
        self._owners.note(venue_id, client_id)
        self._update(order, venue_id, order.quantity, order.price if order.has_price else None, ts_ms)

    def resize(self, order: Order, row: OrderRow) -> None:
        """The venue has another quantity or price of an order."""
        price = self._price(order.instrument_id, row.price) if order.has_price else None
        venue_id = self._known_id(order, row.venue_id).value
        self._update(order, venue_id, self._qty(order.instrument_id, row.qty), price, row.ts_ms)

    def fill(self, order: Order, trade: TradeRow) -> None:
        """A trade, told whatever has become of the order since; its position notes it in any case.

        Nautilus applies no event with another venue id than the order's own, and takes a trade that it is told of an
        order which has ended as rejected or expired for a new one each time.
        """
        if TradeId(trade.id) in order.trade_ids or not self._trades.note(trade.id):
            return
        instrument_id, instrument = order.instrument_id, self._cache.instrument(order.instrument_id)
        quote = instrument.quote_currency
        # The strategy counts in the quote currency: a fee taken in another asset leaves that balance as it is.
        fee = trade.fee if trade.fee_asset == quote.code else Decimal(0)
        self._client.generate_order_filled(
            *_ids(order),
            self._known_id(order, trade.order_id),
            PositionId(f"{instrument_id}-{trade.leg}"),
            TradeId(trade.id),
            OrderSide.BUY if trade.side == "BUY" else OrderSide.SELL,
            order.order_type,
            self._qty(instrument_id, trade.qty),
            self._price(instrument_id, trade.price),
            quote,
            Money.from_str(f"{fee:f} {quote.code}"),
            LiquiditySide.MAKER if trade.maker else LiquiditySide.TAKER,
            trade.ts_ms * NS_PER_MS,
        )

    def end(self, order: Order, row: OrderRow) -> None:
        """The order was cancelled, has expired, or was rejected after all; nothing where it is open or has filled."""
        if row.status in OPEN or row.status == "FILLED" or not self._ended.note(order.client_order_id.value):
            return
        ids, ts_ns = (*_ids(order), self._known_id(order, row.venue_id)), row.ts_ms * NS_PER_MS
        if row.status in CANCELED:
            self._client.generate_order_canceled(*ids, ts_ns)
        elif row.status in EXPIRED:
            self._client.generate_order_expired(*ids, ts_ns)
        else:
            self._client.generate_order_rejected(*_ids(order), f"the venue says {row.status}", ts_ns)

    def owner_of(self, venue_id: str) -> str | None:
        """The client id of the conditional order that has become that plain one."""
        return self._owners.get(venue_id)

    # -- answers to questions --------------------------------------------------------------------------------------

    def catch_up(self, order: Order, found: Found, *, cancelling: bool) -> None:
        """Whatever was missed of an order; `cancelling`: a cancel is on its way this moment."""
        row = found.order
        if row.status != "REJECTED":
            self.accept(order, row.venue_id, row.ts_ms)
        if row.triggered:
            self.trigger(order, row.venue_id, row.ts_ms)
        if not order.is_closed and row.qty and row.qty != order.quantity.as_decimal():
            self.resize(order, row)
        for trade in found.trades:
            self.fill(order, trade)
        if found.complete:  # an end that is told ahead of a fill would end the questions too
            self.end(order, row)
        if row.status in OPEN and order.status == OrderStatus.PENDING_CANCEL and not cancelling:
            words = "the cancel has not arrived: the order is still open"
            self._client.generate_order_cancel_rejected(*_ids(order), order.venue_order_id, words, self._now())

    def unknown(self, order: Order) -> None:
        """The venue has no order of that id; said anew each time, since it may not have been heard."""
        if order.status in (*UNANSWERED, OrderStatus.REJECTED) and order.client_order_id.value not in self._ended:
            words = "-2013 Order does not exist"
            self._client.generate_order_rejected(*_ids(order), words, self._now())

    # -- trades that nobody here asked for -------------------------------------------------------------------------

    def has_told(self, trade: TradeRow) -> bool:
        """Whether this session has told of the trade."""
        return trade.id in self._trades

    def book_unasked(self, client_id: str, qty: Decimal, trade: TradeRow, instrument_id: InstrumentId) -> bool:
        """A trade of an order that Nautilus does not have, on its leg's own position; false where it was told before.

        Without this Nautilus invents a position `...-EXTERNAL` for it, and the leg's is no longer what the venue says.
        """
        if self.has_told(trade):
            return False
        order = MarketOrder(
            trader_id=self._client.trader_id,
            strategy_id=self._strategy_id(),
            instrument_id=instrument_id,
            client_order_id=ClientOrderId(client_id),
            order_side=OrderSide.BUY if trade.side == "BUY" else OrderSide.SELL,
            quantity=self._qty(instrument_id, qty),
            init_id=UUID4(),
            ts_init=self._now(),
            time_in_force=TimeInForce.GTC,
        )
        submitted = OrderSubmitted(
            trader_id=order.trader_id,
            strategy_id=order.strategy_id,
            instrument_id=instrument_id,
            client_order_id=order.client_order_id,
            account_id=self._client.account_id,
            event_id=UUID4(),
            ts_event=self._now(),
            ts_init=self._now(),
        )
        order.apply(submitted)
        # A purged order leaves traces, of which adding it anew would complain.
        position_id = PositionId(f"{instrument_id}-{trade.leg}")
        self._cache.add_order(order, position_id, self._client.id, overwrite=True)
        self._cache.update_order(order)
        self.fill(order, trade)
        return True

    # -- inside ----------------------------------------------------------------------------------------------------

    def _update(self, order: Order, venue_id: str, qty: Quantity, price: Price | None, ts_ms: int) -> None:
        trigger = order.trigger_price if order.has_trigger_price else None
        self._client.generate_order_updated(
            *_ids(order), VenueOrderId(venue_id), qty, price, trigger, ts_ms * NS_PER_MS, True
        )  # fmt: skip

    def _known_id(self, order: Order, venue_id: str) -> VenueOrderId:
        """The venue id that the order has, or will have once the queue is empty."""
        client_id = order.client_order_id.value
        if client_id not in self._venue_ids:
            own = order.venue_order_id
            self._venue_ids.note(client_id, venue_id if own is None else own.value)
        return VenueOrderId(self._venue_ids[client_id])

    def _qty(self, instrument_id: InstrumentId, value: Decimal) -> Quantity:
        return Quantity.from_str(f"{value:.{self._cache.instrument(instrument_id).size_precision}f}")

    def _price(self, instrument_id: InstrumentId, value: Decimal) -> Price:
        return Price.from_str(f"{value:.{self._cache.instrument(instrument_id).price_precision}f}")

    def _now(self) -> int:
        return int(self._client._clock.timestamp_ns())  # noqa: SLF001


def _ids(order: Order) -> tuple[Any, Any, Any]:
    return order.strategy_id, order.instrument_id, order.client_order_id
