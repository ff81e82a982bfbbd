"""What stands on the ladder, by price: rungs, strays, average entries, liquidation prices, the mark, the market."""

from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from hedgegrid_tui.render.records import FillRecord
from strategy.domain import NS_PER_S, ZERO, Leg, Role
from strategy.snapshot import LotView, RungView, Snapshot

LIQUIDATION_NEAR: Final = Decimal("0.5")
"""A liquidation price further from the market than this part of it has no line of its own."""
FRESH_FILL_NS: Final = 60 * NS_PER_S
"""For so long a fill marks the line at its price."""
MOST_FILLS: Final = 64
"""Of the fresh fills, the latest so many are looked at."""


class MarkKind(StrEnum):
    """What a line tells that is neither a rung nor a lot."""

    MARKET = "market"
    MARK_PRICE = "mark price"
    AVERAGE = "average entry"
    LIQUIDATION = "liquidation"


class Mark(NamedTuple):
    """A price that matters although nothing rests there."""

    kind: MarkKind
    leg: Leg | None = None


MARKET: Final = Mark(MarkKind.MARKET)


class Line(NamedTuple):
    """One line of the ladder."""

    price: Decimal
    what: RungView | LotView | Mark


class Lines(NamedTuple):
    """The whole ladder, highest price first."""

    all: tuple[Line, ...]
    market: int
    """Index of the market's line."""
    centre: int
    """Lines above the ladder's centre, without those that move with every tick."""
    rungs: tuple[int, ...]
    """Indexes of what a reader holds on to while scrolling: the rungs, or the lots where there is no ladder."""
    rungs_above: int
    """How many of them stand above the centre."""


class FreshFill(NamedTuple):
    """What has lately been filled at a line."""

    latest: FillRecord
    age_s: int
    number: int


def lines(snapshot: Snapshot) -> Lines:
    """Every line in its place."""
    ladders, mid = snapshot.ladders, snapshot.market.mid
    found = [Line(rung.price, rung) for rung in (*reversed(ladders.short), *ladders.long)]
    found += (Line(lot.entry, lot) for lot in ladders.strays)
    found += _averages(snapshot)
    found += _liquidations(snapshot)
    found.sort(key=_height)
    middle = mid if mid is not None else ladders.centre
    centre_price = ladders.centre if ladders.centre is not None else middle
    centre = len(found) if centre_price is None else above(found, centre_price)
    market = len(found) if middle is None else above(found, middle)
    mark = snapshot.market.mark
    if mark is not None and mid is not None and _is_apart(snapshot, mark, mid) and above(found, mark) != market:
        found.append(Line(mark, Mark(MarkKind.MARK_PRICE)))
        found.sort(key=_height)
        market = above(found, mid)
    found.insert(market, Line(middle if middle is not None else ZERO, MARKET))
    rungs = [index for index, line in enumerate(found) if type(line.what) is RungView]
    held_to = rungs or [index for index, line in enumerate(found) if type(line.what) is LotView]
    over = sum(found[index].price >= centre_price for index in held_to) if centre_price is not None else len(held_to)
    return Lines(tuple(found), market, centre, tuple(held_to), over)


def _is_apart(snapshot: Snapshot, mark: Decimal, mid: Decimal) -> bool:
    """Whether the mark deserves a line: one a tick beyond a rung would come and go, and shove the others each time."""
    return abs(mark - mid) >= (snapshot.ladders.step or ZERO)


def above(found: Sequence[Line], price: Decimal) -> int:
    """How many of the lines stand at that price or above it."""
    return bisect_right(found, -price, key=_height)


def _height(line: Line) -> Decimal:
    return -line.price


def _averages(snapshot: Snapshot) -> list[Line]:
    views = (snapshot.short, snapshot.long)
    return [
        Line(view.average, Mark(MarkKind.AVERAGE, view.leg)) for view in views if view.qty and view.average is not None
    ]


def _liquidations(snapshot: Snapshot) -> list[Line]:
    caps, mid = snapshot.risk.caps, snapshot.market.mid
    prices = ((Leg.SHORT, caps.short_liquidation), (Leg.LONG, caps.long_liquidation))
    return [
        Line(price, Mark(MarkKind.LIQUIDATION, leg))
        for leg, price in prices
        if price is not None and mid is not None and abs(price - mid) <= mid * LIQUIDATION_NEAR
    ]


def fresh_fills(fills: Sequence[FillRecord], now: int, step: Decimal | None, found: Lines) -> dict[int, FreshFill]:
    """What has lately been filled, by the index of the line nearest to its price.

    A fill without a line within half a step of its price has none.
    """
    near = ZERO if step is None else step / 2
    marked: dict[int, FreshFill] = {}
    for fill in reversed(fills[-MOST_FILLS:]):
        age = now - fill.ts
        if age > FRESH_FILL_NS:
            break
        index = _nearest(found.all, fill, near)
        if index is None:
            continue
        if index in marked:
            marked[index] = marked[index]._replace(number=marked[index].number + 1)
        else:
            marked[index] = FreshFill(fill, max(0, age) // NS_PER_S, 1)
    return marked


def _nearest(found: Sequence[Line], fill: FillRecord, near: Decimal) -> int | None:
    start = bisect_right(found, -(fill.price + near), key=_height)
    # The line at the very edge belongs to the reach too.
    while start > 0 and found[start - 1].price <= fill.price + near:
        start -= 1
    best: tuple[bool, Decimal, int] | None = None
    for index in range(start, len(found)):
        price, what = found[index]
        if price < fill.price - near:
            break
        if isinstance(what, Mark):
            continue
        own = what.leg is fill.leg and (what.level if fill.role is Role.ENTRY else -1) == fill.slot
        rank = (not own, abs(price - fill.price), index)
        best = rank if best is None else min(best, rank)
    return None if best is None else best[2]
