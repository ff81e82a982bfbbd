"""Both legs in full: what is held, what covers it, what may add to it."""

from hedgegrid_tui.render.frame import Frame, leg_mark, protection
from hedgegrid_tui.render.numbers import fixed, gain, percent
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, ends, fit_all, pair
from hedgegrid_tui.render.strip import covered
from strategy.domain import ZERO
from strategy.snapshot import LegView, Snapshot


def rows(frame: Frame, width: int, height: int) -> Rows:
    """Long, then short, six rows each."""
    snapshot = frame.snapshot
    return fit_all((*_leg(snapshot, snapshot.long, width), *_leg(snapshot, snapshot.short, width)), width, height)


def _leg(snapshot: Snapshot, leg: LegView, width: int) -> tuple[Row, ...]:
    prices, quantities = snapshot.price_decimals, snapshot.qty_decimals
    held = f"{fixed(leg.qty, quantities)} {snapshot.base}".rstrip()
    if leg.average is not None and leg.qty:
        held += f" @ {fixed(leg.average, prices)}"
    entries = f"{leg.open_entries} · {fixed(leg.open_entry_qty, quantities)} · {fixed(leg.open_entry_notional, 2)}"
    return (
        ends((leg_mark(leg.leg),), (Segment(held, Ink.STRONG if leg.qty else Ink.MUTED),), width),
        _protected(leg, quantities, width),
        pair("unrealised", (gain(leg.unrealised),), width),
        pair("notional", (Segment(f"{fixed(leg.notional, 2)} {snapshot.currency}".rstrip()),), width),
        pair("open entries", (Segment(entries),), width),
        pair("lots/exits", (Segment(f"{leg.lots} · {leg.open_exits}"),), width),
    )


def _protected(leg: LegView, quantities: int, width: int) -> Row:
    word = covered(leg, quantities)
    if leg.qty <= ZERO or protection(leg) is Ink.ALARM:
        return ends((Segment("protected ", Ink.MUTED),), (word,), width)
    profit = percent(leg.tp_qty, leg.qty)
    extra = Segment(f" · TP {profit} %", Ink.MUTED if leg.tp_qty >= leg.qty else Ink.WARN)
    return ends((Segment("protected ", Ink.MUTED),), (word, extra), width)
