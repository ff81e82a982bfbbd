"""Preflight where one cell of an answer is wrong: it ends, says what it does not know, and lets nothing grave pass."""

import asyncio
import json
import random
from collections.abc import Mapping
from typing import Any

import pytest
from yarl import URL

from hedgegrid_tui.checks import WIDTH, as_text
from hedgegrid_tui.engine.binance.preflight.checks import FOR_ALL, WITH_A_KEY, Finding, Verdict, preflight
from hedgegrid_tui.engine.binance.rest.answers import Answer
from hedgegrid_tui.engine.binance.rest.client import BinanceRest
from hedgegrid_tui.engine.binance.rest.credentials import Credentials, KeyKind, Secret
from hedgegrid_tui.engine.binance.rest.endpoints import endpoints
from hedgegrid_tui.engine.plan import Mode
from tests.hedgegrid_tui.binance.preflight_cases import config_of
from tests.venue.binance.asked import Asked
from tests.venue.binance.server import FakeBinance

WRONG: tuple[Any, ...] = (
    None,
    "NaN",
    "",
    [],
    {},
    "1E+999999999",
    "-1",
    -1,
    "0",
    0,
    True,
    "x\x1b[2J" * 2_000,
    10**60,
    [[]] * 50_000,
)
PATHS = (
    "/fapi/v1/time", "/fapi/v1/exchangeInfo", "/fapi/v1/premiumIndex", "/fapi/v1/fundingInfo", "/fapi/v2/account",
    "/fapi/v1/positionSide/dual", "/fapi/v1/symbolConfig", "/fapi/v1/commissionRate", "/fapi/v1/openOrders",
    "/fapi/v1/openAlgoOrders", "/fapi/v3/positionRisk", "/sapi/v1/account/apiRestrictions",
)  # fmt: skip
GRAVE = {
    "/fapi/v1/positionSide/dual": ("dualSidePosition", "hedge mode"),
    "/sapi/v1/account/apiRestrictions": ("enableWithdrawals", "key"),
    "/fapi/v1/symbolConfig": ("marginType", "margin"),
}
ROUNDS = 12
"""Changes of each answer."""


class Wired(BinanceRest):
    """Asks the fake without a socket; one answer comes changed."""

    def __init__(self, venue: FakeBinance, path: str, rnd: random.Random) -> None:
        keys = venue.keys
        where = endpoints(Mode.LIVE, config_of(venue).binance)
        super().__init__(where, Credentials(keys.key, Secret(keys.secret), KeyKind.HMAC))
        self.venue, self.path, self.rnd, self.changed = venue, path, rnd, ""
        self.wrong: Any = None

    async def _send(self, method: str, path: str, url: URL, headers: Mapping[str, str]) -> Answer:
        asked = Asked(method, path, url.raw_query_string, headers.get("X-MBX-APIKEY"), self.venue.now_ms())
        status, body, told = self.venue.front._execute(asked)
        if path == self.path:
            value = json.loads(body)
            self._spoil(value)
            body = json.dumps(value).encode()
        return Answer(path, status, told, body)

    def _spoil(self, value: Any) -> None:
        """Walk down to some cell and change it, or take it away."""
        rnd = self.rnd
        while isinstance(value, dict | list) and value:
            name = rnd.choice(sorted(value)) if isinstance(value, dict) else rnd.randrange(len(value))
            inner = value[name]
            if isinstance(inner, dict | list) and inner and rnd.random() < 0.9:
                value = inner
                continue
            self.changed, self.wrong = str(name), rnd.choice(WRONG)
            value[name] = self.wrong
            if rnd.random() < 0.1:
                del value[name]
            return


@pytest.mark.parametrize("path", PATHS)
def test_a_cell_that_is_wrong_breaks_no_other_finding_and_is_never_taken_for_right(path: str) -> None:
    rnd = random.Random(path)
    for _ in range(ROUNDS):
        venue = FakeBinance()
        venue.port = 9
        venue.quote("60000.00")
        venue.by_hand("BUY", "LONG", "0.003")
        venue.by_hand("BUY", "LONG", "0.003", "55000")
        venue.by_hand("SELL", "LONG", "0.003", "55000", "STOP_MARKET")
        rest = Wired(venue, path, rnd)
        findings = asyncio.run(preflight(rest, config_of(venue), Mode.LIVE, None))
        told = f"{path} {rest.changed} = {str(rest.wrong)[:40]!r}"
        _check(findings, told)
        field, name = GRAVE.get(path, ("", ""))
        if field and rest.changed == field and rest.wrong is not True:
            (found,) = [finding for finding in findings if finding.name == name]
            assert found.verdict is not Verdict.PASS, told


def _check(findings: list[Finding], told: str) -> None:
    text = as_text(findings)
    for line in text:
        assert line.isprintable(), told
        assert len(line) <= WIDTH or " " not in line.strip(), f"{told}: {line}"
    shown = " ".join(" ".join(text).split())
    for name in (*FOR_ALL, *WITH_A_KEY):
        assert name in shown, f"{told}: nothing on {name}"
