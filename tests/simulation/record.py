"""The journal as the checker follows it, line by line as they reach the file; knows the format alone."""

import json
import os
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

LEGS = ("LONG", "SHORT")


@dataclass(frozen=True)
class Act:
    """A command, by whomever, as its line tells of it."""

    since: int
    command: str
    legs: tuple[str, ...]
    by: str
    share: str


@dataclass(frozen=True)
class Answer:
    """A receipt, and the act that it answers."""

    act_id: str
    act: Act
    result: str


class Record:
    """What the journal says so far."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CREAT)
        self._offset = 0
        """Where the last whole line ends."""
        self.hear: Callable[[dict[str, Any]], None] = lambda _line: None
        """Takes each line once it is in these books."""
        self.lines = 0
        self.broken = ""
        self.state = ""
        self.latched: dict[str, Any] = {}
        """As of the last state line, of whichever session."""
        self.held = dict.fromkeys(LEGS, Decimal(0))
        self.cash = Decimal(0)
        """Sells less buys."""
        self.fees = Decimal(0)
        """Negative where they cost."""
        self.funding = Decimal(0)
        self.alarms: dict[tuple[str, str], int] = {}
        """Alarms that are raised, and when they were last told of."""
        self.throttle: Decimal | None = None
        """What an operator has set last."""
        self.written: Counter[tuple[str, str]] = Counter()
        """Command lines, by kind and id."""
        self.errors: Counter[str] = Counter()
        self.session_errors = 0
        self.denials: Counter[str] = Counter()
        """Of the session, by reason."""
        self.odd: list[str] = []
        """Errors that no fault explains."""
        self.acts: dict[str, Act] = {}
        """Acts without a receipt."""
        self.receipts: deque[Answer] = deque()
        """Fresh ones."""
        self.facts = 0
        """Lines on orders and fills."""
        self.seen: Counter[str] = Counter()
        """What has happened, for the summary: acts and the states that they met, denials, alarms."""

    def close(self) -> None:
        os.close(self._file)

    def follow(self) -> bool:
        """Read what is new; whether anything was."""
        data = os.pread(self._file, 1 << 20, self._offset)
        whole = data.rfind(b"\n") + 1
        if not whole:
            return False
        self._offset += whole
        for text in data[:whole].splitlines():
            line = json.loads(text)
            self._take(line)
            self.hear(line)
        return True

    def _take(self, line: dict[str, Any]) -> None:
        self.lines += 1
        if line["seq"] != self.lines:
            self.broken = self.broken or f"line {self.lines} has number {line['seq']}"
        handler = getattr(self, f"_on_{line['kind'].replace('.', '_')}", None)
        if handler is not None:
            handler(line)

    def _on_session_start(self, _line: dict[str, Any]) -> None:
        self.state = ""
        self.session_errors = 0
        self.denials.clear()
        self.alarms.clear()

    def _on_state(self, line: dict[str, Any]) -> None:
        self.state = line["name"]
        self.latched = line["latched"]

    def _on_order(self, line: dict[str, Any]) -> None:
        self.facts += 1
        self.written[line["event"], line["id"]] += 1

    def _on_fill(self, line: dict[str, Any]) -> None:
        self.facts += 1
        qty, value = Decimal(line["qty"]), Decimal(line["qty"]) * Decimal(line["price"])
        self.held[line["leg"].upper()] += qty if line["role"] == "entry" else -qty
        self.cash += value if line["side"] == "sell" else -value
        self.fees += Decimal(line["fee"])

    def _on_funding(self, line: dict[str, Any]) -> None:
        self.funding += Decimal(line["amount"])

    def _on_gate(self, line: dict[str, Any]) -> None:
        self.denials[line["reason"]] += 1
        self.seen[f"denied {line['reason']}"] += 1

    def _on_alarm(self, line: dict[str, Any]) -> None:
        key = line["name"], (line["leg"] or "").upper()
        if line["raised"]:
            self.seen[f"alarm {line['name'].rstrip('0123456789')}"] += key not in self.alarms
            self.alarms[key] = line["ts"]
        else:
            self.alarms.pop(key, None)

    def _on_act(self, line: dict[str, Any]) -> None:
        leg, share = line["args"].get("leg"), line["args"].get("share", "")
        legs = LEGS if leg is None else (leg.upper(),)
        self.acts[line["act_id"]] = Act(line["ts"], line["command"], legs, line["by"], share)
        self.seen[f"act {line['command']} while {self.state}"] += 1
        if share:
            self.throttle = Decimal(share)

    def _on_receipt(self, line: dict[str, Any]) -> None:
        act = self.acts.pop(line["act_id"], None)
        if act is not None:
            self.receipts.append(Answer(line["act_id"], act, line["result"]))
            self.seen[f"receipt {act.command} {line['result']}"] += 1

    def _on_error(self, line: dict[str, Any]) -> None:
        self.errors[line["type"]] += 1
        self.session_errors += 1
        if line["type"] in BUGS:
            self.odd.append(f"{line['where']}: {line['type']}: {line['message']}")

    @property
    def flattening(self) -> set[str]:
        """Legs that a running flatten has in hand."""
        return {leg for act in self.acts.values() if act.command == "flatten" for leg in act.legs}


BUGS = frozenset(
    {"KeyError", "TypeError", "AttributeError", "ValueError", "IndexError", "RuntimeError", "AssertionError",
     "NameError", "ZeroDivisionError", "InvalidOperation", "JournalError", "StopIteration", "OverClosedError",
     "UnboundLocalError", "NotImplementedError"}
)  # fmt: skip
"""Exceptions that no injected fault raises: contained or not, each is a bug."""
