"""What both execution clients share: requests to the line, its notices told as Nautilus order events."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from nautilus_trader.accounting.accounts.margin import MarginAccount
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.currencies import Currency
from nautilus_trader.model.enums import LiquiditySide, OrderSide, OrderStatus, OrderType
from nautilus_trader.model.events import AccountState
from nautilus_trader.model.identifiers import ClientOrderId, PositionId, TradeId, VenueOrderId
from nautilus_trader.model.objects import AccountBalance, Money, Price, Quantity

from tests.venue.core import Notice, Order, Request, Trade
from tests.venue.link import Link

TYPES = {OrderType.LIMIT: "LIMIT", OrderType.MARKET: "MARKET", OrderType.STOP_MARKET: "STOP_MARKET"}
UNKNOWN_OUTCOME = "-1007 Timeout waiting for response from backend server. Send status unknown"
LATELY_NS = 15_000_000_000
FORGETFUL = (OrderStatus.EXPIRED, OrderStatus.REJECTED, OrderStatus.DENIED)
"""An order that ended so notes no fill, but its position does, each time that Nautilus is told: never tell it twice."""
WAITING = (OrderStatus.SUBMITTED, OrderStatus.PENDING_CANCEL, OrderStatus.PENDING_UPDATE)


class Teller:
    """Turns what comes over the line into order events of one execution client.

    An ambiguous outcome is told as nothing at all, unless `plain` says so: then as Nautilus's own adapter tells it,
    as a rejection.
    """

    def __init__(self, client: Any, link: Link, instrument: Any, *, plain: bool = False) -> None:
        self.client = client
        self.link = link
        self.instrument = instrument
        self.plain = plain
        self.told: Callable[[str, str, Trade | None], None] = lambda _kind, _client_id, _trade: None
        """Takes each event just before the engine does."""
        self.sends: Callable[[str, str, Request | None], None] = lambda _kind, _client_id, _request: None
        """Takes each command just as it leaves; the order as it shall be where it is a new or a changed one."""
        self._accepted: set[str] = set()
        self._trades: set[str] = set()
        self._ended: set[str] = set()

    # -- commands --------------------------------------------------------------------------------------------------

    def submit(self, command: Any) -> None:
        order = command.order
        self.client.generate_order_submitted(order.strategy_id, order.instrument_id, order.client_order_id, self._now())
        request = as_request(order, command.position_id.value)
        self.sends("place", request.client_id, request)
        self.link.place(request)

    def cancel(self, command: Any) -> None:
        client_id = command.client_order_id.value
        self.sends("cancel", client_id, None)
        self.link.cancel(client_id)

    def modify(self, command: Any) -> None:
        client_id = command.client_order_id.value
        qty = command.quantity.as_decimal()
        order = self.client.cache_in_use.order(command.client_order_id)
        position_id = self.client.cache_in_use.position_id(command.client_order_id)
        self.sends("modify", client_id, replace(as_request(order, position_id.value), qty=qty))
        self.link.modify(client_id, qty)

    def query(self, command: Any) -> None:
        client_id = command.client_order_id.value
        self.sends("query", client_id, None)
        self.link.query(client_id)

    def roll_call(self) -> None:
        """Ask about every order that is open, or ended so lately that a last fill may have been missed."""
        cache, since = self.client.cache_in_use, self._now() - LATELY_NS
        ended = (order for order in cache.orders_closed() if order.ts_last >= since)
        for order in (*cache.orders_open(), *cache.orders_inflight(), *ended):
            self.link.query(order.client_order_id.value, sure=True)
        self.link.query_wallet()

    # -- what comes back (tests.venue.link.Listener) ---------------------------------------------------------------

    def on_notice(self, notice: Notice) -> None:
        order = self._order(notice.client_id)
        if order is None:
            return
        match notice.kind:
            case "NEW":
                self._accept(order, notice.venue_id)
            case "TRADE":
                assert notice.trade is not None
                self._fill(order, notice.venue_id, notice.trade)
            case "CANCELED" | "EXPIRED":
                self._end(order, notice.venue_id, notice.kind)
            case "AMENDMENT":
                self._update(order, notice.venue_id, notice.qty)

    def on_refused(self, kind: str, client_id: str, code: int, reason: str) -> None:
        order = self._order(client_id)
        if order is None:
            return
        words = reason if not code or str(code) in reason else f"{code} {reason}"
        ids = order.strategy_id, order.instrument_id, order.client_order_id
        if kind == "place":
            self._tell("rejected", client_id)
            self.client.generate_order_rejected(*ids, words, self._now(), code == -5022)
        elif kind == "cancel":
            self._tell("cancel-rejected", client_id)
            self.client.generate_order_cancel_rejected(*ids, order.venue_order_id, words, self._now())
        elif kind == "modify":
            self._tell("modify-rejected", client_id)
            self.client.generate_order_modify_rejected(*ids, order.venue_order_id, words, self._now())

    def on_unknown(self, kind: str, client_id: str) -> None:
        order = self._order(client_id)
        if order is None or not self.plain:
            return
        if kind == "place" and order.status in WAITING:
            ids = order.strategy_id, order.instrument_id, order.client_order_id
            self._tell("ambiguous", client_id)
            self.client.generate_order_rejected(*ids, UNKNOWN_OUTCOME, self._now())

    def on_answer(self, client_id: str, said: Order | None) -> None:
        order = self._order(client_id)
        if order is None:
            return
        self._tell("answer", client_id)
        if said is None:
            # A refusal may have been a guess, or may not have been heard: the venue's own word is told again.
            if order.status in (*WAITING, OrderStatus.REJECTED) and client_id not in self._accepted:
                self._tell("rejected", client_id)
                self.client.generate_order_rejected(
                    order.strategy_id, order.instrument_id, order.client_order_id, "-2013 Order does not exist",
                    self._now(),
                )  # fmt: skip
            return
        self._catch_up(order, said)

    def _catch_up(self, order: Any, said: Order) -> None:
        """Whatever the strategy has missed of an order."""
        client_id = said.client_id
        if client_id not in self._accepted:
            self._accept(order, said.venue_id)
        if order.quantity.as_decimal() != said.qty and not order.is_closed:
            self._update(order, said.venue_id, said.qty)
        for trade in said.trades:
            if trade.id not in self._trades:
                self._fill(order, said.venue_id, trade)
        if said.status in ("CANCELED", "EXPIRED") and client_id not in self._ended:
            self._end(order, said.venue_id, said.status)
        elif said.is_open:
            self._let_repeat(order, client_id)

    def _let_repeat(self, order: Any, client_id: str) -> None:
        """A cancel or change that never arrived is told as refused, so that it may be sent again."""
        for kind, status in (("cancel", OrderStatus.PENDING_CANCEL), ("modify", OrderStatus.PENDING_UPDATE)):
            if order.status == status and not self.link.in_flight[kind, client_id]:
                self.on_refused(kind, client_id, 0, "still open")

    def on_wallet(self, wallet: Decimal) -> None:
        told = [balance(wallet, self.instrument.quote_currency)]
        self.client.generate_account_state(told, [], True, self._now())

    # -- one event each --------------------------------------------------------------------------------------------

    def _accept(self, order: Any, venue_id: str) -> None:
        self._tell("accepted", order.client_order_id.value)
        self._accepted.add(order.client_order_id.value)
        self.client.generate_order_accepted(
            order.strategy_id, order.instrument_id, order.client_order_id, VenueOrderId(venue_id), self._now()
        )

    def _update(self, order: Any, venue_id: str, qty: Decimal) -> None:
        self._tell("updated", order.client_order_id.value)
        self.client.generate_order_updated(
            order.strategy_id, order.instrument_id, order.client_order_id, VenueOrderId(venue_id),
            Quantity.from_str(f"{qty:f}"), order.price if order.has_price else None, None, self._now(),
        )  # fmt: skip

    def _end(self, order: Any, venue_id: str, kind: str) -> None:
        ids = order.strategy_id, order.instrument_id, order.client_order_id, VenueOrderId(venue_id), self._now()
        self._tell(kind.lower(), order.client_order_id.value)
        self._ended.add(order.client_order_id.value)
        if kind == "CANCELED":
            self.client.generate_order_canceled(*ids)
        else:
            self.client.generate_order_expired(*ids)

    def _fill(self, order: Any, venue_id: str, trade: Trade) -> None:
        if trade.id in self._trades and order.status in FORGETFUL:
            return
        self._tell("filled", order.client_order_id.value, trade)
        self._trades.add(trade.id)
        quote = self.instrument.quote_currency
        self.client.generate_order_filled(
            order.strategy_id,
            order.instrument_id,
            order.client_order_id,
            VenueOrderId(venue_id),
            PositionId(f"{order.instrument_id}-{trade.leg}"),
            TradeId(trade.id),
            OrderSide.BUY if trade.side == "BUY" else OrderSide.SELL,
            order.order_type,
            Quantity.from_str(f"{trade.qty:f}"),
            price_of(self.instrument, trade.price),
            quote,
            Money.from_str(f"{trade.fee:f} {quote.code}"),
            LiquiditySide.MAKER if trade.maker else LiquiditySide.TAKER,
            trade.ts,
        )

    def _tell(self, kind: str, client_id: str, trade: Trade | None = None) -> None:
        self.told(kind, client_id, trade)

    def _order(self, client_id: str) -> Any:
        return self.client.cache_in_use.order(ClientOrderId(client_id))

    def _now(self) -> int:
        return self.link.now()


def as_request(order: Any, position_id: str) -> Request:
    """A Nautilus order as the venue takes it."""
    price = None
    kind = TYPES[order.order_type]
    if order.order_type == OrderType.LIMIT:
        price = order.price.as_decimal()
        kind = "GTX" if order.is_post_only else kind
    elif order.order_type == OrderType.STOP_MARKET:
        price = order.trigger_price.as_decimal()
    return Request(
        client_id=order.client_order_id.value,
        side="BUY" if order.side == OrderSide.BUY else "SELL",
        leg=position_id.rpartition("-")[2],
        type=kind,
        qty=order.quantity.as_decimal(),
        price=price,
    )


def price_of(instrument: Any, price: Decimal) -> Price:
    """A price with the instrument's decimals."""
    return Price.from_str(f"{price:.{instrument.price_precision}f}")


def open_account(client: Any, wallet: Decimal, quote: Currency, now: int) -> None:
    """The account as the venue tells it, whatever simulated venue ran in this process before.

    Nautilus's simulated venue registers its name for accounts that work out their own balance, for the life of the
    process (`AccountFactory.register_calculated_account`); there is no way to take that back.
    """
    balances = [balance(wallet, quote)]
    state = AccountState(
        account_id=client.account_id,
        account_type=client.account_type,
        base_currency=client.base_currency,
        reported=True,
        balances=balances,
        margins=[],
        info={},
        event_id=UUID4(),
        ts_event=now,
        ts_init=now,
    )
    client.cache_in_use.add_account(MarginAccount(state, False))
    client.generate_account_state(balances, [], True, now)


def balance(wallet: Decimal, quote: Currency) -> AccountBalance:
    """The wallet, all of it free."""
    total = Money(wallet, quote)
    return AccountBalance(total, Money(0, quote), total)
