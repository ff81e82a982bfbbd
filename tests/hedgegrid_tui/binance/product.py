"""The product as a process of its own in front of the fake Binance, and what must hold between journal and venue."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from strategy.domain import Leg
from strategy.order_ids import parse_id
from tests.hedgegrid_tui.live import Live
from tests.journal_reader import Books
from tests.venue.binance.guard import Keys
from tests.venue.binance.server import FakeBinance

TAPE = Path(__file__).parents[4] / "shared" / "data" / "binance-usdm-BTCUSDT-20240808.jsonl.gz"
FIRST_BID = "61790.00"
"""Near the tape's first price, before it plays."""
QUICK = ("grid.step_bps=2", "grid.levels=4", "grid.sl_steps=2", "grid.recentre_trigger_bps=6", "account.leverage=10")
"""A ladder that the tape's six minutes fill on both sides, with stops that it reaches."""
SECONDS = 60.0


def addresses(venue: FakeBinance) -> list[str]:
    """The fake's, as overrides."""
    urls = {"rest_url": venue.url, "stream_url": venue.ws_url, "ws_api_url": venue.ws_api_url}
    return [f"binance.{name}={url}" for name, url in urls.items()]


def set_keys(patch: pytest.MonkeyPatch, venue: FakeBinance) -> None:
    """Put the account's key where a session looks for it."""
    for middle in ("", "TESTNET_"):
        patch.setenv(f"BINANCE_{middle}API_KEY", venue.keys.key)
        patch.setenv(f"BINANCE_{middle}API_SECRET", venue.keys.secret)


def served(patch: pytest.MonkeyPatch, keys: Keys | None = None) -> Iterator[FakeBinance]:
    """A fake in a thread of its own, at the market that the tape begins near, and its key in the environment."""
    with FakeBinance(keys=keys).threaded() as fake:
        fake.quote(FIRST_BID)
        set_keys(patch, fake)
        yield fake


class Product(Live):
    """One process of the product; the account's key must stand in the environment already (`served`)."""

    def __init__(
        self,
        state: Path,
        venue: FakeBinance,
        mode: str,
        *arguments: str,
        sets: tuple[str, ...] = QUICK,
        terminal: bool = False,
        before: str = "",
    ) -> None:
        overrides = [part for text in (*addresses(venue), *sets) for part in ("--set", text)]
        super().__init__(state, "--mode", mode, *overrides, *arguments, terminal=terminal, before=before)
        self.venue = venue
        self.folder = state / mode / "BTCUSDT"
        self.journal = self.folder / "journal.jsonl"
        self.errors = ""
        if self.process.stderr is not None:
            os.set_blocking(self.process.stderr.fileno(), False)

    def read(self, seconds: float = 0.05) -> None:
        """Take what it has written, on both streams."""
        super().read(seconds)
        if self.process.stderr is not None:
            with suppress(BlockingIOError):
                self.errors += (self.process.stderr.read() or b"").decode()

    @property
    def problems(self) -> str:
        """Standard error so far."""
        self.read(0)
        return self.errors

    def until(self, condition: Callable[[], Any], what: str, seconds: float = SECONDS) -> None:
        """Until something has come about."""
        end = time.monotonic() + seconds
        while not condition():
            code = self.process.poll()
            assert code is None, f"no {what}: it ended with {code}; {self.problems[-3000:]} {self.text[-500:]}"
            assert time.monotonic() < end, f"no {what}; {self.problems[-3000:]} {self.text[-1500:]}"
            self.read()

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The lines of one kind on standard output."""
        lines = [line for line in self.text.splitlines() if line.startswith("{") and line.endswith("}")]
        return [line for line in map(json.loads, lines) if line["type"] == kind]

    @property
    def books(self) -> Books:
        """What an independent reader makes of the journal's whole lines; it may be growing."""
        if not self.journal.exists():
            return Books()
        whole, _, _ = self.journal.read_text(encoding="utf-8").rpartition("\n")
        return Books().read(whole.splitlines())

    def until_trading(self, bid: str = FIRST_BID) -> None:
        """Until entries rest at the venue, at a market that stands still."""

        def quoted() -> bool:
            self.venue.quote(bid)
            return len(own_orders(self.venue, reduces=False)) >= 2

        self.until(quoted, "entries at the venue")


def own_orders(venue: FakeBinance, *, reduces: bool) -> list[str]:
    """The product's open orders at the venue, by whether they reduce."""
    told = ((name, parse_id(name)) for name in venue.open_ids())
    return [name for name, found in told if found is not None and found.key.role.reduces is reduces]


def covered(venue: FakeBinance, leg: str) -> Decimal:
    """What the stops of a leg at the venue cover."""

    def count() -> Decimal:
        total = Decimal(0)
        for name, order in venue.exchange.book.open.items():
            told = parse_id(name)
            if told is not None and told.key.leg is Leg(leg.lower()) and told.key.role == "sl":
                total += order.qty - order.filled
        return total

    return venue.call(count)


def agree(books: Books, venue: FakeBinance) -> None:
    """The journal says what the venue has: quantities, open orders, every trade once, fees and profit."""
    for leg in ("long", "short"):
        assert books.held(leg) == venue.held(leg.upper()), f"{leg}: {books.held(leg)} != {venue.held(leg.upper())}"
    assert set(books.orders) == {name for name in venue.open_ids() if parse_id(name)}
    trades = venue.call(lambda: [(trade.client_id, str(trade.id)) for trade in venue.exchange.book.trades])
    assert {trade for trade in trades if parse_id(trade[0])} == books.trades
    fees = venue.call(lambda: sum((trade.fee for trade in venue.exchange.book.trades), Decimal(0)))
    assert books.fees == -fees
