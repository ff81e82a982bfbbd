"""Commands on their way and what came of them; nothing is believed before its receipt."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from hedgegrid_tui.ports import Engine
from hedgegrid_tui.render.ages import age
from hedgegrid_tui.render.lists import receipt_message
from hedgegrid_tui.render.rows import NOTHING, Ink, Segment
from strategy.control import Command, Receipt

LATE_AFTER_S: Final = 5.0
"""Without a receipt for longer the trader is told so."""


@dataclass(slots=True)
class _Sent:
    command: Command
    receipt: Future[Receipt]
    at: float


@dataclass(slots=True)
class Desk:
    """Sends commands and holds the last word about them; polled, never called back."""

    engine: Engine
    clock: Callable[[], float]
    _waiting: list[_Sent] = field(default_factory=list)
    _said: Segment = NOTHING
    _said_since_sent: bool = False

    def say(self, text: str, ink: Ink = Ink.PLAIN) -> None:
        """Put a word of the cockpit's own on the status line."""
        self._said = Segment(text, ink)
        self._said_since_sent = True

    def send(self, command: Command) -> None:
        """Hand a command to the engine."""
        try:
            receipt = self.engine.send(command)
        except Exception as error:  # noqa: BLE001 - whatever the engine raises, the trader must read it
            self.say(f"{command.text}: ✗ NOT SENT: {type(error).__name__}: {error}", Ink.ALARM)
            return
        self._waiting.append(_Sent(command, receipt, self.clock()))
        self._said_since_sent = False

    def message(self) -> Segment:
        """The status line: what is waited for before what was last said."""
        for sent in [sent for sent in self._waiting if sent.receipt.done()]:
            self._waiting.remove(sent)
            self._said = _outcome(sent)
            self._said_since_sent = True
        if not self._waiting:
            return self._said
        newest, oldest = self._waiting[-1], self._waiting[0]
        waited = self.clock() - oldest.at
        late = waited > LATE_AFTER_S
        more = f" and {len(self._waiting) - 1} before it" if len(self._waiting) > 1 else ""
        wait = f"sent, NO RECEIPT for {age(waited)}" if late else "sent, waiting for its receipt"
        said = f"{self._said.text} · " if self._said_since_sent else ""
        return Segment(f"{said}{newest.command.text}{more}: {wait}", Ink.ALARM if late else Ink.WARN)


def _outcome(sent: _Sent) -> Segment:
    if sent.receipt.cancelled():
        return Segment(f"{sent.command.text}: ✗ the engine dropped it unanswered", Ink.ALARM)
    error = sent.receipt.exception()
    if error is not None:
        return Segment(f"{sent.command.text}: ✗ FAILED: {type(error).__name__}: {error}", Ink.ALARM)
    return receipt_message(sent.receipt.result())
