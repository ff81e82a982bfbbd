"""The panel: repaints what changed and nothing else."""

from typing import override

from textual.app import App, ComposeResult
from textual.geometry import Region

from hedgegrid_tui import theming
from hedgegrid_tui.render.rows import Ink, Rows, Segment
from hedgegrid_tui.widgets.panel import Panel, changed_rows, runs


def rows(*texts: str) -> Rows:
    return tuple((Segment(text),) for text in texts)


def test_only_rows_that_differ_are_changed() -> None:
    assert changed_rows(rows("a", "b", "c"), rows("a", "x", "c")) == (1,)
    assert changed_rows(rows("a", "b"), rows("a", "b")) == ()


def test_a_row_that_changes_its_ink_alone_is_changed() -> None:
    assert changed_rows(((Segment("a"),),), ((Segment("a", Ink.ALARM),),)) == (0,)


def test_rows_that_come_or_go_are_changed() -> None:
    assert changed_rows(rows("a"), rows("a", "b", "c")) == (1, 2)
    assert changed_rows(rows("a", "b"), rows("a")) == (1,)


def test_neighbouring_rows_are_repainted_together() -> None:
    assert list(runs((0, 1, 2, 5, 7, 8))) == [(0, 2), (5, 5), (7, 8)]


class PanelApp(App[None]):
    """A single panel."""

    CSS_PATH = theming.style_sheets()

    @override
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theming.role_defaults()

    @override
    def compose(self) -> ComposeResult:
        yield Panel("Ladder", id="ladder")


class Watched(Panel):
    """Keeps the regions that it was asked to repaint."""

    def __init__(self) -> None:
        self.repainted: list[Region] = []
        super().__init__("Watched", id="watched")

    @override
    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> "Watched":
        self.repainted += regions
        super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        return self


class WatchedApp(PanelApp):
    """A single panel that is watched."""

    @override
    def compose(self) -> ComposeResult:
        yield Watched()


async def test_showing_rows_repaints_the_regions_of_changed_rows_only() -> None:
    app = WatchedApp()
    async with app.run_test(size=(30, 10)):
        panel = app.query_one(Watched)
        panel.show(rows("a", "b", "c", "d"))
        panel.repainted.clear()
        assert panel.show(rows("a", "x", "y", "d")) == (1, 2)
        assert panel.repainted == [Region(0, 1, panel.size.width, 2)]
        panel.repainted.clear()
        panel.show(rows("a", "x", "y", "d"))
        assert panel.repainted == []


async def test_a_line_is_drawn_in_the_theme_s_colours_and_padded_to_the_width() -> None:
    app = PanelApp()
    async with app.run_test(size=(30, 6)):
        panel = app.query_one(Panel)
        panel.show(((Segment("LONG", Ink.LONG), Segment(" ✗", Ink.ALARM)),))
        strip = panel.render_line(0)
        assert strip.text == "LONG ✗".ljust(panel.size.width)
        colours = [segment.style.color.name for segment in strip if segment.style and segment.style.color]
        roles = theming.role_defaults()
        assert colours[:2] == [roles["leg-long"], roles["alarm"]]
        assert panel.render_line(3).text.strip() == ""
