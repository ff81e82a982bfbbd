"""Every command just as it leaves: its line, id, values and place, and the door that it passes."""

from collections import deque
from typing import TYPE_CHECKING

from strategy.config import Config
from tests.simulation.told import ZERO, Purpose, Told, read_id
from tests.venue.core import Request

if TYPE_CHECKING:
    from tests.simulation.checker import Checker

MS = 1_000_000
S = 1_000_000_000
AGAIN_NS = 400 * MS
"""A cancel without an answer is not sent again within this."""
SHUT = ("mismatch", "nothing-left")
"""Alarms that say that own books and venue differ."""
SENDS_PER_KEY = 40
"""More orders for one purpose within ten seconds is a retry chain that runs wild."""


class SendCheck:
    """Invariants 1 to 4, 10, 11, 13, 18, 22, 25 to 27; with `limits` 9, 15 and 19."""

    def __init__(self, checker: "Checker", config: Config) -> None:
        self._checker = checker
        self._stale = config.watchdog.stale_after_ms * MS
        self.live: dict[tuple[str, str, str], dict[str, Told]] = {}
        """Per purpose the orders that were sent and may be there."""
        self._by_key: dict[tuple[str, str, str], deque[int]] = {}

    def on_send(self, kind: str, client_id: str, request: Request | None) -> None:
        """Just as a command leaves; `request` is what a new or a changed order shall be."""
        checker = self._checker
        now, count = checker.link.now(), checker.sent[kind, client_id]
        told = checker.orders.get(client_id)
        if kind == "query":
            checker.require(25, count <= 60, f"{client_id} is asked about without end")
            if told is not None:
                told.waits.setdefault(kind, now)
            return
        word = {"place": "submit"}.get(kind, kind)
        lines = checker.record.written[word, client_id]
        checker.require(22, lines >= count, f"{kind} of {client_id} left unwritten")
        if kind == "place":
            assert request is not None
            self._place(client_id, request, now)
            return
        enters = kind == "modify" and request is not None and told is not None and self._grows(told, request)
        checker.limits.on_send(now, f"{kind} of {client_id}", enters=enters)
        if told is None:
            return
        if kind == "cancel":
            again = now - told.cancelled < AGAIN_NS and now >= checker.excused_until
            checker.require(13, not again, f"{client_id} is cancelled twice within {AGAIN_NS / S} s")
            told.cancelled = now
        elif request is not None:
            told.wanted = request.qty
        told.waits[kind] = now

    def _grows(self, told: Told, request: Request) -> bool:
        """Whether a change makes an entry larger: then it leaves as an entry does."""
        checker = self._checker
        if told.purpose.role != "entry" or request.qty <= told.qty:
            return False
        words = f"growth of {request.client_id} to {request.qty}"
        self._check_door(words)
        assert request.price is not None
        checker.limits.check_exposure(request.leg, words, (request.qty - told.qty) * request.price)
        return True

    def _place(self, client_id: str, request: Request, now: int) -> None:
        checker = self._checker
        purpose = self._check_id(client_id, request)
        self._check_values(request, purpose)
        told = Told(request, purpose, checker.session, now, qty=request.qty)
        checker.limits.on_send(now, f"{purpose.role} {client_id}", enters=purpose.role == "entry")
        if purpose.role == "entry":
            self._check_entry(client_id, purpose, request)
        elif purpose.role == "close":
            self._check_close(client_id, told)
        checker.orders[client_id] = told
        self.live.setdefault(purpose.key, {})[client_id] = told
        times = self._by_key.setdefault(purpose.key, deque(maxlen=SENDS_PER_KEY))
        wild = len(times) == SENDS_PER_KEY and times[0] > now - 10 * S
        checker.require(25, not wild, f"{purpose.key} was sent {SENDS_PER_KEY} times within ten seconds")
        times.append(now)

    def _check_id(self, client_id: str, request: Request) -> Purpose:
        checker = self._checker
        purpose = read_id(client_id)
        checker.require(26, purpose is not None and len(client_id) <= 36, f"{client_id} cannot be read")
        assert purpose is not None
        checker.require(26, client_id not in checker.orders, f"{client_id} was used before")
        opens = (request.side == "BUY") is (request.leg == "LONG")
        fits = purpose.leg == request.leg and (purpose.role == "entry") is opens
        checker.require(26, fits, f"{client_id} says {purpose}, the order {request}")
        return purpose

    def _check_values(self, request: Request, purpose: Purpose) -> None:
        checker = self._checker
        filters, price = checker.venue.filters, request.price
        if price is not None:
            checker.require(1, price > 0 and price % filters.tick == 0, f"{request.client_id} at {price}")
        in_bounds = filters.min_qty <= request.qty <= filters.max_qty and request.qty % filters.step == 0
        checker.require(2, in_bounds, f"{request.client_id} of {request.qty}")
        if purpose.role == "entry":
            value = request.qty * (price or ZERO)
            checker.require(3, value >= filters.min_notional, f"{request.client_id} is worth {value}")

    def _check_door(self, what: str) -> None:
        """Nothing that enters leaves while anything is latched, the books differ or the prices are no good."""
        checker = self._checker
        state, latched = checker.record.state, checker.record.latched
        for name in ("flattening", "breaker"):
            checker.require(11, name not in latched, f"{what} left while {name} is latched")
        checker.require(10, state == "running" and not latched, f"{what} left while {state or 'no state was said'}")
        alarms = [key for key in checker.record.alarms if key[0] in SHUT]
        checker.require(10, not alarms, f"{what} left while {alarms}")
        age = checker.link.now() - (checker.began if checker.quoted is None else checker.quoted)
        is_fresh = checker.quoted is not None and age <= self._stale
        checker.require(10, is_fresh, f"{what} left on prices {age / S:.1f} s old")
        checker.require(10, not checker.is_crossed, f"{what} left while bid is above ask")
        checker.require(10, checker.is_warm, f"{what} left while the indicators are cold")

    def _check_entry(self, client_id: str, purpose: Purpose, request: Request) -> None:
        checker = self._checker
        what = f"entry {client_id}"
        self._check_door(what)
        assert request.price is not None
        checker.limits.check_exposure(request.leg, what, request.qty * request.price)
        checker.limits.check_touch(what, request, checker.orders.values())
        for other, told in list(self.live.get(purpose.key, {}).items()):
            live = other in checker.venue.open or other in checker.link.on_way
            number = 27 if told.session != checker.session else 4
            checker.require(number, not live, f"{client_id} was sent while {other} is live at {purpose.key}")
            known = told.ended and (not told.ambiguous or told.answered)
            checker.require(18, known, f"{client_id} was sent before the venue was asked what became of {other}")
            del self.live[purpose.key][other]

    def _check_close(self, client_id: str, new: Told) -> None:
        """Closes on their way never ask for more than is held: a second flatten sends nothing that the first has."""
        checker = self._checker
        leg = new.purpose.leg
        live = [
            told
            for told in checker.orders.values()
            # One that is being cancelled stands for a lot that has closed otherwise.
            if told.purpose.role == "close"
            and told.purpose.leg == leg
            and not told.ended
            and "cancel" not in told.waits
        ]
        asked = new.left + sum((told.left for told in live), ZERO)
        # Books that differ are closed by the larger of the two; invariant 17 watches over that.
        limit = max(checker.held[leg], checker.record.held[leg])
        checker.require(13, asked <= limit, f"{client_id}: closes of {asked} on their way, {leg} holds {limit}")
