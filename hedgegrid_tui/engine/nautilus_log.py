"""Nautilus's logging, set up once in a process: nothing on standard output, warnings into the state folder."""

from pathlib import Path
from typing import Final

from nautilus_trader.common.component import flush_logger, init_logging, is_logging_initialized
from nautilus_trader.common.enums import LogLevel

MAX_BYTES: Final = 10 << 20
"""Of one log file; two older ones are kept."""
_guards: list[object] = []


def start_logging(folder: Path) -> None:
    """Start Nautilus's logging into `folder`; a later session in the same process goes on with the first one's file."""
    if not is_logging_initialized():
        _guards.append(
            init_logging(
                level_stdout=LogLevel.OFF,
                level_file=LogLevel.WARNING,
                directory=str(folder),
                file_name="nautilus",
                colors=False,
                max_file_size=MAX_BYTES,
                max_backup_count=2,
            )
        )


def flush_log() -> None:
    """Write out what Nautilus has buffered."""
    if is_logging_initialized():
        flush_logger()
