"""alerts.yml -> a frozen model, or an error that names file, line and key.

The language is Alertmanager's: https://prometheus.io/docs/alerting/latest/configuration/
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, SecretStr

from .. import strict_yaml
from ..strict_yaml import Document, Fault, Key, dotted
from .config_model import CONFIGS, FileModel, RouteModel, model_of
from .errors import ConfigError
from .inhibition import InhibitRule
from .interpolation import Interpolated, interpolate
from .matchers import Matcher
from .route import EVERY_LABEL, Route

if TYPE_CHECKING:
    from .catalog import Kind

Value = TypeVar("Value")

# https://prometheus.io/docs/alerting/latest/configuration/#route
GROUP_WAIT_S = 30.0
GROUP_INTERVAL_S = 300.0
REPEAT_INTERVAL_S = 4 * 3_600.0

BUILT_IN = Path("<built-in alerts.yml>")
# What holds where there is no file; the alerts.yml that is shipped says the same.
_BUILT_IN_DATA: dict[str, Any] = {
    "route": {
        "receiver": "default",
        "group_by": ["alertname", "location", "job"],
        "group_wait": "0s",
        "group_interval": "1m",
        "repeat_interval": "4h",
        "routes": [{"matchers": ['alertname="StepFailed"'], "group_wait": "1m"}],
    },
    "inhibit_rules": [
        {
            "source_matchers": ['alertname="RunFailed"'],
            "target_matchers": ['alertname="StepFailed"'],
            "equal": ["location", "job", "partition"],
        }
    ],
    "receivers": [
        {
            "name": "default",
            "log_configs": [{}],
            "slack_configs": [
                {"app_token": "${SLACK_BOT_TOKEN:-}", "channel": "${SLACK_CHANNEL:-}"},
                {"api_url": "${SLACK_WEBHOOK_URL:-}"},
            ],
        }
    ],
}


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
    """Who is told of what. path is `BUILT_IN` where there is no file."""

    path: Path
    route: Route
    receivers: Mapping[str, Receiver]
    inhibit_rules: tuple[InhibitRule, ...]
    disabled: tuple[Disabled, ...]
    digest: str
    kinds: Mapping[str, Kind] = field(repr=False)

    def integrations(self) -> Iterator[Integration]:
        for receiver in self.receivers.values():
            yield from receiver.integrations

    def routes_by_id(self) -> Mapping[str, Route]:
        return {route.id: route for route in self.route.walk()}

    def secrets(self) -> frozenset[str]:
        """The values that must not show anywhere."""
        return frozenset(s for i in self.integrations() for s in _secrets(i.config))


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
        raise ConfigError(err.path, err.faults) from None


def _document(path: Path) -> Document:
    if path.exists():
        return strict_yaml.read(path)
    return Document(BUILT_IN, _BUILT_IN_DATA, {})


def _config(document: Document, filled: Interpolated, kinds: Mapping[str, Kind]) -> AlertsConfig:
    disabled = _disable(filled)
    faults = [*filled.faults, *_null_integrations(document)]
    if faults:
        raise ConfigError(document.path, faults)
    model = model_of({name: kind.model for name, kind in kinds.items()})
    parsed = strict_yaml.validate(document, model, data=filled.data)
    if faults := [*_route_faults(document, parsed), *_doubled_receivers(document, parsed)]:
        raise ConfigError(document.path, faults)
    receivers = {
        receiver.name: Receiver(
            receiver.name,
            receiver.language or parsed.language,
            tuple(
                Integration(receiver.name, f"{kind}[{i}]", kind, config, _digest(raw[i]))
                for kind, configs in receiver.configs().items()
                for raw in [filled.data["receivers"][at].get(f"{kind}{CONFIGS}")]
                for i, config in enumerate(configs)
                if config is not None
            ),
        )
        for at, receiver in enumerate(parsed.receivers)
    }
    return AlertsConfig(
        path=document.path,
        route=_route(parsed.route, _ROOT, "{}"),
        receivers=receivers,
        inhibit_rules=tuple(
            InhibitRule(rule.source_matchers, rule.target_matchers, rule.equal)
            for rule in parsed.inhibit_rules
        ),
        disabled=disabled,
        digest=_digest(filled.data),
        kinds=kinds,
    )


def _disable(filled: Interpolated) -> tuple[Disabled, ...]:
    """Puts None in the place of every integration with an emptied leaf, and lists them."""
    empty: dict[Key, list[str]] = {}
    for key, names in filled.emptied.items():
        if key[0] == "receivers" and len(key) > 4 and str(key[2]).endswith(CONFIGS):
            empty.setdefault(key[:4], []).extend(names)
    found = []
    for key, names in empty.items():
        _, at, configs, i = key
        receiver = filled.data["receivers"][at]
        receiver[configs][i] = None
        found.append(
            Disabled(
                str(receiver.get("name", "")),
                f"{str(configs).removesuffix(CONFIGS)}[{i}]",
                dotted(key),
                f"{' and '.join(sorted(set(names)))} not set",
            )
        )
    return tuple(found)


def _null_integrations(document: Document) -> Iterator[Fault]:
    data = document.data if isinstance(document.data, dict) else {}
    receivers = data.get("receivers")
    for at, receiver in enumerate(receivers if isinstance(receivers, list) else ()):
        for name, configs in receiver.items() if isinstance(receiver, dict) else ():
            for i, config in enumerate(configs if isinstance(configs, list) else ()):
                if config is None:
                    key = ("receivers", at, name, i)
                    yield Fault(
                        document.line_of(key), dotted(key), "is empty; write {} for all defaults"
                    )


def _doubled_receivers(document: Document, parsed: FileModel) -> Iterator[Fault]:
    seen: set[str] = set()
    for at, receiver in enumerate(parsed.receivers):
        if receiver.name in seen:
            key = ("receivers", at, "name")
            yield Fault(document.line_of(key), dotted(key), f"{receiver.name!r} stands twice")
        seen.add(receiver.name)


def _route_faults(document: Document, parsed: FileModel) -> Iterator[Fault]:
    names = {receiver.name for receiver in parsed.receivers}

    def fault(key: Key, problem: str) -> Fault:
        return Fault(document.line_of(key), dotted(key), problem)

    def walk(route: RouteModel, key: Key) -> Iterator[Fault]:
        if route.receiver is not None and route.receiver not in names:
            known = ", ".join(sorted(names)) or "there is none"
            yield fault((*key, "receiver"), f"no receiver {route.receiver!r}; known: {known}")
        for i, child in enumerate(route.routes):
            yield from walk(child, (*key, "routes", i))

    root = parsed.route
    if root.receiver is None:
        yield fault(("route", "receiver"), "is missing; the first route takes what no other does")
    for name, is_set in (("matchers", root.matchers), ("continue", root.continue_)):
        if is_set:
            yield fault(("route", name), "the first route takes every alert and has none")
    yield from walk(root, ("route",))


_ROOT = Route("{}", "", frozenset(), GROUP_WAIT_S, GROUP_INTERVAL_S, REPEAT_INTERVAL_S)


def _route(model: RouteModel, parent: Route, id_: str) -> Route:
    """The node with what it inherits; children are named as Alertmanager's Route.ID does."""

    group_by = parent.group_by
    if model.group_by is not None:
        group_by = None if model.group_by == (EVERY_LABEL,) else frozenset(model.group_by)
    bare = Route(
        id=id_,
        receiver=_own(model.receiver, parent.receiver),
        group_by=group_by,
        group_wait_s=_own(model.group_wait, parent.group_wait_s),
        group_interval_s=_own(model.group_interval, parent.group_interval_s),
        repeat_interval_s=_own(model.repeat_interval, parent.repeat_interval_s),
        matchers=model.matchers,
        continue_=model.continue_,
    )
    children = tuple(
        _route(child, bare, f"{id_}/{_matchers_text(child.matchers)}/{i}")
        for i, child in enumerate(model.routes)
    )
    return Route(**{**bare.__dict__, "routes": children})


def _own(value: Value | None, inherited: Value) -> Value:
    return inherited if value is None else value


def _matchers_text(matchers: tuple[Matcher, ...]) -> str:
    return "{" + ",".join(str(matcher) for matcher in matchers) + "}"


def _digest(data: Any) -> str:
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def _secrets(config: BaseModel) -> Iterator[str]:
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, BaseModel):
            yield from _secrets(value)
