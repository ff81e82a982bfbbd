"""Item 16: a live writer and ten readers; what goes wrong in a reader reaches the test.

The recorded market at full speed, and a torn writer, stand in tests/hedgegrid_tui/engine/test_threads.py.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from hedgegrid_tui.engine.host import EngineHost
from hedgegrid_tui.engine.plan import Mode
from strategy.control import Command, CommandName
from strategy.picture import take_picture
from strategy.snapshot import EnginePhase, Snapshot
from tests.hedgegrid_tui.engine.sessions import hosted, plan_for, running, until, write_tape
from tests.hedgegrid_tui.engine.test_threads import READERS, hammer

SECONDS: Final = 1.5


def check_s16(read: Callable[[], Snapshot], over: Callable[[], bool]) -> None:
    """Ten readers of a writer that is at work: none finds a contradiction, none fails, each sees progress."""
    wrong: list[str] = []
    seen = hammer(read, over, wrong)
    assert not wrong, wrong[:5]
    assert len(seen) == READERS
    assert min(seen) > 1, "a reader saw no writer at work"


def lasting(host: EngineHost) -> Callable[[], bool]:
    """For a while, with an operator who throttles up and down meanwhile."""
    deadline, flips = time.monotonic() + SECONDS, [0]

    def over() -> bool:
        if int((deadline - time.monotonic()) * 10) != flips[0]:
            flips[0] = int((deadline - time.monotonic()) * 10)
            host.send(Command(CommandName.PAUSE if flips[0] % 2 else CommandName.RESUME))
        return time.monotonic() > deadline

    return over


@contextmanager
def live(folder: Path) -> Iterator[EngineHost]:
    with hosted(plan_for(folder)) as host:
        until(lambda: running(host) and host.snapshot.seq > 1)
        yield host


def test_s16_ten_readers_of_a_live_session_find_it_whole(tmp_path: Path) -> None:
    with live(tmp_path) as host:
        check_s16(lambda: host.snapshot, lasting(host))


def test_s16_with_pictures_taken_by_the_readers_the_same_check_fails(tmp_path: Path) -> None:
    """The seed's reads: each puts together what it returns, while the writer writes."""
    tape = write_tape(tmp_path / "tape.jsonl", steps=3_000)
    with hosted(plan_for(tmp_path / "state", Mode.REPLAY, "grid.levels=20", data=tape)) as host:
        until(lambda: running(host) and host._runtime is not None)
        runtime = host._runtime
        assert runtime is not None
        strategy, count = runtime.strategy, [0]

        def torn() -> Snapshot:
            grid, desk = strategy.grid, strategy.desk
            assert grid is not None
            assert desk is not None
            count[0] += 1
            return take_picture(strategy._blank, count[0], 0, grid, desk, strategy._watch.view())

        with pytest.raises(AssertionError, match=r"not what is held|entries are open|Error|came after|not that of"):
            check_s16(torn, lambda: host.status.phase is EnginePhase.ENDED)


def test_s16_an_assertion_that_fails_in_a_reader_fails_the_test() -> None:
    """The trap of the seed's own test: what a thread asserts is lost where nobody carries it on."""
    deadline = time.monotonic() + 0.2

    def failing() -> Snapshot:
        assert time.monotonic() < deadline - 0.1, "seen by a reader"
        return Snapshot(seq=time.monotonic_ns())

    with pytest.raises(AssertionError, match="seen by a reader"):
        check_s16(failing, lambda: time.monotonic() > deadline)


def test_s16_without_a_writer_the_same_check_fails() -> None:
    """The other trap: readers of something that stands still prove nothing."""
    deadline = time.monotonic() + 0.2
    with pytest.raises(AssertionError, match="no writer at work"):
        check_s16(lambda: Snapshot(seq=1), lambda: time.monotonic() > deadline)
