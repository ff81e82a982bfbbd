"""What the grid asks of the world, asked of Nautilus: orders out, reports and positions back."""

from collections.abc import Iterable
from decimal import Decimal

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import CancelOrder
from nautilus_trader.model.identifiers import ClientOrderId, PositionId
from nautilus_trader.model.objects import Quantity
from nautilus_trader.trading.strategy import Strategy

from strategy.books import VenueReport
from strategy.domain import DesiredOrder, Leg, plain
from strategy.order_factory import OrderFactory, report_of
from strategy.order_index import OrderRecord


class MuteError(RuntimeError):
    """Nothing leaves a strategy that was shut off."""


class NautilusLink(Strategy):
    """The part of a Nautilus strategy that sends and looks up; `strategy.orders.Venue` says what for."""

    _mute = False

    def mute(self) -> None:
        """Let nothing leave any more: from now on whatever sends raises `MuteError`."""
        self._mute = True

    def _may_send(self) -> None:
        if self._mute:
            raise MuteError("the strategy is shut off: nothing leaves it any more")

    def _link(self) -> None:
        """Take what only a registered strategy has."""
        instrument_id = self.config.instrument_id
        self._positions = {leg: PositionId(f"{instrument_id}-{leg.name}") for leg in Leg}
        self._factory = OrderFactory(self.trader_id, self.id, instrument_id)

    def now(self) -> int:
        """The engine's clock, ns UTC."""
        return int(self.clock.timestamp_ns())

    def balance(self) -> Decimal:
        """The account's balance in the quote currency, without open profit or loss."""
        account = self.portfolio.account(self.config.instrument_id.venue)
        quote = self.cache.instrument(self.config.instrument_id).quote_currency
        total: Decimal = account.balance_total(quote).as_decimal()
        return total

    def cash(self) -> Decimal:
        """The balance less what the long leg cost and plus what the short one brought, quote, as the venue sees it.

        Venues realise profit against a leg's average entry, own books against each lot's: the balances differ while
        something is held, what is left of them here does not. Nautilus keeps the average as a float.
        """
        positions = ((leg, self.cache.position(self._positions[leg])) for leg in Leg)
        costs = [
            leg.sign * self.position(leg) * Decimal(str(position.avg_px_open))
            for leg, position in positions
            if position is not None and position.is_open
        ]
        return self.balance() - sum(costs, Decimal(0))

    def position(self, leg: Leg) -> Decimal:
        """The cache's word on what a leg holds; negative where it was over-closed."""
        position = self.cache.position(self._positions[leg])
        if position is None or position.is_closed:
            return Decimal(0)
        signed: Decimal = position.signed_decimal_qty()
        return leg.sign * signed

    def submit(self, order_id: str, order: DesiredOrder) -> None:
        """Send a new order with the leg's canonical position id."""
        self._may_send()
        made = self._factory.order(order_id, order, self.now())
        self.submit_order(made, position_id=self._positions[order.key.leg])

    def submit_pair(self, stop_id: str, stop: DesiredOrder, target_id: str, target: DesiredOrder) -> None:
        """Send a lot's stop and take-profit, linked where the venue can."""
        self._may_send()
        if not self.config.linked_exits:
            self.submit(stop_id, stop)
            self.submit(target_id, target)
            return
        pair = self._factory.linked((stop_id, stop), (target_id, target), self.now())
        self.submit_order_list(pair, position_id=self._positions[stop.key.leg])

    def knows(self, order_id: str) -> bool:
        """Whether an order whose sending raised may have left: Nautilus has it, so that only an event can end it."""
        return self.cache.order(ClientOrderId(order_id)) is not None

    def cancel(self, order_id: str) -> None:
        """Ask for an order's cancellation, also of one that Nautilus believes has ended and the venue has.

        Nautilus drops a second cancel in silence, and takes an order for pending whose first was refused before the
        order itself was accepted.
        """
        self._may_send()
        order = self.cache.order(ClientOrderId(order_id))
        if not (order.is_closed or order.is_pending_cancel):
            self.cancel_order(order)
            return
        command = CancelOrder(
            trader_id=self.trader_id,
            strategy_id=self.id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id,
            command_id=UUID4(),
            ts_init=self.now(),
        )
        self.msgbus.send(endpoint="ExecEngine.execute", msg=command)

    def resize(self, order_id: str, qty: Decimal) -> None:
        """Ask for another total quantity of an order."""
        self._may_send()
        self.modify_order(self.cache.order(ClientOrderId(order_id)), quantity=Quantity.from_str(plain(qty)))

    def ask(self, order_id: str) -> None:
        """Ask the venue what became of an order; the execution client tells what was missed as ordinary events."""
        order = self.cache.order(ClientOrderId(order_id))
        if order is not None and not self.config.linked_exits:
            self.query_order(order)

    def report(self, order_id: str) -> VenueReport | None:
        """What Nautilus knows of an order."""
        order = self.cache.order(ClientOrderId(order_id))
        return None if order is None else report_of(order)

    def reports(self, since: int = 0) -> Iterable[VenueReport]:
        """What Nautilus knows of every order that is open or has ended at `since` (ns) or later, oldest first."""
        orders = self.cache.orders(instrument_id=self.config.instrument_id)
        recent = (order for order in orders if not order.is_closed or order.ts_last >= since)
        return [report_of(order) for order in sorted(recent, key=lambda order: int(order.ts_init))]

    def adopt(self, order: OrderRecord) -> None:
        """Let Nautilus know of an order that an earlier process has sent, so that an answer about it finds it."""
        if self.knows(order.id):
            return
        desired = DesiredOrder(key=order.key, side=order.side, price=order.price, qty=order.qty, lot=order.lot)
        account_id = self.portfolio.account(self.config.instrument_id.venue).id
        made = self._factory.submitted(order.id, desired, account_id, self.now())
        self.cache.add_order(made, self._positions[order.key.leg])
