"""Updates of parts: what is sent is what stands on the screen there, no more and no less, whatever lies above."""

import random

import pytest
from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip

from hedgegrid_tui.widgets.sparse import SparseCompositor, SparseUpdate
from tests.hedgegrid_tui.fakes import cockpit

WIDTH, HEIGHT = 100, 30
Cell = tuple[str, object]


def cells(strip: Strip) -> list[Cell]:
    """Character and style of each cell; every glyph of the cockpit is one cell wide."""
    return [(char, segment.style) for segment in Segment.simplify(strip) for char in segment.text]


def sent(update: SparseUpdate) -> dict[tuple[int, int], Cell]:
    found: dict[tuple[int, int], Cell] = {}
    for span, strip in update._pieces:
        for x, cell in enumerate(cells(strip), span.first):
            assert (span.y, x) not in found, "a cell is sent twice"
            found[span.y, x] = cell
    return found


@pytest.mark.parametrize("colourless", [False, True], ids=["colours", "no-color"])
@pytest.mark.parametrize("keys", [(), ("X",)], ids=["dashboard", "dialog"])
async def test_a_part_is_drawn_as_the_whole_screen_shows_it(
    keys: tuple[str, ...], colourless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if colourless:
        monkeypatch.setenv("NO_COLOR", "1")
    app = cockpit()
    random_numbers = random.Random(7)
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        await pilot.press(*keys)
        await pilot.pause()
        compositor = app.screen._compositor
        assert isinstance(compositor, SparseCompositor)
        whole = [cells(strip) for strip in compositor.render_strips()]
        for _ in range(40):
            regions = {
                Region(
                    random_numbers.randrange(-3, WIDTH), random_numbers.randrange(HEIGHT),
                    random_numbers.randint(1, 30), random_numbers.randint(1, 4),
                )
                for _ in range(random_numbers.randint(1, 12))
            }  # fmt: skip
            asked = {
                (y, x)
                for region in regions
                for y in region.line_range
                for x in region.column_range
                if y < HEIGHT and 0 <= x < WIDTH
            }
            compositor._dirty_regions = set(regions)
            update = compositor.render_partial_update()
            assert isinstance(update, SparseUpdate)
            found = sent(update)
            assert found.keys() == asked
            assert all(found[y, x] == whole[y][x] for y, x in asked)
            assert compositor.render_partial_update() is None
