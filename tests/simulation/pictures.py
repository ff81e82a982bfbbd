"""The snapshot after each publication: invariant 21, and what it says of state and money."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from strategy.config import Config
from strategy.snapshot import LegView, Snapshot
from tests.simulation.latches import states

if TYPE_CHECKING:
    from tests.simulation.checker import Checker

ZERO = Decimal(0)
KEPT_FOR = 12
"""Publications after which a kept snapshot is looked at again."""


class PictureCheck:
    """Compares each snapshot with itself, with the journal, and an older one with what it was."""

    def __init__(self, checker: "Checker", config: Config) -> None:
        self._checker = checker
        self._throttle = config.placement.throttle
        self._seq = 0
        self._kept: tuple[Snapshot, bytes] | None = None
        self._since_kept = 0

    def start(self) -> None:
        """A new session: its numbers begin anew."""
        self._seq = 0
        self._kept = None

    def look(self, shot: Snapshot, now: int) -> None:
        """A snapshot has been published."""
        require = self._checker.require
        require(21, shot.seq > self._seq, f"snapshot {shot.seq} follows {self._seq}")
        require(21, shot.ts == now, f"snapshot {shot.seq} was taken at {shot.ts}, published at {now}")
        self._seq = shot.seq
        self._check_frozen(shot)
        self._check_state(shot)
        self._check_leg(shot, shot.long)
        self._check_leg(shot, shot.short)
        self._check_money(shot)

    def _check_frozen(self, shot: Snapshot) -> None:
        if self._kept is not None and self._since_kept < KEPT_FOR:
            self._since_kept += 1
            return
        require = self._checker.require
        if self._kept is not None:
            old, was = self._kept
            require(21, _encoded(old) == was, f"snapshot {old.seq} has changed after its publication")
        for part in (shot, shot.long, shot.metrics, shot.risk, shot.risk.breaker, shot.ladders):
            require(21, _is_frozen(part), f"{type(part).__name__} can be changed")
        self._kept, self._since_kept = (shot, _encoded(shot)), 0

    def _check_state(self, shot: Snapshot) -> None:
        require, record, risk = self._checker.require, self._checker.record, shot.risk
        require(21, shot.state == record.state, f"snapshot says {shot.state}, the journal {record.state}")
        latched = states(record.latched)
        require(21, list(risk.latched) == latched, f"snapshot says {risk.latched}, the journal {latched}")
        is_open, until = "breaker" in record.latched, record.latched.get("breaker_until", 0)
        told = risk.breaker.is_open, risk.breaker.until_ns
        require(21, told == (is_open, until), f"the breaker is {told}, the journal says {is_open, until}")
        alarms = {(alarm.name, (alarm.leg or "").upper()) for alarm in risk.alarms}
        require(21, alarms == set(record.alarms), f"alarms {alarms}, the journal has {list(record.alarms)}")
        running = shot.flatten is not None and shot.flatten.running
        require(21, running is (shot.state == "flattening"), f"{shot.state} while a flatten runs is {running}")
        throttle = self._throttle if record.throttle is None else record.throttle
        require(14, shot.throttle == throttle, f"the throttle is {shot.throttle}, set was {throttle}")
        require(21, dict(risk.denials) == record.denials, f"denials {risk.denials}, journalled {record.denials}")
        errors = shot.metrics.errors, record.session_errors
        require(21, errors[0] == errors[1], f"errors counted and journalled: {errors}")
        require(15, risk.budget.used <= risk.budget.limit, f"{risk.budget.used} requests of {risk.budget.limit}")

    def _check_leg(self, shot: Snapshot, leg: LegView) -> None:
        require, name = self._checker.require, leg.leg
        rungs = shot.ladders.long if name == "long" else shot.ladders.short
        lots = {rung.lot.number: rung.lot for rung in rungs if rung.lot is not None}
        lots |= {lot.number: lot for lot in shot.ladders.strays if lot.leg == name}
        held = sum((lot.qty for lot in lots.values()), ZERO)
        owes = leg.qty < 0 and not lots
        require(21, leg.qty == held or owes, f"{name} holds {leg.qty}, its lots {held}")
        require(21, leg.lots == len(lots), f"{name} has {leg.lots} lots, {len(lots)} are shown")
        require(21, leg.qty == self._checker.record.held[name.upper()], f"{name} holds {leg.qty}, not as journalled")
        entering = sum((rung.live_qty for rung in rungs), ZERO)
        fits = leg.open_entry_qty == entering or not rungs
        require(21, fits, f"{name}: entries of {leg.open_entry_qty}, its rungs show {entering}")
        require(21, bool(leg.open_entries) is bool(leg.open_entry_qty), f"{name}: {leg.open_entries} open entries")

    def _check_money(self, shot: Snapshot) -> None:
        require, record, money = self._checker.require, self._checker.record, shot.metrics
        unrealised = shot.long.unrealised + shot.short.unrealised
        require(21, money.unrealised == unrealised, f"open profit {money.unrealised}, the legs' {unrealised}")
        require(30, money.equity == money.wallet + money.unrealised, f"equity {money.equity}")
        sums = money.equity_start + money.realised + money.fees + money.funding
        require(30, money.wallet == sums, f"wallet {money.wallet}, its parts give {sums}")
        require(30, money.fees == record.fees, f"fees {money.fees}, the fills say {record.fees}")
        mid, held = shot.market.mid, shot.long.qty - shot.short.qty
        if mid is not None:
            right = record.cash + held * mid
            told = money.realised + money.unrealised
            require(30, told == right, f"profit {told}, fills and market give {right}")


def _encoded(shot: Snapshot) -> bytes:
    return msgspec.msgpack.encode(shot)


def _is_frozen(part: Any) -> bool:
    try:
        setattr(part, part.__struct_fields__[0], None)
    except AttributeError:
        return True
    return False
