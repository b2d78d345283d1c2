"""What no single key of alerts.yml can show: names that stand for nothing, or for two things."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property
from typing import Any

from ..strict_yaml import Document, Fault, Key, dotted
from .config_model import CONFIGS, FileModel, RouteModel

MAX_NAMES_TOLD = 10


def unknown_kinds(document: Document, kinds: Collection[str]) -> Iterator[Fault]:
    """Integrations of a kind that neither we nor an installed package bring, and empty ones."""
    for key, configs in integration_lists(document.data):
        kind = str(key[-1]).removesuffix(CONFIGS)
        if kind not in kinds:
            known = ", ".join(f"{name}{CONFIGS}" for name in sorted(kinds))
            yield _fault(document, key, f"no sink of this kind is installed; there are {known}")
        for i, config in enumerate(configs if isinstance(configs, list) else ()):
            if config is None:
                yield _fault(document, (*key, i), "is empty; write {} for all defaults")


def integration_lists(data: Any) -> Iterator[tuple[Key, Any]]:
    """Every `<kind>_configs` of every receiver, whatever stands in it."""
    receivers = data.get("receivers") if isinstance(data, dict) else None
    for at, receiver in enumerate(receivers if isinstance(receivers, list) else ()):
        for name, configs in receiver.items() if isinstance(receiver, dict) else ():
            if name.endswith(CONFIGS):
                yield ("receivers", at, name), configs


def wrong_names(document: Document, parsed: FileModel) -> Iterator[Fault]:
    """Receivers and time intervals that are named twice, or used and not there."""
    receivers = _Names(document, "receiver")
    for at, receiver in enumerate(parsed.receivers):
        yield from receivers.define(receiver.name, ("receivers", at, "name"))
    intervals = _Names(document, "time interval")
    for section in ("mute_time_intervals", "time_intervals"):
        for at, interval in enumerate(getattr(parsed, section)):
            yield from intervals.define(interval.name, (section, at, "name"))
    if parsed.fallback is not None:
        yield from receivers.use(parsed.fallback, ("fallback",))
    yield from _root_faults(document, parsed.route)
    yield from _route_faults(parsed.route, ("route",), receivers, intervals)


class _Names:
    def __init__(self, document: Document, what: str) -> None:
        self._document = document
        self._what = what
        self._known: set[str] = set()

    @cached_property
    def _listed(self) -> str:
        """The names, once all are defined; a file can have thousands."""
        first = sorted(self._known)[:MAX_NAMES_TOLD]
        more = len(self._known) - len(first)
        return ", ".join(first) + (f" and {more} more" if more else "") or "there is none"

    def define(self, name: str, key: Key) -> Iterator[Fault]:
        if name in self._known:
            yield _fault(self._document, key, f"{name!r} stands twice")
        self._known.add(name)

    def use(self, name: str, key: Key) -> Iterator[Fault]:
        if name not in self._known:
            yield _fault(self._document, key, f"no {self._what} {name!r}; known: {self._listed}")


def _root_faults(document: Document, root: RouteModel) -> Iterator[Fault]:
    if not root.receiver:
        problem = "is missing; the first route takes what no other does"
        yield _fault(document, ("route", "receiver"), problem)
    for name in ("matchers", "match", "match_re", "continue"):
        if getattr(root, "continue_" if name == "continue" else name):
            yield _fault(
                document, ("route", name), "the first route takes every alert and has none"
            )
    for name in ("mute_time_intervals", "active_time_intervals"):
        if getattr(root, name):
            yield _fault(document, ("route", name), "the first route is never quiet and has none")


def _route_faults(
    route: RouteModel, key: Key, receivers: _Names, intervals: _Names
) -> Iterator[Fault]:
    if route.receiver:
        yield from receivers.use(route.receiver, (*key, "receiver"))
    for field in ("mute_time_intervals", "active_time_intervals"):
        for i, name in enumerate(getattr(route, field)):
            yield from intervals.use(name, (*key, field, i))
    for i, child in enumerate(route.routes):
        yield from _route_faults(child, (*key, "routes", i), receivers, intervals)


def _fault(document: Document, key: Key, problem: str) -> Fault:
    return Fault(document.line_of(key), dotted(key), problem)
