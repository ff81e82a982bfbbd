"""A flatten without a node in plain words, 80 columns wide: what is there, what it will do, and what came of it."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

from hedgegrid_tui.engine.binance.flatten.look import Cost, Found
from hedgegrid_tui.engine.binance.flatten.procedure import Outcome, Wanted
from hedgegrid_tui.engine.binance.rest.errors import clean
from hedgegrid_tui.engine.binance.rest.truth import VenueOrder
from hedgegrid_tui.render.numbers import count, signed
from strategy.domain import BPS, Leg, Role, plain
from strategy.flattener import BPS_STEP, QUOTE_STEP

WIDTH: Final = 80
FOREIGN_SHOWN: Final = 5
"""Orders that are not ours and that are named one by one."""
EXITS: Final = (Role.TP, Role.SL, Role.CLOSE)


def wrapped(label: str, words: str) -> list[str]:
    """A label in a column of its own, and the words beside it."""
    return textwrap.wrap(words, WIDTH, initial_indent=f"  {label:7}", subsequent_indent=" " * 9)


def there(found: Found, quote: str) -> Iterator[str]:
    """What is at the venue: legs, then orders."""
    for leg in Leg:
        yield from wrapped(leg, f"{_held(found, leg, quote)}; {_own_orders(found, leg)}")
    foreign = found.foreign(Leg)
    if foreign:
        yield from wrapped("others", f"{count(len(foreign), 'order')} not ours: {_named(foreign)}")


def plan(found: Found, wanted: Wanted, costs: Mapping[Leg, Cost], quote: str) -> Iterator[str]:
    """What a flatten would do, what it costs, and what stays open."""
    does, prices = [], []
    entries = len(found.own(wanted.legs, Role.ENTRY))
    if entries:
        does.append(f"cancel {count(entries, 'entry')}")
    for leg in wanted.legs:
        qty = found.qty(leg)
        if qty:
            pieces = int((qty / wanted.largest).to_integral_value(ROUND_CEILING))
            does.append(f"close {leg} {plain(qty)} at market" + (f" in {pieces} pieces" if pieces > 1 else ""))
            prices.append(_cost(leg, costs[leg], quote))
    exits = len(found.own(wanted.legs, *EXITS))
    if exits:
        does.append(f"then cancel {count(exits, 'exit')}")
    foreign = found.foreign(wanted.legs)
    if foreign and wanted.include_foreign:
        does.append(f"cancel {count(len(foreign), 'order')} not ours")
    yield from wrapped("does", ", ".join(does) or "nothing: there is nothing to do")
    if prices:
        yield from wrapped("", "positions are closed whole, whoever opened them")
        yield from wrapped("costs", "; ".join(prices))
    yield from wrapped("stays", "; ".join(_stays(found, wanted)) or "nothing stays open")


def result(outcome: Outcome, wanted: Wanted) -> Iterator[str]:
    """The truth at the end."""
    names = " and ".join(wanted.legs)
    found = outcome.found
    if outcome.flat and found is not None:
        yield f"FLAT, verified: {names} hold nothing, no order of ours is open there"
    elif found is not None:
        yield from textwrap.wrap(f"NOT FLAT: {outcome.why}", WIDTH)
    else:
        yield from textwrap.wrap(f"NOT KNOWN whether it is flat: {outcome.why}", WIDTH)
    for leg, done in outcome.closed.items():
        yield from wrapped(leg, f"closed {plain(done.qty)}{_average(outcome, leg)}")
    shown = found or outcome.seen
    if not outcome.flat and shown is not None:
        when = "left" if found is not None else "seen last, it may have changed"
        for leg in wanted.legs:
            yield from wrapped(leg, f"{when}: {plain(shown.qty(leg))} held, {_own_orders(shown, leg)}")
    stays = list(_stays(found, wanted)) if found is not None else []
    if stays:
        yield from wrapped("stays", "; ".join(stays))
    if not outcome.flat:
        yield from wrapped("cure", "run it again, or close at Binance itself: Futures, Positions, Close All")


def _held(found: Found, leg: Leg, quote: str) -> str:
    qty, position = found.qty(leg), found.positions[leg]
    if not qty:
        return "nothing held"
    value = f"{qty * position.mark:,.2f} {quote}"
    at = f"at {price(position.entry)}, mark {price(position.mark)}"
    return f"{plain(qty)} held {at}, worth {value}, unrealised {signed(position.unrealised)}"


def _own_orders(found: Found, leg: Leg) -> str:
    entries, exits = len(found.own((leg,), Role.ENTRY)), len(found.own((leg,), *EXITS))
    return f"{count(entries, 'entry')} and {count(exits, 'exit')} of ours open"


def _named(orders: Iterable[VenueOrder]) -> str:
    names = [f"{o.leg} {o.side} {plain(o.qty)} {clean(o.kind)} {clean(o.client_id)}" for o in orders]
    more = f", and {len(names) - FOREIGN_SHOWN} more" if len(names) > FOREIGN_SHOWN else ""
    return ", ".join(names[:FOREIGN_SHOWN]) + more


def _cost(leg: Leg, cost: Cost, quote: str) -> str:
    slippage = (
        "slippage not known, the book shown is too thin"
        if cost.slippage is None
        else f"{signed(-cost.slippage)} slippage against the mark"
    )
    return f"{leg} about {cost.fee:,.2f} {quote} fees, {slippage}, and {signed(cost.unrealised)} becomes final"


def _stays(found: Found, wanted: Wanted) -> Iterator[str]:
    for leg in Leg:
        if leg not in wanted.legs and (found.qty(leg) or found.own((leg,))):
            yield f"{leg} {plain(found.qty(leg))} with {_own_orders(found, leg)}"
    foreign = found.foreign(Leg if not wanted.include_foreign else set(Leg) - set(wanted.legs))
    if foreign:
        yield f"{count(len(foreign), 'order')} not ours (--include-foreign cancels those of these legs too)"


def _average(outcome: Outcome, leg: Leg) -> str:
    done = outcome.closed[leg]
    if not done.qty:
        return ""
    average = done.value / done.qty
    first = outcome.first.positions[leg].mark if outcome.first is not None else Decimal(0)
    bps = f", {signed(leg.sign * (average - first) / first * BPS, 1)} bps from the mark at the start" if first else ""
    return f" at {price(average)} on average{bps}"


def detail(leg: Leg, outcome: Outcome, first: Found) -> dict[str, str]:
    """A leg's part of the receipt, as a session's flatten has it; slippage is against the mark price at the start."""
    done, found, mark = outcome.closed.get(leg), outcome.found, first.positions[leg].mark
    told = {
        "held": plain(first.qty(leg)),
        "closed": "0" if done is None else plain(done.qty),
        "average": "" if done is None or not done.qty else plain(round(done.value / done.qty, 8)),
        "left": "" if found is None else plain(found.qty(leg)),
        "open_orders": "" if found is None else str(len(found.own((leg,)))),
    }
    if done is not None and done.qty and mark:
        slippage = leg.sign * (mark * done.qty - done.value)
        told["slippage"] = plain(slippage.quantize(QUOTE_STEP))
        told["slippage_bps"] = plain((slippage / (mark * done.qty) * BPS).quantize(BPS_STEP))
    return told


def fields(found: Found) -> dict[str, Any]:
    """What is at the venue, for a script."""
    legs = {
        str(leg): {
            "held": plain(found.qty(leg)),
            "entry": plain(found.positions[leg].entry),
            "mark": plain(found.positions[leg].mark),
            "unrealised": plain(found.positions[leg].unrealised),
        }
        for leg in Leg
    }
    own = [order.client_id for order in found.own(Leg)]
    return {"legs": legs, "orders": own, "orders_not_ours": [order.client_id for order in found.foreign(Leg)]}


def price(value: Decimal) -> str:
    """A price with seven digits that matter, and two decimals at least."""
    return f"{value:,.{max(2, 6 - value.adjusted())}f}"
