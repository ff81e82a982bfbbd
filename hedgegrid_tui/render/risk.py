"""The controls in four rows: how near each limit is, what has tripped, what the gate has denied."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from hedgegrid_tui.render import door
from hedgegrid_tui.render.conditions import share_text
from hedgegrid_tui.render.frame import Frame, leg_mark
from hedgegrid_tui.render.numbers import fixed, percent, signed, span
from hedgegrid_tui.render.rows import Ink, Part, Row, Rows, Segment, pack
from strategy.domain import ZERO, DoorState, Leg
from strategy.snapshot import Snapshot

LEVELS: Final = ("warn", "pause", "halt")
NEAR_PCT: Final = 80
"""A limit that is used so far is coloured."""
LABEL: Final = 10
"""Cells of a row's label."""
DENIALS: Final = 3
"""Reasons that four rows have room for."""
NOT_YET: Final = (Segment("no snapshot yet", Ink.MUTED),)


def brief(frame: Frame, width: int) -> Rows:
    """Breaker, losses, caps, and what else limits an entry: one row each."""
    snapshot = frame.snapshot
    if not snapshot.seq:
        return (NOT_YET,)
    rows = (
        ("breaker", [*breaker_parts(snapshot), Part(2, repeated_row(snapshot))]),
        ("losses", [*_loss_parts(snapshot), Part(3, reached_row(snapshot))]),
        ("caps", _cap_parts(snapshot)),
        ("gate", [*_leverage_parts(snapshot), *_denial_parts(snapshot), Part(_rank(snapshot), requests_row(snapshot))]),
    )
    return tuple((labelled(label), *pack(parts, max(1, width - LABEL))) for label, parts in rows)


def labelled(text: str) -> Segment:
    """What a row is about."""
    return Segment(f"{text:{LABEL}}", Ink.MUTED)


def breaker_parts(snapshot: Snapshot) -> list[Part]:
    """Whether it is open, its count, threshold and window, when it closes, how often it has opened."""
    breaker = snapshot.risk.breaker
    window = f"in {span(breaker.window_s)}"
    trips = Part(3, (Segment(f"trips {breaker.trips}", Ink.MUTED),))
    if breaker.is_open:
        return [
            Part(0, (door.STATES[DoorState.BREAKER_OPEN],)),
            Part(0, (Segment(f"{door.closing(snapshot)}, B resets", Ink.BREAKER),)),
            Part(1, (Segment(f"tripped at {breaker.threshold} errors {window}"),)),
            trips,
        ]
    near = bool(breaker.count) and breaker.count + 1 >= breaker.threshold
    count = Segment(f"{breaker.count} of {breaker.threshold} errors {window}", Ink.WARN if near else Ink.PLAIN)
    return [Part(0, (Segment("✓ closed", Ink.OK),)), Part(0, (count,)), trips]


def repeated_row(snapshot: Snapshot) -> Row:
    """Levels that filled too often; empty where there are none."""
    levels = ", ".join(snapshot.risk.repeated)
    return (Segment(f"! filled too often: {levels}; B releases", Ink.WARN),) if levels else ()


def _loss_parts(snapshot: Snapshot) -> list[Part]:
    drawdown = snapshot.risk.drawdown
    total = loss_row("total", drawdown.total_pct, drawdown.total_levels, ("", "", ""))
    day = loss_row("day", drawdown.day_pct, drawdown.day_levels, ("", "", ""))
    return [Part(0, total), Part(1, day), Part(2, (Segment("(warn/pause/halt)", Ink.FAINT),))]


def loss_row(name: str, loss: Decimal, levels: Sequence[Decimal], words: Sequence[str] = LEVELS) -> Row:
    """A loss in percent against its levels."""
    bounds = [f"{word} {bare(limit)}".strip() for word, limit in zip(words, levels, strict=True) if limit]
    passed = [limit for limit in levels if limit and loss >= limit]
    ink = Ink.PLAIN if not passed else Ink.ALARM if passed[-1] == levels[-1] else Ink.WARN
    return (
        Segment(f"{name} ", Ink.MUTED),
        Segment(f"{fixed(max(loss, ZERO), 2)} %", ink),
        Segment(f" ({(' · ' if all(words) else '/').join(bounds) or 'no level'})", Ink.MUTED),
    )


def reached_row(snapshot: Snapshot) -> Row:
    """Levels of loss that have acted; empty where none has."""
    names = ", ".join(snapshot.risk.drawdown.reached)
    return (Segment(f"! reached {names}", Ink.WARN),) if names else ()


def _cap_parts(snapshot: Snapshot) -> list[Part]:
    caps = snapshot.risk.caps
    worst = ((Leg.LONG, caps.long_worst), (Leg.SHORT, caps.short_worst))
    found = [Part(1, (leg_mark(leg), Segment(" "), used(value, caps.leg_cap, 0, "/"))) for leg, value in worst]
    found.append(Part(2, (Segment("both "), used(caps.long_worst + caps.short_worst, caps.gross_cap, 0, "/"))))
    if caps.share < 1:
        found.append(Part(0, (Segment(f"ramp {share_text(caps.share)}", Ink.WARN),)))
    return found


def used(worst: Decimal, cap: Decimal, decimals: int, of: str = " of ") -> Segment:
    """What counts against a cap, and the cap."""
    if not cap:
        return Segment(f"{fixed(worst, decimals)}, no cap")
    near = percent(worst, cap) >= NEAR_PCT
    return Segment(f"{fixed(worst, decimals)}{of}{fixed(cap, decimals)}", Ink.WARN if near else Ink.PLAIN)


def _leverage_parts(snapshot: Snapshot) -> list[Part]:
    near = [found for leg in Leg if (found := liquidation_pct(snapshot, leg)) is not None]
    far = f"{signed(min(near, key=abs), 1)} %" if near else "none"
    return [
        Part(0, (Segment("leverage ", Ink.MUTED), leverage(snapshot))),
        Part(1, (Segment("liq. ", Ink.MUTED), Segment(far))),
    ]


def leverage(snapshot: Snapshot) -> Segment:
    """Leverage with every entry filled, and its limit."""
    caps = snapshot.risk.caps
    if not caps.max_leverage:
        return Segment(f"{fixed(caps.leverage, 2)}, no limit")
    near = percent(caps.leverage, caps.max_leverage) >= NEAR_PCT
    return Segment(f"{fixed(caps.leverage, 2)} of {bare(caps.max_leverage)}", Ink.WARN if near else Ink.PLAIN)


def liquidation(snapshot: Snapshot, leg: Leg) -> Decimal | None:
    """The leg's liquidation price; None where there is none."""
    caps = snapshot.risk.caps
    return caps.long_liquidation if leg is Leg.LONG else caps.short_liquidation


def liquidation_pct(snapshot: Snapshot, leg: Leg) -> Decimal | None:
    """From the middle of the market to the leg's liquidation, percent, signed; None where there is none."""
    price, mid = liquidation(snapshot, leg), snapshot.market.mid
    return None if price is None or not mid else (price - mid) / mid * 100


def requests_row(snapshot: Snapshot) -> Row:
    """Requests within the window against the message budget."""
    budget = snapshot.risk.budget
    text = f"{budget.used} of {budget.limit} in {span(budget.window_s)}"
    return (Segment("requests ", Ink.MUTED), Segment(text, Ink.PLAIN if _rank(snapshot) else Ink.WARN))


def _rank(snapshot: Snapshot) -> int:
    """How soon the message budget is left out: not at all once it holds entries back."""
    budget = snapshot.risk.budget
    return 0 if budget.used + budget.reserve >= budget.limit > 0 else 3


def denials(snapshot: Snapshot) -> list[tuple[str, int]]:
    """What the gate has denied, per reason code, the most first."""
    return sorted(snapshot.risk.denials, key=lambda denial: -denial[1])


def _denial_parts(snapshot: Snapshot) -> list[Part]:
    found = [
        Part(2 + rank, (Segment("denied ", Ink.MUTED) if not rank else Segment(""), Segment(f"{reason} {number:,}")))
        for rank, (reason, number) in enumerate(denials(snapshot)[:DENIALS])
    ]
    return found or [Part(3, (Segment("nothing denied", Ink.MUTED),))]


def bare(value: Decimal) -> str:
    """A configured number without zeros that say nothing."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
