"""Money that moves beside trading: deposits, withdrawals and funding."""

import functools
from decimal import Decimal
from typing import TYPE_CHECKING

from strategy.domain import Leg

if TYPE_CHECKING:
    from tests.simulation.world import World

OFTEN = 0.02
"""Per second the chance of a transfer, and that of a settlement."""
LARGEST_PCT = 20
"""Of the first balance."""
CENT = Decimal("0.01")


class Treasury:
    """Sits beside one world's venue."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def every_second(self) -> None:
        dice = self._world.rng.random()
        if dice < OFTEN:
            self._transfer()
        elif dice < 2 * OFTEN:
            self._settle()

    def _transfer(self) -> None:
        world = self._world
        part = Decimal(world.rng.randint(-LARGEST_PCT, LARGEST_PCT)) / 100
        amount = (world.config.account.starting_balance * part).quantize(CENT)
        world.note(f"transfer of {amount}")
        world.venue.now = world.now
        world.venue.transfer(amount)

    def _settle(self) -> None:
        """The venue changes the wallet now; the host tells the strategy a little later, or never if it stops first."""
        world = self._world
        rate = Decimal(world.rng.randint(-10, 10)) / 10_000
        for leg, amount in world.venue.settle(rate, world.mid).items():
            world.note(f"funding of {amount} for {leg}")
            world.soon(100, functools.partial(self.pay, Leg(leg.lower()), rate, amount))

    def pay(self, leg: Leg, rate: Decimal, amount: Decimal) -> None:
        """Tell the strategy of funding."""
        if self._world.strategy is not None:
            self._world.strategy.on_funding_paid(leg, rate, amount)
