"""One order as a test sends it by the REST client, and the error that it ends as."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from hedgegrid_tui.engine.binance.rest.client import BinanceRest, RestError
from tests.venue.binance.server import FakeBinance

ORDER = "/fapi/v1/order"
ENTRY: dict[str, Any] = {
    "symbol": "BTCUSDT", "side": "BUY", "positionSide": "LONG", "type": "LIMIT", "timeInForce": "GTX",
    "quantity": Decimal("0.004"), "price": Decimal("59990.00"), "newClientOrderId": "mine",
}  # fmt: skip
type Fault = Callable[[FakeBinance], object]


async def failure(rest: BinanceRest, method: str = "POST", path: str = ORDER, **params: Any) -> RestError:
    """What the request is answered with, which must be an error."""
    with pytest.raises(RestError) as caught:
        await rest.signed(method, path, **(params or ENTRY))
    return caught.value
