"""Looks into running code without touching it: raises where a function begins, and counts what the interpreter does."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType
from typing import Any

import strategy

TOOL = 4
"""A tool id of `sys.monitoring` that neither debuggers, coverage nor profilers claim."""
BRAIN = str(Path(strategy.__file__ or "").parent)
EVENTS = sys.monitoring.events


class InjectedError(Exception):
    """The fault that a test has put in."""


def code_of(function: Any) -> CodeType:
    """The code that runs within a guard, or the function's own."""
    found: CodeType = getattr(function, "__wrapped__", function).__code__
    return found


@contextmanager
def _watching(event: int, callback: Callable[..., object], code: CodeType | None = None) -> Iterator[None]:
    sys.monitoring.use_tool_id(TOOL, "seventeen")
    sys.monitoring.register_callback(TOOL, event, callback)
    if code is None:
        sys.monitoring.set_events(TOOL, event)
    else:
        sys.monitoring.set_local_events(TOOL, code, event)
    try:
        yield
    finally:
        if code is not None:
            sys.monitoring.set_local_events(TOOL, code, 0)
        sys.monitoring.set_events(TOOL, 0)
        sys.monitoring.register_callback(TOOL, event, None)
        sys.monitoring.free_tool_id(TOOL)
        sys.monitoring.restart_events()  # what was not worth a look this time is next time


@contextmanager
def raising_in(code: CodeType, nth: int = 1) -> Iterator[list[int]]:
    """The nth call of that code raises as it begins; the list gets that call's number."""
    calls = [0]
    struck: list[int] = []

    def strike(_code: CodeType, _offset: int) -> None:
        calls[0] += 1
        if calls[0] == nth:
            struck.append(nth)
            raise InjectedError(code.co_qualname)

    with _watching(EVENTS.PY_START, strike, code):
        yield struck


@contextmanager
def calls_in_the_brain(among: Callable[[CodeType], bool] = lambda _code: True) -> Iterator[list[tuple[CodeType, int]]]:
    """Every function of `strategy/` that begins meanwhile, in sequence, with the thread that it runs on."""
    begun: list[tuple[CodeType, int]] = []

    def note(code: CodeType, _offset: int) -> object:
        if not code.co_filename.startswith(BRAIN) or not among(code):
            return sys.monitoring.DISABLE
        begun.append((code, threading.get_ident()))
        return None

    with _watching(EVENTS.PY_START, note):
        yield begun


def operations(act: Callable[[], object]) -> int:
    """How many instructions the interpreter carries out for one call of `act`; a pure count, no time."""
    count = [0]

    def note(_code: CodeType, _offset: int) -> None:
        count[0] += 1

    with _watching(EVENTS.INSTRUCTION, note):
        act()
    return count[0]


@contextmanager
def at_every_line(look: Callable[[], None]) -> Iterator[None]:
    """`look` runs before each line of `strategy/`, as a reader on another thread might at the worst moment."""
    busy = [False]

    def note(code: CodeType, _line: int) -> object:
        if not code.co_filename.startswith(BRAIN):
            return sys.monitoring.DISABLE
        if not busy[0]:
            busy[0] = True
            try:
                look()
            finally:
                busy[0] = False
        return None

    with _watching(EVENTS.LINE, note):
        yield
