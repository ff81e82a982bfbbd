"""`hedgegrid flatten` where the venue refuses, falls silent or may have done what it does not say."""

import json
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from hedgegrid_tui import flatten_command
from hedgegrid_tui.engine.state_dir import StateDir
from strategy.domain import DoorState, Leg
from strategy.past import NOT_FLAT, read_past
from tests.hedgegrid_tui.binance.flattening import SYMBOL, Stage, staged
from tests.hedgegrid_tui.binance.test_flatten_at_venue import NOTHING, assert_books_are_clean
from tests.journal_reader import read_journal
from tests.venue.binance.asked import Asked
from tests.venue.binance.rules import Rule

ORDER = "/fapi/v1/order"
POSITIONS = "/fapi/v3/positionRisk"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as found:
        yield found


@pytest.fixture
def short_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives up after three seconds."""
    monkeypatch.setattr(flatten_command, "LEAST_BOUND_S", 3.0)


def in_three_seconds(stage: Stage) -> None:
    stage.sets.append("execution.flatten_timeout_ms=3000")


def traded(stage: Stage) -> dict[str, Decimal]:
    """What the closes have sold and bought."""
    done = {"SELL": Decimal(0), "BUY": Decimal(0)}
    for trade in stage.venue.exchange.book.trades:
        if "-C" in trade.client_id:
            done[trade.side] += trade.qty
    return done


UNCLEAR: dict[str, Callable[[Rule], Rule]] = {
    "5xx, done": lambda rule: rule.unknown(live=True),
    "5xx, not done": lambda rule: rule.unknown(live=False),
    "-1006, done": lambda rule: rule.unknown(live=True, code=-1006),
    "dropped, done": lambda rule: rule.drop(executed=True),
    "dropped, not done": lambda rule: rule.drop(executed=False),
    "no answer, done": lambda rule: rule.hang(executed=True),
    "no answer, not done": lambda rule: rule.hang(executed=False),
    "no JSON, done": lambda rule: rule.garble(executed=True),
}


@pytest.mark.parametrize("kind", UNCLEAR)
def test_a_close_without_a_clear_answer_is_asked_about_and_never_done_twice(stage: Stage, kind: str) -> None:
    stage.set_out()
    UNCLEAR[kind](stage.venue.when("POST", ORDER, 1))
    ran = stage.run()
    assert ran.code == 0
    assert stage.held() == NOTHING
    assert traded(stage) == {"SELL": Decimal("0.008"), "BUY": Decimal("0.008")}
    sent = stage.venue.requests("POST", ORDER)
    assert len(sent) == (3 if "not done" in kind else 2)
    first = sent[0].get("newClientOrderId")
    after = stage.venue.front.asked[stage.venue.front.asked.index(sent[0]) + 1 :]
    assert (after[0].method, after[0].path, after[0].get("origClientOrderId")) == ("GET", ORDER, first)
    assert "asking Binance what became of it" in ran.out
    assert_books_are_clean(ran.journal)


def test_an_order_that_the_venue_does_not_show_at_once_is_waited_for(stage: Stage) -> None:
    stage.set_out(Leg.LONG)
    lagging = stage.venue.exchange.book.held("LONG")

    def lag() -> None:
        shown = stage.venue.exchange.money().position_row
        old = [shown(SYMBOL, "LONG", 1, "CROSSED", older=False)]
        stage.venue.when("GET", POSITIONS, (1, 2)).garble(json.dumps(old).encode())

    stage.venue.when("POST", ORDER, 1).unknown(live=True).first(lag)
    stage.venue.when("GET", ORDER, (1, 2)).refuse(-2013)
    ran = stage.run()
    assert ran.code == 0
    assert traded(stage)["SELL"] == lagging
    assert len(stage.venue.requests("POST", ORDER)) == 1
    assert_books_are_clean(ran.journal)


def test_nothing_left_to_reduce_is_verified_before_it_is_believed(stage: Stage) -> None:
    stage.set_out(Leg.LONG)
    stage.venue.when("POST", ORDER, 1).first(lambda: stage.venue.by_hand("SELL", "LONG", "0.008"))
    ran = stage.run()
    assert ran.code == 0
    assert "nothing is left to close; looking again" in ran.out
    assert stage.held() == NOTHING
    assert_books_are_clean(ran.journal)


def test_a_false_word_that_nothing_is_left_is_not_believed(stage: Stage) -> None:
    stage.set_out(Leg.LONG)
    stage.venue.when("POST", ORDER, 1).refuse(-2022)
    ran = stage.run()
    assert ran.code == 0
    assert stage.held() == NOTHING
    assert len(stage.venue.requests("POST", ORDER)) == 2


def test_a_rate_limit_is_waited_out_and_told(stage: Stage) -> None:
    stage.set_out(Leg.LONG)
    stage.venue.when("POST", ORDER, 1).limit(2)
    began = time.monotonic()
    ran = stage.run()
    assert ran.code == 0
    assert time.monotonic() - began >= 2
    assert "Binance asks to wait 2 s (HTTP 429); waiting" in ran.out
    limited = next(i for i, asked in enumerate(stage.venue.front.asked) if asked.status == 429)
    waited = stage.venue.front.asked[limited + 1].at_ms - stage.venue.front.asked[limited].at_ms
    assert waited >= 1_900
    assert_books_are_clean(ran.journal)


def test_a_rate_limit_does_not_use_up_the_time_that_closing_has(stage: Stage, short_bound: None) -> None:
    in_three_seconds(stage)
    stage.set_out(Leg.LONG)
    stage.venue.when("POST", ORDER, 1).limit(4)
    ran = stage.run()
    assert ran.code == 0
    assert stage.held() == NOTHING


def test_a_ban_that_outlasts_the_bound_ends_it_at_once_as_unknown(stage: Stage) -> None:
    stage.set_out(Leg.LONG)
    stage.venue.when("POST", ORDER).limit(120, banned=True)
    began = time.monotonic()
    ran = stage.run()
    assert ran.code == 11
    assert time.monotonic() - began < 5
    words = " ".join(ran.out.split())
    assert "NOT KNOWN whether it is flat: Binance answers nothing for 120 s (HTTP 418): run it again then" in words
    assert "seen last, it may have changed: 0.008 held" in words
    stop = ran.of("session.stop")[-1]
    assert (stop["flat"], stop["exit_code"]) == ("unknown", 11)
    past = read_past(ran.journal)
    assert past.state is DoorState.PAUSED
    assert (NOT_FLAT, Leg.LONG) in past.alarms
    assert past.lots.held(Leg.LONG) == Decimal("0.008")


def test_a_ban_before_the_first_look_is_no_start(stage: Stage) -> None:
    stage.set_out(Leg.LONG)
    stage.venue.when("*", "*").limit(120, banned=True)
    ran = stage.run()
    assert ran.code == 3
    assert "wait 120 s" in ran.err
    assert "nothing was done" in ran.err


def test_a_leg_that_fills_in_parts_is_closed_to_its_end(stage: Stage) -> None:
    stage.set_out(Leg.LONG)
    parts = iter([Decimal("0.003"), Decimal("0.002")])
    stage.venue.exchange.piece = lambda order: next(parts, order.left)
    ran = stage.run()
    assert ran.code == 0
    assert stage.held() == NOTHING
    assert traded(stage)["SELL"] == Decimal("0.008")
    assert_books_are_clean(ran.journal)


def test_entries_whose_cancels_are_refused_do_not_keep_the_legs_open(stage: Stage, short_bound: None) -> None:
    in_three_seconds(stage)
    stage.set_out(Leg.LONG)
    stage.venue.when("DELETE", ORDER, if_=_is_entry).refuse(-1102)
    ran = stage.run()
    assert ran.code == 10
    assert ran.of("session.stop")[-1]["flat"] == "not_flat"
    assert "a cancel was refused" in ran.out
    past = read_past(ran.journal)
    assert any("-E" in order for order in past.orders)


def test_entries_that_stay_are_told_and_the_leg_is_closed_all_the_same(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flatten_command, "LEAST_BOUND_S", 5.0)
    stage.sets.append("execution.flatten_timeout_ms=5000")
    stage.set_out(Leg.LONG)
    stage.venue.when("DELETE", ORDER, if_=_is_entry).refuse(-1102)
    ran = stage.run()
    assert ran.code == 10
    assert stage.held() == NOTHING
    assert "left: 0 held, 1 entry and 0 exits of ours open" in " ".join(ran.out.replace("0.000", "0").split())


def test_a_cancel_that_was_done_and_not_answered_is_found_out(stage: Stage) -> None:
    stage.set_out(Leg.LONG)
    stage.venue.when("DELETE", "*", 1).drop(executed=True)
    stage.venue.when("DELETE", "*", 2).unknown(live=False)
    ran = stage.run()
    assert ran.code == 0
    assert stage.venue.open_ids() == set()
    assert_books_are_clean(ran.journal)


def test_closes_that_are_refused_end_as_not_flat_with_what_is_left(stage: Stage, short_bound: None) -> None:
    in_three_seconds(stage)
    stage.set_out()
    stage.venue.when("POST", ORDER, if_=_is_short).refuse(-2019)
    ran = stage.run()
    assert ran.code == 10
    assert stage.held() == {Leg.LONG: 0, Leg.SHORT: Decimal("0.008")}
    words = " ".join(ran.out.split())
    assert "FLAT, verified" not in words
    assert "NOT FLAT: not flat within 3 s" in words
    assert "short left: 0.008 held, 0 entries and 4 exits of ours open" in words
    past = read_past(ran.journal)
    assert [past.lots.held(leg) for leg in Leg] == [Decimal(0), Decimal("0.008")]
    assert list(past.alarms) == [(NOT_FLAT, Leg.SHORT)]
    assert len(past.orders) == len(stage.venue.open_ids())
    assert ran.of("receipt")[-1]["result"] == "timeout"


def test_the_exits_of_a_leg_that_cannot_be_closed_stay(stage: Stage, short_bound: None) -> None:
    in_three_seconds(stage)
    stage.set_out(Leg.SHORT)
    stage.venue.when("POST", ORDER).refuse(-1102)
    stage.run()
    kinds = [paper.kind for paper in stage.venue.call(stage.venue.exchange.open_papers)]
    assert sorted(kinds) == ["LIMIT", "LIMIT", "STOP_MARKET", "STOP_MARKET"]


def test_a_venue_that_falls_silent_after_the_closes_is_not_called_flat(stage: Stage, short_bound: None) -> None:
    in_three_seconds(stage)
    stage.sets.append("binance.http_timeout_ms=500")
    stage.set_out(Leg.LONG)

    def fall_silent() -> None:
        stage.venue.rules.when("GET", "*").hang()

    stage.venue.when("POST", ORDER, 1).first(fall_silent)
    ran = stage.run()
    assert ran.code == 11
    assert "FLAT, verified" not in ran.out
    assert "NOT KNOWN" in ran.out
    assert read_past(ran.journal).lots.held(Leg.LONG) == Decimal("0.008")  # what fills came is for the next session
    stage.venue.rules.clear()
    again = stage.run()
    assert again.code == 0
    assert_books_are_clean(again.journal)
    assert read_past(again.journal).alarms == {}


def test_a_maintenance_that_ends_is_waited_out(stage: Stage) -> None:
    stage.set_out(Leg.LONG)
    stage.venue.when("GET", POSITIONS, (2, 3)).refuse(-1016)
    ran = stage.run()
    assert ran.code == 0
    assert "Binance does not tell what is there" in ran.out


def test_a_venue_that_cannot_be_reached_is_no_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flatten_command, "LOOKS", 1)
    with staged(tmp_path) as stage:
        config = stage.config
        environ = stage.environ
    ran = stage.run(config=config, environ=environ)
    assert ran.code == 3
    assert "no connection" in ran.err
    assert "nothing was done" in ran.err


def test_a_wrong_key_is_no_start(stage: Stage) -> None:
    stage.set_out(Leg.LONG)
    wrong = "wrongkey" * 8
    ran = stage.run(environ=stage.environ | {"BINANCE_TESTNET_API_KEY": wrong})
    assert ran.code == 3
    assert "-2015" in ran.err
    assert wrong not in ran.err + ran.out


def test_no_key_is_no_start_and_says_where_one_is_looked_for(stage: Stage) -> None:
    ran = stage.run(environ={})
    assert ran.code == 3
    assert "BINANCE_TESTNET_API_KEY is not set" in ran.err
    assert stage.venue.front.asked == []


def test_an_account_in_one_way_mode_is_refused_and_not_called_flat(stage: Stage) -> None:
    one = stage.venue.exchange.money().position_row(SYMBOL, "LONG", 1, "CROSSED", older=False)
    row = one | {"positionSide": "BOTH", "positionAmt": "-0.005"}
    stage.venue.when("GET", POSITIONS).garble(json.dumps([row]).encode())
    ran = stage.run()
    assert ran.code == 3
    assert "not in hedge mode" in ran.err
    assert "FLAT" not in ran.out


def test_a_clock_that_is_wrong_is_set_by_the_venues(stage: Stage) -> None:
    stage.set_out(Leg.LONG)
    stage.venue.skew_ms = 60_000
    assert stage.run().code == 0
    assert stage.held() == NOTHING


def test_beside_a_running_session_it_is_refused_and_forced_it_keeps_its_hands_off_the_journal(stage: Stage) -> None:
    stage.set_out()
    before = stage.state.journal.read_text()
    with StateDir(stage.base, "testnet", SYMBOL):
        refused = stage.run()
        assert refused.code == 3
        assert "a session runs" in refused.err
        assert "flatten key (F)" in refused.err
        assert stage.venue.front.asked == []
        forced = stage.run(force=True)
    assert forced.code == 0
    assert stage.held() == NOTHING
    assert "it may send orders again" in " ".join(forced.out.split())
    assert stage.state.journal.read_text() == before
    (beside,) = stage.state.path.glob("flatten-*.jsonl")
    assert beside.name in "".join(forced.out.split())
    assert sum(qty for qty in traded(stage).values()) == sum(
        Decimal(line["qty"]) for line in _lines(beside) if line["kind"] == "fill"
    )


def test_beside_another_flatten_it_says_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["hedgegrid", "flatten", "--mode", "testnet"])
    with StateDir(stage.base, "testnet", SYMBOL):
        assert "another flatten runs already" in stage.run().err


def test_filters_that_are_not_told_do_not_keep_it_from_its_work(stage: Stage) -> None:
    stage.set_out(Leg.LONG)
    stage.venue.when("GET", "/fapi/v1/exchangeInfo").unknown(live=False)
    stage.venue.when("GET", "/fapi/v1/depth").drop()
    ran = stage.run()
    assert ran.code == 0
    assert "slippage not known" in " ".join(ran.out.split())


def test_a_leg_that_vanished_without_a_trade_is_booked_by_an_estimate_and_said(stage: Stage) -> None:
    stage.set_out(Leg.LONG)
    stage.venue.liquidate("LONG")
    stage.venue.when("GET", "/fapi/v1/userTrades").garble(b"[]")
    ran = stage.run()
    assert ran.code == 0
    assert_books_are_clean(ran.journal)
    assert [line["type"] for line in ran.of("error")] == ["untold-fill"]
    assert read_past(ran.journal).realised == 0  # no mark is shown for what is gone: it is booked at its cost


def test_a_journal_that_cannot_be_continued_does_not_keep_it_from_its_work(stage: Stage) -> None:
    stage.set_out()
    stage.state.journal.write_text("not a journal\n")
    ran = stage.run()
    assert ran.code == 0
    assert stage.held() == NOTHING
    (beside,) = stage.state.path.glob("flatten-*.jsonl")
    assert _lines(beside)[-1]["flat"] == "flat"
    assert beside.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_takes_no_file_does_not_keep_it_from_its_work(stage: Stage) -> None:
    (stage.base / "testnet").write_text("in the way")
    stage.venue.by_hand("BUY", "LONG", "0.004")
    ran = stage.run()
    assert ran.code == 0
    assert stage.held() == NOTHING
    assert "NOTHING is written down" in " ".join(ran.out.split())


def test_key_secret_and_signatures_are_nowhere(stage: Stage) -> None:
    stage.set_out()
    stage.venue.when("POST", ORDER, 1).unknown(live=True)
    stage.venue.when("DELETE", ORDER, 1).garble()
    stage.venue.when("GET", POSITIONS, 2).drop()
    ran = stage.run(as_json=True)
    told = ran.out + ran.err + "".join(path.read_text() for path in stage.state.path.iterdir() if path.is_file())
    for secret in (stage.venue.keys.key, stage.venue.keys.secret, "signature="):
        assert secret not in told
    assert ran.code == 0


def test_the_lines_of_a_run_with_faults_are_a_journal_without_a_gap(stage: Stage) -> None:
    stage.set_out()
    stage.venue.when("POST", ORDER, 1).unknown(live=True)
    stage.venue.when("DELETE", "*", (1, 3, 5)).unknown(live=True)
    ran = stage.run()
    books = read_journal(ran.journal)
    assert books.flat == "flat"
    assert books.owed == set()
    assert_books_are_clean(ran.journal)


def _lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _is_entry(asked: Asked) -> bool:
    return "-E" in (asked.get("origClientOrderId") or "")


def _is_short(asked: Asked) -> bool:
    return asked.get("positionSide") == "SHORT"
