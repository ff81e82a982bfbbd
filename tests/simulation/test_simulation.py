"""A dozen seeds hold every invariant, and a seed gives the same trace in every process. CI plays more of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.world import Plan, play
from tests.venue.faults import Faults, one

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", range(12))
def test_a_seed_with_a_mix_of_faults_holds_every_invariant(seed: int, tmp_path: Path) -> None:
    outcome = play(Plan(seed=seed), tmp_path)
    assert not outcome.number, f"invariant {outcome.number} at {outcome.at_s} s: {outcome.broken}"
    assert outcome.orders > 0


def test_a_run_without_faults_injects_none(tmp_path: Path) -> None:
    outcome = play(Plan(seed=1, faults=Faults()), tmp_path)
    assert not outcome.number
    assert not outcome.injected


@pytest.mark.parametrize(
    "kind",
    [
        "lost_request", "late_request", "lost_ack", "late_ack", "refused", "unknown_live", "unknown_dead", "duplicate",
        "fill_before_ack", "fill_after_cancel", "filled_before_cancel", "piecemeal", "gap", "jump", "stale", "crossed",
        "silence", "handler_raises", "send_raises",
        "restart", "kill",
    ],
)  # fmt: skip
def test_one_kind_of_fault_alone_is_injected_and_borne(kind: str, tmp_path: Path) -> None:
    for seed in range(8):
        outcome = play(Plan(seed=seed, faults=one(kind), seconds=30), tmp_path)
        assert not outcome.number, f"seed {seed}, invariant {outcome.number} at {outcome.at_s} s: {outcome.broken}"
        if outcome.injected[kind]:
            assert set(outcome.injected) == {kind}
            return
    pytest.fail(f"{kind} was never injected")


@pytest.mark.parametrize("seed", [5, 7])
def test_invariant_28_a_seed_has_one_trace_hash_in_every_process(seed: int) -> None:
    told: set[str] = set()
    for hash_seed in ("1", "2"):
        ran = subprocess.run(
            [sys.executable, "-m", "tests.simulate", "--seed", str(seed)],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        told.update(line for line in ran.stdout.splitlines() if line.startswith("trace hash"))
    assert len(told) == 1, told
