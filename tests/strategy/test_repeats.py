"""Levels that fill too often within a window are latched, each by its own count."""

from hypothesis import given
from hypothesis import strategies as st

from strategy.domain import NS_PER_S, Leg, OrderKey, Role
from strategy.repeats import Repeats
from strategy.risk_config import LimitsConfig

FIRST, SECOND = (OrderKey(leg, Role.ENTRY, 1) for leg in Leg)


def repeats(most: int = 3, window_s: int = 60) -> Repeats:
    return Repeats(LimitsConfig(max_fills_per_level=most, fill_window_s=window_s))


@given(st.lists(st.integers(0, 30 * NS_PER_S), max_size=40), st.integers(1, 5), st.integers(1, 90))
def test_a_level_is_latched_exactly_by_the_fill_that_makes_too_many_in_a_window(
    gaps: list[int], most: int, window_s: int
) -> None:
    made, now, fills = repeats(most, window_s), 0, list[int]()
    for gap in gaps:
        now += gap
        if FIRST in made.latched:
            assert not made.filled(FIRST, now)
            continue
        fills.append(now)
        within = sum(now - each <= window_s * NS_PER_S for each in fills)
        assert made.filled(FIRST, now) is (within >= most)
        assert (FIRST in made.latched) is (within >= most)


def test_each_level_of_each_leg_counts_by_itself() -> None:
    made = repeats(most=2)
    for key in (FIRST, SECOND, OrderKey(Leg.LONG, Role.ENTRY, 2)):
        assert not made.filled(key, 0)
    assert made.filled(SECOND, 1)
    assert list(made.latched) == [SECOND]


def test_a_limit_of_nought_is_off() -> None:
    made = repeats(most=0)
    assert not any(made.filled(FIRST, 0) for _ in range(100))
    assert made.latched == {}


def test_a_release_lets_every_level_enter_again_and_counts_anew() -> None:
    made = repeats(most=2)
    for now in (0, 1):
        for key in (FIRST, SECOND):
            made.filled(key, now)
    made.filled(OrderKey(Leg.LONG, Role.ENTRY, 2), 1)
    assert list(made.latched) == [FIRST, SECOND]
    made.release()
    assert made.latched == {}
    assert not made.filled(FIRST, 2)
    assert not made.filled(OrderKey(Leg.LONG, Role.ENTRY, 2), 2)
    assert made.filled(FIRST, 3)
