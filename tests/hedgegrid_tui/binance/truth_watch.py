"""The fake venue as the truth: looks at its own books at each of its events and keeps whatever must never be."""

import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from strategy.domain import Leg, Role
from strategy.order_ids import OrderId, parse_id
from tests.venue.binance.server import FakeBinance
from tests.venue.core import Order

ZERO = Decimal(0)
REFUSED = 400
PLACES = ("/fapi/v1/order", "/fapi/v1/algoOrder")


def own_open(venue: FakeBinance) -> list[tuple[OrderId, Order]]:
    """The session's open orders with what their ids say; where the venue lives."""
    told = ((parse_id(name), order) for name, order in venue.exchange.book.open.items())
    return [(found, order) for found, order in told if found is not None]


def stops(venue: FakeBinance, leg: Leg) -> Decimal:
    """What own stops at the venue cover of a leg."""
    orders = own_open(venue)
    return sum((o.left for told, o in orders if told.key.leg is leg and told.key.role is Role.SL), ZERO)


class TruthWatch:
    """Put before the venue's telling: nothing happens there that it does not see, whoever hears of it."""

    def __init__(self, venue: FakeBinance) -> None:
        self.broken: list[str] = []
        """What must never be, in words; a test that finds anything here has failed."""
        self.longest_naked_s: dict[Leg, float] = dict.fromkeys(Leg, 0.0)
        """For how long some of a leg had no stop at the venue, at the worst."""
        self._venue = venue
        self._naked_since: dict[Leg, float] = {}
        self._tell = venue.exchange.tell
        venue.call(self._attach)

    def _attach(self) -> None:
        self._venue.exchange.tell = self._on_event

    def forget(self) -> None:
        """What follows is judged by itself."""
        self.longest_naked_s = dict.fromkeys(Leg, 0.0)

    def _on_event(self, event: Any) -> None:
        self._tell(event)
        self.broken += self._doubled()
        self._look_at_cover()

    def _doubled(self) -> Iterator[str]:
        """More than one entry of a rung, or exits that are more than their lot ever was."""
        entries: Counter[tuple[Leg, int]] = Counter()
        exits: Counter[tuple[Role, int]] = Counter()
        sizes: Counter[tuple[Role, int]] = Counter()
        for told, order in own_open(self._venue):
            key = told.key
            if key.role is Role.ENTRY:
                entries[key.leg, key.slot] += 1
            elif told.lot is not None:
                exits[key.role, told.lot] += 1
                sizes[key.role, told.lot] += order.left  # type: ignore[assignment]
        lots = self._lots()
        for (leg, level), count in entries.items():
            if count > 1:
                yield f"{count} entries live on {leg} {level}"
        for (role, lot), size in sizes.items():
            if size > lots.get(lot, ZERO):
                yield f"{exits[role, lot]} {role} of {size} live for lot {lot}, which was {lots.get(lot, ZERO)}"

    def _lots(self) -> dict[int, Decimal]:
        """What each entry has filled."""
        found: dict[int, Decimal] = {}
        for name, order in self._venue.exchange.book.orders.items():
            told = parse_id(name)
            if told is not None and told.key.role is Role.ENTRY:
                found[told.serial] = order.filled
        return found

    def _look_at_cover(self) -> None:
        for leg in Leg:
            bare = self._venue.exchange.book.held(leg.name) > stops(self._venue, leg)
            since = self._naked_since.get(leg)
            if bare and since is None:
                self._naked_since[leg] = time.monotonic()
            elif since is not None:
                self.longest_naked_s[leg] = max(self.longest_naked_s[leg], time.monotonic() - since)
                if not bare:
                    del self._naked_since[leg]

    # -- afterwards ------------------------------------------------------------------------------------------------

    def sent_twice(self) -> list[str]:
        """Client ids under which a new order was asked for again after a request that may have been carried out.

        One that was certainly refused (such as for its time) may go out again.
        """
        asked = Counter(
            str(each.get("newClientOrderId") or each.get("clientAlgoId"))
            for each in self._venue.call(lambda: list(self._venue.front.asked))
            if each.method == "POST" and each.path in PLACES and (each.executed or each.status != REFUSED)
        )
        return [name for name, count in asked.items() if count > 1]
