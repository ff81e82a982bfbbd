"""The controls together: what errors and losses latch, what has been sent, what limits one more entry."""

from decimal import Decimal
from typing import Any, Final

from strategy.breaker import Breaker
from strategy.budget import MessageBudget
from strategy.config import Config
from strategy.control import Command, CommandName, Origin
from strategy.domain import NS_PER_DAY, Leg, OrderKey, Role
from strategy.door import Door
from strategy.drawdown import Crossing, Drawdown, Level
from strategy.errors import ErrorLog
from strategy.exposure import Caps, ramp_share
from strategy.latches import Halt
from strategy.past import DRAWDOWN_ALARM, NOT_FLAT, REPEATED_ALARM, Past
from strategy.repeats import Repeats
from strategy.risk_config import OnCritical

FULL: Final = Decimal(1)


class Risk:
    """Latches at once, and asks for acts that the desk carries out before the next pass."""

    def __init__(self, config: Config, errors: ErrorLog, door: Door, equity: Decimal) -> None:
        self.breaker = Breaker(config.breaker)
        self.drawdown = Drawdown(config.drawdown, equity)
        self.repeats = Repeats(config.limits)
        self.budget = MessageBudget(config.limits)
        self.caps = Caps.of(config, FULL)
        self.pending: list[Command] = []
        """Acts that a control asks for, in their sequence."""
        self._config = config
        self._errors = errors
        self._door = door
        self._ramp_from: int | None = None

    # -- errors ----------------------------------------------------------------------------------------------------

    def on_fault(self, now: int, words: str) -> bool:
        """An error that counts; true where it has opened the breaker: no entry leaves from this moment."""
        if not self.breaker.note(now, words):
            return False
        self.latch_open_breaker()
        return True

    def latch_open_breaker(self) -> None:
        """Shut the door for a breaker that is open; nothing where that was done."""
        breaker, settings = self.breaker, self._config.breaker
        if breaker.is_open and self._door.latches.breaker is None:
            reason = f"{settings.errors} errors within {settings.window_s} s"
            self._door.set(breaker=reason, breaker_until=breaker.until_ns, breaker_errors=breaker.cause)
            self.pending.append(Command(CommandName.CANCEL_ENTRIES, origin=Origin.BREAKER, reason=reason))

    def cool_down(self, now: int) -> bool:
        """Close the breaker where its cooldown has passed; true where that was so."""
        if not self.breaker.is_over(now):
            return False
        self.close_breaker(f"the breaker closed after {self._config.breaker.cooldown_s} s")
        return True

    def close_breaker(self, note: str) -> None:
        """Close it; the next trip works like the first."""
        self.breaker.close()
        self._door.set(note, breaker=None, breaker_until=0, breaker_errors=())

    def filled(self, key: OrderKey, now: int) -> None:
        """An entry of that level has begun to fill."""
        if self.repeats.filled(key, now):
            limits = self._config.limits
            often = f"{limits.max_fills_per_level} times within {limits.fill_window_s} s"
            self.latch_level(key, f"level {key.slot} filled {often}", now)

    def latch_level(self, key: OrderKey, words: str, now: int) -> None:
        """Keep a level from entering until a reset."""
        self.repeats.latched[key] = None
        self._errors.raise_alarm(f"{REPEATED_ALARM}{key.slot}", key.leg, words, now, repeats=False)

    def release_levels(self, now: int) -> int:
        """Let every level enter again; gives how many were kept."""
        levels = tuple(self.repeats.latched)
        self.repeats.release()
        for key in levels:
            self._errors.end_alarm(f"{REPEATED_ALARM}{key.slot}", key.leg, "reset", now)
        return len(levels)

    def on_critical(self, words: str) -> None:
        """A leg's protection could not be restored: halt, and take entries back or flatten, as is configured."""
        if self._config.watchdog.on_critical is OnCritical.FLATTEN:
            self._halt_and_flatten(Halt.CRITICAL, Origin.WATCHDOG, words)
        else:
            self.halt(Halt.CRITICAL, words)
            self.pending.append(Command(CommandName.CANCEL_ENTRIES, origin=Origin.WATCHDOG, reason=words))

    # -- losses ----------------------------------------------------------------------------------------------------

    def sample(self, now: int, equity: Decimal) -> None:
        """Take a sample of the equity; levels that it confirms act once each."""
        crossings, rearmed = self.drawdown.sample(now, equity)
        for name in rearmed:
            self._errors.end_alarm(DRAWDOWN_ALARM + name, None, "armed again", now)
        for number, crossing in enumerate(crossings):
            try:
                self._cross(crossing, now)
            except Exception:
                self.drawdown.forget(crossings[number:])  # the next sample that confirms them acts
                raise

    def _cross(self, crossing: Crossing, now: int) -> None:
        """The latch comes before the alarm: that one says, to a restart too, that the level has acted."""
        words = f"loss {crossing.words}"
        if crossing.level is Level.PAUSE:
            self._door.set(paused=self._door.latches.paused or words)
            self.pending.append(Command(CommandName.PAUSE, origin=Origin.DRAWDOWN, reason=words))
        elif crossing.level is Level.HALT:
            self._halt_and_flatten(Halt.DRAWDOWN, Origin.DRAWDOWN, words)
        self._errors.raise_alarm(DRAWDOWN_ALARM + crossing.name, None, words, now, repeats=False)
        critical = crossing.level is not Level.WARN
        self._errors.record(now, "drawdown", crossing.name, words, critical=critical)

    def reset_drawdown(self, now: int, equity: Decimal) -> None:
        """Begin anew at the present equity."""
        for name in self.drawdown.reached:
            self._errors.end_alarm(DRAWDOWN_ALARM + name, None, "reset", now)
        self.drawdown.reset(now, equity)

    # -- halts -----------------------------------------------------------------------------------------------------

    def halt(self, cause: Halt, words: str, **more: Any) -> None:  # noqa: ANN401 - further latches
        """Latch a halt, and what else is to be latched with it."""
        latches = self._door.latches
        halts = latches.halts if cause in latches.halts else (*latches.halts, cause)
        self._door.set(halted=latches.halted or f"{cause}: {words}", halts=halts, **more)

    def end_halt(self, cause: Halt, note: str) -> bool:
        """End one cause; true where no other is left and trading stands paused instead, until it is resumed."""
        latches = self._door.latches
        if cause not in latches.halts:
            return False
        halts = tuple(each for each in latches.halts if each is not cause)
        if halts:
            self._door.set(halts=halts, halted=f"{halts[0]}: latched beneath another; the journal says why")
            return False
        self._door.set(halts=(), halted=None, paused=latches.paused or f"{note}; resume trades again")
        return True

    def _halt_and_flatten(self, cause: Halt, origin: Origin, words: str) -> None:
        """Both are latched by one line: a process that ends right after it still flattens when it comes back."""
        if set(self._door.latches.legs) == set(Leg):
            self.halt(cause, words)
            return
        self.halt(cause, words, flattening=words, legs=tuple(Leg))
        self.pending.append(Command(CommandName.FLATTEN, origin=origin, reason=words))

    # -- a restart -------------------------------------------------------------------------------------------------

    def go_on_from(self, past: Past, equity_base: Decimal, now: int) -> None:
        """Take over what earlier sessions have measured, sent and latched.

        `equity_base` (quote) is what the wallet holds now beside the sums of profit and loss: where it differs from the
        past's, that much was deposited or withdrawn in between.
        """
        self.budget.go_on_from(past.sent)
        latches = past.latches
        if latches.breaker is not None:
            self.breaker.open(latches.breaker_until, latches.breaker_errors)
        reached: dict[str, None] = {}
        for (name, leg), words in past.alarms.items():
            if name == NOT_FLAT:
                self._errors.raise_alarm(name, leg, words, now)
            elif leg is not None:
                self.latch_level(OrderKey(leg, Role.ENTRY, int(name.removeprefix(REPEATED_ALARM))), words, now)
            else:
                reached[name.removeprefix(DRAWDOWN_ALARM)] = None
                self._errors.raise_alarm(name, None, words, now, repeats=False)
        if past.peak is not None:
            self.drawdown.go_on_from(past.peak, past.day, past.day_start, reached)
            if past.equity_base is not None:
                self.drawdown.transfer(equity_base - past.equity_base)
        else:
            self.drawdown.reset(now, equity_base)

    # -- the ramp --------------------------------------------------------------------------------------------------

    def ramp_from(self, first_ns: int, now: int) -> None:
        """Scale the notional limits by the days since the first session, at `first_ns`."""
        self._ramp_from = first_ns
        self.climb(now)

    @property
    def ramp_days(self) -> int:
        """Days after which the limits hold in full; 0 where no ramp scales them, or does no more."""
        return 0 if self.caps.share >= 1 else self._config.ramp.days

    def ramp_day(self, now: int) -> int:
        """Whole days since the first session; 0 where no ramp scales the limits."""
        return 0 if self._ramp_from is None or not self.ramp_days else max(0, now - self._ramp_from) // NS_PER_DAY

    def climb(self, now: int) -> None:
        """Scale them for the present day."""
        if self._ramp_from is not None:
            share = ramp_share(self._config.ramp, self._ramp_from, now)
            if share != self.caps.share:
                self.caps = Caps.of(self._config, share)
