"""Whether all of it is alive: ages, lags, what shapes the ladders, counts of what came in and went out."""

from typing import Final

from hedgegrid_tui.render import conditions, vitals_venue
from hedgegrid_tui.render.ages import age, age_ns
from hedgegrid_tui.render.frame import FEED_OLD_AFTER_S, Frame
from hedgegrid_tui.render.numbers import NONE, clock_text
from hedgegrid_tui.render.ranked import Ranked, fitted
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment
from hedgegrid_tui.render.scrolling import Bounds, page_bounds, paged
from hedgegrid_tui.render.view import PanelId
from strategy.domain import NS_PER_S
from strategy.snapshot import EnginePhase

QUICK_MS: Final = 25
"""Below that a lag or a frame is told as such, so that no row flickers."""
LAG_WARN_MS: Final = 250
DRAW_WARN_MS: Final = 100
STEP_MS: Final = 25
ROOMY: Final = 48
"""From this width on a row has room for who pays."""
WITH_STRENGTH: Final = 40
"""From this width on a row has room for the strength of a trend."""


def rows(frame: Frame, width: int, height: int) -> Rows:
    """Ages first, then lags, conditions and counts; in hand it scrolls, else a low panel leaves rows out."""
    lines = _lines(frame, width)
    if len(lines) > height and frame.view.panel is PanelId.VITALS:
        return paged([line.within(width) for line in lines], frame, PanelId.VITALS, width, height)
    return fitted(lines, width, height)


def bounds(frame: Frame, width: int, height: int) -> Bounds:
    """Least and most scroll."""
    return page_bounds(len(_lines(frame, width)), height)


def _lines(frame: Frame, width: int) -> list[Ranked]:
    snapshot, metrics, market = frame.snapshot, frame.snapshot.metrics, frame.snapshot.market
    refused = metrics.orders_rejected + metrics.orders_denied
    orders = f"{metrics.orders_submitted:,} · {metrics.orders_rejected:,} · {metrics.orders_denied:,}"
    told = f"{frame.status.phase}: {frame.status.detail}" if frame.status.detail else str(frame.status.phase)
    failed = frame.status.phase is EnginePhase.FAILED
    known = bool(snapshot.seq)
    lines: list[tuple[int, str, Row]] = [
        (0, "market data age", (_feed(frame),)),
        (2, "venue's last word", (_heard(frame),)),
        (1, "snapshot age", (_snapshot(frame),)),
        *vitals_venue.lines(frame),
        (3, "engine loop lag", (_ms(frame.status.lag_ms, LAG_WARN_MS),)),
        (4, "screen frame", (_ms(int(frame.draw_ms), DRAW_WARN_MS) if frame.draw_ms else Segment(NONE, Ink.MUTED),)),
        (3, "engine", (Segment(told, Ink.ALARM if failed else Ink.PLAIN),)),
        (
            5,
            "regime",
            conditions.regime_in_brief(snapshot, strength=width >= WITH_STRENGTH)
            if known
            else (Segment(NONE, Ink.MUTED),),
        ),
        (
            5,
            "funding",
            conditions.funding_in_brief(snapshot, pays=width >= ROOMY) if known else (Segment(NONE, Ink.MUTED),),
        ),
        (8, "quotes/trades/bars", (_text(f"{market.quotes:,} · {market.trades:,} · {market.bars:,}", known),)),
        (7, "sent/rejected/denied", (Segment(orders, Ink.STRONG) if refused else _text(orders, known),)),
        (6, "longest unprotected", (_text(age_ns(metrics.max_unprotected_ns), known),)),
        (9, "engine time (UTC)", (Segment(clock_text(snapshot.ts)[:5]),)),
    ]
    return [Ranked(rank, value, label) for rank, label, value in lines]


def _text(text: str, known: bool) -> Segment:
    return Segment(text) if known else Segment(NONE, Ink.MUTED)


def _feed(frame: Frame) -> Segment:
    since = frame.feed_age
    if since is None:
        return Segment(NONE, Ink.MUTED)
    old = since > FEED_OLD_AFTER_S
    return Segment(f"{'! ' if old else ''}{age(since)}", Ink.STALE if old else Ink.PLAIN)


def _heard(frame: Frame) -> Segment:
    snapshot = frame.snapshot
    if not snapshot.heard_ns:
        return Segment(NONE, Ink.MUTED)
    since = max(0, snapshot.ts - snapshot.heard_ns) / NS_PER_S + (frame.age if frame.stale else 0.0)
    return Segment(age(since))


def _snapshot(frame: Frame) -> Segment:
    if not frame.snapshot.seq:
        return Segment(NONE, Ink.MUTED)
    return Segment(f"{'! ' if frame.silent else ''}{age(frame.age)}", Ink.ALARM if frame.silent else Ink.PLAIN)


def _ms(value: int, warn: int) -> Segment:
    if value < QUICK_MS:
        return Segment(f"<{QUICK_MS} ms")
    shown = f"{value // STEP_MS * STEP_MS:,} ms"
    return Segment(f"! {shown}", Ink.WARN) if value >= warn else Segment(shown)
