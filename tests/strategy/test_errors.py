"""Contained errors, each counted once, and alarms, each told once and again while it lasts."""

import pytest

from strategy.domain import Leg
from strategy.errors import KEPT, ErrorLog
from tests.strategy.venue import MemoryJournal


def test_each_error_is_counted_journalled_and_kept() -> None:
    journal = MemoryJournal()
    log = ErrorLog(journal)
    log.record(5, "venue", "order-rejected", "no margin", critical=True)
    log.record(6, "send", "OSError", "no link", critical=False)
    assert (log.count, log.critical) == (2, 1)
    assert [(error.number, error.where, error.message) for error in log.latest] == [
        (1, "venue", "no margin"),
        (2, "send", "no link"),
    ]
    assert journal.lines[0] == {
        "seq": 1,
        "ts": 5,
        "kind": "error",
        "where": "venue",
        "type": "order-rejected",
        "message": "no margin",
        "critical": True,
    }


def test_only_the_latest_are_kept_but_all_are_counted() -> None:
    log = ErrorLog(MemoryJournal())
    for number in range(KEPT + 10):
        log.record(number, "x", "y", "z", critical=False)
    assert log.count == KEPT + 10
    assert [log.latest[0].number, log.latest[-1].number, len(log.latest)] == [11, KEPT + 10, KEPT]


# -- what counts towards the breaker -----------------------------------------------------------------------------------


def test_only_an_error_that_counts_is_handed_on_and_it_is_written_first() -> None:
    journal, heard = MemoryJournal(), list[tuple[int, str, int]]()
    log = ErrorLog(journal)
    log.on_fault = lambda now, words: heard.append((now, words, len(journal.lines)))
    log.record(5, "send", "OSError", "no link", critical=False)
    assert heard == []
    log.record(6, "send", "OSError", "no link", critical=False, counts=True)
    assert heard == [(6, "send OSError: no link", 2)]


def test_without_anybody_to_take_it_an_error_that_counts_is_an_error() -> None:
    log = ErrorLog(MemoryJournal())
    log.record(6, "send", "OSError", "no link", critical=False, counts=True)
    assert log.count == 1


# -- lines -------------------------------------------------------------------------------------------------------------


def test_a_line_that_cannot_be_written_is_an_error_and_never_raises() -> None:
    journal = MemoryJournal()
    journal.fails = lambda kind: kind == "state"
    log = ErrorLog(journal)
    log.write(7, "state", name="paused")
    (error,) = log.latest
    assert (error.where, error.type, error.critical) == ("journal", "OSError", True)
    assert error.message.startswith("state: ")


def test_the_record_of_a_failure_of_the_disk_is_kept_where_the_disk_refuses_that_as_well() -> None:
    journal = MemoryJournal()
    journal.fails = lambda _kind: True
    log = ErrorLog(journal)
    log.write(7, "state", name="paused")
    assert (log.count, journal.lines) == (1, [])


# -- alarms ------------------------------------------------------------------------------------------------------------


def told(journal: MemoryJournal) -> list[tuple[str, Leg | None, bool, bool]]:
    return [(line["name"], line["leg"], line["raised"], line.get("again", False)) for line in journal.of("alarm")]


@pytest.mark.parametrize("leg", [None, *Leg])
def test_an_alarm_is_raised_once_kept_while_it_lasts_and_ended_once(leg: Leg | None) -> None:
    journal = MemoryJournal()
    log = ErrorLog(journal)
    assert log.raise_alarm("fire", leg, "smoke", 5)
    assert not log.raise_alarm("fire", leg, "more smoke", 6)
    (alarm,) = log.alarms.values()
    assert (alarm.name, alarm.leg, alarm.since_ns, alarm.detail) == ("fire", leg, 5, "smoke")
    for now in (7, 8):
        log.end_alarm("fire", leg, "rain", now)
    assert log.alarms == {}
    assert told(journal) == [("fire", leg, True, False), ("fire", leg, False, False)]
    assert log.raise_alarm("fire", leg, "smoke again", 9)


def test_alarms_of_one_name_are_kept_apart_by_their_leg() -> None:
    log = ErrorLog(MemoryJournal())
    assert all(log.raise_alarm("fire", leg, "smoke", 5) for leg in (None, *Leg))
    log.end_alarm("fire", Leg.LONG, "rain", 6)
    assert set(log.alarms) == {("fire", None), ("fire", Leg.SHORT)}


def test_an_alarm_that_lasts_is_told_again_each_time_and_a_latched_one_is_not() -> None:
    journal = MemoryJournal()
    log = ErrorLog(journal)
    log.raise_alarm("fire", None, "smoke", 0)
    log.raise_alarm("loss", None, "deep", 0, repeats=False)
    for now in (9, 10, 11, 19, 20):
        log.repeat_alarms(now, 10)
    assert told(journal)[2:] == [("fire", None, True, True)] * 2
    assert [line["ts"] for line in journal.of("alarm")][2:] == [10, 20]
    log.end_alarm("fire", None, "rain", 25)
    log.end_alarm("loss", None, "reset", 25)
    log.repeat_alarms(99, 10)
    assert [line["ts"] for line in journal.of("alarm")][4:] == [25, 25]


def test_an_alarm_that_is_raised_anew_has_its_whole_time_before_it_is_told_again() -> None:
    journal = MemoryJournal()
    log = ErrorLog(journal)
    log.raise_alarm("fire", None, "smoke", 0)
    log.end_alarm("fire", None, "rain", 5)
    log.raise_alarm("fire", None, "smoke", 8)
    log.repeat_alarms(17, 10)
    assert len(told(journal)) == 3
    log.repeat_alarms(18, 10)
    assert len(told(journal)) == 4
