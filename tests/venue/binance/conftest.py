"""A fake Binance with a market, in the test's own loop, and a client that asks it as the account's owner."""

from collections.abc import AsyncIterator

import pytest

from tests.venue.binance.asker import Asker
from tests.venue.binance.server import FakeBinance

BID = "60000.00"


@pytest.fixture
async def venue() -> AsyncIterator[FakeBinance]:
    async with FakeBinance() as fake:
        fake.quote(BID)
        yield fake


@pytest.fixture
async def ask(venue: FakeBinance) -> AsyncIterator[Asker]:
    async with Asker(venue) as asker:
        yield asker
