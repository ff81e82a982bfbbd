"""Sends the changed part of a line alone: Textual would begin at the left edge of the widget that it belongs to."""

from typing import override

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate, Compositor


class SparseUpdate(ChopsUpdate):
    """Changed spans of lines, and nothing to the left of them."""

    @override
    def render_segments(self, console: Console) -> str:
        written: list[str] = []
        for y, first, last in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                left, right = max(x, first), min(end, last)
                if strip is None or left >= right:
                    continue
                written.append(Control.move_to(left, y).segment.text)
                written.append(strip.crop(left - x, right - x).render(console))
        return "".join(written)


class SparseCompositor(Compositor):
    """Composes a screen as Textual does, and sends less of it."""

    @override
    def render_partial_update(self) -> ChopsUpdate | None:
        update = super().render_partial_update()
        return None if update is None else SparseUpdate(update.chops, update.spans, update.chop_ends)
