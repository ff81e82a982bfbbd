"""The configuration's section on Binance: environment, addresses, where the keys are, dead-man's switch, own polls."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final
from urllib.parse import SplitResult, urlsplit

from pydantic import field_validator, model_validator

from strategy.section import Section, key

LOOPBACK: Final = "127.0.0.1"
DEAD_MAN_RENEWALS: Final = 4
"""The switch must outlast so many renewals, so that three may fail in a row."""
VARIABLE: Final = r"^([A-Za-z_][A-Za-z0-9_]{0,63})?$"
SECRET_WORDS: Final = ("secret", "apikey", "api_key", "password", "private", "token")
KEY_WORDS: Final = "keys stand in environment variables or in a file of mode 0600 (binance.key_file), never here"


class TestEnvironment(StrEnum):
    """Where the mode testnet trades."""

    __test__ = False

    TESTNET = "testnet"
    DEMO = "demo"


class MarginType(StrEnum):
    """How the venue secures a symbol's positions."""

    CROSS = "cross"
    ISOLATED = "isolated"


class BinanceConfig(Section):
    """The venue of the modes paper, testnet and live."""

    title = "The venue of paper, testnet and live. Keys never stand here: only where they are to be found."

    environment: TestEnvironment = key(TestEnvironment.TESTNET, "testnet or demo", "where the mode testnet trades")
    rest_url: str = key("", "address", "base of REST requests; empty: the environment's own")
    stream_url: str = key("", "address", "base of market streams; empty: the environment's own")
    user_stream_url: str = key("", "address", "base of the user stream; empty: as stream_url")
    ws_api_url: str = key("", "address", "WebSocket API, for Ed25519 keys; empty: that of stream_url")
    key_variable: str = key(
        "", "name", "environment variable that holds the API key; empty: the mode's own", pattern=VARIABLE
    )
    secret_variable: str = key(
        "", "name", "environment variable that holds the secret; empty: the mode's own", pattern=VARIABLE
    )
    key_file: str = key(
        "", "path", "TOML file of mode 0600 with api_key and api_secret; empty: the variables", max_length=4096
    )
    recv_window_ms: int = key(2000, "ms", "a signed request that is older on arrival is refused", ge=500, le=60_000)
    http_timeout_ms: int = key(5000, "ms", "for one request, from connecting to the last byte", ge=500, le=60_000)
    margin_type: MarginType = key(MarginType.CROSS, "cross or isolated", "what the account must be set to")
    dead_man_s: int = key(
        120, "s", "without a renewal for so long, the venue cancels every order; 0 switches it off", ge=0, le=86_400
    )
    dead_man_renew_s: int = key(30, "s", "how often the dead-man's switch is renewed", ge=1, le=3600)
    truth_poll_s: int = key(5, "s", "how often the venue's orders and legs are held against ours", ge=1, le=600)
    emergency_reserve_pct: int = key(
        25, "% of the venue's budgets", "of orders and weight that entries leave to exits and cancels", ge=0, le=90
    )

    @field_validator("rest_url", "stream_url", "user_stream_url", "ws_api_url")
    @classmethod
    def _addresses_are_addresses(cls, value: str, info: object) -> str:
        secure = "https" if getattr(info, "field_name", "") == "rest_url" else "wss"
        if value:
            _check_address(value, secure)
        return value.rstrip("/")

    @model_validator(mode="after")
    def _addresses_go_together(self) -> "BinanceConfig":
        if bool(self.rest_url) != bool(self.stream_url):
            raise ValueError("rest_url and stream_url must both be set, or both be empty: they are of one venue")
        for name in ("user_stream_url", "ws_api_url"):
            if getattr(self, name) and not self.rest_url:
                raise ValueError(
                    f"{name} is set and rest_url is not: they are of one venue; set rest_url and stream_url too"
                )
        return self

    @model_validator(mode="after")
    def _switch_outlasts_renewals(self) -> "BinanceConfig":
        least = DEAD_MAN_RENEWALS * self.dead_man_renew_s
        if self.dead_man_s and self.dead_man_s < least:
            raise ValueError(
                f"dead_man_s {self.dead_man_s} must be at least {least}, {DEAD_MAN_RENEWALS} renewals of "
                f"dead_man_renew_s {self.dead_man_renew_s}; raise it, or lower dead_man_renew_s"
            )
        return self

    @property
    def is_overridden(self) -> bool:
        """Whether the addresses are not the environment's own."""
        return bool(self.rest_url)

    @property
    def is_loopback(self) -> bool:
        """Whether every address that is set is on this machine."""
        urls = (self.rest_url, self.stream_url, self.user_stream_url, self.ws_api_url)
        return all(urlsplit(url).hostname == LOOPBACK for url in urls if url)


def is_private(path: Sequence[str], value: object) -> bool:
    """Whether a message on a key of the configuration must not repeat its value: it may be an API key."""
    if names_a_secret(path[-1]):
        return True
    if path[0] != "binance":
        return False
    known = BinanceConfig.model_fields.get(path[-1])
    if known is None or path[-1] in ("key_variable", "secret_variable"):
        return not isinstance(value, dict)
    return isinstance(value, str) and "@" in value


def names_a_secret(name: str) -> bool:
    """Whether a key of that name holds what nobody may see."""
    return any(word in name.lower() for word in SECRET_WORDS)


def _check_address(value: str, secure: str) -> None:
    """Refuse what is no plain base address; a connection without TLS leads to this machine only."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"must be an address such as {secure}://host") from None
    if not host or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError(f"must be an address such as {secure}://host")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("must hold no user, password, query or fragment")
    _check_scheme(parts, secure)


def _check_scheme(parts: SplitResult, secure: str) -> None:
    plain = secure.removesuffix("s")
    if parts.scheme == secure or (parts.scheme == plain and parts.hostname == LOOPBACK):
        return
    raise ValueError(f"must begin with {secure}:// ({plain}:// only for {LOOPBACK})")
