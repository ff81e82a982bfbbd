"""A text searched for in rows: which of them hold it, and the same rows with what was found in an ink of its own."""

from collections.abc import Sequence

from hedgegrid_tui.render.rows import Ink, Row, Segment, text_of


def matches(lines: Sequence[Row], search: str) -> tuple[int, ...]:
    """Indexes of the rows that hold the text, in whatever case; none for an empty text."""
    wanted = search.lower()
    return tuple(at for at, line in enumerate(lines) if wanted in text_of(line).lower()) if wanted else ()


def marked(line: Row, search: str) -> Row:
    """The row with every place where the text stands marked."""
    wanted, text = search.lower(), text_of(line).lower()
    if not wanted or wanted not in text or len(text) != len(text_of(line)):
        return line
    found: list[Segment] = []
    at = 0
    hits = _places(text, wanted)
    for piece, ink in line:
        for offset, char in enumerate(piece):
            _add(found, char, Ink.MARKET if at + offset in hits else ink)
        at += len(piece)
    return tuple(found)


def _places(text: str, wanted: str) -> frozenset[int]:
    """Every cell that belongs to a place where the text stands."""
    cells: set[int] = set()
    at = text.find(wanted)
    while at >= 0:
        cells |= set(range(at, at + len(wanted)))
        at = text.find(wanted, at + len(wanted))
    return frozenset(cells)


def _add(row: list[Segment], char: str, ink: Ink) -> None:
    if row and row[-1].ink is ink:
        row[-1] = Segment(row[-1].text + char, ink)
    else:
        row.append(Segment(char, ink))
