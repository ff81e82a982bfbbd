"""What a journal file says of earlier sessions: read with the arithmetic of a running one."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from strategy import past as past_module
from strategy.domain import NS_PER_DAY, DoorState, Leg, Lot, OrderKey, Role, Side
from strategy.journal import Journal, JournalError
from strategy.latches import Halt, Latches
from strategy.order_ids import OrderId, format_id
from strategy.order_index import OrderRecord, OrderStatus
from strategy.past import Past, read_past
from tests.strategy.venue import Mischief
from tests.strategy.world import ROUGH, World

ENTRY = format_id(OrderId("s1", OrderKey(Leg.LONG, Role.ENTRY, 2), None, 5))
TARGET = format_id(OrderId("s1", OrderKey(Leg.LONG, Role.TP, 5), 5, 7))
CLOSE = format_id(OrderId("s2", OrderKey(Leg.LONG, Role.CLOSE, 0), None, 9))


class Book:
    """Writes lines as a session does."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.jsonl"
        self.journal = Journal(self.path)

    def line(self, kind: str, **fields: Any) -> "Book":
        self.journal.write(kind, 1_000 + self.journal.seq, **fields)
        return self

    def order(self, event: str, order_id: str = ENTRY, **more: Any) -> "Book":
        fields = {
            "event": event, "id": order_id, "leg": "long", "role": "entry", "level": 2, "lot": 5, "side": "buy",
            "price": "59880.0", "qty": "0.004", "reason": None,
        }  # fmt: skip
        return self.line("order", **(fields | more))

    def target(self, event: str, **more: Any) -> "Book":
        return self.order(event, TARGET, **({"role": "tp", "level": None, "side": "sell", "price": "59940.0"} | more))

    def fill(self, qty: str, price: str, trade: str, order_id: str = ENTRY, **more: Any) -> "Book":
        fields = {
            "id": order_id, "trade_id": trade, "leg": "long", "role": "entry", "lot": 5, "side": "buy", "price": price,
            "qty": qty, "fee": "-0.01", "liquidity": "maker",
        }  # fmt: skip
        return self.line("fill", **(fields | more))

    def equity(self, peak: str, **more: Any) -> "Book":
        fields = {
            "wallet": "10000", "unrealised": "0", "equity": "10000", "peak": peak, "realised": "0", "fees": "0",
            "funding": "0", "day_start": "10000",
        }  # fmt: skip
        return self.line("equity", **(fields | more))

    @property
    def past(self) -> Past:
        return read_past(self.path)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


@pytest.mark.parametrize("exists", [True, False])
def test_without_a_line_there_is_no_past(tmp_path: Path, exists: bool) -> None:
    path = tmp_path / "journal.jsonl"
    if exists:
        path.touch()
    past = read_past(path)
    assert (len(past.lots), past.orders, past.serial, past.latched, past.peak) == (0, {}, 0, (), None)


def test_two_pasts_share_nothing(tmp_path: Path) -> None:
    first, second = Past(), Past()
    first.orders["a"] = first.filled["a"] = None  # type: ignore[assignment]
    first.sessions.add("s")
    first.trades["a", "t"] = None
    assert (second.orders, second.filled, second.sessions, second.trades) == ({}, {}, set(), {})
    assert first.lots is not second.lots


# -- orders ------------------------------------------------------------------------------------------------------------


def test_a_submitted_order_is_open_and_in_flight_and_says_whose_it_was(book: Book) -> None:
    past = book.order("submit", step="60").past
    assert past.orders == {
        ENTRY: OrderRecord(
            ENTRY,
            OrderKey(Leg.LONG, Role.ENTRY, 2),
            Side.BUY,
            Decimal("59880.0"),
            Decimal("0.004"),
            5,
            Decimal(60),
            OrderStatus.SUBMITTED,
            sent_ns=1_000,
        )
    }
    assert (past.sessions, past.serial, past.filled) == ({"s1"}, 5, {ENTRY: Decimal(0)})


def test_a_market_order_has_no_price_and_the_highest_serial_counts(book: Book) -> None:
    book.order("submit", CLOSE, role="close", level=None, lot=None, side="sell", price=None)
    past = book.order("submit").past
    assert past.orders[CLOSE].price is None
    assert past.orders[CLOSE].key == OrderKey(Leg.LONG, Role.CLOSE, 0)
    assert past.orders[CLOSE].lot is None
    assert past.serial == 9
    assert past.sessions == {"s1", "s2"}


def test_an_accepted_order_rests_and_an_updated_one_has_another_quantity(book: Book) -> None:
    order = book.order("submit").order("accepted").order("updated", qty="0.003").past.orders[ENTRY]
    assert (order.status, order.acknowledged, order.qty) == (OrderStatus.ACCEPTED, True, Decimal("0.003"))


def test_an_order_that_was_made_as_small_as_what_it_has_filled_is_not_open(book: Book) -> None:
    past = book.order("submit").order("accepted").fill("0.001", "59880", "t1").order("updated", qty="0.001").past
    assert past.orders == {}
    assert past.filled == {ENTRY: Decimal("0.001")}


@pytest.mark.parametrize("event", ["cancel", "modify", "unknown"])
def test_a_request_that_was_not_answered_changes_nothing_of_the_order(book: Book, event: str) -> None:
    before = book.order("submit").order("accepted").past.orders
    assert book.order(event, qty="0.001").past.orders == before


@pytest.mark.parametrize("event", ["rejected", "denied", "canceled", "expired"])
def test_an_order_that_has_ended_is_not_open_and_what_it_had_filled_is_kept(book: Book, event: str) -> None:
    past = book.order("submit").fill("0.001", "59880", "t1").order(event).past
    assert past.orders == {}
    assert past.filled == {ENTRY: Decimal("0.001")}


def test_an_order_that_was_found_at_the_venue_is_open_without_a_submit_line(book: Book) -> None:
    (order,) = book.order("accepted").past.orders.values()
    assert order.acknowledged
    assert book.past.filled == {order.id: Decimal(0)}


def test_the_end_of_an_order_that_was_never_submitted_here_opens_nothing(book: Book) -> None:
    assert book.order("canceled").past.orders == {}


def test_of_too_many_ended_orders_the_older_half_is_forgotten_and_open_ones_never(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past_module, "ENDED_REMEMBERED", 4)
    ids = [format_id(OrderId("s1", OrderKey(Leg.LONG, Role.ENTRY, 1), None, serial)) for serial in range(1, 6)]
    for number, order_id in enumerate(ids):
        book.order("submit", order_id)
        if number:
            book.order("canceled", order_id)
    past = book.past
    assert list(past.filled) == [ids[0], ids[2], ids[3], ids[4]]
    assert list(past.orders) == [ids[0]]


# -- fills -------------------------------------------------------------------------------------------------------------


def test_an_entrys_fills_make_one_lot_anchored_at_the_orders_price(book: Book) -> None:
    past = book.order("submit", step="60").fill("0.001", "59879", "t1").fill("0.002", "59880", "t2").past
    assert past.lots.get(5) == Lot(
        5, Leg.LONG, 2, Decimal("59880.0"), Decimal(60), Decimal("0.003"), Decimal("179.639"), 1_001
    )
    assert past.orders[ENTRY].open_qty == Decimal("0.001")
    assert past.filled[ENTRY] == Decimal("0.003")
    assert list(past.trades) == [(ENTRY, "t1"), (ENTRY, "t2")]
    assert past.fees == Decimal("-0.02")


def test_an_order_that_has_filled_to_its_end_is_not_open(book: Book) -> None:
    past = book.order("submit").fill("0.004", "59880", "t1").past
    assert past.orders == {}
    assert past.lots.held(Leg.LONG) == Decimal("0.004")


def test_a_late_fill_of_an_ended_entry_is_anchored_at_its_own_price_with_the_ladders_step(book: Book) -> None:
    book.line("ladder", centre="60000", step="61.5")
    past = book.order("submit", step="60").order("canceled").fill("0.001", "59879", "t1").past
    lot = past.lots.get(5)
    assert lot is not None
    assert (lot.level, lot.anchor, lot.step) == (2, Decimal(59_879), Decimal("61.5"))
    assert past.filled == {ENTRY: Decimal("0.001")}


def test_a_fill_whose_submit_line_is_not_there_is_counted_all_the_same(book: Book) -> None:
    past = book.fill("0.001", "59879", "t1").past
    assert past.filled == {ENTRY: Decimal("0.001")}
    assert past.lots.held(Leg.LONG) == Decimal("0.001")


def test_an_exits_fills_close_its_lot_and_realise(book: Book) -> None:
    book.order("submit").fill("0.004", "59880", "t1").target("submit").target("accepted")
    book.fill("0.003", "59940", "t2", TARGET, role="tp", side="sell")
    past = book.past
    assert past.lots.held(Leg.LONG) == Decimal("0.001")
    assert past.realised == Decimal("0.18")
    assert past.orders[TARGET].open_qty == Decimal("0.001")
    book.fill("0.002", "59950", "t3", TARGET, role="tp", side="sell")
    past = book.past
    assert past.lots.held(Leg.LONG) == Decimal("-0.001")
    assert past.orders == {}


def test_only_so_many_trades_are_remembered(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_module, "TRADES_REMEMBERED", 2)
    book.order("submit")
    for number in range(3):
        book.fill("0.001", "59880", f"t{number}")
    assert list(book.past.trades) == [(ENTRY, "t1"), (ENTRY, "t2")]


# -- what is latched, and sums -----------------------------------------------------------------------------------------


def test_the_last_state_and_the_last_throttle_are_latched(book: Book) -> None:
    assert not book.past.latched
    book.line("state", name="paused", reason="first").line("state", name="flattening", reason="flatten long")
    book.line("act", act_id="1", command="set-throttle", args={"share": "0.25"}, by="operator")
    book.line("act", act_id="2", command="flatten", args={"leg": "long"}, by="operator")
    past = book.past
    assert (past.state, past.state_reason, past.throttle) == (DoorState.FLATTENING, "flatten long", Decimal("0.25"))
    assert past.latched == ("flattening", "throttle 0.25")
    book.line("state", name="running", reason="resumed")
    assert book.past.latched == ("throttle 0.25",)


def test_a_session_that_did_not_take_a_throttle_over_has_forgotten_it_for_good(book: Book) -> None:
    book.line("act", act_id="1", command="set-throttle", args={"share": "0.25"}, by="operator")
    book.line("session.start", fresh_venue=True, restored=["throttle 0.25"])
    assert book.past.throttle == Decimal("0.25")
    book.line("session.start", fresh_venue=True, restored=[])
    assert book.past.throttle is None


def test_the_ladder_the_funding_and_the_peak_go_on(book: Book) -> None:
    book.line("ladder", centre="60000", step="60").line("ladder", centre="60100.05", step="60.1")
    for amount in ("-0.5", "0.2"):
        book.line("funding", leg="long", rate="0.0001", amount=amount)
    for peak in ("10001", "10002"):
        book.equity(peak)
    past = book.past
    assert (past.centre, past.funding, past.peak) == (Decimal("60100.05"), Decimal("-0.3"), Decimal(10_002))


def test_a_state_line_latches_all_that_it_tells_of_and_an_older_one_its_own_state(book: Book) -> None:
    latches = Latches(
        paused="p", breaker="b", breaker_until=9, breaker_errors=("x",), halted="h", halts=(Halt.CRITICAL,)
    )
    book.line("state", name="halted", reason="h", latched=latches)
    assert book.past.latches == latches
    assert book.past.latched == ("halted", "breaker_open", "paused")
    assert (book.past.state, book.past.state_reason) == (DoorState.HALTED, "h")
    book.line("state", name="breaker_open", reason="old")
    assert book.past.latches == Latches(breaker="old")


def test_what_losses_are_measured_from_goes_on_with_the_day_that_it_belongs_to(book: Book) -> None:
    book.equity("10500", wallet="10040", realised="50", fees="-12", funding="2", day_start="10100")
    past = book.past
    assert (past.peak, past.day_start, past.equity_base) == (Decimal(10_500), Decimal(10_100), Decimal(10_000))
    assert past.day == 0
    book.journal.write("equity", NS_PER_DAY * 19_000 + 5, wallet="1", peak="2", realised="0", fees="0", funding="0",
                       day_start="3")  # fmt: skip
    assert (book.past.day, book.past.day_start) == (19_000, Decimal(3))


def test_an_equity_line_of_an_older_version_says_nothing_of_the_day(book: Book) -> None:
    book.line("equity", wallet="10000", peak="10001", realised="0", fees="0", funding="0")
    assert (book.past.peak, book.past.day, book.past.day_start) == (Decimal(10_001), 0, None)


def test_alarms_of_losses_and_of_levels_last_until_they_are_ended(book: Book) -> None:
    book.line("alarm", name="repeated-3", leg="long", raised=True, detail="level 3 filled too often")
    book.line("alarm", name="drawdown-day-warn", leg=None, raised=True, detail="loss")
    book.line("alarm", name="mismatch", leg="long", raised=True, detail="found out again by itself")
    held = {("repeated-3", Leg.LONG): "level 3 filled too often", ("drawdown-day-warn", None): "loss"}
    assert book.past.alarms == held
    assert book.past.at_fresh_venue().alarms == {("repeated-3", Leg.LONG): "level 3 filled too often"}
    assert book.past.unlatched().alarms == {}
    book.line("alarm", name="drawdown-day-warn", leg=None, raised=False, detail="armed again")
    book.line("alarm", name="repeated-4", leg="long", raised=False, detail="never raised")
    assert list(book.past.alarms) == [("repeated-3", Leg.LONG)]


def test_a_session_tells_which_alarms_it_has_taken_over_and_the_others_are_forgotten_for_good(book: Book) -> None:
    book.line("alarm", name="repeated-3", leg="long", raised=True, detail="often")
    book.line("alarm", name="drawdown-day-warn", leg=None, raised=True, detail="loss")
    told = book.past.latched
    assert set(told) == {"repeated-3 long", "drawdown-day-warn"}
    book.line("session.start", fresh_venue=False, restored=list(told))
    assert len(book.past.alarms) == 2
    book.line("session.start", fresh_venue=False, restored=[])
    assert book.past.alarms == {}


def test_each_request_that_left_counts_against_the_message_budget(book: Book) -> None:
    for event in ("submit", "accepted", "cancel", "canceled", "modify", "rejected"):
        book.order(event)
    assert list(book.past.sent) == [1_000, 1_002, 1_004]


def test_the_first_session_ever_begins_the_ramp(book: Book) -> None:
    for _ in range(2):
        book.line("session.start", fresh_venue=True, restored=[])
    assert book.past.first_ns == 1_000


def test_kinds_that_say_nothing_of_the_state_are_passed_over(book: Book) -> None:
    book.line("gate", leg="long").line("receipt", act_id="1", detail={}).line("alarm", name="x").line(
        "error", where="y"
    )
    book.line("session.stop", flat="flat").line("session.start", fresh_venue=False, restored=[])
    past = book.past
    assert msgspec.to_builtins(past.state) == "running"
    assert (past.serial, past.throttle) == (0, None)


def busy(book: Book) -> Book:
    book.line("ladder", centre="60000", step="60").order("submit").fill("0.001", "59880", "t1")
    book.equity("10001").line("funding", leg="long", rate="0.0001", amount="1")
    book.line("act", act_id="1", command="set-throttle", args={"share": "0.25"}, by="operator")
    return book.line("state", name="paused", reason="why")


def test_a_fresh_venue_in_the_middle_leaves_the_latched_states_alone(book: Book) -> None:
    past = busy(book).line("session.start", fresh_venue=True, restored=["paused", "throttle 0.25"]).past
    latched = Past(latches=Latches(paused="why"), throttle=Decimal("0.25"))
    assert len(past.lots) == past.lots.held(Leg.LONG) == 0
    for name in ("orders", "filled", "trades", "sessions", "serial", "centre", "fees", "funding", "peak", "state"):
        assert getattr(past, name) == getattr(latched, name)
    assert (past.state_reason, past.throttle) == ("why", Decimal("0.25"))
    assert len(busy(book).past.lots) == 1


def test_at_a_fresh_venue_only_what_is_latched_is_left_of_a_past(book: Book) -> None:
    past = busy(book).past.at_fresh_venue()
    assert (past.state, past.state_reason, past.throttle) == (DoorState.PAUSED, "why", Decimal("0.25"))
    assert (len(past.lots), past.orders, past.serial, past.centre) == (0, {}, 0, None)
    assert past.realised == past.fees == past.funding == 0
    assert past.peak is None


def test_unlatched_forgets_what_is_latched_and_keeps_what_is_held(book: Book) -> None:
    latched = busy(book).past
    past = latched.unlatched()
    assert (past.state, past.state_reason, past.throttle, past.latched) == (DoorState.RUNNING, "", None, ())
    assert past.lots.held(Leg.LONG) == Decimal("0.001")
    assert (past.orders, past.serial, past.peak) == (latched.orders, 5, Decimal(10_001))


def test_forgetting_everything_is_both_of_them_in_any_order(book: Book) -> None:
    past = busy(book).past
    for empty in (past.unlatched().at_fresh_venue(), past.at_fresh_venue().unlatched()):
        assert (empty.latched, empty.throttle, len(empty.lots), empty.peak) == ((), None, 0, None)


# -- lines that cannot be used -----------------------------------------------------------------------------------------


GOOD = '{"seq":1,"ts":1,"kind":"state","name":"running","reason":""}\n'
SUBMIT = (
    f'{{"seq":2,"ts":1,"kind":"order","event":"submit","id":"{ENTRY}","leg":"long","role":"entry","lot":5,'
    '"side":"buy","price":"1","qty":"1"}\n'
)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "",
        "[]",
        "{}",
        '"text"',
        '{"kind": 1, "args"',
        '{"kind":"state","name":"asleep","reason":""}',
        '{"kind":"state"}',
        '{"kind":"ladder","centre":"high","step":"1"}',
        '{"kind":"equity","peak":null}',
        '{"kind":"act","args":null}',
        '{"kind":"session.start"}',
        '{"kind":"funding","amount":[]}',
        SUBMIT.strip().replace(ENTRY, "manual-1"),
        SUBMIT.strip().replace('"long"', '"middle"'),
        SUBMIT.strip().replace('"qty":"1"', '"qty":"much"'),
        SUBMIT.strip().replace('"ts":1,', ""),
    ],
)
def test_a_line_that_cannot_be_used_is_named_with_its_file_its_number_and_the_cure(tmp_path: Path, line: str) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(f"{GOOD}{SUBMIT}{line}\n{GOOD}", encoding="utf-8")
    with pytest.raises(JournalError) as raised:
        read_past(path)
    words = str(raised.value)
    assert words.startswith(f"{path}: line 3 cannot be used (")
    assert words.endswith("); move the file away to start without it, or mend the line")
    assert raised.value.exit_code == 3


def test_the_same_line_in_its_right_form_can_be_used(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(GOOD + SUBMIT, encoding="utf-8")
    assert list(read_past(path).orders) == [ENTRY]


# -- against a running session -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_i27_the_journal_alone_gives_the_books_of_the_session_that_wrote_it(tmp_path: Path, seed: int) -> None:
    world = World(seed, mischief=ROUGH if seed % 3 else Mischief(piecemeal=0.5), linked_exits=seed % 2 == 1)
    world.quote(60_000)
    encode = msgspec.json.Encoder().encode
    path = tmp_path / "journal.jsonl"
    for _ in range(12):
        for _ in range(10):
            world.step()
        path.write_bytes(b"".join(encode(line) + b"\n" for line in world.journal.lines))
        past, grid = read_past(path), world.grid
        assert list(past.lots) == [msgspec.structs.replace(lot, breached=False) for lot in grid.lots]
        for leg in Leg:
            assert (past.lots.held(leg), past.lots.cost(leg)) == (grid.lots.held(leg), grid.lots.cost(leg))
        assert (past.realised, past.fees) == (grid.ledger.realised, grid.ledger.fees)
        assert past.serial == grid.orders.serial
        assert past.state is grid.state
        assert past.centre == (None if grid.ladder is None else grid.ladder.centre)
        assert past.orders.keys() == {order.id for order in grid.index}
        for order in grid.index:
            known = past.orders[order.id]
            assert (known.key, known.side, known.price, known.qty, known.filled, known.lot, known.acknowledged) == (
                order.key, order.side, order.price, order.qty, order.filled, order.lot, order.acknowledged
            )  # fmt: skip


def test_a_gap_in_the_numbers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    lines = [{"seq": seq, "ts": 1, "kind": "gate"} for seq in (1, 2, 4)]
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    with pytest.raises(JournalError, match=r"line 3 .* number 4"):
        read_past(path)


def test_an_order_that_was_found_at_the_venue_is_open_from_its_acceptance_on(book: Book) -> None:
    past = book.order("accepted", reason="found at the venue, in no line of the journal").past
    order = past.orders[ENTRY]
    assert (order.acknowledged, order.status, order.qty) == (True, OrderStatus.ACCEPTED, Decimal("0.004"))
    assert (past.filled, past.serial, past.sessions) == ({ENTRY: Decimal(0)}, 5, {"s1"})


def test_a_found_order_without_an_id_of_ours_is_a_line_that_cannot_be_used(book: Book) -> None:
    book.order("accepted", "manual-1")
    with pytest.raises(JournalError, match="manual-1 is no order id"):
        _ = book.past


@pytest.mark.parametrize("event", ["cancel", "modify", "updated", "unknown"])
def test_a_request_on_an_order_that_no_line_opened_opens_nothing(book: Book, event: str) -> None:
    past = book.order(event).past
    assert (past.orders, past.filled) == ({}, {})


def test_a_transfer_moves_what_losses_are_measured_from_though_no_equity_line_follows(book: Book) -> None:
    money = {"wallet": "10000", "unrealised": "0", "equity": "10000", "realised": "0", "fees": "0", "funding": "0"}
    book.line("equity", **money, peak="10500", day_start="10200")
    book.line("transfer", amount="-200", wallet="9800")
    past = book.past
    assert (past.peak, past.day_start, past.equity_base) == (Decimal(10_300), Decimal(10_000), Decimal(9_800))


def test_a_transfer_before_any_equity_line_has_nothing_to_move(book: Book) -> None:
    book.line("transfer", amount="-200", wallet="9800")
    assert (book.past.peak, book.past.day_start, book.past.equity_base) == (None, None, None)
