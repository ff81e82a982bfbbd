"""The money and the counts that fills leave behind, and how long any held quantity went without a stop."""

from decimal import Decimal

from strategy.domain import ZERO, Leg, Role
from strategy.snapshot import OperationalMetrics


class Ledger:
    """Own books in quote currency; they add up by construction and are compared with the venue's."""

    def __init__(self, equity_start: Decimal) -> None:
        self.equity_start = equity_start
        self.realised = ZERO
        self.fees = ZERO
        self.funding = ZERO
        self.earned_before = ZERO
        """What earlier sessions brought: realised, fees and funding together."""
        self.submitted = 0
        self.rejected = 0
        self.denied = 0
        self.fills = 0
        self.round_trips = 0
        self.wins = 0
        """Round trips whose last fill earned more than its own fee."""
        self.by_role = dict.fromkeys(Role, 0)
        """Orders that have filled to the end, per role."""

    def go_on_from(self, realised: Decimal, fees: Decimal, funding: Decimal) -> None:
        """Continue the sums of earlier sessions; what is in the wallet now stays what it is."""
        wallet = self.wallet
        self.realised, self.fees, self.funding = realised, fees, funding
        self.earned_before = realised + fees + funding
        self.settle_wallet(wallet)

    def settle_wallet(self, wallet: Decimal) -> None:
        """Make the books agree with the account: what the sums do not explain was there from the start."""
        self.equity_start = wallet - (self.realised + self.fees + self.funding)

    def book_funding(self, amount: Decimal) -> None:
        """Book one leg's funding, negative where it was paid."""
        self.funding += amount

    @property
    def wallet(self) -> Decimal:
        """Balance without open profit or loss."""
        return self.equity_start + self.realised + self.fees + self.funding

    def book_fill(self, realised: Decimal, fee: Decimal, lots_closed: int) -> None:
        """Book one fill; `fee` is what it cost, negative for a rebate."""
        self.fills += 1
        self.realised += realised
        self.fees -= fee
        self.round_trips += lots_closed
        self.wins += lots_closed if realised > fee else 0

    def transfer(self, amount: Decimal) -> None:
        """A deposit, or a withdrawal (negative): it changes the wallet and is neither profit nor loss."""
        self.equity_start += amount

    def metrics(self, unrealised: Decimal) -> OperationalMetrics:
        """The books as the outside sees them; what others count is left out."""
        return OperationalMetrics(
            equity_start=self.equity_start,
            wallet=self.wallet,
            equity=self.wallet + unrealised,
            earned_before=self.earned_before,
            realised=self.realised,
            unrealised=unrealised,
            fees=self.fees,
            funding=self.funding,
            orders_submitted=self.submitted,
            orders_rejected=self.rejected,
            orders_denied=self.denied,
            fills=self.fills,
            take_profits=self.by_role[Role.TP],
            stops=self.by_role[Role.SL],
            closes=self.by_role[Role.CLOSE],
            round_trips=self.round_trips,
            wins=self.wins,
        )


class ProtectionClock:
    """Since when each leg has held more than its working stops cover, and the longest such time."""

    def __init__(self) -> None:
        self._since: dict[Leg, int] = {}
        self._longest = 0

    def update(self, leg: Leg, held: Decimal, covered: Decimal, now: int) -> None:
        """Note the leg's state at `now` (ns)."""
        if held > covered:
            self._since.setdefault(leg, now)
        elif leg in self._since:
            self._longest = max(self._longest, now - self._since.pop(leg))

    def since(self, leg: Leg) -> int | None:
        """When the leg became unprotected; None where it is covered."""
        return self._since.get(leg)

    def longest(self, now: int) -> int:
        """The longest unprotected time so far, ns, one that still runs included."""
        return max([self._longest, *(now - since for since in self._since.values())])
