"""The field's nouns as frozen values: legs, rungs, ladders, lots, order keys. Decimal only."""

from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000
NS_PER_DAY: Final = 86_400 * NS_PER_S
BPS: Final = Decimal(10_000)
"""Basis points in one."""
ZERO: Final = Decimal(0)
PERCENT: Final = Decimal(100)
"""Percent in one."""


def decimals(step: Decimal) -> int:
    """How many decimals a multiple of `step` can have: 1 for 0.10, 0 for 5."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def plain(value: Decimal) -> str:
    """The value as digits, never in scientific notation."""
    return format(value, "f")


class Side(StrEnum):
    """What an order does in the market."""

    BUY = "buy"
    SELL = "sell"


class Leg(StrEnum):
    """One of the two positions that hedge mode holds at once."""

    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        """+1 where a rising price gains, -1 where a falling one does."""
        return 1 if self is Leg.LONG else -1

    @property
    def entry_side(self) -> Side:
        """The side that opens this leg."""
        return Side.BUY if self is Leg.LONG else Side.SELL

    @property
    def exit_side(self) -> Side:
        """The side that reduces this leg."""
        return Side.SELL if self is Leg.LONG else Side.BUY


class Role(StrEnum):
    """What an order is for."""

    ENTRY = "entry"
    TP = "tp"
    SL = "sl"
    CLOSE = "close"

    @property
    def reduces(self) -> bool:
        """Whether the order can only make a leg smaller."""
        return self is not Role.ENTRY


class Reason(StrEnum):
    """Why a rung has no resting entry although the ladder has a place for one."""

    NO_MARKET = "no-market"
    WOULD_CROSS = "would-cross"
    BELOW_MIN_NOTIONAL = "below-min-notional"
    OUT_OF_BOUNDS = "out-of-bounds"
    OCCUPIED = "occupied"
    PAUSED = "paused"
    FLATTENING = "flattening"
    MOVING = "moving"
    BACKING_OFF = "backing-off"
    QUEUED = "queued"
    SAME_PRICE = "same-price"
    JOURNAL_FAILING = "journal-failing"
    UNRECONCILED = "unreconciled"
    REGIME = "regime"
    THROTTLED = "throttled"
    FUNDING = "funding"
    WARMING = "warming"
    ORDER_LIMIT = "order-limit"
    UNKNOWN_OUTCOME = "unknown-outcome"
    BREAKER_OPEN = "breaker-open"
    HALTED = "halted"
    STALE = "stale-data"
    CROSSED = "crossed-market"
    NO_EQUITY = "no-equity"
    ORDER_SIZE = "order-size"
    LEG_CAP = "leg-cap"
    GROSS_CAP = "gross-cap"
    LEVERAGE = "leverage"
    MARGIN = "margin"
    LIQUIDATION = "liquidation"
    COLLAR = "price-collar"
    SELF_TRADE = "self-trade"
    REPEATED = "repeated-fills"
    MESSAGE_BUDGET = "message-budget"
    VENUE_LIMITED = "venue-limited"
    VENUE_DIFFERS = "venue-differs"
    DEAD_MAN = "dead-man"
    STREAM_DEAD = "stream-dead"
    FILTERS_CHANGED = "filters-changed"


class Regime(StrEnum):
    """Which way the market goes."""

    UP = "up"
    DOWN = "down"
    SIDEWAYS = "sideways"


class DoorState(StrEnum):
    """The latched state of the door that every order passes."""

    RUNNING = "running"
    PAUSED = "paused"
    BREAKER_OPEN = "breaker_open"
    FLATTENING = "flattening"
    HALTED = "halted"


class InstrumentSpec(msgspec.Struct, frozen=True, gc=False):
    """The venue's filters for one instrument."""

    symbol: str
    tick_size: Decimal
    """Price increment, quote."""
    step_size: Decimal
    """Quantity increment, base."""
    min_qty: Decimal
    max_qty: Decimal
    min_price: Decimal
    max_price: Decimal
    min_notional: Decimal
    """Least value of an opening order, quote."""
    max_open_orders: int = 200
    """Plain orders that may be open at once."""
    max_stop_orders: int = 100
    """Conditional orders that may be open at once."""


class Market(msgspec.Struct, frozen=True, gc=False):
    """The best prices last seen, and when (ns, engine clock)."""

    bid: Decimal
    ask: Decimal
    ts: int
    by_bars: bool = False
    """Whether bars alone tell the price, a minute apart."""
    mark: Decimal | None = None
    """The venue's mark price, where it gives one."""

    @property
    def mid(self) -> Decimal:
        """The middle of bid and ask."""
        return (self.bid + self.ask) / 2


class Rung(msgspec.Struct, frozen=True, gc=False):
    """One price level of a ladder and the quantity that it may enter."""

    leg: Leg
    level: int
    """1 is nearest to the centre."""
    price: Decimal
    qty: Decimal


class Ladder(msgspec.Struct, frozen=True, gc=False):
    """Both sides of the grid around one centre."""

    centre: Decimal
    step: Decimal
    """Distance between rungs, quote."""
    long: tuple[Rung, ...]
    short: tuple[Rung, ...]

    def side(self, leg: Leg) -> tuple[Rung, ...]:
        """The rungs of one leg, nearest first."""
        return self.long if leg is Leg.LONG else self.short


class Lot(msgspec.Struct, frozen=True, gc=False):
    """The filled and still held part of one entry."""

    number: int
    """Serial number of the entry order that opened it."""
    leg: Leg
    level: int
    anchor: Decimal
    """The entry order's price, from which the exits are measured."""
    step: Decimal
    """The ladder's step when the entry was placed; a re-centre does not move a lot's exits."""
    qty: Decimal
    """Held quantity, base."""
    cost: Decimal
    """What the held quantity was bought or sold for, quote."""
    opened_ns: int
    breached: bool = False
    """Its stop cannot rest any more (rejected or passed by the market): it is owed a close at market."""

    @property
    def average(self) -> Decimal:
        """Average entry price of what is held."""
        return self.cost / self.qty


class DesiredOrder(msgspec.Struct, frozen=True, gc=False):
    """An order that should exist, whatever exists now."""

    key: "OrderKey"
    side: Side
    price: Decimal | None
    """Limit price, trigger price of a stop, None at market."""
    qty: Decimal
    lot: int | None
    """The lot that an exit belongs to; None for an entry and for the close of a whole leg."""
    aim: Decimal | None = None
    """Price of the rung that an entry stands for, where its own had to give way to the book."""


class OrderKey(msgspec.Struct, frozen=True, gc=False):
    """What an order stands for: an entry's level on the ladder, or the lot that an exit belongs to."""

    leg: Leg
    role: Role
    slot: int
    """Level of an entry; lot number of an exit; 0 for the close of a whole leg."""

    def __str__(self) -> str:
        return f"{self.leg} {self.role} {self.slot}"
