"""SIGKILL at random moments: `python -m tests.simulation.sigkill --kills 200`.

A child process plays a seeded run until it is killed, wherever that strikes: between two bytes of a handler, a journal
line and its order, a fill and its exits. What the venue had taken by then is rebuilt from a log that outlives the
child; requests on their way arrive late, at once, or never. A second child starts on that venue and journal: it must
place nothing twice, cover all that is held, and come to the venue's own quantities.
"""

import argparse
import contextlib
import os
import pickle
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.simulate import MEMORY
from tests.simulation.told import Told, read_id
from tests.simulation.world import MS, Outcome, Plan, S, World
from tests.venue.core import Order, Request, Venue, VenueError
from tests.venue.faults import Faults

LONGEST_LIFE_S = 0.5
"""Wall seconds after which a child is killed at the latest; a run's whole story fits in."""
AFTER_S = 12
"""Market seconds of the run after the restart."""
MILD = Faults(piecemeal=0.3, late_ack=0.1, fill_before_ack=0.1, duplicate=0.1, late_request=0.05)


class Log:
    """Records that a killed process leaves behind."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, *record: Any) -> None:
        body = pickle.dumps(record)
        os.write(self._file, len(body).to_bytes(4, "big") + body)


def records(path: Path) -> Iterator[tuple[Any, ...]]:
    """Whole records, in their sequence."""
    data, at = path.read_bytes(), 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if at + 4 + size > len(data):
            return
        yield pickle.loads(data[at + 4 : at + 4 + size])
        at += 4 + size


class LoggedVenue(Venue):
    """Writes down each input before it takes it, so that the same venue can be made again."""

    log: Log

    def _note(self, kind: str, *details: Any) -> None:
        self.log.write(kind, self.now, *details)

    def place(self, request: Request) -> Order:
        self._note("place", request)
        return super().place(request)

    def cancel(self, client_id: str) -> None:
        self._note("cancel", client_id)
        super().cancel(client_id)

    def modify(self, client_id: str, qty: Decimal) -> None:
        self._note("modify", client_id, qty)
        super().modify(client_id, qty)

    def move(self, bid: Decimal, ask: Decimal) -> None:
        self._note("move", bid, ask)
        self.bid, self.ask = bid, ask
        super().match()

    def match(self) -> None:
        self._note("match")
        super().match()

    def transfer(self, amount: Decimal) -> None:
        self._note("transfer", amount)
        super().transfer(amount)

    def settle(self, rate: Decimal, mark: Decimal) -> dict[str, Decimal]:
        self._note("settle", rate, mark)
        return super().settle(rate, mark)


@dataclass
class Left:
    """What a killed process leaves: the venue, requests on their way, and when."""

    venue: Venue
    on_way: dict[str, Request]
    now: int


def rebuild(path: Path, empty: Venue) -> Left:
    """Play the log into an empty venue."""
    on_way: dict[str, Request] = {}
    pieces: list[Decimal] = []
    inputs: list[tuple[Any, ...]] = []
    for record in records(path):
        if record[0] == "piece":
            inputs[-1][-1].append(record[1])
        else:
            inputs.append((*record, []))
    empty.piece = lambda order: min(pieces.pop(0), order.left) if pieces else order.left
    now = 0
    for kind, at, *details, drawn in inputs:
        pieces[:] = drawn
        if kind == "sent":
            on_way[details[0].client_id] = details[0]
            continue
        now = empty.now = at
        if kind == "place":
            on_way.pop(details[0].client_id, None)
        with contextlib.suppress(VenueError):
            getattr(empty, kind)(*details)
    return Left(empty, on_way, now)


class Life(World):
    """The run that is killed."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        super().__init__(plan, folder)
        log = Log(folder / "venue.log")
        self.venue.__class__ = LoggedVenue
        self.venue.log = log  # type: ignore[attr-defined]
        draw, send = self.venue.piece, self.link.place

        def piece(order: Order) -> Decimal:
            qty = draw(order)
            log.write("piece", qty)
            return qty

        def place(request: Request) -> None:
            log.write("sent", self.now, request)
            send(request)

        self.venue.piece = piece
        self.link.place = place  # type: ignore[method-assign]


class Afterlife(World):
    """The run on what was left."""

    def __init__(self, plan: Plan, folder: Path, left: Left, rng: random.Random) -> None:
        super().__init__(plan, folder)
        known, self.left = self.venue, left
        names = "orders", "open", "positions", "trades", "wallet", "deposits", "transfers", "funding", "cash", "fees"
        for name in (*names, "bid", "ask", "_ids"):
            setattr(known, name, getattr(left.venue, name))
        self.now = max(left.now, self.now) + rng.randint(0, 3_000) * MS
        self.end = self.now + AFTER_S * S
        self.mid = (known.bid + known.ask) / 2 or self.mid
        record = self.checker.record
        while record.follow():  # what was written before the kill is no news
            record.acts.clear()
            record.receipts.clear()
        for order in known.orders.values():
            request = Request(order.client_id, order.side, order.leg, order.type, order.qty, order.price)
            self._expect(request, is_open=order.is_open)
        for request in left.on_way.values():
            fate = rng.random()
            if fate < 0.3:
                continue
            self._expect(request, is_open=True)
            self.link.on_way[request.client_id] = request
            wait = 0 if fate < 0.6 else rng.randint(0, 1_500) * MS
            self.link._go("place", request.client_id, wait, self._arrival(request))

    def _expect(self, request: Request, *, is_open: bool) -> None:
        """Let the checker know of an order that the first life has sent."""
        purpose = read_id(request.client_id)
        assert purpose is not None
        told = self.checker.orders[request.client_id] = Told(request, purpose, 0, self.now, qty=request.qty)
        if is_open:
            self.checker.sends.live.setdefault(purpose.key, {})[request.client_id] = told

    def _arrival(self, request: Request) -> Any:
        return lambda: self.link._arrive("place", request.client_id, lambda: self.venue.place(request), unknown=False)


def plan_for(seed: int) -> Plan:
    return Plan(seed=seed, faults=MILD, seconds=100_000, max_restarts=0)


def killed(seed: int, folder: Path, rng: random.Random) -> str:
    """Let a child live for a random while; gives what it said if it ended by itself."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        said = Life(plan_for(seed), folder).run()
        os.write(writing, f"invariant {said.number}: {said.broken}".encode())
        os._exit(1)
    os.close(writing)
    time.sleep(rng.uniform(0.0, LONGEST_LIFE_S))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        return pipe.read().decode()


def revived(seed: int, folder: Path, rng: random.Random) -> tuple[Outcome, Left]:
    """Start again on what is left, in a child of its own, and give what came of it."""
    path = folder / "venue.log"
    blank = World(plan_for(seed), folder).venue
    left = rebuild(path, blank) if path.exists() else Left(blank, {}, 0)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        world = Afterlife(plan_for(seed), folder, left, rng)
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(world.run(), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        body = pipe.read()
    os.waitpid(child, 0)
    if not body:
        return Outcome(seed, broken="the second run died without a word", number=24), left
    outcome: Outcome = pickle.loads(body)
    return outcome, left


def play(seed: int, folder: Path) -> tuple[Outcome, Left]:
    """One life, one kill, one restart."""
    rng = random.Random(seed)
    said = killed(seed, folder, rng)
    if said:
        return Outcome(seed, broken=f"before the kill: {said}", number=24), Left(
            World(plan_for(seed), folder).venue, {}, 0
        )
    return revived(seed, folder, rng)


def main() -> int:
    """Print what came of it; 1 where anything was doubled, naked or lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--from", type=int, default=0, dest="first")
    options = parser.parse_args()
    kills = holding = resting = on_way = broken = 0
    for seed in range(options.first, options.first + options.kills):
        folder = Path(tempfile.mkdtemp(prefix="hedgegrid-kill-", dir=MEMORY if MEMORY.is_dir() else None))
        outcome, left = play(seed, folder)
        kills += 1
        holding += any(left.venue.held(leg) for leg in left.venue.positions)
        resting += bool(left.venue.open)
        on_way += bool(left.on_way)
        if outcome.number:
            broken += 1
            print(
                f"seed {seed}: invariant {outcome.number} at {outcome.at_s:.3f} s: {outcome.broken}; kept in {folder}"
            )
            for line in outcome.trace:
                print(f"    {line}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(
        f"{kills} kills: {resting} with orders at the venue, {holding} while something was held, {on_way} with "
        f"requests on their way; {broken} restarts broke an invariant"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
