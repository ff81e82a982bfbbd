"""How Nautilus's node is set up for Binance: market data without a key, execution that never repeats a request."""

from typing import Any, Final

from nautilus_trader.adapters.binance.common.enums import BinanceAccountType
from nautilus_trader.config import (
    InstrumentProviderConfig,
    LiveExecEngineConfig,
    TradingNodeConfig,
)
from nautilus_trader.model.identifiers import InstrumentId

from hedgegrid_tui.engine.binance.execution.client import HedgeGridBinanceExecClientConfig
from hedgegrid_tui.engine.binance.market_data import MarketDataConfig
from hedgegrid_tui.engine.binance.rest.credentials import Credentials
from hedgegrid_tui.engine.binance.rest.endpoints import endpoints, environment
from hedgegrid_tui.engine.hosted_node import ENGINES
from hedgegrid_tui.engine.instruments import instrument_id
from hedgegrid_tui.engine.plan import VENUE, SessionPlan
from hedgegrid_tui.engine.runtime import STRATEGY, TAG

CONNECT_S: Final = 20.0
"""For each of connecting, reconciling and the portfolio."""


def market_data_config(plan: SessionPlan, funding_interval_minutes: int) -> MarketDataConfig:
    """Market streams and instruments, asked without a key."""
    settings = plan.config.binance
    return MarketDataConfig(
        account_type=BinanceAccountType.USDT_FUTURES,
        environment=environment(plan.mode, settings),
        base_url_http=settings.rest_url or None,
        base_url_ws=settings.stream_url or None,
        instrument_provider=_provider(instrument_id(plan.config.instrument)),
        update_instruments_interval_mins=None,
        funding_interval_minutes=funding_interval_minutes,
    )


def account_config(plan: SessionPlan, credentials: Credentials, data: MarketDataConfig) -> TradingNodeConfig:
    """A node that trades an account in hedge mode.

    Facts that decide it: retries turn an order that did land into a duplicate, so that there are none; in-flight,
    open-order and position checks would guess what the strategy and the poll of the venue's truth ask; a position
    report nets nothing, for each leg has its own.
    """
    return TradingNodeConfig(
        **ENGINES,
        exec_engine=LiveExecEngineConfig(
            graceful_shutdown_on_exception=True,
            reconciliation=True,
            reconciliation_startup_delay_secs=0,
            reconciliation_instrument_ids=[instrument_id(plan.config.instrument)],
            inflight_check_interval_ms=0,
            open_check_interval_secs=None,
            position_check_interval_secs=None,
            allow_overfills=True,  # a fill is never dropped for want of an earlier message
        ),
        data_clients={VENUE: data},
        exec_clients={VENUE: _execution(plan, credentials)},
        timeout_connection=CONNECT_S,
        timeout_reconciliation=CONNECT_S,
        timeout_portfolio=CONNECT_S,
        timeout_disconnection=5.0,
        timeout_post_stop=0.2,
    )


def _execution(plan: SessionPlan, credentials: Credentials) -> HedgeGridBinanceExecClientConfig:
    settings = plan.config.binance
    where = endpoints(plan.mode, settings)
    overridden: dict[str, Any] = {}
    if settings.is_overridden:
        # All of them, or Nautilus would dial the venue's own for those that are left out.
        overridden = {
            "base_url_http": where.rest,
            "base_url_ws": where.ws_api,
            "base_url_ws_stream": where.user_stream,
        }
    return HedgeGridBinanceExecClientConfig(
        api_key=credentials.key,
        api_secret=credentials.secret.reveal(),
        account_type=BinanceAccountType.USDT_FUTURES,
        environment=environment(plan.mode, settings),
        instrument_provider=_provider(instrument_id(plan.config.instrument)),
        use_reduce_only=False,
        max_retries=None,
        recv_window_ms=settings.recv_window_ms,
        http_timeout_ms=settings.http_timeout_ms,
        strategy_id=f"{STRATEGY}-{TAG}",
        **overridden,
    )


def _provider(wanted: InstrumentId) -> InstrumentProviderConfig:
    return InstrumentProviderConfig(load_ids=frozenset({wanted}))
