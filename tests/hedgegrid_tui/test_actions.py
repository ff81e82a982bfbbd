"""The registry of actions: one key each, one word each, a reason for every refusal."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from hedgegrid_tui.actions import ACTIONS, DEAF, ENDING, Danger, Group
from hedgegrid_tui.app import HedgeGridApp
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.keys import Keys
from hedgegrid_tui.render.view import RANGES_S, PanelId, View
from strategy.domain import DoorState, Leg
from strategy.snapshot import EnginePhase, EngineStatus, FlattenStage, LegView, Snapshot
from tests.hedgegrid_tui import fakes

NOWHERE = "nothing to go back from: no search, no panel maximised, none scrolled"
RUNNING = EngineStatus(EnginePhase.RUNNING)
COMMANDS = (
    "pause",
    "resume",
    "flatten",
    "flatten-long",
    "flatten-short",
    "cancel-entries",
    "reset-breaker",
    "reset-drawdown",
    "throttle",
)
SHUT: dict[str, Callable[[], Snapshot]] = {
    "paused": fakes.paused,
    "breaker open": fakes.breaker_open,
    "halted by losses": fakes.halted,
    "halted by an error": fakes.halted_by_error,
    "flattening": fakes.flattening,
}


def reason(action: str, snapshot: Snapshot, status: EngineStatus = RUNNING, **changes: Any) -> str | None:
    return ACTIONS[action].allowed(Frame(snapshot=snapshot, status=status, **changes))


def test_ids_and_keys_are_unique() -> None:
    keys = [key for action in ACTIONS.values() for key in action.keys.split(",")]
    assert len(set(keys)) == len(keys)
    assert [action.id for action in ACTIONS.values()] == list(ACTIONS)


def test_every_action_has_a_word_and_help() -> None:
    assert all(action.text and action.help.endswith(".") for action in ACTIONS.values())


def test_every_action_is_bound_under_its_own_id_and_nothing_else_is() -> None:
    bound = {binding.id: binding for _, binding in HedgeGridApp(fakes.FakeEngine(), poll=False)._bindings}
    assert set(bound) == set(ACTIONS)
    assert not any(binding.priority for binding in bound.values())
    assert "suspend" not in " ".join(binding.action for binding in bound.values())


@pytest.mark.parametrize("action", [*COMMANDS, "drill"])
def test_a_read_only_cockpit_refuses_whatever_acts(action: str) -> None:
    assert reason(action, fakes.running(), read_only=True) == "this cockpit is read-only"


@pytest.mark.parametrize("action", COMMANDS)
def test_no_command_can_be_given_before_the_first_snapshot(action: str) -> None:
    assert reason(action, Snapshot()) == "the engine has given no snapshot yet"


@pytest.mark.parametrize("phase", list(DEAF))
@pytest.mark.parametrize("action", COMMANDS)
def test_no_command_can_be_given_to_an_engine_that_does_not_listen(action: str, phase: EnginePhase) -> None:
    assert reason(action, fakes.running(), EngineStatus(phase)) == DEAF[phase]


def test_leaving_is_allowed_in_every_state_but_not_twice() -> None:
    assert reason("quit", Snapshot(), EngineStatus(EnginePhase.FAILED), read_only=True) is None
    assert reason("quit", fakes.running(), stopping="stopping: cancelling entries") == ENDING


@pytest.mark.parametrize("action", COMMANDS)
def test_no_command_can_be_given_once_the_session_is_ending(action: str) -> None:
    assert reason(action, fakes.running(), stopping="stopping: cancelling entries") == ENDING


def test_acts_stand_before_what_only_looks() -> None:
    groups = [action.group for action in ACTIONS.values()]
    assert groups == sorted(groups)
    assert groups[0] is Group.ACT
    assert all(action.danger is Danger.SAFE for action in ACTIONS.values() if action.group is Group.LOOK)


@pytest.mark.parametrize("state", ["breaker open", "halted by losses", "halted by an error", "flattening"])
def test_a_pause_may_be_latched_beside_any_other_state(state: str) -> None:
    assert reason("pause", SHUT[state]()) is None


def test_a_pause_is_refused_only_where_one_is_latched_already() -> None:
    assert reason("pause", fakes.running()) is None
    assert reason("pause", fakes.paused()) == "already paused"
    assert reason("pause", fakes.breaker_open(DoorState.PAUSED)) == "already paused"
    assert reason("pause", fakes.flattening(paused=True)) == "already paused"


@pytest.mark.parametrize(
    ("snapshot", "why"),
    [
        (fakes.running, "already running"),
        (fakes.paused, None),
        (fakes.breaker_open, "the breaker is open, closes in 4 m 12 s; B resets it"),
        (lambda: fakes.breaker_open(DoorState.PAUSED), "the breaker is open, closes in 4 m 12 s; B resets it"),
        (lambda: fakes.breaker_open(until_s=0), "the breaker is open, until reset; B resets it"),
        (fakes.halted, "halted; D (drawdown) resets that first"),
        (fakes.halted_by_error, "halted; B (breaker) resets that first"),
        (fakes.flattening, "a flatten runs; wait for its end"),
        (lambda: fakes.flattening(paused=True), "a flatten runs; wait for its end"),
    ],
)
def test_resuming_lifts_a_pause_and_nothing_graver(snapshot: Callable[[], Snapshot], why: str | None) -> None:
    assert reason("resume", snapshot()) == why


@pytest.mark.parametrize("state", SHUT)
def test_both_legs_can_be_flattened_and_entries_cancelled_from_every_state(state: str) -> None:
    snapshot = SHUT[state]()
    flatten = snapshot.flatten
    one = None if flatten is None else msgspec.structs.replace(flatten, legs=(Leg.LONG,))
    entries = msgspec.structs.replace(snapshot.long, open_entries=3)
    snapshot = msgspec.structs.replace(snapshot, flatten=one, long=entries)
    assert reason("flatten", snapshot) is None
    assert reason("cancel-entries", snapshot) is None


def test_a_flatten_of_both_legs_is_not_begun_twice() -> None:
    assert reason("flatten", fakes.flattening()) == "a flatten of both legs runs already"


def test_a_leg_that_is_being_flattened_is_not_flattened_twice_and_the_other_may_join() -> None:
    snapshot = fakes.flattening(legs=(Leg.LONG,))
    assert reason("flatten-long", snapshot) == "a flatten of the long leg runs already"
    assert reason("flatten-short", snapshot) is None
    assert reason("flatten", snapshot) is None


def test_a_leg_that_has_nothing_is_not_flattened_alone() -> None:
    assert reason("flatten-short", fakes.halted()) == "the short leg holds nothing and has no order"
    only_orders = fakes.running(long=LegView(Leg.LONG, open_entries=1))
    assert reason("flatten-long", only_orders) is None


def test_a_flatten_may_be_tried_again_after_one_that_failed() -> None:
    assert reason("flatten", fakes.flattening(FlattenStage.NOT_FLAT, running=False)) is None


def test_entries_can_be_cancelled_only_where_there_are_any() -> None:
    snapshot = fakes.running()
    none = msgspec.structs.replace
    empty = fakes.running(long=none(snapshot.long, open_entries=0), short=none(snapshot.short, open_entries=0))
    assert reason("cancel-entries", snapshot) is None
    assert reason("cancel-entries", empty) == "no entry is open"


@pytest.mark.parametrize(
    ("snapshot", "why"),
    [
        (fakes.running, "the breaker is closed, and errors have latched nothing"),
        (fakes.halted, "halted by losses; D resets that"),
        (fakes.breaker_open, None),
        (lambda: fakes.halted(DoorState.BREAKER_OPEN), None),
        (fakes.halted_by_error, None),
        (lambda: fakes.running(risk=fakes.controls(repeated=("long 3",))), None),
    ],
)
def test_the_breaker_is_reset_only_where_errors_have_latched_something(
    snapshot: Callable[[], Snapshot], why: str | None
) -> None:
    assert reason("reset-breaker", snapshot()) == why


def test_the_drawdown_is_reset_only_where_losses_have_led_to_something() -> None:
    warned = msgspec.structs.replace(fakes.controls().drawdown, reached=("day-warn",))
    assert reason("reset-drawdown", fakes.running()) == "losses have reached no level"
    assert reason("reset-drawdown", fakes.breaker_open()) == "losses have reached no level"
    assert reason("reset-drawdown", fakes.halted()) is None
    assert reason("reset-drawdown", fakes.running(risk=fakes.controls(drawdown=warned))) is None


def test_a_halt_by_losses_keeps_its_key_on_the_next_day_when_its_levels_are_armed_again() -> None:
    snapshot = fakes.halted()
    armed = msgspec.structs.replace(snapshot.risk.drawdown, reached=())
    tomorrow = msgspec.structs.replace(snapshot, risk=msgspec.structs.replace(snapshot.risk, drawdown=armed))
    assert reason("reset-drawdown", tomorrow) is None
    assert reason("reset-breaker", tomorrow) == "halted by losses; D resets that"


def test_acknowledging_needs_something_that_calls_and_is_open_to_a_read_only_cockpit() -> None:
    assert reason("acknowledge", fakes.critical()) == "no alarm and no critical error waits for it"
    assert reason("acknowledge", fakes.critical(), calls=("unprotected long",), read_only=True) is None


def test_a_refusal_names_the_key_that_the_trader_has_given_the_cure() -> None:
    keys = Keys({"reset-breaker": ("f8",), "reset-drawdown": ("ctrl+d",)})
    assert reason("resume", fakes.halted_by_error(), keys=keys) == "halted; F8 (breaker) resets that first"
    assert reason("reset-breaker", fakes.halted(), keys=keys) == "halted by losses; ^d resets that"


@pytest.mark.parametrize(
    ("action", "view", "why"),
    [
        ("search", View(), "only lists are searched: orders, fills, events, errors"),
        ("search", View(panel=PanelId.FILLS), None),
        ("open", View(panel=PanelId.FILLS), "opens a line of: events, errors"),
        ("open", View(panel=PanelId.ERRORS), None),
        ("range-shorter", View(chart_range=0), "the chart's shortest range is shown"),
        ("range-longer", View(chart_range=len(RANGES_S) - 1), "the chart's longest range is shown"),
        ("range-longer", View(chart_range=0), None),
        ("back", View(), NOWHERE),
        ("back", View(zoomed=True), None),
        ("back", View(scroll={PanelId.LADDER: 3}), None),
        ("back", View(scroll={PanelId.FILLS: 3}), NOWHERE),
    ],
)
def test_looking_is_refused_only_where_there_is_nothing_to_look_at(action: str, view: View, why: str | None) -> None:
    assert reason(action, fakes.running(), view=view, read_only=True) == why


def test_a_drill_needs_the_simulated_market_and_nothing_of_this_engine() -> None:
    assert reason("drill", fakes.running(mode="live")) == "only with --mode sim"
    assert reason("drill", Snapshot(mode="sim"), EngineStatus(EnginePhase.LOADING)) is None
