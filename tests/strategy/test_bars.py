"""Minute bars: gathered from ticks at integer speed, and let through once each and in sequence."""

import sys
import tracemalloc
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.bars import GRACE_NS, MINUTE_NS, BarIntake, MinuteBar, MinuteBuilder, opened_at

S = 1_000_000_000
T0 = 28_000_000 * MINUTE_NS
UNITS = 10**16
"""As many raw units as Nautilus has in one."""


def bar_of(minute: int, price: int = 100) -> MinuteBar:
    value = Decimal(price)
    return MinuteBar(T0 + minute * MINUTE_NS, value, value, value, value)


def minutes(bars: Sequence[MinuteBar]) -> list[int]:
    return [(bar.open_ns - T0) // MINUTE_NS for bar in bars]


class TestOpenedAt:
    def test_a_bar_is_of_the_same_minute_whether_stamped_with_its_end_or_its_last_moment(self) -> None:
        for closed in (T0 + MINUTE_NS, T0 + MINUTE_NS - 1, T0 + MINUTE_NS - 1_000_000):
            assert opened_at(closed) == T0


class TestMinuteBuilder:
    def test_a_minute_gives_its_first_highest_lowest_and_last_price_exactly(self) -> None:
        builder = MinuteBuilder(UNITS)
        for second, price in ((0, "61800.1"), (10, "61799.9"), (20, "61805.35"), (59, "61801.0")):
            assert builder.add(int(Decimal(price) * UNITS), T0 + second * S) == ()
        (bar,) = builder.add(UNITS, T0 + 62 * S)
        assert bar == MinuteBar(T0, Decimal("61800.1"), Decimal("61805.35"), Decimal("61799.9"), Decimal(61801))
        assert str(bar.open) == "61800.1"

    def test_a_minute_that_was_joined_in_the_middle_is_not_given(self) -> None:
        builder = MinuteBuilder(1)
        assert builder.add(5, T0 + 1) == ()
        assert builder.add(6, T0 + MINUTE_NS + 30 * S) == ()
        assert minutes(builder.add(7, T0 + 2 * MINUTE_NS + 30 * S)) == [1]

    def test_a_bar_waits_out_the_grace_for_the_venues_own(self) -> None:
        builder = MinuteBuilder(1)
        builder.add(5, T0)
        assert builder.add(6, T0 + MINUTE_NS) == ()
        assert builder.add(7, T0 + MINUTE_NS + GRACE_NS - 1) == ()
        (bar,) = builder.add(8, T0 + MINUTE_NS + GRACE_NS)
        assert bar == MinuteBar(T0, Decimal(5), Decimal(5), Decimal(5), Decimal(5))

    def test_ticks_of_the_grace_belong_to_the_next_minute(self) -> None:
        builder = MinuteBuilder(1)
        for ts, price in ((0, 5), (MINUTE_NS, 9), (MINUTE_NS + S, 1), (MINUTE_NS + GRACE_NS, 4)):
            builder.add(price, T0 + ts)
        (bar,) = builder.add(7, T0 + 2 * MINUTE_NS + GRACE_NS)
        assert bar == MinuteBar(T0 + MINUTE_NS, Decimal(9), Decimal(9), Decimal(1), Decimal(4))

    def test_minutes_without_a_tick_give_no_bar(self) -> None:
        builder = MinuteBuilder(1)
        builder.add(5, T0)
        assert minutes(builder.add(6, T0 + 10 * MINUTE_NS)) == [0]
        assert minutes(builder.add(6, T0 + 12 * MINUTE_NS)) == [10]

    def test_a_silence_that_begins_in_the_grace_gives_both_bars_at_its_end(self) -> None:
        builder = MinuteBuilder(1)
        builder.add(5, T0)
        builder.add(6, T0 + MINUTE_NS + 1)
        assert minutes(builder.add(7, T0 + 9 * MINUTE_NS)) == [0, 1]

    def test_a_tick_from_before_the_current_minute_is_left_out(self) -> None:
        builder = MinuteBuilder(1)
        builder.add(5, T0 + MINUTE_NS)
        assert builder.add(999, T0) == ()
        (bar,) = builder.add(5, T0 + 2 * MINUTE_NS + GRACE_NS)
        assert bar.high == 5

    def test_time_may_begin_at_zero(self) -> None:
        builder = MinuteBuilder(1)
        builder.add(5, 0)
        assert [bar.open_ns for bar in builder.add(5, MINUTE_NS + GRACE_NS)] == [0]

    @given(
        st.lists(st.tuples(st.integers(1, 50), st.sampled_from((0, 1, S, 2 * S, 20 * S, 61 * S, 200 * S))), max_size=60)
    )
    def test_the_bars_are_those_of_all_ticks_sorted_into_minutes(self, moves: list[tuple[int, int]]) -> None:
        builder, ts, given_bars = MinuteBuilder(1), T0, list[MinuteBar]()
        prices: dict[int, list[int]] = {}
        for price, wait in moves:
            ts += wait
            before = len(given_bars)
            given_bars += builder.add(price, ts)
            assert all(ts >= bar.open_ns + MINUTE_NS + GRACE_NS for bar in given_bars[before:])
            prices.setdefault(ts // MINUTE_NS * MINUTE_NS, []).append(price)
        expected = [
            MinuteBar(start, Decimal(seen[0]), Decimal(max(seen)), Decimal(min(seen)), Decimal(seen[-1]))
            for start, seen in sorted(prices.items())
            if start + MINUTE_NS + GRACE_NS <= ts
        ]
        if moves and moves[0][1] % MINUTE_NS:
            expected = [bar for bar in expected if bar.open_ns != (T0 + moves[0][1]) // MINUTE_NS * MINUTE_NS]
        assert given_bars == expected

    @pytest.mark.skipif(sys.gettrace() is not None, reason="a tracer allocates on its own")
    def test_a_tick_within_a_minute_leaves_nothing_in_memory(self) -> None:
        builder = MinuteBuilder(UNITS)
        ticks = [(61_800 * UNITS + i % 7, T0 + i * S // 20) for i in range(1_000)]
        builder.add(*ticks[0])
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            for price, ts in ticks:
                builder.add(price, ts)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak - before < 1_024


class TestBarIntake:
    def test_live_bars_wait_for_history_and_come_out_behind_it(self) -> None:
        intake = BarIntake()
        now = T0 + 10 * MINUTE_NS
        assert intake.take_live(bar_of(5), now) == []
        assert intake.take_live(bar_of(6), now) == []
        assert intake.is_waiting
        assert minutes(intake.take_history([bar_of(3), bar_of(4), bar_of(5)], now)) == [3, 4, 5, 6]
        assert not intake.is_waiting
        assert minutes(intake.take_live(bar_of(7), now)) == [7]

    def test_giving_history_up_lets_the_waiting_bars_through(self) -> None:
        intake = BarIntake()
        now = T0 + 10 * MINUTE_NS
        intake.take_live(bar_of(6), now)
        intake.take_live(bar_of(5), now)
        assert minutes(intake.give_up()) == [5, 6]
        assert intake.give_up() == []
        assert minutes(intake.take_live(bar_of(7), now)) == [7]

    def test_the_first_bar_of_a_minute_counts(self) -> None:
        intake = BarIntake()
        now = T0 + 10 * MINUTE_NS
        intake.take_live(bar_of(5, 100), now)
        intake.take_live(bar_of(5, 200), now)
        assert intake.take_history([bar_of(5, 300)], now) == [bar_of(5, 100)]
        assert intake.take_live(bar_of(5, 400), now) == []
        assert intake.stale == 3

    def test_a_bar_older_than_the_newest_is_never_fed(self) -> None:
        intake = BarIntake()
        now = T0 + 10 * MINUTE_NS
        intake.give_up()
        intake.take_live(bar_of(7), now)
        assert intake.take_live(bar_of(6), now) == []
        assert minutes(intake.take_history([bar_of(5), bar_of(8)], now)) == [8]

    def test_a_minute_that_is_not_over_is_left_out_until_it_is(self) -> None:
        intake = BarIntake()
        end = T0 + 6 * MINUTE_NS
        assert minutes(intake.take_history([bar_of(4), bar_of(5)], end - 1)) == [4]
        assert intake.take_live(bar_of(5), end - 1) == []
        assert minutes(intake.take_live(bar_of(5), end)) == [5]
        assert intake.unclosed == 2

    def test_slack_forgives_a_clock_behind_the_venues_for_live_bars_only(self) -> None:
        intake = BarIntake(slack_ns=S)
        end = T0 + 6 * MINUTE_NS
        assert intake.take_history([bar_of(5)], end - S) == []
        assert intake.take_live(bar_of(5), end - S - 1) == []
        assert minutes(intake.take_live(bar_of(5), end - S)) == [5]

    def test_holes_in_time_are_let_through_and_counted(self) -> None:
        intake = BarIntake()
        now = T0 + 100 * MINUTE_NS
        intake.take_history([bar_of(3), bar_of(4), bar_of(7)], now)
        intake.take_live(bar_of(8), now)
        intake.take_live(bar_of(18), now)
        assert (intake.gaps, intake.missing) == (2, 11)

    def test_two_bars_that_begin_in_one_minute_count_as_one(self) -> None:
        intake = BarIntake()
        now = T0 + 100 * MINUTE_NS
        intake.give_up()
        intake.take_live(bar_of(3), now)
        shifted = MinuteBar(T0 + 3 * MINUTE_NS + 20 * S, *[Decimal(1)] * 4)
        assert intake.take_live(shifted, now) == []

    @given(
        before=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=20),
        history=st.none() | st.lists(st.integers(0, 30), max_size=30),
        history_now=st.integers(0, 30),
        after=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=20),
    )
    def test_any_interleaving_comes_out_closed_once_and_in_sequence(
        self,
        before: list[tuple[int, int]],
        history: list[int] | None,
        history_now: int,
        after: list[tuple[int, int]],
    ) -> None:
        intake, out, offered = BarIntake(), list[MinuteBar](), 0

        def take_live(minute: int, now: int) -> None:
            nonlocal offered
            offered += 1
            fed = intake.take_live(bar_of(minute, offered), T0 + now * MINUTE_NS)
            assert all(bar.open_ns + MINUTE_NS <= T0 + now * MINUTE_NS for bar in fed)
            out.extend(fed)

        for minute, now in before:
            take_live(minute, now)
        assert out == []
        if history is None:
            out += intake.give_up()
        else:
            offered += len(history)
            out += intake.take_history(map(bar_of, history), T0 + history_now * MINUTE_NS)
        for minute, now in after:
            take_live(minute, now)
        assert all(earlier.open_ns < later.open_ns for earlier, later in pairwise(out))
        assert len(out) + intake.stale + intake.unclosed == offered
        assert intake.missing == (minutes(out)[-1] - minutes(out)[0] + 1 - len(out) if out else 0)

    @given(st.permutations(range(20)), st.data())
    def test_with_history_complete_the_result_is_the_sorted_set_of_minutes(
        self, history: list[int], data: st.DataObject
    ) -> None:
        intake, now = BarIntake(), T0 + 40 * MINUTE_NS
        waiting = data.draw(st.lists(st.integers(10, 24)))
        later = data.draw(st.lists(st.integers(25, 35)).map(sorted))
        for minute in waiting:
            assert intake.take_live(bar_of(minute), now) == []
        out = intake.take_history([bar_of(minute) for minute in [*history, *history]], now)
        for minute in later:
            out += intake.take_live(bar_of(minute), now)
        assert minutes(out) == sorted({*range(20), *waiting, *later})
