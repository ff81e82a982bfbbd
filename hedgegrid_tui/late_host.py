"""An engine whose host is made when it starts, so that what it takes to load comes after the first paint."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

from strategy.control import Command, Ending, Receipt, Result
from strategy.snapshot import EnginePhase, EngineStatus, Snapshot

if TYPE_CHECKING:
    from hedgegrid_tui.engine.host import EngineHost


class LateHost:
    """Implements `hedgegrid_tui.ports.Engine` over a host that does not exist before `start`."""

    def __init__(self, make: Callable[[], "EngineHost"], mode: str, instrument: str) -> None:
        self._make = make
        self._host: EngineHost | None = None
        self._status = EngineStatus()
        self._empty = Snapshot(mode=mode, instrument=instrument)
        self._lock = threading.Lock()
        self._closed = False

    @property
    def snapshot(self) -> Snapshot:
        """The host's latest picture; before it is there, the empty one."""
        return self._empty if self._host is None else self._host.snapshot

    @property
    def status(self) -> EngineStatus:
        """The host's own word, or how far its making has come."""
        return self._status if self._host is None else self._host.status

    def log_lines(self) -> Sequence[str]:
        """What libraries wrote to standard error."""
        return () if self._host is None else self._host.log_lines()

    def journal_lines(self, after: int) -> Sequence[bytes]:
        """The journal's lines behind number `after`."""
        return () if self._host is None else self._host.journal_lines(after)

    def start(self) -> None:
        """Make the host and start it (blocks for some tenths of a second); nothing where the session is over already.

        Raises:
            Exception: Whatever the making or the start met; `status` has it, too.
        """
        with self._lock:
            if self._closed or self._host is not None:
                return
            self._status = EngineStatus(EnginePhase.LOADING, "loading the engine")
            try:
                host = self._make()
                host.start()
            except Exception as error:
                self._status = EngineStatus(EnginePhase.FAILED, f"{type(error).__name__}: {error}")
                raise
            self._host = host

    def send(self, command: Command) -> Future[Receipt]:
        """Hand a command to the host; without one it is refused."""
        if self._host is not None:
            return self._host.send(command)
        refused: Future[Receipt] = Future()
        refused.set_result(Receipt("", command.text, Result.REFUSED, {"reason": "the engine is not running"}, 0))
        return refused

    def stop(self, ending: Ending) -> str:
        """End the session; of the market of one that never began nothing is known."""
        host = self.settled()
        return "unknown" if host is None else host.stop(ending)

    def settled(self) -> "EngineHost | None":
        """The host, if there is one; from now on none is made any more."""
        with self._lock:
            self._closed = True
            return self._host
