"""One rehearsed session: the host with its live node on a staged market, driven from outside of the engine's loop."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, override

import msgspec

from hedgegrid_tui import __version__
from hedgegrid_tui.drill_report import Figure
from hedgegrid_tui.engine.drill.market import StagedMarket, market_factory
from hedgegrid_tui.engine.drill.venue import Heard, WatchedVenue, venue_factory
from hedgegrid_tui.engine.host import EngineHost
from hedgegrid_tui.engine.nautilus_log import start_logging
from hedgegrid_tui.engine.node import NodeRuntime
from hedgegrid_tui.engine.plan import Mode, SessionPlan
from hedgegrid_tui.engine.runtime import Runtime
from strategy.config import Config, load_config
from strategy.control import Command, CommandName, Ending, Receipt, Result
from strategy.domain import NS_PER_MS, Leg, Role
from strategy.hedge_grid import HedgeGridStrategy
from strategy.journal import Journal
from strategy.past import Past
from strategy.snapshot import EnginePhase, Snapshot

START_S: Final = 30.0
PATIENCE_S: Final = 5.0
"""For what should come about at once; far beyond every bound that is judged."""
LOOK_S: Final = 0.005
NEAR: Final = Decimal(1)
"""A quote within this of the market's price wobbles around it, quote."""
PLAIN: Final = (
    "placement.counter_share=1", "placement.core_share=1", "funding.window_minutes=0", "limits.max_messages=100000",
)  # fmt: skip
"""Whole ladders whatever trend the made-up history shows; requests without end."""


class Failed(Exception):  # noqa: N818 - a step's word, not an error of the program
    """A step that did not go as it should; the text says what."""


class Answer(msgspec.Struct, frozen=True):
    """A receipt and how long it took, ms."""

    receipt: Receipt
    ms: float


class Notes:
    """The figures of one step, in their sequence."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []

    def add(self, name: str, value: float | str, unit: str = "", most: float | None = None) -> None:
        """Note a figure; beyond `most` the step fails."""
        shown = round(value, 3) if isinstance(value, float) else value
        self.figures.append(Figure(name, shown, unit, most))


class StagedHost(EngineHost):
    """A host whose node gets the staged market and the watched venue."""

    market: StagedMarket
    venue: WatchedVenue

    @override
    def _build(self, past: Past) -> Runtime:
        start_logging(self._plan.state_dir)
        return NodeRuntime(
            self._plan,
            self._journal,
            self._last_errors,
            past,
            market=market_factory(self._take_market),
            venue=venue_factory(self._take_venue),
        )

    @property
    def strategy(self) -> HedgeGridStrategy:
        """The strategy of the running session.

        Raises:
            Failed: None runs.
        """
        if self._runtime is None:
            raise Failed(f"the engine has ended: {self.status.detail or self.status.phase}")
        return self._runtime.strategy

    def do[T](self, act: Callable[[], T]) -> T:
        """Run something on the engine's loop and give its outcome."""
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(act())
            except Exception as error:  # noqa: BLE001 - raised where it was asked for
                done.set_exception(error)

        if self._loop is None:
            raise Failed("the engine has no loop")
        self._loop.call_soon_threadsafe(run)
        return done.result(PATIENCE_S)

    def _take_market(self, market: StagedMarket) -> None:
        self.market = market

    def _take_venue(self, venue: WatchedVenue) -> None:
        self.venue = venue


def stage_config(sets: Sequence[str]) -> Config:
    """The configuration of a rehearsed session.

    Raises:
        ConfigError: The overrides break a rule.
    """
    return load_config(None, [*PLAIN, *sets])


class Stage:
    """A session that runs while the stage is entered; every member is used from the drill's thread."""

    def __init__(self, folder: Path, sets: Sequence[str]) -> None:
        folder.mkdir(parents=True)
        self.config = stage_config(sets)
        self.journal = folder / "journal.jsonl"
        self._file = Journal(self.journal)
        plan = SessionPlan(
            mode=Mode.SIM, config=self.config, state_dir=folder, version=__version__, scenario="calm", fresh=True
        )
        self.host = StagedHost(plan, self._file)

    def __enter__(self) -> Self:
        """Start the session.

        Raises:
            Failed: The engine did not come up.
        """
        self.host.start()
        deadline = time.monotonic() + START_S
        while self.host.status.phase is not EnginePhase.RUNNING:
            if self.host.status.phase is EnginePhase.FAILED or time.monotonic() > deadline:
                detail = self.host.status.detail
                self._end()
                raise Failed(f"the engine did not start: {detail}")
            time.sleep(LOOK_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self.host.stop(Ending.LEAVE)
        self._file.close()

    # -- acts ------------------------------------------------------------------------------------------------------

    def move(self, mid: Decimal) -> None:
        """Let the market jump to a price in one quote, and see that it has reached the strategy."""
        before = self.look().market.quotes
        self.host.do(lambda: self.host.market.move(mid))
        self.until("the jump of the price", lambda now: now.market.quotes > before and _is_at(now, mid))

    def set_pace(self, quotes_per_second: int) -> None:
        """Change how often the market quotes."""
        self.host.do(lambda: setattr(self.host.market, "pace", quotes_per_second))

    def set_silent(self, silent: bool) -> None:
        """Lose the feed, or get it back."""
        self.host.do(lambda: setattr(self.host.market, "silent", silent))

    def set_rejecting(self, rejecting: bool) -> None:
        """Let the venue refuse every new entry, or take them again."""
        self.host.do(lambda: setattr(self.host.venue, "rejecting", rejecting))

    def ask(self, name: CommandName, want: Result = Result.DONE, share: Decimal | None = None) -> Answer:
        """Press a key and wait for its receipt.

        Raises:
            Failed: There was none in time, or it says something else than `want`.
        """
        started = time.perf_counter_ns()
        command = Command(name, share=share)
        try:
            receipt = self.host.send(command).result(PATIENCE_S + self.config.execution.flatten_timeout_ms / 1000)
        except TimeoutError:
            raise Failed(f"{command.text}: no receipt") from None
        answer = Answer(receipt, (time.perf_counter_ns() - started) / NS_PER_MS)
        if receipt.result is not want:
            raise Failed(f"{command.text}: {receipt.result}, not {want}: {receipt.detail.get('reason', '')}")
        return answer

    # -- looks -----------------------------------------------------------------------------------------------------

    def look(self) -> Snapshot:
        """A snapshot of this moment."""

        def publish() -> Snapshot:
            self.host.strategy.publish()
            return self.host.strategy.snapshot

        return self.host.do(publish)

    def until(self, what: str, condition: Callable[[Snapshot], bool], seconds: float | None = None) -> Snapshot:
        """The first snapshot of which something is true.

        Raises:
            Failed: It did not come about; with what was waited for and how it stood.
        """
        seconds = PATIENCE_S if seconds is None else seconds
        deadline = time.monotonic() + seconds
        while True:
            snapshot = self.look()
            if condition(snapshot):
                return snapshot
            if time.monotonic() > deadline:
                raise Failed(f"not within {seconds:.0f} s: {what}; {_standing(snapshot)}")
            time.sleep(LOOK_S)

    def watch(self, seconds: float, wrong: Callable[[Snapshot], str]) -> None:
        """See that something stays as it is.

        Raises:
            Failed: It did not; with what `wrong` said.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            words = wrong(self.look())
            if words:
                raise Failed(words)
            time.sleep(LOOK_S)

    def forget_heard(self) -> None:
        """Begin to listen anew."""
        self.host.do(self.host.venue.heard.clear)

    def heard(self, kind: str, role: Role = Role.ENTRY) -> list[Heard]:
        """What the venue said since `forget_heard`, of orders of one role."""
        said = self.host.do(lambda: list(self.host.venue.heard))
        return [each for each in said if each.kind == kind and each.key.role is role]

    def resting(self, *roles: Role) -> set[str]:
        """Ids of the orders of these roles that rest at the venue."""
        orders = self.host.do(self.host.venue.open_orders)
        return {order.id for order in orders if order.key.role in roles}

    def lines(self, kind: str, **fields: object) -> list[dict[str, Any]]:
        """The journal's lines of a kind with these fields, oldest first."""
        return [
            line
            for line in self.journal_lines()
            if line["kind"] == kind and all(line.get(name) == value for name, value in fields.items())
        ]

    def journal_lines(self) -> list[dict[str, Any]]:
        """Every line, oldest first."""
        return [msgspec.json.decode(line) for line in self.journal.read_bytes().splitlines()]

    # -- what several steps begin with -------------------------------------------------------------------------------

    @property
    def rungs(self) -> int:
        """Of both sides."""
        return 2 * self.config.grid.levels

    def step(self) -> Decimal:
        """Distance between rungs, quote."""
        return self.host.market.mid * self.config.grid.step_bps / 10_000

    def build(self) -> Snapshot:
        """Wait for whole ladders: an entry at every rung that no lot occupies."""

        def whole(snapshot: Snapshot) -> bool:
            rungs = (*snapshot.ladders.long, *snapshot.ladders.short)
            free = sum(rung.lot is None for rung in rungs)
            return bool(rungs) and len(self.resting(Role.ENTRY)) == snapshot.open_entries == free

        return self.until("whole ladders", whole)

    def hold_both(self, lots: int) -> Snapshot:
        """Fill that many rungs of each leg, nearest first, and come back to the centre."""
        self.build()
        centre = self.host.market.mid
        reach = (lots + Decimal("0.5")) * self.step()
        for leg in Leg:
            self.move(centre - leg.sign * reach)
            self.until(f"{lots} {leg} lots, covered", lambda now, leg=leg: _covered(now, leg, lots))  # type: ignore[misc]
        self.move(centre)
        return self.build()


def _is_at(snapshot: Snapshot, mid: Decimal) -> bool:
    at = snapshot.market.mid
    return at is not None and abs(at - mid) < NEAR


def _covered(snapshot: Snapshot, leg: Leg, lots: int) -> bool:
    view = snapshot.leg(leg)
    return view.lots == lots and view.qty == view.sl_qty == view.tp_qty


def _standing(snapshot: Snapshot) -> str:
    return (
        f"{snapshot.state} ({snapshot.state_reason}), long {snapshot.long.qty} in {snapshot.long.lots} lots, short "
        f"{snapshot.short.qty} in {snapshot.short.lots}, {snapshot.open_entries} entries, {snapshot.open_exits} exits"
    )
