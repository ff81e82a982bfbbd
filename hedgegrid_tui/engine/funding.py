"""Funding at Nautilus's simulated venue, which has none of its own: each settlement moves the account's balance."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.backtest.config import SimulationModuleConfig
from nautilus_trader.backtest.engine import SimulatedExchange
from nautilus_trader.backtest.modules import SimulationModule
from nautilus_trader.model.data import Bar, FundingRateUpdate, MarkPriceUpdate, QuoteTick, TradeTick
from nautilus_trader.model.identifiers import ClientId, InstrumentId, PositionId
from nautilus_trader.model.objects import Money
from nautilus_trader.system.kernel import NautilusKernel

from strategy.domain import ZERO, Leg
from strategy.funding import NS_PER_MINUTE, settlement

type OnPaid = Callable[[Leg, Decimal, Decimal], None]
"""Told of a leg's settlement: the rate, and what it added to the wallet (below zero: paid), quote currency.

It must not raise: nothing between it and the venue's event would hold an error.
"""

NEVER: Final = sys.maxsize
FIRST: Final = 100
"""Before the strategy and the venue itself, so that what they do at an event comes after the settlement."""
PRICED: Final = (QuoteTick, TradeTick, Bar)


@dataclass(slots=True)
class _Facts:
    """What the market has told so far; times in ns UTC."""

    rate: Decimal = ZERO
    next_ns: int = NEVER
    settled_ns: int = 0
    interval_ns: int = 0
    mark: MarkPriceUpdate | None = None
    market: QuoteTick | TradeTick | Bar | None = None


class FundingSettlements(SimulationModule):
    """Settles both legs at each settlement time that market time reaches or passes, once, by what was known before it.

    Quantities are the venue's own, the price is the last mark price (without one the last quote's middle, trade or
    close), the rate the last predicted one. Where the interval is known, market time that jumps over several
    settlements settles each. An amount is rounded to the currency's precision first; what is told is what was booked.
    """

    def __init__(self, instrument_id: InstrumentId, on_paid: OnPaid) -> None:
        super().__init__(SimulationModuleConfig())
        self._instrument_id = instrument_id
        self._on_paid = on_paid
        self._facts = _Facts()

    def attach(self, kernel: NautilusKernel) -> None:
        """Join the Sandbox of a built node, whose simulated venue takes no modules by configuration.

        In a `BacktestEngine`, give this object to `add_venue(modules=[...])` instead.
        """
        clients = kernel.exec_engine._clients  # noqa: SLF001 - it hands its clients out in no other way
        sandbox = clients[ClientId(self._instrument_id.venue.value)]
        self.register_base(kernel.portfolio, kernel.msgbus, kernel.cache, sandbox.test_clock)
        self.register_venue(sandbox.exchange)
        sandbox.exchange.modules.append(self)

    # -- what Nautilus calls -------------------------------------------------------------------------------------------

    def register_venue(self, exchange: SimulatedExchange) -> None:
        """Listen to the venue's market before anybody else."""
        super().register_venue(exchange)
        instrument_id = self._instrument_id
        self.msgbus.subscribe(f"data.*.{instrument_id.venue}.{instrument_id.symbol}", self._on_data, FIRST)

    def pre_process(self, data: Any) -> None:  # noqa: ANN401 - any of Nautilus's market data
        """Settle what is due before an event may fill orders."""
        self.process(data.ts_init)
        if isinstance(data, PRICED):
            self._facts.market = data

    def process(self, ts_now: int) -> None:
        """Settle what is due by `ts_now`, ns UTC."""
        facts = self._facts
        while ts_now >= facts.next_ns:
            # Moved on first: whatever goes wrong in the booking, no settlement is booked twice.
            facts.settled_ns = facts.next_ns
            facts.next_ns = facts.next_ns + facts.interval_ns if facts.interval_ns else NEVER
            self._settle()

    def reset(self) -> None:
        """Forget the market."""
        self._facts = _Facts()

    def log_diagnostics(self, logger: object) -> None:
        """What was paid stands in the journal."""

    # -- facts and money -----------------------------------------------------------------------------------------------

    def _on_data(self, data: Any) -> None:  # noqa: ANN401 - any of Nautilus's market data
        self.process(data.ts_init)
        facts = self._facts
        if isinstance(data, MarkPriceUpdate):
            facts.mark = data
        elif isinstance(data, FundingRateUpdate):
            facts.rate = data.rate
            facts.interval_ns = (data.interval or 0) * NS_PER_MINUTE
            next_ns = data.next_funding_ns or 0
            if next_ns > max(data.ts_init, facts.settled_ns):
                facts.next_ns = next_ns

    def _settle(self) -> None:
        price = self._price()
        if price is None:
            return
        currency = self.cache.instrument(self._instrument_id).settlement_currency
        for leg in Leg:
            position = self.cache.position(PositionId(f"{self._instrument_id}-{leg.name}"))
            held = ZERO if position is None else leg.sign * position.signed_decimal_qty()
            if not held:
                continue
            money = Money.from_str(f"{settlement(leg, held, price, self._facts.rate):f} {currency}")
            self.exchange.adjust_account(money)
            self._on_paid(leg, self._facts.rate, money.as_decimal())

    def _price(self) -> Decimal | None:
        mark, market = self._facts.mark, self._facts.market
        if mark is not None:
            return Decimal(str(mark.value))
        if isinstance(market, QuoteTick):
            return (Decimal(str(market.bid_price)) + Decimal(str(market.ask_price))) / 2
        if market is None:
            return None
        return Decimal(str(market.close if isinstance(market, Bar) else market.price))
