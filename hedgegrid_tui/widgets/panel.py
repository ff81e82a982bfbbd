"""A line-drawn panel that repaints changed rows only."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import ClassVar, override

from rich.segment import Segment as Drawn
from rich.style import Style
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from hedgegrid_tui.render.rows import Ink, Rows, width_of


class Panel(Widget, can_focus=False):
    """Shows rows; a title puts a frame around it."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"ink--{ink}" for ink in Ink}

    def __init__(self, title: str = "", *, id: str | None = None, classes: str = "") -> None:  # noqa: A002
        super().__init__(id=id, classes=f"{classes} framed".strip() if title else classes)
        if title:
            self.border_title = title
        self._rows: Rows = ()
        self._styles: dict[Ink, Style] = {}
        self._wanted = 1

    @property
    def rows(self) -> Rows:
        """What it shows."""
        return self._rows

    def show(self, rows: Rows) -> tuple[int, ...]:
        """Show rows, repainting those that changed; gives their indexes."""
        changed = changed_rows(self._rows, rows)
        self._rows = rows
        regions = [Region(0, first, self.size.width, last - first + 1) for first, last in runs(changed)]
        if regions:
            self.refresh(*regions)
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
    def render_line(self, y: int) -> Strip:
        ground = self._style(Ink.PLAIN)
        width = self.size.width
        if y >= len(self._rows):
            return Strip.blank(width, ground)
        row = self._rows[y]
        strip = Strip([Drawn(text, self._style(ink)) for text, ink in row], width_of(row))
        return strip.adjust_cell_length(width, ground)

    @override
    def notify_style_update(self) -> None:
        self._styles.clear()
        super().notify_style_update()

    def _style(self, ink: Ink) -> Style:
        style = self._styles.get(ink)
        if style is None:
            style = self._styles[ink] = self.get_component_rich_style(f"ink--{ink}")
        return style


def changed_rows(old: Rows, new: Rows) -> tuple[int, ...]:
    """Indexes of the rows that differ, those that one of the two lacks included."""
    shared = min(len(old), len(new))
    differing = (index for index in range(shared) if old[index] != new[index])
    return (*differing, *range(shared, max(len(old), len(new))))


def runs(indexes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of neighbouring indexes."""
    for _, group in groupby(enumerate(indexes), key=lambda pair: pair[1] - pair[0]):
        run = [index for _, index in group]
        yield run[0], run[-1]
