"""What no error, traceback or log of the REST client shows."""

import logging
import traceback

import pytest

from hedgegrid_tui.engine.binance.rest.client import (
    BinanceRest,
    RestError,
)
from hedgegrid_tui.engine.binance.rest.credentials import Credentials
from hedgegrid_tui.engine.binance.rest.endpoints import Endpoints
from tests.hedgegrid_tui.binance.asking import ENTRY, ORDER, Fault, failure
from tests.venue.binance.server import FakeBinance

pytestmark = pytest.mark.timeout(30)

LEAKY: dict[str, Fault] = {
    "refused": lambda v: v.when("*", "*").garble(
        f'{{"code": -2015, "msg": "bad key {v.keys.key} \\u001b[2J in\\nquery {"s" * 64}"}}'.encode(), status=401
    ),
    "unclear": lambda v: v.when("*", "*").garble(v.keys.key.encode(), status=502),
    "no JSON": lambda v: v.when("*", "*").garble(f'{{"key": {v.keys.key}'.encode()),
    "dropped": lambda v: v.when("*", "*").drop(),
    "silent": lambda v: v.when("*", "*").hang(),
    "redirect": lambda v: v.when("*", "*").garble(b"", status=302),
}


@pytest.mark.parametrize("name", LEAKY)
async def test_no_error_no_traceback_and_no_log_shows_a_secret(
    addresses: Endpoints, credentials: Credentials, venue: FakeBinance, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    LEAKY[name](venue)
    listen_key = "L" * 64
    rest = BinanceRest(addresses, credentials, timeout_s=0.3)
    told = ""
    for asking in (rest.signed("POST", ORDER, **ENTRY), rest.keyed("PUT", "/fapi/v1/listenKey", listenKey=listen_key)):
        with pytest.raises(RestError) as caught:
            await asking
        error = caught.value
        assert error.__cause__ is None
        assert error.__context__ is None
        assert "\n" not in str(error)
        assert str(error).isprintable()
        told += "".join(traceback.TracebackException.from_exception(error).format()) + repr(error) + str(vars(error))
    await rest.close()
    told += caplog.text + f"{rest!r} {vars(rest)}"
    signatures = [asked.params["signature"] for asked in venue.requests("POST", ORDER)]
    assert signatures
    for secret in (venue.keys.key, venue.keys.secret, listen_key, *signatures):
        assert secret not in told


async def test_words_of_the_venue_are_cut(rest: BinanceRest, venue: FakeBinance) -> None:
    venue.when("POST", ORDER).refuse(-1102, "much ado " * 90)
    error = await failure(rest)
    assert str(error).startswith("/fapi/v1/order: refused with -1102: much ado much ado")
    assert len(str(error)) < 220
    assert str(error).endswith("...")
