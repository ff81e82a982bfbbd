"""The simulated market as a Nautilus live data client: seeded quotes, trades, mark prices and one-minute bars."""

import asyncio
from decimal import Decimal
from typing import Final

from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.config import LiveDataClientConfig
from nautilus_trader.live.data_client import LiveMarketDataClient
from nautilus_trader.live.factories import LiveDataClientFactory
from nautilus_trader.model.data import Bar, BarType, FundingRateUpdate, MarkPriceUpdate, QuoteTick, TradeTick
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.identifiers import ClientId, InstrumentId, TradeId, Venue
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import Price, Quantity

from hedgegrid_tui.engine.markets.price_path import STEP_MS, MarketStep, MinuteBar, PricePath, Scenario
from hedgegrid_tui.engine.plan import VENUE
from strategy.domain import NS_PER_S, ZERO

MINUTE_NS: Final = 60 * NS_PER_S
STEPS_PER_SECOND: Final = 1_000 // STEP_MS
FUNDING_INTERVAL_NS: Final = 8 * 60 * MINUTE_NS


class SimulatedMarketConfig(LiveDataClientConfig, frozen=True, kw_only=True):  # type: ignore[call-arg]
    """Which market is simulated."""

    symbol: str
    seed: int
    scenario: str


def price_path(seed: int, scenario: str, instrument: Instrument) -> PricePath:
    """The path of a simulated market, on the instrument's tick and step."""
    return PricePath(
        seed=seed,
        scenario=Scenario(scenario),
        tick=instrument.price_increment.as_decimal(),
        lot=instrument.size_increment.as_decimal(),
    )


class SimulatedMarket(LiveMarketDataClient):
    """Emits the price path's steps in real time; what is not drawn from the seed is only the wall clock."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        msgbus: MessageBus,
        cache: Cache,
        clock: LiveClock,
        config: SimulatedMarketConfig,
    ) -> None:
        super().__init__(
            loop=loop,
            client_id=ClientId(VENUE),
            venue=Venue(VENUE),
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            instrument_provider=InstrumentProvider(),
            config=config,
        )
        self._instrument_id = InstrumentId.from_str(f"{config.symbol}-PERP.{VENUE}")
        instrument = cache.instrument(self._instrument_id)
        self._price_precision = instrument.price_precision
        self._size_precision = instrument.size_precision
        self._path = price_path(config.seed, config.scenario, instrument)
        self._bar_type = BarType.from_str(f"{self._instrument_id}-1-MINUTE-LAST-EXTERNAL")
        self._minute = Minute()
        self._trade_number = 0
        self._emitter: asyncio.Task[None] | None = None

    async def _connect(self) -> None:
        self._emitter = self.create_task(self._emit(), log_msg="simulated market")

    async def _disconnect(self) -> None:
        if self._emitter is not None:
            self._emitter.cancel()

    async def _emit(self) -> None:
        """One step each 100 ms on a fixed schedule; a late one is caught up with, never skipped."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        for step in self._path.steps():
            self._send(step)
            due += STEP_MS / 1000
            await asyncio.sleep(max(0.0, due - loop.time()))

    def _send(self, step: MarketStep) -> None:
        now = self._clock.timestamp_ns()
        price, size = self._price, self._size
        self._handle_data(MarkPriceUpdate(self._instrument_id, price(step.mark), now, now))
        if step.number % STEPS_PER_SECOND == 0:
            self._handle_data(
                FundingRateUpdate(
                    instrument_id=self._instrument_id,
                    rate=step.funding_rate,
                    interval=FUNDING_INTERVAL_NS // MINUTE_NS,
                    next_funding_ns=(now // FUNDING_INTERVAL_NS + 1) * FUNDING_INTERVAL_NS,
                    ts_event=now,
                    ts_init=now,
                )
            )
        for trade in step.trades:
            self._trade_number += 1
            self._handle_data(
                TradeTick(
                    instrument_id=self._instrument_id,
                    price=price(trade.price),
                    size=size(trade.qty),
                    aggressor_side=AggressorSide.BUYER if trade.buyer_is_aggressor else AggressorSide.SELLER,
                    trade_id=TradeId(str(self._trade_number)),
                    ts_event=now,
                    ts_init=now,
                )
            )
        self._handle_data(
            QuoteTick(
                instrument_id=self._instrument_id,
                bid_price=price(step.bid),
                ask_price=price(step.ask),
                bid_size=size(step.bid_size),
                ask_size=size(step.ask_size),
                ts_event=now,
                ts_init=now,
            )
        )
        bar = self._minute.add(step, now)
        if bar is not None:
            self._handle_data(self._bar(bar, now // MINUTE_NS * MINUTE_NS))

    def _price(self, value: Decimal) -> Price:
        return Price.from_str(f"{value:.{self._price_precision}f}")

    def _size(self, value: Decimal) -> Quantity:
        return Quantity.from_str(f"{value:.{self._size_precision}f}")

    def _bar(self, bar: MinuteBar, closed_ns: int) -> Bar:
        price = self._price
        return Bar(
            bar_type=self._bar_type,
            open=price(bar.open),
            high=price(bar.high),
            low=price(bar.low),
            close=price(bar.close),
            volume=self._size(bar.volume),
            ts_event=closed_ns,
            ts_init=closed_ns,
        )

    async def _subscribe_quote_ticks(self, command: object) -> None:
        """Every step is sent anyway."""

    async def _subscribe_trade_ticks(self, command: object) -> None:
        """Every step is sent anyway."""

    async def _subscribe_bars(self, command: object) -> None:
        """Every closed minute is sent anyway."""

    async def _subscribe_mark_prices(self, command: object) -> None:
        """Every step is sent anyway."""

    async def _subscribe_funding_rates(self, command: object) -> None:
        """Sent once a second anyway."""

    async def _unsubscribe_funding_rates(self, command: object) -> None:
        """The market goes on for whoever listens."""

    async def _unsubscribe_quote_ticks(self, command: object) -> None:
        """The market goes on for whoever listens."""

    async def _unsubscribe_trade_ticks(self, command: object) -> None:
        """The market goes on for whoever listens."""

    async def _unsubscribe_bars(self, command: object) -> None:
        """The market goes on for whoever listens."""

    async def _unsubscribe_mark_prices(self, command: object) -> None:
        """The market goes on for whoever listens."""


class Minute:
    """Gathers steps into one-minute bars of trade prices; the bid stands in where nothing was traded."""

    def __init__(self) -> None:
        self._number = 0
        self._whole = False
        self._prices: list[Decimal] = []
        self._volume = ZERO

    def add(self, step: MarketStep, now: int) -> MinuteBar | None:
        """Take the step of `now` (ns UTC); gives the bar of the minute that has ended, unless it was joined late."""
        bar, number = None, now // MINUTE_NS
        if number != self._number:
            if self._whole:
                prices = self._prices
                bar = MinuteBar(prices[0], max(prices), min(prices), prices[-1], self._volume)
            self._whole = self._number > 0
            self._number, self._prices, self._volume = number, [], ZERO
        self._prices += [trade.price for trade in step.trades] or [step.bid]
        self._volume += sum((trade.qty for trade in step.trades), ZERO)
        return bar


class SimulatedMarketFactory(LiveDataClientFactory):
    """Builds the simulated market for a node."""

    @staticmethod
    def create(
        loop: asyncio.AbstractEventLoop,
        name: str,  # noqa: ARG004 - Nautilus's signature
        config: SimulatedMarketConfig,
        msgbus: MessageBus,
        cache: Cache,
        clock: LiveClock,
    ) -> SimulatedMarket:
        """Give the data client for `config`."""
        return SimulatedMarket(loop, msgbus, cache, clock, config)
