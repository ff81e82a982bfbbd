"""Builds the execution client for a node, with a REST client and an instrument provider of its own."""

import asyncio
from typing import Any

from nautilus_trader.adapters.binance.common.credentials import is_ed25519_private_key
from nautilus_trader.adapters.binance.common.enums import BinanceAccountType
from nautilus_trader.adapters.binance.common.urls import get_http_base_url
from nautilus_trader.adapters.binance.config import BinanceExecClientConfig
from nautilus_trader.adapters.binance.futures.providers import BinanceFuturesInstrumentProvider
from nautilus_trader.live.factories import LiveExecClientFactory

from hedgegrid_tui.engine.binance.execution.client import (
    HedgeGridBinanceExecClientConfig,
    HedgeGridBinanceExecutionClient,
)
from hedgegrid_tui.engine.binance.execution.http import VenueHttp


class HedgeGridBinanceExecFactory(LiveExecClientFactory):
    """For `TradingNode.add_exec_client_factory`."""

    @staticmethod
    def create(
        loop: asyncio.AbstractEventLoop,
        name: str,
        config: BinanceExecClientConfig,
        msgbus: Any,  # noqa: ANN401
        cache: Any,  # noqa: ANN401
        clock: Any,  # noqa: ANN401
    ) -> HedgeGridBinanceExecutionClient:
        """The client; keys must stand in the configuration, since Nautilus would look for live ones elsewhere.

        Raises:
            ValueError: There is no key, or the account is not of USDT-M futures.
        """
        if not isinstance(config, HedgeGridBinanceExecClientConfig):
            config = HedgeGridBinanceExecClientConfig(**{f: getattr(config, f) for f in config.__struct_fields__})
        if not (config.api_key and config.api_secret):
            raise ValueError("no API key: it is given to the client, never looked up by it")
        kind = BinanceAccountType.USDT_FUTURES
        if config.account_type != kind or config.environment is None:
            raise ValueError("only USDT-M futures, with the environment named")
        base_url = config.base_url_http or get_http_base_url(kind, config.environment, is_us=False)
        http = VenueHttp(
            clock,
            config.api_key,
            config.api_secret,
            base_url,
            ed25519=is_ed25519_private_key(config.api_secret),
            timeout_s=config.http_timeout_ms / 1_000,
        )
        provider = BinanceFuturesInstrumentProvider(
            client=http, clock=clock, account_type=kind, config=config.instrument_provider, venue=config.venue
        )
        return HedgeGridBinanceExecutionClient(
            loop=loop,
            client=http,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            instrument_provider=provider,
            base_url_ws="",
            account_type=kind,
            name=name,
            config=config,
            environment=config.environment,
            api_key=config.api_key,
            api_secret=config.api_secret,
        )
