"""A fake Binance with a market in the test's own loop, and the product's REST client as its account's owner."""

from collections.abc import AsyncIterator

import pytest

from hedgegrid_tui.engine.binance.rest.client import BinanceRest
from hedgegrid_tui.engine.binance.rest.credentials import Credentials, KeyKind, Secret
from hedgegrid_tui.engine.binance.rest.endpoints import Endpoints, endpoints
from hedgegrid_tui.engine.plan import Mode
from strategy.venue_config import BinanceConfig
from tests.venue.binance.asker import Asker
from tests.venue.binance.server import FakeBinance

BID = "60000.00"
SYMBOL = "BTCUSDT"


@pytest.fixture
async def venue() -> AsyncIterator[FakeBinance]:
    """The fake, with a market."""
    async with FakeBinance() as fake:
        fake.quote(BID)
        yield fake


@pytest.fixture
async def ask(venue: FakeBinance) -> AsyncIterator[Asker]:
    """The fake's own client, for what the account's owner does elsewhere."""
    async with Asker(venue) as asker:
        yield asker


def config_for(venue: FakeBinance) -> BinanceConfig:
    """The configuration's section that leads to the fake."""
    return BinanceConfig(rest_url=venue.url, stream_url=venue.ws_url, ws_api_url=venue.ws_api_url)


@pytest.fixture
def binance_config(venue: FakeBinance) -> BinanceConfig:
    """The configuration's section that leads to the fake."""
    return config_for(venue)


@pytest.fixture
def addresses(binance_config: BinanceConfig) -> Endpoints:
    """Where the fake is."""
    return endpoints(Mode.TESTNET, binance_config)


@pytest.fixture
def credentials(venue: FakeBinance) -> Credentials:
    """The key of the fake's account."""
    kind = KeyKind.ED25519 if "PRIVATE KEY" in venue.keys.secret else KeyKind.HMAC
    return Credentials(venue.keys.key, Secret(venue.keys.secret), kind)


@pytest.fixture
async def rest(addresses: Endpoints, credentials: Credentials) -> AsyncIterator[BinanceRest]:
    """The product's client."""
    client = BinanceRest(addresses, credentials, timeout_s=2.0)
    yield client
    await client.close()
