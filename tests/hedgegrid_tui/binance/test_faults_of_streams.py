"""Drops, stalls and deaths of each socket: what the trader reads, and that no fill is lost and no leg left bare."""

import re
import time
from collections.abc import Iterator
from decimal import Decimal

import pytest

from strategy.domain import Leg
from tests.hedgegrid_tui.binance.faulted import CALM, ENTRIES, FIRST_LONG, Faulted, faulted
from tests.venue.binance.streams import Side

pytestmark = [pytest.mark.timeout(40), pytest.mark.xdist_group("faults-of-streams")]

QTY = Decimal("0.004")
LISTEN_KEY = "/fapi/v1/listenKey"
SHOWN_S = 5.0
"""A dead stream must be on the screen within this."""
COVERED_S = 5.0
"""With the stream dead, a fill is found by the comparison with the venue (each second here) and by asking."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulted]:
    with faulted(tmp_path_factory.mktemp("streams"), "watchdog.stale_after_ms=1500") as session:
        yield session


@pytest.fixture
def session(running: Faulted) -> Iterator[Faulted]:
    """Flat, every rung with its entry, both streams alive."""
    running.until(lambda: "stream-dead" not in running.alarms, "user stream", 12.0)
    running.calm()
    yield running
    for side in Side:
        running.venue.refuse(side, off=True)
        running.venue.resume(side)


def test_the_death_of_the_user_stream_is_shown_with_its_age_within_its_bound_and_shuts_entries(
    session: Faulted,
) -> None:
    venue = session.venue
    session.withdraw()
    venue.refuse(Side.USER)
    began = time.monotonic()
    assert venue.drop(Side.USER) == 1
    session.until_shown("STREAM DEAD", seconds=SHOWN_S)
    session.until(lambda: dead_for(session) is not None, "age", SHOWN_S)
    assert time.monotonic() - began < SHOWN_S
    shown = dead_for(session) or 0
    session.until(lambda: (dead_for(session) or 0) > shown, "growing age", 4.0)
    session.enter_anew()
    session.until_shown("stream dead", "○ gap")
    assert session.open("entry") == set()
    venue.refuse(Side.USER, off=True)
    session.until(lambda: "stream-dead" not in session.alarms, "a new stream", 10.0)
    session.at_rest()
    assert len(session.open("entry")) == ENTRIES


def test_fills_while_the_user_stream_is_dead_are_booked_and_covered_and_nothing_enters(session: Faulted) -> None:
    venue = session.venue
    venue.refuse(Side.USER)
    venue.drop(Side.USER)
    session.until_shown("STREAM DEAD")
    session.quote(FIRST_LONG)
    session.until(lambda: session.venue.held("LONG") == QTY, "a fill")
    before = session.open("entry")
    session.agree(COVERED_S + 3.0)
    assert session.watch.longest_naked_s[Leg.LONG] < COVERED_S
    assert session.open("entry") == before
    assert "stream-dead" in session.alarms
    venue.refuse(Side.USER, off=True)
    session.until(lambda: "stream-dead" not in session.alarms, "a new stream", 10.0)
    session.quote(CALM)
    session.at_rest()


def test_fills_in_the_gap_of_a_dropped_user_stream_are_told_after_its_revival(session: Faulted) -> None:
    venue = session.venue

    def fill_unheard() -> None:
        venue.streams.drop(Side.USER)
        venue.quote(FIRST_LONG)

    venue.call(fill_unheard)
    session.quote(FIRST_LONG)
    assert session.venue.held("LONG") == QTY
    session.agree()
    assert session.watch.longest_naked_s[Leg.LONG] < COVERED_S
    assert len(session.lines("fill")) == 1


def test_a_user_stream_that_stalls_loses_nothing_though_its_socket_looks_alive(session: Faulted) -> None:
    """No ping fails: only the comparison with the venue can see it, and the screen has both numbers."""
    venue = session.venue
    venue.stall(Side.USER)
    session.quote(FIRST_LONG)
    session.until(lambda: session.venue.held("LONG") == QTY, "a fill")
    session.agree(COVERED_S + 3.0)
    assert session.watch.longest_naked_s[Leg.LONG] < COVERED_S
    session.until_shown("✓ stops 100 %")
    venue.resume(Side.USER)
    session.agree()
    assert len(session.lines("fill")) == 1, "told twice, booked once"
    session.quote(CALM)
    session.at_rest()


@pytest.mark.parametrize("told", [True, False])
def test_a_listen_key_that_ends_is_replaced_whether_or_not_the_venue_says_so(session: Faulted, told: bool) -> None:
    venue = session.venue
    first = venue.listen_keys.key
    if told:
        venue.expire_listen_key()
    else:
        venue.call(venue.listen_keys.close)
    session.quote(FIRST_LONG)
    session.until(lambda: session.venue.held("LONG") == QTY, "a fill")
    session.until_written("alarm", name="stream-dead", raised=True)
    session.until_written("alarm", name="stream-dead", raised=False)
    assert venue.listen_keys.key not in (None, first)
    session.agree()
    assert session.watch.longest_naked_s[Leg.LONG] < COVERED_S


def test_renewals_that_fail_leave_the_stream_as_it_is(session: Faulted) -> None:
    """The key is good for an hour: an unanswered renewal is no death."""
    rules = [
        session.venue.when("PUT", LISTEN_KEY, 1).unknown(live=False),
        session.venue.when("PUT", LISTEN_KEY, 2).drop(),
        session.venue.when("PUT", LISTEN_KEY, 3).garble(),
    ]
    session.until(lambda: rules[0].seen >= 4, "four renewals", 10.0)
    assert session.lines("alarm", name="stream-dead") == []
    assert session.venue.streams.count(Side.USER) == 1
    session.agree()


def test_a_refused_renewal_is_a_death_and_recovery_outlives_failing_listen_keys(session: Faulted) -> None:
    """Nautilus's own client gives the stream up after one such failure."""
    venue = session.venue
    venue.when("PUT", LISTEN_KEY, 1).refuse(-1125)
    failing = venue.when("POST", LISTEN_KEY, (1, 2, 3)).unknown(live=False)
    session.until_shown("STREAM DEAD", seconds=SHOWN_S)
    session.quote(FIRST_LONG)
    session.until(lambda: "stream-dead" not in session.alarms, "a new stream", 12.0)
    assert failing.hits == 3
    session.agree()
    assert venue.held("LONG") == QTY
    assert session.watch.longest_naked_s[Leg.LONG] < COVERED_S


@pytest.mark.parametrize("how", ["drop", "stall"])
def test_a_dead_market_is_shown_with_its_age_and_shuts_entries_while_fills_are_told(session: Faulted, how: str) -> None:
    venue = session.venue
    session.withdraw()
    if how == "drop":
        venue.refuse(Side.MARKET)
        venue.drop(Side.MARKET)
    else:
        venue.stall(Side.MARKET)
    session.until_shown("STALE FEED", seconds=SHOWN_S)
    session.enter_anew()
    session.until_shown("stale data")
    assert session.open("entry") == set()
    venue.refuse(Side.MARKET, off=True)
    venue.resume(Side.MARKET)
    session.until(lambda: "stale-feed" not in session.alarms, "prices", 15.0)
    session.at_rest()


def test_an_entry_that_fills_with_the_market_dead_is_covered(session: Faulted) -> None:
    venue = session.venue
    venue.stall(Side.MARKET)
    session.until_shown("STALE FEED", seconds=SHOWN_S)
    session.quote(FIRST_LONG)
    session.until(lambda: session.venue.held("LONG") == QTY, "a fill")
    session.agree()
    assert session.watch.longest_naked_s[Leg.LONG] < 1.0
    venue.resume(Side.MARKET, lose=True)
    session.until(lambda: "stale-feed" not in session.alarms, "prices")
    session.quote(CALM)
    session.at_rest()


def test_both_sockets_dropped_at_once_come_back(session: Faulted) -> None:
    venue = session.venue
    opened = dict(venue.streams.opened)
    venue.drop(Side.USER)
    venue.drop(Side.MARKET)
    session.until(lambda: all(venue.streams.opened[side] > opened[side] for side in Side), "new sockets", 12.0)
    session.quote(FIRST_LONG)
    session.until(lambda: session.venue.held("LONG") == QTY, "a fill")
    session.agree()
    session.quote(CALM)
    session.at_rest()


def dead_for(session: Faulted) -> int | None:
    """Seconds since the stream's last word, as its row has them while it is dead."""
    found = re.search(r"account's stream +! DEAD <?(\d+) s", session.screen)
    return None if found is None else int(found[1])
