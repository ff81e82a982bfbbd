"""The chart of the equity: right at any size, for any equity, with whatever glyphs the terminal has."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len

from hedgegrid_tui.render import chart
from hedgegrid_tui.render.chart import Glyphs, glyphs_for
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.history import bucket_ns
from hedgegrid_tui.render.plot import Span, hanging_cells, line_cells
from hedgegrid_tui.render.records import EquitySample
from hedgegrid_tui.render.rows import Ink, Rows, text_of
from hedgegrid_tui.render.scale import round_step, scale, time_ticks
from hedgegrid_tui.render.view import RANGES_S, View, range_text
from strategy.domain import NS_PER_S
from strategy.snapshot import OperationalMetrics
from tests.hedgegrid_tui import fakes

NOW = 1_723_118_400 * NS_PER_S
"""12:00 UTC."""
MINUTE = 60
type Equity = Callable[[int], Decimal]


def history(equity: Equity, *spans: tuple[int, int], range_s: int = 3600) -> tuple[EquitySample, ...]:
    """Samples of every bucket within spans of seconds before now; the peak grows with the highest so far."""
    step, peak = bucket_ns(range_s) // NS_PER_S, Decimal(0)
    built: list[EquitySample] = []
    for begin, end in spans or ((-3500, 0),):
        for seconds in range(begin, end + 1, step):
            value = equity(seconds)
            peak = max(peak, value)
            ts = (NOW + seconds * NS_PER_S) // bucket_ns(range_s) * bucket_ns(range_s)
            built.append(EquitySample(ts, value, value, value, peak))
    return tuple(built)


def frame(samples: tuple[EquitySample, ...], start: str = "10000", chart_range: int = 1, **changes: Any) -> Frame:
    snapshot = fakes.running(ts=NOW, metrics=OperationalMetrics(equity_start=Decimal(start)))
    return Frame(snapshot=snapshot, view=View(chart_range=chart_range), history=samples, **changes)


def text(rows: Rows) -> list[str]:
    return [text_of(row).replace("\u2800", " ").rstrip() for row in rows]


def shown(samples: tuple[EquitySample, ...], height: int = 14, width: int = 74, **changes: Any) -> list[str]:
    glyphs = changes.pop("glyphs", Glyphs.BRAILLE)
    return text(chart.rows(frame(samples, **changes), width, height, glyphs))


def rising(seconds: int) -> Decimal:
    return Decimal(10_036) + Decimal(seconds) / 100


def flat(_: int) -> Decimal:
    return Decimal(10_000)


def dip(seconds: int) -> Decimal:
    return Decimal(10_000) if not -1800 < seconds < -1200 else Decimal(9_900)


def column_of(rows: list[str], marks: str) -> set[int]:
    return {index for row in rows for index, char in enumerate(row) if char in marks}


def test_the_first_row_tells_the_range_how_to_change_it_and_the_figures() -> None:
    head = shown(history(rising), width=120)[0]
    assert head.startswith("1 h [ ]  equity 10,035.92 USDT  ▲ +34.92 in view  low 10,001.00  high 10,035.92")


@pytest.mark.parametrize(("range_s", "told"), [*zip(RANGES_S, ("15 min", "1 h", "6 h", "24 h", "7 d"), strict=True)])
def test_a_range_is_told_as_people_say_it(range_s: int, told: str) -> None:
    assert range_text(range_s) == told


def test_the_scale_has_round_numbers_and_the_value_of_now_in_its_place() -> None:
    rows = shown(history(rising))
    assert [row.split("├")[1] for row in rows if "├" in row][:3] == ["10,030", "10,020", "10,010"]
    assert rows[1].endswith("◄10,035.92")


def test_the_times_below_are_round_and_in_utc() -> None:
    last = shown(history(rising))[-1]
    assert last.split() == ["11:15", "11:30", "11:45", "UTC"]
    plot = 74 - len("◄10,035.92")
    assert abs(last.index("11:30") + 2 - plot / 2) <= 1


def test_no_sample_at_all_says_what_the_chart_waits_for() -> None:
    assert shown(())[1] == "no equity yet: the chart begins with the first that is known"


def test_a_single_sample_is_a_single_point_at_the_right_end() -> None:
    rows = shown(history(flat, (0, 0)))
    assert sum(char in "⠁⠂⠄⡀⠈⠐⠠⢀" for row in rows for char in row) == 1
    assert any(row.endswith("◄10,000.00") for row in rows)


def test_a_flat_line_is_one_row_high_with_its_value_beside_it() -> None:
    rows = shown(history(flat))
    assert sum(any("\u2800" < char <= "\u28ff" for char in row) for row in rows) == 1
    assert "drawdown 0.00 % now  none in view" in rows


@pytest.mark.parametrize("glyphs", Glyphs)
def test_a_time_without_samples_stays_empty(glyphs: Glyphs) -> None:
    rows = shown(history(rising, (-3500, -2400), (-1200, 0)), start="0", glyphs=glyphs)[1:9]
    plot = 74 - len("◄10,035.92")
    empty = range(int(plot / 3) + 2, int(plot * 2 / 3) - 1)
    assert {row[column] for row in rows for column in empty} == {" "}
    assert any(row[empty.start - 4] != " " for row in rows)
    assert any(row[empty.stop + 3] != " " for row in rows)


def test_the_worst_drawdown_is_told_with_its_time_and_hangs_below_the_equity() -> None:
    rows = shown(history(dip))
    index = next(index for index, row in enumerate(rows) if row.startswith("drawdown"))
    assert rows[index] == "drawdown 0.00 % now  worst -1.00 % at 11:30"
    assert rows[index + 2].endswith("├-1.00 %")
    plot = 74 - len("◄10,000.00")
    hanging = column_of(rows[index + 1 : index + 3], "⣿⡇⢸")
    assert min(hanging) >= plot / 2 - 1
    assert max(hanging) <= plot * 2 / 3 + 1


def test_a_chart_too_low_for_the_drawdown_s_strip_tells_it_in_its_first_row() -> None:
    assert "worst drawdown -1.00 %" in shown(history(dip), height=6)[0]


def test_a_low_that_came_before_the_peak_of_its_bucket_is_no_drawdown() -> None:
    before = EquitySample(NOW - 24 * NS_PER_S, Decimal(99), Decimal(100), Decimal(100), Decimal(100))
    leaps = EquitySample(NOW - 12 * NS_PER_S, Decimal(100), Decimal(200), Decimal(200), Decimal(200))
    assert "drawdown 0.00 % now  none in view" in shown((before, leaps))


def test_the_peak_has_a_line_unless_the_equity_would_be_pressed_flat_by_it() -> None:
    near = shown(history(dip), start="0")
    assert any("┄┄┄" in row for row in near)
    far = tuple(replace(sample, peak=Decimal(20_000)) for sample in history(rising))
    rows = shown(far, start="0")
    assert not any("┄" in row for row in rows)
    assert "peak 20,000.00" in rows[0]


def test_what_is_above_the_session_s_beginning_is_a_gain_and_what_is_below_a_loss() -> None:
    up = chart.rows(frame(history(rising)), 74, 14)
    down = chart.rows(frame(history(rising), start="10100"), 74, 14)
    assert Ink.DOWN not in {segment.ink for row in up[1:9] for segment in row}
    assert Ink.UP not in {segment.ink for row in down[1:9] for segment in row}


def test_a_stale_equity_is_called_the_last_known_one() -> None:
    stuck = frame(history(rising), age=60.0, status=fakes.FakeEngine().status)
    assert "last known equity 10,035.92" in text_of(chart.rows(stuck, 90, 14)[0])


def test_a_clock_that_moves_within_a_cell_changes_no_row() -> None:
    samples = history(rising, (-3500, -60))
    rows = [chart.rows(replace(frame(samples), snapshot=fakes.running(ts=NOW + s * NS_PER_S)), 74, 14) for s in (1, 9)]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("factor", [Decimal("0.000000012"), Decimal(123_456_789)])
def test_tiny_and_huge_equities_have_a_scale_of_their_own(factor: Decimal) -> None:
    rows = shown(history(lambda seconds: rising(seconds) * factor), start="0", width=100)
    labels = [row.split("├")[1] for row in rows[1:10] if "├" in row]
    assert len(set(labels)) == len(labels) >= 2
    numbers = [Decimal(label.replace(",", "")) for label in labels]
    assert numbers == sorted(numbers, reverse=True)


@pytest.mark.parametrize(
    ("encoding", "term", "glyphs"),
    [
        ("utf-8", "xterm-256color", Glyphs.BRAILLE),
        ("utf-8", "linux", Glyphs.ASCII),
        ("cp437", "", Glyphs.ASCII),
        ("big5", "", Glyphs.BLOCK),
        ("ascii", "", Glyphs.ASCII),
        ("no-such", "", Glyphs.ASCII),
    ],
)
def test_a_terminal_gets_the_finest_glyphs_that_it_can_show(encoding: str, term: str, glyphs: Glyphs) -> None:
    assert glyphs_for(encoding, term) is glyphs


def test_a_line_in_each_kind_of_glyphs() -> None:
    spans = [Span(0, 0), Span(1, 2), Span(3, 3), None]
    assert (
        line_cells(spans, 2, 1, Glyphs.BRAILLE) == [["⡠", "⠁"]] or line_cells(spans, 2, 1, Glyphs.BRAILLE)[0][1] == "⠁"
    )
    assert line_cells([Span(0, 0), Span(7, 11), None], 3, 2, Glyphs.BLOCK) == [[" ", "▄", " "], ["▁", "█", " "]]
    assert line_cells([Span(0, 0), Span(0, 1), None], 3, 2, Glyphs.ASCII) == [[" ", "|", " "], ["*", "|", " "]]


def test_blanks_beside_braille_are_braille_so_that_no_font_moves_what_follows() -> None:
    rows = line_cells([Span(0, 0), None, None, Span(0, 0)], 3, 2, Glyphs.BRAILLE)
    assert rows == [[" ", " ", " "], ["⡀", "⢀", "\u2800"]]


def test_bars_hang_from_the_top() -> None:
    assert hanging_cells([1, 4, 8, None], 2, 2, Glyphs.BRAILLE) == [["⢹", "⡇"], ["\u2800", "⡇"]]
    assert hanging_cells([0, 3, 12], 3, 2, Glyphs.BLOCK) == [[" ", "▀", "█"], [" ", " ", "▀"]]
    assert hanging_cells([0, 1, 2], 3, 2, Glyphs.ASCII) == [[" ", "#", "#"], [" ", " ", "#"]]


def test_the_steps_of_a_scale_are_one_two_or_five() -> None:
    spans = ("0.9", "1.1", "2.5", "7", "40000")
    assert [str(round_step(Decimal(span), 1).normalize()) for span in spans] == ["1", "2", "5", "1E+1", "5E+4"]
    found = scale([Decimal("9997.3"), Decimal("10003.1")], 3)
    assert [str(value) for value in found.rounds()] == ["10000"]
    assert [str(value) for value in found._replace(step=Decimal(2)).rounds()] == ["9998", "10000", "10002", "10004"]
    assert scale([Decimal(5)] * 2, 3).low < 5 < scale([Decimal(5)] * 2, 3).high


def test_midnight_is_told_by_its_date() -> None:
    ticks = time_ticks(NOW, NOW + 86_400 * NS_PER_S, 4)
    assert [tick.label for tick in ticks] == ["12:00", "18:00", "09 Aug", "06:00", "12:00"]


MONEY = st.decimals(-(10**12), 10**12, places=6) | st.decimals(Decimal("-0.01"), Decimal("0.01"), places=12)
SAMPLES = st.lists(
    st.tuples(st.integers(-4000, 100), st.lists(MONEY, min_size=4, max_size=4).map(sorted)), max_size=40
).map(
    lambda found: tuple(
        EquitySample(NOW + seconds * NS_PER_S, four[0], four[2], four[1], four[3])
        for seconds, four in sorted(found, key=lambda each: each[0])
    )
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(
    SAMPLES, MONEY, st.integers(0, len(RANGES_S) - 1), st.integers(0, 160), st.integers(0, 40), st.sampled_from(Glyphs)
)
def test_every_chart_has_exactly_its_width_and_at_most_its_height(
    samples: tuple[EquitySample, ...], start: Decimal, chart_range: int, width: int, height: int, glyphs: Glyphs
) -> None:
    rows = chart.rows(frame(samples, str(start), chart_range), width, height, glyphs)
    assert len(rows) <= height
    assert {cell_len(text_of(row)) for row in rows} <= {width}
