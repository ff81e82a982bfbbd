"""What the app knows of an engine: a snapshot source, a command sink, a start and a bounded stop."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

from strategy.control import Command, Ending, Receipt
from strategy.snapshot import EngineStatus, Snapshot


class Engine(Protocol):
    """An engine as the cockpit sees it; every member may be used from any thread and none blocks but `stop`."""

    @property
    def snapshot(self) -> Snapshot:
        """The latest picture; the empty `Snapshot()` before the first."""

    @property
    def status(self) -> EngineStatus:
        """The host's own word on the engine."""

    def log_lines(self) -> Sequence[str]:
        """The latest lines that the engine or its libraries wrote to standard error, oldest first."""

    def journal_lines(self, after: int) -> Sequence[bytes]:
        """The journal's lines behind number `after`, oldest first, of those that are remembered."""

    def start(self) -> None:
        """Start in the background; progress and failure show in `status`."""

    def send(self, command: Command) -> Future[Receipt]:
        """Hand a command to the engine's loop; the receipt comes when its outcome is known."""

    def stop(self, ending: Ending) -> str:
        """End the session (blocks, bounded in time); gives `flat`, `not_flat` or `unknown`."""
