"""Before a session trades an account: its key, the typed word for real money, and what to do about what it finds."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from hedgegrid_tui.describe import describe
from hedgegrid_tui.engine.binance.rest.credentials import Credentials, load_credentials
from hedgegrid_tui.engine.binance.rest.endpoints import endpoints
from hedgegrid_tui.engine.plan import AtStart, Mode
from hedgegrid_tui.terminal import say

if TYPE_CHECKING:
    from hedgegrid_tui.engine.binance.found import Found
    from strategy.config import Config

REMOTE: Final = ("SSH_CONNECTION", "SSH_TTY")
KEEPERS: Final = ("TMUX", "STY")
"""Set inside of tmux and of screen."""
SHOWN: Final = ("ladder", "exits", "caps", "losses", "unprotected", "terminal")
"""Lines of the description that a confirmation repeats."""

type Ask = Callable[[str], str]


def typed(question: str) -> str:
    """Ask on standard output; `input` would on standard error, which belongs to the log once a session is set up.

    Raises:
        EOFError: Nothing can be typed any more.
    """
    print(question, end="", flush=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


class RefusedError(Exception):
    """The command line lacks something that real money needs; the text says what to add."""


def let_in(
    mode: Mode,
    settings: "Config",
    environ: Mapping[str, str],
    confirmed: str,
    *,
    no_tmux: bool,
    asks: bool,
    ask: Ask = typed,
) -> None:
    """Return where the session may go on; `asks`: whether there is a terminal to ask on.

    Raises:
        RefusedError: It was not confirmed, or would end with the SSH line.
        StartError: There is no key that can be used.
        ConfigError: Mode and addresses do not go together.
    """
    endpoints(mode, settings.binance)
    credentials = load_credentials(settings.binance, environ, mode)
    if mode is not Mode.LIVE:
        return
    if is_fragile(environ) and not no_tmux:
        raise RefusedError(
            "--mode live over SSH ends with the line: start it inside of tmux or screen (`tmux new -s hedgegrid`), "
            "or add --no-tmux"
        )
    wanted = words_for(settings)
    if confirmed:
        if confirmed != wanted:
            raise RefusedError(f'--confirm "{confirmed}": must be "{wanted}"')
        return
    if not asks:
        raise RefusedError(f'--mode live without a screen: needs --confirm "{wanted}"')
    for line in terms(settings, credentials):
        print(line)
    if _answer(ask, f"type {wanted} to trade: ") != wanted:
        raise RefusedError(f"not confirmed: `{wanted}` was not typed; nothing was sent")


def is_fragile(environ: Mapping[str, str]) -> bool:
    """Whether the session hangs on an SSH line, with nothing that keeps it when the line goes."""
    return any(environ.get(name) for name in REMOTE) and not any(environ.get(name) for name in KEEPERS)


def words_for(settings: "Config") -> str:
    """What has to be typed before real money is traded."""
    return f"LIVE {settings.instrument.symbol}"


def terms(settings: "Config", credentials: Credentials) -> list[str]:
    """Account, instrument and caps, as the confirmation shows them."""
    lines = [line for line in describe(settings) if line.split(maxsplit=1)[0] in SHOWN]
    return [
        "REAL MONEY on Binance USDT-M futures",
        f"account      key {credentials.masked} ({credentials.kind}), {settings.binance.margin_type} margin",
        f"instrument   {settings.instrument.symbol} perpetual",
        *lines,
    ]


def choose_at_start(mode: Mode, settings: "Config", ask: Ask = typed) -> AtStart:
    """Ask what to do about own orders and positions at the venue; go on with them where there are none.

    A venue that does not answer is the start's own matter, which tells it in place.
    """
    from hedgegrid_tui.engine.binance.found import lines_of
    from hedgegrid_tui.engine.binance.rest.client import RestError

    try:
        found = asyncio.run(_look(mode, settings))
    except RestError as error:
        say(f"what is at the venue could not be asked: {error}")
        return AtStart.ADOPT
    if not found.anything:
        return AtStart.ADOPT
    for line in lines_of(found):
        print(line)
    choices = ", ".join(AtStart)
    while True:
        answer = _answer(ask, f"{choices} [{AtStart.ADOPT}]: ") or AtStart.ADOPT
        if answer in tuple(AtStart):
            return AtStart(answer)
        print(f"{answer!r} is none of {choices}")


async def _look(mode: Mode, settings: "Config") -> "Found":
    from hedgegrid_tui.engine.binance.found import found_at_venue
    from hedgegrid_tui.engine.binance.rest.client import BinanceRest

    venue = settings.binance
    rest = BinanceRest(
        endpoints(mode, venue),
        load_credentials(venue, os.environ, mode),
        timeout_s=venue.http_timeout_ms / 1000,
        recv_window_ms=venue.recv_window_ms,
    )
    try:
        await rest.sync_clock()
        return await found_at_venue(rest, settings.instrument.symbol)
    finally:
        await rest.close()


def _answer(ask: Ask, question: str) -> str:
    """What was typed; nothing at an end of input or Ctrl-C."""
    try:
        return ask(question).strip()
    except (EOFError, KeyboardInterrupt):
        print()
        return ""
