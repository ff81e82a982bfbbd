"""Paper: the venue's public streams, no key, orders at a simulated venue alone."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.hedgegrid_tui.binance.product import FIRST_BID, TAPE, Product, served
from tests.venue.binance.server import FakeBinance

pytestmark = pytest.mark.timeout(180)

PLAYED_S, SPEED = 165.0, 4.0
PUBLIC = {
    "/fapi/v1/ping", "/fapi/v1/time", "/fapi/v1/exchangeInfo", "/fapi/v1/klines", "/fapi/v1/fundingInfo",
    "/fapi/v1/premiumIndex", "/fapi/v1/ticker/bookTicker", "/fapi/v1/fundingRate", "/fapi/v1/depth",
}  # fmt: skip


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBinance]:
    for fake in served(monkeypatch):
        for name in ("BINANCE_API_KEY", "BINANCE_API_SECRET", "BINANCE_TESTNET_API_KEY", "BINANCE_TESTNET_API_SECRET"):
            monkeypatch.delenv(name)
        yield fake


def until_placed(session: Product, venue: FakeBinance) -> None:
    def placed() -> bool:
        venue.quote(FIRST_BID)
        return bool(session.told("snapshot")) and session.books.count_open("entry") >= 2

    session.until(placed, "entries at the simulated venue")


@pytest.mark.skipif(not TAPE.exists(), reason=f"{TAPE.name} is not in ../shared/data")
def test_paper_trades_the_recorded_market_without_a_key_and_sends_the_venue_nothing(
    venue: FakeBinance, tmp_path: Path
) -> None:
    with Product(tmp_path, venue, "paper") as session:
        until_placed(session, venue)
        playing = venue.start(venue.play(TAPE, speed=SPEED, seconds=PLAYED_S))
        session.until(playing.done, "end of the tape", 100)
        session.give("flatten")
        session.until(lambda: session.told("receipt"), "receipt")
        receipt = session.told("receipt")[0]
        assert (receipt["command"], receipt["result"]) == ("flatten", "done"), receipt
        session.give("quit")
        assert session.ended() == 0, session.problems
        [summary] = session.told("summary")
    assert summary["flat"] == "flat"
    assert [line for line in session.lines("error") if line["critical"]] == []
    roles = {(line["leg"], line["role"]) for line in session.lines("fill")}
    assert {("long", "entry"), ("short", "entry")} <= roles
    assert {role for _, role in roles} >= {"entry", "tp", "sl"}
    books = session.books
    assert (books.held("long"), books.held("short")) == (Decimal(0), Decimal(0))
    assert not books.orders
    asked = venue.call(lambda: list(venue.front.asked))
    assert {a.path for a in asked} <= PUBLIC
    assert all(not a.key and "signature" not in a.query for a in asked)


def test_the_next_paper_session_starts_with_an_empty_venue(venue: FakeBinance, tmp_path: Path) -> None:
    for _ in range(2):
        with Product(tmp_path, venue, "paper") as session:
            until_placed(session, venue)

            def filled() -> bool:
                venue.quote("61770.00")
                return bool(session.books.counts["fills"])

            session.until(filled, "a fill")
            session.give("quit")
            assert session.ended() == 0, session.problems
    assert [line["fresh_venue"] for line in session.lines("session.start")] == [True, True]
    assert session.books.seq == len(session.lines())
