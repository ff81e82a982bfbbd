"""`hedgegrid status`: what a session last knew, told from its journal, and who holds the lock."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from hedgegrid_tui.engine.state_dir import LockedError, StateDir
from hedgegrid_tui.journal_tail import AuditError
from hedgegrid_tui.status import ERRORS_KEPT, Status, as_json, read_status
from hedgegrid_tui.status_words import as_text
from strategy.domain import NS_PER_S, Leg, OrderKey, Role
from strategy.journal import Journal
from strategy.order_ids import OrderId, format_id
from tests.journal_reader import read_journal

pytestmark = pytest.mark.timeout(90)

PROGRAM: Final = [sys.executable, "-c", "from hedgegrid_tui.cli import main; main()"]
START: Final = 1_723_161_600 * NS_PER_S
"""2024-08-09 00:00 UTC."""
ENTRY: Final = format_id(OrderId("s1", OrderKey(Leg.LONG, Role.ENTRY, 2), None, 5))
SECOND: Final = format_id(OrderId("s1", OrderKey(Leg.LONG, Role.ENTRY, 3), None, 6))
STOP: Final = format_id(OrderId("s1", OrderKey(Leg.LONG, Role.SL, 5), 5, 7))
LEFT_PAUSED: Final = {"name": "paused", "reason": "by the operator", "latched": {"paused": "by the operator"}}


class Desk:
    """Writes a journal as a session does."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.state = StateDir(base, "sim", "BTCUSDT")
        self.path = self.state.journal
        self.journal = Journal(self.path)

    def write(self, kind: str, **fields: Any) -> "Desk":
        self.journal.write(kind, START + self.journal.seq * NS_PER_S, **fields)
        return self

    def start(self, *restored: str, fresh_venue: bool = False) -> "Desk":
        made = {"mode": "sim", "instrument": "BTCUSDT", "version": "0.1.0", "config": "be0e51", "pid": 7}
        return self.write("session.start", **made, restored=restored, fresh_venue=fresh_venue)

    def order(self, event: str, order_id: str, role: str, qty: str, price: str = "60000") -> "Desk":
        side = "buy" if role == "entry" else "sell"
        return self.write(
            "order", event=event, id=order_id, leg="long", role=role, level=None, lot=5, side=side, price=price,
            qty=qty, reason=None, step="60",
        )  # fmt: skip

    def hold(self) -> "Desk":
        """A lot of 0.004 with a stop at the venue of 0.003, and an entry that was sent."""
        self.order("submit", ENTRY, "entry", "0.004").order("accepted", ENTRY, "entry", "0.004")
        self.write(
            "fill", id=ENTRY, trade_id="t1", leg="long", role="entry", lot=5, side="buy", price="60000", qty="0.004",
            fee="-0.1", liquidity="maker",
        )  # fmt: skip
        self.order("submit", STOP, "sl", "0.003").order("accepted", STOP, "sl", "0.003")
        return self.order("submit", SECOND, "entry", "0.002")

    def alarm(self, name: str, leg: str | None, detail: str, *, raised: bool = True) -> "Desk":
        return self.write("alarm", name=name, leg=leg, raised=raised, detail=detail)

    def error(self, number: int, *, critical: bool = True) -> "Desk":
        return self.write("error", where="on_bar", type="KeyError", message=str(number), critical=critical)

    def append(self, text: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(text)

    @property
    def status(self) -> Status:
        return read_status(self.state)

    @property
    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(as_json(self.status))
        return told

    @property
    def text(self) -> str:
        return "\n".join(as_text(self.status))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def hedgegrid(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=30, check=False)


def test_legs_cover_and_orders_come_from_the_journal(desk: Desk) -> None:
    told = desk.start().hold().told
    long = told["legs"]["long"]
    assert Decimal(long.pop("average")) == 60_000
    assert long == {"held": "0.004", "covered": "0.003", "lots": 1}
    assert told["legs"]["short"] == {"held": "0", "average": None, "covered": "0", "lots": 0}
    assert (told["open_entries"], told["open_exits"]) == (1, 1)
    lines = desk.text.splitlines()
    assert "long       0.004 held at 60000.00 on average, 0.003 covered by stops, UNPROTECTED; 1 lot" in lines
    assert "short      nothing held" in lines
    assert "orders     1 entry and 1 exit open" in lines


def test_a_stop_that_the_venue_has_not_acknowledged_covers_nothing(desk: Desk) -> None:
    desk.start().hold().order("canceled", STOP, "sl", "0.003").order("submit", STOP, "sl", "0.004")
    assert desk.told["legs"]["long"]["covered"] == "0"
    desk.order("accepted", STOP, "sl", "0.004")
    assert desk.told["legs"]["long"]["covered"] == "0.004"
    assert "UNPROTECTED" not in desk.text


def test_every_latched_state_is_told_with_its_reason_the_gravest_first(desk: Desk) -> None:
    latched = {"paused": "by the operator", "halted": "25 % lost", "halts": ["drawdown"]}
    desk.start().write("state", name="halted", reason="25 % lost", latched=latched)
    told = desk.told
    assert (told["state"], list(told["latched"].items())) == (
        "halted",
        [("halted", "25 % lost"), ("paused", "by the operator")],
    )
    lines = desk.text.splitlines()
    assert lines.index("state      halted: 25 % lost") + 1 == lines.index("state      paused: by the operator")
    desk.write("state", name="running", reason="resumed", latched={})
    assert (desk.told["state"], desk.told["latched"]) == ("running", {})
    assert "state      running" in desk.text


def test_a_throttle_is_told_where_it_is_less_than_all(desk: Desk) -> None:
    assert "throttle   " not in desk.start().text
    desk.write("act", act_id="1", command="set-throttle", args={"share": "0.25"}, by="operator")
    assert (desk.told["throttle"], "throttle   0.25" in desk.text) == ("0.25", True)


def test_the_last_equity_line_is_told(desk: Desk) -> None:
    money = {"wallet": "100", "unrealised": "1", "peak": "103", "realised": "4", "fees": "-1", "funding": "0"}
    desk.start().write("equity", equity="99", **money).write("equity", equity="101", **money)
    assert desk.told["equity"]["equity"] == "101"
    assert (
        "money      equity 101, wallet 100, unrealised 1, peak 103, realised 4, fees -1, funding 0; "
        "at 2024-08-09T00:00:02.000Z"
    ) in desk.text


def test_alarms_are_told_while_they_last_and_not_beyond_their_session(desk: Desk) -> None:
    desk.start().alarm("unprotected", "long", "0.001 bare").alarm("stale", None, "9 s")
    assert [(each["name"], each["leg"]) for each in desk.told["alarms"]] == [("unprotected", "long"), ("stale", None)]
    assert "alarm      unprotected long: 0.001 bare, told 2024-08-09T00:00:01.000Z" in desk.text
    desk.alarm("unprotected", "long", "covered again", raised=False)
    assert [each["name"] for each in desk.told["alarms"]] == ["stale"]
    desk.start()
    assert desk.told["alarms"] == []
    assert "alarms     none" in desk.text


def test_an_alarm_that_survives_a_session_is_told_as_an_earlier_ones(desk: Desk) -> None:
    desk.start().alarm("repeated-3", "long", "10 fills in 60 s").write("state", **LEFT_PAUSED).start(
        "paused", "repeated-3 long"
    )
    assert [(each["name"], each["ts"]) for each in desk.told["alarms"]] == [("repeated-3", 0)]
    assert "alarm      repeated-3 long: 10 fills in 60 s, of an earlier session" in desk.text


def test_the_latest_critical_errors_are_told_and_no_others(desk: Desk) -> None:
    desk.start().error(0, critical=False)
    assert "critical   no critical error" in desk.text
    for number in range(1, ERRORS_KEPT + 3):
        desk.error(number)
    assert [each["message"] for each in desk.told["critical_errors"]] == [str(n) for n in range(3, ERRORS_KEPT + 3)]
    assert "critical   2024-08-09T00:00:08.000Z on_bar: KeyError: 7" in desk.text


def test_the_age_is_that_of_the_file_whatever_the_engines_clock_says(desk: Desk) -> None:
    desk.start()
    written = desk.path.stat().st_mtime - 3 * 3600
    os.utime(desk.path, (written, written))
    assert 3 * 3600 <= desk.told["written_ago_s"] < 3 * 3600 + 60
    assert "last line  1, 2024-08-09T00:00:00.000Z; written 3 h 00 m ago" in desk.text


@pytest.mark.parametrize(
    ("stop", "locked", "words"),
    [
        (False, False, "sim BTCUSDT: CUT SHORT, the journal tells of no end; nobody holds the lock"),
        (True, False, "sim BTCUSDT: ended, not flat, exit status 10; nobody holds the lock"),
        (False, True, "sim BTCUSDT: RUNS; process {pid} "),
        (True, True, "sim BTCUSDT: starts or ends; process {pid} "),
    ],
)
def test_the_session_runs_where_the_lock_is_held_and_was_cut_short_without_a_last_line(
    stop: bool, locked: bool, words: str, desk: Desk
) -> None:
    desk.start()
    if stop:
        desk.write("session.stop", flat="not_flat", exit_code=10)
    with desk.state if locked else contextlib.nullcontext():
        assert desk.text.splitlines()[0].startswith(f"session    {words.format(pid=os.getpid())}")
        holder = desk.told["holder"]
    assert (holder["pid"] if holder else None) == (os.getpid() if locked else None)


def test_an_end_is_told_until_the_next_session_begins(desk: Desk) -> None:
    desk.start().write("session.stop", flat="flat", exit_code=0)
    assert desk.told["stopped"]["flat"] == "flat"
    assert desk.start().told["stopped"] is None
    assert "CUT SHORT" in desk.text


def test_looking_leaves_the_lock_as_it_was(desk: Desk) -> None:
    assert desk.start().status.holder is None
    with desk.state:
        assert desk.status.holder is not None
        with pytest.raises(LockedError), StateDir(desk.base, "sim", "BTCUSDT"):
            pass
    assert desk.status.holder is None


def test_a_long_command_of_the_holder_is_cut_with_a_mark(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["hedgegrid", "--set", f"instrument.symbol={'X' * 300}"])
    desk.start()
    with desk.state, pytest.raises(LockedError, match=r"hedgegrid --set instrument\.symbol=X+…\) trades here already"):
        StateDir(desk.base, "sim", "BTCUSDT").__enter__()


def test_a_torn_last_line_hides_nothing(desk: Desk) -> None:
    desk.start().hold()
    whole = desk.status
    desk.append(b'{"seq":8,"ts":17231')
    torn = desk.status
    assert (whole.books, whole.torn) == (torn.books, False)
    assert (torn.torn, torn.problem, torn.seq) == (True, "", whole.seq)
    assert "a torn one follows" in desk.text


def test_a_line_that_cannot_be_used_leaves_the_rest_told_and_nothing_made_up(desk: Desk) -> None:
    desk.start().hold()
    desk.append(b"junk\n")
    line = {"seq": 10, "ts": START, "kind": "error", "where": "w", "type": "t", "message": "m", "critical": True}
    desk.append(json.dumps(line).encode() + b"\n")
    told = desk.told
    assert "line 8 cannot be used" in told["problem"]
    assert (told["legs"], told["state"], told["open_entries"]) == (None, None, None)
    assert [each["message"] for each in told["critical_errors"]] == ["m"]
    done = hedgegrid("status", "--state-dir", str(desk.base))
    assert done.returncode == 1
    assert "NOT KNOWN" in done.stdout
    assert "line 8 cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"")])
def test_no_journal_or_an_empty_one_is_an_error(spoil: Callable[[Path], object], desk: Desk) -> None:
    spoil(desk.path)
    with pytest.raises(AuditError, match=r"no such journal|no line yet"):
        _ = desk.status
    done = hedgegrid("status", "--state-dir", str(desk.base), "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_a_session_is_told_while_it_runs_and_after_it_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "sim" / "BTCUSDT"
    look = ("status", "--state-dir", str(tmp_path), "--json")
    command = [*PROGRAM, "--headless", "--json", "--state-dir", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
        assert session.stdin is not None
        assert session.stdout is not None
        session.stdin.write("pause\n")
        session.stdin.flush()
        while '"type":"receipt"' not in session.stdout.readline():
            pass
        running = json.loads(hedgegrid(*look).stdout)
        session.send_signal(signal.SIGKILL)
    killed = json.loads(hedgegrid(*look).stdout)
    assert running["holder"]["pid"] == running["session"]["pid"] == session.pid
    assert (killed["holder"], killed["stopped"]) == (None, None)
    assert (running["state"], killed["state"]) == ("paused", "paused")
    books = read_journal(folder / "journal.jsonl")
    for leg in ("long", "short"):
        told = killed["legs"][leg]
        assert (Decimal(told["held"]), Decimal(told["covered"])) == (books.held(leg), books.covered(leg))
    assert killed["open_entries"] == books.count_open("entry") > 0
    assert killed["open_exits"] == books.count_open("tp", "sl", "close")
    done = hedgegrid("journal", "--state-dir", str(tmp_path), "--kind", "act")
    assert (done.returncode, "operator pressed pause" in done.stdout) == (0, True)
