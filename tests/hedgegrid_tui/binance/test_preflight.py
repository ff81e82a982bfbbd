"""Preflight as a whole: what it asks, what it says when all is well, and what stands when questions fail."""

import time
from collections.abc import AsyncIterator

import pytest

from hedgegrid_tui.engine.binance.preflight import answers as preflight_answers
from hedgegrid_tui.engine.binance.preflight.checks import Verdict, refusal
from hedgegrid_tui.engine.binance.rest.client import BinanceRest
from hedgegrid_tui.engine.binance.rest.credentials import Credentials, KeyKind, Secret
from hedgegrid_tui.engine.binance.rest.endpoints import Endpoints
from hedgegrid_tui.engine.plan import Mode
from tests.hedgegrid_tui.binance.preflight_cases import alter, look, named, one
from tests.venue.binance.asker import Asker
from tests.venue.binance.server import FakeBinance

ACCOUNT = ["assets mode", "balance", "caps"]
FAILING = {
    "/fapi/v1/time": ["reach", "clock"],
    "/fapi/v1/exchangeInfo": [
        "instrument",
        "tick",
        "lot",
        "notional",
        "open orders",
        "price band",
        "close",
        "requests",
    ],
    "/fapi/v1/premiumIndex": ["tick", "notional", "close", "funding", "leverage", "balance"],
    "/fapi/v1/fundingInfo": ["funding"],
    "/fapi/v2/account": ["key", *ACCOUNT],
    "/fapi/v1/positionSide/dual": ["hedge mode"],
    "/fapi/v1/symbolConfig": ["margin", "leverage", "balance", "caps"],
    "/fapi/v1/commissionRate": ["fees"],
    "/fapi/v1/openOrders": ["orders"],
    "/fapi/v1/openAlgoOrders": ["orders"],
    "/fapi/v3/positionRisk": ["positions"],
    "/sapi/v1/account/apiRestrictions": ["key"],
}
"""What cannot be said where a question fails."""


@pytest.fixture
async def stranger(addresses: Endpoints) -> AsyncIterator[BinanceRest]:
    """A client whose key the venue does not know."""
    client = BinanceRest(addresses, Credentials("n" + "o" * 63, Secret("p" * 63 + "q"), KeyKind.HMAC), timeout_s=2.0)
    yield client
    await client.close()


@pytest.fixture
async def anybody(addresses: Endpoints) -> AsyncIterator[BinanceRest]:
    """A client without a key."""
    client = BinanceRest(addresses, None, timeout_s=2.0)
    yield client
    await client.close()


async def test_a_live_account_that_fits_passes_everything(rest: BinanceRest, venue: FakeBinance) -> None:
    found = await look(rest, venue)
    assert named(found, Verdict.PASS) == [finding.name for finding in found]
    assert len(found) == 22
    assert refusal(found) == ""


async def test_the_testnet_differs_by_the_key_alone(rest: BinanceRest, venue: FakeBinance) -> None:
    found = await look(rest, venue, mode=Mode.TESTNET)
    assert named(found, Verdict.WARN) == ["key"]
    assert "does not tell whether the key may withdraw" in one(found, "key").words
    assert not venue.requests("GET", "/sapi/v1/account/apiRestrictions")


async def test_it_changes_nothing_and_weighs_little(rest: BinanceRest, venue: FakeBinance) -> None:
    await look(rest, venue)
    assert {asked.method for asked in venue.front.asked} == {"GET"}
    assert venue.guard.used_weight <= 80


async def test_paper_asks_for_nothing_that_needs_a_key(anybody: BinanceRest, venue: FakeBinance) -> None:
    found = await look(anybody, venue, mode=Mode.PAPER)
    assert named(found, Verdict.PASS) == [finding.name for finding in found]
    assert "reach" in named(found, Verdict.PASS)
    assert "key" not in named(found, Verdict.PASS)
    assert {asked.key for asked in venue.front.asked} == {None}


@pytest.mark.parametrize("path", FAILING)
async def test_each_finding_survives_the_failure_of_all_others(
    path: str, rest: BinanceRest, venue: FakeBinance
) -> None:
    venue.when("GET", path).refuse(-1120)
    found = await look(rest, venue)
    (failed,) = [finding for finding in found if finding.verdict is Verdict.FAIL]
    first, *others = FAILING[path]
    assert failed.name == first
    assert "could not be asked" in failed.words
    assert "-1120" in failed.words
    assert all(name in failed.words for name in others)
    assert failed.cure
    assert len(found) == 22 - len(others)
    assert f"{first}: " in refusal(found)
    assert failed.cure in refusal(found)


async def test_an_answer_that_says_something_else_fails_its_finding_alone(
    rest: BinanceRest, venue: FakeBinance
) -> None:
    venue.when("GET", "/fapi/v1/commissionRate").garble(b'{"makerCommissionRate": "NaN"}')
    found = await look(rest, venue)
    assert named(found, Verdict.FAIL) == ["fees"]
    assert one(found, "fees").words == "no clear answer: makerCommissionRate = NaN: must be a number"


async def test_an_answer_that_breaks_a_check_fails_its_findings_alone(
    rest: BinanceRest, venue: FakeBinance, ask: Asker
) -> None:
    path = "/fapi/v1/symbolConfig"
    told = (await ask.signed("GET", path)).json
    alter(venue, path, told, lambda rows: rows[0].update(leverage=0))
    found = await look(rest, venue)
    assert named(found, Verdict.FAIL) == ["balance"]
    assert "cannot be read" in one(found, "balance").words


async def test_no_answer_at_all_is_waited_for_only_so_long(
    rest: BinanceRest, venue: FakeBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight_answers, "ROUND_S", 0.3)
    venue.when("GET", "/fapi/v3/positionRisk").hang()
    began = time.monotonic()
    found = await look(rest, venue)
    assert time.monotonic() - began < 1.5
    assert named(found, Verdict.FAIL) == ["positions"]
    assert one(found, "positions").words == "no clear answer: no answer within 0.3 s"


async def test_a_venue_that_cannot_be_reached_is_one_finding(venue: FakeBinance, credentials: Credentials) -> None:
    addresses = Endpoints("http://127.0.0.1:1", "", "", "", "http://127.0.0.1:1")
    nowhere = BinanceRest(addresses, credentials, timeout_s=2.0)
    found = await look(nowhere, venue)
    await nowhere.close()
    assert named(found, Verdict.FAIL) == ["reach"]
    assert "hedge mode" in one(found, "reach").words
    assert "network" in one(found, "reach").cure
    assert named(found, Verdict.PASS) == ["dead-man"]


@pytest.mark.parametrize("banned", [True, False])
async def test_a_limited_address_asks_no_further(banned: bool, rest: BinanceRest, venue: FakeBinance) -> None:
    venue.when("*", "*").limit(40, banned=banned)
    found = await look(rest, venue)
    assert named(found, Verdict.FAIL) == ["reach"]
    assert "wait 40 s" in one(found, "reach").cure
    assert ("makes it longer" in one(found, "reach").cure) is banned
    assert len(venue.front.asked) == 1


async def test_a_key_that_the_venue_does_not_know_is_one_finding(stranger: BinanceRest, venue: FakeBinance) -> None:
    found = await look(stranger, venue)
    assert named(found, Verdict.FAIL) == ["key"]
    key = one(found, "key")
    assert "-2015" in key.words
    assert "nothing is known of hedge mode" in key.words
    assert "API management" in key.cure
    assert "tick" in named(found, Verdict.PASS)


async def test_a_secret_of_another_key_is_told_as_such(venue: FakeBinance, addresses: Endpoints) -> None:
    client = BinanceRest(addresses, Credentials(venue.keys.key, Secret("p" * 63 + "q"), KeyKind.HMAC), timeout_s=2.0)
    found = await look(client, venue)
    await client.close()
    assert named(found, Verdict.FAIL) == ["key"]
    assert "the secret is not the one of this key" in one(found, "key").cure


async def test_findings_hold_neither_key_nor_secret(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.when("GET", "/fapi/v1/openOrders").refuse(-1000, f"bad {venue.keys.key}", status=400)
    told = repr(await look(rest, venue))
    assert venue.keys.key not in told
    assert venue.keys.secret not in told
