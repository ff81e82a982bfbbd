"""Alarms on cover, books and journal: raised once, at their bound, and ended once."""

from decimal import Decimal

import pytest

from strategy.domain import NS_PER_S, Leg
from strategy.errors import ErrorLog
from strategy.watch import MISMATCH_BOUND_NS, Alarm, BooksWatch, JournalWatch, ProtectionWatch
from tests.strategy.venue import MemoryJournal

NONE = dict.fromkeys(Leg, Decimal(0))
BOUND = NS_PER_S


def holding(leg: Leg, qty: str) -> dict[Leg, Decimal]:
    return NONE | {leg: Decimal(qty)}


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def errors(journal: MemoryJournal) -> ErrorLog:
    return ErrorLog(journal)


def raised(journal: MemoryJournal) -> list[tuple[Leg, bool]]:
    return [(line["leg"], line["raised"]) for line in journal.of("alarm")]


@pytest.mark.parametrize("leg", Leg)
def test_an_alarm_writes_one_line_and_one_critical_error_and_one_line_when_it_ends(
    leg: Leg, journal: MemoryJournal, errors: ErrorLog
) -> None:
    alarm = Alarm("fire", "cellar", journal, errors)
    assert alarm.raise_on(leg, "smoke", 5)
    assert not alarm.raise_on(leg, "more smoke", 6)
    assert alarm.raised == {leg}
    for now in (7, 8):
        alarm.end_on(leg, "rain", now)
    assert alarm.raised == set()
    (first, last) = journal.of("alarm")
    assert (first["ts"], first["name"], first["leg"], first["raised"], first["detail"]) == (
        5,
        "fire",
        leg,
        True,
        "smoke",
    )
    assert (last["ts"], last["raised"], last["detail"]) == (7, False, "rain")
    (error,) = errors.latest
    assert (error.where, error.type, error.message, error.critical) == ("cellar", "fire", f"{leg}: smoke", True)


def test_an_alarm_of_one_leg_says_nothing_of_the_other(journal: MemoryJournal, errors: ErrorLog) -> None:
    alarm = Alarm("fire", "cellar", journal, errors)
    alarm.raise_on(Leg.LONG, "smoke", 1)
    assert alarm.raise_on(Leg.SHORT, "smoke", 1)
    alarm.end_on(Leg.LONG, "rain", 2)
    assert alarm.raised == {Leg.SHORT}


# -- cover -------------------------------------------------------------------------------------------------------------


def look(watch: ProtectionWatch, held: dict[Leg, Decimal], covered: dict[Leg, Decimal], now: int) -> None:
    for leg in Leg:
        watch.clock.update(leg, held[leg], covered[leg], now)
    watch.look(held.__getitem__, covered.__getitem__, now)


def test_i06_a_leg_without_cover_is_alarmed_at_its_bound_and_not_before(
    journal: MemoryJournal, errors: ErrorLog
) -> None:
    watch, held = ProtectionWatch(BOUND, journal, errors), holding(Leg.SHORT, "0.004")
    look(watch, held, NONE, 10)
    assert watch.deadlines() == [10 + BOUND]
    look(watch, held, holding(Leg.SHORT, "0.003"), 10 + BOUND - 1)
    assert not watch.is_late(Leg.SHORT, 10 + BOUND - 1)
    assert raised(journal) == []
    look(watch, held, holding(Leg.SHORT, "0.003"), 10 + BOUND)
    assert watch.is_late(Leg.SHORT, 10 + BOUND)
    assert watch.is_alarmed(Leg.SHORT)
    assert not watch.is_alarmed(Leg.LONG)
    assert raised(journal) == [(Leg.SHORT, True)]
    assert journal.of("alarm")[0]["detail"] == "0.004 held, 0.003 covered by stops"
    assert watch.deadlines() == []


def test_i06_the_alarm_ends_once_the_leg_is_covered_and_not_before(journal: MemoryJournal, errors: ErrorLog) -> None:
    watch, held = ProtectionWatch(BOUND, journal, errors), holding(Leg.LONG, "0.004")
    look(watch, held, NONE, 0)
    for now in (BOUND, BOUND + 1):
        look(watch, held, NONE, now)
    assert raised(journal) == [(Leg.LONG, True)]
    for now in (BOUND + 2, BOUND + 3):
        look(watch, held, held, now)
    assert raised(journal) == [(Leg.LONG, True), (Leg.LONG, False)]
    assert not watch.is_alarmed(Leg.LONG)
    assert watch.deadlines() == []


def test_a_leg_that_is_covered_in_time_is_never_alarmed(journal: MemoryJournal, errors: ErrorLog) -> None:
    watch, held = ProtectionWatch(BOUND, journal, errors), holding(Leg.LONG, "0.004")
    for start in range(0, 5 * BOUND, BOUND):
        look(watch, held, NONE, start)
        look(watch, held, held, start + BOUND - 1)
    assert journal.lines == []


# -- books -------------------------------------------------------------------------------------------------------------


def test_i17_a_difference_that_stays_for_its_bound_is_an_alarm(journal: MemoryJournal, errors: ErrorLog) -> None:
    watch, venue = BooksWatch(journal, errors), holding(Leg.LONG, "0.006")
    assert watch.look(venue, NONE, 10, bound_ns=MISMATCH_BOUND_NS) == set()
    assert watch.differ
    assert not watch.disagree
    assert watch.deadlines() == [10 + MISMATCH_BOUND_NS]
    assert watch.look(venue, NONE, 9 + MISMATCH_BOUND_NS, bound_ns=MISMATCH_BOUND_NS) == set()
    assert watch.surplus == {}
    assert watch.look(venue, NONE, 10 + MISMATCH_BOUND_NS, bound_ns=MISMATCH_BOUND_NS) == {Leg.LONG}
    assert watch.disagree
    assert watch.surplus == {Leg.LONG: Decimal("0.006")}
    assert watch.look(venue, NONE, 11 + MISMATCH_BOUND_NS, bound_ns=MISMATCH_BOUND_NS) == set()
    assert watch.deadlines() == []
    assert journal.of("alarm")[0]["detail"] == "the venue holds 0.006, own books 0"


def test_i17_without_a_bound_a_difference_is_an_alarm_at_once(journal: MemoryJournal, errors: ErrorLog) -> None:
    watch = BooksWatch(journal, errors)
    both = {Leg.LONG: Decimal("-0.001"), Leg.SHORT: Decimal("0.002")}
    assert watch.look(NONE, both, 0, bound_ns=0) == set(Leg)
    assert watch.surplus == {Leg.LONG: Decimal("0.001"), Leg.SHORT: Decimal("-0.002")}


def test_a_surplus_on_alarm_is_kept_up_to_date_at_once(journal: MemoryJournal, errors: ErrorLog) -> None:
    watch = BooksWatch(journal, errors)
    watch.look(holding(Leg.LONG, "0.006"), NONE, 0, bound_ns=0)
    watch.look(holding(Leg.LONG, "0.002"), holding(Leg.LONG, "0.005"), 1, bound_ns=MISMATCH_BOUND_NS)
    assert watch.surplus == {Leg.LONG: Decimal("-0.003")}
    assert len(raised(journal)) == 1


def test_books_that_agree_again_end_the_alarm_and_a_new_difference_has_its_whole_bound(
    journal: MemoryJournal, errors: ErrorLog
) -> None:
    watch, venue = BooksWatch(journal, errors), holding(Leg.SHORT, "0.006")
    watch.look(venue, NONE, 0, bound_ns=0)
    watch.look(venue, venue, 5, bound_ns=MISMATCH_BOUND_NS)
    assert (watch.disagree, watch.differ, watch.surplus) == (False, False, {})
    watch.look(venue, NONE, MISMATCH_BOUND_NS, bound_ns=MISMATCH_BOUND_NS)
    assert not watch.disagree
    assert raised(journal) == [(Leg.SHORT, True), (Leg.SHORT, False)]


# -- journal -----------------------------------------------------------------------------------------------------------


def test_each_row_of_failures_of_the_journal_is_said_once(journal: MemoryJournal, errors: ErrorLog) -> None:
    watch = JournalWatch(journal, errors)
    watch.look(0)
    assert not watch.fails
    assert errors.count == 0
    journal.failure = "No space left on device"
    for now in (1, 2):
        watch.look(now)
    assert watch.fails
    assert (errors.count, errors.critical) == (1, 1)
    assert errors.latest[0].message.startswith("No space left on device: entries wait")
    journal.failure = ""
    watch.look(3)
    journal.failure = "Input/output error"
    watch.look(4)
    assert errors.count == 2
