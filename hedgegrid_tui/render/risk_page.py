"""The page on risk: every control with its figures, what it has tripped on, every alarm and denial."""

from collections.abc import Sequence
from typing import Final

from hedgegrid_tui.render import alarms, door
from hedgegrid_tui.render.conditions import share_text
from hedgegrid_tui.render.frame import Frame, leg_mark
from hedgegrid_tui.render.numbers import fixed, percent, signed
from hedgegrid_tui.render.reasons import REASONS
from hedgegrid_tui.render.risk import (
    LABEL,
    LEVELS,
    NOT_YET,
    breaker_parts,
    brief,
    denials,
    halted_row,
    labelled,
    leverage,
    liquidation_text,
    loss_row,
    ramp_row,
    repeated_row,
    requests_row,
    throttle,
    used,
)
from hedgegrid_tui.render.rows import Ink, Part, Row, Rows, Segment, fit_all, pack, width_of, wrap
from hedgegrid_tui.render.scrolling import Bounds, page_bounds, paged
from hedgegrid_tui.render.view import PanelId
from hedgegrid_tui.render.wording import with_keys
from strategy.domain import DoorState, Leg, Reason
from strategy.snapshot import Snapshot

ROOMY: Final = 56
"""A narrower panel has money without decimals, and the levels of loss without their names."""


def rows(frame: Frame, width: int, height: int) -> Rows:
    """For the panel: all figures where they fit or scroll in hand, else a row for each control.

    State and alarms are left to strip and notice.
    """
    if not frame.snapshot.seq:
        return fit_all((NOT_YET,), width, height)
    lines = _figures(frame, width)
    if len(lines) > height and frame.view.panel is not PanelId.RISK:
        return brief(frame, width, height)
    return paged(lines, frame, PanelId.RISK, width, height)


def bounds(frame: Frame, width: int, height: int) -> Bounds:
    """Least and most scroll."""
    return page_bounds(len(_figures(frame, width)) if frame.snapshot.seq else 1, height)


def page(frame: Frame, width: int) -> Rows:
    """Everything that the controls know."""
    snapshot = frame.snapshot
    if not snapshot.seq:
        return fit_all((NOT_YET,), width, 1)
    told = snapshot.state is DoorState.HALTED and len(snapshot.risk.halts) <= 1  # by the state's own row
    lines = [*_state(frame, width), *_figures(frame, width)[1 if told else 0 :]]
    return fit_all(lines, width, len(lines))


def _figures(frame: Frame, width: int) -> list[Row]:
    snapshot = frame.snapshot
    return [
        *_breaker(frame, width),
        *_losses(snapshot, width),
        *_limits(snapshot, width),
        *_denials(frame, width),
    ]


def _state(frame: Frame, width: int) -> list[Row]:
    snapshot = frame.snapshot
    shown, figure = door.STATES[snapshot.state], door.figure(snapshot)
    lines: list[Row] = [(labelled("state"), shown, Segment(f"  {figure}".rstrip()), *_way_out(frame))]
    lines += _wrapped(door.shut_by(snapshot), width)
    for state in door.hidden(snapshot):
        lines.append((labelled(""), Segment("+ ", Ink.MUTED), door.STATES[state]))
    found = [row for head, *words in alarms.rows(frame, snapshot.risk.alarms) for row in _folded((head,), words, width)]
    lines += [(labelled("" if index else "alarms"), *row) for index, row in enumerate(found)]
    return lines if found else [*lines, (labelled("alarms"), Segment("none", Ink.MUTED))]


def _way_out(frame: Frame) -> Row:
    key, does = door.way_out(frame.snapshot.state, frame.snapshot, frame.keys)
    return (Segment("  "), Segment(key, Ink.KEY), Segment(f" {does}")) if key else ()


def _breaker(frame: Frame, width: int) -> list[Row]:
    breaker = frame.snapshot.risk.breaker
    halted = halted_row(frame)
    lines: list[Row] = [(labelled("halted"), *halted)] if halted else []
    lines.append(_packed("breaker", breaker_parts(frame), width))
    lines += _list("opened by" if breaker.is_open else "counted", breaker.errors, width)
    repeated = repeated_row(frame)
    return [*lines, (labelled("levels"), *repeated)] if repeated else lines


def _losses(snapshot: Snapshot, width: int) -> list[Row]:
    drawdown, equity, currency = snapshot.risk.drawdown, snapshot.metrics.equity, snapshot.currency
    words = LEVELS if width >= ROOMY else ("", "", "")
    total = loss_row("total", drawdown.total_pct, drawdown.total_levels, words)
    day = loss_row("day", drawdown.day_pct, drawdown.day_levels, words)
    peak = f"peak {fixed(drawdown.peak, 2)}, equity {fixed(equity, 2)} {currency}: {signed(equity - drawdown.peak)}"
    began = f"day began at {fixed(drawdown.day_start, 2)} {currency}: {signed(equity - drawdown.day_start)}"
    found = [
        *_folded(total, (Segment(peak, Ink.MUTED),), width),
        *_folded(day, (Segment(began, Ink.MUTED),), width),
    ]
    if drawdown.reached:
        acted = f"! reached {', '.join(drawdown.reached)}; trips {drawdown.trips}"
        found += [(Segment(line, Ink.WARN),) for line in wrap(acted, max(1, width - LABEL))]
    return [(labelled("" if index else "losses"), *row) for index, row in enumerate(found)]


def _limits(snapshot: Snapshot, width: int) -> list[Row]:
    caps, budget = snapshot.risk.caps, snapshot.risk.budget
    gross = caps.long_worst + caps.short_worst
    uses = (
        (leg_mark(Leg.LONG), caps.long_worst, caps.leg_cap),
        (leg_mark(Leg.SHORT), caps.short_worst, caps.leg_cap),
        (Segment("  BOTH "), gross, caps.gross_cap),
    )
    lines: list[Row] = []
    for index, (mark, worst, cap) in enumerate(uses):
        share = (Segment(f"({percent(worst, cap)} %)", Ink.MUTED),) if cap else ()
        figures = (mark, Segment(" "), used(worst, cap, 2 if width >= ROOMY else 0))
        parts = [Part(0, figures), Part(1, (Segment(snapshot.currency, Ink.MUTED),)), Part(2, share)]
        lines.append(_packed("" if index else "caps", parts, width, " "))
    ramp = _ramp(snapshot)
    if ramp:
        lines.append((labelled(""), *ramp_row(snapshot)))
    lines += _wrapped(f"{ramp}held, in flight and resting, at entry prices", width)
    yours = (Segment("of both ladders", Ink.MUTED),)
    operator = (Segment("by the operator", Ink.MUTED),)
    lines.append(_packed("throttle", [Part(0, (throttle(snapshot),)), Part(1, yours), Part(2, operator)], width, " "))
    filled = (Segment("with every entry filled", Ink.MUTED),)
    lines.append(_packed("leverage", [Part(0, (leverage(snapshot),)), Part(1, filled)], width, " "))
    for index, leg in enumerate(Leg):
        room = max(1, width - LABEL)
        words = wrap(liquidation_text(snapshot, leg), max(1, room - len(leg_mark(leg).text) - 1))
        for at, word in enumerate(words):
            mark = leg_mark(leg) if not at else Segment(" " * len(leg_mark(leg).text))
            lines.append((labelled("" if index or at else "liquid."), mark, Segment(f" {word}")))
    kept = (Segment(f"{budget.reserve} kept for exits and cancels", Ink.MUTED),)
    lines += [
        (labelled("" if at else "requests"), *row)
        for at, row in enumerate(_folded(requests_row(snapshot)[1:], kept, width))
    ]
    return lines


def _ramp(snapshot: Snapshot) -> str:
    """Both caps against what they are once the ramp is over; empty where it leaves all."""
    caps = snapshot.risk.caps
    if caps.share >= 1 or not caps.share:
        return ""
    share = share_text(caps.share)
    full = [
        f"{name} cap {fixed(cap, 0)} = {share} of {fixed(cap / caps.share, 0)}"
        for name, cap in (("leg", caps.leg_cap), ("gross", caps.gross_cap))
        if cap
    ]
    return f"{', '.join(full) or share}; "


def _denials(frame: Frame, width: int) -> list[Row]:
    found = [
        f"{number:,} {reason}: {with_keys(_meaning(reason), frame.keys)}" for reason, number in denials(frame.snapshot)
    ]
    return _list("denied", found or ["nothing yet"], width)


def _meaning(reason: str) -> str:
    return REASONS[Reason(reason)].meaning if reason in tuple(Reason) else "not known to this cockpit"


def _list(label: str, texts: Sequence[str], width: int) -> list[Row]:
    """Texts below each other, wrapped; the label stands before the first."""
    lines: list[Row] = []
    for text in texts:
        for index, line in enumerate(wrap(text, max(1, width - LABEL - 2))):
            head = labelled("" if lines else label)
            lines.append((head, Segment("  " if index else "· ", Ink.MUTED), Segment(line)))
    return lines


def _packed(label: str, parts: Sequence[Part], width: int, gap: str = "  ") -> Row:
    return (labelled(label), *pack(parts, max(1, width - LABEL), gap))


def _folded(head: Row, words: Sequence[Segment], width: int) -> list[Row]:
    """Words beside what they belong to where both fit, else below it."""
    room = max(1, width - LABEL)
    if width_of(head) + 2 + width_of(tuple(words)) <= room:
        return [(*head, Segment("  "), *words)]
    return [head, *((Segment(line, word.ink),) for word in words for line in wrap(word.text, room))]


def _wrapped(text: str, width: int) -> list[Row]:
    return [(labelled(""), Segment(line, Ink.MUTED)) for line in wrap(text, max(1, width - LABEL))]
