"""Both legs in full: what is held, what covers it, how much of the cap is used, what happens once all of it fills."""

from typing import Final

from hedgegrid_tui.render.conditions import share_text
from hedgegrid_tui.render.frame import Frame, leg_mark, protection
from hedgegrid_tui.render.numbers import NONE, count, fixed, gain, percent
from hedgegrid_tui.render.ranked import Ranked, fitted
from hedgegrid_tui.render.risk import NOT_YET, liquidation, liquidation_text, used
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, ends, fit, fit_all, width_of
from hedgegrid_tui.render.strip import bar, covered
from strategy.domain import ZERO, Leg
from strategy.snapshot import LegView, Snapshot

BESIDE: Final = 84
"""From this width on the legs stand beside each other."""
CAP_USED: Final = "cap used"
BAR, LEAST_BAR = 8, 3
"""Cells of the bar of what is used; long figures leave it fewer."""
BETWEEN: Final = (Segment(" │ ", Ink.FAINT),)


def rows(frame: Frame, width: int, height: int) -> Rows:
    """Long above short, beside it where there is room; a low panel leaves out what it can spare, in both alike."""
    snapshot = frame.snapshot
    if not snapshot.seq:
        return fit_all((NOT_YET,), width, height)
    if width >= BESIDE:
        half = (width - 3) // 2
        long, short = (fitted(_leg(snapshot, leg, half), half, height) for leg in (snapshot.long, snapshot.short))
        return tuple(fit((*left, *BETWEEN, *right), width) for left, right in zip(long, short, strict=False))
    lower = height // 2
    upper = fitted(_leg(snapshot, snapshot.long, width), width, height - lower)
    return (*upper, *fitted(_leg(snapshot, snapshot.short, width), width, lower))


def _leg(snapshot: Snapshot, leg: LegView, width: int) -> list[Ranked]:
    return [
        Ranked(0, _held(snapshot, leg, width)),
        Ranked(0, _protected(snapshot, leg, width)),
        Ranked(2, _unrealised(snapshot, leg), "unrealised"),
        Ranked(1, _cap(snapshot, leg, width - len(CAP_USED) - 1), CAP_USED),
        Ranked(4, (Segment(_all_filled(snapshot, leg)),), "if all fill"),
        Ranked(3, (_liquidation(snapshot, leg.leg),), "liquidation"),
        Ranked(5, _orders(leg), "orders"),
    ]


def _held(snapshot: Snapshot, leg: LegView, width: int) -> Row:
    held = f"{fixed(leg.qty, snapshot.qty_decimals)} {snapshot.base}".rstrip()
    if leg.average is not None and leg.qty:
        held += f" @ {fixed(leg.average, snapshot.price_decimals)}"
    return ends((leg_mark(leg.leg),), (Segment(held, Ink.STRONG if leg.qty else Ink.MUTED),), width)


def _protected(snapshot: Snapshot, leg: LegView, width: int) -> Row:
    """Quantity and share that stops cover, and what of it has a take-profit; an alarm says what is bare."""
    label, ink = Segment("stops ", Ink.MUTED), protection(leg)
    if leg.qty > ZERO and ink is Ink.OK:
        quantities = f"{fixed(leg.sl_qty, snapshot.qty_decimals)} of {fixed(leg.qty, snapshot.qty_decimals)}"
        profit = Segment(f"TP {percent(leg.tp_qty, leg.qty)} %", Ink.MUTED if leg.tp_qty >= leg.qty else Ink.WARN)
        share = percent(leg.sl_qty, leg.qty)
        told: list[Row] = [
            (Segment(words, ink), profit) for words in (f"✓ {quantities}, {share} % · ", f"✓ {share} % · ")
        ]
    else:
        whole = covered(leg, snapshot.qty_decimals)
        bare = f" ✗ UNPROTECTED {fixed(leg.qty - leg.sl_qty, snapshot.qty_decimals)} "
        told = [(whole,), (Segment(bare, ink) if ink is Ink.ALARM else whole,)]
    value = next((value for value in told if width_of((label, *value)) <= width), told[-1])
    return ends((label,), value, width)


def _unrealised(snapshot: Snapshot, leg: LegView) -> Row:
    worth = f"on {fixed(leg.notional, 2)} {snapshot.currency}".rstrip()
    return (Segment(f"{worth}  ", Ink.MUTED), gain(leg.unrealised))


def _cap(snapshot: Snapshot, leg: LegView, width: int) -> Row:
    caps = snapshot.risk.caps
    worst = caps.long_worst if leg.leg is Leg.LONG else caps.short_worst
    ink = Ink.LONG if leg.leg is Leg.LONG else Ink.SHORT
    share = (Segment(f" {percent(worst, caps.leg_cap)} %", Ink.MUTED),) if caps.leg_cap else ()
    told: Row = (Segment(" "), used(worst, caps.leg_cap, 0), *share)
    cells = max(LEAST_BAR, min(BAR, width - width_of(told)))
    return (*bar(leg.notional, worst, caps.leg_cap, ink, cells), *told)


def _all_filled(snapshot: Snapshot, leg: LegView) -> str:
    """Quantity and average entry once every entry that rests or is in flight has filled."""
    qty = leg.qty + leg.open_entry_qty
    if qty <= ZERO:
        return NONE
    paid = (leg.average or ZERO) * leg.qty + leg.open_entry_notional
    held = f"{fixed(qty, snapshot.qty_decimals)} {snapshot.base}".rstrip()
    return f"{held} @ {fixed(paid / qty, snapshot.price_decimals)}"


def _liquidation(snapshot: Snapshot, leg: Leg) -> Segment:
    known = liquidation(snapshot, leg) is not None
    return Segment(liquidation_text(snapshot, leg), Ink.PLAIN if known else Ink.MUTED)


def _orders(leg: LegView) -> Row:
    share = f"ladder {share_text(leg.ladder_share)} · " if leg.ladder_share < 1 else ""
    open_orders = f"{count(leg.open_entries, 'entry')} · {count(leg.open_exits, 'exit')} · {count(leg.lots, 'lot')}"
    return (Segment(share, Ink.WARN), Segment(open_orders, Ink.MUTED))
