"""The line between client and venue: requests and notices take time, get lost, come late, twice or out of order."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from tests.venue.core import Notice, Order, Request, Venue, VenueError
from tests.venue.faults import Chance

Schedule = Callable[[int, Callable[[], None]], None]
"""Runs a callback after so many ns."""
REFUSALS = {
    "GTX": (-2019, -4014, -4164, -1015, -5022),
    "LIMIT": (-1015, -2025),
    "STOP_MARKET": (-2021, -1015, -4045),
    "MARKET": (-2022, -1015),
}
REQUEST_MS = (5, 40)
NOTICE_MS = (5, 60)
LATE_REQUEST_MS = (700, 5_000)
LATE_NOTICE_MS = (300, 4_000)
ROLL_CALL_MS = (200, 5_000)


class Listener(Protocol):
    """A client as the line sees it."""

    def on_notice(self, notice: Notice) -> None:
        """Something came on the event stream."""

    def on_refused(self, kind: str, client_id: str, code: int, reason: str) -> None:
        """A request was refused for certain."""

    def on_unknown(self, kind: str, client_id: str) -> None:
        """A request was answered with 5xx."""

    def on_answer(self, client_id: str, order: Order | None) -> None:
        """What the venue says of an order; None where it has never heard of it."""

    def on_wallet(self, wallet: Decimal) -> None:
        """What the account holds, without open profit or loss."""

    def roll_call(self) -> None:
        """The event stream is back: ask about every open order, and for the wallet."""


class Link:
    """One venue, one listener at a time."""

    def __init__(self, venue: Venue, chance: Chance, schedule: Schedule, now: Callable[[], int]) -> None:
        self.venue = venue
        self.chance = chance
        self.schedule = schedule
        self.now = now
        self.listener: Listener | None = None
        self.in_flight: Counter[tuple[str, str]] = Counter()
        """Requests on their way, by kind and client id."""
        self.on_way: dict[str, Request] = {}
        """Orders that will yet reach the venue."""
        self.notices_in_flight = 0
        self.down_until = 0
        """Until then the event stream tells nothing."""
        self.faulty_until: int | None = None
        self._session = 0
        self._last_due = 0
        self._muted: set[str] = set()
        self._recent: deque[Notice] = deque(maxlen=40)
        self._late: Callable[[Notice], bool] | None = None
        venue.tell = self._tell
        venue.tell_wallet = self._tell_wallet

    def attach(self, listener: Listener | None) -> None:
        """A new client listens; what is on its way to the old one is lost."""
        self._session += 1
        self.listener = listener
        self._last_due = 0
        self.down_until = 0
        self.notices_in_flight = 0
        self._recent.clear()
        self._muted.clear()

    # -- requests --------------------------------------------------------------------------------------------------

    def place(self, request: Request) -> None:
        """Send an order."""
        refusal = self.chance.rng.choice(REFUSALS[request.type])
        self._send("place", request.client_id, lambda: self.venue.place(request), refusal, request)

    def cancel(self, client_id: str) -> None:
        """Send a cancel."""
        self._send("cancel", client_id, lambda: self._cancel(client_id), -1015)

    def modify(self, client_id: str, qty: Decimal) -> None:
        """Send a change of quantity."""
        self._send("modify", client_id, lambda: self.venue.modify(client_id, qty), -1015)

    def query(self, client_id: str, *, sure: bool = False) -> None:
        """Ask what became of an order; a request that is still on its way is waited for in silence.

        A sure question stands for one that is put until it is answered.
        """
        chance = self.chance
        if not sure and chance.happens("lost_answer"):
            return
        self._go("query", client_id, chance.delay(*REQUEST_MS), lambda: self._answer(client_id))

    def query_wallet(self) -> None:
        """Ask what the account holds."""
        self._go("query", "", self.chance.delay(*REQUEST_MS), self._answer_wallet)

    def _answer_wallet(self) -> None:
        wallet = self.venue.wallet
        self._respond(lambda listener: listener.on_wallet(wallet))

    def _answer(self, client_id: str) -> None:
        if client_id in self.on_way and not self.chance.faults.very_late_request:
            return
        order = self.venue.orders.get(client_id)
        said = None if order is None else replace(order, trades=list(order.trades))
        self._respond(lambda listener: listener.on_answer(client_id, said))

    def _send(
        self, kind: str, client_id: str, act: Callable[[], object], refusal: int, request: Request | None = None
    ) -> None:
        chance = self.chance
        if chance.happens("lost_request"):
            return
        delay = chance.delay(*REQUEST_MS)
        if chance.happens("unknown_dead"):
            self.schedule(delay, lambda: self._respond(lambda listener: listener.on_unknown(kind, client_id)))
            return
        if chance.happens("refused"):
            self._go(kind, client_id, delay, lambda: self._refuse(kind, client_id, refusal, "refused by chance"))
            return
        unknown = chance.happens("unknown_live")
        if chance.happens("late_request") or (request is not None and chance.happens("very_late_request")):
            delay = chance.delay(*LATE_REQUEST_MS)
        if request is not None:
            self.on_way[client_id] = request
        self._go(kind, client_id, delay, lambda: self._arrive(kind, client_id, act, unknown=unknown))

    def _go(self, kind: str, client_id: str, delay: int, act: Callable[[], None]) -> None:
        self.in_flight[kind, client_id] += 1

        def arrive() -> None:
            self.in_flight[kind, client_id] -= 1
            self.venue.now = self.now()
            act()

        self.schedule(delay, arrive)

    def _arrive(self, kind: str, client_id: str, act: Callable[[], object], *, unknown: bool) -> None:
        self.on_way.pop(client_id, None) if kind == "place" else None
        if unknown:
            self._respond(lambda listener: listener.on_unknown(kind, client_id))
            self._muted.add(client_id)
        elif self.chance.happens("lost_ack"):
            self._muted.add(client_id)
        try:
            act()
        except VenueError as error:
            if client_id not in self._muted:
                self._refuse(kind, client_id, error.code, str(error))
        finally:
            self._muted.discard(client_id)

    def _cancel(self, client_id: str) -> None:
        chance, order = self.chance, self.venue.open.get(client_id)
        can_fill = order is not None and order.type in ("LIMIT", "GTX") and order.price is not None
        if can_fill and order is not None and order.price is not None:
            step = self.venue.filters.step
            if order.left > step and chance.happens("fill_after_cancel"):
                self._late = lambda notice: notice.kind == "TRADE"
                self.venue.fill(order, step * (int(order.left / step) // 2 or 1), order.price, maker=True)
            elif chance.happens("filled_before_cancel"):
                self._late = lambda notice: notice.kind == "TRADE"
                self.venue.fill(order, order.left, order.price, maker=True)
            self._late = None
        self.venue.cancel(client_id)

    def _refuse(self, kind: str, client_id: str, code: int, reason: str) -> None:
        self._respond(lambda listener: listener.on_refused(kind, client_id, code, reason))

    def _respond(self, act: Callable[[Listener], None]) -> None:
        """The answer to a request goes the way back; to the client that asked only."""
        self._deliver(self.chance.delay(*REQUEST_MS), act)

    # -- the event stream ------------------------------------------------------------------------------------------

    def _tell(self, notice: Notice) -> None:
        if self.listener is None or self.is_down:
            return
        chance = self.chance
        muted = notice.client_id in self._muted
        if muted and notice.kind != "TRADE":
            return
        due = max(self.now() + chance.delay(*NOTICE_MS), self._last_due)
        late = self._late is not None and self._late(notice)
        if late or (notice.kind in ("NEW", "CANCELED", "AMENDMENT") and self._comes_late(notice)):
            due = self.now() + chance.delay(*LATE_NOTICE_MS)
        else:
            self._last_due = due
        wait = due - self.now()
        self._deliver(wait, lambda listener: self._hand_over(listener, notice), stream=True)
        if chance.happens("duplicate"):
            again = wait + chance.delay(0, 400)
            self._deliver(again, lambda listener: self._hand_over(listener, notice), stream=True)

    def _tell_wallet(self, wallet: Decimal) -> None:
        """In its sequence, and never twice; one that is lost is made up for by the next."""
        if self.listener is None or self.is_down:
            return
        due = self._last_due = max(self.now() + self.chance.delay(*NOTICE_MS), self._last_due)
        self._deliver(due - self.now(), lambda listener: listener.on_wallet(wallet), stream=True)

    def _comes_late(self, notice: Notice) -> bool:
        if notice.kind == "NEW" and self.chance.happens("fill_before_ack"):
            return True
        return self.chance.happens("late_ack")

    def _hand_over(self, listener: Listener, notice: Notice) -> None:
        self._recent.append(notice)
        listener.on_notice(notice)
        if self._recent and self.chance.happens("replay"):
            old = self.chance.rng.choice(self._recent)
            self._deliver(self.chance.delay(0, 100), lambda other: other.on_notice(old), stream=True)

    def _deliver(self, wait: int, act: Callable[[Listener], None], *, stream: bool = False) -> None:
        session = self._session
        self.notices_in_flight += 1

        def arrive() -> None:
            if session != self._session or self.listener is None:
                return
            self.notices_in_flight -= 1
            if not (stream and self.is_down):
                act(self.listener)

        self.schedule(wait, arrive)

    @property
    def is_down(self) -> bool:
        """Whether the event stream is broken."""
        return self.now() < self.down_until

    def break_stream(self, duration: int) -> None:
        """Lose events for a while; then a burst of old ones, and within seconds the client's roll call."""
        if self.is_down:
            return
        self.down_until = self.now() + duration
        session = self._session

        def call(late: bool) -> None:
            if session != self._session or self.listener is None:
                return
            if late:
                self.listener.roll_call()
                return
            for notice in list(self._recent)[-6:]:
                self._tell_again(notice)

        self.schedule(duration, lambda: call(False))
        self.schedule(duration + self.chance.delay(*ROLL_CALL_MS), lambda: call(True))

    def _tell_again(self, notice: Notice) -> None:
        self._deliver(self.chance.delay(0, 20), lambda listener: listener.on_notice(notice), stream=True)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is on its way in either direction."""
        return not self.notices_in_flight and not any(self.in_flight.values())
