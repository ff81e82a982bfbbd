"""Settlements at the simulated venue: the account moves by exactly what is told, once each."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.adapters.sandbox.config import SandboxExecutionClientConfig
from nautilus_trader.adapters.sandbox.factory import SandboxLiveExecClientFactory
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import (
    BacktestEngineConfig,
    LiveExecEngineConfig,
    LoggingConfig,
    StrategyConfig,
    TradingNodeConfig,
)
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import (
    Bar,
    BarType,
    FundingRateUpdate,
    MarkPriceUpdate,
    OrderBookDelta,
    QuoteTick,
    TradeTick,
)
from nautilus_trader.model.enums import AccountType, AggressorSide, OmsType, OrderSide
from nautilus_trader.model.identifiers import PositionId, TradeId, Venue
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.system.kernel import NautilusKernel
from nautilus_trader.trading.strategy import Strategy

from hedgegrid_tui.engine.funding import FundingSettlements
from hedgegrid_tui.engine.instruments import perpetual
from hedgegrid_tui.engine.plan import VENUE
from strategy.config import InstrumentConfig
from strategy.domain import NS_PER_S, Leg

INSTRUMENT = perpetual(InstrumentConfig(maker_fee=Decimal(0), taker_fee=Decimal(0)), leverage=20)
SETTLED = 1_700_006_400 * NS_PER_S
HOURS_8 = 480
EIGHT_HOURS = HOURS_8 * 60 * NS_PER_S
START = SETTLED - 60 * NS_PER_S
RATE = Decimal("0.0001")

type Paid = list[tuple[Leg, Decimal, Decimal]]


def quote(ts: int, bid: str = "60000.00") -> QuoteTick:
    price, size = Price.from_str(bid), Quantity.from_str("50.000")
    return QuoteTick(INSTRUMENT.id, price, Price.from_str(str(price + Decimal("0.10"))), size, size, ts, ts)


def trade(ts: int, at: str = "60000.00") -> TradeTick:
    return TradeTick(
        INSTRUMENT.id, Price.from_str(at), Quantity.from_str("1.000"), AggressorSide.BUYER, TradeId(str(ts)), ts, ts
    )


def bar(ts: int, at: str = "60000.00") -> Bar:
    price = Price.from_str(at)
    kind = BarType.from_str(f"{INSTRUMENT.id}-1-MINUTE-LAST-EXTERNAL")
    return Bar(kind, price, price, price, price, Quantity.from_str("1.000"), ts, ts)


def mark(ts: int, at: str = "60000.00") -> MarkPriceUpdate:
    return MarkPriceUpdate(INSTRUMENT.id, Price.from_str(at), ts, ts)


def book(ts: int) -> OrderBookDelta:
    return OrderBookDelta.clear(INSTRUMENT.id, 0, ts, ts)


def funding(
    ts: int, rate: Decimal = RATE, next_ns: int | None = SETTLED, interval: int | None = HOURS_8
) -> FundingRateUpdate:
    return FundingRateUpdate(INSTRUMENT.id, rate, ts, ts, interval, next_ns)


class Holder(Strategy):  # type: ignore[misc]
    """Opens what it is told at a moment's first quote: per leg a quantity at market, or `quantity@price` to rest."""

    def __init__(self, orders: dict[int, dict[Leg, str]]) -> None:
        super().__init__(StrategyConfig(strategy_id="GRID-001", order_id_tag="001", oms_type="HEDGING"))
        self.orders = dict(orders)

    def on_start(self) -> None:
        self.subscribe_quote_ticks(INSTRUMENT.id)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        for leg, qty in self.orders.pop(tick.ts_init, {}).items():
            self.open(leg, qty)

    def open(self, leg: Leg, qty: str) -> None:
        side = OrderSide.BUY if leg is Leg.LONG else OrderSide.SELL
        amount, _, price = qty.partition("@")
        quantity, factory = Quantity.from_str(amount), self.order_factory
        order = (
            factory.limit(INSTRUMENT.id, side, quantity, Price.from_str(price))
            if price
            else factory.market(INSTRUMENT.id, side, quantity)
        )
        self.submit_order(order, PositionId(f"{INSTRUMENT.id}-{leg.name}"))


class Replay:
    """A backtest engine in streaming use, with what was told of settlements."""

    def __init__(self, orders: dict[int, dict[Leg, str]]) -> None:
        self.paid: Paid = []
        self.engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
        self.settlements = FundingSettlements(INSTRUMENT.id, lambda *told: self.paid.append(told))
        self.engine.add_venue(
            venue=Venue(VENUE),
            oms_type=OmsType.HEDGING,
            account_type=AccountType.MARGIN,
            base_currency=USDT,
            starting_balances=[Money(10_000, USDT)],
            default_leverage=Decimal(20),
            modules=[self.settlements],
            use_reduce_only=False,
        )
        self.engine.add_instrument(INSTRUMENT)
        self.engine.add_strategy(Holder(orders))

    def play(self, *events: Any) -> None:
        self.engine.add_data(list(events))
        self.engine.run(streaming=True)
        self.engine.clear_data()

    def pass_time(self, ts: int) -> None:
        self.engine.run(start=ts, end=ts, streaming=True)

    @property
    def balance(self) -> Decimal:
        total: Decimal = self.engine.portfolio.account(Venue(VENUE)).balance_total(USDT).as_decimal()
        return total

    @property
    def amounts(self) -> dict[Leg, Decimal]:
        return {leg: sum((amount for told, _, amount in self.paid if told is leg), Decimal(0)) for leg in Leg}


BOTH = {Leg.LONG: "0.010", Leg.SHORT: "0.004"}


@contextmanager
def replaying(orders: dict[Leg, str], at: int = START) -> Iterator[Replay]:
    replay = Replay({at: orders})
    try:
        yield replay
    finally:
        replay.engine.dispose()


@pytest.mark.parametrize(
    ("rate", "long", "short"),
    [("0.0001", "-0.06", "0.024"), ("-0.0003", "0.18", "-0.072"), ("0", "0", "0")],
)
def test_a_settlement_moves_the_balance_by_exactly_what_is_told_per_leg(rate: str, long: str, short: str) -> None:
    with replaying(BOTH) as replay:
        replay.play(quote(START), mark(START + 1), funding(START + 2, Decimal(rate)), quote(SETTLED - 1))
        before = replay.balance
        assert replay.paid == []
        replay.play(quote(SETTLED))
        assert replay.paid == [(Leg.LONG, Decimal(rate), Decimal(long)), (Leg.SHORT, Decimal(rate), Decimal(short))]
        assert replay.balance - before == Decimal(long) + Decimal(short)


def test_a_settlement_is_settled_once_whatever_comes_after_it() -> None:
    with replaying(BOTH) as replay:
        replay.play(quote(START), mark(START + 1), funding(START + 2), quote(SETTLED), trade(SETTLED))
        replay.play(mark(SETTLED + 1), funding(SETTLED + 2), quote(SETTLED + 3), quote(SETTLED + 4))
        replay.pass_time(SETTLED + NS_PER_S)
        replay.play(funding(SETTLED + 2 * NS_PER_S, next_ns=SETTLED + EIGHT_HOURS), quote(SETTLED + 3 * NS_PER_S))
        assert len(replay.paid) == 2


def test_market_time_that_jumps_over_settlements_settles_each() -> None:
    with replaying({Leg.SHORT: "0.010"}) as replay:
        replay.play(quote(START), mark(START + 1), funding(START + 2))
        before = replay.balance
        replay.play(quote(SETTLED + 2 * EIGHT_HOURS + 5))
        assert replay.paid == [(Leg.SHORT, RATE, Decimal("0.06"))] * 3
        assert replay.balance - before == Decimal("0.18")


def test_where_the_interval_is_unknown_only_the_announced_settlement_is_settled() -> None:
    with replaying({Leg.SHORT: "0.010"}) as replay:
        replay.play(quote(START), mark(START + 1), funding(START + 2, interval=None))
        replay.play(quote(SETTLED + 3 * EIGHT_HOURS))
        assert len(replay.paid) == 1
        replay.play(funding(SETTLED + 3 * EIGHT_HOURS + 1, next_ns=SETTLED + 4 * EIGHT_HOURS, interval=0))
        replay.play(quote(SETTLED + 5 * EIGHT_HOURS))
        assert len(replay.paid) == 2


def test_time_alone_settles_as_well() -> None:
    with replaying(BOTH) as replay:
        replay.play(quote(START), mark(START + 1), funding(START + 2))
        replay.pass_time(SETTLED - 1)
        assert replay.paid == []
        replay.pass_time(SETTLED)
        assert replay.amounts == {Leg.LONG: Decimal("-0.06"), Leg.SHORT: Decimal("0.024")}


def test_what_counts_is_what_was_known_and_held_before_the_settlement() -> None:
    replay = Replay({START: {Leg.LONG: "0.010"}, SETTLED + 1: {Leg.LONG: "0.500"}})
    replay.play(quote(START), mark(START + 1, "50000.00"), funding(START + 2))
    replay.play(funding(SETTLED - 2, Decimal("0.0002")), mark(SETTLED - 1, "61000.00"))
    # Every one of these comes with the settlement already behind it.
    replay.play(quote(SETTLED + 1, "90000.00"), mark(SETTLED + 1, "90000.00"), funding(SETTLED + 1, Decimal("0.05")))
    assert replay.paid == [(Leg.LONG, Decimal("0.0002"), Decimal("-0.122"))]
    replay.engine.dispose()


def test_what_the_crossing_event_itself_fills_is_not_settled() -> None:
    with replaying({Leg.LONG: "0.010@59000.00", Leg.SHORT: "0.004"}) as replay:
        replay.play(quote(START), mark(START + 1), funding(START + 2))
        replay.play(quote(SETTLED, "58000.00"))
        assert len(replay.engine.cache.positions_open()) == 2
        assert [leg for leg, _, _ in replay.paid] == [Leg.SHORT]


@pytest.mark.parametrize("crossing", [mark, funding, trade, bar, book])
def test_any_event_may_be_the_one_that_crosses_the_settlement(crossing: Callable[[int], Any]) -> None:
    with replaying(BOTH) as replay:
        replay.play(quote(START), mark(START + 1), funding(START + 2))
        replay.play(crossing(SETTLED))
        assert [leg for leg, _, _ in replay.paid] == [Leg.LONG, Leg.SHORT]


@pytest.mark.parametrize(
    ("priced", "amount"), [(quote, "-0.06300005"), (trade, "-0.063"), (bar, "-0.063")], ids=["quote", "trade", "bar"]
)
def test_without_a_mark_price_the_market_itself_is_the_price(priced: Callable[[int, str], Any], amount: str) -> None:
    with replaying({Leg.LONG: "0.010"}) as replay:
        replay.play(quote(START), funding(START + 2), priced(START + 3, "63000.00"), funding(SETTLED))
        assert replay.amounts[Leg.LONG] == Decimal(amount)


def test_a_flat_account_settles_nothing_and_a_leg_that_is_not_held_is_not_told() -> None:
    with replaying({}) as replay:
        replay.play(quote(START), mark(START + 1), funding(START + 2), quote(SETTLED))
        assert replay.paid == []
        assert replay.balance == 10_000
    with replaying({Leg.SHORT: "0.004"}) as replay:
        replay.play(quote(START), mark(START + 1), funding(START + 2), quote(SETTLED))
        assert [leg for leg, _, _ in replay.paid] == [Leg.SHORT]


def test_without_a_rate_and_a_time_nothing_is_settled() -> None:
    with replaying(BOTH) as replay:
        replay.play(quote(START), mark(START + 1), quote(SETTLED))
        replay.play(funding(SETTLED + 1, next_ns=None), funding(SETTLED + 2, next_ns=SETTLED), quote(SETTLED + 9))
        assert replay.paid == []


def test_a_market_without_any_price_settles_nothing() -> None:
    with replaying({}) as replay:
        replay.play(funding(START), funding(SETTLED + 1, next_ns=SETTLED + EIGHT_HOURS))
        assert replay.paid == []


def test_amounts_below_the_currencys_precision_are_told_as_they_are_booked() -> None:
    rate = Decimal("0.000000000123456789")
    with replaying({Leg.SHORT: "0.010"}) as replay:
        replay.play(quote(START), mark(START + 1), funding(START + 2, rate), quote(SETTLED - 1))
        before = replay.balance
        replay.play(quote(SETTLED))
        assert replay.paid == [(Leg.SHORT, rate, Decimal("0.00000007"))]
        assert replay.balance - before == Decimal("0.00000007")


def test_an_account_that_cannot_pay_from_what_is_free_pays_all_the_same() -> None:
    with replaying({Leg.LONG: "3.000"}) as replay:
        replay.play(quote(START), mark(START + 1), funding(START + 2, Decimal("0.03")), quote(SETTLED - 1))
        before = replay.balance
        replay.play(quote(SETTLED))
        assert replay.amounts[Leg.LONG] == Decimal(-5_400)
        assert replay.balance - before == Decimal(-5_400)


def test_fills_after_a_settlement_build_on_the_changed_balance() -> None:
    replay = Replay({START: {Leg.LONG: "0.010"}, SETTLED + 5: {Leg.SHORT: "0.010"}})
    replay.play(quote(START), mark(START + 1), funding(START + 2), quote(SETTLED), quote(SETTLED + 5))
    replay.play(quote(SETTLED + 6))
    assert replay.balance == Decimal("9999.94")
    replay.engine.dispose()


def test_a_reset_forgets_the_market() -> None:
    with replaying(BOTH) as replay:
        replay.play(quote(START), mark(START + 1), funding(START + 2))
        replay.settlements.reset()
        replay.play(quote(SETTLED))
        assert replay.paid == []


# -- the live node with Nautilus's Sandbox -------------------------------------------------------------------------


async def settle_in_a_live_node() -> tuple[Paid, list[Decimal]]:
    """A node whose market is fed by hand: open both legs, pass one settlement, then jump over two."""
    node = TradingNode(
        TradingNodeConfig(
            trader_id="HEDGEGRID-001",
            logging=LoggingConfig(log_level="OFF"),
            exec_engine=LiveExecEngineConfig(reconciliation=False, reconciliation_startup_delay_secs=0),
            exec_clients={
                VENUE: SandboxExecutionClientConfig(
                    venue=VENUE,
                    starting_balances=["10000 USDT"],
                    base_currency="USDT",
                    oms_type="HEDGING",
                    account_type="MARGIN",
                    default_leverage=Decimal(20),
                    use_reduce_only=False,
                )
            },
            timeout_post_stop=0.1,
        ),
        loop=asyncio.get_running_loop(),
    )
    node.add_exec_client_factory(VENUE, SandboxLiveExecClientFactory)
    node.cache.add_instrument(INSTRUMENT)
    holder = Holder({SETTLED: {Leg.SHORT: "0.100"}})
    node.trader.add_strategy(holder)
    node.build()
    paid: Paid = []
    FundingSettlements(INSTRUMENT.id, lambda *told: paid.append(told)).attach(node.kernel)
    running = asyncio.create_task(node.run_async())

    def feed(*events: Any) -> None:
        for event in events:
            node.kernel.data_engine.process(event)

    async def until(condition: Callable[[], bool]) -> None:
        while not condition():  # noqa: ASYNC110 - it has no event to wait for
            await asyncio.sleep(0.01)

    balances = []

    def note() -> None:
        balances.append(node.portfolio.account(Venue(VENUE)).balance_total(USDT).as_decimal())

    await until(lambda: holder.is_running)
    feed(quote(START), funding(START + 2))
    await until(lambda: node.cache.quote_tick(INSTRUMENT.id) is not None)
    for leg, qty in BOTH.items():
        holder.open(leg, qty)
    feed(quote(START + 3))
    await until(lambda: len(node.cache.positions_open()) == 2)
    holder.open(Leg.LONG, "1.000@59000.00")
    await until(lambda: len(node.cache.orders_open()) == 1)
    note()
    # This quote fills the resting order, and the strategy acts on it: both too late for the settlement. The rate that
    # follows it was sent before, and announces the settlement once more.
    feed(quote(SETTLED, "58000.00"), mark(SETTLED + 1), funding(SETTLED - 1), quote(SETTLED + 3))
    await until(lambda: node.cache.quote_tick(INSTRUMENT.id).ts_init == SETTLED + 3)
    note()
    feed(quote(SETTLED + 2 * EIGHT_HOURS))
    await until(lambda: node.cache.quote_tick(INSTRUMENT.id).ts_init == SETTLED + 2 * EIGHT_HOURS)
    note()
    await node.stop_async()
    running.cancel()
    await asyncio.wait([running], timeout=1.0)
    node.kernel.dispose()
    return paid, balances


def test_in_a_live_node_the_sandbox_settles_as_a_replay_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NautilusKernel, "_setup_loop", lambda _kernel: None)

    def in_a_thread() -> tuple[Paid, list[Decimal]]:
        async def bounded() -> tuple[Paid, list[Decimal]]:
            return await asyncio.wait_for(settle_in_a_live_node(), 45)

        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(bounded())
        finally:
            loop.close()

    with ThreadPoolExecutor(1) as pool:
        paid, balances = pool.submit(in_a_thread).result(60)
    # The first by the quote's middle, 60,000.05, the others by the mark price that came since.
    first = [(Leg.LONG, RATE, Decimal("-0.06000005")), (Leg.SHORT, RATE, Decimal("0.02400002"))]
    later = [(Leg.LONG, RATE, Decimal("-6.06")), (Leg.SHORT, RATE, Decimal("0.624"))]
    assert paid == first + later + later
    assert balances == [Decimal(10_000), Decimal("9999.96399997"), Decimal("9989.09199997")]
