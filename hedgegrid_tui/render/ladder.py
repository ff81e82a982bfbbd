"""The joined ladder by price: short rungs above, the market between, long rungs below, strays in place."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.numbers import NONE, distance_bps, fixed, gain
from hedgegrid_tui.render.reasons import THINNED, in_words
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit, fit_all, width_of
from strategy.domain import BPS, ZERO, DoorState, Leg, Reason
from strategy.snapshot import LotView, RungState, RungView, Snapshot

STATES: Final = {
    RungState.LIVE: Segment("● live", Ink.OK),
    RungState.IN_FLIGHT: Segment("◐ in-flight", Ink.WARN),
    RungState.CANCELLING: Segment("◌ cancelling", Ink.WARN),
    RungState.HELD: Segment("■ held", Ink.STRONG),
    RungState.GAP: Segment("○ gap", Ink.MUTED),
}
STRAY: Final = Segment("■ stray", Ink.STRONG)
TITLES: Final = ("rung", "price", "qty", "bps", "state", "TP", "stop", "PnL")
LEAST: Final = (4, 8, 5, 5, 12, 9, 9, 8)
"""Least width of each column, so that states that come and go move nothing."""
LEAST_NOTE: Final = 6
"""A note with less room than this is left out rather than cut to nothing."""
LEFT_ALIGNED: Final = (0, 4)


class _Entry(NamedTuple):
    price: Decimal
    cells: tuple[Segment, ...]
    """One for each title; fewer where there is no lot."""
    note: Row
    state: str


def size(snapshot: Snapshot) -> int:
    """Rows that the whole ladder takes, its titles included."""
    ladders = snapshot.ladders
    return len(_none_yet(snapshot)) + len(ladders.long) + len(ladders.short) + len(ladders.strays) + 2


def rows(frame: Frame, width: int, height: int) -> Rows:
    """The ladder around the market, with a mark for what does not fit above and below."""
    snapshot = frame.snapshot
    entries = sorted(_entries(snapshot), key=lambda entry: entry.price, reverse=True)
    middle = snapshot.market.mid if snapshot.market.mid is not None else snapshot.ladders.centre
    above = len(entries) if middle is None else sum(entry.price >= middle for entry in entries)
    widths = [
        max([least, *(len(entry.cells[column].text) for entry in entries if column < len(entry.cells))])
        for column, least in enumerate(LEAST)
    ]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= width else " "
    titles = tuple(Segment(title, Ink.FAINT) for title in TITLES)
    head = fit(_line(titles, widths, gap), width)
    if height < 3:
        return fit_all((_market(snapshot, width),), width, height)
    before = [_line(entry.cells, widths, gap, entry.note, width) for entry in entries[:above]]
    after = [_line(entry.cells, widths, gap, entry.note, width) for entry in entries[above:]]
    states = [entry.state for entry in entries]
    shown = _window([*before, _market(snapshot, width), *after], above, height - 1, states)
    return fit_all((head, *shown, *_none_yet(snapshot)), width, height)


def _none_yet(snapshot: Snapshot) -> Rows:
    """What an empty panel waits for."""
    if snapshot.ladders.long or snapshot.ladders.short:
        return ()
    waits = "entries may leave" if snapshot.state is not DoorState.RUNNING else "the market shows a price"
    return ((Segment(f"no ladder yet: it is built as soon as {waits}", Ink.MUTED),),)


def _entries(snapshot: Snapshot) -> list[_Entry]:
    ladders = snapshot.ladders
    found = [_rung(snapshot, rung) for rung in (*ladders.long, *ladders.short)]
    return found + [_stray(snapshot, lot) for lot in ladders.strays]


def _rung(snapshot: Snapshot, rung: RungView) -> _Entry:
    lot = rung.lot
    state = STATES[rung.state]
    held = lot is not None and rung.state is RungState.HELD
    qty = lot.qty if lot is not None and held else rung.qty
    cells = (*_place(snapshot, rung.leg, str(rung.level), rung.price, qty), state)
    note = _why(rung, snapshot)
    if lot is not None:
        cells = (*cells, *_exits(snapshot, lot))
        note = _protection(snapshot, lot) or note
    return _Entry(rung.price, cells, note, state.text)


def _stray(snapshot: Snapshot, lot: LotView) -> _Entry:
    cells = (*_place(snapshot, lot.leg, "", lot.entry, lot.qty), STRAY, *_exits(snapshot, lot))
    note = _protection(snapshot, lot) or (Segment(f"lot {lot.number}", Ink.MUTED),)
    return _Entry(lot.entry, cells, note, STRAY.text)


def _place(snapshot: Snapshot, leg: Leg, level: str, price: Decimal, qty: Decimal) -> tuple[Segment, ...]:
    tag = Segment(f"▲ L{level}", Ink.LONG) if leg is Leg.LONG else Segment(f"▼ S{level}", Ink.SHORT)
    return (
        tag,
        Segment(fixed(price, snapshot.price_decimals), tag.ink),
        Segment(fixed(qty, snapshot.qty_decimals)),
        Segment(distance_bps(price, snapshot.market.mid), Ink.MUTED),
    )


def _exits(snapshot: Snapshot, lot: LotView) -> tuple[Segment, ...]:
    take_profit, stop = (
        fixed(lot.take_profit, snapshot.price_decimals),
        fixed(lot.stop, snapshot.price_decimals),
    )
    return (
        Segment(take_profit if lot.tp_qty else "no TP", Ink.PLAIN if lot.tp_qty >= lot.qty else Ink.WARN),
        Segment(stop if lot.sl_qty else "✗ NO STOP", Ink.PLAIN if lot.sl_qty >= lot.qty else Ink.ALARM),
        gain(lot.unrealised),
    )


def _protection(snapshot: Snapshot, lot: LotView) -> Row:
    found: list[Segment] = []
    if ZERO < lot.sl_qty < lot.qty:
        found.append(Segment(f"stop covers {fixed(lot.sl_qty, snapshot.qty_decimals)}", Ink.ALARM))
    elif ZERO < lot.tp_qty < lot.qty:
        found.append(Segment(f"TP covers {fixed(lot.tp_qty, snapshot.qty_decimals)}", Ink.WARN))
    return tuple(found)


def _why(rung: RungView, snapshot: Snapshot) -> Row:
    if rung.reason is not None and not (rung.reason is Reason.OCCUPIED and rung.state is RungState.HELD):
        troubles = rung.state is RungState.GAP and rung.reason not in THINNED
        return (Segment(in_words(rung.reason, rung.detail), Ink.WARN if troubles else Ink.MUTED),)
    if rung.state is RungState.LIVE and rung.live_qty != rung.qty:
        shown, full = fixed(rung.live_qty, snapshot.qty_decimals), fixed(rung.qty, snapshot.qty_decimals)
        return (Segment(f"{shown} of {full} open", Ink.MUTED),)
    return (Segment(rung.detail, Ink.MUTED),) if rung.detail else ()


def _line(cells: Sequence[Segment], widths: Sequence[int], gap: str, note: Row = (), room: int = 0) -> Row:
    line: list[Segment] = []
    for column, (cell, taken) in enumerate(zip(cells, widths, strict=False)):
        spare = " " * (taken - len(cell.text))
        padded = cell.text + spare if column in LEFT_ALIGNED else spare + cell.text
        line += (*((Segment(gap),) if line else ()), Segment(padded, cell.ink))
    if note and len(cells) < len(widths):
        line[-1] = cells[-1]
    fits = room - width_of(tuple(line)) - len(gap) >= LEAST_NOTE
    return (*line, Segment(gap), *note) if note and fits else tuple(line)


def _market(snapshot: Snapshot, width: int) -> Row:
    market, decimals = snapshot.market, snapshot.price_decimals
    if market.bid is None or market.ask is None or market.mid is None:
        return fit((Segment("── no market yet ".ljust(width, "─"), Ink.MARKET),), width)
    mid = market.mid
    spread = fixed((market.ask - market.bid) / mid * BPS, 2) if mid else NONE
    ladders = snapshot.ladders
    texts = [
        f"── mid {fixed(mid, decimals + 1)} ",
        f"─ bid {fixed(market.bid, decimals)} ask {fixed(market.ask, decimals)} ",
        f"─ spread {spread} bps ",
        f"─ mark {fixed(market.mark, decimals)} " if market.mark is not None else "",
        f"─ centre {fixed(ladders.centre, decimals)} " if ladders.centre is not None else "",
        f"─ step {fixed(ladders.step, decimals)} " if ladders.step is not None else "",
    ]
    line = texts[0]
    for text in texts[1:]:
        if len(line) + len(text) > width:
            break
        line += text
    return fit((Segment(line.ljust(width, "─"), Ink.MARKET),), width)


def _window(lines: list[Row], market: int, height: int, states: Sequence[str]) -> list[Row]:
    if len(lines) <= height:
        return lines
    if height < 3:
        return [
            lines[market],
            (Segment(f"{market} more above, {len(lines) - market - 1} below", Ink.MUTED),),
        ][:height]
    start = min(max(0, market - height // 2), len(lines) - height)
    end = start + height
    shown = lines[start:end]
    if start:
        shown[0] = _more("▲", start + 1, "above", states[: start + 1])
    if end < len(lines):
        hidden = len(lines) - end + 1
        shown[-1] = _more("▼", hidden, "below", states[-hidden:])
    return shown


def _more(glyph: str, number: int, where: str, states: Sequence[str]) -> Row:
    words = [state.split(" ", 1)[1] for state in states]
    tally = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
    return (Segment(f"{glyph} {number} more {where}: {tally}", Ink.MUTED),)
