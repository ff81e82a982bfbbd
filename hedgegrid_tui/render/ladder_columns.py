"""The columns of the ladder: which of them a width has room for, how wide each is, and how a line is set in them."""

from collections.abc import Mapping
from decimal import Decimal
from enum import IntEnum
from typing import Final, NamedTuple

from hedgegrid_tui.render.ages import coarse
from hedgegrid_tui.render.ladder_lines import Lines
from hedgegrid_tui.render.numbers import NONE, fixed, gain, signed
from hedgegrid_tui.render.rows import Ink, Row, Segment, fit, width_of
from strategy.domain import BPS, NS_PER_S, ZERO
from strategy.snapshot import LotView, Snapshot


class Column(IntEnum):
    """The columns, from left to right."""

    RUNG = 0
    PRICE = 1
    AWAY = 2
    QTY = 3
    STATE = 4
    AGE = 5
    TP = 6
    TP_AWAY = 7
    STOP = 8
    STOP_AWAY = 9
    PNL = 10


TITLES: Final = ("rung", "price", "bps", "qty", "state", "age", "TP", "bps", "stop", "bps", "PnL")
WHY: Final = "why"
"""Title of what stands behind the columns, where there is room."""
ALWAYS: Final = (Column.RUNG, Column.PRICE, Column.AWAY, Column.QTY, Column.STATE)
WANTED: Final = (Column.STOP, Column.TP, Column.PNL, Column.STOP_AWAY, Column.AGE, Column.TP_AWAY)
"""The others, most needed first."""
LEAST: Final = (5, 8, 4, 5, 12, 3, 8, 4, 8, 4, 7)
"""Least width of each column, so that what comes and goes moves nothing."""
LEFT_ALIGNED: Final = frozenset({Column.RUNG, Column.STATE})
OF_A_LOT: Final = frozenset({Column.TP, Column.TP_AWAY, Column.STOP, Column.STOP_AWAY, Column.PNL})
FILLED: Final = "◆"
"""Marks a line that was filled lately."""
WITH_GROUND: Final = frozenset({Ink.ALARM, Ink.MARKET})
"""Inks that blanks are seen in."""
LEAST_NOTE: Final = 6
"""Behind a lot's numbers, a note with less room than this is left out rather than cut to nothing."""
LEAST_WHY: Final = 10
NOTE_BEFORE_PAIRS: Final = 36
"""Only a note with so much room leaves some for quantities in pairs."""
_WHOLE_FROM: Final = Decimal("9.95")


class Columns(NamedTuple):
    """What a width has room for."""

    widths: Mapping[Column, int]
    """In cells, of each column that is shown, from left to right."""
    gap: int
    """Cells between columns."""
    pairs: bool
    """Whether quantities have room for what there is of what is wanted."""

    def until(self, column: Column) -> int:
        """Cells up to the end of that column, or of the last one before it that is shown."""
        widths = [width for each, width in self.widths.items() if each <= column]
        return sum(widths) + self.gap * (len(widths) - 1)


def columns(snapshot: Snapshot, found: Lines, width: int) -> Columns:
    """The columns for a ladder: as wide as its longest numbers, and independent of what the market does."""
    least = _widths(snapshot, found)
    shown = list(ALWAYS)
    room = width - sum(least[column] for column in shown) - len(shown) + 1
    for column in WANTED:
        if least[column] + 1 > room:
            break
        shown.append(column)
        room -= least[column] + 1
    whole = len(shown) == len(TITLES)
    pairs = whole and room - least[Column.QTY] - 1 >= NOTE_BEFORE_PAIRS
    if pairs:
        room -= least[Column.QTY] + 1
        least[Column.QTY] = 2 * least[Column.QTY] + 1
    gap = 2 if room >= len(shown) - 1 else 1
    return Columns({column: least[column] for column in sorted(shown)}, gap, pairs)


def _widths(snapshot: Snapshot, found: Lines) -> dict[Column, int]:
    ladders, decimals = snapshot.ladders, snapshot.price_decimals
    both = (*ladders.long, *ladders.short)
    lots = [rung.lot for rung in both if rung.lot is not None] + list(ladders.strays)
    prices = [found.all[0].price, found.all[-1].price]
    ends = [rung.price for rung in both]
    targets, stops = [lot.take_profit for lot in lots], [lot.stop for lot in lots]
    quantities = [rung.qty for rung in both] + [rung.live_qty for rung in both] + [lot.qty for lot in lots]
    quantities += (snapshot.long.qty, snapshot.short.qty)
    gains = [lot.unrealised for lot in lots] + [snapshot.long.unrealised, snapshot.short.unrealised]
    most = sum(map(_at_stake, lots), ZERO)
    gains += (most, -most)
    level = max((rung.level for rung in both), default=0)
    needed = {
        Column.RUNG: 2 + len(f"L{level}"),
        Column.PRICE: _longest(prices, decimals),
        Column.AWAY: _away_width(snapshot, prices, ends),
        Column.QTY: _longest(quantities, snapshot.qty_decimals),
        # Where nothing is held, too: the first lot must not move the columns.
        Column.TP: _longest([*targets, *prices], decimals),
        Column.TP_AWAY: _away_width(snapshot, targets, targets),
        Column.STOP: _longest([*stops, *prices], decimals),
        Column.STOP_AWAY: _away_width(snapshot, stops, stops),
        Column.PNL: max(len(gain(value).text) for value in _ends(gains)),
    }
    return {column: max(LEAST[column], needed.get(column, 0)) for column in Column}


def _at_stake(lot: LotView) -> Decimal:
    """The most that a lot's exits leave it to gain or lose."""
    return lot.qty * max(abs(lot.take_profit - lot.entry), abs(lot.stop - lot.entry))


def _longest(values: list[Decimal], decimals: int) -> int:
    return max((len(fixed(value, decimals)) for value in _ends(values)), default=0)


def _away_width(snapshot: Snapshot, prices: list[Decimal], lasting: list[Decimal]) -> int:
    """For what lasts, twice its distance from the centre counts, so that a market on its way moves no column."""
    mid, centre = snapshot.market.mid, snapshot.ladders.centre
    shown = [len(away(price, mid)) for price in _ends(prices)]
    if centre:
        shown += (len(signed(2 * (price - centre) / centre * BPS, 0)) for price in _ends(lasting))
    return max(shown, default=0)


def _ends(values: list[Decimal]) -> tuple[Decimal, ...]:
    return (min(values), max(values)) if values else ()


def away(price: Decimal, mid: Decimal | None) -> str:
    """How far a price is from the mid, signed, bps of the mid: a tenth where it is near, whole ones beyond."""
    if not mid:
        return NONE
    value = (price - mid) / mid * BPS
    return signed(value, 1 if abs(value) < _WHOLE_FROM else 0)


def age_text(age_ns: int, *, exact: bool) -> str:
    """An age in the largest unit; below a minute in seconds, in tens of them from ten on unless it is `exact`."""
    seconds = max(0, age_ns) // NS_PER_S
    return coarse(seconds if exact or seconds < 10 else seconds // 10 * 10, gap="")


def header(shown: Columns, width: int) -> Row:
    """The titles of the columns."""
    cells = {column: Segment(TITLES[column], Ink.FAINT) for column in shown.widths}
    spare = width - shown.until(Column.PNL) - shown.gap
    return set_line(cells, shown, width, note=(Segment(WHY, Ink.FAINT),) if spare >= LEAST_WHY else ())


def set_line(
    cells: Mapping[Column, Segment], shown: Columns, width: int, *, note: Row = (), filled: bool = False
) -> Row:
    """One line: each cell in its column, a note behind the last of them; a lot's numbers are never cut for a note.

    The cells' own texts are taken to be one cell wide for each character; a note may hold anything.
    """
    last = max((column for column in cells if column in shown.widths), default=Column.RUNG)
    row: list[Segment] = []
    blanks, gap = "", " " * shown.gap
    for column, taken in shown.widths.items():
        if column > last:
            break
        cell = cells.get(column)
        if cell is None:
            blanks += " " * taken + gap
        else:
            text, ink = cell
            _add(row, blanks, text.ljust(taken) if column in LEFT_ALIGNED else text.rjust(taken), ink)
            blanks = gap
        if filled and column is Column.RUNG:
            row.append(Segment(FILLED, Ink.STRONG))
            blanks = gap[1:]
    room = width - width_of(tuple(row)) - shown.gap
    if note and (room >= LEAST_NOTE or (room > 1 and last not in OF_A_LOT)):
        return (*row, Segment(gap), *fit(note, room))
    if room + shown.gap < 0:
        return fit(tuple(row), width)
    _add(row, "", " " * (room + shown.gap), Ink.PLAIN)
    return tuple(row)


def _add(row: list[Segment], blanks: str, text: str, ink: Ink) -> None:
    """Put blanks and a text behind the row, in as few pieces as show the same."""
    if not row:
        row.append(Segment(blanks + text, ink))
    elif row[-1].ink is ink:
        row[-1] = Segment(row[-1].text + blanks + text, ink)
    elif row[-1].ink not in WITH_GROUND:
        row[-1:] = (Segment(row[-1].text + blanks, row[-1].ink), Segment(text, ink))
    elif ink not in WITH_GROUND:
        row.append(Segment(blanks + text, ink))
    else:
        row += (Segment(blanks), Segment(text, ink))


def bare(lot: LotView) -> bool:
    """Whether some of the lot has no working stop."""
    return lot.sl_qty < lot.qty or lot.sl_qty < ZERO
