"""The controls in a row each: how near each limit is, what has tripped, what the gate has denied."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from hedgegrid_tui.render import door
from hedgegrid_tui.render.conditions import share_text
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.numbers import fixed, percent, signed
from hedgegrid_tui.render.ranked import Ranked, fitted
from hedgegrid_tui.render.rows import Ink, Part, Row, Rows, Segment, fit_all, pack
from strategy.domain import ZERO, DoorState, Leg
from strategy.snapshot import Snapshot

LEVELS: Final = ("warn", "pause", "halt")
NEAR_PCT: Final = 80
"""A limit that is used so far is coloured."""
WHOLE_FROM_PCT: Final = 1000
"""A distance of so much has no use for decimals."""
LABEL: Final = 10
"""Cells of a row's label."""
DENIALS: Final = 3
"""Reasons that a row has room for."""
NOT_YET: Final = (Segment("no snapshot yet", Ink.MUTED),)


def brief(frame: Frame, width: int, height: int) -> Rows:
    """For a panel too low for the page: one row for each control, the least needed ones left out."""
    snapshot = frame.snapshot
    if not snapshot.seq:
        return fit_all((NOT_YET,), width, height)
    drawdown, caps = snapshot.risk.drawdown, snapshot.risk.caps
    bare_levels = ("", "", "")
    gross = used(caps.long_worst + caps.short_worst, caps.gross_cap, 0)
    lines: list[tuple[int, str, list[Part]]] = [
        (0, "breaker", breaker_parts(frame)),
        (1, "losses", [Part(0, loss_row("total", drawdown.total_pct, drawdown.total_levels, bare_levels))]),
        (2, "", [Part(0, loss_row("day", drawdown.day_pct, drawdown.day_levels, bare_levels))]),
        (3, "caps", [Part(0, (Segment("both legs ", Ink.MUTED), gross)), Part(1, ramp_row(snapshot))]),
        (4, "leverage", _leverage_parts(snapshot)),
        (3, "denied", _denial_parts(snapshot)),
        (5, "requests", [Part(0, requests_row(snapshot)[1:])]),
        (6, "throttle", [Part(0, (throttle(snapshot),))]),
    ]
    special = (
        ("halted", halted_row(frame)),
        ("levels", repeated_row(frame)),
        ("reached", reached_row(snapshot)),
    )
    lines += [(0, label, [Part(0, row)]) for label, row in special if row]
    room = max(1, width - LABEL)
    return fitted([Ranked(rank, (labelled(label), *pack(parts, room))) for rank, label, parts in lines], width, height)


def labelled(text: str) -> Segment:
    """What a row is about."""
    return Segment(f"{text:{LABEL}}", Ink.MUTED)


def breaker_parts(frame: Frame) -> list[Part]:
    """Whether it is open, its count, threshold and window, when it closes, how often it has opened."""
    snapshot, breaker = frame.snapshot, frame.snapshot.risk.breaker
    window = f"in {length(breaker.window_s)}"
    trips = Part(3, (Segment(f"trips {breaker.trips}", Ink.MUTED),))
    if breaker.is_open:
        return [
            Part(0, (Segment("⊘ OPEN", Ink.BREAKER),)),
            Part(0, (Segment(door.closing(snapshot), Ink.BREAKER),)),
            Part(1, (Segment(f"{frame.keys.of('reset-breaker')} resets", Ink.BREAKER),)),
            Part(2, (Segment(f"tripped at {breaker.threshold} errors {window}"),)),
            trips,
        ]
    near = bool(breaker.count) and breaker.count + 1 >= breaker.threshold
    count = Segment(f"{breaker.count} of {breaker.threshold} errors", Ink.WARN if near else Ink.PLAIN)
    return [Part(0, (Segment("✓ closed", Ink.OK),)), Part(0, (count,)), Part(1, (Segment(window, Ink.MUTED),)), trips]


def repeated_row(frame: Frame) -> Row:
    """Levels that filled too often; empty where there are none."""
    levels = ", ".join(frame.snapshot.risk.repeated)
    released = f"{frame.keys.of('reset-breaker')} releases"
    return (Segment(f"! filled too often: {levels}; {released}", Ink.WARN),) if levels else ()


def halted_row(frame: Frame) -> Row:
    """What has halted, and the keys that end it; empty while nothing has."""
    snapshot = frame.snapshot
    if DoorState.HALTED not in door.latched(snapshot):
        return ()
    both = (
        (door.halted_by_losses(snapshot), "losses", "reset-drawdown"),
        (door.halted_by_errors(snapshot), "a critical error", "reset-breaker"),
    )
    told = [f"{cause}, {frame.keys.of(reset)} resets" for holds, cause, reset in both if holds]
    return (Segment(f"■ by {'; by '.join(told)}", Ink.ALARM),)


def throttle(snapshot: Snapshot) -> Segment:
    """The operator's share of both ladders."""
    return Segment(share_text(snapshot.throttle), Ink.WARN if snapshot.throttle < 1 else Ink.PLAIN)


def ramp_row(snapshot: Snapshot) -> Row:
    """How far the roll-out ramp is, such as `ramp 25 %, day 3 of 14`; empty where it leaves all."""
    caps = snapshot.risk.caps
    if caps.share >= 1:
        return ()
    day = f", day {caps.ramp_day} of {caps.ramp_days}" if caps.ramp_days else ""
    return (Segment(f"! ramp {share_text(caps.share)}{day}", Ink.WARN),)


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
        Part(0, (leverage(snapshot),)),
        Part(1, (Segment("liquidation ", Ink.MUTED), Segment(far))),
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


def liquidation_text(snapshot: Snapshot, leg: Leg) -> str:
    """Price and distance from the market in percent; that there is none."""
    price, far = liquidation(snapshot, leg), liquidation_pct(snapshot, leg)
    if price is None:
        return "at no price"
    away = "" if far is None else f" ({signed(far, 1 if abs(far) < WHOLE_FROM_PCT else 0)} %)"
    return f"{fixed(price, snapshot.price_decimals)}{away}"


def length(seconds: float) -> str:
    """A configured length of time without a unit that says nothing: 10 s, 1 m, 1 m 30 s."""
    minutes, second = divmod(int(max(0.0, seconds)), 60)
    hours, minute = divmod(minutes, 60)
    parts = ((hours, "h"), (minute, "m"), (second, "s"))
    return " ".join(f"{number:,} {unit}" for number, unit in parts if number) or "0 s"


def requests_row(snapshot: Snapshot) -> Row:
    """Requests within the window against the message budget."""
    budget = snapshot.risk.budget
    text = f"{budget.used} of {budget.limit} in {length(budget.window_s)}"
    return (Segment("requests ", Ink.MUTED), Segment(text, Ink.WARN if _holds_back(snapshot) else Ink.PLAIN))


def _holds_back(snapshot: Snapshot) -> bool:
    """Whether the message budget holds entries back."""
    budget = snapshot.risk.budget
    return budget.used + budget.reserve >= budget.limit > 0


def denials(snapshot: Snapshot) -> list[tuple[str, int]]:
    """What the gate has denied, per reason code, the most first."""
    return sorted(snapshot.risk.denials, key=lambda denial: -denial[1])


def _denial_parts(snapshot: Snapshot) -> list[Part]:
    found = denials(snapshot)
    parts = [Part(rank, (Segment(f"{number:,} {reason}"),)) for rank, (reason, number) in enumerate(found[:DENIALS])]
    if len(found) > DENIALS:
        parts.append(Part(DENIALS, (Segment(f"{len(found) - DENIALS} more reasons", Ink.MUTED),)))
    return parts or [Part(0, (Segment("nothing yet", Ink.MUTED),))]


def bare(value: Decimal) -> str:
    """A configured number without zeros that say nothing."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
