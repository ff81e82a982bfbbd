"""The strategy on Nautilus's own BacktestEngine, event by event, with market time in the test's hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import BacktestEngineConfig, LoggingConfig, RiskEngineConfig
from nautilus_trader.model.data import Bar, BarType, FundingRateUpdate, MarkPriceUpdate, QuoteTick, TradeTick
from nautilus_trader.model.enums import AccountType, AggressorSide, OmsType
from nautilus_trader.model.identifiers import TradeId, Venue
from nautilus_trader.model.objects import Currency, Money, Price, Quantity

from hedgegrid_tui.engine.instruments import instrument_id, perpetual
from hedgegrid_tui.engine.plan import VENUE
from strategy.config import Config, load_config
from strategy.domain import NS_PER_MS, Leg, Role, plain
from strategy.hedge_grid import HedgeGridConfig, HedgeGridStrategy
from strategy.order_ids import parse_id
from tests.strategy.venue import MemoryJournal

START_NS = 1_700_000_000_000_000_000
RATE = "10000/00:00:01"
SMALL = ("grid.levels=2", "grid.base_qty=0.004")


class Bench:
    """One strategy, one simulated venue; every call moves market time on."""

    def __init__(
        self, *overrides: str, kind: type[HedgeGridStrategy] = HedgeGridStrategy, journal: MemoryJournal | None = None
    ) -> None:
        self.config: Config = load_config(None, overrides or SMALL)
        self.instrument = perpetual(self.config.instrument, self.config.account.leverage)
        self.journal = MemoryJournal() if journal is None else journal
        self.now = START_NS
        self.strategy = kind(
            HedgeGridConfig(
                strategy_id="GRID-001",
                order_id_tag="001",
                oms_type="HEDGING",
                instrument_id=instrument_id(self.config.instrument),
                mode="replay",
                linked_exits=True,
            ),
            self.config,
            self.journal,
            lambda callback: callback(),
        )
        self._engine = BacktestEngine(
            BacktestEngineConfig(
                trader_id="HEDGEGRID-001",
                logging=LoggingConfig(bypass_logging=True),
                risk_engine=RiskEngineConfig(max_order_submit_rate=RATE, max_order_modify_rate=RATE),
                run_analysis=False,
            )
        )
        quote = Currency.from_str(self.config.instrument.quote)
        self._engine.add_venue(
            venue=Venue(VENUE),
            oms_type=OmsType.HEDGING,
            account_type=AccountType.MARGIN,
            base_currency=quote,
            starting_balances=[Money.from_str(f"1000000 {quote}")],
            default_leverage=Decimal(20),
            support_contingent_orders=True,
            use_reduce_only=False,
        )
        self._engine.add_instrument(self.instrument)
        self._engine.add_strategy(self.strategy)

    # -- the market ------------------------------------------------------------------------------------------------

    def feed(self, event: Any, *, ms: int = 100) -> None:
        """One market event; market time has moved on before it."""
        self._engine.add_data([event])
        self._engine.run(streaming=True)
        self._engine.clear_data()
        self.now += ms * NS_PER_MS

    def quote(self, mid: str | int | Decimal, times: int = 1) -> None:
        """So many quotes around `mid`, a tenth of a second apart."""
        tick = self.config.instrument.tick_size
        for _ in range(times):
            self.feed(self.tick(Decimal(mid) - tick, Decimal(mid) + tick))

    def tick(self, bid: Decimal, ask: Decimal) -> QuoteTick:
        """A quote that is not fed."""
        size = Quantity.from_str("900.000")
        return QuoteTick(self.instrument.id, self.price(bid), self.price(ask), size, size, self.now, self.now)

    def trade(self, price: str | Decimal) -> TradeTick:
        """A trade that is not fed."""
        size, number = Quantity.from_str("0.001"), TradeId(str(self.now))
        return TradeTick(
            self.instrument.id, self.price(Decimal(price)), size, AggressorSide.BUYER, number, self.now, self.now
        )

    def bar(self, close: str | Decimal, ts: int | None = None) -> Bar:
        """A minute's bar that is not fed."""
        price, at = self.price(Decimal(close)), self.now if ts is None else ts
        kind = BarType.from_str(f"{self.instrument.id}-1-MINUTE-LAST-EXTERNAL")
        return Bar(kind, price, price, price, price, Quantity.from_str("1.000"), at, at)

    def mark(self, price: str | Decimal) -> MarkPriceUpdate:
        """A mark price that is not fed."""
        return MarkPriceUpdate(self.instrument.id, self.price(Decimal(price)), self.now, self.now)

    def funding(self, rate: str, next_ns: int) -> FundingRateUpdate:
        """A predicted rate that is not fed."""
        return FundingRateUpdate(self.instrument.id, Decimal(rate), self.now, self.now, 480, next_ns)

    def price(self, value: Decimal) -> Price:
        """On the tick, with the instrument's decimals."""
        tick = self.config.instrument.tick_size
        return Price.from_str(plain((value - value % tick).quantize(tick)))

    def pump(self, ms: int = 100) -> None:
        """Let time pass without an event: timers fire, and the venue works off what was sent."""
        self.now += ms * NS_PER_MS
        self._engine.run(start=self.now, end=self.now, streaming=True)

    def close(self) -> None:
        """Let go of the engine."""
        if self.strategy.is_running:
            self.strategy.stop()
        self._engine.end()
        self._engine.dispose()

    # -- what the venue shows ----------------------------------------------------------------------------------------

    def live(self, leg: Leg | None = None, *roles: Role) -> list[Any]:
        """Nautilus's open and in-flight orders."""
        cache = self.strategy.cache
        found = []
        for order in (*cache.orders_open(), *cache.orders_inflight()):
            told = parse_id(order.client_order_id.value)
            assert told is not None
            if (leg is None or told.key.leg is leg) and (not roles or told.key.role in roles):
                found.append(order)
        return list({order.client_order_id.value: order for order in found}.values())

    def open_qty(self, leg: Leg, role: Role) -> Decimal:
        """What the open orders of a role may still fill."""
        return sum((order.leaves_qty.as_decimal() for order in self.live(leg, role)), Decimal(0))

    def held(self, leg: Leg) -> Decimal:
        """The venue's word on a leg."""
        return self.strategy.position(leg)

    def stops(self) -> set[str]:
        """Ids of the stops that rest."""
        return {order.client_order_id.value for order in self.live(None, Role.SL)}


@contextmanager
def bench(*overrides: str, **more: Any) -> Iterator[Bench]:
    """A bench that is let go of at the end."""
    made = Bench(*overrides, **more)
    try:
        yield made
    finally:
        made.close()


def assert_protected(found: Bench) -> None:
    """Nothing naked, nothing doubled: own books, venue, stops and take-profits say the same of each leg."""
    grid = found.strategy.grid
    assert grid is not None
    for leg in Leg:
        held = found.held(leg)
        assert held >= 0, f"{leg} is {held}"
        assert grid.lots.held(leg) == held, f"{leg}: own books {grid.lots.held(leg)}, venue {held}"
        for role in (Role.SL, Role.TP):
            assert found.open_qty(leg, role) == held, f"{leg} holds {held}, {role} {found.open_qty(leg, role)}"
    rungs = [parse_id(order.client_order_id.value) for order in found.live(None, Role.ENTRY)]
    assert len(rungs) == len({told.key for told in rungs if told is not None}), "two entries at one rung"
    known, live = {order.id for order in grid.index}, {order.client_order_id.value for order in found.live()}
    assert known == live, f"index and venue differ in {sorted(known ^ live)}"
