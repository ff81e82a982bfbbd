"""What an answer means: done, refused, refused for a while, or unclear; nothing is called refused that may be done."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Final

from hedgegrid_tui.engine.binance.rest.errors import LimitedError, RestError, UnclearError, VenueError
from strategy.domain import NS_PER_S

TOO_MANY_REQUESTS: Final = -1003
TOO_MANY_ORDERS: Final = -1015
BAD_TIMESTAMP: Final = -1021
BANNED: Final = 418
LIMIT_STATUSES: Final = frozenset({BANNED, 429})
UNCLEAR_CODES: Final = frozenset({-1000, -1001, -1006, -1007})
"""Unknown error, disconnected, unexpected response, time-out: a request with any of them may have been carried out."""
REFUSED_503_CODES: Final = frozenset({-1008, -1016})
"""Overload and maintenance: the only 503 of which Binance says that nothing was done, beside its words alone."""
REFUSED_503_WORDS: Final = "service unavailable"
FIREWALL: Final = 403
REQUEST_TIMEOUT: Final = 408
"""The venue waited in vain for its own backend: it may still act."""
LEAST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 259_200.0
"""Three days, the longest ban that Binance speaks of."""
MINUTE_S: Final = 60.0
"""The window of weights: the wait where an answer names none."""
ORDER_WINDOW_S: Final = 10.0
_CODE: Final = re.compile(r"-[0-9]{1,6}")
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_UNTIL: Final = re.compile(r"banned until ([0-9]{13})(?![0-9])")


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, read to its end."""

    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class NotJsonError(ValueError):
    """A body that cannot be read."""


def read_json(body: bytes) -> Any:  # noqa: ANN401 - whatever was sent
    """The body's value; numbers with a point come as Decimal.

    Raises:
        NotJsonError: It is no JSON.
    """
    value, readable = None, True
    try:
        value = json.loads(body.decode(), parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError, ArithmeticError):
        readable = False  # told outside: the parser's error holds the whole body
    if not readable:
        raise NotJsonError("the answer is no JSON")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def value_of(answer: Answer, now_ns: int) -> Any:  # noqa: ANN401 - whatever was sent
    """What a request gave.

    Raises:
        VenueError: The venue certainly refused.
        LimitedError: It refused because of too many requests.
        UnclearError: Nobody can say.
    """
    try:
        value = read_json(answer.body)
    except NotJsonError:
        value = NotJsonError
    code, message = _refusal(value)
    if answer.status // 100 == 2 and not code:
        if value is NotJsonError:
            raise UnclearError(answer.path, f"an answer of {len(answer.body)} bytes that is no JSON")
        return value
    raise _error(answer, code, message, now_ns)


def _refusal(value: object) -> tuple[int, str]:
    """Code and words of `{"code": -1102, "msg": "..."}`; 0 where it is something else."""
    if not isinstance(value, dict):
        return 0, ""
    code, message = value.get("code"), value.get("msg")
    words = message if isinstance(message, str) else ""
    if isinstance(code, str) and _CODE.fullmatch(code):
        code = int(code)  # conditional orders have it in quotes
    return (code if isinstance(code, int) and not isinstance(code, bool) and code < 0 else 0), words


def _error(answer: Answer, code: int, message: str, now_ns: int) -> RestError:
    path, status = answer.path, answer.status
    if status in LIMIT_STATUSES or code == TOO_MANY_REQUESTS:
        return LimitedError(path, status, code, message, wait_s(answer, code, message, now_ns))
    if is_refusal(status, code, message):
        return VenueError(path, status, code, message or _status_words(status))
    return UnclearError(path, f"answered with HTTP {status}" + (f", {code}" if code else ""))


def is_refusal(status: int, code: int, message: str) -> bool:
    """Whether the venue certainly did nothing. Source: Binance, USDS-M Futures, "General Info", "HTTP Return Codes"."""
    if code in UNCLEAR_CODES or status == REQUEST_TIMEOUT:
        return False
    if status == 503:
        return code in REFUSED_503_CODES or message.strip().lower().startswith(REFUSED_503_WORDS)
    if status >= 500:
        return False
    return code < 0 or status == FIREWALL


def _status_words(status: int) -> str:
    return "the venue's firewall turned the address away" if status == FIREWALL else ""


def wait_s(answer: Answer, code: int, message: str, now_ns: int) -> float:
    """How long nothing should be asked: Retry-After, or the ban's end, or the window of what there was too much of."""
    wait = asked_wait_s(answer.headers.get("Retry-After"), now_ns)
    until = _UNTIL.search(message)
    if wait is None and until is not None:
        wait = int(until[1]) / 1_000 - now_ns / NS_PER_S
    if wait is None:
        wait = ORDER_WINDOW_S if code == TOO_MANY_ORDERS else MINUTE_S
    return min(max(wait, LEAST_WAIT_S), LONGEST_WAIT_S)


def asked_wait_s(value: str | None, now_ns: int) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date; None where it holds neither."""
    if value is None:
        return None
    if _SECONDS.fullmatch(value.strip()):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    return (until.replace(tzinfo=until.tzinfo or UTC) - datetime.fromtimestamp(now_ns / NS_PER_S, UTC)).total_seconds()
