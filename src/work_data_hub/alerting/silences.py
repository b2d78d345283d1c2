"""What an operator does not want to hear of for a while. Pure; the store keeps them.

https://prometheus.io/docs/alerting/latest/alertmanager/#silences
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .alert import OWNER, SEVERITY, TEAM
from .matchers import Labels, Matcher, Op, all_match, in_order, text_of


@dataclass(frozen=True)
class Silence:
    """From starts_at until just before ends_at, alerts that all matchers take are not told.

    Raises ValueError for one that would take every alert, or that ends before it starts.
    """

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str = ""
    comment: str = ""

    def __post_init__(self) -> None:
        if all(matcher.matches({}) for matcher in self.matchers):
            raise ValueError(
                f"{text_of(self.matchers)} takes every alert; name a value that a label must have"
            )
        if self.ends_at <= self.starts_at:
            raise ValueError("it ends before it starts")

    def is_active(self, at: datetime) -> bool:
        return self.starts_at <= at < self.ends_at

    def takes(self, labels: Labels) -> bool:
        return all_match(self.matchers, labels)

    def holds_back(self, labels: Labels, *, at: datetime) -> bool:
        return self.is_active(at) and self.takes(labels)


def silenced_by(silences: Iterable[Silence], labels: Labels, *, at: datetime) -> list[Silence]:
    """Those that hold an alert of these labels back now."""
    return [silence for silence in silences if silence.holds_back(labels, at=at)]


def matchers_for(labels: Labels) -> tuple[Matcher, ...]:
    """Those that take an incident of these labels, and none unlike it.

    However grave it gets, and whoever is to be told of it by then.
    """
    return in_order(
        Matcher(name, Op.EQUAL, value)
        for name, value in labels.items()
        if value and name not in (SEVERITY, OWNER, TEAM)
    )
