"""Nothing but loopback is ever dialled by a session whose addresses are the fake's."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hedgegrid_tui.engine.plan import COULD_NOT_START
from tests.hedgegrid_tui.binance.alone import NO_NAMESPACE

pytestmark = pytest.mark.timeout(150)

PROJECT = Path(__file__).parents[3]


def alone(mode: str, folder: Path) -> dict[str, Any]:
    """A session in a network that has loopback only."""
    command = [sys.executable, "-m", "tests.hedgegrid_tui.binance.alone", mode, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=PROJECT)
    if done.returncode == NO_NAMESPACE:
        pytest.skip(f"this machine gives no network of one's own: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.mark.parametrize("mode", ["testnet", "paper", "live"])
def test_a_whole_session_dials_nothing_but_loopback(mode: str, tmp_path: Path) -> None:
    told = alone(mode, tmp_path)
    assert told["code"] == 0
    assert told["fills"] > 0
    assert told["unroutable"] == 0


def test_a_session_with_binances_own_addresses_is_seen_to_dial_out(tmp_path: Path) -> None:
    told = alone("control", tmp_path)
    assert told["code"] == COULD_NOT_START
    assert told["unroutable"] > 0
