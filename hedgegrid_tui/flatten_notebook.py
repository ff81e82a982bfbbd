"""Where a flatten without a node writes: the journal, or a file beside it; what is owed waits for no disk."""

import contextlib
import time
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from hedgegrid_tui.engine.state_dir import StateDir
from hedgegrid_tui.journal_tail import latest_ts
from strategy.domain import NS_PER_S
from strategy.journal import Journal, JournalError, JournalWriter
from strategy.past import Past, read_past

OVERLAP_NS: Final = 3_600 * NS_PER_S
"""So much earlier than the journal's last line trades are asked for."""
BESIDE_NS: Final = 60 * NS_PER_S
"""So much earlier than now, where the lines go to a file of their own."""


class Notebook(NamedTuple):
    """What the lines are written to."""

    writer: JournalWriter
    past: Past | None
    """What the journal said before; None where it is not the journal."""
    since_ns: int
    """When the journal's knowledge ends."""
    words: str
    """Where the lines go, and why there."""
    torn: bool = False
    """Whether a torn last line was dropped."""

    def close(self) -> None:
        """Let go of the file."""
        if isinstance(self.writer, Journal):
            self.writer.close()


class NoJournal:
    """Takes the lines where no file does."""

    failure: Final = "no file can be written"

    def write(self, kind: str, ts: int, **fields: Any) -> None:  # noqa: ANN401
        """Forget the line."""


def open_notebook(state: StateDir, *, alone: bool) -> Notebook:
    """The journal; a file beside it where a session writes it (not `alone`) or it cannot be continued; else nothing."""
    why = "a session has the journal, or may have it"
    if alone:
        try:
            return _journal(state)
        except JournalError as error:
            why = str(error)
    beside = state.path / f"flatten-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl"
    since = time.time_ns() - BESIDE_NS
    try:
        return Notebook(Journal(beside), None, since, f"{why}; this is written to {beside}")
    except JournalError as error:
        return Notebook(NoJournal(), None, since, f"{why}; NOTHING is written down: {error}")


def _journal(state: StateDir) -> Notebook:
    known = latest_ts(state.journal)
    with contextlib.ExitStack() as held:
        journal = Journal(state.journal)
        held.callback(journal.close)
        past = read_past(state.journal)
        held.pop_all()  # it stays open
    now = time.time_ns()
    since = min(known or now, now) - OVERLAP_NS  # the clock may have been set back since
    return Notebook(journal, past, since, f"journal: {state.journal}", journal.torn)
