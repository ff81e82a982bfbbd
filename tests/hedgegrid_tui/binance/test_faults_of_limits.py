"""The venue says to wait: what the trader reads, what still goes out, and what is at the venue while and after it."""

import time
from collections.abc import Iterator
from decimal import Decimal

import pytest

from strategy.domain import Leg
from tests.hedgegrid_tui.binance.faulted import CALM, ENTRIES, FIRST_LONG, Faulted, faulted
from tests.venue.binance.asked import Asked

pytestmark = [pytest.mark.timeout(30), pytest.mark.xdist_group("faults-of-limits")]

ON_THEIR_WAY_MS = 100
"""Requests of the same moment as one that was banned."""
ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
WAIT_S = 1
BOUND_S = 2.0
"""`execution.attach_bound_ms` of these sessions."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulted]:
    with faulted(tmp_path_factory.mktemp("limits")) as session:
        yield session


@pytest.fixture
def session(running: Faulted) -> Faulted:
    """Flat, every rung with its entry at the venue, nothing limited."""
    running.until(lambda: "venue-limited" not in running.alarms, "end of the limit", 12.0)
    running.calm()
    return running


def is_tp(asked: Asked) -> bool:
    return (asked.get("type"), asked.get("side"), asked.get("positionSide")) == ("LIMIT", "SELL", "LONG")


LIMITS = {
    "429, -1003": {"code": -1003, "status": 429},
    "429, -1015": {"code": -1015, "status": 429},
    "400, -1003": {"code": -1003, "status": 400},
}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limited_entry_is_told_with_its_wait_and_no_other_leaves_before_that_is_over(
    session: Faulted, limit: str
) -> None:
    session.withdraw()
    status, code = LIMITS[limit]["status"], LIMITS[limit]["code"]
    rule = session.venue.when("POST", ORDER, 1).refuse(code, status=status, headers={"Retry-After": str(WAIT_S)})
    session.enter_anew()
    session.until(lambda: rule.hits, "a limited entry")
    began = time.monotonic()
    session.until_shown("VENUE LIMITED", f"wait {WAIT_S} s", str(code), "takes no requests")
    at_limit = rule.seen
    while time.monotonic() - began < WAIT_S - 0.3:
        assert rule.seen == at_limit, "an entry left although the venue had said to wait"
        time.sleep(0.05)
    session.at_rest(10.0)
    assert time.monotonic() - began >= WAIT_S - 0.1
    assert len(session.open("entry")) == ENTRIES
    session.until(lambda: "venue-limited" not in session.alarms, "end of the alarm")


def test_exits_leave_while_entries_wait(session: Faulted) -> None:
    """429 for the take-profit: the stop of the same fill goes out all the same, and then the take-profit again."""
    session.venue.when("POST", ORDER, 1, if_=is_tp).limit(2)
    session.quote(FIRST_LONG)
    session.until(lambda: session.venue.held("LONG"), "a fill")
    session.until_shown("VENUE LIMITED")
    began = time.monotonic()
    session.until(lambda: session.open("sl") and session.open("tp"), "both exits")
    assert time.monotonic() - began < 2.0, "they did not wait for the limit's end"
    session.until_shown("✓ stops 100 %")
    session.agree()
    assert session.watch.longest_naked_s[Leg.LONG] < 1.0


def test_cancels_leave_while_entries_wait(session: Faulted) -> None:
    session.withdraw()
    session.venue.when("POST", ORDER, 2).limit(2)
    session.enter_anew()
    session.until_shown("VENUE LIMITED")
    began = time.monotonic()
    session.withdraw()
    assert time.monotonic() - began < 1.5
    assert session.open("entry") == set()
    session.agree()


def test_a_limit_without_a_retry_after_shuts_entries_for_its_window(session: Faulted) -> None:
    """-1015 counts orders in ten seconds (two here), and so says nothing of how long."""
    session.withdraw()
    session.venue.when("POST", ORDER, 1).refuse(-1015)
    session.enter_anew()
    session.until_shown("VENUE LIMITED", "wait 2 s")
    session.at_rest()


def test_nothing_at_all_is_sent_while_the_address_is_banned(session: Faulted) -> None:
    """Each request during a 418 makes it last; the screen says until when, and that cancels and closes wait too."""
    session.withdraw()
    session.venue.when("POST", ORDER, 1).limit(2, banned=True)
    session.enter_anew()
    session.until_shown("BANNED", "cancels and closes included", "takes no requests", "418")
    session.at_rest(10.0)
    asked = session.venue.call(lambda: list(session.venue.front.asked))
    banned_ms = next(each.at_ms for each in asked if each.status == 418)
    silent = range(banned_ms + ON_THEIR_WAY_MS, banned_ms + 2000)
    assert [(each.method, each.path) for each in asked if each.at_ms in silent] == []
    session.until(lambda: "banned" not in session.alarms, "end of the alarm")
    assert len(session.open("entry")) == ENTRIES


def test_a_leg_that_fills_during_a_short_ban_gets_its_stop_once_that_is_over(session: Faulted) -> None:
    """The stop's own request meets the 418: nothing can cover the leg before the ban's end."""
    rule = session.venue.when("POST", ALGO, 1).limit(1, banned=True)
    session.quote(FIRST_LONG)
    session.until(lambda: rule.hits, "a stop")
    session.until_shown("BANNED", "! stop due")
    session.until(lambda: session.open("sl"), "a stop after the ban")
    session.at_rest()
    session.until_shown("✓ stops 100 %")
    assert session.watch.longest_naked_s[Leg.LONG] < BOUND_S


def test_a_leg_that_a_longer_ban_leaves_bare_beyond_the_bound_is_alarmed_and_closed_at_its_end(
    session: Faulted,
) -> None:
    session.venue.when("POST", ALGO, 1).limit(4, banned=True)
    session.quote(FIRST_LONG)
    session.until_shown("BANNED", "UNPROTECTED")
    assert session.open("sl") == set()
    assert len(session.errors("not sent, the address is banned")) <= 4, "one line each few seconds, no flood"
    session.until(lambda: not session.venue.held("LONG"), "the close", 10.0)
    session.until_written("fill", role="close")
    assert session.watch.longest_naked_s[Leg.LONG] < 4.0 + BOUND_S
    session.quote(CALM)
    session.agree(10.0)


def test_a_limit_on_the_sessions_own_questions_is_told_too(session: Faulted) -> None:
    rule = session.venue.when("GET", "/fapi/v1/openOrders", 1).limit(WAIT_S)
    session.until_shown("VENUE LIMITED", f"wait {WAIT_S} s")
    assert rule.hits == 1
    session.until(lambda: "venue-limited" not in session.alarms, "end of the alarm")
    session.at_rest()


def test_a_clock_that_goes_wrong_is_told_and_requests_bear_the_venues_time(session: Faulted) -> None:
    """The venue's clock jumps ahead by more than a request may be old: no order is lost to -1021 for long."""
    venue = session.venue
    venue.skew_ms = 8_000
    try:
        session.quote(FIRST_LONG)
        session.until(lambda: session.venue.held("LONG") == Decimal("0.004"), "a fill")
        session.until_shown("CLOCK SKEW", "ahead of ours; more than 1,000 ms endangers orders")
        session.agree(12.0)
        session.until_shown("✓ stops 100 %")
        assert session.watch.longest_naked_s[Leg.LONG] < 1.0, "the stop did not wait for the next look at the clock"
        assert session.errors("-1021") == []
        session.quote(CALM)
        session.at_rest(12.0)
    finally:
        venue.skew_ms = 0
        session.until(lambda: "clock-skew" not in session.alarms, "end of the alarm", 12.0)
