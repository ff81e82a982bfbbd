"""The venue's filters against the configuration and the ladder that it gives."""

from decimal import Decimal
from typing import Final

from hedgegrid_tui.engine.binance.preflight.finding import Finding, fails, money, passes, short, to_write, warns
from hedgegrid_tui.engine.binance.preflight.scene import Scene
from strategy.domain import BPS, Leg, Lot
from strategy.lots import exit_prices
from strategy.quantise import ceil_to

NEAR: Final = Decimal("0.8")
"""A stop that uses more of the price band than this is told."""


def tick(scene: Scene) -> Finding:
    """Prices: increment and bounds (PRICE_FILTER)."""
    own, venue = scene.config.instrument.tick_size, scene.filters.tick_size
    right = to_write("instrument", tick_size=venue)
    if own % venue:
        return fails("tick", f"tick_size {own} is no multiple of Binance's {venue}: orders are refused", right)
    low, high = _outermost(scene)
    filters = scene.filters
    if low < filters.min_price or high > filters.max_price:
        words = f"exits reach from {low} to {high}; Binance takes prices from {short(filters.min_price)} to "
        return fails("tick", words + short(filters.max_price), "lower grid.levels, grid.step_bps or grid.sl_steps")
    if own != venue:
        return warns("tick", f"tick_size {own} is coarser than Binance's {venue}", right)
    return passes("tick", f"{venue}, as configured; exits reach from {low} to {high}")


def lot(scene: Scene) -> Finding:
    """Quantities: increment, least and largest (LOT_SIZE); the least also at market (MARKET_LOT_SIZE)."""
    own, venue = scene.config.instrument, scene.filters
    least = max(venue.min_qty, venue.market_min_qty)
    refused: dict[str, Decimal] = {}
    if own.step_size % venue.step_size:
        refused["step_size"] = venue.step_size
    if own.min_qty < least:
        refused["min_qty"] = least
    if own.max_qty > venue.max_qty:
        refused["max_qty"] = venue.max_qty
    if refused:
        pairs = [f"{name} {getattr(own, name)} against Binance's {value}" for name, value in refused.items()]
        return fails("lot", f"{', '.join(pairs)}: orders are refused", to_write("instrument", **refused))
    coarser = {
        name: value
        for name, value in (("step_size", venue.step_size), ("min_qty", least))
        if getattr(own, name) != value
    }
    if coarser:
        pairs = [f"{name} {getattr(own, name)} is above Binance's {value}" for name, value in coarser.items()]
        return warns("lot", ", ".join(pairs), to_write("instrument", **coarser))
    words = f"step {venue.step_size}, from {least} to {short(own.max_qty)} {own.base}"
    return passes("lot", words)


def notional(scene: Scene) -> Finding:
    """The least value of an order that opens (MIN_NOTIONAL), and which rungs reach it."""
    own, venue = scene.config.instrument, scene.filters.min_notional
    quote, needed = own.quote, max(own.min_notional, venue)
    rungs = [rung for leg in Leg for rung in scene.ladder.side(leg)]
    small = [rung for rung in rungs if rung.price * rung.qty < needed or rung.qty < own.min_qty]
    cheapest = min(rung.price * rung.qty for rung in rungs)
    least = ceil_to(needed / min(rung.price for rung in rungs), own.step_size)
    cure = to_write("grid", base_qty=max(least, own.min_qty))
    if own.min_notional < venue:
        words = f"min_notional {short(own.min_notional)} is below Binance's {short(venue)} {quote}: orders are refused"
        right = to_write("instrument", min_notional=venue)
        return fails("notional", words, f"{right}\n{cure}" if small else right)
    if len(small) == len(rungs):
        words = f"no rung reaches {short(own.min_notional)} {quote}; the smallest is {money(cheapest)}"
        return fails("notional", words, cure)
    if small:
        words = f"{len(small)} of {len(rungs)} rungs stay empty: under {short(own.min_notional)} {quote}"
        return warns("notional", words, cure)
    if own.min_notional > venue:
        words = f"min_notional {short(own.min_notional)} is above Binance's {short(venue)} {quote}"
        return warns("notional", words, to_write("instrument", min_notional=venue))
    return passes("notional", f"at least {short(venue)} {quote}; the smallest rung is {money(cheapest)}")


def counts(scene: Scene) -> Finding:
    """How many orders may be open (MAX_NUM_ORDERS, MAX_NUM_ALGO_ORDERS)."""
    own, venue = scene.config.instrument, scene.filters
    stops = own.max_stop_orders if venue.max_algo_orders is None else venue.max_algo_orders
    limits = {"max_open_orders": venue.max_orders, "max_stop_orders": stops}
    beyond = {name: most for name, most in limits.items() if getattr(own, name) > most}
    words = ", ".join(f"{name} {getattr(own, name)} against Binance's {most}" for name, most in beyond.items())
    lots = 2 * scene.config.grid.levels
    room = min(limits.values())
    if lots > room:
        keys = to_write("instrument", **beyond)
        return fails(
            "open orders", f"{words}; the ladders may hold {lots} lots, each with two exits",
            f"{keys}\n{to_write('grid', levels=room // 2)}",
        )  # fmt: skip
    if beyond:
        return fails("open orders", f"{words}: orders are refused", to_write("instrument", **beyond))
    return passes("open orders", f"up to {own.max_open_orders} plain and {own.max_stop_orders} conditional ones")


def band(scene: Scene) -> Finding:
    """How far from the mark price an order may be (PERCENT_PRICE).

    Binance bounds what buys above and what sells below the mark price: entries rest on the other side, but stops do
    not. That a stop's trigger is bounded like a limit price is not documented; one that is refused leaves a quantity
    without protection, so that it counts here as if it were.
    """
    up, down = scene.filters.percent_up - 1, 1 - scene.filters.percent_down
    grid, room = scene.config.grid, min(up, down) * BPS
    stop = grid.step_bps * grid.sl_steps
    out = grid.step_bps * grid.levels + grid.recentre_trigger_bps
    words = f"stops at {short(stop)} bps, rungs to {short(out)}; Binance's band is {short(room)} bps"
    if stop >= room:
        cure = f"lower grid.sl_steps or grid.step_bps: their product must stay below {short(room)}"
        return fails("price band", f"{words}: a stop may be refused", cure)
    if stop > room * NEAR:
        return warns(
            "price band", f"{words}: a fast market leaves a stop outside", "lower grid.sl_steps or grid.step_bps"
        )
    if out >= room:
        cure = "lower grid.levels or grid.step_bps; take-profits of far lots are refused until the market is back"
        return warns("price band", words, cure)
    return passes("price band", words)


def close(scene: Scene) -> Finding:
    """The largest order at market (MARKET_LOT_SIZE) against the largest that closes a leg."""
    own, limits, most = scene.config.instrument, scene.config.limits, scene.filters.market_max_qty
    cap = limits.max_leg_notional or limits.max_gross_notional
    full = cap / scene.mark
    if own.max_qty > most and (not cap or full > most):
        held = f"a leg may hold {full:.3f} {own.base}" if cap else "no limit bounds a leg"
        words = f"{held}; one order at market closes {short(most)}, and closes are cut at max_qty {short(own.max_qty)}"
        return fails("close", words, to_write("instrument", max_qty=most))
    return passes("close", f"one order at market closes up to {short(min(most, own.max_qty))} {own.base}")


def _outermost(scene: Scene) -> tuple[Decimal, Decimal]:
    """The lowest and the highest price of both ladders' rungs and their exits."""
    grid, ladder, spec = scene.config.grid, scene.ladder, scene.config.instrument.spec()
    prices: list[Decimal] = []
    for leg in Leg:
        rung = ladder.side(leg)[-1]
        lot = Lot(0, leg, rung.level, rung.price, ladder.step, rung.qty, rung.qty * rung.price, 0)
        prices += [rung.price, *exit_prices(lot, grid, spec)]
    return min(prices), max(prices)
