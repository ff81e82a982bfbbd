"""Step: open losses cross the drawdown levels one after the other: warn, pause, flatten and halt; then the way back."""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from hedgegrid_tui.engine.drill.stage import Failed, Notes, Stage
from strategy.control import CommandName, Result
from strategy.domain import NS_PER_MS, DoorState, Leg, Role
from strategy.snapshot import Snapshot

SAMPLES: Final = 2
LEVELS: Final = {"warn": Decimal(1), "pause": Decimal(2), "halt": Decimal(3)}
"""Percent of the peak."""
SETS: Final = (
    "grid.base_qty=0.02", "grid.sl_steps=100", "grid.tp_steps=100", "grid.recentre_trigger_bps=5000",
    "limits.max_leg_notional=100000", "limits.max_gross_notional=100000",
    *(f"drawdown.total_{level}_pct={limit}" for level, limit in LEVELS.items()), f"drawdown.samples={SAMPLES}",
    "drawdown.day_warn_pct=0", "drawdown.day_pause_pct=0", "drawdown.day_halt_pct=0",
)  # fmt: skip
BEYOND: Final = Decimal("0.3")
"""Percent of the peak by which each loss exceeds its level."""
CONFIRM_S: Final = 1.0 + SAMPLES
"""Most from a loss to what it leads to: its samples, one a second, and one second more."""


def drawdown(stage: Stage, notes: Notes) -> str:
    """A long ladder that the market runs away from, jump after jump.

    Raises:
        Failed: A level did not act, acted early, or a reset did not lead where it should.
    """
    stage.build()
    centre = stage.host.market.mid
    stage.move(centre - (stage.config.grid.levels + Decimal("0.5")) * stage.step())
    stage.until("all long lots covered", lambda now: now.long.lots == stage.config.grid.levels and _covered(now))
    _lose(stage, notes, "warn", lambda now: "total-warn" in now.risk.drawdown.reached)
    _expect_state(stage, DoorState.RUNNING)
    if not stage.lines("alarm", name="drawdown-total-warn", raised=True):
        raise Failed("the warning is not in the journal")
    _lose(stage, notes, "pause", lambda now: now.state is DoorState.PAUSED)
    if not _covered(stage.look()):
        raise Failed("the pause has taken stops away")
    _lose(stage, notes, "halt", lambda now: now.state is DoorState.HALTED and now.is_flat)
    _check_halt(stage)
    notes.add(
        "loss", str(stage.look().metrics.equity - stage.look().metrics.equity_start), stage.config.instrument.quote
    )
    stage.ask(CommandName.RESUME, want=Result.REFUSED)
    stage.ask(CommandName.RESET_DRAWDOWN)
    after = _expect_state(stage, DoorState.PAUSED)
    if after.risk.drawdown.peak != after.metrics.equity or after.risk.drawdown.reached:
        raise Failed(f"after reset-drawdown the peak is {after.risk.drawdown.peak}, equity {after.metrics.equity}")
    stage.move(centre)  # back to where the ladders stand, which no re-centre has moved
    stage.ask(CommandName.RESUME)
    _expect_state(stage, DoorState.RUNNING)
    stage.build()
    return "warned, paused, then flattened and halted; resume was refused until reset-drawdown, then trading went on"


def _lose(stage: Stage, notes: Notes, level: str, reached: Callable[[Snapshot], bool]) -> None:
    """Jump to where the open loss lies just beyond a level, and wait until it has acted."""
    now = stage.look()
    peak, average = now.risk.drawdown.peak, now.long.average
    if average is None:
        raise Failed(f"nothing is held before the {level} level")
    wallet = now.metrics.equity - now.metrics.unrealised
    open_loss = peak * (LEVELS[level] + BEYOND) / 100 - (peak - wallet)
    stage.move(average - open_loss / now.long.qty)
    moved = stage.host.do(lambda: stage.host.market.last_ns)
    seen = stage.until(f"drawdown level {level}", reached, CONFIRM_S + stage.config.execution.flatten_timeout_ms / 1000)
    if seen.risk.drawdown.total_pct < LEVELS[level] and level != "halt":
        raise Failed(f"level {level} acted at a loss of {seen.risk.drawdown.total_pct} %")
    done = next((line for line in stage.lines("alarm", name=f"drawdown-total-{level}", raised=True)), None)
    if done is None:
        raise Failed(f"the journal has no alarm drawdown-total-{level}")
    notes.add(f"{level}_ms", (done["ts"] - moved) / NS_PER_MS, "ms", CONFIRM_S * 1_000)


def _check_halt(stage: Stage) -> None:
    left = {leg: stage.host.do(lambda leg=leg: stage.host.venue.held(leg)) for leg in Leg}  # type: ignore[misc]
    orders = stage.resting(*Role)
    if orders or any(left.values()):
        raise Failed(f"halted, but the venue holds {left} and {len(orders)} orders")
    if not stage.lines("act", command=CommandName.FLATTEN, by="drawdown"):
        raise Failed("the journal has no flatten by the drawdown")


def _expect_state(stage: Stage, state: DoorState) -> Snapshot:
    now = stage.look()
    if now.state is not state:
        raise Failed(f"the door is {now.state} ({now.state_reason}), not {state}")
    return now


def _covered(snapshot: Snapshot) -> bool:
    return all(snapshot.leg(leg).qty == snapshot.leg(leg).sl_qty for leg in Leg)
