"""What tests of the preflight share: a configuration that leads to the fake, and one finding out of many."""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from hedgegrid_tui.engine.binance.preflight.checks import Finding, Verdict, preflight
from hedgegrid_tui.engine.binance.rest.client import BinanceRest
from hedgegrid_tui.engine.plan import Mode
from strategy.config import Config, load_config
from strategy.past import Past
from tests.venue.binance.rules import Rule
from tests.venue.binance.server import FakeBinance

FITTING = "account.leverage=10"
"""The fake's own; the rest of the defaults fits it."""
D = Decimal


def config_of(venue: FakeBinance, *sets: str) -> Config:
    """The defaults, changed."""
    addresses = (f'binance.rest_url="{venue.url}"', f'binance.stream_url="{venue.ws_url}"')
    return load_config(None, [*addresses, FITTING, *sets])


async def look(
    rest: BinanceRest, venue: FakeBinance, *sets: str, mode: Mode = Mode.LIVE, past: Past | None = None
) -> list[Finding]:
    """Everything that preflight finds."""
    return await preflight(rest, config_of(venue, *sets), mode, past)


def one(findings: Sequence[Finding], name: str) -> Finding:
    """The finding of that name."""
    (found,) = [finding for finding in findings if finding.name == name]
    return found


def named(findings: Sequence[Finding], verdict: Verdict) -> list[str]:
    """The names of those with a verdict."""
    return [finding.name for finding in findings if finding.verdict is verdict]


def alter(venue: FakeBinance, path: str, told: Any, change: Callable[[Any], object]) -> Rule:
    """The venue's answer at a path, changed on its way."""
    change(told)
    return venue.when("GET", path).garble(json.dumps(told).encode())
