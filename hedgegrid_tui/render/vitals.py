"""Whether all of it is alive: ages, counts of what came in and went out, the engine's own word."""

from hedgegrid_tui.render.frame import FEED_OLD_AFTER_S, Frame
from hedgegrid_tui.render.numbers import NONE, clock_text, span, span_ns
from hedgegrid_tui.render.rows import Ink, Rows, Segment, fit_all, pair
from strategy.snapshot import EnginePhase


def rows(frame: Frame, width: int, height: int) -> Rows:
    """Ages first, then counts."""
    snapshot, metrics = frame.snapshot, frame.snapshot.metrics
    market = snapshot.market
    feed = frame.feed_age
    age = span(frame.age) if snapshot.seq else NONE
    feed_ink = Ink.STALE if feed is not None and feed > FEED_OLD_AFTER_S else Ink.PLAIN
    engine = f"{frame.status.phase}: {frame.status.detail}" if frame.status.detail else str(frame.status.phase)
    engine_ink = Ink.ALARM if frame.status.phase is EnginePhase.FAILED else Ink.PLAIN
    refused = metrics.orders_rejected + metrics.orders_denied
    orders = f"{metrics.orders_submitted:,} · {metrics.orders_rejected:,} · {metrics.orders_denied:,}"
    return fit_all(
        (
            pair("market data age", (Segment(NONE if feed is None else span(feed), feed_ink),), width),
            pair("snapshot age", (Segment(age, Ink.ALARM if frame.silent else Ink.PLAIN),), width),
            pair("engine time (UTC)", (Segment(clock_text(snapshot.ts)),), width),
            pair(
                "quotes/trades/bars",
                (Segment(f"{market.quotes:,} · {market.trades:,} · {market.bars:,}"),),
                width,
            ),
            pair("sent/rejected/denied", (Segment(orders, Ink.WARN if refused else Ink.PLAIN),), width),
            pair("longest unprotected", (Segment(span_ns(metrics.max_unprotected_ns)),), width),
            pair("engine", (Segment(engine, engine_ink),), width),
        ),
        width,
        height,
    )
