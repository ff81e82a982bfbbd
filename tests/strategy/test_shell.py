"""The shell on Nautilus's own engines, with an execution client that does what the test says and nothing else."""

from collections.abc import Callable
from concurrent.futures import Future
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from nautilus_trader.backtest.data_client import BacktestMarketDataClient
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.config import RiskEngineConfig
from nautilus_trader.data.engine import DataEngine
from nautilus_trader.execution.client import ExecutionClient
from nautilus_trader.execution.engine import ExecutionEngine
from nautilus_trader.model.data import Bar, BarType, FundingRateUpdate, MarkPriceUpdate, QuoteTick, TradeTick
from nautilus_trader.model.enums import (
    AccountType,
    AggressorSide,
    LiquiditySide,
    OmsType,
    OrderStatus,
    TradingState,
)
from nautilus_trader.model.identifiers import AccountId, ClientId, TradeId, TraderId, Venue, VenueOrderId
from nautilus_trader.model.objects import AccountBalance, Money, Price, Quantity
from nautilus_trader.portfolio.portfolio import Portfolio
from nautilus_trader.risk.engine import RiskEngine

from hedgegrid_tui.engine.instruments import instrument_id, perpetual
from strategy import hedge_grid as shell_module
from strategy.bars import GRACE_NS, MINUTE_NS, MinuteBar
from strategy.books import ReportStatus
from strategy.config import Config, load_config
from strategy.control import Command, CommandName, Receipt, Result
from strategy.domain import NS_PER_MS, NS_PER_S, DesiredOrder, DoorState, Leg, OrderKey, Reason, Regime, Role, Side
from strategy.grid import ENDED_KEPT_NS, HedgeGrid
from strategy.guarded import guarded
from strategy.hedge_grid import HedgeGridConfig, HedgeGridStrategy
from strategy.latches import Latches
from strategy.order_ids import OrderId, format_id, parse_id
from strategy.order_index import OrderRecord
from strategy.order_index import OrderStatus as Status
from strategy.past import Past
from tests.strategy.venue import MemoryJournal

START = 1_700_000_040_000_000_000
BINANCE = "BINANCE"
TRADER = TraderId("HEDGEGRID-001")
PLAIN = ("grid.levels=2", "grid.base_qty=0.004")
MINUTES = ("regime.fast_bars=2", "regime.slow_bars=3", "regime.adx_bars=2", "regime.atr_bars=1")


class ScriptedClient(ExecutionClient):  # type: ignore[misc]
    """Keeps the commands; what becomes of them is told by the test."""

    def __init__(self, bus: MessageBus, cache: Cache, clock: TestClock, quote: Any) -> None:
        super().__init__(
            client_id=ClientId(BINANCE),
            venue=Venue(BINANCE),
            oms_type=OmsType.HEDGING,
            account_type=AccountType.MARGIN,
            base_currency=quote,
            msgbus=bus,
            cache=cache,
            clock=clock,
        )
        self.commands: list[tuple[str, Any]] = []
        self._set_account_id(AccountId(f"{BINANCE}-001"))
        self._set_connected(True)

    def submit_order(self, command: Any) -> None:
        self._sent(command.order)
        self.commands.append(("submit", command))

    def submit_order_list(self, command: Any) -> None:
        for order in command.order_list.orders:
            self._sent(order)
        self.commands.append(("submit-list", command))

    def cancel_order(self, command: Any) -> None:
        self.commands.append(("cancel", command))

    def modify_order(self, command: Any) -> None:
        self.commands.append(("modify", command))

    def query_order(self, command: Any) -> None:
        self.commands.append(("query", command))

    def _sent(self, order: Any) -> None:
        self.generate_order_submitted(order.strategy_id, order.instrument_id, order.client_order_id, order.ts_init)


class Room:
    """Clock, bus, cache, engines, and one strategy that has not started yet."""

    def __init__(
        self,
        *overrides: str,
        past: Past | None = None,
        linked: bool = False,
        account: bool = True,
        mode: str = "paper",
        hop: Callable[[Callable[[], None]], None] = lambda callback: callback(),
    ) -> None:
        self.config: Config = load_config(None, overrides or PLAIN)
        self.instrument: Any = perpetual(self.config.instrument, 20)
        self.clock = TestClock()
        self.clock.set_time(START)
        self.bus = MessageBus(trader_id=TRADER, clock=self.clock)
        self.cache = Cache()
        self.portfolio = Portfolio(msgbus=self.bus, cache=self.cache, clock=self.clock)
        self.data = DataEngine(msgbus=self.bus, cache=self.cache, clock=self.clock)
        rates = RiskEngineConfig(max_order_submit_rate="999/00:00:01", max_order_modify_rate="999/00:00:01")
        self.risk = RiskEngine(self.portfolio, self.bus, self.cache, self.clock, rates)
        self.execution = ExecutionEngine(msgbus=self.bus, cache=self.cache, clock=self.clock)
        self.client = ScriptedClient(self.bus, self.cache, self.clock, self.instrument.quote_currency)
        self.execution.register_client(self.client)
        self.data.register_client(BacktestMarketDataClient(ClientId(BINANCE), self.bus, self.cache, self.clock))
        self.cache.add_instrument(self.instrument)
        for part in (self.data, self.risk, self.execution):
            part.start()
        if account:
            total = Money(10_000, self.instrument.quote_currency)
            free = [AccountBalance(total, Money(0, self.instrument.quote_currency), total)]
            self.client.generate_account_state(free, [], True, START)
        self.journal = MemoryJournal()
        self.strategy = HedgeGridStrategy(
            HedgeGridConfig(
                strategy_id="GRID-001",
                order_id_tag="001",
                oms_type="HEDGING",
                instrument_id=instrument_id(self.config.instrument),
                mode=mode,
                linked_exits=linked,
            ),
            self.config,
            self.journal,
            hop,
            past,
        )
        self.strategy.register(TRADER, self.portfolio, self.bus, self.cache, self.clock)
        self.execution.register_oms_type(self.strategy)
        self._trades = 0

    @property
    def grid(self) -> HedgeGrid:
        assert self.strategy.grid is not None
        return self.strategy.grid

    # -- the market ------------------------------------------------------------------------------------------------

    def price(self, value: str | int | Decimal) -> Price:
        return Price.from_str(f"{Decimal(value):.{self.instrument.price_precision}f}")

    def quote(self, mid: str | int | Decimal) -> None:
        now, size = self.clock.timestamp_ns(), Quantity.from_str("1.000")
        bid, ask = self.price(Decimal(mid) - Decimal("0.1")), self.price(Decimal(mid) + Decimal("0.1"))
        self.data.process(QuoteTick(self.instrument.id, bid, ask, size, size, now, now))

    def trade(self, price: str | int) -> None:
        now, size = self.clock.timestamp_ns(), Quantity.from_str("1.000")
        side, number = AggressorSide.BUYER, TradeId(str(now))
        self.data.process(TradeTick(self.instrument.id, self.price(price), size, side, number, now, now))

    def bar(self, close: str | int) -> None:
        now, price = self.clock.timestamp_ns(), self.price(close)
        kind = BarType.from_str(f"{self.instrument.id}-1-MINUTE-LAST-EXTERNAL")
        self.data.process(Bar(kind, price, price, price, price, Quantity.from_str("1.000"), now, now))

    def funding(self, rate: str, next_ns: int) -> None:
        now = self.clock.timestamp_ns()
        self.data.process(FundingRateUpdate(self.instrument.id, Decimal(rate), now, now, 480, next_ns))

    def advance(self, ns: int) -> None:
        """Let time pass; each timer fires at its own time."""
        end = self.clock.timestamp_ns() + ns
        while True:
            due = min((self.clock.next_time_ns(name) for name in self.clock.timer_names), default=end)
            for handler in self.clock.advance_time(max(min(due, end), self.clock.timestamp_ns())):
                handler.handle()
            if due >= end and self.clock.timestamp_ns() >= end:
                return

    # -- the venue -------------------------------------------------------------------------------------------------

    def sent(self, kind: str) -> list[Any]:
        return [command for each, command in self.client.commands if each == kind]

    def order(self, leg: Leg, role: Role, level: int | None = None) -> Any:
        """The newest order of that kind."""
        for order in reversed(self.cache.orders()):
            told = parse_id(order.client_order_id.value)
            assert told is not None
            if told.key.leg is leg and told.key.role is role and level in (None, told.key.slot):
                return order
        raise AssertionError(f"no {leg} {role}")

    def tell(self, event: str, order: Any, *more: Any) -> None:
        """An event on an order, as an execution client tells it."""
        ids = [order.strategy_id, order.instrument_id, order.client_order_id]
        if event != "submitted":
            ids.append(order.venue_order_id or VenueOrderId(f"V-{order.client_order_id.value}"))
        getattr(self.client, f"generate_order_{event}")(*ids, *more, self.clock.timestamp_ns())

    def reject(self, order: Any, reason: str, *, post_only: bool = False) -> None:
        """The venue refuses an order."""
        ids = (order.strategy_id, order.instrument_id, order.client_order_id)
        self.client.generate_order_rejected(*ids, reason, self.clock.timestamp_ns(), post_only)

    def says_balance(self, total: str) -> None:
        """The venue tells of the account."""
        quote = self.instrument.quote_currency
        money = Money(Decimal(total), quote)
        self.client.generate_account_state(
            [AccountBalance(money, Money(0, quote), money)], [], True, self.clock.timestamp_ns()
        )

    def accept_all(self) -> None:
        for order in self.cache.orders_inflight():
            if order.status == OrderStatus.SUBMITTED:
                self.tell("accepted", order)

    def fill(self, order: Any, qty: str | None = None, price: str | None = None) -> None:
        """Fill an order, to its end or in part."""
        self._trades += 1
        told = parse_id(order.client_order_id.value)
        assert told is not None
        at = price or str(order.price if order.has_price else order.trigger_price)
        self.client.generate_order_filled(
            order.strategy_id,
            order.instrument_id,
            order.client_order_id,
            order.venue_order_id or VenueOrderId(f"V-{order.client_order_id.value}"),
            self.strategy._positions[told.key.leg],
            TradeId(f"t{self._trades}"),
            order.side,
            order.order_type,
            Quantity.from_str(qty or str(order.leaves_qty)),
            self.price(at),
            self.instrument.quote_currency,
            Money.from_str("0.05 USDT"),
            LiquiditySide.MAKER,
            self.clock.timestamp_ns(),
        )

    # -- the operator ----------------------------------------------------------------------------------------------

    def act(self, name: CommandName, leg: Leg | None = None, share: str | None = None) -> "Future[Receipt]":
        answer: Future[Receipt] = Future()
        self.strategy.command(Command(name, leg, share=None if share is None else Decimal(share)), answer)
        return answer

    @property
    def errors(self) -> list[tuple[str, str]]:
        return [(error.where, error.type) for error in self.grid.errors.latest]


def started(*overrides: str, **more: Any) -> Room:
    room = Room(*overrides, **more)
    room.strategy.start()
    assert room.strategy.is_running
    return room


def resting(*overrides: str, **more: Any) -> Room:
    """Entries rest at the venue, and the band is set."""
    room = started(*overrides, **more)
    room.quote(60_000)
    room.accept_all()
    room.quote(60_000)
    return room


def holding(*overrides: str, **more: Any) -> Room:
    """A long lot, whose exits rest."""
    room = resting(*overrides, **more)
    room.fill(room.order(Leg.LONG, Role.ENTRY, 1))
    room.accept_all()
    return room


def minutes(closes: list[int], start: int) -> list[MinuteBar]:
    """Bars of those closes, the last of them closed at `start`."""
    first = start - len(closes) * MINUTE_NS
    bars = []
    for number, (before, close) in enumerate(pairwise([closes[0], *closes])):
        prices = (before, max(before, close), min(before, close), close)
        bars.append(MinuteBar(first + number * MINUTE_NS, *map(Decimal, prices)))
    return bars


# -- the start ---------------------------------------------------------------------------------------------------------


def test_before_the_start_there_is_an_empty_picture_and_nothing_raises() -> None:
    room = Room()
    strategy = room.strategy
    strategy.publish()
    strategy.tidy()
    strategy.take_history(minutes([100, 101], START))
    strategy._guard_funding()
    strategy._on_wake(0)
    strategy.stood_still(NS_PER_S)
    strategy._hear()
    assert strategy.snapshot.seq == 0
    assert (strategy.grid, strategy.failure) == (None, "")


def test_a_start_takes_stock_says_so_and_publishes() -> None:
    room = started()
    snapshot = room.strategy.snapshot
    assert (snapshot.seq, snapshot.state, snapshot.state_reason) == (1, DoorState.RUNNING, "started")
    assert (snapshot.mode, snapshot.instrument, snapshot.currency, snapshot.base) == ("paper", "BTCUSDT", "USDT", "BTC")
    assert (snapshot.price_decimals, snapshot.qty_decimals) == (1, 3)
    assert snapshot.metrics.wallet == room.grid.ledger.wallet == Decimal(10_000)
    assert snapshot.session == room.grid.session != ""
    assert [(line["name"], line["reason"]) for line in room.journal.of("state")] == [("running", "started")]
    assert room.strategy.get_ladders_snapshot() is snapshot.ladders
    assert room.strategy.get_operational_metrics() is snapshot.metrics


def test_two_sessions_a_millisecond_apart_have_two_names() -> None:
    first, second = Room(), Room()
    second.clock.set_time(START + NS_PER_MS)
    for room in (first, second):
        room.strategy.start()
    assert first.grid.session != second.grid.session


def test_a_start_without_an_account_says_why_it_failed() -> None:
    room = Room(account=False)
    room.strategy.start()
    assert room.strategy.grid is None
    assert room.strategy.failure.startswith("on_start: AttributeError: ")
    answer = room.act(CommandName.PAUSE)
    room.quote(60_000)
    room.strategy.stop()
    assert answer.result(0).result is Result.FAILED
    assert answer.result(0).detail == {"reason": "RuntimeError: the strategy has not started"}
    assert room.client.commands == []


def test_a_start_that_fails_while_it_takes_over_the_past_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise ArithmeticError("books do not add up")

    monkeypatch.setattr(shell_module, "go_on", fail)
    room = Room()
    room.strategy.start()
    assert "books do not add up" in room.strategy.failure


@pytest.mark.parametrize("linked", [False, True])
def test_the_venues_rules_follow_from_what_it_links(linked: bool) -> None:
    rules = started(linked=linked).grid.rules
    assert rules.flips_legs is linked
    assert rules.most_pieces == (0 if linked else 2)
    assert rules.resizes_stops


def test_a_latched_state_comes_back_with_its_reason_and_nothing_is_opened() -> None:
    room = started(past=Past(latches=Latches(paused="paused by the operator")))
    room.quote(60_000)
    assert room.grid.state is DoorState.PAUSED
    assert room.strategy.snapshot.state_reason == "restored: paused by the operator"
    assert room.strategy.snapshot.risk.latched == ("paused",)
    assert room.client.commands == []
    assert room.act(CommandName.RESUME).result(0).result is Result.DONE
    room.quote(60_000)
    assert len(room.sent("submit")) == 4


def test_i14_a_flatten_that_was_cut_short_is_begun_again_at_the_start_and_ends_verified() -> None:
    room = started(past=Past(latches=Latches(flattening="flatten long", legs=(Leg.LONG,))))
    (act,) = room.journal.of("act")
    assert (act["command"], act["by"], act["args"]["leg"]) == (CommandName.FLATTEN, "system", "long")
    assert [line["name"] for line in room.journal.of("state")] == ["flattening", "flattening", "paused"]
    assert room.journal.of("state")[0]["reason"] == "restored: flatten long"
    (receipt,) = room.journal.of("receipt")
    assert receipt["result"] == Result.DONE
    assert room.strategy.snapshot.state_reason == "long flat, verified"
    room.quote(60_000)
    assert room.client.commands == []


def test_a_flatten_of_both_legs_that_was_cut_short_closes_both() -> None:
    room = started(past=Past(latches=Latches(flattening="flatten long and short", legs=tuple(Leg))))
    (act,) = room.journal.of("act")
    assert "leg" not in act["args"]
    assert room.strategy.snapshot.state_reason == "long and short flat, verified"


def test_the_reason_of_a_state_that_was_restored_before_says_so_once() -> None:
    room = started(past=Past(latches=Latches(paused="restored: paused by the operator")))
    assert room.strategy.snapshot.state_reason == "restored: paused by the operator"


def test_an_event_before_the_start_writes_no_equity() -> None:
    room = Room()
    now, price = START, room.price(60_000)
    room.strategy.on_trade_tick(
        TradeTick(room.instrument.id, price, Quantity.from_str("1.000"), AggressorSide.BUYER, TradeId("1"), now, now)
    )
    assert room.journal.lines == []
    assert room.strategy.failure == ""


@pytest.mark.parametrize(("mode", "share"), [("sim", "1"), ("replay", "1"), ("paper", "0.25"), ("live", "0.25")])
def test_the_ramp_holds_where_money_or_its_rehearsal_is_at_stake(mode: str, share: str) -> None:
    room = Room(mode=mode)
    room.strategy.start()
    assert room.grid.risk.caps.share == Decimal(share)


def test_the_ramp_goes_on_from_the_first_session() -> None:
    room = started(past=Past(first_ns=START - 7 * 86_400 * NS_PER_S))
    assert room.grid.risk.caps.share == Decimal("0.625")


def test_an_engine_that_stood_still_says_so() -> None:
    room = resting()
    room.strategy.stood_still(3 * NS_PER_S)
    assert [line["name"] for line in room.journal.of("alarm")] == ["stuck-loop", "stuck-loop"]


def test_a_strategy_that_is_shut_off_sends_nothing_any_more() -> None:
    room = holding()
    sent = len(room.client.commands)
    room.strategy.mute()
    room.act(CommandName.FLATTEN)
    room.quote(60_000)
    assert len(room.client.commands) == sent
    assert ("send", "MuteError") in room.errors


# -- orders out --------------------------------------------------------------------------------------------------------


def test_entries_leave_with_the_canonical_position_of_their_leg() -> None:
    room = started()
    room.quote(60_000)
    sent = room.sent("submit")
    assert len(sent) == 4
    for command in sent:
        told = parse_id(command.order.client_order_id.value)
        assert told is not None
        assert told.session == room.grid.session
        assert command.position_id.value == f"{room.instrument.id}-{told.key.leg.name}"
        assert command.order.is_post_only


def test_exits_leave_one_after_the_other_where_the_venue_knows_no_links() -> None:
    room = resting()
    room.fill(room.order(Leg.LONG, Role.ENTRY, 1))
    assert [type(command.order).__name__ for command in room.sent("submit")[-2:]] == ["StopMarketOrder", "LimitOrder"]
    assert room.sent("submit-list") == []


def test_exits_leave_as_a_linked_pair_where_the_venue_links_them() -> None:
    room = resting(linked=True)
    room.fill(room.order(Leg.SHORT, Role.ENTRY, 1))
    (command,) = room.sent("submit-list")
    assert [order.is_reduce_only for order in command.order_list.orders] == [True, True]
    assert command.position_id.value.endswith("-SHORT")


def test_a_cancel_and_a_resize_reach_the_venue() -> None:
    room = holding()
    room.act(CommandName.CANCEL_ENTRIES)
    assert {command.client_order_id for command in room.sent("cancel")} == {
        order.client_order_id for order in room.cache.orders_open() if not order.is_reduce_only
    }
    stop = room.order(Leg.LONG, Role.SL)
    room.fill(stop, "0.001")
    (command,) = room.sent("modify")
    assert command.client_order_id == room.order(Leg.LONG, Role.TP).client_order_id
    assert str(command.quantity) == "0.003"


# -- events in ---------------------------------------------------------------------------------------------------------


def test_an_accepted_order_rests_and_one_that_ends_is_gone() -> None:
    room = started("grid.levels=1", "grid.base_qty=0.004")
    room.quote(60_000)
    first = room.order(Leg.LONG, Role.ENTRY)
    known = room.grid.index.get(first.client_order_id.value)
    assert known is not None
    assert known.status is Status.SUBMITTED
    room.tell("accepted", first)
    known = room.grid.index.get(first.client_order_id.value)
    assert known is not None
    assert known.status is Status.ACCEPTED
    room.act(CommandName.PAUSE)
    room.tell("canceled", first)
    assert room.grid.index.get(first.client_order_id.value) is None
    other = room.order(Leg.SHORT, Role.ENTRY)
    room.tell("accepted", other)
    room.tell("expired", other)
    assert len(room.grid.index) == 0
    assert [line["event"] for line in room.journal.of("order") if line["event"] not in ("submit", "accepted")] == [
        "canceled", "expired"
    ]  # fmt: skip


def test_a_fill_becomes_a_lot_and_the_position_is_the_venues_word() -> None:
    room = resting()
    assert room.strategy.position(Leg.LONG) == room.strategy.position(Leg.SHORT) == 0
    for leg in Leg:
        room.fill(room.order(leg, Role.ENTRY, 1))
        assert room.strategy.position(leg) == room.grid.lots.held(leg) == Decimal("0.004")
    assert room.grid.ledger.fees == Decimal("-0.10")
    room.fill(room.order(Leg.SHORT, Role.TP))
    assert room.strategy.position(Leg.SHORT) == 0
    assert room.errors == []


def test_an_over_closed_leg_is_negative() -> None:
    room = holding()
    room.fill(room.order(Leg.LONG, Role.SL))
    room.fill(room.order(Leg.LONG, Role.TP))
    assert room.strategy.position(Leg.LONG) == room.grid.lots.held(Leg.LONG) == Decimal("-0.004")


@pytest.mark.parametrize("post_only", [True, False])
def test_a_rejection_is_told_with_its_words_and_its_flag(post_only: bool) -> None:
    room = started()
    room.quote(60_000)
    room.reject(room.order(Leg.LONG, Role.ENTRY, 1), "-4014 off tick", post_only=post_only)
    assert room.grid.ledger.rejected == 1
    assert room.errors == ([] if post_only else [("venue", "order-rejected")])


def test_i18_a_rejection_of_unknown_outcome_keeps_its_place_and_the_venue_is_asked() -> None:
    room = started()
    room.quote(60_000)
    first = room.order(Leg.LONG, Role.ENTRY, 1)
    room.reject(first, "{'code': -1007, 'msg': 'Timeout'}")
    known = room.grid.index.get(first.client_order_id.value)
    assert known is not None
    assert known.status is Status.UNKNOWN
    room.advance(2 * NS_PER_S)
    assert first.client_order_id in [command.client_order_id for command in room.sent("query")]


def test_a_denied_order_never_left_and_is_counted_apart() -> None:
    room = started()
    room.risk.set_trading_state(TradingState.HALTED)
    room.quote(60_000)
    assert (room.grid.ledger.denied, room.grid.ledger.rejected) == (4, 0)
    assert room.sent("submit") == []
    assert len(room.grid.index) == 0


def halt(room: Room) -> None:
    room.risk.set_trading_state(TradingState.HALTED)


def lower_the_largest_quantity(room: Room) -> None:
    """Nautilus then denies the first order of a list, and says nothing of the second."""
    settings = room.config.instrument.model_copy(update={"max_qty": Decimal("0.003")})
    room.cache.add_instrument(perpetual(settings, 20))


@pytest.mark.parametrize("deny", [halt, lower_the_largest_quantity])
def test_both_exits_of_a_denied_pair_are_told_of(deny: Callable[[Room], None]) -> None:
    room = resting(linked=True)
    deny(room)
    room.fill(room.order(Leg.LONG, Role.ENTRY, 1))
    assert [order for order in room.grid.index if order.key.role.reduces] == []
    denied = room.journal.of("order", event="denied")
    assert {line["role"] for line in denied} == {Role.SL, Role.TP}
    assert len(denied) == len({line["id"] for line in denied}) == 2


def test_a_resized_order_has_its_new_quantity() -> None:
    room = holding()
    target = room.order(Leg.LONG, Role.TP)
    room.fill(room.order(Leg.LONG, Role.SL), "0.001")
    room.client.generate_order_updated(
        target.strategy_id, target.instrument_id, target.client_order_id, target.venue_order_id,
        Quantity.from_str("0.003"), target.price, None, room.clock.timestamp_ns(),
    )  # fmt: skip
    known = room.grid.index.get(target.client_order_id.value)
    assert known is not None
    assert (known.qty, known.status) == (Decimal("0.003"), Status.ACCEPTED)


@pytest.mark.parametrize("request_kind", ["cancel", "modify"])
def test_a_refused_request_is_noted_and_asked_about(request_kind: str) -> None:
    room = holding()
    if request_kind == "cancel":
        room.act(CommandName.CANCEL_ENTRIES)
        order = room.order(Leg.LONG, Role.ENTRY, 2)
    else:
        room.fill(room.order(Leg.LONG, Role.SL), "0.001")
        order = room.order(Leg.LONG, Role.TP)
    room.tell(f"{request_kind}_rejected", order, "-2011 Unknown order sent.")
    assert room.errors == [("venue", "request-refused")]
    room.advance(NS_PER_S)
    assert order.client_order_id in [command.client_order_id for command in room.sent("query")]


def test_an_event_before_the_start_is_contained() -> None:
    room = Room()
    room.strategy.on_funding_paid(Leg.LONG, Decimal(1), Decimal(1))
    assert room.strategy.failure == "on_funding_paid: RuntimeError: an order event came before the start"


# -- what the grid asks of Nautilus ------------------------------------------------------------------------------------


@pytest.mark.parametrize("linked", [False, True])
def test_a_venue_that_never_leaves_a_request_unanswered_is_not_asked(linked: bool) -> None:
    room = resting(linked=linked)
    room.strategy.ask(room.order(Leg.LONG, Role.ENTRY, 1).client_order_id.value)
    room.strategy.ask("HG-no-such")
    assert len(room.sent("query")) == (0 if linked else 1)


def test_a_report_is_what_nautilus_knows_and_an_unknown_order_has_none() -> None:
    room = resting()
    order = room.order(Leg.LONG, Role.ENTRY, 1)
    report = room.strategy.report(order.client_order_id.value)
    assert report is not None
    assert (report.status, report.price, report.side) == (ReportStatus.OPEN, Decimal("59940.00"), Side.BUY)
    assert room.strategy.report("HG-no-such") is None
    assert room.strategy.knows(order.client_order_id.value)
    assert not room.strategy.knows("HG-no-such")
    reports = list(room.strategy.reports())
    assert {each.id for each in reports} == {each.client_order_id.value for each in room.cache.orders()}


def test_reports_come_oldest_first() -> None:
    room = resting()
    room.advance(NS_PER_S)
    room.fill(room.order(Leg.LONG, Role.ENTRY, 1))
    placed = {order.client_order_id.value: order.ts_init for order in room.cache.orders()}
    shown = [placed[report.id] for report in room.strategy.reports()]
    assert shown == sorted(placed.values())
    assert len(set(shown)) == 2


def earlier(role: Role = Role.ENTRY, serial: int = 3) -> OrderRecord:
    """An order that an earlier session has sent."""
    key = OrderKey(Leg.LONG, role, 1)
    lot = 1 if role.reduces else None
    order_id = format_id(OrderId("old", key, lot, serial))
    side = Side.SELL if role.reduces else Side.BUY
    price = {Role.ENTRY: Decimal("59940.00"), Role.SL: Decimal("59640.00")}.get(role)
    return OrderRecord(order_id, key, side, price, Decimal("0.004"), lot, Decimal(60), sent_ns=START - 5 * NS_PER_S)


@pytest.mark.parametrize("role", [Role.ENTRY, Role.SL, Role.CLOSE])
def test_an_order_of_an_earlier_session_is_adopted_so_that_its_answer_finds_it(role: Role) -> None:
    record = earlier(role)
    room = started(past=Past(orders={record.id: record}, filled={record.id: Decimal(0)}, sessions={"old"}, serial=3))
    made = next(order for order in room.cache.orders() if order.client_order_id.value == record.id)
    # The first pass needs no price to withdraw what protects a lot that nobody holds.
    assert made.status == (OrderStatus.PENDING_CANCEL if role.reduces else OrderStatus.SUBMITTED)
    assert made.is_reduce_only is role.reduces
    assert room.cache.position_id(made.client_order_id).value.endswith("-LONG")
    room.strategy.adopt(record)
    assert len(room.cache.orders()) == 1
    room.quote(60_000)
    assert made.client_order_id in [command.client_order_id for command in room.sent("query")]
    room.reject(made, "-2013 Order does not exist.")
    assert room.grid.index.get(record.id) is None
    assert room.grid.refusals == {}


def test_a_late_fill_of_an_adopted_entry_is_a_protected_lot() -> None:
    record = earlier()
    room = started(past=Past(orders={record.id: record}, filled={record.id: Decimal(0)}, sessions={"old"}, serial=3))
    room.quote(60_000)
    order = next(order for order in room.cache.orders() if order.client_order_id.value == record.id)
    room.tell("accepted", order)
    room.fill(order)
    (lot,) = room.grid.lots
    assert (lot.number, lot.qty, lot.anchor) == (3, Decimal("0.004"), Decimal("59940.00"))
    assert room.grid.index.has(OrderKey(Leg.LONG, Role.SL, 3))


# -- waking ------------------------------------------------------------------------------------------------------------


def count_passes(room: Room, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    passes: list[int] = []
    converge = room.grid.converge

    def counted() -> None:
        passes.append(room.clock.timestamp_ns() - START)
        converge()

    monkeypatch.setattr(room.grid, "converge", counted)
    return passes


def test_s13_a_wake_comes_at_its_time_or_at_once_where_that_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    room = started()
    passes = count_passes(room, monkeypatch)
    room.strategy.wake_at(START + 50)
    room.advance(49)
    assert passes == []
    room.advance(1)
    assert passes == [50]
    room.strategy.wake_at(START - 5)
    room.advance(1)
    assert passes == [50, 51]


def test_s13_the_earliest_of_several_wakes_counts_and_a_later_one_adds_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = started()
    passes = count_passes(room, monkeypatch)
    for due in (90, 50, 70, 50):
        room.strategy.wake_at(START + due)
    assert len([name for name in room.clock.timer_names if name.startswith("wake-")]) == 2
    room.advance(60)
    assert passes == [50]
    room.advance(60)
    assert passes == [50]
    room.strategy.wake_at(START + 200)
    room.advance(80)
    assert passes == [50, 200]


def test_i25_timer_names_are_unique() -> None:
    room = started()
    names = set()
    for due in range(100, 0, -1):
        room.strategy.wake_at(START + due)
        names |= set(room.clock.timer_names)
    assert len(names) == 100


def test_i23_timers_hop_to_the_engines_loop() -> None:
    waiting: list[Callable[[], None]] = []
    room = started(hop=waiting.append)
    room.quote(60_000)
    room.strategy.wake_at(START + 1)
    before = len(room.client.commands)
    room.risk.set_trading_state(TradingState.ACTIVE)
    room.grid.index.remove(room.order(Leg.LONG, Role.ENTRY, 1).client_order_id.value)
    room.advance(1)
    assert len(waiting) == 1
    assert len(room.client.commands) == before
    waiting.pop()()
    assert len(room.client.commands) == before + 1


# -- the calm band -----------------------------------------------------------------------------------------------------


def test_quotes_inside_the_calm_band_cost_no_pass_and_those_outside_do(monkeypatch: pytest.MonkeyPatch) -> None:
    room = resting()
    passes = count_passes(room, monkeypatch)
    for mid in ("60000", "60001", "59950"):
        room.quote(mid)
    assert passes == []
    room.quote("60361")
    assert len(passes) == 1
    assert room.grid.ladder is not None
    assert room.grid.ladder.centre == Decimal(60_361)


def test_while_a_leg_is_unprotected_every_quote_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    room = resting()
    room.fill(room.order(Leg.LONG, Role.ENTRY, 1))
    assert room.grid.is_exposed
    passes = count_passes(room, monkeypatch)
    room.quote(60_000)
    assert len(passes) == 1
    room.accept_all()
    room.quote(60_000)
    assert len(passes) == 1


def test_while_paused_a_market_far_away_costs_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    room = resting()
    room.act(CommandName.PAUSE)
    passes = count_passes(room, monkeypatch)
    room.quote(61_000)
    assert passes == []


def test_without_quotes_a_trade_tells_the_price_and_without_both_a_bar() -> None:
    room = started()
    room.bar(60_000)
    assert room.grid.ladder is not None
    assert room.grid.ladder.centre == Decimal(60_000)
    room.trade(61_000)
    assert room.grid.ladder.centre == Decimal(61_000)
    room.quote(62_000)
    assert room.grid.ladder.centre == Decimal(62_000)
    room.trade(63_000)
    room.bar(64_000)
    assert room.grid.ladder.centre == Decimal(62_000)


def test_the_mark_price_is_shown() -> None:
    room = started()
    room.data.process(MarkPriceUpdate(room.instrument.id, room.price("60000.05"), START, START))
    room.strategy.publish()
    assert room.strategy.snapshot.market.mark == Decimal("60000.05")


# -- errors ------------------------------------------------------------------------------------------------------------


def raising(*_args: object, **_more: object) -> None:
    raise ZeroDivisionError("on purpose")


def test_i24_what_escapes_a_handler_is_journalled_once_and_another_pass_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = resting()
    with monkeypatch.context() as patch:
        patch.setattr(room.grid, "converge", raising)
        room.quote(61_000)
    assert room.errors == [("on_quote_tick", "ZeroDivisionError")]
    (line,) = room.journal.of("error")
    assert (line["where"], line["type"], line["message"], line["critical"]) == (
        "on_quote_tick", "ZeroDivisionError", "on purpose", True
    )  # fmt: skip
    assert room.strategy.is_running
    room.advance(NS_PER_S // 2 - 1)
    assert room.grid.ladder is not None
    assert room.grid.ladder.centre == Decimal(60_000)
    room.advance(1)
    assert room.grid.ladder.centre == Decimal(61_000)


def test_i24_an_event_that_was_lost_in_its_handler_is_found_by_the_next_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    room = resting()
    entry = room.order(Leg.LONG, Role.ENTRY, 1)
    with monkeypatch.context() as patch:
        patch.setattr(room.grid, "on_fill", raising)
        room.fill(entry)
    assert room.grid.lots.held(Leg.LONG) == 0
    room.advance(NS_PER_S // 2)
    assert room.grid.lots.held(Leg.LONG) == Decimal("0.004")
    room.accept_all()
    assert not room.grid.is_exposed


def test_i24_not_even_a_journal_that_fails_in_the_guard_itself_gets_out(monkeypatch: pytest.MonkeyPatch) -> None:
    room = resting()
    with monkeypatch.context() as patch:
        patch.setattr(room.grid, "converge", raising)
        patch.setattr(room.grid.errors, "record", raising)
        room.quote(61_000)
    assert room.strategy.is_running


def test_a_guarded_handler_keeps_its_name_and_its_documentation() -> None:
    def on_something(self: HedgeGridStrategy) -> None:
        """What it does."""

    wrapped = guarded(on_something)
    assert (wrapped.__name__, wrapped.__doc__) == ("on_something", "What it does.")


# -- commands ----------------------------------------------------------------------------------------------------------


def test_whoever_gets_a_receipt_sees_what_it_tells_of() -> None:
    room = resting()
    seen: list[DoorState] = []
    answer: Future[Receipt] = Future()
    answer.add_done_callback(lambda _done: seen.append(room.strategy.snapshot.state))
    room.strategy.command(Command(CommandName.PAUSE), answer)
    assert seen == [DoorState.PAUSED]
    assert answer.result(0).result is Result.DONE
    assert room.strategy.snapshot.receipts[-1] == answer.result(0)


def test_a_receipt_that_comes_later_is_published_at_once() -> None:
    room = resting()
    answer = room.act(CommandName.CANCEL_ENTRIES)
    assert not answer.done()
    for order in list(room.cache.orders_open()):
        room.tell("canceled", order)
    assert answer.result(0).result is Result.DONE


def test_an_answer_that_nobody_waits_for_any_more_hurts_nobody() -> None:
    room = resting()
    answer: Future[Receipt] = Future()
    answer.cancel()
    room.strategy.command(Command(CommandName.PAUSE), answer)
    assert room.grid.state is DoorState.PAUSED
    assert room.errors == []


def test_a_command_that_fails_is_answered_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    room = resting()
    assert room.strategy.desk is not None
    monkeypatch.setattr(room.strategy.desk, "handle", raising)
    answer = room.act(CommandName.PAUSE).result(0)
    assert (answer.result, answer.command) == (Result.FAILED, "pause")
    assert answer.detail == {"reason": "ZeroDivisionError: on purpose"}
    assert room.errors == [("command", "ZeroDivisionError")]


@pytest.mark.parametrize("name", [CommandName.PAUSE, CommandName.CANCEL_ENTRIES])
def test_a_command_whose_pass_fails_is_answered_once(name: CommandName, monkeypatch: pytest.MonkeyPatch) -> None:
    room = resting()
    with monkeypatch.context() as patch:
        patch.setattr(room.grid, "converge", raising)
        answer = room.act(name)
    for order in list(room.cache.orders_open()):
        room.tell("canceled", order)
    room.advance(NS_PER_S)
    assert answer.result(0).result is Result.DONE
    assert len(room.journal.of("receipt")) == 1


def test_at_the_end_what_is_owed_is_answered_and_orders_stay_as_they_are() -> None:
    room = resting()
    answer = room.act(CommandName.CANCEL_ENTRIES)
    commands, seq = len(room.client.commands), room.strategy.snapshot.seq
    room.strategy.stop()
    assert answer.result(0).detail == {"reason": "the session ended first"}
    assert len(room.client.commands) == commands
    assert room.strategy.snapshot.seq > seq


def test_the_picture_says_when_the_session_began_and_when_the_venue_last_spoke_of_an_order() -> None:
    room = started()
    began = room.clock.timestamp_ns()
    assert (room.strategy.snapshot.began_ns, room.strategy.snapshot.heard_ns) == (began, 0)
    room.clock.set_time(began + NS_PER_S)
    room.quote(60_000)
    room.accept_all()
    room.strategy.publish()
    heard = room.strategy.snapshot.heard_ns
    assert heard == room.clock.timestamp_ns() > began
    assert room.strategy.snapshot.began_ns == began


def test_i21_each_picture_has_the_next_number() -> None:
    room = started()
    numbers = []
    for _ in range(3):
        room.strategy.publish()
        numbers.append(room.strategy.snapshot.seq)
    assert numbers == [2, 3, 4]


def test_an_answer_goes_out_even_where_the_picture_cannot_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    room = resting()
    monkeypatch.setattr(shell_module, "take_picture", raising)
    assert room.act(CommandName.PAUSE).result(0).result is Result.DONE
    assert ("publish", "ZeroDivisionError") in room.errors


# -- indicators --------------------------------------------------------------------------------------------------------


def test_s12_history_makes_the_indicators_warm_and_a_trend_thins_the_counter_side() -> None:
    room = resting(*PLAIN, *MINUTES)
    assert room.strategy.bars_needed > 0
    room.strategy.warming("asking")
    room.strategy.publish()
    assert room.strategy.snapshot.warming == "asking"
    room.strategy.take_history(minutes([100 + 5 * n for n in range(20)], START))
    assert room.grid.ladders.reading.regime is Regime.UP
    assert room.grid.gaps[OrderKey(Leg.SHORT, Role.ENTRY, 2)] is Reason.REGIME
    assert len(room.sent("cancel")) == 1
    room.strategy.publish()
    assert room.strategy.snapshot.warming == ""
    assert room.strategy.snapshot.regime.is_warm


def test_s12_without_history_live_bars_warm_and_the_cause_is_shown_until_they_have() -> None:
    room = started(*PLAIN, *MINUTES)
    room.strategy.without_history("history: none")
    room.strategy.publish()
    assert room.strategy.snapshot.warming == "history: none"
    for number in range(room.strategy.bars_needed):
        room.advance(MINUTE_NS)
        room.bar(60_000 + number)
    room.strategy.publish()
    assert room.strategy.snapshot.regime.seen == room.strategy.bars_needed
    assert room.strategy.snapshot.warming == ""


def test_s12_live_bars_wait_for_history_and_each_minute_counts_once() -> None:
    room = started(*PLAIN, *MINUTES)
    room.advance(MINUTE_NS)
    room.bar(60_000)
    assert room.grid.ladders.reading.seen == 0
    room.strategy.take_history(minutes([100, 101, 102], START + MINUTE_NS))
    assert room.strategy._regime.reading.seen == 3


def test_s12_history_that_cannot_be_used_lets_the_live_bars_through(monkeypatch: pytest.MonkeyPatch) -> None:
    room = started(*PLAIN, *MINUTES)
    room.advance(MINUTE_NS)
    room.bar(60_000)
    monkeypatch.setattr(room.strategy._bars, "take_history", raising)
    room.strategy.take_history([])
    assert room.errors == [("take_history", "ZeroDivisionError")]
    assert room.strategy._regime.reading.seen == 1


def test_minutes_are_gathered_from_trades_where_the_venue_sends_no_bars() -> None:
    room = started(*PLAIN, *MINUTES)
    room.strategy.without_history("none")
    for number in range(3):
        room.trade(60_000 + number)
        room.advance(MINUTE_NS + GRACE_NS)
    room.trade(60_009)
    assert room.strategy._regime.reading.seen == 3


def test_cold_indicators_keep_entries_back_where_they_are_required_and_warmth_lets_them_go() -> None:
    room = started(*PLAIN, *MINUTES, "regime.require_warm=true")
    room.quote(60_000)
    assert room.sent("submit") == []
    assert set(room.grid.gaps.values()) == {Reason.WARMING}
    room.strategy.take_history(minutes([100, 100, 100, 100, 100, 100, 100, 100], START))
    assert len(room.sent("submit")) == 4


# -- funding and money -------------------------------------------------------------------------------------------------

HALF_HOUR = 30 * MINUTE_NS


def test_the_paying_leg_shrinks_when_the_window_opens_and_grows_when_the_settlement_is_past() -> None:
    room = resting()
    room.funding("0.001", START + HALF_HOUR + NS_PER_S)
    assert room.grid.ladders.shape is not None
    assert len(room.grid.ladders.shape.wanted[Leg.LONG]) == 2
    room.advance(NS_PER_S)
    assert room.grid.ladders.funding.in_window
    assert len(room.grid.ladders.shape.wanted[Leg.LONG]) == 1
    assert room.grid.gaps[OrderKey(Leg.LONG, Role.ENTRY, 2)] is Reason.FUNDING
    assert room.sent("cancel")
    room.advance(HALF_HOUR)
    assert len(room.grid.ladders.shape.wanted[Leg.LONG]) == 2
    assert len(room.grid.ladders.shape.wanted[Leg.SHORT]) == 2


def test_i25_the_same_prediction_told_often_sets_one_timer() -> None:
    room = resting()
    for _ in range(5):
        room.funding("0.001", START + HALF_HOUR + NS_PER_S)
        room.advance(1)
    assert len([name for name in room.clock.timer_names if name.startswith("funding-")]) == 1


def test_i25_two_predictions_in_turn_do_not_clash_in_their_timers() -> None:
    room = resting()
    for _ in range(3):
        for seconds in (1, 2):
            room.funding("0.001", START + HALF_HOUR + seconds * NS_PER_S)
            room.advance(1)
    assert room.errors == []


def test_a_settlement_changes_the_wallet_and_is_journalled() -> None:
    room = resting()
    room.strategy.on_funding_paid(Leg.LONG, Decimal("0.0001"), Decimal("-0.024"))
    assert room.grid.ledger.funding == Decimal("-0.024")
    assert room.grid.ledger.wallet == Decimal("9999.976")
    (line,) = room.journal.of("funding")
    assert (line["leg"], line["rate"], line["amount"]) == (Leg.LONG, "0.0001", "-0.024")


def test_equity_is_written_with_the_markets_events_at_most_once_a_second() -> None:
    room = started()
    room.data.process(MarkPriceUpdate(room.instrument.id, room.price(1), START, START))
    assert room.journal.of("equity") == []
    for _ in range(5):
        room.quote(60_000)
        room.advance(NS_PER_S // 2)
    times = [line["ts"] - START for line in room.journal.of("equity")]
    assert times == [0, NS_PER_S, 2 * NS_PER_S]


def test_an_equity_line_adds_up_to_the_last_digit() -> None:
    room = holding()
    room.says_balance("9999.95")
    for _ in range(room.config.drawdown.samples):
        room.advance(NS_PER_S)
        room.quote("60010")
    line = room.journal.of("equity")[-1]
    values = {name: Decimal(line[name]) for name in ("wallet", "unrealised", "equity", "peak", "fees", "realised")}
    assert values["unrealised"] == Decimal("0.28")
    assert values["fees"] == Decimal("-0.05")
    assert values["wallet"] == Decimal("9999.95")
    assert values["equity"] == values["wallet"] + values["unrealised"] == values["peak"]


# -- tidying -----------------------------------------------------------------------------------------------------------


def flat_long_held_short(monkeypatch: pytest.MonkeyPatch, *, linked: bool) -> Room:
    """A round trip on the long leg, a lot on the short one, and orders enough for a look."""
    monkeypatch.setattr(shell_module, "TIDY_EVERY", 5)
    room = holding(linked=linked)
    room.fill(room.order(Leg.SHORT, Role.ENTRY, 1))
    room.accept_all()
    room.fill(room.order(Leg.LONG, Role.TP))
    assert len(room.cache.orders_closed()) == 3
    return room


def closed(room: Room) -> set[str]:
    return {order.client_order_id.value for order in room.cache.orders_closed()}


def test_at_a_simulated_venue_closed_orders_of_a_flat_leg_are_forgotten_and_those_of_a_held_leg_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = flat_long_held_short(monkeypatch, linked=True)
    position = room.strategy._positions[Leg.LONG]
    room.strategy.tidy()
    assert closed(room) == {room.order(Leg.SHORT, Role.ENTRY, 1).client_order_id.value}
    assert room.cache.position(position) is None
    assert room.strategy.position(Leg.LONG) == 0
    assert room.strategy.position(Leg.SHORT) == Decimal("0.004")
    room.quote(60_000)
    assert room.errors == []


def test_at_a_real_venue_closed_orders_are_kept_for_fills_that_are_told_late_and_forgotten_after_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = flat_long_held_short(monkeypatch, linked=False)
    position = room.strategy._positions[Leg.LONG]
    short = room.order(Leg.SHORT, Role.ENTRY, 1).client_order_id.value
    before = closed(room)
    room.strategy.tidy()
    assert closed(room) == before
    room.advance(ENDED_KEPT_NS - 1)
    room.strategy._tidied = 0
    room.strategy.tidy()
    assert closed(room) == before
    room.advance(1)
    room.strategy._tidied = 0
    room.strategy.tidy()
    assert closed(room) == {short}
    assert room.cache.position(position) is not None


def test_nothing_is_forgotten_before_so_many_orders_were_sent() -> None:
    room = holding(linked=True)
    room.fill(room.order(Leg.LONG, Role.TP))
    before = len(room.cache.orders_closed())
    room.strategy.tidy()
    assert len(room.cache.orders_closed()) == before > 0


def test_an_order_of_someone_else_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell_module, "TIDY_EVERY", 5)
    room = holding(linked=True)
    room.fill(room.order(Leg.LONG, Role.TP))
    desired = DesiredOrder(OrderKey(Leg.LONG, Role.ENTRY, 1), Side.BUY, Decimal("50000.00"), Decimal("0.004"), None)
    foreign = room.strategy._factory.order("manual-1", desired, START)
    room.cache.add_order(foreign)
    room.tell("submitted", foreign)
    room.reject(foreign, "no")
    room.strategy.tidy()
    assert [order.client_order_id.value for order in room.cache.orders_closed()] == ["manual-1"]


def test_i17_a_position_that_no_event_told_of_is_found_between_events() -> None:
    room = holding()
    position = room.cache.position(room.strategy._positions[Leg.LONG])
    assert position is not None
    room.cache.purge_position(position.id)
    room.fill(room.order(Leg.SHORT, Role.ENTRY, 1))
    room.accept_all()
    book = room.grid.books.lots
    held = book.held(Leg.SHORT)
    book.reduce(Leg.SHORT, None, held, Decimal(60_000))
    assert room.grid.books_differ
    room.strategy.tidy()
    room.advance(NS_PER_S)
    assert ("books", "mismatch") in room.errors


def test_an_order_that_nautilus_believes_has_ended_can_be_cancelled_at_the_venue() -> None:
    room = resting()
    room.act(CommandName.PAUSE)
    order = room.order(Leg.LONG, Role.ENTRY, 1)
    room.tell("canceled", order)
    assert order.is_closed
    room.strategy.cancel(order.client_order_id.value)
    (command,) = room.sent("cancel")
    assert (command.client_order_id, command.venue_order_id) == (order.client_order_id, order.venue_order_id)
    assert command.strategy_id == room.strategy.id


def test_reports_leave_out_what_has_ended_before_the_time_asked_for() -> None:
    room = holding()
    room.fill(room.order(Leg.LONG, Role.TP))
    everything = len(list(room.strategy.reports()))
    ended = [order.client_order_id.value for order in room.cache.orders_closed()]
    room.advance(NS_PER_S)
    shown = {report.id for report in room.strategy.reports(START + 1)}
    assert len(shown) == everything - len(ended)
    assert shown.isdisjoint(ended)
    assert len(list(room.strategy.reports(START))) == everything


def test_a_throttle_that_comes_back_is_named_in_the_reason_of_the_state() -> None:
    room = started(past=Past(throttle=Decimal("0.5")))
    assert room.strategy.snapshot.throttle == Decimal("0.5")
    assert room.strategy.snapshot.state_reason == "started; throttle 0.5 restored"
