"""The brain's own source, parsed: for what must never be written there."""

import ast
from functools import cache
from pathlib import Path

from tests.seventeen.faults import BRAIN


@cache
def brain() -> dict[str, ast.Module]:
    """Every file of `strategy/`, by its name."""
    found = {path.name: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(Path(BRAIN).glob("*.py"))}
    assert len(found) > 25
    return found


def with_line(name: str, line: str) -> dict[str, ast.Module]:
    """The same, with one more statement in one file."""
    text = (Path(BRAIN) / name).read_text(encoding="utf-8")
    return {**brain(), name: ast.parse(f"{text}\n\ndef added(price, mid, level, step, qty):\n    {line}\n")}
