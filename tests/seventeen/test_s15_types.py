"""Item 15: what the outside gets are frozen typed structs, and the type checker is strict over the whole project."""

import dataclasses
import inspect
import tomllib
import typing
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Any, Final

import msgspec
import pytest

from strategy import config, control, domain, funding, regime, snapshot
from strategy.hedge_grid import HedgeGridStrategy
from strategy.snapshot import LadderSnapshot, OperationalMetrics, Snapshot
from tests.seventeen.bench import bench

PROJECT: Final = Path(__file__).parents[2] / "pyproject.toml"
SCALARS: Final = (Decimal, str, int, bool, bytes, NoneType)
READS: Final = {"get_ladders_snapshot": LadderSnapshot, "get_operational_metrics": OperationalMetrics}


# -- structs -----------------------------------------------------------------------------------------------------------


def parts(kind: Any) -> Iterator[Any]:
    """The types that a type is made of."""
    found = typing.get_args(kind)
    if isinstance(kind, UnionType) or found:
        for each in found:
            yield from parts(each)
        if not isinstance(kind, UnionType):
            yield typing.get_origin(kind)
    else:
        yield kind


def public_structs(module: ModuleType) -> dict[str, Any]:
    """Every type that a module defines, enums apart."""
    return {
        name: member
        for name, member in vars(module).items()
        if inspect.isclass(member) and member.__module__ == module.__name__ and not issubclass(member, Enum)
    }


def open_ends(name: str, kind: Any, seen: set[Any]) -> Iterator[str]:
    """What in a result is not typed, or could be changed by who gets it."""
    if kind in seen:
        return
    seen.add(kind)
    if not (inspect.isclass(kind) and issubclass(kind, msgspec.Struct)):
        yield f"{name}: {kind} is no struct"
        return
    if not kind.__struct_config__.frozen:
        yield f"{name}: can be changed"
    for field, hint in typing.get_type_hints(kind).items():
        for part in parts(hint):
            where = f"{name}.{field}: {part}"
            if part in (tuple, Ellipsis, Mapping, *SCALARS) or (inspect.isclass(part) and issubclass(part, Enum)):
                continue
            if part is dict and (name, field) == ("Receipt", "detail"):
                continue  # plain values for the journal's line of the same name, by its contract
            if part is Any and (name, field) == ("Receipt", "detail"):
                continue
            if inspect.isclass(part) and issubclass(part, msgspec.Struct):
                yield from open_ends(part.__name__, part, seen)
            else:
                yield f"{where} is open"


def check_s15_structs(kinds: Mapping[str, Any]) -> None:
    """Frozen, every field typed, down to the last one."""
    seen: set[Any] = set()
    found = [each for name, kind in kinds.items() for each in open_ends(name, kind, seen)]
    assert not found, found


def test_s15_every_public_result_is_a_frozen_struct_of_typed_fields() -> None:
    kinds = public_structs(snapshot)
    assert {"Snapshot", "LadderSnapshot", "OperationalMetrics", "LegView", "RungView", "LotView"} <= set(kinds)
    check_s15_structs(kinds)
    check_s15_structs({"Receipt": control.Receipt, "Command": control.Command})
    check_s15_structs({"FundingView": funding.FundingView, "RegimeReading": regime.RegimeReading})


class Dicts(msgspec.Struct, frozen=True):
    """The seed's results, with a class around them."""

    long_ladder: list[dict[str, float]]


class Thawed(msgspec.Struct):
    mid: Decimal


class Nested(msgspec.Struct, frozen=True):
    inner: tuple[Thawed, ...]


@dataclasses.dataclass
class Plain:
    mid: Decimal


class Untyped(msgspec.Struct, frozen=True):
    what: Any


@pytest.mark.parametrize("kind", [Dicts, Thawed, Nested, Plain, Untyped, dict])
def test_s15_with_dicts_lists_or_what_can_be_changed_the_same_check_fails(kind: type) -> None:
    with pytest.raises(AssertionError, match=r"is open|can be changed|is no struct"):
        check_s15_structs({kind.__name__: kind})


# -- reads -------------------------------------------------------------------------------------------------------------


def check_s15_reads(kind: type[HedgeGridStrategy]) -> None:
    """Both reads say what they give, and give it: parts of the one snapshot, which nobody can change."""
    with bench(kind=kind) as found:
        found.quote(60_000, 3)
        found.strategy.publish()
        for name, wanted in READS.items():
            assert typing.get_type_hints(getattr(kind, name))["return"] is wanted, f"{name} does not say what it gives"
            result = getattr(found.strategy, name)()
            assert type(result) is wanted, f"{name} gives {type(result)}"
            for field in result.__struct_fields__:
                with pytest.raises(AttributeError):
                    setattr(result, field, getattr(result, field))
            assert msgspec.json.decode(msgspec.json.encode(result), type=wanted) == result
        assert len(found.strategy.get_ladders_snapshot().long) == 2
        assert found.strategy.get_operational_metrics().orders_submitted == 4
        whole = found.strategy.snapshot
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(whole), type=Snapshot) == whole


def test_s15_ladders_and_metrics_are_what_they_say() -> None:
    check_s15_reads(HedgeGridStrategy)


class GivesDicts(HedgeGridStrategy):
    """As the seed has it."""

    def get_operational_metrics(self) -> dict[str, Any]:  # type: ignore[override]
        return msgspec.structs.asdict(self.snapshot.metrics)


class SaysNothing(HedgeGridStrategy):
    def get_ladders_snapshot(self) -> Any:
        return self.snapshot.ladders


class GivesAnother(HedgeGridStrategy):
    def get_ladders_snapshot(self) -> LadderSnapshot:
        return msgspec.structs.asdict(self.snapshot.ladders)  # type: ignore[return-value]


@pytest.mark.parametrize("kind", [GivesDicts, SaysNothing, GivesAnother])
def test_s15_with_dicts_for_results_the_same_check_fails(kind: type[HedgeGridStrategy]) -> None:
    with pytest.raises(AssertionError, match=r"does not say|gives <class 'dict'>"):
        check_s15_reads(kind)


# -- every public function ---------------------------------------------------------------------------------------------


def check_s15_annotations(modules: list[ModuleType]) -> None:
    """Every public function and method says what it takes and gives; none gives a bare dict, list or Any."""
    for module in modules:
        for name, kind in [(module.__name__, module), *public_structs(module).items()]:
            for each, member in vars(kind).items():
                function: Any = member.fget if isinstance(member, property) else member
                own = inspect.isfunction(function) and function.__module__ == module.__name__
                if not own or each.startswith("_"):
                    continue
                hints = inspect.signature(function)
                assert hints.return_annotation is not inspect.Signature.empty, (
                    f"{name}.{each} does not say what it gives"
                )
                given = typing.get_origin(hints.return_annotation) or hints.return_annotation
                assert given not in (dict, Any), f"{name}.{each} gives {given}"


def test_s15_every_public_function_says_what_it_gives() -> None:
    check_s15_annotations([config, control, domain, funding, regime, snapshot])


@pytest.mark.parametrize("words", ["def get_all(): return {}", "def get_all() -> dict[str, float]: return {}"])
def test_s15_with_a_function_that_does_not_the_same_check_fails(words: str) -> None:
    made = ModuleType("made")
    exec(words, vars(made))
    with pytest.raises(AssertionError, match=r"made.get_all"):
        check_s15_annotations([made])


# -- the type checker --------------------------------------------------------------------------------------------------


def check_s15_strict(text: str) -> None:
    """Strict, over brain, cockpit and tests; what is loosened is what Nautilus's Cython leaves no choice about."""
    mypy = tomllib.loads(text)["tool"]["mypy"]
    assert mypy["strict"] is True
    assert set(mypy["packages"]) >= {"strategy", "hedgegrid_tui", "tests"}
    loose = {"ignore_errors", "disallow_untyped_defs", "check_untyped_defs", "disallow_any_generics", "strict"}
    for override in mypy.get("overrides", []):
        foreign = all(
            each.partition(".")[0] not in ("strategy", "hedgegrid_tui", "tests") for each in override["module"]
        )
        found = loose & {key for key, value in override.items() if value is not True or key == "ignore_errors"}
        assert foreign or not found, f"{override['module']} is loosened: {sorted(found)}"
        assert foreign or set(override) <= {"module", "disallow_subclassing_any"}, f"{override} loosens something"


def test_s15_the_type_checker_is_strict_over_the_whole_project() -> None:
    check_s15_strict(PROJECT.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[tool.mypy]\nstrict = true", "[tool.mypy]\nstrict = false"),
        ('packages = ["strategy", "hedgegrid_tui", "tests"]', 'packages = ["strategy"]'),
        ("disallow_subclassing_any = false", "ignore_errors = true"),
    ],
)
def test_s15_with_a_loosened_type_checker_the_same_check_fails(before: str, after: str) -> None:
    text = PROJECT.read_text(encoding="utf-8")
    assert before in text
    with pytest.raises((AssertionError, KeyError)):
        check_s15_strict(text.replace(before, after))
