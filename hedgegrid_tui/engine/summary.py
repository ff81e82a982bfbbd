"""Sessions for scripts: snapshots, receipts and the summary as JSON objects, decimals as plain strings."""

import json
import resource
import sys
import time
from decimal import Decimal
from typing import Any

import msgspec

from hedgegrid_tui.engine.host import EngineHost
from strategy.control import Receipt
from strategy.domain import NS_PER_MS, NS_PER_S, plain
from strategy.snapshot import Snapshot


def as_json(kind: str, content: Snapshot | Receipt | dict[str, Any]) -> str:
    """One line of JSON, `type` first."""
    fields = msgspec.to_builtins(content, builtin_types=(Decimal,))
    return json.dumps({"type": kind, **fields}, default=_text, separators=(",", ":"))


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def summary(host: EngineHost, mode: str, flat: str, started: float) -> dict[str, Any]:
    """What a session came to; `started` is `time.monotonic()` at its start."""
    last = host.snapshot
    metrics = last.metrics
    usage = resource.getrusage(resource.RUSAGE_SELF)
    bytes_per_unit = 1 if sys.platform == "darwin" else 1024
    return {
        "mode": mode,
        "instrument": last.instrument,
        "seconds": round((last.ts - host.first_ns) / NS_PER_S, 3),
        "quotes": last.market.quotes,
        "trades": last.market.trades,
        "bars": last.market.bars,
        "orders_submitted": metrics.orders_submitted,
        "orders_rejected": metrics.orders_rejected,
        "orders_denied": metrics.orders_denied,
        "fills": metrics.fills,
        "take_profits": metrics.take_profits,
        "stops": metrics.stops,
        "closes": metrics.closes,
        "round_trips": metrics.round_trips,
        "position_long": last.long.qty,
        "position_short": last.short.qty,
        "open_entries": last.open_entries,
        "open_exits": last.open_exits,
        "max_unprotected_ms": round(metrics.max_unprotected_ns / NS_PER_MS, 3),
        "realised": metrics.realised,
        "unrealised": metrics.unrealised,
        "fees": metrics.fees,
        "funding": metrics.funding,
        "equity_start": metrics.equity_start,
        "equity_end": metrics.equity,
        "errors": metrics.errors,
        "critical_errors": metrics.critical_errors,
        "breaker_trips": metrics.breaker_trips,
        "drawdown_trips": metrics.drawdown_trips,
        "state": last.state,
        "flat": flat,
        "cpu_seconds": round(time.process_time(), 3),
        "wall_seconds": round(time.monotonic() - started, 3),
        "max_rss_mb": round(usage.ru_maxrss * bytes_per_unit / 2**20, 1),
    }
