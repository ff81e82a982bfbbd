"""From engine to frame: ages, critical errors that stay, receipts that are waited for."""

from concurrent.futures import Future

from hedgegrid_tui.desk import LATE_AFTER_S, Desk
from hedgegrid_tui.observer import Observer
from hedgegrid_tui.render.rows import Ink
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
    assert observer.acknowledge() == 1
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
