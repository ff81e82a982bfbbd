"""Nautilus's Binance market data, which tells funding too: the adapter refuses that subscription."""

import asyncio
from typing import Final

from nautilus_trader.adapters.binance.common.constants import BINANCE_VENUE
from nautilus_trader.adapters.binance.common.enums import BinanceAccountType, BinanceEnvironment
from nautilus_trader.adapters.binance.common.urls import get_ws_base_url, get_ws_public_base_url
from nautilus_trader.adapters.binance.config import BinanceDataClientConfig
from nautilus_trader.adapters.binance.factories import get_cached_binance_http_client
from nautilus_trader.adapters.binance.futures.data import BinanceFuturesDataClient
from nautilus_trader.adapters.binance.futures.providers import BinanceFuturesInstrumentProvider
from nautilus_trader.adapters.binance.futures.schemas.market import BinanceFuturesMarkPriceData
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.core.data import Data
from nautilus_trader.live.factories import LiveDataClientFactory
from nautilus_trader.model.data import FundingRateUpdate, MarkPriceUpdate, QuoteTick, TradeTick

ACCOUNT: Final = BinanceAccountType.USDT_FUTURES


class MarketDataConfig(BinanceDataClientConfig, frozen=True, kw_only=True):  # type: ignore[call-arg]
    """The adapter's own, and what no stream tells."""

    funding_interval_minutes: int
    """From one settlement to the next. Source: Binance, "Get Funding Rate Info"."""


class MarketData(BinanceFuturesDataClient):
    """Binance's market streams without a key; the mark price's stream, which holds the rate, is told as both."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        msgbus: MessageBus,
        cache: Cache,
        clock: LiveClock,
        config: MarketDataConfig,
        name: str,
    ) -> None:
        environment = config.environment or BinanceEnvironment.LIVE
        client = get_cached_binance_http_client(
            clock=clock, account_type=ACCOUNT, base_url=config.base_url_http, environment=environment
        )
        provider = BinanceFuturesInstrumentProvider(
            client=client, clock=clock, account_type=ACCOUNT, config=config.instrument_provider, venue=BINANCE_VENUE
        )
        super().__init__(
            loop=loop,
            client=client,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            instrument_provider=provider,
            account_type=ACCOUNT,
            base_url_ws=config.base_url_ws or get_ws_base_url(ACCOUNT, environment, is_us=False),
            base_url_ws_public=config.base_url_ws or get_ws_public_base_url(ACCOUNT, environment, is_us=False),
            name=name,
            config=config,
        )
        self._funding_interval = config.funding_interval_minutes
        self._latest = 0
        """Time of the latest quote or trade, ns."""

    def _handle_data(self, data: Data) -> None:
        """Quotes and trades come over a socket each, now and then a millisecond out of their sequence.

        Nautilus's simulated venue skips what is older than the last, with a line in the log for each.
        """
        if isinstance(data, QuoteTick | TradeTick):
            if data.ts_event < self._latest:
                data = type(data).from_dict(type(data).to_dict(data) | {"ts_event": self._latest})
            self._latest = data.ts_event
        super()._handle_data(data)

    def _handle_mark_price_data(self, data: BinanceFuturesMarkPriceData) -> None:
        """One message is a mark price and a predicted rate; custom data of the adapter's own is left out."""
        update = data.parse_to_binance_futures_mark_price_update(
            instrument_id=self._get_cached_instrument_id(data.s), ts_init=self._clock.timestamp_ns()
        )
        # What settles funding looks at the clock first, so that the rate of a new interval never settles an old one.
        self._handle_data(
            FundingRateUpdate(
                instrument_id=update.instrument_id,
                rate=update.funding_rate,
                interval=self._funding_interval,
                next_funding_ns=update.next_funding_ns,
                ts_event=update.ts_event,
                ts_init=update.ts_init,
            )
        )
        self._handle_data(MarkPriceUpdate(update.instrument_id, update.mark, update.ts_event, update.ts_init))

    async def _subscribe_funding_rates(self, command: object) -> None:
        """The mark price's stream tells them."""

    async def _unsubscribe_funding_rates(self, command: object) -> None:
        """The mark price's stream tells them."""

    async def _unsubscribe_mark_prices(self, command: object) -> None:
        """The adapter cannot; the stream ends with the session."""


class MarketDataFactory(LiveDataClientFactory):
    """Builds the market data for a node."""

    @staticmethod
    def create(
        loop: asyncio.AbstractEventLoop,
        name: str,
        config: MarketDataConfig,
        msgbus: MessageBus,
        cache: Cache,
        clock: LiveClock,
    ) -> MarketData:
        """Give the data client for `config`."""
        return MarketData(loop, msgbus, cache, clock, config, name)
