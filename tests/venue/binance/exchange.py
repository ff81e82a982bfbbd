"""The account at the venue: requests go to the matching core, and what it tells becomes user events."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.venue.binance import events
from tests.venue.binance.book import CONDITIONAL, Book
from tests.venue.binance.errors import ApiError
from tests.venue.binance.papers import Archive, Deal, Paper
from tests.venue.binance.shapes import ASSET, Money, num
from tests.venue.core import ZERO, Filters, Notice, Order, Request, VenueError


class Exchange:
    """One account, one symbol, hedge mode; `now_ms` is the venue's clock, `tell` takes each user event."""

    def __init__(
        self, symbol: str, filters: Filters, wallet: Decimal, now_ms: Callable[[], int], tell: Callable[[Any], None]
    ) -> None:
        self.symbol = symbol
        self.now_ms = now_ms
        self.tell = tell
        self.archive = Archive()
        self.income: list[dict[str, Any]] = []
        self.hedge_mode = True
        self.margin_type = "CROSSED"
        self.book = Book(filters, wallet, self._on_notice)
        self.book.tell_wallet = self._on_wallet
        self.book.piece = self._piece
        self.piece: Callable[[Order], Decimal] = lambda order: order.left
        """How much of a reached order fills at once; a test may set it."""
        self.later: Callable[[Callable[[], None]], None] = lambda act: act()
        """Runs what tells that a conditional order FINISHED, which need not follow its last trade at once."""
        self._wallet = wallet
        self._reason = "ORDER"
        self._ids = 0

    # -- orders ----------------------------------------------------------------------------------------------------

    def place(self, request: Request, time_in_force: str, **words: Any) -> Paper:
        """Take an order.

        Raises:
            ApiError: The venue refuses it.
        """
        conditional = request.type in CONDITIONAL
        kind = "LIMIT" if request.type == "GTX" else request.type
        now = self.now_ms()
        paper = Paper(request.client_id, self.symbol, kind, time_in_force, now, updated_ms=now, **words)
        known = self.archive.papers.get(request.client_id)
        if known is not None:
            raise ApiError(-4116)
        if conditional:
            paper.algo_id = self.archive.algo_id()
        else:
            paper.order_id = self.archive.order_id()
        self.archive.papers[request.client_id] = paper
        try:
            self._ask(lambda: self.book.place(request))
        except ApiError:
            del self.archive.papers[request.client_id]
            raise
        return paper

    def cancel(self, paper: Paper | None, *, algo: bool) -> Paper:
        """End an open order; a conditional one that waits is another endpoint's than the rest."""
        if paper is None or paper.waits is not algo:
            raise ApiError(-2011)
        self._ask(lambda: self.book.cancel(paper.client_id))
        return paper

    def amend(self, paper: Paper | None, qty: Decimal, price: Decimal) -> Paper:
        """Change an open limit order."""
        if paper is None or paper.waits:
            raise ApiError(-2013)
        self._ask(lambda: self.book.amend(paper.client_id, qty, price))
        return paper

    def cancel_all(self, *, algos: bool) -> int:
        """End every open plain order, or every waiting conditional one."""
        ended = [paper for paper in self.open_papers() if paper.waits is algos]
        for paper in ended:
            self.cancel(paper, algo=algos)
        return len(ended)

    def open_papers(self) -> list[Paper]:
        """Every open order, plain and conditional."""
        return [self.archive.papers[client_id] for client_id in self.book.open]

    def new_id(self, start: str) -> str:
        """A client id for an order that came without one, or from elsewhere."""
        self._ids += 1
        return f"{start}{self._ids}"

    # -- the market, and what happens to the account ---------------------------------------------------------------

    def move(self, bid: Decimal, ask: Decimal, mark: Decimal) -> None:
        """The market is there now."""
        self.book.now = self.now_ms() * 1_000_000
        self.book.mark = mark
        self.book.move(bid, ask)

    def liquidate(self, leg: str) -> None:
        """Every open order ends, and the venue closes the leg at the market."""
        self.cancel_all(algos=False)
        self.cancel_all(algos=True)
        held, side = self.book.held(leg), "SELL" if leg == "LONG" else "BUY"
        self.place(Request(self.new_id("autoclose-16"), side, leg, "MARKET", held), "IOC")

    def settle(self, rate: Decimal, mark: Decimal) -> Decimal:
        """Funding: what the account received, negative where it paid."""
        self._reason = "FUNDING_FEE"
        paid: Decimal = sum(self.book.settle(rate, mark).values(), ZERO)
        self._reason = "ORDER"
        self._earn("FUNDING_FEE", paid)
        return paid

    def transfer(self, amount: Decimal) -> None:
        """A deposit, or a withdrawal (negative)."""
        self._reason = "DEPOSIT" if amount > 0 else "WITHDRAW"
        self.book.transfer(amount)
        self._reason = "ORDER"
        self._earn("TRANSFER", amount)

    def change_filters(self, **changes: Any) -> None:
        """Other filters from now on; open orders stay as they are."""
        self.book.filters = replace(self.book.filters, **changes)

    def set_leverage(self, leverage: int) -> None:
        """Another leverage."""
        self.change_filters(leverage=Decimal(leverage))
        self.tell(events.config_update(self.symbol, leverage, self.now_ms()))

    def money(self) -> Money:
        """What the account is worth now."""
        return Money(self.book, self.book.mark)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _ask(self, act: Callable[[], object]) -> None:
        self.book.now = self.now_ms() * 1_000_000
        try:
            act()
        except VenueError as error:
            raise ApiError(error.code, str(error).partition(" ")[2]) from error

    def _piece(self, order: Order) -> Decimal:
        """The core asks it just when an order is reached: the moment at which a conditional one triggers."""
        paper = self._paper(order.client_id)
        if paper.waits:
            self._trigger(paper)
        return self.piece(order)

    def _trigger(self, paper: Paper) -> None:
        order, now = paper.live, self.now_ms()
        if paper.close_position:
            order.qty = self.book.held(order.leg) or order.qty
        self.tell(events.algo_update(paper, now, "TRIGGERING"))
        paper.order_id, paper.triggered_ms, paper.updated_ms = self.archive.order_id(), now, now
        self.tell(events.algo_update(paper, now, "TRIGGERED"))
        self.tell(events.order_update("NEW", paper, now))

    def _paper(self, client_id: str) -> Paper:
        paper = self.archive.papers[client_id]
        paper.order = self.book.orders[client_id]
        return paper

    def _on_notice(self, notice: Notice) -> None:
        paper, now = self._paper(notice.client_id), self.now_ms()
        paper.updated_ms = now
        if notice.trade is not None:
            self._on_trade(paper, notice)
        elif paper.waits:
            self.tell(events.algo_update(paper, now))
        else:
            self.tell(events.order_update(notice.kind, paper, now))
        if paper.is_algo and not paper.waits and not paper.live.is_open:
            self.later(lambda: self.tell(events.algo_update(paper, self.now_ms(), "FINISHED")))

    def _on_trade(self, paper: Paper, notice: Notice) -> None:
        trade, now = notice.trade, self.now_ms()
        assert trade is not None
        profit = self.book.wallet - self._wallet + trade.fee
        deal = Deal(trade, paper, profit)
        self.archive.deals.append(deal)
        self._earn("COMMISSION", -trade.fee, int(trade.id))
        if profit:
            self._earn("REALIZED_PNL", profit, int(trade.id))
        self.tell(events.trade_lite(deal, now))
        kind = "CALCULATED" if paper.is_of_venue else "TRADE"
        self.tell(events.order_update(kind, paper, now, deal))

    def _on_wallet(self, wallet: Decimal) -> None:
        change = ZERO if self._reason == "ORDER" else wallet - self._wallet
        self._wallet = wallet
        legs = self._reason == "ORDER"
        now = self.now_ms()
        self.tell(
            events.account_update(self.money(), self.symbol, self.margin_type, self._reason, change, now, legs=legs)
        )

    def _earn(self, kind: str, amount: Decimal, trade_id: int | None = None) -> None:
        row = {
            "symbol": self.symbol, "incomeType": kind, "income": num(amount, 8), "asset": ASSET, "info": kind,
            "time": self.now_ms(), "tranId": len(self.income) + 1, "tradeId": "" if trade_id is None else str(trade_id),
        }  # fmt: skip
        self.income.append(row)
