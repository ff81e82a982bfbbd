"""`hedgegrid flatten` against the fake: what it does, asks and says where the venue answers as it should."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from hedgegrid_tui.engine.plan import Mode
from strategy.domain import DoorState, Leg, Role
from strategy.past import read_past
from tests.hedgegrid_tui.binance.flattening import Stage, staged
from tests.journal_reader import read_journal

PHRASE = "FLATTEN BTCUSDT"
NOTHING = {Leg.LONG: Decimal(0), Leg.SHORT: Decimal(0)}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as found:
        yield found


def assert_books_are_clean(path: Path) -> None:
    past, books = read_past(path), read_journal(path)
    assert [past.lots.held(leg) for leg in Leg] == [0, 0]
    assert past.orders == {}
    assert [books.held(leg) for leg in Leg] == [0, 0]
    assert books.orders == {}


def test_both_legs_and_every_order_of_ours_are_gone_and_the_next_session_finds_nothing(stage: Stage) -> None:
    stage.set_out()
    ran = stage.run(typed=PHRASE)
    assert ran.code == 0
    assert stage.held() == NOTHING
    assert stage.venue.open_ids() == set()
    assert "FLAT, verified: long and short hold nothing" in ran.out
    assert_books_are_clean(ran.journal)
    past = read_past(ran.journal)
    assert (past.state, past.state_reason) == (DoorState.PAUSED, "long and short flat, verified")
    stop = ran.of("session.stop")[-1]
    assert (stop["flat"], stop["exit_code"]) == ("flat", 0)
    fees = sum(trade.fee for trade in stage.venue.exchange.book.trades)
    assert past.fees == fees
    wallet = stage.venue.exchange.book.wallet
    assert past.realised - past.fees == wallet - 10_000


def test_what_is_there_and_what_it_costs_stand_before_the_question(stage: Stage) -> None:
    stage.set_out(Leg.LONG)
    stage.venue.by_hand("BUY", "LONG", "0.003", "58000")
    ran = stage.run(typed="no")
    for words in ("0.008 held at 60,000.10", "1 entry and 4 exits of ours open", "1 order not ours: long buy 0.003",
                  "close long 0.008 at market", "0.24 USDT fees", "positions are closed whole, whoever opened them",
                  "stays  1 order not ours"):  # fmt: skip
        assert words in ran.out
    assert all(len(line) <= 80 for line in ran.out.splitlines())


@pytest.mark.parametrize("typed", ["", "y", "flatten btcusdt", "FLATTEN ETHUSDT", "FLATTEN"])
def test_without_the_words_nothing_is_sent_and_nothing_is_written(stage: Stage, typed: str) -> None:
    stage.set_out()
    before, orders = len(stage.state.journal.read_text()), stage.venue.open_ids()
    ran = stage.run(typed=typed)
    assert ran.code == 2
    assert "nothing was done" in ran.err
    assert stage.venue.open_ids() == orders
    assert len(stage.state.journal.read_text()) == before
    assert not [asked for asked in stage.venue.front.asked if asked.method != "GET"]


def test_no_terminal_and_no_yes_is_refused_before_the_venue_is_asked(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    ran = stage.run(yes=False)
    assert ran.code == 2
    assert "--yes" in ran.err
    assert stage.venue.front.asked == []


@pytest.mark.parametrize(("option", "words"), [({"mode": Mode.SIM}, "--mode sim"), ({"leg": "up"}, "--leg up")])
def test_a_mode_without_a_venue_and_an_unknown_leg_are_bad_usage(
    stage: Stage, option: dict[str, str], words: str
) -> None:
    ran = stage.run(**option)
    assert ran.code == 2
    assert words in ran.err


def test_entries_go_first_then_the_legs_then_the_exits(stage: Stage) -> None:
    stage.set_out()
    stage.run()
    acts = [asked for asked in stage.venue.front.asked if asked.method in ("POST", "DELETE")]
    kinds = [
        "close" if asked.method == "POST" else (asked.get("origClientOrderId") or asked.need("clientAlgoId"))[7]
        for asked in acts
    ]
    assert kinds[:4] == ["E", "E", "close", "close"]
    assert set(kinds[4:]) == {"T", "S"}
    closes = [(asked.get("side"), asked.get("positionSide")) for asked in acts if asked.method == "POST"]
    assert closes == [("SELL", "LONG"), ("BUY", "SHORT")]


def test_each_command_stands_in_the_journal_before_it_leaves(stage: Stage) -> None:
    stage.set_out()
    seen: list[str] = []

    def note() -> None:
        last = json.loads(stage.state.journal.read_text().splitlines()[-1])
        seen.append(f"{last['kind']} {last.get('event')} {last.get('role')}")

    stage.venue.when("POST", "/fapi/v1/order").first(note)
    stage.run()
    assert seen == ["order submit close", "order submit close"]


def test_one_leg_alone_leaves_the_other_as_it_is(stage: Stage) -> None:
    stage.set_out()
    ran = stage.run(leg="long")
    assert ran.code == 0
    assert stage.held() == {Leg.LONG: 0, Leg.SHORT: Decimal("0.008")}
    assert len(stage.venue.open_ids()) == 5
    assert "short 0.008 with 1 entry and 4 exits of ours open" in " ".join(ran.out.split())
    past = read_past(ran.journal)
    assert [past.lots.held(leg) for leg in Leg] == [Decimal(0), Decimal("0.008")]
    assert len(past.orders) == 5
    assert ran.of("session.stop")[-1]["flat"] == "not_flat"


def test_orders_that_are_not_ours_stay_unless_they_are_asked_for(stage: Stage) -> None:
    stage.set_out()
    foreign = {stage.venue.by_hand("BUY", "LONG", "0.003", "58000").client_id}
    foreign.add(stage.venue.by_hand("BUY", "SHORT", "0.003", "63000", "STOP_MARKET").client_id)
    ran = stage.run()
    assert ran.code == 0
    assert stage.venue.open_ids() == foreign
    again = stage.run(include_foreign=True)
    assert again.code == 0
    assert stage.venue.open_ids() == set()
    assert {line["id"] for line in again.of("foreign")} == foreign
    assert_books_are_clean(again.journal)


def test_a_position_that_somebody_else_opened_is_closed_with_ours_and_the_books_end_at_nothing(stage: Stage) -> None:
    stage.set_out()
    stage.venue.by_hand("BUY", "LONG", "0.005")
    ran = stage.run()
    assert ran.code == 0
    assert stage.held() == NOTHING
    assert_books_are_clean(ran.journal)


def test_what_somebody_else_closed_is_booked_by_its_trades(stage: Stage) -> None:
    stage.set_out()
    stage.venue.by_hand("SELL", "LONG", "0.005")
    ran = stage.run()
    assert ran.code == 0
    assert_books_are_clean(ran.journal)
    outside = [line for line in ran.of("fill") if line["id"].startswith("outside")]
    assert [(line["leg"], line["qty"], line["price"]) for line in outside] == [("long", "0.005", "60000.00")]


def test_fills_that_came_while_nobody_listened_are_booked_once(stage: Stage) -> None:
    stage.begin()
    stage.fill_entry(Leg.LONG)
    stage.order(Leg.LONG, Role.SL)
    target = stage.order(Leg.LONG, Role.TP)
    stage.fill_entry(Leg.SHORT, told=False)
    stage.cut()
    stage.venue.quote("60700.00")
    stage.venue.quote("60000.00")
    ran = stage.run()
    assert ran.code == 0
    assert_books_are_clean(ran.journal)
    fills = [line["id"] for line in ran.of("fill")]
    assert fills.count(target) == 1
    assert len(fills) == len(set(fills)) == 4


def test_a_stop_that_fired_while_nobody_listened_is_booked_under_its_own_id(stage: Stage) -> None:
    stage.begin()
    stage.fill_entry(Leg.LONG)
    stop = stage.order(Leg.LONG, Role.SL)
    stage.order(Leg.LONG, Role.TP)
    stage.cut()
    stage.venue.quote("57900.00")
    ran = stage.run()
    assert ran.code == 0
    assert_books_are_clean(ran.journal)
    assert [line["id"] for line in ran.of("fill")][1:] == [stop]


def test_a_liquidation_ends_in_clean_books_too(stage: Stage) -> None:
    stage.set_out()
    stage.venue.liquidate("LONG")
    ran = stage.run()
    assert ran.code == 0
    assert_books_are_clean(ran.journal)


def test_where_nothing_is_there_nothing_is_asked_of_the_operator_and_the_journal_is_mended(stage: Stage) -> None:
    stage.set_out(Leg.LONG, lots=1)
    stage.venue.liquidate("LONG")
    ran = stage.run(typed="")
    assert ran.code == 0
    assert "nothing to do" in ran.out
    assert_books_are_clean(ran.journal)


def test_without_a_journal_of_before_it_begins_one(stage: Stage) -> None:
    stage.venue.by_hand("SELL", "SHORT", "0.005")
    ran = stage.run()
    assert ran.code == 0
    assert stage.held() == NOTHING
    assert [line["kind"] for line in ran.lines[:3]] == ["session.start", "act", "state"]
    assert_books_are_clean(ran.journal)


def test_more_than_one_order_may_hold_is_closed_in_pieces(tmp_path: Path) -> None:
    with staged(tmp_path, max_qty=Decimal("0.010")) as stage:
        stage.set_out(Leg.LONG, lots=6)
        ran = stage.run()
        assert ran.code == 0
        sent = [asked.get("quantity") for asked in stage.venue.requests("POST", "/fapi/v1/order")]
        assert [Decimal(qty or 0) for qty in sent] == [Decimal("0.010"), Decimal("0.010"), Decimal("0.004")]
        assert "close long 0.024 at market in 3 pieces" in " ".join(ran.out.split())
        assert_books_are_clean(ran.journal)


def test_a_script_gets_json_lines_and_nothing_else(stage: Stage) -> None:
    stage.set_out()
    ran = stage.run(as_json=True)
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert [lines[0]["type"], lines[-1]["type"]] == ["found", "summary"]
    assert lines[0]["legs"]["long"]["held"] == "0.008"
    assert {line["type"] for line in lines[1:-1]} == {"progress"}
    assert (lines[-1]["flat"], lines[-1]["exit_code"]) == ("flat", 0)
    assert lines[-1]["legs"]["short"]["closed"] == "0.008"


def test_latches_and_throttle_of_before_are_kept_beside_the_pause(stage: Stage) -> None:
    stage.begin()
    stage.write("act", act_id="a-1", command="set-throttle", args={"share": "0.5"}, by="operator")
    stage.write("receipt", act_id="a-1", result="done", detail={})
    latched = {"halted": "losses", "halts": ["drawdown"]}
    stage.write("state", name="halted", reason="losses", latched=latched)
    stage.cut()
    ran = stage.run()
    past = read_past(ran.journal)
    assert past.latches.halted == "losses"
    assert past.latches.paused == "long and short flat, verified"
    assert past.throttle == Decimal("0.5")


def test_a_flatten_that_an_earlier_session_owes_the_other_leg_stays_owed(stage: Stage) -> None:
    stage.set_out()
    stage.reopen()
    latched = {"flattening": "flatten long and short", "legs": ["long", "short"]}
    stage.write("state", name="flattening", reason="flatten long and short", latched=latched)
    stage.cut()
    ran = stage.run(leg="long")
    latches = read_past(ran.journal).latches
    assert (latches.flattening, latches.legs) == ("flatten long and short", (Leg.SHORT,))
    assert read_past(stage.run().journal).latches.flattening is None


def test_live_has_its_own_key_and_its_own_folder(stage: Stage) -> None:
    stage.venue.by_hand("BUY", "LONG", "0.004")
    keys = stage.venue.keys
    environ = {"BINANCE_API_KEY": keys.key, "BINANCE_API_SECRET": keys.secret}
    assert stage.run(mode=Mode.LIVE).code == 3  # the key of the testnet is not tried
    ran = stage.run(mode=Mode.LIVE, environ=environ, typed=PHRASE)
    assert ran.code == 0
    assert stage.held() == NOTHING
    assert "live BTCUSDT, key fake..." in ran.out
    assert_books_are_clean(stage.base / "live" / "BTCUSDT" / "journal.jsonl")
