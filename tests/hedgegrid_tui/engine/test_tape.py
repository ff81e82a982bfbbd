"""Recordings of each format are read exactly and lazily; damage is counted, other files are refused."""

import gzip
import io
import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model.data import Bar
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from hedgegrid_tui.engine.markets.tape import HEAD_LINES, Tape, TapeError, TapeFormat
from hedgegrid_tui.engine.markets.tape_lines import MAX_LINE
from hedgegrid_tui.engine.markets.tape_numbers import Grid, LineError

INSTRUMENT = TestInstrumentProvider.btcusdt_perp_binance()
T0 = 1_723_161_255_000_000_000
MINUTE_MS = 1_704_067_200_000
DATA = Path(__file__).parents[3].parent / "shared/data"
CAPTURE = DATA / "binance-usdm-BTCUSDT-20240808.jsonl.gz"
BARS = DATA / "BTC-PERP-1m-202201.csv.gz"

AGG_HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
KLINES_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
BARS_HEADER = "timestamp,open,high,low,close,volume"


def said(ns: int, stream: str, **data: Any) -> str:
    return f"{ns} " + json.dumps({"stream": f"btcusdt@{stream}", "data": {"e": stream, "s": "BTCUSDT", **data}})


def quote(ns: int = T0, bid: str = "61800.20", ask: str = "61800.30", **more: Any) -> str:
    return said(ns, "bookTicker", **{"u": 1, "b": bid, "B": "2.507", "a": ask, "A": "2.510", **more})


def trade(ns: int = T0, number: int = 7, **more: Any) -> str:
    return said(ns, "trade", **{"t": number, "p": "61800.30", "q": "0.006", "X": "MARKET", "m": False, **more})


def agg_trade(ns: int = T0, first: int = 7, last: int = 7, **more: Any) -> str:
    return said(ns, "aggTrade", **{"a": 3, "f": first, "l": last, "p": "61800.30", "q": "0.006", "m": True, **more})


def agg_row(at: int = MINUTE_MS, number: int = 1, price: str = "61800.1", qty: str = "0.010") -> str:
    return f"{number},{price},{qty},10,12,{at},true"


def kline_row(at: int = MINUTE_MS, unit: int = 1, high: str = "42320.0") -> str:
    closed = at + 60_000 * unit - 1
    return f"{at},42314.0,{high},42289.6,42300.1,289.641,{closed},12253.1,2546,175.2,7415.9,0"


def bar_row(minute: int, close: str = "46377.0", volume: str = "2300413.7295") -> str:
    return f"2021-12-31 23:{minute:02}:00.000000,46319.0,46385.0,46319.0,{close},{volume}"


def write(path: Path, lines: Iterable[str], packing: str = "plain", end: str = "\n") -> Path:
    content = end.join([*lines, ""]).encode()
    if packing == "gzip":
        content = gzip.compress(content)
    elif packing == "zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("data.csv", content)
        content = packed.getvalue()
    path.write_bytes(content)
    return path


def opened(path: Path) -> Tape:
    return Tape(path, INSTRUMENT)


def read(tape: Tape) -> list[Any]:
    return list(tape.events())


def damage_of(tmp_path: Path, *lines: str) -> list[tuple[int, str]]:
    tape = opened(write(tmp_path / "tape", lines))
    read(tape)
    assert tape.damaged == len(tape.damage)
    return [(damage.line, damage.problem) for damage in tape.damage]


FORMATS = {
    TapeFormat.CAPTURE: [quote(), trade(T0 + 5), quote(T0 + 9)],
    TapeFormat.AGG_TRADES: [AGG_HEADER, agg_row(), agg_row(MINUTE_MS + 5, 2), agg_row(MINUTE_MS + 9, 3)],
    TapeFormat.KLINES: [KLINES_HEADER, *(kline_row(MINUTE_MS + n * 60_000) for n in range(3))],
    TapeFormat.MINUTE_BARS: [BARS_HEADER, *(bar_row(n) for n in range(3))],
}


@pytest.mark.parametrize("packing", ["plain", "gzip", "zip"])
@pytest.mark.parametrize("kind", TapeFormat)
def test_each_format_is_told_by_its_content_however_it_is_packed(
    tmp_path: Path, kind: TapeFormat, packing: str
) -> None:
    tape = opened(write(tmp_path / "no-suffix.bin", FORMATS[kind], packing))
    assert tape.format is kind
    assert len(read(tape)) == tape.quotes + tape.trades + tape.bars == 3
    assert (tape.skipped, tape.damaged) == (0, 0)


@pytest.mark.parametrize("kind", [TapeFormat.AGG_TRADES, TapeFormat.KLINES])
def test_binance_archives_need_no_header(tmp_path: Path, kind: TapeFormat) -> None:
    tape = opened(write(tmp_path / "tape", FORMATS[kind][1:]))
    assert tape.format is kind
    assert len(read(tape)) == 3


@pytest.mark.parametrize("kind", TapeFormat)
def test_byte_order_mark_crlf_blank_lines_and_trailing_spaces_change_nothing(tmp_path: Path, kind: TapeFormat) -> None:
    plain = read(opened(write(tmp_path / "plain", FORMATS[kind])))
    lines = [f"{line}  \r\n" for line in FORMATS[kind]]
    messy = opened(write(tmp_path / "messy", ["\ufeff" + lines[0], "", *lines[1:], "   "], end="\r\n"))
    assert read(messy) == plain
    assert messy.damaged == 0


def test_minute_bars_without_a_header_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"is no known recording.*timestamp,open,high,low,close,volume"):
        opened(write(tmp_path / "tape", FORMATS[TapeFormat.MINUTE_BARS][1:]))


def test_a_quote_carries_the_tape_s_own_prices_at_the_time_of_receipt(tmp_path: Path) -> None:
    tick = read(opened(write(tmp_path / "tape", [quote(T0 + 123)])))[0]
    assert (str(tick.bid_price), str(tick.ask_price)) == ("61800.2", "61800.3")
    assert (str(tick.bid_size), str(tick.ask_size)) == ("2.507", "2.510")
    assert tick.ts_event == tick.ts_init == T0 + 123
    assert tick.instrument_id == INSTRUMENT.id


def test_the_aggressor_sells_where_the_buyer_is_maker(tmp_path: Path) -> None:
    ticks = read(opened(write(tmp_path / "tape", [trade(m=True), trade(T0 + 1, 8, m=False)])))
    assert [tick.aggressor_side for tick in ticks] == [AggressorSide.SELLER, AggressorSide.BUYER]
    assert [str(tick.trade_id) for tick in ticks] == ["7", "8"]
    row = read(opened(write(tmp_path / "rows", [agg_row(), agg_row(number=2).replace("true", "false")])))
    assert [tick.aggressor_side for tick in row] == [AggressorSide.SELLER, AggressorSide.BUYER]


def test_a_deal_told_by_both_trade_streams_is_given_once(tmp_path: Path) -> None:
    lines = [
        trade(T0, 7),
        trade(T0 + 1, 8),
        agg_trade(T0 + 2, 7, 8),
        agg_trade(T0 + 3, 9, 10),
        trade(T0 + 4, 10),
    ]
    tape = opened(write(tmp_path / "tape", lines))
    assert [tick.ts_init - T0 for tick in read(tape)] == [0, 1, 3]
    assert tape.skipped_kinds == {"deal told by both trade and aggTrade": 2}


def test_messages_of_other_kinds_are_skipped_and_named(tmp_path: Path) -> None:
    lines = [
        quote(),
        said(T0, "depthUpdate", b=[["1", "2"]]),
        said(T0, "markPriceUpdate", p="1"),
        said(T0, "forceOrder"),
        f'{T0} {{"lastUpdateId": 1, "bids": []}}',
        trade(q="0.000"),
        trade(X="NA", p="0", q="0"),
        quote(s="ETHUSDT"),
    ]
    tape = opened(write(tmp_path / "tape", lines))
    assert len(read(tape)) == 1
    assert tape.damaged == 0
    assert tape.skipped == 7
    assert tape.skipped_kinds == {
        "depthUpdate": 1,
        "markPriceUpdate": 1,
        "forceOrder": 1,
        "depth snapshot": 1,
        "trade of nothing": 1,
        "trade outside the book": 1,
        "another symbol": 1,
    }


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (quote()[:-20], "is no JSON"),
        (f"{T0}", "is no JSON"),
        (f"{T0} []", "is no Binance message"),
        (f"{T0} " + '{"stream": "x", "data": ' + "[" * 100_000, "is no"),
        (f'{T0} {{"stream": "btcusdt@trade"}}', "missing required field `data`"),
        (quote().replace('"A"', '"Z"'), "missing required field `A`"),
        (quote().replace('"2.507"', "2.507"), "Expected `str`, got `float`"),
        (trade(t=-1), "Expected `int` >= 0"),
        (trade(t=10**40), "is no"),
        (quote(bid="61800.x"), "price 61800.x is no decimal number"),
        (quote(bid="6.18e4"), "price 6.18e4 is no decimal number"),
        (quote(bid="٦١٨٠٠"), "is no decimal number"),
        (quote(bid=""), r"price \(empty\) is no decimal number"),
        (quote(bid="-1.0"), "price -1.0 must not be negative"),
        (quote(bid="0.0"), "price 0.0 must be above 0"),
        (quote(ask="99999999999999999999.0"), "at most 17014118346046"),
        (trade(q="99999999999999999.0"), "at most 34028236692093"),
        (trade(q="-0.006"), "quantity -0.006 must not be negative"),
        (quote(B="0.000"), "at the best prices must be above 0"),
        (
            quote(bid="61800.25"),
            r"no multiple of instrument.tick_size 0.1: set instrument.\* to the tape's own",
        ),
        (quote(bid="61800.20000000000000001"), "no multiple of instrument.tick_size"),
        (trade(q="0.0065"), "quantity 0.0065 is no multiple of instrument.step_size 0.001"),
        (quote(bid="61800.30"), "bid 61800.30 must be below ask 61800.30"),
        (quote(ns=T0 // 1000), "outside of 2010 to 2100"),
        ("x" + quote(), "local time x"),
        ("hello", "local time hello is no whole number of ns"),
    ],
)
def test_a_damaged_message_is_counted_with_its_line_and_reading_goes_on(
    tmp_path: Path, line: str, problem: str
) -> None:
    ((number, found),) = damage_of(tmp_path, quote(), line, quote(T0 + 1))
    assert number == 2
    assert re.search(problem, found)
    assert found.isascii()
    assert len(found) < 200
    assert "\n" not in found


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1,2,3", "has 3 columns, must have 7 or 8"),
        (agg_row().replace("true", "yes"), "is_buyer_maker yes must be true or false"),
        (agg_row(price="61800.15"), "price 61800.15 is no multiple"),
        (agg_row(at=12), "transact_time 12 lies outside"),
        (agg_row().replace("1,", "one,", 1), "agg_trade_id one is no whole number"),
        (agg_row(at=MINUTE_MS - 60_000), r"lies -60.000 s from the latest"),
        ("é" + agg_row(), "is no CSV of plain text"),
    ],
)
def test_a_damaged_row_of_trades_is_counted(tmp_path: Path, line: str, problem: str) -> None:
    ((number, found),) = damage_of(tmp_path, AGG_HEADER, agg_row(), line, agg_row(number=2))
    assert number == 3
    assert re.search(problem, found)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (bar_row(1, close="46400.0"), "high and low must enclose the others"),
        (bar_row(1, close="-1.0"), "must not be negative"),
        (bar_row(1).replace("2021-12-31", "yesterday"), "is no ISO time"),
        (bar_row(1).replace(":00.0", ":30.0"), "must be a whole minute"),
        (bar_row(0), "from the latest; must not go back"),
        (bar_row(1, volume="many"), "volume many is no decimal number"),
    ],
)
def test_a_damaged_bar_is_counted(tmp_path: Path, line: str, problem: str) -> None:
    ((number, found),) = damage_of(tmp_path, BARS_HEADER, bar_row(0), line, bar_row(2))
    assert number == 3
    assert re.search(problem, found)


def test_bytes_that_are_no_utf_8_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "tape"
    broken = quote().encode().replace(b"bookTicker", b"bookT\xfeck").replace(b"btcusdt", b"btc\xfe")
    path.write_bytes(quote().encode() + b"\n" + broken + b"\n")
    tape = opened(path)
    assert len(read(tape)) == 1
    assert [damage.line for damage in tape.damage] == [2]


def test_only_the_first_twenty_damaged_lines_are_kept_and_all_are_counted(tmp_path: Path) -> None:
    tape = opened(write(tmp_path / "tape", [quote(), *[f"{T0} broken"] * 50, quote(T0 + 1)]))
    read(tape)
    assert (tape.damaged, len(tape.damage), tape.damage[-1].line) == (50, 20, 21)


def test_control_characters_of_a_tape_never_reach_a_message(tmp_path: Path) -> None:
    ((_, found),) = damage_of(tmp_path, quote(), quote(T0 + 1, bid="\x1b[31mred"))
    assert "\x1b" not in found


def test_small_steps_back_in_time_are_taken_at_the_latest_time(tmp_path: Path) -> None:
    tape = opened(write(tmp_path / "tape", [quote(T0 + 500), trade(T0 + 200), quote(T0 + 100), quote(T0 + 600)]))
    events = read(tape)
    assert [event.ts_init - T0 for event in events] == [500, 500, 500, 600]
    assert all(event.ts_event == event.ts_init for event in events)
    assert tape.damaged == 0


def test_a_repeated_first_bar_is_damage_and_the_first_stays(tmp_path: Path) -> None:
    tape = opened(write(tmp_path / "tape", [BARS_HEADER, bar_row(0), bar_row(0), bar_row(1)]))
    assert len(read(tape)) == 2
    assert [damage.line for damage in tape.damage] == [3]


def test_one_stamp_far_ahead_does_not_void_the_rest(tmp_path: Path) -> None:
    year = 31_536_000 * 10**9
    lines = [quote(T0 + year), quote(T0), quote(T0 + 1), quote(T0 + year), quote(T0 + 2), quote(T0 + year)]
    tape = opened(write(tmp_path / "tape", lines))
    assert [event.ts_init - T0 for event in read(tape)] == [0, 1, 2]
    assert [damage.line for damage in tape.damage] == [1, 4, 6]


def test_a_leap_that_the_next_line_confirms_is_believed(tmp_path: Path) -> None:
    day = 86_400 * 10**9
    tape = opened(write(tmp_path / "tape", [quote(T0), quote(T0 + day), quote(T0 + day + 1)]))
    assert len(read(tape)) == 3


@pytest.mark.parametrize("packing", ["gzip", "zip"])
def test_an_archive_cut_short_gives_every_whole_line_and_one_damage_after_them(tmp_path: Path, packing: str) -> None:
    lines = [quote(T0 + n, B=f"{n * 7919 % 100_000 + 1}.000") for n in range(5_000)]
    whole = write(tmp_path / "whole", lines, packing).read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(whole[: len(whole) // 2])
    tape = opened(cut)
    events = read(tape)
    assert 1_000 < len(events) < 5_000
    assert tape.damaged == 1
    assert tape.damage[0].line == len(events) + 1
    assert "ends early" in tape.damage[0].problem


def test_an_archive_that_lacks_only_its_last_bytes_gives_every_line(tmp_path: Path) -> None:
    for packing in ("gzip", "zip"):
        path = write(tmp_path / packing, [quote(T0 + n) for n in range(50)], packing)
        path.write_bytes(path.read_bytes()[:-3])
        tape = opened(path)
        assert len(read(tape)) == 50
        assert [damage.line for damage in tape.damage] == [51]


def test_flipped_bytes_in_an_archive_are_damage(tmp_path: Path) -> None:
    path = write(tmp_path / "tape", [quote(T0 + n, u=n * 7919) for n in range(5_000)], "gzip")
    content = bytearray(path.read_bytes())
    content[-400:-300] = bytes(100)
    path.write_bytes(content)
    tape = opened(path)
    assert len(read(tape)) > 1_000
    assert tape.damaged >= 1


def test_a_plain_file_cut_within_its_last_line_reports_that_line(tmp_path: Path) -> None:
    path = tmp_path / "tape"
    path.write_text(f"{quote()}\n{quote(T0 + 1)[:-9]}")
    tape = opened(path)
    assert len(read(tape)) == 1
    assert [damage.line for damage in tape.damage] == [2]


def test_an_endless_line_is_damage_and_not_kept_in_memory(tmp_path: Path) -> None:
    tape = opened(write(tmp_path / "tape", [quote(), "x" * (3 * MAX_LINE), quote(T0 + 1)]))
    assert len(read(tape)) == 2
    assert [damage.line for damage in tape.damage] == [2]


def test_reading_is_lazy_and_a_second_pass_counts_anew(tmp_path: Path) -> None:
    tape = opened(write(tmp_path / "tape", [quote(T0 + n) for n in range(10_000)], "gzip"))
    assert tape.quotes == 0
    assert len(list(islice(tape.events(), 3))) == 3
    assert tape.quotes == 3
    assert len(read(tape)) == tape.quotes == 10_000


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"\n\n  \n", "has no line"),
        (b"\x00\xff" * 400, "is no known recording"),
        (b"x" * (9 << 20), "has no line in its first 8 MiB"),
        (b"date,price\n1,2\n", r"is no known recording \(starts with date,price\)"),
        (b'{"a": 1}\n', "is no known recording"),
        (b"\x1f\x8bgarbage", "ends early or is damaged"),
        (b"PK\x03\x04", "ends early or is damaged"),
        (gzip.compress(b"", mtime=0), "has no line"),
        (f"{AGG_HEADER}\n".encode(), r"nothing to replay in its first 1 lines \(a header only\)"),
        (f"{said(T0, 'depthUpdate')}\n".encode(), r"\(1 depthUpdate\); must hold bookTicker, trade"),
        (quote(s="ETHUSDT").encode(), "symbol ETHUSDT: must be BTCUSDT, or set instrument.symbol"),
        (
            quote(bid="0.12345", ask="0.12346").encode(),
            "price 0.12345 is no multiple of instrument.tick_size 0.1",
        ),
    ],
)
def test_a_file_that_cannot_be_replayed_is_refused_in_one_line(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "tape"
    path.write_bytes(content)
    with pytest.raises(TapeError, match=problem) as refusal:
        opened(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert "\n" not in str(refusal.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"cannot be read \(No such file or directory\)"):
        opened(tmp_path / "none")
    with pytest.raises(TapeError, match="is no regular file"):
        opened(tmp_path)


def test_a_zip_of_two_files_or_none_is_refused(tmp_path: Path) -> None:
    for count in (0, 2):
        path = tmp_path / f"{count}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(count):
                archive.writestr(f"{number}.csv", f"{agg_row()}\n")
        with pytest.raises(TapeError, match=f"holds {count} files; must hold one"):
            opened(path)


def test_the_commonest_problem_of_the_head_is_named(tmp_path: Path) -> None:
    lines = [f"{T0} broken", *[quote(bid="61800.25")] * 3]
    with pytest.raises(TapeError, match=r"line 2: price 61800\.25"):
        opened(write(tmp_path / "tape", lines))


def test_wrong_filters_are_refused_even_where_some_prices_fit_by_chance(tmp_path: Path) -> None:
    lines = [quote(T0 + n, bid=f"61800.{n % 10}5" if n % 10 else "61800.1") for n in range(100)]
    with pytest.raises(TapeError, match=r"is no multiple of instrument\.tick_size"):
        opened(write(tmp_path / "tape", lines))


def test_damage_behind_the_head_never_refuses_the_file(tmp_path: Path) -> None:
    tape = opened(write(tmp_path / "tape", [*[quote()] * HEAD_LINES, *["broken"] * 5_000]))
    assert len(read(tape)) == HEAD_LINES
    assert tape.damaged == 5_000


@pytest.mark.parametrize("unit", [1, 1_000], ids=["ms", "us"])
def test_archive_times_are_in_ms_or_us_by_their_magnitude(tmp_path: Path, unit: int) -> None:
    (tick,) = read(opened(write(tmp_path / "trades", [agg_row(MINUTE_MS * unit)])))
    assert tick.ts_init == tick.ts_event == MINUTE_MS * 10**6
    (bar,) = read(opened(write(tmp_path / "klines", [kline_row(MINUTE_MS * unit, unit)])))
    assert bar.ts_init == bar.ts_event == (MINUTE_MS + 60_000) * 10**6


def test_klines_of_another_interval_are_refused(tmp_path: Path) -> None:
    row = kline_row().replace(str(MINUTE_MS + 59_999), str(MINUTE_MS + 299_999))
    with pytest.raises(TapeError, match="bar of 300 s: must be klines of one minute"):
        opened(write(tmp_path / "tape", [KLINES_HEADER, row]))


def test_bars_further_apart_than_a_minute_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="its bars are 300 s apart"):
        opened(write(tmp_path / "tape", [BARS_HEADER, *(bar_row(n) for n in range(0, 60, 5))]))


def test_a_minute_bar_is_stamped_with_its_close_and_its_volume_floored(tmp_path: Path) -> None:
    lines = [BARS_HEADER, bar_row(1), bar_row(2, volume="0.0001"), bar_row(3, close="46376.26")]
    first, second, third = read(opened(write(tmp_path / "tape", lines)))
    assert first.ts_init == 1_640_991_660 * 10**9
    assert str(first.bar_type) == "BTCUSDT-PERP.BINANCE-1-MINUTE-LAST-EXTERNAL"
    assert [str(value) for value in (first.open, first.close, first.volume)] == [
        "46319.0",
        "46377.0",
        "2300413.729",
    ]
    assert str(second.volume) == "0.001"
    assert str(third.close) == "46376.3"


def test_a_bar_price_that_rounding_would_move_by_a_bp_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"price 0\.12 is no multiple of instrument\.tick_size 0\.1"):
        opened(write(tmp_path / "tape", [BARS_HEADER, "2022-01-01T00:00:00Z,0.12,0.12,0.12,0.12,5"]))


def test_a_time_zone_in_a_stamp_is_heeded(tmp_path: Path) -> None:
    lines = [BARS_HEADER, "2022-01-01T01:00:00+01:00,1.0,1.0,1.0,1.0,5"]
    (bar,) = read(opened(write(tmp_path / "tape", lines)))
    assert bar.ts_init == 1_640_995_200 * 10**9


@given(st.integers(min_value=1, max_value=10**13), st.integers(min_value=0, max_value=12))
def test_a_price_text_becomes_exactly_that_price(ticks: int, zeros: int) -> None:
    text = f"{Decimal(ticks) / 10:.1f}" + "0" * zeros
    assert Grid(INSTRUMENT).price(text).as_decimal() == Decimal(text)


@given(st.decimals(min_value="0.000001", max_value="10000000", places=6))
def test_a_price_is_taken_just_where_it_is_a_multiple_of_the_tick(price: Decimal) -> None:
    grid = Grid(INSTRUMENT)
    if price % Decimal("0.1"):
        with pytest.raises(LineError, match="no multiple"):
            grid.price(f"{price:f}")
    else:
        assert grid.price(f"{price:f}").as_decimal() == price


@given(st.integers(min_value=1, max_value=10**12))
def test_a_quantity_text_becomes_exactly_that_quantity(steps: int) -> None:
    text = f"{Decimal(steps) / 1000:f}"
    assert Grid(INSTRUMENT).quantity(text).as_decimal() == Decimal(text)


@given(st.text(max_size=50))
def test_any_text_is_a_price_or_a_line_error(text: str) -> None:
    with suppress(LineError):
        assert Grid(INSTRUMENT).price(text).as_decimal() == Decimal(text)


@pytest.mark.skipif(not CAPTURE.exists(), reason=f"{CAPTURE} is absent")
def test_the_real_capture_is_read_whole_and_in_order() -> None:
    tape = opened(CAPTURE)
    events = read(tape)
    assert (tape.quotes, tape.trades, tape.bars, tape.damaged) == (66_089, 21_313, 0, 0)
    assert tape.skipped_kinds == {"depthUpdate": 6_551, "depth snapshot": 1}
    assert all(before.ts_init <= after.ts_init for before, after in pairwise(events))


@pytest.mark.skipif(not BARS.exists(), reason=f"{BARS} is absent")
def test_the_real_bars_are_read_whole_and_the_busiest_minute_begins_the_hour() -> None:
    tape = opened(BARS)
    volumes: dict[int, list[float]] = defaultdict(list)
    last = 0
    for bar in tape.events():
        assert isinstance(bar, Bar)
        assert bar.ts_init > last
        last = bar.ts_init
        volumes[(bar.ts_init // 60_000_000_000 - 1) % 60].append(bar.volume.as_double())
    assert (tape.bars, tape.damaged, tape.skipped) == (45_031, 0, 0)
    means = {minute: sum(values) / len(values) for minute, values in volumes.items()}
    assert max(means, key=lambda minute: means[minute]) == 0
