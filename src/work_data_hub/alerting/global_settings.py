"""`global:` of alerts.yml: what stands in where an integration leaves a key out.

Which key of which kind falls back to which global one is the kind's to say (`Kind.globals`).
https://prometheus.io/docs/alerting/0.25/configuration/#configuration-file
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..strict_yaml import Document, Fault, Key, dotted
from .config_faults import integration_lists
from .config_model import CONFIGS
from .interpolation import Interpolated
from .kind import Kind
from .timing import seconds_of

# https://prometheus.io/docs/alerting/0.25/configuration/#configuration-file
RESOLVE_TIMEOUT_S = 300.0
# What Alertmanager reads for integrations that we have none of. A file that both read may hold it.
NOT_OURS = frozenset(
    {
        *("pagerduty_url", "telegram_api_url", "webex_api_url", "victorops_api_url"),
        *("victorops_api_key", "victorops_api_key_file"),
        *("opsgenie_api_url", "opsgenie_api_key", "opsgenie_api_key_file"),
        *("wechat_api_url", "wechat_api_secret", "wechat_api_corp_id"),
    }
)
_FILE = "_file"


@dataclass(frozen=True)
class GlobalSettings:
    """written_at: for a key of an integration that was filled in, the global one it is from.

    off: integrations that cannot be, as a variable behind a global key is not set: its names.
    """

    resolve_timeout_s: float
    written_at: Mapping[Key, Key]
    off: Mapping[Key, tuple[str, ...]]
    secrets: frozenset[str]
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


def fill_in(document: Document, filled: Interpolated, kinds: Mapping[str, Kind]) -> GlobalSettings:
    """Puts the global values into the integrations of `filled.data`, where they have none."""
    settings = _settings(filled)
    written_at: dict[Key, Key] = {}
    off: dict[Key, tuple[str, ...]] = {}
    for key, configs in integration_lists(filled.data):
        kind = kinds.get(str(key[-1]).removesuffix(CONFIGS))
        for i, entry in enumerate(configs if isinstance(configs, list) else ()):
            if kind is None or not isinstance(entry, dict):
                continue
            for name, source in _fallbacks(kind, entry):
                if settings.get(source) is not None:
                    entry[name] = settings[source]
                    written_at[*key, i, name] = ("global", source)
            if unset := _unset(kind, entry, filled.emptied):
                off[*key, i] = unset
    timeout_s, faults = _resolve_timeout(document, settings)
    return GlobalSettings(
        resolve_timeout_s=timeout_s,
        written_at=written_at,
        off=off,
        secrets=frozenset(_secrets(settings, kinds)),
        faults=(*faults, *_unknown(document, settings, kinds)),
        warnings=tuple(
            _fault(document, name, "is not used: we have no sink of its kind")
            for name in sorted(NOT_OURS.intersection(settings))
        ),
    )


def _settings(filled: Interpolated) -> dict[str, Any]:
    """Those that are set; one whose variable is not set counts as not written."""
    section = filled.data.get("global") if isinstance(filled.data, dict) else None
    if not isinstance(section, dict):
        return {}
    return {
        k: v for k, v in section.items() if v is not None and ("global", k) not in filled.emptied
    }


def _slots(names: Iterable[str]) -> set[str]:
    """`x` and `x_file` are two ways to give one thing."""
    return {name.removesuffix(_FILE) for name in names}


def _sources(kind: Kind) -> dict[str, str]:
    """Key by key, what it falls back to: `x_file` too, where `x` is a secret."""
    files = {
        f"{name}{_FILE}": f"{source}{_FILE}"
        for name, source in kind.globals.items()
        if kind.is_secret(name)
    }
    return {**files, **kind.globals}


def _fallbacks(kind: Kind, entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    given = _slots(name for name, value in entry.items() if value is not None)
    if given & kind.one_of:
        given |= kind.one_of
    return [(n, s) for n, s in _sources(kind).items() if n.removesuffix(_FILE) not in given]


def _unset(
    kind: Kind, entry: Mapping[str, Any], emptied: Mapping[Key, tuple[str, ...]]
) -> tuple[str, ...]:
    """Variables without which the entry lacks what it cannot do without."""
    given = _slots(entry)
    lacks = kind.required() - given
    if not given & kind.one_of:
        lacks |= kind.one_of
    return tuple(
        variable
        for name, source in _sources(kind).items()
        if name.removesuffix(_FILE) in lacks
        for variable in emptied.get(("global", source), ())
    )


def _resolve_timeout(document: Document, settings: Mapping[str, Any]) -> tuple[float, list[Fault]]:
    written = settings.get("resolve_timeout")
    if written is None:
        return RESOLVE_TIMEOUT_S, []
    try:
        if not isinstance(written, str):
            raise ValueError("is no duration; write it like 5m")
        return seconds_of(written), []
    except ValueError as err:
        return RESOLVE_TIMEOUT_S, [_fault(document, "resolve_timeout", str(err))]


def _unknown(
    document: Document, settings: Mapping[str, Any], kinds: Mapping[str, Kind]
) -> Iterator[Fault]:
    known = {"resolve_timeout", "http_config"} | NOT_OURS
    for kind in kinds.values():
        known |= set(_sources(kind).values())
    if isinstance(document.data, dict) and not isinstance(document.data.get("global"), dict | None):
        yield Fault(document.line_of(("global",)), "global", "must be keys and their values")
    for name in sorted(settings.keys() - known):
        yield _fault(document, name, "is not known here")


def _secrets(settings: Mapping[str, Any], kinds: Mapping[str, Kind]) -> Iterator[str]:
    """Also those that no integration uses."""
    for kind in kinds.values():
        for name, source in kind.globals.items():
            if kind.is_secret(name) and isinstance(settings.get(source), str):
                yield settings[source]


def _fault(document: Document, name: str, problem: str) -> Fault:
    key = ("global", name)
    return Fault(document.line_of(key), dotted(key), problem)
