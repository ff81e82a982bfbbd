"""One seeded run: market, venue, line, engine, host and operator under one clock, checked after every event."""

import hashlib
import heapq
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from hedgegrid_tui.engine.instruments import perpetual
from strategy.config import Config, load_config
from strategy.control import Command, Receipt
from strategy.hedge_grid import HedgeGridConfig, HedgeGridStrategy
from strategy.journal import Journal
from strategy.past import read_past
from tests.journal_reader import read_journal
from tests.simulation.checker import BrokenInvariantError, Checker
from tests.simulation.history import past_minutes
from tests.simulation.mischief import Mischief
from tests.simulation.operator import Operator
from tests.simulation.settings import ALWAYS, PRICE, draw
from tests.simulation.treasury import Treasury
from tests.venue.backtest import Engine
from tests.venue.core import Filters, Order, Request, Trade, Venue
from tests.venue.faults import MS, Chance, Faults, S
from tests.venue.faults import draw as draw_faults
from tests.venue.link import Link

START_NS = 1_700_000_000 * S
SETTLE_S = 150
TRACE_KEPT = 30
WAKES_PER_S = 500
"""More is a strategy that wakes itself without end."""
HOST_NS = 250 * MS
BEFORE_MIDNIGHT_NS = 1_700_006_400 * S - 15 * S
"""A day of UTC ends a quarter of a minute after that."""
DAY_S = 86_400


@dataclass(frozen=True)
class Plan:
    """What a run is made of."""

    seed: int
    faults: Faults | None = None
    """None draws a mix from the seed."""
    seconds: int | None = None
    overrides: tuple[str, ...] | None = None
    acts: bool = True
    plain: bool = False
    ignore: frozenset[int] = frozenset()
    """Invariants that are not looked at, to see what is behind them."""
    max_restarts: int = 2
    transfers: bool = True
    """Whether money is deposited and withdrawn, and funding settled."""


@dataclass
class Outcome:
    """What came of a run."""

    seed: int
    hash: str = ""
    events: int = 0
    fills: int = 0
    orders: int = 0
    checks: int = 0
    restarts: int = 0
    running_s: float = 0.0
    """For how long the door was open."""
    seen: Counter[str] = field(default_factory=Counter)
    """Acts and the states that they met, their receipts, denials, alarms."""
    injected: Counter[str] = field(default_factory=Counter)
    broken: str = ""
    number: int = 0
    at_s: float = 0.0
    trace: list[str] = field(default_factory=list)


class World:
    """Everything of one run; `run` gives its outcome and never raises for a broken invariant."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.rng = random.Random(plan.seed)
        faults = draw_faults(self.rng) if plan.faults is None else plan.faults
        self.chance = Chance(random.Random(plan.seed + 1), faults)
        overrides = draw(self.rng) if plan.overrides is None else (*ALWAYS, *plan.overrides)
        self.config: Config = load_config(None, overrides)
        self.instrument = perpetual(self.config.instrument, self.config.account.leverage)
        self.seconds = self.rng.randint(15, 40) if plan.seconds is None else plan.seconds
        self.now = self.began = BEFORE_MIDNIGHT_NS if self._draws(0.15) else START_NS
        self.end = self.began + self.seconds * S
        self.first_ns = self.began - (self.rng.choice((DAY_S, 2 * DAY_S)) - 12) * S if self._draws(0.3) else self.began
        """When the journal's first session began: the ramp climbs during some runs."""
        self.journal_path = folder / "journal.jsonl"
        self.outcome = Outcome(plan.seed, injected=self.chance.injected)
        self.trace: deque[str] = deque(maxlen=TRACE_KEPT)
        self.verbose = False
        settings = self.config.instrument
        filters = Filters(
            tick=settings.tick_size,
            step=settings.step_size,
            min_qty=settings.min_qty,
            max_qty=settings.max_qty,
            min_notional=settings.min_notional,
            maker_fee=settings.maker_fee,
            taker_fee=settings.taker_fee,
            leverage=Decimal(self.config.account.leverage),
        )
        self.venue = Venue(filters, self.config.account.starting_balance, lambda _notice: None)
        self.venue.piece = self._piece
        self.link = Link(self.venue, self.chance, self.schedule, lambda: self.now)
        self.checker = Checker(self.link, self.journal_path, self.config, plain=plan.plain, ignore=plan.ignore)
        self.operator = Operator(self)
        self.treasury = Treasury(self)
        self.mischief = Mischief(self)
        self.journal: Journal | None = None
        self.engine: Engine | None = None
        self.strategy: Any = None
        self.mid = Decimal(PRICE)
        self.step = self.mid * self.config.grid.step_bps / 10_000
        self.swing = self.rng.choice((20, 45, 90))
        """Percent of a step that a quote moves at most."""
        self.feed_down_until = 0
        self.silent_until = 0
        self.settling = False
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._wakes = self._wakes_since = 0
        self._hosted = self.now
        self._ran = self.now

    def _draws(self, chance: float) -> bool:
        """Whether a run that is not made for a purpose has something."""
        return self.plan.overrides is None and self.rng.random() < chance

    # -- time ------------------------------------------------------------------------------------------------------

    def schedule(self, wait: int, act: Callable[[], None]) -> None:
        """Run something after so many ns of market time."""
        self._count += 1
        heapq.heappush(self._heap, (self.now + wait, self._count, act))

    def note(self, words: str) -> None:
        """A line of the trace."""
        line = f"{(self.now - self.began) / S:9.4f} {words}"
        self.trace.append(line)
        if self.verbose:
            print(line)

    def run(self) -> Outcome:
        """Play, settle, check; a broken invariant ends it."""
        outcome = self.outcome
        try:
            self._play()
        except BrokenInvariantError as error:
            outcome.broken, outcome.number = error.what, error.number
        except Exception as error:
            outcome.broken, outcome.number = f"{type(error).__name__} escaped: {error}", 24
            if self.verbose:
                raise
        finally:
            outcome.at_s = (self.now - self.began) / S
            outcome.fills = len(self.venue.trades)
            outcome.orders = len(self.venue.orders)
            outcome.checks = self.checker.checks
            outcome.seen = self.checker.record.seen
            outcome.trace = list(self.trace)
            self._close()
        outcome.hash = self.fingerprint()
        return outcome

    def fingerprint(self) -> str:
        """The venue's truth and the journal's lines, as one hash."""
        digest = hashlib.sha256()
        for line in self.venue.truth():
            digest.update(line.encode())
        digest.update(self.journal_path.read_bytes())
        return digest.hexdigest()

    def _play(self) -> None:
        if self.first_ns < self.began and not self.checker.record.lines:
            self._have_a_past()
        self._start()
        self._quote()
        self._host()
        self._second()
        while self.now < self.end:
            self.step_once()
        self._settle()
        strategy = self.strategy
        if not self.plan.plain:
            self.checker.rest.at_rest(strategy)
            self.checker.rest.at_end(self._reread())
        self._stop()

    def _reread(self) -> Any:
        try:
            return read_journal(self.journal_path)
        except Exception as error:
            raise BrokenInvariantError(22, f"the independent reader: {type(error).__name__}: {error}") from error

    def step_once(self) -> None:
        """The next thing that happens, and a look at everything after it."""
        alert = None if self.engine is None else self.engine.next_alert()
        if alert is not None and alert <= self._heap[0][0]:
            self.now = max(self.now, alert)
            assert self.engine is not None
            self._count_wake()
            self.engine.advance(self.now)
        else:
            self.now, _, act = heapq.heappop(self._heap)
            if self.engine is not None:
                self.engine.clock.set_time(self.now)
            act()
        self.outcome.events += 1
        if self.engine is not None:
            self.checker.after_event()
            if self.checker.record.state == "running":
                self.outcome.running_s += (self.now - self._ran) / S
        self._ran = self.now

    def _count_wake(self) -> None:
        if self.now - self._wakes_since > S:
            self._wakes_since, self._wakes = self.now, 0
        self._wakes += 1
        self.checker.require(25, self._wakes <= WAKES_PER_S, f"{self._wakes} wake-ups within a second")

    def _settle(self) -> None:
        """The faults stop, the market stands still, until venue and journal show nothing left to do."""
        while self.engine is None:
            self.step_once()
        self.note("the faults stop")
        self.settling = True
        self.chance.faults = Faults()
        self.link.down_until = min(self.link.down_until, self.now)
        self.feed_down_until = self.silent_until = self.now
        self.link.schedule(S, lambda: self.engine.teller.roll_call() if self.engine else None)
        limit, calm = self.now + SETTLE_S * S, 0
        while self.now < limit:
            until = self.now + S
            while self.now < until:
                self.step_once()
            calm = calm + 1 if self.checker.rest.is_reached() else 0
            if calm >= 3:
                return

    # -- the engine's life -----------------------------------------------------------------------------------------

    def _start(self) -> None:
        self.journal = Journal(self.journal_path)
        past = read_past(self.journal_path)
        self._write_start(self.journal, self.now, past.latched)
        self.checker.record.follow()
        engine = Engine(self.instrument, self.link, self.now, plain=self.plan.plain)
        fields: dict[str, Any] = {
            "strategy_id": "GRID-001", "order_id_tag": "001", "oms_type": "HEDGING",
            "instrument_id": self.instrument.id, "mode": "testnet", "linked_exits": False,
            "resizes_stops": False,
        }  # fmt: skip
        self.strategy = HedgeGridStrategy(
            HedgeGridConfig(**fields),
            self.config,
            self.journal,
            lambda callback: callback(),
            past,
        )
        engine.add(self.strategy)
        self.mischief.watch(engine)
        engine.restore(self.venue.orders.values())
        self.mischief.forget()
        engine.teller.told = self._on_told
        engine.teller.sends = self._on_sends
        self.engine = engine
        self._hosted = self.now
        self.checker.start()
        engine.run()
        if self.strategy.failure:
            raise BrokenInvariantError(24, f"the start failed: {self.strategy.failure}")
        self.mischief.infest(self.strategy)
        self.note("started")
        if self.config.regime.require_warm:
            self.checker.is_warm = False
            self.soon(3_000, self._warm)
        if self.plan.acts:
            self.operator.after_start()

    def soon(self, most_ms: int, act: Callable[[], None]) -> None:
        """Run something within so many ms, unless the engine has been replaced by then."""
        engine = self.engine
        self.schedule(self.chance.delay(0, most_ms), lambda: act() if self.engine is engine else None)

    @staticmethod
    def _write_start(journal: Journal, now: int, restored: Iterable[str]) -> None:
        journal.write(
            "session.start", now, mode="testnet", instrument="BTCUSDT", version="0", config="", pid=0,
            restored=list(restored), fresh_venue=False, torn_line_dropped=journal.torn,
        )  # fmt: skip

    def _have_a_past(self) -> None:
        """A first session long ago, in which nothing happened."""
        journal = Journal(self.journal_path)
        self._write_start(journal, self.first_ns, ())
        journal.write("session.stop", self.first_ns, flat="flat", exit_code=0)
        journal.close()

    def _warm(self) -> None:
        """The minutes of the last hours: a calm market, or one that goes somewhere."""
        bars = past_minutes(self.now, self.mid, self.rng.choice((-20, -2, 2, 20)))
        self.note("history comes")
        self.checker.is_warm = True
        self.strategy.take_history(bars)

    def stop(self) -> None:
        """A graceful stop."""
        assert self.engine is not None
        assert self.journal is not None
        self.note("stop")
        self.strategy.stop()
        self.checker.record.follow()
        owed = list(self.checker.record.acts)
        self.checker.require(12, not owed, f"stopped without a receipt for {owed}")
        self.journal.write("session.stop", self.now, flat="unknown", exit_code=0)
        self._leave()

    def kill(self, *, torn: bool) -> None:
        """The engine is abandoned as it stands."""
        self.note("kill, torn line" if torn else "kill")
        self._leave()
        if torn:
            with self.journal_path.open("ab") as file:
                file.write(b'{"seq":7')

    def _leave(self) -> None:
        self.checker.record.follow()
        self.link.attach(None)
        self._close_journal()
        self.engine = self.strategy = None
        self.checker.record.acts.clear()

    def start_again(self) -> None:
        """A new engine and a new strategy on the same venue and journal."""
        self.outcome.restarts += 1
        self._start()
        if self.now >= max(self.feed_down_until, self.silent_until):
            self._feed(*self._touch())
        self.checker.after_event()

    def _stop(self) -> None:
        if self.strategy is not None:
            self.strategy.stop()

    def _close(self) -> None:
        self._close_journal()
        self.checker.record.close()
        self.engine = self.strategy = None

    def _close_journal(self) -> None:
        if self.journal is not None:
            self.journal.close()
            self.journal = None

    # -- what happens by itself ------------------------------------------------------------------------------------

    def _touch(self) -> tuple[Decimal, Decimal]:
        tick = self.config.instrument.tick_size
        bid = self.mid - self.mid % tick
        return bid, bid + tick

    def _quote(self) -> None:
        rng, chance = self.rng, self.chance
        self.schedule(rng.randint(50, 250) * MS, self._quote)
        if not self.settling:
            if chance.happens("jump"):
                self.mid += self.step * Decimal(rng.choice((-1, 1)) * rng.randint(10, 60)) / 10
                self.note(f"jump to {self.mid}")
            else:
                self.mid += self.step * Decimal(rng.randint(-self.swing, self.swing)) / 100
        if self.now < self.silent_until:
            return
        bid, ask = self._touch()
        self.venue.now = self.now
        self.venue.move(bid, ask)
        if self.engine is None or self.now < self.feed_down_until:
            return
        if not self.settling and chance.happens("crossed"):
            bid, ask = ask, (bid if rng.random() < 0.5 else ask)
        self._feed(bid, ask)

    def _feed(self, bid: Decimal, ask: Decimal) -> None:
        assert self.engine is not None
        self.checker.on_quote(bid, ask)
        self.engine.quote(bid, ask)

    def _host(self) -> None:
        """What the host does between events, four times a second."""
        self.schedule(HOST_NS, self._host)
        if self.strategy is None or self.now < self.silent_until:
            return
        stood = self.now - self._hosted
        if stood > self.config.watchdog.loop_stall_ms * MS:
            self.strategy.stood_still(stood)
        self._hosted = self.now
        self.strategy.tidy()
        self.strategy.publish()
        self.checker.after_host(self.strategy.snapshot)

    def _second(self) -> None:
        """What may happen once a second."""
        self.schedule(S, self._second)
        if self.settling:
            return
        chance = self.chance
        if chance.happens("gap"):
            duration = chance.delay(500, 5_000)
            self.note(f"the event stream breaks for {duration / S:.1f} s")
            self.link.break_stream(duration)
        if chance.happens("stale"):
            self.feed_down_until = self.now + chance.delay(1_000, 6_000)
        if chance.happens("silence"):
            self.silent_until = self.now + chance.delay(3_000, 15_000)
            self.note("silence")
        if self.engine is not None and self.outcome.restarts < self.plan.max_restarts:
            self._may_restart()
        if self.plan.acts and self.strategy is not None:
            self.operator.every_second()
        if self.plan.transfers:
            self.treasury.every_second()

    def _may_restart(self) -> None:
        chance = self.chance
        if chance.happens("restart"):
            wait = chance.delay(0, 400)
            self.schedule(wait, lambda: self._restart(self.stop))
        elif chance.happens("kill"):
            wait, torn = chance.delay(0, 400), chance.happens("torn")
            self.schedule(wait, lambda: self._restart(lambda: self.kill(torn=torn)))

    def _restart(self, end: Callable[[], None]) -> None:
        if self.engine is None or self.settling:
            return
        end()
        self.schedule(self.chance.delay(0, 3_000), self.start_again)

    def act(self, command: Command) -> "Future[Receipt]":
        """An operator's command."""
        self.note(f"act {command.text}")
        self.checker.after_event()  # what came before it is judged by what was there then
        receipt: Future[Receipt] = Future()
        self.strategy.command(command, receipt)
        self.checker.record.follow()  # before the market moves on
        return receipt

    def _piece(self, order: Order) -> Decimal:
        if not self.chance.happens("piecemeal"):
            return order.left
        steps = int(order.left / self.venue.filters.step)
        part = self.venue.filters.step * self.rng.randint(1, max(1, steps))
        if part < order.left:
            self.schedule(self.chance.delay(5, 500), self._match)
        return part

    def _match(self) -> None:
        self.venue.now = self.now
        self.venue.match()

    # -- what the checker hears ------------------------------------------------------------------------------------

    def _on_told(self, kind: str, client_id: str, trade: Trade | None) -> None:
        self.note(f"  told {kind} {client_id}" + (f" {trade.qty} at {trade.price} #{trade.id}" if trade else ""))
        self.checker.on_told(kind, client_id, trade)
        self.mischief.before_event()

    def _on_sends(self, kind: str, client_id: str, request: Request | None) -> None:
        words = f" {request.side} {request.type} {request.qty} at {request.price}" if request else ""
        self.note(f"    {kind} {client_id}{words}")
        self.checker.on_send(kind, client_id, request)


def play(plan: Plan, folder: Path, *, verbose: bool = False) -> Outcome:
    """One run; its journal stays in `folder`."""
    path = folder / "journal.jsonl"
    if path.exists():
        path.unlink()
    world = World(plan, folder)
    world.verbose = verbose
    return world.run()


__all__ = ["MS", "Outcome", "Plan", "S", "World", "play"]
