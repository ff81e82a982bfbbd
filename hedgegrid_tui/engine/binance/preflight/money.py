"""Balance and fees against caps, ladders and exits."""

from decimal import Decimal

from hedgegrid_tui.engine.binance.preflight.answers import Topic
from hedgegrid_tui.engine.binance.preflight.finding import Finding, fails, money, passes, short, to_write, warns
from hedgegrid_tui.engine.binance.preflight.scene import Scene
from hedgegrid_tui.engine.binance.rest.rows import Row
from strategy.domain import BPS, PERCENT


def balance(scene: Scene) -> Finding:
    """Whether the margin of both ladders, every rung filled, is there at the venue's leverage."""
    quote, limits = scene.config.instrument.quote, scene.config.limits
    equity, free, leverage = scene.account.equity, scene.account.available, scene.settings.leverage
    if equity <= 0:
        return fails("balance", f"no {quote} in the futures wallet", f"move {quote} from spot to USDS-M Futures")
    worst = scene.worst
    need, usable = worst / leverage, equity * (limits.max_margin_pct or PERCENT) / PERCENT
    held = f"{money(equity)} {quote}, {money(free)} of it free"
    words = f"{held}; full ladders, {money(worst)}, need {money(need)} at {leverage}x"
    smaller = "move more to the futures wallet, or lower grid.base_qty, grid.levels or the caps in [limits]"
    if need > equity and worst / scene.config.account.leverage <= usable:
        # The gate reckons with the configured leverage: it would let leave what the venue refuses with -2019.
        return fails("balance", f"{words}: entries are refused", to_write("account", leverage=leverage))
    if _least(scene) / leverage > min(free, usable) and not _has_own(scene):
        return fails("balance", f"{words}: not even one rung", smaller)
    if need > usable:
        pct = short(limits.max_margin_pct)
        return warns("balance", f"{words}, {pct} % of the equity may serve: outer rungs stay empty", smaller)
    if need > free and not _has_own(scene):
        cure = "close what is not ours, or lower grid.base_qty or grid.levels: outer rungs may be refused"
        return warns("balance", f"{words}: other positions or orders hold the rest", cure)
    return passes(
        "balance", f"{money(equity)} {quote}; full ladders, {money(worst)}, need {money(need)} at {leverage}x"
    )


def caps(scene: Scene) -> Finding:
    """Whether anything bounds what is held before the margin ends, as the limits are today."""
    bounds, quote, account = scene.caps, scene.config.instrument.quote, scene.account
    told = {"a leg": bounds.leg, "both": bounds.gross}
    shown = [f"{name} {money(cap)}" for name, cap in told.items() if cap]
    shown[-1:] = [f"{last} {quote}" for last in shown[-1:]]
    shown += [f"leverage {short(bounds.leverage)}"] if bounds.leverage else []
    shown[-1:] = [f"{last}; {_share(scene)}" if bounds.share < 1 and (bounds.leg or bounds.gross) else last
                  for last in shown[-1:]]  # fmt: skip
    gross = [cap for cap in (bounds.gross, 2 * bounds.leg, account.equity * bounds.leverage) if cap > 0]
    end = account.equity * scene.settings.leverage
    if not gross or min(gross) > end:
        words = ", ".join(shown) or "no cap"
        cure = to_write("limits", max_gross_notional=(end / 2).quantize(Decimal(1)))
        return warns("caps", f"{words}: above what the margin carries, {money(end)} {quote}", cure)
    return passes("caps", ", ".join(shown))


def _share(scene: Scene) -> str:
    return f"{short((scene.caps.share * PERCENT).quantize(Decimal('0.1')))} % (roll-out)"


def fees(scene: Scene) -> Finding:
    """The account's fees against the configured ones, and against what a take-profit earns."""
    row: Row = scene.answers[Topic.FEES]
    own, grid = scene.config.instrument, scene.config.grid
    maker, taker = row.decimal("makerCommissionRate"), row.decimal("takerCommissionRate")
    shown = f"maker {_bps(maker)}, taker {_bps(taker)} bps"
    target, trip = grid.step_bps * grid.tp_steps, 2 * maker * BPS
    if trip >= target:
        words = f"{shown}: a round trip costs {short(trip)} bps, its take-profit earns {short(target)}: it LOSES"
        return warns("fees", words, "raise grid.step_bps or grid.tp_steps")
    if (maker, taker) != (own.maker_fee, own.taker_fee):
        words = f"{shown}; configured: maker {_bps(own.maker_fee)}, taker {_bps(own.taker_fee)}"
        right = to_write("instrument", maker_fee=maker.normalize(), taker_fee=taker.normalize())
        return warns("fees", words, right)
    return passes("fees", f"{shown}; a take-profit of {short(target)} bps leaves {short(target - trip)}")


def _bps(rate: Decimal) -> str:
    return short(rate * BPS)


def _least(scene: Scene) -> Decimal:
    """The value of the smallest rung that may be placed, quote."""
    least = scene.config.instrument.min_notional
    values = [rung.price * rung.qty for rung in (*scene.ladder.long, *scene.ladder.short)]
    return min((value for value in values if value >= least), default=least)


def _has_own(scene: Scene) -> bool:
    """Whether orders or lots of the journal may hold margin."""
    return scene.past is not None and bool(scene.past.orders or len(scene.past.lots))
