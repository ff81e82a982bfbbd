"""Questions about unanswered requests: when each is put, how often, and when asking ends."""

from strategy.config import ExecutionConfig
from strategy.domain import NS_PER_MS, Leg
from strategy.inquiry import ROLL_CALL_REST_NS, Due, Inquiries, RollCalls

WAIT = 2_000 * NS_PER_MS
RETRY = 500 * NS_PER_MS
NOTHING = Due([], set(), [])


def inquiries(attempts: int = 3) -> Inquiries:
    return Inquiries(ExecutionConfig(ask_after_ms=2_000, retry_first_ms=500, ask_attempts=attempts))


def test_the_first_question_is_put_once_the_wait_is_over_and_not_before() -> None:
    open_ones = inquiries()
    open_ones.expect("a", 10)
    assert open_ones.next_due() == 10 + WAIT
    assert open_ones.take_due(10 + WAIT - 1) == NOTHING
    assert open_ones.take_due(10 + WAIT) == Due(["a"], set(), [])
    assert open_ones.take_due(10 + WAIT) == NOTHING


def test_i25_each_question_doubles_the_wait_until_the_order_counts_as_lost_once() -> None:
    open_ones = inquiries(attempts=3)
    open_ones.expect("a", 0)
    times = []
    while (due := open_ones.next_due()) is not None:
        said = open_ones.take_due(due)
        times.append((due // WAIT, said.ask, said.lost))
    assert times == [(1, ["a"], []), (2, ["a"], []), (4, ["a"], []), (8, [], ["a"])]
    assert set(open_ones.lost) == {"a"}
    assert open_ones.take_due(WAIT << 20) == NOTHING


def test_repeating_a_request_moves_the_question_and_keeps_the_count() -> None:
    open_ones = inquiries(attempts=1)
    open_ones.expect("a", 0)
    assert open_ones.take_due(WAIT).ask == ["a"]
    open_ones.expect("a", WAIT)
    assert open_ones.next_due() == 2 * WAIT
    assert open_ones.take_due(2 * WAIT) == Due([], set(), ["a"])


def test_a_refused_request_is_asked_about_after_the_shorter_wait_and_may_be_repeated_then() -> None:
    open_ones = inquiries()
    open_ones.expect("a", 0)
    assert open_ones.refused("a", 7)
    assert open_ones.next_due() == 7 + RETRY
    assert open_ones.take_due(7 + RETRY) == Due(["a"], {"a"}, [])


def test_a_refusal_that_is_known_changes_nothing_until_the_venue_was_asked() -> None:
    open_ones = inquiries()
    assert open_ones.refused("a", 0)
    assert not open_ones.refused("a", RETRY - 1)
    assert open_ones.next_due() == RETRY
    open_ones.take_due(RETRY)
    assert open_ones.take_due(RETRY + WAIT) == Due(["a"], set(), [])
    assert open_ones.refused("a", RETRY + WAIT)


def test_an_answer_ends_the_asking_also_about_a_lost_order() -> None:
    open_ones = inquiries(attempts=1)
    for order_id in ("a", "b"):
        open_ones.expect(order_id, 0)
    open_ones.answered("a")
    assert open_ones.take_due(WAIT).ask == ["b"]
    assert open_ones.take_due(3 * WAIT).lost == ["b"]
    open_ones.answered("b")
    assert not open_ones.lost
    open_ones.renew(0)
    assert open_ones.next_due() is None
    open_ones.answered("never asked")


def test_lost_orders_are_asked_about_afresh_at_once_and_with_the_whole_count() -> None:
    open_ones = inquiries(attempts=1)
    open_ones.expect("a", 0)
    open_ones.take_due(WAIT)
    open_ones.take_due(3 * WAIT)
    open_ones.renew(5 * WAIT)
    assert not open_ones.lost
    assert open_ones.take_due(5 * WAIT) == Due(["a"], set(), [])
    assert open_ones.take_due(6 * WAIT) == Due([], set(), ["a"])


def test_the_oldest_request_without_an_answer_tells_since_when_one_waits() -> None:
    open_ones = inquiries(attempts=1)
    assert open_ones.waiting_since() is None
    open_ones.expect("a", 5)
    open_ones.expect("b", 7)
    open_ones.expect("a", 9)
    assert open_ones.waiting_since() == 5
    open_ones.answered("a")
    assert open_ones.waiting_since() == 7


def test_a_request_still_waits_when_asking_about_it_has_ended_and_when_it_begins_again() -> None:
    open_ones = inquiries(attempts=1)
    open_ones.expect("a", 5)
    open_ones.take_due(5 + WAIT)
    open_ones.take_due(5 + 3 * WAIT)
    assert set(open_ones.lost) == {"a"}
    assert open_ones.waiting_since() == 5
    open_ones.renew(9 * WAIT)
    assert open_ones.waiting_since() == 5
    open_ones.answered("a")
    assert open_ones.waiting_since() is None


def test_a_refusal_that_no_request_of_ours_has_led_to_leaves_nobody_waiting() -> None:
    open_ones = inquiries()
    open_ones.refused("a", 5)
    assert open_ones.waiting_since() is None


def test_renewing_leaves_alone_what_is_still_being_asked_about() -> None:
    open_ones = inquiries()
    open_ones.expect("a", 0)
    open_ones.renew(1)
    assert open_ones.next_due() == WAIT


def test_the_next_time_is_that_of_the_earliest_question() -> None:
    open_ones = inquiries()
    assert open_ones.next_due() is None
    open_ones.expect("late", 30)
    open_ones.expect("early", 10)
    assert open_ones.next_due() == 10 + WAIT
    assert open_ones.take_due(10 + WAIT).ask == ["early"]


# -- roll calls --------------------------------------------------------------------------------------------------------


def roll_calls(attempts: int = 3) -> RollCalls:
    return RollCalls(ExecutionConfig(retry_first_ms=500, ask_attempts=attempts))


def times_of(calls: RollCalls, begin: int) -> list[int]:
    """When one roll call that begins then asks, in units of the first wait."""
    calls.begin(Leg.LONG, begin)
    times = []
    while (due := calls.next_due()) is not None:
        assert calls.take_due(due - 1) == []
        assert calls.take_due(due) == [Leg.LONG]
        times.append((due - begin) // RETRY)
    return times


def test_i25_a_roll_call_asks_at_once_then_with_a_doubling_wait_and_so_often_only() -> None:
    assert times_of(roll_calls(attempts=4), 7) == [0, 1, 3, 7]
    assert times_of(roll_calls(attempts=1), 7) == [0]


def test_one_that_runs_is_not_begun_again_and_the_legs_are_called_apart() -> None:
    calls = roll_calls()
    calls.begin(Leg.LONG, 0)
    calls.take_due(0)
    calls.begin(Leg.LONG, 1)
    assert calls.next_due() == RETRY
    calls.begin(Leg.SHORT, 2)
    assert calls.next_due() == 2
    assert calls.take_due(RETRY) == [Leg.LONG, Leg.SHORT]


def test_after_its_last_question_a_roll_call_rests_unless_it_is_renewed() -> None:
    calls = roll_calls(attempts=1)
    assert times_of(calls, 0) == [0]
    assert times_of(calls, ROLL_CALL_REST_NS - 1) == []
    assert times_of(calls, ROLL_CALL_REST_NS) == [0]
    assert times_of(calls, ROLL_CALL_REST_NS + 1) == []
    calls.renew()
    assert times_of(calls, ROLL_CALL_REST_NS + 1) == [0]


def test_without_a_roll_call_nothing_is_due() -> None:
    assert roll_calls().next_due() is None
    assert roll_calls().take_due(1 << 62) == []
