"""The engine without a screen: commands from standard input, lines of text or JSON to standard output."""

import contextlib
import io
import queue
import sys
import threading
import time
from typing import Final, TextIO

from hedgegrid_tui.engine.host import EngineHost
from hedgegrid_tui.engine.summary import as_json, summary
from hedgegrid_tui.signals import PROCESS, EndSignals
from hedgegrid_tui.terminal import let_go, make_writers_wakeable, say
from strategy.control import Ending, Origin, Receipt, Result, parse_command
from strategy.domain import NS_PER_S
from strategy.snapshot import EnginePhase, Snapshot

ENDINGS: Final = {"quit": Ending.LEAVE, "quit cancel": Ending.CANCEL, "quit flatten": Ending.FLATTEN}
SNAPSHOTS_BEHIND: Final = 100
"""A reader that is so far behind gets no further snapshots until it has caught up; receipts are never left out."""
LOOK_S: Final = 0.05
WRITER: Final = "output"
"""Name of the thread that writes to standard output."""
READER_PATIENCE_S: Final = 30.0
"""A reader that takes no line for so long at the end is given up."""
TEXT_EVERY_S: Final = 10


class Output:
    """Lines to standard output from a thread of its own, so that a reader who stops does not stop the engine."""

    def __init__(self, stream: TextIO) -> None:
        make_writers_wakeable()
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._stream = stream
        self._thread = threading.Thread(target=self._write, name=WRITER, daemon=True)
        self._thread.start()

    @property
    def behind(self) -> int:
        """Lines that wait for the reader."""
        return self._queue.qsize()

    def line(self, text: str) -> None:
        """Queue one line."""
        self._queue.put(text)

    def close(self) -> None:
        """Write what is queued, as long as the reader takes anything; what it never took is said on standard error."""
        self._queue.put(None)
        left = self.behind + 1
        while self._thread.is_alive() and self.behind < left:
            left = self.behind
            self._thread.join(timeout=READER_PATIENCE_S)
        if self._thread.is_alive():
            say(f"standard output is not read; {self.behind} lines were lost")
            self._give_up()

    def _write(self) -> None:
        try:
            while (text := self._queue.get()) is not None:
                self._stream.write(text + "\n")
                self._stream.flush()
        except (OSError, ValueError):  # the reader has gone; the session goes on
            self._give_up()

    def _give_up(self) -> None:
        """Nothing may fail any more of what is left in the stream, also not at the end of the process."""
        with contextlib.suppress(OSError, ValueError):
            let_go([self._stream.fileno()], WRITER)


class Headless:
    """One session; `run` blocks until it is over and gives the exit status."""

    def __init__(
        self, host: EngineHost, mode: str, *, json: bool, read_only: bool, signals: EndSignals = PROCESS
    ) -> None:
        self._host = host
        self._mode = mode
        self._json = json
        self._read_only = read_only
        self._ending: tuple[Ending, Origin] | None = None
        self._signals = signals
        self._next_snapshot = 0
        self._output = Output(sys.stdout if sys.stdout is not None else io.StringIO())

    def run(self) -> int:
        """Start the engine, serve commands, end, and say what it came to."""
        started = time.monotonic()
        self._host.on_receipt = self._on_receipt
        self._host.on_snapshot = self._on_snapshot
        self._signals.install()
        self._host.start()
        reader: threading.Thread | None = None
        stuck = False
        while not self._host.wait(LOOK_S):
            phase = self._host.status.phase
            if self._host.is_stuck and not stuck:
                say(f"the engine has stood still for {self._host.stood_s:.1f} s")
            stuck = self._host.is_stuck
            if reader is None and phase in (EnginePhase.RUNNING, EnginePhase.ENDED):
                reader = self._start_reader()
            if phase is EnginePhase.ENDED and self._ending is None:
                say(self._host.status.detail)
                self._ending = Ending.LEAVE, Origin.SYSTEM
            if self._signals.pending and self._ending is None:
                self._ending = Ending.LEAVE, Origin.SYSTEM
            if self._ending is not None:
                break
        ending, by = self._ending or (Ending.LEAVE, Origin.SYSTEM)
        flat = self._host.stop(ending, by)
        self._finish(flat, started)
        return self._host.exit_code

    def _finish(self, flat: str, started: float) -> None:
        status = self._host.status
        if status.phase is EnginePhase.FAILED:
            say(status.detail)
        result = summary(self._host, self._mode, flat, started)
        if self._json:
            self._output.line(as_json("summary", result))
        else:
            for name, value in result.items():
                self._output.line(f"{name:20} {value}")
        self._output.close()

    # -- commands ----------------------------------------------------------------------------------------------------

    def _start_reader(self) -> threading.Thread:
        reader = threading.Thread(target=self._read, name="commands", daemon=True)
        reader.start()
        return reader

    def _read(self) -> None:
        if sys.stdin is None:
            return
        with contextlib.suppress(OSError, ValueError):  # a closed standard input is an end of input
            if isinstance(sys.stdin, io.TextIOWrapper):
                sys.stdin.reconfigure(errors="backslashreplace")
            for line in sys.stdin:
                if line.strip():
                    self._obey(" ".join(line.split()))

    def _obey(self, text: str) -> None:
        if text == "snapshot":
            self._show(self._host.snapshot)
        elif self._read_only and text != "quit":
            self._refuse(text, "this session is read-only")
        elif text in ENDINGS:
            self._ending = self._ending or (ENDINGS[text], Origin.OPERATOR)
        else:
            try:
                command = parse_command(text)
            except ValueError as error:
                self._refuse(text, str(error))
            else:
                self._host.send(command)

    def _refuse(self, text: str, reason: str) -> None:
        detail = {"reason": reason}
        self._on_receipt(Receipt(act_id="", command=text, result=Result.REFUSED, detail=detail, ts=0))

    # -- output --------------------------------------------------------------------------------------------------------

    def _on_receipt(self, receipt: Receipt) -> None:
        if self._json:
            self._output.line(as_json("receipt", receipt))
        else:
            detail = " ".join(f"{name}={value}" for name, value in receipt.detail.items())
            self._output.line(f"{receipt.command}: {receipt.result} {detail}".rstrip())

    def _on_snapshot(self, snapshot: Snapshot) -> None:
        """About once a second of market time as JSON, every ten seconds as text."""
        if snapshot.ts >= self._next_snapshot and self._output.behind < SNAPSHOTS_BEHIND:
            self._next_snapshot = snapshot.ts + (1 if self._json else TEXT_EVERY_S) * NS_PER_S
            self._show(snapshot)

    def _show(self, snapshot: Snapshot) -> None:
        self._output.line(as_json("snapshot", snapshot) if self._json else _as_text(snapshot))


def _as_text(snapshot: Snapshot) -> str:
    metrics, market = snapshot.metrics, snapshot.market
    naked = "".join(f" {leg.leg.upper()} UNPROTECTED" for leg in (snapshot.long, snapshot.short) if leg.unprotected_ns)
    return (
        f"{snapshot.state} bid {market.bid} ask {market.ask} long {snapshot.long.qty} short {snapshot.short.qty} "
        f"entries {snapshot.open_entries} exits {snapshot.open_exits} fills {metrics.fills} "
        f"equity {metrics.equity:.2f} {snapshot.currency}{naked}"
    )
