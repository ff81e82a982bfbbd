"""An independent venue in memory: commands and events queue, one at a time, and nothing happens by itself."""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from strategy.books import Fill, ReportStatus, VenueReport
from strategy.domain import DesiredOrder, Leg, Market, Role, Side
from strategy.grid import HedgeGrid
from strategy.order_index import OrderRecord

START_NS = 1_700_000_000_000_000_000
MS = 1_000_000
FEE = Decimal("0.0002")


class VenueDownError(Exception):
    """What the link to the venue raises when it is told to."""


@dataclass
class Mischief:
    """How often the venue does what a test would rather not see; each a probability."""

    piecemeal: float = 0.0
    """A fill takes a part only."""
    rejects_entry: float = 0.0
    rejects_exit: float = 0.0
    denies: float = 0.0
    """Refused by the risk engine instead of the venue."""
    refuses_request: float = 0.0
    """A cancel or resize of a live order is refused."""
    late_fill: float = 0.0
    """A cancelled order fills after its cancel was told."""
    duplicates: float = 0.0
    """An event comes twice."""
    link_fails: float = 0.0
    """The call itself raises; nothing was sent."""
    link_fails_after: float = 0.0
    """The call raises although the command was sent."""
    pair_splits: float = 0.0
    """Of a lot's two exits the stop leaves, then the call raises."""


@dataclass
class VenueOrder:
    """An order as the venue has it."""

    id: str
    order: DesiredOrder
    qty: Decimal
    filled: Decimal = Decimal(0)
    arrived: bool = False
    done: bool = False
    triggered: bool = False

    @property
    def open_qty(self) -> Decimal:
        return self.qty - self.filled

    @property
    def leg(self) -> Leg:
        return self.order.key.leg

    @property
    def role(self) -> Role:
        return self.order.key.role


@dataclass(frozen=True)
class Event:
    """What the venue tells of an order."""

    kind: str
    order_id: str
    reason: str = ""
    qty: Decimal = Decimal(0)
    fill: Fill | None = None
    post_only: bool = False


class MemoryJournal:
    """Keeps its lines; `fails` decides which writes raise."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.failure = ""
        self.fails: Callable[[str], bool] = lambda _kind: False

    def write(self, kind: str, ts: int, **fields: Any) -> None:
        if self.fails(kind):
            raise OSError(28, "no space left on device")
        self.lines.append({"seq": len(self.lines) + 1, "ts": ts, "kind": kind, **fields})

    def of(self, kind: str, **wanted: Any) -> list[dict[str, Any]]:
        return [
            line
            for line in self.lines
            if line["kind"] == kind and all(line[name] == value for name, value in wanted.items())
        ]


@dataclass
class FakeVenue:
    """Commands queue in `inbound`, events in `outbound`; with `instant` both are worked off inside the call."""

    rng: random.Random = field(default_factory=lambda: random.Random(0))
    mischief: Mischief = field(default_factory=Mischief)
    instant: bool = False
    enforces_reduce_only: bool = True
    linked_exits: bool = False
    """A pair's orders shrink each other as they fill."""
    hangs: str = ""
    """An order that never fills by itself."""
    step: Decimal = Decimal("0.001")
    clock: int = START_NS
    quote: Market | None = None
    still_ns: int = 0
    """For how long the feed has stood still."""
    on_submit: Callable[[VenueOrder], None] = lambda _order: None
    before_call: Callable[[str, tuple[str, ...]], None] = lambda _call, _ids: None
    """Takes each call and the ids that it is about; what it raises, the call raises."""
    before_event: Callable[[Event, bool], None] = lambda _event, _again: None
    """Takes each event and whether it has been told before."""
    on_delivered: Callable[[Event, bool], None] = lambda _event, _again: None
    handler_failed: Callable[[Exception], None] | None = None
    """Takes what a handler of the grid let out, as the shell's guard would; without it the exception goes on."""

    def __post_init__(self) -> None:
        self.orders: dict[str, VenueOrder] = {}
        self.inbound: deque[tuple[str, str, Decimal]] = deque()
        self.outbound: deque[Event] = deque()
        self.told: list[Event] = []
        self.true_position = dict.fromkeys(Leg, Decimal(0))
        self.told_position = dict.fromkeys(Leg, Decimal(0))
        self.cash = Decimal(0)
        """Sells less buys, quote, before fees."""
        self.fees = Decimal(0)
        self.wakes: set[int] = set()
        self.commands = {"submit": 0, "cancel": 0, "resize": 0, "ask": 0}
        self.grid: HedgeGrid | None = None
        self._linked: dict[str, str] = {}
        self._trades = 0

    # -- strategy.orders.Venue -------------------------------------------------------------------------------------

    def now(self) -> int:
        return self.clock

    def market(self) -> Market | None:
        """The quote; as old as `still_ns` says."""
        return None if self.quote is None else msgspec.structs.replace(self.quote, ts=self.clock - self.still_ns)

    def position(self, leg: Leg) -> Decimal:
        return self.told_position[leg]

    def knows(self, order_id: str) -> bool:
        return order_id in self.orders

    def submit(self, order_id: str, order: DesiredOrder) -> None:
        self._begin("submit", order_id)
        self._note(order_id, order)
        self._send("submit", order_id)

    def submit_pair(self, stop_id: str, stop: DesiredOrder, target_id: str, target: DesiredOrder) -> None:
        self._begin("submit", stop_id, target_id)
        if self.rng.random() < self.mischief.pair_splits:
            self._note(stop_id, stop)
            self._send("submit", stop_id)
            raise VenueDownError("no link any more")
        self._note(stop_id, stop)
        self._note(target_id, target)
        if self.linked_exits:
            self._linked |= {stop_id: target_id, target_id: stop_id}
        self.commands["submit"] += 2
        self.inbound += [("submit", stop_id, Decimal(0)), ("submit", target_id, Decimal(0))]
        if self.instant:
            self.process()
            self.deliver()
        self._may_fail(self.mischief.link_fails_after)

    def cancel(self, order_id: str) -> None:
        self._begin("cancel", order_id)
        self._must_know(order_id)
        self._send("cancel", order_id)

    def resize(self, order_id: str, qty: Decimal) -> None:
        self._begin("resize", order_id)
        self._must_know(order_id)
        self._send("resize", order_id, qty)

    def ask(self, order_id: str) -> None:
        """Tell again what became of an order; one that never arrived is not known."""
        self.commands["ask"] += 1
        order = self.orders.get(order_id)
        if order is None or (not order.arrived and not order.done):
            waiting = any(queued == order_id for _, queued, _ in self.inbound)
            if not waiting:
                self.outbound.append(Event("rejected", order_id, "-2013 Order does not exist."))
        elif not order.done:
            self.outbound.append(Event("accepted", order_id))

    def report(self, order_id: str) -> VenueReport | None:
        """What was told of the order; what is still on its way is not known yet."""
        order = self.orders.get(order_id)
        if order is None:
            return None
        told = [event for event in self.told if event.order_id == order_id]
        fills = tuple(event.fill for event in told if event.fill is not None)
        filled = sum((fill.qty for fill in fills), Decimal(0))
        ended = [event.kind for event in told if event.kind in ("canceled", "expired", "rejected", "denied")]
        status = ReportStatus.OPEN if told else ReportStatus.IN_FLIGHT
        if order.done and not order.open_qty and filled == order.filled:
            status = ReportStatus.FILLED
        elif ended:
            status = ReportStatus("rejected" if ended[-1] == "denied" else ended[-1])
        qty = next((event.qty for event in reversed(told) if event.kind == "updated"), order.order.qty)
        asked = any(kind != "submit" and queued == order_id for kind, queued, _ in self.inbound)
        told_soon = any(event.order_id == order_id for event in self.outbound)
        pending = asked or told_soon
        words = next((event.reason for event in reversed(told) if event.kind in ("rejected", "denied")), "")
        return VenueReport(order_id, order.order.side, order.order.price, qty, filled, status, fills, words, pending)

    def reports(self, since: int = 0) -> list[VenueReport]:
        """The same of every order."""
        return [report for report in map(self.report, self.orders) if report is not None]

    def adopt(self, order: OrderRecord) -> None:
        """Everything is known here."""

    def wake_at(self, ts: int) -> None:
        self.wakes.add(max(ts, self.clock + 1))

    # -- what a test reads -----------------------------------------------------------------------------------------

    def live(self, leg: Leg | None = None, *roles: Role) -> list[VenueOrder]:
        """Orders in flight or open."""
        return [
            order
            for order in self.orders.values()
            if not order.done and (leg is None or order.leg is leg) and (not roles or order.role in roles)
        ]

    def open_qty(self, leg: Leg, role: Role) -> Decimal:
        return sum((order.open_qty for order in self.live(leg, role)), Decimal(0))

    @property
    def quiet(self) -> bool:
        """Whether no message is in flight."""
        return not self.inbound and not self.outbound

    # -- what a test does ------------------------------------------------------------------------------------------

    def quote_at(self, bid: Decimal | str, ask: Decimal | str) -> None:
        """Move the market and match; the grid is not told."""
        self.quote = Market(Decimal(bid), Decimal(ask), self.clock)
        self.match()
        if self.instant:
            self.deliver()

    def process(self, count: int | None = None) -> None:
        """Let commands arrive, all of them or the first `count`."""
        while self.inbound and count != 0:
            kind, order_id, qty = self.inbound.popleft()
            {"submit": self._arrive, "cancel": self._cancel, "resize": self._resize}[kind](self.orders[order_id], qty)
            count = None if count is None else count - 1

    def deliver(self, count: int | None = None) -> None:
        """Tell the grid what has happened, all of it or the first `count` events."""
        while self.outbound and count != 0:
            event = self.outbound.popleft()
            self.told.append(event)
            if event.fill is not None:
                order = self.orders[event.order_id]
                self.told_position[order.leg] += self._signed(order, event.fill.qty)
            self.tell(event)
            if self.rng.random() < self.mischief.duplicates:
                self.tell(event, again=True)
            count = None if count is None else count - 1

    def drain(self) -> None:
        """Until no message is in flight."""
        for _ in range(2_000):
            if self.quiet:
                return
            self.process()
            self.deliver()
        raise AssertionError("messages without end")

    def replay_one(self) -> None:
        """Tell an old event again."""
        old = [event for event in self.told if event.kind not in ("updated", "request-refused")]
        if old:
            self.tell(self.rng.choice(old), again=True)

    def advance(self, ns: int) -> bool:
        """Let time pass; tells whether the grid had asked to be woken by then."""
        self.clock += ns
        due = {wake for wake in self.wakes if wake <= self.clock}
        self.wakes -= due
        return bool(due)

    def tell(self, event: Event, *, again: bool = False) -> None:
        grid = self.grid
        assert grid is not None
        self.before_event(event, again)
        try:
            match event.kind:
                case "accepted":
                    grid.on_accepted(event.order_id)
                case "rejected" | "denied":
                    grid.on_refused(event.order_id, event.reason, event=event.kind, post_only=event.post_only)
                case "canceled" | "expired":
                    grid.on_ended(event.order_id, event.kind)
                case "updated":
                    grid.on_resized(event.order_id, event.qty)
                case "request-refused":
                    grid.on_request_refused(event.order_id, event.reason)
                case "fill":
                    assert event.fill is not None
                    grid.on_fill(event.fill)
        except Exception as error:
            if self.handler_failed is None:
                raise
            self.handler_failed(error)
        self.on_delivered(event, again)

    def fill(self, order: VenueOrder, qty: Decimal | str | None = None, price: Decimal | str | None = None) -> None:
        """Fill an order, to its end or in part, at its own price or another."""
        amount = order.open_qty if qty is None else Decimal(qty)
        at = Decimal(price) if price is not None else (order.order.price or self._touch(order))
        self._execute(order, amount, at)

    def match(self) -> None:
        """Fill what the market has reached."""
        for order in tuple(self.orders.values()):
            if order.arrived and not order.done and self._is_reached(order):
                order.triggered = order.role in (Role.SL, Role.CLOSE)
                price = order.order.price if order.role in (Role.ENTRY, Role.TP) else None
                self._execute(order, self._piece(order), self._touch(order) if price is None else price)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _begin(self, call: str, *order_ids: str) -> None:
        self._may_fail(self.mischief.link_fails)
        self.before_call(call, order_ids)

    def _note(self, order_id: str, order: DesiredOrder) -> None:
        assert order_id not in self.orders, f"id {order_id} used twice"
        self.orders[order_id] = VenueOrder(order_id, order, order.qty)
        self.on_submit(self.orders[order_id])

    def _may_fail(self, chance: float) -> None:
        if self.rng.random() < chance:
            raise VenueDownError("no link")

    def _must_know(self, order_id: str) -> None:
        if order_id not in self.orders:
            raise VenueDownError(f"{order_id} was never sent")

    def _send(self, kind: str, order_id: str, qty: Decimal = Decimal(0)) -> None:
        self.commands[kind] += 1
        self.inbound.append((kind, order_id, qty))
        if self.instant:
            self.process()
            self.deliver()
        self._may_fail(self.mischief.link_fails_after)

    def _arrive(self, order: VenueOrder, _qty: Decimal) -> None:
        chance = self.mischief.rejects_exit if order.role.reduces else self.mischief.rejects_entry
        if self.rng.random() < self.mischief.denies:
            self._end(order, Event("denied", order.id, "rate exceeded"))
        elif self.rng.random() < chance:
            self._end(order, Event("rejected", order.id, "system busy"))
        elif order.role is Role.ENTRY and self._is_reached(order):
            self._end(order, Event("rejected", order.id, "would take", post_only=True))
        elif order.role is Role.SL and self._is_reached(order):
            self._end(order, Event("rejected", order.id, "would trigger immediately"))
        elif order.role is Role.CLOSE and self._room(order) <= 0:
            self._end(order, Event("rejected", order.id, "reduce-only"))
        else:
            order.arrived = True
            if order.role is not Role.CLOSE:
                self.outbound.append(Event("accepted", order.id))
            if self._is_reached(order):
                self.match_one(order)

    def match_one(self, order: VenueOrder) -> None:
        self._execute(order, self._piece(order), self._touch(order))

    def _cancel(self, order: VenueOrder, _qty: Decimal) -> None:
        if order.done:
            self.outbound.append(Event("request-refused", order.id, "unknown order"))
        elif self.rng.random() < self.mischief.refuses_request:
            self.outbound.append(Event("request-refused", order.id, "system busy"))
        elif order.role is not Role.CLOSE and self.rng.random() < self.mischief.late_fill:
            before = len(self.outbound)
            self._execute(order, self.step, order.order.price or self._touch(order))
            late = [self.outbound.pop() for _ in range(len(self.outbound) - before)]
            if not order.done:
                self._end(order, Event("canceled", order.id))
            self.outbound.extend(reversed(late))
        else:
            self._end(order, Event("canceled", order.id))

    def _resize(self, order: VenueOrder, qty: Decimal) -> None:
        if order.done or qty <= order.filled or self.rng.random() < self.mischief.refuses_request:
            self.outbound.append(Event("request-refused", order.id, "cannot be changed"))
        else:
            order.qty = qty
            self.outbound.append(Event("updated", order.id, qty=qty))

    def _end(self, order: VenueOrder, event: Event) -> None:
        order.done = True
        self.outbound.append(event)

    def _room(self, order: VenueOrder) -> Decimal:
        """How much of it may fill: a reducing order never more than is held."""
        position = self.true_position[order.leg]
        if not order.role.reduces or not self.enforces_reduce_only:
            return order.open_qty
        if order.order.side is order.leg.entry_side:
            position = -position
        return min(order.open_qty, position)

    def _piece(self, order: VenueOrder) -> Decimal:
        steps = int(order.open_qty / self.step)
        rests = order.role in (Role.ENTRY, Role.TP)
        if not self.enforces_reduce_only and not rests:
            return order.open_qty
        if steps > 1 and self.rng.random() < self.mischief.piecemeal:
            return self.rng.randint(1, steps - 1) * self.step
        return order.open_qty

    def _execute(self, order: VenueOrder, qty: Decimal, price: Decimal) -> None:
        qty = min(qty, self._room(order))
        if qty <= 0:
            self._end(order, Event("expired", order.id))
            return
        self._trades += 1
        order.filled += qty
        order.done = order.open_qty <= 0
        self.true_position[order.leg] += self._signed(order, qty)
        self.cash += (1 if order.order.side is Side.SELL else -1) * qty * price
        fee = qty * price * FEE
        self.fees += fee
        maker = order.role in (Role.ENTRY, Role.TP)
        fill = Fill(order.id, f"t{self._trades}", order.order.side, price, qty, fee, maker)
        self.outbound.append(Event("fill", order.id, fill=fill))
        sibling = self.orders.get(self._linked.get(order.id, ""))
        if sibling is not None and not sibling.done and sibling.open_qty > order.open_qty:
            sibling.qty = sibling.filled + order.open_qty
            gone = sibling.open_qty <= 0
            sibling.done = gone
            event = Event("canceled", sibling.id) if gone else Event("updated", sibling.id, qty=sibling.qty)
            self.outbound.append(event)

    def _signed(self, order: VenueOrder, qty: Decimal) -> Decimal:
        return qty if order.order.side is order.leg.entry_side else -qty

    def _touch(self, order: VenueOrder) -> Decimal:
        assert self.quote is not None
        return self.quote.bid if order.order.side is Side.SELL else self.quote.ask

    def _is_reached(self, order: VenueOrder) -> bool:
        if order.id == self.hangs:
            return False
        price, buys = order.order.price, order.order.side is Side.BUY
        if price is None or order.triggered:
            return True
        if self.quote is None:
            return False
        if order.role is Role.SL:
            return self.quote.ask >= price if buys else self.quote.bid <= price
        return self.quote.ask <= price if buys else self.quote.bid >= price
