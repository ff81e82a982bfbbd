"""Exposure, requests and own orders at each entry that leaves: invariants 9, 15 and 19, from the venue's truth."""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from strategy.config import Config
from tests.simulation.record import LEGS
from tests.simulation.told import Purpose, Told
from tests.venue.core import Request, Trade

if TYPE_CHECKING:
    from tests.simulation.checker import Checker

ZERO = Decimal(0)
S = 1_000_000_000
DAY = 86_400 * S
RESTING: Final = ("GTX", "LIMIT")
LATE_TRADES: Final = 20
"""Among so many of the latest are all that have not been told."""
COST_ERROR: Final = Decimal("1E-6")
"""What dividing a lot's cost may leave, quote."""


class Stock:
    """What each leg holds at cost, lot by lot, from trades and the ids of their orders."""

    def __init__(self) -> None:
        self._read = 0
        self._lots: dict[str, dict[int, tuple[Decimal, Decimal]]] = {leg: {} for leg in LEGS}

    def cost(self, leg: str) -> Decimal:
        return sum((cost for _, cost in self._lots[leg].values()), ZERO)

    def follow(self, trades: list[Trade], purposes: dict[str, Told]) -> None:
        """Book what is new."""
        for trade in trades[self._read :]:
            told = purposes.get(trade.client_id)
            if told is not None:
                self._book(trade, told.purpose)
        self._read = len(trades)

    def _book(self, trade: Trade, purpose: Purpose) -> None:
        lots = self._lots[trade.leg]
        if purpose.role == "entry":
            number = int(purpose.serial, 36)
            qty, cost = lots.get(number, (ZERO, ZERO))
            lots[number] = qty + trade.qty, cost + trade.qty * trade.price
            return
        own, left = int(purpose.lot, 36), trade.qty
        for number in sorted(lots, key=lambda each: (each != own, each)):
            qty, cost = lots[number]
            taken = min(left, qty)
            left -= taken
            if taken == qty:
                del lots[number]
            else:
                lots[number] = qty - taken, cost - cost * taken / qty
            if not left:
                return


class LimitCheck:
    """Looks at every request that leaves."""

    def __init__(self, checker: "Checker", config: Config) -> None:
        self._checker = checker
        self._limits = config.limits
        self._ramp = config.ramp
        self._window = config.limits.message_window_s * S
        self._sent: deque[int] = deque()
        self._written: deque[int] = deque()
        self._stock = Stock()
        self.first_ns: int | None = None
        """When the first session of the journal began."""
        self.blocked_until = 0
        """The message budget lets nothing leave before."""

    def take(self, line: dict[str, Any]) -> None:
        """Take a line of the journal: what is written counts, whether it leaves or cannot be sent."""
        if self.first_ns is None:
            self.first_ns = line["ts"]
        if line["kind"] != "order" or line["event"] not in ("submit", "cancel", "modify"):
            return
        written, now = self._written, line["ts"]
        written.append(now)
        while now - written[0] >= self._window:
            written.popleft()
        if len(written) >= self._limits.max_messages - 1:  # a stop and its take-profit leave together or not at all
            self.blocked_until = written[0] + self._window

    def on_send(self, now: int, what: str, *, enters: bool) -> None:
        """A new order, a change or a cancel leaves; `enters` where it makes a leg larger."""
        sent, limits = self._sent, self._limits
        while sent and now - sent[0] >= self._window:
            sent.popleft()
        sent.append(now)
        require = self._checker.require
        require(15, len(sent) <= limits.max_messages, f"{what} is number {len(sent)} of {limits.max_messages}")
        if enters:
            left = limits.max_messages - len(sent)
            require(15, left >= limits.message_reserve, f"{what} leaves {left} of {limits.message_reserve}")

    def check_exposure(self, leg: str, what: str, new: Decimal) -> None:
        """An entry worth `new` leaves: the leg and both together keep their caps once every entry has filled."""
        checker, share = self._checker, self._share()
        self._stock.follow(checker.venue.trades, checker.orders)
        worst = {each: self._stock.cost(each) + self._open_value(each) - self._unheard(each) for each in LEGS}
        worst[leg] += new
        caps = {
            leg: (worst[leg], self._limits.max_leg_notional * share),
            "both": (sum(worst.values(), ZERO), self._limits.max_gross_notional * share),
        }
        for name, (value, cap) in caps.items():
            kept = not cap or value <= cap + COST_ERROR
            checker.require(9, kept, f"{what}: {name} may grow to {value:f}, the cap is {cap:f}")

    def _open_value(self, leg: str) -> Decimal:
        """Entries at the venue or on their way to it; a change on its way counts where it makes one larger."""
        checker, value = self._checker, ZERO
        for order in checker.venue.open.values():
            if order.leg == leg and order.opens and order.price is not None:
                told = checker.orders.get(order.client_id)
                wanted = order.qty if told is None else max(order.qty, told.wanted)
                value += (wanted - order.filled) * order.price
        for request in checker.link.on_way.values():
            opens = (request.side == "BUY") is (request.leg == "LONG")
            if request.leg == leg and opens and request.price is not None:
                value += request.qty * request.price
        return value

    def _unheard(self, leg: str) -> Decimal:
        """Fills that are told after the end of their order: until then nobody can count them."""
        checker, value = self._checker, ZERO
        for trade in checker.venue.trades[-LATE_TRADES:]:
            if trade.leg == leg and trade.id not in checker.trades:
                told = checker.orders[trade.client_id]
                if told.ended and told.purpose.role == "entry":
                    value += trade.qty * trade.price
        return value

    def _share(self) -> Decimal:
        """What the ramp leaves of the caps."""
        start, days = self._ramp.start_pct, self._ramp.days
        past = self._checker.link.now() - (self.first_ns or 0)
        return (start + (100 - start) * min(past // DAY, days) / days) / 100

    def check_touch(self, what: str, request: Request, orders: Iterable[Told]) -> None:
        """No own order rests on the other side that the entry would meet."""
        price = request.price
        for told in orders:
            other = told.request
            if other.side == request.side or other.type not in RESTING or told.ended or not told.accepted:
                continue
            assert price is not None
            assert other.price is not None
            meets = price >= other.price if request.side == "BUY" else price <= other.price
            self._checker.require(19, not meets, f"{what} at {price} meets {other.client_id} at {other.price}")
