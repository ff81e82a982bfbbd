"""What the stored pictures show: states of a session at their extremes, and screens above it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from strategy.domain import NS_PER_S, DoorState, Leg
from strategy.snapshot import (
    AlarmView,
    EnginePhase,
    EngineStatus,
    ErrorRecord,
    FlattenStage,
    LadderSnapshot,
    LotView,
    MarketView,
    RungState,
    RungView,
    Snapshot,
)
from tests.hedgegrid_tui.fakes import (
    CENTRE,
    NOW,
    STEP,
    FakeEngine,
    breaker_open,
    controls,
    critical,
    cut_off,
    flattening,
    halted,
    halted_by_error,
    orders,
    paused,
    ramped,
    restored,
    rung,
    running,
    stale,
    thinned,
    warming,
)


@dataclass(frozen=True, slots=True)
class Scene:
    """An engine as a picture finds it, and how long (seconds) it has said nothing when the picture is taken."""

    engine: Callable[[], FakeEngine]
    silent_s: float = 0.0


def of(snapshot: Callable[[], Snapshot], status: EngineStatus | None = None) -> Scene:
    """An engine that shows a snapshot."""
    return Scene(lambda: FakeEngine(snapshot(), status))


def unborn() -> Snapshot:
    """What is known before the engine has shown anything."""
    return Snapshot(mode="sim", instrument="BTCUSDT")


def before(phase: EnginePhase, detail: str) -> Scene:
    """An engine that has shown none yet."""
    return of(unborn, EngineStatus(phase, detail))


def long_log() -> FakeEngine:
    """Hundreds of lines from libraries, and more errors than any pane has room for."""
    errors = tuple(
        ErrorRecord(
            number, NOW - (60 - number) * NS_PER_S, "on_order_rejected", "VenueError",
            f"order {number} rejected -4164: Order's notional must be no smaller than 5 (unless reduce only)",
            number % 7 == 0,
        )
        for number in range(1, 60)
    )  # fmt: skip
    sound = running()
    engine = FakeEngine(running(errors=errors, metrics=replace(sound.metrics, errors=59, critical_errors=8)))
    engine.lines = [
        f"2024-08-08T12:{number // 60:02}:{number % 60:02} [ERROR] DataClient-BINANCE: WebSocket connection lost,"
        f" attempt {number} to reconnect in {number % 30} s"
        for number in range(400)
    ]
    return engine


def hundred_levels() -> Snapshot:
    """A ladder of a hundred levels a side, lots held far away from the market."""
    step = Decimal("6.2")

    def placed(leg: Leg, level: int) -> RungView:
        price = CENTRE - leg.sign * level * step
        if level % 9 != 2:
            return rung(leg, level, price=price)
        held = LotView(
            level, leg, level, Decimal("0.002"), price, price + leg.sign * step, price - leg.sign * 5 * step,
            Decimal("0.002"), Decimal("0.002"), Decimal("-0.31"), NOW - 7260 * NS_PER_S,
        )  # fmt: skip
        return rung(leg, level, price=price, state=RungState.HELD, live_qty=Decimal(0), lot=held)

    sides = {leg: tuple(placed(leg, level) for level in range(1, 101)) for leg in Leg}
    return running(ladders=LadderSnapshot(CENTRE, step, sides[Leg.LONG], sides[Leg.SHORT]))


def priced(scale: str, price_decimals: int, qty: str, qty_decimals: int, name: str, base: str) -> Snapshot:
    """The same session at prices of another magnitude: 61,800 becomes `scale`."""
    factor, tick = Decimal(scale) / CENTRE, Decimal(1).scaleb(-price_decimals)
    size = Decimal(qty)

    def at(price: Decimal) -> Decimal:
        return (price * factor).quantize(tick)

    def lot_at(view: LotView) -> LotView:
        return replace(
            view, entry=at(view.entry), take_profit=at(view.take_profit), stop=at(view.stop), qty=size, tp_qty=size,
            sl_qty=size,
        )  # fmt: skip

    def rung_at(view: RungView) -> RungView:
        live = size if view.live_qty else Decimal(0)
        return replace(
            view, price=at(view.price), qty=size, live_qty=live, lot=None if view.lot is None else lot_at(view.lot)
        )

    sound = running()
    both = sound.ladders
    ladders = LadderSnapshot(
        at(CENTRE), at(STEP), tuple(map(rung_at, both.long)), tuple(map(rung_at, both.short)),
        tuple(map(lot_at, both.strays)),
    )  # fmt: skip
    bid = at(Decimal("61802.1"))
    legs = {
        leg: replace(
            sound.leg(leg), qty=2 * size, tp_qty=2 * size, sl_qty=2 * size,
            average=at(sound.leg(leg).average or CENTRE), notional=2 * size * bid, open_entry_qty=6 * size,
        )
        for leg in Leg
    }  # fmt: skip
    caps = replace(controls().caps, short_liquidation=at(Decimal("648212.4")))
    return running(
        instrument=name, base=base, price_decimals=price_decimals, qty_decimals=qty_decimals, ladders=ladders,
        market=MarketView(bid, bid + tick, bid, NOW - 300_000_000, 18_204, 5_120, 61), long=legs[Leg.LONG],
        short=legs[Leg.SHORT], risk=controls(caps=caps), orders=orders(ladders),
    )  # fmt: skip


def unprotected() -> Snapshot:
    """A long leg that lost a stop three seconds ago."""
    return critical()


def not_flat() -> Snapshot:
    """A flatten that has ended with something left."""
    alarm = AlarmView("not-flat", Leg.LONG, NOW - 3 * NS_PER_S, "0.002 left after 30 s")
    shown = flattening(FlattenStage.NOT_FLAT, running=False)
    return replace(shown, state=DoorState.PAUSED, risk=controls(latched=("paused",), alarms=(alarm,)))


RUNS: Final = EngineStatus(EnginePhase.RUNNING)
STATES: Final[Mapping[str, Scene]] = {
    "empty": of(unborn, EngineStatus()),
    "starting": before(EnginePhase.LOADING, "loading NautilusTrader"),
    "connecting": before(EnginePhase.CONNECTING, "starting the engine"),
    "start-failed": before(
        EnginePhase.FAILED, "no route to the venue (fstream.binance.com:443); check the network, then start again"
    ),
    "failed-later": of(running, EngineStatus(EnginePhase.FAILED, "RuntimeError: the node ended by itself")),
    "running": of(running),
    "warming": of(warming),
    "thinned": of(thinned),
    "paused": of(paused),
    "restored": of(restored),
    "breaker-open": of(lambda: breaker_open(DoorState.PAUSED)),
    "halted": of(halted),
    "halted-by-error": of(halted_by_error),
    **{
        f"flatten-{stage}": of(lambda stage=stage: flattening(stage))  # type: ignore[misc]
        for stage in (
            FlattenStage.CANCELLING_ENTRIES, FlattenStage.CLOSING, FlattenStage.VERIFYING,
            FlattenStage.CANCELLING_EXITS,
        )
    },
    "flatten-flat": of(halted),
    "flatten-not-flat": of(not_flat),
    "stale": of(stale),
    "disconnected": Scene(lambda: FakeEngine(running()), silent_s=9.0),
    "unprotected": of(unprotected),
    "long-log": Scene(long_log),
    "hundred-levels": of(hundred_levels),
    "tiny-prices": of(lambda: priced("0.00001234", 8, "1500000", 0, "1000SATSUSDT", "1000SATS")),
    "huge-prices": of(lambda: priced("1234567.8", 1, "0.002", 3, "XAUBTCUSDT", "XAUBTC")),
    "ramped-live": of(ramped),
    "cut-off": of(cut_off),
    "tape-over": of(running, EngineStatus(EnginePhase.ENDED, "the tape is over: 45,031 bars")),
}  # fmt: skip
"""Every state that a picture is stored of."""

SCREENS: Final[Mapping[str, tuple[Scene, tuple[str, ...]]]] = {
    "flatten": (of(running), ("F",)),
    "cancel": (of(running), ("C",)),
    "resume": (of(paused), ("P",)),
    "breaker": (of(breaker_open), ("B",)),
    "drawdown": (of(halted), ("D",)),
    "throttle": (of(running), ("t",)),
    "quit": (of(running), ("q",)),
    "help": (of(running), ("question_mark",)),
    "risk": (of(ramped), ("r",)),
    "log": (Scene(long_log), ("l",)),
    "palette": (of(running), ("ctrl+p",)),
    "error": (Scene(long_log), ("8", "enter")),
    "event": (of(running), ("7", "enter")),
    "search": (of(running), ("question_mark", "slash", "s", "t", "o", "p", "enter")),
}
"""Every screen and dialog above the dashboard, and the keys that lead there."""
