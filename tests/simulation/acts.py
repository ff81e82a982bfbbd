"""Acts and alarms: receipts come in time and are true, what lasts is told again. Invariants 10 and 12."""

from typing import TYPE_CHECKING

from strategy.config import Config
from tests.simulation.record import Answer

if TYPE_CHECKING:
    from tests.simulation.checker import Checker

MS = 1_000_000
S = 1_000_000_000
ACT_NS = 2 * S
"""For the last words of a flatten, beyond its own bound."""


class ActCheck:
    """Looks at what is owed after every event, and at alarms once the host has looked after things."""

    def __init__(self, checker: "Checker", config: Config) -> None:
        self._checker = checker
        self._bound = config.execution.flatten_timeout_ms * MS + ACT_NS
        self._repeat = config.watchdog.alarm_repeat_s * S
        self._stale = config.watchdog.stale_after_ms * MS

    def check_owed(self, now: int) -> None:
        """Nobody waits for a receipt for longer than the bound."""
        checker = self._checker
        for act_id, act in checker.record.acts.items():
            checker.require(12, now - act.since <= self._bound, f"{act.command} {act_id} has no receipt")

    def check_alarms(self, now: int) -> None:
        """The host has just looked: an alarm that lasts was told of lately, and a feed that stands still has one."""
        checker = self._checker
        for key in checker.passing_alarms():
            told = checker.record.alarms[key]
            checker.require(12, now - told <= self._repeat, f"{key} was last told of {(now - told) / S:.1f} s ago")
        age = now - (checker.began if checker.quoted is None else checker.quoted)
        is_raised = ("stale-feed", "") in checker.record.alarms
        words = f"prices are {age / S:.1f} s old, alarm raised: {is_raised}"
        checker.require(10, is_raised is (age > self._stale), words)

    def check_receipts(self) -> None:
        checker = self._checker
        while checker.record.receipts:
            answer = checker.record.receipts.popleft()
            command, legs = answer.act.command, answer.act.legs
            live = [o.client_id for o in checker.venue.open.values() if o.leg in legs]
            if answer.result == "timeout":
                self._check_alarmed(answer, live)
            if answer.result != "done":
                continue
            live += [r.client_id for r in checker.link.on_way.values() if r.leg in legs]
            if command == "cancel-entries":
                # A resume in the meantime may have sent new ones.
                known = [(each, checker.orders[each]) for each in live]
                since = answer.act.since
                entries = [each for each, told in known if told.purpose.role == "entry" and told.sent <= since]
                checker.require(12, not entries, f"{answer.act_id} says done; open entries: {entries}")
            elif command == "flatten":
                left = {leg: checker.held[leg] for leg in legs if checker.held[leg]}
                checker.require(12, not left, f"{answer.act_id} says flat; held: {left}")
                checker.require(12, not live, f"{answer.act_id} says flat; open: {live}")

    def _check_alarmed(self, answer: Answer, live: list[str]) -> None:
        """What was not reached in time is alarmed, for as long as it lasts."""
        checker = self._checker
        alarms = checker.record.alarms
        if answer.act.command == "flatten":
            for leg in answer.act.legs:
                flat = not (checker.venue.held(leg) and checker.held[leg])
                alarmed = ("not-flat", leg) in alarms
                checker.require(12, flat or alarmed, f"{leg} is not flat in time, and no alarm says so")
        else:
            entries = [
                each for each in live if checker.orders[each].purpose.role == "entry" and checker.orders[each].accepted
            ]
            alarmed = any(name == "entries-open" for name, _ in alarms)
            words = f"{entries} are open in spite of a cancel-all, and no alarm says so"
            checker.require(12, not entries or alarmed, words)
