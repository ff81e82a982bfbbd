"""Contained errors: each counted once, journalled once, the latest kept."""

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
