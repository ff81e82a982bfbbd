"""Rows of text with an ink for each piece, fitted to a width; all that `render` gives."""

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple
from unicodedata import category, east_asian_width

CUT: Final = "…"
"""Stands where a row was too long for its width."""
UNKNOWN: Final = "?"
"""Stands for a character whose width terminals disagree about."""
_SAFE_BELOW: Final = "\u0590"
_GLYPHS: Final = ("\u2010", "\u28ff")
"""Dashes to braille."""


class Ink(StrEnum):
    """What a piece of text means; themes give it a colour."""

    PLAIN = "plain"
    STRONG = "strong"
    MUTED = "muted"
    FAINT = "faint"
    UP = "pnl-up"
    DOWN = "pnl-down"
    LONG = "leg-long"
    SHORT = "leg-short"
    MARKET = "market"
    OK = "ok"
    WARN = "warn"
    ALARM = "alarm"
    STALE = "stale"
    BREAKER = "breaker"
    KEY = "key"
    SIM = "mode-sim"
    REPLAY = "mode-replay"
    PAPER = "mode-paper"
    TESTNET = "mode-testnet"
    LIVE = "mode-live"


class Segment(NamedTuple):
    """A piece of text in one ink."""

    text: str
    ink: Ink = Ink.PLAIN


NOTHING: Final = Segment("")

type Row = tuple[Segment, ...]
type Rows = tuple[Row, ...]


class Part(NamedTuple):
    """A piece of a packed row; the higher the rank, the sooner it is left out for want of room."""

    rank: int
    row: Row


@lru_cache(maxsize=4096)
def clean(text: str) -> str:
    """The text with every character that is not surely one cell wide replaced."""
    return text if text.isascii() and text.isprintable() else "".join(map(_one_cell, text))


def _one_cell(char: str) -> str:
    if char.isspace():
        return " "
    known = char < _SAFE_BELOW or _GLYPHS[0] <= char <= _GLYPHS[1]
    narrow = char.isprintable() and category(char)[0] != "M" and east_asian_width(char) not in "WF"
    return char if known and narrow else UNKNOWN


def width_of(row: Row) -> int:
    """Cells that the row takes."""
    return sum(len(segment.text) for segment in row)


def text_of(row: Row) -> str:
    """The row without its inks."""
    return "".join(segment.text for segment in row)


def fit(row: Row, width: int) -> Row:
    """The row at exactly that width: padded, or cut with a visible mark."""
    known: list[Segment] = []
    spare = width
    for segment in row:
        if segment.text:
            text = clean(segment.text)
            known.append(segment if text == segment.text else Segment(text, segment.ink))
            spare -= len(text)
    if spare >= 0:
        return (*known, Segment(" " * spare)) if spare else tuple(known)
    kept: list[Segment] = []
    room = width - len(CUT)
    for text, ink in known:
        if room <= 0:
            break
        kept.append(Segment(text[:room], ink))
        room -= len(text)
    return (*kept, Segment(CUT, Ink.WARN)) if width > 0 else ()


def fit_all(rows: Sequence[Row], width: int, height: int) -> Rows:
    """As many of the rows as the height holds, each fitted; the last tells how many were left out."""
    if height <= 0:
        return ()
    if len(rows) > height:
        left = len(rows) - height + 1
        rows = (*rows[: height - 1], (Segment(f"{CUT} {left} more", Ink.WARN),))
    return tuple(fit(row, width) for row in rows)


def ends(left: Row, right: Row, width: int) -> Row:
    """One row with something at each end; the left one is cut first."""
    room = width - width_of(right)
    if room <= 0:
        return fit(right, width)
    return fit((*fit(left, room), *right), width)


def pair(label: str, value: Row, width: int) -> Row:
    """A muted label at the left, its value at the right."""
    return ends((Segment(f"{label} ", Ink.MUTED),), value, width)


def pack(parts: Sequence[Part], width: int, gap: str = "  ") -> Row:
    """All parts in order with a gap between; whole parts go, highest rank first, until the rest fits."""
    kept = [part for part in parts if part.row]
    while len(kept) > 1 and sum(width_of(part.row) + len(gap) for part in kept) - len(gap) > width:
        highest = max(part.rank for part in kept)
        if highest == 0:
            break
        kept.remove(next(part for part in reversed(kept) if part.rank == highest))
    row: list[Segment] = []
    for part in kept:
        row += (*((Segment(gap),) if row else ()), *part.row)
    return fit(tuple(row), width)


def wrap(text: str, width: int) -> tuple[str, ...]:
    """The text in lines of at most that width, broken at spaces where there are any."""
    if width <= 0:
        return ()
    lines: list[str] = []
    line = ""
    for word in clean(text).split():
        while len(word) > width:
            if line:
                lines.append(line)
                line = ""
            lines.append(word[:width])
            word = word[width:]  # noqa: PLW2901 - what is left of a word that is wider than the line
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return (*lines, line) if line else tuple(lines)
