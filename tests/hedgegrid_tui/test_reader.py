"""Pages above the dashboard: scrolling, searching, keys that work through them, and how they are left."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from hedgegrid_tui.app import HedgeGridApp
from hedgegrid_tui.render import strip
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.keys import Keys
from hedgegrid_tui.render.rows import Ink, Rows, Segment, fit, text_of
from hedgegrid_tui.render.searching import marked, matches
from hedgegrid_tui.screens.reader import VITAL, Reader
from hedgegrid_tui.widgets.panel import Panel
from strategy.control import Command, CommandName, Result
from strategy.snapshot import EnginePhase, EngineStatus
from tests.hedgegrid_tui.fakes import FakeEngine, cockpit, halted

LINES = 100


class At:
    """A page of numbered lines under test."""

    def __init__(self, app: HedgeGridApp, engine: FakeEngine, pilot: Pilot[int], page: Reader) -> None:
        self.app, self.engine, self.pilot, self.page = app, engine, pilot, page

    async def press(self, *keys: str) -> "At":
        for key in keys:
            await self.pilot.press(key)
            await self.pilot.pause()
        return self

    @property
    def rows(self) -> Rows:
        return self.page.query_one(Panel).rows

    @property
    def vital(self) -> list[str]:
        return [text_of(row).strip() for row in self.rows[:VITAL]]

    @property
    def first(self) -> str:
        return text_of(self.rows[VITAL]).strip()

    @property
    def foot(self) -> str:
        return text_of(self.rows[-1]).strip()

    @property
    def is_open(self) -> bool:
        return self.app.screen is self.page


def numbered(frame: Frame, width: int) -> Rows:
    """A hundred lines; every tenth is round."""
    return tuple(fit((Segment(f"line {at}{' ROUND' if at % 10 == 0 else ''}"),), width) for at in range(LINES))


@asynccontextmanager
async def reading(*, from_end: bool = False, keys: Keys | None = None) -> AsyncIterator[At]:
    engine = FakeEngine()
    app = cockpit(engine)
    async with app.run_test(size=(80, 24)) as pilot:
        page = Reader("Page", numbered, Frame() if keys is None else Frame(keys=keys), from_end=from_end)
        await app.push_screen(page)
        await pilot.pause()
        yield At(app, engine, pilot, page)


async def test_a_page_tells_where_in_it_one_is() -> None:
    async with reading() as at:
        assert at.first == "line 0 ROUND"
        assert at.foot.startswith("↑ 0 · ↓ 81")
        await at.press("down", "j", "pagedown", "space")
        assert at.first == "line 32"
        await at.press("up", "k", "pageup", "b")
        assert at.first == "line 0 ROUND"
        await at.press("end")
        assert at.foot.startswith("↑ 81 · ↓ 0")
        await at.press("g")
        assert at.first == "line 0 ROUND"


async def test_mode_state_profit_and_alarms_stay_in_view_above_a_page() -> None:
    async with reading() as at:
        at.page.show(Frame(snapshot=halted(), status=EngineStatus(EnginePhase.RUNNING)))
        assert at.vital[0].startswith("SIMULATED")
        assert "■ HALTED" in at.vital[0]
        assert at.vital[1].startswith("PnL")
        assert at.first == "line 0 ROUND"


async def test_a_page_on_a_very_low_screen_keeps_its_rows_for_itself() -> None:
    async with reading() as at:
        await at.pilot.resize_terminal(80, 9)
        await at.pilot.pause()
        assert text_of(at.rows[0]).strip() == "line 0 ROUND"


async def test_a_page_that_cannot_be_drawn_says_so_and_lets_itself_be_left() -> None:
    def broken(frame: Frame, width: int) -> Rows:
        raise ZeroDivisionError("no lines")

    app = cockpit()
    async with app.run_test(size=(80, 24)) as pilot:
        page = Reader("Page", broken, Frame(), from_end=False)
        await app.push_screen(page)
        await pilot.press("down", "slash", "x", "enter", "n", "escape")
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        told = " ".join(text_of(row) for row in page.query_one(Panel).rows)
        assert "✗ the page cannot be drawn: ZeroDivisionError: no lines" in told
        app.draw()
        assert "ZeroDivisionError" in app.frame.message.text
        await pilot.press("escape")
        assert app.screen is app.dashboard


async def test_a_strip_that_cannot_be_drawn_leaves_the_page_to_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Rows:
        raise ZeroDivisionError("no strip")

    async with reading() as at:
        monkeypatch.setattr(strip, "rows", broken)
        assert [str(error) for error in at.page.show(Frame())] == ["no strip"]
        assert at.vital[0] == "✗ the strip cannot be drawn: ZeroDivisionError: no strip"
        assert at.first == "line 0 ROUND"


async def test_a_receipt_that_grows_older_is_no_news_in_the_foot_of_a_page() -> None:
    said = Frame(message=Segment("pause: ✓ done · 1 min ago"))
    app = cockpit()
    async with app.run_test(size=(80, 24)) as pilot:
        page = Reader("Page", numbered, said, from_end=False)
        await app.push_screen(page)
        await pilot.pause()
        page.show(Frame(message=Segment("pause: ✓ done · 2 min ago")))
        assert "pause" not in text_of(page.query_one(Panel).rows[-1])
        page.show(Frame(message=Segment("resume: ✓ done")))
        assert "resume: ✓ done" in text_of(page.query_one(Panel).rows[-1])


async def test_a_search_goes_to_its_first_place_while_it_is_typed_and_marks_it() -> None:
    async with reading() as at:
        await at.press("slash")
        assert at.foot.startswith("/_")
        await at.press(*"rou")
        assert at.foot.startswith("/rou_  1 of 10")
        assert at.first == "line 0 ROUND"
        assert [segment.text for segment in at.rows[VITAL] if segment.ink is Ink.MARKET] == ["ROU"]
        await at.press("backspace", "backspace", "backspace", *"line 42")
        assert "/line 42_  1 of 1" in at.foot
        assert any("line 42" in text_of(row) for row in at.rows)


async def test_letters_of_a_search_do_nothing_else() -> None:
    async with reading() as at:
        await at.press("slash", *"pqrla?nN")
        assert at.is_open
        assert at.engine.commands == []
        assert at.foot.startswith("/pqrla?nN_  nothing found")


async def test_next_and_previous_go_round_the_page() -> None:
    async with reading() as at:
        await at.press("slash", *"round", "enter")
        for place in (2, 3):
            await at.press("n")
            assert f"{place} of 10" in at.foot
        await at.press("N", "N")
        assert "1 of 10" in at.foot
        await at.press("N")
        assert "10 of 10" in at.foot
        assert any("line 90" in text_of(row) for row in at.rows)
        await at.press("n")
        assert "1 of 10" in at.foot


async def test_a_search_that_ends_above_the_view_goes_back_to_its_last_place() -> None:
    async with reading(from_end=True) as at:
        assert at.first == "line 81"
        await at.press("slash", *"line 1")
        assert "11 of 11" in at.foot  # line 1 and line 10 to line 19
        assert any("line 19" in text_of(row) for row in at.rows)


async def test_next_without_a_search_moves_nothing() -> None:
    async with reading() as at:
        await at.press("down", "n", "N")
        assert at.first == "line 1"


async def test_escape_clears_the_search_first_and_then_closes() -> None:
    async with reading() as at:
        await at.press("slash", *"round", "escape")
        assert "/" not in at.foot.split("·")[0]
        assert at.is_open
        await at.press("slash", *"round", "enter", "escape")
        assert at.is_open
        assert not any(segment.ink is Ink.MARKET for row in at.rows for segment in row)
        await at.press("escape")
        assert not at.is_open


@pytest.mark.parametrize("key", ["escape", "q", "question_mark", "r", "l", "enter", "ctrl+c", "ctrl+q"])
async def test_every_key_that_opens_or_leaves_closes_a_page(key: str) -> None:
    async with reading() as at:
        await at.press(key)
        assert not at.is_open


async def test_the_trader_s_own_key_for_a_page_closes_it_too() -> None:
    async with reading(keys=Keys({"help": ("h",)})) as at:
        await at.press("h")
        assert not at.is_open


async def test_pause_works_through_a_page() -> None:
    async with reading() as at:
        await at.press("p")
        assert at.engine.commands == [Command(CommandName.PAUSE)]
        assert at.is_open


async def test_the_receipt_of_an_act_is_told_in_the_foot_of_the_page_that_covers_the_status_line() -> None:
    async with reading() as at:
        assert "pause" not in at.foot
        await at.press("p")
        at.app.draw()
        assert at.foot.startswith("pause: sent, waiting for its receipt")
        at.engine.answer(Result.DONE)
        at.app.draw()
        assert at.foot.startswith("pause: ✓ done")


async def test_a_page_that_follows_its_end_stays_there_and_one_that_was_scrolled_keeps_its_place() -> None:
    async with reading(from_end=True) as at:
        await at.press("up")
        at.page.show(Frame())
        assert at.first == "line 80 ROUND"
        await at.press("end", "home")
        at.page.show(Frame())
        assert at.first == "line 0 ROUND"


def test_matches_are_found_and_marked_in_whatever_case_across_inks() -> None:
    row = (Segment("Stop", Ink.WARN), Segment("ped, stop", Ink.PLAIN))
    assert matches([row, (Segment("go"),)], "STOPP") == (0,)
    assert matches([row], "") == ()
    assert marked(row, "stopp") == (
        Segment("Stopp", Ink.MARKET),
        Segment("ed, stop", Ink.PLAIN),
    )
    assert marked(row, "stop") == (
        Segment("Stop", Ink.MARKET),
        Segment("ped, ", Ink.PLAIN),
        Segment("stop", Ink.MARKET),
    )
    assert marked(row, "") == marked(row, "zzz") == row
