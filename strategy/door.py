"""The door's state: what is latched now; every change is journalled before anything follows from it."""

from collections.abc import Callable
from typing import Any

import msgspec

from strategy.domain import DoorState
from strategy.errors import ErrorLog
from strategy.latches import Latches


class Door:
    """Holds the latches; used on the engine's loop only."""

    def __init__(self, errors: ErrorLog, now: Callable[[], int]) -> None:
        self.latches = Latches()
        self.note = "started"
        """Why it runs, while nothing is latched."""
        self._errors = errors
        self._now = now

    @property
    def state(self) -> DoorState:
        """The gravest latched state."""
        return self.latches.state

    @property
    def reason(self) -> str:
        """Why the door is in its state."""
        return self.latches.reason or self.note

    def set(self, note: str = "", **changes: Any) -> None:  # noqa: ANN401 - the fields of Latches
        """Change latches; `note` says why the door runs, where it does."""
        self.latches = msgspec.structs.replace(self.latches, **changes)
        self.note = note or self.note
        self.write()

    def take_over(self, latches: Latches) -> None:
        """Begin with what an earlier session has left latched; the line is written by the start."""
        self.latches = latches.restored()

    def write(self) -> None:
        """Journal the state and every latch."""
        self._errors.write(self._now(), "state", name=self.state, reason=self.reason, latched=self.latches)
