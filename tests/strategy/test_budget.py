"""The message budget: in any window never more than the limit, and entries leave the reserve."""

from hypothesis import given
from hypothesis import strategies as st

from strategy.budget import MessageBudget
from strategy.domain import NS_PER_S
from strategy.risk_config import LimitsConfig

LIMIT, RESERVE, WINDOW_S = 12, 5, 10
WINDOW = WINDOW_S * NS_PER_S
wishes = st.lists(
    st.tuples(st.integers(0, 4 * NS_PER_S), st.booleans(), st.integers(1, 2)), max_size=120
)  # fmt: skip
"""Time since the wish before, whether an entry asks, and how many requests it needs."""


def budget() -> MessageBudget:
    return MessageBudget(LimitsConfig(max_messages=LIMIT, message_window_s=WINDOW_S, message_reserve=RESERVE))


def most_in_any_window(sent: list[int]) -> int:
    """An independent count: requests in the half-open window that begins with each of them."""
    return max((sum(start <= each < start + WINDOW for each in sent) for start in sent), default=0)


@given(wishes)
def test_i15_in_any_window_there_are_never_more_requests_than_the_limit(asked: list[tuple[int, bool, int]]) -> None:
    made, now, sent, at_entries = budget(), 0, list[int](), list[int]()
    for gap, entry, messages in asked:
        now += gap
        if made.has_room(now, entry=entry, messages=messages):
            made.spend(now, messages)
            sent += [now] * messages
            if entry:
                at_entries.append(sum(now - each < WINDOW for each in sent))
    assert most_in_any_window(sent) <= LIMIT
    assert max(at_entries, default=0) <= LIMIT - RESERVE


@given(wishes)
def test_it_says_no_only_where_the_limit_would_be_broken(asked: list[tuple[int, bool, int]]) -> None:
    made, now, sent = budget(), 0, list[int]()
    for gap, entry, messages in asked:
        now += gap
        within = sum(now - each < WINDOW for each in sent)
        room = within + messages <= (LIMIT - RESERVE if entry else LIMIT)
        assert made.has_room(now, entry=entry, messages=messages) is room
        assert made.used(now) == within
        if room:
            made.spend(now, messages)
            sent += [now] * messages


def test_entries_leave_the_reserve_to_exits_and_cancels() -> None:
    made = budget()
    made.spend(0, LIMIT - RESERVE)
    assert not made.has_room(0, entry=True)
    assert made.has_room(0, entry=False, messages=RESERVE)
    assert not made.has_room(0, entry=False, messages=RESERVE + 1)


def test_a_request_leaves_the_window_to_the_nanosecond_and_the_next_room_is_told() -> None:
    made = budget()
    assert made.next_free(0) is None
    made.spend(7, LIMIT)
    assert made.next_free(8) == 7 + WINDOW
    assert not made.has_room(6 + WINDOW, entry=False)
    assert made.has_room(7 + WINDOW, entry=False, messages=LIMIT)
    assert made.next_free(7 + WINDOW) is None


@given(st.lists(st.integers(0, 3 * WINDOW), max_size=60), st.integers(0, 3 * WINDOW))
def test_i15_what_an_earlier_session_has_sent_counts(sent: list[int], now: int) -> None:
    made = budget()
    made.go_on_from(each for each in sent if each <= now)
    within = sum(now - each < WINDOW for each in sent if each <= now)
    assert made.used(now) == min(within, LIMIT)
    assert made.has_room(now, entry=False) is (within < LIMIT)


def test_the_view_shows_what_is_used_of_what() -> None:
    made = budget()
    made.spend(0, 3)
    view = made.view(1)
    assert (view.used, view.limit, view.reserve, view.window_s) == (3, LIMIT, RESERVE, WINDOW_S)
    assert made.view(WINDOW).used == 0
