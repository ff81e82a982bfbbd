"""Where Binance is: the addresses of each mode, unless the configuration names others."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from hedgegrid_tui.engine.plan import Mode
from strategy.config import ConfigError
from strategy.venue_config import LOOPBACK, BinanceConfig, TestEnvironment

if TYPE_CHECKING:
    from collections.abc import Mapping

WS_API_PATH: Final = "/ws-fapi/v1"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Bases of addresses, without a slash at the end."""

    rest: str
    market_stream: str
    user_stream: str
    ws_api: str
    """The whole address of the WebSocket API, which Ed25519 keys log on to."""
    wallet: str = ""
    """Base of `/sapi/` paths (what a key may do); empty where the environment has none."""


LIVE: Final = Endpoints(
    rest="https://fapi.binance.com",
    market_stream="wss://fstream.binance.com/market",
    user_stream="wss://fstream.binance.com/private",
    ws_api="wss://ws-fapi.binance.com/ws-fapi/v1",
    wallet="https://api.binance.com",
)
"""As in Nautilus's `adapters/binance/common/urls.py`, which a test holds against it; `wallet` as in Binance, Wallet,
"API Key Permission"."""
LIVE_HOSTS: Final = frozenset(urlsplit(url).hostname for url in (LIVE.rest, LIVE.market_stream, LIVE.ws_api))
TEST: Final["Mapping[TestEnvironment, Endpoints]"] = {
    TestEnvironment.TESTNET: Endpoints(
        rest="https://demo-fapi.binance.com",
        market_stream="wss://stream.binancefuture.com",
        user_stream="wss://stream.binancefuture.com",
        ws_api="wss://testnet.binancefuture.com/ws-fapi/v1",
    ),
    TestEnvironment.DEMO: Endpoints(
        rest="https://demo-fapi.binance.com",
        market_stream="wss://demo-fstream.binance.com",
        user_stream="wss://demo-fstream.binance.com",
        ws_api="wss://testnet.binancefuture.com/ws-fapi/v1",
    ),
}


def endpoints(mode: Mode, config: BinanceConfig) -> Endpoints:
    """The addresses of a session; paper's prices are those of the live venue.

    Raises:
        ConfigError: The mode has no venue, or a live session is to go to addresses that are not Binance's.
    """
    if mode not in (Mode.PAPER, Mode.TESTNET, Mode.LIVE):
        raise ConfigError(f"mode {mode}: has no venue; name paper, testnet or live")
    if not config.is_overridden:
        return TEST[config.environment] if mode is Mode.TESTNET else LIVE
    urls = (config.rest_url, config.stream_url, config.user_stream_url, config.ws_api_url)
    live = next((url for url in urls if urlsplit(url).hostname in LIVE_HOSTS), "")
    if live and mode is Mode.TESTNET:
        raise ConfigError(f"binance: {live} is the live venue, no testnet; empty the addresses, or use --mode live")
    if mode is Mode.LIVE and not config.is_loopback:
        raise ConfigError(
            f"binance.rest_url = {config.rest_url}: a live session goes to Binance itself (or to {LOOPBACK}, for "
            "tests); empty binance.rest_url, stream_url, user_stream_url and ws_api_url"
        )
    return Endpoints(
        rest=config.rest_url,
        market_stream=config.stream_url,
        user_stream=config.user_stream_url or config.stream_url,
        ws_api=config.ws_api_url or config.stream_url + WS_API_PATH,
        wallet=config.rest_url,
    )


def environment(mode: Mode, config: BinanceConfig) -> Any:  # noqa: ANN401 - Nautilus has no types
    """Nautilus's `BinanceEnvironment`; TESTNET for other addresses, so that nothing falls back on the live ones."""
    from nautilus_trader.adapters.binance.common.enums import BinanceEnvironment

    if config.is_overridden:
        return BinanceEnvironment.TESTNET
    if mode is Mode.TESTNET:
        demo = config.environment is TestEnvironment.DEMO
        return BinanceEnvironment.DEMO if demo else BinanceEnvironment.TESTNET
    return BinanceEnvironment.LIVE
