"""Rows of a low panel: the least needed ones are left out, what is coloured as a warning never before them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from hedgegrid_tui.render.rows import CUT, Ink, Row, Rows, fit, fit_all, pair

URGENT: Final = frozenset({Ink.ALARM, Ink.WARN, Ink.BREAKER})


class Ranked(NamedTuple):
    """A row; the higher its rank, the sooner it is left out."""

    rank: int
    row: Row
    label: str | None = None
    """Set where the row is but the value that stands at the right of a label."""

    def within(self, width: int) -> Row:
        """The row at that width."""
        return fit(self.row, width) if self.label is None else pair(self.label, self.row, width)


def fitted(lines: Sequence[Ranked], width: int, height: int) -> Rows:
    """As many as the height holds, in their order; a mark stands where warnings alone are too many."""
    kept = list(lines)
    while len(kept) > height:
        worst = max(enumerate(kept), key=lambda each: (not _is_urgent(each[1]), each[1].rank, each[0]))
        if _is_urgent(worst[1]):
            return fit_all([line.within(width) for line in kept], width, height)
        kept.pop(worst[0])
    return tuple(line.within(width) for line in kept)


def _is_urgent(line: Ranked) -> bool:
    return any(segment.ink in URGENT and segment.text not in ("", CUT) for segment in line.row)
