"""A recording on Nautilus's BacktestEngine, in streaming chunks on the engine's loop; market time is the tape's."""

import asyncio
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import BacktestEngineConfig, LoggingConfig, RiskEngineConfig
from nautilus_trader.model.currencies import Currency
from nautilus_trader.model.enums import AccountType, OmsType
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money
from nautilus_trader.system.kernel import NautilusKernel

from hedgegrid_tui.engine.funding import FundingSettlements
from hedgegrid_tui.engine.instruments import perpetual
from hedgegrid_tui.engine.markets.history import RecordedHistory
from hedgegrid_tui.engine.markets.tape import Tape, TapeError
from hedgegrid_tui.engine.markets.tape_formats import Event
from hedgegrid_tui.engine.plan import BAD_INPUT, VENUE, SessionPlan
from hedgegrid_tui.engine.runtime import StartError, simulated_strategy
from hedgegrid_tui.engine.warmup import warm_at_once
from strategy.domain import NS_PER_S
from strategy.journal import JournalWriter
from strategy.past import Past

CHUNK_EVENTS: Final = 32
"""At full speed a chunk holds at least so many events and so much market time, between two looks at commands."""
CHUNK_NS: Final = NS_PER_S
FRAME_S: Final = 0.05
"""At a given speed the tape advances this often, in seconds of real time."""
ORDER_RATE: Final = "10000/00:00:01"


class ReplayRuntime:
    """The same strategy on a tape; commands are served between chunks."""

    def __init__(self, plan: SessionPlan, journal: JournalWriter) -> None:
        if plan.data is None:
            raise StartError("--mode replay needs --data FILE", BAD_INPUT)
        settings = plan.config
        instrument = perpetual(settings.instrument, settings.account.leverage)
        try:
            self.tape = Tape(plan.data, instrument)
        except TapeError as error:
            raise StartError(str(error), BAD_INPUT) from error
        self.on_progress: Callable[[], None] = lambda: None
        self._speed = plan.speed
        self._now = 0
        self._events: Iterator[Event] = self.tape.events()
        self._pending: list[Event] = []
        self.strategy = simulated_strategy(plan, journal, lambda callback: callback(), Past())
        self._engine = BacktestEngine(
            BacktestEngineConfig(
                trader_id="HEDGEGRID-001",
                logging=LoggingConfig(log_level="OFF"),
                risk_engine=RiskEngineConfig(max_order_submit_rate=ORDER_RATE, max_order_modify_rate=ORDER_RATE),
                run_analysis=False,
            )
        )
        quote = Currency.from_str(settings.instrument.quote)
        self._engine.add_venue(
            venue=Venue(VENUE),
            oms_type=OmsType.HEDGING,
            account_type=AccountType.MARGIN,
            base_currency=quote,
            starting_balances=[Money.from_str(f"{settings.account.starting_balance:f} {quote}")],
            default_leverage=Decimal(settings.account.leverage),
            support_contingent_orders=True,
            use_reduce_only=False,
            modules=[FundingSettlements(instrument.id, self.strategy.on_funding_paid)],
        )
        self._engine.add_instrument(instrument)
        # A pandas table that grows with every closed position: quadratic in time, and read by nobody here.
        self._engine.portfolio.analyzer.record_trade = lambda *_args, **_more: None
        self._engine.add_strategy(self.strategy)
        self._peek()

    @property
    def first_ns(self) -> int:
        """Market time of the tape's first event."""
        return int(self._pending[0].ts_init)

    @property
    def has_begun(self) -> bool:
        """Whether the strategy has started."""
        return self.strategy.grid is not None

    @property
    def kernel(self) -> NautilusKernel:
        """Nautilus's own parts."""
        return self._engine.kernel

    async def start(self) -> None:
        """Run the first event, which starts engine and strategy at the tape's own time.

        Raises:
            StartError: The strategy did not start.
        """
        self._run(self._take(1, 0))
        if self.strategy.failure or not self.strategy.is_running:
            raise StartError(f"the strategy did not start: {self.strategy.failure or 'no cause was given'}")
        await warm_at_once(RecordedHistory(), self.strategy, self.strategy.bars_needed, self._now)

    async def run(self) -> str:
        """Play the tape to its end, then keep answering commands."""
        await (self._run_through() if self._speed <= 0 else self._run_paced())
        tape = self.tape
        counts = f"{tape.quotes} quotes, {tape.trades} trades, {tape.bars} bars"
        return f"the tape is over: {counts}{self._damage()}"

    def _damage(self) -> str:
        first = self.tape.damage[:1]
        return f"; {self.tape.damaged} damaged lines, first line {first[0].line}: {first[0].problem}" if first else ""

    async def _run_through(self) -> None:
        while chunk := self._take(CHUNK_EVENTS, CHUNK_NS):
            self._run(chunk)
            self.on_progress()
            await asyncio.sleep(0)

    async def _run_paced(self) -> None:
        loop = asyncio.get_running_loop()
        started, first = loop.time(), self._now
        while self._pending:
            target = first + int((loop.time() - started) * self._speed * NS_PER_S)
            chunk = self._take_until(target)
            if chunk:
                self._run(chunk)
            self._pump(max(target, self._now))
            await asyncio.sleep(FRAME_S)

    def nudge(self) -> None:
        """Let orders that were sent between two chunks reach the venue now."""
        self._pump(self._now)

    async def release(self) -> None:
        """Nothing at the venue outlives this process."""

    async def stop(self) -> None:
        """End the engine; positions and orders stay as they are in its books."""
        self._engine.end()
        self._engine.dispose()

    # -- chunks: events of one time are never split, so that chunk borders leave no trace in what happens -------------

    def _peek(self) -> None:
        if not self._pending:
            event = next(self._events, None)
            if event is not None:
                self._pending.append(event)

    def _take(self, events: int, span_ns: int) -> list[Event]:
        chunk: list[Event] = []
        self._peek()
        until = self._pending[0].ts_init + span_ns if self._pending else 0
        while self._pending:
            ts = self._pending[0].ts_init
            if len(chunk) >= events and ts > until and ts != chunk[-1].ts_init:
                break
            chunk.append(self._pending.pop())
            self._peek()
        return chunk

    def _take_until(self, target: int) -> list[Event]:
        chunk: list[Event] = []
        while self._pending and self._pending[0].ts_init <= target:
            chunk.append(self._pending.pop())
            self._peek()
        return chunk

    def _run(self, chunk: list[Event]) -> None:
        self._engine.add_data(chunk)
        self._engine.run(streaming=True)
        self._engine.clear_data()
        self._now = int(chunk[-1].ts_init)
        self.strategy.tidy()

    def _pump(self, target: int) -> None:
        """Advance market time without an event: timers fire, and the venue works off what was sent."""
        self._engine.run(start=target, end=target, streaming=True)
        self._now = target
