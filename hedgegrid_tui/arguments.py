"""Plain arguments of a command, read without typer, which loads pydantic for them: the first paint would wait for it.

What the options are is read from the command's own signature. Whatever is not plain (an unknown option, a value out of
bounds, a repeated one, `--help`) is left to typer and its words.
"""

import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args, get_origin

INTEGER: Final = re.compile(r"[0-9]{1,15}")
NUMBER: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")


class _NotPlainError(ValueError):
    """Typer has to read it."""


class _Option(NamedTuple):
    name: str
    kind: type
    is_list: bool
    least: float | None
    most: float | None


def plain(command: Callable[..., Any], arguments: Sequence[str]) -> dict[str, Any] | None:
    """What to call `command` with; None where typer has to read the arguments."""
    options = dict(map(_option, signature(command).parameters.values()))
    found: dict[str, Any] = {}
    waiting = list(reversed(arguments))
    try:
        while waiting:
            word, equals, text = waiting.pop().partition("=")
            option = options.get(word)
            if option is None or (option.name in found and not option.is_list):
                return None
            if option.kind is bool:
                if equals:
                    return None
                found[option.name] = True
                continue
            value = _value(option, text if equals else waiting.pop() if waiting else "")
            found[option.name] = [*found.get(option.name, []), value] if option.is_list else value
    except _NotPlainError:
        return None
    return found


def _option(parameter: Parameter) -> tuple[str, _Option]:
    """The option that stands for a parameter, `Annotated[type, typer.Option(...)]`, by its name on the command line."""
    annotation, info = get_args(parameter.annotation)
    kinds = [kind for kind in (get_args(annotation) or (annotation,)) if kind is not type(None)]
    is_list = get_origin(kinds[0]) is list
    first = (
        info.default,
        *(info.param_decls or ()),
    )  # typer keeps the first name of an annotated option as its default
    declared = [name for name in first if isinstance(name, str) and name.startswith("--")]
    word = declared[0] if declared else f"--{parameter.name.replace('_', '-')}"
    kind = get_args(kinds[0])[0] if is_list else kinds[0]
    return word, _Option(parameter.name, kind, is_list, info.min, info.max)


def _value(option: _Option, text: str) -> object:
    if not text or text.startswith("-"):
        raise _NotPlainError
    kind = option.kind
    if kind is str:
        return text
    if kind is Path:
        return Path(text)
    if issubclass(kind, StrEnum) and text in tuple(kind):
        return kind(text)
    if (kind is int and INTEGER.fullmatch(text)) or (kind is float and NUMBER.fullmatch(text)):
        number: float = kind(text)
        if (option.least is None or number >= option.least) and (option.most is None or number <= option.most):
            return number
    raise _NotPlainError
