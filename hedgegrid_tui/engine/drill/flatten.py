"""Step: flatten with forty orders and both legs held; once, or often enough for percentiles."""

import math
import random
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from hedgegrid_tui.engine.drill.stage import PATIENCE_S, Failed, Notes, Stage
from strategy.control import Command, CommandName, Receipt, Result
from strategy.domain import BPS, NS_PER_MS, ZERO, DoorState, Leg, Role

SETS: Final = (
    "grid.levels=16", "grid.step_bps=5", "grid.tp_steps=40", "grid.sl_steps=40", "grid.recentre_trigger_bps=2000",
    "limits.max_fills_per_level=0", "breaker.errors=1000", "drawdown.total_warn_pct=0", "drawdown.total_pause_pct=0",
    "drawdown.total_halt_pct=0", "drawdown.day_warn_pct=0", "drawdown.day_pause_pct=0", "drawdown.day_halt_pct=0",
)  # fmt: skip
LOTS: Final = 4
"""Of each leg; with 16 rungs a side: 24 entries, 8 take-profits, 8 stops."""
ORDERS: Final = 40
ENTRIES_MS: Final = 50
"""Most from the key to the cancel of the last entry, 99 % of the times."""
FLAT_MS: Final = 250
"""Most from the key to the receipt that says flat, verified, 99 % of the times."""
ONCE: Final = 5
"""A single flatten may meet a busy moment of the machine: it gets so many times as long."""
SEED: Final = 4
MOST_JITTER_S: Final = 0.03
"""The key is pressed at any time between two quotes."""


class Rehearsal(msgspec.Struct, frozen=True):
    """One flatten, measured."""

    entries_ms: float
    flat_ms: float
    slippage_bps: dict[Leg, Decimal]
    """Average closing price against the mid at the key; positive is a loss."""
    slippage: dict[Leg, Decimal]
    """The same in quote."""


def flatten(stage: Stage, notes: Notes, times: int) -> str:
    """Rehearse so many flattens; gives what they came to.

    Raises:
        Failed: One of them did not end flat.
    """
    draw = random.Random(SEED)  # noqa: S311 - when a key is pressed, not a secret
    done = []
    for number in range(times):
        if number:
            stage.ask(CommandName.RESUME)
        stage.hold_both(LOTS)
        time.sleep(draw.random() * MOST_JITTER_S)
        done.append(_rehearse(stage))
    _note_times(notes, "entries", [each.entries_ms for each in done], ENTRIES_MS)
    _note_times(notes, "flat", [each.flat_ms for each in done], FLAT_MS)
    for leg in Leg:
        worst = max(each.slippage_bps[leg] for each in done)
        total = sum((each.slippage[leg] for each in done), ZERO) / times
        notes.add(f"{leg}_slippage_bps", f"{worst:.3f}", "bps" if times == 1 else "bps at worst")
        notes.add(f"{leg}_slippage", f"{total:.4f}", stage.config.instrument.quote + ("" if times == 1 else " a time"))
    often = "once" if times == 1 else f"{times} times"
    return f"{ORDERS} orders and both legs held, flattened {often}: zero entries, then flat, verified at the venue"


def _note_times(notes: Notes, name: str, values: Sequence[float], most: int) -> None:
    if len(values) == 1:
        notes.add(f"{name}_ms", values[0], "ms", ONCE * most)
        return
    notes.add(f"{name}_p50_ms", percentile(values, 50), "ms")
    notes.add(f"{name}_p99_ms", percentile(values, 99), "ms", most)
    notes.add(f"{name}_max_ms", max(values), "ms")


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that at least so many per cent of all do not exceed (nearest rank)."""
    return sorted(values)[max(1, math.ceil(len(values) * percent / 100)) - 1]


def _rehearse(stage: Stage) -> Rehearsal:
    host = stage.host
    orders = stage.resting(*Role)
    held = {leg: host.do(lambda leg=leg: host.venue.held(leg)) for leg in Leg}  # type: ignore[misc]
    if len(orders) != ORDERS or not all(held.values()):
        raise Failed(f"{len(orders)} orders and {held} held, not {ORDERS} and both legs")
    stage.forget_heard()
    mid = stage.look().market.mid or host.market.mid
    ended: list[int] = []
    pressed = time.perf_counter_ns()
    answer = host.send(Command(CommandName.FLATTEN))
    answer.add_done_callback(lambda _: ended.append(time.perf_counter_ns()))
    receipt = answer.result(PATIENCE_S + stage.config.execution.flatten_timeout_ms / 1000)
    _check_flat(stage, receipt, ended[0])
    last = max((each.at for each in stage.heard("canceled")), default=pressed)
    slippage = {leg: _slippage(stage, leg, mid) for leg in Leg}
    return Rehearsal(
        entries_ms=(last - pressed) / NS_PER_MS,
        flat_ms=(ended[0] - pressed) / NS_PER_MS,
        slippage_bps={leg: lost / (mid * held[leg]) * BPS for leg, lost in slippage.items()},
        slippage=slippage,
    )


def _check_flat(stage: Stage, receipt: Receipt, ended: int) -> None:
    """The receipt says flat at `ended`, and so does the venue, from that moment on."""
    if receipt.result is not Result.DONE:
        raise Failed(f"flatten: {receipt.result}: {receipt.detail.get('reason', '')}")
    late = [each for kind in ("canceled", "filled") for role in Role for each in stage.heard(kind, role)]
    late = [each for each in late if each.at > ended]
    if late:
        raise Failed(f"{len(late)} orders ended only after the receipt that says flat, such as {late[0].key}")
    left = {leg: stage.host.do(lambda leg=leg: stage.host.venue.held(leg)) for leg in Leg}  # type: ignore[misc]
    resting = stage.resting(*Role)
    if resting or any(left.values()):
        raise Failed(f"the receipt says flat, the venue holds {left} and {len(resting)} orders")
    state = stage.look().state
    if state is not DoorState.PAUSED:
        raise Failed(f"after the flatten the door is {state}, not paused")


def _slippage(stage: Stage, leg: Leg, mid: Decimal) -> Decimal:
    """What closing cost against the mid, quote."""
    fills = [each for each in stage.heard("filled", Role.CLOSE) if each.key.leg is leg]
    return sum(((mid - each.price) * leg.sign * each.qty for each in fills), ZERO)
