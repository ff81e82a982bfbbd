"""A fake engine, a clock that tests move, and hand-built snapshots of a BTCUSDT session."""

import functools
from collections.abc import Sequence
from concurrent.futures import Future
from decimal import Decimal
from typing import Any

import msgspec

from hedgegrid_tui.app import HedgeGridApp
from strategy.config import FundingConfig
from strategy.control import Command, Ending, Receipt, Result
from strategy.domain import NS_PER_S, DoorState, Leg, Reason, Regime, Role
from strategy.funding import FundingView, guard
from strategy.latches import Halt
from strategy.order_index import OrderStatus
from strategy.regime import RegimeReading
from strategy.snapshot import (
    AlarmView,
    BreakerView,
    BudgetView,
    CapsView,
    DrawdownView,
    EnginePhase,
    EngineStatus,
    ErrorRecord,
    FlattenStage,
    FlattenView,
    LadderSnapshot,
    LegView,
    LotView,
    MarketView,
    OperationalMetrics,
    OrderView,
    RiskView,
    RungState,
    RungView,
    Snapshot,
    VenueVitals,
)

NOW = 1_723_118_587 * NS_PER_S
CENTRE, STEP, QTY = Decimal("61800.0"), Decimal("61.8"), Decimal("0.002")


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FakeEngine:
    """Shows what it is given, keeps what it is sent, answers when told to."""

    def __init__(self, snapshot: Snapshot | None = None, status: EngineStatus | None = None) -> None:
        self.snapshot = running() if snapshot is None else snapshot
        self.status = EngineStatus(EnginePhase.RUNNING) if status is None else status
        self.lines: list[str] = []
        self.journal: list[bytes] = journal() if self.snapshot.seq else []
        self.sent: list[tuple[Command, Future[Receipt]]] = []
        self.started = 0
        self.stopped: list[Ending] = []
        self.stop_result: str | Exception = "flat"

    def log_lines(self) -> Sequence[str]:
        return self.lines

    def journal_lines(self, after: int) -> Sequence[bytes]:
        return [line for line in self.journal if msgspec.json.decode(line)["seq"] > after]

    def start(self) -> None:
        self.started += 1

    def send(self, command: Command) -> Future[Receipt]:
        receipt: Future[Receipt] = Future()
        self.sent.append((command, receipt))
        return receipt

    def stop(self, ending: Ending) -> str:
        self.stopped.append(ending)
        if isinstance(self.stop_result, Exception):
            raise self.stop_result
        return self.stop_result

    @property
    def commands(self) -> list[Command]:
        return [command for command, _ in self.sent]

    def answer(self, result: Result = Result.DONE, **detail: Any) -> None:
        command, receipt = self.sent[-1]
        receipt.set_result(Receipt("act-1", command.text, result, detail, NOW))

    def show(self, **changes: Any) -> None:
        changed = msgspec.structs.replace(self.snapshot, seq=self.snapshot.seq + 1)
        self.snapshot = msgspec.structs.replace(changed, **changes)


def cockpit(engine: FakeEngine | None = None, clock: Clock | None = None, **options: Any) -> HedgeGridApp:
    """An app that draws only when told to."""
    return HedgeGridApp(engine or FakeEngine(), clock=clock or Clock(), poll=False, **options)


def lot(number: int, leg: Leg, level: int, **changes: Any) -> LotView:
    entry = CENTRE - leg.sign * level * STEP
    built = LotView(
        number=number,
        leg=leg,
        level=level,
        qty=QTY,
        entry=entry,
        take_profit=entry + leg.sign * STEP,
        stop=entry - leg.sign * 5 * STEP,
        tp_qty=QTY,
        sl_qty=QTY,
        unrealised=Decimal("0.09") * leg.sign,
        opened_ns=NOW - 60 * NS_PER_S,
    )
    return msgspec.structs.replace(built, **changes)


def rung(leg: Leg, level: int, **changes: Any) -> RungView:
    price = CENTRE - leg.sign * level * STEP
    sent = NOW - (300 + 40 * level) * NS_PER_S
    built = RungView(leg=leg, level=level, price=price, qty=QTY, state=RungState.LIVE, live_qty=QTY, sent_ns=sent)
    built = msgspec.structs.replace(built, **changes)
    return built if built.state in (RungState.LIVE, RungState.IN_FLIGHT) else msgspec.structs.replace(built, sent_ns=0)


def ladders(levels: int = 8) -> LadderSnapshot:
    """Two long lots, one short lot, one long entry in flight and one gap with the venue's words."""
    long = {level: rung(Leg.LONG, level) for level in range(1, levels + 1)}
    short = {level: rung(Leg.SHORT, level) for level in range(1, levels + 1)}
    for number, level in ((11, 1), (14, 2)):
        held = lot(number, Leg.LONG, level)
        long[level] = rung(Leg.LONG, level, state=RungState.HELD, live_qty=Decimal(0), reason=Reason.OCCUPIED, lot=held)
    short[1] = rung(
        Leg.SHORT,
        1,
        state=RungState.HELD,
        live_qty=Decimal(0),
        reason=Reason.OCCUPIED,
        lot=lot(12, Leg.SHORT, 1),
    )
    long[4] = rung(Leg.LONG, 4, state=RungState.IN_FLIGHT, live_qty=Decimal(0))
    short[3] = rung(
        Leg.SHORT,
        3,
        state=RungState.GAP,
        live_qty=Decimal(0),
        reason=Reason.BACKING_OFF,
        detail="post-only would take (-5022), next try in 1.5 s",
    )
    return LadderSnapshot(CENTRE, STEP, tuple(long.values()), tuple(short.values()), (stray(),))


def stray() -> LotView:
    return lot(3, Leg.SHORT, 2, entry=Decimal("61951.3"), unrealised=Decimal("0.30"))


def orders(both: LadderSnapshot) -> tuple[OrderView, ...]:
    """What is open at the venue according to the ladders: entries that rest, and both exits of each lot."""
    found = []
    for view in (*both.long, *both.short):
        if view.sent_ns:
            status = OrderStatus.ACCEPTED if view.state is RungState.LIVE else OrderStatus.SUBMITTED
            found.append(order(view.leg, Role.ENTRY, view.level, view.price, view.qty, status, view.sent_ns))
    lots = (view.lot for view in (*both.long, *both.short) if view.lot is not None)
    for held in (*lots, *both.strays):
        for role, price, qty in ((Role.SL, held.stop, held.sl_qty), (Role.TP, held.take_profit, held.tp_qty)):
            if qty:
                found.append(order(held.leg, role, held.number, price, qty, OrderStatus.ACCEPTED, held.opened_ns))
    return tuple(sorted(found, key=lambda each: each.sent_ns))


def order(
    leg: Leg, role: Role, slot: int, price: Decimal, qty: Decimal, status: OrderStatus, sent_ns: int
) -> OrderView:
    side = leg.entry_side if role is Role.ENTRY else leg.exit_side
    return OrderView(f"HG-fake-{leg}-{role}-{slot}", leg, role, slot, side, price, qty, Decimal(0), status, sent_ns)


def journal_line(seq: int, seconds_ago: float, kind: str, **fields: Any) -> bytes:
    line = {"seq": seq, "ts": NOW - int(seconds_ago * NS_PER_S), "kind": kind, **fields}
    return msgspec.json.encode(line) + b"\n"


def fill_line(seq: int, seconds_ago: float, leg: Leg, role: Role, lot: int, price: str) -> bytes:
    side = leg.entry_side if role is Role.ENTRY else leg.exit_side
    return journal_line(
        seq, seconds_ago, "fill", id=f"HG-fake-{seq}", trade_id=str(seq), leg=leg, role=role, lot=lot, side=side,
        price=price, qty="0.002", fee="-0.02472", liquidity="taker" if role is Role.SL else "maker",
    )  # fmt: skip


@functools.cache
def hour_of_journal() -> tuple[bytes, ...]:
    """A session of an hour: how the equity went, what filled, what was pressed."""
    lines: list[bytes] = []

    def add(seconds_ago: float, kind: str, **fields: Any) -> None:
        lines.append(journal_line(len(lines) + 1, seconds_ago, kind, **fields))

    add(3600, "session.start", mode="sim", instrument="BTCUSDT", version="1", config="0", pid=4242, restored=[],
        fresh_venue=True, torn_line_dropped=False)  # fmt: skip
    add(3600, "state", name="running", reason="started", latched={})
    add(3599, "ladder", centre="61800", step="61.8")
    peak = Decimal(10_000)
    for minute in range(60):
        swing = Decimal(minute * minute * 7 % 31 - 15) / 10
        equity = Decimal(10_000) + Decimal(minute) / 5 + swing
        peak = max(peak, equity)
        add(3570 - 60 * minute, "equity", wallet=str(equity), unrealised="0", equity=str(equity), peak=str(peak),
            realised="0", fees="0", funding="0")  # fmt: skip
    for seconds, leg, role, number, price in (
        (1900, Leg.SHORT, Role.ENTRY, 12, "61861.8"), (1500, Leg.LONG, Role.ENTRY, 9, "61738.2"),
        (1420, Leg.LONG, Role.TP, 9, "61800.0"), (880, Leg.LONG, Role.ENTRY, 10, "61676.4"),
        (700, Leg.LONG, Role.SL, 10, "61367.4"), (400, Leg.LONG, Role.ENTRY, 11, "61738.2"),
        (34, Leg.LONG, Role.ENTRY, 14, "61676.4"),
    ):  # fmt: skip
        lines.append(fill_line(len(lines) + 1, seconds, leg, role, number, price))
    add(900, "act", act_id="act-0", command="pause", args={}, by="operator")
    add(900, "state", name="paused", reason="paused by the operator", latched={"paused": "paused by the operator"})
    add(899, "receipt", act_id="act-0", result="done", detail={})
    add(860, "act", act_id="act-1", command="resume", args={}, by="operator")
    add(860, "state", name="running", reason="resumed", latched={})
    add(860, "receipt", act_id="act-1", result="done", detail={})
    add(1200, "error", where="on_order_rejected", type="VenueError", message="post-only would take (-5022)",
        critical=False)  # fmt: skip
    add(0.2, "equity", wallet="10011.60", unrealised="0.80", equity="10012.40", peak="10013.02", realised="14.21",
        fees="-2.49", funding="-0.12")  # fmt: skip
    return in_sequence(lines)


def in_sequence(lines: Sequence[bytes]) -> tuple[bytes, ...]:
    """The same lines in the sequence of their times, numbered anew."""
    told = sorted((msgspec.json.decode(line) for line in lines), key=lambda line: line["ts"])
    return tuple(msgspec.json.encode({**line, "seq": seq}) + b"\n" for seq, line in enumerate(told, 1))


def journal() -> list[bytes]:
    return list(hour_of_journal())


SIDEWAYS = RegimeReading(
    regime=Regime.SIDEWAYS,
    seen=61,
    needed=55,
    fast=Decimal("61804.2"),
    slow=Decimal("61796.2"),
    spread_bps=Decimal("1.2945"),
    adx=Decimal("17.62"),
    atr=Decimal("21.44"),
    ts=NOW - 7 * NS_PER_S,
)
DOWN = RegimeReading(
    regime=Regime.DOWN,
    seen=61,
    needed=55,
    fast=Decimal("61804.2"),
    slow=Decimal("61898.1"),
    spread_bps=Decimal("-15.17"),
    adx=Decimal("31.08"),
    atr=Decimal("38.90"),
    ts=NOW - 7 * NS_PER_S,
)
COLD = RegimeReading(seen=16, needed=55, atr=Decimal("19.07"), ts=NOW - 7 * NS_PER_S)


def funding(rate: str = "0.0001", minutes: int = 117) -> FundingView:
    """What the guard makes of a rate that settles in so many minutes."""
    next_ns = NOW + minutes * 60 * NS_PER_S
    return guard(Decimal(rate), next_ns, 480, NOW, FundingConfig())


def controls(**changes: Any) -> RiskView:
    """Everything in good order, a first error counted, one limit that has been met now and then."""
    built = RiskView(
        breaker=BreakerView(count=1, threshold=5, window_s=60, errors=("on_order_rejected -1003: too many requests",)),
        drawdown=DrawdownView(
            peak=Decimal("10013.02"),
            total_pct=Decimal("0.0062"),
            total_levels=(Decimal(10), Decimal(15), Decimal(25)),
            day_start=Decimal(10_000),
            day_pct=Decimal("-0.124"),
            day_levels=(Decimal(5), Decimal(8), Decimal(12)),
        ),
        caps=CapsView(
            leg_cap=Decimal(20_000),
            gross_cap=Decimal(30_000),
            long_worst=Decimal("984.35"),
            short_worst=Decimal("992.32"),
            leverage=Decimal("0.1974"),
            max_leverage=Decimal(5),
            short_liquidation=Decimal("648212.4"),
        ),
        budget=BudgetView(used=12, limit=300, reserve=100, window_s=10),
        denials=(("would-cross", 31), ("backing-off", 4)),
    )
    return msgspec.structs.replace(built, **changes)


def running(**changes: Any) -> Snapshot:
    """A session of an hour in good order."""
    built = Snapshot(
        seq=41,
        ts=NOW,
        began_ns=NOW - 3600 * NS_PER_S,
        heard_ns=NOW - 4 * NS_PER_S,
        session="s-1",
        mode="sim",
        instrument="BTCUSDT",
        currency="USDT",
        base="BTC",
        price_decimals=1,
        qty_decimals=3,
        taker_fee=Decimal("0.0005"),
        market=MarketView(
            Decimal("61802.1"), Decimal("61802.2"), Decimal("61801.9"), NOW - 300_000_000, 18_204, 5_120, 61
        ),
        ladders=ladders(),
        regime=SIDEWAYS,
        funding=funding(),
        long=LegView(
            Leg.LONG,
            qty=Decimal("0.004"),
            average=Decimal("61707.3"),
            unrealised=Decimal("0.38"),
            notional=Decimal("247.21"),
            tp_qty=Decimal("0.004"),
            sl_qty=Decimal("0.004"),
            lots=2,
            open_entries=6,
            open_entry_qty=Decimal("0.012"),
            open_entry_notional=Decimal("737.52"),
            open_exits=4,
        ),
        short=LegView(
            Leg.SHORT,
            qty=Decimal("0.004"),
            average=Decimal("61906.6"),
            unrealised=Decimal("0.42"),
            notional=Decimal("247.21"),
            tp_qty=Decimal("0.004"),
            sl_qty=Decimal("0.004"),
            lots=2,
            open_entries=6,
            open_entry_qty=Decimal("0.012"),
            open_entry_notional=Decimal("744.69"),
            open_exits=4,
        ),
        metrics=OperationalMetrics(
            equity_start=Decimal(10_000),
            wallet=Decimal("10011.60"),
            equity=Decimal("10012.40"),
            peak=Decimal("10013.02"),
            realised=Decimal("14.21"),
            unrealised=Decimal("0.80"),
            fees=Decimal("-2.49"),
            funding=Decimal("-0.12"),
            orders_submitted=412,
            orders_rejected=3,
            fills=131,
            take_profits=58,
            stops=4,
            round_trips=62,
            wins=58,
            errors=1,
            max_unprotected_ns=180_000_000,
        ),
        risk=controls(),
        receipts=(
            Receipt("act-0", "pause", Result.DONE, {}, NOW - 900 * NS_PER_S),
            Receipt("act-1", "resume", Result.REFUSED, {"reason": "a flatten runs"}, NOW - 860 * NS_PER_S),
        ),
        errors=(
            ErrorRecord(
                1,
                NOW - 1200 * NS_PER_S,
                "on_order_rejected",
                "VenueError",
                "post-only would take (-5022)",
                False,
            ),
        ),
    )
    built = msgspec.structs.replace(built, **changes)
    return built if "orders" in changes else msgspec.structs.replace(built, orders=orders(built.ladders))


def latched(state: DoorState, reason: str, *beneath: DoorState, **risk: Any) -> Snapshot:
    """The door shut by a state, and others beneath it."""
    names = tuple(str(each) for each in (state, *beneath))
    return running(state=state, state_reason=reason, risk=controls(latched=names, **risk))


def paused() -> Snapshot:
    return latched(DoorState.PAUSED, "paused by the operator")


STORM = tuple(f"order rejected -4164: Order's notional must be no smaller than {number}" for number in (5, 5, 5, 5, 20))


def breaker_open(*beneath: DoorState, until_s: int = 252) -> Snapshot:
    """Five rejections have tripped it; entries are gone and exits work on."""
    breaker = BreakerView(
        is_open=True,
        threshold=5,
        window_s=60,
        until_ns=NOW + until_s * NS_PER_S if until_s else 0,
        trips=2,
        errors=STORM,
    )
    shut = latched(DoorState.BREAKER_OPEN, "5 errors within 60 s", *beneath, breaker=breaker)
    gone = {"open_entries": 0, "open_entry_qty": Decimal(0), "open_entry_notional": Decimal(0)}
    return without_entries(
        msgspec.structs.replace(
            shut,
            long=msgspec.structs.replace(shut.long, **gone),
            short=msgspec.structs.replace(shut.short, **gone),
            metrics=msgspec.structs.replace(shut.metrics, errors=6, breaker_trips=2),
        ),
        Reason.BREAKER_OPEN,
    )


def halted(*beneath: DoorState) -> Snapshot:
    """A loss of a quarter has flattened both legs and halted."""
    drawdown = DrawdownView(
        peak=Decimal("10013.02"),
        total_pct=Decimal("25.34"),
        total_levels=(Decimal(10), Decimal(15), Decimal(25)),
        day_start=Decimal(10_000),
        day_pct=Decimal("25.24"),
        day_levels=(Decimal(5), Decimal(8), Decimal(12)),
        reached=("total-warn", "day-warn", "total-pause", "day-pause", "total-halt", "day-halt"),
        trips=2,
    )
    words = "loss 25.34 % below the peak, limit 25 %"
    alarms = (AlarmView("drawdown-total-halt", None, NOW - 95 * NS_PER_S, words),)
    caps = CapsView(leg_cap=Decimal(20_000), gross_cap=Decimal(30_000), max_leverage=Decimal(5))
    risk = {"drawdown": drawdown, "alarms": alarms, "caps": caps, "halts": (Halt.DRAWDOWN,)}
    shut = latched(DoorState.HALTED, f"drawdown: {words}", *beneath, **risk)
    leg = {"held": "0.400", "closed": "0.400", "left": "0", "open_orders": "0"}
    detail = {
        "long": {**leg, "average": "61707.31333333", "slippage": "1.24000000", "slippage_bps": "0.50"},
        "short": {**leg, "average": "61911.02", "slippage": "2.01150000", "slippage_bps": "0.81"},
    }
    closed = msgspec.structs.replace(
        shut,
        long=LegView(Leg.LONG),
        short=LegView(Leg.SHORT),
        ladders=msgspec.structs.replace(shut.ladders, strays=()),
        flatten=FlattenView((Leg.LONG, Leg.SHORT), FlattenStage.FLAT, NOW - 96 * NS_PER_S, running=False),
        metrics=msgspec.structs.replace(
            shut.metrics, equity=Decimal("7475.72"), unrealised=Decimal(0), realised=Decimal("-2521.67"),
            drawdown_trips=2,
        ),
        receipts=(*shut.receipts, Receipt("act-2", "flatten", Result.DONE, detail, NOW - 95 * NS_PER_S)),
    )  # fmt: skip
    return without_entries(closed, Reason.HALTED, held=False)


def without_entries(snapshot: Snapshot, reason: Reason, *, held: bool = True) -> Snapshot:
    """Every rung that holds nothing is a gap, for that reason."""

    def gap(view: RungView) -> RungView:
        if held and view.lot is not None:
            return view
        return rung(view.leg, view.level, state=RungState.GAP, live_qty=Decimal(0), reason=reason)

    both = snapshot.ladders
    shut = msgspec.structs.replace(both, long=tuple(map(gap, both.long)), short=tuple(map(gap, both.short)))
    return msgspec.structs.replace(snapshot, ladders=shut, orders=orders(shut))


def halted_by_error() -> Snapshot:
    """A leg had to be closed because it could not be protected."""
    return without_entries(
        latched(
            DoorState.HALTED, "critical: long 0.004 unprotected for 5.0 s, closed at market", halts=(Halt.CRITICAL,)
        ),
        Reason.HALTED,
    )


def stale() -> Snapshot:
    """A feed that has said nothing for seven seconds."""
    alarm = AlarmView("stale-feed", None, NOW - 2 * NS_PER_S, "no price for 5 s")
    market = msgspec.structs.replace(running().market, ts=NOW - 7 * NS_PER_S)
    return without_entries(running(market=market, risk=controls(alarms=(alarm,))), Reason.STALE)


def ramped() -> Snapshot:
    """The first day of a roll-out: a quarter of the caps, nearly used."""
    caps = msgspec.structs.replace(
        controls().caps,
        share=Decimal("0.25"),
        leg_cap=Decimal(5000),
        gross_cap=Decimal(7500),
        long_worst=Decimal("4890.11"),
    )
    return running(mode="live", venue=vitals(), risk=controls(caps=caps, repeated=("long 3", "short 1")))


def vitals(**changes: Any) -> VenueVitals:
    """A sound line to the venue."""
    known: dict[str, Any] = {
        "taken_ns": NOW, "stream_age_ms": 4000, "stream_checked_ms": 4000, "weight_used": 118, "weight_limit": 2400,
        "orders_10s": 4, "orders_10s_limit": 300, "orders_1m": 27, "orders_1m_limit": 1200, "dead_man_s": 107,
        "dead_man_of_s": 120, "skew_ms": 12, "round_trip_ms": 84, "checked_ns": NOW - 2 * NS_PER_S,
    }  # fmt: skip
    return VenueVitals(**(known | changes))


def cut_off() -> Snapshot:
    """A live account whose stream has died and whose legs differ, while its address is limited."""
    words = {
        "stream-dead": "the account's stream is dead: connection closed; revived in 4 s",
        "venue-differs": "long leg: venue 0.006, own books 0.004",
        "venue-limited": "429 Too many requests: nothing but exits and cancels for 9 s",
    }
    alarms = tuple(
        AlarmView(name, None, NOW - (7 - 2 * n) * NS_PER_S, text) for n, (name, text) in enumerate(words.items())
    )
    built = ladders()
    gap = {"state": RungState.GAP, "live_qty": Decimal(0), "reason": Reason.STREAM_DEAD}
    shut = msgspec.structs.replace(
        built,
        **{
            side: tuple(
                msgspec.structs.replace(view, **gap) if view.lot is None else view for view in getattr(built, side)
            )
            for side in ("long", "short")
        },
    )
    line = vitals(
        stream_age_ms=61_000, stream_checked_ms=31_000, weight_used=2371, orders_10s=241, dead_man_s=38,
        limited_until_ns=NOW + 9 * NS_PER_S, checked_ns=NOW - 11 * NS_PER_S, skew_ms=-2600,
    )  # fmt: skip
    return running(mode="live", venue=line, ladders=shut, risk=controls(alarms=alarms))


def restored() -> Snapshot:
    """A session that found a pause of an earlier one and the throttle that was set there; nothing is held yet."""
    none = {leg: LegView(leg, ladder_share=Decimal("0.5")) for leg in Leg}
    gaps = {
        leg: tuple(
            rung(leg, level, state=RungState.GAP, reason=Reason.PAUSED if level <= 4 else Reason.THROTTLED)
            for level in range(1, 9)
        )
        for leg in Leg
    }
    return running(
        state=DoorState.PAUSED,
        state_reason="restored: paused by the operator",
        throttle=Decimal("0.5"),
        ladders=LadderSnapshot(CENTRE, STEP, gaps[Leg.LONG], gaps[Leg.SHORT]),
        long=none[Leg.LONG],
        short=none[Leg.SHORT],
        metrics=OperationalMetrics(equity_start=Decimal(10_000), equity=Decimal(10_000), peak=Decimal(10_000)),
        receipts=(),
        errors=(),
    )


def warming() -> Snapshot:
    """A session whose indicators are cold, and whose history does not come."""
    return running(regime=COLD, warming="history: HTTP 503, again in 2 s", funding=FundingView())


def thinned() -> Snapshot:
    """A falling market, half a throttle, and longs that are about to pay funding: every reason for a thin ladder."""
    built = ladders()
    why = {5: Reason.FUNDING, 6: Reason.FUNDING, 7: Reason.REGIME, 8: Reason.REGIME}
    gap = {"state": RungState.GAP, "live_qty": Decimal(0)}
    long = tuple(
        rung(Leg.LONG, view.level, reason=why[view.level], **gap) if view.level in why else view for view in built.long
    )
    short = tuple(
        rung(Leg.SHORT, view.level, reason=Reason.THROTTLED, **gap) if view.level > 4 else view for view in built.short
    )
    sound, left = running(), {"open_entries": 2, "open_entry_qty": 2 * QTY}
    return running(
        regime=DOWN,
        long=msgspec.structs.replace(
            sound.long, open_entry_notional=Decimal("246.33"), ladder_share=Decimal("0.125"), **left
        ),
        short=msgspec.structs.replace(
            sound.short, open_entry_notional=Decimal("247.94"), ladder_share=Decimal("0.5"), **left
        ),
        throttle=Decimal("0.5"),
        funding=funding("0.00024", minutes=12),
        ladders=msgspec.structs.replace(built, long=long, short=short),
    )


def critical() -> Snapshot:
    """One critical error, and a long leg that lost a stop."""
    record = ErrorRecord(
        2, NOW - 4 * NS_PER_S, "on_order_filled", "KeyError", "'lot 14 is unknown to the order index'", True
    )
    snapshot = running()
    bare = lot(14, Leg.LONG, 2, sl_qty=Decimal(0))
    long = tuple(
        msgspec.structs.replace(view, lot=bare) if view.level == bare.level else view for view in snapshot.ladders.long
    )
    return running(
        ladders=msgspec.structs.replace(snapshot.ladders, long=long),
        long=msgspec.structs.replace(snapshot.long, sl_qty=Decimal("0.002"), unprotected_ns=3_400_000_000),
        risk=controls(
            alarms=(AlarmView("unprotected", Leg.LONG, NOW - 2_400_000_000, "0.002 without a working stop for 1.0 s"),)
        ),
        metrics=msgspec.structs.replace(snapshot.metrics, errors=2, critical_errors=1),
        errors=(*snapshot.errors, record),
    )


def flattening(stage: FlattenStage = FlattenStage.CLOSING, **changes: Any) -> Snapshot:
    view = FlattenView(
        legs=(Leg.LONG, Leg.SHORT),
        stage=stage,
        started_ns=NOW - 2 * NS_PER_S,
        entries_left=0,
        exits_left=6,
        long_left=Decimal("0.002"),
    )
    beneath = (DoorState.PAUSED,)
    shut = latched(DoorState.FLATTENING, "flatten long and short", *(beneath if changes.pop("paused", False) else ()))
    return msgspec.structs.replace(shut, flatten=msgspec.structs.replace(view, **changes))
