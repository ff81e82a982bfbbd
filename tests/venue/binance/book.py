"""The matching core with what Binance knows besides: take-profits that trigger, prices that change, percent price."""

from decimal import Decimal

from tests.venue.core import Notice, Order, Request, Venue, VenueError

CONDITIONAL = ("STOP_MARKET", "TAKE_PROFIT_MARKET")
PERCENT_UP, PERCENT_DOWN = Decimal("1.0500"), Decimal("0.9500")


class Book(Venue):
    """`tests.venue.core.Venue`, to which nothing is left to decide that it decides itself."""

    mark = Decimal(0)
    """The mark price, which bounds limit prices; 0: not known."""

    def amend(self, client_id: str, qty: Decimal, price: Decimal) -> None:
        """Change an open limit order's total quantity and price."""
        order = self._must_be_open(client_id)
        if price % self.filters.tick:
            raise VenueError(-4014, "Price not increased by tick size")
        if (qty, price) == (order.qty, order.price):
            raise VenueError(-5027, "No need to modify the order")
        self._check_percent(order.side, price)
        if order.type == "GTX" and self._crosses(order.side, price):
            raise VenueError(-5022, "Post Only order will be rejected")
        changed, order.price = order.price, price
        try:
            self.modify(client_id, qty)
        except VenueError:
            order.price = changed
            raise
        self._match(order, taking=True)

    def expire(self, client_id: str) -> None:
        """End an open order as the venue itself does."""
        self._end(self._must_be_open(client_id), "EXPIRED")

    def retell(self, kind: str, order: Order) -> None:
        """Tell a notice of an order without anything having happened."""
        self.tell(Notice(kind, order.client_id, order.venue_id, self.now))

    def _check(self, request: Request) -> None:
        price = request.price
        if price is not None and request.type in ("LIMIT", "GTX"):
            self._check_percent(request.side, price)
        if request.type == "TAKE_PROFIT_MARKET" and price is not None and self._is_past(request.side, price):
            raise VenueError(-2021, "Order would immediately trigger")
        super()._check(request)

    def _check_percent(self, side: str, price: Decimal) -> None:
        if self.mark and side == "BUY" and price > self.mark * PERCENT_UP:
            raise VenueError(-4016, f"Limit price can't be higher than {self.mark * PERCENT_UP:.2f}.")
        if self.mark and side == "SELL" and price < self.mark * PERCENT_DOWN:
            raise VenueError(-4024, f"Limit price can't be lower than {self.mark * PERCENT_DOWN:.2f}.")

    def _is_reached(self, order: Order) -> bool:
        if order.type == "TAKE_PROFIT_MARKET":
            assert order.price is not None
            return order.triggered or self._is_past(order.side, order.price)
        return super()._is_reached(order)

    def _is_past(self, side: str, price: Decimal) -> bool:
        return self.ask <= price if side == "BUY" else self.bid >= price
