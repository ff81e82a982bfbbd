"""`hedgegrid check` against a venue: lines of 80 columns, what fails last, an exit status, JSON Lines."""

import json
from collections.abc import Iterator

import pytest

from hedgegrid_tui.checks import as_text, check_venue
from hedgegrid_tui.engine.binance.preflight.checks import Finding, Verdict
from hedgegrid_tui.engine.plan import COULD_NOT_START, Mode
from strategy.config import load_config
from tests.hedgegrid_tui.binance.preflight_cases import config_of
from tests.venue.binance.server import FakeBinance


@pytest.fixture
def market() -> Iterator[FakeBinance]:
    """The fake in a thread of its own: the command has a loop of its own."""
    with FakeBinance().threaded() as fake:
        fake.quote("60000.00")
        yield fake


def _run(
    venue: FakeBinance, mode: Mode, *sets: str, keys: tuple[str, str] | None = None, as_json: bool = False
) -> tuple[int, list[str]]:
    names = ("BINANCE_API_KEY", "BINANCE_API_SECRET")
    if mode is Mode.TESTNET:
        names = ("BINANCE_TESTNET_API_KEY", "BINANCE_TESTNET_API_SECRET")
    found = (venue.keys.key, venue.keys.secret) if keys is None else keys
    environ = {name: text for name, text in zip(names, found, strict=True) if text}
    lines: list[str] = []
    code = check_venue(config_of(venue, *sets), mode, environ, json=as_json, echo=lines.append)
    return code, lines


def test_an_account_that_fits_is_ready(market: FakeBinance) -> None:
    code, lines = _run(market, Mode.LIVE)
    assert code == 0
    assert lines[-1] == "READY: nothing is in the way"
    assert all(line.startswith("PASS  ") for line in lines[:-2])


def test_what_fails_stands_last_and_the_last_line_names_it(market: FakeBinance) -> None:
    market.exchange.hedge_mode = False
    market.keys.can_withdraw = True
    code, lines = _run(market, Mode.LIVE, "account.leverage=20")
    assert code == COULD_NOT_START
    assert lines[-1] == "NOT READY: key, hedge mode; warnings: leverage"
    words = [line[:4] for line in lines if line[:4].strip() and line != lines[-1]]
    assert words == sorted(words, key=["PASS", "WARN", "FAIL"].index)
    assert {"PASS", "WARN", "FAIL"} == set(words)
    assert sum("cure: " in line for line in lines) == 3


def test_no_line_is_wider_than_80_columns(market: FakeBinance) -> None:
    market.keys.can_withdraw = True
    market.exchange.hedge_mode = False
    market.exchange.margin_type = "ISOLATED"
    market.account_rest.multi_assets = True
    market.market_rest.symbol_status = "SETTLING"
    market.change_filters(max_stops=10, min_notional=500, max_qty=3)
    market.skew_ms = -3_000
    market.by_hand("BUY", "LONG", "0.010", "59000.00")
    market.by_hand("BUY", "LONG", "0.010")
    _, lines = _run(market, Mode.LIVE, "account.leverage=20")
    assert max(map(len, lines)) <= 80
    market.when("*", "*").limit(60, banned=True)
    _, lines = _run(market, Mode.LIVE)
    assert max(map(len, lines)) <= 80


def test_lines_for_the_configuration_stand_alone_under_their_cure() -> None:
    lines = as_text([Finding("lot", Verdict.FAIL, "words", "write under [instrument]:\n  min_qty = 0.004")])
    assert lines[:3] == [
        "FAIL  lot          words",
        "                   cure: write under [instrument]:",
        "                           min_qty = 0.004",
    ]


def test_without_a_key_what_needs_none_is_looked_at(market: FakeBinance) -> None:
    code, lines = _run(market, Mode.TESTNET, keys=("", ""))
    assert code == COULD_NOT_START
    assert lines[-1] == "NOT READY: key"
    text = " ".join(" ".join(lines).split())
    assert "BINANCE_TESTNET_API_KEY is not set: the account is not looked at" in text
    assert any(line.startswith("PASS  tick") for line in lines)


def test_paper_needs_no_key(market: FakeBinance) -> None:
    code, lines = _run(market, Mode.PAPER, keys=("", ""))
    assert code == 0
    assert lines[-1].startswith("READY")


def test_live_goes_to_no_other_address() -> None:
    elsewhere = ('binance.rest_url="https://example.org"', 'binance.stream_url="wss://example.org"')
    lines: list[str] = []
    assert check_venue(load_config(None, elsewhere), Mode.LIVE, {}, echo=lines.append) == COULD_NOT_START
    assert lines[0].startswith("FAIL  address")
    assert lines[-1] == "NOT READY: address"


def test_json_has_a_line_for_each_finding_and_one_for_all(market: FakeBinance) -> None:
    market.keys.can_withdraw = True
    code, lines = _run(market, Mode.LIVE, "account.leverage=20", as_json=True)
    told = [json.loads(line) for line in lines]
    assert code == COULD_NOT_START
    assert [line["type"] for line in told] == ["finding"] * 22 + ["check"]
    key = next(line for line in told if line["type"] == "finding" and line["name"] == "key")
    assert (key["verdict"], bool(key["words"]), bool(key["cure"])) == ("fail", True, True)
    assert told[-1] == {
        "type": "check", "mode": "live", "instrument": "BTCUSDT", "passed": False, "warnings": ["leverage"],
        "failures": ["key"],
    }  # fmt: skip


def test_neither_key_nor_secret_is_printed(market: FakeBinance) -> None:
    market.when("GET", "/fapi/v2/account").refuse(-1000, market.keys.key, status=400)
    for as_json in (True, False):
        _, lines = _run(market, Mode.LIVE, as_json=as_json)
        text = "".join("".join(lines).split())
        assert market.keys.key not in text
        assert market.keys.secret not in text
