"""The book of fills and events: what it takes of a journal, what it passes over, what it forgets."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedgegrid_tui.events import EVENTS_KEPT, FILLS_KEPT, NOISE, EventBook
from strategy.domain import Leg, OrderKey, Role, Side
from strategy.journal import Journal
from strategy.order_ids import OrderId, format_id

NOON = 1_723_161_600_000_000_000
ENTRY = format_id(OrderId("s1", OrderKey(Leg.LONG, Role.ENTRY, 3), None, 7))
TARGET = format_id(OrderId("s1", OrderKey(Leg.SHORT, Role.TP, 12), 12, 15))


def line(seq: int, kind: str, **fields: Any) -> bytes:
    return msgspec.json.encode({"seq": seq, "ts": NOON + seq, "kind": kind, **fields}) + b"\n"


def fill(seq: int, order_id: str = ENTRY, **fields: Any) -> bytes:
    known = {
        "id": order_id, "trade_id": "t", "leg": "long", "role": "entry", "lot": 7, "side": "buy", "price": "61738.20",
        "qty": "0.002", "fee": "-0.0247", "liquidity": "maker",
    }  # fmt: skip
    return line(seq, "fill", **(known | fields))


def alarm(seq: int, **fields: Any) -> bytes:
    known = {"name": "stale-feed", "leg": None, "raised": True, "detail": "no price for 5 s"}
    return line(seq, "alarm", **(known | fields))


def book(*lines: bytes) -> EventBook:
    built = EventBook()
    built.take(lines)
    return built


def test_a_fill_knows_its_rung_or_its_lot_and_its_fee_as_it_changes_the_wallet() -> None:
    taken = book(fill(1), fill(2, TARGET, leg="short", role="tp", lot=12)).fills
    assert [(each.leg, each.role, each.slot) for each in taken] == [
        (Leg.LONG, Role.ENTRY, 3),
        (Leg.SHORT, Role.TP, 12),
    ]
    assert (taken[0].seq, taken[0].ts, taken[0].side) == (1, NOON + 1, Side.BUY)
    assert tuple(map(str, (taken[0].qty, taken[0].price, taken[0].fee))) == ("0.002", "61738.20", "-0.0247")


def test_an_order_with_a_foreign_id_is_known_by_the_lot_of_its_line() -> None:
    assert book(fill(1, "web_1")).fills[0].slot == 7
    assert book(fill(1, "web_1", lot=None)).fills[0].slot == 0


def test_events_are_told_in_the_words_of_the_audit_and_a_receipt_in_those_of_its_act() -> None:
    taken = book(
        line(1, "act", act_id="a-1", command="flatten", args={"leg": "long"}, by="operator"),
        line(2, "receipt", act_id="a-1", result="done", detail={}),
        line(3, "state", name="running", reason=""),
    ).events
    assert [each.text for each in taken] == [
        "operator pressed flatten long  [a-1]",
        "flatten long: done after 0 ms  [a-1]",
        "system is running",
    ]
    assert [(each.seq, each.kind) for each in taken] == [(1, "act"), (2, "receipt"), (3, "state")]


@pytest.mark.parametrize("kind", sorted(NOISE))
def test_what_comes_with_every_order_or_second_is_no_event_but_is_not_asked_for_again(kind: str) -> None:
    taken = book(line(1, kind))
    assert (taken.events, taken.fills, taken.after) == ((), (), 1)


def test_an_alarm_that_is_only_told_again_is_no_new_event() -> None:
    assert [each.seq for each in book(alarm(1), alarm(2, again=True), alarm(3, raised=False)).events] == [1, 3]


@pytest.mark.parametrize(
    ("text", "grave"),
    [
        (alarm(1), True),
        (alarm(1, raised=False), False),
        (line(1, "error", where="w", type="t", message="m", critical=True), True),
        (line(1, "error", where="w", type="t", message="m", critical=False), False),
        (line(1, "state", name="halted", reason="r"), True),
        (line(1, "state", name="paused", reason="r"), True),
        (line(1, "state", name="running", reason=""), False),
        (line(1, "receipt", act_id="a", result="timeout", detail={}), True),
        (line(1, "receipt", act_id="a", result="done", detail={}), False),
        (line(1, "session.stop", flat="not_flat", exit_code=10), True),
        (line(1, "session.stop", flat="flat", exit_code=0), False),
        (line(1, "funding", leg="long", rate="0.0001", amount="-1"), False),
        (line(1, "alarm", name="odd"), False),
    ],
)
def test_what_nobody_may_overlook_is_grave(text: bytes, grave: bool) -> None:
    assert book(text).events[0].grave is grave


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"junk",
        b"[]",
        b'{"seq": 2}',
        b'{"seq": "2", "ts": 1, "kind": "act"}',
        b'{"seq": true, "ts": 1, "kind": "act"}',
        b'{"seq": 2, "ts": null, "kind": "act"}',
        b'{"seq": 2, "ts": 1, "kind": ["act"]}',
        b"[" * 100_000,
        line(2, "fill", id=3),
        fill(2, price="a lot"),
        fill(2, leg="sideways"),
        fill(2, qty=None),
    ],
)
def test_a_line_that_cannot_be_read_costs_only_itself(broken: bytes) -> None:
    taken = book(fill(1), broken, fill(3), alarm(4))
    assert [each.seq for each in taken.fills] == [1, 3]
    assert [each.seq for each in taken.events] == [4]


@given(st.lists(st.dictionaries(st.text(max_size=6), st.none() | st.booleans() | st.integers() | st.text(max_size=6))))
def test_no_line_whatever_stops_the_book(lines: list[dict[str, Any]]) -> None:
    kinds = ("fill", "act", "receipt", "state", "alarm", "error", "session.start", "session.stop", "of tomorrow")
    texts = [
        msgspec.json.encode({**fields, "seq": seq, "ts": seq, "kind": kinds[seq % len(kinds)]})
        for seq, fields in enumerate(lines, 1)
    ]
    taken = book(*texts)
    assert taken.after == len(lines)


def test_lines_that_were_taken_before_change_nothing() -> None:
    taken = book(fill(1), alarm(2))
    fills, events = taken.fills, taken.events
    taken.take([fill(1), alarm(2)])
    taken.take([])
    assert taken.fills is fills
    assert taken.events is events


def test_only_the_latest_are_kept() -> None:
    lines = [alarm(seq) if seq % 2 else fill(seq) for seq in range(1, 2 * EVENTS_KEPT + 100)]
    taken = book(*lines)
    assert len(taken.fills) == FILLS_KEPT
    assert len(taken.events) == EVENTS_KEPT
    assert taken.events[-1].seq == taken.after == len(lines)


def test_what_a_journal_remembers_is_taken_line_by_line_as_it_grows(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    taken = EventBook()
    for number in range(1, 4):
        journal.write("ladder", NOON + number, centre="61800", step="61.8")
        taken.take(journal.latest(taken.after))
        assert (len(taken.events), taken.after) == (number, number)
    journal.close()
