"""What enough runs must have met, or the simulation does not test what it says."""

from collections import Counter

from strategy.control import CommandName
from strategy.domain import DoorState

DENIALS = (
    "paused", "flattening", "halted", "breaker-open", "stale-data", "crossed-market", "warming", "would-cross",
    "price-collar", "backing-off", "repeated-fills", "self-trade", "order-size", "leg-cap", "gross-cap", "leverage",
    "margin", "liquidation", "message-budget", "below-min-notional",
)  # fmt: skip
ALARMS = (
    "unprotected", "not-flat", "entries-open", "stale-feed", "silent-stream", "stuck-loop", "repeated-",
    *(f"drawdown-{scope}-{level}" for scope in ("total", "day") for level in ("warn", "pause", "halt")),
)  # fmt: skip
RECEIPTS = ("flatten done", "flatten timeout", "cancel-entries done", "cancel-entries timeout", "resume refused")
ENOUGH, MANY = 200, 2_000
"""Runs after which each of these must have happened, and each command in each state."""


def missing(seen: Counter[str], runs: int) -> list[str]:
    """What so many runs should have met and have not."""
    wanted = [f"denied {reason}" for reason in DENIALS]
    wanted += [f"alarm {name}" for name in ALARMS]
    wanted += [f"receipt {words}" for words in RECEIPTS]
    wanted += [f"act {command} while running" for command in CommandName]
    if runs >= MANY:
        wanted += [f"act {command} while {state}" for command in CommandName for state in DoorState]
    return [words for words in wanted if not seen[words]] if runs >= ENOUGH else []
