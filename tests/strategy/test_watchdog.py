"""The watchdog: what concerns the whole session is alarmed at its bound, told again, and ended by its cause."""

import pytest

from strategy.domain import NS_PER_S
from strategy.errors import ErrorLog
from strategy.risk_config import WatchdogConfig
from strategy.watchdog import SILENT_STREAM, STALE_FEED, STUCK_LOOP, Watchdog
from tests.strategy.venue import MemoryJournal

SILENCE = 10 * NS_PER_S


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def errors(journal: MemoryJournal) -> ErrorLog:
    return ErrorLog(journal)


@pytest.fixture
def watchdog(errors: ErrorLog) -> Watchdog:
    return Watchdog(WatchdogConfig(stream_silent_ms=10_000, alarm_repeat_s=30), errors)


def told(journal: MemoryJournal) -> list[tuple[str, bool]]:
    return [(line["name"], line["raised"]) for line in journal.of("alarm")]


def test_a_stale_feed_is_one_alarm_and_one_critical_error_and_its_return_is_told_once(
    watchdog: Watchdog, errors: ErrorLog, journal: MemoryJournal
) -> None:
    assert not watchdog.look_at_feed(NS_PER_S, 0, is_stale=False)
    assert journal.lines == []
    for now in (6, 7):
        assert not watchdog.look_at_feed(now * NS_PER_S, NS_PER_S, is_stale=True)
    assert told(journal) == [(STALE_FEED, True)]
    assert journal.of("alarm")[0]["detail"] == "no price for 5.0 s: no entry leaves, exits stay"
    assert (errors.count, errors.critical) == (1, 1)
    assert watchdog.look_at_feed(8 * NS_PER_S, 8 * NS_PER_S, is_stale=False)
    assert not watchdog.look_at_feed(9 * NS_PER_S, 8 * NS_PER_S, is_stale=False)
    assert told(journal) == [(STALE_FEED, True), (STALE_FEED, False)]


@pytest.mark.parametrize(
    ("waiting_since", "last_word", "now", "silent"),
    [
        (None, 0, 999 * NS_PER_S, False),
        (5, 0, 4 + SILENCE, False),
        (5, 0, 5 + SILENCE, True),
        (5, 9, 8 + SILENCE, False),
        (5, 9, 9 + SILENCE, True),
        (5, 1, 5 + SILENCE, True),
    ],
)
def test_a_stream_is_silent_once_a_request_has_waited_and_nothing_at_all_was_said(
    watchdog: Watchdog, journal: MemoryJournal, waiting_since: int | None, last_word: int, now: int, silent: bool
) -> None:
    watchdog.look_at_stream(now, waiting_since, last_word)
    assert told(journal) == ([(SILENT_STREAM, True)] if silent else [])


@pytest.mark.parametrize(("waiting_since", "last_word"), [(None, 0), (0, SILENCE + 5)])
def test_an_answer_or_any_word_of_the_venue_ends_the_silence(
    watchdog: Watchdog, journal: MemoryJournal, waiting_since: int | None, last_word: int
) -> None:
    watchdog.look_at_stream(SILENCE, 0, 0)
    watchdog.look_at_stream(SILENCE + 6, waiting_since, last_word)
    assert told(journal) == [(SILENT_STREAM, True), (SILENT_STREAM, False)]


def test_an_engine_that_stood_still_is_told_with_its_time_and_the_alarm_ends_at_once(
    watchdog: Watchdog, errors: ErrorLog, journal: MemoryJournal
) -> None:
    watchdog.was_stuck(9 * NS_PER_S, 3 * NS_PER_S)
    assert told(journal) == [(STUCK_LOOP, True), (STUCK_LOOP, False)]
    assert journal.of("alarm")[0]["detail"] == "the engine stood still for 3.0 s"
    assert errors.alarms == {}
    assert errors.latest[0].type == STUCK_LOOP


def test_what_lasts_is_told_again_after_its_time_and_not_before(watchdog: Watchdog, journal: MemoryJournal) -> None:
    watchdog.look_at_feed(0, 0, is_stale=True)
    for second in (29, 30, 31, 59, 60):
        watchdog.repeat(second * NS_PER_S)
    assert [line["ts"] // NS_PER_S for line in journal.of("alarm") if line.get("again")] == [30, 60]
