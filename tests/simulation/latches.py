"""What is latched, and what ends it: invariants 11, 14 and 20 as far as the journal's lines tell of them."""

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from strategy.config import Config
from tests.simulation.record import LEGS

if TYPE_CHECKING:
    from tests.simulation.checker import Checker

S = 1_000_000_000
NAMES: Final = {"flattening": "flattening", "halted": "halted", "breaker": "breaker_open", "paused": "paused"}
"""Every latch with the name of its state, gravest first."""
ENDED_BY: Final = {"paused": "resume", "breaker": "reset-breaker", "flattening": "flatten"}
HALT_ENDED_BY: Final = {"drawdown": "reset-drawdown", "critical": "reset-breaker"}
DURABLE: Final = ("drawdown-", "repeated-")
"""Alarms that stand for something latched, and so outlive their session."""
RESTORED: Final = "restored: "
LATE_NS: Final = S
"""For what a control should do at once."""


def states(latched: dict[str, Any]) -> list[str]:
    """The states that are latched, gravest first."""
    return [state for name, state in NAMES.items() if name in latched]


class LatchCheck:
    """Follows `state`, `alarm` and `act` lines of every session."""

    def __init__(self, checker: "Checker", config: Config) -> None:
        self._checker = checker
        self._cooldown = config.breaker.cooldown_s * S
        self._latched: dict[str, Any] = {}
        self._durable: dict[tuple[str, str], None] = {}
        """Durable alarms that are raised."""
        self._left: dict[tuple[str, str], None] = {}
        """Those that an earlier session has left raised and this one has not raised again yet."""
        self._is_new = False
        """Whether the session has said no state yet."""
        self._on_critical = str(config.watchdog.on_critical)
        self._crossed: Counter[str] = Counter()
        """Drawdown levels that may still lead to an act of their own."""
        self._unprotected: int | None = None
        """When a leg had to be closed because it could not be protected, until trading is halted for it."""
        self._owes_flatten: int | None = None
        """When it was, until a flatten was begun where that is configured."""
        self._trip: int | None = None
        """When the breaker opened, until it has taken the entries back."""

    def take(self, line: dict[str, Any]) -> None:
        """Take a line of the journal, once the record has it."""
        match line["kind"]:
            case "session.start":
                self._is_new = True
                self._unprotected = self._owes_flatten = None
                self._left, self._durable = self._durable, {}
                self._check_restored_names(line["restored"])
            case "state":
                self._on_state(line)
            case "alarm" if line["name"].startswith(DURABLE):
                self._on_alarm(line)
            case "act":
                self._on_act(line)
            case "error" if line["type"] == "not-restored":
                self._unprotected = line["ts"]
                self._owes_flatten = line["ts"] if self._on_critical == "flatten" else None

    def after_event(self, now: int) -> None:
        """What a latch must have led to by now."""
        checker = self._checker
        since = checker.quoted_since
        halted = "critical" in self._latched.get("halts", ())
        checker.require(6, self._unprotected is None or halted, "a leg could not be protected, and nothing is halted")
        self._unprotected = None
        if since is None:
            return
        late = self._owes_flatten is not None and now - max(self._owes_flatten, since) > LATE_NS
        checker.require(6, not late, "a leg could not be protected, and nothing is flattened")
        if self._trip is not None:
            late = now - max(self._trip, since) > LATE_NS
            checker.require(11, not late, "the breaker is open, and nobody has taken the entries back")
        until = self._latched.get("breaker_until", 0)
        over = bool(until) and now - max(until, since) > LATE_NS
        checker.require(14, not over, f"the breaker stays open {(now - until) / S:.1f} s after its cooldown")

    def _check_restored_names(self, restored: list[str]) -> None:
        missing = set(states(self._latched)) - set(restored)
        self._checker.require(14, not missing, f"a session starts with {restored}; {missing} was latched as well")

    # -- the door --------------------------------------------------------------------------------------------------

    def _on_state(self, line: dict[str, Any]) -> None:
        checker, before, latched = self._checker, self._latched, line["latched"]
        gravest = next(iter(states(latched)), "running")
        checker.require(14, line["name"] == gravest, f"the door shows {line['name']}, latched is {states(latched)}")
        if self._is_new:
            self._check_kept(before, latched)
        else:
            self._check_ends(before, latched, line["ts"])
        if "breaker" in latched and "breaker" not in before:
            until = line["ts"] + self._cooldown if self._cooldown else 0
            told = latched.get("breaker_until", 0)
            checker.require(14, told == until, f"the breaker opens until {told}, its cooldown says {until}")
            self._trip = line["ts"]
        if "flattening" in latched:
            self._owes_flatten = None
        self._is_new = False
        self._latched = latched

    def _check_kept(self, before: dict[str, Any], latched: dict[str, Any]) -> None:
        """The first state of a session: everything that was latched still is, word by word."""
        require = self._checker.require
        for name, was in before.items():
            now = latched.get(name)
            kept = now == was
            if name in NAMES and now is not None:
                kept = now.removeprefix(RESTORED) == was.removeprefix(RESTORED)
            require(14, kept, f"{name} was {was!r} before the restart and is {now!r} after it")
        require(14, not self._left, f"alarms are gone after the restart: {list(self._left)}")

    def _check_ends(self, before: dict[str, Any], latched: dict[str, Any], ts: int) -> None:
        """What is no longer latched was ended by its own act, or by the cooldown."""
        require = self._checker.require
        for name, command in ENDED_BY.items():
            if name not in before or name in latched:
                continue
            cooled = name == "breaker" and 0 < before.get("breaker_until", 0) <= ts
            require(14, cooled or self._is_asked(command), f"{name} ended without {command}")
        for halt in before.get("halts", ()):
            if halt not in latched.get("halts", ()):
                command = HALT_ENDED_BY[halt]
                require(14, self._is_asked(command), f"the halt by {halt} ended without {command}")
        for name in ("flattening", "halted"):
            if name in before and name not in latched:
                stands = "paused" in latched or "halted" in latched
                require(14, stands, f"{name} ended, and the door is open at once")

    def _is_asked(self, command: str) -> bool:
        """Whether such an act is under way: by the operator, but for a flatten."""
        acts = self._checker.record.acts.values()
        return any(act.command == command and (act.by == "operator" or command == "flatten") for act in acts)

    # -- alarms that stand for a latch, and acts of the controls ---------------------------------------------------

    def _on_alarm(self, line: dict[str, Any]) -> None:
        require, name = self._checker.require, line["name"]
        key = name, (line["leg"] or "").upper()
        if line["raised"]:
            require(20, key not in self._durable or "again" in line, f"{key} was raised twice")
            known = self._left.pop(key, "new") is None
            if self._is_new and name.startswith("drawdown-"):
                require(20, known, f"{key} is raised by a start, and was not before")
            elif name.startswith("drawdown-") and key not in self._durable:
                self._cross(name.rpartition("-")[2])
            self._durable[key] = None
            return
        del self._durable[key]
        if name.startswith("repeated-"):
            require(14, self._is_asked("reset-breaker"), f"{key} ended without reset-breaker")

    def _cross(self, level: str) -> None:
        """A level has acted, and will not again: what it leads to is latched before that is said."""
        latched = self._latched
        kept = {
            "warn": True,
            "pause": "paused" in latched,
            "halt": "drawdown" in latched.get("halts", ()) and len(latched.get("legs", ())) == len(LEGS),
        }
        self._checker.require(20, kept[level], f"{level} is said to be reached, and latched is {states(latched)}")
        self._crossed[level] += 1

    def _on_act(self, line: dict[str, Any]) -> None:
        require = self._checker.require
        if line["by"] == "breaker":
            require(11, self._trip is not None, "the breaker takes entries back, and has not opened")
            self._trip = None
        elif line["by"] == "drawdown":
            level = {"pause": "pause", "flatten": "halt"}[line["command"]]
            require(20, self._crossed[level] > 0, f"{line['command']} by drawdown, and no level was crossed")
            self._crossed[level] -= 1
