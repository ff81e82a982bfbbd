"""Everything at once, at random: a testnet session with its own default times at a fake venue that fails by rule.

`python -m tests.hedgegrid_tui.binance.soak --seconds 120 --seed N` plays storms of faults, each followed by a calm in
which venue, strategy and journal must come to say the same; between them the session is restarted. The fake's truth
watch looks at each event. It ends with a flatten. What comes depends on the seed, when it comes on the machine.
"""

import argparse
import asyncio
import logging
import random
import resource
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from hedgegrid_tui.engine.host import EngineHost
from hedgegrid_tui.engine.plan import AtStart, Mode, SessionPlan
from strategy.config import load_config
from strategy.control import Command, CommandName, Ending, Receipt
from strategy.domain import Leg
from strategy.journal import Journal
from strategy.snapshot import EnginePhase
from tests.hedgegrid_tui.binance.faulted import CALM, Faulted
from tests.hedgegrid_tui.binance.product import addresses, set_keys
from tests.venue.binance.errors import ApiError
from tests.venue.binance.rules import HTML, Rule
from tests.venue.binance.server import FakeBinance
from tests.venue.binance.streams import Side

TICK: Final = Decimal("0.10")
STORM_S: Final = 15.0
CALM_S: Final = 100.0
"""The longest pause between two tries (a minute), and what follows the last of them."""
STEADY_S: Final = 2.0
START_S: Final = 60.0
PLACES: Final = ("/fapi/v1/order", "/fapi/v1/algoOrder", "/fapi/v1/openOrders", "/fapi/v1/userTrades", "*")
BY_HAND: Final = Decimal("0.003")


class Soak(Faulted):
    """One account, and one session after the other on it."""

    settings = ("grid.step_bps=4", "grid.levels=4", "grid.sl_steps=3", "account.leverage=10")

    def __init__(self, venue: FakeBinance, folder: Path, seed: int) -> None:
        super().__init__(venue, folder)
        self.happened: Counter[str] = Counter()
        self.faults: list[str] = []
        """What must never be, in words."""
        self.needs_flatten = False
        """Whether something has happened that only the owner can put right."""
        self._random = random.Random(seed)
        self._receipts: list[tuple[str, Future[Receipt]]] = []
        self._stalled: set[Side] = set()
        self._asked = 0
        self._folder = folder
        self._began = time.monotonic()

    def say(self, words: str) -> None:
        print(f"{time.monotonic() - self._began:7.1f} s  {words}", flush=True)

    # -- a session -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Until it runs; a start that fails may be tried again, as a trader would."""
        self.host.start()
        self.until(lambda: self.host.status.phase in (EnginePhase.RUNNING, EnginePhase.FAILED), "session", START_S)
        if self.host.status.phase is EnginePhase.FAILED:
            self.faults.append(f"no start: {self.host.status.detail}")

    def restart(self, at_start: AtStart) -> None:
        """End this session with everything left as it is, and begin another."""
        self.say(f"restart, {at_start}")
        flat = self.host.stop(Ending.LEAVE)
        if flat == "unknown" or self.host.exit_code:
            self.faults.append(f"left as {flat}, status {self.host.exit_code}, {self.host.status}")
        self._journal.close()
        if self._random.random() < 0.7:
            self._walk()
        config = load_config(None, (*self.settings, *addresses(self.venue)))
        plan = SessionPlan(mode=Mode.TESTNET, config=config, state_dir=self._folder, version="test", at_start=at_start)
        self._journal = Journal(self.path)
        self.host = EngineHost(plan, self._journal)
        self.start()

    # -- storms ----------------------------------------------------------------------------------------------------

    def storm(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for _ in range(self._random.randint(0, 2)):
                self._walk()
            name, act = self._random.choices(*zip(*((a, w) for *a, w in self._acts()), strict=True))[0]
            try:
                act()
            except ApiError:  # the venue does not do as its owner wants either
                name = f"{name} (refused)"
            self.happened[name] += 1
            time.sleep(self._random.uniform(0.05, 0.8))

    def _acts(self) -> list[tuple[str, Callable[[], object], int]]:
        pick = self._random
        return [
            ("quote", self._walk, 25),
            ("rule", self._rule, 25),
            ("drop user", lambda: self.venue.drop(Side.USER), 3),
            ("drop market", lambda: self.venue.drop(Side.MARKET), 3),
            ("stall", lambda: self._stall(pick.choice(list(Side))), 4),
            ("resume", self._resume, 8),
            ("listenKey", self.venue.expire_listen_key, 1),
            ("by hand", self._by_hand, 2),
            ("hand cancels", self._cancel_by_hand, 3),
            ("foreign", lambda: self.venue.by_hand("BUY", "LONG", BY_HAND, "50000.00"), 1),
            ("transfer", lambda: self.venue.transfer(pick.choice(["-20", "30"])), 2),
            ("funding", lambda: self.venue.settle(pick.choice(["0.0001", "-0.0002"])), 2),
            ("liquidation", self._liquidate, 1),
            ("pause", lambda: self._give(CommandName.PAUSE), 2),
            ("go on", lambda: self._give(CommandName.RESUME), 6),
            ("reset", lambda: self._give(CommandName.RESET_BREAKER), 4),
            ("cancel-entries", lambda: self._give(CommandName.CANCEL_ENTRIES), 2),
            ("flatten", lambda: self._give(CommandName.FLATTEN, pick.choice([None, *Leg])), 2),
        ]

    def _walk(self) -> None:
        steps = self._random.choice([-900, -300, -240, -100, 0, 100, 240, 300, 900])
        price = min(max(Decimal(self._price) + steps * TICK, Decimal(58000)), Decimal(62000))
        self.quote(f"{price:.2f}")

    def _rule(self) -> None:
        pick = self._random
        rule = self.venue.when(
            pick.choice(["POST", "DELETE", "GET", "*"]), pick.choice(PLACES), range(1, pick.randint(2, 4))
        )
        live = pick.random() < 0.5
        faults: list[Callable[[Rule], Rule]] = [
            lambda each: each.unknown(live=live),
            lambda each: each.unknown(live=live, code=-1006),
            lambda each: each.garble(HTML, status=502, executed=live),
            lambda each: each.garble(executed=live),
            lambda each: each.drop(executed=live),
            lambda each: each.delay(pick.uniform(0.1, 2.5), after=live),
            lambda each: each.hang(executed=live),
            lambda each: each.limit(pick.randint(1, 3)),
            lambda each: each.limit(pick.randint(1, 4), banned=True),
            lambda each: each.refuse(pick.choice([-1021, -2019, -1008, -4164, -1111, -2011, -5022, -1001])),
        ]
        pick.choice(faults)(rule)

    def _stall(self, side: Side) -> None:
        self._stalled.add(side)
        self.venue.stall(side)

    def _resume(self) -> None:
        for side in list(self._stalled):
            self.venue.resume(side, lose=self._random.random() < 0.4)
        self._stalled.clear()

    def _by_hand(self) -> None:
        leg = self._random.choice(list(Leg))
        self.venue.by_hand(leg.entry_side.upper(), leg.name, BY_HAND)
        self.needs_flatten = True

    def _cancel_by_hand(self) -> None:
        found = sorted(self.venue.open_ids())
        if found:
            self.venue.cancel_by_hand(self._random.choice(found))

    def _liquidate(self) -> None:
        held = [leg for leg in Leg if self.venue.held(leg.name)]
        if held:
            self.venue.liquidate(self._random.choice(held).name)

    def _give(self, name: CommandName, leg: Leg | None = None) -> None:
        self._receipts.append((f"{name} {leg}", self.host.send(Command(name, leg))))

    # -- calms -----------------------------------------------------------------------------------------------------

    def calm(self) -> None:
        """No fault any more: until all say the same, for a while."""
        began = time.monotonic()
        self.say(self.heaviest())
        self.venue.rules.clear()
        self._resume()
        for name, answer in self._receipts:
            try:
                answer.result(30.0)
            except TimeoutError:
                self.faults.append(f"no receipt of {name}")
        self._receipts.clear()
        self.quote(self._price)
        self.until(lambda: "stream-dead" not in self.alarms, "user stream", CALM_S)
        if self.needs_flatten:
            self.needs_flatten = False
            receipt = self.give(CommandName.FLATTEN, seconds=40.0)
            self.say(f"flatten: {receipt.result} {receipt.detail}")
            if receipt.result != "done":
                self.faults.append(f"flatten without any fault: {receipt}")
        for name in (CommandName.RESET_BREAKER, CommandName.RESET_DRAWDOWN, CommandName.RESUME):
            self.give(name)
        self.steady(CALM_S)
        self.say(f"calm after {time.monotonic() - began:.1f} s; {self.describe_short()}")
        self.say(self.heaviest())

    def steady(self, seconds: float) -> None:
        """Until nothing has differed for a while."""
        end, since = time.monotonic() + seconds, None
        found: list[str] = []
        while time.monotonic() < end:
            found = self.differences()
            if self.watch.broken:
                break
            since = None if found else since or time.monotonic()
            if since is not None and time.monotonic() - since > STEADY_S:
                return
            time.sleep(0.2)
        self.faults += found
        self.say(f"DIFFERENT {found}\n{self.describe()}")
        self.watch.broken.clear()

    def heaviest(self) -> str:
        """What was asked since the last time, by weight."""
        front = self.venue.front
        weights: Counter[str] = Counter()
        counts: Counter[str] = Counter()
        for each in self.venue.call(lambda: front.asked[self._asked :]):
            self._asked += 1
            route = front.routes.get((each.method, each.path))
            name = f"{each.method} {each.path}"
            counts[name] += 1
            weights[name] += 0 if route is None else route.weight(each)
        told = ", ".join(f"{name} {counts[name]}x = {weight}" for name, weight in weights.most_common(6))
        return f"weight {weights.total()}: {told}"

    def describe_short(self) -> str:
        held = {str(leg): str(self.venue.held(leg.name)) for leg in Leg}
        tasks = 0 if self.host._loop is None else len(asyncio.all_tasks(self.host._loop))
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        return (
            f"{self.snapshot.state} {held}, {len(self.open('entry'))} entries, alarms {sorted(self.alarms)}, "
            f"{tasks} tasks, {threading.active_count()} threads, {size} MB"
        )

    def end(self) -> None:
        """As the class before it, with all that the session has told."""
        kinds = Counter((line["where"], line["type"]) for line in self.lines("error"))
        self.say(f"errors {kinds.most_common()}")
        flat = self.host.stop(Ending.FLATTEN)
        self._close()
        if (flat, self.host.exit_code, self.books.flat) != ("flat", 0, "flat"):
            self.faults.append(f"ended {flat} with {self.host.exit_code}, journal {self.books.flat}")
        held = {leg: self.venue.held(leg.name) for leg in Leg}
        if any(held.values()) or self.open():
            self.faults.append(f"left at the venue: {held} {self.open()}")
        self.faults += [f"left broken: {words}" for words in self.watch.broken]


class Ears(logging.Handler):
    """What asyncio and others log as an error."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(logging.ERROR)
        self.faults = faults

    def emit(self, record: logging.LogRecord) -> None:
        self.faults.append(f"logged: {self.format(record)}")


def soak(seconds: float, seed: int, folder: Path) -> list[str]:
    """Play it; gives what must not have been."""
    with pytest.MonkeyPatch.context() as patch, FakeBinance().threaded() as venue:
        venue.quote(CALM)
        set_keys(patch, venue)
        session = Soak(venue, folder, seed)
        ears = Ears(session.faults)
        logging.getLogger().addHandler(ears)
        patch.setattr(threading, "excepthook", lambda told: session.faults.append(f"a thread: {told!r}"))
        choices: list[Any] = [*AtStart, AtStart.ADOPT]
        try:
            session.start()
            end = time.monotonic() + seconds
            while time.monotonic() < end and not session.faults:
                session.storm(STORM_S)
                if session._random.random() < 0.4:
                    session.venue.rules.clear()
                    session.restart(session._random.choice(choices))
                session.calm()
            session.end()
        except BaseException:
            session.host.stop(Ending.LEAVE)
            session._close()
            raise
        finally:
            logging.getLogger().removeHandler(ears)
            session.say(f"{dict(session.happened)}")
        for log in folder.glob("nautilus*"):
            lines = [
                line for line in log.read_text(encoding="utf-8").splitlines() if "[ERROR]" in line or "Trace" in line
            ]
            kinds = Counter(line.partition("] ")[2][:150] for line in lines)
            session.say(f"{log.name}: {len(lines)} errors {kinds.most_common(12)}")
        return session.faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    print(f"seed {arguments.seed}, {folder}")
    faults = soak(arguments.seconds, arguments.seed, folder)
    print("\n".join(faults) or "nothing broke")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
