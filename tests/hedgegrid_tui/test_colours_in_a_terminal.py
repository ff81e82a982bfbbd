"""What reaches a terminal of 256 colours, one of 16, and someone who wants none: nothing hidden, alarms seen."""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from itertools import combinations
from pathlib import Path
from typing import Final, NamedTuple

from hedgegrid_tui import theming
from hedgegrid_tui.render.rows import Ink

ROOT: Final = Path(__file__).parents[2]
SECONDS: Final = 60.0
SIZE: Final = (40, 120)
THEMES: Final = theming.load().names
GREY: Final = "hedgegrid-mono"
MODES: Final = (Ink.SIM, Ink.REPLAY, Ink.PAPER, Ink.TESTNET, Ink.LIVE)
SCREEN: Final = "\x1b[?1049h"
"""Where a screen begins."""
CODES: Final = re.compile(r"\x1b\[([0-9;]*)m([^\x1b]*)")
DEFAULT: Final = "default"
BOLD, DIM, REVERSED = 1, 2, 7
NEVER: Final = frozenset({3, 5, 6, 8})
"""Italic, blinking, hidden: terminals differ about them."""


class Run(NamedTuple):
    """Text as a terminal would show it."""

    text: str
    ink: str
    ground: str
    marks: frozenset[int]
    """By the codes that set them."""


def runs(screen: str) -> list[Run]:
    """Every piece of text that a screen wrote, with its two colours by their codes."""
    found: list[Run] = []
    for codes, text in CODES.findall(screen):
        numbers = [int(code) for code in codes.split(";") if code]
        ink = ground = DEFAULT
        marks: set[int] = set()
        while numbers:
            code = numbers.pop(0)
            if code in (38, 48):
                assert numbers[0] == 5, f"a colour beyond the 256: {codes}"
                colour, numbers = f"256:{numbers[1]}", numbers[2:]
                ink, ground = (colour, ground) if code == 38 else (ink, colour)
            elif 30 <= code <= 37 or 90 <= code <= 97:
                ink = f"16:{code % 10 + (8 if code >= 90 else 0)}"
            elif 40 <= code <= 47 or 100 <= code <= 107:
                ground = f"16:{code % 10 + (8 if code >= 100 else 0)}"
            elif 1 <= code <= 9:
                marks.add(code)
        if text.strip():
            found.append(Run(text, ink, ground, frozenset(marks)))
    return found


def painted(names: tuple[str, ...], **environment: str) -> dict[str, list[Run]]:
    """What each theme's screen wrote to a terminal of that environment."""
    child, line = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        for name in ("COLORTERM", "NO_COLOR"):
            os.environ.pop(name, None)
        os.environ.update(environment)
        time.sleep(0.05)
        os.execv(sys.executable, [sys.executable, "-m", "tests.hedgegrid_tui.colour_child", *names])
    fcntl.ioctl(line, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
    written, end = b"", time.monotonic() + SECONDS
    try:
        while time.monotonic() < end:
            if select.select([line], [], [], 0.1)[0]:
                written += os.read(line, 65_536)
    except OSError:  # the child has ended
        pass
    status = os.waitpid(child, 0)[1]
    assert status == 0, written[-2000:].decode("utf-8", "replace")
    screens = written.decode("utf-8").split(SCREEN)[1:]
    return {name: runs(screen) for name, screen in zip(names, screens, strict=True)}


def look(run: Run) -> tuple[str, str, frozenset[int]]:
    return run[1:]


def check(name: str, screen: list[Run], colours: str) -> dict[str, Run]:
    """Nothing is hidden, bars are bars, and what means different things looks different; gives every ink's sample."""
    assert {part.split(":")[0] for run in screen for part in (run.ink, run.ground)} == {colours}, name
    assert [run for run in screen if run.ink == run.ground != DEFAULT] == [], name
    assert not NEVER & {mark for run in screen for mark in run.marks}, name
    assert any("SIMULATED" in run.text for run in screen), name
    inks: dict[str, Run] = {ink: run for ink in Ink for run in screen if run.text.strip() == f"<{ink}>"}
    assert set(inks) == set(Ink), name
    bars = {ink for ink, run in inks.items() if REVERSED in run.marks}
    assert bars == {Ink.ALARM, *MODES}, name
    assert all(BOLD in inks[ink].marks for ink in (*bars, Ink.WARN, Ink.BREAKER, Ink.MARKET)), name
    for one, other in combinations((Ink.PLAIN, Ink.WARN, Ink.ALARM, Ink.STALE), 2):
        assert look(inks[one]) != look(inks[other]), (name, one, other)
    return inks


def apart(name: str, inks: dict[str, Run]) -> None:
    """Colours tell apart what has one of its own."""
    pairs = ((Ink.UP, Ink.DOWN), (Ink.LONG, Ink.SHORT), (Ink.OK, Ink.WARN), (Ink.ALARM, Ink.LIVE))
    for one, other in (*pairs, *combinations(MODES, 2)):
        assert look(inks[one]) != look(inks[other]), (name, one, other)


def test_a_terminal_of_256_colours_gets_those_of_each_theme() -> None:
    for name, screen in painted(THEMES, TERM="xterm-256color").items():
        inks = check(name, screen, "256")
        if name != GREY:
            apart(name, inks)


def test_a_terminal_of_16_colours_gets_those_that_each_theme_names() -> None:
    for name, screen in painted(THEMES, TERM="xterm").items():
        inks = check(name, screen, "16")
        assert inks[Ink.PLAIN].ground == ("16:15" if name == "hedgegrid-light" else "16:0"), name
        if name != GREY:
            apart(name, inks)


def test_who_wants_no_colour_gets_their_terminal_s_own_two() -> None:
    for name, screen in painted(THEMES[:1], TERM="xterm-256color", NO_COLOR="1").items():
        inks = check(name, screen, DEFAULT)
        assert inks[Ink.FAINT].marks == inks[Ink.STALE].marks == {DIM}
        assert look(inks[Ink.UP]) != look(inks[Ink.DOWN])
        assert look(inks[Ink.LIVE]) != look(inks[Ink.SIM])
