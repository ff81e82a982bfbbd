"""What stands on the glass, in terminals that are resized, written over, poor in colours, or tmux's."""

import fcntl
import json
import os
import random
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hedgegrid_tui.engine.state_dir import holder_of
from hedgegrid_tui.render.keys import Keys
from tests.hedgegrid_tui.glass import Glass
from tests.hedgegrid_tui.glass_hook import LINES
from tests.hedgegrid_tui.live import PROGRAM, Live, read_lines

pytestmark = pytest.mark.timeout(150)

HOOK = "import tests.hedgegrid_tui.glass_hook as hook; hook.install({!r})"
MANY_COLOURS = re.compile(r"(^|;)[34]8;[25];")
SECONDS = 40.0


def until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def frozen(session: Live, file: Path) -> dict[str, Any]:
    """What the app has on its screen, once it draws no more and all of that has been read."""
    session.send(signal.SIGUSR1)
    end = time.monotonic() + SECONDS
    while not file.exists():
        assert time.monotonic() < end, "the app did not say what it shows"
        session.read()
    session.read_for(0.3)
    told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    assert told["faults"] == 0
    return told


def resize(session: Live, columns: int, lines: int) -> None:
    fcntl.ioctl(session.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def glass(session: Live, columns: int = 120, lines: int = 40, since: int = 0) -> Glass:
    shown = Glass(columns, lines)
    shown.feed(session.raw[since:].decode(errors="replace"))
    return shown


def assert_unharmed(journal: Path) -> None:
    """The first quote of each second writes an equity line: a gap would be one in the quotes handled."""
    stamps = [line["ts"] for line in read_lines(journal) if line["kind"] == "equity"]
    assert max(after - before for before, after in pairwise(stamps)) < 1_500_000_000


def end(session: Live) -> None:
    session.send(signal.SIGTERM)
    assert session.ended() == 0
    assert session.is_restored()
    assert_unharmed(session.journal)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["wide", "small"])
def test_after_a_storm_of_sizes_the_screen_is_right_and_the_engine_unharmed(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    file, chance = tmp_path / "shown.json", random.Random(7)
    with Live(tmp_path, before=HOOK.format(str(file))) as session:
        session.until_journal('"kind":"equity"', times=2)
        for _ in range(100):
            resize(session, chance.randint(20, 250), chance.randint(5, 80))
            session.read(chance.choice([0.0, 0.01, 0.05]))
        session.read_for(0.2)
        since = len(session.raw)
        resize(session, *size)
        session.read_for(1.5)
        rows = frozen(session, file)["rows"]
        shown = glass(session, *size, since)
        assert shown.rows == rows
        assert not shown.odd
        assert "SIMULATED" in shown.text
        end(session)


def test_lines_of_libraries_reach_the_log_and_not_the_screen(tmp_path: Path) -> None:
    file, last = tmp_path / "shown.json", f"burst line {LINES - 1} of a library"
    with Live(tmp_path, before=HOOK.format(str(file))) as session:
        session.until_journal('"kind":"equity"', times=2)
        session.send(signal.SIGUSR2)
        session.read_for(1.0)
        session.press(Keys().of("journal"))
        session.until_text(last)
        session.read_for(0.5)
        rows = frozen(session, file)["rows"]
        shown = glass(session)
        assert shown.rows == rows
        assert last in shown.text
        told = set(re.findall(r"burst line (\d+) of", session.text))
        assert len(told) < LINES / 10
        end(session)
    log = (session.folder / "stderr.log").read_text(encoding="utf-8")
    assert [f"burst line {number} of a library" for number in range(LINES)] == re.findall(
        r"burst line \d+ of a library", log
    )


@pytest.mark.parametrize("term", ["xterm", "linux", "screen"])
def test_a_terminal_of_sixteen_colours_is_asked_for_no_other(tmp_path: Path, term: str) -> None:
    file = tmp_path / "shown.json"
    before = f"import os; os.environ['TERM'] = {term!r}\n{HOOK.format(str(file))}"
    with Live(tmp_path, before=before) as session:
        session.until_journal('"kind":"equity"', times=2)
        session.read_for(1.0)
        rows = frozen(session, file)["rows"]
        shown = glass(session)
        assert shown.rows == rows
        assert not {style for style in shown.styles if MANY_COLOURS.search(style)}
        assert any(re.search(r"(^|;)(3[0-7]|9[0-7])($|;)", style) for style in shown.styles)
        end(session)


@pytest.mark.parametrize(("term", "has_dots"), [("linux", False), ("xterm-256color", True)])
def test_the_chart_is_drawn_in_glyphs_that_the_terminal_has(tmp_path: Path, term: str, has_dots: bool) -> None:
    file = tmp_path / "shown.json"
    with Live(tmp_path, before=f"import os; os.environ['TERM'] = {term!r}\n{HOOK.format(str(file))}") as session:
        session.until_journal('"kind":"equity"', times=2)
        session.press("44")
        session.read_for(1.0)
        text = "".join(frozen(session, file)["rows"])
        assert "4 Chart" in text
        assert bool(re.search("[\u2801-\u28ff]", text)) == has_dots
        end(session)


def test_a_terminal_that_wants_no_colours_gets_none(tmp_path: Path) -> None:
    file = tmp_path / "shown.json"
    with Live(tmp_path, before=f"import os; os.environ['NO_COLOR'] = '1'\n{HOOK.format(str(file))}") as session:
        session.until_journal('"kind":"equity"', times=2)
        session.read_for(1.0)
        rows = frozen(session, file)["rows"]
        shown = glass(session)
        assert shown.rows == rows
        numbers = {number for style in shown.styles for number in style.split(";") if number}
        assert not {number for number in numbers if int(number) >= 30 and int(number) not in (39, 49)}
        assert {"1", "7"} <= numbers  # weight and reverse carry what colours did
        end(session)


def test_a_size_that_the_shell_has_exported_is_not_believed(tmp_path: Path) -> None:
    file = tmp_path / "shown.json"
    with Live(
        tmp_path, before=f"import os; os.environ |= {{'COLUMNS': '80', 'LINES': '24'}}\n{HOOK.format(str(file))}"
    ) as session:
        session.until_journal('"kind":"equity"', times=2)
        rows = frozen(session, file)["rows"]
        assert glass(session).rows == rows
        assert len(rows) == 40
        end(session)


@contextmanager
def tmux(command: str) -> Iterator[Callable[..., str]]:
    """A server of its own with one window of 120x40; gives what runs tmux's commands."""
    with tempfile.TemporaryDirectory(prefix="tmux-") as folder:
        base = ["tmux", "-S", f"{folder}/socket", "-f", "/dev/null"]

        def run(*arguments: str) -> str:
            return subprocess.run([*base, *arguments], check=True, capture_output=True, text=True).stdout

        run("new-session", "-d", "-x", "120", "-y", "40", command)
        try:
            yield run
        finally:
            run("kill-server")


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_in_tmux_the_screen_is_right_and_the_window_is_given_back(tmp_path: Path) -> None:
    file, folder = tmp_path / "shown.json", tmp_path / "sim" / "BTCUSDT"
    program = [sys.executable, "-c", f"{HOOK.format(str(file))}\n{PROGRAM}", "--state-dir", str(tmp_path)]
    with tmux(f"{shlex.join(program)}; echo ended with $?; exec sleep 100") as run:
        until((folder / "journal.jsonl").exists, "no session")
        until(lambda: (folder / "journal.jsonl").read_text().count('"kind":"equity"') > 1, "no quotes")
        holder = holder_of(folder / "lock")
        assert holder is not None
        assert run("display-message", "-p", "#{alternate_on}").strip() == "1"
        os.kill(holder.pid, signal.SIGUSR1)
        until(file.exists, "the app did not say what it shows")
        time.sleep(0.5)
        rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
        assert [row.rstrip() for row in run("capture-pane", "-p").splitlines()] == rows
        os.kill(holder.pid, signal.SIGTERM)
        until(lambda: "ended with 0" in run("capture-pane", "-p"), "it did not end")
        assert run("display-message", "-p", "#{alternate_on} #{cursor_flag}").split() == ["0", "1"]
    assert_unharmed(folder / "journal.jsonl")
