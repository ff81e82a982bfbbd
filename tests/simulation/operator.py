"""The operator: every command in any state, at any time, twice in a row too; and the cure of what is latched."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from strategy.control import Command, CommandName
from strategy.domain import Leg

if TYPE_CHECKING:
    from tests.simulation.world import World

MS = 1_000_000
ANY = (
    Command(CommandName.PAUSE),
    Command(CommandName.RESUME),
    Command(CommandName.CANCEL_ENTRIES),
    Command(CommandName.FLATTEN),
    Command(CommandName.FLATTEN, Leg.LONG),
    Command(CommandName.FLATTEN, Leg.SHORT),
    Command(CommandName.RESET_BREAKER),
    Command(CommandName.RESET_DRAWDOWN),
    *(Command(CommandName.SET_THROTTLE, share=Decimal(share)) for share in ("0", "0.25", "0.5", "1")),
)
MOODS = (("calm", 0.6, 0.1), ("calm", 0.4, 0.15), ("wild", 0.3, 0.6), ("absent", 0.15, 0.02))
"""Per second the chance of the cure of what is latched, and of any command."""
TWICE, AT_START = 0.2, 0.25
"""Chances, of every command and of every start."""


class Operator:
    """Sits in front of one world and presses keys."""

    def __init__(self, world: "World") -> None:
        self._world = world
        _, self._cures, self._acts = world.rng.choice(MOODS)

    def every_second(self) -> None:
        rng = self._world.rng
        cure = self._cure()
        if cure is not None and rng.random() < self._cures:
            self._press(cure)
        elif rng.random() < self._acts:
            self._press(rng.choice(ANY))

    def after_start(self) -> None:
        """A command right after a start, mostly before the first price."""
        rng = self._world.rng
        if rng.random() < AT_START:
            self._later(rng.choice((0, 1, rng.randint(1, 300))), rng.choice(ANY))

    def _press(self, command: Command) -> None:
        rng = self._world.rng
        self._world.act(command)
        if rng.random() < TWICE:
            self._later(rng.choice((0, rng.randint(1, 40))), command)

    def _later(self, wait_ms: int, command: Command) -> None:
        def press() -> None:
            if self._world.strategy is not None and not self._world.settling:
                self._world.act(command)

        self._world.schedule(wait_ms * MS, press)

    def _cure(self) -> Command | None:
        """What ends the gravest of what the journal shows as latched."""
        record = self._world.checker.record
        latched: dict[str, Any] = record.latched
        if "flattening" in latched:
            return None
        halts = latched.get("halts", ())
        if "drawdown" in halts:
            return Command(CommandName.RESET_DRAWDOWN)
        if halts or "breaker" in latched or any(name.startswith("repeated-") for name, _ in record.alarms):
            return Command(CommandName.RESET_BREAKER)
        if "paused" in latched:
            return Command(CommandName.RESUME)
        if record.throttle is not None and record.throttle < 1:
            return Command(CommandName.SET_THROTTLE, share=Decimal(1))
        return None
