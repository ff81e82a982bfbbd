"""Item 17: a fault at each step between a fill and its resting exits leaves nothing naked and nothing doubled."""

from collections import Counter
from decimal import Decimal
from types import CodeType
from typing import Any, Final

import msgspec
import pytest

from strategy.domain import NS_PER_S, DesiredOrder, Leg, OrderKey
from strategy.grid import HedgeGrid
from strategy.hedge_grid import HedgeGridStrategy
from strategy.order_factory import OrderFactory
from strategy.reconcile import Action
from tests.seventeen.bench import Bench, assert_protected
from tests.seventeen.faults import InjectedError, calls_in_the_brain, code_of, raising_in

QTY: Final = Decimal("0.004")
TRIES: Final = 2
"""A step that comes several times is struck at its first two."""
GUARD: Final = "guarded.<locals>.run"

type Step = tuple[CodeType, int]


def begun() -> Bench:
    """Entries rest, nothing is held."""
    made = Bench()
    made.quote(60_000, 3)
    return made


def fill(found: Bench) -> None:
    """The nearest long rung fills, and its exits come to rest."""
    found.quote(59_930)


def steps() -> list[Step]:
    """Every function of the brain that runs from the fill on, with the number of its call."""
    found = begun()
    with calls_in_the_brain() as calls:
        fill(found)
    found.close()
    codes = [code for code, _ in calls]
    start = codes.index(code_of(HedgeGridStrategy.on_order_filled))
    before, after = Counter(codes[:start]), Counter(codes[start:])
    return [
        (code, before[code] + nth)
        for code, count in after.items()
        if code.co_qualname != GUARD
        for nth in range(1, min(count, TRIES) + 1)
    ]


def step_of(function: Any) -> Step:
    """The first call of that function after the fill."""
    return next(step for step in steps() if step[0] is code_of(function))


def check_s17(step: Step) -> None:
    """The step fails once: still running, nothing naked, nothing doubled, told once, in good time."""
    found = begun()
    try:
        with raising_in(*step) as struck:
            try:
                fill(found)
            except InjectedError as error:
                raise AssertionError(f"the error left {error}") from error
        assert struck
        found.quote(59_930)
        found.quote(59_960, 20)
        grid = found.strategy.grid
        assert grid is not None
        assert found.strategy.is_running
        assert found.held(Leg.LONG) == QTY
        assert_protected(found)
        assert [error.type for error in grid.errors.latest] == [InjectedError.__name__]
        assert len(found.journal.of("error")) == 1
        assert not found.journal.of("alarm")
        assert grid.protection.longest(found.now) <= NS_PER_S
    finally:
        found.close()


def keys_of(action: Action) -> set[OrderKey]:
    return {part.key for part in msgspec.structs.astuple(action) if isinstance(part, DesiredOrder)}


def failures(among: list[Step]) -> list[str]:
    """What does not survive which step."""
    failed = []
    for step in among:
        try:
            check_s17(step)
        except AssertionError as error:
            failed.append(f"{step[0].co_qualname} #{step[1]}: {str(error).partition(chr(10))[0]}")
    return failed


def test_s17_a_fault_at_any_step_of_attaching_exits_leaves_nothing_naked_and_nothing_doubled() -> None:
    every = steps()
    assert len(every) > 100
    assert {code_of(OrderFactory.linked), code_of(HedgeGridStrategy.submit_pair)} <= {code for code, _ in every}
    assert failures(every) == []


def test_s17_without_a_guard_around_the_fill_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    unguarded = vars(HedgeGridStrategy)["on_order_filled"].__wrapped__
    monkeypatch.setattr(HedgeGridStrategy, "on_order_filled", unguarded)
    with pytest.raises(AssertionError, match=r"the error left \w+\.on_fill"):
        check_s17(step_of(HedgeGrid.on_fill))


def test_s17_without_a_further_look_after_an_error_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    step = step_of(HedgeGrid.on_fill)
    check_s17(step)
    monkeypatch.setattr(HedgeGrid, "doubt", lambda _self: None)
    with pytest.raises(AssertionError, match="mismatch"):
        check_s17(step)


def test_s17_without_a_pass_after_an_error_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    step = step_of(HedgeGrid._exit_actions)
    check_s17(step)

    def only_told(self: HedgeGridStrategy, where: str, error: Exception) -> None:
        assert self.grid is not None
        self.grid.errors.record(self.now(), where, type(error).__name__, str(error), critical=True)

    monkeypatch.setattr(HedgeGridStrategy, "contain", only_told)
    with pytest.raises(AssertionError):
        check_s17(step)


def test_s17_with_exits_that_are_attached_by_the_fill_alone_the_same_check_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As the seed has it: the fill attaches its exits and is remembered first; what fails then is never tried again."""
    step = step_of(OrderFactory.linked)
    check_s17(step)
    attached: set[OrderKey] = set()
    cure = HedgeGrid._exit_actions

    def once(self: HedgeGrid, now: int) -> list[Action]:
        actions = [action for action in cure(self, now) if attached.isdisjoint(keys_of(action))]
        attached.update(key for action in actions for key in keys_of(action))
        return actions

    monkeypatch.setattr(HedgeGrid, "_exit_actions", once)
    with pytest.raises(AssertionError, match=r"long holds 0.004, sl 0"):
        check_s17(step)
