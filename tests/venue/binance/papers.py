"""What Binance keeps of an order besides what the matching core does: numbers, the words it came with, times."""

import itertools
from dataclasses import dataclass, field
from decimal import Decimal

from tests.venue.core import Order, Trade

FIRST_ORDER = 4_000_000_001
FIRST_ALGO = 2_000_000_000_001
SYSTEM = ("autoclose-", "adl_autoclose", "settlement_autoclose-")
"""How the client ids of the venue's own orders start."""


@dataclass
class Paper:
    """One order as the account sees it."""

    client_id: str
    symbol: str
    kind: str
    """LIMIT, MARKET, STOP_MARKET or TAKE_PROFIT_MARKET."""
    time_in_force: str
    created_ms: int
    order_id: int | None = None
    """None for a conditional order that has not triggered."""
    algo_id: int | None = None
    working_type: str = "CONTRACT_PRICE"
    close_position: bool = False
    updated_ms: int = 0
    triggered_ms: int = 0
    order: Order | None = None
    """The core's order; None only while it is being checked."""

    @property
    def live(self) -> Order:
        """The core's order."""
        assert self.order is not None
        return self.order

    @property
    def is_algo(self) -> bool:
        """Whether it is a conditional order, triggered or not."""
        return self.algo_id is not None

    @property
    def waits(self) -> bool:
        """Whether it is a conditional order that has not triggered."""
        return self.is_algo and self.order_id is None

    @property
    def is_of_venue(self) -> bool:
        """Whether it is a liquidation or the like."""
        return self.client_id.startswith(SYSTEM)

    @property
    def average(self) -> Decimal:
        """The average price of what was filled; 0 where nothing was."""
        value = sum((trade.price * trade.qty for trade in self.live.trades), Decimal(0))
        return value / self.live.filled if self.live.filled else Decimal(0)


@dataclass
class Deal:
    """A trade with what the account is told of it."""

    trade: Trade
    paper: Paper
    profit: Decimal
    """Realised, before the fee."""


@dataclass
class Archive:
    """Every order and trade of the account."""

    papers: dict[str, Paper] = field(default_factory=dict)
    deals: list[Deal] = field(default_factory=list)
    _orders: "itertools.count[int]" = field(default_factory=lambda: itertools.count(FIRST_ORDER))
    _algos: "itertools.count[int]" = field(default_factory=lambda: itertools.count(FIRST_ALGO))

    def order_id(self) -> int:
        """The next number of an order."""
        return next(self._orders)

    def algo_id(self) -> int:
        """The next number of a conditional order."""
        return next(self._algos)

    def by_order(self, order_id: int | None, client_id: str | None) -> Paper | None:
        """A plain order, or a conditional one that has triggered."""
        found = (p for p in self.papers.values() if not p.waits and _is(p.order_id, p.client_id, order_id, client_id))
        return next(found, None)

    def by_algo(self, algo_id: int | None, client_id: str | None) -> Paper | None:
        """A conditional order, triggered or not."""
        found = (p for p in self.papers.values() if p.is_algo and _is(p.algo_id, p.client_id, algo_id, client_id))
        return next(found, None)


def _is(own_id: int | None, own_client_id: str, number: int | None, client_id: str | None) -> bool:
    return own_id == number if number is not None else own_client_id == client_id
