"""What a configuration trades and what guards it, in plain words."""

from decimal import Decimal

from strategy.config import Config, PlacementPolicy
from strategy.domain import PERCENT
from strategy.regime import RegimeWatch


def describe(settings: Config) -> list[str]:
    """What a configuration trades, in plain words."""
    grid, instrument = settings.grid, settings.instrument
    quantities = [grid.base_qty * grid.qty_scale**level for level in range(grid.levels)]
    fees = instrument.maker_fee * 2 * 10_000
    reach, target, stop = (grid.step_bps * steps for steps in (grid.levels, grid.tp_steps, grid.sl_steps))
    total = sum(quantities)
    cheapest = instrument.min_notional / grid.base_qty
    base, quote = instrument.base, instrument.quote
    filters = f"tick {instrument.tick_size}, step {instrument.step_size} {base}"
    sizes = f"{quantities[0]} to {quantities[-1]:f} {base} a rung, {total:f} a side"
    return [
        f"instrument   {instrument.symbol} perpetual, {filters}, minimum notional {instrument.min_notional} {quote}",
        f"ladder       {grid.levels} rungs a side, {grid.step_bps} bps apart, out to {reach} bps; {sizes}",
        f"exits        take-profit {target} bps ({target - fees:f} after maker fees), stop {stop} bps from the entry",
        f"re-centre    {grid.recentre_trigger_bps} bps from the centre",
        *_shaping(settings),
        *_limits(settings),
        *_controls(settings),
        f"note         the first rung meets the minimum notional from a price of {cheapest:.2f} {quote} up",
    ]


def _shaping(settings: Config) -> list[str]:
    """What thins the ladders, and when."""
    regime, placement, funding = settings.regime, settings.placement, settings.funding
    averages = f"EMA {regime.fast_bars} and EMA {regime.slow_bars}"
    trend = f"{regime.enter_bps} bps between {averages} with ADX {regime.adx_trend}"
    calm = f"{regime.leave_bps} bps or ADX {regime.adx_calm}"
    meanwhile = "entries wait for them" if regime.require_warm else "sideways until then"
    core = placement.core_share if placement.policy is PlacementPolicy.CORE_AND_SCALP else Decimal(1)
    shares = f"{_percent(placement.counter_share)} of the side against it, {_percent(core)} of the other"
    cost = f"a leg that will pay more than {funding.max_cost_bps} bps keeps {_percent(funding.paying_share)}"
    guard = f"in the {funding.window_minutes} minutes before a settlement {cost} of its ladder"
    off = not funding.window_minutes or funding.paying_share == 1
    return [
        f"regime       up or down from {trend}, sideways below {calm}",
        f"warm-up      {RegimeWatch(regime).reading.needed} one-minute bars; {meanwhile}",
        f"placement    {placement.policy}: in a trend {shares}; throttle {_percent(placement.throttle)}",
        f"funding      {'the guard is off' if off else guard}",
    ]


def _percent(share: Decimal) -> str:
    return f"{(share * 100).normalize():f} %"


def _limits(settings: Config) -> list[str]:
    """What an entry must keep."""
    limits, quote, ramp = settings.limits, settings.instrument.quote, settings.ramp
    caps = {"a leg": limits.max_leg_notional, "both": limits.max_gross_notional, "an entry": limits.max_order_notional}
    told = [f"{name} {cap:f} {quote}" for name, cap in caps.items() if cap]
    told += [f"leverage {limits.max_leverage}"] if limits.max_leverage else []
    grows = f"; {ramp.start_pct} % of them on the first day, all after {ramp.days} days"
    share = f"{limits.message_reserve} of them for exits and cancels"
    return [
        f"caps         {', '.join(told) or 'none'}{grows if told and ramp.start_pct < PERCENT else ''}",
        f"requests     {limits.max_messages} in {limits.message_window_s} s, {share}",
    ]


def _controls(settings: Config) -> list[str]:
    """What errors, losses and a lost terminal lead to."""
    breaker, watchdog = settings.breaker, settings.watchdog
    closes = f"after {breaker.cooldown_s} s or reset-breaker" if breaker.cooldown_s else "by reset-breaker alone"
    return [
        f"breaker      {breaker.errors} errors within {breaker.window_s} s open it; closes {closes}",
        f"losses       {_losses(settings)}",
        f"unprotected  closed at market after {watchdog.escalate_after_ms} ms, then {watchdog.on_critical}",
        f"terminal     when it goes: {settings.session.on_disconnect}",
    ]


def _losses(settings: Config) -> str:
    told = []
    for scope, base in (("total", "from the peak"), ("day", "in a day")):
        levels = [(level, getattr(settings.drawdown, f"{scope}_{level}_pct")) for level in ("warn", "pause", "halt")]
        words = [f"{level} at {pct} %" for level, pct in levels if pct]
        told.append(f"{base}: {', '.join(words) or 'no level'}")
    return "; ".join(told)
