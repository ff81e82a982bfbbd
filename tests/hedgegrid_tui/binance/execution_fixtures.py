"""Fixtures of the tests of the execution client."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.hedgegrid_tui.binance.execution_session import Session
from tests.venue.binance.server import FakeBinance


@pytest.fixture
def exchange() -> Iterator[FakeBinance]:
    """A fake in a thread of its own, with a market."""
    with FakeBinance().threaded() as fake:
        fake.quote("60000.00")
        yield fake


@pytest.fixture
async def session(exchange: FakeBinance, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Session]:
    """A running node."""
    running = Session(exchange, monkeypatch)
    await running.start()
    yield running
    await running.stop()
