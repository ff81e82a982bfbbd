"""One REST request as the fake sees it, and what its handlers may ask of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl

from tests.venue.binance.errors import ApiError

type Json = dict[str, Any] | list[Any]
type Handler = Callable[[Asked], Json]
type Act = Callable[[], Awaitable[None]]


class Security(Enum):
    """What an endpoint asks of a request."""

    NONE = 0
    KEY = 1
    SIGNED = 2


@dataclass(frozen=True)
class Route:
    """An endpoint."""

    handler: Handler
    security: Security = Security.SIGNED
    weight: Callable[["Asked"], int] = lambda _asked: 1
    orders: int = 0
    """How much it adds to the count of orders."""
    trades: bool = False
    """Whether the key must be allowed to trade."""


@dataclass
class Asked:
    """A request; `query` is raw, as it was signed."""

    method: str
    path: str
    query: str
    key: str | None
    at_ms: int
    params: dict[str, str] = field(default_factory=dict)
    status: int = 0
    """What it was answered with; 0 where nothing was."""
    executed: bool = False

    def __post_init__(self) -> None:
        self.params = dict(parse_qsl(self.query, keep_blank_values=True))

    def get(self, name: str) -> str | None:
        """A parameter, None where it was not sent."""
        return self.params.get(name)

    def need(self, name: str) -> str:
        """A parameter that must be there."""
        value = self.params.get(name)
        if not value:
            raise ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return value

    def integer(self, name: str) -> int | None:
        """A whole number, None where it was not sent."""
        value = self.params.get(name)
        if value is None:
            return None
        if not value.lstrip("-").isdecimal():
            raise ApiError(-1102, f"Parameter '{name}' was malformed.")
        return int(value)

    def decimal(self, name: str) -> Decimal:
        """A number that must be there."""
        try:
            return Decimal(self.need(name))
        except InvalidOperation:
            raise ApiError(-1102, f"Parameter '{name}' was malformed.") from None

    def flag(self, name: str) -> bool:
        """A truth value, false where it was not sent."""
        return (self.params.get(name) or "false").lower() == "true"
