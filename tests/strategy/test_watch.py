"""Alarms on cover, books and journal, raised once at their bound and ended once; lots given up, transfers found."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.domain import NS_PER_S, Leg, Lot
from strategy.errors import ErrorLog
from strategy.watch import (
    MISMATCH_BOUND_NS,
    WALLET_LOOKS,
    WALLET_TOLERANCE,
    Alarm,
    BareLots,
    BooksWatch,
    JournalWatch,
    ProtectionWatch,
    WalletWatch,
)
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
    alarm = Alarm("fire", "cellar", errors)
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
    alarm = Alarm("fire", "cellar", errors)
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
    watch, held = ProtectionWatch(BOUND, errors), holding(Leg.SHORT, "0.004")
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
    watch, held = ProtectionWatch(BOUND, errors), holding(Leg.LONG, "0.004")
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
    watch, held = ProtectionWatch(BOUND, errors), holding(Leg.LONG, "0.004")
    for start in range(0, 5 * BOUND, BOUND):
        look(watch, held, NONE, start)
        look(watch, held, held, start + BOUND - 1)
    assert journal.lines == []


# -- lots that are given up --------------------------------------------------------------------------------------------


class Bare:
    """One watch, and how much of each lot is covered."""

    def __init__(self) -> None:
        self.watch = BareLots(BOUND)
        self.lots: dict[int, str] = {}
        self.covered: dict[int, str] = {}

    def look(self, now: int) -> list[int]:
        lots = [Lot(number, Leg.LONG, 1, Decimal(1), Decimal(1), Decimal(qty), Decimal(1), 0)
                for number, qty in self.lots.items()]  # fmt: skip
        return [
            lot.number for lot in self.watch.look(lots, lambda lot: Decimal(self.covered.get(lot.number, "0")), now)
        ]


def test_i06_a_lot_is_lost_once_it_has_been_bare_for_its_bound_and_not_before() -> None:
    bare = Bare()
    bare.lots = {1: "0.004"}
    assert bare.watch.deadline() is None
    assert bare.look(10) == []
    assert bare.watch.deadline() == 10 + BOUND
    assert bare.look(9 + BOUND) == []
    assert bare.look(10 + BOUND) == [1]


def test_i06_a_lot_that_is_covered_in_time_has_its_whole_bound_when_it_is_bare_again() -> None:
    bare = Bare()
    bare.lots = {1: "0.004"}
    bare.look(0)
    bare.covered = {1: "0.004"}
    assert bare.look(BOUND - 1) == []
    assert bare.watch.deadline() is None
    bare.covered = {1: "0.003"}
    assert bare.look(BOUND) == []
    assert bare.look(2 * BOUND - 1) == []
    assert bare.look(2 * BOUND) == [1]


def test_i06_a_lot_of_which_more_and_more_is_covered_is_never_lost() -> None:
    bare = Bare()
    for number in range(1, 20):
        bare.lots, bare.covered = {1: str(number)}, {1: str(number - 1)}
        assert bare.look(number * (BOUND - 1)) == []


def test_i06_a_stop_covers_the_oldest_part_and_gives_the_younger_one_no_more_time() -> None:
    bare = Bare()
    bare.lots = {1: "1"}
    bare.look(0)
    bare.lots = {1: "3"}
    bare.look(10)
    bare.covered = {1: "2"}
    assert bare.look(BOUND - 1) == []
    assert bare.watch.deadline() == BOUND + 10
    assert bare.look(BOUND + 9) == []
    assert bare.look(BOUND + 10) == [1]


def test_i06_a_part_that_leaves_together_with_its_stop_gives_the_rest_no_more_time() -> None:
    bare = Bare()
    bare.lots, bare.covered = {1: "3"}, {1: "2"}
    bare.look(0)
    for qty in ("2", "1"):
        bare.lots, bare.covered = {1: qty}, {1: str(int(qty) - 1)}
        assert bare.look(BOUND - 1) == []
    assert bare.look(BOUND) == [1]


def test_i06_a_lot_of_which_less_and_less_is_covered_gains_no_time() -> None:
    bare = Bare()
    bare.lots, bare.covered = {1: "4"}, {1: "3"}
    bare.look(0)
    for number, covered in enumerate(("2", "1"), 1):
        bare.covered = {1: covered}
        assert bare.look(number) == []
    assert bare.look(BOUND) == [1]


def test_i06_each_lot_has_its_own_clock_and_a_closed_one_leaves_none_behind() -> None:
    bare = Bare()
    bare.lots = {1: "4"}
    bare.look(0)
    bare.lots = {1: "4", 2: "4"}
    bare.look(BOUND // 2)
    assert bare.look(BOUND) == [1]
    del bare.lots[1]
    assert bare.look(BOUND + 1) == []
    assert bare.watch.deadline() == BOUND // 2 + BOUND
    bare.lots = {1: "4"}
    bare.look(2 * BOUND)
    assert bare.watch.deadline() == 3 * BOUND


# -- books -------------------------------------------------------------------------------------------------------------


def test_i17_a_difference_that_stays_for_its_bound_is_an_alarm(journal: MemoryJournal, errors: ErrorLog) -> None:
    watch, venue = BooksWatch(errors), holding(Leg.LONG, "0.006")
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
    watch = BooksWatch(errors)
    both = {Leg.LONG: Decimal("-0.001"), Leg.SHORT: Decimal("0.002")}
    assert watch.look(NONE, both, 0, bound_ns=0) == set(Leg)
    assert watch.surplus == {Leg.LONG: Decimal("0.001"), Leg.SHORT: Decimal("-0.002")}


def test_a_surplus_on_alarm_is_kept_up_to_date_at_once(journal: MemoryJournal, errors: ErrorLog) -> None:
    watch = BooksWatch(errors)
    watch.look(holding(Leg.LONG, "0.006"), NONE, 0, bound_ns=0)
    watch.look(holding(Leg.LONG, "0.002"), holding(Leg.LONG, "0.005"), 1, bound_ns=MISMATCH_BOUND_NS)
    assert watch.surplus == {Leg.LONG: Decimal("-0.003")}
    assert len(raised(journal)) == 1


def test_books_that_agree_again_end_the_alarm_and_a_new_difference_has_its_whole_bound(
    journal: MemoryJournal, errors: ErrorLog
) -> None:
    watch, venue = BooksWatch(errors), holding(Leg.SHORT, "0.006")
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


# -- transfers ---------------------------------------------------------------------------------------------------------


def looks(steps: list[tuple[int, int, int]]) -> list[int]:
    """What each look at balance, the venue's cash and the own cash takes for a transfer."""
    watch = WalletWatch()
    return [int(watch.look(*map(Decimal, step))) for step in steps]


@pytest.mark.parametrize("amount", ["250", "-250", "0.02"])
def test_s08_a_gap_that_opens_with_the_balance_and_stays_is_a_transfer_told_once(amount: str) -> None:
    watch, own, moved = WalletWatch(), Decimal(1000), Decimal(amount)
    assert watch.look(own, own, own) == 0
    told = [watch.look(own + moved, own + moved, own) for _ in range(WALLET_LOOKS)]
    assert told == [0] * (WALLET_LOOKS - 1) + [moved]
    own += moved
    assert [watch.look(own, own, own) for _ in range(5)] == [0] * 5
    assert [watch.look(own + 7, own + 7, own) for _ in range(WALLET_LOOKS)][-1] == 7


def test_s08_a_transfer_is_told_however_much_is_held() -> None:
    """The legs have cost 600 of the balance."""
    held, moved = (1000, 400, 400), (1250, 650, 400)
    assert looks([held, *[moved] * WALLET_LOOKS]) == [*[0] * WALLET_LOOKS, 250]


def test_s08_a_gap_without_a_change_of_the_balance_is_waited_for_however_long() -> None:
    """The own books, or the venue's word on what the legs cost, were first."""
    assert set(looks([(1000, 1000, 1000), *[(1000, 1000, 990)] * 30, (990, 990, 990)])) == {0}
    assert set(looks([(1000, 1000, 1000), *[(1000, 400, 1000)] * 30, (1000, 400, 400)])) == {0}


def test_s08_a_gap_that_another_average_of_what_is_held_may_explain_is_left_alone_until_it_is_closed() -> None:
    watch, held = WalletWatch(), Decimal(60_000)
    watch.look(Decimal(1000), Decimal(1000), Decimal(1000), held)
    for balance in (995, 994, 993):
        for _ in range(WALLET_LOOKS):
            assert watch.look(Decimal(balance), Decimal(995), Decimal(1000), held) == 0
    told = [watch.look(Decimal(993), Decimal(995), Decimal(1000), Decimal(0)) for _ in range(WALLET_LOOKS)]
    assert told == [0] * (WALLET_LOOKS - 1) + [-5]


def test_s08_a_gap_that_closes_before_it_is_certain_is_no_transfer() -> None:
    early = [(990, 990, 1000)] * (WALLET_LOOKS - 1)
    assert set(looks([(1000, 1000, 1000), *early, (990, 990, 990)])) == {0}


def test_s08_a_gap_that_goes_on_changing_is_not_certain_and_is_told_once_it_rests() -> None:
    falls = [(1000 - 10 * n, 1000 - 10 * n, 1000) for n in range(10)]
    assert set(looks(falls)) == {0}
    assert looks([*falls, *[falls[-1]] * WALLET_LOOKS])[-WALLET_LOOKS:] == [0] * (WALLET_LOOKS - 2) + [-90, 0]


def test_s08_a_gap_that_was_there_from_the_start_is_no_transfer() -> None:
    assert set(looks([(1050, 1050, 1000)] * 20)) == {0}


def test_s08_two_transfers_that_meet_within_the_looks_are_told_as_one() -> None:
    steps = [(1000, 1000, 1000), (1100, 1100, 1000), *[(1300, 1300, 1000)] * WALLET_LOOKS]
    assert looks(steps) == [*[0] * (WALLET_LOOKS + 1), 300]


@given(st.lists(st.integers(-9, 9), max_size=200))
def test_s08_roundings_never_add_up_to_a_transfer(roundings: list[int]) -> None:
    """However far they carry the venue's cash away from the own books in the end."""
    watch, venue, own = WalletWatch(), Decimal(1000), Decimal(1000)
    for rounding in roundings:
        venue += WALLET_TOLERANCE * rounding / 10
        assert watch.look(venue, venue, own) == 0
