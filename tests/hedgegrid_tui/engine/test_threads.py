"""A live writer and ten readers of the snapshot; a torn variant shows that the check can fail."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hedgegrid_tui.engine.plan import Mode
from strategy.snapshot import EnginePhase, RungState, Snapshot
from tests.hedgegrid_tui.engine.sessions import hosted, plan_for, running, until, write_tape

READERS = 10


@contextmanager
def fine_switching() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def contradictions(snapshot: Snapshot) -> Iterator[str]:
    """What does not fit together within one snapshot."""
    metrics, legs = snapshot.metrics, (snapshot.long, snapshot.short)
    if metrics.wallet != metrics.equity_start + metrics.realised + metrics.fees + metrics.funding:
        yield "the wallet is not the sum of its parts"
    if metrics.equity != metrics.wallet + metrics.unrealised:
        yield "equity is not wallet and open profit"
    if metrics.unrealised != snapshot.long.unrealised + snapshot.short.unrealised:
        yield "open profit is not that of the legs"
    ladders = snapshot.ladders
    rungs = (*ladders.long, *ladders.short)
    lots = {rung.lot.number: rung.lot for rung in rungs if rung.lot is not None} | {
        lot.number: lot for lot in ladders.strays
    }
    for leg in legs:
        if leg.qty != sum((lot.qty for lot in lots.values() if lot.leg is leg.leg), Decimal(0)):
            yield f"{leg.leg}: the lots are not what is held"
        resting = sum(rung.leg is leg.leg and rung.state not in (RungState.GAP, RungState.HELD) for rung in rungs)
        if leg.open_entries != resting:
            yield f"{leg.leg}: {leg.open_entries} entries are open, the ladder shows {resting}"


def hammer(read: Callable[[], Snapshot], over: Callable[[], bool], wrong: list[str]) -> list[int]:
    """Ten readers until it is over; adds what they find wrong, gives how many snapshots each saw."""
    seen: list[int] = []

    def reader() -> None:
        try:
            last, count = 0, 0
            while not over():
                snapshot = read()
                if snapshot.seq == last:
                    continue
                if snapshot.seq < last:
                    wrong.append(f"snapshot {snapshot.seq} came after {last}")
                last, count = snapshot.seq, count + 1
                wrong.extend(contradictions(snapshot))
            seen.append(count)
        except Exception as error:  # noqa: BLE001 - carried to the test
            wrong.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=reader) for _ in range(READERS)]
    with fine_switching():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return seen


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[tuple[Callable[[], Snapshot], Callable[[], bool], list[Snapshot]]]:
    """A session at full speed that publishes after each chunk; also every snapshot that it published."""
    tape = write_tape(tmp_path / "tape.jsonl", steps=1_500)
    published: list[Snapshot] = []
    with hosted(plan_for(tmp_path / "state", Mode.REPLAY, data=tape)) as host:
        host.on_snapshot = published.append
        until(lambda: running(host))
        yield lambda: host.snapshot, lambda: host.status.phase is EnginePhase.ENDED, published


@pytest.mark.timeout(150)
def test_s16_ten_readers_of_a_live_writer_see_no_torn_or_inconsistent_snapshot(
    recorded: tuple[Callable[[], Snapshot], Callable[[], bool], list[Snapshot]],
) -> None:
    read, over, _ = recorded
    wrong: list[str] = []
    seen = hammer(read, over, wrong)
    assert not wrong, wrong[:5]
    assert len(seen) == READERS
    assert sum(seen) > 10 * READERS


@pytest.mark.timeout(150)
def test_s16_the_same_readers_catch_a_writer_that_publishes_part_by_part(
    recorded: tuple[Callable[[], Snapshot], Callable[[], bool], list[Snapshot]],
) -> None:
    _, over, published = recorded
    until(over, 120)
    parts: dict[str, Any] = {name: getattr(published[0], name) for name in Snapshot.__struct_fields__}
    done = threading.Event()
    wrong: list[str] = []

    def torn_writer() -> None:
        for _ in range(2_000):
            for snapshot in published:
                for name in Snapshot.__struct_fields__:
                    parts[name] = getattr(snapshot, name)
            if any("not" in each or "shows" in each for each in wrong):
                break
        done.set()

    def torn_read() -> Snapshot:
        return Snapshot(**{name: parts[name] for name in Snapshot.__struct_fields__})

    writer = threading.Thread(target=torn_writer)
    with fine_switching():
        writer.start()
        hammer(torn_read, done.is_set, wrong)
        writer.join()
    assert any("not" in each or "shows" in each for each in wrong)


def test_a_snapshot_cannot_be_changed_and_survives_a_round_trip(
    recorded: tuple[Callable[[], Snapshot], Callable[[], bool], list[Snapshot]],
) -> None:
    read, over, _ = recorded
    until(over, 120)
    snapshot = read()
    with pytest.raises(AttributeError):
        snapshot.seq = 1  # type: ignore[misc]
    assert msgspec.json.decode(msgspec.json.encode(snapshot), type=Snapshot) == snapshot
