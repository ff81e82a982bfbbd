"""The funding guard: what the next settlement will cost each leg, and what is left of the leg that pays."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from strategy.domain import BPS, NS_PER_S, ZERO, Leg

if TYPE_CHECKING:
    from strategy.config import FundingConfig  # snapshots show funding, and screens load no configuration

ONE: Final = Decimal(1)
NS_PER_MINUTE: Final = 60 * NS_PER_S
WALLET_UNIT: Final = Decimal("0.00000001")
"""What the wallet is kept in: eight decimals of the quote currency."""


class FundingView(msgspec.Struct, frozen=True, gc=False):
    """What is known of the next settlement, and what the guard makes of it."""

    rate: Decimal | None = None
    """Predicted rate of the next settlement, a fraction of the position's value; above zero longs pay shorts."""
    next_ns: int | None = None
    """When it is settled, ns UTC."""
    interval_minutes: int | None = None
    """From one settlement to the next, as the venue has it for this instrument."""
    opens_ns: int | None = None
    """When the guard begins to look; None where no settlement lies ahead."""
    in_window: bool = False
    limit_bps: Decimal = ZERO
    """Cost above which entries of the paying leg shrink, bps of notional."""
    cost_long_bps: Decimal | None = None
    """What the long leg will pay, bps of notional; below zero it receives."""
    cost_short_bps: Decimal | None = None
    """What the short leg will pay, bps of notional; below zero it receives."""
    paying: Leg | None = None
    """The leg that will pay; None while the rate is unknown or zero."""
    share_long: Decimal = ONE
    """What the guard leaves of the long ladder, 0 to 1."""
    share_short: Decimal = ONE
    """What the guard leaves of the short ladder, 0 to 1."""

    @property
    def shares(self) -> Mapping[Leg, Decimal]:
        """What the guard leaves of each leg's ladder, 0 to 1."""
        return {Leg.LONG: self.share_long, Leg.SHORT: self.share_short}

    @property
    def is_costly(self) -> bool:
        """Whether the paying leg's cost exceeds the limit."""
        return self.rate is not None and abs(self.rate) * BPS > self.limit_bps


def guard(
    rate: Decimal | None, next_ns: int | None, interval_minutes: int | None, now: int, config: "FundingConfig"
) -> FundingView:
    """What the guard makes of a predicted `rate` at `now` (ns UTC).

    It shrinks the paying leg only, inside the window before the settlement only (the window's first moment counts, the
    settlement's does not), and only when the cost exceeds the limit. An unknown rate or time, or a settlement that is
    past, has no effect. A window longer than the interval begins at the settlement before.
    """
    opens_ns = None
    interval = interval_minutes or None
    if next_ns is not None and next_ns > now:
        opens_ns = next_ns - min(config.window_minutes, interval or config.window_minutes) * NS_PER_MINUTE
    in_window = opens_ns is not None and opens_ns <= now
    view = FundingView(
        rate=rate,
        next_ns=next_ns,
        interval_minutes=interval,
        opens_ns=opens_ns,
        in_window=in_window,
        limit_bps=config.max_cost_bps,
    )
    if rate is None:
        return view
    paying = None if rate == 0 else Leg.LONG if rate > 0 else Leg.SHORT
    share = config.paying_share if in_window and view.is_costly else ONE
    return msgspec.structs.replace(
        view,
        cost_long_bps=rate * BPS,
        cost_short_bps=-rate * BPS,
        paying=paying,
        share_long=share if paying is Leg.LONG else ONE,
        share_short=share if paying is Leg.SHORT else ONE,
    )


def next_change(view: FundingView, now: int) -> int | None:
    """When the guard's effect may change by time alone, ns UTC: its window opens, or the settlement passes."""
    if view.next_ns is None or view.opens_ns is None or not view.is_costly or view.opens_ns == view.next_ns:
        return None
    return next((moment for moment in (view.opens_ns, view.next_ns) if moment > now), None)


def settlement(leg: Leg, qty: Decimal, mark_price: Decimal, rate: Decimal) -> Decimal:
    """What a settlement adds to the wallet for `qty` of a leg, quote currency; below zero it is paid.

    Notional at the mark price x rate, from longs to shorts when the rate is above zero (source: Binance, "Introduction
    to Binance Futures Funding Rates"). Rounded half to even to the wallet's eight decimals.
    """
    # Adding zero turns the zero below zero, which a payment too small to book rounds to, into a plain one.
    return (-leg.sign * qty * mark_price * rate).quantize(WALLET_UNIT, ROUND_HALF_EVEN) + ZERO
