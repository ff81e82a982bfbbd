"""Plays seeds against the independent venue: `python -m tests.simulate --seeds 200`, or one with `--seed N`."""

import argparse
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.simulation.expected import missing
from tests.simulation.world import Outcome, Plan, play
from tests.venue.faults import KINDS, one

MEMORY = Path("/dev/shm")
BATCH = 100


def play_seed(plan: Plan) -> Outcome:
    """One run in a folder of its own that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="hedgegrid-sim-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        return play(plan, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def show(outcome: Outcome) -> None:
    """What a run came to."""
    injected = ", ".join(f"{kind} {count}" for kind, count in sorted(outcome.injected.items()))
    print(
        f"seed {outcome.seed}: {outcome.events} events, {outcome.orders} orders, {outcome.fills} fills, "
        f"{outcome.restarts} restarts, {outcome.checks} checks; faults: {injected or 'none'}"
    )
    show_seen(outcome.seen)
    print(f"trace hash {outcome.hash}")


def show_seen(seen: Counter[str]) -> None:
    """What was done and what came of it: acts and the states that they met, their receipts, denials, alarms."""
    by_word: dict[str, list[str]] = {}
    for words, count in sorted(seen.items()):
        word, _, rest = words.partition(" ")
        if count:
            by_word.setdefault(word, []).append(f"{rest} {count}")
    for word, found in by_word.items():
        print(f"  {word}: {', '.join(found)}")


def show_violation(outcome: Outcome, options: str) -> None:
    """Everything that is needed to look into it."""
    print(f"VIOLATION seed {outcome.seed}, invariant {outcome.number}, at {outcome.at_s:.4f} s: {outcome.broken}")
    for line in outcome.trace:
        print(f"    {line}")
    print(f"replay: python -m tests.simulate --seed {outcome.seed}{options} --verbose")


def outcomes(jobs: list[Plan], processes: int) -> Iterator[Outcome]:
    """Runs in the order of their seeds."""
    if processes <= 1:
        yield from map(play_seed, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(play_seed, jobs, chunksize=4)


def play_many(jobs: list[Plan], processes: int, options: str, *, go_on: bool, mixed: bool) -> bool:
    """A summary line for each hundred; whether no run broke an invariant, and `mixed` ones met all that they should."""
    violations, started = 0, time.monotonic()
    totals: Counter[str] = Counter()
    injected: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    running, number = 0.0, 0
    for number, outcome in enumerate(outcomes(jobs, processes), start=1):
        totals.update(events=outcome.events, fills=outcome.fills, restarts=outcome.restarts, checks=outcome.checks)
        injected.update(outcome.injected)
        seen.update(outcome.seen)
        running += outcome.running_s
        if outcome.number:
            violations += 1
            if go_on:
                print(f"seed {outcome.seed}: invariant {outcome.number} at {outcome.at_s:.3f} s: {outcome.broken}")
            else:
                show_violation(outcome, options)
        if number % BATCH == 0 or number == len(jobs) or (violations and not go_on):
            faults = " ".join(f"{kind}={injected[kind]}" for kind in KINDS if injected[kind])
            print(
                f"{number} runs to seed {outcome.seed}: {totals['events']} events, {totals['fills']} fills "
                f"({totals['fills'] / number:.1f} a run), {running / number:.1f} s a run with an open door, "
                f"{totals['restarts']} restarts, {totals['checks']} checks, {violations} violations, "
                f"{time.monotonic() - started:.1f} s; faults: {faults or 'none'}",
                flush=True,
            )
        if violations and not go_on:
            break
    show_seen(seen)
    unmet = missing(seen, number) if mixed and not violations else []
    if unmet:
        print(f"NEVER MET in {number} runs: {', '.join(unmet)}")
    return not violations and not unmet


def main() -> int:
    """The command line; 1 where an invariant broke, or where many runs have not met what they should."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulate", description=__doc__)
    parser.add_argument("--seed", type=int, help="one seed, with its trace hash")
    parser.add_argument("--seeds", type=int, help="so many seeds")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first of them")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--only", default="", help="these faults alone, with commas; 'none' for none")
    parser.add_argument("--plain", action="store_true", help="5xx is told as a rejection, as Nautilus's adapter does")
    parser.add_argument("--go-on", action="store_true", help="list violations instead of stopping at the first")
    parser.add_argument("--ignore", default="", help="invariants that are not looked at, with commas")
    parser.add_argument("--verbose", action="store_true", help="with --seed: every trace line")
    given = parser.parse_args()
    kinds = tuple(kind for kind in given.only.split(",") if kind)
    ignore = frozenset(int(number) for number in given.ignore.split(",") if number)
    options = (f" --only {given.only}" if kinds else "") + (" --plain" if given.plain else "")
    options += f" --ignore {given.ignore}" if ignore else ""

    def plan_of(seed: int) -> Plan:
        return Plan(seed=seed, faults=one(*kinds) if kinds else None, plain=given.plain, ignore=ignore)

    if given.seed is not None:
        folder = Path(tempfile.mkdtemp(prefix="hedgegrid-sim-"))
        outcome = play(plan_of(given.seed), folder, verbose=given.verbose)
        show(outcome)
        print(f"journal {folder / 'journal.jsonl'}")
        if outcome.number:
            show_violation(outcome, options)
        return 1 if outcome.number else 0
    jobs = [plan_of(seed) for seed in range(given.first, given.first + (given.seeds or BATCH))]
    mixed = not (kinds or given.plain)
    return 0 if play_many(jobs, given.jobs, options, go_on=given.go_on, mixed=mixed) else 1


if __name__ == "__main__":
    sys.exit(main())
