"""A flatten through the strategy, and past it where the strategy fails or gives no receipt in time."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from decimal import Decimal
from typing import Final

from hedgegrid_tui.engine.acts import Acts
from hedgegrid_tui.engine.last_resort import LastResort
from hedgegrid_tui.engine.runtime import Runtime
from strategy.books import Fill
from strategy.control import Command, Origin, Receipt, Result
from strategy.domain import DoorState, Leg
from strategy.grid import HedgeGrid
from strategy.hedge_grid import HedgeGridStrategy
from strategy.journal import JournalWriter
from strategy.latches import Halt, Latches

PATH: Final = "last-resort"
"""What a receipt calls the way past the strategy."""
SHUT_OFF: Final = "the strategy failed and is shut off: end this session and start another"
LATE: Final = "the strategy gave no receipt in time"
STUMBLED: Final = "the strategy failed at the command and gave no receipt"
STUMBLED_S: Final = 2.0
"""A strategy that has failed at the command itself may mend that in its next passes, but has no longer than this."""


class Escalation:
    """Sees flattens through; used on the engine's loop only.

    The strategy has its own deadline, of `flatten_s` seconds on the market's clock. `receipt_s` is how long its receipt
    is waited for: one that says `timeout` stands, for then the strategy works and the venue does not.
    Past the strategy a flatten gets `flatten_s` seconds once more. The strategy is mute from then on, and the door
    latched halted, so that the next session waits too.
    """

    def __init__(
        self,
        runtime: Runtime,
        journal: JournalWriter,
        acts: Acts,
        give: Callable[[Command, "Future[Receipt]"], None],
        *,
        flatten_s: float,
        receipt_s: float,
    ) -> None:
        self._runtime = runtime
        self._journal = journal
        self._acts = acts
        self._give = give
        self._flatten_s = flatten_s
        self._receipt_s = receipt_s
        self._resort: LastResort | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()
        self._held = ExitStack()
        self._closed = False

    @property
    def shut_off(self) -> bool:
        """Whether the strategy is mute."""
        return self._resort is not None

    def is_flat(self) -> bool | None:
        """By Nautilus's books of the venue, once the strategy's own are worth nothing; None while they are."""
        return None if self._resort is None else self._resort.is_flat()

    def flatten(self, command: Command, answer: "Future[Receipt]") -> None:
        """Carry out a flatten; `answer` gets its receipt in any case."""
        loop = asyncio.get_running_loop()
        if self.shut_off:
            self._go_past(command, answer, SHUT_OFF)
            return
        given: Future[Receipt] = Future()
        give_up = loop.call_later(self._receipt_s, self._go_past, command, answer, LATE)

        def judge(_: "Future[Receipt]") -> None:
            give_up.cancel()
            receipt = given.result()
            if receipt.result is Result.FAILED and not self._closed:
                reason = str(receipt.detail.get("reason", "the strategy failed"))
                loop.call_soon(self._go_past, command, answer, reason)
            elif not answer.done():
                answer.set_result(receipt)

        before = self._failures()
        self._give(command, given)
        if self._failures() > before:
            give_up.cancel()
            give_up = loop.call_later(min(STUMBLED_S, self._receipt_s), self._go_past, command, answer, STUMBLED)
        given.add_done_callback(judge)

    async def settle(self) -> None:
        """Wait for what is under way past the strategy; bounded by itself."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def close(self) -> None:
        """From here on the session ends: what the strategy leaves unanswered is no failure of it."""
        self._closed = True

    def _go_past(self, command: Command, answer: "Future[Receipt]", why: str) -> None:
        if not answer.done():
            task = asyncio.get_running_loop().create_task(self._flatten_past(command, answer, why), name="last-resort")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _flatten_past(self, command: Command, answer: "Future[Receipt]", why: str) -> None:
        async with self._one_at_a_time:
            try:
                receipt = await self._resort_to(command, why)
            except Exception as error:  # noqa: BLE001 - nothing comes after the last resort, but an answer is owed
                detail = {"reason": f"{type(error).__name__}: {error}", "path": PATH, "why": why}
                receipt = Receipt(act_id="", command=command.text, result=Result.FAILED, detail=detail)
        self._runtime.strategy.publish()
        if not answer.done():
            answer.set_result(receipt)

    async def _resort_to(self, command: Command, why: str) -> Receipt:
        strategy = self._runtime.strategy
        act_id = self._acts.begin(command.text, {"path": PATH, "why": why}, Origin.SYSTEM)
        resort = self._resort
        if resort is None:
            resort = self._resort = LastResort(
                self._runtime.kernel,
                strategy.config.instrument_id,
                strategy.now,
                self._runtime.nudge,
                self._journal,
                _StrategyNotes(strategy),
            )
            self._shut(strategy, resort.session, f"flattened past the strategy, which failed: {why}")
        legs = frozenset(Leg) if command.leg is None else frozenset({command.leg})
        outcome = await resort.flatten(legs, self._flatten_s, self._mid())
        detail = {**outcome.legs, "path": PATH, "why": why}
        if not outcome.flat:
            detail["reason"] = "not verified in time"
        return self._acts.answer(act_id, command.text, Result.DONE if outcome.flat else Result.TIMEOUT, detail)

    def _failures(self) -> int:
        """The latest exception that the strategy has contained in a command, by its number."""
        errors = self._runtime.strategy.snapshot.errors
        return max((error.number for error in errors if error.where == "command"), default=0)

    def _mid(self) -> Decimal | None:
        return self._runtime.strategy.snapshot.market.mid

    def _shut(self, strategy: HedgeGridStrategy, session: str, reason: str) -> None:
        """Nothing leaves the strategy any more; what it can still book of the closes it books."""
        strategy.mute()
        try:
            if strategy.grid is not None:
                self._take_the_brain_out(strategy.grid, session, reason)
                return
        except Exception:  # noqa: BLE001 - whatever is broken, the latch comes into the journal
            self._held.close()
        latched = Latches(halted=reason, halts=(Halt.CRITICAL,))
        now = strategy.snapshot.ts
        self._journal.write("state", now, name=DoorState.HALTED, reason=reason, latched=latched)

    def _take_the_brain_out(self, grid: HedgeGrid, session: str, reason: str) -> None:
        """No pass any more, and the halt latched where the screen reads it."""
        self._held.enter_context(grid.passes_held())
        desk = self._runtime.strategy.desk
        if desk is not None:
            desk.flattener.shown = None
        grid.books.know(session)
        halts = tuple(sorted({*grid.door.latches.halts, Halt.CRITICAL}))
        grid.door.set(halted=reason, halts=halts, flattening=None, legs=())
        grid.errors.record(self._runtime.strategy.now(), "flatten", PATH, reason, critical=True)


class _StrategyNotes:
    """What a strategy that may be broken has noted all the same."""

    def __init__(self, strategy: HedgeGridStrategy) -> None:
        self._strategy = strategy

    def has_booked(self, fill: Fill) -> bool:
        with contextlib.suppress(Exception):
            return self._strategy.grid is not None and self._strategy.grid.books.has_seen(fill)
        return False

    def holds_open(self, order_id: str) -> bool:
        with contextlib.suppress(Exception):
            return self._strategy.grid is not None and self._strategy.grid.index.get(order_id) is not None
        return False
