"""What is held, per fill, and the exits that it is owed."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec

from strategy.config import GridConfig
from strategy.domain import ZERO, DesiredOrder, InstrumentSpec, Leg, Lot, Market, OrderKey, Role
from strategy.quantise import limit_price, stop_price

COST_PRECISION: Final = Decimal("1E-12")
"""A partial close takes its share of a lot's cost at this precision, so that the shares add up exactly."""


class OverClosedError(Exception):
    """An exit filled more than the leg held; carries what the held part realised."""

    def __init__(self, message: str, realised: Decimal, closed: int) -> None:
        super().__init__(message)
        self.realised = realised
        self.closed = closed


class LotBook:
    """Every open lot; quantities and costs per leg are kept, not summed."""

    def __init__(self) -> None:
        self._lots: dict[int, Lot] = {}
        self._held = dict.fromkeys(Leg, ZERO)
        self._cost = dict.fromkeys(Leg, ZERO)

    def __iter__(self) -> Iterator[Lot]:
        return iter(self._lots.values())

    def __len__(self) -> int:
        return len(self._lots)

    def get(self, number: int) -> Lot | None:
        """The open lot of that number."""
        return self._lots.get(number)

    def of(self, leg: Leg) -> tuple[Lot, ...]:
        """The open lots of one leg, oldest first."""
        return tuple(lot for lot in self._lots.values() if lot.leg is leg)

    def held(self, leg: Leg) -> Decimal:
        """Quantity held on one leg."""
        return self._held[leg]

    def cost(self, leg: Leg) -> Decimal:
        """What the held quantity was bought or sold for, quote."""
        return self._cost[leg]

    def unrealised(self, leg: Leg, price: Decimal) -> Decimal:
        """Profit or loss of what is held, at `price`, before fees."""
        return leg.sign * (price * self._held[leg] - self._cost[leg]) + ZERO  # a sum is never minus zero

    def enter(self, lot: Lot) -> None:
        """Open a lot, or add a further fill of its entry to it."""
        known = self._lots.get(lot.number)
        self._held[lot.leg] += lot.qty
        self._cost[lot.leg] += lot.cost
        if known is None:
            self._lots[lot.number] = lot
        else:
            self._lots[lot.number] = msgspec.structs.replace(known, qty=known.qty + lot.qty, cost=known.cost + lot.cost)

    def mark_breached(self, number: int) -> None:
        """Note that the lot's stop cannot rest any more, so that it is closed at market."""
        self._lots[number] = msgspec.structs.replace(self._lots[number], breached=True)

    def reduce(self, leg: Leg, number: int | None, qty: Decimal, price: Decimal) -> tuple[Decimal, int]:
        """Take an exit's fill from its lot first, then from the leg's oldest lots.

        Returns:
            Realised profit or loss before fees, and how many lots the fill closed.

        Raises:
            OverClosedError: The leg held less; what it held is taken all the same.
        """
        own = self._lots.get(number) if number is not None else None
        others = (lot for lot in self.of(leg) if lot is not own)
        realised, closed, left = ZERO, 0, qty
        for lot in (*([own] if own else ()), *others):
            if not left:
                break
            taken = min(left, lot.qty)
            share = lot.cost if taken == lot.qty else (lot.cost * taken / lot.qty).quantize(COST_PRECISION)
            self._take(lot, taken, share)
            realised += leg.sign * (price * taken - share)
            closed += taken == lot.qty
            left -= taken
        if left:
            message = f"{leg}: an exit filled {qty}, {left} more than the leg held"
            raise OverClosedError(message, realised, closed)
        return realised, closed

    def _take(self, lot: Lot, qty: Decimal, cost: Decimal) -> None:
        self._held[lot.leg] -= qty
        self._cost[lot.leg] -= cost
        if qty == lot.qty:
            del self._lots[lot.number]
        else:
            self._lots[lot.number] = msgspec.structs.replace(lot, qty=lot.qty - qty, cost=lot.cost - cost)


def exit_prices(lot: Lot, grid: GridConfig, spec: InstrumentSpec) -> tuple[Decimal, Decimal]:
    """Take-profit and stop of a lot, on the tick."""
    side = lot.leg.exit_side
    target = lot.anchor + lot.leg.sign * grid.tp_steps * lot.step
    stop = lot.anchor - lot.leg.sign * grid.sl_steps * lot.step
    return limit_price(side, target, spec.tick_size), stop_price(side, stop, spec.tick_size)


def is_passed(lot: Lot, market: Market, grid: GridConfig, spec: InstrumentSpec) -> bool:
    """Whether the market stands at or beyond the lot's stop, so that the venue would refuse to rest one."""
    stop = exit_prices(lot, grid, spec)[1]
    return market.bid <= stop if lot.leg is Leg.LONG else market.ask >= stop


def desired_exits(lot: Lot, grid: GridConfig, spec: InstrumentSpec) -> tuple[DesiredOrder, ...]:
    """A stop and a take-profit of exactly the lot's quantity, stop first; a close at market once it is breached."""

    def order(role: Role, price: Decimal | None) -> DesiredOrder:
        key = OrderKey(lot.leg, role, lot.number)
        return DesiredOrder(key=key, side=lot.leg.exit_side, price=price, qty=lot.qty, lot=lot.number)

    if lot.breached:
        return (order(Role.CLOSE, None),)
    target, stop = exit_prices(lot, grid, spec)
    return order(Role.SL, stop), order(Role.TP, target)
