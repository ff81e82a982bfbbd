"""What every section of the configuration is made of: keys with unit, bounds, default and meaning."""

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, ValidatorFunctionWrapHandler, field_validator

TOO_LARGE: Final = Decimal(1_000_000_000_000)
"""Every number is smaller, and larger than its negative."""
DECIMALS: Final = 100
"""No number has more behind its point; with far more, quotients leave the range of Decimal."""

Positive = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]


class Section(BaseModel):
    """One table of the file; unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, strict=False)

    title: ClassVar[str]
    """What the section is about; the comment above its table."""

    @field_validator("*", mode="wrap")
    @classmethod
    def _numbers_are_numbers(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401
        _check_size(value)  # before it is converted: 1e999999999 as an integer would take for ever
        result = handler(value)
        _check_size(result)  # a number may stand in a string too
        if isinstance(value, bool) and not isinstance(result, bool):
            raise ValueError("must be a number")  # noqa: TRY004 - pydantic collects ValueErrors
        return result


def _check_size(value: object) -> None:
    """Refuse numbers that no market has, whatever the bounds of their key are."""
    if isinstance(value, Decimal):
        if not value.is_finite():
            return
        exponent = value.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -DECIMALS:
            raise ValueError(f"must have at most {DECIMALS} decimals")
    if isinstance(value, int | Decimal) and not -TOO_LARGE < value < TOO_LARGE:
        raise ValueError(f"must be less than {TOO_LARGE:,}")


def key(default: Any, unit: str, meaning: str, **bounds: Any) -> Any:  # noqa: ANN401
    """A key with its default, its unit, and its meaning in plain words; `bounds` are pydantic's own."""
    return Field(default=default, description=meaning, json_schema_extra={"unit": unit}, **bounds)
