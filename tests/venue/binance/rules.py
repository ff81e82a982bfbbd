"""Faults by rule: which request they strike, what happens to it at the venue, and what comes back."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from typing import Self

from tests.venue.binance.asked import Asked
from tests.venue.binance.errors import ApiError

BAD_JSON = b'{"orderId": 4000000001, "clientOr'
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


class Ending(Enum):
    """How an exchange of request and answer ends."""

    ANSWER = 0
    DROP = 1
    HANG = 2


@dataclass
class Rule:
    """A fault, made by `Rules.when`; unless an outcome is named, the request is served as usual."""

    method: str
    path: str
    nth: Collection[int]
    predicate: Callable[[Asked], bool]
    executes: bool = True
    """Whether the venue carries the request out."""
    ending: Ending = Ending.ANSWER
    status: int = 0
    """0: the true answer."""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    wait_before: float = 0.0
    wait_after: float = 0.0
    before: Callable[[], object] | None = None
    seen: int = 0
    """Requests that it looked at and that met everything but the count."""
    hits: int = 0
    active: bool = True

    # -- outcomes; each returns the rule ---------------------------------------------------------------------------

    def refuse(
        self, code: int, message: str = "", *, status: int = 0, headers: Mapping[str, str] | None = None
    ) -> Self:
        """Nothing is done, and the answer says why."""
        error = ApiError(code, message, status, headers or {})
        return self._answer(error, executed=False)

    def limit(self, retry_after_s: int, *, banned: bool = False) -> Self:
        """429, or 418 where the address is banned, with Retry-After."""
        words = "Way too many requests; IP banned until 9999999999999." if banned else ""
        headers = {"Retry-After": str(retry_after_s)}
        return self.refuse(-1003, words, status=418 if banned else 429, headers=headers)

    def unknown(self, *, live: bool, code: int = -1007, status: int = 503) -> Self:
        """5xx, which says nothing of the order's fate; `live`: it was carried out."""
        return self._answer(ApiError(code, status=status), executed=live)

    def drop(self, *, executed: bool = False) -> Self:
        """The connection breaks before (or after) the venue carried the request out."""
        self.ending, self.executes = Ending.DROP, executed
        return self

    def hang(self, *, executed: bool = False) -> Self:
        """No answer comes, and the connection stays, until the rule is removed."""
        self.ending, self.executes = Ending.HANG, executed
        return self

    def garble(self, body: bytes = BAD_JSON, *, status: int = 200, executed: bool = True) -> Self:
        """An answer that is no JSON."""
        self.status, self.body, self.executes = status, body, executed
        return self

    def delay(self, seconds: float, *, after: bool = False) -> Self:
        """The request (or its answer) is late."""
        if after:
            self.wait_after = seconds
        else:
            self.wait_before = seconds
        return self

    def first(self, act: Callable[[], object]) -> Self:
        """Something else happens at the venue just before: a fill, other filters, an expired listenKey."""
        self.before = act
        return self

    def remove(self) -> None:
        """Strike no more; requests that hang are let go."""
        self.active = False

    def _answer(self, error: ApiError, *, executed: bool) -> Self:
        self.status, self.headers, self.executes = error.status, error.headers, executed
        self.body = json.dumps(error.body).encode()
        return self

    def _strikes(self, asked: Asked) -> bool:
        if not (self.active and self.method in ("*", asked.method) and fnmatchcase(asked.path, self.path)):
            return False
        if not self.predicate(asked):
            return False
        self.seen += 1
        if self.nth and self.seen not in self.nth:
            return False
        self.hits += 1
        return True


class Rules:
    """Every fault that a test asked for; the first that strikes decides."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def when(
        self,
        method: str,
        path: str,
        nth: int | Collection[int] = (),
        *,
        if_: Callable[[Asked], bool] = lambda _asked: True,
    ) -> Rule:
        """A new rule for requests to a path (`*` is a wildcard), for all of them or the nth only, counted from 1.

        `server.when("POST", "/fapi/v1/order", 2).unknown(live=True)` answers the second order with -1007.
        """
        counts = (nth,) if isinstance(nth, int) else tuple(nth)
        rule = Rule(method, path, counts, if_)
        self.rules.append(rule)
        return rule

    def strike(self, asked: Asked) -> Rule | None:
        """The rule that strikes this request; every rule before it has counted it."""
        return next((rule for rule in self.rules if rule._strikes(asked)), None)

    def clear(self) -> None:
        """No fault any more."""
        for rule in self.rules:
            rule.remove()
        self.rules.clear()
