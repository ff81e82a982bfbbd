"""A recorded market, read as a stream of Nautilus events whose damage is counted and never fatal."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Final

import msgspec
from nautilus_trader.model.data import Bar, QuoteTick, TradeTick
from nautilus_trader.model.instruments import Instrument

from hedgegrid_tui.engine.markets.tape_formats import (
    EXPECTED,
    MINUTE_NS,
    Event,
    Parser,
    TapeFormat,
    header_format,
    parser_for,
    recognise,
)
from hedgegrid_tui.engine.markets.tape_lines import MAX_LINE, BrokenEndError, TapeError, numbered_lines
from hedgegrid_tui.engine.markets.tape_numbers import LATEST_NS, Fault, LineError, shown
from strategy.domain import NS_PER_S

__all__ = ["Damage", "Tape", "TapeError", "TapeFormat"]

HEAD_LINES: Final = 1_000
HEAD_BYTES: Final = 8 << 20
MAX_DAMAGE_KEPT: Final = 20
LEAP_NS: Final = 3_600 * NS_PER_S
"""A stamp further ahead is believed only when the next event agrees: a wrong digit must not void the rest."""
OFF_GRID_PROOF: Final = 20
"""So many prices off the grid, and more than there are good lines, are wrong filters rather than damage."""


class Damage(msgspec.Struct, frozen=True):
    """A line that could not be used, and why."""

    line: int
    problem: str


class Tape:
    """A recording of one instrument; opening reads its head, `events` reads it all.

    The format is told by the content. `events` may be called again; the counts are those of the latest pass.

    Raises:
        TapeError: The file is missing, unreadable, empty, of no known format or of another instrument.
    """

    def __init__(self, path: Path, instrument: Instrument) -> None:
        self._path = path
        self._instrument = instrument
        head, cut = self._head()
        self.format = self._recognised(head, cut)
        self._check(head)
        self._pass = self._new_pass()

    def events(self) -> Iterator[Event]:
        """Every usable event in the order of ts_init, read as it is asked for."""
        self._pass = self._new_pass()
        yield from self._pass.run(numbered_lines(self._path))

    @property
    def quotes(self) -> int:
        """Quote ticks given so far."""
        return self._pass.given[QuoteTick]

    @property
    def trades(self) -> int:
        """Trade ticks given so far."""
        return self._pass.given[TradeTick]

    @property
    def bars(self) -> int:
        """Bars given so far."""
        return self._pass.given[Bar]

    @property
    def skipped(self) -> int:
        """Messages of known kinds that are no events here."""
        return self._pass.skipped.total()

    @property
    def skipped_kinds(self) -> dict[str, int]:
        """Skipped messages by kind."""
        return dict(self._pass.skipped)

    @property
    def damaged(self) -> int:
        """Lines that could not be used."""
        return self._pass.damaged

    @property
    def damage(self) -> tuple[Damage, ...]:
        """The first damaged lines, at most 20."""
        return tuple(sorted(self._pass.damage, key=lambda damage: damage.line))

    def _new_pass(self) -> "_Pass":
        return _Pass(parser_for(self.format, self._instrument))

    def _head(self) -> tuple[list[tuple[int, bytes | None]], str]:
        head: list[tuple[int, bytes | None]] = []
        try:
            for numbered in islice(numbered_lines(self._path, HEAD_BYTES), HEAD_LINES):
                head.append(numbered)  # noqa: PERF402 - what was read before a broken end counts
        except BrokenEndError as error:
            return head, error.problem
        return head, ""

    def _recognised(self, head: list[tuple[int, bytes | None]], cut: str) -> TapeFormat:
        lines = [line.strip() for _, line in head if line is not None and line.strip()]
        for line in lines:
            kind = recognise(line)
            if kind is not None:
                return kind
        if lines:
            start = shown(lines[0])
            raise TapeError(f"{self._path}: is no known recording (starts with {start}); expected {EXPECTED}")
        found = cut or ("has no line in its first 8 MiB" if head or self._path.stat().st_size else "is empty")
        raise TapeError(f"{self._path}: {found}; expected {EXPECTED}")

    def _check(self, head: list[tuple[int, bytes | None]]) -> None:
        """Refuse a file whose head holds nothing usable, or whose prices prove other filters."""
        trial = self._new_pass()
        events = list(trial.run(head))
        if trial.faults[Fault.OFF_GRID] > max(OFF_GRID_PROOF, len(events)):
            raise TapeError(f"{self._path}: {trial.first[Fault.OFF_GRID]}")
        if not events:
            if trial.faults:
                commonest, _ = trial.faults.most_common(1)[0]
                raise TapeError(f"{self._path}: {trial.first[commonest]}")
            kinds = ", ".join(f"{count} {kind}" for kind, count in trial.skipped.most_common(3))
            raise TapeError(
                f"{self._path}: nothing to replay in its first {len(head)} lines "
                f"({kinds or 'a header only'}); must hold bookTicker, trade or aggTrade messages, or CSV rows"
            )
        if isinstance(events[0], Bar):
            gaps = [later.ts_init - earlier.ts_init for earlier, later in pairwise(events)]
            if len(gaps) > 1 and MINUTE_NS not in gaps:
                seconds = min(gaps) // NS_PER_S
                raise TapeError(f"{self._path}: its bars are {seconds} s apart; must be one-minute bars")


class _Pass:
    """One reading of the lines: parses, puts in order and counts."""

    def __init__(self, parser: Parser) -> None:
        self.given: Counter[type] = Counter()
        self.skipped: Counter[str] = Counter()
        self.damaged = 0
        self.damage: list[Damage] = []
        self.faults: Counter[Fault] = Counter()
        self.first: dict[Fault, str] = {}
        self._parser = parser
        self._last_ns = 0
        self._held: tuple[int, Event] | None = None

    def run(self, lines: Iterable[tuple[int, bytes | None]]) -> Iterator[Event]:
        """The lines' events, at times that never decrease.

        Small steps back (a clock being set, two sockets) are taken at the latest time, since the order of
        the lines is the order of receipt; larger ones are damage. An event after a leap waits for the next to
        agree.
        """
        try:
            for number, line in lines:
                event = self._parsed(number, line)
                if event is None:
                    continue
                if self._held is not None:
                    yield from self._judged(event.ts_init)
                event = self._in_order(number, event)
                if event is not None:
                    self.given[type(event)] += 1
                    yield event
        except BrokenEndError as error:
            self._damaged(error.line, Fault.LENGTH, error.problem)
        if self._held is not None:
            # An only event has nothing to contradict it; a last one after a leap has nothing to confirm it.
            yield from self._judged(LATEST_NS if self._last_ns == 0 else 0)

    def _parsed(self, number: int, line: bytes | None) -> Event | None:
        if line is None:
            self._damaged(number, Fault.LENGTH, f"is longer than {MAX_LINE:,} bytes")
            return None
        text = line.strip()
        if not text:
            return None
        try:
            event = self._parser.parse(text)
        except LineError as error:
            if error.fault is Fault.OTHER_SYMBOL:
                self._fault(error.fault, number, str(error))
                self.skipped["another symbol"] += 1
            elif header_format(text) is None:
                self._damaged(number, error.fault, str(error))
            return None
        if isinstance(event, str):
            self.skipped[event] += 1
            return None
        return event

    def _in_order(self, number: int, event: Event) -> Event | None:
        ts, last = event.ts_init, self._last_ns
        if ts > last + LEAP_NS:
            self._held = number, event
            return None
        if ts < last - self._parser.slack_ns:
            step = (ts - last) / NS_PER_S
            self._damaged(number, Fault.TIME, f"its time lies {step:+.3f} s from the latest; must not go back")
            return None
        if ts < last:
            return _at(event, last)
        self._last_ns = ts
        return event

    def _judged(self, next_ns: int) -> Iterator[Event]:
        """The held event, if the next one's time agrees with it."""
        if self._held is None:
            return
        (number, event), self._held = self._held, None
        if next_ns < event.ts_init - LEAP_NS // 2:
            self._damaged(number, Fault.TIME, "its time is far after the line before, and no next line agrees")
            return
        self._last_ns = event.ts_init
        self.given[type(event)] += 1
        yield event

    def _damaged(self, number: int, fault: Fault, problem: str) -> None:
        self.damaged += 1
        if len(self.damage) < MAX_DAMAGE_KEPT:
            self.damage.append(Damage(number, problem))
        self._fault(fault, number, problem)

    def _fault(self, fault: Fault, number: int, problem: str) -> None:
        self.faults[fault] += 1
        self.first.setdefault(fault, f"line {number}: {problem}")


def _at(event: Event, ns: int) -> Event:
    """The same tick at another time; bars are never moved."""
    if isinstance(event, QuoteTick):
        prices = event.bid_price, event.ask_price, event.bid_size, event.ask_size
        return QuoteTick(event.instrument_id, *prices, ns, ns)
    deal = event.price, event.size, event.aggressor_side, event.trade_id
    return TradeTick(event.instrument_id, *deal, ns, ns)
