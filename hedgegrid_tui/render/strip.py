"""The strip at the top: mode and state in a band, money, protection and feed, both legs, what shapes the ladders."""

from decimal import Decimal
from typing import Final

from hedgegrid_tui.render import alarms, door
from hedgegrid_tui.render.ages import age, age_ns
from hedgegrid_tui.render.conditions import funding_row, regime_row
from hedgegrid_tui.render.frame import FEED_OLD_AFTER_S, Frame, protection, uncovered
from hedgegrid_tui.render.numbers import NONE, clock_text, count, fixed, gain, signed
from hedgegrid_tui.render.places import LEAST_HEIGHT, LEAST_WIDTH, STRIP
from hedgegrid_tui.render.rows import Ink, Part, Row, Rows, Segment, fit, fit_all, pack, width_of
from hedgegrid_tui.render.strip_leg import bar, covered, leg_row
from strategy.domain import NS_PER_S, ZERO, DoorState
from strategy.snapshot import EnginePhase, LegView, Snapshot

__all__ = ["as_last_known", "band", "bar", "covered", "mode", "rows", "small_rows", "total_pnl"]

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
CHIPS: Final = frozenset({Ink.OK, Ink.WARN, Ink.ALARM, Ink.STALE, Ink.BREAKER})
"""Inks that keep their own ground in the band."""
ERROR_FRESH_NS: Final = 300 * NS_PER_S
"""An error is told of for so long."""


def rows(frame: Frame, width: int, height: int) -> Rows:
    """Band, vital figures, both legs, what shapes the ladders; the latter in one row where there are only five."""
    snapshot, room = frame.snapshot, max(0, width - 2)
    body: Rows = (leg_row(frame, snapshot.long, room), leg_row(frame, snapshot.short, room))
    if snapshot.seq and height >= STRIP:
        body = (*body, regime_row(snapshot, room), funding_row(snapshot, room))
    elif snapshot.seq:
        body = (*body, _conditions(snapshot, room))
    if frame.stale:
        body = tuple(tuple(as_last_known(segment) for segment in row) for row in body)
    found = (band(frame, width), *map(_indented, (pack(_vital(frame), room), *body)))
    return fit_all(found[:height], width, height)


def small_rows(frame: Frame, width: int, height: int) -> Rows:
    """What is vital, a row for each, and how large the terminal must be; for one that is smaller."""
    need = f"make the terminal {LEAST_WIDTH}x{LEAST_HEIGHT} or larger"
    room = max(0, width - 2)
    found: list[Row] = [
        pack([Part(0, _total(frame)), Part(0, _progress(frame))], room),
        pack(_covered(frame), room),
        pack([Part(0, alarms.in_brief(frame)), Part(0, _feed(frame)), Part(1, _errors(frame))], room),
        (Segment(need, Ink.WARN),),
        leg_row(frame, frame.snapshot.long, room),
        leg_row(frame, frame.snapshot.short, room),
    ]
    return fit_all((band(frame, width), *map(_indented, found))[:height], width, height)


def _indented(row: Row) -> Row:
    """The band alone goes from edge to edge."""
    return (Segment(" "), *row)


def as_last_known(segment: Segment) -> Segment:
    """The segment in the ink of what is not known to be true any more; alarms keep theirs."""
    return segment if segment.ink in (Ink.ALARM, Ink.MUTED, Ink.FAINT) else Segment(segment.text, Ink.STALE)


def mode(name: str) -> Segment:
    """The mode in a word of its own, before anything else."""
    return MODES.get(name) or Segment(f" {name.upper() or 'NO MODE YET'} ", Ink.STRONG)


def band(frame: Frame, width: int) -> Row:
    """From edge to edge in the ink of the mode: mode and state; instrument, market and time at the right."""
    snapshot = frame.snapshot
    ground = mode(snapshot.mode).ink
    parts = [
        Part(0, (mode(snapshot.mode),)),
        Part(0, _state(frame)),
        Part(2 if snapshot.state is DoorState.HALTED else 1, _figure(frame)),
        Part(1 if snapshot.state is DoorState.PAUSED else 3, _way_out(frame)),
        Part(2, _beneath(frame)),
        Part(7, _reason(frame)),
        Part(1, (Segment(" READ-ONLY ", Ink.WARN),) if frame.read_only else ()),
    ]
    aside = [
        Part(4, (Segment(snapshot.instrument, Ink.STRONG),) if snapshot.instrument else ()),
        Part(5, _mid(frame)),
        Part(6, _clock(snapshot)),
    ]
    whole = pack([*parts, *aside], max(0, width - 1))
    # What is at the right is so for its own width; the gap between is what the packed row has left.
    right = [part for part in aside if part.row and all(segment in whole for segment in part.row)]
    tail: Row = (*(segment for part in right for segment in (Segment("  "), *part.row)), Segment(" "))
    left = pack(parts, max(0, width - width_of(tail))) if right else pack(parts, width)
    row = fit((*left, *tail), width) if right else left
    return tuple(segment if segment.ink in CHIPS else Segment(segment.text, ground) for segment in row)


def _mid(frame: Frame) -> Row:
    snapshot = frame.snapshot
    if not snapshot.seq:
        return ()
    told = fixed(snapshot.market.mid, snapshot.price_decimals)
    return (Segment(f" {told} ", Ink.STALE),) if frame.stale else (Segment(told),)


def _clock(snapshot: Snapshot) -> Row:
    beat = BEATS[snapshot.ts // NS_PER_S % len(BEATS)]
    return (Segment(f"{clock_text(snapshot.ts)} UTC {beat}"),) if snapshot.seq else ()


def _state(frame: Frame) -> Row:
    phase = PHASES.get(frame.status.phase)
    if not frame.snapshot.seq:
        return (_chip(phase or Segment(f"{BEATS[0]} {frame.status.phase.upper()}", Ink.WARN)),)
    if frame.status.phase is EnginePhase.FAILED and phase:
        return (_chip(phase),)
    told = door.STATES[frame.snapshot.state]
    restored = " (restored)" if door.is_restored(frame.snapshot) else ""
    state = _chip(Segment(f"{told.text}{restored}", Ink.STALE if frame.stale else told.ink))
    if frame.status.phase is EnginePhase.ENDED and phase:
        return (_chip(phase), Segment(" "), state)
    return (state, Segment(" "), _chip(phase)) if phase else (state,)


def _chip(segment: Segment) -> Segment:
    """With a cell of its own ground at each side, so that it stands off the band."""
    return Segment(f" {segment.text.strip()} ", segment.ink)


def _figure(frame: Frame) -> Row:
    told = door.figure(frame.snapshot) if frame.snapshot.seq else ""
    return () if not told else (_chip(Segment(told, Ink.STALE)),) if frame.stale else (Segment(told),)


def _beneath(frame: Frame) -> Row:
    hidden = door.also_latched(frame.snapshot) if frame.snapshot.seq else ()
    chips = [_chip(Segment(text, Ink.STALE if frame.stale else ink)) for text, ink in hidden if ink is not Ink.MUTED]
    return tuple(segment for chip in chips for segment in (Segment("+"), chip))


def _way_out(frame: Frame) -> Row:
    """The key that ends a state which nobody at this screen has asked for."""
    snapshot = frame.snapshot
    asked = snapshot.state is DoorState.PAUSED and not door.is_restored(snapshot)
    key, does = door.way_out(snapshot.state, snapshot, frame.keys)
    waits = bool(key) and not asked and frame.status.phase is EnginePhase.RUNNING
    return (Segment(f"{key} {does}"),) if waits and not (frame.read_only or frame.stale) else ()


def _reason(frame: Frame) -> Row:
    reason = door.shut_by(frame.snapshot)
    return (Segment(f"({reason})", Ink.MUTED),) if reason and frame.snapshot.seq else ()


def _vital(frame: Frame) -> list[Part]:
    """Profit and loss, protection, the feed; alarms, where there are any."""
    return [
        Part(0, _total(frame)),
        Part(4, _return(frame)),
        *_covered(frame),
        Part(0 if alarms.is_raised(frame, alarms.STALE_FEED) else 1, _feed(frame)),
        Part(0, alarms.in_brief(frame)),
        Part(3, _errors(frame)),
        Part(0, _progress(frame)),
    ]


def _total(frame: Frame) -> Row:
    snapshot = frame.snapshot
    if not snapshot.seq:
        return (Segment(f"PnL {NONE}", Ink.MUTED),)
    total = gain(total_pnl(snapshot))
    ink = Ink.STALE if frame.stale else total.ink
    return (Segment("PnL ", Ink.MUTED), Segment(f"{total.text} {snapshot.currency}".rstrip(), ink))


def _return(frame: Frame) -> Row:
    """The total as a share of the equity that the session began with."""
    start = frame.snapshot.metrics.equity_start
    if not frame.snapshot.seq or start <= ZERO:
        return ()
    share = signed(total_pnl(frame.snapshot) / start * 100, 2)
    return (Segment(f"({share} %)", Ink.STALE if frame.stale else Ink.MUTED),)


def total_pnl(snapshot: Snapshot) -> Decimal:
    """What the session has changed equity by."""
    return snapshot.metrics.equity - snapshot.metrics.equity_start


def _progress(frame: Frame) -> Row:
    """What a start is doing, or why it failed, while there is no snapshot."""
    if frame.snapshot.seq or not frame.status.detail:
        return ()
    ink = Ink.ALARM if frame.status.phase is EnginePhase.FAILED else Ink.WARN
    return (Segment(frame.status.detail, ink),)


def _errors(frame: Frame) -> Row:
    """How many there were, while there are new ones; later the title of their panel tells it."""
    number = frame.snapshot.metrics.errors + frame.faults
    new = number and (frame.faults or _recent(frame.snapshot))
    return (Segment(f"! {count(number, 'error')}", Ink.WARN),) if new else ()


def _recent(snapshot: Snapshot) -> bool:
    return bool(snapshot.errors) and snapshot.ts - snapshot.errors[-1].ts < ERROR_FRESH_NS


def _covered(frame: Frame) -> list[Part]:
    """In a word whether stops cover all that is held; beside an alarm how much they do not, and since when."""
    snapshot = frame.snapshot
    if not snapshot.seq:
        return []
    legs = (snapshot.long, snapshot.short)
    worst = {protection(leg) for leg in legs}
    bare = [_bare(snapshot, leg) for leg in legs if uncovered(leg)]
    aged = f", last known {age(frame.age)} ago" if frame.stale else ""
    if Ink.ALARM in worst:
        return [
            Part(0, (Segment(" ✗ UNPROTECTED ", Ink.ALARM),)),
            Part(2, (Segment(f" {', '.join(bare)}{aged} ", Ink.ALARM),)),
        ]
    if Ink.WARN in worst:
        return [
            Part(0, (Segment("! stop on its way", Ink.WARN),)),
            Part(2, (Segment(f"{', '.join(bare)}{aged}", Ink.WARN),)),
        ]
    held = any(leg.qty for leg in legs)
    if frame.stale:
        return [Part(0, (Segment(f"was {'protected' if held else 'flat'}", Ink.STALE),))]
    if alarms.in_doubt(frame):
        return [Part(0, (Segment(f"? {'protected' if held else 'flat'} as last heard", Ink.WARN),))]
    return [Part(0, (Segment("✓ protected", Ink.OK) if held else Segment("nothing held", Ink.MUTED),))]


def _bare(snapshot: Snapshot, leg: LegView) -> str:
    short = fixed(leg.qty - leg.sl_qty, snapshot.qty_decimals)
    return f"{leg.leg.upper()} {short} {snapshot.base}".rstrip() + f" for {age_ns(leg.unprotected_ns)}"


def _feed(frame: Frame) -> Row:
    since = frame.feed_age
    if frame.stale or frame.status.phase is EnginePhase.ENDED:
        return ()
    if since is None:
        return (Segment("no market yet", Ink.WARN),) if frame.snapshot.seq else ()
    if alarms.is_raised(frame, alarms.STALE_FEED):
        return (Segment(f" ! FEED STALE {age(since)} ", Ink.ALARM),)
    if since > FEED_OLD_AFTER_S:
        return (Segment(f"! FEED {age(since)} OLD", Ink.STALE),)
    return (Segment("● ", Ink.OK), Segment("feed ", Ink.MUTED), Segment(age(since)))


def _conditions(snapshot: Snapshot, width: int) -> Row:
    """Regime and funding in one row, the regime within its half."""
    left = _trimmed(regime_row(snapshot, max(0, width // 2)))
    right = _trimmed(funding_row(snapshot, max(0, width - width_of(left) - 2)))
    return (*left, Segment("  "), *right)


def _trimmed(row: Row) -> Row:
    """Without the blanks that fill it up."""
    return row[:-1] if row and not row[-1].text.strip() else row
