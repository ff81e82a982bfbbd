"""Item 17: a fault at each step of attaching exits and of each control leaves nothing naked, nothing doubled."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from decimal import Decimal
from types import CodeType
from typing import Any, Final

import msgspec
import pytest

from strategy.breaker import Breaker
from strategy.control import Command, CommandName, Receipt, Result
from strategy.desk import Desk
from strategy.domain import NS_PER_S, DesiredOrder, DoorState, Leg, OrderKey, Role
from strategy.drawdown import Drawdown
from strategy.flattener import Flattener
from strategy.grid import HedgeGrid
from strategy.hedge_grid import HedgeGridStrategy
from strategy.order_factory import OrderFactory
from strategy.reconcile import Action
from strategy.risk import Risk
from tests.seventeen.bench import Bench, assert_protected
from tests.seventeen.faults import InjectedError, calls_in_the_brain, code_of, raising_in

QTY: Final = Decimal("0.004")
TRIES: Final = 2
"""A step that comes several times is struck at its first two."""
GUARD: Final = "guarded.<locals>.run"

NO_OTHER_LEVEL: Final = tuple(
    f"drawdown.{scope}_{level}_pct=0"
    for scope, level in (("total", "warn"), ("total", "pause"), ("day", "warn"), ("day", "pause"), ("day", "halt"))
)

OUTSIDE: Final = (GUARD, "HedgeGridStrategy.wake_at.<locals>.<lambda>", "HedgeGridStrategy.command.<locals>.reply")
"""What runs outside of any guard, and does nothing but hand on: to a guarded handler, or to whoever has asked."""

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


# -- a fault at each step of what the controls do ----------------------------------------------------------------------


class Act:
    """Something that the controls do from one moment on, and what must have become of it in the end."""

    overrides: tuple[str, ...] = ()
    first: Any = None
    """Where it begins."""

    def set_out(self) -> Bench:
        """A long lot, protected, and entries that rest."""
        made = Bench("grid.levels=2", "grid.base_qty=0.004", *self.overrides)
        made.quote(60_000, 3)
        made.quote(59_930, 2)
        made.quote(59_960, 2)
        assert made.held(Leg.LONG) == QTY
        return made

    def go(self, found: Bench) -> None:
        """Let it happen."""
        raise NotImplementedError

    def check(self, found: Bench) -> None:
        """What must be true once things have come to rest."""
        raise NotImplementedError

    def steps(self) -> list[Step]:
        """Every function of the brain that runs from its beginning on."""
        found = self.set_out()
        with calls_in_the_brain() as calls:
            self.go(found)
        found.close()
        codes = [code for code, _ in calls]
        start = codes.index(code_of(self.first))
        before, after = Counter(codes[:start]), Counter(codes[start:])
        return [(code, before[code] + 1) for code in after if code.co_qualname not in OUTSIDE]

    def check_step(self, step: Step) -> None:
        """The step fails once."""
        found = self.set_out()
        try:
            with raising_in(*step):
                try:
                    self.go(found)
                except InjectedError as error:
                    raise AssertionError(f"the error left {error}") from error
            for _ in range(25):
                found.pump(200)
                found.quote(59_960)
            grid = found.strategy.grid
            assert grid is not None
            assert found.strategy.is_running
            assert_protected(found)
            self.check(found)
        finally:
            found.close()

    def failures(self, among: list[Step]) -> Iterator[str]:
        """What does not survive which step."""
        for step in among:
            try:
                self.check_step(step)
            except AssertionError as error:
                yield f"{step[0].co_qualname} #{step[1]}: {str(error).partition(chr(10))[0]}"


def grid_of(found: Bench) -> HedgeGrid:
    assert found.strategy.grid is not None
    return found.strategy.grid


class Flatten(Act):
    """The operator flattens; whoever is told that it failed presses again."""

    first = Desk.handle

    def go(self, found: Bench) -> None:
        self.answer: Future[Receipt] = Future()
        found.strategy.command(Command(CommandName.FLATTEN), self.answer)
        for _ in range(10):
            found.pump()

    def check(self, found: Bench) -> None:
        assert self.answer.done(), "nobody is answered"
        if self.answer.result().result is not Result.DONE:
            self.go(found)
        assert self.answer.result().result is Result.DONE
        assert not found.held(Leg.LONG), "said flat, and it is not"
        assert not found.live(), "orders are open"
        assert grid_of(found).state is DoorState.PAUSED


class Trip(Act):
    """An error opens the breaker."""

    overrides = ("breaker.errors=1", "breaker.cooldown_s=0")
    first = Breaker.note

    def go(self, found: Bench) -> None:
        found.strategy.contain("test", RuntimeError("on purpose"))
        for _ in range(10):
            found.pump()

    def check(self, found: Bench) -> None:
        grid = grid_of(found)
        if grid.state is DoorState.RUNNING:  # the fault has hit the count itself; the next error counts
            self.go(found)
        assert grid.state is DoorState.BREAKER_OPEN, f"it is {grid.state}"
        assert not found.live(None, Role.ENTRY), "entries are open"
        assert found.open_qty(Leg.LONG, Role.SL) == QTY


class Halt(Act):
    """A loss flattens and halts."""

    overrides = ("drawdown.samples=1", "drawdown.total_halt_pct=0.00001", *NO_OTHER_LEVEL)
    first = Risk._cross

    def go(self, found: Bench) -> None:
        for _ in range(25):
            found.quote(59_900)

    def check(self, found: Bench) -> None:
        grid = grid_of(found)
        assert grid.state is DoorState.HALTED, f"it is {grid.state}"
        assert not found.held(Leg.LONG), "it still holds"
        assert not found.live(), "orders are open"


@pytest.mark.parametrize("act", [Flatten, Trip, Halt])
def test_s17_a_fault_at_any_step_of_a_control_leaves_it_done_in_the_end(act: type[Act]) -> None:
    made = act()
    steps = made.steps()
    assert len(steps) > 100
    assert list(made.failures(steps)) == []


def forgets_first(cure: Any) -> Any:
    """A flatten that is over before anybody was told."""

    def end(self: Flattener, *args: Any) -> None:
        self._running = None
        cure(self, *args)

    return end


@pytest.mark.parametrize(
    ("act", "owner", "method", "instead"),
    [
        (Flatten, Flattener, "_end", forgets_first(Flattener._end)),
        (Trip, Risk, "latch_open_breaker", lambda *_: None),
        (Trip, Desk, "_keep_latched_promises", lambda _self: None),
        (Halt, Drawdown, "forget", lambda *_: None),
    ],
)
def test_s17_without_trying_again_what_has_failed_the_same_check_fails(
    act: type[Act], owner: type, method: str, instead: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = act()
    steps = made.steps()
    monkeypatch.setattr(owner, method, instead)
    assert next(made.failures(steps), None) is not None
