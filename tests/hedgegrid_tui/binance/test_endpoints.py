"""Which venue a session of each mode goes to."""

import subprocess
import sys

import pytest

from hedgegrid_tui.engine.binance.rest.endpoints import LIVE, TEST, Endpoints, endpoints, environment
from hedgegrid_tui.engine.plan import Mode
from strategy.config import ConfigError
from strategy.venue_config import BinanceConfig, TestEnvironment

OWN = BinanceConfig(rest_url="https://mirror.example", stream_url="wss://mirror.example/x")
LOCAL = BinanceConfig(rest_url="http://127.0.0.1:81", stream_url="ws://127.0.0.1:82")
DEMO = BinanceConfig(environment=TestEnvironment.DEMO)


@pytest.mark.parametrize(
    ("mode", "config", "name"),
    [
        (Mode.LIVE, BinanceConfig(), "LIVE"),
        (Mode.PAPER, BinanceConfig(), "LIVE"),
        (Mode.PAPER, DEMO, "LIVE"),
        (Mode.TESTNET, BinanceConfig(), "TESTNET"),
        (Mode.TESTNET, DEMO, "DEMO"),
    ],
)
def test_without_overrides_the_addresses_are_those_that_nautilus_has(
    mode: Mode, config: BinanceConfig, name: str
) -> None:
    from nautilus_trader.adapters.binance.common import urls
    from nautilus_trader.adapters.binance.common.enums import BinanceAccountType, BinanceEnvironment

    there = BinanceEnvironment[name]
    asked = (BinanceAccountType.USDT_FUTURES, there, False)
    found = endpoints(mode, config)
    assert environment(mode, config) is there
    assert found.rest == urls.get_http_base_url(*asked)
    assert found.market_stream == urls.get_ws_base_url(*asked)
    assert found.user_stream == urls.get_ws_private_base_url(*asked)
    assert found.ws_api == urls.get_ws_api_base_url(*asked)


def test_what_a_key_may_do_is_told_by_the_live_venue_alone() -> None:
    assert LIVE.wallet == "https://api.binance.com"
    assert {found.wallet for found in TEST.values()} == {""}


def test_own_addresses_replace_all_of_the_environments() -> None:
    from nautilus_trader.adapters.binance.common.enums import BinanceEnvironment

    assert endpoints(Mode.TESTNET, OWN) == Endpoints(
        rest="https://mirror.example",
        market_stream="wss://mirror.example/x",
        user_stream="wss://mirror.example/x",
        ws_api="wss://mirror.example/x/ws-fapi/v1",
        wallet="https://mirror.example",
    )
    whole = OWN.model_copy(update={"user_stream_url": "wss://user", "ws_api_url": "wss://api"})
    found = endpoints(Mode.PAPER, whole)
    assert (found.user_stream, found.ws_api) == ("wss://user", "wss://api")
    assert {environment(mode, OWN) for mode in (Mode.PAPER, Mode.TESTNET)} == {BinanceEnvironment.TESTNET}


def test_a_live_session_goes_to_binance_or_stays_on_this_machine() -> None:
    with pytest.raises(
        ConfigError, match=r"binance\.rest_url = https://mirror\.example: a live session goes to Binance"
    ):
        endpoints(Mode.LIVE, OWN)
    mixed = LOCAL.model_copy(update={"user_stream_url": "wss://mirror.example"})
    with pytest.raises(ConfigError, match="a live session goes to Binance itself"):
        endpoints(Mode.LIVE, mixed)
    assert endpoints(Mode.LIVE, LOCAL).rest == "http://127.0.0.1:81"


@pytest.mark.parametrize("mode", [Mode.SIM, Mode.REPLAY])
def test_a_simulated_session_has_no_venue(mode: Mode) -> None:
    with pytest.raises(ConfigError, match=f"mode {mode}: has no venue"):
        endpoints(mode, LOCAL)


def test_the_rest_client_is_there_even_where_nautilus_is_not() -> None:
    code = (
        "import sys; sys.modules['nautilus_trader'] = None\n"
        "import hedgegrid_tui.engine.binance.rest.truth, hedgegrid_tui.engine.binance.rest.credentials as c\n"
        "print(c.Credentials('k', c.Secret('s'), c.KeyKind.HMAC).sign('q'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, len(done.stdout.strip())) == (0, 64), done.stderr


@pytest.mark.parametrize("name", ["rest_url", "stream_url", "ws_api_url"])
def test_a_testnet_session_does_not_go_to_the_live_venue_by_overrides(name: str) -> None:
    there = {"rest_url": LIVE.rest, "stream_url": LIVE.market_stream, "ws_api_url": LIVE.ws_api}[name]
    with pytest.raises(ConfigError, match="is the live venue, no testnet"):
        endpoints(Mode.TESTNET, OWN.model_copy(update={name: there}))
