"""How a session on an account ends: what stays at the venue, what the exit status says, what a failed start tells."""

import os
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from hedgegrid_tui.engine.plan import COULD_NOT_START, INTERNAL_ERROR
from tests.hedgegrid_tui.binance.product import Product, agree, own_orders, served
from tests.venue.binance.server import FakeBinance
from tests.venue.binance.streams import Side

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBinance]:
    yield from served(monkeypatch)


def holding(session: Product, venue: FakeBinance) -> None:
    session.until_trading()
    venue.quote("61776.00")
    session.until(lambda: venue.held("LONG") > 0, "a fill")


def test_quit_flatten_leaves_nothing_and_says_so(venue: FakeBinance, tmp_path: Path) -> None:
    with Product(tmp_path, venue, "testnet") as session:
        holding(session, venue)
        session.give("quit flatten")
        assert session.ended() == 0, session.problems
        [summary] = session.told("summary")
    assert summary["flat"] == "flat"
    assert (venue.held("LONG"), venue.held("SHORT"), venue.open_ids()) == (Decimal(0), Decimal(0), set())
    assert venue.streams.count(Side.USER) == 0
    agree(session.books, venue)


def test_a_sigterm_leaves_everything_as_it_is_and_switches_the_dead_mans_switch_off(
    venue: FakeBinance, tmp_path: Path
) -> None:
    with Product(tmp_path, venue, "testnet") as session:
        holding(session, venue)
        session.until(lambda: venue.countdown.asked, "the switch")
        session.send(signal.SIGTERM)
        assert session.ended() == 0, session.problems
        [summary] = session.told("summary")
    assert summary["flat"] == "not_flat"
    assert own_orders(venue, reduces=False)
    assert own_orders(venue, reduces=True)
    assert venue.countdown.asked[-1] == 0
    agree(session.books, venue)


BREAKS = """
from hedgegrid_tui.engine.host import EngineHost
tick = EngineHost._tick
def breaks(self, runtime):
    tick(self, runtime)
    if runtime.strategy.snapshot.long.qty:
        raise RuntimeError("broken on purpose")
EngineHost._tick = breaks
"""
"""The engine's host fails once a lot is held."""


def test_an_engine_that_fails_leaves_the_switch_armed_and_says_what_is_unknown(
    venue: FakeBinance, tmp_path: Path
) -> None:
    with Product(tmp_path, venue, "testnet", before=BREAKS) as session:
        session.until_trading()
        session.until(lambda: venue.countdown.asked, "the switch")
        venue.quote("61776.00")
        assert session.ended() == INTERNAL_ERROR
        assert "broken on purpose" in session.problems
    assert venue.held("LONG") > 0
    assert venue.countdown.asked[-1] > 0
    assert venue.streams.count(Side.USER) == 0


def test_a_start_that_the_venue_does_not_allow_says_every_cause_and_its_cure(
    venue: FakeBinance, tmp_path: Path
) -> None:
    venue.exchange.hedge_mode = False
    venue.keys.can_trade = False
    with Product(tmp_path, venue, "testnet") as session:
        assert session.ended() == COULD_NOT_START
        problems = session.problems
    assert "hedge" in problems
    assert "cure" in problems
    assert venue.requests("POST", "/fapi/v1/order") == []
    assert session.lines("session.stop")[-1]["exit_code"] == COULD_NOT_START


def test_a_start_that_fails_is_readable_on_the_dashboard_and_after_it(venue: FakeBinance, tmp_path: Path) -> None:
    venue.exchange.hedge_mode = False
    with Product(tmp_path, venue, "testnet", terminal=True) as session:
        session.until_text("The engine could not start")
        session.until_text("cure")
        assert "hedge mode" in session.text
        session.send(signal.SIGTERM)
        assert session.ended() == COULD_NOT_START
        last = session.text.rpartition("hedgegrid: ")[2]
    assert "hedge mode" in last


def test_a_session_without_a_key_does_not_start_and_names_the_variable(
    venue: FakeBinance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BINANCE_TESTNET_API_SECRET")
    with Product(tmp_path, venue, "testnet") as session:
        assert session.ended() == COULD_NOT_START
        assert "BINANCE_TESTNET_API_SECRET is not set" in session.problems
    assert venue.call(lambda: venue.front.asked) == []


def test_a_session_that_is_told_to_end_while_the_venue_is_checked_sends_nothing(
    venue: FakeBinance, tmp_path: Path
) -> None:
    venue.when("GET", "/fapi/v1/exchangeInfo").hang()
    with Product(tmp_path, venue, "testnet") as session:
        session.until(lambda: venue.call(lambda: len(venue.front.asked)) > 2, "the checks")
        session.send(signal.SIGTERM)
        assert session.ended(15) == 0, session.problems
    assert venue.requests("POST", "/fapi/v1/order") == []


def test_files_of_a_session_are_its_owners_alone(venue: FakeBinance, tmp_path: Path) -> None:
    with Product(tmp_path, venue, "testnet") as session:
        session.until_trading()
        session.give("quit cancel")
        assert session.ended() == 0, session.problems
    modes = {path.name: path.stat().st_mode & 0o777 for path in session.folder.iterdir()}
    assert len(modes) >= 4
    assert set(modes.values()) == {0o600}, modes
    assert session.folder.stat().st_mode & 0o777 == 0o700
    assert os.geteuid() == session.folder.stat().st_uid
