"""alerts.yml -> a frozen model, or an error that names file, line and key.

The language is Alertmanager's: https://prometheus.io/docs/alerting/latest/configuration/
What is ours beside it, and what differs: docs/alerts-yml.md.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretStr

from .. import strict_yaml
from ..strict_yaml import Document, Fault, Key, dotted
from .built_in import BUILT_IN, BUILT_IN_DATA
from .config_faults import integration_lists, unknown_kinds, wrong_names
from .config_model import CONFIGS, FileModel, model_of
from .errors import ConfigError
from .fallback import FALLBACK_IS_OFF, is_off, with_last_resort
from .global_settings import GlobalSettings, fill_in
from .inhibition import InhibitRule
from .interpolation import Interpolated, interpolate
from .kind import SinkConfig
from .matchers import in_order
from .regex import Allowance
from .route import Route
from .route_tree import route_tree
from .templates import is_go
from .time_intervals import TimeInterval

if TYPE_CHECKING:
    from .catalog import Kind

__all__ = ["BUILT_IN", "AlertsConfig", "Disabled", "Integration", "Receiver", "load"]

# Sections in which everything is text, but for `continue`: Alertmanager reads `year: 0123` or
# `start_time: 17:00` as it is written, where YAML sees numbers.
_TEXT_SECTIONS = ("route", "inhibit_rules", "time_intervals", "mute_time_intervals")


@dataclass(frozen=True)
class Integration:
    """One way of one receiver to be told. name: `slack[0]`, the kind and its place in the list.

    digest: changes with anything in its configuration, and tells nothing of it.
    """

    receiver: str
    name: str
    kind: str
    config: BaseModel = field(repr=False)
    digest: str

    @property
    def send_resolved(self) -> bool:
        return bool(getattr(self.config, "send_resolved", True))


@dataclass(frozen=True)
class Receiver:
    name: str
    language: str
    integrations: tuple[Integration, ...]


@dataclass(frozen=True)
class Disabled:
    """An integration that is written down but has no address: where it stands, and why."""

    receiver: str
    name: str
    where: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: disabled, {self.why}"


@dataclass(frozen=True)
class AlertsConfig:
    """Who is told of what. path is `BUILT_IN` where there is no file.

    fallback: the receiver for what a dead sink could not deliver, and for alerts about alerting.
    resolve_timeout_s: of alerts from outside, which nothing takes yet; it closes nothing of ours.
    retention_s: what has been over for so long is deleted.
    warnings: what is accepted and has no effect; `check --strict` refuses it.
    notes: what whoever wrote the file should know of an integration.
    """

    path: Path
    route: Route
    receivers: Mapping[str, Receiver]
    inhibit_rules: tuple[InhibitRule, ...]
    time_intervals: Mapping[str, tuple[TimeInterval, ...]]
    fallback: str
    resolve_timeout_s: float
    retention_s: float
    disabled: tuple[Disabled, ...]
    warnings: tuple[Fault, ...]
    notes: tuple[str, ...]
    digest: str
    kinds: Mapping[str, Kind] = field(repr=False)
    global_secrets: frozenset[str] = field(repr=False)

    def integrations(self) -> Iterator[Integration]:
        for receiver in self.receivers.values():
            yield from receiver.integrations

    def routes_by_id(self) -> Mapping[str, Route]:
        return {route.id: route for route in self.route.walk()}

    def caveats(self) -> tuple[str, ...]:
        """What is off and what has no effect, for the start of a process to say."""
        return (*map(str, self.disabled), *self.warning_lines())

    def warning_lines(self) -> tuple[str, ...]:
        """The warnings, each with file, line and key."""
        return tuple(str(ConfigError(self.path, [warning])) for warning in self.warnings)

    def secrets(self) -> frozenset[str]:
        """The values that must not show anywhere."""
        found = (s for i in self.integrations() for s in _secrets(i.config))
        return self.global_secrets.union(found)


def load(
    path: Path,
    *,
    environ: Mapping[str, str] | None = None,
    kinds: Mapping[str, Kind] | None = None,
) -> AlertsConfig:
    """The file, or what is built in when there is none.

    kinds: of integrations, by name; those of the catalog when not given.
    Raises ConfigError with every fault that was found, no value of a variable in it.
    """
    env = os.environ if environ is None else environ
    if kinds is None:
        from . import catalog

        kinds = catalog.kinds()
    try:
        document = _document(path)
        return _config(document, interpolate(document, env), kinds)
    except strict_yaml.ConfigError as err:
        raise ConfigError(err.path, err.faults, more=err.more) from None


def _document(path: Path) -> Document:
    if not path.exists():
        return Document(BUILT_IN, BUILT_IN_DATA, {})
    document = strict_yaml.read(path)
    return replace(document, data=_as_written(document.data, (), document.texts))


def _as_written(data: Any, key: Key, texts: Mapping[Key, str]) -> Any:
    if isinstance(data, dict):
        return {name: _as_written(item, (*key, name), texts) for name, item in data.items()}
    if isinstance(data, list):
        return [_as_written(item, (*key, i), texts) for i, item in enumerate(data)]
    is_name = len(key) == 3 and key[0] == "receivers" and key[2] == "name"
    is_flag = key[-1:] == ("continue",) and key[-2] not in ("match", "match_re")
    if data is None or is_flag or not (is_name or (key and key[0] in _TEXT_SECTIONS)):
        return data
    return texts.get(key, data)


def _config(document: Document, filled: Interpolated, kinds: Mapping[str, Kind]) -> AlertsConfig:
    used = {str(key[-1]).removesuffix(CONFIGS) for key, _ in integration_lists(filled.data)}
    settings = fill_in(document, filled, kinds)
    disabled = _disable(filled, settings)
    if faults := [*filled.faults, *settings.faults, *unknown_kinds(document, kinds)]:
        raise ConfigError(document.path, faults)
    model = model_of({name: kind.model for name, kind in kinds.items() if name in used})
    data = filled.data
    if isinstance(data, dict):
        data = {name: section for name, section in data.items() if name != "global"}
    parsed = strict_yaml.validate(
        document, model, data=data, written_at=settings.written_at, context=Allowance()
    )
    if faults := [*wrong_names(document, parsed)]:
        raise ConfigError(document.path, faults)
    receivers = _receivers(filled.data, parsed)
    config = AlertsConfig(
        path=document.path,
        route=route_tree(parsed.route),
        receivers=receivers,
        inhibit_rules=tuple(
            InhibitRule(
                source=in_order(rule.source_matchers + rule.source_match + rule.source_match_re),
                target=in_order(rule.target_matchers + rule.target_match + rule.target_match_re),
                equal=rule.equal,
            )
            for rule in parsed.inhibit_rules
        ),
        time_intervals={
            named.name: tuple(spec.interval() for spec in named.time_intervals)
            for named in (*parsed.mute_time_intervals, *parsed.time_intervals)
        },
        fallback=parsed.fallback or parsed.route.receiver or "",
        resolve_timeout_s=settings.resolve_timeout_s,
        retention_s=parsed.retention,
        disabled=disabled,
        warnings=(*settings.warnings, *_replaced(document, parsed)),
        notes=tuple(_notes(receivers.values())),
        digest=digest_of(filled.data),
        kinds=kinds,
        global_secrets=settings.secrets,
    )
    if not is_off(config, config.fallback):
        return config
    at = next(i for i, of in enumerate(parsed.receivers) if of.name == config.fallback)
    key: Key = ("receivers", at)
    warning = Fault(document.line_of(key), dotted(key), FALLBACK_IS_OFF)
    return replace(with_last_resort(config), warnings=(*config.warnings, warning))


def _disable(filled: Interpolated, settings: GlobalSettings) -> tuple[Disabled, ...]:
    """Puts None in the place of every integration that lacks a variable, and lists them."""
    unset: dict[Key, list[str]] = {key: list(names) for key, names in settings.off.items()}
    for key, names in filled.emptied.items():
        if key[0] == "receivers" and len(key) > 4 and str(key[2]).endswith(CONFIGS):
            unset.setdefault(key[:4], []).extend(names)
    found = []
    for key, variables in sorted(unset.items()):
        _, at, configs, i = key
        receiver = filled.data["receivers"][at]
        receiver[configs][i] = None
        found.append(
            Disabled(
                str(receiver.get("name", "")),
                f"{str(configs).removesuffix(CONFIGS)}[{i}]",
                dotted(key),
                f"{' and '.join(sorted(set(variables)))} not set",
            )
        )
    return tuple(found)


def _receivers(data: Any, parsed: FileModel) -> dict[str, Receiver]:
    def integrations(receiver: str, at: int, lists: Mapping[str, Any]) -> Iterator[Integration]:
        for kind, configs in lists.items():
            for i, config in enumerate(configs):
                if config is not None:
                    written = data["receivers"][at][f"{kind}{CONFIGS}"][i]
                    digest = digest_of([written, sorted(_secrets(config))])
                    yield Integration(receiver, f"{kind}[{i}]", kind, config, digest)

    return {
        receiver.name: Receiver(
            receiver.name,
            receiver.language or parsed.language,
            tuple(integrations(receiver.name, at, receiver.configs())),
        )
        for at, receiver in enumerate(parsed.receivers)
    }


def _replaced(document: Document, parsed: FileModel) -> Iterator[Fault]:
    """What Alertmanager would read, and we put our own text or form in its place."""

    def warning(key: Key, *, go: bool) -> Fault:
        problem = "Go templates are not read; our own text stands in their place"
        if not go:
            problem = "is not read; a message has our own form"
        return Fault(document.line_of(key), dotted(key), problem)

    if parsed.templates:
        yield warning(("templates",), go=True)
    for at, receiver in enumerate(parsed.receivers):
        for kind, configs in receiver.configs().items():
            for i, config in enumerate(configs):
                for name in config.replaced() if isinstance(config, SinkConfig) else ():
                    key: Key = ("receivers", at, f"{kind}{CONFIGS}", i, *name.split(".", 1))
                    written = reduce(lambda at, part: at[part], key, document.data)
                    yield warning(key, go=is_go(str(written)))


def _notes(receivers: Iterable[Receiver]) -> Iterator[str]:
    for receiver in receivers:
        for integration in receiver.integrations:
            if isinstance(integration.config, SinkConfig):
                for note in integration.config.notes():
                    yield f"{receiver.name}, {integration.name}: {note}"


def digest_of(data: Any) -> str:
    """Changes with anything in the data, and tells nothing of it."""
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def _secrets(value: Any) -> Iterator[str]:
    """The text of every secret within, however deep."""
    if isinstance(value, SecretStr):
        if value.get_secret_value():
            yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _secrets(item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _secrets(item)
