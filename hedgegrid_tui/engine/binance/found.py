"""What is at the venue before a session starts: legs, own orders, orders of others."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from hedgegrid_tui.engine.binance.rest.client import BinanceRest
from hedgegrid_tui.engine.binance.rest.truth import open_orders, positions
from hedgegrid_tui.engine.plan import AtStart
from strategy.domain import Leg, plain
from strategy.order_ids import parse_id


class Found(msgspec.Struct, frozen=True):
    """What is at the venue before a session starts."""

    held: dict[Leg, Decimal]
    """Quantity of each leg that holds something."""
    entries: int
    """Resting entries of ours."""
    exits: int
    """Resting take-profits, stops and closes of ours."""
    foreign: int
    """Orders that are not ours."""

    @property
    def anything(self) -> bool:
        """Whether there is something to decide about."""
        return bool(self.held or self.entries or self.exits)

    @property
    def words(self) -> str:
        """In one line."""
        told = [f"{leg} {plain(qty)}" for leg, qty in self.held.items()]
        told += [f"{self.entries} entries and {self.exits} exits of ours"] if self.entries or self.exits else []
        told += [f"orders of others: {self.foreign}, left alone"] if self.foreign else []
        return ", ".join(told) or "nothing"


async def found_at_venue(rest: BinanceRest, symbol: str) -> Found:
    """Ask for open orders and both legs.

    Raises:
        RestError: The venue did not answer.
    """
    orders = await open_orders(rest, symbol)
    legs = await positions(rest, symbol)
    ours = [told for order in orders if (told := parse_id(order.client_id)) is not None]
    return Found(
        held={leg: position.qty for leg, position in legs.items() if position.qty},
        entries=sum(not told.key.role.reduces for told in ours),
        exits=sum(told.key.role.reduces for told in ours),
        foreign=len(orders) - len(ours),
    )


def lines_of(found: Found, choices: Sequence[AtStart] = tuple(AtStart)) -> list[str]:
    """What is found, and what each choice means, for a question on a terminal."""
    meanings = {
        AtStart.ADOPT: "go on with what the journal knows; the rest is shown and left alone",
        AtStart.CANCEL: "take the entries back, wait paused; positions and their exits stay",
        AtStart.FLATTEN: "take the entries back, close both legs at the market, wait paused",
    }
    return [f"at the venue: {found.words}", *(f"  {choice:8} {meanings[choice]}" for choice in choices)]
