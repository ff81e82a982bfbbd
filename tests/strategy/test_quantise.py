"""The one place that rounds."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.domain import Side
from strategy.quantise import ceil_to, floor_to, limit_price, stop_price

INCREMENTS = [Decimal(text) for text in ("0.1", "0.05", "0.5", "5", "0.0001", "0.10", "0.001", "1", "10", "0.00000001")]
increments = st.sampled_from(INCREMENTS)
prices = st.decimals(min_value=0, max_value=1_000_000, places=10, allow_nan=False, allow_infinity=False)
sides = st.sampled_from(Side)


@given(prices, increments)
def test_s01_floor_and_ceiling_are_multiples_within_one_increment(value: Decimal, increment: Decimal) -> None:
    low, high = floor_to(value, increment), ceil_to(value, increment)
    assert low % increment == high % increment == 0
    assert low <= value <= high
    assert value - low < increment
    assert high - value < increment


@given(prices, increments, sides)
def test_s01_a_limit_never_asks_for_a_worse_deal(value: Decimal, tick: Decimal, side: Side) -> None:
    price = limit_price(side, value, tick)
    assert price % tick == 0
    assert price <= value if side is Side.BUY else price >= value
    assert abs(price - value) < tick


@given(prices, increments, sides)
def test_s01_a_stop_is_rounded_away_from_the_market(value: Decimal, tick: Decimal, side: Side) -> None:
    price = stop_price(side, value, tick)
    assert price % tick == 0
    assert price <= value if side is Side.SELL else price >= value
    assert abs(price - value) < tick


@given(st.integers(0, 10_000_000), increments)
def test_s01_a_multiple_stays_what_it_is(count: int, increment: Decimal) -> None:
    value = count * increment
    assert floor_to(value, increment) == ceil_to(value, increment) == value


@pytest.mark.parametrize("increment", INCREMENTS)
def test_s01_the_result_has_the_decimals_of_its_increment(increment: Decimal) -> None:
    assert floor_to(Decimal("12345.123456789"), increment).as_tuple().exponent == increment.as_tuple().exponent
