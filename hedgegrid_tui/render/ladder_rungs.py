"""Rungs and strays as rows of the ladder: what rests or is held there, its exits, and why where something is amiss."""

from typing import Final

from hedgegrid_tui.render.frame import protection
from hedgegrid_tui.render.ladder_columns import Column, age_text, bare, set_line
from hedgegrid_tui.render.ladder_lines import FreshFill
from hedgegrid_tui.render.ladder_sheet import Sheet, tag
from hedgegrid_tui.render.numbers import NONE, gain
from hedgegrid_tui.render.reasons import THINNED, in_words
from hedgegrid_tui.render.rows import Ink, Row, Segment
from strategy.domain import ZERO, Leg, Reason, Role
from strategy.snapshot import LotView, RungState, RungView, Snapshot

STATES: Final = {
    RungState.LIVE: Segment("● live", Ink.OK),
    RungState.IN_FLIGHT: Segment("◐ in-flight", Ink.WARN),
    RungState.CANCELLING: Segment("◌ cancelling", Ink.WARN),
    RungState.HELD: Segment("■ held", Ink.STRONG),
    RungState.GAP: Segment("○ gap", Ink.MUTED),
}
STRAY: Final = Segment("■ stray", Ink.STRONG)
NO_STOP: Final = "NO STOP"
PART_STOP: Final = "PART STOP"
STOP_DUE: Final = "! stop due"
NO_TP: Final = "no TP"
PART_TP: Final = "part TP"
HANGING: Final = frozenset({RungState.IN_FLIGHT, RungState.CANCELLING})
"""States that should not last: their age is told by the second."""
ROLES: Final = {Role.ENTRY: "entry", Role.TP: "TP", Role.SL: "stop", Role.CLOSE: "close"}
_BETWEEN: Final = Segment(" · ", Ink.FAINT)


def rung_row(sheet: Sheet, rung: RungView, fill: FreshFill | None) -> Row:
    """A rung, with the lot that occupies it, if any."""
    lot, name = rung.lot, tag(rung.leg, f"L{rung.level}" if rung.leg is Leg.LONG else f"S{rung.level}")
    quantity, of = _quantity(sheet, rung)
    cells = {
        Column.RUNG: name,
        Column.PRICE: Segment(sheet.price(rung.price), name.ink),
        Column.AWAY: sheet.away(rung.price),
        Column.QTY: quantity,
        Column.STATE: STATES[rung.state],
        Column.AGE: _age(sheet.snapshot, rung),
    }
    note = _why(rung) or of
    if lot is not None:
        cells |= _exits(sheet, lot)
        note = _cover(sheet, lot) or note
    return set_line(
        cells, sheet.columns, sheet.width, note=_joined(note, _filled(fill, rung.leg)), filled=fill is not None
    )


def stray_row(sheet: Sheet, lot: LotView, fill: FreshFill | None) -> Row:
    """A held lot that belongs to no rung."""
    name = tag(lot.leg, "L" if lot.leg is Leg.LONG else "S")
    cells = {
        Column.RUNG: name,
        Column.PRICE: Segment(sheet.price(lot.entry), name.ink),
        Column.AWAY: sheet.away(lot.entry),
        Column.QTY: Segment(sheet.qty(lot.qty)),
        Column.STATE: STRAY,
        Column.AGE: Segment(_since(sheet.snapshot, lot.opened_ns), Ink.MUTED),
        **_exits(sheet, lot),
    }
    note = _cover(sheet, lot) or (Segment(f"lot {lot.number}", Ink.MUTED),)
    return set_line(
        cells, sheet.columns, sheet.width, note=_joined(note, _filled(fill, lot.leg)), filled=fill is not None
    )


def _quantity(sheet: Sheet, rung: RungView) -> tuple[Segment, Row]:
    """What there is of what is wanted; in words where the column has no room for both."""
    if rung.state is RungState.GAP:
        return Segment(sheet.qty(rung.qty), Ink.FAINT), ()
    is_held = rung.state is RungState.HELD and rung.lot is not None
    there = rung.lot.qty if is_held and rung.lot is not None else rung.live_qty
    if rung.state is RungState.IN_FLIGHT and not there:
        there = rung.qty
    if there == rung.qty:
        return Segment(sheet.qty(there)), ()
    if sheet.columns.pairs:
        return Segment(f"{sheet.qty(there)}/{sheet.qty(rung.qty)}"), ()
    words = f"{sheet.qty(there)} of {sheet.qty(rung.qty)} {'held' if is_held else 'open'}"
    return Segment(sheet.qty(there)), (Segment(words, Ink.MUTED),)


def _age(snapshot: Snapshot, rung: RungView) -> Segment:
    if rung.state is RungState.GAP:
        return Segment("")
    if rung.state is RungState.HELD:
        return Segment(_since(snapshot, 0 if rung.lot is None else rung.lot.opened_ns), Ink.MUTED)
    hangs = rung.state in HANGING
    return Segment(_since(snapshot, rung.sent_ns, exact=hangs), Ink.WARN if hangs else Ink.MUTED)


def _since(snapshot: Snapshot, began_ns: int, *, exact: bool = False) -> str:
    return age_text(snapshot.ts - began_ns, exact=exact) if began_ns else NONE


def _exits(sheet: Sheet, lot: LotView) -> dict[Column, Segment]:
    """A lot's exits and profit; what is not covered takes the place of the state."""
    uncovered = bare(lot)
    # A stop on its way is no alarm yet; that the leg as a whole is covered is no comfort for this lot.
    grave = Ink.WARN if uncovered and protection(sheet.snapshot.leg(lot.leg)) is Ink.WARN else Ink.ALARM
    has_tp, has_stop = lot.tp_qty > ZERO, lot.sl_qty > ZERO
    cells = {
        Column.TP: Segment(
            sheet.price(lot.take_profit) if has_tp else NO_TP, Ink.PLAIN if lot.tp_qty >= lot.qty else Ink.WARN
        ),
        Column.TP_AWAY: sheet.away(lot.take_profit) if has_tp else Segment(""),
        Column.STOP: Segment(sheet.price(lot.stop) if has_stop else NO_STOP, grave if uncovered else Ink.PLAIN),
        Column.STOP_AWAY: sheet.away(lot.stop) if has_stop else Segment(""),
        Column.PNL: gain(lot.unrealised),
    }
    if uncovered:
        words = STOP_DUE if grave is Ink.WARN else f"✗ {PART_STOP if has_stop else NO_STOP}"
        cells[Column.STATE] = Segment(words, grave)
    elif lot.tp_qty < lot.qty:
        cells[Column.STATE] = Segment(f"! {PART_TP if has_tp else NO_TP}", Ink.WARN)
    return cells


def _cover(sheet: Sheet, lot: LotView) -> Row:
    """How much of a lot its exits cover, where it is some of it only."""
    for name, covered, ink in (("stop", lot.sl_qty, Ink.ALARM), ("TP", lot.tp_qty, Ink.WARN)):
        if ZERO < covered < lot.qty:
            return (Segment(f"{name} covers {sheet.qty(covered)} of {sheet.qty(lot.qty)}", ink),)
    return ()


def _why(rung: RungView) -> Row:
    if rung.reason is not None and not (rung.reason is Reason.OCCUPIED and rung.state is RungState.HELD):
        troubles = rung.state is RungState.GAP and rung.reason not in THINNED
        return (Segment(in_words(rung.reason, rung.detail), Ink.WARN if troubles else Ink.MUTED),)
    return (Segment(rung.detail, Ink.MUTED),) if rung.detail else ()


def _filled(fill: FreshFill | None, leg: Leg) -> Row:
    if fill is None:
        return ()
    latest = fill.latest
    others = f", +{fill.number - 1}" if fill.number > 1 else ""
    age = f"{fill.age_s} s ago" if fill.age_s else "now"
    own = latest.leg is leg and latest.role is Role.ENTRY
    what = "" if own else f"{latest.leg} {ROLES[latest.role]} "
    return (Segment(f"{what}filled {age}{others}", Ink.STRONG),)


def _joined(*notes: Row) -> Row:
    told = [note for note in notes if note]
    return tuple(segment for number, note in enumerate(told) for segment in ((_BETWEEN,) if number else ()) + note)
