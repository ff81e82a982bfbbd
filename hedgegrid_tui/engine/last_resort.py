"""The last resort: cancels and closes with the execution client alone, for when the strategy itself is broken."""

import asyncio
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final, Protocol

import msgspec
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import CancelOrder, SubmitOrder
from nautilus_trader.model.enums import OrderStatus, PriceType
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId, PositionId
from nautilus_trader.model.orders import Order
from nautilus_trader.system.kernel import NautilusKernel

from strategy.books import Fill, ReportStatus, VenueReport
from strategy.domain import BPS, NS_PER_MS, NS_PER_S, ZERO, DesiredOrder, Leg, OrderKey, Role, plain
from strategy.flattener import BPS_STEP, QUOTE_STEP
from strategy.journal import JournalWriter
from strategy.order_factory import OrderFactory, exact, report_of
from strategy.order_ids import OrderId, base36, format_id, parse_id

LOOK_S: Final = 0.01
CANCEL_AGAIN_S: Final = 0.25
"""A cancel that was not answered by then is sent again."""
ENTRY_PATIENCE_S: Final = 1.0
"""Longer than this closing does not wait for the cancels of entries."""
CLOSE_AGAIN_S: Final = 0.1
"""After a close that was refused the next one waits."""
CLOSE_HANGS_S: Final = 2.0
"""A close that has not filled to its end by then is cancelled, and what is left is closed by another."""
LEAVING_NS: Final = NS_PER_S
LIVE: Final = (ReportStatus.OPEN, ReportStatus.IN_FLIGHT)


class Witness(Protocol):
    """What the strategy has noted by itself, so that no line of the journal is written twice or never."""

    def has_booked(self, fill: Fill) -> bool:
        """Whether the fill is in its books, and so in the journal."""

    def holds_open(self, order_id: str) -> bool:
        """Whether it takes the order for open, so that the journal does not tell of its end."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of it; `legs` holds plain values, as a receipt does."""

    flat: bool
    """Whether the legs hold nothing and no order of them is open, by Nautilus's books of the venue."""
    legs: dict[str, dict[str, str]]


class _Closing(msgspec.Struct):
    """One leg on its way to zero."""

    held: Decimal
    closes: list[str] = []
    tried: float = 0.0
    """When the last close was sent, seconds on the loop's clock."""


class LastResort:
    """Flattens one instrument in a running kernel; used on the engine's loop only.

    It knows orders and positions from Nautilus's cache, which the execution engine keeps whatever becomes of a
    strategy, and sends to the execution engine itself, past strategy and risk engine. Whoever calls it sees to it that
    the strategy sends nothing meanwhile.
    """

    def __init__(
        self,
        kernel: NautilusKernel,
        instrument_id: InstrumentId,
        now: Callable[[], int],
        nudge: Callable[[], None],
        journal: JournalWriter,
        witness: Witness,
    ) -> None:
        self._bus = kernel.msgbus
        self._cache = kernel.cache
        self._instrument_id = instrument_id
        self._now = now
        self._nudge = nudge
        self._journal = journal
        self._witness = witness
        self.session = base36(self._now() // NS_PER_MS)
        """Of the ids of its orders; none but its own."""
        self._serial = 0
        self._asked: dict[str, float] = {}
        self._told: set[str] = set()

    def is_flat(self, legs: Iterable[Leg] = Leg) -> bool:
        """Whether the legs hold nothing and nothing of them is open."""
        wanted = frozenset(legs)
        return not any(self.position(leg) for leg in wanted) and not self._live(wanted)

    def position(self, leg: Leg) -> Decimal:
        """What a leg holds; negative where it was over-closed."""
        position = self._cache.position(self._position_id(leg))
        if position is None or position.is_closed:
            return ZERO
        signed: Decimal = position.signed_decimal_qty()
        return leg.sign * signed

    async def flatten(self, legs: frozenset[Leg], bound_s: float, mid: Decimal | None = None) -> Outcome:
        """Cancel entries, close each leg at market, verify, cancel exits last; ends after `bound_s` in any case.

        `mid` (quote) serves the slippage where Nautilus knows no price.
        """
        loop = asyncio.get_running_loop()
        start = loop.time()
        deadline = start + bound_s
        mid = self._mid() or mid
        closing = {leg: _Closing(self.position(leg)) for leg in sorted(legs)}
        touched = [order.client_order_id.value for order in self._live(legs)]
        leaving = self._leaving(legs)
        while loop.time() < deadline:
            patient = loop.time() < start + ENTRY_PATIENCE_S
            entries = self._cancel(order for order in self._live(legs) if not order.is_reduce_only)
            expected = patient and any(order.status == OrderStatus.INITIALIZED for order in leaving)
            if not patient or not (entries or expected):
                busy = [self._close(leg, state) for leg, state in closing.items()]
                if not (entries or any(busy)):
                    break
            await self._pause()
        while loop.time() < deadline and not any(self.position(leg) for leg in legs):
            if not self._cancel(self._live(legs)):
                break
            await self._pause()
        details = {str(leg): self._detail(leg, state, mid) for leg, state in closing.items()}
        self._complete_journal([*touched, *(each for state in closing.values() for each in state.closes)])
        return Outcome(self.is_flat(legs), details)

    async def _pause(self) -> None:
        self._nudge()
        await asyncio.sleep(LOOK_S)

    # -- what is there -------------------------------------------------------------------------------------------------

    def _position_id(self, leg: Leg) -> PositionId:
        return PositionId(f"{self._instrument_id}-{leg.name}")

    def _live(self, legs: frozenset[Leg]) -> list[Order]:
        """Orders that the venue has or may have; one whose leg nothing tells belongs to each."""
        wanted = {"instrument_id": self._instrument_id}
        orders = [*self._cache.orders_open(**wanted), *self._cache.orders_inflight(**wanted)]
        return [
            order
            for order in {order.client_order_id: order for order in orders}.values()
            if report_of(order).status in LIVE and self._leg_of(order) in (None, *legs)
        ]

    def _leaving(self, legs: frozenset[Leg]) -> list[Order]:
        """Entries that the strategy has sent a moment ago and that are still in Nautilus's queues."""
        recent = self._now() - LEAVING_NS
        orders = self._cache.orders(instrument_id=self._instrument_id)
        young = (order for order in orders if order.status == OrderStatus.INITIALIZED and order.ts_init >= recent)
        return [order for order in young if not order.is_reduce_only and self._leg_of(order) in (None, *legs)]

    def _leg_of(self, order: Order) -> Leg | None:
        told = parse_id(order.client_order_id.value)
        if told is not None:
            return told.key.leg
        position_id = self._cache.position_id(order.client_order_id)
        return next((leg for leg in Leg if position_id == self._position_id(leg)), None)

    def _mid(self) -> Decimal | None:
        quote = self._cache.quote_tick(self._instrument_id)
        if quote is not None:
            return (exact(quote.bid_price) + exact(quote.ask_price)) / 2
        last = self._cache.price(self._instrument_id, PriceType.LAST)
        return None if last is None else exact(last)

    # -- what is sent --------------------------------------------------------------------------------------------------

    def _cancel(self, orders: Iterable[Order]) -> int:
        """Ask for the cancellation of each, again where no answer comes; gives how many there are."""
        now, count = asyncio.get_running_loop().time(), 0
        for order in orders:
            count += 1
            order_id = order.client_order_id.value
            if now - self._asked.get(order_id, -CANCEL_AGAIN_S) < CANCEL_AGAIN_S:
                continue
            if order_id not in self._asked:
                self._write(report_of(order), "cancel", "last resort")
            self._asked[order_id] = now
            self._send(
                CancelOrder(
                    trader_id=order.trader_id,
                    strategy_id=order.strategy_id,
                    instrument_id=order.instrument_id,
                    client_order_id=order.client_order_id,
                    venue_order_id=order.venue_order_id,
                    command_id=UUID4(),
                    ts_init=self._now(),
                )
            )
        return count

    def _close(self, leg: Leg, state: _Closing) -> bool:
        """Send what brings the leg nearer to zero; gives whether it is not there yet."""
        now = asyncio.get_running_loop().time()
        own = (self._order(order_id) for order_id in state.closes)
        closes = {order.client_order_id: order for order in own if not order.is_closed}  # sent, whoever has it now
        closes |= {order.client_order_id: order for order in self._live(frozenset({leg})) if _closes(order)}
        if closes:
            if now - state.tried >= CLOSE_HANGS_S:
                self._cancel(closes.values())
            return True
        qty = self.position(leg)
        if qty and now - state.tried >= CLOSE_AGAIN_S:
            state.tried = now
            state.closes.append(self._submit_close(leg, qty))
        return bool(qty)

    def _submit_close(self, leg: Leg, qty: Decimal) -> str:
        self._serial += 1
        instrument = self._cache.instrument(self._instrument_id)
        most = exact(instrument.max_quantity) if instrument.max_quantity is not None else abs(qty)
        desired = DesiredOrder(
            key=OrderKey(leg, Role.CLOSE, 0),
            side=leg.exit_side if qty > 0 else leg.entry_side,
            price=None,
            qty=min(abs(qty), most),
            lot=None,
        )
        position = self._cache.position(self._position_id(leg))
        order_id = format_id(OrderId(self.session, desired.key, None, self._serial))
        factory = OrderFactory(position.trader_id, position.strategy_id, self._instrument_id)
        order = factory.order(order_id, desired, self._now())
        self._write(report_of(order), "submit", None)
        self._cache.add_order(order, position.id)
        self._send(
            SubmitOrder(
                trader_id=order.trader_id,
                strategy_id=order.strategy_id,
                order=order,
                command_id=UUID4(),
                ts_init=self._now(),
                position_id=position.id,
            )
        )
        return order_id

    def _send(self, command: CancelOrder | SubmitOrder) -> None:
        self._bus.send(endpoint="ExecEngine.execute", msg=command)

    # -- what is told --------------------------------------------------------------------------------------------------

    def _detail(self, leg: Leg, state: _Closing, mid: Decimal | None) -> dict[str, str]:
        fills = [fill for order_id in state.closes for fill in report_of(self._order(order_id)).fills]
        qty = sum((fill.qty for fill in fills), ZERO)
        value = sum((fill.qty * fill.price for fill in fills), ZERO)
        detail = {
            "held": plain(state.held),
            "closed": plain(qty),
            "average": plain(value / qty) if qty else "",
            "left": plain(self.position(leg)),
            "open_orders": str(len(self._live(frozenset({leg})))),
        }
        if qty and mid:
            slippage = leg.sign * (mid * qty - value)
            detail["slippage"] = plain(slippage.quantize(QUOTE_STEP))
            detail["slippage_bps"] = plain((slippage / (mid * qty) * BPS).quantize(BPS_STEP))
        return detail

    def _order(self, order_id: str) -> Order:
        return self._cache.order(ClientOrderId(order_id))

    def _complete_journal(self, order_ids: Iterable[str]) -> None:
        """Write what a broken strategy has heard and not noted: fills of the closes, ends of the orders."""
        for order_id in order_ids:
            told, report = parse_id(order_id), report_of(self._order(order_id))
            if told is None:
                continue
            for fill in report.fills:
                trade = f"{order_id} {fill.trade_id}"
                if told.session == self.session and trade not in self._told and not self._witness.has_booked(fill):
                    self._told.add(trade)
                    self._write_fill(told, fill)
            ended = report.status in (ReportStatus.CANCELED, ReportStatus.EXPIRED, ReportStatus.REJECTED)
            own = told.session == self.session
            if ended and order_id not in self._told and (own or self._witness.holds_open(order_id)):
                self._told.add(order_id)
                self._write(report, str(report.status), report.reason or None)

    def _write(self, report: VenueReport, event: str, reason: str | None) -> None:
        told = parse_id(report.id)
        if told is None:
            return  # not ours: the journal has no leg and no role for it
        key = told.key
        entry = key.role is Role.ENTRY
        price = None if report.price is None else plain(report.price)
        self._journal.write(
            "order", self._now(), event=event, id=report.id, leg=key.leg, role=key.role,
            level=key.slot if entry else None, lot=told.serial if entry else told.lot, side=report.side,
            price=price, qty=plain(report.qty), reason=reason,
        )  # fmt: skip

    def _write_fill(self, told: OrderId, fill: Fill) -> None:
        self._journal.write(
            "fill", self._now(), id=fill.order_id, trade_id=fill.trade_id, leg=told.key.leg, role=told.key.role,
            lot=told.lot, side=fill.side, price=plain(fill.price), qty=plain(fill.qty), fee=plain(-fill.fee),
            liquidity="maker" if fill.maker else "taker",
        )  # fmt: skip


def _closes(order: Order) -> bool:
    told = parse_id(order.client_order_id.value)
    return told is not None and told.key.role is Role.CLOSE
