"""What stands on the ladder beside rungs and strays: the market, averages, liquidation prices, and what is hidden."""

from decimal import Decimal
from typing import Final

from hedgegrid_tui.render.ages import age
from hedgegrid_tui.render.ladder_columns import Column, away, bare, set_line
from hedgegrid_tui.render.ladder_lines import Line, Mark, MarkKind
from hedgegrid_tui.render.ladder_rungs import STATES, STRAY
from hedgegrid_tui.render.ladder_sheet import Sheet, tag
from hedgegrid_tui.render.numbers import NONE, count, fixed, gain, signed
from hedgegrid_tui.render.rows import Ink, Row, Segment, fit, width_of
from strategy.domain import BPS, PERCENT, Leg
from strategy.snapshot import RungView, Snapshot

MARKS_FIRST: Final = (MarkKind.MARKET, MarkKind.LIQUIDATION, MarkKind.AVERAGE, MarkKind.MARK_PRICE)
"""Of the marks that are hidden beyond an end, which is told first."""


def mark_row(sheet: Sheet, price: Decimal, mark: Mark) -> Row:
    """What is marked at a price."""
    match mark.kind:
        case MarkKind.AVERAGE if mark.leg is not None:
            return _average(sheet, price, mark.leg)
        case MarkKind.LIQUIDATION if mark.leg is not None:
            return _liquidation(sheet, price, mark.leg)
        case MarkKind.MARK_PRICE:
            words = [f"mark {sheet.price(price)} ", f"╌ {away(price, sheet.snapshot.market.mid)} bps from the mid "]
            return ruler(sheet, words, "╌", 0, Ink.PLAIN)
        case _:
            return market_row(sheet)


def _average(sheet: Sheet, price: Decimal, leg: Leg) -> Row:
    view, name = sheet.snapshot.leg(leg), tag(leg, "avg")
    cells = {
        Column.RUNG: name,
        Column.PRICE: Segment(sheet.price(price), name.ink),
        Column.AWAY: sheet.away(price),
        Column.QTY: Segment(sheet.qty(view.qty), name.ink),
        Column.STATE: Segment(f"◇ avg {leg}", name.ink),
        Column.PNL: gain(view.unrealised),
    }
    return set_line(cells, sheet.columns, sheet.width, note=(Segment(count(view.lots, "lot"), Ink.MUTED),))


def _liquidation(sheet: Sheet, price: Decimal, leg: Leg) -> Row:
    name = tag(leg, "liq")
    rungs = sheet.snapshot.ladders.long if leg is Leg.LONG else sheet.snapshot.ladders.short
    inside = any(leg.sign * (rung.price - price) <= 0 for rung in rungs)
    ink = Ink.ALARM if inside else Ink.WARN
    words = [Segment(liquidation_words(sheet.snapshot, price, leg), ink)]
    words.append(
        Segment(" ✗ INSIDE THE LADDER ", ink) if inside else Segment(f" once all {leg} entries fill", Ink.MUTED)
    )
    cells = {
        Column.RUNG: name,
        Column.PRICE: Segment(sheet.price(price), ink),
        Column.AWAY: sheet.away(price),
    }
    return set_line(cells, sheet.columns, sheet.width, note=tuple(words))


def liquidation_words(snapshot: Snapshot, price: Decimal, leg: Leg) -> str:
    """That the account would be liquidated there, and how far away that is."""
    mid = snapshot.market.mid
    far = f" ({signed((price - mid) / mid * PERCENT, 1)} %)" if mid else ""
    return f"{leg} liquidation est.{far}"


def market_row(sheet: Sheet) -> Row:
    """The row that moves through the ladder."""
    market, ladders, decimals = sheet.snapshot.market, sheet.snapshot.ladders, sheet.snapshot.price_decimals
    if market.bid is None or market.ask is None or market.mid is None:
        return fit((Segment("── no market yet ".ljust(sheet.width, "─"), Ink.MARKET),), sheet.width)
    mid = market.mid
    spread = fixed((market.ask - market.bid) / mid * BPS, 2) if mid else NONE
    words = [
        f"mid {fixed(mid, decimals + 1)} ",
        f"─ ! {age(sheet.feed_age)} OLD " if sheet.feed_age is not None else "",
        f"─ bid {fixed(market.bid, decimals)} ask {fixed(market.ask, decimals)} ",
        f"─ spread {spread} bps ",
        f"─ mark {fixed(market.mark, decimals)} " if market.mark is not None else "",
        f"─ centre {fixed(ladders.centre, decimals)} " if ladders.centre is not None else "",
        f"─ step {fixed(ladders.step, decimals)} " if ladders.step is not None else "",
    ]
    jut = 1 if decimals > 0 else 2
    return ruler(sheet, words, "─", jut, Ink.MARKET if sheet.feed_age is None else Ink.STALE)


def ruler(sheet: Sheet, words: list[str], fill: str, jut: int, ink: Ink) -> Row:
    """Words on a line across; the first ends in a price, which stands in the column of prices and `jut` beyond it."""
    line = f"{fill} {words[0]}".rjust(sheet.columns.until(Column.PRICE) + jut + 1, fill)
    for text in words[1:]:
        if len(line) + len(text) > sheet.width:
            break
        line += text
    return fit((Segment(line.ljust(sheet.width, fill), ink),), sheet.width)


def more(sheet: Sheet, glyph: str, where: str, hidden: tuple[Line, ...]) -> Row:
    """What stands beyond an end of the window; what matters most comes first."""
    found = [line.what for line in hidden if not isinstance(line.what, Mark)]
    row: list[Segment] = [Segment(f"{glyph} {len(found)} more {where}", Ink.MUTED)]
    uncovered = sum(
        what is not None and bare(what) for what in (w.lot if isinstance(w, RungView) else w for w in found)
    )
    if uncovered:
        row.append(Segment(f"  ✗ {uncovered} NOT COVERED ", Ink.ALARM))
    marks = [(line.what, line.price) for line in hidden if isinstance(line.what, Mark)]
    for mark, price in sorted(marks, key=lambda each: MARKS_FIRST.index(each[0].kind)):
        row += (Segment("  "), _hidden_mark(sheet, price, mark))
    names = [STATES[what.state].text if isinstance(what, RungView) else STRAY.text for what in found]
    words = [name.split(" ", 1)[1] for name in names]
    tally = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
    if tally:
        row.append(Segment(f"{': ' if len(row) == 1 else '  '}{tally}", Ink.MUTED))
    spare = sheet.width - width_of(tuple(row))
    far = f", to {sheet.price((hidden[0] if where == 'above' else hidden[-1]).price)}"
    if len(far) <= spare and found:
        row.append(Segment(far, Ink.MUTED))
    return fit(tuple(row), sheet.width)


def _hidden_mark(sheet: Sheet, price: Decimal, mark: Mark) -> Segment:
    snapshot, shown = sheet.snapshot, sheet.price(price)
    if mark.kind is MarkKind.LIQUIDATION and mark.leg is not None:
        return Segment(f"{tag(mark.leg, 'liq')[0]} {shown}", Ink.WARN)
    if mark.kind is MarkKind.AVERAGE and mark.leg is not None:
        name = tag(mark.leg, "avg")
        return Segment(f"{name.text} {shown}", name.ink)
    if mark.kind is MarkKind.MARK_PRICE:
        return Segment(f"mark {shown}", Ink.PLAIN)
    mid = snapshot.market.mid
    return Segment(
        f" mid {fixed(mid, snapshot.price_decimals + 1)} " if mid is not None else " no market yet ", Ink.MARKET
    )
