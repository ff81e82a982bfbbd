"""What a tick costs the strategy, from 10 to 1,000 open orders: `python -m tests.benchmark`.

Ticks stay inside the calm band, as nearly all do. The sizes take turns within one run, so that a noisy machine hits
them alike; the median of the rounds counts, and what is judged is the ratio to the smallest size.
"""

import statistics
import sys
import time
from decimal import Decimal

from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import Price, Quantity

from strategy.domain import Role
from strategy.hedge_grid import HedgeGridConfig, HedgeGridStrategy
from tests.strategy.world import World

SIZES = (10, 100, 1_000)
TICKS = 2_000
ROUNDS = 41
MOST = Decimal("1.2")
INSTRUMENT = InstrumentId.from_str("BTCUSDT-PERP.BINANCE")


def world_with(orders: int) -> World:
    """A grid with at least so many open orders: entries, and the two exits of each lot that was filled."""
    levels = min(orders // 2, 100)
    wide = ("grid.step_bps=2", "grid.tp_steps=100", "grid.sl_steps=200", "grid.recentre_trigger_bps=100")
    limits: tuple[str, ...] = (
        "instrument.max_open_orders=10000",
        "instrument.max_stop_orders=10000",
        "execution.orders_per_turn=200",
    )
    limits += ("limits.message_reserve=200", "limits.max_messages=100000", "limits.max_fills_per_level=0")
    limits += tuple(f"limits.{name}=0" for name in ("max_leg_notional", "max_gross_notional", "max_leverage"))
    limits += tuple(f"limits.{name}=0" for name in ("max_margin_pct", "min_liquidation_pct", "price_collar_pct"))
    world = World(overrides=(f"grid.levels={levels}", "grid.base_qty=0.002", *wide, *limits), instant=True, acts=False)
    world.venue.match = lambda: None  # type: ignore[method-assign]
    mid = Decimal(60_000)
    while True:
        world.quote(mid)
        for entry in world.venue.live(None, Role.ENTRY):
            if len(world.grid.index) >= orders:
                return world
            world.venue.fill(entry)
            world.venue.drain()
        mid += 1_300


def strategy_on(world: World) -> HedgeGridStrategy:
    """The real shell on that grid; it is not registered with an engine, since a calm tick asks for none."""
    config = HedgeGridConfig(
        strategy_id="GRID-001",
        order_id_tag="001",
        oms_type="HEDGING",
        instrument_id=INSTRUMENT,
        mode="benchmark",
        linked_exits=False,
    )
    strategy = HedgeGridStrategy(config, world.config, world.journal, lambda callback: callback())
    strategy.grid = world.grid
    return strategy


def ticks_around(mid: Decimal, count: int, start: int) -> list[QuoteTick]:
    """Quotes that wobble by a few ticks, one each 10 ms."""
    size = Quantity.from_str("1.000")
    return [
        QuoteTick(
            INSTRUMENT,
            Price.from_str(f"{mid - Decimal('0.1') * (number % 5 + 1):.1f}"),
            Price.from_str(f"{mid + Decimal('0.1') * (number % 3 + 1):.1f}"),
            size,
            size,
            start + number * 10_000_000,
            start + number * 10_000_000,
        )
        for number in range(count)
    ]


def main() -> int:
    """Print the cost per size; 1 where the largest costs more than a fifth above the smallest."""
    runs = []
    for size in SIZES:
        world = world_with(size)
        strategy = strategy_on(world)
        ticks = ticks_around(world.mid, TICKS, world.venue.clock)
        strategy.on_quote_tick(ticks[0])
        strategy._after_pass()
        runs.append((len(world.grid.index), world, strategy, ticks, list[float]()))
    for _ in range(ROUNDS):
        for _, _, strategy, ticks, costs in runs:
            handle = strategy.on_quote_tick
            started = time.perf_counter_ns()
            for tick in ticks:
                handle(tick)
            costs.append((time.perf_counter_ns() - started) / len(ticks))
    smallest = statistics.median(runs[0][4])
    worst = Decimal(0)
    for orders, world, _, _, costs in runs:
        cost = statistics.median(costs)
        ratio = Decimal(f"{cost / smallest:.3f}")
        worst = max(worst, ratio)
        started = time.perf_counter_ns()
        world.grid.converge()
        full = (time.perf_counter_ns() - started) / 1_000
        print(f"{orders:>5} open orders: {cost:7.0f} ns a tick, ratio {ratio}; a full pass {full:8.0f} us")
    print(f"worst ratio {worst}, at most {MOST}: {'flat' if worst <= MOST else 'NOT FLAT'}")
    return 0 if worst <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
