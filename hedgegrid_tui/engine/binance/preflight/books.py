"""Open orders and positions at the venue that are not ours, or not as the journal has them."""

from collections.abc import Sequence
from typing import Final

from hedgegrid_tui.engine.binance.preflight.answers import Topic
from hedgegrid_tui.engine.binance.preflight.finding import Finding, passes, to_write, warns
from hedgegrid_tui.engine.binance.preflight.scene import Scene
from hedgegrid_tui.engine.binance.rest.truth import VenueOrder
from strategy.domain import ZERO, Leg, plain
from strategy.order_ids import parse_id

SHOWN: Final = 3
"""Orders that are named; of the others their number."""
CHOICE: Final = (
    "choose at the start: --at-start adopt (go on with what is ours), cancel (our entries first), or flatten (close "
    "both legs whole)"
)


def orders(scene: Scene) -> Finding:
    """Open orders: ours by the journal, ours by their id alone, and of others."""
    shown: list[VenueOrder] = scene.answers[Topic.ORDERS]
    known = {} if scene.past is None else scene.past.orders
    foreign = [order for order in shown if parse_id(order.client_id) is None]
    strays = [order for order in shown if order not in foreign and order.client_id not in known]
    ours = len(shown) - len(foreign) - len(strays)
    told = [f"{len(foreign)} not ours: {_named(foreign)}"] if foreign else []
    told += [f"{len(strays)} with ids of ours that the journal does not know: {_named(strays)}"] if strays else []
    if told:
        cure = CHOICE if strays else "they are shown and left alone; cancel them on Binance if they are not wanted"
        told += [f"{ours} as the journal tells"] if ours else []
        return warns("orders", "; ".join(told), cure)
    gone = len(known) - ours
    words = f"{ours} open, as the journal tells" if ours else "none open"
    return passes("orders", f"{words}; {gone} of the journal's are gone: asked about at the start" if gone else words)


def positions(scene: Scene) -> Finding:
    """Both legs against the journal's lots."""
    shown = scene.answers[Topic.POSITIONS]
    told, held = [], []
    for leg in Leg:
        venue = shown[leg].qty if leg in shown else ZERO
        own = ZERO if scene.past is None else scene.past.lots.held(leg)
        if venue != own:
            journal = "there is no journal" if scene.past is None else f"{plain(own)} in the journal"
            told.append(f"{leg} {plain(venue)} at Binance, {journal}")
        elif venue:
            held.append(f"{leg} {plain(venue)}")
    if told:
        return warns("positions", "; ".join(told), CHOICE)
    return passes("positions", f"{', '.join(held)}, as the journal tells" if held else "nothing held")


def dead_man(scene: Scene) -> Finding:
    """The switch that cancels orders once nobody renews it; who else sets it for this symbol is not told."""
    own = scene.config.binance
    if not own.dead_man_s:
        words = "off: after a crash every order stays until somebody cancels it"
        return warns("dead-man", words, to_write("binance", dead_man_s=max(120, 4 * own.dead_man_renew_s)))
    words = f"fires after {own.dead_man_s} s; Binance does not tell what others have set"
    return passes("dead-man", words)


def _named(found: Sequence[VenueOrder]) -> str:
    names = [f"{order.side} {'all' if order.closes_all else plain(order.qty)} {order.leg}" for order in found[:SHOWN]]
    more = len(found) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
