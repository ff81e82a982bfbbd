"""Waits that double, up to a bound, per key."""

from hypothesis import given
from hypothesis import strategies as st

from strategy.config import ExecutionConfig
from strategy.domain import Leg, OrderKey, Role
from strategy.retry import NEVER, REST_NS, BackOff

MS = 1_000_000
KEY, OTHER = OrderKey(Leg.LONG, Role.ENTRY, 1), OrderKey(Leg.SHORT, Role.ENTRY, 1)


def test_each_refusal_doubles_the_wait_up_to_the_last() -> None:
    back_off = BackOff(ExecutionConfig(retry_first_ms=500, retry_last_ms=3_000))
    waits = []
    for _ in range(5):
        back_off.refused(KEY, 0, grows=True)
        waits.append(back_off.until[KEY] // MS)
    assert waits == [500, 1_000, 2_000, 3_000, 3_000]


def test_an_order_that_protects_never_waits_longer_than_the_first_time() -> None:
    back_off = BackOff(ExecutionConfig(retry_first_ms=500))
    for role in (Role.SL, Role.TP, Role.CLOSE):
        for _ in range(3):
            back_off.refused(OrderKey(Leg.LONG, role, 1), 0, grows=False)
            assert back_off.until[OrderKey(Leg.LONG, role, 1)] == 500 * MS


@given(st.integers(1, 200))
def test_the_wait_is_bounded_however_often_it_is_refused(times: int) -> None:
    back_off = BackOff(ExecutionConfig())
    for _ in range(times):
        back_off.refused(KEY, 7, grows=True)
    assert 0 < back_off.until[KEY] - 7 <= 60_000 * MS


def test_success_forgets_one_key_only() -> None:
    back_off = BackOff(ExecutionConfig())
    for key in (KEY, KEY, OTHER):
        back_off.refused(key, 0, grows=True)
    back_off.succeeded(KEY)
    back_off.succeeded(KEY)
    assert set(back_off.until) == {OTHER}
    back_off.refused(KEY, 0, grows=True)
    assert back_off.until[KEY] == 500 * MS


def test_the_next_due_time_is_the_earliest_that_is_still_to_come() -> None:
    back_off = BackOff(ExecutionConfig())
    assert back_off.next_due(0) is None
    back_off.refused(KEY, 0, grows=True)
    back_off.refused(OTHER, 100 * MS, grows=True)
    assert back_off.next_due(0) == 500 * MS
    assert back_off.next_due(500 * MS) == 600 * MS
    assert back_off.next_due(600 * MS) is None


def test_i25_after_so_many_refusals_in_a_row_a_key_is_given_up_once_until_it_is_renewed() -> None:
    back_off = BackOff(ExecutionConfig(retry_first_ms=500))
    assert [back_off.refused(KEY, 0, grows=True, most=3) for _ in range(3)] == [False, False, True]
    assert back_off.until[KEY] == NEVER
    back_off.refused(OTHER, 0, grows=True)
    assert back_off.next_due(0) == 500 * MS
    back_off.renew()
    assert set(back_off.until) == {OTHER}
    assert not back_off.refused(KEY, 0, grows=True, most=3)
    assert back_off.until[KEY] == 500 * MS


def test_an_order_that_was_taken_waits_no_longer_and_its_refusals_still_count() -> None:
    back_off = BackOff(ExecutionConfig(retry_first_ms=500))
    back_off.refused(KEY, 0, grows=True)
    back_off.passed(KEY)
    back_off.passed(KEY)
    assert KEY not in back_off.until
    back_off.refused(KEY, 0, grows=True)
    assert back_off.until[KEY] == 1_000 * MS


def test_a_key_that_was_at_peace_for_long_begins_again_with_the_first_wait() -> None:
    back_off = BackOff(ExecutionConfig(retry_first_ms=500))
    for _ in range(4):
        back_off.refused(KEY, 0, grows=True)
    back_off.passed(KEY)
    later = REST_NS + 1
    back_off.refused(KEY, later, grows=True)
    assert back_off.until[KEY] == later + 500 * MS


def test_what_is_closed_at_market_waits_longer_each_time_but_never_long() -> None:
    back_off = BackOff(ExecutionConfig(retry_first_ms=500))
    key = OrderKey(Leg.LONG, Role.CLOSE, 1)
    waits = []
    for _ in range(6):
        back_off.refused(key, 0, grows=True)
        waits.append(back_off.until[key] // MS)
    assert waits == [500, 1_000, 2_000, 4_000, 5_000, 5_000]
