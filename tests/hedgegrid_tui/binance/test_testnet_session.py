"""A session on testnet, as a process in front of the fake: the recorded market, both legs, exits at the venue."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.hedgegrid_tui.binance.product import TAPE, Product, agree, covered, own_orders, served
from tests.venue.binance.server import FakeBinance
from tests.venue.binance.streams import Side

pytestmark = pytest.mark.timeout(180)

PLAYED_S, SPEED = 165.0, 4.0
ROUNDING = Decimal("0.000001")
"""The venue keeps eight decimals of each change of the wallet."""


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBinance]:
    yield from served(monkeypatch)


@pytest.mark.skipif(not TAPE.exists(), reason=f"{TAPE.name} is not in ../shared/data")
def test_testnet_trades_the_recorded_market_through_the_real_adapter(venue: FakeBinance, tmp_path: Path) -> None:
    with Product(tmp_path, venue, "testnet") as session:
        session.until_trading()
        playing = venue.start(venue.play(TAPE, speed=SPEED, seconds=PLAYED_S))
        session.until(playing.done, "end of the tape", 100)
        session.give("flatten")
        session.until(lambda: session.told("receipt"), "receipt")
        receipt = session.told("receipt")[0]
        assert (receipt["command"], receipt["result"]) == ("flatten", "done"), receipt
        assert (venue.held("LONG"), venue.held("SHORT")) == (Decimal(0), Decimal(0))
        assert not own_orders(venue, reduces=False)
        assert not own_orders(venue, reduces=True)
        session.give("quit")
        assert session.ended() == 0, session.problems
        [summary] = session.told("summary")
        errors = [line for line in session.lines("error") if line["critical"]]

    assert summary["flat"] == "flat"
    assert errors == []
    roles = {(line["leg"], line["role"]) for line in session.lines("fill")}
    assert {("long", "entry"), ("short", "entry")} <= roles
    assert {role for _, role in roles} >= {"entry", "tp", "sl"}
    accepted = {line["id"] for line in session.lines("order") if line["event"] == "accepted"}
    stops = {line["id"] for line in session.lines("order") if line["role"] == "sl" and line["event"] == "submit"}
    asked = {a.get("clientAlgoId") for a in venue.requests("POST", "/fapi/v1/algoOrder") if a.status == 200}
    assert stops & accepted <= asked
    agree(session.books, venue)
    wallet = venue.call(lambda: venue.exchange.book.wallet)
    assert abs(Decimal(summary["equity_end"]) - wallet) < ROUNDING
    assert venue.streams.count(Side.USER) == venue.streams.count(Side.MARKET) == 0
    assert venue.countdown.asked[-1] == 0


def test_stops_of_both_legs_are_at_the_venue_for_all_that_is_held(venue: FakeBinance, tmp_path: Path) -> None:
    with Product(tmp_path, venue, "testnet") as session:
        session.until_trading()
        for bid in ("61775.00", "61810.00"):
            venue.quote(bid)
            session.until(
                lambda: all(covered(venue, leg) >= venue.held(leg) for leg in ("LONG", "SHORT")), "cover by stops"
            )
        assert venue.held("LONG") or venue.held("SHORT")
        session.give("quit flatten")
        assert session.ended() == 0, session.problems
    assert (venue.held("LONG"), venue.held("SHORT"), venue.open_ids()) == (Decimal(0), Decimal(0), set())
    agree(session.books, venue)


def test_funding_that_the_venue_settles_is_booked_on_the_legs_once(venue: FakeBinance, tmp_path: Path) -> None:
    with Product(tmp_path, venue, "testnet") as session:
        session.until_trading()
        venue.quote("61775.00")
        session.until(lambda: venue.held("LONG"), "a held leg")
        session.until(lambda: session.told("snapshot")[-1]["market"]["funding_rate"] is not None, "a rate")
        paid = venue.settle("0.0001")
        session.until_journal('"kind":"funding"')
        session.give("quit flatten")
        assert session.ended() == 0, session.problems
        [summary] = session.told("summary")
    told = [(line["leg"], Decimal(line["amount"])) for line in session.lines("funding")]
    assert told == [("long", paid)]
    assert Decimal(summary["funding"]) == paid
    assert session.lines("transfer") == []
    wallet = venue.call(lambda: venue.exchange.book.wallet)
    assert abs(Decimal(summary["equity_end"]) - wallet) < ROUNDING
