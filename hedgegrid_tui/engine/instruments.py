"""The Nautilus instrument that a configuration describes."""

from decimal import Decimal

from nautilus_trader.model.currencies import Currency
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Money, Price, Quantity

from hedgegrid_tui.engine.plan import VENUE
from strategy.config import InstrumentConfig


def instrument_id(config: InstrumentConfig) -> InstrumentId:
    """The perpetual's id as Nautilus's Binance adapter spells it."""
    return InstrumentId(Symbol(f"{config.symbol}-PERP"), Venue(VENUE))


def perpetual(config: InstrumentConfig, leverage: int) -> CryptoPerpetual:
    """A USDT-M perpetual with the configured filters."""
    tick, step = Price.from_str(str(config.tick_size)), Quantity.from_str(str(config.step_size))
    quote = Currency.from_str(config.quote)
    margin = 1 / Decimal(leverage)
    return CryptoPerpetual(
        instrument_id=instrument_id(config),
        raw_symbol=Symbol(config.symbol),
        base_currency=Currency.from_str(config.base),
        quote_currency=quote,
        settlement_currency=quote,
        is_inverse=False,
        price_precision=tick.precision,
        size_precision=step.precision,
        price_increment=tick,
        size_increment=step,
        max_quantity=Quantity(config.max_qty, step.precision),
        min_quantity=Quantity(config.min_qty, step.precision),
        min_notional=Money(config.min_notional, quote),
        margin_init=margin,
        margin_maint=margin / 2,
        maker_fee=config.maker_fee,
        taker_fee=config.taker_fee,
        ts_event=0,
        ts_init=0,
    )
