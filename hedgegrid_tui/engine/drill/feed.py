"""Step: the feed is lost; the gate shuts, an alarm comes in time, and when prices come back trading goes on."""

import time
from decimal import Decimal
from typing import Final

from hedgegrid_tui.engine.drill.stage import Failed, Notes, Stage
from strategy.control import CommandName
from strategy.domain import NS_PER_MS, NS_PER_S, Reason, Role
from strategy.snapshot import Snapshot

STALE_MS: Final = 500
SETS: Final = (
    "grid.base_qty=0.01", "grid.tp_steps=20", "grid.sl_steps=20", "grid.recentre_trigger_bps=2000",
    "limits.max_leg_notional=100000", "limits.max_gross_notional=100000", f"watchdog.stale_after_ms={STALE_MS}",
)  # fmt: skip
LOTS: Final = 2
ALARM: Final = "stale-feed"
ALARM_MS: Final = 1_000
"""Most from the bound to the alarm."""
SILENT_S: Final = 0.5
"""For so long the gate is watched after the alarm."""
HALF, WHOLE = Decimal("0.5"), Decimal(1)


def feed_loss(stage: Stage, notes: Notes) -> str:
    """Silence over held legs while the ladders want more entries.

    Raises:
        Failed: No alarm, an entry that left, an exit that went, or a ladder that stayed incomplete.
    """
    stage.hold_both(LOTS)
    stage.ask(CommandName.SET_THROTTLE, share=HALF)
    stage.until("half ladders", lambda now: now.open_entries < stage.rungs - 2 * LOTS)
    exits = stage.resting(Role.TP, Role.SL)
    stage.set_silent(silent=True)
    lost = stage.host.do(lambda: stage.host.market.last_ns)
    bound = stage.config.watchdog.stale_after_ms
    stage.until("the alarm", lambda now: bool(_alarms(now)), bound / 1000 + ALARM_MS / 1000 + 1)
    raised = stage.lines("alarm", name=ALARM, raised=True)
    if not raised:
        raise Failed("the alarm is shown, but not in the journal")
    notes.add("alarm_after_bound_ms", (raised[0]["ts"] - lost) / NS_PER_MS - bound, "ms", ALARM_MS)
    stage.forget_heard()
    stage.ask(CommandName.SET_THROTTLE, share=WHOLE)
    stage.until("the gate says stale-data", lambda now: Reason.STALE in _gaps(now))
    stage.watch(SILENT_S, lambda _: "an entry left without a price" if stage.heard("submitted") else "")
    denied = dict(stage.look().risk.denials).get(Reason.STALE, 0)
    notes.add("stale_data_denials", denied)
    if not denied:
        raise Failed("the gate's counter knows of no stale-data")
    if stage.resting(Role.TP, Role.SL) != exits:
        raise Failed("exits did not stay as they were")
    stage.set_silent(silent=False)
    back = time.monotonic()
    stage.build()
    notes.add("whole_again_ms", (time.monotonic() - back) * 1_000, "ms", ALARM_MS)
    stage.until("the end of the alarm", lambda now: not _alarms(now))
    if not stage.lines("alarm", name=ALARM, raised=False):
        raise Failed("the end of the alarm is not in the journal")
    silence = (stage.host.do(lambda: stage.host.market.last_ns) - lost) / NS_PER_S
    return f"{silence:.1f} s without a price: alarmed, stale-data at the gate, exits stayed; then the ladders filled up"


def _alarms(snapshot: Snapshot) -> list[str]:
    return [alarm.name for alarm in snapshot.risk.alarms if alarm.name == ALARM]


def _gaps(snapshot: Snapshot) -> set[Reason | None]:
    return {rung.reason for rung in (*snapshot.ladders.long, *snapshot.ladders.short)}
