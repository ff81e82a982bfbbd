"""Where panels stand and what the keys of looking do: nothing is lost or overlaps, the reader's place is kept."""

from decimal import Decimal
from itertools import combinations
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedgegrid_tui import settings, theming
from hedgegrid_tui.actions import ACTIONS, Group
from hedgegrid_tui.app import HedgeGridApp
from hedgegrid_tui.keymap import Keymap
from hedgegrid_tui.looking import Looking
from hedgegrid_tui.render import chart
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.keys import Keys
from hedgegrid_tui.render.places import LEAST_HEIGHT, LEAST_WIDTH, Place, is_small, places, shown, variable
from hedgegrid_tui.render.plot import Glyphs
from hedgegrid_tui.render.rows import Ink, Rows, text_of
from hedgegrid_tui.render.view import RANGES_S, PanelId, View
from hedgegrid_tui.screens.dashboard import Dashboard
from hedgegrid_tui.screens.reader import Reader
from hedgegrid_tui.widgets.panel import Panel
from strategy.domain import NS_PER_S
from strategy.snapshot import EnginePhase, EngineStatus, ErrorRecord, Snapshot
from tests.hedgegrid_tui.fakes import NOW, Clock, FakeEngine, cockpit, critical, running

SIZES = [(80, 24), (120, 40), (200, 60)]
VIEWS = st.builds(View, panel=st.sampled_from(PanelId), beside=st.sampled_from(PanelId), zoomed=st.booleans())


def told(app: HedgeGridApp, panel: str) -> str:
    return "\n".join(text_of(row).rstrip() for row in app.dashboard.query_one(f"#{panel}", Panel).rows)


def title(app: HedgeGridApp, panel: str) -> str:
    return app.dashboard.query_one(f"#{panel}", Panel).title


def fill(seq: int) -> bytes:
    """A fill as the journal has it; its price tells the lines apart."""
    line = {
        "seq": seq, "ts": NOW + seq * NS_PER_S, "kind": "fill", "leg": "long", "role": "entry", "level": 1, "lot": seq,
        "side": "buy", "qty": "0.002", "price": f"{61_000 + seq}.0", "fee": "0.02", "realised": "0",
        "id": f"HG-L-E-1-{seq}",
    }  # fmt: skip
    return msgspec.json.encode(line)


async def test_the_chart_is_drawn_once_a_second_and_at_once_for_another_range_or_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[int] = []
    plain = chart.rows

    def counted(frame: Frame, width: int, height: int, glyphs: Glyphs) -> Rows:
        drawn.append(width)
        return plain(frame, width, height, glyphs)

    monkeypatch.setattr(chart, "rows", counted)
    engine = FakeEngine(running())
    app = cockpit(engine)
    async with app.run_test(size=(200, 60)) as pilot:
        await pilot.pause()
        first = len(drawn)
        app.draw()
        app.draw()
        assert len(drawn) == first
        engine.show(ts=NOW + NS_PER_S)
        app.draw()
        await pilot.press("left_square_bracket")
        assert len(drawn) == first + 2


@given(st.integers(0, 260), st.integers(0, 100), VIEWS, st.integers(0, 8))
def test_panels_never_overlap_and_never_leave_the_screen(width: int, height: int, view: View, notice: int) -> None:
    found = places(width, height, view, notice)
    for place in found.values():
        assert 0 <= place.x <= place.x + place.width <= width
        assert 0 <= place.y <= place.y + place.height <= height
    for one, other in combinations(found.values(), 2):
        apart = one.x + one.width <= other.x or other.x + other.width <= one.x
        assert apart or one.y + one.height <= other.y or other.y + other.height <= one.y


@given(st.integers(60, 260), st.integers(20, 100), VIEWS, st.integers(0, 8))
def test_every_cell_of_a_terminal_that_is_large_enough_belongs_to_a_panel(
    width: int, height: int, view: View, notice: int
) -> None:
    found = places(width, height, view, notice)
    assert sum(place.width * place.height for place in found.values()) == width * height
    assert {"strip", "status", "keys"} <= set(found)
    assert all(place.height >= 3 and place.width >= 20 for name, place in found.items() if name in tuple(PanelId))


@given(st.integers(60, 260), st.integers(20, 100), st.sampled_from(PanelId), st.sampled_from(PanelId))
def test_the_panel_in_hand_is_on_the_screen_once_its_key_was_pressed(
    width: int, height: int, first: PanelId, second: PanelId
) -> None:
    looking = Looking()
    for panel in (first, second):
        if panel is not looking.view.panel:
            looking.choose(panel, shown(places(width, height, looking.view)))
        assert panel in places(width, height, looking.view)


def test_the_widest_layout_shows_all_but_two_lists_at_once() -> None:
    found = places(200, 60, View())
    assert shown(found) == set(PanelId) - {PanelId.ORDERS, PanelId.FILLS}
    assert variable(found) is PanelId.EVENTS
    assert {"money", "log"} <= set(found)


def test_the_usual_layout_shows_ladder_legs_risk_and_vitals_beside_the_variable_place() -> None:
    found = places(120, 40, View(beside=PanelId.CHART))
    assert shown(found) == {PanelId.LADDER, PanelId.LEGS, PanelId.RISK, PanelId.VITALS, PanelId.CHART}
    assert variable(found) is PanelId.CHART


def test_the_smallest_layout_is_one_panel_with_tabs() -> None:
    found = places(80, 24, View(panel=PanelId.FILLS))
    assert shown(found) == {PanelId.FILLS}
    assert found["tabs"].height == 1
    assert found[PanelId.FILLS] == Place(0, 6, 80, 16)


@pytest.mark.parametrize("size", SIZES)
async def test_each_panel_is_reached_by_its_key_maximised_and_restored(size: tuple[int, int]) -> None:
    app = cockpit()
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        for number, panel in enumerate(PanelId, start=1):
            if panel is not PanelId.LADDER:
                await pilot.press(str(number))
            assert app.frame.view.panel is panel
            assert title(app, panel).startswith(f"► {number} {panel.capitalize()}")
            assert app.dashboard.room(panel)[1] > 2
            assert app.dashboard.query_one(f"#{panel}", Panel).rows
            before = dict(app.dashboard.places)
            await pilot.press("z")
            assert app.dashboard.shown == {panel}
            assert "z restores" in title(app, panel)
            assert "► RUNNING" in told(app, "strip")
            await pilot.press("escape")
            assert app.dashboard.places == before
            await pilot.press(str(number))
            assert app.frame.view.zoomed
            await pilot.press(str(number))
            assert app.dashboard.places == before
        assert app.faults == 0


async def test_tabs_name_every_panel_and_mark_the_one_in_hand() -> None:
    app = cockpit()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("6")
        row = told(app, "tabs")
        assert row.strip() == "1 ladder 2 legs 3 risk 4 chart 5 orders ►6 fills 7 events 8 errors 1 9 vitals"
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        assert told(app, "tabs").strip() == "1 lad 2 leg 3 ris 4 cha 5 ord ►6 fills 7 eve 8 err 9 vit"


@pytest.mark.parametrize("size", [(59, 24), (80, 19), (40, 10), (20, 5), (12, 2), (1, 1)])
async def test_a_terminal_that_is_too_small_shows_what_is_vital_and_how_large_it_must_be(size: tuple[int, int]) -> None:
    assert is_small(*size)
    app = cockpit(FakeEngine(critical()))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        app.draw()
        seen = told(app, "small")
        if size[0] >= 40 and size[1] >= 10:
            for words in ("SIMULATED", "► RUNNING", "+12.40", "UNPROTECTED", f"{LEAST_WIDTH}x{LEAST_HEIGHT}"):
                assert words in seen
        assert app.faults == 0
        await pilot.press("p")
        assert len(app.engine.sent) == 1  # type: ignore[attr-defined]


async def test_a_scrolled_list_keeps_the_reader_s_place_while_lines_come() -> None:
    engine = FakeEngine()
    engine.journal = [fill(seq) for seq in range(1, 61)]
    app = cockpit(engine)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("6", "pageup")
        before = [line for line in told(app, "fills").splitlines() if "entry" in line]
        offset = app.frame.view.offset(PanelId.FILLS)
        assert offset > 5
        engine.journal += [fill(seq) for seq in range(61, 64)]
        app.draw()
        assert [line for line in told(app, "fills").splitlines() if "entry" in line] == before
        assert app.frame.view.offset(PanelId.FILLS) == offset + 3
        assert "End newest" in title(app, "fills")
        await pilot.press("end")
        assert "61,063.0" in told(app, "fills")
        engine.journal.append(fill(64))
        app.draw()
        assert "61,064.0" in told(app, "fills")


async def test_a_scroll_that_moves_nothing_says_so() -> None:
    engine = FakeEngine()
    engine.journal = [fill(seq) for seq in range(1, 61)]
    app = cockpit(engine)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("6", "down")
        assert told(app, "status") == "fills: the last line is shown"
        await pilot.press("home", "up")
        assert told(app, "status") == "fills: the first line is shown"
        await pilot.press("4", "up")
        assert told(app, "status") == "chart: nothing to scroll"


async def test_letters_of_a_search_are_no_keys_and_filter_the_list() -> None:
    engine = FakeEngine()
    engine.journal = [fill(seq) for seq in range(1, 61)]
    app = cockpit(engine)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("6", "slash", "p", "F", "q", "ctrl+u", *"61,04", "1", "x", "backspace")
        assert engine.sent == []
        assert told(app, "status").startswith("/61,041▏  searches fills")
        assert "no key acts" in told(app, "keys")
        assert told(app, "fills").count("entry") == 1
        await pilot.press("enter", "p")
        assert len(engine.sent) == 1
        assert app.frame.view.search == "61,041"
        await pilot.press("escape")
        assert app.frame.view.search == ""
        assert told(app, "fills").count("entry") > 5


@pytest.mark.parametrize("key", ["escape", "ctrl+c", "ctrl+q"])
async def test_every_key_that_leaves_ends_the_typing_of_a_search(key: str) -> None:
    app = cockpit()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("6", "slash", "x", key)
        assert (app.frame.view.typing, app.frame.view.search) == (False, "")
        assert isinstance(app.screen, Dashboard)


async def test_only_lists_are_searched() -> None:
    app = cockpit()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("slash")
        assert not app.frame.view.typing
        assert "only lists are searched" in told(app, "status")


async def test_enter_opens_the_error_that_is_shown_with_its_context() -> None:
    records = tuple(ErrorRecord(n, NOW, "on_bar", "ValueError", f"number {n}", n == 3) for n in range(1, 4))
    app = cockpit(FakeEngine(running(errors=records)))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("8", "enter")
        await pilot.pause()
        assert isinstance(app.screen, Reader)
        page = "\n".join(text_of(row) for row in app.screen.query_one("#page", Panel).rows)
        assert "number 3" in page
        await pilot.press("escape")
        assert len(app.screen_stack) == 1


async def test_the_chart_s_range_moves_by_brackets_and_stops_at_its_ends() -> None:
    app = cockpit()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        assert "4 Chart 1 h" in title(app, "chart")
        await pilot.press("right_square_bracket")
        assert "4 Chart 6 h" in title(app, "chart")
        assert told(app, "status") == "the chart shows 6 h"
        await pilot.press(*["right_square_bracket"] * len(RANGES_S))
        assert "4 Chart 7 d" in title(app, "chart")
        assert "longest" in told(app, "status")


async def test_the_theme_changes_at_once_and_in_a_circle() -> None:
    app = cockpit()
    names = theming.load().names
    async with app.run_test(size=(80, 24)) as pilot:
        seen = []
        for _ in names:
            await pilot.press("T")
            seen.append(app.theme)
        assert sorted(seen) == sorted(names)
        assert seen[-1] == theming.DEFAULT_THEME
        assert app.faults == 0


async def test_how_the_screen_was_left_is_found_again(tmp_path: Path) -> None:
    app = cockpit(settings_dir=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("5", "z", "right_square_bracket")
        app.exit()
    later = cockpit(settings_dir=tmp_path)
    async with later.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        view = later.frame.view
        assert (view.panel, view.beside, view.zoomed, view.chart_range) == (PanelId.ORDERS, PanelId.ORDERS, True, 2)
    assert settings.load_view(tmp_path).zoomed


@pytest.mark.parametrize(
    "broken",
    [b"", b"{", b"\xff\xfe", b"[]", b'{"panel": "cellar"}', b'{"zoomed": 3}', b'{"chart_range": 99}', b'{"panel": 1}'],
)
def test_a_file_that_is_no_use_is_passed_over(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / settings.VIEW_FILE).write_bytes(broken)
    assert settings.load_view(tmp_path) == View()


def test_saving_leaves_no_draft_behind(tmp_path: Path) -> None:
    settings.save_view(tmp_path, View())
    assert [path.name for path in tmp_path.iterdir()] == [settings.VIEW_FILE]


def test_a_folder_that_is_not_there_costs_nothing(tmp_path: Path) -> None:
    settings.save_view(tmp_path / "nowhere", View(zoomed=True))
    assert settings.load_view(tmp_path / "nowhere") == View()


async def test_in_a_read_only_cockpit_every_key_of_looking_works_and_none_acts() -> None:
    engine = FakeEngine()
    app = cockpit(engine, read_only=True)
    async with app.run_test(size=(80, 24)) as pilot:
        for action in (each for each in ACTIONS.values() if each.group is Group.ACT and each.id != "quit"):
            app.action_act(action.id)
            assert app.screen is app.dashboard
        assert engine.sent == []
        for number in range(2, 10):
            await pilot.press(str(number))
            assert app.frame.view.panel is tuple(PanelId)[number - 1]
        assert " READ-ONLY " in told(app, "strip")


async def test_a_rebound_key_takes_and_chooses_panels_under_its_own_name() -> None:
    keymap = Keymap(Keys({"panel-chart": ("f4",), "zoom": ("m",)}), ("keys.toml: zoo: no such action",))
    app = cockpit(keymap=keymap, complaints=("mine.toml: broken",))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert told(app, "status") == "2 complaints about your own files, l shows all: keys.toml: zoo: no such action"
        assert app.frame.log[:2] == ("keys.toml: zoo: no such action", "mine.toml: broken")
        await pilot.press("4")
        assert title(app, "ladder").startswith("► 1 Ladder")
        await pilot.press("f4", "m")
        assert app.frame.view.panel is PanelId.CHART
        assert app.frame.view.zoomed
        assert title(app, "chart").startswith("► F4 Chart")


async def test_a_start_that_failed_is_told_whatever_panel_was_left_in_hand(tmp_path: Path) -> None:
    settings.save_view(tmp_path, View(panel=PanelId.VITALS))
    engine = FakeEngine(Snapshot(mode="live"), EngineStatus(EnginePhase.FAILED, "the key may not trade"))
    app = cockpit(engine, settings_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.draw()
        assert "LIVE" in told(app, "strip")
        assert "ENGINE FAILED" in told(app, "strip")
        assert "the key may not trade" in told(app, "strip")


async def test_the_strip_is_the_same_while_nothing_but_the_clock_s_fraction_moves() -> None:
    engine = FakeEngine()
    app = cockpit(engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        engine.show(ts=NOW + 100_000_000)
        app.draw()
        before = {name: app.dashboard.query_one(f"#{name}", Panel).rows for name in app.dashboard.places}
        engine.show(ts=NOW + 200_000_000, market=msgspec.structs.replace(running().market, quotes=18_205))
        app.draw()
        changed = [name for name, rows in before.items() if app.dashboard.query_one(f"#{name}", Panel).rows != rows]
        assert changed == []


async def test_a_slow_frame_is_told_once_in_ten_seconds() -> None:
    class Slow(Clock):
        def __call__(self) -> float:
            self.now += 0.001
            return self.now

    clock = Slow()
    app = cockpit(FakeEngine(), clock)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.draw()
        app.draw()
        first = app.frame.draw_ms
        assert first > 0
        app.draw()
        assert app.frame.draw_ms == first


async def test_equity_of_the_journal_fills_the_chart_before_the_first_frames() -> None:
    engine = FakeEngine()
    engine.journal = [
        msgspec.json.encode(
            {"seq": n, "ts": NOW - (60 - n) * NS_PER_S, "kind": "equity", "equity": str(10_000 + n), "peak": "10020"}
        )
        for n in range(1, 50)
    ]
    app = cockpit(engine)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.draw()
        assert len(app.frame.history) > 3
        assert min(sample.low for sample in app.frame.history) == Decimal(10_001)


async def test_a_critical_error_is_told_where_its_panel_is_not_on_the_screen() -> None:
    app = cockpit(FakeEngine(critical()))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.draw()
        row = app.dashboard.query_one("#notice", Panel).rows[0]
        assert text_of(row).startswith(" ✗ CRITICAL on_order_filled: KeyError")
        assert row[0].ink is Ink.ALARM
        assert "a acknowledges" in text_of(row)
