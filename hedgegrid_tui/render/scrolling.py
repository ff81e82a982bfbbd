"""The part of a list or page that its panel shows: where it rests, how far it scrolls, what tells of the rest.

A scroll of 0 is where the panel rests; above 0 it is nearer to the top, below 0 nearer to the bottom.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.rows import Ink, Part, Row, Rows, Segment, ends, fit, pack, text_of, width_of
from hedgegrid_tui.render.view import PanelId

POINTER: Final = Segment("► ", Ink.KEY)
"""Before the line that Enter opens."""
NO_POINTER: Final = Segment("  ")
HEADED: Final = 2
"""With fewer rows a list has no header."""

type Bounds = tuple[int, int]
"""Least and most scroll of a panel."""


class Window(NamedTuple):
    """Lines from `first` to before `end`, of `total`."""

    first: int
    end: int
    total: int


def window(rest: int, total: int, room: int, scroll: int) -> Window:
    """What is shown of so many lines in that much room; `rest` is the first line where nothing is scrolled."""
    last = max(0, total - room)
    first = min(max(min(max(rest, 0), last) - scroll, 0), last)
    return Window(first, min(total, first + max(room, 0)), total)


def bounds(rest: int, total: int, room: int) -> Bounds:
    """How far that window scrolls."""
    last = max(0, total - room)
    at_rest = min(max(rest, 0), last)
    return at_rest - last, at_rest


def room(height: int) -> int:
    """Rows that a list of that height has for its lines."""
    return height - 1 if height >= HEADED else height


def pointed(total: int, scroll: int) -> int:
    """Index of the line that the pointer stands before in a list that rests at its newest line."""
    return max(0, total - 1 - max(0, scroll))


def pointer_bounds(total: int) -> Bounds:
    """How far the pointer goes: up to the oldest line, so that each can be opened."""
    return 0, max(0, total - 1)


def searched(frame: Frame, panel: PanelId) -> str:
    """What that panel is filtered by, in lower case; empty where the search is another panel's."""
    return frame.view.search.lower() if frame.view.panel is panel else ""


def found[T](frame: Frame, panel: PanelId, records: Sequence[T], words: Callable[[T], str]) -> Sequence[T]:
    """What the search of that panel leaves of its records; all of them where there is none."""
    search = searched(frame, panel)
    return [record for record in records if search in words(record).lower()] if search else records


def nothing(search: str, noun: str, otherwise: str) -> Row:
    """Stands in an empty list: that the search has found nothing, or what there is to say without one."""
    return (Segment(f"no {noun} matches /{search}; Esc clears" if search else otherwise, Ink.MUTED),)


def marks(shown: Window, search: str = "", of: int = 0) -> Row:
    """How much lies above and below, and what a search has found of how many lines."""
    told: list[str] = []
    if search:
        told.append(f"/{search} {shown.total:,} of {of:,}")
    if shown.first:
        told.append(f"↑ {shown.first:,}")
    if shown.end < shown.total:
        told.append(f"↓ {shown.total - shown.end:,}")
    return (Segment(f" {' · '.join(told)}", Ink.WARN),) if told else ()


def headed(head: Row, lines: Sequence[Row], mark: Row, width: int, height: int) -> Rows:
    """A header that tells of what is left out, and the lines; with one row alone, the last line tells of it."""
    if height < HEADED:
        return (ends(lines[-1] if lines else head, mark, width),) if height > 0 else ()
    return (_titled(head, mark, width), *(fit(line, width) for line in lines[: height - 1]))


def _titled(head: Row, mark: Row, width: int) -> Row:
    """Titles that give way to the mark one by one, from the right."""
    kept, room = list(head), width - width_of(mark)
    while len(kept) > 1 and (not kept[-1].text.strip() or len(text_of(tuple(kept)).rstrip()) > room):
        kept.pop()
    *others, last = kept
    return ends((*others, last._replace(text=last.text.rstrip())), mark, width)


def paged(lines: Sequence[Row], frame: Frame, panel: PanelId, width: int, height: int) -> Rows:
    """A page that rests at its top; the last row tells of what is left out."""
    if len(lines) <= height:
        return tuple(fit(line, width) for line in lines)
    if height < HEADED:
        return (fit((Segment(f"… {len(lines)} more", Ink.WARN),), width),) if height > 0 else ()
    shown = window(0, len(lines), height - 1, frame.view.offset(panel))
    in_hand = frame.view.panel is panel
    parts = [
        Part(0, (Segment(f"↑ {shown.first}", Ink.WARN),) if shown.first else ()),
        Part(0, (Segment(f"… {shown.total - shown.end} more", Ink.WARN),) if shown.end < shown.total else ()),
        Part(
            1,
            (
                Segment(
                    "arrows scroll" if in_hand else f"{frame.keys.of(f'panel-{panel}')} takes it in hand", Ink.MUTED
                ),
            ),
        ),
    ]
    return (*(fit(line, width) for line in lines[shown.first : shown.end]), pack(parts, width))


def page_bounds(total: int, height: int) -> Bounds:
    """How far a page scrolls: downwards only."""
    return (0, 0) if total <= height else bounds(0, total, height - 1)
