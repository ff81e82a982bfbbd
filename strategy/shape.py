"""How much of each ladder is placed: regime, the operator's throttle and funding thin it, level by level."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Final

import msgspec

from strategy.config import PlacementConfig, PlacementPolicy
from strategy.domain import ZERO, InstrumentSpec, Ladder, Leg, OrderKey, Reason, Regime, Role, Rung
from strategy.quantise import floor_to

ONE: Final = Decimal(1)
COUNTER_LEG: Final = {Regime.UP: Leg.SHORT, Regime.DOWN: Leg.LONG}
"""The leg that stands against a trend."""


class Shape(msgspec.Struct, frozen=True, gc=False):
    """The part of a ladder that is wanted, and why the rest is not."""

    wanted: Mapping[Leg, tuple[Rung, ...]]
    """Rungs to place, nearest first; they keep their levels and prices, their quantities may be reduced."""
    absent: Mapping[OrderKey, Reason]
    """Every other rung of the ladder, by the key of its entry."""
    shares: Mapping[Leg, Decimal]
    """What regime, throttle and funding leave of each side, 0 to 1."""


def shape(
    ladder: Ladder,
    config: PlacementConfig,
    spec: InstrumentSpec,
    regime: Regime,
    throttle: Decimal,
    funding_share: Mapping[Leg, Decimal],
) -> Shape:
    """Thin each side to its share: regime share x `throttle` x `funding_share`, each 0 to 1.

    A share scales levels and quantities: `ceil(levels x share)` levels stay, nearest first, each with its quantity x
    share floored to the lot step. Where that puts one under the venue's minimum, the outermost is dropped and what
    the levels were to hold together is spread over the others, none above its full quantity. A rung that is under the
    minimum even in full takes no part. A share of 1 leaves a side as it is.
    """
    wanted: dict[Leg, tuple[Rung, ...]] = {}
    absent: dict[OrderKey, Reason] = {}
    shares: dict[Leg, Decimal] = {}
    for leg in Leg:
        # The order decides between equal causes: the operator's own first.
        causes = {
            Reason.THROTTLED: throttle,
            Reason.FUNDING: funding_share.get(leg, ONE),
            Reason.REGIME: regime_share(leg, regime, config),
        }
        rungs = ladder.side(leg)
        share = causes[Reason.THROTTLED] * causes[Reason.FUNDING] * causes[Reason.REGIME]
        levels = int((share * len(rungs)).to_integral_value(ROUND_CEILING))
        kept = _thinned(rungs[:levels], share, spec) if share < 1 else rungs
        cause = min(causes, key=lambda reason: causes[reason])
        placed = {rung.level for rung in kept}
        for number, rung in enumerate(rungs):
            if rung.level not in placed:
                absent[OrderKey(leg, Role.ENTRY, rung.level)] = cause if number >= levels else Reason.BELOW_MIN_NOTIONAL
        wanted[leg], shares[leg] = kept, share
    return Shape(wanted=wanted, absent=absent, shares=shares)


def regime_share(leg: Leg, regime: Regime, config: PlacementConfig) -> Decimal:
    """What a regime leaves of one side under the configured policy, 0 to 1."""
    counter = COUNTER_LEG.get(regime)
    if counter is None:
        return ONE
    if leg is counter:
        return config.counter_share
    return config.core_share if config.policy is PlacementPolicy.CORE_AND_SCALP else ONE


def _thinned(rungs: Sequence[Rung], share: Decimal, spec: InstrumentSpec) -> tuple[Rung, ...]:
    possible = [rung for rung in rungs if _meets_minimum(rung, spec)]
    full = sum((rung.qty for rung in possible), ZERO)
    budget = full * share
    while possible:
        # Divided last: a product that divides evenly then gives exactly the whole steps that it should.
        part, whole = (budget, full) if budget < full else (ONE, ONE)
        kept = tuple(
            msgspec.structs.replace(rung, qty=floor_to(rung.qty * part / whole, spec.step_size)) for rung in possible
        )
        if all(_meets_minimum(rung, spec) for rung in kept):
            return kept
        full -= possible.pop().qty
    return ()


def _meets_minimum(rung: Rung, spec: InstrumentSpec) -> bool:
    return rung.qty >= spec.min_qty and rung.price * rung.qty >= spec.min_notional
