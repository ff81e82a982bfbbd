"""Preflight: everything that must be right at the venue before a session starts, each with its verdict and cure.

A check of all of it weighs about 75 of the 2,400 a minute that Binance gives an address (`preflight_answers.Topic`
tells each), and takes two round trips: one for the clock, by which questions are signed, one for all others at once.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from hedgegrid_tui.engine.binance.preflight import account as preflight_account
from hedgegrid_tui.engine.binance.preflight import books as preflight_books
from hedgegrid_tui.engine.binance.preflight import filters as preflight_filters
from hedgegrid_tui.engine.binance.preflight import money as preflight_money
from hedgegrid_tui.engine.binance.preflight import venue as preflight_venue
from hedgegrid_tui.engine.binance.preflight.answers import PRIVATE, PUBLIC, Topic, ask
from hedgegrid_tui.engine.binance.preflight.finding import Finding, Verdict, fails
from hedgegrid_tui.engine.binance.preflight.scene import Scene
from hedgegrid_tui.engine.binance.rest.client import BinanceRest
from hedgegrid_tui.engine.binance.rest.errors import LimitedError, RestError, UnclearError, UnreachableError, VenueError
from hedgegrid_tui.engine.binance.rest.truth import OneWayError
from hedgegrid_tui.engine.plan import Mode
from strategy.config import Config
from strategy.past import Past

__all__ = ["Finding", "Verdict", "preflight", "refusal"]

type Check = Callable[[Scene], Finding]

FOR_ALL: Final[dict[str, Check]] = {
    "reach": preflight_venue.reach,
    "clock": preflight_venue.clock,
    "instrument": preflight_venue.instrument,
    "tick": preflight_filters.tick,
    "lot": preflight_filters.lot,
    "notional": preflight_filters.notional,
    "open orders": preflight_filters.counts,
    "price band": preflight_filters.band,
    "close": preflight_filters.close,
    "requests": preflight_venue.requests,
    "funding": preflight_venue.funding,
}
"""By the name of its finding, in the order in which they are shown."""
WITH_A_KEY: Final[dict[str, Check]] = {
    "key": preflight_account.key,
    "hedge mode": preflight_account.hedge_mode,
    "assets mode": preflight_account.assets_mode,
    "margin": preflight_account.margin_type,
    "leverage": preflight_account.leverage,
    "balance": preflight_money.balance,
    "caps": preflight_money.caps,
    "fees": preflight_money.fees,
    "orders": preflight_books.orders,
    "positions": preflight_books.positions,
    "dead-man": preflight_books.dead_man,
}
TRY_AGAIN: Final = "try again in a minute; if it stays so, look at Binance's status page"


class _Unasked(NamedTuple):
    name: str
    words: str
    cure: str


async def preflight(rest: BinanceRest, config: Config, mode: Mode, past: Past | None = None) -> list[Finding]:
    """Look at everything; never raises for what the venue does or does not answer.

    Args:
        rest: A client of the mode's addresses; paper needs no key.
        config: What is to be traded.
        mode: Paper, testnet or live; paper looks only at what is public.
        past: The journal's word on what is ours; None where there is no journal.

    Returns:
        One finding for each check. What could not be asked for one and the same reason is one finding.
    """
    checks = dict(FOR_ALL)
    topics: tuple[Topic, ...] = PUBLIC
    if mode is not Mode.PAPER:
        checks |= WITH_A_KEY
        topics += PRIVATE + ((Topic.KEY,) if mode is Mode.LIVE else ())
    answers = await ask(rest, config.instrument.symbol, config.instrument.quote, topics)
    scene = Scene(config=config, mode=mode, past=past, answers=answers, now=time.time_ns())
    return _joined([_judged(name, check, scene) for name, check in checks.items()])


def refusal(findings: Iterable[Finding]) -> str:
    """Every failure with its cure, a line or more for each; empty where nothing fails."""
    failures = [finding for finding in findings if finding.verdict is Verdict.FAIL]
    return "\n".join(f"{finding.name}: {finding.words}\n  cure: {finding.cure}" for finding in failures)


def _judged(name: str, check: Check, scene: Scene) -> Finding | _Unasked:
    try:
        return check(scene)
    except RestError as error:
        failed = "no clear answer" if isinstance(error, UnclearError) else "could not be asked"
        return _Unasked(name, f"{failed}: {error.words}", _cure(error))
    except Exception as error:  # noqa: BLE001 - whatever an answer holds, the other findings stand
        return fails(name, f"Binance's answer cannot be read ({type(error).__name__})", TRY_AGAIN)


def _cure(error: RestError) -> str:
    if isinstance(error, OneWayError):
        return "switch hedge mode on first"
    if isinstance(error, LimitedError):
        longer = "; each further request makes it longer" if error.is_ban else ""
        return f"wait {error.retry_after_s:.0f} s{longer}; other programs at this address count too"
    if isinstance(error, UnreachableError):
        return "look at this machine's network, name service and clock; then try again"
    if isinstance(error, VenueError) and error.code in preflight_account.REFUSED_KEY:
        return preflight_account.REFUSED_KEY[error.code]
    return TRY_AGAIN


def _joined(found: Sequence[Finding | _Unasked]) -> list[Finding]:
    """One finding for all that could not be asked for the same reason, where the first of them stands."""
    groups: dict[tuple[str, str], list[str]] = {}
    for each in found:
        if isinstance(each, _Unasked):
            groups.setdefault((each.words, each.cure), []).append(each.name)
    findings: list[Finding] = []
    for each in found:
        if isinstance(each, Finding):
            findings.append(each)
            continue
        names = groups.pop((each.words, each.cure), [])
        if names:
            others = f"; nothing is known of {', '.join(names[1:])} either" if names[1:] else ""
            findings.append(fails(each.name, f"{each.words}{others}", each.cure))
    return findings
