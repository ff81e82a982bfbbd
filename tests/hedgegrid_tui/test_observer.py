"""From engine to frame: ages, critical errors that stay, receipts that are waited for."""

from concurrent.futures import Future
from typing import Any

import pytest

from hedgegrid_tui.desk import FADES_AFTER_S, LATE_AFTER_S, Desk
from hedgegrid_tui.observer import Observer
from hedgegrid_tui.render.rows import NOTHING, Ink
from strategy.control import Command, CommandName, Receipt, Result
from strategy.domain import Leg
from strategy.snapshot import EnginePhase, EngineStatus
from tests.hedgegrid_tui.fakes import Clock, FakeEngine, critical, running

FLATTEN = Command(CommandName.FLATTEN, Leg.LONG)


def test_the_snapshot_s_age_grows_until_the_next_one() -> None:
    clock, engine = Clock(), FakeEngine()
    observer = Observer(engine, False, clock)
    assert observer.frame().age == 0
    clock.now += 4
    frame = observer.frame()
    assert frame.age == 4
    assert frame.silent
    engine.show()
    assert not observer.frame().silent


class Failing(FakeEngine):
    """Raises in those of its members that are named."""

    def __init__(self) -> None:
        self.raises: set[str] = set()
        super().__init__()

    def __getattribute__(self, name: str) -> Any:
        if name != "raises" and name in self.raises:
            raise RuntimeError(f"no {name}")
        return super().__getattribute__(name)


@pytest.mark.parametrize("name", ["snapshot", "status"])
def test_what_an_engine_that_raises_showed_last_grows_old_and_the_bell_rings(name: str) -> None:
    clock, engine = Clock(), Failing()
    observer = Observer(engine, False, clock)
    observer.frame()
    engine.raises = {name}
    engine.show() if name == "status" else None
    clock.now += 4
    frame = observer.frame()
    assert (frame.age, frame.silent, frame.ring) == (4, True, True)
    assert [str(failure) for failure in observer.failures] == [f"no {name}"]
    engine.raises = set()
    engine.show()
    assert not observer.frame().silent
    assert not observer.failures


@pytest.mark.parametrize("name", ["journal_lines", "log_lines"])
def test_an_engine_that_gives_no_lines_still_shows_its_snapshots(name: str) -> None:
    clock, engine = Clock(), Failing()
    observer = Observer(engine, False, clock)
    before = observer.frame()
    engine.raises = {name}
    engine.show(mode="live")
    clock.now += 4
    frame = observer.frame()
    assert (frame.snapshot.mode, frame.age, frame.events) == ("live", 0, before.events)
    assert [str(failure) for failure in observer.failures] == [f"no {name}"]


def test_an_engine_that_is_still_loading_is_not_silent() -> None:
    clock = Clock()
    observer = Observer(FakeEngine(status=EngineStatus(EnginePhase.LOADING)), False, clock)
    observer.frame()
    clock.now += 60
    assert not observer.frame().silent


def test_a_critical_error_stays_after_the_snapshot_dropped_it_until_it_is_acknowledged() -> None:
    engine = FakeEngine(critical())
    observer = Observer(engine, False, Clock())
    assert len(observer.frame().pinned) == 1
    engine.show(errors=())
    assert len(observer.frame().pinned) == 1
    observer.acknowledge()
    engine.show(errors=critical().errors)
    assert observer.frame().pinned == ()


def test_the_status_line_waits_for_the_receipt_and_then_tells_it() -> None:
    clock, engine = Clock(), FakeEngine()
    desk = Desk(engine, clock)
    desk.send(FLATTEN)
    assert desk.message().text == "flatten long: sent, waiting for its receipt"
    engine.answer(Result.FAILED, reason="not flat within 10 s")
    assert desk.message().text == "flatten long: ✗ FAILED: not flat within 10 s"
    assert desk.message().ink is Ink.ALARM


def test_a_receipt_that_does_not_come_is_an_alarm() -> None:
    clock = Clock()
    desk = Desk(FakeEngine(), clock)
    desk.send(FLATTEN)
    clock.now += LATE_AFTER_S + 1
    assert desk.message().text == "flatten long: sent, NO RECEIPT for 6 s"
    assert desk.message().ink is Ink.ALARM


def test_a_refused_key_is_explained_while_a_receipt_is_waited_for() -> None:
    desk = Desk(FakeEngine(), Clock())
    desk.send(FLATTEN)
    desk.say("P resume: a flatten runs")
    assert desk.message().text == "P resume: a flatten runs · flatten long: sent, waiting for its receipt"


def test_two_commands_on_their_way_are_both_counted() -> None:
    desk = Desk(FakeEngine(), Clock())
    desk.send(FLATTEN)
    desk.send(Command(CommandName.PAUSE))
    assert desk.message().text.startswith("pause and 1 before it: sent")


def test_receipts_that_come_together_are_all_told_in_the_gravest_ink() -> None:
    engine = FakeEngine()
    desk = Desk(engine, Clock())
    desk.send(FLATTEN)
    engine.answer(Result.FAILED, reason="not flat within 10 s")
    desk.send(Command(CommandName.PAUSE))
    engine.answer(Result.DONE)
    told = desk.message()
    assert told.text == "flatten long: ✗ FAILED: not flat within 10 s · pause: ✓ done"
    assert told.ink is Ink.ALARM


def test_a_word_of_the_cockpit_s_own_goes_after_a_while() -> None:
    clock = Clock()
    desk = Desk(FakeEngine(), clock)
    desk.say("staying")
    clock.now += FADES_AFTER_S - 1
    assert desk.message().text == "staying"
    clock.now += 2
    assert desk.message() == NOTHING


def test_a_word_that_is_gone_does_not_come_back_with_a_command() -> None:
    clock = Clock()
    desk = Desk(FakeEngine(), clock)
    desk.send(FLATTEN)
    desk.say("staying")
    clock.now += FADES_AFTER_S + 1
    assert desk.message().text.startswith("flatten long: sent")


def test_receipts_and_alarms_stay_and_say_how_old_they_are() -> None:
    clock, engine = Clock(), FakeEngine()
    desk = Desk(engine, clock)
    desk.say("the engine did not start", Ink.ALARM)
    clock.now += 121
    assert desk.message().text == "the engine did not start · 2 min ago"
    desk.send(Command(CommandName.PAUSE))
    engine.answer(Result.DONE)
    assert desk.message().text == "pause: ✓ done"
    clock.now += 59
    assert desk.message().text == "pause: ✓ done"
    clock.now += 7201
    assert desk.message().text == "pause: ✓ done · 2 h ago"


def test_a_command_that_cannot_be_sent_or_is_dropped_is_told() -> None:
    class Broken(FakeEngine):
        def send(self, command: Command) -> Future[Receipt]:
            raise RuntimeError("loop is closed")

    desk = Desk(Broken(), Clock())
    desk.send(FLATTEN)
    assert desk.message().text == "flatten long: ✗ NOT SENT: RuntimeError: loop is closed"

    engine = FakeEngine(running())
    desk = Desk(engine, Clock())
    desk.send(FLATTEN)
    engine.sent[-1][1].cancel()
    assert "dropped it unanswered" in desk.message().text
    desk.send(FLATTEN)
    engine.sent[-1][1].set_exception(ValueError("boom"))
    assert desk.message().text == "flatten long: ✗ FAILED: ValueError: boom"
