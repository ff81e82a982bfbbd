"""The strip at the top: mode, state, money, protection, exposure, what shapes the ladders, and the age of it all."""

from decimal import Decimal
from typing import Final

from hedgegrid_tui.render import alarms, door
from hedgegrid_tui.render.conditions import funding_row, regime_row, share_text
from hedgegrid_tui.render.frame import FEED_OLD_AFTER_S, Frame, leg_mark, protection
from hedgegrid_tui.render.numbers import NONE, clock_text, count, fixed, gain, percent, signed, span, span_ns
from hedgegrid_tui.render.rows import Ink, Part, Row, Rows, Segment, fit, fit_all, pack
from strategy.domain import NS_PER_S, ZERO, DoorState
from strategy.snapshot import EnginePhase, LegView, Snapshot

MODES: Final = {
    "sim": Segment(" SIMULATED ", Ink.SIM),
    "replay": Segment(" REPLAY ", Ink.REPLAY),
    "paper": Segment(" PAPER ", Ink.PAPER),
    "testnet": Segment(" TESTNET ", Ink.TESTNET),
    "live": Segment(" LIVE ", Ink.LIVE),
}
PHASES: Final = {
    EnginePhase.ENDED: Segment("■ TAPE OVER", Ink.WARN),
    EnginePhase.STOPPING: Segment("■ STOPPING", Ink.WARN),
    EnginePhase.STOPPED: Segment("■ STOPPED", Ink.WARN),
    EnginePhase.FAILED: Segment("✗ ENGINE FAILED", Ink.ALARM),
}
BEATS: Final = "◐◓◑◒"
ERROR_FRESH_NS: Final = 300 * NS_PER_S
"""An error is coloured for so long; later only its count stands."""
TALL: Final = 6
"""At this height the legs and the money have rows of their own."""


def rows(frame: Frame, width: int, height: int) -> Rows:
    """The strip: six rows where the panels beside the ladder have no room, else four."""
    snapshot = frame.snapshot
    if height >= TALL:
        body: Rows = (
            pack(_leg(snapshot, snapshot.long), width),
            pack(_leg(snapshot, snapshot.short), width),
            pack(_money(snapshot), width),
        )
    else:
        half = max(0, (width - 3) // 2)
        body = (
            (
                *pack(_leg(snapshot, snapshot.long), half),
                Segment(" │ ", Ink.FAINT),
                *pack(_leg(snapshot, snapshot.short), half),
            ),
        )
    if snapshot.seq:
        body = (*body, regime_row(snapshot, width), funding_row(snapshot, width))
    if frame.stale:
        body = tuple(tuple(as_last_known(segment) for segment in row) for row in body)
    return fit_all((fit(pack(_head(frame), width), width), *body), width, height)


def as_last_known(segment: Segment) -> Segment:
    """The segment in the ink of what is not known to be true any more; alarms keep theirs."""
    return segment if segment.ink in (Ink.ALARM, Ink.MUTED, Ink.FAINT) else Segment(segment.text, Ink.STALE)


def _head(frame: Frame) -> list[Part]:
    snapshot = frame.snapshot
    numbers = Ink.STALE if frame.stale else Ink.PLAIN
    return [
        Part(0, (mode(snapshot.mode),)),
        Part(0, _state(frame)),
        Part(2 if snapshot.state is DoorState.HALTED else 1, _figure(frame)),
        Part(1 if snapshot.state is DoorState.PAUSED else 3, _way_out(frame)),
        Part(2, _beneath(frame)),
        Part(7, _reason(frame)),
        Part(1, (Segment("READ-ONLY", Ink.WARN),) if frame.read_only else ()),
        Part(4, (Segment(snapshot.instrument, Ink.STRONG),) if snapshot.instrument else ()),
        Part(
            5,
            (Segment(fixed(snapshot.market.mid, snapshot.price_decimals), numbers),) if snapshot.seq else (),
        ),
        Part(1, _total(frame)),
        Part(0, alarms.in_brief(frame)),
        Part(3, _errors(frame)),
        Part(0, _covered(frame)),
        Part(0 if alarms.is_raised(frame, alarms.STALE_FEED) else 2, _feed(frame)),
        Part(6, _clock(snapshot)),
    ]


def _clock(snapshot: Snapshot) -> Row:
    beat = BEATS[snapshot.seq % len(BEATS)]
    return (Segment(f"{clock_text(snapshot.ts)} UTC {beat}", Ink.MUTED),) if snapshot.seq else ()


def mode(name: str) -> Segment:
    """The mode in a word of its own, before anything else."""
    return MODES.get(name) or Segment(f" {name.upper() or 'NO MODE YET'} ", Ink.STRONG)


def _state(frame: Frame) -> Row:
    phase = PHASES.get(frame.status.phase)
    if not frame.snapshot.seq:
        return (phase or Segment(f"{BEATS[0]} {frame.status.phase.upper()}", Ink.WARN),)
    if frame.status.phase is EnginePhase.FAILED and phase:
        return (phase,)
    told = door.STATES[frame.snapshot.state]
    restored = " (restored)" if door.is_restored(frame.snapshot) else ""
    state = Segment(f"{told.text}{restored}", Ink.STALE if frame.stale else told.ink)
    if frame.status.phase is EnginePhase.ENDED and phase:
        return (phase, Segment(" ("), state, Segment(")"))
    return (state, Segment(" ("), phase, Segment(")")) if phase else (state,)


def _figure(frame: Frame) -> Row:
    told = door.figure(frame.snapshot)
    ink = Ink.STALE if frame.stale else Ink.BREAKER if frame.snapshot.state is DoorState.BREAKER_OPEN else Ink.PLAIN
    return (Segment(told, ink),) if told and frame.snapshot.seq else ()


def _beneath(frame: Frame) -> Row:
    hidden = door.also_latched(frame.snapshot) if frame.snapshot.seq else ()
    told = (Segment("+ ", Ink.MUTED), *hidden) if hidden else ()
    return tuple(Segment(segment.text, Ink.STALE) for segment in told) if frame.stale else told


def _way_out(frame: Frame) -> Row:
    """The key that ends a state which nobody at this screen has asked for."""
    snapshot = frame.snapshot
    asked = snapshot.state is DoorState.PAUSED and not door.is_restored(snapshot)
    key, does = door.way_out(snapshot.state, snapshot)
    waits = bool(key) and not asked and frame.status.phase is EnginePhase.RUNNING
    return (Segment(key, Ink.KEY), Segment(f" {does}")) if waits and not (frame.read_only or frame.stale) else ()


def _reason(frame: Frame) -> Row:
    reason = door.shut_by(frame.snapshot)
    return (Segment(f"({reason})", Ink.MUTED),) if reason and frame.snapshot.seq else ()


def _total(frame: Frame) -> Row:
    snapshot = frame.snapshot
    if not snapshot.seq:
        return (Segment(f"PnL {NONE}", Ink.MUTED),)
    total = gain(total_pnl(snapshot))
    ink = Ink.STALE if frame.stale else total.ink
    return (Segment("PnL ", Ink.MUTED), Segment(f"{total.text} {snapshot.currency}".rstrip(), ink))


def total_pnl(snapshot: Snapshot) -> Decimal:
    """What the session has changed equity by."""
    return snapshot.metrics.equity - snapshot.metrics.equity_start


def _errors(frame: Frame) -> Row:
    number = frame.snapshot.metrics.errors + frame.faults
    ink = Ink.WARN if frame.faults or _recent(frame.snapshot) else Ink.MUTED
    return (Segment(f"! {count(number, 'error')}", ink),) if number else ()


def _recent(snapshot: Snapshot) -> bool:
    return bool(snapshot.errors) and snapshot.ts - snapshot.errors[-1].ts < ERROR_FRESH_NS


def _covered(frame: Frame) -> Row:
    snapshot = frame.snapshot
    if not snapshot.seq:
        return ()
    worst = {protection(snapshot.long), protection(snapshot.short)}
    if Ink.ALARM in worst:
        return (Segment(" ✗ UNPROTECTED ", Ink.ALARM),)
    if Ink.WARN in worst:
        return (Segment("! stop on its way", Ink.WARN),)
    held = snapshot.long.qty or snapshot.short.qty
    if frame.stale:
        return (Segment(f"last known: {'protected' if held else 'nothing held'}", Ink.STALE),)
    return (Segment("✓ protected", Ink.OK),) if held else (Segment("nothing held", Ink.MUTED),)


def _feed(frame: Frame) -> Row:
    age = frame.feed_age
    if frame.stale or frame.status.phase is EnginePhase.ENDED:
        return ()
    if age is None:
        return (Segment("no market yet", Ink.WARN),) if frame.snapshot.seq else ()
    if alarms.is_raised(frame, alarms.STALE_FEED):
        return (Segment(f" ! FEED STALE {span(age)} ", Ink.ALARM),)
    if age > FEED_OLD_AFTER_S:
        return (Segment(f"! FEED {span(age)} OLD", Ink.STALE),)
    return (Segment("feed ", Ink.MUTED), Segment(span(age)))


def _leg(snapshot: Snapshot, leg: LegView) -> list[Part]:
    if not snapshot.seq:
        return [Part(0, (leg_mark(leg.leg),)), Part(0, (Segment("not known yet", Ink.MUTED),))]
    held = bool(leg.qty)
    share = leg.ladder_share
    average = (Segment("@ ", Ink.MUTED), Segment(fixed(leg.average, snapshot.price_decimals)))
    return [
        Part(0, (leg_mark(leg.leg),)),
        Part(0, (Segment(f"{fixed(leg.qty, snapshot.qty_decimals)} {snapshot.base}".rstrip()),)),
        Part(5, average if held else ()),
        Part(3, (Segment(f"{fixed(leg.notional, 2)} {snapshot.currency}".rstrip(), Ink.PLAIN),)),
        Part(1, (gain(leg.unrealised),) if held else ()),
        Part(0, (covered(leg, snapshot.qty_decimals),)),
        Part(2, (Segment(f"ladder {share_text(share)}", Ink.WARN),) if share < 1 else ()),
        Part(4, (Segment(count(leg.open_entries, "entry"), Ink.MUTED),)),
        Part(4, (Segment(count(leg.open_exits, "exit"), Ink.MUTED),)),
    ]


def covered(leg: LegView, qty_decimals: int) -> Segment:
    """How much of the leg its stops cover, in words."""
    if leg.qty <= ZERO:
        return Segment("not held", Ink.FAINT)
    ink = protection(leg)
    if ink is Ink.OK:
        return Segment("✓ stops 100 %", ink)
    short = fixed(leg.qty - leg.sl_qty, qty_decimals)
    if ink is Ink.WARN:
        return Segment(f"! stop on its way: {short} {span_ns(leg.unprotected_ns)}", ink)
    share = percent(leg.sl_qty, leg.qty)
    return Segment(f" ✗ UNPROTECTED {short} for {span_ns(leg.unprotected_ns)} (stops {share} %) ", ink)


def _money(snapshot: Snapshot) -> list[Part]:
    metrics = snapshot.metrics
    if not snapshot.seq:
        return []
    shown = (
        (0, "realised", signed(metrics.realised)),
        (0, "open", signed(metrics.unrealised)),
        (1, "fees", signed(metrics.fees)),
        (3, "funding", signed(metrics.funding)),
        (2, "equity", fixed(metrics.equity, 2)),
        (4, "trips", f"{metrics.round_trips:,}"),
    )
    return [Part(rank, (Segment(f"{label} ", Ink.MUTED), Segment(value))) for rank, label, value in shown]
