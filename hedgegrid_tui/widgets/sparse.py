"""Draws and sends the changed parts of lines alone: Textual would draw every widget, and send from its left edge on."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, override

from rich.console import Console, ConsoleOptions, RenderResult
from rich.control import Control
from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class Span(NamedTuple):
    """Cells of one line of the screen, `last` not among them."""

    y: int
    first: int
    last: int


class SparseUpdate(ChopsUpdate):
    """Changed spans of lines, and nothing beside them."""

    def __init__(self, pieces: Sequence[tuple[Span, Strip]]) -> None:
        self._pieces = sorted(pieces, key=lambda piece: piece[0])

    @override
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for span, strip in self._pieces:
            yield Control.move_to(span.first, span.y).segment
            yield from strip

    @override
    def render_segments(self, console: Console) -> str:
        written: list[str] = []
        for span, strip in self._pieces:
            written.append(Control.move_to(span.first, span.y).segment.text)
            written.append(strip.render(console))
        return "".join(written)


class SparseCompositor(Compositor):
    """Composes a screen as Textual does, with less work for an update of parts."""

    @override
    def render_partial_update(self) -> ChopsUpdate | None:
        screen = self.size.region
        regions = [region.intersection(screen) for region in self._dirty_regions]
        self._dirty_regions.clear()
        bare = [Span(*span) for span in self._regions_to_spans(regions)]
        pieces: list[tuple[Span, Strip]] = []
        for widget, (region, clip) in self.visible_widgets.items():  # from front to back
            if not bare:
                break
            shown = region.intersection(clip)
            covered = [part for span in bare if (part := _within(span, shown)) is not None]
            if covered:
                pieces += _drawn(widget, region, covered)
                bare = [part for span in bare for part in _outside(span, shown)]
        return SparseUpdate(pieces) if pieces else None


def _within(span: Span, shown: Region) -> Span | None:
    first, last = max(span.first, shown.x), min(span.last, shown.right)
    return Span(span.y, first, last) if shown.y <= span.y < shown.bottom and first < last else None


def _outside(span: Span, shown: Region) -> Iterator[Span]:
    part = _within(span, shown)
    if part is None:
        yield span
        return
    if span.first < part.first:
        yield Span(span.y, span.first, part.first)
    if part.last < span.last:
        yield Span(span.y, part.last, span.last)


def _drawn(widget: Widget, region: Region, spans: Iterable[Span]) -> Iterator[tuple[Span, Strip]]:
    """The spans of one widget; of each line it is asked for no more than encloses them."""
    for y, parts in groupby(spans, key=lambda span: span.y):
        line = list(parts)
        left, right = line[0].first, line[-1].last
        strip = widget.render_lines(Region(left - region.x, y - region.y, right - left, 1))[0]
        for span in line:
            yield span, strip.crop(span.first - left, span.last - left)
