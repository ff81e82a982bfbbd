"""What a killed session leaves at the venue, and what the next one makes of it."""

import json
import signal
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from strategy.order_ids import parse_id
from tests.hedgegrid_tui.binance.product import QUICK, Product, agree, covered, own_orders, served
from tests.journal_reader import Books
from tests.venue.binance.server import FakeBinance

pytestmark = pytest.mark.timeout(150)

LEGS = ("LONG", "SHORT")
DOWN = "61776.00"
"""Reaches the first long entries below the first price, and no stop."""


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBinance]:
    yield from served(monkeypatch)


def killed_with_lots(state: Path, venue: FakeBinance, *sets: str) -> Product:
    """A session that holds covered lots, killed at once."""
    with Product(state, venue, "testnet", sets=(*QUICK, *sets)) as session:
        session.until_trading()
        venue.quote(DOWN)
        session.until(lambda: 0 < venue.held("LONG") <= covered(venue, "LONG"), "a covered lot")
        session.until(lambda: own_orders(venue, reduces=False), "entries beside it")
        session.send(signal.SIGKILL)
        session.ended()
    return session


def covered_after_s(journal: Path) -> float:
    """Seconds from the last session's first state to when both legs are covered for the rest of that journal's time."""
    books, began, since = Books(), 0, None
    for text in journal.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        books.read([text])
        if line["kind"] == "session.start":
            began = 0
        elif line["kind"] == "state" and not began:
            began, since = line["ts"], None
        whole = all(books.covered(leg) >= books.held(leg) for leg in ("long", "short"))
        since = since or (line["ts"] if whole and began else None)
        if not whole:
            since = None
        if began and since:
            return float(since - began) / 1e9
    raise AssertionError("never covered")


def test_a_killed_session_is_adopted_by_the_next_and_nothing_is_doubled(venue: FakeBinance, tmp_path: Path) -> None:
    killed_with_lots(tmp_path, venue)
    held = {leg: venue.held(leg) for leg in LEGS}
    trades = venue.call(lambda: len(venue.exchange.book.trades))
    # One more entry fills while nobody listens: it has no exits.
    venue.quote("61764.00")
    assert venue.call(lambda: len(venue.exchange.book.trades)) > trades
    assert venue.held("LONG") > held["LONG"]
    at_death = venue.held("LONG")
    with Product(tmp_path, venue, "testnet") as session:
        session.until_trading("61764.00")
        session.until(lambda: all(covered(venue, leg) >= venue.held(leg) for leg in LEGS), "cover")
        assert venue.held("LONG") == at_death
        keys = [parse_id(name) for name in own_orders(venue, reduces=False)]
        rungs = [(told.key.leg, told.key.slot) for told in keys if told is not None]
        assert len(rungs) == len(set(rungs)), f"a rung stands twice: {sorted(rungs)}"
        session.give("quit")
        assert session.ended() == 0, session.problems
    assert covered_after_s(session.journal) <= 2
    sent = [line["id"] for line in session.lines("order") if line["event"] == "submit"]
    assert len(sent) == len(set(sent))
    agree(session.books, venue)


def test_where_no_session_follows_the_dead_mans_switch_empties_the_book_of_entries(
    venue: FakeBinance, tmp_path: Path
) -> None:
    killed_with_lots(tmp_path, venue, "binance.dead_man_s=4", "binance.dead_man_renew_s=1")
    died = time.monotonic()
    assert own_orders(venue, reduces=False)
    while own_orders(venue, reduces=False):
        assert time.monotonic() < died + 10, "entries stay"
        time.sleep(0.05)
    assert venue.countdown.fired == 1
    assert covered(venue, "LONG") >= venue.held("LONG") > Decimal(0)


def test_after_the_switch_has_fired_the_next_session_restores_the_exits(venue: FakeBinance, tmp_path: Path) -> None:
    venue.countdown.reaches_algos = True
    killed_with_lots(tmp_path, venue, "binance.dead_man_s=4", "binance.dead_man_renew_s=1")
    died = time.monotonic()
    while venue.open_ids():
        assert time.monotonic() < died + 10, "orders stay"
        time.sleep(0.05)
    with Product(tmp_path, venue, "testnet") as session:
        session.until_trading(DOWN)
        session.until(lambda: covered(venue, "LONG") >= venue.held("LONG") > 0, "cover")
        session.give("quit flatten")
        assert session.ended() == 0, session.problems
    agree(session.books, venue)


def test_orders_that_are_left_on_purpose_outlast_the_switch(venue: FakeBinance, tmp_path: Path) -> None:
    sets = (*QUICK, "binance.dead_man_s=4", "binance.dead_man_renew_s=1")
    with Product(tmp_path, venue, "testnet", sets=sets) as session:
        session.until_trading()
        session.until(lambda: venue.countdown.asked, "the switch")
        session.give("quit")
        assert session.ended() == 0, session.problems
    left = venue.open_ids()
    assert venue.countdown.asked[-1] == 0
    time.sleep(5)
    assert left
    assert venue.open_ids() == left


@pytest.mark.parametrize("choice", ["cancel", "flatten"])
def test_what_was_found_is_cancelled_or_flattened_before_any_entry_leaves(
    venue: FakeBinance, tmp_path: Path, choice: str
) -> None:
    killed_with_lots(tmp_path, venue)
    foreign = venue.by_hand("BUY", "LONG", "0.002", "50000.00").client_id
    asked = venue.call(lambda: len(venue.front.asked))
    with Product(tmp_path, venue, "testnet", "--at-start", choice) as session:
        session.until(lambda: session.told("receipt"), "receipt")
        receipt = session.told("receipt")[0]
        assert receipt["result"] == "done", receipt
        assert not own_orders(venue, reduces=False)
        session.until(lambda: session.told("snapshot")[-1]["state"] == "paused", "pause")
        session.give("quit")
        assert session.ended() == 0, session.problems
    later = venue.call(lambda: venue.front.asked[asked:])
    sent = [parse_id(a.get("newClientOrderId") or "") for a in later if (a.method, a.path)[0] == "POST"]
    assert not [told for told in sent if told is not None and told.key.role == "entry"]
    assert foreign in venue.open_ids()
    if choice == "flatten":
        assert (venue.held("LONG"), venue.held("SHORT")) == (Decimal(0), Decimal(0))
        assert venue.open_ids() == {foreign}
    else:
        assert covered(venue, "LONG") >= venue.held("LONG") > Decimal(0)
    agree(session.books, venue)
