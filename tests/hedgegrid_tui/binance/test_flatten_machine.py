"""`hedgegrid flatten` against the machine that breaks it, at random and at the places where it once broke."""

import io
import json
from decimal import Decimal
from pathlib import Path

import pytest

from hedgegrid_tui import flatten_command
from strategy.domain import Leg, Role
from tests.hedgegrid_tui.binance.flatten_machine import POSITIONS, Machine, finish, run_seed
from tests.hedgegrid_tui.binance.flattening import Ran
from tests.venue.binance.asked import Asked

INFO = "/fapi/v1/exchangeInfo"
SEEDS = 40
"""Here; many more: `python -m tests.hedgegrid_tui.binance.flatten_machine 1 2000`."""


@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_whatever_the_wire_and_other_hands_do_every_promise_is_kept(seed: int, tmp_path: Path) -> None:
    machine, ran = run_seed(seed, tmp_path)
    assert not machine.broken, "\n".join((*machine.broken, *machine.trace, ran.out, ran.err))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One whose wire holds, beside what a test breaks; both legs, three lots and twelve entries each."""
    calm = Machine(1, tmp_path)
    calm.fault_share = calm.hand_share = calm.signal_share = 0.0
    calm.latencies_s = (0.02,)
    calm.choose("both")
    return calm


def fill(machine: Machine, legs: tuple[Leg, ...] = tuple(Leg), entries: int = 12) -> None:
    machine.stage.begin()
    for leg in legs:
        for _ in range(3):
            machine.stage.fill_entry(leg)
            machine.stage.order(leg, Role.SL)
        for _ in range(entries):
            machine.stage.order(leg, Role.ENTRY)
    machine.stage.cut()


def ran(machine: Machine) -> Ran:
    told = finish(machine)
    assert not machine.broken, "\n".join((*machine.broken, *machine.trace, told.out, told.err))
    return told


def strike(machine: Machine, method: str, fault: str, path: str = "", nth: int = 0) -> None:
    """Every request of a kind, or the nth alone, meets this fault."""
    seen = 0

    def choose(asked_method: str, asked_path: str) -> str:
        nonlocal seen
        if asked_method != method or (path and asked_path != path) or not machine.acted:
            return "none"
        seen += 1
        return fault if nth in (0, seen) else "none"

    machine.choose_fault = choose


def test_cancels_without_an_answer_do_not_use_up_the_time_that_closing_has(machine: Machine) -> None:
    fill(machine)
    strike(machine, "DELETE", "hang")
    told = ran(machine)
    assert told.code == 10
    assert machine.stage.held() == {"long": Decimal(0), "short": Decimal(0)}
    closes = [line for line in machine.trace if "POST" in line]
    assert float(closes[0].split()[0]) < 10


def test_an_entry_on_its_way_when_its_session_died_is_waited_for(machine: Machine) -> None:
    machine.stage.begin()
    machine.stage.cut()
    machine.ghost, machine.ghost_s = machine.stage_ghost(Leg.LONG), 1.45
    told = ran(machine)
    assert told.code == 0
    assert len(machine.posts) == 1


def test_told_to_stop_it_says_flat_only_when_nothing_can_arrive_any_more(machine: Machine) -> None:
    machine.stage.begin()
    machine.stage.cut()
    machine.ghost, machine.ghost_s = machine.stage_ghost(Leg.LONG), 1.45
    machine.signals_at = {"/fapi/v1/openOrders"}
    assert ran(machine).code == 10


def test_a_close_that_may_still_be_taken_is_not_followed_by_another(machine: Machine) -> None:
    fill(machine, (Leg.LONG,), 0)
    machine.late_s = 1.4
    strike(machine, "POST", "late", nth=1)
    assert ran(machine).code == 0
    assert len(machine.posts) == 1


def test_one_look_that_shows_nothing_is_not_believed(machine: Machine) -> None:
    fill(machine, (Leg.LONG,), 0)
    strike(machine, "GET", "nothing", POSITIONS, nth=1)
    assert ran(machine).code == 0
    assert machine.stage.held() == {"long": Decimal(0), "short": Decimal(0)}
    assert len(machine.posts) == 1


def test_a_close_that_rests_while_its_leg_was_emptied_by_hand_is_cancelled(machine: Machine) -> None:
    fill(machine, (Leg.LONG,), 0)
    machine.venue.exchange.piece = lambda order: Decimal(0) if "-CL" in order.client_id else order.left
    machine.on_post = lambda: machine.venue.by_hand("SELL", "LONG", "0.012")
    told = ran(machine)
    assert told.code == 0
    assert not machine.venue.open_ids()


@pytest.mark.parametrize("body", [b"null", b"[]", b'{"bids": 7}', b'{"bids": [["NaN"]]}', b'{"bids": [["x", "1"]]}'])
def test_a_book_that_cannot_be_read_leaves_the_cost_open_and_keeps_nothing_from_closing(
    machine: Machine, body: bytes
) -> None:
    fill(machine, (Leg.LONG,), 0)
    machine.bodies["/fapi/v1/depth"] = body
    told = ran(machine)
    assert told.code == 0
    assert "slippage not known" in " ".join(told.out.split())


@pytest.mark.parametrize("row", [{"qty": "0"}, {"qty": "-1"}, {"side": "UP"}, {"id": "x"}, {"commission": "NaN"}])
def test_a_trade_that_cannot_be_read_is_told_and_the_flatten_ends_with_the_truth(
    machine: Machine, row: dict[str, str]
) -> None:
    fill(machine, (Leg.LONG,), 0)
    machine.edits["/fapi/v1/userTrades"] = row
    told = ran(machine)
    assert told.code == 0
    assert "may be incomplete" in " ".join(told.out.split())
    assert "Error" not in told.out


def test_an_overloaded_venue_is_asked_again_at_the_first_look(machine: Machine) -> None:
    fill(machine, (Leg.LONG,), 0)
    machine.first_faults = ["503"]
    assert ran(machine).code == 0


def test_a_piece_is_a_multiple_of_the_venues_step(machine: Machine) -> None:
    fill(machine, (Leg.LONG,), 0)
    machine.stage.sets.append("instrument.max_qty=0.0055")
    assert ran(machine).code == 0
    assert [post["qty"] for post in machine.posts] == ["0.005", "0.005", "0.002"]


def test_a_venue_that_names_no_largest_order_is_not_taken_at_its_word(machine: Machine) -> None:
    fill(machine, (Leg.LONG,), 0)
    info = json.loads(json.dumps(machine.venue.market_rest._info(Asked("GET", INFO, "", None, 0))))
    for rule in info["symbols"][0]["filters"]:
        rule.update({"maxQty": "0"} if "maxQty" in rule else {})
    machine.bodies[INFO] = json.dumps(info).encode()
    assert ran(machine).code == 0
    assert [post["qty"] for post in machine.posts] == ["0.012"]


def test_what_is_not_ours_is_named_without_what_steers_a_terminal(machine: Machine) -> None:
    fill(machine, (Leg.LONG,), 0)
    machine.venue.by_hand("SELL", "SHORT", "0.005", "65000")
    machine.edits["/fapi/v1/openOrders"] = {"clientOrderId": "a\x1b[2Jb", "type": "\x1b]0;x", "origType": "\x9b"}
    assert "\x1b" not in ran(machine).out


def test_a_clock_that_was_set_back_hides_no_trade(machine: Machine) -> None:
    fill(machine, (Leg.LONG,), 0)
    machine.clock.wall_shift_s = -86_400.0
    machine.venue.skew_ms = -86_400_000
    assert ran(machine).code == 0
    assert "outside" not in machine.stage.state.journal.read_text()


def test_a_line_that_the_terminal_cannot_show_is_shown_in_other_characters() -> None:
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    flatten_command._print("journal: /home/jürgen", screen)
    flatten_command._print("FLAT, verified", screen)
    screen.seek(0)
    assert screen.read() == "journal: /home/j\\xfcrgen\nFLAT, verified\n"


@pytest.mark.parametrize("stdin", [None, io.TextIOWrapper(io.BytesIO(b"\xff\n"), encoding="utf-8")])
def test_without_an_input_that_is_text_nothing_is_confirmed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, stdin: io.TextIOWrapper | None
) -> None:
    fill(machine, (Leg.LONG,), 0)
    monkeypatch.setattr("sys.stdin", stdin)
    if stdin is not None:
        monkeypatch.setattr(stdin, "isatty", lambda: True, raising=False)
    told = finish(machine, yes=False, judged=False)
    assert told.code == 2
    assert not machine.posts


def test_a_lock_that_cannot_be_had_leaves_the_journal_to_whoever_may_write_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(machine, (Leg.LONG,), 0)
    before = machine.stage.state.journal.read_bytes()

    def refuse(_self: object) -> None:
        raise PermissionError(13, "Permission denied", "lock")

    monkeypatch.setattr("hedgegrid_tui.engine.state_dir.StateDir.__enter__", refuse)
    told = finish(machine, judged=False)
    assert told.code == 0
    assert machine.stage.state.journal.read_bytes() == before
    assert [path.name[:8] for path in machine.stage.state.path.glob("flatten-*")] == ["flatten-"]
