"""The registry of actions: one key each, one word each, a reason for every refusal."""

import msgspec
import pytest

from hedgegrid_tui.actions import ACTIONS, DEAF
from hedgegrid_tui.app import HedgeGridApp
from strategy.domain import DoorState, Leg
from strategy.snapshot import EnginePhase, EngineStatus, FlattenStage, Snapshot
from tests.hedgegrid_tui import fakes

RUNNING = EngineStatus(EnginePhase.RUNNING)
COMMANDS = ("pause", "resume", "flatten", "cancel-entries")


def reason(action: str, snapshot: Snapshot, status: EngineStatus = RUNNING, *, read_only: bool = False) -> str | None:
    return ACTIONS[action].allowed(snapshot, status, read_only)


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


@pytest.mark.parametrize("action", COMMANDS)
def test_no_command_can_be_given_to_a_read_only_cockpit(action: str) -> None:
    assert reason(action, fakes.running(), read_only=True) == "this cockpit is read-only"


@pytest.mark.parametrize("action", COMMANDS)
def test_no_command_can_be_given_before_the_first_snapshot(action: str) -> None:
    assert reason(action, Snapshot()) == "the engine has given no snapshot yet"


@pytest.mark.parametrize("phase", list(DEAF))
@pytest.mark.parametrize("action", COMMANDS)
def test_no_command_can_be_given_to_an_engine_that_does_not_listen(action: str, phase: EnginePhase) -> None:
    assert reason(action, fakes.running(), EngineStatus(phase)) == DEAF[phase]


def test_leaving_is_always_allowed() -> None:
    assert reason("quit", Snapshot(), EngineStatus(EnginePhase.FAILED), read_only=True) is None


def test_pause_and_resume_exclude_each_other() -> None:
    assert reason("pause", fakes.running()) is None
    assert reason("resume", fakes.running()) == "already running"
    assert reason("pause", fakes.paused()) == "already paused"
    assert reason("resume", fakes.paused()) is None


def test_nothing_but_a_flatten_of_the_other_leg_may_cut_into_a_flatten() -> None:
    both = fakes.flattening()
    assert both.state is DoorState.FLATTENING
    assert reason("pause", both)
    assert reason("resume", both)
    assert reason("flatten", both) == "a flatten of both legs runs already"
    assert reason("flatten", fakes.flattening(legs=(Leg.LONG,))) is None


def test_a_flatten_may_be_tried_again_after_one_that_failed() -> None:
    assert reason("flatten", fakes.flattening(FlattenStage.NOT_FLAT, running=False)) is None


def test_entries_can_be_cancelled_only_where_there_are_any() -> None:
    snapshot = fakes.running()
    none = msgspec.structs.replace
    empty = fakes.running(long=none(snapshot.long, open_entries=0), short=none(snapshot.short, open_entries=0))
    assert reason("cancel-entries", snapshot) is None
    assert reason("cancel-entries", empty) == "no entry is open"


def test_the_breaker_says_that_there_is_none() -> None:
    assert reason("reset-breaker", fakes.running()) == "this version has no breaker to reset"
