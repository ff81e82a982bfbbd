"""A job in rounds: it goes on whatever becomes of one, is hurried, and ends when told to."""

import asyncio

import pytest

from hedgegrid_tui.engine.binance.guards import rounds
from hedgegrid_tui.engine.binance.guards.rounds import Rounds
from tests.hedgegrid_tui.binance.witness import Witness

BOUND_S = 5.0


class Job:
    """Counts its rounds; `fail` is what the next ones raise."""

    def __init__(self, wait: float = 60.0) -> None:
        self.count = 0
        self.wait = wait
        self.fail: Exception | None = None
        self.hold: asyncio.Event | None = None
        self.done = asyncio.Condition()

    async def act(self) -> float:
        if self.hold is not None:
            await self.hold.wait()
        async with self.done:
            self.count += 1
            self.done.notify_all()
        if self.fail is not None:
            raise self.fail
        return self.wait

    async def rounds(self, count: int) -> None:
        async with asyncio.timeout(BOUND_S), self.done:
            await self.done.wait_for(lambda: self.count >= count)


async def test_the_first_round_comes_at_once_and_the_next_when_its_time_is_over_or_it_is_hurried() -> None:
    job = Job(wait=0.01)
    runner = Rounds("job", job.act, Witness())
    runner.start()
    await job.rounds(3)
    job.wait = 60.0
    await job.rounds(job.count + 1)
    before = job.count
    runner.hurry()
    await job.rounds(before + 1)
    await runner.stop()


async def test_a_round_that_fails_is_told_once_until_one_succeeds_and_the_job_goes_on() -> None:
    job, witness = Job(), Witness()
    job.fail = ValueError("odd")
    runner = Rounds("job", job.act, witness)
    for _ in range(3):
        assert await runner._round() == rounds.AGAIN_S
    assert witness.critical == [("job", "ValueError", "job: odd")]
    job.fail = None
    assert await runner._round() == job.wait
    job.fail = ValueError("odd")
    await runner._round()
    assert len(witness.critical) == 2


async def test_no_exception_leaves_the_task() -> None:
    job, witness = Job(), Witness()
    job.fail = ValueError("odd")
    runner = Rounds("job", job.act, witness)
    runner.start()
    await job.rounds(1)
    runner.hurry()
    await job.rounds(2)
    await runner.stop()
    assert witness.critical == [("job", "ValueError", "job: odd")]


async def test_a_stop_lets_the_round_that_runs_come_to_its_end_and_none_follows() -> None:
    job = Job(wait=0.0)
    job.hold = asyncio.Event()
    runner = Rounds("job", job.act, Witness())
    runner.start()
    stopping = asyncio.create_task(runner.stop())
    await asyncio.sleep(0)
    job.hold.set()
    async with asyncio.timeout(BOUND_S):
        await stopping
    assert job.count == 1


async def test_a_round_that_hangs_is_ended_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "PATIENCE_S", 0.01)
    job = Job()
    job.hold = asyncio.Event()
    runner = Rounds("job", job.act, Witness())
    runner.start()
    await asyncio.sleep(0)
    async with asyncio.timeout(BOUND_S):
        await runner.stop()
        await runner.stop()
    assert job.count == 0
