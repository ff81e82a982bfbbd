"""Item 2: one writer, the engine's loop; one frozen snapshot behind one reference, of which all reads are parts."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Final

import pytest

from hedgegrid_tui.engine.host import EngineHost
from strategy.control import Command, CommandName, Receipt
from strategy.desk import Desk
from strategy.door import Door
from strategy.grid import HedgeGrid
from strategy.hedge_grid import HedgeGridStrategy
from strategy.ledger import Ledger
from strategy.lots import LotBook
from strategy.market_watch import MarketWatch
from strategy.order_index import OrderIndex
from strategy.picture import take_picture
from strategy.risk import Risk
from strategy.snapshot import LadderSnapshot, Snapshot
from tests.hedgegrid_tui.engine.sessions import hosted, plan_for, running, until
from tests.hedgegrid_tui.engine.test_threads import contradictions
from tests.seventeen.bench import Bench, bench
from tests.seventeen.faults import at_every_line, calls_in_the_brain, code_of

# -- one reference -----------------------------------------------------------------------------------------------------


def scene(found: Bench) -> None:
    """Entries, fills, exits, a moved ladder and a pause, with a publication after each."""
    for mid in (60_000, 60_000, 59_930, 59_870, 59_960, 60_080, 60_500, 60_440, 60_500):
        found.quote(mid)
        found.strategy.publish()
    found.strategy.command(Command(CommandName.PAUSE), Future())


def check_s02(kind: type[HedgeGridStrategy] = HedgeGridStrategy) -> None:
    """A reader that comes before any line of the brain finds one whole picture, never older than the one before."""
    wrong: list[str] = []
    seen: list[Snapshot] = []

    def problems(strategy: HedgeGridStrategy, snapshot: Snapshot) -> Iterator[str]:
        if strategy.get_ladders_snapshot() != snapshot.ladders:
            yield "the ladders are not those of the snapshot"
        if strategy.get_operational_metrics() != snapshot.metrics:
            yield "the metrics are not those of the snapshot"
        if seen and snapshot is seen[-1]:
            return
        if seen and snapshot.seq <= seen[-1].seq and snapshot.seq:
            yield f"snapshot {snapshot.seq} came after {seen[-1].seq}"
        yield from contradictions(snapshot)
        seen.append(snapshot)

    with bench(kind=kind) as found:

        def look() -> None:
            if not wrong:
                try:
                    wrong.extend(problems(found.strategy, found.strategy.snapshot))
                except Exception as error:  # noqa: BLE001 - carried to the test
                    wrong.append(f"{type(error).__name__}: {error}")

        with at_every_line(look):
            scene(found)
        assert not wrong, wrong
        assert len(seen) > 8
        assert found.strategy.snapshot.metrics.fills > 4


class BuiltOnReading(HedgeGridStrategy):
    """As the seed has it: who asks gets a picture that is put together there and then."""

    _known = Snapshot()
    _count = 0

    @property
    def snapshot(self) -> Snapshot:
        if self.grid is None or self.desk is None or not self._known.seq:
            return self._known
        self._count += 1
        return take_picture(self._blank, self._count, 0, self.grid, self.desk, self._watch.view())

    @snapshot.setter
    def snapshot(self, value: Snapshot) -> None:
        self._known = value


class TwoReferences(HedgeGridStrategy):
    """The ladders have a reference of their own, which is set first."""

    _ladders = LadderSnapshot()

    def _publish(self) -> None:
        if self.grid is not None and self.desk is not None:
            self._ladders = take_picture(self._blank, 0, 0, self.grid, self.desk, self._watch.view()).ladders
        super()._publish()

    def get_ladders_snapshot(self) -> LadderSnapshot:
        return self._ladders


class Restless(HedgeGridStrategy):
    """Publishes an old picture again."""

    _before = Snapshot()

    def _publish(self) -> None:
        kept = self.snapshot
        super()._publish()
        self.snapshot, self._before = (self._before, self.snapshot) if kept.seq % 3 == 2 else (self.snapshot, kept)


def test_s02_a_reader_at_any_moment_finds_one_whole_picture() -> None:
    check_s02()


@pytest.mark.parametrize("kind", [BuiltOnReading, TwoReferences, Restless])
def test_s02_without_one_reference_the_same_check_fails(kind: type[HedgeGridStrategy]) -> None:
    with pytest.raises(AssertionError, match=r"not those of|not what is held|entries are open|came after|Error"):
        check_s02(kind)


# -- one writer --------------------------------------------------------------------------------------------------------

WRITERS: Final = (
    OrderIndex._put, OrderIndex._drop, LotBook.enter, Ledger.book_fill, HedgeGrid.converge, HedgeGrid.on_accepted,
    Desk.handle, Door.set, MarketWatch.on_quote, Risk.sample, HedgeGridStrategy.publish, HedgeGridStrategy._publish,
)  # fmt: skip
ACTS: Final = (CommandName.PAUSE, CommandName.CANCEL_ENTRIES, CommandName.RESUME, CommandName.FLATTEN)


def check_s02_one_writer(folder: Path) -> None:
    """In a live session that is read and commanded from another thread, state is written on the engine's thread."""
    codes = {code_of(each) for each in WRITERS}
    with calls_in_the_brain(lambda code: code in codes) as calls, hosted(plan_for(folder)) as host:
        until(lambda: running(host) and host.snapshot.open_entries > 0)
        (engine,) = {each.ident for each in threading.enumerate() if each.name == "engine"}
        for act in ACTS:
            assert host.send(Command(act)).result(20).ts
            assert host.snapshot.ladders.long
        written = list(calls)
    assert {Desk.handle.__code__, code_of(OrderIndex._put), code_of(OrderIndex._drop)} <= {code for code, _ in written}
    elsewhere = {code.co_qualname for code, thread in written if thread != engine}
    assert not elsewhere, f"written on another thread: {sorted(elsewhere)}"


def test_s02_all_state_is_written_on_the_engines_thread(tmp_path: Path) -> None:
    check_s02_one_writer(tmp_path)


def test_s02_with_commands_carried_out_where_they_are_given_the_same_check_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(self: EngineHost, command: Command) -> "Future[Receipt]":
        answer: Future[Receipt] = Future()
        self._give(command, answer)
        return answer

    monkeypatch.setattr(EngineHost, "send", send)
    with pytest.raises(AssertionError, match=r"written on another thread: .*Desk.handle"):
        check_s02_one_writer(tmp_path)
