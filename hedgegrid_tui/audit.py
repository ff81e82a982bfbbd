"""The audit: reads a journal, filters and follows it, and checks that nothing is missing from it."""

import difflib
import os
import re
import select
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from datetime import time as clock_time
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from hedgegrid_tui.audit_words import HEARD, KINDS, Line, Words
from hedgegrid_tui.journal_tail import AuditError, MissingError, Tail
from strategy.domain import NS_PER_S

GAP: Final = 1
"""Exit status where something is missing or broken."""
POLL_MS: Final = 200
COMPLAINTS_TOLD: Final = 20
"""Further ones are counted only."""
UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN: Final = re.compile(r"(?:\d{1,9}[smhdw])+")
_SPAN_PART: Final = re.compile(r"(\d+)([smhdw])")


class Wanted(msgspec.Struct, frozen=True):
    """Which lines are shown."""

    kinds: frozenset[str] = frozenset()
    """Empty: every kind."""
    since: int = 0
    """Engine time, ns."""

    def takes(self, line: Line) -> bool:
        """Whether the line is shown."""
        takes: bool = line["ts"] >= self.since and (not self.kinds or line["kind"] in self.kinds)
        return takes


def wanted(kinds: Sequence[str], since: str, now: int) -> Wanted:
    """The filter that options ask for; `now` is in ns UTC.

    Raises:
        AuditError: A kind that no line has, or a time that cannot be read.
    """
    for kind in kinds:
        if kind not in KINDS:
            close = difflib.get_close_matches(kind, KINDS, n=1, cutoff=0.4)
            cure = f"did you mean {close[0]}?" if close else f"known: {', '.join(KINDS)}"
            raise AuditError(f"--kind {kind}: unknown; {cure}")
    return Wanted(frozenset(kinds), since_ns(since, now) if since else 0)


def since_ns(text: str, now: int) -> int:
    """The moment, ns UTC, that an ISO time, a clock time of today (UTC) or a span back from `now` stands for.

    Raises:
        AuditError: It is none of these.
    """
    if _SPAN.fullmatch(text):
        return now - NS_PER_S * sum(int(number) * UNITS[unit] for number, unit in _SPAN_PART.findall(text))
    try:
        if text[2:3] == ":":
            day = datetime.fromtimestamp(now // NS_PER_S, UTC).date()
            told = datetime.combine(day, clock_time.fromisoformat(text))
        else:
            told = datetime.fromisoformat(text)
        told = told if told.tzinfo is not None else told.replace(tzinfo=UTC)
        return round(told.timestamp() * 1000) * (NS_PER_S // 1000)
    except (ValueError, OverflowError) as error:
        cure = "such as 2026-08-08T14:30, 14:30 (today, UTC) or a span back such as 15m, 2h, 3d"
        raise AuditError(f"--since {text}: must be a time {cure}") from error


class Check:
    """Holds every line against the one before: numbers from 1 on, none missing, none broken."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        self.faults = 0
        self._complain = complain
        self._decode = msgspec.json.Decoder(dict[str, Any]).decode
        self.begin_anew()

    def begin_anew(self) -> None:
        """Another journal begins."""
        self._line = 0
        self._due = 1
        self._broken = 0
        """Broken lines since the last good one: each may have had a number."""

    def take(self, text: bytes) -> Line | None:
        """Check one line; gives what it says, None where it is broken."""
        self._line += 1
        try:
            line = self._decode(text)
            seq = _number(line)
        except (msgspec.DecodeError, KeyError, TypeError, UnicodeDecodeError, RecursionError) as error:
            self._broken += 1
            self._fault(f"is broken, no line of a journal ({type(error).__name__}: {error})")
            return None
        if not self._due <= seq <= self._due + self._broken:
            late = f"where {self._due} is due" if seq < self._due else _missing(self._due, seq - 1)
            self._fault(f"GAP: has the number {seq}, {late}")
        self._due, self._broken = seq + 1, 0
        return line

    def end(self, rest: bytes) -> None:
        """The journal ends; `rest` is what follows its last whole line."""
        if rest:
            self._line += 1
            beginning = b'{"seq":%d,' % self._due
            if rest[: len(beginning)] == beginning[: len(rest)]:
                self._complain(f"line {self._line}: is torn; a session was cut short there or is writing it, no gap")
            else:
                self._fault("is torn, and no beginning of the line that is due")
        if self.faults > COMPLAINTS_TOLD:
            self._complain(f"and {self.faults - COMPLAINTS_TOLD} more; {self._line} lines read")

    def cut(self, before: int, after: int) -> None:
        """The file has become shorter than what was read of it."""
        self._fault(f"the file was cut from {before} to {after} bytes; reading it from its start")

    def _fault(self, words: str) -> None:
        self.faults += 1
        if self.faults <= COMPLAINTS_TOLD:
            self._complain(f"line {self._line}: {words}")


def _number(line: Line) -> int:
    seq = line["seq"]
    if type(seq) is not int or type(line["ts"]) is not int or type(line["kind"]) is not str:
        raise TypeError("`seq` and `ts` must be integers, `kind` a word")
    return seq


def _missing(first: int, last: int) -> str:
    return f"{first} is missing" if first == last else f"{first} to {last} are missing"


class Audit:
    """One reading of a journal: lines to `out`, complaints to `complain`."""

    def __init__(self, path: Path, shown: Wanted, out: BinaryIO, complain: Callable[[str], None], *, raw: bool) -> None:
        self._path = path
        self._shown = shown
        self._out = out
        self._complain = complain
        self._raw = raw
        self._words = Words()
        self._check = Check(complain)

    def read(self) -> int:
        """Read the journal once; gives the exit status.

        Raises:
            AuditError: There is no such journal, or it cannot be read.
        """
        tail = Tail(self._path)
        self._drain(tail)
        self._end(tail)
        return self._status

    def follow(self, wait: Callable[[], bool]) -> int:
        """Read it and go on as it grows or is replaced, until `wait` says false or is interrupted.

        Raises:
            AuditError: It cannot be read.
        """
        tail: Tail | None = None
        try:
            if not self._path.exists():
                self._complain(f"{self._path}: not there yet; waiting for it")
            while True:
                tail = tail or self._open()
                if tail is not None:
                    replaced = tail.is_replaced()  # before the rest is read, so that its last lines are not missed
                    self._drain(tail)
                    if replaced:
                        self._end(tail)
                        tail = None
                        self._check.begin_anew()
                        self._complain(f"{self._path}: set aside; going on with the next one")
                        continue
                if not wait():
                    break
        except KeyboardInterrupt:
            pass
        if tail is not None:
            self._end(tail)
        return self._status

    def _open(self) -> Tail | None:
        try:
            return Tail(self._path)
        except MissingError:
            return None

    def _drain(self, tail: Tail) -> None:
        cut = tail.cut()
        if cut is not None:
            self._check.cut(*cut)
            self._check.begin_anew()
        for text in tail.lines():
            line = self._check.take(text)
            if line is not None:
                self._show(text, line)
        self._out.flush()

    def _show(self, text: bytes, line: Line) -> None:
        shown = self._shown.takes(line)
        if self._raw:
            if shown:
                self._out.write(text + b"\n")
            return
        if line["kind"] in HEARD:
            self._words.hear(line)
        if shown:
            self._out.write(self._words.tell(line).encode(errors="backslashreplace") + b"\n")

    def _end(self, tail: Tail) -> None:
        self._check.end(tail.rest)
        tail.close()

    @property
    def _status(self) -> int:
        return GAP if self._check.faults else 0


def wait_for_more() -> bool:
    """Wait a moment; false once nobody reads standard output any more."""
    watch = select.poll()
    watch.register(sys.stdout.fileno(), 0)
    events = watch.poll(POLL_MS)
    if events and events[0][1] & select.POLLNVAL:
        time.sleep(POLL_MS / 1000)
        return True
    return not events


def complain(words: str) -> None:
    """Say on standard error what is wrong."""
    if sys.stderr is not None:  # or it would land between the lines
        print(f"hedgegrid: {words}", file=sys.stderr)


def run(path: Path, shown: Wanted, *, raw: bool, follow: bool) -> int:
    """Print a journal on standard output, what is wrong with it on standard error; gives the exit status.

    Raises:
        AuditError: There is no such journal, or it cannot be read.
    """
    if sys.stdout is None:
        return 0
    audit = Audit(path, shown, sys.stdout.buffer, complain, raw=raw)
    try:
        return audit.follow(wait_for_more) if follow else audit.read()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more to say at the end either
        return 0
    except OSError as error:
        raise AuditError(f"standard output: cannot be written ({error.strerror})") from error
