"""Why something is not told at a moment: inhibited, out of hours, silenced, or a Watchdog that does
not beat. Pure.

The one place that says so: the dispatcher acts on it, `wdh alerts explain` shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from .alert import ALERTNAME, SEVERITY
from .inhibition import InhibitRule, inhibited_by
from .matchers import Labels, text_of
from .route import Route
from .silences import Silence, silenced_by
from .sink import Incident
from .time_intervals import Intervals, why_quiet
from .watchdog import is_stale, is_watchdog

# How far `quiet_until` looks.
_FORESEEN = timedelta(days=8)


class Because(StrEnum):
    INHIBITED = "inhibited"
    MUTED = "muted"
    SILENCED = "silenced"
    STALE = "stale"


@dataclass(frozen=True)
class HeldBack:
    """text: by what, in words. until: when a silence ends; the others end when they end."""

    because: Because
    text: str
    until: datetime | None = None


@dataclass(frozen=True)
class Hush:
    """Everything that can hold an incident back at one moment.

    firing: labels of what fires. silences: those in force, and those that were of late: what came
    and went under one is not told after it.
    """

    at: datetime
    rules: Sequence[InhibitRule] = ()
    firing: Sequence[Labels] = ()
    silences: Sequence[Silence] = ()
    intervals: Intervals = field(default_factory=dict)

    def reasons(self, incident: Incident, route: Route) -> Iterator[HeldBack]:
        """All that hold it back now on this route, in the order Alertmanager asks; none: told."""
        if is_watchdog(incident.labels) and is_stale(incident.updated_at, now=self.at):
            beat_at = incident.updated_at.isoformat(timespec="seconds")
            yield HeldBack(Because.STALE, f"it has not beaten since {beat_at}")
        source = inhibited_by(self.rules, incident.labels, self.firing)
        if source is not None:
            yield HeldBack(Because.INHIBITED, f"{labels_text(source)} fires, which says it already")
        if quiet := self._quiet(route, self.at):
            yield HeldBack(Because.MUTED, f"the route {route.id} is {quiet}")
        for silence in self._silences(incident):
            yield HeldBack(Because.SILENCED, silence_text(silence), silence.ends_at)

    def is_held_back(self, incident: Incident, route: Route) -> bool:
        return next(self.reasons(incident, route), None) is not None

    def quiet_until(self, route: Route) -> datetime | None:
        """When the route's time intervals let it tell again; None for not within a week."""
        minute = self.at.replace(second=0, microsecond=0)
        while minute < self.at + _FORESEEN:
            minute += timedelta(minutes=1)
            if self._quiet(route, minute) is None:
                return minute
        return None

    def _quiet(self, route: Route, at: datetime) -> str | None:
        mute, active = route.mute_time_intervals, route.active_time_intervals
        if not mute and not active:
            return None
        return why_quiet(mute=mute, active=active, intervals=self.intervals, at=at)

    def _silences(self, incident: Incident) -> list[Silence]:
        if not self.silences:
            return []
        found = silenced_by(self.silences, incident.labels, at=self.at)
        if not found and incident.resolved_at is not None:
            found = silenced_by(self.silences, incident.labels, at=incident.resolved_at)
        return found


def labels_text(labels: Mapping[str, str]) -> str:
    """`RunFailed {job="daily"}`: what it is called, and what tells it from others."""
    rest = {name: value for name, value in labels.items() if name not in (ALERTNAME, SEVERITY)}
    inside = ", ".join(f'{name}="{value}"' for name, value in sorted(rest.items()) if value)
    return f"{labels.get(ALERTNAME, '')} {{{inside}}}"


def silence_text(silence: Silence) -> str:
    """`silence 3f2a {job="daily"} of anna (upgrade)`"""
    by = f" of {silence.created_by}" if silence.created_by else ""
    why = f" ({silence.comment})" if silence.comment else ""
    return f"silence {silence.id} {text_of(silence.matchers)}{by}{why}"
