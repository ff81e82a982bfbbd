"""What the gate is told of an entry: the state of everything that it may depend on; and what it has denied."""

from abc import ABC
from collections import Counter
from decimal import Decimal
from typing import Final, override

from strategy.config import Config
from strategy.domain import (
    NS_PER_MS,
    NS_PER_S,
    ZERO,
    DesiredOrder,
    DoorState,
    Leg,
    Market,
    OrderKey,
    Reason,
    Role,
    Side,
)
from strategy.exposure import LegExposure
from strategy.gate import STATE_REASONS, GateFacts, judge
from strategy.journal import JournalWriter
from strategy.ledger import Ledger
from strategy.order_events import OrderEvents
from strategy.order_index import OrderRecord
from strategy.orders import Venue
from strategy.reconcile import VenueRules
from strategy.venue_watch import VenueWatch
from strategy.watch import BooksWatch, JournalWatch

BARS_PATIENCE_NS: Final = 150 * NS_PER_S
"""Prices that come from one-minute bars alone are too old after two and a half of them."""
NO_DENIALS: Final = frozenset(
    {
        Reason.OCCUPIED, Reason.MOVING, Reason.QUEUED, Reason.SAME_PRICE, Reason.UNKNOWN_OUTCOME,
        Reason.REGIME, Reason.THROTTLED, Reason.FUNDING,
    }
)  # fmt: skip
"""Why a rung may be empty without the gate having said no."""


class Admission(OrderEvents, ABC):
    """The facts of the order events, and what of them the gate judges by."""

    def __init__(
        self, config: Config, journal: JournalWriter, venue: Venue, session: str, ledger: Ledger, rules: VenueRules
    ) -> None:
        super().__init__(config, journal, venue, session, ledger)
        self.rules = rules
        self.market: Market | None = None
        """As the latest pass saw it."""
        self.denials: Counter[Reason] = Counter()
        """How often the gate has said no; once per rung and reason until that changes."""
        self.venue_watch = VenueWatch(self.errors)
        """What the venue itself puts in the way of entries."""
        self._comparison = BooksWatch(self.errors)
        self._journal_watch = JournalWatch(journal, self.errors)
        self._own_touch: dict[Side, Decimal] = {}
        self._denied: dict[OrderKey, Reason] = {}

    @property
    def state(self) -> DoorState:
        """The door's."""
        return self.door.state

    def _judge(self, order: DesiredOrder) -> Reason | None:
        if order.key.role.reduces:
            return None
        state = self.state
        if state is not DoorState.RUNNING:  # before the facts, which cost more than the rest of a pass together
            return STATE_REASONS[state]
        return judge(order, self._gate_facts(order.key), self.spec)

    def _gate_facts(self, key: OrderKey) -> GateFacts:
        now, market, risk = self._venue.now(), self.market, self.risk
        wallet = self.ledger.wallet
        return GateFacts(
            state=self.state,
            shut=self._shut(),
            market=market,
            mark=None if market is None else market.mark,
            is_stale=market is not None and self.is_stale(market, now),
            waits=self._back_off.until.get(key, 0) > now,
            is_repeated=key in risk.repeats.latched,
            has_budget=risk.budget.has_room(now, entry=True),
            own_touch=self._own_touch,
            legs=self.exposures(key),
            wallet=wallet,
            equity=wallet + self.unrealised(market),
            caps=risk.caps,
            collar_pct=self.config.limits.price_collar_pct,
        )

    def is_stale(self, market: Market, now: int) -> bool:
        """Whether prices are older than they may be."""
        bound = BARS_PATIENCE_NS if market.by_bars else self.config.watchdog.stale_after_ms * NS_PER_MS
        return now - market.ts > bound

    def unrealised(self, market: Market | None) -> Decimal:
        """Open profit or loss of both legs at the middle of the market, quote; 0 without one."""
        return ZERO if market is None else sum((self.lots.unrealised(leg, market.mid) for leg in Leg), ZERO)

    def exposures(self, without: OrderKey | None = None) -> dict[Leg, LegExposure]:
        """Both legs, what may still enter included; `without` leaves out what is open at one rung."""
        legs = {leg: LegExposure(self.lots.held(leg), self.lots.cost(leg), *self.index.entries(leg)) for leg in Leg}
        for order in () if without is None else self.index.at(without):
            if order.price is not None:
                legs[order.key.leg] = legs[order.key.leg].grown(-order.open_qty, -order.open_qty * order.price)
        return legs

    def _on_denied(self, key: OrderKey, reason: Reason) -> None:
        """What was planned has been refused by a limit that an order just before it has reached."""
        self.gaps[key] = reason

    def _shut(self) -> Reason | None:
        """Why no entry at all may leave."""
        if self._journal_watch.fails:
            return Reason.JOURNAL_FAILING
        if self._comparison.disagree or self._emptied.raised:
            return Reason.UNRECONCILED
        if self.venue_watch.shut is not None:
            return self.venue_watch.shut
        if self.config.regime.require_warm and not self.ladders.reading.is_warm:
            return Reason.WARMING
        return None if self._has_room() else Reason.ORDER_LIMIT

    def _has_room(self) -> bool:
        """Whether one more entry, once it has filled in as many pieces as it may, keeps the venue's limits."""
        index, pieces = self.index, self.rules.most_pieces or 1
        entries, lots = index.count(Role.ENTRY) + 1, len(self.lots)
        stops = max(index.count(Role.SL), lots) + pieces * entries
        plain_orders = entries + max(index.count(Role.TP), lots) + pieces * entries
        return stops <= self.spec.max_stop_orders and plain_orders <= self.spec.max_open_orders

    @override
    def _ended_unasked(self, order: OrderRecord, now: int) -> None:
        self.venue_watch.on_unasked_end(order.key, now)

    def _write_denials(self) -> None:
        denied = {key: reason for key, reason in self.gaps.items() if reason not in NO_DENIALS}
        for key, reason in denied.items():
            if self._denied.get(key) is not reason:
                self.denials[reason] += 1
                self._journal.write(
                    "gate", self._venue.now(), leg=key.leg, role=key.role, level=key.slot, reason=reason
                )
        self._denied = denied
