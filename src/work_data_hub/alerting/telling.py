"""What to tell next: what one integration has been told of a group, against what is so now. Pure.

Nothing is queued. While a sink is away the group goes on changing, and what is told afterwards is
the state of that moment, in one message.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from .alert import Severity
from .sink import Incident, NoticeCause, Purpose, Status

_ENCODER = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True)
class StoredIncident:
    """An incident with its row and its version, which every change raises."""

    id: int
    version: int
    incident: Incident


@dataclass(frozen=True)
class ToldIncident:
    """What was last said of one fingerprint.

    status: None where nothing was said, for it was held back.
    rank: the gravest severity said in this episode.
    """

    id: int
    version: int
    status: Status | None
    rank: int


Told = Mapping[str, ToldIncident]


@dataclass(frozen=True)
class Decision:
    """What to tell, None for nothing; ended: the episode is over and needs no further word."""

    purpose: Purpose | None
    causes: tuple[NoticeCause, ...] = ()
    ended: bool = False


def decide(
    told: Told,
    incidents: Sequence[StoredIncident],
    *,
    quiet: Collection[str] = frozenset(),
    opened: bool,
    reminder_due: bool,
    can_edit: bool,
    send_resolved: bool,
    hears_each_end: bool = False,
) -> Decision:
    """What an integration must be told of a group now.

    told, opened: what it was told in this episode, and whether any message of it was taken.
    quiet: fingerprints of those that are shown as they are, and of which nothing is news.
    hears_each_end: it is told of each end, once, also while others of the group fire.
    An incident that came and went untold is told all the same, even with send_resolved off.
    """
    causes = _causes(told, (s for s in incidents if s.incident.fingerprint not in quiet))
    if all(stored.incident.status is Status.RESOLVED for stored in incidents):
        untold = NoticeCause.NEW_INCIDENT in causes
        open_in_word = any(said.status is Status.FIRING for said in told.values())
        wanted = untold or (send_resolved and open_in_word)
        return Decision(Purpose.RESOLVE if wanted else None, ended=True)
    if reminder_due:
        causes = (*causes, NoticeCause.REMINDER)
    if causes:
        return Decision(Purpose.NOTICE, causes) if opened else Decision(Purpose.OPEN)
    hears_ends = opened and hears_each_end and send_resolved
    loud = (s for s in incidents if s.incident.fingerprint not in quiet)
    if hears_ends and any(_is_end(told, stored) for stored in loud):
        return Decision(Purpose.NOTICE)
    changed = any(_is_changed(told, stored) for stored in incidents)
    return Decision(Purpose.UPDATE if changed and can_edit and opened else None)


def _causes(told: Told, incidents: Iterable[StoredIncident]) -> tuple[NoticeCause, ...]:
    found = {cause for stored in incidents if (cause := _cause(told, stored))}
    return tuple(cause for cause in NoticeCause if cause in found)


def _cause(told: Told, stored: StoredIncident) -> NoticeCause | None:
    said = told.get(stored.incident.fingerprint)
    fires = stored.incident.status is Status.FIRING
    if said is None:
        return NoticeCause.NEW_INCIDENT
    if said.status is not Status.FIRING and (fires or said.id != stored.id):
        return NoticeCause.NEW_INCIDENT
    if fires and stored.incident.severity.rank < said.rank:
        return NoticeCause.RAISED_SEVERITY
    return None


def _is_end(told: Told, stored: StoredIncident) -> bool:
    """It is over, and the last word was that it fires."""
    said = told[stored.incident.fingerprint]
    return said.status is Status.FIRING and stored.incident.status is Status.RESOLVED


def _is_changed(told: Told, stored: StoredIncident) -> bool:
    said = told[stored.incident.fingerprint]
    return (said.id, said.version) != (stored.id, stored.version)


def after_telling(
    told: Told, incidents: Iterable[StoredIncident], *, quiet: Collection[str] = frozenset()
) -> Told:
    """What has been told once a notification over these incidents was taken.

    quiet: as for `decide`; how grave they have become has yet to be said.
    """
    after = dict(told)
    for stored in incidents:
        said = told.get(stored.incident.fingerprint)
        rank = stored.incident.severity.rank
        if said is not None:
            is_quiet = stored.incident.fingerprint in quiet
            rank = said.rank if is_quiet else min(rank, said.rank)
        after[stored.incident.fingerprint] = ToldIncident(
            stored.id, stored.version, stored.incident.status, rank
        )
    return after


def passing_over(told: Told, held: Iterable[StoredIncident]) -> Told:
    """What has been told, with these noted as held back."""
    rank = len(Severity)
    noted = {s.incident.fingerprint: ToldIncident(s.id, s.version, None, rank) for s in held}
    return {**told, **noted}


def was_told(told: Told, stored: StoredIncident) -> bool:
    """Something was said of this very incident, not only of an earlier one like it."""
    said = told.get(stored.incident.fingerprint)
    return said is not None and said.id == stored.id and said.status is not None


def is_told_as_over(told: Told, stored: StoredIncident) -> bool:
    """The last word on this very incident was that it is over."""
    said = told.get(stored.incident.fingerprint)
    return said is not None and said.id == stored.id and said.status is Status.RESOLVED


def latest_of_each(incidents: Iterable[StoredIncident]) -> list[StoredIncident]:
    """One for each fingerprint, its latest; firing first, then most grave, then by start."""
    latest: dict[str, StoredIncident] = {}
    for stored in sorted(incidents, key=lambda s: s.id):
        latest[stored.incident.fingerprint] = stored
    return sorted(
        latest.values(),
        key=lambda s: (
            s.incident.status is not Status.FIRING,
            s.incident.severity.rank,
            s.incident.started_at,
            s.id,
        ),
    )


def told_to_text(told: Told) -> str:
    """Compact JSON, for the store."""
    return _ENCODER.encode({fp: [t.id, t.version, t.status, t.rank] for fp, t in told.items()})


def told_from_text(text: str) -> Told:
    return {
        fp: ToldIncident(id_, version, status and Status(status), rank)
        for fp, (id_, version, status, rank) in json.loads(text).items()
    }
