"""The shape of alerts.yml, as pydantic reads it. What it means is put together in `config`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from .matchers import Matcher, parse
from .timing import seconds_of

CONFIGS = "_configs"


def _duration(value: Any) -> float:
    if isinstance(value, str):
        return seconds_of(value)
    raise ValueError(f"{value!r} is not a duration; write it like 30s, 5m or 1h30m")


def _positive_duration(value: Any) -> float:
    if (seconds := _duration(value)) > 0:
        return seconds
    raise ValueError("must be longer than 0")


def _matchers(value: Any) -> tuple[Matcher, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError('must be a list of matchers such as - severity="critical"')
    return tuple(matcher for item in value for matcher in parse(item))


def _label_names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ValueError("must be a list of label names")
    if twice := sorted({name for name in value if value.count(name) > 1}):
        raise ValueError(f"names a label twice: {', '.join(twice)}")
    if "..." in value and len(value) > 1:
        raise ValueError("'...' groups by every label and stands alone")
    return tuple(value)


Duration = Annotated[float, BeforeValidator(_duration)]
PositiveDuration = Annotated[float, BeforeValidator(_positive_duration)]
Matchers = Annotated[tuple[Matcher, ...], BeforeValidator(_matchers)]
LabelNames = Annotated[tuple[str, ...], BeforeValidator(_label_names)]
Language = Literal["en", "zh"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RouteModel(_Part):
    """A node of the tree; what is None is inherited."""

    receiver: str | None = None
    group_by: LabelNames | None = None
    group_wait: Duration | None = None
    group_interval: PositiveDuration | None = None
    repeat_interval: PositiveDuration | None = None
    matchers: Matchers = ()
    continue_: bool = Field(default=False, alias="continue")
    routes: tuple[RouteModel, ...] = ()


class InhibitRuleModel(_Part):
    source_matchers: Matchers = Field(min_length=1)
    target_matchers: Matchers = Field(min_length=1)
    equal: LabelNames = ()


class ReceiverModel(_Part):
    """A name and lists of integrations; `model_of` adds a `<kind>_configs` for every kind."""

    name: str = Field(min_length=1)
    language: Language | None = None

    def configs(self) -> dict[str, tuple[BaseModel | None, ...]]:
        """By kind, in the order of the file; None stands for one that is disabled."""
        return {
            name.removesuffix(CONFIGS): getattr(self, name)
            for name in type(self).model_fields
            if name.endswith(CONFIGS)
        }


class FileModel(_Part):
    route: RouteModel
    receivers: tuple[ReceiverModel, ...]
    inhibit_rules: tuple[InhibitRuleModel, ...] = ()
    language: Language = "en"


def model_of(kinds: Mapping[str, type[BaseModel]]) -> type[FileModel]:
    """The model of a file whose receivers can hold these kinds of integration."""
    lists: dict[str, Any] = {
        f"{kind}{CONFIGS}": (tuple[config | None, ...], ()) for kind, config in kinds.items()
    }
    receiver = create_model("ReceiverModel", __base__=ReceiverModel, **lists)
    return create_model("FileModel", __base__=FileModel, receivers=(tuple[receiver, ...], ...))  # type: ignore[valid-type]
