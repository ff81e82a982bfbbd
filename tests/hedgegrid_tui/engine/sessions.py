"""Sessions for tests: a plan in a temporary folder, a host that always ends, a small tape."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from hedgegrid_tui.engine.host import EngineHost
from hedgegrid_tui.engine.markets.price_path import PricePath, Scenario
from hedgegrid_tui.engine.plan import Mode, SessionPlan
from strategy.config import load_config
from strategy.control import Ending
from strategy.journal import Journal
from strategy.snapshot import EnginePhase

FIRST_NS = 1_700_000_000_000_000_000
STEP_NS = 100_000_000
SHARED_DATA = Path(__file__).parents[3].parent / "shared" / "data"


def write_tape(
    path: Path, steps: int = 900, seed: int = 3, start: Decimal = Decimal(61_800), step_ns: int = STEP_NS
) -> Path:
    """A capture in Binance's stream format, drawn from the simulated market, a step of it every `step_ns`."""
    lines = []
    for step in PricePath(seed, Scenario.LIVELY, start=start).steps():
        if step.number == steps:
            break
        ts = FIRST_NS + step.number * step_ns
        quote = {"e": "bookTicker", "s": "BTCUSDT", "b": str(step.bid), "B": str(step.bid_size)}
        quote |= {"a": str(step.ask), "A": str(step.ask_size)}
        lines.append(f"{ts} {json.dumps({'stream': 'btcusdt@bookTicker', 'data': quote})}")
        for number, trade in enumerate(step.trades):
            data = {"e": "trade", "s": "BTCUSDT", "t": step.number * 100 + number, "p": str(trade.price)}
            data |= {"q": str(trade.qty), "X": "MARKET", "m": not trade.buyer_is_aggressor}
            lines.append(f"{ts + number} {json.dumps({'stream': 'btcusdt@trade', 'data': data})}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def plan_for(folder: Path, mode: Mode = Mode.SIM, *sets: str, data: Path | None = None, **more: object) -> SessionPlan:
    """A session's inputs; `more` overrides fields of the plan."""
    folder.mkdir(parents=True, exist_ok=True)
    fields: dict[str, object] = {"speed": 0.0, "version": "test", "data": data, **more}
    return SessionPlan(mode=mode, config=load_config(None, sets), state_dir=folder, **fields)  # type: ignore[arg-type]


@contextmanager
def hosted(plan: SessionPlan) -> Iterator[EngineHost]:
    """A started host, stopped whatever happens."""
    journal = Journal(plan.state_dir / "journal.jsonl")
    host = EngineHost(plan, journal)
    host.start()
    try:
        yield host
    finally:
        host.stop(Ending.LEAVE)
        journal.close()


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something that another thread brings about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)


def running(host: EngineHost) -> bool:
    """Whether the engine runs; fails at once where it has failed."""
    assert host.status.phase is not EnginePhase.FAILED, host.status.detail
    return host.status.phase in (EnginePhase.RUNNING, EnginePhase.ENDED)
