"""The Sandbox execution client with a fault that can be switched on, and with an ear on what it says."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, NamedTuple, override

from nautilus_trader.adapters.sandbox.execution import SandboxExecutionClient
from nautilus_trader.adapters.sandbox.factory import SandboxLiveExecClientFactory
from nautilus_trader.live.factories import LiveExecClientFactory
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.events import OrderCanceled, OrderEvent, OrderFilled, OrderRejected, OrderSubmitted

from strategy.domain import ZERO, Leg, OrderKey
from strategy.order_ids import parse_id

REFUSAL: Final = "-2019: Margin is insufficient."
FIRST_TO_HEAR: Final = 100
"""Priority on the message bus: the time is taken before the strategy acts on the event."""
KINDS: Final = {
    OrderSubmitted: "submitted",
    OrderRejected: "rejected",
    OrderCanceled: "canceled",
    OrderFilled: "filled",
}


class Heard(NamedTuple):
    """One order event at the venue."""

    at: int
    """`time.perf_counter_ns()` when it was said."""
    kind: str
    key: OrderKey
    id: str
    qty: Decimal = ZERO
    """Of a fill, base."""
    price: Decimal = ZERO
    """Of a fill, quote."""


class OpenOrder(NamedTuple):
    """An order that rests at the venue."""

    id: str
    key: OrderKey
    qty: Decimal
    """What may still fill, base."""


class WatchedVenue(SandboxExecutionClient):
    """Nautilus's simulated venue; used on the engine's loop only."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Nautilus's own arguments
        super().__init__(*args, **kwargs)
        self.rejecting = False
        """Whether every new entry is refused."""
        self.heard: list[Heard] = []
        """What was said since the list was cleared last."""
        self._fills = 0
        self._msgbus.subscribe("events.order.*", handler=self._hear, priority=FIRST_TO_HEAR)

    @override
    def on_data(self, data: Any) -> None:
        """Take market data; a quote beyond several orders fills every one, before any cancel comes.

        So does a real venue. Nautilus's own fills one of them a quote.
        """
        while True:
            before = self._fills
            super().on_data(data)
            if before == self._fills or not isinstance(data, QuoteTick):
                return

    @override
    def submit_order(self, command: Any) -> None:
        order = command.order
        if not self.rejecting or order.is_reduce_only:
            super().submit_order(command)
            return
        now = self._clock.timestamp_ns()
        ids = (order.strategy_id, order.instrument_id, order.client_order_id)
        self._client.generate_order_submitted(*ids, now)
        self._client.generate_order_rejected(*ids, REFUSAL, now)

    def open_orders(self) -> tuple[OpenOrder, ...]:
        """Every resting order by the venue's own books."""
        resting = self.exchange.get_open_orders()
        return tuple(
            OpenOrder(order.client_order_id.value, told.key, order.leaves_qty.as_decimal())
            for order in resting
            if (told := parse_id(order.client_order_id.value)) is not None
        )

    def held(self, leg: Leg) -> Decimal:
        """What the venue's positions hold of a leg, base; negative where it was over-closed."""
        positions = self.exchange.cache.positions_open(venue=self.venue)
        ours = (each for each in positions if each.id.value.endswith(f"-{leg.name}"))
        return leg.sign * sum((each.signed_decimal_qty() for each in ours), ZERO)

    def _hear(self, event: OrderEvent) -> None:
        at = time.perf_counter_ns()
        kind = KINDS.get(type(event))
        told = parse_id(event.client_order_id.value) if kind is not None else None
        if kind is None or told is None:
            return
        filled = kind == "filled"
        self._fills += filled
        self.heard.append(
            Heard(
                at,
                kind,
                told.key,
                event.client_order_id.value,
                event.last_qty.as_decimal() if filled else ZERO,
                event.last_px.as_decimal() if filled else ZERO,
            )
        )


def venue_factory(take: Callable[[WatchedVenue], None]) -> type[LiveExecClientFactory]:
    """A factory that hands the venue which it makes to `take`."""

    class Factory(SandboxLiveExecClientFactory):
        @staticmethod
        def create(loop: Any, name: str, config: Any, portfolio: Any, msgbus: Any, cache: Any, clock: Any) -> Any:  # noqa: ANN401, ARG004
            venue = WatchedVenue(loop=loop, portfolio=portfolio, msgbus=msgbus, cache=cache, clock=clock, config=config)
            take(venue)
            return venue

    # Nautilus gives the portfolio, which the simulated venue needs, to a factory of this name only.
    Factory.__name__ = SandboxLiveExecClientFactory.__name__
    return Factory
