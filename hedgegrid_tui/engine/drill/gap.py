"""Step: the price jumps through a whole ladder in one quote, then through the other one."""

from decimal import Decimal
from typing import Final

from hedgegrid_tui.engine.drill.stage import Failed, Notes, Stage
from strategy.domain import NS_PER_MS, Leg, Role
from strategy.snapshot import Snapshot

SETS: Final = ("grid.tp_steps=1", "grid.sl_steps=5")
BEYOND: Final = Decimal("0.5")
"""Steps past the outermost rung."""


def price_gap(stage: Stage, notes: Notes) -> str:
    """Down through the long ladder, then up through the short one.

    Raises:
        Failed: A rung did not fill, or a lot was neither covered nor closed in time.
    """
    words = [_gap(stage, notes, leg) for leg in Leg]
    bound = stage.config.execution.attach_bound_ms
    metrics = stage.look().metrics
    notes.add("max_unprotected_ms", metrics.max_unprotected_ns / NS_PER_MS, "ms", bound)
    notes.add("closed_at_market", metrics.closes + metrics.stops, "fills")
    if stage.lines("alarm", name="unprotected", raised=True):
        raise Failed("an alarm says that a leg was unprotected")
    return "; ".join(words)


def _gap(stage: Stage, notes: Notes, leg: Leg) -> str:
    stage.build()
    snapshot = stage.look()
    centre, step = snapshot.ladders.centre, snapshot.ladders.step
    if centre is None or step is None:
        raise Failed("there is no ladder")
    orders = stage.host.do(stage.host.venue.open_orders)
    wanted = {order.id: order.qty for order in orders if (order.key.leg, order.key.role) == (leg, Role.ENTRY)}
    stage.forget_heard()
    stage.move(centre - leg.sign * (stage.config.grid.levels + BEYOND) * step)
    stage.until(f"every {leg} lot covered or closed", lambda now: _settled(now, leg))
    filled = {each.id: each.qty for each in stage.heard("filled")}
    missed = [order_id for order_id, qty in wanted.items() if filled.get(order_id) != qty]
    if missed or len(wanted) != stage.config.grid.levels:
        raise Failed(f"{len(wanted)} {leg} entries rested before the gap, {len(missed)} of them did not fill")
    held = stage.look().leg(leg)
    notes.add(f"{leg}_fills", len(wanted))
    notes.add(f"{leg}_lots_kept", held.lots)
    return f"{len(wanted)} {leg} rungs filled in one quote, {held.lots} lots covered, the others closed at market"


def _settled(snapshot: Snapshot, leg: Leg) -> bool:
    view = snapshot.leg(leg)
    return bool(view.lots) and view.qty == view.sl_qty == view.tp_qty and not view.unprotected_ns
