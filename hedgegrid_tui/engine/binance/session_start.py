"""The checks before a session trades, and what it does first about orders and positions that it finds."""

from collections.abc import Callable
from typing import Final

import msgspec

from hedgegrid_tui.engine.binance.preflight.checks import preflight, refusal
from hedgegrid_tui.engine.binance.preflight.finding import Finding, Verdict
from hedgegrid_tui.engine.binance.rest.client import BinanceRest
from hedgegrid_tui.engine.plan import AtStart, SessionPlan, StartError
from strategy.control import Command, CommandName
from strategy.latches import Latches
from strategy.past import Past

CHECKING: Final = "checking the venue"
COMMANDS: Final = {AtStart.CANCEL: CommandName.CANCEL_ENTRIES, AtStart.FLATTEN: CommandName.FLATTEN}


async def check_venue(
    rest: BinanceRest, plan: SessionPlan, past: Past, progress: Callable[[str], None]
) -> list[Finding]:
    """Run the preflight; gives what it warns of.

    Raises:
        StartError: Something fails; the text has every failing line with its cure.
    """
    progress(CHECKING)
    findings = await preflight(rest, plan.config, plan.mode, past)
    words = refusal(findings)
    if words:
        raise StartError(words)
    return [finding for finding in findings if finding.verdict is Verdict.WARN]


def command_at_start(choice: AtStart) -> Command | None:
    """What the session does first, once it runs; None where it goes on with what it finds."""
    name = COMMANDS.get(choice)
    return None if name is None else Command(name, reason=f"asked for at the start: {choice}")


def held_back(past: Past, choice: AtStart) -> Past:
    """The same past with the door paused, where the first command must come before any entry."""
    if choice not in COMMANDS or past.latches.paused is not None:
        return past
    latches: Latches = msgspec.structs.replace(past.latches, paused=f"{choice} was asked for at the start")
    return msgspec.structs.replace(past, latches=latches)
