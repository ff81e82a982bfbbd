"""What a seed's configuration is made of: a grid, and limits, breaker, drawdown, watchdog and ramp in some."""

import random
from collections.abc import Callable
from dataclasses import dataclass

PRICE = 60_000
LEVERAGE = 20
"""Of the account, where nothing else is set."""


@dataclass(frozen=True)
class Grid:
    """A grid, and what its limits are measured by, quote."""

    keys: tuple[str, ...]
    largest: int
    """Value of its largest entry."""
    side: int
    """Value of one ladder."""
    balance: int = 10_000


GRIDS = (
    Grid(("grid.levels=3", "grid.base_qty=0.004", "execution.orders_per_turn=2"), 240, 720),
    Grid(("grid.levels=4", "grid.base_qty=0.008", "grid.qty_scale=0.5", "grid.sl_steps=2"), 480, 840),
    Grid(
        ("grid.levels=3", "grid.base_qty=0.002", "grid.qty_scale=2", "grid.tp_steps=2", "grid.recentre_trigger_bps=25"),
        480, 840,
    ),
    Grid(
        ("grid.levels=2", "grid.base_qty=0.003", "instrument.tick_size=0.5", "grid.step_bps=7", "grid.sl_steps=1.5"),
        180, 360,
    ),
    Grid(("grid.levels=2", "grid.base_qty=0.006", "grid.step_bps=12", "grid.recentre_trigger_bps=40"), 360, 720),
)  # fmt: skip
ALWAYS = ("execution.retry_last_ms=4000", "ramp.start_pct=100")
"""So that a run comes to rest in time."""


def draw(rng: random.Random) -> tuple[str, ...]:
    """The keys of one seed; later ones replace earlier ones."""
    grid = rng.choice(GRIDS)
    keys = [*grid.keys, *ALWAYS, *_breaker(rng), *_watchdog(rng)]
    for chance, part in PARTS:
        if rng.random() < chance:
            keys += part(rng, grid)
    return tuple(keys)


def _breaker(rng: random.Random) -> list[str]:
    cooldown = rng.choice((0, rng.randint(2, 10), rng.randint(2, 10)))
    errors, window = rng.randint(2, 7), rng.choice((5, 15, 60))
    return [f"breaker.errors={errors}", f"breaker.window_s={window}", f"breaker.cooldown_s={cooldown}"]


def _watchdog(rng: random.Random) -> list[str]:
    attach = rng.choice((300, 1000))
    escalate = rng.choice((attach, 2000, 5000, 20_000))
    return [
        f"execution.attach_bound_ms={attach}",
        f"watchdog.escalate_after_ms={max(attach, escalate)}",
        f"watchdog.on_critical={rng.choice(('halt', 'flatten'))}",
        f"watchdog.stale_after_ms={rng.choice((800, 2000, 5000))}",
        f"watchdog.stream_silent_ms={rng.choice((1000, 3000, 10_000))}",
        f"watchdog.alarm_repeat_s={rng.choice((1, 3, 30))}",
    ]


def _caps(rng: random.Random, grid: Grid) -> list[str]:
    """One or two limits that leave room for some of the rungs, never for all."""
    part = rng.uniform(0.1, 0.95)
    least = grid.largest * 1.05
    leg, gross = (least + (most - least) * part for most in (grid.side, 2 * grid.side))
    choices = [
        [f"limits.max_leg_notional={leg:.2f}"],
        [f"limits.max_leg_notional={leg:.2f}"],
        [f"limits.max_gross_notional={gross:.2f}"],
        [f"limits.max_leverage={gross / grid.balance:.4f}"],
        [f"limits.max_margin_pct={gross / grid.balance / LEVERAGE * 100:.4f}"],
        ["limits.price_collar_pct=0.15"],
        [
            f"account.starting_balance={grid.side * rng.uniform(0.7, 0.95):.2f}", "limits.max_order_pct=0",
            f"limits.min_liquidation_pct={rng.randint(60, 95)}",
        ],
    ]  # fmt: skip
    if grid.side % grid.largest:  # not every rung is as large as the largest
        choices.append([f"limits.max_order_notional={grid.largest * 0.8:.2f}"])
        choices.append([f"limits.max_order_pct={grid.largest * 0.8 / grid.balance * 100:.4f}"])
    return [key for keys in rng.sample(choices, rng.randint(1, 2)) for key in keys]


def _budget(rng: random.Random, grid: Grid) -> list[str]:
    reserve = 8 + rng.randint(0, 6)
    return [
        f"limits.message_window_s={rng.choice((2, 5, 10))}",
        f"limits.message_reserve={reserve}",
        f"limits.max_messages={reserve + rng.randint(6, 30)}",
    ]


def _drawdown(rng: random.Random, grid: Grid) -> list[str]:
    """Levels of a few units of quote currency: a stop or two, or some fees."""
    keys = [f"drawdown.samples={rng.randint(1, 3)}"]
    for scope in ("total", "day"):
        unit = rng.choice((0.3, 1.0, 3.0)) / grid.balance * 100
        for factor, level in enumerate(("warn", "pause", "halt"), start=1):
            limit = 0.0 if rng.random() < 0.3 else unit * factor
            keys.append(f"drawdown.{scope}_{level}_pct={limit:.5f}")
    return keys


def _repeats(rng: random.Random, grid: Grid) -> list[str]:
    return [f"limits.max_fills_per_level={rng.randint(1, 3)}", f"limits.fill_window_s={rng.choice((5, 60))}"]


def _ramp(rng: random.Random, grid: Grid) -> list[str]:
    """A first day that leaves room for a rung or two, and a second that leaves more."""
    start = rng.randint(30, 70)
    cap = max(grid.side * rng.uniform(0.9, 1.3), grid.largest * 1.05 / start * 100)
    days = rng.choice((2, 5))
    return [f"ramp.start_pct={start}", f"ramp.days={days}", f"limits.max_leg_notional={cap:.2f}"]


def _warm(rng: random.Random, grid: Grid) -> list[str]:
    policy = rng.choice(("throttled-counter", "core-and-scalp"))
    return ["regime.require_warm=true", f"placement.policy={policy}"]


def _patience(rng: random.Random, grid: Grid) -> list[str]:
    return [f"execution.flatten_timeout_ms={rng.choice((600, 1500, 4000))}"]


PARTS: tuple[tuple[float, Callable[[random.Random, Grid], list[str]]], ...] = (
    (0.35, _caps), (0.3, _budget), (0.3, _drawdown), (0.2, _repeats), (0.15, _ramp), (0.12, _warm), (0.3, _patience),
)  # fmt: skip
"""What a configuration may have beside its grid, breaker and watchdog, and how often it has."""
