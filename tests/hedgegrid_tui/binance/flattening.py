"""A fake Binance in a thread with a session's legs and orders on it, and `hedgegrid flatten` beside it."""

import io
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from hedgegrid_tui.engine.plan import Mode
from hedgegrid_tui.engine.state_dir import StateDir
from hedgegrid_tui.flatten_command import Wish, flatten
from strategy.config import Config, load_config
from strategy.domain import Leg, OrderKey, Role
from strategy.journal import Journal
from strategy.latches import Latches
from strategy.order_ids import OrderId, format_id
from tests.venue.binance.server import FakeBinance
from tests.venue.core import Filters, Request

SYMBOL = "BTCUSDT"
BID = "60000.00"
SESSION = "abc"
PLACES = {
    Role.ENTRY: {Leg.LONG: "59000.0", Leg.SHORT: "61000.0"},
    Role.TP: {Leg.LONG: "60600.0", Leg.SHORT: "59400.0"},
    Role.SL: {Leg.LONG: "58000.0", Leg.SHORT: "62000.0"},
}
KINDS = {Role.ENTRY: "GTX", Role.TP: "LIMIT", Role.SL: "STOP_MARKET", Role.CLOSE: "MARKET"}


@dataclass
class Ran:
    """What a run of the command came to."""

    code: int
    out: str
    err: str
    journal: Path

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The journal's."""
        return [json.loads(line) for line in self.journal.read_text().splitlines()]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Its lines of one kind."""
        return [line for line in self.lines if line["kind"] == kind]


class Stage:
    """The venue as a session has left it, with the session's journal."""

    def __init__(self, venue: FakeBinance, base: Path) -> None:
        self.venue = venue
        self.base = base
        self.state = StateDir(base, Mode.TESTNET, SYMBOL)
        self.sets: list[str] = []
        self._serial = 0
        self._lots: dict[Leg, int] = {}
        self.journal: Journal | None = None

    @property
    def config(self) -> Config:
        """One that leads to the fake."""
        where = [f"binance.rest_url={self.venue.url}", f"binance.stream_url={self.venue.ws_url}"]
        return load_config(None, [*where, "binance.http_timeout_ms=1000", "binance.recv_window_ms=1500", *self.sets])

    @property
    def environ(self) -> dict[str, str]:
        """The account's key."""
        keys = self.venue.keys
        return {"BINANCE_TESTNET_API_KEY": keys.key, "BINANCE_TESTNET_API_SECRET": keys.secret}

    # -- what the session did ------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """The session's first lines."""
        self.journal = Journal(self.state.journal)
        self.write(
            "session.start", mode="testnet", instrument=SYMBOL, version="0", config="0" * 64, pid=1, restored=[],
            fresh_venue=False,
        )  # fmt: skip
        self.write("state", name="running", reason="started", latched=Latches())

    def cut(self) -> None:
        """The session is gone, without a last word."""
        assert self.journal is not None
        self.journal.close()
        self.journal = None

    def reopen(self) -> None:
        """Another session goes on with the journal."""
        self.journal = Journal(self.state.journal)

    def write(self, kind: str, **fields: Any) -> None:
        """A line of the session, if one is there."""
        if self.journal is not None:
            self.journal.write(kind, time.time_ns(), **fields)

    def order(self, leg: Leg, role: Role, qty: str = "0.004", *, told: bool = True) -> str:
        """An order of the session; entries of role CLOSE are none. `told`: its acceptance is in the journal."""
        self._serial += 1
        lot = None if role is Role.ENTRY else self._lots.get(leg, self._serial)
        slot = self._serial if lot is None else lot
        order_id = format_id(OrderId(SESSION, OrderKey(leg, role, slot), lot, self._serial))
        price = PLACES[role][leg]
        self._place(order_id, leg, role, qty, price, KINDS[role], told=told)
        return order_id

    def fill_entry(self, leg: Leg, qty: str = "0.004", *, told: bool = True) -> str:
        """An entry that fills at once; `told`: the journal knows."""
        self._serial += 1
        order_id = format_id(OrderId(SESSION, OrderKey(leg, Role.ENTRY, 1), None, self._serial))
        price = "60000.1" if leg is Leg.LONG else "60000.0"
        paper = self._place(order_id, leg, Role.ENTRY, qty, price, "LIMIT", told=True)
        self._lots[leg] = self._serial
        for trade in paper.live.trades if told else ():
            self.write(
                "fill", id=order_id, trade_id=trade.id, leg=leg, role=Role.ENTRY, lot=self._serial,
                side=leg.entry_side, price=f"{trade.price:f}", qty=f"{trade.qty:f}", fee=f"{trade.fee:f}",
                liquidity="taker",
            )  # fmt: skip
        return order_id

    def _place(self, order_id: str, leg: Leg, role: Role, qty: str, price: str, kind: str, *, told: bool) -> Any:
        side = leg.exit_side if role.reduces else leg.entry_side
        entry = role is Role.ENTRY
        line = {
            "id": order_id, "leg": leg, "role": role, "level": 1 if entry else None,
            "lot": self._serial if entry else self._lots.get(leg), "side": side, "price": price, "qty": qty,
            "reason": None,
        }  # fmt: skip
        self.write("order", event="submit", **line)
        request = Request(order_id, side.upper(), leg.upper(), kind, Decimal(qty), Decimal(price))
        paper = self.venue.call(lambda: self.venue.exchange.place(request, "GTC"))
        if told:
            self.write("order", event="accepted", **line)
        return paper

    def set_out(self, *legs: Leg, lots: int = 2) -> None:
        """On each leg: held lots with take-profit and stop, and one entry that waits."""
        self.begin()
        for leg in legs or tuple(Leg):
            for _ in range(lots):
                self.fill_entry(leg)
                self.order(leg, Role.SL)
                self.order(leg, Role.TP)
            self.order(leg, Role.ENTRY)
        self.cut()

    # -- the command ---------------------------------------------------------------------------------------------------

    def run(self, **wish: Any) -> Ran:
        """Flatten; without `typed`, with `--yes`."""
        typed = wish.pop("typed", None)
        environ = wish.pop("environ", self.environ)
        options: dict[str, Any] = {
            "mode": Mode.TESTNET,
            "config": self.config,
            "base": self.base,
            "yes": typed is None,
        } | wish
        out, err = io.StringIO(), io.StringIO()
        ask = None if typed is None else lambda _prompt: str(typed)
        with redirect_stdout(out), redirect_stderr(err):
            code = flatten(Wish(**options), environ, ask)
        return Ran(code, out.getvalue(), err.getvalue(), self.state.journal)

    def held(self) -> dict[str, Decimal]:
        """What the legs hold at the venue."""
        return {leg: self.venue.held(leg.upper()) for leg in Leg}


@contextmanager
def staged(base: Path, **filters: Any) -> Iterator[Stage]:
    """A venue with a market, in a thread."""
    fake = FakeBinance(filters=Filters(**filters))
    with fake.threaded() as venue:
        venue.quote(BID)
        yield Stage(venue, base)
