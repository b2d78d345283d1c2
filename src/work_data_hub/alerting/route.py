"""Who is told: the route tree, and the group an alert falls into. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .alert import shortened
from .matchers import Labels, Matcher, all_match, quoted


@dataclass(frozen=True)
class Route:
    """One node of the tree, with what it inherited filled in.

    id: names the node over restarts, as Alertmanager's: `{}/{severity="critical"}/0`.
    group_by: label names, or None for every label.
    mute_time_intervals, active_time_intervals: names; a route has its own and inherits none.
    """

    id: str
    receiver: str
    group_by: frozenset[str] | None
    group_wait_s: float
    group_interval_s: float
    repeat_interval_s: float
    matchers: tuple[Matcher, ...] = ()
    continue_: bool = False
    routes: tuple[Route, ...] = ()
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()

    def matches(self, labels: Labels) -> bool:
        return all_match(self.matchers, labels)

    def walk(self) -> Iterator[Route]:
        """This node and all below it."""
        yield self
        for child in self.routes:
            yield from child.walk()

    def group_labels(self, labels: Labels) -> Mapping[str, str]:
        """The labels, by name, that make this alert's group here. One without a value is none."""
        names = labels if self.group_by is None else self.group_by
        return {name: labels[name] for name in sorted(names) if labels.get(name)}

    def group_key(self, labels: Labels) -> str:
        """Names the group over restarts: `{}:{alertname="RunFailed", job="daily"}`.

        One over 1,000 bytes ends in a digest.
        """
        inside = ", ".join(f"{k}={quoted(v)}" for k, v in self.group_labels(labels).items())
        return shortened(f"{self.id}:{{{inside}}}")


def receivers_for(route: Route, labels: Labels) -> list[Route]:
    """The routes that take `labels`, in order; a parent only when none of its children does."""
    taken: list[Route] = []
    for child in route.routes:
        if not child.matches(labels):
            continue
        taken += receivers_for(child, labels)
        if not child.continue_:
            break
    return taken or [route]
