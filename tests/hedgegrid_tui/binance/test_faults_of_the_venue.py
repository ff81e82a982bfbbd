"""What the venue or the account's owner does to a running session: maintenance, other filters, hands, a liquidation."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from strategy.control import CommandName
from strategy.domain import Leg
from tests.hedgegrid_tui.binance.faulted import CALM, ENTRIES, FIRST_LONG, Faulted, faulted
from tests.venue.binance.streams import Side

pytestmark = [pytest.mark.timeout(40), pytest.mark.xdist_group("faults-of-the-venue")]

QTY = Decimal("0.004")
TICK = Decimal("0.10")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulted]:
    with faulted(tmp_path_factory.mktemp("venue")) as session:
        yield session


@pytest.fixture
def session(running: Faulted) -> Faulted:
    """Flat, every rung with its entry at the venue."""
    running.calm()
    return running


def hold(session: Faulted) -> None:
    session.quote(FIRST_LONG)
    session.until(lambda: session.venue.held("LONG") == QTY, "a fill")
    session.at_rest()
    session.mark()


def test_maintenance_is_told_changes_nothing_and_ends_without_a_trace(session: Faulted) -> None:
    hold(session)
    before = session.venue.open_ids()
    rule = session.venue.maintenance()
    session.until_shown("VENUE UNSEEN", "-1016", seconds=10.0)
    assert session.venue.open_ids() == before
    session.until_shown("✓ stops 100 %")
    assert "stream-dead" not in session.alarms, "its socket is as good as before"
    rule.remove()
    session.until(lambda: "venue-unseen" not in session.alarms, "sight of the venue", 10.0)
    session.quote(CALM)
    session.at_rest()


def test_a_fill_during_maintenance_is_shown_bare_and_closed_or_covered_at_its_end(session: Faulted) -> None:
    rule = session.venue.maintenance()
    session.quote(FIRST_LONG)
    session.until(lambda: session.venue.held("LONG") == QTY, "a fill")
    session.until_shown("UNPROTECTED", "-1016")
    assert session.open("sl") == set()
    rule.remove()
    session.agree(12.0)
    session.quote(CALM)
    session.at_rest(12.0)


def test_another_tick_is_found_told_and_shuts_entries_until_it_is_as_configured(session: Faulted) -> None:
    session.withdraw()
    session.venue.change_filters(tick=Decimal("7.00"))
    session.enter_anew()
    session.until_shown("FILTERS CHANGED", "tick size 0.10 is 7", "set [instrument]", seconds=12.0)
    session.until_shown("filters changed", "○ gap")
    assert session.open("entry") == set()
    session.venue.change_filters(tick=TICK)
    session.until(lambda: "filters-changed" not in session.alarms, "end of the alarm", 12.0)
    session.at_rest(12.0)
    assert len(session.open("entry")) == ENTRIES


def test_orders_that_rest_by_the_old_tick_stay_and_fill(session: Faulted) -> None:
    """Only what is sent anew must obey: the lot's exits are refused, and so it is closed at the market."""
    session.venue.change_filters(tick=Decimal("7.00"))
    try:
        session.quote(FIRST_LONG)
        session.until_written("fill", role="entry")
        session.until_shown("-4014")
        session.until(lambda: session.venue.held("LONG") == 0, "the close")
        session.agree()
        assert session.watch.longest_naked_s[Leg.LONG] < 2.0
        session.quote(CALM)
        session.until_shown("FILTERS CHANGED", seconds=12.0)
        assert len(session.open("entry")) == ENTRIES - 1, "what rests by the old tick stays"
    finally:
        session.venue.change_filters(tick=TICK)
    session.until(lambda: "filters-changed" not in session.alarms, "end of the alarm", 12.0)
    session.at_rest(12.0)


def test_an_order_by_hand_is_shown_and_left_alone(session: Faulted) -> None:
    paper = session.venue.by_hand("BUY", "LONG", "0.010", "58000.00")
    session.until_shown("foreign", paper.client_id)
    session.withdraw()
    session.enter_anew()
    session.at_rest()
    assert paper.client_id in session.venue.open_ids()
    assert session.snapshot.risk.alarms == ()
    session.venue.cancel_by_hand(paper.client_id)
    session.until_shown(paper.client_id, "canceled")
    session.at_rest()


def test_a_trade_by_hand_is_a_difference_with_both_numbers_that_shuts_entries_until_it_is_undone(
    session: Faulted,
) -> None:
    venue = session.venue
    venue.by_hand("BUY", "LONG", "0.010")
    session.until_shown("MISMATCH LONG", "the venue holds 0.010, own books 0", "foreign")
    session.until_shown("VENUE DIFFERS", "venue 0.010, own books 0")
    asked = session.asked("POST", "/fapi/v1/order")
    session.withdraw()
    session.enter_anew()
    session.until_shown("unreconciled")
    assert session.asked("POST", "/fapi/v1/order") == asked, "nothing is closed, and nothing opened"
    assert session.lines("fill") == []
    venue.by_hand("SELL", "LONG", "0.010")
    session.until(lambda: not {"mismatch", "venue-differs"} & session.alarms, "end of the alarms", 10.0)
    session.at_rest()


def test_a_trade_by_hand_that_the_stream_has_lost_is_found_and_a_flatten_closes_it_too(session: Faulted) -> None:
    venue = session.venue
    venue.stall(Side.USER)
    venue.by_hand("BUY", "LONG", "0.003")
    venue.resume(Side.USER, lose=True)
    session.until_shown("VENUE DIFFERS", "venue 0.003, own books 0")
    session.until_shown("foreign", "BUY 0.003 LONG filled")
    assert session.give(CommandName.FLATTEN, seconds=12.0).result == "done"
    assert venue.held("LONG") == 0
    session.until_shown("CRITICAL fill: written-off")
    session.agree()
    session.enter_anew()
    session.at_rest()


def test_an_entry_that_is_cancelled_by_hand_comes_back(session: Faulted) -> None:
    gone = min(session.open("entry"))
    session.venue.cancel_by_hand(gone)
    session.until_written("order", id=gone, event="canceled")
    session.at_rest()
    assert gone not in session.open("entry")
    assert len(session.open("entry")) == ENTRIES


@pytest.mark.parametrize("role", ["sl", "tp"])
def test_an_exit_that_is_cancelled_by_hand_comes_back_within_the_bound(session: Faulted, role: str) -> None:
    hold(session)
    [gone] = session.open(role)
    session.venue.cancel_by_hand(gone)
    session.until_written("order", id=gone, event="canceled")
    session.until(lambda: session.open(role) - {gone}, "another", 4.0)
    session.at_rest()
    assert session.watch.longest_naked_s[Leg.LONG] < 2.0


def test_a_stop_that_is_cancelled_by_hand_unheard_comes_back(session: Faulted) -> None:
    """The user stream's word of it is lost: the comparison with the venue finds it."""
    hold(session)
    [gone] = session.open("sl")
    session.venue.stall(Side.USER)
    session.venue.cancel_by_hand(gone)
    session.venue.resume(Side.USER, lose=True)
    session.until_written("order", id=gone, event="canceled")
    session.until(lambda: session.open("sl"), "a stop", 6.0)
    session.at_rest()
    assert session.watch.longest_naked_s[Leg.LONG] < 5.0


def test_a_liquidation_of_a_leg_that_is_not_ours_is_told_as_one(session: Faulted) -> None:
    venue = session.venue
    venue.by_hand("BUY", "LONG", "0.010")
    session.until_shown("MISMATCH LONG")
    venue.liquidate("LONG")
    session.until_shown("CRITICAL venue: liquidated", "by force (liquidation or auto-deleveraging)")
    session.until_written("alarm", name="liquidated", raised=True)
    session.until(lambda: "liquidated" not in session.alarms, "agreement", 10.0)
    assert session.errors("liquidated")[0]["critical"]
    session.at_rest(12.0)


@pytest.mark.parametrize("how", ["liquidation", "by hand"])
def test_a_held_leg_that_is_taken_away_is_told_booked_as_closed_by_others_and_not_bought_back(
    session: Faulted, how: str
) -> None:
    """A liquidation ends every order of the symbol too, which is taken for the dead-man's switch: exits come first."""
    hold(session)
    venue = session.venue
    if how == "liquidation":
        venue.liquidate("LONG")
        session.until_shown("CRITICAL venue: liquidated", "by force (liquidation or auto-deleveraging)")
        session.until_written("alarm", name="liquidated", raised=True)
    else:
        venue.by_hand("SELL", "LONG", QTY)
        session.until_shown("foreign", "SELL 0.004 LONG filled")
    session.until_shown("CRITICAL fill: closed-by-others", "of the long leg closed by others, booked")
    [told] = session.lines("fill")
    assert (told["role"], told["side"], told["qty"]) == ("close", "sell", "0.004")
    session.agree(10.0)
    assert venue.held("LONG") == 0
    assert not session.open("sl") | session.open("tp"), "no exit works for what is not there"
    bought = session.venue.call(lambda: [t for t in venue.exchange.book.trades if t.side == "BUY"])[-1]
    session.quote(CALM)
    session.at_rest(12.0)
    assert venue.call(lambda: [t for t in venue.exchange.book.trades if t.side == "BUY"])[-1] == bought
    assert session.give(CommandName.FLATTEN).result == "done"
    session.until_shown("✓ FLAT")
