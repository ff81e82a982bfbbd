"""What every line of the ladder is written on: the snapshot, the columns, and how prices and quantities are told."""

from dataclasses import dataclass
from decimal import Decimal

from hedgegrid_tui.render.ladder_columns import Columns, away
from hedgegrid_tui.render.numbers import fixed
from hedgegrid_tui.render.rows import Ink, Segment
from strategy.domain import Leg
from strategy.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Sheet:
    """What every line is written on."""

    snapshot: Snapshot
    columns: Columns
    width: int
    feed_age: float | None = None
    """Seconds since the last price, where that is too long for it to be called current."""

    def price(self, price: Decimal) -> str:
        """A price with the instrument's decimals."""
        return fixed(price, self.snapshot.price_decimals)

    def qty(self, qty: Decimal) -> str:
        """A quantity with the instrument's decimals."""
        return fixed(qty, self.snapshot.qty_decimals)

    def away(self, price: Decimal) -> Segment:
        """How far a price is from the mid."""
        return Segment(away(price, self.snapshot.market.mid), Ink.MUTED if self.feed_age is None else Ink.STALE)


def tag(leg: Leg, name: str) -> Segment:
    """A leg's glyph with a name, in the leg's ink."""
    return Segment(f"▲ {name}", Ink.LONG) if leg is Leg.LONG else Segment(f"▼ {name}", Ink.SHORT)
