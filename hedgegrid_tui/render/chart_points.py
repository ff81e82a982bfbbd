"""What a chart of the equity draws: samples spread over columns of points, drawdowns, the course of the line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from hedgegrid_tui.render.plot import Glyphs, Span
from hedgegrid_tui.render.records import EquitySample
from strategy.domain import NS_PER_S, PERCENT, ZERO


class Point(NamedTuple):
    """What one column of points stands for."""

    low: Decimal
    high: Decimal
    last: Decimal
    peak: Decimal
    drawdown: Decimal
    """Deepest, percent of the peak; 0 or more."""


@dataclass(frozen=True, slots=True)
class Times:
    """The time that the plot covers; it moves on by whole cells, so that a quiet chart stands still."""

    begin: int
    cell: int
    """Length of one cell, ns."""
    width: int
    """Cells."""

    @property
    def end(self) -> int:
        """End of the last cell."""
        return self.begin + self.cell * self.width


def _drawdown_of(sample: EquitySample, before: EquitySample | None) -> Decimal:
    """The deepest drawdown of a bucket that is certain: its low counts against the peak from before the bucket."""
    fall = sample.peak - sample.last
    if before is not None:
        fall = max(fall, min(before.peak, sample.peak) - sample.low)
    return max(ZERO, fall / sample.peak * PERCENT) if sample.peak > 0 else ZERO


def drawdowns(samples: Sequence[EquitySample]) -> list[Decimal]:
    """The deepest drawdown of each bucket, percent of the peak."""
    return [_drawdown_of(sample, before) for sample, before in zip(samples, (None, *samples), strict=False)]


def worst_drawdown(samples: Sequence[EquitySample], drawdowns: Sequence[Decimal]) -> tuple[Decimal, int]:
    """The deepest drawdown in view, percent, and when its bucket began."""
    deepest = max(drawdowns)
    return deepest, samples[drawdowns.index(deepest)].ts


def times_of(range_s: int, now: int, width: int) -> Times:
    """The time that so many cells show; `now` (ns) is within the last of them."""
    cell = max(1, range_s * NS_PER_S // width)
    end = (now // cell + 1) * cell
    return Times(end - cell * width, cell, width)


def spread(
    samples: Sequence[EquitySample], drawdowns: Sequence[Decimal], times: Times, bucket: int, now: int, glyphs: Glyphs
) -> list[Point | None]:
    """What each column of points stands for; None where there is no sample. `now` and `bucket` in ns."""
    number = times.width * glyphs.across
    begin, span = times.begin, times.end - times.begin
    points: list[Point | None] = [None] * number
    for sample, drawdown in zip(samples, drawdowns, strict=True):
        ts, low, high, last, peak = sample.ts, sample.low, sample.high, sample.last, sample.peak
        # The bucket of now ends now.
        ends = min(ts + bucket, max(now, ts) + 1)
        point = Point(low, high, last, peak, drawdown)
        for index in range(max(0, (ts - begin) * number // span), min(number, (ends - 1 - begin) * number // span + 1)):
            there = points[index]
            points[index] = (
                point
                if there is None
                else Point(min(there.low, low), max(there.high, high), last, peak, max(there.drawdown, drawdown))
            )
    return points


def course(points: Sequence[Point | None], at: Callable[[Decimal], int]) -> list[Span | None]:
    """Where the line goes; neighbours touch, and nothing bridges a time without samples."""
    spans: list[Span | None] = []
    before: int | None = None
    for point in points:
        if point is None:
            spans.append(None)
            before = None
            continue
        low, high = at(point.low), at(point.high)
        if before is not None:
            low, high = min(low, before + 1), max(high, before - 1)
        spans.append(Span(low, high))
        before = at(point.last)
    return spans


def latest_of_cells(points: Sequence[Point | None], width: int, glyphs: Glyphs) -> list[Point | None]:
    """The last point of each cell."""
    across = glyphs.across
    cells = (points[column * across : (column + 1) * across] for column in range(width))
    return [next((point for point in reversed(cell) if point is not None), None) for cell in cells]
