"""An engine that is made after the first paint: what it shows before, and who may still make it."""

import threading
from concurrent.futures import Future
from typing import Any, cast

import pytest

from hedgegrid_tui.engine.host import EngineHost
from hedgegrid_tui.late_host import LateHost
from strategy.control import Command, CommandName, Ending, Receipt, Result
from strategy.snapshot import EnginePhase, EngineStatus, Snapshot


class Host:
    """Stands for the real one."""

    def __init__(self) -> None:
        self.snapshot = Snapshot(seq=3)
        self.status = EngineStatus(EnginePhase.RUNNING)
        self.started = 0
        self.endings: list[Ending] = []
        self.sent: list[Command] = []

    def start(self) -> None:
        self.started += 1

    def stop(self, ending: Ending) -> str:
        self.endings.append(ending)
        return "flat"

    def send(self, command: Command) -> Future[Receipt]:
        self.sent.append(command)
        return Future()

    def log_lines(self) -> tuple[str, ...]:
        return ("a line",)

    def journal_lines(self, after: int) -> tuple[bytes, ...]:
        return (b"{}",)


def late(host: Host | None = None) -> tuple[LateHost, Host, list[int]]:
    made: list[int] = []
    behind = Host() if host is None else host

    def make() -> EngineHost:
        made.append(threading.get_ident())
        return cast("EngineHost", behind)

    return LateHost(make, "sim", "BTCUSDT"), behind, made


PAUSE = Command(CommandName.PAUSE)


def test_before_its_start_it_shows_mode_and_instrument_and_refuses_commands() -> None:
    engine, _, made = late()
    assert (engine.snapshot.mode, engine.snapshot.instrument, engine.snapshot.seq) == ("sim", "BTCUSDT", 0)
    assert engine.status.phase is EnginePhase.IDLE
    assert (list(engine.log_lines()), list(engine.journal_lines(0))) == ([], [])
    answer = engine.send(PAUSE).result(0)
    assert (answer.result, answer.detail["reason"]) == (Result.REFUSED, "the engine is not running")
    assert not made


def test_once_started_it_is_its_host_and_no_second_one_is_made() -> None:
    engine, host, made = late()
    engine.start()
    engine.start()
    assert (len(made), host.started) == (1, 1)
    assert (engine.snapshot.seq, engine.status.phase) == (3, EnginePhase.RUNNING)
    assert (list(engine.log_lines()), list(engine.journal_lines(0))) == (["a line"], [b"{}"])
    engine.send(PAUSE)
    assert host.sent == [PAUSE]
    assert engine.stop(Ending.FLATTEN) == "flat"
    assert host.endings == [Ending.FLATTEN]


def test_a_session_that_is_over_before_its_start_makes_no_host_and_claims_nothing() -> None:
    engine, _, made = late()
    assert engine.stop(Ending.LEAVE) == "unknown"
    engine.start()
    assert engine.settled() is None
    assert not made


def test_an_end_while_the_host_is_made_waits_for_it_and_ends_it() -> None:
    begun, go_on, host = threading.Event(), threading.Event(), Host()

    def make() -> EngineHost:
        begun.set()
        assert go_on.wait(10)
        return cast("EngineHost", host)

    engine = LateHost(make, "sim", "BTCUSDT")
    starter = threading.Thread(target=engine.start)
    starter.start()
    assert begun.wait(10)
    assert engine.status == EngineStatus(EnginePhase.LOADING, "loading the engine")
    answers: list[str] = []
    ender = threading.Thread(target=lambda: answers.append(engine.stop(Ending.CANCEL)))
    ender.start()
    ender.join(0.1)
    assert not answers
    go_on.set()
    ender.join(10)
    starter.join(10)
    assert (answers, host.endings, host.started) == (["flat"], [Ending.CANCEL], 1)


def test_a_host_that_cannot_be_made_shows_why() -> None:
    def make() -> Any:
        raise OSError("no room")

    engine = LateHost(make, "sim", "BTCUSDT")
    with pytest.raises(OSError, match="no room"):
        engine.start()
    assert engine.status == EngineStatus(EnginePhase.FAILED, "OSError: no room")


def test_a_host_that_cannot_be_started_shows_why() -> None:
    class Unstartable(Host):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    engine, _, _ = late(Unstartable())
    with pytest.raises(RuntimeError, match="new thread"):
        engine.start()
    assert engine.status == EngineStatus(EnginePhase.FAILED, "RuntimeError: can't start new thread")
