"""A line-drawn panel that repaints only those parts of rows that changed."""

from collections.abc import Sequence
from typing import ClassVar, Final, override

from rich.segment import Segment as Drawn
from rich.style import Style
from textual.color import Color
from textual.content import Content
from textual.geometry import Region, Size
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from hedgegrid_tui.render.rows import Ink, Row, Rows, width_of
from hedgegrid_tui.widgets.sparse import SparseCompositor

FAR: Final = 24
"""Unchanged cells that cost more to send again than a move of the cursor and the colours."""
_BLANK: Final = (" ", Ink.PLAIN)
HAND: Final = "hand"
"""Class of the panel in hand."""
INKS: Final = frozenset(f"ink--{ink}" for ink in Ink)


class Inked[Result](Screen[Result], inherit_bindings=False):
    """A screen that knows the inks, for all panels at once: styles of their own for each would cost half a start."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(INKS)

    def __init__(self) -> None:
        super().__init__()
        self._compositor = SparseCompositor()


class Panel(Widget, can_focus=False):
    """Shows rows; a title puts a frame around it."""

    ALLOW_SELECT = False

    def __init__(self, title: str = "", *, id: str | None = None, classes: str = "") -> None:  # noqa: A002
        super().__init__(id=id, classes=f"{classes} framed".strip() if title else classes)
        self._title = self._note = ""
        self._hand = False
        if title:
            self.entitle(title)
        self._rows: Rows = ()
        self._styles: dict[Ink, Style] = {}
        self._ground: Color | None = None
        self._wanted = 1

    @property
    def rows(self) -> Rows:
        """What it shows."""
        return self._rows

    @property
    def title(self) -> str:
        """What stands in its frame: the title above, the note below."""
        return f"{self._title}  {self._note}".rstrip()

    def entitle(self, title: str, note: str = "", *, hand: bool = False) -> None:
        """Put words into the upper edge of the frame, and a note into the lower one; mark the panel in hand."""
        if hand != self._hand:
            self._hand = hand
            self.set_class(hand, HAND)
        if title != self._title:
            self._title = title
            self.border_title = Content(title)
        if note != self._note:
            self._note = note
            self.border_subtitle = Content(note)

    def show(self, rows: Rows) -> tuple[int, ...]:
        """Show rows, repainting what of them changed; gives the indexes of those."""
        changed = changed_rows(self._rows, rows)
        if changed:
            width = self.size.width
            old, self._rows = self._rows, rows
            self.refresh(
                *(
                    Region(start, index, end - start, 1)
                    for index in changed
                    for start, end in changed_spans(_row(old, index), _row(rows, index), width)
                )
            )
        return changed

    def want(self, height: int) -> None:
        """Ask for a height of content, where the style sheet leaves it to the panel."""
        if height != self._wanted:
            self._wanted = height
            self.refresh(layout=True)

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self._wanted

    @override
    def render_lines(self, crop: Region) -> list[Strip]:
        """Rows within the frame bring their colours along; Textual's own styling of each would cost as much again."""
        gutter = self.gutter
        inside = Region(gutter.left, gutter.top, *self.size)
        if not inside.contains_region(crop):
            return super().render_lines(crop)
        first = crop.x - gutter.left
        strips = [self.render_line(y - gutter.top).crop(first, first + crop.width) for y in crop.line_range]
        if self._ground is None:
            self._ground = self.background_colors[1]
        for line_filter in self.get_line_filters():
            strips = [strip.apply_filter(line_filter, self._ground) for strip in strips]
        return strips

    @override
    def render_line(self, y: int) -> Strip:
        ground = self._style(Ink.PLAIN)
        width = self.size.width
        if y >= len(self._rows):
            return Strip.blank(width, ground)
        row = self._rows[y]
        return Strip(self._drawn(row), width_of(row)).adjust_cell_length(width, ground)

    def _drawn(self, row: Row) -> list[Drawn]:
        """The row in as few pieces as look the same: each costs its colours again."""
        found: list[Drawn] = []
        for text, ink in row:
            style = self._style(ink)
            if found and text:
                before = found[-1].style
                blank = text.isspace() and before is not None and _is_flat(style) and _is_flat(before)
                if before == style or (blank and before is not None and before.bgcolor == style.bgcolor):
                    found[-1] = Drawn(found[-1].text + text, before)
                    continue
            found.append(Drawn(text, style))
        return found

    @override
    def notify_style_update(self) -> None:
        self._styles.clear()
        self._ground = None
        super().notify_style_update()

    def _style(self, ink: Ink) -> Style:
        style = self._styles.get(ink)
        if style is None:
            knows = next(screen for screen in (self.screen, *self.app.screen_stack) if isinstance(screen, Inked))
            style = self.rich_style + knows.get_component_rich_style(f"ink--{ink}", partial=True)
            self._styles[ink] = style
        return style


def _row(rows: Rows, index: int) -> Row:
    return rows[index] if index < len(rows) else ()


def changed_rows(old: Rows, new: Rows) -> tuple[int, ...]:
    """Indexes of the rows that differ, those that one of the two lacks included."""
    shared = min(len(old), len(new))
    differing = (index for index in range(shared) if old[index] != new[index])
    return (*differing, *range(shared, max(len(old), len(new))))


def changed_spans(old: Row, new: Row, width: int) -> tuple[tuple[int, int], ...]:
    """First cell and end of each part of a row that differs.

    Two parts are one where all between them has the same ink: that costs less than to move the cursor and to say the
    colours again.
    """
    before, after = _cells(old, width), _cells(new, width)
    found: list[tuple[int, int]] = []
    for index in (index for index in range(width) if before[index] != after[index]):
        if found and _is_one(after, found[-1][1], index):
            found[-1] = found[-1][0], index + 1
        else:
            found.append((index, index + 1))
    return tuple(found)


def _cells(row: Row, width: int) -> list[tuple[str, Ink]]:
    cells = [(char, ink) for text, ink in row for char in text][:width]
    return cells + [_BLANK] * (width - len(cells))


def _is_one(cells: Sequence[tuple[str, Ink]], end: int, start: int) -> bool:
    """Whether what lies between two changed parts may be sent with them."""
    if start - end > FAR:
        return False
    ink = cells[end - 1][1]
    return all(cells[index][1] is ink for index in range(end, start + 1))


def _is_flat(style: Style) -> bool:
    """Whether a blank in it looks as one in any other ink on the same ground."""
    return not (style.reverse or style.underline or style.strike)
