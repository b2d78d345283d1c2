"""What a sink is handed and what it gives back: the contract between dispatcher and sinks."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from .alert import Severity


class Status(StrEnum):
    """Of an incident, and of a group (firing while any of its incidents is)."""

    FIRING = "firing"
    RESOLVED = "resolved"


class Purpose(StrEnum):
    """Why this notification is sent; the dispatcher decides, the sink obeys."""

    OPEN = "open"  # first message of an episode
    UPDATE = "update"  # the state changed; edit in silence, say nothing where nothing can be edited
    NOTICE = "notice"  # must be noticed again: new incident, raised severity, reminder
    RESOLVE = "resolve"  # the episode is over


class NoticeCause(StrEnum):
    """What is behind a NOTICE; none of it where that is an end (`Kind.hears_each_end`)."""

    NEW_INCIDENT = "new_incident"
    RAISED_SEVERITY = "raised_severity"
    REMINDER = "reminder"


@dataclass(frozen=True)
class Acknowledgement:
    """Somebody has seen an incident and is at it."""

    by: str
    at: datetime
    comment: str = ""


@dataclass(frozen=True)
class Incident:
    """One open or closed problem, as stored. acknowledged: only while that stands."""

    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    severity: Severity
    status: Status
    started_at: datetime
    updated_at: datetime
    resolved_at: datetime | None
    event_count: int
    generator_url: str | None = None
    acknowledged: Acknowledgement | None = None


@dataclass(frozen=True)
class Receipt:
    """What is needed to update a delivered message later (Slack: channel and ts). Text only.

    counts: what the delivery adds to the alerts counted in the store, by label values; in the
    transaction that records it, so exactly once. They are not kept with the receipt.
    templates_failed: of the operator's, ours sent in their place; counted likewise.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    templates_failed: int = 0


@dataclass(frozen=True)
class Notification:
    """One thing to tell one integration of one receiver.

    incidents: all of the group's episode, firing first, then most grave first, then by start.
    key: stable over retries of the same content, new for every notification.
    previous: the receipt of this episode's main message, when there is one. A RESOLVE without one
    tells of something nobody was told of while it lasted, or stands where nothing can be edited.
    """

    key: str
    receiver: str
    group_key: str
    group_labels: Mapping[str, str]
    status: Status
    purpose: Purpose
    incidents: tuple[Incident, ...]
    causes: tuple[NoticeCause, ...] = ()
    previous: Receipt | None = None
    language: str = "en"
    attempt: int = 1

    @property
    def firing(self) -> tuple[Incident, ...]:
        return tuple(i for i in self.incidents if i.status is Status.FIRING)

    @property
    def severity(self) -> Severity:
        """The gravest of the firing incidents, or of all when none fires."""
        return min((i.severity for i in self.firing or self.incidents), key=lambda s: s.rank)


def alike(all_texts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Labels, or annotations, that all have with the same value; Alertmanager calls them common."""
    first, *others = all_texts
    return {n: v for n, v in first.items() if all(other.get(n) == v for other in others)}


class Deadline:
    """A point in time that a whole exchange must not pass."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    @property
    def remaining_s(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self._end - self._clock())


class AlertSink(Protocol):
    """A place that takes notifications. It formats and sends; it decides nothing.

    It is called from several threads at once, but for one that sets a pace.
    """

    @property
    def can_edit(self) -> bool:
        """A delivered message can be changed. Only such a sink is handed an UPDATE."""
        ...

    @property
    def pace_s(self) -> float:
        """Seconds that the other side wants between two messages; 0 when it does not care.

        They are this integration's own, unless the sink is one that `SharesItsPace`.
        """
        ...

    def deliver(self, notification: Notification, *, deadline: Deadline) -> Receipt:
        """Send one notification, one attempt.

        Returns what `previous` shall be next time in this episode: the receipt of its main message
        (Slack: channel and ts), the new one when a message had to be begun anew. An empty receipt
        leaves `previous` as it is.
        Raises DeliveryError when the other side did not take it.
        """
        ...


@runtime_checkable
class SharesItsPace(Protocol):
    """A sink whose pace is counted by place: whatever else is sent there keeps it too."""

    @property
    def pace_key(self) -> str:
        """The same for all that send to one place. It tells nothing of address or token."""
        ...


def pace_key(*place: str) -> str:
    """For a place that these texts name; they cannot be read from it."""
    return hashlib.blake2b("\0".join(place).encode(), digest_size=16).hexdigest()
