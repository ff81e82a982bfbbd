"""Spoils the configuration's template as hands, editors and disks do; the same seed gives the same file."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from strategy.config import template

DEFAULTS: Final = template()

type Lines = list[str]
type Mutation = Callable[[random.Random, Lines], None]


# -- values --------------------------------------------------------------------------------------------------------

STRANGE: Final = (
    "true", "false", '""', '"text"', "'lit'", '"""\nmany\nlines"""', "[]", "[1, 2]", "[[1], ['a']]", "{}", "{a = 1}",
    "{a = {b = [1]}}", "1979-05-27T07:32:00Z", "1979-05-27T07:32:00.999999-07:00", "1979-05-27", "07:32:00",
    "2026-02-30", "nan", "+nan", "-nan", "inf", "+inf", "-inf", '"nan"', '"inf"', '"-Infinity"', '"sNaN"', '"1e400"',
    '"1e999999999"', '"1_000"', '" 5 "', '"0x10"', '"\u0663"', '"\uff15"', '"1,5"', '"True"', '"null"', "null", "None",
    "~", "0x1F", "0o17", "0b101", "1_000", "1__0", "01", "+1", ".5", "5.", "1e", "1e5.5", "--1", "1 2", "1,5", "50%",
    "$5", "'", '"', '"""', "[", "{", '"\\u0000"', '"\\u001b[31m\\u001b]0;title\\u0007"', '"\\u202e"', '"\\ud800"',
    '"\\UFFFFFFFF"', '"\\x41"', '"\\q"', '"BTC\u00dcSDT"', '"\uff22TCUSDT"', '"\U0001f4a5"', '"BTC\\nUSDT"',
    '"btcusdt"', '"BTCUSDC"', '"ETHUSDT"', '"../../etc"', "=", "# none", "\0", "\x7f", "\t",
)  # fmt: skip
NUMBERS: Final = (
    "0", "-0", "0.0", "-0.0", "0e0", "0e999999", "-1", "1", "2", "3", "4", "10", "99", "100", "101", "1000", "1e3",
    "1e5",
    "1e9", "1e12", "1e15", "1e18", "1e28", "1e29", "1e400", "1e-400", "-1e400", "1e6144", "1e999999", "1e-999999",
    "1e999999999", "1e-999999999", "1e999999999999999999", "1e-999999999999999999", "1e9999999999999999999",
    "0.5", "0.1", "0.05", "0.001", "0.0001", "0.00000001", "1e-8", "1e-9", "1e-10", "1e-16", "1e-17", "1e-28", "1e-30",
    "0.1000000000000000055511151231257827", "0.30000000000000004", "123456789.123456789", "9223372036854775807",
    "9223372036854775808", "-9223372036854775809", "18446744073709551616", "340282366920938463463374607431768211456",
    "1.7976931348623157e308", "4.9e-324", "5e-325", "2.5", "1.0", "8.0", "0.999999999999999999999999999999",
)  # fmt: skip


def _value(rng: random.Random, old: str) -> str:
    """Something to stand for a key's value."""
    match rng.randrange(8):
        case 0 | 1:
            return rng.choice(STRANGE)
        case 2 | 3:
            return rng.choice(NUMBERS)
        case 4:
            return _huge(rng)
        case 5:
            number = rng.random() * 10.0 ** rng.randrange(-12, 14)
            return f"{rng.choice('- ')}{number:.{rng.randrange(30)}f}"
        case 6:
            return _near(rng, old)
        case _:
            return str(rng.randrange(-5, 10 ** rng.randrange(1, 7)))


def _huge(rng: random.Random) -> str:
    """What is too long, too deep, or both."""
    size: int = 10 ** rng.randrange(1, 5)
    return rng.choice((
        "9" * size, "0." + "0" * size + "1", "1" + "0" * size + ".5", "0x" + "f" * size, '"' + "A" * size + '"',
        '"' + "\\u001b" * size + '"', "[" * size + "]" * size, "[" * size, "{a=" * size + "1" + "}" * size,
        "[" + "1," * size + "]", "1_" * size + "1", "-" * size + "1", "1e" + "9" * size, '"' + "é" * size + '"',
    ))  # fmt: skip


def _near(rng: random.Random, old: str) -> str:
    """A value that may well be valid: a little more or less than what stood there."""
    if old.startswith('"'):
        return rng.choice((old.lower(), old.upper(), old[:-2] + '"', old[:-1] + 'X"', '"flatten"', '"core-and-scalp"'))
    if old in ("true", "false"):
        return rng.choice(("true", "false", "0", "1"))
    try:
        number = float(old) * rng.choice((0.1, 0.5, 0.9, 1.1, 2, 3, 10, -1))
        whole = str(round(number))
    except (ValueError, OverflowError):
        return old
    return whole if "." not in old and rng.random() < 0.7 else f"{number:.{rng.randrange(1, 9)}f}"


def _bound(rng: random.Random, comment: str) -> str:
    """A value at or beside a bound that the comment above a key tells of."""
    bounds = re.findall(r"(?:at least|at most|more than) ([0-9.Ee+-]+)", comment)
    if not bounds:
        return rng.choice(NUMBERS)
    bound = float(rng.choice(bounds))
    return rng.choice((f"{bound:g}", f"{bound + 1:g}", f"{bound - 1:g}", f"{bound:.0f}", f"{bound + 0.01:.2f}"))


# -- mutations -----------------------------------------------------------------------------------------------------


def _keys(lines: Lines) -> list[int]:
    return [number for number, line in enumerate(lines) if re.match(r"^\w+ = ", line)]


def _tables(lines: Lines) -> list[int]:
    return [number for number, line in enumerate(lines) if line.startswith("[")]


def replace_value(rng: random.Random, lines: Lines) -> None:
    """One key gets another value."""
    if keys := _keys(lines):
        number = rng.choice(keys)
        name, _, old = lines[number].partition(" = ")
        value = _bound(rng, lines[number - 1]) if rng.random() < 0.3 else _value(rng, old)
        lines[number] = f"{name} = {value}"


def replace_many(rng: random.Random, lines: Lines) -> None:
    """Several keys get other values that may well be valid."""
    for number in rng.sample(_keys(lines), min(len(_keys(lines)), rng.randrange(1, 6))):
        name, _, old = lines[number].partition(" = ")
        lines[number] = f"{name} = {_near(rng, old) if rng.random() < 0.7 else _bound(rng, lines[number - 1])}"


def empty_value(rng: random.Random, lines: Lines) -> None:
    """A key without a value, or a value without a key."""
    if keys := _keys(lines):
        number = rng.choice(keys)
        name, _, value = lines[number].partition(" = ")
        lines[number] = rng.choice((f"{name} =", name, f"= {value}", f"{name} = = {value}", f"{name}: {value}"))


def rename_key(rng: random.Random, lines: Lines) -> None:
    """A key or table with another name."""
    number = rng.choice([*_keys(lines), *_tables(lines)] or [0])
    name = re.search(r"\w+", lines[number])
    if name:
        word = name.group()
        other = rng.choice((
            word[:-1], word + "x", word.upper(), word * 20, "", '""', "é", "\u202e", '"\\u001b[2J"', "a.b", '"a.b"',
            "__class__", "title", "model_config", "1", "-", "x" * 10_000, word[::-1], '" "', "\U0001f4a5",
        ))  # fmt: skip
        lines[number] = lines[number].replace(word, other, 1)


def repeat_line(rng: random.Random, lines: Lines) -> None:
    """A key or table twice."""
    number = rng.choice([*_keys(lines), *_tables(lines)] or [0])
    lines.insert(rng.randrange(len(lines) + 1), lines[number])


def delete_lines(rng: random.Random, lines: Lines) -> None:
    """Some lines gone, at times all but a few."""
    start = rng.randrange(len(lines))
    del lines[start : start + rng.choice((1, 1, 2, 5, 20, 500))]


def swap_lines(rng: random.Random, lines: Lines) -> None:
    """Two tables' names exchanged, or two lines."""
    places = _tables(lines) if rng.random() < 0.5 else range(len(lines))
    if len(places) > 1:
        one, other = rng.sample(list(places), 2)
        lines[one], lines[other] = lines[other], lines[one]


def shuffle(rng: random.Random, lines: Lines) -> None:
    """Every line somewhere else."""
    rng.shuffle(lines)


def insert_line(rng: random.Random, lines: Lines) -> None:
    """A line that does not belong there."""
    deep = 10 ** rng.randrange(1, 4)
    line = rng.choice((
        "junk", "[", "]", "[]", "[[grid]]", "[grid", "grid]", "[grid.levels]", "[grid.extra]", "[other]", "grid = 5",
        "grid = {levels = 3}", "grid.levels = 3", "grid = []", "levels = 8", "levels = 'eight'", "instrument = 'BTC'",
        "session = {}", "= 1", "a = ", "# " + "x" * 10_000, "\t\t", "\0", "\x1b[2J", "\ufeff", "\u2028", "<xml/>",
        "- a: 1",
        '{"grid": {"levels": 3}}', "export GRID=1", "a." * deep + "b = 1", "[" + "a." * deep + "b]",
        "[[" + "a." * deep + "b]]",
        "a = " + "[" * deep + "]" * deep, "x" * 10_000 + " = 1", "\n".join(f"k{n} = {n}" for n in range(deep)),
        "\n".join(f"[t{n}]" for n in range(deep)), "\n".join("[[many]]" for _ in range(deep)),
        '"\\u001b]0;x\\u0007" = 1', "'' = 1", '"é\\u0301" = 2026-01-01',
    ))  # fmt: skip
    lines.insert(rng.randrange(len(lines) + 1), line)


def inline(rng: random.Random, lines: Lines) -> None:
    """A table written as an inline one, an array of tables, or dotted keys."""
    tables = _tables(lines)
    if not tables:
        return
    start = rng.choice(tables)
    end = next((number for number in tables if number > start), len(lines))
    name, body = lines[start].strip("[]"), [line for line in lines[start + 1 : end] if " = " in line and line[0] != "#"]
    lines[start:end] = rng.choice((
        [f"{name} = {{{', '.join(body)}}}"],
        [f"[[{name}]]", *body],
        [f"{name}.{line}" for line in body],
        [f"[{name}.{name}]", *body],
        [f'["{name}"]', *body],
    ))  # fmt: skip


LINE_MUTATIONS: Final[tuple[tuple[Mutation, int], ...]] = (
    (replace_value, 10), (replace_many, 5), (empty_value, 1), (rename_key, 2), (repeat_line, 1), (delete_lines, 2),
    (swap_lines, 2), (shuffle, 1), (insert_line, 2), (inline, 1),
)  # fmt: skip
"""Each with its weight."""


def spoil_bytes(rng: random.Random, text: bytes) -> bytes:
    """The file as something else than text in UTF-8, or cut."""
    cut = rng.randrange(len(text) + 1)
    match rng.randrange(11):
        case 0:
            return text[:cut]
        case 1:
            return b"\xef\xbb\xbf" + text
        case 2:
            return text.decode(errors="replace").encode("utf-16")
        case 3:
            return text.replace(b"\n", b"\r\n")
        case 4:
            return text.replace(b"\n", b"\r")
        case 5:
            return text[:cut] + rng.randbytes(rng.randrange(1, 200)) + text[cut:]
        case 6:
            return rng.randbytes(rng.randrange(5000))
        case 7:
            return b"\0" * rng.randrange(5000)
        case 8:
            return bytes(byte ^ (1 << rng.randrange(8)) if rng.random() < 0.001 else byte for byte in text)
        case 9:
            return text * rng.choice((2, 100))
        case _:
            return b""


@dataclass(frozen=True)
class Case:
    """One mutated file."""

    seed: int
    text: bytes
    made_by: tuple[str, ...]


def make(seed: int) -> Case:
    """The file of that seed, the same every time."""
    rng = random.Random(seed)
    lines = DEFAULTS.splitlines()
    mutations, weights = zip(*LINE_MUTATIONS, strict=True)
    chosen = rng.choices(mutations, weights, k=rng.choice((1, 1, 1, 2, 3, 5)))
    for mutation in chosen:
        if lines:
            mutation(rng, lines)
    text = "\n".join(lines).encode(errors="surrogatepass") + b"\n"
    names = [mutation.__name__ for mutation in chosen]
    if rng.random() < 0.08:
        text = spoil_bytes(rng, text)
        names.append(spoil_bytes.__name__)
    return Case(seed, text, tuple(names))
