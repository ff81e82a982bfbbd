"""Commands on their way and what came of them; nothing is believed before its receipt."""

from collections.abc import Callable, Sequence
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
FADES_AFTER_S: Final = 15.0
"""A word of the cockpit's own, if it is no alarm, is gone by then: nobody should take it for news."""
GRAVEST_FIRST: Final = (Ink.ALARM, Ink.WARN)


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
    _said_at: float = 0.0
    _fades: bool = False
    _said_since_sent: bool = False

    def say(self, text: str, ink: Ink = Ink.PLAIN) -> None:
        """Put a word of the cockpit's own on the status line."""
        self._tell(Segment(text, ink), fades=ink is not Ink.ALARM)

    def _tell(self, said: Segment, *, fades: bool) -> None:
        self._said, self._said_at, self._said_since_sent, self._fades = said, self.clock(), True, fades

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
        answered = [sent for sent in self._waiting if sent.receipt.done()]
        if answered:
            self._waiting = [sent for sent in self._waiting if sent not in answered]
            self._tell(_together([_outcome(sent) for sent in answered]), fades=False)
        if self._fades and self.clock() - self._said_at > FADES_AFTER_S:
            self._said = NOTHING
        if not self._waiting:
            return self._aged()
        newest, oldest = self._waiting[-1], self._waiting[0]
        waited = self.clock() - oldest.at
        late = waited > LATE_AFTER_S
        more = f" and {len(self._waiting) - 1} before it" if len(self._waiting) > 1 else ""
        wait = f"sent, NO RECEIPT for {age(waited)}" if late else "sent, waiting for its receipt"
        said = f"{self._said.text} · " if self._said.text and self._said_since_sent else ""
        return Segment(f"{said}{newest.command.text}{more}: {wait}", Ink.ALARM if late else Ink.WARN)

    def _aged(self) -> Segment:
        minutes = int(self.clock() - self._said_at) // 60
        if not self._said.text or minutes < 1:
            return self._said
        ago = f"{minutes} min" if minutes < 60 else f"{minutes // 60} h"
        return Segment(f"{self._said.text} · {ago} ago", self._said.ink)


def _together(outcomes: Sequence[Segment]) -> Segment:
    inks = [outcome.ink for outcome in outcomes]
    ink = next((grave for grave in GRAVEST_FIRST if grave in inks), inks[-1])
    return Segment(" · ".join(outcome.text for outcome in outcomes), ink)


def _outcome(sent: _Sent) -> Segment:
    if sent.receipt.cancelled():
        return Segment(f"{sent.command.text}: ✗ the engine dropped it unanswered", Ink.ALARM)
    error = sent.receipt.exception()
    if error is not None:
        return Segment(f"{sent.command.text}: ✗ FAILED: {type(error).__name__}: {error}", Ink.ALARM)
    return receipt_message(sent.receipt.result())
