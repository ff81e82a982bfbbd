"""A restart: what the journal says is held against what the venue shows."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from strategy.books import ReportStatus, VenueReport
from strategy.domain import ZERO, Leg, plain
from strategy.grid import HedgeGrid
from strategy.order_events import order_found
from strategy.order_ids import parse_id
from strategy.order_index import OrderRecord, OrderStatus
from strategy.orders import Venue
from strategy.past import Past
from strategy.reconcile import Cancel
from strategy.watch import WALLET_TOLERANCE


def go_on(grid: HedgeGrid, past: Past, venue: Venue, cash: Decimal) -> None:
    """Take over lots, orders and money of earlier sessions; nothing is sent before all of it is known.

    What filled or ended while nobody listened is booked and journalled now. An order that the journal shows as sent
    and the venue does not show may still be on its way: its place stays taken until the venue was asked. Positions
    that differ after that are an alarm at once, and are never mended by opening. `cash` (quote) is the balance less
    what the legs cost, as the venue sees both.
    """
    shown = {report.id: report for report in venue.reports()}
    grid.books.go_on_from(past)
    grid.orders.serial = past.serial
    grid.door.take_over(past.latches)
    if past.throttle is not None:
        grid.ladders.set_throttle(past.throttle)
    if past.centre is not None:
        grid.ladders.centre_on(past.centre)
    with grid.passes_held():
        for order in past.orders.values():
            if order.id in shown:
                grid.index.add(order)
            else:
                _hold(grid, order, venue)
        for report in shown.values():
            if report.id in past.filled:
                grid.catch_up(report, missing=report.filled - past.filled[report.id])
            elif report.status is ReportStatus.OPEN:
                _take_stray(grid, report)
        _settle_with_others(grid, shown.values(), venue)
        now = venue.now()
        if past.equity_base is None or not grid.books_differ:
            grid.ledger.settle_wallet(cash + grid.lots.net_cost)
        else:
            grid.ledger.equity_start = past.equity_base
        grid.risk.go_on_from(past, grid.ledger.equity_start, now)
        moved = ZERO if past.equity_base is None else grid.ledger.equity_start - past.equity_base
        if abs(moved) > WALLET_TOLERANCE:
            grid.errors.write(now, "transfer", amount=plain(moved), wallet=plain(grid.ledger.wallet))
        for leg in Leg:
            grid.watch_cover(leg, now)
        grid.compare_books(now, bound_ns=0)


def _settle_with_others(grid: HedgeGrid, shown: Iterable[VenueReport], venue: Venue) -> None:
    """What others have closed meanwhile is booked by their latest trades; their other trades are nothing of ours."""
    others = [report for report in shown if grid.books.told(report.id) is None]
    for fill in (fill for report in reversed(others) for fill in reversed(report.fills)):
        leg = fill.leg
        if leg is not None and fill.side is leg.exit_side and grid.lots.held(leg) > venue.position(leg):
            grid.on_fill(fill)
        else:
            grid.books.note_seen(fill)


def _hold(grid: HedgeGrid, order: OrderRecord, venue: Venue) -> None:
    """Whatever the journal says of it: until the venue answers, the order covers nothing and its place is taken."""
    grid.index.add(msgspec.structs.replace(order, status=OrderStatus.UNKNOWN, acknowledged=False))
    grid.orders.write("unknown", order, "not shown by the venue at the restart")
    venue.adopt(order)
    grid.inquiries.expect(order.id, order.sent_ns)


def _take_stray(grid: HedgeGrid, report: VenueReport) -> None:
    """An open order with an id of ours that no line tells of is shown, and withdrawn if it is an entry."""
    told = parse_id(report.id)
    if told is None:
        return
    order = order_found(told, report)
    grid.books.know(told.session)
    grid.orders.serial = max(grid.orders.serial, told.serial)
    grid.index.add(order)
    now = grid.orders.write("accepted", order, "found at the venue, in no line of the journal")
    words = f"{report.id} is open at the venue, and no line of the journal tells of it"
    grid.errors.record(now, "restart", "stray-order", words, critical=True)
    if not order.key.role.reduces:
        grid.orders.do([Cancel(order.id, "stray order")], ZERO)
