"""A grid, a desk and a venue under one seed, with a checker that looks at the venue's truth after every event."""

import random
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import msgspec

from strategy.calm import calm_band
from strategy.config import Config, load_config
from strategy.control import Command, CommandName, Receipt, Result
from strategy.desk import Desk
from strategy.domain import DoorState, Leg, OrderKey, Role
from strategy.grid import HedgeGrid
from strategy.ledger import Ledger
from strategy.order_ids import format_id, parse_id
from strategy.reconcile import VenueRules
from strategy.upkeep import Upkeep
from tests.strategy.venue import MS, START_NS, Event, FakeVenue, MemoryJournal, Mischief, VenueOrder

SESSION = "k3x9a"
BALANCE = Decimal(10_000)
ROUGH = Mischief(piecemeal=0.5, rejects_entry=0.1, rejects_exit=0.05, denies=0.03, refuses_request=0.1, duplicates=0.2)
SETTINGS = (
    ("grid.levels=3", "grid.base_qty=0.004", "execution.orders_per_turn=2"),
    ("grid.levels=4", "grid.base_qty=0.008", "grid.qty_scale=0.5", "grid.sl_steps=2"),
    ("grid.levels=3", "grid.base_qty=0.002", "grid.qty_scale=2", "grid.tp_steps=2", "grid.recentre_trigger_bps=25"),
    ("grid.levels=2", "grid.base_qty=0.003", "instrument.tick_size=0.5", "grid.step_bps=7", "grid.sl_steps=1.5"),
)
RETOLD = ("updated", "request-refused")
"""Events that carry nothing by which a repetition could be told from the first."""
ACTS = (
    Command(CommandName.PAUSE),
    Command(CommandName.RESUME),
    Command(CommandName.CANCEL_ENTRIES),
    Command(CommandName.FLATTEN),
    Command(CommandName.FLATTEN, Leg.LONG),
    Command(CommandName.FLATTEN, Leg.SHORT),
    Command(CommandName.RESET_BREAKER),
    Command(CommandName.RESET_DRAWDOWN),
)


CALM = ("breaker.errors=1000",)
"""What a world has beside its overrides: a rough one rejects at random and is not about the breaker."""


class BrokenInvariantError(AssertionError):
    """The number of the invariant that does not hold, and how."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"invariant {number}: {what}")
        self.number = number


def config_of(*overrides: str) -> Config:
    """The defaults with `SECTION.KEY=VALUE` changes."""
    return load_config(None, overrides)


class Checker:
    """Holds the invariants against the venue's own orders, positions and cash, and against the journal."""

    def __init__(self, venue: FakeVenue, journal: MemoryJournal, config: Config) -> None:
        self._venue = venue
        self._journal = journal
        self._spec = config.instrument.spec()
        self.checked = 0
        self.broken: BrokenInvariantError | None = None
        """The first breach; kept, because the grid contains what is raised while it sends."""
        venue.on_submit = self.on_submit

    def require(self, number: int, holds: bool, what: str) -> None:
        self.checked += 1
        if not holds:
            self.broken = self.broken or BrokenInvariantError(number, what)
            raise self.broken

    def report(self) -> None:
        """Raise the first breach, wherever it was contained."""
        if self.broken is not None:
            raise self.broken

    def on_submit(self, sent: VenueOrder) -> None:
        """Just as an order leaves."""
        order, spec = sent.order, self._spec
        if order.price is not None:
            on_tick = order.price % spec.tick_size == 0 and spec.min_price <= order.price <= spec.max_price
            self.require(1, on_tick, f"{sent.id} at {order.price}")
        in_bounds = order.qty % spec.step_size == 0 and spec.min_qty <= order.qty <= spec.max_qty
        self.require(2, in_bounds, f"{sent.id} of {order.qty}")
        if order.key.role is Role.ENTRY:
            notional = (order.price or Decimal(0)) * order.qty
            self.require(3, notional >= spec.min_notional, f"{sent.id} is worth {notional}")
            states = self._journal.of("state")
            door = states[-1]["name"] if states else DoorState.RUNNING
            self.require(10, door == DoorState.RUNNING, f"entry {sent.id} left while {door}")
        self.require(22, bool(self._journal.of("order", event="submit", id=sent.id)), f"{sent.id} left unwritten")
        self.require(26, len(sent.id) <= 36, f"{sent.id} is too long")
        said = parse_id(sent.id)
        readable = said is not None and said.key == order.key and said.lot == order.lot and format_id(said) == sent.id
        self.require(26, readable, f"{sent.id} is read as {said}")
        self.at_every_moment()

    def at_every_moment(self) -> None:
        """After every event."""
        seen: set[OrderKey] = set()
        for order in self._venue.live(None, Role.ENTRY):
            self.require(4, order.order.key not in seen, f"two entries at {order.order.key}")
            seen.add(order.order.key)
        for leg in Leg:
            self.require(8, self._venue.true_position[leg] >= 0, f"{leg} is {self._venue.true_position[leg]}")

    def when_quiet(self, flattening: frozenset[Leg] = frozenset()) -> None:
        """When no message is in flight; a flatten cancels exits last, so that its legs are looked at afterwards."""
        for leg in frozenset(Leg) - flattening:
            held = self._venue.true_position[leg]
            for role in (Role.TP, Role.SL):
                qty = self._venue.open_qty(leg, role)
                self.require(5, qty <= held, f"{leg} holds {held}, {role} {qty}")

    def at_rest(self, grid: HedgeGrid) -> None:
        """When nothing is in flight and nothing is due."""
        self.when_quiet()
        for leg in Leg:
            held = self._venue.true_position[leg]
            stops, targets = self._venue.open_qty(leg, Role.SL), self._venue.open_qty(leg, Role.TP)
            self.require(6, stops == held, f"{leg} holds {held}, stops {stops}")
            self.require(6, targets == held, f"{leg} holds {held}, take-profits {targets}")
            self.require(6, grid.protection.since(leg) is None, f"{leg} is shown unprotected")
            own = grid.lots.held(leg)
            self.require(16, own == held == self._venue.told_position[leg], f"{leg}: own {own}, venue {held}")
        ledger = grid.ledger
        books = ledger.realised - grid.lots.cost(Leg.LONG) + grid.lots.cost(Leg.SHORT)
        self.require(16, books == self._venue.cash, f"cash {self._venue.cash}, own books {books}")
        self.require(16, ledger.fees == -self._venue.fees, f"fees {self._venue.fees}, own books {ledger.fees}")
        live = {order.id for order in self._venue.live()}
        known = {order.id for order in grid.index}
        self.require(16, known == live, f"index and venue differ in {sorted(known ^ live)}")

    def on_receipt(
        self, receipt: Receipt, legs: tuple[Leg, ...], about: set[str], seq: int, *, late_fills: bool
    ) -> None:
        """A receipt that says done is held against the venue.

        `about` are the entries that were open at the act, and `seq` the journal's last line before it.
        """
        if receipt.result is not Result.DONE or late_fills:
            return
        if receipt.command == CommandName.CANCEL_ENTRIES:
            left = {order.id for order in self._venue.live(None, Role.ENTRY)}
            resumed = any(line["seq"] > seq for line in self._journal.of("state", name=DoorState.RUNNING))
            self.require(12, not (left & about if resumed else left), "entries are open after cancel-entries")
        if receipt.command.startswith(CommandName.FLATTEN):
            for leg in legs:
                held, live = self._venue.true_position[leg], self._venue.live(leg)
                self.require(12, held == 0 and not live, f"said flat: {leg} holds {held}, {len(live)} orders")


@dataclass
class World:
    """One seeded run."""

    seed: int = 0
    mischief: Mischief = field(default_factory=Mischief)
    instant: bool = False
    enforces_reduce_only: bool = True
    linked_exits: bool = False
    resizes_stops: bool = True
    overrides: tuple[str, ...] | None = None
    heeds_band: bool = False
    """Quotes inside the calm band are not heeded, as in the shell."""
    guarded: bool = False
    """What escapes a handler is contained as the shell would, instead of breaking invariant 24."""
    acts: bool = True

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        overrides = SETTINGS[self.seed % len(SETTINGS)] if self.overrides is None else self.overrides
        self.config = config_of(*CALM, *overrides)
        self.journal = MemoryJournal()
        self.venue = FakeVenue(
            rng=random.Random(self.seed + 1),
            mischief=replace(self.mischief),
            instant=self.instant,
            enforces_reduce_only=self.enforces_reduce_only,
            linked_exits=self.linked_exits,
            step=self.config.instrument.step_size,
        )
        pieces = 0 if self.linked_exits else VenueRules().most_pieces
        rules = VenueRules(self.resizes_stops, pieces, flips_legs=not self.enforces_reduce_only)
        self.grid = HedgeGrid(self.config, self.journal, self.venue, SESSION, Ledger(BALANCE), rules)
        self.venue.grid = self.grid
        self.desk = Desk(self.grid, self.venue)
        self.upkeep = Upkeep(self.grid, self.journal, self.venue.now(), watches=True)
        self.paid_in = Decimal(0)
        """Deposits less withdrawals, quote."""
        self.checker = Checker(self.venue, self.journal, self.config)
        self.venue.before_event = self._before_event
        self.venue.on_delivered = self._after_event
        self.venue.handler_failed = self._contain
        self.receipts: list[Receipt] = []
        self.asked = 0
        self._before: bytes | None = None
        self.trace: list[tuple[Any, ...]] = []
        self.mid = Decimal(60_000)
        self.half_spread = self.config.instrument.tick_size

    # -- pieces of a run ---------------------------------------------------------------------------------------------

    def quote(self, mid: Decimal | str | int, *, heed: bool = True) -> None:
        """Put the market at `mid`; the grid is told unless `heed` is false."""
        tick = self.config.instrument.tick_size
        self.mid = Decimal(mid) // tick * tick
        self.venue.quote_at(self.mid - self.half_spread, self.mid + self.half_spread)
        if heed and not (self.heeds_band and self._is_calm()):
            self.converge()

    def converge(self) -> None:
        """A pass, as a quote or a wake-up would ask for it."""
        try:
            self.grid.converge()
        except Exception as error:  # noqa: BLE001 - the shell's guard, or the proof that it was needed
            self._contain(error)
        self.checker.at_every_moment()

    def advance(self, ms: int) -> None:
        """Let time pass; the grid gets the pass that it has asked for."""
        if self.venue.advance(ms * MS):
            self.converge()

    @property
    def cash(self) -> Decimal:
        """The account's balance less what the legs cost, as the venue sees both."""
        return BALANCE + self.paid_in + self.venue.cash - self.venue.fees

    def sample(self, times: int = 1) -> None:
        """So many samples of the equity, a second apart, each with a look at feed and venue, as in the shell."""
        for _ in range(times):
            self.advance(1_000)
            now, market = self.venue.now(), self.venue.market()
            balance = self.cash + self.grid.lots.net_cost
            due = market is not None and self.upkeep.sample(now, market, balance, self.cash)
            if self.upkeep.look(now, market) or due:
                self.converge()

    def act(self, name: CommandName | Command, leg: Leg | None = None) -> list[Receipt]:
        """Give a command; the list gets its receipt, once it comes."""
        command = name if isinstance(name, Command) else Command(name, leg)
        mine: list[Receipt] = []
        legs = tuple(Leg) if command.leg is None else (command.leg,)
        about = {order.id for order in self.venue.live(None, Role.ENTRY)}
        seq = len(self.journal.lines)

        def reply(receipt: Receipt) -> None:
            mine.append(receipt)
            self.receipts.append(receipt)
            self.checker.require(13, len(mine) == 1, f"{command.text} was answered twice")
            self.checker.on_receipt(receipt, legs, about, seq, late_fills=self.mischief.late_fill > 0)

        self.asked += 1
        try:
            self.desk.handle(command, reply)
        except Exception as error:  # noqa: BLE001 - see converge
            self._contain(error)
        self.checker.at_every_moment()
        return mine

    def step(self) -> None:
        """One thing that may happen next."""
        rng, venue = self.rng, self.venue
        venue.clock += rng.randint(1, 40) * MS
        dice = rng.random()
        if dice < 0.35:
            jump = 300 if rng.random() < 0.03 else 60
            self.quote(self.mid + Decimal(rng.randint(-jump, jump)), heed=rng.random() < 0.8)
        elif dice < 0.6:
            venue.process(rng.randint(1, 6))
        elif dice < 0.9:
            venue.deliver(rng.randint(1, 6))
        elif dice < 0.94:
            venue.replay_one() if self.mischief.duplicates else venue.match()
        elif dice < 0.98 or not self.acts:
            self.advance(rng.randint(1, 400))
        elif self.grid.state is DoorState.PAUSED and rng.random() < 0.7:
            self.act(CommandName.RESUME)
        else:
            self.act(rng.choice(ACTS))
        if self.instant:
            venue.drain()
        self.advance(0)
        self.checker.at_every_moment()
        patient = self.mischief.refuses_request or self.mischief.link_fails or self.guarded
        if venue.quiet and not patient:
            self.checker.when_quiet(self.grid.frozen)
        self.checker.report()
        self.trace.append((round(dice, 6), venue.clock, len(self.journal.lines), *venue.true_position.values()))

    def run(self, steps: int) -> None:
        """So many random steps, then rest."""
        self.quote(self.mid)
        for _ in range(steps):
            self.step()
        self.settle()
        self.checker.report()
        self.checker.at_rest(self.grid)

    def settle(self, limit: int = 400) -> None:
        """The venue behaves, the market stands still; until nothing is in flight and nothing is due."""
        self.venue.mischief = Mischief()
        for _ in range(limit):
            self.venue.drain()
            self.venue.match()
            if self.venue.quiet and not self.venue.wakes:
                return
            if self.venue.quiet:
                self.venue.clock = max(self.venue.clock, min(self.venue.wakes))
                self.advance(0)
        raise BrokenInvariantError(25, f"no rest: {len(self.venue.wakes)} wake-ups still due")

    def fingerprint(self) -> bytes:
        """All that an event may change, in one value."""
        grid = self.grid
        lots = [msgspec.to_builtins(lot) for lot in grid.lots]
        orders = [msgspec.to_builtins(order) for order in grid.index]
        counts = [self.venue.commands, grid.ledger.fills, str(grid.ledger.realised), grid.ledger.rejected, grid.state]
        return msgspec.json.encode([lots, orders, counts])

    # -- inside ----------------------------------------------------------------------------------------------------

    def _contain(self, error: Exception) -> None:
        if isinstance(error, BrokenInvariantError):
            raise error
        if not self.guarded:
            raise BrokenInvariantError(24, f"{type(error).__name__} escaped: {error}") from error
        self.venue.wake_at(self.venue.clock + 500 * MS)

    def _before_event(self, event: Event, again: bool) -> None:
        self._before = self.fingerprint() if again and event.kind not in RETOLD else None

    def _after_event(self, event: Event, again: bool) -> None:
        self.upkeep.heard(self.venue.clock)
        self.checker.at_every_moment()
        if again and self._before is not None:
            self.checker.require(7, self.fingerprint() == self._before, f"{event.kind} of {event.order_id} told twice")

    def _is_calm(self) -> bool:
        grid, market = self.grid, self.venue.quote
        if grid.ladder is None or market is None or grid.is_exposed:
            return False
        running = grid.state is DoorState.RUNNING
        band = calm_band(grid.ladder, grid.gaps, grid.config.grid, grid.spec.max_price, may_recentre=running)
        return (
            market.bid >= band.bid_floor
            and market.ask <= band.ask_ceiling
            and band.mid_floor <= market.mid <= band.mid_ceiling
        )


__all__ = ["BALANCE", "ROUGH", "SESSION", "START_NS", "BrokenInvariantError", "Checker", "World", "config_of"]
