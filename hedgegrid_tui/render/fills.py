"""The session's fills, newest at the bottom: when, which leg, what for, how much, at what price, for what fee."""

from collections.abc import Sequence
from typing import Final

from hedgegrid_tui.render import scrolling
from hedgegrid_tui.render.columns import Cells, Column, laid_out
from hedgegrid_tui.render.frame import Frame, leg_mark
from hedgegrid_tui.render.numbers import clock_text, fixed, signed
from hedgegrid_tui.render.records import FillRecord
from hedgegrid_tui.render.rows import Ink, Rows, Segment
from hedgegrid_tui.render.view import PanelId
from strategy.domain import Leg, Role, Side
from strategy.snapshot import Snapshot

COLUMNS: Final = (
    Column("time", 8),
    Column("leg", 7),
    Column("what for", 10),
    Column("side", 4, rank=2),
    Column("qty", 7, right=True),
    Column("price", 10, right=True),
    Column("fee", 7, rank=1, right=True),
)
ROLES: Final = {Role.ENTRY: "entry", Role.TP: "TP", Role.SL: "stop", Role.CLOSE: "close"}
SIDES: Final = {Side.BUY: "buy", Side.SELL: "sell"}
LOSING: Final = (Role.SL, Role.CLOSE)
"""What has not been closed at its profit."""
FEE_DECIMALS: Final = 4


def rows(frame: Frame, width: int, height: int) -> Rows:
    """The part of the list that is in view, below its titles."""
    found = _found(frame)
    shown = scrolling.window(len(found), len(found), scrolling.room(height), frame.view.offset(PanelId.FILLS))
    head, lines = laid_out(COLUMNS, [_cells(fill, frame.snapshot) for fill in found[shown.first : shown.end]], width)
    search = scrolling.searched(frame, PanelId.FILLS)
    if not found:
        lines = [scrolling.nothing(search, "fill", "nothing has filled yet")]
    return scrolling.headed(head, lines, scrolling.marks(shown, search, len(frame.fills)), width, height)


def bounds(frame: Frame, width: int, height: int) -> scrolling.Bounds:  # noqa: ARG001 - every panel takes both
    """Least and most scroll."""
    total = len(_found(frame))
    return scrolling.bounds(total, total, scrolling.room(height))


def added(before: Frame, after: Frame) -> int:
    """How many lines of the list are new."""
    last = before.fills[-1].seq if before.fills else 0
    return sum(fill.seq > last for fill in _found(after))


def what_for(leg: Leg, role: Role, slot: int) -> str:
    """An order's purpose in few cells: `entry L3`, `TP #11`, `stop #11`, `close all`."""
    if role is Role.ENTRY:
        return f"{ROLES[role]} {leg[0].upper()}{slot}"
    return f"{ROLES[role]} #{slot}" if slot else f"{ROLES[role]} all"


def _found(frame: Frame) -> Sequence[FillRecord]:
    def words(fill: FillRecord) -> str:
        return " ".join(cell.text for cell in _cells(fill, frame.snapshot))

    return scrolling.found(frame, PanelId.FILLS, frame.fills, words)


def _cells(fill: FillRecord, snapshot: Snapshot) -> Cells:
    return (
        Segment(clock_text(fill.ts), Ink.MUTED),
        leg_mark(fill.leg),
        Segment(what_for(fill.leg, fill.role, fill.slot), Ink.WARN if fill.role in LOSING else Ink.PLAIN),
        Segment(SIDES[fill.side]),
        Segment(fixed(fill.qty, snapshot.qty_decimals)),
        Segment(fixed(fill.price, snapshot.price_decimals)),
        Segment(signed(fill.fee, FEE_DECIMALS), Ink.MUTED),
    )
