"""A leg in one row: what is held, how much of its cap it takes, what it would earn, whether stops cover it."""

from decimal import Decimal
from typing import Final

from hedgegrid_tui.render.ages import age_ns
from hedgegrid_tui.render.conditions import share_text
from hedgegrid_tui.render.frame import Frame, leg_mark, protection
from hedgegrid_tui.render.numbers import count, fixed, gain, percent
from hedgegrid_tui.render.rows import Ink, Part, Row, Segment, pack
from strategy.domain import ZERO, Leg
from strategy.snapshot import LegView, Snapshot

BAR: Final = 8
NEARLY_FULL: Final = 80
"""Percent of a cap from which on its use is a warning."""
COARSE_FROM: Final = 1000
"""Caps from here on are told without decimals."""


def leg_row(frame: Frame, leg: LegView, width: int) -> Row:
    """The whole row; what matters less is left out where there is no room."""
    snapshot = frame.snapshot
    if not snapshot.seq:
        return pack([Part(0, (leg_mark(leg.leg),)), Part(0, (Segment("not known yet", Ink.MUTED),))], width)
    held = bool(leg.qty)
    average = (Segment("@ ", Ink.MUTED), Segment(fixed(leg.average, snapshot.price_decimals)))
    share = leg.ladder_share
    parts = [
        Part(0, (leg_mark(leg.leg),)),
        Part(0, (Segment(f"{fixed(leg.qty, snapshot.qty_decimals)} {snapshot.base}".rstrip(), Ink.STRONG),)),
        Part(6, average if held else ()),
        *_exposure(snapshot, leg),
        Part(1, (gain(leg.unrealised),) if held else ()),
        Part(0, (covered(leg, snapshot.qty_decimals),)),
        Part(2, (Segment(f"ladder {share_text(share)}", Ink.WARN),) if share < 1 else ()),
        Part(5, (Segment(count(leg.open_entries, "entry"), Ink.MUTED),)),
        Part(5, (Segment(count(leg.open_exits, "exit"), Ink.MUTED),)),
    ]
    return pack(parts, width)


def _exposure(snapshot: Snapshot, leg: LegView) -> list[Part]:
    """What is held, in flight and resting against the leg's cap: a bar and the figures."""
    caps = snapshot.risk.caps
    worst = caps.long_worst if leg.leg is Leg.LONG else caps.short_worst
    cap = caps.leg_cap
    decimals = 0 if cap >= COARSE_FROM or not cap else 2
    if cap <= ZERO:
        return [Part(3, (Segment(f"{fixed(worst, decimals)} {snapshot.currency}, no cap", Ink.MUTED),))]
    used = percent(worst, cap)
    ink = Ink.ALARM if worst > cap else Ink.WARN if used >= NEARLY_FULL else Ink.PLAIN
    figures = f"{fixed(worst, decimals)} of {fixed(cap, decimals)}"
    return [
        Part(3, bar(leg.notional, worst, cap, Ink.LONG if leg.leg is Leg.LONG else Ink.SHORT)),
        Part(1, (Segment(figures, ink),)),
        Part(7, (Segment(f"({used} %)", Ink.MUTED),)),
    ]


def bar(held: Decimal, worst: Decimal, cap: Decimal, ink: Ink, cells: int = BAR) -> Row:
    """How much of a cap is taken: what is held, then what rests and may fill, then what is free."""
    if cap <= ZERO:
        return ()
    full = _cells(max(held, worst), cap, cells)
    solid = min(full, _cells(held, cap, cells))
    return (
        Segment("█" * solid, ink),
        Segment("▒" * (full - solid), ink),
        Segment("░" * (cells - full), Ink.FAINT),
    )


def _cells(part: Decimal, whole: Decimal, cells: int) -> int:
    """Cells that a part takes: at least one for anything, all of them only for the whole."""
    if part <= ZERO:
        return 0
    return cells if part >= whole else max(1, min(cells - 1, int(part * cells / whole)))


def covered(leg: LegView, qty_decimals: int) -> Segment:
    """How much of the leg its stops cover, in words."""
    if leg.qty <= ZERO:
        return Segment("not held", Ink.FAINT)
    ink = protection(leg)
    if ink is Ink.OK:
        return Segment("✓ stops 100 %", ink)
    short = fixed(leg.qty - leg.sl_qty, qty_decimals)
    if ink is Ink.WARN:
        return Segment(f"! stop on its way: {short} {age_ns(leg.unprotected_ns)}", ink)
    share = percent(leg.sl_qty, leg.qty)
    return Segment(f" ✗ UNPROTECTED {short} for {age_ns(leg.unprotected_ns)} (stops {share} %) ", ink)
