"""Acts of the host itself, journalled with their receipts as those of the desk are."""

from collections.abc import Callable
from typing import Any

from strategy.control import Origin, Receipt, Result
from strategy.journal import JournalWriter
from strategy.snapshot import Snapshot


class Acts:
    """Writes acts and receipts at the latest snapshot's time; used on the engine's loop only."""

    def __init__(self, journal: JournalWriter, latest: Callable[[], Snapshot]) -> None:
        self._journal = journal
        self._latest = latest
        self._begun: dict[str, int] = {}

    def begin(self, command: str, args: dict[str, Any], by: Origin) -> str:
        """Journal an act; gives its id, which no act of the desk has."""
        count = self._begun[command] = self._begun.get(command, 0) + 1
        number = f"-{count}" if count > 1 else ""
        snapshot = self._latest()
        act_id = f"{snapshot.session}-{command.replace(' ', '-')}{number}"
        self._journal.write("act", snapshot.ts, act_id=act_id, command=command, args=args, by=by)
        return act_id

    def answer(self, act_id: str, command: str, result: Result, detail: dict[str, Any]) -> Receipt:
        """Journal an act's receipt."""
        receipt = Receipt(act_id=act_id, command=command, result=result, detail=detail, ts=self._latest().ts)
        self._journal.write("receipt", receipt.ts, act_id=act_id, result=result, detail=detail)
        return receipt
