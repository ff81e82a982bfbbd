"""Where the money went: profit, costs, equity, and how many trades made it."""

from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.numbers import fixed, gain, signed
from hedgegrid_tui.render.rows import Ink, Rows, Segment, fit_all, pair
from hedgegrid_tui.render.strip import total_pnl


def rows(frame: Frame, width: int, height: int) -> Rows:
    """The parts of the change in equity, then the counts; the most telling rows first."""
    metrics = frame.snapshot.metrics
    trips = Segment(f"{metrics.round_trips:,} · {metrics.fills:,}")
    exits = Segment(f"{metrics.take_profits:,} · {metrics.stops:,} · {metrics.closes:,}")
    below_peak = metrics.equity - metrics.peak if metrics.peak > metrics.equity else metrics.peak * 0
    return fit_all(
        (
            pair("since start", (gain(total_pnl(frame.snapshot)),), width),
            pair("realised", (gain(metrics.realised),), width),
            pair("unrealised", (gain(metrics.unrealised),), width),
            pair("fees", (Segment(signed(metrics.fees)),), width),
            pair("funding", (Segment(signed(metrics.funding)),), width),
            pair("equity", (Segment(fixed(metrics.equity, 2), Ink.STRONG),), width),
            pair("below its peak", (Segment(signed(below_peak)),), width),
            pair("round trips/fills", (trips,), width),
            pair("TPs/stops/closes", (exits,), width),
        ),
        width,
        height,
    )
