"""The venue: orders, two one-signed legs, wallet, Binance's refusals. Knows neither Nautilus nor the product."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

ZERO = Decimal(0)
RATE_WINDOW_NS = 10_000_000_000
LEGS = ("LONG", "SHORT")
MONEY = Decimal("1E-8")
"""What the venue rounds money to."""
OPEN = ("NEW", "PARTIALLY_FILLED")


class VenueError(Exception):
    """A refusal with Binance's code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code


@dataclass(frozen=True)
class Filters:
    """What the venue demands of an order."""

    tick: Decimal = Decimal("0.10")
    step: Decimal = Decimal("0.001")
    min_qty: Decimal = Decimal("0.001")
    max_qty: Decimal = Decimal(1000)
    min_notional: Decimal = Decimal(100)
    max_orders: int = 200
    max_stops: int = 100
    orders_per_window: int = 300
    maker_fee: Decimal = Decimal("0.0002")
    taker_fee: Decimal = Decimal("0.0005")
    leverage: Decimal = Decimal(10)


@dataclass(frozen=True)
class Request:
    """An order as it is asked for; `price` is a stop's trigger."""

    client_id: str
    side: str
    leg: str
    type: str
    """LIMIT, GTX (post-only limit), MARKET or STOP_MARKET."""
    qty: Decimal
    price: Decimal | None = None


@dataclass(frozen=True)
class Trade:
    """One execution."""

    id: str
    client_id: str
    side: str
    leg: str
    price: Decimal
    qty: Decimal
    fee: Decimal
    maker: bool
    ts: int


@dataclass
class Order:
    """An order that the venue has taken."""

    client_id: str
    venue_id: str
    side: str
    leg: str
    type: str
    price: Decimal | None
    qty: Decimal
    placed: int
    filled: Decimal = ZERO
    status: str = "NEW"
    triggered: bool = False
    trades: list[Trade] = field(default_factory=list)

    @property
    def left(self) -> Decimal:
        return self.qty - self.filled

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def opens(self) -> bool:
        """Whether it makes its leg larger."""
        return (self.side == "BUY") is (self.leg == "LONG")


@dataclass(frozen=True)
class Notice:
    """What the venue tells of an order: NEW, TRADE, CANCELED, EXPIRED or AMENDMENT."""

    kind: str
    client_id: str
    venue_id: str
    ts: int
    trade: Trade | None = None
    qty: Decimal = ZERO


@dataclass
class Position:
    """One leg; its quantity is never negative."""

    qty: Decimal = ZERO
    cost: Decimal = ZERO


class Venue:
    """A matching venue in hedge mode; `now` is given to every call, and `tell` takes each notice as it arises.

    The wallet is what an account in hedge mode shows: profit is realised against a leg's average entry price.
    """

    def __init__(self, filters: Filters, wallet: Decimal, tell: Callable[[Notice], None]) -> None:
        self.filters = filters
        self.wallet = wallet
        self.deposits = wallet
        """What was there at first, and every deposit less every withdrawal since."""
        self.transfers: list[Decimal] = []
        """Each of these deposits and withdrawals."""
        self.funding = ZERO
        """What settlements have brought, negative where they cost."""
        self.tell = tell
        self.tell_wallet: Callable[[Decimal], None] = lambda _wallet: None
        """Takes the wallet after each of its changes."""
        self.orders: dict[str, Order] = {}
        self.open: dict[str, Order] = {}
        self.positions = {leg: Position() for leg in LEGS}
        self.trades: list[Trade] = []
        self.refused: dict[int, int] = {}
        self.bid = self.ask = ZERO
        self.now = 0
        self.cash = ZERO
        """Sells less buys, quote, before fees."""
        self.fees = ZERO
        self.caps_exits = True
        """Whether a reducing order fills no more than its leg holds; off only where a test breaks the venue."""
        self.piece: Callable[[Order], Decimal] = lambda order: order.left
        """How much of a reached order fills at once."""
        self._arrivals: deque[int] = deque()
        self._ids = 0

    # -- requests --------------------------------------------------------------------------------------------------

    def place(self, request: Request) -> Order:
        """Take an order, or refuse it."""
        try:
            self._check(request)
        except VenueError as error:
            self.refused[error.code] = self.refused.get(error.code, 0) + 1
            raise
        self._ids += 1
        order = Order(
            request.client_id, f"V{self._ids}", request.side, request.leg, request.type, request.price, request.qty,
            self.now,
        )  # fmt: skip
        self.orders[order.client_id] = self.open[order.client_id] = order
        self.tell(Notice("NEW", order.client_id, order.venue_id, self.now))
        self._match(order, taking=True)
        return order

    def cancel(self, client_id: str) -> None:
        """End an open order."""
        self._end(self._must_be_open(client_id), "CANCELED")

    def modify(self, client_id: str, qty: Decimal) -> None:
        """Change an open limit order's total quantity."""
        order = self._must_be_open(client_id)
        if order.type not in ("LIMIT", "GTX"):
            raise VenueError(-4120, "Order type not supported for this endpoint")
        if qty <= order.filled or qty % self.filters.step:
            raise VenueError(-4003, "Quantity less than or equal to executed")
        order.qty = qty
        self.tell(Notice("AMENDMENT", client_id, order.venue_id, self.now, qty=qty))

    def query(self, client_id: str) -> Order:
        """An order, open or ended."""
        order = self.orders.get(client_id)
        if order is None:
            raise VenueError(-2013, "Order does not exist")
        return order

    def move(self, bid: Decimal, ask: Decimal) -> None:
        """The market is there now; everything that it has reached fills."""
        self.bid, self.ask = bid, ask
        self.match()

    def match(self) -> None:
        """Fill what the market has reached, oldest first."""
        for order in tuple(self.open.values()):
            if order.is_open:
                self._match(order)

    def held(self, leg: str) -> Decimal:
        """What a leg holds."""
        return self.positions[leg].qty

    def transfer(self, amount: Decimal) -> None:
        """A deposit, or a withdrawal (negative)."""
        self.wallet += amount
        self.deposits += amount
        self.transfers.append(amount)
        self.tell_wallet(self.wallet)

    def settle(self, rate: Decimal, mark: Decimal) -> dict[str, Decimal]:
        """Funding: what each leg that holds anything receives, negative where it pays."""
        signs = {"LONG": -1, "SHORT": 1}
        paid = {
            leg: (sign * position.qty * mark * rate).quantize(MONEY)
            for leg, sign in signs.items()
            if (position := self.positions[leg]).qty
        }
        self.wallet += sum(paid.values(), ZERO)
        self.funding += sum(paid.values(), ZERO)
        if paid:
            self.tell_wallet(self.wallet)
        return paid

    def equity(self, mid: Decimal) -> Decimal:
        """Everything at the middle of the market, from cash alone: no average price has a part in it."""
        held = self.held("LONG") - self.held("SHORT")
        return self.deposits + self.cash - self.fees + self.funding + held * mid

    # -- inside ----------------------------------------------------------------------------------------------------

    def _check(self, request: Request) -> None:
        filters, price = self.filters, request.price
        while self._arrivals and self._arrivals[0] <= self.now - RATE_WINDOW_NS:
            self._arrivals.popleft()
        if len(self._arrivals) >= filters.orders_per_window:
            raise VenueError(-1015, "Too many new orders")
        self._arrivals.append(self.now)
        if request.client_id in self.orders or not 1 <= len(request.client_id) <= 36:
            raise VenueError(-4116, "ClientOrderId is duplicated or malformed")
        if price is not None and (price <= 0 or price % filters.tick):
            raise VenueError(-4014, "Price not increased by tick size")
        if request.qty % filters.step:
            raise VenueError(-1111, "Precision is over the maximum")
        if not filters.min_qty <= request.qty <= filters.max_qty:
            raise VenueError(-4003, "Quantity out of bounds")
        self._check_room(request)
        if request.type == "GTX" and price is not None and self._crosses(request.side, price):
            raise VenueError(-5022, "Post Only order will be rejected")
        if request.type == "STOP_MARKET" and price is not None and self._triggers(request.side, price):
            raise VenueError(-2021, "Order would immediately trigger")

    def _check_room(self, request: Request) -> None:
        filters = self.filters
        stops = sum(order.type == "STOP_MARKET" for order in self.open.values())
        if request.type == "STOP_MARKET" and stops >= filters.max_stops:
            raise VenueError(-4045, "Reach max stop order limit")
        if request.type in ("LIMIT", "GTX") and len(self.open) - stops >= filters.max_orders:
            raise VenueError(-2025, "Reach max open order limit")
        if (request.side == "BUY") is not (request.leg == "LONG"):
            if request.type == "MARKET" and self.held(request.leg) <= 0:
                raise VenueError(-2022, "ReduceOnly Order is rejected")
            return
        value = request.qty * (request.price if request.price is not None else self.ask)
        if value < filters.min_notional:
            raise VenueError(-4164, "Order's notional must be no smaller than the minimum")
        used = sum((position.cost for position in self.positions.values()), ZERO)
        used += sum((o.left * o.price for o in self.open.values() if o.opens and o.price is not None), ZERO)
        if (used + value) / filters.leverage > self.wallet:
            raise VenueError(-2019, "Margin is insufficient")

    def _crosses(self, side: str, price: Decimal) -> bool:
        return price >= self.ask if side == "BUY" else price <= self.bid

    def _triggers(self, side: str, price: Decimal) -> bool:
        return self.ask >= price if side == "BUY" else self.bid <= price

    def _must_be_open(self, client_id: str) -> Order:
        order = self.open.get(client_id)
        if order is None:
            raise VenueError(-2011, "Unknown order sent")
        return order

    def _match(self, order: Order, *, taking: bool = False) -> None:
        if not self.ask or not self._is_reached(order):
            return
        order.triggered = True
        resting = order.type in ("LIMIT", "GTX") and not taking
        price = order.price if resting else (self.ask if order.side == "BUY" else self.bid)
        assert price is not None
        self.fill(order, self.piece(order), price, maker=resting)

    def _is_reached(self, order: Order) -> bool:
        if order.type == "MARKET" or (order.type == "STOP_MARKET" and order.triggered):
            return True
        assert order.price is not None
        check = self._triggers if order.type == "STOP_MARKET" else self._crosses
        return check(order.side, order.price)

    def fill(self, order: Order, qty: Decimal, price: Decimal, *, maker: bool) -> None:
        """Execute a part of an order; a reducing one fills no more than its leg holds, and expires with the rest."""
        position = self.positions[order.leg]
        if not order.opens and self.caps_exits:
            qty = min(qty, position.qty)
        if qty > 0:
            self._execute(order, qty, price, maker=maker)
        if order.is_open and not order.opens and position.qty <= 0 and self.caps_exits:
            self._end(order, "EXPIRED")

    def _execute(self, order: Order, qty: Decimal, price: Decimal, *, maker: bool) -> None:
        fee = qty * price * (self.filters.maker_fee if maker else self.filters.taker_fee)
        fee = fee.quantize(MONEY)
        number = str(len(self.trades) + 1)
        trade = Trade(number, order.client_id, order.side, order.leg, price, qty, fee, maker, self.now)
        self.trades.append(trade)
        order.trades.append(trade)
        order.filled += qty
        order.status = "FILLED" if order.left <= 0 else "PARTIALLY_FILLED"
        if order.left <= 0:
            self.open.pop(order.client_id, None)
        self._book(order, trade)
        self.tell(Notice("TRADE", order.client_id, order.venue_id, self.now, trade=trade))
        self.tell_wallet(self.wallet)

    def _book(self, order: Order, trade: Trade) -> None:
        position, value = self.positions[order.leg], trade.qty * trade.price
        self.cash += value if order.side == "SELL" else -value
        self.fees += trade.fee
        self.wallet -= trade.fee
        if order.opens:
            position.qty += trade.qty
            position.cost += value
            return
        share = position.cost * trade.qty / position.qty if position.qty else ZERO
        self.wallet += ((value - share) * (1 if order.leg == "LONG" else -1)).quantize(MONEY)
        position.qty -= trade.qty
        position.cost = position.cost - share if position.qty else ZERO

    def _end(self, order: Order, status: str) -> None:
        order.status = status
        self.open.pop(order.client_id, None)
        self.tell(Notice(status, order.client_id, order.venue_id, self.now))

    def truth(self) -> Iterable[str]:
        """Every order and trade in one line each, for a trace."""
        for order in self.orders.values():
            yield f"{order.client_id} {order.side} {order.leg} {order.type} {order.price} {order.qty} {order.status}"
        for trade in self.trades:
            yield f"{trade.id} {trade.client_id} {trade.price} {trade.qty} {trade.fee} {trade.ts}"
