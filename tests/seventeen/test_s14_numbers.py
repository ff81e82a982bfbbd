"""Item 14: no magic numbers: each has a name, is a key's default or bound, or stands below with a reason."""

import ast
from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from tests.seventeen.sources import brain, with_line

PLAIN: Final = frozenset({-1, 0, 1, 2})
"""Nothing, one, a pair, a sign."""
WHY: Final[dict[tuple[str, float], str]] = {
    ("config.py", 60): "how much of a wrong value an error message shows",
    ("config.py", 57): "the same, with three dots",
    ("config.py", 0.4): "how near a mistyped key must come to a known one",
    ("journal.py", 384): "0o600: the file's mode, for its owner only",
    ("order_ids.py", 36): "the base of the digits",
    ("regime.py", 100): "ADX is a percentage",
    ("retry.py", 32): "a shift that no wait outlives",
}
"""Numbers that are allowed without a name, and why."""


def numbers(tree: ast.Module) -> Iterator[tuple[ast.Constant, list[ast.AST]]]:
    """Each number with what it stands in, innermost last."""

    def walk(node: ast.AST, around: list[ast.AST]) -> Iterator[tuple[ast.Constant, list[ast.AST]]]:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
            yield node, around
        for child in ast.iter_child_nodes(node):
            yield from walk(child, [*around, node])

    return walk(tree, [])


def texts(tree: ast.Module) -> Iterator[tuple[str, int, list[ast.AST]]]:
    """Numbers that hide in the text of a Decimal."""

    def walk(node: ast.AST, around: list[ast.AST]) -> Iterator[tuple[str, int, list[ast.AST]]]:
        called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if called == "Decimal" and isinstance(node, ast.Call) and isinstance(node.args[0], ast.Constant):
            value = node.args[0].value
            if isinstance(value, str) and value != "NaN":
                yield value, node.lineno, around
        for child in ast.iter_child_nodes(node):
            yield from walk(child, [*around, node])

    return walk(tree, [])


def is_named(around: list[ast.AST]) -> bool:
    """Whether it stands in an UPPER_CASE constant, in a key's unit and bounds, or is a field's default."""
    inside = any(isinstance(node, ast.FunctionDef | ast.Lambda) for node in around)
    for node in around:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_key":
            return True
        target = node.target if isinstance(node, ast.AnnAssign) else None
        if target is not None and isinstance(target, ast.Name) and not inside:
            in_class = any(isinstance(each, ast.ClassDef) for each in around)
            return in_class or target.id.lstrip("_").isupper()
    return False


def magic(name: str, tree: ast.Module) -> Iterator[str]:
    for node, around in numbers(tree):
        value = node.value
        assert isinstance(value, int | float)
        if value not in PLAIN and (name, value) not in WHY and not is_named(around):
            yield f"{name}:{node.lineno}: {value}"
    for text, line, around in texts(tree):
        if not is_named(around):
            yield f"{name}:{line}: Decimal({text!r})"


def check_s14(trees: Mapping[str, ast.Module]) -> None:
    """Every number is plain, named, a field's, or explained."""
    found = [each for name, tree in trees.items() for each in magic(name, tree)]
    assert not found, found


def test_s14_no_number_in_the_brain_goes_without_a_name_or_a_reason() -> None:
    check_s14(brain())


def test_s14_each_exception_is_still_needed() -> None:
    used = {
        (name, node.value)
        for name, tree in brain().items()
        for node, around in numbers(tree)
        if isinstance(node.value, int | float) and not is_named(around)
    }
    assert set(WHY) <= used, sorted(set(WHY) - used)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("grid.py", "return price * 10_000"),
        ("retry.py", "return 300_000_000_000"),
        ("lots.py", "from decimal import Decimal; return price * Decimal('0.01')"),
        ("orders.py", "timeout = 30"),
        ("order_ids.py", "return len(price) <= 35"),
    ],
)
def test_s14_with_a_number_without_a_name_the_same_check_fails(name: str, line: str) -> None:
    with pytest.raises(AssertionError, match=name):
        check_s14(with_line(name, line))
