"""Nautilus's Binance futures client, mended where real money would be lost: unclear outcomes, limits, user stream."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.adapters.binance.common.constants import BINANCE_FUTURES_ALGO_ORDER_TYPES
from nautilus_trader.adapters.binance.common.enums import BinanceAccountType
from nautilus_trader.adapters.binance.common.urls import get_futures_user_stream_url
from nautilus_trader.adapters.binance.config import BinanceExecClientConfig
from nautilus_trader.adapters.binance.futures.execution import BinanceFuturesExecutionClient
from nautilus_trader.adapters.binance.http.error import BinanceClientError
from nautilus_trader.execution.messages import CancelOrder, ModifyOrder, QueryOrder, SubmitOrder
from nautilus_trader.model.enums import OrderStatus
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId, PositionId, StrategyId, VenueOrderId

from hedgegrid_tui.engine.binance.execution.http import NO_SUCH_ORDER, VenueHttp
from hedgegrid_tui.engine.binance.execution.intake import Intake, symbol_of
from hedgegrid_tui.engine.binance.execution.questions import Questions
from hedgegrid_tui.engine.binance.execution.telemetry import VenueTelemetry
from hedgegrid_tui.engine.binance.execution.telling import Teller
from hedgegrid_tui.engine.binance.execution.user_stream import UserStream
from hedgegrid_tui.engine.binance.rest.errors import LimitedError, RestError
from strategy.order_ids import parse_id

UNKNOWN_ORDER: Final = -2011
LEGS: Final = ("-LONG", "-SHORT")
UNANSWERED: Final = (OrderStatus.SUBMITTED, OrderStatus.PENDING_CANCEL, OrderStatus.PENDING_UPDATE)
EXTERNAL: Final = "EXTERNAL"
MISSED_NS: Final = 600_000_000_000
"""How far back a trade is looked for that the user stream has not told."""
MOST_READINGS: Final = 5
SETTLE_S: Final = 0.2
"""How much later than an answer an event of the same moment may come."""
BANNED_PACE_S: Final = 5.0
"""During a ban no request leaves; the strategy, which tries again at once, is told so no more often than this."""
NAUTILUS_EVENTS: Final = frozenset({"MARGIN_CALL", "ACCOUNT_CONFIG_UPDATE"})
"""What is left to Nautilus's own handlers."""


class HedgeGridBinanceExecClientConfig(BinanceExecClientConfig, frozen=True, kw_only=True):  # type: ignore[call-arg]
    """What the client needs to know beyond Nautilus's own."""

    http_timeout_ms: int = 5000
    """For one request, from connecting to the last byte."""
    strategy_id: str = ""
    """To whom a liquidation or a manual trade is told while no strategy has an order yet."""


class _Once:
    """In place of Nautilus's pool of retries, of which there are none.

    That one takes a request that is cancelled with the session for a refusal, and catches refusals of a question too.
    """

    def __init__(self) -> None:
        self.result = False
        self.message = ""
        self.last_exception: Exception | None = None

    async def acquire(self) -> "_Once":
        return _Once()

    async def release(self, _once: "_Once") -> None:
        """Nothing is kept."""

    def shutdown(self) -> None:
        """Nothing is kept."""

    async def run(
        self,
        _name: str,
        _about: object,
        send: Callable[..., Awaitable[Any]],
        *args: Any,  # noqa: ANN401
        **named: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        try:
            answer = await send(*args, **named)
        except BinanceClientError as error:
            self.message, self.last_exception = str(error.message), error
            return None
        self.result = True
        return answer


class HedgeGridBinanceExecutionClient(BinanceFuturesExecutionClient):
    """Each override says which fact forces it; what is not overridden is Nautilus's own.

    Set `telemetry` before connecting. The engine must allow overfills, and run no in-flight, open-order or position
    checks: the strategy asks by itself, and what it asks is answered with ordinary events.
    """

    def __init__(self, *, client: VenueHttp, config: HedgeGridBinanceExecClientConfig, **rest: Any) -> None:  # noqa: ANN401
        super().__init__(client=client, config=config, **rest)
        self.telemetry = VenueTelemetry()
        self._retry_manager_pool = _Once()
        self._http: VenueHttp = client
        self._cancels: Counter[str] = Counter()
        self._owner = config.strategy_id
        teller = Teller(self, self._claimant)
        self._intake = Intake(self, Questions(client, self._recv_window), teller, self._recv_window)
        self._intake.is_cancelling = lambda client_id: self._cancels[client_id] > 0
        base = vars(self)["_ws_client"]._stream_base_url  # noqa: SLF001 - Nautilus has worked it out, and keeps it there
        stream = self._ws_client = UserStream(
            client,
            lambda key: get_futures_user_stream_url(BinanceAccountType.USDT_FUTURES, base, key),
            self._handle_user_ws_message,
            self._intake.catch_up,
            self._log,
            self._clock.timestamp_ns,
        )
        for part in (client, self._intake, stream):
            part.telemetry = lambda: self.telemetry
        self._msgbus.subscribe(topic=f"reports.execution.{self.venue}", handler=self._on_reconciled)

    # -- commands --------------------------------------------------------------------------------------------------

    async def _submit_order(self, command: SubmitOrder) -> None:
        """Nautilus tells a rejection of what may be live, and lets an order without a position id hang for ever."""
        order = command.order
        if not str(command.position_id or "").endswith(LEGS):
            self._deny_order_pre_submit(order, "no position id of a leg (...-LONG or ...-SHORT)")
            return
        limit = self._http.limit
        if limit is not None and not order.is_reduce_only:
            self._deny_order_pre_submit(order, f"limited for {self._http.limited_s:.0f} s more: {limit.words}")
            return
        self._intake.release(self._clock.timestamp_ns())

        def refused(reason: str) -> None:
            self.generate_order_rejected(*_ids(order), reason, self._clock.timestamp_ns())

        await self._send(f"order {order.client_order_id}", super()._submit_order(command), refused)

    async def _cancel_order(self, command: CancelOrder) -> None:
        """As a new order: an unclear outcome is told as nothing."""

        def refused(reason: str) -> None:
            ts = self._clock.timestamp_ns()
            self.generate_order_cancel_rejected(*_ids(command), command.venue_order_id, reason, ts)

        client_id = command.client_order_id.value
        self._cancels[client_id] += 1
        try:
            await self._send(f"cancel of {client_id}", super()._cancel_order(command), refused)
        finally:
            self._cancels[client_id] -= 1
            self._cancels += Counter()  # drops what is zero

    async def _modify_order(self, command: ModifyOrder) -> None:
        """As a new order: an unclear outcome is told as nothing."""

        def refused(reason: str) -> None:
            ts = self._clock.timestamp_ns()
            self.generate_order_modify_rejected(*_ids(command), command.venue_order_id, reason, ts)

        await self._send(f"change of {command.client_order_id}", super()._modify_order(command), refused)

    async def _send(self, what: str, request: Awaitable[None], refused: Callable[[str], None]) -> None:
        try:
            await request
        except LimitedError as error:
            if error.is_ban and not error.sent:
                await asyncio.sleep(min(error.retry_after_s, BANNED_PACE_S))
            refused(error.words if error.code else f"-1003 {error.words}")
        except Exception as error:  # noqa: BLE001 - whatever it is: the venue may have carried it out
            self._log.warning(f"Nothing is known of the {what}: {_words(error)}")

    async def _cancel_order_single(
        self,
        instrument_id: InstrumentId,
        client_order_id: ClientOrderId,
        venue_order_id: VenueOrderId | None,  # noqa: ARG002
    ) -> None:
        """Nautilus sends none for an order that it believes has ended, and by ids that a trigger has changed.

        Raises:
            BinanceClientError: The venue knows of no such open order.
        """
        order = self._cache.order(client_order_id)
        if order is not None and order.order_type in BINANCE_FUTURES_ALGO_ORDER_TYPES:
            try:
                await self._futures_http_account.cancel_algo_order(client_algo_id=client_order_id.value)
            except BinanceClientError as error:
                if error.message["code"] not in (UNKNOWN_ORDER, NO_SUCH_ORDER):
                    raise  # else it may have triggered, and is a plain order by now
            else:
                return
        symbol = symbol_of(instrument_id)
        await self._futures_http_account.cancel_order(symbol=symbol, orig_client_order_id=client_order_id.value)

    # -- questions -------------------------------------------------------------------------------------------------

    async def _query_order(self, command: QueryOrder) -> None:
        """Nautilus's way gives no trades, invents fills from averages, and says nothing of an unknown order.

        One about an order without an answer always leaves; others leave some of the weight to exits.
        """
        order = self._cache.order(command.client_order_id)
        if order is None or not (order.status in UNANSWERED or self.telemetry.has_room()):
            return
        try:
            await self._intake.ask(order)
        except Exception as error:  # noqa: BLE001 - unanswered; the strategy asks again
            self._log.warning(f"No answer about {command.client_order_id}: {_words(error)}")

    def look_for_missed_trades(self) -> None:
        """Own orders are asked about one by one; of a stranger's trade that the stream has lost nothing else tells."""

        async def look() -> None:
            try:
                await self._intake.catch_up(self._clock.timestamp_ns() - MISSED_NS)
            except Exception as error:  # noqa: BLE001 - unanswered; the difference is told again while it lasts
                self._log.warning(f"Missed trades are not known yet: {_words(error)}")

        self.create_task(look(), log_msg="look for missed trades")

    # -- the user stream -------------------------------------------------------------------------------------------

    def _handle_user_ws_message(self, raw: bytes) -> None:
        """See `Intake`; the few events that it leaves are Nautilus's."""
        try:
            event = json.loads(raw)
            if not self._intake.take(event) and event.get("e") in NAUTILUS_EVENTS:
                super()._handle_user_ws_message(raw)
        except Exception as error:  # noqa: BLE001 - one event that cannot be read must not end the stream
            self._log.exception(f"Error on handling a user event: {error!r}", error)

    # -- the start's reconciliation --------------------------------------------------------------------------------

    def _get_cache_active_symbols(self) -> set[str]:
        """Nautilus asks only where something is held, and invents the fills of what has opened and closed meanwhile."""
        return {symbol_of(instrument.id) for instrument in self._instrument_provider.list_all()}

    def _parse_order_status_reports(self, binance_orders: list[Any], start_ms: int | None, end_ms: int | None) -> Any:  # noqa: ANN401
        """Each on its leg; a stranger's only where it has filled, which the leg's quantity comes from.

        One that is open would be claimed by the strategy. What was traded before hedge mode belongs to no leg.
        """
        reports = []
        for row in binance_orders:
            if parse_id(row.clientOrderId) is None and not self._counts(row):
                continue
            for report in super()._parse_order_status_reports([row], start_ms, end_ms):
                report.venue_position_id = PositionId(f"{report.instrument_id}-{row.positionSide}")
                reports.append(report)
        return reports

    def _counts(self, row: Any) -> bool:  # noqa: ANN401
        if row.status is not None and row.status.value in ("NEW", "PARTIALLY_FILLED"):
            self._intake.show_open(row.clientOrderId, row.side.value, row.origQty, row.positionSide)
            return False
        return bool(Decimal(row.executedQty or 0)) and f"-{row.positionSide}" in LEGS

    def _parse_algo_order_report(self, algo_order: Any, start_ms: int | None, end_ms: int | None) -> Any:  # noqa: ANN401
        """The same for conditional orders."""
        if parse_id(algo_order.clientAlgoId) is None:
            if algo_order.algoStatus == "NEW":
                self._intake.show_open(
                    algo_order.clientAlgoId, algo_order.side, algo_order.quantity or "all", algo_order.positionSide
                )
            return None
        report = super()._parse_algo_order_report(algo_order, start_ms, end_ms)
        if report is not None:
            report.venue_position_id = PositionId(f"{report.instrument_id}-{algo_order.positionSide}")
        return report

    async def generate_mass_status(self, lookback_mins: int | None = None) -> Any:  # noqa: ANN401
        """Read again where a trade came in between: some of the answers have it, and it would be booked twice."""
        for _ in range(MOST_READINGS):
            before = self._intake.held_trades
            mass_status = await super().generate_mass_status(lookback_mins)
            await asyncio.sleep(SETTLE_S)
            if self._intake.held_trades == before:
                break
        return mass_status

    def _on_reconciled(self, mass_status: Any) -> None:  # noqa: ANN401
        """Nautilus gives the orders that it has found no position id; from here on events may come."""
        for report in mass_status.order_reports.values():
            order, position_id = self._cache.order(report.client_order_id), report.venue_position_id
            if order is not None and position_id is not None and self._cache.position_id(order.client_order_id) is None:
                self._cache.add_position_id(position_id, self.venue, order.client_order_id, order.strategy_id)
        self._intake.release(mass_status.ts_init)

    def _claimant(self) -> StrategyId:
        """Who hears of what nobody asked for; an order that is there says it more surely than the configuration."""
        known = sorted(strategy_id.value for strategy_id in self._cache.strategy_ids())
        return StrategyId(next((name for name in known if name != EXTERNAL), self._owner or EXTERNAL))


def _ids(about: Any) -> tuple[Any, Any, Any]:  # noqa: ANN401
    return about.strategy_id, about.instrument_id, about.client_order_id


def _words(error: Exception) -> str:
    return error.words if isinstance(error, RestError) else type(error).__name__
