"""Requests without an answer: when the venue is asked what became of an order, and when asking ends."""

from typing import Final

import msgspec

from strategy.config import ExecutionConfig
from strategy.domain import NS_PER_MS, NS_PER_S, Leg

MOST_DOUBLINGS: Final = 32
"""A wait is long beyond any limit by then; further ones only make the number larger."""
ROLL_CALL_REST_NS: Final = 60 * NS_PER_S
"""After its last question a roll call does not begin again by itself for so long."""


class Inquiry(msgspec.Struct):
    """One order whose request is unanswered."""

    due_ns: int
    """When the venue is asked (again)."""
    asked: int = 0
    """Questions in a row without a word."""
    refused: bool = False
    """The venue has refused a cancel or resize since it was last asked."""
    refusals: int = 0
    """How often it has."""
    since_ns: int = 0
    """When the first request without an answer left."""


class Due(msgspec.Struct, frozen=True):
    """What is to be done about unanswered requests."""

    ask: list[str]
    refused: set[str]
    """Those of them whose cancel or resize was refused: it may be repeated."""
    lost: list[str]
    """Asked so often in vain that asking ends."""


class Inquiries:
    """Which orders await an answer; asking doubles its wait, is bounded, and ends with the order counted as lost.

    A refusal is a word: after it the request may be repeated, a few times soon and then each time later, and the count
    of questions begins anew.
    """

    def __init__(self, execution: ExecutionConfig) -> None:
        self._wait = execution.ask_after_ms * NS_PER_MS
        self._retry = execution.retry_first_ms * NS_PER_MS
        self._longest_retry = execution.retry_last_ms * NS_PER_MS
        self._attempts = execution.ask_attempts
        self._open: dict[str, Inquiry] = {}
        self.lost: dict[str, int] = {}
        """Orders about which the venue never said a word, and when they began to wait (ns)."""

    def expect(self, order_id: str, now: int) -> None:
        """A request on the order has left at `now` (ns); repeating one does not begin the count again."""
        inquiry = self._open.setdefault(order_id, Inquiry(now, since_ns=now))
        inquiry.due_ns, inquiry.refused = now + self._wait, False

    def refused(self, order_id: str, now: int) -> bool:
        """A cancel or resize was refused; false where that was known already."""
        inquiry = self._open.setdefault(order_id, Inquiry(now))
        if inquiry.refused:
            return False
        beyond = min(max(0, inquiry.refusals - self._attempts), MOST_DOUBLINGS)
        inquiry.due_ns = now + min(self._retry << beyond, self._longest_retry)
        inquiry.refused = True
        inquiry.refusals += 1
        inquiry.asked = 0
        return True

    def answered(self, order_id: str) -> None:
        """The venue has told what became of the order."""
        self._open.pop(order_id, None)
        self.lost.pop(order_id, None)

    def renew(self, now: int) -> None:
        """Begin again with the lost ones: an operator's act, or books that differ, are worth another question."""
        for order_id, since in self.lost.items():
            self._open[order_id] = Inquiry(now, since_ns=since)
        self.lost.clear()

    def take_due(self, now: int) -> Due:
        """About which orders to ask the venue now, and which have just been given up."""
        due = Due([], set(), [])
        for order_id, inquiry in tuple(self._open.items()):
            if inquiry.due_ns > now:
                continue
            if inquiry.asked >= self._attempts:
                del self._open[order_id]
                self.lost[order_id] = inquiry.since_ns
                due.lost.append(order_id)
                continue
            inquiry.due_ns = now + (self._wait << inquiry.asked)
            inquiry.asked += 1
            if inquiry.refused:
                due.refused.add(order_id)
                inquiry.refused = False
            due.ask.append(order_id)
        return due

    def waiting_since(self) -> int | None:
        """When the oldest request without an answer left, ns."""
        waiting = (*(inquiry.since_ns for inquiry in self._open.values()), *self.lost.values())
        return min((since for since in waiting if since), default=None)

    def next_due(self) -> int | None:
        """The earliest time at which there is something to ask, ns."""
        return min((inquiry.due_ns for inquiry in self._open.values()), default=None)


class RollCalls:
    """Where the venue sees a leg differently, it is asked about all of the leg's orders: a few times, then no more."""

    def __init__(self, execution: ExecutionConfig) -> None:
        self._wait = execution.retry_first_ms * NS_PER_MS
        self._attempts = execution.ask_attempts
        self._running: dict[Leg, Inquiry] = {}
        self._rest_until: dict[Leg, int] = {}

    def begin(self, leg: Leg, now: int) -> None:
        """Ask at once; nothing where one is under way, or has ended a moment ago."""
        if leg not in self._running and self._rest_until.get(leg, 0) <= now:
            self._running[leg] = Inquiry(now)

    def renew(self) -> None:
        """The next one may begin at once."""
        self._rest_until.clear()

    def take_due(self, now: int) -> list[Leg]:
        """The legs about which to ask now."""
        due = [leg for leg, inquiry in self._running.items() if inquiry.due_ns <= now]
        for leg in due:
            inquiry = self._running[leg]
            inquiry.due_ns = now + (self._wait << inquiry.asked)
            inquiry.asked += 1
            if inquiry.asked >= self._attempts:
                del self._running[leg]
                self._rest_until[leg] = now + ROLL_CALL_REST_NS
        return due

    def next_due(self) -> int | None:
        """The earliest time at which there is something to ask, ns."""
        return min((inquiry.due_ns for inquiry in self._running.values()), default=None)
