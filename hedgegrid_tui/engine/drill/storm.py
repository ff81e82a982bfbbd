"""Steps: the venue refuses every new entry in a flood of quotes, the breaker trips; reset, and the same once more."""

import time
from decimal import Decimal
from typing import Final

from hedgegrid_tui.engine.drill.market import FLOOD_PACE, QUIET_PACE
from hedgegrid_tui.engine.drill.stage import Failed, Notes, Stage
from strategy.control import CommandName, Origin
from strategy.domain import NS_PER_MS, DoorState, Role
from strategy.snapshot import RungState, Snapshot

ERRORS: Final = 5
SETS: Final = (
    "grid.base_qty=0.002", "grid.tp_steps=20", "grid.sl_steps=20", "grid.recentre_trigger_bps=2000",
    "limits.max_leg_notional=100000", "limits.max_gross_notional=100000",
    f"breaker.errors={ERRORS}", "breaker.window_s=60", "breaker.cooldown_s=0",
)  # fmt: skip
LOTS: Final = 1
HALF, WHOLE = Decimal("0.5"), Decimal(1)
STORM_S: Final = 1.0
"""For so long the storm goes on after the trip."""
KEY_MS: Final = 250
"""Most from a key to its receipt while the storm lasts."""
ENTRIES_MS: Final = 250
"""Most from the error that trips the breaker to the cancel of the last entry."""


def first_storm(stage: Stage, notes: Notes) -> str:
    """A storm over held legs; the door is left open by nobody but the next step.

    Raises:
        Failed: The breaker, an exit or a key did not do what it should.
    """
    stage.hold_both(LOTS)
    entries, exits = _storm(stage, notes, 1)
    notes.add("pause_ms", stage.ask(CommandName.PAUSE).ms, "ms", KEY_MS)
    _still_open(stage.look(), 1)
    if DoorState.PAUSED not in stage.look().risk.latched:
        raise Failed("a pause that was pressed while the breaker is open is not latched")
    _sit_out(stage, notes, 1, exits)
    return (
        f"{ERRORS} refusals opened the breaker once; {entries} entries were cancelled, {len(exits)} exits stayed, the "
        "keys answered"
    )


def second_storm(stage: Stage, notes: Notes) -> str:
    """The breaker is reset, trading goes on, and it trips again.

    Raises:
        Failed: A reset did not lead where it should, or the second trip was not like the first.
    """
    notes.add("reset_ms", stage.ask(CommandName.RESET_BREAKER).ms, "ms", KEY_MS)
    state = stage.look().state
    if state is not DoorState.PAUSED:
        raise Failed(f"reset-breaker led to {state}, although a pause was latched below it")
    stage.ask(CommandName.RESUME)
    started = time.monotonic()
    stage.build()
    notes.add("whole_again_ms", (time.monotonic() - started) * 1_000, "ms")
    entries, exits = _storm(stage, notes, 2)
    _sit_out(stage, notes, 2, exits)
    stage.ask(CommandName.RESET_BREAKER)
    stage.until("running again", lambda now: now.state is DoorState.RUNNING)
    stage.build()
    return f"after reset-breaker and resume the ladders were whole again; the second trip cancelled {entries} entries"


def _storm(stage: Stage, notes: Notes, number: int) -> tuple[int, set[str]]:
    """Make the grid want new entries that are all refused; gives how many rested before, and the exits."""
    stage.ask(CommandName.SET_THROTTLE, share=HALF)
    before = stage.until(
        "half ladders", lambda now: _is_quiet(stage, now) and now.open_entries < stage.rungs - 2 * LOTS
    )
    exits = stage.resting(Role.TP, Role.SL)
    stage.set_rejecting(rejecting=True)
    stage.set_pace(FLOOD_PACE)
    stage.forget_heard()
    first = len(stage.journal_lines())
    stage.ask(CommandName.SET_THROTTLE, share=WHOLE)
    stage.until("the breaker open", lambda now: now.state is DoorState.BREAKER_OPEN)
    stage.until("no entry at the venue", lambda now: not now.open_entries and not stage.resting(Role.ENTRY))
    _still_open(stage.look(), number)
    _check_threshold(stage, first, number)
    refusals = stage.heard("rejected")
    cancelled = [each.at for each in stage.heard("canceled") if each.key.role is Role.ENTRY]
    if len(cancelled) != before.open_entries:
        raise Failed(f"{len(cancelled)} entries were cancelled, {before.open_entries} rested before")
    notes.add("refusals", len(refusals))
    notes.add("entries_cancelled_ms", (max(cancelled) - refusals[ERRORS - 1].at) / NS_PER_MS, "ms", ENTRIES_MS)
    return len(cancelled), exits


def _check_threshold(stage: Stage, first: int, number: int) -> None:
    """Between the line `first` and the one that says open, the journal has as many refusals as the threshold."""
    opened = stage.lines("state", name=DoorState.BREAKER_OPEN)
    at = next((line["seq"] for line in opened if line["seq"] > first), 0)
    before = [line for line in stage.lines("error", type="order-rejected") if first < line["seq"] < at]
    if len(before) != ERRORS:
        raise Failed(f"trip {number} came after {len(before)} refusals, not {ERRORS}")


def _is_quiet(stage: Stage, snapshot: Snapshot) -> bool:
    rungs = (*snapshot.ladders.long, *snapshot.ladders.short)
    settled = all(rung.state not in (RungState.IN_FLIGHT, RungState.CANCELLING) for rung in rungs)
    return settled and len(stage.resting(Role.ENTRY)) == snapshot.open_entries


def _still_open(snapshot: Snapshot, trips: int) -> None:
    breaker = snapshot.risk.breaker
    if not breaker.is_open or breaker.trips != trips or len(breaker.errors) != ERRORS:
        found = f"open {breaker.is_open}, trips {breaker.trips}, errors shown {len(breaker.errors)}"
        raise Failed(f"the breaker should be open after trip {trips} and show {ERRORS} errors: {found}")


def _sit_out(stage: Stage, notes: Notes, number: int, exits: set[str]) -> None:
    """The storm goes on: nothing may leave, no exit may go, the breaker may not trip again."""
    stage.forget_heard()
    quotes = stage.look().market.quotes

    def wrong(now: Snapshot) -> str:
        return "" if now.state is DoorState.BREAKER_OPEN else f"the door went from breaker_open to {now.state}"

    stage.watch(STORM_S, wrong)
    now = stage.look()
    notes.add("quotes_per_second", round((now.market.quotes - quotes) / STORM_S))
    if stage.heard("submitted"):
        raise Failed(f"{len(stage.heard('submitted'))} entries left while the breaker was open")
    if stage.resting(Role.TP, Role.SL) != exits:
        raise Failed("exits did not stay as they were")
    notes.add("trips", now.risk.breaker.trips)
    _still_open(now, number)
    openings = len(stage.lines("act", command=CommandName.CANCEL_ENTRIES, by=Origin.BREAKER))
    if openings != number:
        raise Failed(f"the journal tells of {openings} trips, not {number}")
    stage.set_rejecting(rejecting=False)
    stage.set_pace(QUIET_PACE)
