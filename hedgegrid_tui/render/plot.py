"""Lines and bars in characters: braille where the terminal has it, blocks, or plain ASCII."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from hedgegrid_tui.render.rows import Ink, Row, Segment

_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a braille cell, by row from the top and by column."""
_RUNS: Final = [
    [[sum(bit[side] for bit in _DOTS[top : low + 1]) for low in range(4)] for top in range(4)] for side in (0, 1)
]
"""Bits of the dots from one row down to another, by column."""
_BRAILLE: Final = 0x2800
BLANKS: Final = frozenset({" ", chr(_BRAILLE)})
"""Beside braille a blank is braille too: pictures of the screen may take it from a font of another width."""
_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
_NO_BRAILLE: Final = frozenset({"linux", "dumb", "vt100", "vt220"})
"""Terminals whose fonts hold none of it, whatever the encoding can say."""


class Glyphs(StrEnum):
    """What a terminal can show."""

    BRAILLE = "braille"
    BLOCK = "block"
    ASCII = "ascii"

    @property
    def across(self) -> int:
        """Points in a cell, across."""
        return 2 if self is Glyphs.BRAILLE else 1

    @property
    def down(self) -> int:
        """Points in a cell, from top to bottom."""
        return {Glyphs.BRAILLE: 4, Glyphs.BLOCK: 8, Glyphs.ASCII: 1}[self]


class Span(NamedTuple):
    """What one column of points shows: where the line goes, in points from the bottom, both ends included."""

    low: int
    high: int


def glyphs_for(encoding: str, term: str = "") -> Glyphs:
    """The finest glyphs that an encoding can say, and a terminal of that `TERM` is likely to have."""
    if term not in _NO_BRAILLE:
        for glyphs, sample in ((Glyphs.BRAILLE, chr(_BRAILLE)), (Glyphs.BLOCK, _EIGHTHS)):
            try:
                sample.encode(encoding)
            except (UnicodeError, LookupError):
                continue
            return glyphs
    return Glyphs.ASCII


def line_cells(spans: Sequence[Span | None], width: int, height: int, glyphs: Glyphs) -> list[list[str]]:
    """A line over time, as rows of single characters from the top; blank where there is nothing.

    Braille draws the line itself, blocks fill what is below it, ASCII stands for it with `*` and `|`.
    """
    cells = [[" "] * width for _ in range(height)]
    if glyphs is Glyphs.BRAILLE:
        return _braille(spans, cells)
    for column, span in enumerate(spans[:width]):
        if span is None:
            continue
        if glyphs is Glyphs.BLOCK:
            full, eighths = divmod(span.high + 1, 8)
            for row in range(min(full, height)):
                cells[height - 1 - row][column] = "█"
            if eighths and full < height:
                cells[height - 1 - full][column] = _EIGHTHS[eighths]
        else:
            for row in range(max(0, span.low), min(span.high, height - 1) + 1):
                cells[height - 1 - row][column] = "*" if span.low == span.high else "|"
    return cells


def hanging_cells(depths: Sequence[int | None], width: int, height: int, glyphs: Glyphs) -> list[list[str]]:
    """Bars that hang from the top, their lengths in points; a time without a sample is blank."""
    cells = [[" "] * width for _ in range(height)]
    if glyphs is Glyphs.BRAILLE:
        top = 4 * height - 1
        return _braille([None if not depth else Span(top - depth + 1, top) for depth in depths], cells)
    for column, depth in enumerate(depths[:width]):
        for row in range(height):
            part = (depth or 0) - row * glyphs.down
            if part <= 0:
                break
            full = part > glyphs.down // 2
            cells[row][column] = ("█" if full else "▀") if glyphs is Glyphs.BLOCK else "#"
    return cells


def _braille(spans: Sequence[Span | None], cells: list[list[str]]) -> list[list[str]]:
    height, width = len(cells), len(cells[0]) if cells else 0
    bits = [[0] * width for _ in range(height)]
    for across, span in enumerate(spans[: 2 * width]):
        if span is None:
            continue
        runs, column = _RUNS[across % 2], across // 2
        top, low = 4 * height - 1 - min(span.high, 4 * height - 1), 4 * height - 1 - max(span.low, 0)
        for row in range(top // 4, low // 4 + 1):
            bits[row][column] |= runs[max(0, top - 4 * row)][min(3, low - 4 * row)]
    return [[chr(_BRAILLE + bit) for bit in line] if any(line) else cells[row] for row, line in enumerate(bits)]


def joined(cells: Sequence[tuple[str, Ink]]) -> Row:
    """Single characters as a row of as few pieces as show the same; blanks take the ink before them."""
    row: list[Segment] = []
    text, now = "", Ink.PLAIN
    for char, ink in cells:
        if char not in BLANKS and ink is not now:
            if text:
                row.append(Segment(text, now))
                text = ""
            now = ink
        text += char
    return (*row, Segment(text, now)) if text else tuple(row)
