"""A session whose screen is gone: what `session.on_disconnect` makes of it, and with which exit status."""

import os
import signal
import sys
from typing import Final

import msgspec

from hedgegrid_tui.engine.host import EngineHost
from hedgegrid_tui.engine.log_tap import LogTap
from hedgegrid_tui.engine.plan import INTERNAL_ERROR
from hedgegrid_tui.signals import EndSignals
from hedgegrid_tui.terminal import let_go, say
from strategy.control import Ending, Origin
from strategy.risk_config import OnDisconnect
from strategy.snapshot import EnginePhase

LOOK_S: Final = 0.05
DEEDS: Final = {
    OnDisconnect.KEEP: "the session goes on without it",
    OnDisconnect.PAUSE: "the session goes on without it, paused",
    OnDisconnect.CANCEL: "entries are cancelled, and the session ends",
    OnDisconnect.FLATTEN: "both legs are flattened, and the session ends",
}
ENDINGS: Final = {OnDisconnect.CANCEL: Ending.CANCEL, OnDisconnect.FLATTEN: Ending.FLATTEN}
OVER: Final = (EnginePhase.ENDED, EnginePhase.FAILED, EnginePhase.STOPPED)


class Loss(msgspec.Struct, frozen=True):
    """How the screen was lost."""

    why: str
    broken: bool
    """Whether the app died of a fault of its own, and not for its terminal."""


def carry_on(host: EngineHost, policy: OnDisconnect, loss: Loss, signals: EndSignals, tap: LogTap) -> int:
    """Do with the engine what the policy says; gives the exit status of the process.

    `keep` and `pause`: the engine runs on in this process until SIGTERM, SIGINT or its own end, and the status is that
    of such an end: losing a screen is no failure of what goes on without it. `cancel` and `flatten`: the session ends
    at once; 10 and 11 say how that went, and 1 that it ended for a fault of the app, where nothing graver is to be
    said. A session that had not begun, or was ending already, just ends.
    """
    phase, fault = host.status.phase, INTERNAL_ERROR if loss.broken else 0
    if phase in (EnginePhase.IDLE, EnginePhase.STOPPING, EnginePhase.STOPPED):
        say(loss.why)
        host.stop(Ending.LEAVE, Origin.SYSTEM)
        return host.exit_code or fault
    ending = ENDINGS.get(policy)
    say(f"{loss.why}; {DEEDS[policy]}{_how_to_end() if ending is None else ''}")
    host.disconnect(policy, loss.why)
    if ending is not None:
        host.stop(ending, Origin.SYSTEM)
        return host.exit_code or fault
    _leave_the_terminal(tap)
    while not (signals.asked or host.status.phase in OVER):
        if host.wait(LOOK_S):
            break
    host.stop(Ending.LEAVE, Origin.SYSTEM)
    return host.exit_code


def _how_to_end() -> str:
    return f"; Ctrl-C here, or SIGTERM to process {os.getpid()}, ends it"


def _leave_the_terminal(tap: LogTap) -> None:
    """Nothing is read from it or written to it any more, and its end does not matter."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    streams = (sys.__stdin__, sys.__stdout__, sys.__stderr__)
    let_go(stream.fileno() for stream in streams if stream is not None)
    tap.let_go()
