"""Every way in which a stop, a take-profit or a close can fail: what the trader reads, and what covers the leg."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from strategy.control import Command, CommandName
from strategy.domain import Leg
from tests.hedgegrid_tui.binance.faulted import CALM, FIRST_LONG, FIRST_SHORT, Faulted, faulted
from tests.venue.binance.asked import Asked
from tests.venue.binance.rules import Rule
from tests.venue.binance.streams import Side

pytestmark = [pytest.mark.timeout(30), pytest.mark.xdist_group("faults-of-exits")]

ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
QTY = Decimal("0.004")
BOUND_S = 2.0
"""`execution.attach_bound_ms` of these sessions: a leg that is bare for longer is an alarm."""
AT_ONCE_S = 0.5


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulted]:
    with faulted(tmp_path_factory.mktemp("exits")) as session:
        yield session


@pytest.fixture
def session(running: Faulted) -> Faulted:
    """Flat, every rung with its entry at the venue."""
    running.calm()
    return running


@pytest.fixture
def holding(session: Faulted) -> Faulted:
    """One long lot with both of its exits."""
    session.quote(FIRST_LONG)
    session.until(lambda: session.venue.held("LONG") == QTY, "a fill")
    session.at_rest()
    session.mark()
    return session


def is_tp(asked: Asked) -> bool:
    return (asked.get("type"), asked.get("side"), asked.get("positionSide")) == ("LIMIT", "SELL", "LONG")


def is_close(asked: Asked) -> bool:
    return (asked.get("type"), asked.get("positionSide")) == ("MARKET", "LONG")


def sold(session: Faulted) -> Decimal:
    trades = session.venue.call(lambda: list(session.venue.exchange.book.trades))
    return sum((trade.qty for trade in trades if (trade.leg, trade.side) == ("LONG", "SELL")), Decimal(0))


UNCLEAR: dict[str, Callable[[Rule, bool], Rule]] = {
    "503, -1007": lambda rule, live: rule.unknown(live=live),
    "a dropped line": lambda rule, live: rule.drop(executed=live),
    "no answer": lambda rule, live: rule.hang(executed=live),
}


@pytest.mark.parametrize("fault", UNCLEAR)
def test_a_stop_that_may_be_live_is_not_sent_again(session: Faulted, fault: str) -> None:
    rule = UNCLEAR[fault](session.venue.when("POST", ALGO, 1), True)
    session.quote(FIRST_LONG)
    session.until(lambda: rule.hits, "a stop")
    session.at_rest()
    assert len(session.open("sl")) == 1
    assert session.watch.longest_naked_s[Leg.LONG] < AT_ONCE_S
    session.until_shown("✓ stops 100 %")
    assert "unprotected" not in session.alarms


@pytest.mark.parametrize("fault", UNCLEAR)
def test_a_stop_of_which_the_venue_knows_nothing_is_shown_as_due_and_replaced_within_the_bound(
    session: Faulted, fault: str
) -> None:
    rule = UNCLEAR[fault](session.venue.when("POST", ALGO, 1), False)
    session.quote(FIRST_LONG)
    session.until_shown("! stop due")
    assert rule.hits == 1
    session.at_rest()
    assert len(session.open("sl")) == 1
    assert session.watch.longest_naked_s[Leg.LONG] < BOUND_S
    session.until_shown("✓ stops 100 %")
    assert session.lines("alarm", name="unprotected") == []


def test_a_stop_that_a_busy_venue_refuses_is_sent_again_within_the_bound(session: Faulted) -> None:
    session.venue.when("POST", ALGO, 1).refuse(-1008)
    session.quote(FIRST_LONG)
    session.until_shown("-1008")
    session.at_rest()
    assert session.watch.longest_naked_s[Leg.LONG] < BOUND_S


@pytest.mark.parametrize(("code", "words"), [(-4014, "tick size"), (-2021, "immediately trigger")])
def test_a_lot_whose_stop_is_refused_for_good_is_closed_at_the_market(session: Faulted, code: int, words: str) -> None:
    session.venue.when("POST", ALGO, 1).refuse(code)
    session.quote(FIRST_LONG)
    session.until_shown(str(code), words)
    session.until(lambda: session.venue.held("LONG") == 0, "the close")
    session.until_written("fill", role="close")
    session.agree()
    assert session.watch.longest_naked_s[Leg.LONG] < BOUND_S


@pytest.mark.parametrize(("code", "words"), [(-4014, "tick size"), (-2019, "insufficient"), (-1021, "recvWindow")])
def test_a_refused_take_profit_is_an_alarm_to_read_while_the_stop_holds_and_is_sent_again(
    session: Faulted, code: int, words: str
) -> None:
    """One -1021 is put right in silence."""
    session.venue.when("POST", ORDER, (1, 2) if code == -1021 else 1, if_=is_tp).refuse(code)
    session.quote(FIRST_LONG)
    session.until_shown("CRITICAL", str(code), words)
    session.at_rest()
    session.until(lambda: len(session.open("tp")) == 1, "the take-profit")
    assert session.watch.longest_naked_s[Leg.LONG] < AT_ONCE_S


@pytest.mark.parametrize("live", [True, False])
def test_a_take_profit_that_may_be_live_is_never_doubled(session: Faulted, live: bool) -> None:
    rule = session.venue.when("POST", ORDER, 1, if_=is_tp).unknown(live=live)
    session.quote(FIRST_LONG)
    session.until(lambda: rule.hits, "a take-profit")
    session.at_rest()
    session.until(lambda: len(session.open("tp")) == 1, "one take-profit")
    session.quote("60000.10")
    session.until(lambda: session.venue.held("LONG") == 0, "the take-profit's fill")
    session.quote(CALM)
    session.at_rest()
    assert session.open("sl") == session.open("tp") == set()


def test_a_stop_whose_cancel_fails_after_the_take_profit_goes_in_the_end(holding: Faulted) -> None:
    holding.venue.when("DELETE", ALGO, 1).unknown(live=False)
    holding.venue.when("DELETE", ALGO, 2).refuse(-1000)
    holding.quote("60000.10")
    holding.until(lambda: holding.venue.held("LONG") == 0, "the take-profit's fill")
    holding.quote(CALM)
    holding.until(lambda: not holding.open("sl"), "the stop's end")
    holding.at_rest()


@pytest.mark.parametrize("live", [True, False])
def test_a_close_whose_outcome_is_unclear_sells_what_is_held_and_no_more(holding: Faulted, live: bool) -> None:
    before = sold(holding)
    rule = holding.venue.when("POST", ORDER, 1, if_=is_close).unknown(live=live)
    assert holding.give(CommandName.FLATTEN).result == "done"
    assert rule.hits == 1
    assert holding.venue.held("LONG") == 0
    assert sold(holding) - before == QTY
    holding.agree()
    holding.until_shown("✓ FLAT")


def test_a_close_that_finds_nothing_left_since_the_stop_was_faster_counts_as_done(holding: Faulted) -> None:
    """-2022, and true: the stop's fill is still on its way on the user stream."""
    venue, before = holding.venue, sold(holding)
    rule = venue.when("POST", ORDER, 1, if_=is_close).first(lambda: venue.quote("59630.00"))
    venue.stall(Side.USER)
    answer = holding.host.send(Command(CommandName.FLATTEN))
    holding.until(lambda: rule.hits, "a close")
    holding.until_shown("-2022")
    venue.resume(Side.USER)
    assert answer.result(12.0).result == "done"
    assert sold(holding) - before == QTY
    assert venue.held("LONG") == 0
    holding.agree()
    holding.until_shown("✓ FLAT")


def test_a_close_that_is_refused_although_the_leg_holds_is_sent_again(holding: Faulted) -> None:
    """-2022 is never taken at its word: the venue is asked, and the leg closed."""
    rule = holding.venue.when("POST", ORDER, 1, if_=is_close).refuse(-2022)
    assert holding.give(CommandName.FLATTEN, seconds=12.0).result == "done"
    assert rule.hits == 1
    holding.until_shown("-2022", "✓ FLAT")
    assert holding.venue.held("LONG") == 0
    holding.agree()


def test_both_legs_are_covered_through_a_storm_of_unclear_answers(session: Faulted) -> None:
    venue = session.venue
    rules = [
        venue.when("POST", ALGO, range(1, 40, 3)).unknown(live=True),
        venue.when("POST", ALGO, range(2, 40, 3)).unknown(live=False),
        venue.when("POST", ORDER, range(1, 40, 4)).drop(executed=True),
        venue.when("POST", ORDER, range(2, 40, 4)).unknown(live=False),
        venue.when("DELETE", "*", range(1, 40, 3)).drop(executed=True),
    ]
    for bid in (FIRST_LONG, "60000.10", FIRST_SHORT, "59999.90", FIRST_LONG, "60000.10", FIRST_SHORT):
        session.quote(bid)
        session.agree(10.0)
    assert sum(rule.hits for rule in rules) >= 5
    venue.rules.clear()
    session.at_rest(10.0)
    assert max(session.watch.longest_naked_s.values()) < BOUND_S
