"""Exceptions raised inside the strategy on purpose, and events told to it a second time."""

from collections import deque
from typing import TYPE_CHECKING, Any

from nautilus_trader.model.events import OrderCanceled, OrderExpired, OrderFilled, OrderRejected

from tests.simulation.checker import AFTER_ERROR_NS

if TYPE_CHECKING:
    from tests.simulation.world import World

HANDLERS = ("on_accepted", "on_refused", "on_ended", "on_resized", "on_request_refused", "on_fill")
ASK_NS = 2_000_000_000
CALM_NS = 1_000_000_000
SENDERS = ("submit", "cancel", "resize")
RETOLD = (OrderFilled, OrderCanceled, OrderExpired, OrderRejected)
"""Events of which a second telling must change nothing."""


class InjectedError(Exception):
    """What a handler raises on purpose."""


class UnsentError(Exception):
    """What sending raises on purpose."""


class Mischief:
    """Sits inside one strategy at a time."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._told: deque[Any] = deque(maxlen=60)
        self._calm_until = 0

    def watch(self, engine: Any) -> None:
        """Remember what the engine publishes, to tell it again."""
        engine.bus.subscribe(topic=f"events.order.{engine.strategy.id}", handler=self._on_event)

    def forget(self) -> None:
        """What was told before the start is not told again."""
        self._told.clear()

    def infest(self, strategy: Any) -> None:
        """Let handlers and senders raise now and then."""
        faults = self._world.chance.faults
        if faults.handler_raises:
            for name in HANDLERS:
                self._wrap(strategy.grid, name, "handler_raises", InjectedError)
        if faults.send_raises:
            for name in SENDERS:
                self._wrap(strategy, name, "send_raises", UnsentError)

    def _wrap(self, owner: Any, name: str, fault: str, error: type[Exception]) -> None:
        real = getattr(owner, name)
        world = self._world

        def wrapped(*args: Any, **more: Any) -> Any:
            # One at a time: what mends an error calls many handlers in a row, and would be struck again and again.
            strikes = world.now >= self._calm_until and world.chance.happens(fault)
            after = strikes and world.chance.rng.random() < 0.5
            if strikes:
                self._calm_until = world.now + CALM_NS
            if strikes and not after:
                self._raise(error, f"before {name}")
            result = real(*args, **more)
            if after:
                self._raise(error, f"after {name}")
            return result

        setattr(owner, name, wrapped)

    def _raise(self, error: type[Exception], words: str) -> None:
        checker = self._world.checker
        checker.injected[error.__name__] += 1
        unheard = "on_request_refused" in words  # nothing but the question after two seconds brings that back
        checker.excused_until = max(checker.excused_until, self._world.now + AFTER_ERROR_NS + (unheard and ASK_NS))
        self._world.note(f"      {error.__name__} {words}")
        raise error(words)

    def _on_event(self, event: Any) -> None:
        if isinstance(event, RETOLD):
            self._told.append(event)

    def before_event(self) -> None:
        """Now and then an old event comes to the strategy again, past the engine that would have dropped it."""
        world = self._world
        if not self._told or world.chance.faults.handler_raises or world.strategy is None:
            return
        if not world.chance.happens("duplicate", 0.5):
            return
        event = world.chance.rng.choice(self._told)
        checker = world.checker
        checker.record.follow()
        before = self._state()
        world.strategy.handle_event(event)
        checker.record.follow()
        checker.require(7, self._state() == before, f"{type(event).__name__} of {event.client_order_id} told twice")

    def _state(self) -> tuple[Any, ...]:
        world = self._world
        checker, grid = world.checker, world.strategy.grid
        lots = [(lot.number, lot.qty, lot.cost) for lot in grid.lots]
        return checker.record.facts, sum(checker.sent.values()), lots, grid.ledger.fills, grid.ledger.realised
