"""The breaker: a sliding window of errors, a trip exactly at its threshold, and a second like the first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.breaker import Breaker
from strategy.domain import NS_PER_S
from strategy.risk_config import BreakerConfig

gaps = st.lists(st.integers(0, 40 * NS_PER_S), min_size=1, max_size=60)
"""Nanoseconds between one error and the next."""


def breaker(errors: int = 3, window_s: int = 60, cooldown_s: int = 300) -> Breaker:
    return Breaker(BreakerConfig(errors=errors, window_s=window_s, cooldown_s=cooldown_s))


def times(spans: list[int]) -> list[int]:
    found, now = [], 0
    for span in spans:
        now += span
        found.append(now)
    return found


@given(gaps, st.integers(1, 6), st.integers(1, 120))
def test_s07_it_opens_exactly_with_the_error_that_makes_the_threshold_within_one_window(
    spans: list[int], threshold: int, window_s: int
) -> None:
    """Against a count over all errors since it was last closed, without any queue."""
    made, since_closed = breaker(threshold, window_s), []
    for now in times(spans):
        since_closed.append(now)
        within = [each for each in since_closed if now - each <= window_s * NS_PER_S]
        assert made.note(now, "x") is (len(within) >= threshold)
        if made.is_open:
            made.close()
            since_closed.clear()


@given(gaps, st.integers(1, 6))
def test_s07_while_it_is_open_no_error_opens_it_again(spans: list[int], threshold: int) -> None:
    made = breaker(threshold, window_s=86_400)
    trips = [made.note(now, "x") for now in times(spans)]
    assert trips.count(True) == made.trips == (1 if len(spans) >= threshold else 0)


@given(st.integers(1, 8), st.integers(2, 5))
def test_s07_a_further_trip_works_like_the_first(threshold: int, rounds: int) -> None:
    made, now = breaker(threshold), 0
    for _ in range(rounds):
        for number in range(threshold):
            now += NS_PER_S // 10
            assert made.note(now, f"error {number}") is (number == threshold - 1)
        assert made.until_ns == now + 300 * NS_PER_S
        assert made.view(now).errors == tuple(f"error {number}" for number in range(threshold))
        made.close()
        assert (made.is_open, made.until_ns, made.view(now).errors) == (False, 0, ())
    assert made.trips == rounds


def test_s07_errors_that_lie_farther_apart_than_the_window_never_open_it() -> None:
    made = breaker(errors=2, window_s=60)
    assert not any(made.note(number * (60 * NS_PER_S + 1), "x") for number in range(50))
    assert made.note(49 * (60 * NS_PER_S + 1) + 60 * NS_PER_S, "x")


def test_s07_it_is_over_at_its_cooldown_and_not_before() -> None:
    made = breaker(errors=1, cooldown_s=10)
    assert not made.is_over(10**18)
    made.note(5, "x")
    assert made.until_ns == 5 + 10 * NS_PER_S
    assert not made.is_over(4 + 10 * NS_PER_S)
    assert made.is_over(5 + 10 * NS_PER_S)


def test_s07_without_a_cooldown_only_a_reset_ends_it() -> None:
    made = breaker(errors=1, cooldown_s=0)
    made.note(5, "x")
    assert made.until_ns == 0
    assert not made.is_over(10**19)
    made.close()
    assert not made.is_open


def test_s07_one_that_was_left_open_is_taken_over_with_its_time_and_its_errors() -> None:
    made = breaker()
    made.note(1, "before")
    made.open(99, ("a", "b"))
    assert (made.is_open, made.until_ns, made.trips) == (True, 99, 0)
    assert not made.note(2, "x")
    assert made.view(2).errors == ("a", "b")
    made.close()
    assert made.view(2).count == 0


def test_the_view_shows_what_is_in_the_window_and_what_opened_it() -> None:
    made = breaker(errors=2, window_s=60, cooldown_s=5)
    made.note(0, "first")
    view = made.view(60 * NS_PER_S)
    assert (view.is_open, view.count, view.threshold, view.window_s, view.trips) == (False, 1, 2, 60, 0)
    assert view.errors == ("first",)
    assert made.view(60 * NS_PER_S + 1).errors == ()
    made.note(70 * NS_PER_S, "second")
    made.note(71 * NS_PER_S, "third")
    view = made.view(72 * NS_PER_S)
    assert (view.is_open, view.count, view.until_ns, view.trips) == (True, 0, 76 * NS_PER_S, 1)
    assert view.errors == ("second", "third")


@pytest.mark.parametrize("threshold", [1, 1000])
def test_the_smallest_and_the_largest_threshold_work(threshold: int) -> None:
    made = breaker(threshold)
    assert [made.note(0, "x") for _ in range(threshold)] == [False] * (threshold - 1) + [True]
