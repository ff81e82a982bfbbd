"""The journal as the checker follows it, line by line as they reach the file; knows the format alone."""

import json
import os
from collections import Counter, deque
from decimal import Decimal
from pathlib import Path
from typing import Any

LEGS = ("LONG", "SHORT")
ENDED = ("canceled", "rejected", "denied", "expired")


class Record:
    """What the journal says so far."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CREAT)
        self._offset = 0
        """Where the last whole line ends."""
        self.lines = 0
        self.broken = ""
        self.state = ""
        self.held = dict.fromkeys(LEGS, Decimal(0))
        self.alarms: dict[tuple[str, str], int] = {}
        """Alarms that are raised, and when last."""
        self.written: Counter[tuple[str, str]] = Counter()
        """Command lines, by kind and id."""
        self.errors: Counter[str] = Counter()
        self.odd: list[str] = []
        """Errors that no fault explains."""
        self.acts: dict[str, tuple[int, str, tuple[str, ...]]] = {}
        """Acts without a receipt: time, command, legs."""
        self.receipts: deque[tuple[str, str, tuple[str, ...], int, str]] = deque()
        """Fresh receipts: command, result, legs, when the act was given, its id."""
        self.facts = 0
        """Lines on orders and fills."""

    def close(self) -> None:
        os.close(self._file)

    def follow(self) -> bool:
        """Read what is new; whether anything was."""
        data = os.pread(self._file, 1 << 20, self._offset)
        whole = data.rfind(b"\n") + 1
        if not whole:
            return False
        self._offset += whole
        for line in data[:whole].splitlines():
            self._take(json.loads(line))
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
        self.alarms.clear()

    def _on_state(self, line: dict[str, Any]) -> None:
        self.state = line["name"]

    def _on_order(self, line: dict[str, Any]) -> None:
        self.facts += 1
        self.written[line["event"], line["id"]] += 1

    def _on_fill(self, line: dict[str, Any]) -> None:
        self.facts += 1
        qty = Decimal(line["qty"])
        self.held[line["leg"].upper()] += qty if line["role"] == "entry" else -qty

    def _on_alarm(self, line: dict[str, Any]) -> None:
        key = line["name"], (line["leg"] or "").upper()
        if line["raised"]:
            self.alarms[key] = line["ts"]
        else:
            self.alarms.pop(key, None)

    def _on_act(self, line: dict[str, Any]) -> None:
        leg = line["args"].get("leg")
        legs = LEGS if leg is None else (leg.upper(),)
        self.acts[line["act_id"]] = line["ts"], line["command"], legs

    def _on_receipt(self, line: dict[str, Any]) -> None:
        act = self.acts.pop(line["act_id"], None)
        if act is not None:
            since, command, legs = act
            self.receipts.append((command, line["result"], legs, since, line["act_id"]))

    def _on_error(self, line: dict[str, Any]) -> None:
        self.errors[line["type"]] += 1
        if line["type"] in BUGS:
            self.odd.append(f"{line['where']}: {line['type']}: {line['message']}")

    @property
    def flattening(self) -> set[str]:
        """Legs that a running flatten has in hand."""
        return {leg for _, command, legs in self.acts.values() if command == "flatten" for leg in legs}


BUGS = frozenset(
    {"KeyError", "TypeError", "AttributeError", "ValueError", "IndexError", "RuntimeError", "AssertionError",
     "NameError", "ZeroDivisionError", "InvalidOperation", "JournalError", "StopIteration", "OverClosedError",
     "UnboundLocalError", "NotImplementedError"}
)  # fmt: skip
"""Exceptions that no injected fault raises: contained or not, each is a bug."""
