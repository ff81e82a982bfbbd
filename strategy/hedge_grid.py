"""HedgeGridStrategy: Nautilus's events in, the parts of the brain in their order."""

import functools
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from decimal import Decimal
from typing import Final

import msgspec
from nautilus_trader.config import StrategyConfig
from nautilus_trader.model.data import Bar, BarType, FundingRateUpdate, MarkPriceUpdate, QuoteTick, TradeTick
from nautilus_trader.model.enums import OrderStatus
from nautilus_trader.model.events import (
    OrderAccepted,
    OrderCanceled,
    OrderCancelRejected,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderModifyRejected,
    OrderRejected,
    OrderUpdated,
)
from nautilus_trader.model.identifiers import InstrumentId

from strategy.bars import BarIntake, MinuteBar
from strategy.calm import calm_band
from strategy.config import Config
from strategy.control import Command, Receipt, Result
from strategy.desk import Desk
from strategy.domain import NS_PER_MS, NS_PER_S, DoorState, Leg, Market, Reason, decimals, plain
from strategy.funding import guard, next_change
from strategy.grid import ENDED_KEPT_NS, HedgeGrid
from strategy.guarded import guarded
from strategy.journal import JournalWriter
from strategy.ledger import Ledger
from strategy.market_watch import MarketWatch, minute_of
from strategy.order_factory import fill_of
from strategy.order_ids import base36, parse_id
from strategy.past import Past
from strategy.picture import take_picture
from strategy.reconcile import VenueRules
from strategy.regime import RegimeWatch
from strategy.restart import go_on
from strategy.snapshot import LadderSnapshot, OperationalMetrics, Snapshot
from strategy.upkeep import Upkeep
from strategy.venue_hooks import VenueHooks

TIDY_EVERY: Final = 200
"""Orders sent between two looks for closed ones to forget."""
UNRAMPED: Final = ("sim", "replay")
"""Modes in which the roll-out ramp is off."""
PASSING: Final = frozenset({Reason.STALE, Reason.CROSSED})
"""Reasons that the next price may end."""
RETRY_AFTER_ERROR_NS: Final = NS_PER_S // 2
"""A pass that failed is tried again after this."""

Hop = Callable[[Callable[[], None]], None]
"""Runs a callback on the engine's loop: at once in a replay, from the timer's thread in a live node."""


class HedgeGridConfig(StrategyConfig, frozen=True, kw_only=True):  # type: ignore[call-arg]
    """What Nautilus itself needs to know of the strategy."""

    instrument_id: InstrumentId
    mode: str
    linked_exits: bool
    """Whether the venue shrinks one exit of a lot by what fills of the other. Nautilus's simulated venue must, since
    it lets a leg change its sign, and it never leaves a request unanswered. Binance refuses that by itself, knows no
    such links, and is asked where an answer stays away."""
    resizes_stops: bool = True
    """Whether a resting stop can change its quantity. Binance's conditional orders cannot."""


class HedgeGridStrategy(VenueHooks):
    """Thin shell on Nautilus; all its state is written on the engine's loop, and `snapshot` is one reference."""

    def __init__(
        self, config: HedgeGridConfig, settings: Config, journal: JournalWriter, hop: Hop, past: Past | None = None
    ) -> None:
        super().__init__(config)
        self.snapshot = Snapshot(mode=config.mode, instrument=str(config.instrument_id))
        self.grid: HedgeGrid | None = None
        self.desk: Desk | None = None
        self.failure = ""
        """Why the start failed; empty where it did not."""
        self._settings = settings
        self._journal = journal
        self._hop = hop
        self._past = Past() if past is None else past
        self._blank = self.snapshot
        self._bars = BarIntake(slack_ns=NS_PER_S)
        self._regime = RegimeWatch(settings.regime)
        self._warming = ""
        """Progress of the warm-up, in words."""
        self._watch = MarketWatch()
        self._answers: list[tuple[Future[Receipt], Receipt]] = []
        """Receipts that go out with the next snapshot, so that whoever gets one sees what it tells of."""
        self._wakes = 0
        self._next_wake = 0
        self._next_sample = 0
        self._next_guard = 0
        self._upkeep: Upkeep | None = None
        self._tidied = 0

    # -- what the outside reads ------------------------------------------------------------------------------------

    def get_ladders_snapshot(self) -> LadderSnapshot:
        """Both ladders, from the latest snapshot."""
        return self.snapshot.ladders

    def get_operational_metrics(self) -> OperationalMetrics:
        """Money and counts, from the latest snapshot."""
        return self.snapshot.metrics

    # -- life ------------------------------------------------------------------------------------------------------

    @guarded
    def on_start(self) -> None:
        """Take stock of account and instrument, then listen to the market."""
        instrument_id = self.config.instrument_id
        settings = self._settings.instrument
        self._link()
        session = base36(self.now() // NS_PER_MS)
        simulated = self.config.linked_exits
        rules = VenueRules(resizes_stops=self.config.resizes_stops, flips_legs=simulated)
        if simulated:
            rules = msgspec.structs.replace(rules, most_pieces=0)
        self.grid = HedgeGrid(self._settings, self._journal, self, session, Ledger(self.balance()), rules)
        self.desk = Desk(self.grid, self)
        watches = self.config.mode != "replay"
        self._upkeep = Upkeep(self.grid, self._journal, self.now(), watches=watches, balance=self.balance())
        self.grid.ladders.set_regime(self._regime.reading)
        self._tell_early_words(self.grid)
        go_on(self.grid, self._past, self, self.cash())
        self._blank = Snapshot(
            session=session,
            mode=self.config.mode,
            instrument=settings.symbol,
            currency=settings.quote,
            base=settings.base,
            price_decimals=decimals(settings.tick_size),
            qty_decimals=decimals(settings.step_size),
            taker_fee=settings.taker_fee,
            began_ns=self.now(),
        )
        if self._past.throttle is not None:
            self.grid.door.note = f"started; throttle {plain(self._past.throttle)} restored"
        self.grid.door.write()
        if self.config.mode not in UNRAMPED:
            self.grid.risk.ramp_from(self._past.first_ns or self.now(), self.now())
        self.subscribe_quote_ticks(instrument_id)
        self.subscribe_trade_ticks(instrument_id)
        self.subscribe_mark_prices(instrument_id)
        self.subscribe_funding_rates(instrument_id)
        self.subscribe_bars(BarType.from_str(f"{instrument_id}-1-MINUTE-LAST-EXTERNAL"))
        self.grid.converge()
        self.publish()

    @guarded
    def on_stop(self) -> None:
        """Answer what is still owed; orders and positions stay as they are."""
        if self.desk is not None:
            self.desk.abandon()
        self.publish()

    def command(self, command: Command, receipt: "Future[Receipt]") -> None:
        """Carry out an operator's command; runs on the engine's loop. Whoever asked gets an answer in any case."""
        answered: list[Receipt] = []

        def reply(answer: Receipt) -> None:
            answered.append(answer)
            self._answers.append((receipt, answer))

        try:
            self._desk.handle(command, reply)
            self._after_pass()
        except Exception as error:  # noqa: BLE001 - this is the guard
            self.contain("command", error)
            if not answered and (self.desk is None or not self.desk.owes(reply)):
                words = f"{type(error).__name__}: {error}"
                reply(Receipt(act_id="", command=command.text, result=Result.FAILED, detail={"reason": words}))
        self.publish()

    @property
    def _desk(self) -> Desk:
        if self.desk is None:
            raise RuntimeError("the strategy has not started")
        return self.desk

    def contain(self, where: str, error: Exception) -> None:
        """Note an exception that was caught, and ask for another pass."""
        words = f"{where}: {type(error).__name__}: {error}"
        self.log.error(words)
        if self.grid is None or where == self.on_start.__name__:
            self.failure = words
        if self.grid is None:
            return
        try:
            now = self.now()
            self.grid.doubt()
            self.wake_at(now + RETRY_AFTER_ERROR_NS)
            self.grid.errors.record(now, where, type(error).__name__, str(error), critical=True, counts=True)
        except Exception as second:  # noqa: BLE001 - nothing may leave a handler, not even a failing journal
            words = f"{where}: not recorded: {type(second).__name__}: {second}"
            self.log.error(words)  # noqa: TRY400 - Nautilus's logger

    # -- market ----------------------------------------------------------------------------------------------------

    @property
    def bars_needed(self) -> int:
        """How many minutes of history make the indicators warm."""
        return self._regime.reading.needed

    @guarded
    def take_history(self, bars: Sequence[MinuteBar]) -> None:
        """Feed the minutes before this session, then the live ones that waited for them."""
        self._warming = ""
        try:
            self._feed(self._bars.take_history(bars, self.now()))
        finally:
            self._feed(self._bars.give_up())

    @guarded
    def warming(self, words: str) -> None:
        """Show how the warm-up fares."""
        self._warming = words

    @guarded
    def without_history(self, words: str) -> None:
        """There is no history: the indicators warm from live bars alone."""
        self._warming = words
        self._feed(self._bars.give_up())

    def _feed(self, bars: Iterable[MinuteBar]) -> None:
        before = self._regime.reading
        for bar in bars:
            self._regime.update(bar)
        reading, grid = self._regime.reading, self.grid
        if reading.is_warm:
            self._warming = ""
        if reading is not before and grid is not None and grid.ladders.set_regime(reading):
            grid.converge()
            self._after_pass()

    @guarded
    def on_quote_tick(self, tick: QuoteTick) -> None:
        """A quote; inside the calm band it costs a few comparisons."""
        self._heed(self._watch.on_quote(tick), tick.ts_init)

    @guarded
    def on_trade_tick(self, tick: TradeTick) -> None:
        """A trade; it moves the market only where there are no quotes."""
        self._heed(self._watch.on_trade(tick), tick.ts_init)

    @guarded
    def on_bar(self, bar: Bar) -> None:
        """A closed bar; it moves the market only where there are neither quotes nor trades."""
        self._feed(self._bars.take_live(minute_of(bar), bar.ts_init))
        self._heed(self._watch.on_bar(bar), bar.ts_init)

    @guarded
    def on_mark_price(self, mark_price: MarkPriceUpdate) -> None:
        """The venue's mark price, for the screen."""
        self._watch.mark = mark_price.value

    @guarded
    def on_funding_rate(self, funding_rate: FundingRateUpdate) -> None:
        """The predicted funding rate: the guard looks again."""
        self._watch.on_funding(funding_rate)
        self._guard_funding()

    def _guard_funding(self) -> None:
        grid, watch, now = self.grid, self._watch, self.now()
        if grid is None:
            return
        view = guard(watch.funding_rate, watch.next_funding, watch.funding_interval, now, self._settings.funding)
        if grid.ladders.set_funding(view):
            grid.converge()
            self._after_pass()
        due = next_change(view, now)
        if due is not None and due != self._next_guard:
            self._next_guard = due
            self.clock.set_time_alert_ns(f"funding-{due}-{now}", due, lambda _event: self._hop(self._on_funding_time))

    @guarded
    def _on_funding_time(self) -> None:
        """The window before a settlement has opened, or the settlement has passed."""
        self._guard_funding()

    @guarded
    def on_funding_paid(self, leg: Leg, rate: Decimal, amount: Decimal) -> None:
        """A settlement has changed the wallet for what one leg held; `amount` is negative where it was paid."""
        self._grid.on_funding(leg, rate, amount)

    def _heed(self, moved: bool, ts: int) -> None:
        if self._watch.has_minutes:
            for bar in self._watch.take_minutes():
                self._feed(self._bars.take_live(bar, ts))
        if moved and self.grid is not None:
            self.grid.converge()
            self._after_pass()
        if ts >= self._next_sample:
            self._sample(self.now())

    # -- orders ----------------------------------------------------------------------------------------------------

    @guarded
    def on_order_accepted(self, event: OrderAccepted) -> None:
        """The venue has the order."""
        self._hear()
        self._grid.on_accepted(event.client_order_id.value)
        self._after_pass()

    @guarded
    def on_order_rejected(self, event: OrderRejected) -> None:
        """The venue refused the order."""
        self._hear()
        order_id = event.client_order_id.value
        self._grid.on_refused(order_id, event.reason, event="rejected", post_only=event.due_post_only)
        self._after_pass()

    @guarded
    def on_order_denied(self, event: OrderDenied) -> None:
        """Nautilus's risk engine refused the order before it left."""
        self._grid.on_refused(event.client_order_id.value, event.reason, event="denied")
        for sibling in self.cache.order(event.client_order_id).linked_order_ids or ():
            order = self.cache.order(sibling)
            if order is not None and order.status == OrderStatus.INITIALIZED:
                # Nautilus drops the list and tells of one order only.
                self._grid.on_refused(sibling.value, "its sibling was denied", event="denied")
        self._after_pass()

    @guarded
    def on_order_canceled(self, event: OrderCanceled) -> None:
        """The order is gone."""
        self._hear()
        self._grid.on_ended(event.client_order_id.value, "canceled")
        self._after_pass()

    @guarded
    def on_order_expired(self, event: OrderExpired) -> None:
        """The order is gone."""
        self._hear()
        self._grid.on_ended(event.client_order_id.value, "expired")
        self._after_pass()

    @guarded
    def on_order_updated(self, event: OrderUpdated) -> None:
        """The order has another quantity."""
        self._hear()
        self._grid.on_resized(event.client_order_id.value, event.quantity.as_decimal())
        self._after_pass()

    @guarded
    def on_order_cancel_rejected(self, event: OrderCancelRejected) -> None:
        """The venue refused a cancel."""
        self._hear()
        self._grid.on_request_refused(event.client_order_id.value, event.reason)

    @guarded
    def on_order_modify_rejected(self, event: OrderModifyRejected) -> None:
        """The venue refused a change of quantity."""
        self._hear()
        self._grid.on_request_refused(event.client_order_id.value, event.reason)

    @guarded
    def on_order_filled(self, event: OrderFilled) -> None:
        """An order has filled, in part or to its end."""
        self._hear()
        self._grid.on_fill(fill_of(event))
        self._after_pass()

    def _hear(self) -> None:
        if self._upkeep is not None:
            self._upkeep.heard(self.now())

    @property
    def _grid(self) -> HedgeGrid:
        if self.grid is None:
            raise RuntimeError("an order event came before the start")
        return self.grid

    # -- what the grid asks of Nautilus (strategy.grid.Venue) --------------------------------------------------------

    def market(self) -> Market | None:
        """The best prices now; None before the first."""
        return self._watch.market()

    def wake_at(self, ts: int) -> None:
        """Ask for a pass at that time; an earlier one that is set already serves."""
        now = self.now()
        if now < self._next_wake <= ts:
            return
        due = self._next_wake = max(ts, now + 1)
        self._wakes += 1
        wake = functools.partial(self._on_wake, due)
        self.clock.set_time_alert_ns(f"wake-{self._wakes}", due, lambda _event: self._hop(wake))

    @guarded
    def _on_wake(self, due: int) -> None:
        """A pass without an event; one that an earlier has overtaken does nothing, for every pass asks for its next."""
        if due == self._next_wake and self.grid is not None:
            self._next_wake = 0
            self.grid.converge()
            self._after_pass()

    # -- after a pass ----------------------------------------------------------------------------------------------

    def _after_pass(self) -> None:
        grid = self._grid
        waits_for_prices = not PASSING.isdisjoint(grid.gaps.values())
        if grid.ladder is None or grid.market is None or grid.is_exposed or waits_for_prices:
            self._watch.drop_band()
        else:
            running = grid.state is DoorState.RUNNING
            band = calm_band(grid.ladder, grid.gaps, grid.config.grid, grid.spec.max_price, may_recentre=running)
            self._watch.set_band(band)
        if self._answers:
            self.publish()

    def _sample(self, now: int) -> None:
        """At most one a second, on the market's own events, so that a replay writes the same lines again."""
        self._next_sample = now + NS_PER_S
        market = self._watch.market()
        if self._upkeep is None or market is None:
            return
        if self._upkeep.sample(now, market, self.balance(), self.cash()):
            self._grid.converge()
            self._after_pass()

    @guarded
    def tidy(self) -> None:
        """Compare the books; now and then forget closed orders. The host calls this between events.

        Nautilus's simulated venue looks through every order that a position id ever had at each of its fills. At a
        real one a fill may be told long after its order has ended, and needs the order to be booked.
        """
        grid = self.grid
        if grid is None:
            return
        if self._upkeep is not None and self._upkeep.look(self.now(), self._watch.market()):
            grid.converge()
            self._after_pass()
        if grid.ledger.submitted - self._tidied < TIDY_EVERY:
            return
        self._tidied = grid.ledger.submitted
        simulated = self.config.linked_exits
        horizon = self.now() - (0 if simulated else ENDED_KEPT_NS)
        flat = {leg for leg in Leg if not grid.lots.held(leg) and self.cache.is_position_closed(self._positions[leg])}
        for leg in flat if simulated else ():
            self.cache.purge_position(self._positions[leg])
        for order in self.cache.orders_closed():
            told = parse_id(order.client_order_id.value)
            idle = told is not None and (told.key.leg in flat or (not simulated and not order.filled_qty))
            if idle and order.ts_last <= horizon:
                self.cache.purge_order(order.client_order_id)

    @guarded
    def stood_still(self, stood_ns: int) -> None:
        """The host has found that the engine did nothing for so long."""
        if self._upkeep is not None:
            self._upkeep.stood_still(self.now(), stood_ns)

    @guarded
    def publish(self) -> None:
        """Publish a new snapshot; the engine's host calls this a few times a second."""
        try:
            self._publish()
        finally:
            answers, self._answers = self._answers, []
            for future, answer in answers:
                if future.set_running_or_notify_cancel():
                    future.set_result(answer)

    def _publish(self) -> None:
        if self.grid is None or self.desk is None:
            return
        seq = self.snapshot.seq + 1
        heard = 0 if self._upkeep is None else self._upkeep.last_word
        self.snapshot = take_picture(
            self._blank, seq, self.now(), self.grid, self.desk, self._watch.view(), self._warming, heard
        )
