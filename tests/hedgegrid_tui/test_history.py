"""The equity's history: bounded, on the engine's clock, one session at a time."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedgegrid_tui.render.history import BUCKETS, EquityHistory, bucket_ns
from hedgegrid_tui.render.view import RANGES_S
from strategy.domain import NS_PER_S
from strategy.snapshot import OperationalMetrics, Snapshot

HOUR = 3600
START = 1_723_118_400 * NS_PER_S
"""The beginning of a bucket of every range of an hour at most."""


def snapshot(seconds: float, equity: str = "10000", peak: str = "10010", session: str = "s-1") -> Snapshot:
    metrics = OperationalMetrics(equity_start=Decimal(10_000), equity=Decimal(equity), peak=Decimal(peak))
    return Snapshot(seq=1, ts=START + int(seconds * NS_PER_S), session=session, metrics=metrics)


def line(seconds: int, equity: str = "10000", kind: str = "equity", **fields: Any) -> bytes:
    told = {"seq": 1, "ts": START + seconds * NS_PER_S, "kind": kind, "equity": equity, "peak": "10010", **fields}
    return json.dumps(told).encode()


def equities(history: EquityHistory, now_s: float = HOUR, range_s: int = HOUR) -> list[str]:
    return [str(sample.last) for sample in history.samples(range_s, START + int(now_s * NS_PER_S))]


def test_a_bucket_keeps_the_lowest_the_highest_and_the_last_of_its_time() -> None:
    history = EquityHistory()
    for seconds, equity in enumerate(("10001", "9998", "10005", "10002")):
        history.add(snapshot(seconds, equity))
    (sample,) = history.samples(HOUR, START + 5 * NS_PER_S)
    assert sample.ts == START
    assert (sample.low, sample.high, sample.last) == (Decimal(9998), Decimal(10005), Decimal(10002))
    assert sample.peak == 10010


@pytest.mark.parametrize(
    "rubbish", [b'{"kind":"equity","ts":1,"equity":"\xff"}', b'{"kind":"equity","x":' + b"[" * 100_000]
)
def test_a_line_that_cannot_be_read_costs_the_lines_behind_it_nothing(rubbish: bytes) -> None:
    history = EquityHistory()
    history.load([rubbish, line(0, "10004")])
    assert equities(history) == ["10004"]


def test_a_time_without_snapshots_has_no_buckets() -> None:
    history = EquityHistory()
    for seconds in (0, 12, 2000):
        history.add(snapshot(seconds))
    assert [sample.ts - START for sample in history.samples(HOUR, START + HOUR * NS_PER_S)] == [
        0, 12 * NS_PER_S, 1992 * NS_PER_S,
    ]  # fmt: skip


@pytest.mark.parametrize("range_s", RANGES_S)
def test_every_range_is_bounded_however_long_the_session_lasts(range_s: int) -> None:
    history = EquityHistory()
    step = max(1, range_s // 1000)
    for seconds in range(0, 3 * range_s, step):
        history.add(snapshot(seconds))
    now = START + 3 * range_s * NS_PER_S
    found = history.samples(range_s, now)
    assert BUCKETS - 1 <= len(found) <= BUCKETS + 1
    assert all(now - range_s * NS_PER_S - bucket_ns(range_s) < sample.ts <= now for sample in found)


def test_what_is_older_than_the_range_or_younger_than_now_is_not_given() -> None:
    history = EquityHistory()
    for seconds, equity in ((0, "1"), (3000, "2"), (6000, "3")):
        history.add(snapshot(seconds, equity))
    assert equities(history, 4000) == ["2"]


def test_a_new_session_begins_anew() -> None:
    history = EquityHistory()
    history.add(snapshot(0, "1"))
    history.add(snapshot(100, "2", session="s-2"))
    assert equities(history) == ["2"]


def test_a_session_on_an_earlier_clock_begins_anew_too() -> None:
    history = EquityHistory()
    history.add(snapshot(1000, "1"))
    history.add(snapshot(100, "2", session="s-2"))
    assert equities(history) == ["2"]


def test_a_time_that_goes_backwards_is_ignored() -> None:
    history = EquityHistory()
    history.add(snapshot(1000, "1"))
    history.add(snapshot(10, "2"))
    assert equities(history) == ["1"]


@pytest.mark.parametrize(
    "unknown", [Snapshot(), Snapshot(seq=3), Snapshot(seq=3, ts=START), snapshot(0).__class__(ts=START)]
)
def test_an_equity_that_is_not_known_yet_is_no_equity_of_zero(unknown: Snapshot) -> None:
    history = EquityHistory()
    history.add(unknown)
    assert not history.samples(HOUR, START + NS_PER_S)


def test_the_lines_of_a_journal_come_before_what_is_seen() -> None:
    history = EquityHistory()
    history.load([line(0, "1"), line(60, "2"), line(61, "9", kind="fill"), b"{torn", b"", line(70, "NaN")])
    history.add(snapshot(120, "3"))
    assert equities(history) == ["1", "2", "3"]


def test_lines_may_go_on_coming_beside_snapshots() -> None:
    history = EquityHistory()
    history.load([line(0, "0"), line(60, "1")])
    history.add(snapshot(59, "2"))
    history.load([line(30, "9"), line(120, "3")])
    history.add(snapshot(180, "4"))
    assert equities(history) == ["0", "1", "3", "4"]


def test_lines_of_a_later_clock_do_not_belong_to_the_session() -> None:
    history = EquityHistory()
    history.load([line(1000, "1"), line(2000, "2")])
    history.add(snapshot(10, "3"))
    assert equities(history) == ["3"]


def test_an_earlier_session_s_lines_are_kept_where_the_clock_goes_on() -> None:
    started = line(50, kind="session.start")
    history = EquityHistory()
    history.load([line(0, "1"), started, line(100, "2")])
    assert equities(history) == ["1", "2"]
    history.load([line(20, kind="session.start"), line(40, "3")])
    assert equities(history) == ["3"]


def test_a_range_that_the_chart_does_not_have_is_refused() -> None:
    with pytest.raises(KeyError):
        EquityHistory().samples(7, START)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**6)), max_size=60), st.sampled_from(RANGES_S))
def test_buckets_are_in_order_and_hold_what_was_added(steps: list[tuple[int, int]], range_s: int) -> None:
    history, now, known = EquityHistory(), 0, []
    for step, equity in steps:
        now += step
        history.add(snapshot(now, str(equity)))
        known.append(equity)
    found = history.samples(range_s, START + now * NS_PER_S)
    assert [sample.ts for sample in found] == sorted({sample.ts for sample in found})
    assert all(sample.low <= sample.last <= sample.high for sample in found)
    assert bool(found) == bool(known)
    assert {sample.last for sample in found} <= set(map(Decimal, known))
