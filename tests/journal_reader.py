"""An independent reader of the journal: knows the line format alone, nothing of the product's code.

`python -m tests.journal_reader FILE` prints what it recomputed; a gap or a contradiction ends it with an error.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

LATCHES = {"flattening": "flattening", "halted": "halted", "breaker": "breaker_open", "paused": "paused"}
"""Every latch with the name of its state, gravest first."""
LEVELS = ("drawdown-", "repeated-")
ENDED = ("canceled", "rejected", "denied", "expired")


@dataclass
class Books:
    """What a journal says, line after line."""

    seq: int = 0
    state: str = ""
    latched: dict[str, str] = field(default_factory=dict)
    """Every latched state with its reason, gravest first."""
    until: int = 0
    """When a breaker that is open closes by itself, ns; 0 where only a reset closes it."""
    levels: dict[tuple[str, str], str] = field(default_factory=dict)
    """Alarms of what is latched beside the door: levels that filled too often, losses that have acted."""
    throttle: Decimal | None = None
    """The operator's share of the ladders; None where it was never set."""
    flat: str = ""
    realised: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    lots: dict[str, dict[int, tuple[Decimal, Decimal]]] = field(default_factory=lambda: {"long": {}, "short": {}})
    debts: dict[str, list[tuple[Decimal, Decimal]]] = field(default_factory=lambda: {"long": [], "short": []})
    """Quantity and price of what was closed before its entry's fill was told."""
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    naked_since: dict[str, int] = field(default_factory=dict)
    max_naked_ns: int = 0
    trades: set[tuple[str, str]] = field(default_factory=set)
    owed: set[str] = field(default_factory=set)

    def held(self, leg: str) -> Decimal:
        owed = sum((qty for qty, _ in self.debts[leg]), Decimal(0))
        return sum((qty for qty, _ in self.lots[leg].values()), Decimal(0)) - owed

    def covered(self, leg: str, role: str = "sl") -> Decimal:
        orders = (o for o in self.orders.values() if o["leg"] == leg and o["role"] == role and o["working"])
        return sum((o["left"] for o in orders), Decimal(0))

    def count_open(self, *roles: str) -> int:
        return sum(order["role"] in roles for order in self.orders.values())

    def read(self, lines: Iterable[str]) -> "Books":
        for text in lines:
            line = json.loads(text)
            assert line["seq"] == self.seq + 1, f"gap before {line}"
            self.seq = line["seq"]
            getattr(self, f"_on_{line['kind'].replace('.', '_')}", lambda _: None)(line)
            self._watch(line["ts"])
        return self

    def _on_session_start(self, line: dict[str, Any]) -> None:
        if line["fresh_venue"]:
            self.orders.clear()
            self.lots = {"long": {}, "short": {}}
            self.debts = {"long": [], "short": []}
            self.naked_since.clear()

    def _on_session_stop(self, line: dict[str, Any]) -> None:
        self.flat = line["flat"]

    def _on_state(self, line: dict[str, Any]) -> None:
        self.state = line["name"]
        found = line["latched"]
        self.latched = {state: found[name] for name, state in LATCHES.items() if name in found}
        self.until = found.get("breaker_until", 0)
        gravest = next(iter(self.latched), "running")
        assert self.state == gravest, f"latched is {self.latched}: {line}"

    def _on_alarm(self, line: dict[str, Any]) -> None:
        if line["name"].startswith(LEVELS):
            key = line["name"], line["leg"] or ""
            if line["raised"]:
                self.levels[key] = line["detail"]
            else:
                self.levels.pop(key, None)

    def _on_act(self, line: dict[str, Any]) -> None:
        self.owed.add(line["act_id"])
        if "share" in line["args"]:
            self.throttle = Decimal(line["args"]["share"])

    def _on_receipt(self, line: dict[str, Any]) -> None:
        self.owed.remove(line["act_id"])

    def _on_error(self, line: dict[str, Any]) -> None:
        self.counts["errors"] += 1
        self.counts["critical_errors"] += line["critical"]

    def _on_order(self, line: dict[str, Any]) -> None:
        event, order_id = line["event"], line["id"]
        self.counts[event] += 1
        if event == "submit":
            assert order_id not in self.orders, f"sent twice: {line}"
            self.orders[order_id] = line | {"working": False, "filled": Decimal(0), "left": Decimal(line["qty"])}
        elif event in ENDED:
            self.orders.pop(order_id, None)
        elif event == "accepted":  # without a submit line it was found at the venue
            found = line | {"filled": Decimal(0), "left": Decimal(line["qty"])}
            self.orders.setdefault(order_id, found)["working"] = True
        elif event == "updated":
            self.orders[order_id]["left"] = Decimal(line["qty"]) - self.orders[order_id]["filled"]
            if self.orders[order_id]["left"] <= 0:
                del self.orders[order_id]

    def _on_fill(self, line: dict[str, Any]) -> None:
        assert (line["id"], line["trade_id"]) not in self.trades, f"booked twice: {line}"
        self.trades.add((line["id"], line["trade_id"]))
        self.counts["fills"] += 1
        qty, price, leg = Decimal(line["qty"]), Decimal(line["price"]), line["leg"]
        self.fees += Decimal(line["fee"])
        order = self.orders.get(line["id"])
        if order is not None:
            order["filled"] += qty
            order["left"] -= qty
            if not order["left"]:
                self.counts[f"filled_{line['role']}"] += 1
                del self.orders[line["id"]]
        if line["side"] == ("buy" if leg == "long" else "sell"):
            left = self._repay(leg, qty, price)
            self.counts["round_trips"] += line["role"] == "entry" and not left
            if left:
                assert line["role"] == "entry", f"bought back what nobody owed: {line}"
                held, cost = self.lots[leg].get(line["lot"], (Decimal(0), Decimal(0)))
                self.lots[leg][line["lot"]] = held + left, cost + left * price
        else:
            self._close(leg, line["lot"], qty, price)

    def _repay(self, leg: str, qty: Decimal, price: Decimal) -> Decimal:
        sign = 1 if leg == "long" else -1
        while qty and self.debts[leg]:
            owed, at = self.debts[leg].pop(0)
            paid = min(owed, qty)
            self.realised += sign * (at - price) * paid
            qty -= paid
            if owed > paid:
                self.debts[leg].insert(0, (owed - paid, at))
        return qty

    def _close(self, leg: str, lot: int | None, qty: Decimal, price: Decimal) -> None:
        """From the named lot first, then from the oldest."""
        lots, sign = self.lots[leg], 1 if leg == "long" else -1
        for number in sorted(lots, key=lambda each: (each != lot, each)):
            held, cost = lots[number]
            taken = min(held, qty)
            share = cost if taken == held else (cost * taken / held).quantize(Decimal("1E-12"))
            self.realised += sign * (taken * price - share)
            lots[number] = held - taken, cost - share
            qty -= taken
            if taken == held:
                del lots[number]
                self.counts["round_trips"] += 1
            if not qty:
                return
        self.debts[leg].append((qty, price))

    def _watch(self, ts: int) -> None:
        for leg in self.lots:
            if self.held(leg) > self.covered(leg):
                self.naked_since.setdefault(leg, ts)
            elif leg in self.naked_since:
                self.max_naked_ns = max(self.max_naked_ns, ts - self.naked_since.pop(leg))


def read_journal(path: Path) -> Books:
    """The books that a journal file gives."""
    with path.open(encoding="utf-8") as file:
        return Books().read(file)


if __name__ == "__main__":
    books = read_journal(Path(sys.argv[1]))
    held = {leg: f"{books.held(leg):f}, {books.covered(leg):f} covered by stops" for leg in books.lots}
    latched = ", ".join(f"{state}: {reason}" for state, reason in books.latched.items())
    print(f"latched: {latched or 'nothing'}; levels: {', '.join(' '.join(key) for key in books.levels) or 'none'}")
    print(f"{books.seq} lines, state {books.state}, flat {books.flat or 'not said'}; held {held}")
    print(f"{books.count_open('entry')} entries and {books.count_open('tp', 'sl', 'close')} exits open")
    print(f"realised {books.realised:f}, fees {books.fees:f}, longest unprotected {books.max_naked_ns / 1e6} ms")
    print(dict(books.counts))
