"""Owns the engine's thread and loop: starts the session, takes commands in, publishes snapshots, ends it in time."""

import asyncio
import contextlib
import functools
import gc
import importlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hedgegrid_tui.engine.acts import Acts
from hedgegrid_tui.engine.log_tap import LogTap
from hedgegrid_tui.engine.plan import INTERNAL_ERROR, NOT_FLAT_AS_ASKED, OUTCOME_UNKNOWN, Mode, SessionPlan
from strategy.control import Command, CommandName, Ending, Origin, Receipt, Result
from strategy.domain import NS_PER_S
from strategy.journal import Journal
from strategy.past import Past, read_past
from strategy.risk_config import OnDisconnect
from strategy.snapshot import EnginePhase, EngineStatus, Snapshot

if TYPE_CHECKING:
    from hedgegrid_tui.engine.escalation import Escalation
    from hedgegrid_tui.engine.runtime import Runtime

PUBLISH_S: Final = 0.25
JOIN_S: Final = 30.0
"""A stop that takes longer is given up, and the outcome is unknown."""
RECEIPT_GRACE_S: Final = 2.0
"""Beyond its own deadline, a flatten or an ending's command gets this long for its receipt."""
LAST_LINES: Final = 3

FLAT, NOT_FLAT, UNKNOWN = "flat", "not_flat", "unknown"


class EngineHost:
    """An engine in its own thread; implements `hedgegrid_tui.ports.Engine`. One host runs one session."""

    def __init__(self, plan: SessionPlan, journal: Journal, tap: LogTap | None = None) -> None:
        self._plan = plan
        self._journal = journal
        self._tap = tap
        self._status = EngineStatus()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runtime: Runtime | None = None
        self._escalation: Escalation | None = None
        self._acts = Acts(journal, lambda: self.snapshot)
        self._ending: asyncio.Future[Ending] | None = None
        self._lock = threading.Lock()
        self._wanted_ending: Ending | None = None
        self._ended_by = Origin.OPERATOR
        self._disconnected: tuple[OnDisconnect, str] | None = None
        """A loss of the terminal that is not journalled yet: the policy, and what happened."""
        self._flat = UNKNOWN
        self._last = Snapshot(mode=plan.mode, instrument=plan.instrument)
        self._begun = False
        self._over = threading.Event()
        self._given_up = False
        """Whether a stop was waited for in vain."""
        self._beat: float | None = None
        """`time.monotonic()` of the loop's last turn."""
        self.on_snapshot: Callable[[Snapshot], None] = lambda _: None
        """Called on the engine's loop after each publication; must be quick and must not block."""
        self.on_receipt: Callable[[Receipt], None] = lambda _: None
        """Called with every receipt, under the same rule."""
        self.exit_code = 0
        """What the process should say of the session once it is over."""
        self.first_ns = 0
        """Engine time at which the session began."""

    # -- hedgegrid_tui.ports.Engine ------------------------------------------------------------------------------

    @property
    def snapshot(self) -> Snapshot:
        """The latest picture: one reference read."""
        runtime = self._runtime
        return self._last if runtime is None or not runtime.strategy.snapshot.seq else runtime.strategy.snapshot

    @property
    def status(self) -> EngineStatus:
        """How far the engine has come."""
        return self._status

    @property
    def stood_s(self) -> float:
        """For how long the engine's loop has done nothing beyond its usual pause, seconds; 0 while it does not run."""
        beat = self._beat
        return 0.0 if beat is None or self._runtime is None else max(0.0, time.monotonic() - beat - PUBLISH_S)

    @property
    def is_stuck(self) -> bool:
        """Whether it has done nothing for too long; a tape takes its turns as its speed wants."""
        return self._plan.mode is not Mode.REPLAY and self.stood_s * 1000 > self._plan.config.watchdog.loop_stall_ms

    def log_lines(self) -> Sequence[str]:
        """What libraries wrote to standard error, the latest lines."""
        return self._tap.lines() if self._tap is not None else ()

    def journal_lines(self, after: int) -> Sequence[bytes]:
        """What the session has put on record behind line `after`, of the latest lines."""
        return self._journal.latest(after)

    def start(self) -> None:
        """Start the engine's thread; progress and failure show in `status`."""
        with self._lock:
            if self._thread is not None:
                return
            self._thread = threading.Thread(target=self._run_thread, name="engine", daemon=True)
        self._thread.start()

    def send(self, command: Command) -> Future[Receipt]:
        """Hand a command to the engine's loop."""
        answer: Future[Receipt] = Future()
        loop = self._loop
        if loop is None or self._runtime is None or self._over.is_set():
            answer.set_result(self._refusal(command, "the engine is not running"))
            return answer
        try:
            loop.call_soon_threadsafe(self._carry_out, command, answer)
        except RuntimeError:
            answer.set_result(self._refusal(command, "the engine has ended"))
        return answer

    def disconnect(self, policy: OnDisconnect, why: str) -> None:
        """Journal that the terminal has gone, and pause where the policy says so; an ending is left to the caller.

        Before the engine runs it waits until it does.
        """
        with self._lock:
            self._disconnected = policy, why
            loop, runtime = self._loop, self._runtime
        if loop is not None and runtime is not None and not self._over.is_set():
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._note_disconnect)

    def stop(self, ending: Ending = Ending.LEAVE, by: Origin = Origin.OPERATOR) -> str:
        """End the session as `by` wants it; the first ending holds, whoever asks for another.

        Blocks until the thread is done, or for twice a flatten's own time and half a minute at most.
        """
        with self._lock:
            self._want(ending, by)
            thread, loop = self._thread, self._loop
        if thread is None:
            return FLAT
        if self._given_up:
            return UNKNOWN
        if loop is not None and not self._over.is_set():
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._take_ending)
        thread.join(JOIN_S + self._receipt_s + self._flatten_s)
        if thread.is_alive():
            self._given_up = True
            self.exit_code = OUTCOME_UNKNOWN
            return UNKNOWN
        return self._flat

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the session is over; false where `timeout` (seconds) came first."""
        return self._over.wait(timeout)

    def _want(self, ending: Ending, by: Origin) -> None:
        if self._wanted_ending is None:
            self._wanted_ending, self._ended_by = ending, by

    @property
    def _flatten_s(self) -> float:
        """Seconds that a flatten may take, on the market's clock."""
        return self._plan.config.execution.flatten_timeout_ms / 1000

    @property
    def _receipt_s(self) -> float:
        """Real seconds after which a flatten's receipt is waited for no more."""
        slowness = 1 / self._plan.speed if 0 < self._plan.speed < 1 else 1.0
        return self._flatten_s * slowness + RECEIPT_GRACE_S

    # -- on the engine's thread ------------------------------------------------------------------------------------

    def _run_thread(self) -> None:
        try:
            with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                runner.run(self._session())
        except Exception as error:  # noqa: BLE001 - shown in place; the app goes on
            self.exit_code = getattr(error, "exit_code", INTERNAL_ERROR)
            self._set(EnginePhase.FAILED, _words(error))
        finally:
            self._write_stop()
            self._over.set()

    async def _session(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ending = self._loop.create_future()
        self._set(EnginePhase.LOADING, "loading NautilusTrader")
        await asyncio.sleep(0)
        runtime: Runtime | None = None
        try:
            past = self._read_past()
            runtime = self._build(past)
            if self._wanted_ending is not None:  # told to end while loading: nothing has left, and nothing may
                self._end_before_it_began(self._wanted_ending)
                return
            self._write_start(getattr(runtime, "first_ns", time.time_ns()), past)
            self._set(EnginePhase.CONNECTING, "starting the engine")
            if not await self._has_started(runtime):
                return
            gc.collect()
            gc.freeze()  # to look through all that Nautilus has loaded would hold the loop for 0.1 s, now and then
            self._escalation = self._escalate(runtime)
            with self._lock:
                self._runtime = runtime
            self.first_ns = runtime.strategy.snapshot.ts
            runtime.on_progress = functools.partial(self._tick, runtime)
            self._set(EnginePhase.RUNNING, "")
            self._note_disconnect()
            self._begin_as_asked()
            await self._serve(runtime)
        finally:
            flat = None
            if self._escalation is not None:
                self._escalation.close()
                flat = self._escalation.is_flat()
            gc.unfreeze()
            if runtime is not None:
                await runtime.stop()
            self._keep_last(runtime, flat)

    async def _has_started(self, runtime: "Runtime") -> bool:
        """Start it; false where the session was told to end before anything could leave.

        Raises:
            StartError: It did not come up.
        """
        starting = asyncio.create_task(runtime.start(), name="start")
        try:
            while not starting.done():
                watched: list[asyncio.Future[Any]] = [starting]
                if self._ending is not None and not self._ending.done():
                    watched.append(self._ending)
                await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
                if self._wanted_ending is not None and not starting.done() and not runtime.has_begun:
                    self._end_before_it_began(self._wanted_ending)
                    return False
            starting.result()
        finally:
            starting.cancel()
            await asyncio.wait([starting])
        return True

    def _begin_as_asked(self) -> None:
        """Carry out what was chosen for orders and positions that were found at the venue."""
        if self._plan.mode.trades_an_account:
            start = importlib.import_module("hedgegrid_tui.engine.binance.session_start")
            command = start.command_at_start(self._plan.at_start)
            if command is not None:
                self._carry_out(command, Future())

    def _read_past(self) -> Past:
        """What this session takes over from those before it.

        Raises:
            JournalError: The journal cannot be used.
        """
        if self._plan.mode is Mode.REPLAY:
            return Past()
        past = read_past(self._journal.path)
        if self._plan.fresh_venue:
            past = past.at_fresh_venue()
        if self._plan.mode.trades_an_account:
            start = importlib.import_module("hedgegrid_tui.engine.binance.session_start")
            past = start.held_back(past, self._plan.at_start)
        return past.unlatched() if self._plan.fresh else past

    def _build(self, past: Past) -> "Runtime":
        """Import Nautilus only here, in the engine's thread, after the first paint."""
        importlib.import_module("hedgegrid_tui.engine.nautilus_log").start_logging(self._plan.state_dir)
        runtime: Runtime
        if self._plan.mode is Mode.REPLAY:
            runtime = importlib.import_module("hedgegrid_tui.engine.replay").ReplayRuntime(self._plan, self._journal)
        elif self._plan.mode.is_on_binance:
            module = importlib.import_module("hedgegrid_tui.engine.binance.node")
            progress = functools.partial(self._set, EnginePhase.CONNECTING)
            runtime = module.BinanceRuntime(self._plan, self._journal, self._last_errors, past, progress)
        else:
            module = importlib.import_module("hedgegrid_tui.engine.node")
            runtime = module.NodeRuntime(self._plan, self._journal, self._last_errors, past)
        return runtime

    async def _serve(self, runtime: "Runtime") -> None:
        ending = self._ending
        if ending is None:
            raise RuntimeError("the session has no ending to wait for")
        if self._wanted_ending is not None:
            self._take_ending()
        market = asyncio.create_task(runtime.run(), name="market")
        publisher = asyncio.create_task(self._publish(runtime), name="publisher")
        try:
            watched: list[asyncio.Future[Any]] = [market, publisher, ending]
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            if publisher.done():
                publisher.result()
            if market.done() and not ending.done():
                self._market_over(market)
                await ending
            await self._end(runtime, ending.result())
        finally:
            market.cancel()
            publisher.cancel()
            await asyncio.wait([market, publisher])

    def _market_over(self, market: "asyncio.Task[str]") -> None:
        """A tape's end is an end like another; a node that ends by itself is a failure."""
        if self._plan.mode is not Mode.REPLAY:
            raise RuntimeError(market.result())
        self._set(EnginePhase.ENDED, market.result())

    def _escalate(self, runtime: "Runtime") -> "Escalation":
        escalation: Escalation = importlib.import_module("hedgegrid_tui.engine.escalation").Escalation(
            runtime, self._journal, self._acts, self._give, flatten_s=self._flatten_s, receipt_s=self._receipt_s
        )
        return escalation

    def _end_before_it_began(self, ending: Ending) -> None:
        self._flat = FLAT if self._plan.fresh_venue else UNKNOWN
        if self._flat == UNKNOWN and ending is Ending.FLATTEN:
            self.exit_code = OUTCOME_UNKNOWN
        self._set(EnginePhase.STOPPING, "ended before it began")

    async def _end(self, runtime: "Runtime", ending: Ending) -> None:
        """Carry out the ending as an act of its own, with a receipt that tells what was reached."""
        self._set(EnginePhase.STOPPING, f"ending: {ending}")
        act_id = self._acts.begin("quit", {"ending": ending}, self._ended_by)
        reached = Result.DONE
        commands = {Ending.CANCEL: CommandName.CANCEL_ENTRIES, Ending.FLATTEN: CommandName.FLATTEN}
        if ending in commands:
            if ending is Ending.CANCEL and self._ended_by is not Origin.OPERATOR:
                # An operator's cancel pauses; a control's does not, since it has shut the door before.
                pause = Command(CommandName.PAUSE, origin=self._ended_by, reason=f"ending: {ending}")
                self._carry_out(pause, Future())
            answer: Future[Receipt] = Future()
            self._carry_out(Command(commands[ending], origin=self._ended_by), answer)
            limit = self._receipt_s + self._flatten_s + RECEIPT_GRACE_S
            try:
                reached = (await asyncio.wait_for(asyncio.wrap_future(answer), limit)).result
            except TimeoutError:
                reached = Result.TIMEOUT
        escalation = self._escalation
        if escalation is not None:
            await escalation.settle()
        await runtime.release()
        runtime.strategy.publish()
        is_flat = self._is_flat(None if escalation is None else escalation.is_flat())
        if ending is Ending.FLATTEN and (reached is not Result.DONE or not is_flat):
            self.exit_code = NOT_FLAT_AS_ASKED
        if ending is Ending.CANCEL and reached is not Result.DONE:
            self.exit_code = OUTCOME_UNKNOWN
        detail = {"ending": ending, "flat": FLAT if is_flat else NOT_FLAT}
        self.on_receipt(self._acts.answer(act_id, "quit", reached, detail))

    def _is_flat(self, past_the_strategy: bool | None) -> bool:
        """By the strategy's books, unless something else had to be asked."""
        return self.snapshot.is_flat if past_the_strategy is None else past_the_strategy

    async def _publish(self, runtime: "Runtime") -> None:
        flush = importlib.import_module("hedgegrid_tui.engine.nautilus_log").flush_log
        self._beat = time.monotonic()
        while True:
            stood, was_stuck = self.stood_s, self.is_stuck
            self._status = msgspec.structs.replace(self._status, lag_ms=int(stood * 1000))
            self._beat = time.monotonic()
            if was_stuck:
                runtime.strategy.stood_still(int(stood * NS_PER_S))
            self._tick(runtime)
            runtime.strategy.tidy()
            flush()
            await asyncio.sleep(PUBLISH_S)

    def _tick(self, runtime: "Runtime") -> None:
        """Publish, and end the session when the market time that it may take is over."""
        runtime.strategy.publish()
        snapshot = runtime.strategy.snapshot
        self.on_snapshot(snapshot)
        seconds = self._plan.seconds
        if seconds is not None and snapshot.ts - self.first_ns >= seconds * NS_PER_S:
            self._want(Ending.LEAVE, Origin.SYSTEM)
            self._take_ending()

    def _carry_out(self, command: Command, answer: Future[Receipt]) -> None:
        escalation = self._escalation
        if self._runtime is None or escalation is None:
            answer.set_result(self._refusal(command, "the engine is not running"))
            return
        answer.add_done_callback(self._pass_on)
        if command.name is CommandName.FLATTEN:
            escalation.flatten(command, answer)
        elif escalation.shut_off:
            answer.set_result(self._refusal(command, "the strategy failed and is shut off: end this session"))
        else:
            self._give(command, answer)

    def _give(self, command: Command, answer: Future[Receipt]) -> None:
        """Let the strategy carry out a command; whatever it raises is an answer too."""
        runtime = self._runtime
        if runtime is None:
            answer.set_result(self._refusal(command, "the engine is not running"))
            return
        try:
            runtime.strategy.command(command, answer)
            runtime.nudge()
            runtime.strategy.publish()
        except Exception as error:  # noqa: BLE001 - whoever asked is owed an answer
            if not answer.done():
                detail = {"reason": _words(error)}
                answer.set_result(Receipt(act_id="", command=command.text, result=Result.FAILED, detail=detail))

    def _pass_on(self, answer: Future[Receipt]) -> None:
        """An ending that was given up has no receipt to pass on."""
        if not answer.cancelled():
            self.on_receipt(answer.result())

    def _note_disconnect(self) -> None:
        """Journal a loss of the terminal as an act of the system; pause where the policy says so."""
        with self._lock:
            lost, self._disconnected = self._disconnected, None
        if lost is None:
            return
        policy, why = lost
        act_id = self._acts.begin("disconnect", {"policy": policy, "why": why}, Origin.SYSTEM)
        result = Result.DONE
        if policy is OnDisconnect.PAUSE:
            answer: Future[Receipt] = Future()
            self._carry_out(Command(CommandName.PAUSE, origin=Origin.SYSTEM, reason=why), answer)
            result = answer.result().result if answer.done() else Result.FAILED
        self.on_receipt(self._acts.answer(act_id, "disconnect", result, {"policy": policy}))

    def _take_ending(self) -> None:
        if self._ending is not None and not self._ending.done() and self._wanted_ending is not None:
            self._ending.set_result(self._wanted_ending)

    # -- records ---------------------------------------------------------------------------------------------------

    def _write_start(self, now: int, past: Past) -> None:
        plan = self._plan
        self._begun = True
        self._journal.write(
            "session.start", now, mode=plan.mode, instrument=plan.instrument, version=plan.version,
            config=plan.config.digest(), pid=os.getpid(), restored=list(past.latched),
            fresh_venue=plan.fresh_venue,
            torn_line_dropped=self._journal.torn,
        )  # fmt: skip

    def _keep_last(self, runtime: "Runtime | None", past_the_strategy: bool | None) -> None:
        snapshot = self.snapshot
        if runtime is not None and snapshot.seq:
            self._flat = FLAT if self._is_flat(past_the_strategy) else NOT_FLAT
        self._last, self._runtime = snapshot, None

    def _write_stop(self) -> None:
        """The last word, once the exit status is known; a session that never began gets none."""
        if self._begun:
            now = self._last.ts or time.time_ns()
            self._journal.write("session.stop", now, flat=self._flat, exit_code=self.exit_code)
        if self._status.phase is EnginePhase.STOPPING:
            self._set(EnginePhase.STOPPED, "")

    def _set(self, phase: EnginePhase, detail: str) -> None:
        self._status = EngineStatus(phase, detail)

    def _refusal(self, command: Command, reason: str) -> Receipt:
        return Receipt(act_id="", command=command.text, result=Result.REFUSED, detail={"reason": reason})

    def _last_errors(self) -> str:
        return " · ".join(self.log_lines()[-LAST_LINES:]) or "no cause was given"


def _words(error: BaseException) -> str:
    text = str(error)
    return text if hasattr(error, "exit_code") else f"{type(error).__name__}: {text}"
