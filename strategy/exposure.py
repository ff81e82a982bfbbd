"""Worst-case exposure: what both legs would be if every entry filled, and which limit one more entry would break."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from strategy.config import Config
from strategy.domain import NS_PER_DAY, PERCENT, ZERO, DesiredOrder, Leg, Reason
from strategy.risk_config import RampConfig


class LegExposure(msgspec.Struct, frozen=True, gc=False):
    """One leg at entry prices: what is held, and what is in flight or rests and may still enter."""

    qty: Decimal = ZERO
    cost: Decimal = ZERO
    """Value of the held quantity when it was entered, quote."""
    open_qty: Decimal = ZERO
    open_value: Decimal = ZERO
    """Value of the entries at their own prices, quote."""

    @property
    def worst(self) -> Decimal:
        """Value of the leg once every entry has filled."""
        return self.cost + self.open_value

    @property
    def worst_qty(self) -> Decimal:
        """Quantity of the leg once every entry has filled."""
        return self.qty + self.open_qty

    def grown(self, qty: Decimal, value: Decimal) -> "LegExposure":
        """The same with more in open entries, or less where negative."""
        return msgspec.structs.replace(self, open_qty=self.open_qty + qty, open_value=self.open_value + value)


class Caps(msgspec.Struct, frozen=True):
    """The limits on exposure; 0 is off. Notionals in quote currency."""

    share: Decimal
    """What the roll-out ramp leaves of the notional limits, 0 to 1."""
    leg: Decimal
    gross: Decimal
    order: Decimal
    order_pct: Decimal
    leverage: Decimal
    margin_pct: Decimal
    liquidation_pct: Decimal
    account_leverage: int
    maintenance: Decimal
    """Maintenance margin, as a fraction of notional."""

    @staticmethod
    def of(config: Config, share: Decimal) -> "Caps":
        """The configured limits, the notional ones scaled by `share` of the roll-out ramp."""
        limits, account = config.limits, config.account
        return Caps(
            share=share,
            leg=limits.max_leg_notional * share,
            gross=limits.max_gross_notional * share,
            order=limits.max_order_notional,
            order_pct=limits.max_order_pct,
            leverage=limits.max_leverage,
            margin_pct=limits.max_margin_pct,
            liquidation_pct=limits.min_liquidation_pct,
            account_leverage=account.leverage,
            maintenance=account.maintenance_margin_pct / PERCENT,
        )


def breach(
    order: DesiredOrder, price: Decimal, legs: Mapping[Leg, LegExposure], wallet: Decimal, equity: Decimal, caps: Caps
) -> Reason | None:
    """The first limit that the entry at `price` would break; None where it keeps them all.

    `legs` leaves out what is open for the order's own rung. `wallet` is the balance without, `equity` the one with open
    profit or loss, quote. Without equity every entry is refused.
    """
    if equity <= 0:
        return Reason.NO_EQUITY
    value = order.qty * price
    if _over(value, caps.order) or _over(value, equity * caps.order_pct / PERCENT):
        return Reason.ORDER_SIZE
    leg = order.key.leg
    grown = {**legs, leg: legs[leg].grown(order.qty, value)}
    gross = sum((each.worst for each in grown.values()), ZERO)
    if _over(grown[leg].worst, caps.leg):
        return Reason.LEG_CAP
    if _over(gross, caps.gross):
        return Reason.GROSS_CAP
    if _over(gross, equity * caps.leverage):
        return Reason.LEVERAGE
    if _over(gross / caps.account_leverage, equity * caps.margin_pct / PERCENT):
        return Reason.MARGIN
    if not caps.liquidation_pct:
        return None
    if equity <= caps.maintenance * gross:
        return Reason.LIQUIDATION
    liquidation = liquidation_price(leg, grown, wallet, caps.maintenance)
    if liquidation is not None:
        distance = leg.sign * (price - liquidation) / price * PERCENT
        if distance < caps.liquidation_pct:
            return Reason.LIQUIDATION
    return None


def liquidation_price(
    leg: Leg, legs: Mapping[Leg, LegExposure], wallet: Decimal, maintenance: Decimal
) -> Decimal | None:
    """Where a cross-margin account would be liquidated once every entry of `leg`, and none of the other, has filled.

    The price p at which balance + open profit or loss = maintenance margin, with both legs at one mark price:
    wallet + L (p - a) + S (b - p) = m (L + S) p, L and S the quantities, a and b the average entries. One rate m stands
    for the venue's brackets. None where no price above zero liquidates that leg.
    Source: Binance, "Liquidation price of USDT-M futures contracts", with one bracket and one instrument.
    """
    other = Leg.SHORT if leg is Leg.LONG else Leg.LONG
    entered, held = legs[leg], legs[other]
    sign = leg.sign
    net = sign * (entered.worst_qty - held.qty)
    gross = entered.worst_qty + held.qty
    cash = wallet - sign * (entered.worst - held.cost)
    slope = maintenance * gross - net
    if entered.worst_qty <= held.qty or sign * slope >= 0:  # nearly hedged: the maintenance margin grows faster
        return None
    price = cash / slope
    return price if price > 0 else None


def _over(value: Decimal, limit: Decimal) -> bool:
    return 0 < limit < value


def ramp_share(ramp: RampConfig, first_ns: int, now: int) -> Decimal:
    """What the roll-out ramp leaves of the notional limits, 0 to 1: it grows by equal parts, day by day."""
    days = min(max(0, now - first_ns) // NS_PER_DAY, ramp.days)
    return (ramp.start_pct + (PERCENT - ramp.start_pct) * days / ramp.days) / PERCENT
