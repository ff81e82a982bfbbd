"""Equity, its parts, its peak and the levels of loss: invariants 20 and 30, line by line and against the venue."""

from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from strategy.config import Config

if TYPE_CHECKING:
    from tests.simulation.checker import Checker

ZERO = Decimal(0)
DAY_NS: Final = 86_400_000_000_000
TOLERANCE: Final = Decimal("0.02")
"""A transfer is told from rounding by a hundredth; two of them may be taken for one."""
DOUBT: Final = Decimal("0.02")
"""Part of what is held: a transfer may be taken for so much more or less, until all of it is closed."""
SUMS: Final = ("realised", "fees", "funding")


class MoneyCheck:
    """Follows `equity`, `transfer` and `receipt` lines, and works out peak, day and levels for itself."""

    def __init__(self, checker: "Checker", config: Config) -> None:
        self._checker = checker
        self._limits = {
            f"{scope}-{level}": getattr(config.drawdown, f"{scope}_{level}_pct")
            for scope in ("total", "day")
            for level in ("warn", "pause", "halt")
        }
        self.base: Decimal | None = None
        """What is in the own wallet beside profit, loss, fees and funding, as of the last equity line."""
        self._is_new = True
        """Whether the session has written no equity yet."""
        self._peak = ZERO
        self._day_start: Decimal | None = None
        """Equity at the beginning of the day: the middle one of its first samples; None until it has them."""
        self._day = 0
        self._last: deque[Decimal] = deque(maxlen=config.drawdown.samples)
        self._raised: list[str] = []
        """Levels that have acted since the last line."""
        self._rearmed: list[str] = []

    @property
    def _is_live(self) -> bool:
        return self._checker.session > 0

    def take(self, line: dict[str, Any]) -> None:
        """Take a line of the journal, once the record has it."""
        match line["kind"]:
            case "session.start":
                self._is_new = True
                self._last.clear()
                self._raised.clear()
                self._rearmed.clear()
            case "equity":
                self._on_equity(line)
            case "transfer":
                self._on_transfer(Decimal(line["amount"]))
            case "alarm" if line["name"].startswith("drawdown-"):
                self._on_alarm(line)
            case "receipt" if "peak_before" in line["detail"]:
                self._begin_anew(Decimal(line["detail"]["peak"]), line["ts"])

    def _begin_anew(self, equity: Decimal, ts: int) -> None:
        """reset-drawdown: at the present equity."""
        if self._is_live and self.base is not None and not self._is_new:
            right = self._own_equity(self.base)
            self._checker.require(20, equity == right, f"reset-drawdown begins at {equity}, the equity is {right}")
        if self._is_live and self._is_new and self.base is not None:  # what the restart found is in the equity
            self.base = equity - self._own_equity(ZERO)
        self._peak = self._day_start = equity
        self._day = ts // DAY_NS
        self._last.clear()
        self._raised.clear()
        self._rearmed.clear()

    def _on_alarm(self, line: dict[str, Any]) -> None:
        name = line["name"].removeprefix("drawdown-")
        if "again" in line or self._is_new:
            return
        (self._raised if line["raised"] else self._rearmed).append(name)

    def _own_equity(self, base: Decimal) -> Decimal:
        """From the journal's fills and the market, without a lot or an average price."""
        record, mid = self._checker.record, self._checker.mid
        held = record.held["LONG"] - record.held["SHORT"]
        return base + record.cash + record.fees + record.funding + (held * mid if held else ZERO)

    # -- the lines -------------------------------------------------------------------------------------------------

    def _on_transfer(self, amount: Decimal) -> None:
        if self.base is None or self._is_new:  # it is part of what the first line will show
            return
        self.base += amount
        self._move(amount)
        if self._is_live:
            gap = min(abs(self.base - known) for known in self._explained())
            gap -= self._doubt
            words = f"a transfer of {amount} makes {self.base}; the venue knows {self._explained()}"
            self._checker.require(30, gap <= TOLERANCE, words)

    def _explained(self) -> list[Decimal]:
        """What the wallet may hold beside profit and loss: after each of the venue's transfers."""
        venue, record = self._checker.venue, self._checker.record
        totals = [venue.deposits - sum(venue.transfers, ZERO)]
        for amount in venue.transfers:
            totals.append(totals[-1] + amount)
        untold = venue.funding - record.funding
        return [*totals, *(total + untold for total in totals)] if untold else totals

    def _move(self, amount: Decimal) -> None:
        """What losses are measured from goes with a transfer."""
        self._peak += amount
        if self._day_start is not None:
            self._day_start += amount
        self._last = deque((equity + amount for equity in self._last), maxlen=self._last.maxlen)

    def _on_equity(self, line: dict[str, Any]) -> None:
        wallet, equity = Decimal(line["wallet"]), Decimal(line["equity"])
        base = wallet - sum((Decimal(line[name]) for name in SUMS), ZERO)
        if self._is_live:
            self._check_sums(line, wallet, equity, base)
        if self.base is None:
            self._peak = self._day_start = base
            self._day = line["ts"] // DAY_NS
        elif self._is_new:
            self._move(base - self.base)
        self.base, self._is_new = base, False
        self._check_levels(line, equity)

    def _check_sums(self, line: dict[str, Any], wallet: Decimal, equity: Decimal, base: Decimal) -> None:
        require, record = self._checker.require, self._checker.record
        require(30, equity == wallet + Decimal(line["unrealised"]), f"{equity} is not wallet and open profit: {line}")
        require(30, Decimal(line["fees"]) == record.fees, f"fees {line['fees']}, the fills say {record.fees}")
        require(30, Decimal(line["funding"]) == record.funding, f"funding {line['funding']}, told {record.funding}")
        right = self._own_equity(base)
        require(30, equity == right, f"equity {equity}, fills and market give {right}")
        if not self._is_new:
            require(30, base == self.base, f"{base - (self.base or ZERO)} came into the wallet from nowhere")
            return
        gap = min(abs(base - known) for known in self._explained())
        require(30, gap <= TOLERANCE, f"the session starts from {base}; the venue knows {self._explained()}")

    def _check_levels(self, line: dict[str, Any], equity: Decimal) -> None:
        """Peak, day and levels, worked out again."""
        require, last, rearmed = self._checker.require, self._last, set(self._rearmed)
        armed = set()
        if line["ts"] // DAY_NS != self._day:
            self._day, self._day_start = line["ts"] // DAY_NS, None
            last.clear()
            armed.add("day")
        last.append(equity)
        confirmed = len(last) == last.maxlen
        if confirmed and self._day_start is None:
            self._day_start = sorted(last)[len(last) // 2]
        if confirmed and min(last) > self._peak:
            self._peak = min(last)
            armed.add("total")
        told = Decimal(line["peak"]), Decimal(line["day_start"]) if "day_start" in line else None
        right = self._peak, self._day_start
        require(20, told == right, f"peak and beginning of the day are {told}, the samples give {right}")
        too_soon = [name for name in rearmed if name.partition("-")[0] not in armed]
        require(20, not too_soon, f"armed again without a new peak or day: {too_soon}")
        for name, limit in self._limits.items():
            first = self._peak if name.startswith("total") else self._day_start
            loss = (first - max(last)) / first * 100 if first else ZERO
            beyond = confirmed and bool(limit) and loss >= limit
            is_raised = (f"drawdown-{name}", "") in self._checker.record.alarms
            require(20, not beyond or is_raised, f"a loss of {loss:.5f} % has not raised {name} at {limit} %")
            require(20, beyond or name not in self._raised, f"{name} was raised by a loss of {loss:.5f} %, not {limit}")
        self._raised.clear()
        self._rearmed.clear()

    @property
    def gap(self) -> Decimal:
        """What the own wallet holds beyond the venue's, profit and loss apart."""
        venue, record = self._checker.venue, self._checker.record
        return ZERO if self.base is None else self.base - venue.deposits - (venue.funding - record.funding)

    @property
    def is_settled(self) -> bool:
        """Whether every transfer has found its way into the own books."""
        return abs(self.gap) <= TOLERANCE + self._doubt

    @property
    def _doubt(self) -> Decimal:
        """What averages may make of fills that are told in another sequence than they came, while anything is held."""
        return sum((position.cost for position in self._checker.venue.positions.values()), ZERO) * DOUBT

    def at_rest(self) -> None:
        """Everything has been told: the own books and the venue's are worth the same."""
        self._checker.require(30, self.is_settled, f"at rest {self.gap} in the own wallet is not the venue's")
