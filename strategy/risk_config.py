"""The configuration's sections on risk: limits, breaker, drawdown, watchdog, endings, roll-out ramp."""

import itertools
from decimal import Decimal
from enum import StrEnum

from pydantic import model_validator

from strategy.section import Section, key


class LimitsConfig(Section):
    """What an entry must keep to leave; orders that reduce always pass."""

    title = "What an entry must keep to leave; orders that reduce a leg always pass. 0 switches a limit off."

    max_leg_notional: Decimal = key(
        Decimal(20_000), "quote", "held, in flight and resting of one leg, at entry prices", ge=0
    )
    max_gross_notional: Decimal = key(Decimal(30_000), "quote", "the same of both legs together", ge=0)
    max_order_notional: Decimal = key(Decimal(10_000), "quote", "value of one entry", ge=0)
    max_order_pct: Decimal = key(Decimal(50), "% of equity", "value of one entry", ge=0, le=10_000)
    max_leverage: Decimal = key(Decimal(5), "factor", "both legs, every entry filled, against the equity", ge=0, le=125)
    max_margin_pct: Decimal = key(
        Decimal(80), "% of equity", "initial margin of both legs, every entry filled", ge=0, le=100
    )
    min_liquidation_pct: Decimal = key(
        Decimal(10),
        "%",
        "from an entry's price to liquidation, once it and all others of its leg fill",
        ge=0,
        le=99,
    )
    price_collar_pct: Decimal = key(Decimal(10), "% of the mark", "distance of an entry's price from it", ge=0, le=100)
    max_fills_per_level: int = key(
        10, "entries", "that may fill at one level within the window; then the level waits for reset-breaker",
        ge=0, le=10_000,
    )  # fmt: skip
    fill_window_s: int = key(60, "s", "window of max_fills_per_level", ge=1, le=86_400)
    max_messages: int = key(300, "requests", "orders, changes and cancels sent within the window", ge=10, le=100_000)
    message_window_s: int = key(10, "s", "window of max_messages", ge=1, le=3600)
    message_reserve: int = key(100, "requests", "of max_messages that entries leave to exits and cancels", ge=2)


class BreakerConfig(Section):
    """When repeated errors keep entries back."""

    title = "When repeated errors keep entries back; post-only rejections are no errors."

    errors: int = key(5, "errors", "within the window open the breaker", ge=1, le=1000)
    window_s: int = key(60, "s", "how far back errors count", ge=1, le=86_400)
    cooldown_s: int = key(
        300, "s", "after which it closes by itself; 0: only reset-breaker closes it", ge=0, le=604_800
    )


class DrawdownConfig(Section):
    """What open and closed losses lead to."""

    title = "What losses, open ones included, lead to; 0 switches a level off. Days begin at 00:00 UTC."

    total_warn_pct: Decimal = key(Decimal(10), "% of the peak", "loss from the highest equity: an alarm", ge=0, le=100)
    total_pause_pct: Decimal = key(Decimal(15), "% of the peak", "the same: pause", ge=0, le=100)
    total_halt_pct: Decimal = key(Decimal(25), "% of the peak", "the same: flatten and halt", ge=0, le=100)
    day_warn_pct: Decimal = key(Decimal(5), "% of the day's first equity", "loss of the day: an alarm", ge=0, le=100)
    day_pause_pct: Decimal = key(Decimal(8), "% of the day's first equity", "the same: pause", ge=0, le=100)
    day_halt_pct: Decimal = key(Decimal(12), "% of the day's first equity", "the same: flatten and halt", ge=0, le=100)
    samples: int = key(3, "samples", "in a row, one a second, that confirm a level", ge=1, le=3600)

    @model_validator(mode="after")
    def _levels_rise(self) -> "DrawdownConfig":
        for scope in ("total", "day"):
            names = [f"{scope}_{level}_pct" for level in ("warn", "pause", "halt")]
            levels = [(name, getattr(self, name)) for name in names if getattr(self, name)]
            for (lower, low), (upper, high) in itertools.pairwise(levels):
                if low > high:
                    raise ValueError(f"{lower} {low} must be at most {upper} {high}; lower it")
        return self


class OnCritical(StrEnum):
    """What follows where a leg's protection could not be restored, beside closing that leg."""

    HALT = "halt"
    FLATTEN = "flatten"


class WatchdogConfig(Section):
    """What is watched beside the orders, and what a failure leads to."""

    title = "What is watched beside the orders, and what a failure leads to."

    stale_after_ms: int = key(
        5000, "ms", "without a price no entry leaves, and an alarm is raised; bars alone: 150 s", ge=200, le=600_000
    )
    stream_silent_ms: int = key(
        10_000, "ms", "a request without any word from the venue for so long is an alarm", ge=500, le=600_000
    )
    loop_stall_ms: int = key(2000, "ms", "an engine that does nothing for so long is an alarm", ge=200, le=600_000)
    alarm_repeat_s: int = key(30, "s", "an alarm that lasts is told again this often", ge=1, le=86_400)
    escalate_after_ms: int = key(
        5000, "ms", "a held quantity without a stop for so long is closed at market", ge=100, le=600_000
    )
    on_critical: OnCritical = key(
        OnCritical.HALT, "halt or flatten", "after a leg had to be closed because it could not be protected"
    )


class OnDisconnect(StrEnum):
    """What a dashboard's session does when its terminal goes."""

    KEEP = "keep"
    PAUSE = "pause"
    CANCEL = "cancel"
    FLATTEN = "flatten"


class SessionConfig(Section):
    """What becomes of a session whose terminal goes."""

    title = "What becomes of a session whose terminal goes."

    on_disconnect: OnDisconnect = key(
        OnDisconnect.KEEP,
        "keep, pause, cancel or flatten",
        "go on without a screen, go on paused, cancel entries and end, or flatten and end",
    )


class RampConfig(Section):
    """How the limits grow in the first days; off in sim and replay."""

    title = "How the notional limits grow in the first days of trading; off in sim and replay."

    start_pct: Decimal = key(
        Decimal(25), "% of the limits", "on the first day; 100 switches the ramp off", gt=0, le=100
    )
    days: int = key(14, "days", "after which the limits hold in full", ge=1, le=3650)
