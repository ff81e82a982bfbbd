"""What a session last knew, from its journal alone, and whether a process still holds its lock."""

import time
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from hedgegrid_tui.audit_words import Line
from hedgegrid_tui.engine.state_dir import Holder, StateDir, holder_of
from hedgegrid_tui.journal_tail import AuditError, Tail
from strategy.domain import ZERO, Leg, Role
from strategy.journal import JournalError
from strategy.order_index import WORKING
from strategy.past import Past, read_past

ERRORS_KEPT: Final = 5
SHORT: Final = 1
"""Exit status where a line of the journal cannot be used, so that books and latches are not known."""


class LegStatus(msgspec.Struct, frozen=True):
    """What one leg holds."""

    held: Decimal
    """Negative where an exit filled before its entry was told of."""
    average: Decimal | None
    covered: Decimal
    """Open quantity of the stops that the venue has acknowledged."""
    lots: int


class AlarmStatus(msgspec.Struct, frozen=True):
    """An alarm that was raised and has not ended."""

    name: str
    leg: str | None
    detail: str
    ts: int
    """When it was last told, ns; 0 where an earlier session has left it."""


class ErrorStatus(msgspec.Struct, frozen=True):
    """A critical error."""

    ts: int
    where: str
    type: str
    message: str


class Books(msgspec.Struct, frozen=True):
    """What the whole of the lines comes to."""

    state: str
    latched: dict[str, str]
    """Every latched state with its reason, gravest first; empty while it runs."""
    throttle: Decimal
    legs: dict[str, LegStatus]
    open_entries: int
    open_exits: int


class Status(msgspec.Struct, frozen=True):
    """Everything that is told; times in ns on the engine's clock."""

    mode: str
    instrument: str
    journal: str
    holder: Holder | None
    """Which process holds the lock now; None where none does."""
    session: dict[str, Any] | None
    """The last `session.start` line."""
    stopped: dict[str, Any] | None
    """The `session.stop` that ended it; none where it runs or was cut short."""
    books: Books | None
    """None where a line cannot be used."""
    problem: str
    """Which line, and why; empty where all can."""
    equity: dict[str, Any] | None
    """The last `equity` line."""
    alarms: tuple[AlarmStatus, ...]
    critical_errors: tuple[ErrorStatus, ...]
    """The latest, oldest first."""
    seq: int
    """Of the last whole line."""
    ts: int
    """Of the last whole line."""
    torn: bool
    """Whether a part of a line follows it."""
    written_ago_s: float
    """Wall-clock time since the file was last written."""

    @property
    def exit_code(self) -> int:
        """0, or 1 where a line cannot be used."""
        return SHORT if self.problem else 0


def read_status(state: StateDir) -> Status:
    """Read the journal of one mode and instrument, and look at its lock.

    Raises:
        AuditError: There is no such journal, or it or the lock cannot be read.
    """
    journal = state.journal
    Tail(journal).close()  # says why where there is none
    lines = WholeLines(journal)
    past, problem = None, ""
    try:
        past = read_past(lines)
    except (JournalError, RecursionError) as error:
        problem = str(error)
    notes = lines.notes
    if not notes.seq and not problem:
        raise AuditError(f"{journal}: no line yet")
    try:
        holder = holder_of(state.lock)
        written = journal.stat().st_mtime
    except OSError as error:
        raise AuditError(f"{error.filename}: cannot be read ({error.strerror})") from error
    return Status(
        mode=state.path.parent.name,
        instrument=state.path.name,
        journal=str(journal),
        holder=holder,
        session=notes.session,
        stopped=notes.stopped,
        books=None if past is None else _books(past),
        problem=problem,
        equity=notes.equity,
        alarms=_alarms(notes, past),
        critical_errors=tuple(notes.errors),
        seq=notes.seq,
        ts=notes.ts,
        torn=notes.torn,
        written_ago_s=round(max(0.0, time.time() - written), 3),
    )


class Notes:
    """What is remembered of the lines beside the books."""

    def __init__(self) -> None:
        self.session: dict[str, Any] | None = None
        self.stopped: dict[str, Any] | None = None
        self.equity: dict[str, Any] | None = None
        self.alarms: dict[tuple[str, str | None], AlarmStatus] = {}
        self.errors: deque[ErrorStatus] = deque(maxlen=ERRORS_KEPT)
        self.seq = 0
        self.ts = 0
        self.torn = False

    def take(self, line: dict[str, Any]) -> None:
        """Note one line."""
        self.seq, self.ts = line["seq"], line["ts"]
        match line["kind"]:
            case "session.start":
                self.session, self.stopped = line, None
                self.alarms.clear()
            case "session.stop":
                self.stopped = line
            case "equity":
                self.equity = line
            case "alarm":
                self._alarm(line)
            case "error" if line["critical"]:
                self.errors.append(ErrorStatus(line["ts"], line["where"], line["type"], line["message"]))

    def _alarm(self, line: Line) -> None:
        key = line["name"], line["leg"]
        if line["raised"]:
            self.alarms[key] = AlarmStatus(*key, line["detail"], line["ts"])
        else:
            self.alarms.pop(key, None)


class WholeLines(Path):
    """A journal's path that opens to its whole lines alone, read once and noted on their way.

    The last line may be torn: the session that writes it runs, or was cut short.
    """

    def __init__(self, *parts: str | Path) -> None:
        super().__init__(*parts)
        self.notes = Notes()

    def open(self, *_: Any, **__: Any) -> Any:  # noqa: ANN401 - as wide as the method that it stands in for
        """The lines, as a file opened for reading gives them."""
        return _Lines(Path(self), self.notes)


class _Lines:
    def __init__(self, path: Path, notes: Notes) -> None:
        self._tail = Tail(path)
        self._notes = notes
        self._lines = self._noted(notes)

    def __enter__(self) -> Iterator[bytes]:
        return self._lines

    def __exit__(self, *_: object) -> None:
        for _line in self._lines:
            """What comes after a line that cannot be used is noted all the same."""
        self._notes.torn = bool(self._tail.rest)
        self._tail.close()

    def _noted(self, notes: Notes) -> Iterator[bytes]:
        decode = msgspec.json.Decoder(dict[str, Any]).decode
        for line in self._tail.lines():
            try:
                notes.take(decode(line))
            except (msgspec.DecodeError, KeyError, TypeError, ValueError, RecursionError):
                """Whoever reads the lines says so."""
            yield line


def _books(past: Past) -> Books:
    orders = past.orders.values()
    latched = {state.value: reason for state, reason in past.latches.states}
    legs = {}
    for leg in Leg:
        held = past.lots.held(leg)
        stops = (each for each in orders if each.key.leg is leg and each.key.role is Role.SL and each.status in WORKING)
        legs[leg.value] = LegStatus(
            held=held,
            average=past.lots.cost(leg) / held if held else None,
            covered=sum((order.open_qty for order in stops), ZERO),
            lots=len(past.lots.of(leg)),
        )
    entries = sum(not order.key.role.reduces for order in orders)
    return Books(
        state=past.state.value,
        latched=latched,
        throttle=Decimal(1) if past.throttle is None else past.throttle,
        legs=legs,
        open_entries=entries,
        open_exits=len(past.orders) - entries,
    )


def _alarms(notes: Notes, past: Past | None) -> tuple[AlarmStatus, ...]:
    earlier = {} if past is None else {key: AlarmStatus(*key, words, 0) for key, words in past.alarms.items()}
    return tuple((earlier | notes.alarms).values())


def as_json(status: Status) -> str:
    """The whole status as one object of JSON; what is not known is null."""
    books = dict.fromkeys(Books.__struct_fields__) if status.books is None else msgspec.structs.asdict(status.books)
    told = {name: value for name, value in msgspec.structs.asdict(status).items() if name != "books"}
    return msgspec.json.encode(told | books).decode()
