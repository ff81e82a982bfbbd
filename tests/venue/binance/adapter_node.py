"""A live node with Nautilus's own Binance clients, pointed at the fake: hedge mode, no retries, loopback only."""

import asyncio
from typing import Any

import pytest
from nautilus_trader.adapters.binance.common.enums import BinanceAccountType, BinanceEnvironment
from nautilus_trader.adapters.binance.config import BinanceDataClientConfig, BinanceExecClientConfig
from nautilus_trader.adapters.binance.factories import BinanceLiveDataClientFactory, BinanceLiveExecClientFactory
from nautilus_trader.config import (
    InstrumentProviderConfig,
    LiveDataEngineConfig,
    LiveExecEngineConfig,
    LiveRiskEngineConfig,
    LoggingConfig,
    TradingNodeConfig,
)
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.system.kernel import NautilusKernel

from tests.venue.binance.server import FakeBinance

CLIENT = "BINANCE"
INSTRUMENT = InstrumentId.from_str("BTCUSDT-PERP.BINANCE")


def build_node(
    venue: FakeBinance, strategy: Any, loop: asyncio.AbstractEventLoop, patch: pytest.MonkeyPatch, **engine: Any
) -> TradingNode:
    """The node, built; `engine` changes the configuration of the execution engine."""
    # A node that is hosted by a test leaves signals alone; Nautilus has no option for that.
    patch.setattr(NautilusKernel, "_setup_loop", lambda _kernel: None)
    provider = InstrumentProviderConfig(load_ids=frozenset({INSTRUMENT}))
    common: dict[str, Any] = {
        "api_key": venue.keys.key,
        "api_secret": venue.keys.secret,
        "account_type": BinanceAccountType.USDT_FUTURES,
        "environment": BinanceEnvironment.TESTNET,
        "base_url_http": venue.url,
        "instrument_provider": provider,
    }
    data = BinanceDataClientConfig(**common, base_url_ws=venue.ws_url, update_instruments_interval_mins=None)
    execution = BinanceExecClientConfig(
        **common,
        base_url_ws=venue.ws_api_url,
        base_url_ws_stream=venue.ws_url,
        use_reduce_only=False,
        max_retries=None,
    )
    settings: dict[str, Any] = {
        "graceful_shutdown_on_exception": True,
        "reconciliation": True,
        "reconciliation_startup_delay_secs": 0,
        "inflight_check_interval_ms": 0,
    }
    config = TradingNodeConfig(
        trader_id="FAKE-001",
        logging=LoggingConfig(log_level="OFF"),
        data_engine=LiveDataEngineConfig(graceful_shutdown_on_exception=True),
        risk_engine=LiveRiskEngineConfig(graceful_shutdown_on_exception=True),
        exec_engine=LiveExecEngineConfig(**(settings | engine)),
        data_clients={CLIENT: data},
        exec_clients={CLIENT: execution},
        timeout_connection=10.0,
        timeout_reconciliation=10.0,
        timeout_portfolio=10.0,
        timeout_disconnection=5.0,
        timeout_post_stop=0.2,
    )
    node = TradingNode(config, loop=loop)
    node.add_data_client_factory(CLIENT, BinanceLiveDataClientFactory)
    node.add_exec_client_factory(CLIENT, BinanceLiveExecClientFactory)
    node.trader.add_strategy(strategy)
    node.build()
    return node
