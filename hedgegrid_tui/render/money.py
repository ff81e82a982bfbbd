"""Where the money went: profit, costs, equity, how many trades made it and how many of them won."""

from typing import Final

from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.numbers import NONE, fixed, gain, percent, signed
from hedgegrid_tui.render.ranked import Ranked, fitted
from hedgegrid_tui.render.risk import NOT_YET
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit_all
from hedgegrid_tui.render.strip import total_pnl
from strategy.domain import NS_PER_S, ZERO
from strategy.snapshot import Snapshot

MINUTE_NS: Final = 60 * NS_PER_S
HOUR_MINUTES: Final = 60
RATE_AFTER_MINUTES: Final = 5
"""A younger session has no rate an hour worth reading."""


def rows(frame: Frame, width: int, height: int) -> Rows:
    """The parts of the change in equity, then the counts; a low panel leaves out the least telling rows."""
    snapshot, metrics = frame.snapshot, frame.snapshot.metrics
    if not snapshot.seq:
        return fit_all((NOT_YET,), width, height)
    below_peak = min(metrics.equity - metrics.peak, ZERO)
    trips = f"{metrics.round_trips:,} · {metrics.fills:,}"
    exits = f"{metrics.take_profits:,} · {metrics.stops:,} · {metrics.closes:,}"
    lines: tuple[tuple[int, str, Row], ...] = (
        (0, "since start", (gain(total_pnl(snapshot)),)),
        (3, "per hour", (_per_hour(snapshot),)),
        (1, "realised", (gain(metrics.realised),)),
        (1, "unrealised", (gain(metrics.unrealised),)),
        (2, "fees", (Segment(signed(metrics.fees)),)),
        (4, "funding", (Segment(signed(metrics.funding)),)),
        (3, "equity", (Segment(f"{fixed(metrics.equity, 2)} {snapshot.currency}".rstrip(), Ink.STRONG),)),
        (5, "below its peak", (Segment(signed(below_peak)),)),
        (4, "win rate", (_win_rate(snapshot),)),
        (6, "round trips/fills", (Segment(trips),)),
        (7, "TPs/stops/closes", (Segment(exits),)),
    )
    return fitted([Ranked(rank, value, label) for rank, label, value in lines], width, height)


def _per_hour(snapshot: Snapshot) -> Segment:
    """This session's realised profit, fees and funding an hour; by whole minutes, so that it does not flicker."""
    metrics = snapshot.metrics
    minutes = (snapshot.ts - snapshot.began_ns) // MINUTE_NS if snapshot.began_ns else 0
    if minutes < RATE_AFTER_MINUTES:
        return Segment(NONE, Ink.MUTED)
    earned = metrics.realised + metrics.fees + metrics.funding - metrics.earned_before
    return gain(earned * HOUR_MINUTES / minutes)


def _win_rate(snapshot: Snapshot) -> Segment:
    wins, trips = snapshot.metrics.wins, snapshot.metrics.round_trips
    if not trips:
        return Segment(NONE, Ink.MUTED)
    return Segment(f"{percent(ZERO + wins, ZERO + trips)} % ({wins:,} of {trips:,} trips)")
