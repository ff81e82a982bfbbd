"""What every section of the configuration is made of: keys with unit, bounds, default and meaning."""

from decimal import Decimal
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]


class Section(BaseModel):
    """One table of the file; unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, strict=False)

    title: ClassVar[str]
    """What the section is about; the comment above its table."""


def key(default: Any, unit: str, meaning: str, **bounds: Any) -> Any:  # noqa: ANN401
    """A key with its default, its unit, and its meaning in plain words; `bounds` are pydantic's own."""
    return Field(default=default, description=meaning, json_schema_extra={"unit": unit}, **bounds)
