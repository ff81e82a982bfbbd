"""The equity over time, in bounded buckets for every range that the chart can show."""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from itertools import dropwhile, takewhile
from typing import Final

import msgspec

from hedgegrid_tui.render.records import EquitySample
from hedgegrid_tui.render.view import RANGES_S
from strategy.domain import NS_PER_S
from strategy.snapshot import Snapshot

BUCKETS: Final = 300
"""Buckets that a range is divided into; every range is a multiple of it."""
_START: Final = "session.start"
_KIND: Final = "equity"
_MARKS: Final = (b'"equity"', b'"session.start"')


class _Line(msgspec.Struct):
    kind: str
    ts: int
    equity: Decimal | None = None
    peak: Decimal | None = None


def bucket_ns(range_s: int) -> int:
    """Length of a bucket of that range, ns."""
    return range_s * NS_PER_S // BUCKETS


class EquityHistory:
    """Collects the equity of a session on the engine's clock; forgets what no range reaches back to."""

    def __init__(self) -> None:
        self._session: str | None = None
        self._latest = self._oldest = 0
        self._decoder = msgspec.json.Decoder(_Line)
        self._kept = {range_s: deque[EquitySample](maxlen=BUCKETS + 1) for range_s in RANGES_S}

    def load(self, lines: Iterable[bytes]) -> None:
        """Take the `equity` lines of a journal, so that the chart does not begin empty.

        Any other line is passed over, as is one that is older than what is known already. A session that began before
        what is known ran on another clock: the history begins anew with it.
        """
        for line in lines:
            if not any(mark in line for mark in _MARKS):
                continue
            try:
                told = self._decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError):
                continue
            if told.kind == _START and told.ts < self._latest and self._session is None:
                self._forget()
            equity, peak = told.equity, told.peak
            if told.kind != _KIND or equity is None or peak is None or told.ts <= 0 or told.ts < self._latest:
                continue
            if equity.is_finite() and peak.is_finite():
                self._take(told.ts, equity, peak)

    def add(self, snapshot: Snapshot) -> None:
        """Take what a snapshot says; one that knows no equity yet, or is older than what is known, says nothing."""
        metrics = snapshot.metrics
        if not snapshot.seq or snapshot.ts <= 0 or not (metrics.equity or metrics.equity_start):
            return
        if snapshot.session != self._session:
            # What was loaded belongs to the first session that is seen, unless all of it comes from a later clock.
            if self._session is not None or snapshot.ts < self._oldest:
                self._forget()
            self._session = snapshot.session
        if snapshot.ts >= self._latest:
            self._take(snapshot.ts, metrics.equity, metrics.peak)

    def samples(self, range_s: int, now_ns: int) -> tuple[EquitySample, ...]:
        """The buckets that reach into the last `range_s` seconds before `now_ns`, oldest first.

        Raises:
            KeyError: `range_s` is none of `RANGES_S`.
        """
        oldest = now_ns - range_s * NS_PER_S - bucket_ns(range_s)
        young = dropwhile(lambda sample: sample.ts <= oldest, self._kept[range_s])
        return tuple(takewhile(lambda sample: sample.ts <= now_ns, young))

    def _forget(self) -> None:
        self._latest = self._oldest = 0
        for kept in self._kept.values():
            kept.clear()

    def _take(self, ts: int, equity: Decimal, peak: Decimal) -> None:
        self._latest = ts
        self._oldest = self._oldest or ts
        for range_s, kept in self._kept.items():
            begins = ts - ts % bucket_ns(range_s)
            last = kept[-1] if kept else None
            if last is None or last.ts != begins:
                kept.append(EquitySample(begins, equity, equity, equity, peak))
            elif last.last != equity or last.peak != peak:
                low, high = min(last.low, equity), max(last.high, equity)
                kept[-1] = EquitySample(begins, low, high, equity, peak)
