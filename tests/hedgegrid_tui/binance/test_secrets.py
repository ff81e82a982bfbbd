"""Key and secret of a whole run stand nowhere: not in files, on the screen, in tracebacks, in arguments."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hedgegrid_tui.binance.product import Product, own_orders, served
from tests.venue.binance.guard import Keys
from tests.venue.binance.server import FakeBinance
from tests.venue.binance.streams import Side

pytestmark = pytest.mark.timeout(150)

PEM = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----"""
"""The published test key of RFC 8032."""
CRASH = """
import hedgegrid_tui.app as app
def broken(self, action):
    raise RuntimeError("broken on purpose")
app.HedgeGridApp.action_act = broken
"""
"""Any key breaks the app, with a traceback."""
NOISY = """
import logging
logging.basicConfig(level=logging.DEBUG)
import hedgegrid_tui.engine.nautilus_log as log
from nautilus_trader.common.enums import LogLevel
log.LogLevel = type("Louder", (), {"OFF": LogLevel.OFF, "WARNING": LogLevel.DEBUG})
"""
"""Every library tells all that it knows, Nautilus into its file and Python into the log of standard error."""


def parts(secret: str) -> list[str]:
    """What of a secret must not be seen, also where it is split over lines."""
    lines = [line for line in secret.splitlines() if not line.startswith("-----")]
    return [text for line in lines for text in (line, line[:20], line[-20:])]


def faults(venue: FakeBinance) -> None:
    """One of each kind, at requests that hold key and signature."""
    venue.when("POST", "/fapi/v1/order", nth=(1,)).unknown(live=True)
    venue.when("POST", "/fapi/v1/order", nth=(2,)).refuse(-1022)
    venue.when("POST", "/fapi/v1/algoOrder", nth=(1,)).refuse(-2014)
    venue.when("GET", "/fapi/v1/openOrders", nth=(1, 2)).refuse(-1021)
    venue.when("GET", "/fapi/v3/positionRisk", nth=(2,)).drop()
    venue.when("PUT", "/fapi/v1/listenKey").refuse(-1125)


@pytest.fixture(params=["HMAC", "Ed25519"])
def venue(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBinance]:
    yield from served(monkeypatch, Keys() if request.param == "HMAC" else Keys(secret=PEM))


def test_key_and_secret_of_a_run_with_faults_stand_nowhere(venue: FakeBinance, tmp_path: Path) -> None:
    arguments = b""
    with Product(tmp_path, venue, "testnet", terminal=True, before=NOISY + CRASH) as session:
        session.until_trading()
        faults(venue)
        arguments += Path(f"/proc/{session.process.pid}/cmdline").read_bytes()
        venue.quote("61776.00")
        session.until(lambda: venue.held("LONG") > 0, "a fill")
        venue.drop(Side.USER)
        venue.expire_listen_key()
        session.until(lambda: own_orders(venue, reduces=True) or not venue.held("LONG"), "exits, or a close")
        session.read_for(6)
        session.press("p")
        session.until_text("broken on purpose")
        session.send(signal.SIGTERM)
        session.ended()
    seen = {"screen": session.raw, "arguments": arguments}
    seen |= {path.name: path.read_bytes() for path in session.folder.iterdir()}
    assert len(seen) >= 5
    assert b"RuntimeError" in seen["stderr.log"]
    wanted = [venue.keys.key, venue.keys.key[:20], venue.keys.key[-20:], *parts(venue.keys.secret)]
    found = [(name, text) for name, content in seen.items() for text in wanted if text.encode() in content]
    assert found == []
    assert {path.stat().st_mode & 0o777 for path in session.folder.iterdir()} == {0o600}


def test_a_key_that_the_venue_refuses_is_not_repeated_in_words(venue: FakeBinance, tmp_path: Path) -> None:
    venue.keys.key = "another-key-" + "z" * 52
    with Product(tmp_path, venue, "testnet") as session:
        assert session.ended() == 3
        told = session.problems + session.text
    assert "fake-key-" not in told
    assert not any(text in told for text in parts(venue.keys.secret))
