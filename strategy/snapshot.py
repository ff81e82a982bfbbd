"""What the outside may see: one frozen, self-consistent picture of the engine, serialisable as it is."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from strategy.control import Receipt
from strategy.domain import ZERO, DoorState, Leg, Reason, Role, Side
from strategy.funding import FundingView
from strategy.latches import Halt
from strategy.order_index import OrderStatus
from strategy.regime import RegimeReading


class RungState(StrEnum):
    """Where a rung's entry stands."""

    LIVE = "live"
    IN_FLIGHT = "in-flight"
    CANCELLING = "cancelling"
    HELD = "held"
    GAP = "gap"


class EnginePhase(StrEnum):
    """How far the engine that hosts the strategy has come."""

    IDLE = "idle"
    LOADING = "loading"
    CONNECTING = "connecting"
    RUNNING = "running"
    ENDED = "ended"
    """The tape is over; the engine still answers."""
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


class EngineStatus(msgspec.Struct, frozen=True, gc=False):
    """The host's own word on the engine, true also while there is no strategy yet."""

    phase: EnginePhase = EnginePhase.IDLE
    detail: str = ""
    """What it is doing, or why it failed, in plain words."""
    lag_ms: int = 0
    """How much later than due the engine's loop took its latest turn."""


class MarketView(msgspec.Struct, frozen=True, gc=False):
    """The market as last seen; prices are None before the first."""

    bid: Decimal | None = None
    ask: Decimal | None = None
    mark: Decimal | None = None
    ts: int = 0
    """Engine time of the last market event, ns; 0 before the first."""
    quotes: int = 0
    trades: int = 0
    bars: int = 0
    funding_rate: Decimal | None = None
    """Predicted for the next settlement, as a fraction of notional; positive: longs pay shorts."""
    next_funding_ns: int = 0
    """Time of the next settlement; 0 where it is not known."""

    @property
    def mid(self) -> Decimal | None:
        """The middle of bid and ask."""
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2


class LotView(msgspec.Struct, frozen=True, gc=False):
    """One held lot and the exits that work for it."""

    number: int
    leg: Leg
    level: int
    qty: Decimal
    entry: Decimal
    """Average entry price."""
    take_profit: Decimal
    stop: Decimal
    """Trigger price of its stop."""
    tp_qty: Decimal
    """Quantity that a take-profit working at the venue covers."""
    sl_qty: Decimal
    """Quantity that a stop working at the venue covers."""
    unrealised: Decimal
    opened_ns: int


class RungView(msgspec.Struct, frozen=True, gc=False):
    """One rung: what should rest there, what does, and why not where the two differ."""

    leg: Leg
    level: int
    price: Decimal
    qty: Decimal
    """Quantity that the ladder wants at this rung."""
    state: RungState
    live_qty: Decimal = ZERO
    """Open quantity of its entry order."""
    reason: Reason | None = None
    detail: str = ""
    """More on the reason, such as the venue's own words."""
    lot: LotView | None = None
    """The lot that occupies the rung."""
    sent_ns: int = 0
    """When its entry order was sent; 0 where it has none."""


class LadderSnapshot(msgspec.Struct, frozen=True, gc=False):
    """Both ladders around the market."""

    centre: Decimal | None = None
    step: Decimal | None = None
    long: tuple[RungView, ...] = ()
    """Nearest to the centre first."""
    short: tuple[RungView, ...] = ()
    """Nearest to the centre first."""
    strays: tuple[LotView, ...] = ()
    """Held lots that belong to no rung of the current ladder."""


class OrderView(msgspec.Struct, frozen=True, gc=False):
    """One order that is open at the venue, or may be."""

    id: str
    """Client order id."""
    leg: Leg
    role: Role
    slot: int
    """Level of an entry, number of the lot that an exit works for; 0 where a close works for a whole leg."""
    side: Side
    price: Decimal | None
    """Limit price, trigger price of a stop; None at market."""
    qty: Decimal
    filled: Decimal
    status: OrderStatus
    sent_ns: int


class LegView(msgspec.Struct, frozen=True, gc=False):
    """One leg: what is held, what covers it, what may add to it."""

    leg: Leg
    qty: Decimal = ZERO
    average: Decimal | None = None
    unrealised: Decimal = ZERO
    notional: Decimal = ZERO
    """Held quantity at the current mid, quote."""
    tp_qty: Decimal = ZERO
    sl_qty: Decimal = ZERO
    lots: int = 0
    open_entries: int = 0
    open_entry_qty: Decimal = ZERO
    open_entry_notional: Decimal = ZERO
    open_exits: int = 0
    ladder_share: Decimal = Decimal(1)
    """What regime, throttle and funding leave of the leg's ladder, 0 to 1."""
    unprotected_ns: int = 0
    """For how long some of it has had no working stop; 0 when all is covered."""


class OperationalMetrics(msgspec.Struct, frozen=True, gc=False):
    """Money and counts since the session began; money in quote currency, signed as it changes equity."""

    equity_start: Decimal = ZERO
    wallet: Decimal = ZERO
    equity: Decimal = ZERO
    peak: Decimal = ZERO
    realised: Decimal = ZERO
    unrealised: Decimal = ZERO
    fees: Decimal = ZERO
    """Negative: a cost."""
    funding: Decimal = ZERO
    earned_before: Decimal = ZERO
    """What of realised, fees and funding together earlier sessions brought."""
    orders_submitted: int = 0
    orders_rejected: int = 0
    orders_denied: int = 0
    fills: int = 0
    take_profits: int = 0
    stops: int = 0
    closes: int = 0
    round_trips: int = 0
    wins: int = 0
    """Round trips whose last fill earned more than its own fee."""
    errors: int = 0
    critical_errors: int = 0
    max_unprotected_ns: int = 0
    breaker_trips: int = 0
    drawdown_trips: int = 0


class FlattenStage(StrEnum):
    """The steps of a flatten, in order."""

    CANCELLING_ENTRIES = "cancelling-entries"
    CLOSING = "closing"
    VERIFYING = "verifying"
    CANCELLING_EXITS = "cancelling-exits"
    FLAT = "flat"
    NOT_FLAT = "not-flat"


class FlattenView(msgspec.Struct, frozen=True, gc=False):
    """Progress of the flatten that runs or ran last."""

    legs: tuple[Leg, ...]
    stage: FlattenStage
    started_ns: int
    entries_left: int = 0
    exits_left: int = 0
    long_left: Decimal = ZERO
    short_left: Decimal = ZERO
    running: bool = True


class ErrorRecord(msgspec.Struct, frozen=True, gc=False):
    """An error that was contained: where, what, when."""

    number: int
    ts: int
    where: str
    type: str
    message: str
    critical: bool


class AlarmView(msgspec.Struct, frozen=True, gc=False):
    """An alarm that is raised now."""

    name: str
    leg: Leg | None
    """None where it concerns the whole session."""
    since_ns: int
    detail: str


class BreakerView(msgspec.Struct, frozen=True, gc=False):
    """The breaker on repeated errors."""

    is_open: bool = False
    count: int = 0
    """Errors within the window now."""
    threshold: int = 0
    window_s: int = 0
    until_ns: int = 0
    """When it closes by itself; 0 where only reset-breaker closes it, or it is closed."""
    trips: int = 0
    """How often it has opened in this session."""
    errors: tuple[str, ...] = ()
    """What is in the window; while it is open, what opened it. Oldest first."""


class DrawdownView(msgspec.Struct, frozen=True, gc=False):
    """Losses against the highest equity and against the day's first; levels are (warn, pause, halt), 0 is off."""

    peak: Decimal = ZERO
    total_pct: Decimal = ZERO
    total_levels: tuple[Decimal, Decimal, Decimal] = (ZERO, ZERO, ZERO)
    day_start: Decimal = ZERO
    day_pct: Decimal = ZERO
    """Negative on a day that has gained."""
    day_levels: tuple[Decimal, Decimal, Decimal] = (ZERO, ZERO, ZERO)
    reached: tuple[str, ...] = ()
    """Levels that have acted and are not armed again, such as `total-warn`."""
    trips: int = 0
    """How often a level has paused or halted in this session."""


class CapsView(msgspec.Struct, frozen=True, gc=False):
    """Limits on exposure and what counts against them; 0 is off. Notionals in quote currency."""

    share: Decimal = Decimal(1)
    """What the roll-out ramp leaves of the notional limits, 0 to 1."""
    ramp_day: int = 0
    """Whole days since the first session, while the ramp scales the limits; of `ramp_days`."""
    ramp_days: int = 0
    """Days after which the limits hold in full; 0 where no ramp scales them."""
    leg_cap: Decimal = ZERO
    gross_cap: Decimal = ZERO
    long_worst: Decimal = ZERO
    """Held, in flight and resting, at entry prices."""
    short_worst: Decimal = ZERO
    leverage: Decimal = ZERO
    """Both legs, every entry filled, against the equity."""
    max_leverage: Decimal = ZERO
    long_liquidation: Decimal | None = None
    """Estimated price at which the account would be liquidated once every long entry fills; None: at none."""
    short_liquidation: Decimal | None = None


class BudgetView(msgspec.Struct, frozen=True, gc=False):
    """Requests sent within the window."""

    used: int = 0
    limit: int = 0
    reserve: int = 0
    window_s: int = 0


class RiskView(msgspec.Struct, frozen=True, gc=False):
    """The controls: what is latched, how near each limit is, what has been denied, which alarms are raised."""

    latched: tuple[str, ...] = ()
    """Every latched state that is not `running`; the door shows the gravest."""
    halts: tuple[Halt, ...] = ()
    """What has halted, while it is halted."""
    breaker: BreakerView = BreakerView()
    drawdown: DrawdownView = DrawdownView()
    caps: CapsView = CapsView()
    budget: BudgetView = BudgetView()
    denials: tuple[tuple[str, int], ...] = ()
    """How often the gate has said no, per reason code."""
    repeated: tuple[str, ...] = ()
    """Levels that filled too often and wait for reset-breaker, such as `long 3`."""
    alarms: tuple[AlarmView, ...] = ()


class VenueVitals(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How the line to the venue fares, as the session's own watch over it last saw it; None is not known."""

    taken_ns: int
    """When it was put together, on the engine's clock: ages and seconds left count from there."""
    stream_age_ms: int | None = None
    """Time since the account's stream last said anything, a quiet account's silence included."""
    stream_checked_ms: int | None = None
    """Time since it was last found alive, by a word of its own or by asking."""
    weight_used: int | None = None
    """Request weight of this address in the present minute, as the venue's last answer told it."""
    weight_limit: int | None = None
    orders_10s: int | None = None
    orders_10s_limit: int | None = None
    orders_1m: int | None = None
    orders_1m_limit: int | None = None
    dead_man_s: int | None = None
    """Seconds until the venue cancels what it reaches unless told again; 0: time is over. None while not armed."""
    dead_man_of_s: int | None = None
    """Seconds that it is set to each time; None where it is off."""
    skew_ms: int | None = None
    """The venue's clock less ours."""
    round_trip_ms: int | None = None
    """From a request to its answer."""
    limited_until_ns: int | None = None
    """Until when the venue takes no further requests."""
    checked_ns: int | None = None
    """When orders and legs at the venue were last compared with the own books."""


class Snapshot(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Everything at one moment; `Snapshot()` is the empty one, from before the first."""

    seq: int = 0
    """Strictly growing within a session."""
    ts: int = 0
    """When it was taken, ns on the engine's clock."""
    began_ns: int = 0
    """When the session began, on the same clock."""
    heard_ns: int = 0
    """When the venue last said something of an order; 0 where it has not yet."""
    session: str = ""
    mode: str = ""
    instrument: str = ""
    currency: str = ""
    """Quote currency."""
    base: str = ""
    """Base currency."""
    price_decimals: int = 2
    qty_decimals: int = 3
    taker_fee: Decimal = ZERO
    """As a fraction of notional."""
    state: DoorState = DoorState.RUNNING
    state_reason: str = ""
    market: MarketView = MarketView()
    ladders: LadderSnapshot = LadderSnapshot()
    regime: RegimeReading = RegimeReading()
    warming: str = ""
    """How the warm-up fares, in plain words; empty where there is nothing to say."""
    funding: FundingView = FundingView()
    throttle: Decimal = Decimal(1)
    """The operator's share of both ladders, 0 to 1."""
    long: LegView = LegView(Leg.LONG)
    short: LegView = LegView(Leg.SHORT)
    orders: tuple[OrderView, ...] = ()
    """Every open order, oldest first."""
    metrics: OperationalMetrics = OperationalMetrics()
    venue: VenueVitals | None = None
    """None in modes without a line to a venue."""
    risk: RiskView = RiskView()
    flatten: FlattenView | None = None
    receipts: tuple[Receipt, ...] = ()
    """The latest, oldest first."""
    errors: tuple[ErrorRecord, ...] = ()
    """The latest, oldest first."""

    def leg(self, leg: Leg) -> LegView:
        """The view of one leg."""
        return self.long if leg is Leg.LONG else self.short

    @property
    def is_flat(self) -> bool:
        """Whether neither leg holds anything and no order is open."""
        return not (self.long.qty or self.short.qty or self.open_entries or self.open_exits)

    @property
    def open_entries(self) -> int:
        """Entries at the venue or on their way."""
        return self.long.open_entries + self.short.open_entries

    @property
    def open_exits(self) -> int:
        """Take-profits, stops and closes at the venue or on their way."""
        return self.long.open_exits + self.short.open_exits
