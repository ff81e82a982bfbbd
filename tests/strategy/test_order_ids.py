"""Client order ids, both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.domain import Leg, OrderKey, Role
from strategy.order_ids import DIGITS, MAX_LENGTH, OrderId, base36, format_id, parse_id

LARGEST = 36**6 - 1
numbers = st.integers(0, LARGEST)
keys = st.builds(OrderKey, st.sampled_from(Leg), st.sampled_from(Role), numbers)
ids = st.builds(
    OrderId,
    session=st.text(DIGITS, min_size=1, max_size=9),
    key=keys,
    lot=st.none() | st.integers(1, LARGEST),
    serial=numbers,
)


@given(ids)
def test_s11_an_id_says_what_it_was_made_of_and_fits_the_venue(order: OrderId) -> None:
    text = format_id(order)
    assert parse_id(text) == order
    assert len(text) <= MAX_LENGTH


@given(st.lists(ids, unique=True, max_size=20))
def test_s11_different_orders_have_different_ids(orders: list[OrderId]) -> None:
    assert len({format_id(order) for order in orders}) == len(orders)


@given(st.text(max_size=40))
def test_s11_any_text_is_either_ours_or_none(text: str) -> None:
    assert parse_id(text) is None or text.startswith("HG-")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "O-20240101-1",
        "HG-a-EL1-0",
        "HG-a-XL1-0-1",
        "HG-a-EX1-0-1",
        "hg-a-EL1-0-1",
        "HG-A-EL1-0-1",
        "HG-a-EL1-0-1\n",
    ],
)
def test_s11_a_foreign_id_gives_none(text: str) -> None:
    assert parse_id(text) is None


@given(st.integers(0, 36**9))
def test_base_36_is_read_back_by_python(number: int) -> None:
    assert int(base36(number), 36) == number


@pytest.mark.parametrize(
    "order",
    [
        OrderId("toolongsession", OrderKey(Leg.LONG, Role.ENTRY, 1), None, 1),
        OrderId("s", OrderKey(Leg.LONG, Role.ENTRY, LARGEST + 1), None, 1),
        OrderId("s", OrderKey(Leg.LONG, Role.ENTRY, 1), None, LARGEST + 1),
        OrderId("S!", OrderKey(Leg.LONG, Role.ENTRY, 1), None, 1),
    ],
)
def test_s11_what_could_not_be_read_back_is_refused(order: OrderId) -> None:
    with pytest.raises(ValueError, match="a part is too long"):
        format_id(order)
