"""What a dialog says: the blast radius first, in numbers of this moment, then one letter for each answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from hedgegrid_tui.render import door
from hedgegrid_tui.render.conditions import share_text
from hedgegrid_tui.render.frame import Frame, leg_mark
from hedgegrid_tui.render.numbers import count, fixed, percent, signed
from hedgegrid_tui.render.reasons import THINNED
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit_all, wrap
from hedgegrid_tui.render.strip import mode
from strategy.domain import ZERO
from strategy.snapshot import LegView, Snapshot

LINE: Final = 70
"""Cells of a line of prose."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer: the letter that gives it and what it does; the safe one has the cursor."""

    key: str
    text: str
    safe: bool = False
    refused: str = ""
    """Why it cannot be given now."""


def rows(
    body: Rows, choices: Sequence[Choice], hint: Segment, width: int, height: int | None = None, field: Row = ()
) -> Rows:
    """The body, the answers or the field to type in, and what was last said; a low screen cuts the body alone."""
    lines: list[Row] = [(), *((field,) if field else ())]
    for choice in choices:
        if choice.refused:
            lines.append((Segment(f"   {choice.key}  {choice.text}: {choice.refused}", Ink.FAINT),))
        elif choice.safe:
            word = Segment(f"{choice.text}  (also Esc and Enter)", Ink.STRONG)
            lines.append((Segment(" ► ", Ink.OK), Segment(choice.key, Ink.KEY), Segment("  "), word))
        else:
            lines.append((Segment("   "), Segment(choice.key, Ink.KEY), Segment(f"  {choice.text}", Ink.WARN)))
    lines += [(), (hint,)]
    room = len(body) if height is None else max(1, height - len(lines))
    return (*fit_all(body, width, min(room, len(body))), *fit_all(lines, width, len(lines)))


def typed_field(word: str, typed: str) -> Row:
    """Where a word is typed that stands for yes."""
    return (
        Segment(f"Type {word}, then Enter: ", Ink.STRONG),
        Segment(f"[{f'{typed}_'.ljust(len(word) + 1)}]", Ink.KEY),
        Segment("   Esc leaves all as it is", Ink.OK),
    )


def where(snapshot: Snapshot) -> Row:
    """What the answer would touch: mode and instrument."""
    return (mode(snapshot.mode), Segment(f" {snapshot.instrument}", Ink.STRONG))


def half_spread(snapshot: Snapshot) -> Decimal:
    """Half of the distance between bid and ask; zero while there is no market."""
    market = snapshot.market
    return ZERO if market.bid is None or market.ask is None else (market.ask - market.bid) / 2


def closing_cost(snapshot: Snapshot, leg: LegView) -> Decimal:
    """Estimated cost of closing a leg at market, quote: taker fee on its notional and half the spread."""
    return snapshot.taker_fee * leg.notional + half_spread(snapshot) * leg.qty


def blast_table(snapshot: Snapshot) -> Rows:
    """What a flatten would touch, leg by leg: orders, quantity, notional, cost."""
    head = f"{'':7}{'  cancels':24}{'closes':>14}{'notional':>14}{'est. cost':>11}"
    lines: list[Row] = [(Segment(head, Ink.FAINT),)]
    for leg in (snapshot.long, snapshot.short):
        orders = f"  {count(leg.open_entries, 'entry')}, {count(leg.open_exits, 'exit')}"
        qty = f"{fixed(leg.qty, snapshot.qty_decimals)} {snapshot.base}"
        cost = signed(-closing_cost(snapshot, leg))
        text = f"{orders:24}{qty:>14}{fixed(leg.notional, 2):>14}{cost:>11}"
        lines.append((leg_mark(leg.leg), Segment(text)))
    legs = (snapshot.long, snapshot.short)
    orders = f"  {count(snapshot.open_entries, 'entry')}, {count(snapshot.open_exits, 'exit')}"
    notional = fixed(sum((leg.notional for leg in legs), ZERO), 2)
    cost = signed(-sum((closing_cost(snapshot, leg) for leg in legs), ZERO))
    lines.append((Segment(f"{'BOTH':7}{orders:24}{'':14}{notional:>14}{cost:>11}", Ink.STRONG),))
    half = fixed(half_spread(snapshot), snapshot.price_decimals + 1)
    note = (
        f"est. cost in {snapshot.currency}: taker fee {percent_text(snapshot.taker_fee)} of the notional "
        f"and half the spread ({half}); slippage comes on top"
    )
    return (*lines, (), *((Segment(line, Ink.MUTED),) for line in wrap(note, LINE)))


def percent_text(fraction: Decimal) -> str:
    """A fraction in percent, such as 0.05 %."""
    return f"{fixed(fraction * 100, 3)} %"


def flatten_body(frame: Frame) -> Rows:
    """Everything that a flatten would do."""
    snapshot = frame.snapshot
    intro = "Closes at market, cancels every order. It cannot be undone."
    return (where(snapshot), (Segment(intro),), (), *blast_table(snapshot))


def cancel_body(frame: Frame) -> Rows:
    """What cancelling the entries would touch, and what not."""
    snapshot = frame.snapshot
    lines: list[Row] = [
        where(snapshot),
        (Segment("Cancels every open entry and pauses. Positions and their exits stay."),),
        (),
    ]
    for leg in (snapshot.long, snapshot.short):
        qty = f"{fixed(leg.open_entry_qty, snapshot.qty_decimals)} {snapshot.base}"
        notional = f"{fixed(leg.open_entry_notional, 2)} {snapshot.currency}"
        lines.append((leg_mark(leg.leg), Segment(f"  {count(leg.open_entries, 'entry')}  {qty}  {notional}")))
    return tuple(lines)


def resume_body(frame: Frame) -> Rows:
    """What resuming lets happen."""
    snapshot = frame.snapshot
    rungs = (*snapshot.ladders.long, *snapshot.ladders.short)
    wanted = [rung for rung in rungs if rung.lot is None and rung.reason not in THINNED]
    notional = sum((rung.price * rung.qty for rung in wanted), ZERO)
    worth = f"{fixed(notional, 2)} {snapshot.currency}"
    free = f"up to {count(len(wanted), 'free rung')}, {worth}" if rungs else "a ladder is built around the market"
    text = f"Entries may leave again: {free}."
    when = " in an earlier session" if door.is_restored(snapshot) else ""
    reason = f"It was shut{when} by: {door.shut_by(snapshot)}" if snapshot.state_reason else ""
    return (where(snapshot), (Segment(text),), (Segment(reason, Ink.MUTED),))


def throttle_body(frame: Frame) -> Rows:
    """What the throttle is and does."""
    snapshot = frame.snapshot
    now = f"It is {share_text(snapshot.throttle)} now. Exits never shrink; it outlives a restart."
    legs = (snapshot.long, snapshot.short)
    left: list[Segment] = [Segment("With regime and funding this leaves: ", Ink.MUTED)]
    for leg in legs:
        left += (leg_mark(leg.leg), Segment(f" {share_text(leg.ladder_share)}  "))
    return (
        where(snapshot),
        (Segment("The share of both ladders, rungs and quantities, that may enter."),),
        (Segment(now),),
        tuple(left),
    )


def quit_body(frame: Frame) -> Rows:
    """What each way of leaving would leave behind."""
    snapshot = frame.snapshot
    if not snapshot.seq:
        return (
            where(snapshot),
            (Segment("No snapshot has come yet: what stands at the venue is not known here."),),
        )
    held = snapshot.long.qty or snapshot.short.qty
    open_now = f"{count(snapshot.open_entries, 'entry')} and {count(snapshot.open_exits, 'exit')} are open."
    text = f"Leaving stops the grid. Now {open_now}"
    covered = max(snapshot.long.qty - snapshot.long.sl_qty, ZERO) + max(
        snapshot.short.qty - snapshot.short.sl_qty, ZERO
    )
    share = percent(snapshot.long.qty + snapshot.short.qty - covered, snapshot.long.qty + snapshot.short.qty)
    stops = f"Stops at the venue cover {share} % of what is held." if held else "Nothing is held."
    known: Rows = ()
    if frame.stale:
        known = ((Segment("The engine is silent: this is what it last knew.", Ink.ALARM),),)
    return (
        where(snapshot),
        *known,
        (Segment(text),),
        (Segment(stops, Ink.ALARM if covered else Ink.PLAIN),),
        (),
        *blast_table(snapshot),
    )
