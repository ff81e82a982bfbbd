"""Journal lines in plain words: who pressed what, what the system saw, what the venue answered."""

import functools
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from strategy.domain import NS_PER_MS, NS_PER_S

Line = Mapping[str, Any]
KIND_WIDTH: Final = 13
LAST_SECOND: Final = 253_402_300_799
"""The end of the year 9999, beyond which there is no date."""
CONFIG_DIGITS: Final = 12
"""So much of a configuration's digest tells it from others."""

ROLES: Final = {"entry": "entry", "tp": "take-profit", "sl": "stop", "close": "close"}
ORDER_EVENTS: Final = {
    "submit": "system sent",
    "cancel": "system asked to cancel",
    "modify": "system asked to change",
    "accepted": "venue: accepted",
    "rejected": "venue: REJECTED",
    "denied": "engine: denied before it left",
    "canceled": "venue: cancelled",
    "updated": "venue: changed",
    "expired": "venue: expired",
    "unknown": "no answer, it may be live:",
}


NUMBER: Final = re.compile(r"-?[0-9]+\.[0-9]+")
HEARD: Final = ("act", "session.start")
"""Kinds that give others their words."""


class Words:
    """Gives each line its words; remembers the acts that wait for a receipt, so that both carry the same name."""

    def __init__(self) -> None:
        self._acts: dict[str, tuple[str, int]] = {}

    def hear(self, line: Line) -> None:
        """Take note of an act, or of a session that owes nothing to the one before; also where it is not shown."""
        if line["kind"] == "session.start":
            self._acts.clear()
        elif isinstance(line.get("act_id"), str):
            self._acts[line["act_id"]] = _command(line), line["ts"]

    def tell(self, line: Line) -> str:
        """One line: time (UTC), kind, words. A line of an unknown make is told field by field."""
        return f"{moment(line['ts'])}  {printable(line['kind']):{KIND_WIDTH}} {self.words(line)}".rstrip()

    def words(self, line: Line) -> str:
        """The line's words alone."""
        try:
            told = self._receipt(line) if line["kind"] == "receipt" else KINDS.get(line["kind"], _fields)(line)
        except (KeyError, TypeError, AttributeError, ValueError):
            told = _fields(line)
        return printable(told)

    def _receipt(self, line: Line) -> str:
        command, sent = self._acts.pop(line["act_id"], ("", 0))
        after = f" after {_waited(line['ts'] - sent)}" if command else ""
        detail = _told(line["detail"])
        name = command or "an act that is in no line"
        return f"{name}: {line['result']}{after}{f'; {detail}' if detail else ''}  [{line['act_id']}]"


def moment(ts: int) -> str:
    """Date and time, UTC, to the ms, of nanoseconds since the epoch."""
    seconds, rest = divmod(ts, NS_PER_S)
    return f"{_second(seconds)}.{rest // NS_PER_MS:03}Z" if 0 <= seconds <= LAST_SECOND else f"{ts} ns"


@functools.lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def printable(text: str) -> str:
    """The text with whatever would steer a terminal or turn the writing direction shown as its code."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _waited(nanoseconds: int) -> str:
    return f"{nanoseconds // NS_PER_MS} ms" if nanoseconds < NS_PER_S else f"{nanoseconds / NS_PER_S:.1f} s"


def _told(value: object) -> str:
    """A receipt's detail and the like: names and values, without brackets."""
    if isinstance(value, Mapping):
        value = {name: each for name, each in value.items() if each not in (None, "")}
        nested = any(isinstance(each, Mapping) for each in value.values())
        names = ((f"{name}:" if isinstance(each, Mapping) else name, _told(each)) for name, each in value.items())
        return ("; " if nested else ", ").join(f"{name} {told}".strip() for name, told in names)
    if isinstance(value, list | tuple):
        return ", ".join(_told(each) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in (None, "") else _trimmed(str(value))


def _trimmed(text: str) -> str:
    """A number without zeros at its end that say nothing; anything else as it is."""
    return text.rstrip("0").rstrip(".") if NUMBER.fullmatch(text) else text


def _fields(line: Line) -> str:
    return _told({name: value for name, value in line.items() if name not in ("seq", "ts", "kind")})


def _command(line: Line) -> str:
    args = line.get("args")
    more = (
        [value for name, value in args.items() if (name, value) != ("ending", "leave")]
        if isinstance(args, dict)
        else []
    )
    return " ".join(str(part) for part in (line.get("command"), *more))


def _session_start(line: Line) -> str:
    made = f"version {line['version']}, pid {line['pid']}, config {line['config'][:CONFIG_DIGITS]}"
    parts = [f"session began: {line['mode']} {line['instrument']}, {made}"]
    if line["fresh_venue"]:
        parts.append("the venue is new")
    if line["restored"]:
        parts.append(f"restored: {_told(line['restored'])}")
    if line.get("torn_line_dropped"):
        parts.append("a torn last line was dropped")
    return "; ".join(parts)


def _session_stop(line: Line) -> str:
    return f"session ended: {line['flat'].replace('_', ' ')}, exit status {line['exit_code']}"


def _act(line: Line) -> str:
    verb = "pressed" if line["by"] == "operator" else "ordered"
    return f"{line['by']} {verb} {_command(line)}  [{line['act_id']}]"


def _state(line: Line) -> str:
    also = [name for name in ("flattening", "halted", "breaker", "paused") if isinstance(line.get("latched"), dict)
            and name in line["latched"]]  # fmt: skip
    latched = f"; latched: {', '.join(also)}" if len(also) > 1 else ""
    reason = f": {line['reason']}" if line["reason"] else ""
    return f"system is {line['name'].replace('_', ' ')}{reason}{latched}"


def _what(line: Line) -> str:
    """An order or a fill: role, leg, place."""
    place = f" {line['level']}" if line.get("level") is not None else ""
    lot = f" of lot {line['lot']}" if line["role"] != "entry" and line["lot"] is not None else ""
    return f"{ROLES.get(line['role'], line['role'])} {line['leg']}{place}{lot}: {line['side']} {line['qty']}"


def _order(line: Line) -> str:
    price = "market" if line["price"] is None else line["price"]
    reason = f"; {line['reason']}" if line["reason"] else ""
    does = ORDER_EVENTS.get(line["event"], line["event"])
    return f"{does} {_what(line)} at {price}{reason}  [{line['id']}]"


def _fill(line: Line) -> str:
    cost = f"fee {line['fee']}, {line['liquidity']}"
    return f"venue: filled {_what(line)} at {line['price']}, {cost}  [{line['id']} {line['trade_id']}]"


def _gate(line: Line) -> str:
    place = "" if line["level"] is None else f" {line['level']}"
    return f"gate denied {ROLES.get(line['role'], line['role'])} {line['leg']}{place}: {line['reason']}"


def _funding(line: Line) -> str:
    paid = str(line["amount"]).startswith("-")
    return f"venue: {line['leg']} {'paid' if paid else 'got'} {line['amount']} funding at the rate {line['rate']}"


def _equity(line: Line) -> str:
    parts = ("wallet", "unrealised", "peak", "realised", "fees", "funding")
    return f"system saw equity {line['equity']}; {', '.join(f'{name} {line[name]}' for name in parts)}"


def _alarm(line: Line) -> str:
    leg = "" if line["leg"] is None else f" {line['leg']}"
    verb = ("goes on with" if line.get("again") else "raised") if line["raised"] else "ended"
    return f"system {verb} the alarm {line['name']}{leg}: {line['detail']}"


def _error(line: Line) -> str:
    grave = "a CRITICAL error" if line["critical"] else "an error"
    return f"system saw {grave} in {line['where']}: {line['type']}: {line['message']}"


def _ladder(line: Line) -> str:
    return f"system drew its ladders around {line['centre']}, step {line['step']}"


def _transfer(line: Line) -> str:
    out = str(line["amount"]).startswith("-")
    return f"venue: {line['amount']} went {'out of' if out else 'into'} the wallet, now {line['wallet']}"


def _foreign(line: Line) -> str:
    leg = f" on the {line['leg']} leg" if line["leg"] else ""
    return f"not of this grid: {line['event']} {line['id']}{leg}: {line['words']}"


KINDS: Final[dict[str, Callable[[Line], str]]] = {
    "session.start": _session_start,
    "session.stop": _session_stop,
    "act": _act,
    "receipt": _fields,
    "state": _state,
    "order": _order,
    "fill": _fill,
    "gate": _gate,
    "funding": _funding,
    "equity": _equity,
    "alarm": _alarm,
    "error": _error,
    "ladder": _ladder,
    "transfer": _transfer,
    "foreign": _foreign,
}
"""Every kind of line, with what words it; a receipt's need its act."""
