"""Rows: fitted, packed and wrapped, never wider than they may be."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from hedgegrid_tui.render.ladder_columns import away
from hedgegrid_tui.render.numbers import clock_text, count, fixed, gain, percent, signed, span
from hedgegrid_tui.render.rows import Ink, Part, Segment, ends, fit, fit_all, pack, text_of, wrap


@given(st.lists(st.text()), st.integers(0, 60))
def test_a_fitted_row_takes_exactly_its_width_whatever_characters_it_holds(texts: list[str], width: int) -> None:
    assert cell_len(text_of(fit(tuple(map(Segment, texts)), width))) == width


@given(st.text(), st.integers(1, 40))
def test_wrapped_lines_are_never_wider_than_asked_and_lose_nothing(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(0 < len(line) <= width for line in lines)
    kept = [char for line in lines for char in line if char != " "]
    assert len(kept) == sum(not char.isspace() for char in text)


def test_a_row_that_is_too_long_is_cut_with_a_visible_mark() -> None:
    assert text_of(fit((Segment("61,800.0"), Segment(" live")), 10)) == "61,800.0 …"


def test_rows_that_do_not_fit_the_height_are_counted() -> None:
    rows = fit_all([(Segment(str(number)),) for number in range(5)], 8, 3)
    assert [text_of(row).strip() for row in rows] == ["0", "1", "… 3 more"]


def test_packing_leaves_out_whole_parts_and_the_least_needed_first() -> None:
    parts = [Part(0, (Segment("RUNNING"),)), Part(2, (Segment("clock"),)), Part(1, (Segment("feed 0.3 s"),))]
    assert text_of(pack(parts, 19)) == "RUNNING  feed 0.3 s"
    assert text_of(pack(parts, 8)) == "RUNNING "


def test_the_right_end_of_a_row_outlives_the_left() -> None:
    assert text_of(ends((Segment("notional"),), (Segment("247.21"),), 10)) == "not…247.21"


@pytest.mark.parametrize(
    ("value", "text", "ink"),
    [("1234.5", "▲ +1,234.50", Ink.UP), ("-0.12", "▼ -0.12", Ink.DOWN), ("-0.001", "= 0.00", Ink.MUTED)],
)
def test_money_says_its_direction_by_glyph_sign_and_ink(value: str, text: str, ink: Ink) -> None:
    assert gain(Decimal(value)) == Segment(text, ink)


def test_numbers_read_as_a_trader_writes_them() -> None:
    assert fixed(Decimal("61800.05"), 1) == "61,800.0"
    assert fixed(None, 1) == "-"
    assert signed(Decimal(0)) == "0.00"
    assert away(Decimal("61861.8"), Decimal(61800)) == "+10"
    assert percent(Decimal("0.1999"), Decimal("0.2")) == 99
    assert [span(seconds) for seconds in (0.26, 12, 75, 7_260)] == ["0.3 s", "12 s", "1 m 15 s", "2 h 01 m"]
    assert clock_text(1_723_118_587 * 10**9) == "12:03:07"
    assert [count(number, "entry") for number in (0, 1, 2)] == ["0 entries", "1 entry", "2 entries"]
