"""The joined ladder by price: short rungs above, the market moving through, long rungs below, strays in place."""

from typing import Final

from hedgegrid_tui.render import ladder_window as window
from hedgegrid_tui.render.frame import FEED_OLD_AFTER_S, Frame
from hedgegrid_tui.render.ladder_columns import columns, header
from hedgegrid_tui.render.ladder_lines import FreshFill, Line, Lines, fresh_fills, lines
from hedgegrid_tui.render.ladder_marks import mark_row, market_row, more
from hedgegrid_tui.render.ladder_rungs import rung_row, stray_row
from hedgegrid_tui.render.ladder_sheet import Sheet
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit, fit_all
from hedgegrid_tui.render.view import PanelId
from strategy.domain import DoorState
from strategy.snapshot import LotView, RungView, Snapshot

LEAST_WITH_HEADER: Final = 4
"""Rows from which on the columns have titles."""
LEAST_WITH_ENDS: Final = 3
"""Rows from which on what is hidden is told above and below."""


def rows(frame: Frame, width: int, height: int) -> Rows:
    """The ladder around the market, or what the reader scrolled to, with a mark for what is hidden above and below."""
    if width <= 0 or height <= 0:
        return ()
    snapshot = frame.snapshot
    found = lines(snapshot)
    age = frame.feed_age
    old = age is not None and (age > FEED_OLD_AFTER_S or frame.stale)
    sheet = Sheet(snapshot, columns(snapshot, found, width), width, age if old else None)
    waits = _none_yet(snapshot)[: height - 1]
    body = _body(height) - len(waits)
    head = (header(sheet.columns, width),) if height >= LEAST_WITH_HEADER else ()
    return (*head, *_shown(frame, sheet, found, body), *fit_all(waits, width, height))


def scrolled(frame: Frame, height: int, by: int) -> int:
    """The offset after scrolling by so many rungs in a panel of that height; positive is towards higher prices.

    Begins from what is on the screen, stops at either end, and is 0 where that shows the market as it rests.
    """
    found = lines(frame.snapshot)
    body, total = _body(height) - len(_none_yet(frame.snapshot)), len(found.all)
    if not found.rungs or total <= body or not by:
        return 0
    before = _start(frame, found, body)
    rung = window.moved(found.rungs, total, body, before, by)
    start = window.within(found.rungs[rung] - body // 2, total, body)
    rests = window.within(window.at_rest(total, body, found.market, found.centre), total, body)
    # A step over the market's own line, or over a mark, comes to rest on it.
    passed = abs(by) == 1 and min(before, start) < rests < max(before, start)
    return 0 if start == rests or passed else window.offset_of(found.rungs_above, rung)


def _body(height: int) -> int:
    return height - 1 if height >= LEAST_WITH_HEADER else height


def _start(frame: Frame, found: Lines, height: int) -> int:
    offset, total = frame.view.offset(PanelId.LADDER), len(found.all)
    if not offset or not found.rungs:
        return window.within(window.at_rest(total, height, found.market, found.centre), total, height)
    rung = window.scrolled_to(found.rungs, found.rungs_above, offset)
    return window.within(found.rungs[rung] - height // 2, total, height)


def _shown(frame: Frame, sheet: Sheet, found: Lines, height: int) -> list[Row]:
    total = len(found.all)
    if height < LEAST_WITH_ENDS and total > height:
        market = market_row(sheet)
        below = total - found.market - 1
        ends = fit((Segment(f"{found.market} more above, {below} below", Ink.MUTED),), sheet.width)
        return [market, ends][:height]
    start = _start(frame, found, height)
    end = min(total, start + height)
    first, last = start + (start > 0), end - (end < total)
    snapshot = frame.snapshot
    fills = fresh_fills(frame.fills, snapshot.ts, snapshot.ladders.step, found)
    shown = [_row(sheet, found.all[index], fills.get(index)) for index in range(first, last)]
    if first:
        shown.insert(0, more(sheet, "↑", "above", found.all[:first]))
    if last < total:
        shown.append(more(sheet, "↓", "below", found.all[last:]))
    return shown


def _row(sheet: Sheet, line: Line, fill: FreshFill | None) -> Row:
    what = line.what
    if isinstance(what, RungView):
        return rung_row(sheet, what, fill)
    return stray_row(sheet, what, fill) if isinstance(what, LotView) else mark_row(sheet, line.price, what)


def _none_yet(snapshot: Snapshot) -> Rows:
    """What an empty panel waits for."""
    if snapshot.ladders.long or snapshot.ladders.short:
        return ()
    waits = "entries may leave" if snapshot.state is not DoorState.RUNNING else "the market shows a price"
    return ((Segment(f"no ladder yet: it is built as soon as {waits}", Ink.MUTED),),)
