"""What is held, per fill, and the exits that it is owed."""

from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec

from strategy.config import GridConfig
from strategy.domain import ZERO, DesiredOrder, InstrumentSpec, Leg, Lot, Market, OrderKey, Role, Side
from strategy.quantise import limit_price, stop_price

COST_PRECISION: Final = Decimal("1E-12")
"""A partial close takes its share of a lot's cost at this precision, so that the shares add up exactly."""


class Outcome(msgspec.Struct, frozen=True):
    """What a fill has done to the lots."""

    realised: Decimal = ZERO
    """Profit or loss before fees, quote."""
    closed: tuple[Lot, ...] = ()
    """The lots that it has closed, as they were before."""
    excess: Decimal = ZERO
    """What it closed beyond what was held; it stays a debt until an entry's fill makes up for it."""


class Debt(msgspec.Struct, frozen=True):
    """A quantity that was closed before its entry was told of."""

    qty: Decimal
    price: Decimal


class LotBook:
    """Every open lot; quantities and costs per leg are kept, not summed.

    A fill of an exit may be told before the fill of the entry that it closes. Until that comes, the leg is in debt:
    what it holds is negative, as it is at a venue that lets a leg change its sign.
    """

    def __init__(self) -> None:
        self._lots: dict[int, Lot] = {}
        self._held = dict.fromkeys(Leg, ZERO)
        self._cost = dict.fromkeys(Leg, ZERO)
        self._debts: dict[Leg, deque[Debt]] = {leg: deque() for leg in Leg}

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
        """Quantity held on one leg; negative while it is in debt."""
        return self._held[leg]

    def cost(self, leg: Leg) -> Decimal:
        """What the held quantity was bought or sold for, quote."""
        return self._cost[leg]

    @property
    def net_cost(self) -> Decimal:
        """What the long leg cost less what the short one brought, quote: what buying and selling took from the cash."""
        return sum((leg.sign * cost for leg, cost in self._cost.items()), ZERO)

    def unrealised(self, leg: Leg, price: Decimal) -> Decimal:
        """Profit or loss of what is held, at `price`, before fees."""
        return leg.sign * (price * self._held[leg] - self._cost[leg]) + ZERO  # a sum is never minus zero

    def enter(self, lot: Lot) -> Outcome:
        """Open a lot, or add a further fill of its entry to it; a debt of the leg is made up for first."""
        leg, price = lot.leg, lot.average
        repaid, realised = self.repay(leg, lot.qty, price)
        if repaid == lot.qty:
            return Outcome(realised, (lot,))
        if repaid:
            lot = msgspec.structs.replace(lot, qty=lot.qty - repaid, cost=lot.cost - repaid * price)
        known = self._lots.get(lot.number)
        self._held[leg] += lot.qty
        self._cost[leg] += lot.cost
        if known is not None:
            lot = msgspec.structs.replace(known, qty=known.qty + lot.qty, cost=known.cost + lot.cost)
        self._lots[lot.number] = lot
        return Outcome(realised)

    def repay(self, leg: Leg, qty: Decimal, price: Decimal) -> tuple[Decimal, Decimal]:
        """Make up for the leg's debt with at most `qty` at `price`, oldest first; gives what was used, and realised."""
        left, realised = qty, ZERO
        debts = self._debts[leg]
        while left and debts:
            debt = debts[0]
            taken = min(left, debt.qty)
            if taken == debt.qty:
                debts.popleft()
            else:
                debts[0] = Debt(debt.qty - taken, debt.price)
            realised += leg.sign * (debt.price - price) * taken
            self._held[leg] += taken
            self._cost[leg] += debt.price * taken
            left -= taken
        return qty - left, realised

    def mark_breached(self, number: int) -> None:
        """Note that the lot's stop cannot rest any more, so that it is closed at market."""
        self._lots[number] = msgspec.structs.replace(self._lots[number], breached=True)

    def reduce(self, leg: Leg, number: int | None, qty: Decimal, price: Decimal) -> Outcome:
        """Take an exit's fill from its lot first, then from the oldest ones; what is beyond them becomes a debt."""
        own = self._lots.get(number) if number is not None else None
        others = (lot for lot in self.of(leg) if lot is not own)
        realised, left = ZERO, qty
        closed: list[Lot] = []
        for lot in (*([own] if own else ()), *others):
            if not left:
                break
            taken = min(left, lot.qty)
            share = lot.cost if taken == lot.qty else (lot.cost * taken / lot.qty).quantize(COST_PRECISION)
            self._take(lot, taken, share)
            realised += leg.sign * (price * taken - share)
            if taken == lot.qty:
                closed.append(lot)
            left -= taken
        if left:
            self._debts[leg].append(Debt(left, price))
            self._held[leg] -= left
            self._cost[leg] -= left * price
        return Outcome(realised, tuple(closed), left)

    def take(self, leg: Leg, number: int | None, side: Side, qty: Decimal, price: Decimal) -> Outcome:
        """A fill of a reducing order: on the leg's own entry side it buys back what was over-closed."""
        if side is leg.entry_side:
            used, realised = self.repay(leg, qty, price)
            return Outcome(realised, excess=qty - used)
        return self.reduce(leg, number, qty, price)

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
