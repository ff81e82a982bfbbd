"""`hedgegrid journal`: plain words, filters, following, and the check that nothing is missing."""

import ast
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from hedgegrid_tui import audit_words, journal_tail
from hedgegrid_tui.audit import COMPLAINTS_TOLD, Audit, Wanted, since_ns, wanted
from hedgegrid_tui.audit_words import KINDS, ORDER_EVENTS, Words
from hedgegrid_tui.journal_tail import AuditError, latest_ts
from strategy.domain import NS_PER_S
from strategy.journal import Journal

pytestmark = pytest.mark.timeout(60)

ROOT = Path(__file__).parents[2]
PROGRAM: Final = [sys.executable, "-c", "from hedgegrid_tui.cli import main; main()"]
NOON: Final = 1_723_161_600 * NS_PER_S
"""2024-08-09 00:00 UTC."""
ENTRY: Final = {
    "id": "HG-s-EL3-0-7", "leg": "long", "role": "entry", "level": 3, "lot": 7, "side": "buy", "price": "61738.20",
    "qty": "0.002", "reason": None,
}  # fmt: skip
STOP: Final = ENTRY | {"id": "HG-s-SL7-7-8", "role": "sl", "level": None, "side": "sell", "price": "61429.20"}


class Desk:
    """A journal as a session writes it, in the folder where the command looks for it."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.path = base / "sim" / "BTCUSDT" / "journal.jsonl"
        self.open()

    def open(self) -> None:
        self.journal = Journal(self.path)

    def open_anew(self, lines: int) -> None:
        self.open()
        self.fill_up(lines)

    def write(self, kind: str, **fields: Any) -> "Desk":
        self.journal.write(kind, NOON + self.journal.seq * NS_PER_S, **fields)
        return self

    def fill_up(self, lines: int) -> "Desk":
        for number in range(lines):
            self.write("gate", leg="long", role="entry", level=number, reason="paused")
        return self

    def spoil(self, change: Callable[[list[bytes]], object]) -> None:
        lines = self.path.read_bytes().splitlines(keepends=True)
        change(lines)
        self.path.write_bytes(b"".join(lines))

    def append(self, text: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(text)

    def set_aside(self, lines: int = 0) -> None:
        self.fill_up(lines)
        self.journal.close()
        self.path.rename(self.path.with_name("journal-earlier.jsonl"))

    def read(self, shown: Wanted | None = None, *, raw: bool = False) -> tuple[int, list[str], list[str]]:
        out, said = io.BytesIO(), list[str]()
        status = Audit(self.path, shown or Wanted(), out, said.append, raw=raw).read()
        return status, out.getvalue().decode().splitlines(), said

    def follow(self, *steps: Callable[[], object], raw: bool = True) -> tuple[int, list[str], list[str]]:
        """Follow it, with one step after each look at the file, and an interrupt at the end."""
        out, said, left = io.BytesIO(), list[str](), iter(steps)

        def wait() -> bool:
            step = next(left, None)
            if step is None:
                raise KeyboardInterrupt
            step()
            return True

        status = Audit(self.path, Wanted(), out, said.append, raw=raw).follow(wait)
        return status, out.getvalue().decode().splitlines(), said


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def hedgegrid(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=30, check=False)


# -- words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        (
            "session.start",
            {
                "mode": "sim",
                "instrument": "BTCUSDT",
                "version": "0.1.0",
                "config": "be0e51a23af2da06",
                "pid": 7,
                "restored": ["paused", "throttle 0.5"],
                "fresh_venue": True,
                "torn_line_dropped": True,
            },
            (
                "session began: sim BTCUSDT, version 0.1.0, pid 7, config be0e51a23af2; the venue is new; "
                "restored: paused, throttle 0.5; a torn last line was dropped"
            ),
        ),
        ("session.stop", {"flat": "not_flat", "exit_code": 10}, "session ended: not flat, exit status 10"),
        (
            "act",
            {"act_id": "s-1", "command": "flatten", "args": {"leg": "long"}, "by": "operator"},
            "operator pressed flatten long  [s-1]",
        ),
        (
            "act",
            {"act_id": "s-2", "command": "cancel-entries", "args": {}, "by": "breaker"},
            "breaker ordered cancel-entries  [s-2]",
        ),
        (
            "act",
            {"act_id": "s-quit", "command": "quit", "args": {"ending": "flatten"}, "by": "operator"},
            "operator pressed quit flatten  [s-quit]",
        ),
        (
            "act",
            {"act_id": "s-quit", "command": "quit", "args": {"ending": "leave"}, "by": "operator"},
            "operator pressed quit  [s-quit]",
        ),
        ("state", {"name": "paused", "reason": "by the operator"}, "system is paused: by the operator"),
        (
            "state",
            {"name": "breaker_open", "reason": "5 errors", "latched": {"paused": "p", "breaker": "5 errors"}},
            "system is breaker open: 5 errors; latched: breaker, paused",
        ),
        ("order", ENTRY | {"event": "submit"}, "system sent entry long 3: buy 0.002 at 61738.20  [HG-s-EL3-0-7]"),
        (
            "order",
            ENTRY | {"event": "rejected", "reason": "-2010"},
            "venue: REJECTED entry long 3: buy 0.002 at 61738.20; -2010  [HG-s-EL3-0-7]",
        ),
        (
            "order",
            STOP | {"event": "cancel", "reason": "flatten"},
            "system asked to cancel stop long of lot 7: sell 0.002 at 61429.20; flatten  [HG-s-SL7-7-8]",
        ),
        (
            "order",
            STOP | {"event": "unknown", "role": "close", "lot": None, "price": None},
            "no answer, it may be live: close long: sell 0.002 at market  [HG-s-SL7-7-8]",
        ),
        (
            "fill",
            ENTRY | {"trade_id": "T-1", "fee": "-0.02", "liquidity": "maker"},
            "venue: filled entry long 3: buy 0.002 at 61738.20, fee -0.02, maker  [HG-s-EL3-0-7 T-1]",
        ),
        (
            "gate",
            {"leg": "short", "role": "entry", "level": 2, "reason": "leg-cap"},
            "gate denied entry short 2: leg-cap",
        ),
        (
            "funding",
            {"leg": "long", "rate": "0.0001", "amount": "-1.2"},
            "venue: long paid -1.2 funding at the rate 0.0001",
        ),
        (
            "funding",
            {"leg": "short", "rate": "0.0001", "amount": "1.2"},
            "venue: short got 1.2 funding at the rate 0.0001",
        ),
        (
            "equity",
            {
                "wallet": "10",
                "unrealised": "1",
                "equity": "11",
                "peak": "12",
                "realised": "2",
                "fees": "-1",
                "funding": "0",
            },
            "system saw equity 11; wallet 10, unrealised 1, peak 12, realised 2, fees -1, funding 0",
        ),
        (
            "alarm",
            {"name": "unprotected", "leg": "long", "raised": True, "detail": "0.002 held"},
            "system raised the alarm unprotected long: 0.002 held",
        ),
        (
            "alarm",
            {"name": "stale", "leg": None, "raised": True, "again": True, "detail": "9 s"},
            "system goes on with the alarm stale: 9 s",
        ),
        (
            "alarm",
            {"name": "stale", "leg": None, "raised": False, "detail": "prices again"},
            "system ended the alarm stale: prices again",
        ),
        (
            "error",
            {"where": "on_bar", "type": "KeyError", "message": "x", "critical": True},
            "system saw a CRITICAL error in on_bar: KeyError: x",
        ),
        ("ladder", {"centre": "100", "step": "0.1"}, "system drew its ladders around 100, step 0.1"),
        ("transfer", {"amount": "-5", "wallet": "95"}, "venue: -5 went out of the wallet, now 95"),
        ("transfer", {"amount": "5", "wallet": "105"}, "venue: 5 went into the wallet, now 105"),
        ("novelty", {"a": 1, "b": {"c": "d"}}, "a 1; b: c d"),
        ("fill", {"qty": "1"}, "qty 1"),
    ],
)
def test_each_line_says_in_plain_words_who_did_what(kind: str, fields: dict[str, Any], words: str) -> None:
    line = Words().tell({"seq": 1, "ts": NOON + 1_234_567_890, "kind": kind, **fields})
    assert line == f"2024-08-09T00:00:01.234Z  {kind:13} {words}"


def test_figures_lose_the_zeros_that_say_nothing_and_what_is_not_known_is_left_out() -> None:
    detail = {"long": {"left": "0", "slippage": "0.00010000", "average": "60807.00", "closed": "100", "price": ""}}
    line = {"seq": 2, "ts": 0, "kind": "receipt", "act_id": "a", "result": "done", "detail": detail}
    assert "long: left 0, slippage 0.0001, average 60807, closed 100 " in Words().tell(line) + " "


def test_a_receipt_names_its_act_and_the_time_between_also_where_the_act_is_filtered_out(desk: Desk) -> None:
    desk.write("act", act_id="s-1", command="flatten", args={"leg": "long"}, by="operator")
    desk.write("act", act_id="s-2", command="pause", args={}, by="operator")
    desk.write("receipt", act_id="s-1", result="done", detail={"long": {"held": "2", "average": ""}, "ended": False})
    _, lines, _ = desk.read(Wanted(frozenset({"receipt"})))
    told = "flatten long: done after 2.0 s; long: held 2; ended no  [s-1]"
    assert lines == [f"2024-08-09T00:00:02.000Z  receipt       {told}"]


def test_a_receipt_whose_act_was_in_an_earlier_session_is_not_tied_to_it(desk: Desk) -> None:
    desk.write("act", act_id="s-1", command="pause", args={}, by="operator")
    desk.write("session.start", mode="sim")
    desk.write("receipt", act_id="s-1", result="failed", detail={})
    assert desk.read()[1][-1].endswith("an act that is in no line: failed  [s-1]")


def test_what_would_steer_the_terminal_is_shown_as_its_code(desk: Desk) -> None:
    desk.write("error", where="x", type="y", message="a\x1b[2J\nb\u202ec µ", critical=False)
    assert desk.read()[1][0].endswith(r"an error in x: y: a\x1b[2J\nb\u202ec µ")


def test_every_kind_that_the_product_writes_has_words() -> None:
    kinds = set()
    for source in [*(ROOT / "strategy").glob("*.py"), *(ROOT / "hedgegrid_tui" / "engine").rglob("*.py")]:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("write", "_write"):
                words = [each.value for each in node.args[:2] if isinstance(each, ast.Constant)]
                kinds |= {word for word in words if isinstance(word, str)}
    assert kinds >= {"act", "fill", "order", "session.start"}
    assert kinds - set(KINDS) - set(ORDER_EVENTS) == set()


def test_a_time_beyond_the_calendar_is_shown_as_a_number() -> None:
    assert audit_words.moment(10**21) == f"{10**21} ns"
    assert audit_words.moment(-1) == "-1 ns"


# -- filters -------------------------------------------------------------------------------------------------------


def test_json_gives_the_lines_byte_for_byte(desk: Desk) -> None:
    desk.fill_up(3).write("error", where="x", type="y", message="µ\x1b", critical=False)
    out = io.BytesIO()
    assert Audit(desk.path, Wanted(), out, pytest.fail, raw=True).read() == 0
    assert out.getvalue() == desk.path.read_bytes()


def test_kind_and_since_together_choose_what_is_shown(desk: Desk) -> None:
    for number in range(4):
        desk.write("equity", number=number).write("ladder", number=number)
    shown = wanted(["equity"], "2024-08-09T00:00:03", NOON)
    status, lines, _ = desk.read(shown, raw=True)
    assert status == 0
    assert [json.loads(line)["number"] for line in lines] == [2, 3]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", -90),
        ("15m", -900),
        ("1h30m", -5400),
        ("3d", -259_200),
        ("1w", -604_800),
        ("00:00:30", 30),
        ("14:30", 52_200),
        ("14:30+02:00", 45_000),
        ("2024-08-09", 0),
        ("2024-08-09T00:00:01.500", 1.5),
        ("2024-08-09 02:00:00+02:00", 0),
        ("2024-08-09T00:01:00Z", 60),
    ],
)
def test_since_takes_iso_times_clock_times_and_spans(text: str, seconds: float) -> None:
    assert since_ns(text, NOON) == NOON + round(seconds * NS_PER_S)


@pytest.mark.parametrize("text", ["soon", "25:00", "-5m", "5", "5 m", "m", "2024-13-01", "9999999999d", "1x"])
def test_a_time_that_cannot_be_read_is_refused_with_what_can(text: str) -> None:
    with pytest.raises(AuditError, match="must be a time such as"):
        since_ns(text, NOON)


def test_an_unknown_kind_is_refused_with_the_nearest() -> None:
    with pytest.raises(AuditError, match="--kind fils: unknown; did you mean fill"):
        wanted(["act", "fils"], "", NOON)
    with pytest.raises(AuditError, match=r"--kind zzz: unknown; known: session.start, "):
        wanted(["zzz"], "", NOON)


def test_the_time_of_the_last_whole_line_is_known(desk: Desk, tmp_path: Path) -> None:
    assert latest_ts(desk.path) == 0
    desk.fill_up(3).append(b'{"seq":4,"ts":9')
    assert latest_ts(desk.path) == NOON + 2 * NS_PER_S
    assert latest_ts(tmp_path / "none") == 0
    desk.append(b"\n")
    assert latest_ts(desk.path) == 0


# -- the check -----------------------------------------------------------------------------------------------------


def test_a_whole_journal_passes_and_says_nothing(desk: Desk) -> None:
    status, lines, said = desk.fill_up(5).read()
    assert (status, len(lines), said) == (0, 5, [])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda lines: lines.pop(2), "line 3: GAP: has the number 4, 3 is missing"),
        (lambda lines: lines.__delitem__(slice(1, 4)), "line 2: GAP: has the number 5, 2 to 4 are missing"),
        (lambda lines: lines.pop(0), "line 1: GAP: has the number 2, 1 is missing"),
        (lambda lines: lines.insert(2, lines[1]), "line 3: GAP: has the number 2, where 3 is due"),
        (lambda lines: lines.__setitem__(2, b'{"seq":3,"ts\n'), "line 3: is broken"),
        (lambda lines: lines.insert(2, b"junk\n"), "line 3: is broken"),
        (lambda lines: lines.insert(2, b"\n"), "line 3: is broken"),
        (lambda lines: lines.__setitem__(2, b'{"seq":3,"ts":1,"kind":"x","y":"\xff"}\n'), "line 3: is broken"),
        (lambda lines: lines.__setitem__(2, b'{"seq":3,"ts":1,"kind":7}\n'), "line 3: is broken"),
        (lambda lines: lines.__setitem__(2, b'{"seq":true,"ts":1,"kind":"x"}\n'), "line 3: is broken"),
        (lambda lines: lines.__setitem__(2, b'{"seq":3,"kind":"x"}\n'), "line 3: is broken"),
        (lambda lines: lines.__setitem__(2, b'{"seq":' + b"[" * 100_000 + b"\n"), "line 3: is broken"),
        (lambda lines: lines.append(b"junk"), "line 7: is torn, and no beginning of the line that is due"),
        (lambda lines: lines.append(b'{"seq":9,"ts":1'), "line 7: is torn, and no beginning of the line that is due"),
        (lambda lines: lines.append(b"\0" * 50), "line 7: is torn, and no beginning of the line that is due"),
    ],
)
@pytest.mark.parametrize("hidden", [False, True])
def test_what_is_missing_or_broken_is_named_by_its_line_also_where_the_filter_hides_it(
    spoil: Callable[[list[bytes]], object], words: str, hidden: bool, desk: Desk
) -> None:
    desk.fill_up(6).spoil(spoil)
    status, _, said = desk.read(Wanted(frozenset({"act"}), since=NOON * 2) if hidden else Wanted())
    assert status == 1
    assert len(said) == 1
    assert said[0].startswith(words)


def test_a_broken_line_does_not_hide_the_lines_that_are_missing_beside_it(desk: Desk) -> None:
    desk.fill_up(6).spoil(lambda lines: (lines.pop(2), lines.__setitem__(2, b"junk\n")))
    status, _, said = desk.read()
    assert (status, len(said)) == (1, 2)
    assert said[1].startswith("line 4: GAP: has the number 5, 3 to 4 are missing")


def test_a_broken_line_excuses_no_gap_further_on(desk: Desk) -> None:
    desk.fill_up(8).spoil(lambda lines: (lines.pop(5), lines.__setitem__(2, b"junk\n")))
    status, _, said = desk.read()
    assert (status, len(said)) == (1, 2)
    assert said[1].startswith("line 6: GAP: has the number 7, 6 is missing")


@pytest.mark.parametrize("torn", [b"{", b'{"seq":', b'{"seq":4,"ts":123', b'{"seq":4,"ts":1,"kind":"x"}'])
def test_a_torn_last_line_of_a_session_that_was_cut_short_is_named_and_no_gap(torn: bytes, desk: Desk) -> None:
    desk.fill_up(3).append(torn)
    status, lines, said = desk.read()
    assert (status, len(lines)) == (0, 3)
    assert said == ["line 4: is torn; a session was cut short there or is writing it, no gap"]


def test_a_file_that_is_no_journal_gets_few_words(desk: Desk) -> None:
    desk.path.write_text("a,b\n" * 500)
    status, _, said = desk.read()
    assert status == 1
    assert len(said) == COMPLAINTS_TOLD + 1
    assert said[-1] == "and 480 more; 500 lines read"


def test_a_large_journal_is_read_block_by_block(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_tail, "BLOCK", 4096)
    sizes, pread = list[int](), os.pread

    def note(file: int, size: int, offset: int) -> bytes:
        sizes.append(size)
        return pread(file, size, offset)

    monkeypatch.setattr(os, "pread", note)
    status, lines, _ = desk.fill_up(500).read(raw=True)
    assert (status, len(lines)) == (0, 500)
    assert len(sizes) > 10
    assert max(sizes) == 4096


def test_a_line_longer_than_any_is_broken_and_the_next_one_is_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_tail, "BLOCK", 256)
    desk.fill_up(4).spoil(lambda lines: lines.__setitem__(1, lines[1][:-1] + b" " * 1000 + b"\n"))
    status, lines, said = desk.read(raw=True)
    assert (status, len(lines), len(said)) == (1, 3, 1)
    assert said[0].startswith("line 2: is broken")
    desk.append(b"x" * 1000)
    assert desk.read()[2][-1].startswith("line 5: is broken")


# -- following -----------------------------------------------------------------------------------------------------


def test_following_shows_lines_as_they_come_and_an_interrupt_ends_it_well(desk: Desk) -> None:
    desk.fill_up(2)
    status, lines, said = desk.follow(lambda: desk.fill_up(3), lambda: None, lambda: desk.fill_up(1))
    assert (status, len(lines), said) == (0, 6, [])


def test_following_waits_for_a_journal_that_is_not_there_yet(desk: Desk) -> None:
    desk.set_aside()
    status, lines, said = desk.follow(lambda: None, desk.open, lambda: desk.fill_up(2))
    assert (status, len(lines)) == (0, 2)
    assert said == [f"{desk.path}: not there yet; waiting for it"]


def test_following_goes_on_with_the_journal_that_replaces_one_set_aside_and_misses_no_last_line(desk: Desk) -> None:
    desk.fill_up(2)
    status, lines, said = desk.follow(lambda: desk.set_aside(3), lambda: None, lambda: desk.open_anew(2))
    assert status == 0
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3, 4, 5, 1, 2]
    assert said == [f"{desk.path}: set aside; going on with the next one"]


def test_following_gives_a_line_once_it_is_whole(desk: Desk) -> None:
    desk.fill_up(1)
    halves = lambda: desk.append(b'{"seq":2,"ts":1,'), lambda: desk.append(b'"kind":"act"}\n')
    status, lines, said = desk.follow(*halves)
    assert (status, lines[1:], said) == (0, ['{"seq":2,"ts":1,"kind":"act"}'], [])


def test_following_outlives_a_torn_line_that_the_next_session_drops(desk: Desk) -> None:
    desk.fill_up(1).append(b'{"seq":2,"ts":1723')
    status, lines, said = desk.follow(lambda: None, lambda: desk.open_anew(2))
    assert (status, len(lines), said) == (0, 3, [])


def test_following_a_journal_that_ends_torn_says_so_at_the_end(desk: Desk) -> None:
    status, _, said = desk.fill_up(1).follow(lambda: desk.append(b'{"seq":2,'))
    assert status == 0
    assert said == ["line 2: is torn; a session was cut short there or is writing it, no gap"]


def test_following_a_journal_with_a_gap_ends_with_one(desk: Desk) -> None:
    desk.fill_up(3).spoil(lambda lines: lines.pop(1))
    status, lines, said = desk.follow(lambda: None)
    assert (status, len(lines), len(said)) == (1, 2, 1)


def test_following_a_journal_that_is_cut_says_so_and_reads_it_anew(desk: Desk) -> None:
    desk.fill_up(3)
    status, lines, said = desk.follow(lambda: desk.spoil(lambda lines: lines.pop()))
    assert (status, len(lines)) == (1, 5)
    assert said[0].startswith("line 3: the file was cut from ")


# -- the command ---------------------------------------------------------------------------------------------------


def test_the_command_exits_with_what_it_found(desk: Desk) -> None:
    desk.fill_up(2)
    state = ("--state-dir", str(desk.base))
    done = hedgegrid("journal", *state, "--kind", "gate", "--since", "2024-08-09T00:00:01")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "2024-08-09T00:00:01.000Z  gate          gate denied entry long 1: paused\n"
    desk.spoil(lambda lines: lines.pop(0))
    done = hedgegrid("journal", *state, "--json")
    assert done.returncode == 1
    assert done.stderr == "hedgegrid: line 1: GAP: has the number 2, 1 is missing\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--mode", "replay"], "no such journal; there is --mode sim --instrument BTCUSDT"),
        (["--instrument", "ETHUSDT"], "no such journal; there is --mode sim --instrument BTCUSDT"),
        (["--state-dir", "/nonexistent"], "no such journal; there is none under /nonexistent"),
        (["--instrument", "../BTCUSDT"], "must be a symbol such as BTCUSDT"),
        (["--kind", "fils"], "did you mean fill?"),
        (["--since", "soon"], "must be a time such as"),
        (["--config", "missing.toml"], "cannot be read"),
        (["--mode", "moon"], "moon"),
    ],
)
def test_what_cannot_be_read_gets_a_clear_error_and_status_2(arguments: list[str], words: str, desk: Desk) -> None:
    done = hedgegrid("journal", "--state-dir", str(desk.base), *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_configuration_names_the_instrument(desk: Desk, tmp_path: Path) -> None:
    config = tmp_path / "eth.toml"
    config.write_text('[instrument]\nsymbol = "ETHUSDT"\nbase = "ETH"\n')
    done = hedgegrid("journal", "--state-dir", str(desk.base), "--config", str(config))
    assert (done.returncode, "ETHUSDT/journal.jsonl: no such journal" in done.stderr) == (2, True)


def test_a_folder_in_the_journals_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sim" / "BTCUSDT" / "journal.jsonl").mkdir(parents=True)
    done = hedgegrid("journal", "--state-dir", str(tmp_path))
    assert (done.returncode, "cannot be read (Is a directory)" in done.stderr) == (2, True)


def test_in_a_replay_a_span_counts_back_from_the_end_of_the_tape(desk: Desk) -> None:
    desk.fill_up(10)
    (desk.base / "sim").rename(desk.base / "replay")
    done = hedgegrid("journal", "--state-dir", str(desk.base), "--mode", "replay", "--since", "3s", "--json")
    assert [json.loads(line)["seq"] for line in done.stdout.splitlines()] == [7, 8, 9, 10]


@pytest.fixture
def following(desk: Desk) -> Iterator[subprocess.Popen[str]]:
    """A process that follows a journal of one line, which it has shown."""
    desk.fill_up(1)
    command = [*PROGRAM, "journal", "--state-dir", str(desk.base), "--follow", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process
        if process.poll() is None:
            process.kill()


def test_ctrl_c_ends_following_with_status_0_and_no_word(desk: Desk, following: subprocess.Popen[str]) -> None:
    assert following.stdout is not None
    desk.fill_up(1)
    assert json.loads(following.stdout.readline())["seq"] == 2
    following.send_signal(signal.SIGINT)
    out, errors = following.communicate(timeout=10)
    assert (following.returncode, out, errors) == (0, "", "")


@pytest.mark.parametrize("lines", [0, 5])
def test_following_ends_quietly_when_nobody_reads_any_more_also_without_a_new_line(
    lines: int, desk: Desk, following: subprocess.Popen[str]
) -> None:
    assert following.stdout is not None
    assert following.stderr is not None
    following.stdout.close()
    desk.fill_up(lines)
    assert following.wait(10) == 0
    assert following.stderr.read() == ""


def test_a_reader_that_takes_one_line_ends_it_quietly(desk: Desk) -> None:
    desk.fill_up(5000)
    command = [*PROGRAM, "journal", "--state-dir", str(desk.base)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(10) == 0
        assert process.stderr.read() == ""


def test_a_closed_standard_output_ends_it_quietly(desk: Desk) -> None:
    desk.fill_up(3)
    for options in ("", "--follow"):
        line = f'exec "$@" {options} >&-'
        command = ["sh", "-c", line, "sh", *PROGRAM, "journal", "--state-dir", str(desk.base)]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=20, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_full_disk_behind_standard_output_is_an_error_in_words(desk: Desk) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    desk.fill_up(3)
    with Path("/dev/full").open("wb") as full:
        command = [*PROGRAM, "journal", "--state-dir", str(desk.base)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=20, check=False)
    assert "standard output: cannot be written (No space left on device)" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 2


def test_reading_beside_a_session_that_writes_never_sees_a_gap(desk: Desk) -> None:
    command = [*PROGRAM, "journal", "--state-dir", str(desk.base), "--follow", "--json"]
    desk.fill_up(1)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        started = time.monotonic()
        while time.monotonic() - started < 1.0:
            desk.fill_up(50)
        seen = [json.loads(process.stdout.readline())["seq"] for _ in range(desk.journal.seq - 1)]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert seen == list(range(2, desk.journal.seq + 1))
    assert (process.returncode, errors) == (0, "")
