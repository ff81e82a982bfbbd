"""Entry point: a session answers signals from its first moment on; only then the command line loads."""

import gc
import sys
from collections.abc import Sequence
from typing import NoReturn

from hedgegrid_tui.signals import PROCESS


def main() -> NoReturn:
    """Run the command line; a session that is told to end while it loads ends in order, with status 0."""
    if runs_session(sys.argv[1:]):
        PROCESS.install()
        gc.disable()  # a tenth of the way to the first paint; the session enables it again
    from hedgegrid_tui.cli import main as run_command

    run_command()


def runs_session(arguments: Sequence[str]) -> bool:
    """Whether the arguments are those of `run`, the one command that has something to end in order."""
    first = arguments[0] if arguments else "run"
    return first == "run" or (first.startswith("-") and first not in ("--help", "-h"))
