"""The equity and its drawdown over a range of time, drawn in characters."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from hedgegrid_tui.render.chart_points import (
    Point,
    Times,
    course,
    drawdowns,
    latest_of_cells,
    spread,
    times_of,
    worst_drawdown,
)
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.history import bucket_ns
from hedgegrid_tui.render.numbers import clock_text, fixed, gain, signed
from hedgegrid_tui.render.plot import BLANKS, Glyphs, glyphs_for, hanging_cells, joined, line_cells
from hedgegrid_tui.render.records import EquitySample
from hedgegrid_tui.render.rows import Ink, Part, Row, Rows, Segment, fit, pack
from hedgegrid_tui.render.scale import Scale, scale, time_ticks
from hedgegrid_tui.render.view import range_text
from strategy.domain import PERCENT, ZERO

__all__ = ["Glyphs", "glyphs_for", "rows"]

LEAST_PLOT: Final = 12
"""Cells across below which the scale gives up its room."""
WITH_TIMES: Final = 5
"""Rows from which on the times stand below."""
LEAST_LOSS: Final = Decimal("0.005")
"""A drawdown of less, percent, rounds to none."""
DRAWDOWN_FROM: Final = ((20, 3), (13, 2), (8, 1))
"""Rows from which on the drawdown has a strip of its own, of so many rows below its heading."""
_SIGNS: Final = {
    Glyphs.BRAILLE: ("│", "├", "◄", "┄", "·"),
    Glyphs.BLOCK: ("│", "├", "◄", "┄", "·"),
    Glyphs.ASCII: ("|", "+", "<", "-", "."),
}


def rows(frame: Frame, width: int, height: int, glyphs: Glyphs = Glyphs.BRAILLE) -> Rows:
    """Equity, its peak and its drawdown over the range in view; a time without samples stays empty."""
    if width <= 0 or height <= 0:
        return ()
    samples = frame.history
    if not samples:
        waits = (Segment("no equity yet: the chart begins with the first that is known", Ink.MUTED),)
        return (pack([_range(frame)], width), fit(waits, width))[:height]
    depths = drawdowns(samples)
    worst = worst_drawdown(samples, depths)
    head = _head(frame, samples, worst, width, with_worst=height < DRAWDOWN_FROM[-1][0])
    strip = next((rows for least, rows in DRAWDOWN_FROM if height >= least), 0)
    times = height >= WITH_TIMES
    tall = height - 1 - times - (strip + 1 if strip else 0)
    if tall <= 0:
        return (head,)
    values = _scaled(samples)
    money = scale(values, max(1, tall // 2))
    labels, now_label = _labels(money, samples[-1].last)
    margin = max(map(len, (*labels.values(), now_label, "-10.00 %"))) + 1
    if width - margin < LEAST_PLOT:
        margin = 0
    now = max(frame.snapshot.ts, samples[-1].ts)
    span = times_of(frame.view.range_s, now, width - margin)
    points = spread(samples, depths, span, bucket_ns(frame.view.range_s), now, glyphs)
    drawn = _equity(frame, points, money, tall, span.width, glyphs)
    axis = _axis(money, labels, now_label, samples[-1].last, tall, margin, glyphs)
    picture = [(*line, *right) for line, right in zip(drawn, axis, strict=True)]
    if strip:
        picture += _drawdown(points, samples, worst, span, strip, margin, glyphs, width)
    if times:
        picture.append(_time_row(span, margin))
    return (head, *picture)


def _range(frame: Frame) -> Part:
    keys = (frame.keys.of("range-shorter"), frame.keys.of("range-longer"))
    return Part(
        0, (Segment(f"{range_text(frame.view.range_s)} ", Ink.STRONG), Segment(" ".join(keys).strip(), Ink.KEY))
    )


def _head(
    frame: Frame, samples: Sequence[EquitySample], worst: tuple[Decimal, int], width: int, *, with_worst: bool
) -> Row:
    last = samples[-1]
    places = _places(last.last)
    change = gain(last.last - samples[0].last, places)
    told = "last known " if frame.stale else ""
    now = Segment(f"{fixed(last.last, places)} {frame.snapshot.currency}".rstrip(), Ink.STALE if told else Ink.STRONG)
    numbers = (
        (3, "low", min(sample.low for sample in samples)),
        (3, "high", max(sample.high for sample in samples)),
        (2, "peak", last.peak),
    )
    parts = [
        _range(frame),
        Part(0, (Segment(f"{told}equity ", Ink.STALE if told else Ink.MUTED), now)),
        Part(1, (change, Segment(" in view", Ink.MUTED))),
        Part(1, (Segment("worst drawdown ", Ink.MUTED), _loss(worst[0])) if with_worst else ()),
    ]
    parts += [
        Part(rank, (Segment(f"{name} ", Ink.MUTED), Segment(fixed(value, places)))) for rank, name, value in numbers
    ]
    return pack(parts, width)


def _places(value: Decimal) -> int:
    """Decimals that show at least four digits of a value that is less than one."""
    return 2 if abs(value) >= 1 or not value else max(2, 3 - value.adjusted())


def _loss(percent: Decimal) -> Segment:
    return Segment(f"{signed(-percent)} %", Ink.DOWN if percent >= LEAST_LOSS else Ink.MUTED)


def _worst_words(worst: tuple[Decimal, int]) -> Row:
    percent, ts = worst
    if percent < LEAST_LOSS:
        return (Segment("none in view", Ink.MUTED),)
    return (Segment("worst ", Ink.MUTED), _loss(percent), Segment(f" at {clock_text(ts)[:5]}", Ink.MUTED))


def _scaled(samples: Sequence[EquitySample]) -> list[Decimal]:
    """What the scale has to hold: the peak too, unless the equity would be pressed flat by it."""
    low, high = min(sample.low for sample in samples), max(sample.high for sample in samples)
    peak = max(sample.peak for sample in samples)
    return [low, high, peak] if high < peak <= high + (high - low) else [low, high]


def _equity(
    frame: Frame, points: Sequence[Point | None], money: Scale, tall: int, width: int, glyphs: Glyphs
) -> list[Row]:
    """The line, in the ink of gain above what the session began with and of loss below; its peak and that start."""
    at = money.points(tall * glyphs.down)

    def row_of(value: Decimal) -> int:
        return tall - 1 - at(value) // glyphs.down

    cells = line_cells(course(points, at), width, tall, glyphs)
    latest = latest_of_cells(points, width, glyphs)
    *_, peak_sign, base_sign = _SIGNS[glyphs]
    start = frame.snapshot.metrics.equity_start
    base = row_of(start) if money.low <= start <= money.high else tall if money.low > start else -1
    peaks = [-1 if each is None or not money.low <= each.peak <= money.high else row_of(each.peak) for each in latest]
    drawn: list[Row] = []
    for row, line in enumerate(cells):
        ink = Ink.PLAIN if not start else Ink.UP if row < base else Ink.DOWN
        inked = [(char, ink) for char in line]
        for column, char in enumerate(line):
            if char in BLANKS:
                if peaks[column] == row:
                    inked[column] = (peak_sign, Ink.MUTED)
                elif row == base:
                    inked[column] = (base_sign, Ink.FAINT)
            elif row == base and start:
                here = latest[column]
                inked[column] = (char, Ink.UP if here is None or here.last >= start else Ink.DOWN)
        drawn.append(joined(inked))
    return drawn


def _labels(money: Scale, last: Decimal) -> tuple[dict[Decimal, str], str]:
    labels = {value: fixed(value, money.decimals) for value in money.rounds()}
    return labels, fixed(last, max(money.decimals, _places(last)))


def _axis(
    money: Scale, labels: dict[Decimal, str], now: str, last: Decimal, tall: int, margin: int, glyphs: Glyphs
) -> list[Row]:
    """The scale at the right, with the value of now in its place."""
    if not margin:
        return [()] * tall
    rule, tick, here, *_ = _SIGNS[glyphs]
    at = money.points(tall)
    axis: list[Row] = [(Segment(rule.ljust(margin), Ink.FAINT),)] * tall
    for value, label in labels.items():
        axis[tall - 1 - at(value)] = (Segment((tick + label).ljust(margin), Ink.MUTED),)
    axis[tall - 1 - at(last)] = (Segment((here + now).ljust(margin), Ink.STRONG),)
    return axis


def _drawdown(
    points: Sequence[Point | None],
    samples: Sequence[EquitySample],
    worst: tuple[Decimal, int],
    times: Times,
    tall: int,
    margin: int,
    glyphs: Glyphs,
    width: int,
) -> list[Row]:
    now = _now(samples[-1])
    parts = [
        Part(0, (Segment("drawdown ", Ink.MUTED), _loss(now), Segment(" now", Ink.MUTED))),
        Part(1, _worst_words(worst)),
    ]
    rule, tick, *_ = _SIGNS[glyphs]
    deepest = scale([ZERO, max(worst[0], LEAST_LOSS)], 1).high
    full = tall * glyphs.down
    depths = [
        None
        if point is None
        else 0
        if point.drawdown < LEAST_LOSS
        else max(1, int(float(point.drawdown / deepest) * full))
        for point in points
    ]
    cells = hanging_cells(depths, times.width, tall, glyphs)
    strip: list[Row] = []
    for index, line in enumerate(cells):
        ends_here = index == tall - 1 and margin and worst[0] >= LEAST_LOSS
        text = f"{tick}{signed(-deepest)} %" if ends_here else rule if margin else ""
        right = (Segment(text.ljust(margin)[:margin], Ink.MUTED if ends_here else Ink.FAINT),) if margin else ()
        strip.append((*joined([(char, Ink.DOWN) for char in line]), *right))
    return [pack(parts, width), *strip]


def _now(last: EquitySample) -> Decimal:
    return max(ZERO, (last.peak - last.last) / last.peak * PERCENT) if last.peak > 0 else ZERO


def _time_row(times: Times, margin: int) -> Row:
    line = [" "] * times.width
    free = 0
    for tick in time_ticks(times.begin, times.end, max(1, times.width // 14)):
        first = (tick.ts - times.begin) // times.cell - len(tick.label) // 2
        if first >= free and first + len(tick.label) < times.width:
            line[first : first + len(tick.label)] = tick.label
            free = first + len(tick.label) + 2
    end = "UTC".ljust(margin) if margin else ""
    return fit((Segment("".join(line), Ink.MUTED), Segment(end, Ink.FAINT)), times.width + margin)
