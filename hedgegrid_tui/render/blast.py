"""What an act would touch, leg by leg, what it would cost, what stays open, and the state that it leaves."""

import math
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Final

from hedgegrid_tui.render import door
from hedgegrid_tui.render.frame import FEED_OLD_AFTER_S, Frame, leg_mark
from hedgegrid_tui.render.numbers import NONE, count, fixed, signed, span
from hedgegrid_tui.render.reasons import THINNED
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, wrap
from strategy.domain import ZERO, DoorState, Leg
from strategy.snapshot import LegView, RungState, RungView, Snapshot

WIDE: Final = 70
"""Cells that a row with all columns takes; a narrower dialog gives each leg two rows."""


def half_spread(snapshot: Snapshot) -> Decimal | None:
    """Half of the distance between bid and ask; None while there is no market."""
    market = snapshot.market
    return None if market.bid is None or market.ask is None else (market.ask - market.bid) / 2


def closing_cost(snapshot: Snapshot, leg: LegView) -> Decimal | None:
    """Estimated cost of closing a leg at market, quote: taker fee and half the spread; None: not known."""
    half = half_spread(snapshot)
    if half is None:
        return None if leg.qty else ZERO
    return snapshot.taker_fee * leg.notional + half * leg.qty


def flatten_table(snapshot: Snapshot, legs: Sequence[Leg], width: int) -> Rows:
    """Orders, quantity, notional and cost of closing these legs; their sum where there are several."""
    views = [snapshot.leg(leg) for leg in legs]
    lines = [_columns((Segment(f"{'':7}"),), ("cancels", "closes", "notional", "est. cost"), Ink.MUTED)]
    if width < WIDE:
        lines = []
    for view in views:
        lines += _closing(snapshot, leg_mark(view.leg), [view], f"{_qty(snapshot, view.qty)}", width)
    if len(views) > 1:
        lines += _closing(snapshot, Segment(f"{'BOTH':7}", Ink.STRONG), views, "", width)
    return tuple(lines)


def _closing(snapshot: Snapshot, mark: Segment, views: Sequence[LegView], qty: str, width: int) -> list[Row]:
    orders = f"{count(_entries(views), 'entry')}, {count(_exits(views), 'exit')}"
    known = snapshot.market.mid is not None or not any(view.qty for view in views)
    notional = fixed(sum((view.notional for view in views), ZERO), 2) if known else NONE
    costs = [closing_cost(snapshot, view) for view in views]
    cost = NONE if None in costs else signed(-sum(filter(None, costs), ZERO))
    ink = Ink.PLAIN if qty else Ink.STRONG
    if width >= WIDE:
        return [_columns((mark,), (orders, qty, notional, cost), ink)]
    figures = "  ".join(text for text in (qty, f"{notional} {snapshot.currency}", f"cost {cost}") if text)
    return [(mark, Segment(f"  {orders}", ink)), (Segment(f"{'':9}{figures}", ink),)]


def _columns(mark: Row, texts: tuple[str, str, str, str], ink: Ink) -> Row:
    orders, qty, notional, cost = texts
    return (*mark, Segment(f"  {orders:22}{qty:>14}{notional:>14}{cost:>11}", ink))


def cost_notes(frame: Frame, width: int) -> Rows:
    """What the estimate holds, what it cannot, and how the last flatten of this session went."""
    snapshot = frame.snapshot
    half = half_spread(snapshot)
    fee = f"{(snapshot.taker_fee * 100).normalize():f} % fee"
    spread = (
        "the spread is not known" if half is None else f"half the spread ({fixed(half, snapshot.price_decimals + 1)})"
    )
    notes = [
        f"in {snapshot.currency}; est. cost: {fee} and {spread}",
        f"slippage beyond that: not known{_last_flatten(snapshot)}",
    ]
    lines = [(Segment(text, Ink.MUTED),) for note in notes for text in wrap(note, width)]
    return (*_old_market(frame, width), *lines)


def _old_market(frame: Frame, width: int) -> Rows:
    age = frame.feed_age
    if age is None or age <= FEED_OLD_AFTER_S:
        return ()
    words = f"! no price for {span(age)}: notional and cost are from before that"
    return tuple((Segment(text, Ink.WARN),) for text in wrap(words, width))


def _last_flatten(snapshot: Snapshot) -> str:
    """The slippage that the latest flatten has measured; empty where none has."""
    for receipt in reversed(snapshot.receipts):
        if receipt.command.split()[:1] == ["flatten"]:
            legs = {leg: receipt.detail.get(leg) for leg in Leg}
            found = [f"{leg} {bps} bps" for leg, told in legs.items() if (bps := _measured(told))]
            if found:
                return f"; last flatten: {', '.join(found)} from the mid"
    return ""


def _measured(told: object) -> str:
    return str(told.get("slippage_bps") or "") if isinstance(told, dict) else ""


def open_table(snapshot: Snapshot, legs: Iterable[Leg], *, entries: bool) -> Rows:
    """What is held and what rests in these legs; without their entries where those go."""
    lines: list[Row] = []
    for leg in legs:
        view = snapshot.leg(leg)
        orders = [count(view.open_entries, "entry")] * entries + [count(view.open_exits, "exit")]
        covered = (
            "" if view.sl_qty >= view.qty else f", {_qty(snapshot, view.qty - max(view.sl_qty, ZERO))} WITHOUT STOP"
        )
        words = f"  {_qty(snapshot, view.qty)} held, {', '.join(orders)}"
        lines.append((leg_mark(leg), Segment(words), Segment(covered, Ink.ALARM)))
    return tuple(lines)


def entry_table(snapshot: Snapshot) -> Rows:
    """The open entries of each leg: how many, quantity, notional."""
    return tuple(
        _entry_row(snapshot, view.leg, count(view.open_entries, "entry"), view.open_entry_qty, view.open_entry_notional)
        for view in (snapshot.long, snapshot.short)
    )


def free_rungs(snapshot: Snapshot) -> tuple[RungView, ...]:
    """The rungs that an open door would fill, at most: wanted, not held, and no entry is out for them."""
    rungs = (*snapshot.ladders.long, *snapshot.ladders.short)
    return tuple(
        rung for rung in rungs if rung.lot is None and rung.state is RungState.GAP and rung.reason not in THINNED
    )


def free_table(snapshot: Snapshot) -> Rows:
    """The free rungs of each leg: how many, quantity, notional."""
    lines: list[Row] = []
    for leg in Leg:
        free = [rung for rung in free_rungs(snapshot) if rung.leg is leg]
        qty = sum((rung.qty for rung in free), ZERO)
        notional = sum((rung.price * rung.qty for rung in free), ZERO)
        lines.append(_entry_row(snapshot, leg, count(len(free), "free rung"), qty, notional))
    return tuple(lines)


def _entry_row(snapshot: Snapshot, leg: Leg, what: str, qty: Decimal, notional: Decimal) -> Row:
    worth = f"{fixed(notional, 2)} {snapshot.currency}"
    return (leg_mark(leg), Segment(f"  {what:13}{_qty(snapshot, qty):>14}  {worth:>18}"))


def after(frame: Frame, left: Collection[DoorState]) -> Row:
    """The state that the door will be in with these latches left: entries that leave must not come as a surprise."""
    state = next((state for state in door.GRAVEST_FIRST if state in left), DoorState.RUNNING)
    words = {
        DoorState.RUNNING: "; entries leave again AT ONCE",
        DoorState.PAUSED: f"; {frame.keys.of('resume')} then lets entries out again",
    }
    ink = Ink.WARN if state is DoorState.RUNNING else Ink.PLAIN
    return (Segment("After it: "), door.STATES[state], Segment(f"{words.get(state, '')}.", ink))


def _qty(snapshot: Snapshot, qty: Decimal) -> str:
    return f"{fixed(qty, snapshot.qty_decimals)} {snapshot.base}"


def _entries(views: Iterable[LegView]) -> int:
    return sum(view.open_entries for view in views)


def _exits(views: Iterable[LegView]) -> int:
    return sum(view.open_exits for view in views)


def most_rungs(snapshot: Snapshot, share: Decimal) -> dict[Leg, int]:
    """How many rungs a throttle leaves each side at most, with what regime and funding leave of it now.

    Fewer where quantities would fall under the venue's minimum.
    """
    rungs = {Leg.LONG: len(snapshot.ladders.long), Leg.SHORT: len(snapshot.ladders.short)}
    now = snapshot.throttle
    others = {leg: snapshot.leg(leg).ladder_share / now if now else 1 for leg in Leg}
    return {leg: math.ceil(rungs[leg] * share * others[leg]) for leg in Leg}
