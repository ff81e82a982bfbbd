"""Paints the cockpit in each theme that is named, then a sample of every ink, as the terminal's colours allow."""

import sys
from typing import Final, override

from textual.app import ComposeResult

from hedgegrid_tui import theming
from hedgegrid_tui.app import HedgeGridApp
from hedgegrid_tui.render.rows import Ink, Segment
from hedgegrid_tui.widgets.panel import Inked, Panel
from tests.hedgegrid_tui.fakes import FakeEngine, critical

DASHBOARD_FRAMES: Final = 8
"""Painted before the sample covers it: its panels have their places by then."""
FRAMES: Final = 14


class Sample(Inked[None], inherit_bindings=False):
    """The name of every ink in that ink."""

    @override
    def compose(self) -> ComposeResult:
        yield Panel(id="sample")

    def on_resize(self) -> None:
        """Paint once there is room."""
        self.query_one("#sample", Panel).show(tuple((Segment(f"<{ink}>", ink),) for ink in Ink))


class Painted(HedgeGridApp):
    """Ends by itself once it has been painted."""

    frames = 0

    @override
    def draw(self) -> None:
        super().draw()
        self.frames += 1
        if self.frames == DASHBOARD_FRAMES:
            self.push_screen(Sample())
        elif self.frames == FRAMES:
            self.exit(self.faults)


if __name__ == "__main__":
    loaded = theming.load(None, theming.terminal_colours())
    for theme in sys.argv[1:]:
        app = Painted(FakeEngine(critical()), theme=theme, themes=loaded, fps=30)
        app.run()
        if app.return_value != 0:
            sys.exit(1)
