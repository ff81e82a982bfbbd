"""The watches over the venue in a whole session: what it did behind the session's back is found, told and put right."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hedgegrid_tui.binance.product import QUICK, Product, covered, own_orders, served
from tests.venue.binance.server import FakeBinance
from tests.venue.binance.streams import Side

pytestmark = pytest.mark.timeout(150)

WATCHFUL = (*QUICK, "binance.truth_poll_s=1")
DOWN = "61776.00"
"""Reaches the first long entries below the first price, and no stop."""


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBinance]:
    yield from served(monkeypatch)


def alarms(session: Product, name: str, *, raised: bool) -> list[dict[str, Any]]:
    return [line for line in session.lines("alarm") if line["name"] == name and line["raised"] is raised]


def holding(session: Product, venue: FakeBinance) -> None:
    session.until_trading()
    venue.quote(DOWN)
    session.until(lambda: 0 < venue.held("LONG") <= covered(venue, "LONG"), "a covered lot")
    session.until(lambda: len(own_orders(venue, reduces=True)) >= 2, "both exits")


def test_an_order_that_went_while_its_word_was_lost_is_found_told_with_both_numbers_and_put_right(
    venue: FakeBinance, tmp_path: Path
) -> None:
    with Product(tmp_path, venue, "testnet", sets=WATCHFUL) as session:
        session.until_trading()
        gone = own_orders(venue, reduces=False)[0]
        venue.stall(Side.USER)
        venue.cancel_by_hand(gone)
        venue.resume(Side.USER, lose=True)
        session.until(lambda: alarms(session, "venue-differs", raised=True), "the alarm", 20)
        assert "venue none, own books " in alarms(session, "venue-differs", raised=True)[0]["detail"]
        session.until(lambda: alarms(session, "venue-differs", raised=False), "the alarm's end", 20)
        assert any(line["id"] == gone and line["event"] == "canceled" for line in session.lines("order"))
        session.give("quit flatten")
        assert session.ended() == 0, session.problems


def exits_came_first(session: Product, venue: FakeBinance) -> None:
    """After the switch was taken as fired: take-profits alone leave until it is armed again and they stand."""
    session.until(lambda: alarms(session, "dead-man", raised=False), "the alarm's end", 30)
    session.until(lambda: own_orders(venue, reduces=False), "entries again", 20)
    begin, end = (alarms(session, "dead-man", raised=raised)[0]["seq"] for raised in (True, False))
    sent = [line for line in session.lines("order") if line["event"] == "submit" and begin < line["seq"] < end]
    assert {line["role"] for line in sent} == {"tp"}
    assert covered(venue, "LONG") >= venue.held("LONG")


def test_orders_that_the_venue_cancels_at_once_come_back_exits_first_and_then_entries(
    venue: FakeBinance, tmp_path: Path
) -> None:
    with Product(tmp_path, venue, "testnet", sets=WATCHFUL) as session:
        holding(session, venue)
        armed = len(venue.countdown.asked)
        venue.call(lambda: venue.exchange.cancel_all(algos=False))
        session.until(lambda: alarms(session, "dead-man", raised=True), "the alarm", 20)
        exits_came_first(session, venue)
        assert len(venue.countdown.asked) > armed
        session.give("quit flatten")
        assert session.ended() == 0, session.problems


def test_a_process_that_stood_still_past_its_switch_restores_exits_before_it_enters(
    venue: FakeBinance, tmp_path: Path
) -> None:
    quick = ("binance.dead_man_s=4", "binance.dead_man_renew_s=1")
    with Product(tmp_path, venue, "testnet", sets=(*WATCHFUL, *quick)) as session:
        holding(session, venue)
        session.send(signal.SIGSTOP)
        session.until(lambda: venue.countdown.fired, "the switch", 20)
        stops = covered(venue, "LONG")
        assert own_orders(venue, reduces=False) == []
        session.send(signal.SIGCONT)
        session.until(lambda: alarms(session, "dead-man", raised=True), "the alarm", 20)
        exits_came_first(session, venue)
        assert stops == venue.held("LONG"), "conditional orders are not reached here"
        session.give("quit flatten")
        assert session.ended() == 0, session.problems
    assert venue.countdown.asked[-1] == 0
