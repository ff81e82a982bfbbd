"""The panel: repaints what changed and nothing else, down to the cell."""

import re
from io import StringIO
from typing import override

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from textual.app import App
from textual.geometry import Region
from textual.screen import Screen

from hedgegrid_tui import theming
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment
from hedgegrid_tui.widgets.panel import FAR, Inked, Panel, changed_rows, changed_spans
from hedgegrid_tui.widgets.sparse import SparseCompositor


def rows(*texts: str) -> Rows:
    return tuple((Segment(text),) for text in texts)


def row(*texts: str, ink: Ink = Ink.PLAIN) -> Row:
    return tuple(Segment(text, ink) for text in texts)


def test_only_rows_that_differ_are_changed() -> None:
    assert changed_rows(rows("a", "b", "c"), rows("a", "x", "c")) == (1,)
    assert changed_rows(rows("a", "b"), rows("a", "b")) == ()


def test_a_row_that_changes_its_ink_alone_is_changed() -> None:
    assert changed_rows(((Segment("a"),),), ((Segment("a", Ink.ALARM),),)) == (0,)


def test_rows_that_come_or_go_are_changed() -> None:
    assert changed_rows(rows("a"), rows("a", "b", "c")) == (1, 2)
    assert changed_rows(rows("a", "b"), rows("a")) == (1,)


def test_of_a_row_only_the_cells_that_differ_are_changed() -> None:
    assert changed_spans(row("PnL +12.40"), row("PnL +12.50"), 20) == ((8, 9),)
    assert changed_spans(row("a", "bc"), row("ab", "c"), 3) == ()
    assert changed_spans(row("ab"), row("a"), 3) == ((1, 2),)


def test_changes_in_one_ink_are_repainted_together_and_far_ones_apart() -> None:
    assert changed_spans(row("12:03:07"), row("12:04:08"), 8) == ((4, 8),)
    far = "-" * (FAR + 1)
    assert len(changed_spans(row(f"a{far}b"), row(f"x{far}y"), FAR + 3)) == 2
    before = (Segment("a", Ink.UP), Segment("-"), Segment("b", Ink.UP))
    after = (Segment("x", Ink.UP), Segment("-"), Segment("y", Ink.UP))
    assert changed_spans(before, after, 3) == ((0, 1), (2, 3))


ROWS = st.lists(st.builds(Segment, st.text("ab ", max_size=6), st.sampled_from([Ink.PLAIN, Ink.UP]))).map(tuple)


@given(ROWS, ROWS, st.integers(1, 30))
def test_every_cell_that_differs_is_repainted(old: Row, new: Row, width: int) -> None:
    def cells(line: Row) -> list[tuple[str, Ink]]:
        found = [(char, ink) for text, ink in line for char in text][:width]
        return found + [(" ", Ink.PLAIN)] * (width - len(found))

    spans = changed_spans(old, new, width)
    painted = {cell for start, end in spans for cell in range(start, end)}
    differing = {index for index, (one, other) in enumerate(zip(cells(old), cells(new), strict=True)) if one != other}
    assert differing <= painted <= set(range(width))
    assert {start for start, _ in spans} | {end - 1 for _, end in spans} <= differing


class PanelApp(App[None]):
    """A single panel."""

    CSS_PATH = theming.style_sheets()

    @override
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theming.role_defaults()

    @override
    def get_default_screen(self) -> Screen[None]:
        return Inked()

    def on_mount(self) -> None:
        self.screen.mount(self.panel())

    def panel(self) -> Panel:
        return Panel("Ladder", id="ladder")


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
    def panel(self) -> Panel:
        return Watched()


async def test_showing_rows_repaints_the_changed_cells_only() -> None:
    app = WatchedApp()
    async with app.run_test(size=(30, 10)) as pilot:
        await pilot.pause()
        panel = app.screen.query_one(Watched)
        panel.show(rows("a", "b 1", "c", "d"))
        panel.repainted.clear()
        assert panel.show(rows("a", "b 2", "y", "d")) == (1, 2)
        assert panel.repainted == [Region(2, 1, 1, 1), Region(0, 2, 1, 1)]
        panel.repainted.clear()
        panel.show(rows("a", "b 2", "y", "d"))
        assert panel.repainted == []


async def test_what_is_sent_to_the_terminal_is_the_changed_part_of_the_line_alone() -> None:
    app = WatchedApp()
    async with app.run_test(size=(60, 6)) as pilot:
        await pilot.pause()
        panel = app.screen.query_one(Watched)
        panel.show(rows("feed 1 s and a long line that stays as it is"))
        await pilot.pause()
        compositor = app.screen._compositor
        assert isinstance(compositor, SparseCompositor)
        panel.show(rows("feed 2 s and a long line that stays as it is"))
        compositor.update_widgets({panel})
        update = compositor.render_partial_update()
        assert update is not None
        console = Console(file=StringIO(), force_terminal=True)
        # Row 2, column 8: the frame and its margin stand before the fifth cell of the panel's first row.
        assert re.sub(r"\x1b\[[\d;]*m", "", update.render_segments(console)) == "\x1b[2;8H2"


async def test_a_title_that_stays_the_same_repaints_nothing() -> None:
    app = WatchedApp()
    async with app.run_test(size=(30, 6)) as pilot:
        await pilot.pause()
        panel = app.screen.query_one(Watched)
        panel.entitle("4 Chart [1 h]", "[ ] range", hand=True)
        await pilot.pause()
        assert panel.title == "4 Chart [1 h]  [ ] range"
        assert panel.has_class("hand")
        asked: list[bool] = []
        panel.refresh = lambda *_, **__: asked.append(True)  # type: ignore[assignment, method-assign]
        panel.entitle("4 Chart [1 h]", "[ ] range", hand=True)
        assert not asked


async def test_a_line_is_drawn_in_the_theme_s_colours_and_padded_to_the_width() -> None:
    app = PanelApp()
    async with app.run_test(size=(30, 6)) as pilot:
        await pilot.pause()
        panel = app.screen.query_one(Panel)
        panel.show(((Segment("LONG", Ink.LONG), Segment("  "), Segment("1.2", Ink.UP), Segment(" ✗", Ink.ALARM)),))
        strip = panel.render_line(0)
        assert strip.text == "LONG  1.2 ✗".ljust(panel.size.width)
        drawn = [(segment.text, segment.style.color.name) for segment in strip if segment.style and segment.style.color]
        roles = theming.role_defaults()
        assert drawn[:2] == [("LONG  ", roles["leg-long"]), ("1.2", roles["pnl-up"])]
        assert drawn[2][0] == " ✗"
        assert panel.render_line(3).text.strip() == ""
