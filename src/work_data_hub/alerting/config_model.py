"""The shape of alerts.yml, as pydantic reads it. What it means is put together in `config`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    create_model,
    field_validator,
    model_validator,
)

from . import time_intervals
from .matchers import LABEL_NAME, Matcher, Op, parse
from .regex import Allowance
from .time_intervals import Range, TimeInterval
from .timing import seconds_of

CONFIGS = "_configs"
# group_by: ['...'] groups by every label, so each alert stands alone.
EVERY_LABEL = "..."


def _duration(value: Any) -> float:
    if isinstance(value, str):
        return seconds_of(value)
    raise ValueError("is no duration; write it like 30s, 5m or 1h30m")


def _positive_duration(value: Any) -> float:
    if (seconds := _duration(value)) > 0:
        return seconds
    raise ValueError("must be longer than 0")


def _retention(value: Any) -> float:
    # A feed reads the last hours again, and knows by the keys kept what it has told.
    if (seconds := _duration(value)) >= seconds_of("1d"):
        return seconds
    raise ValueError("must be at least 1d")


def _texts(value: Any, what: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"must be a list of {what}")
    return value


def _matchers(value: Any, info: ValidationInfo) -> tuple[Matcher, ...]:
    texts = _texts(value, 'matchers such as - severity="critical"')
    return tuple(found for text in texts for found in parse(text, allowance=_allowance(info)))


def _allowance(info: ValidationInfo) -> Allowance:
    """Of the whole file, which is handed to the validation as its context."""
    return info.context if isinstance(info.context, Allowance) else Allowance()


def _pairs(value: Any) -> dict[str, str]:
    """label: value; an empty value is one that the label must not have."""
    if not isinstance(value, dict):
        raise ValueError("must be label names and their values")
    for name, text in value.items():
        _label_name(name)
        if text is not None and not isinstance(text, str):
            raise ValueError(f"{name} must have one text for a value")
    return value


def _equal(value: Any) -> tuple[Matcher, ...]:
    return tuple(Matcher(name, Op.EQUAL, text or "") for name, text in _pairs(value).items())


def _regex(value: Any, info: ValidationInfo) -> tuple[Matcher, ...]:
    found = []
    for name, text in _pairs(value).items():
        if text is None:
            raise ValueError(f"{name} has no regular expression")
        _allowance(info).check(text)
        # Anchored here and, as every matcher, once more: what `a)|(?:b` means hangs on it.
        found.append(Matcher(name, Op.REGEX, f"^(?:{text})$"))
    return tuple(found)


def _label_name(name: str) -> str:
    if not LABEL_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no label name: letters A-Z, digits and _ only")
    return name


def _label_names(value: Any) -> tuple[str, ...]:
    return tuple(map(_label_name, _texts(value, "label names")))


def _group_by(value: Any) -> tuple[str, ...]:
    names = _texts(value, "label names")
    if EVERY_LABEL in names:
        if set(names) != {EVERY_LABEL}:
            raise ValueError("'...' groups by every label and stands alone")
        return (EVERY_LABEL,)
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise ValueError(f"names a label twice: {', '.join(twice)}")
    return tuple(map(_label_name, names))


def _ranges(read: Callable[[str], Range]) -> BeforeValidator:
    def ranges(value: Any) -> tuple[Range, ...]:
        texts = _texts(value, "ranges such as first:last")
        if not texts:
            raise ValueError("is empty; leave it out where anything will do")
        return tuple(map(read, texts))

    return BeforeValidator(ranges)


Duration = Annotated[float, BeforeValidator(_duration)]
PositiveDuration = Annotated[float, BeforeValidator(_positive_duration)]
Retention = Annotated[float, BeforeValidator(_retention)]
Matchers = Annotated[tuple[Matcher, ...], BeforeValidator(_matchers)]
Equal = Annotated[tuple[Matcher, ...], BeforeValidator(_equal)]
Regex = Annotated[tuple[Matcher, ...], BeforeValidator(_regex)]
LabelNames = Annotated[tuple[str, ...], BeforeValidator(_label_names)]
GroupBy = Annotated[tuple[str, ...], BeforeValidator(_group_by)]
Name = Annotated[str, Field(min_length=1)]
Names = tuple[Name, ...]
Language = Literal["en", "zh"]


class _Part(BaseModel):
    """A mapping. A key without a value counts as not written, as in Alertmanager."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _without_what_is_empty(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        known = _keys(cls)
        return {k: value for k, value in data.items() if value is not None or k not in known}


@cache
def _keys(model: type[BaseModel]) -> frozenset[str]:
    """Looked up once: a file may hold thousands of routes."""
    return frozenset(about.alias or name for name, about in model.model_fields.items())


class RouteModel(_Part):
    """A node of the tree; what is None is inherited."""

    receiver: str | None = None
    group_by: GroupBy | None = None
    group_wait: Duration | None = None
    group_interval: PositiveDuration | None = None
    repeat_interval: PositiveDuration | None = None
    matchers: Matchers = ()
    match: Equal = ()
    match_re: Regex = ()
    continue_: Annotated[bool, Field(strict=True)] = Field(default=False, alias="continue")
    mute_time_intervals: Names = ()
    active_time_intervals: Names = ()
    routes: tuple[RouteModel, ...] = ()


class InhibitRuleModel(_Part):
    """While an alert that the source takes fires, those of the target are not told."""

    source_matchers: Matchers = ()
    source_match: Equal = ()
    source_match_re: Regex = ()
    target_matchers: Matchers = ()
    target_match: Equal = ()
    target_match_re: Regex = ()
    equal: LabelNames = ()


class TimeRangeModel(_Part):
    """start_time is in it, end_time is not."""

    start_time: str
    end_time: str

    @model_validator(mode="after")
    def _goes_forward(self) -> TimeRangeModel:
        self.minutes()
        return self

    def minutes(self) -> Range:
        return time_intervals.minutes_between(self.start_time, self.end_time)


class TimeIntervalSpecModel(_Part):
    """Times at which every field that is written holds."""

    times: Annotated[tuple[TimeRangeModel, ...], Field(min_length=1)] | None = None
    weekdays: Annotated[tuple[Range, ...], _ranges(time_intervals.weekdays)] | None = None
    days_of_month: Annotated[tuple[Range, ...], _ranges(time_intervals.days_of_month)] | None = None
    months: Annotated[tuple[Range, ...], _ranges(time_intervals.months)] | None = None
    years: Annotated[tuple[Range, ...], _ranges(time_intervals.years)] | None = None
    location: str = "UTC"

    @field_validator("location")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        time_intervals.zone(value)
        return value

    def interval(self) -> TimeInterval:
        return TimeInterval(
            minutes=tuple(times.minutes() for times in self.times) if self.times else None,
            weekdays=self.weekdays,
            days_of_month=self.days_of_month,
            months=self.months,
            years=self.years,
            location=self.location,
        )


class TimeIntervalModel(_Part):
    """A name for times; it holds when any of them does."""

    name: Name
    time_intervals: tuple[TimeIntervalSpecModel, ...] = ()


class ReceiverModel(_Part):
    """A name and lists of integrations; `model_of` adds a `<kind>_configs` for every kind."""

    name: Name
    language: Language | None = None

    def configs(self) -> dict[str, tuple[BaseModel | None, ...]]:
        """By kind, in the order of the model; None stands for one that is disabled."""
        return {
            name.removesuffix(CONFIGS): getattr(self, name)
            for name in type(self).model_fields
            if name.endswith(CONFIGS)
        }


class FileModel(_Part):
    """The whole file, but for `global`, which is read before."""

    route: RouteModel
    receivers: tuple[ReceiverModel, ...] = ()
    inhibit_rules: tuple[InhibitRuleModel, ...] = ()
    time_intervals: tuple[TimeIntervalModel, ...] = ()
    mute_time_intervals: tuple[TimeIntervalModel, ...] = ()
    templates: tuple[str, ...] = ()
    fallback: Name | None = None
    language: Language = "en"
    retention: Retention = seconds_of("30d")


def model_of(kinds: Mapping[str, type[BaseModel]]) -> type[FileModel]:
    """The model of a file whose receivers can hold these kinds of integration."""
    lists: dict[str, Any] = {
        f"{kind}{CONFIGS}": (_list_of(config), ()) for kind, config in kinds.items()
    }
    receiver: Any = create_model("ReceiverModel", __base__=ReceiverModel, **lists)
    receivers: Any = tuple[receiver, ...]
    return create_model("FileModel", __base__=FileModel, receivers=(receivers, ()))


def _list_of(config: Any) -> Any:
    return tuple[config | None, ...]
