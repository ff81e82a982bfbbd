"""Open orders by price around the market: what each is for, how much of it is open, where it stands, how old it is."""

from decimal import Decimal
from typing import Final

from hedgegrid_tui.render import scrolling
from hedgegrid_tui.render.ages import coarse
from hedgegrid_tui.render.columns import Cells, Column, laid_out
from hedgegrid_tui.render.fills import SIDES, what_for
from hedgegrid_tui.render.frame import Frame, leg_mark
from hedgegrid_tui.render.numbers import NONE, fixed
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit, width_of
from hedgegrid_tui.render.view import PanelId
from strategy.domain import NS_PER_S, Role
from strategy.order_index import OrderStatus
from strategy.snapshot import OrderView, Snapshot

COLUMNS: Final = (
    Column("leg", 7),
    Column("what for", 10),
    Column("side", 4, rank=3),
    Column("price", 10, right=True),
    Column("qty", 7, right=True),
    Column("filled", 6, rank=2, right=True),
    Column("status", 12),
    Column("age", 4, rank=1, right=True),
)
STATUS: Final = {
    OrderStatus.SUBMITTED: Segment("◐ in-flight", Ink.WARN),
    OrderStatus.ACCEPTED: Segment("● live", Ink.OK),
    OrderStatus.CANCELLING: Segment("◌ cancelling", Ink.WARN),
    OrderStatus.RESIZING: Segment("◌ resizing", Ink.WARN),
    OrderStatus.UNKNOWN: Segment("✗ UNKNOWN", Ink.ALARM),
}
AT_MARKET: Final = "at market"


def rows(frame: Frame, width: int, height: int) -> Rows:
    """The part of the list that is in view, below its titles; at rest the market stands in the middle."""
    snapshot = frame.snapshot
    found, at_market = _found(frame)
    total, room = len(found) + 1, scrolling.room(height)
    shown = scrolling.window(at_market - room // 2, total, room, frame.view.offset(PanelId.ORDERS))
    visible = [found[at - (at > at_market)] for at in range(shown.first, shown.end) if at != at_market]
    head, lines = laid_out(COLUMNS, [_cells(order, snapshot) for order in visible], width)
    if shown.first <= at_market < shown.end:
        lines.insert(at_market - shown.first, _market(snapshot, width))
    search = scrolling.searched(frame, PanelId.ORDERS)
    if not found:
        shown = scrolling.Window(0, 1, 1)
        lines = [scrolling.nothing(search, "open order", "no order is open")]
    counted = shown._replace(total=len(found)) if search else shown
    mark = scrolling.marks(counted, search, len(snapshot.orders))
    return scrolling.headed(head, lines, mark, width, height)


def bounds(frame: Frame, width: int, height: int) -> scrolling.Bounds:  # noqa: ARG001 - every panel takes both
    """Least and most scroll: below 0 towards lower prices."""
    found, at_market = _found(frame)
    room = scrolling.room(height)
    return scrolling.bounds(at_market - room // 2, len(found) + 1, room)


def _found(frame: Frame) -> tuple[list[OrderView], int]:
    """The orders that a search leaves, the highest price first, and how many stand above the market's row."""
    snapshot = frame.snapshot
    middle = snapshot.market.mid if snapshot.market.mid is not None else snapshot.ladders.centre

    def height_of(order: OrderView) -> Decimal:
        return order.price if order.price is not None else middle or Decimal(0)

    def words(order: OrderView) -> str:
        return " ".join((*(cell.text for cell in _cells(order, snapshot)), order.id, order.role, order.status))

    left = scrolling.found(frame, PanelId.ORDERS, snapshot.orders, words)
    found = sorted(left, key=height_of, reverse=True)
    above = len(found) if middle is None else sum(height_of(order) >= middle for order in found)
    return found, above


def _cells(order: OrderView, snapshot: Snapshot) -> Cells:
    price = AT_MARKET if order.price is None else fixed(order.price, snapshot.price_decimals)
    sent = coarse((snapshot.ts - order.sent_ns) // NS_PER_S) if order.sent_ns else NONE
    return (
        leg_mark(order.leg),
        Segment(what_for(order.leg, order.role, order.slot), Ink.STRONG if order.role is Role.CLOSE else Ink.PLAIN),
        Segment(SIDES[order.side]),
        Segment(price),
        Segment(fixed(order.qty, snapshot.qty_decimals)),
        Segment(fixed(order.filled, snapshot.qty_decimals) if order.filled else NONE, Ink.MUTED),
        STATUS[order.status],
        Segment(sent, Ink.MUTED),
    )


def _market(snapshot: Snapshot, width: int) -> Row:
    mid = snapshot.market.mid
    told = "no market price" if mid is None else f"mid {fixed(mid, snapshot.price_decimals + 1)}"
    row = (Segment(f"── {told} ", Ink.MARKET),)
    return fit((*row, Segment("─" * max(0, width - width_of(row)), Ink.MARKET)), width)
