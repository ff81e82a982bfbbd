"""What lists are made of: fills and events as the journal has them, samples of the equity."""

from decimal import Decimal

import msgspec

from strategy.domain import Leg, Role, Side


class FillRecord(msgspec.Struct, frozen=True, gc=False):
    """One fill."""

    seq: int
    """Number of its journal line."""
    ts: int
    leg: Leg
    role: Role
    slot: int
    """Level of an entry, number of the lot for an exit, 0 for the close of a whole leg."""
    side: Side
    qty: Decimal
    price: Decimal
    fee: Decimal
    """Quote currency, signed as it changes the wallet: negative is a cost."""


class EventRecord(msgspec.Struct, frozen=True, gc=False):
    """One line of the journal in plain words."""

    seq: int
    ts: int
    kind: str
    text: str
    grave: bool = False
    """An alarm, a critical error, a state that shuts the door, an act that was not done, an end that is not flat."""


class EquitySample(msgspec.Struct, frozen=True, gc=False):
    """The equity over one bucket of time."""

    ts: int
    """Beginning of the bucket, ns on the engine's clock."""
    low: Decimal
    high: Decimal
    last: Decimal
    peak: Decimal
    """Highest equity known at its end, for the drawdown."""
