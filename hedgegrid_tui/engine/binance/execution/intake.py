"""What comes in from the venue, as events of the user stream or as answers, and whose it is: ours or a stranger's."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.adapters.binance.common.symbol import BinanceSymbol
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId, VenueOrderId
from nautilus_trader.model.orders import Order

from hedgegrid_tui.engine.binance.execution.questions import Found, Questions
from hedgegrid_tui.engine.binance.execution.rows import OPEN, OrderRow, TradeRow, order_of_event, trade_of_event
from hedgegrid_tui.engine.binance.execution.telemetry import VenueTelemetry
from hedgegrid_tui.engine.binance.execution.telling import Recent, Teller
from strategy.domain import NS_PER_MS, NS_PER_S, Leg
from strategy.order_ids import parse_id

ALGO_KINDS: Final = frozenset(
    {"STOP_MARKET", "TAKE_PROFIT_MARKET", "STOP_LIMIT", "LIMIT_IF_TOUCHED", "MARKET_IF_TOUCHED"}
)
UNKNOWN_MARGIN_NS: Final = NS_PER_S // 2
"""An order that the venue does not know may still be on its way for as long as its recvWindow, and this for the clocks.

As long may a stop be missing that was lost with an unclear answer: it must be less than it takes to give its lot up.
"""
FINISHED_WAIT_S: Final = 1.0
"""A conditional order's FINISHED and its trades come over each other; after so long the venue is asked instead."""
LONGEST_GAP_NS: Final = 6 * 86_400 * NS_PER_S
"""Trades are shown for seven days. Source: Binance, USDS-M Futures, "Account Trade List"."""
LEGS: Final = {"LONG": Leg.LONG, "SHORT": Leg.SHORT}


class Intake:
    """Nautilus reads these events itself, and four times at a loss.

    It books a conditional order's fill twice (once as an invented `ALGO-...`), loses one whose trigger it has not
    heard of, takes a liquidation or a manual trade for a position of its own, and drops the end of an order that it
    believes has ended.
    """

    def __init__(self, client: Any, questions: Questions, teller: Teller, recv_window_ms: int) -> None:  # noqa: ANN401
        self.telemetry: Callable[[], VenueTelemetry] = VenueTelemetry
        self.is_cancelling: Callable[[str], bool] = lambda _client_id: False
        self._client = client
        self._cache = client._cache  # noqa: SLF001 - this is a part of the client
        self._questions = questions
        self._teller = teller
        self._grace_ns = recv_window_ms * NS_PER_MS + UNKNOWN_MARGIN_NS
        self._asked_again: set[str] = set()
        """Orders that the venue did not know, and of which it is asked again once they cannot arrive any more."""
        self._held: list[dict[str, Any]] | None = []
        self._reconciled_ms = 0
        self.held_trades = 0
        """How many of the events that were kept back were trades."""
        self._settled = Recent()
        """Orders whose end and trades an answer has told: the venue cannot say anything else of them any more."""
        self._strangers = Recent()
        self._handlers: dict[str, Callable[[dict[str, Any]], None]] = {
            "ORDER_TRADE_UPDATE": self._on_order,
            "ALGO_UPDATE": self._on_algo,
            "ACCOUNT_UPDATE": self._on_account,
        }

    # -- the user stream -------------------------------------------------------------------------------------------

    def take(self, event: dict[str, Any]) -> bool:
        """One event; whether it was one of those that are read here.

        Before the start's reconciliation the cache knows no order: events are kept back until it has.
        """
        handler = self._handlers.get(str(event.get("e")))
        if handler is None:
            return False
        if self._held is not None:
            self._held.append(event)
            self.held_trades += event.get("o", {}).get("x") in ("TRADE", "CALCULATED")
        else:
            handler(event)
        return True

    def release(self, reconciled_ns: int) -> None:
        """The cache knows what there is, as it was at that time."""
        held, self._held = self._held, None
        if held is None:
            return
        self._reconciled_ms = reconciled_ns // NS_PER_MS + self.telemetry().clock_offset_ms()
        for event in held:
            try:
                self._handlers[event["e"]](event)
            except Exception as error:  # noqa: BLE001 - one that cannot be read must not end the start
                self._client._log.error(f"a user event of the start: {error!r}")  # noqa: SLF001

    def _on_order(self, event: dict[str, Any]) -> None:
        told = event["o"]
        row, trade = order_of_event(told), trade_of_event(told)
        order = self._order(row.client_id, row.venue_id)
        if order is None:
            self._on_unknown(self._instrument(told["s"]), row, trade)
            return
        if told["x"] == "AMENDMENT":
            self._teller.resize(order, row)
            return
        if told["x"] == "NEW":
            self._teller.accept(order, row.venue_id, row.ts_ms)
            self._teller.trigger(order, row.venue_id, row.ts_ms)
        if trade is not None:
            self._teller.fill(order, trade)
        self._teller.end(order, row)

    def _on_algo(self, event: dict[str, Any]) -> None:
        told, ts_ms = event["o"], int(event["T"])
        order, state = self._order(told["caid"]), told["X"]
        if order is None:
            if state in ("NEW", "CANCELED", "EXPIRED"):
                self._show(told["caid"], f"{told['S']} {told['q']} {told['ps']} {told['o']} {state.lower()}")
        elif state == "NEW":
            self._teller.accept(order, str(told["aid"]), ts_ms)
        elif state in ("TRIGGERED", "TRIGGERING"):
            if told.get("ai"):
                self._teller.trigger(order, str(told["ai"]), ts_ms)
        elif state == "FINISHED":
            self._client.create_task(self._ask_if_open(order), log_msg="ask after FINISHED")
        else:
            self._teller.end(
                order,
                OrderRow(
                    client_id=told["caid"], venue_id=str(told["aid"]), side=told["S"], leg=told["ps"], status=state,
                    qty=Decimal(told["q"]), filled=Decimal(0), price=Decimal(0), ts_ms=ts_ms,
                ),
            )  # fmt: skip

    def _on_account(self, event: dict[str, Any]) -> None:
        if event["a"]["m"] == "FUNDING_FEE":
            quotes = {instrument.quote_currency.code for instrument in self._cache.instruments()}
            for balance in event["a"]["B"]:
                change = Decimal(balance.get("bc") or 0)
                if change and balance["a"] in quotes:
                    self._say(self.telemetry().on_funding, change, int(event["T"]) * NS_PER_MS)
        self._client._handle_account_update(json.dumps(event).encode())  # noqa: SLF001 - Nautilus's own

    async def _ask_if_open(self, order: Order) -> None:
        await asyncio.sleep(FINISHED_WAIT_S)
        if not order.is_closed:
            await self.ask(order)

    # -- questions -------------------------------------------------------------------------------------------------

    async def ask(self, order: Order) -> None:
        """Ask the venue about an order and tell what was missed; one that is known to its end is not asked about again.

        The strategy asks about what ended last again and again. Each time would weigh 6 of the 2,400 of a minute.

        Raises:
            Exception: It was not answered, or not fully; what is certain has been told.
        """
        began, client_id = self._now(), order.client_order_id.value
        if client_id in self._settled:
            return
        algo = order.type_string() in ALGO_KINDS
        found = await self._questions.look_up(symbol_of(order.instrument_id), client_id, algo=algo)
        if found is not None:
            self._tell(order, found)
            return
        left_ns = max(order.ts_submitted, order.ts_init) + self._grace_ns - began
        if left_ns <= 0:
            self._teller.unknown(order)
        elif client_id not in self._asked_again:
            self._asked_again.add(client_id)
            self._client.create_task(self._ask_again(order, left_ns / NS_PER_S), log_msg="ask again")

    async def _ask_again(self, order: Order, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        self._asked_again.discard(order.client_order_id.value)
        if not order.is_closed:
            await self.ask(order)

    def _tell(self, order: Order, found: Found) -> None:
        client_id = order.client_order_id.value
        self._teller.catch_up(order, found, cancelling=self.is_cancelling(client_id))
        if found.complete and found.order.status not in OPEN:
            self._settled.note(client_id)

    async def catch_up(self, since_ns: int) -> None:
        """Tell whatever has happened since then and nobody heard.

        Raises:
            Exception: The venue did not answer every question.
        """
        since_ms = max(since_ns, self._now() - LONGEST_GAP_NS) // NS_PER_MS
        for instrument_id in self._cache.instrument_ids(venue=self._client.venue):
            if self._is_traded(instrument_id):
                await self._catch_up_on(instrument_id, since_ms)

    async def _catch_up_on(self, instrument_id: InstrumentId, since_ms: int) -> None:
        symbol = symbol_of(instrument_id)
        waiting = [order for order in self._cache.orders(instrument_id=instrument_id) if not order.is_closed]
        shown = await self._questions.open_orders(symbol)
        trades = await self._questions.trades_since(symbol, since_ms)
        for row in shown.values():
            order = self._order(row.client_id)
            if order is None:
                self.show_open(row.client_id, row.side, str(row.qty), row.leg)
            elif order.is_closed:
                await self.ask(order)  # it counts as ended here, and lives there
        for order in waiting:
            shown_now = shown.get(order.client_order_id.value)
            if order.is_closed:
                continue  # the stream has told meanwhile
            if shown_now is not None and not shown_now.triggered and shown_now.filled == order.filled_qty.as_decimal():
                self._tell(order, Found(shown_now, ()))
            else:
                await self.ask(order)
        for trade in trades:
            order = self._order("", trade.order_id)
            if order is not None:
                self._teller.fill(order, trade)
            elif not self._teller.has_told(trade):
                found = await self._questions.order_of(symbol, trade.order_id)
                if found is not None:
                    self._on_trade_without_order(instrument_id, found, trade)

    def _on_trade_without_order(self, instrument_id: InstrumentId, row: OrderRow, trade: TradeRow) -> None:
        order = self._order(row.client_id)
        if order is not None:
            self._teller.fill(order, trade)
        else:
            self._on_unknown(instrument_id, row, trade)

    # -- strangers -------------------------------------------------------------------------------------------------

    def _on_unknown(self, instrument_id: InstrumentId, row: OrderRow, trade: TradeRow | None) -> None:
        """An order that Nautilus does not have: a manual one, the venue's own, or one of ours long forgotten."""
        if trade is None:
            self._show(row.client_id, f"{row.side} {row.qty} {row.leg} {row.status.lower()}")
            return
        if trade.ts_ms < self._reconciled_ms:
            return  # the position that the start took over has it
        ours = parse_id(row.client_id) is not None
        client_id = row.client_id if ours else f"{row.client_id or row.venue_id}/{trade.id}"
        if not self._teller.book_unasked(client_id, row.qty if ours else trade.qty, trade, instrument_id):
            return
        if row.is_of_venue and trade.leg in LEGS:
            self._say(self.telemetry().on_liquidation, LEGS[trade.leg], trade.qty, trade.price)
        elif not ours:
            words = f"{row.client_id or row.venue_id}: {trade.side} {trade.qty} {trade.leg} filled at {trade.price}"
            self._say(self.telemetry().on_foreign, words)

    def show_open(self, client_id: str, side: str, qty: str, leg: str) -> None:
        """An order at the venue that is not ours."""
        self._show(client_id, f"{side} {qty} {leg} open")

    def _show(self, client_id: str, words: str) -> None:
        if self._strangers.note(f"{client_id}: {words}"):
            self._say(self.telemetry().on_foreign, f"{client_id}: {words}")

    # -- inside ----------------------------------------------------------------------------------------------------

    def _say(self, callback: Callable[..., None], *args: object) -> None:
        try:
            callback(*args)
        except Exception as error:  # noqa: BLE001 - a listener's fault must not keep an event from the engine
            self._client._log.error(f"telemetry: {error!r}")  # noqa: SLF001

    def _is_traded(self, instrument_id: InstrumentId) -> bool:
        return bool(
            self._cache.orders(instrument_id=instrument_id) or self._cache.positions(instrument_id=instrument_id)
        )

    def _order(self, client_id: str, venue_id: str = "") -> Order | None:
        """By either id: whether a conditional order keeps its client id once it has triggered is not documented."""
        order = self._cache.order(ClientOrderId(client_id)) if client_id else None
        if order is not None or not venue_id:
            return order
        owner = self._teller.owner_of(venue_id)
        known = ClientOrderId(owner) if owner else self._cache.client_order_id(VenueOrderId(venue_id))
        return None if known is None else self._cache.order(known)

    def _instrument(self, symbol: str) -> InstrumentId:
        return self._client._get_cached_instrument_id(symbol)  # noqa: SLF001

    def _now(self) -> int:
        return int(self._client._clock.timestamp_ns())  # noqa: SLF001


def symbol_of(instrument_id: InstrumentId) -> str:
    """The venue's own name of an instrument."""
    return str(BinanceSymbol(instrument_id.symbol.value))
