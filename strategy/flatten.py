"""The flatten procedure: gate shut, entries cancelled, legs closed, verified, exits cancelled last."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from strategy.domain import ZERO, Leg
from strategy.order_index import OrderRecord, OrderStatus
from strategy.snapshot import FlattenStage, FlattenView


class FlattenFacts(msgspec.Struct, frozen=True):
    """What one leg looks like now; `venue_qty` is the venue's word on the position."""

    entries: tuple[OrderRecord, ...]
    exits: tuple[OrderRecord, ...]
    """Take-profits and stops."""
    closes: tuple[OrderRecord, ...]
    venue_qty: Decimal
    own_qty: Decimal
    shown_qty: Decimal = ZERO
    """What the venue's picture of the leg shows since anything of it changed here; 0 where there is none so late."""

    @property
    def is_flat(self) -> bool:
        """Whether venue and own books show nothing, and no order is open."""
        return not (self.left or self.own_qty or self.entries or self.exits or self.closes)

    @property
    def left(self) -> Decimal:
        """What is still held there, by whichever word of the venue says more."""
        return self.venue_qty if self.venue_qty or not self.shown_qty else self.shown_qty


class CloseLeg(msgspec.Struct, frozen=True):
    """Close that quantity of a leg at market; negative where the leg was over-closed and must be bought back."""

    leg: Leg
    qty: Decimal


class FlattenStep(msgspec.Struct, frozen=True):
    """What to do now, and how far the procedure has come."""

    stage: FlattenStage
    cancels: tuple[OrderRecord, ...] = ()
    closes: tuple[CloseLeg, ...] = ()


class Asked(msgspec.Struct, frozen=True):
    """What one act has asked for, and by when (ns) it is answered."""

    legs: frozenset[Leg]
    due_ns: int


class Flatten(msgspec.Struct):
    """One running flatten; further requests join it."""

    legs: frozenset[Leg]
    started_ns: int
    deadline_ns: int
    acts: dict[str, Asked]
    """The acts that are owed a receipt: each has its own time, also where others join later."""
    before: Mapping[Leg, Decimal]
    """What each leg held when it began."""
    mid: Decimal | None = None
    """The middle of the market when it began, where there was one."""
    stage: FlattenStage = FlattenStage.CANCELLING_ENTRIES
    verifying_ns: int = 0
    """Since when own books alone hold something; 0 where that is not so."""
    fills: dict[Leg, tuple[Decimal, Decimal]] = {}
    """Quantity and value of the closing fills, per leg."""


def next_step(
    facts: Mapping[Leg, FlattenFacts], held_back: frozenset[Leg], *, wait_for_entries: bool = True
) -> FlattenStep:
    """The next act, from the facts alone, so that repeating it changes nothing.

    Cancels that are under way are waited for, as are closes; `held_back` names legs whose close was rejected a moment
    ago. Entries that nobody answers about are waited for only so long: then the legs are closed all the same. `FLAT` is
    given only when the venue and the own books show no position and no order of these legs is open.
    """
    entries = [order for fact in facts.values() for order in fact.entries]
    cancels = _not_cancelling(entries)
    if entries and wait_for_entries:
        return FlattenStep(FlattenStage.CANCELLING_ENTRIES, cancels=cancels)
    if any(fact.closes for fact in facts.values()):
        return FlattenStep(FlattenStage.CLOSING, cancels=cancels)
    closes = tuple(
        CloseLeg(leg, fact.venue_qty) for leg, fact in facts.items() if fact.venue_qty != ZERO and leg not in held_back
    )
    if closes or held_back & {leg for leg, fact in facts.items() if fact.venue_qty != ZERO}:
        return FlattenStep(FlattenStage.CLOSING, cancels=cancels, closes=closes)
    if entries:
        return FlattenStep(FlattenStage.CANCELLING_ENTRIES, cancels=cancels)
    if any(fact.own_qty != ZERO or fact.left for fact in facts.values()):
        return FlattenStep(FlattenStage.VERIFYING)
    exits = [order for fact in facts.values() for order in fact.exits]
    if exits:
        return FlattenStep(FlattenStage.CANCELLING_EXITS, cancels=_not_cancelling(exits))
    return FlattenStep(FlattenStage.FLAT)


def _not_cancelling(orders: list[OrderRecord]) -> tuple[OrderRecord, ...]:
    return tuple(order for order in orders if order.status is not OrderStatus.CANCELLING)


def view(flatten: Flatten, facts: Mapping[Leg, FlattenFacts]) -> FlattenView:
    """The procedure as the outside sees it."""
    blank = FlattenView(
        legs=tuple(leg for leg in Leg if leg in flatten.legs),
        stage=flatten.stage,
        started_ns=flatten.started_ns,
        running=flatten.stage not in (FlattenStage.FLAT, FlattenStage.NOT_FLAT),
    )
    return refreshed(blank, facts)


def refreshed(known: FlattenView, facts: Mapping[Leg, FlattenFacts]) -> FlattenView:
    """The same procedure with what is left now."""
    return msgspec.structs.replace(
        known,
        entries_left=sum(len(fact.entries) for fact in facts.values()),
        exits_left=sum(len(fact.exits) + len(fact.closes) for fact in facts.values()),
        long_left=facts[Leg.LONG].left if Leg.LONG in facts else ZERO,
        short_left=facts[Leg.SHORT].left if Leg.SHORT in facts else ZERO,
    )
