"""Columns of a list: a width each that only grows, and the least needed ones left out where there is no room."""

from collections.abc import Sequence
from typing import NamedTuple

from hedgegrid_tui.render.rows import Ink, Row, Segment


class Column(NamedTuple):
    """One column; the higher its rank, the sooner it is left out for want of room."""

    title: str
    width: int
    """At least so many cells."""
    rank: int = 0
    right: bool = False
    """Whether it is aligned to the right, as numbers are."""


type Cells = Sequence[Segment]


def laid_out(columns: Sequence[Column], lines: Sequence[Cells], width: int) -> tuple[Row, list[Row]]:
    """Header and lines, every column as wide as its widest cell."""
    widths = [
        max(column.width, len(column.title), *(len(cells[at].text) for cells in lines), 0)
        for at, column in enumerate(columns)
    ]
    kept = list(range(len(columns)))
    while len(kept) > 1 and sum(widths[at] for at in kept) + 2 * (len(kept) - 1) > width:
        worst = max(kept, key=lambda at: (columns[at].rank, at))
        if not columns[worst].rank:
            break
        kept.remove(worst)
    gap = "  " if sum(widths[at] for at in kept) + 2 * (len(kept) - 1) <= width else " "

    def line(cells: Cells) -> Row:
        row: list[Segment] = []
        for at in kept:
            text, ink = cells[at]
            padded = f"{text:>{widths[at]}}" if columns[at].right else f"{text:{widths[at]}}"
            if at == kept[-1]:
                row.append(Segment(padded, ink))
            elif ink is Ink.ALARM:  # blanks are seen in it
                row += (Segment(padded, ink), Segment(gap))
            else:
                row.append(Segment(padded + gap, ink))
        return tuple(row)

    head = line([Segment(column.title, Ink.FAINT) for column in columns])
    return head, [line(cells) for cells in lines]
