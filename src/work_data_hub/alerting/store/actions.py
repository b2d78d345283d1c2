"""What people did to incidents: acknowledged, took that back, closed.

An acknowledgement is of one incident, from its firing to its resolution: what fires after that is
a new one, which nobody has seen. It covers the severity that the incident had; one that gets
graver than that has not been acknowledged. The same failure once more changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, or_, select, update

from ..alert import Severity
from ..sink import Acknowledgement, Status
from ..telling import StoredIncident
from ..timing import moment
from .tables import IS_FIRING, IS_STANDING, actions, incidents


class Kind(StrEnum):
    ACKNOWLEDGED = "acknowledged"
    WITHDRAWN = "withdrawn"  # the acknowledgement was taken back
    RESOLVED = "resolved"
    REPLAYED = "replayed"  # a dead letter that told of it
    DROPPED = "dropped"


@dataclass(frozen=True)
class Action:
    """severity: what the incident had then."""

    incident_id: int
    kind: Kind
    by: str
    comment: str
    severity: Severity
    at: datetime


Acknowledged = Mapping[int, Action]


def note(
    connection: Connection, incident_id: int, kind: Kind, *, by: str, comment: str, at: float
) -> None:
    """Writes it down, with the severity of this moment.

    An acknowledgement, or its withdrawal, takes the place of an earlier one.
    """
    severity = select(incidents.c.severity).where(incidents.c.id == incident_id).scalar_subquery()
    if kind in (Kind.ACKNOWLEDGED, Kind.WITHDRAWN):
        connection.execute(_LET_GO, {"incident": incident_id})
    connection.execute(
        actions.insert().values(
            incident_id=incident_id,
            kind=kind.value,
            by=by,
            comment=comment,
            severity=severity,
            stands=kind is Kind.ACKNOWLEDGED,
            at=at,
        )
    )


def show_again(connection: Connection, incident_id: int) -> None:
    """Lets what was told of the incident be brought up to date."""
    connection.execute(
        update(incidents)
        .where(incidents.c.id == incident_id)
        .values(version=incidents.c.version + 1, changed=True)
    )


def of_open(connection: Connection) -> Acknowledged:
    """By incident: the acknowledgements of open incidents that were not taken back."""
    return {row.incident_id: _action(row) for row in connection.execute(_OF_OPEN)}


def of_fingerprint(connection: Connection, fingerprint: str) -> list[Action]:
    """Everything that was done to its incidents, in order."""
    query = (
        select(actions)
        .join(incidents, incidents.c.id == actions.c.incident_id)
        .where(incidents.c.fingerprint == fingerprint)
        .order_by(actions.c.id)
    )
    return [_action(row) for row in connection.execute(query)]


def with_acknowledgements(
    stored: Iterable[StoredIncident], acknowledged: Acknowledged
) -> list[StoredIncident]:
    """The incidents, each with the acknowledgement that stands."""
    return [
        replace(s, incident=replace(s.incident, acknowledged=standing))
        if (standing := _standing(acknowledged.get(s.id), s.incident.severity))
        else s
        for s in stored
    ]


def _standing(action: Action | None, severity: Severity) -> Acknowledgement | None:
    if action is None or severity.rank < action.severity.rank:
        return None
    return Acknowledgement(action.by, action.at, action.comment)


def _action(row: Row[Any]) -> Action:
    r = row._mapping
    return Action(
        incident_id=r["incident_id"],
        kind=Kind(r["kind"]),
        by=r["by"],
        comment=r["comment"],
        severity=Severity(r["severity"]),
        at=moment(r["at"]),
    )


_OF_OPEN = (
    select(actions)
    .join(incidents, incidents.c.id == actions.c.incident_id)
    .where(IS_STANDING, IS_FIRING)
)
_is_over = exists().where(
    incidents.c.id == actions.c.incident_id, incidents.c.status != Status.FIRING.value
)
_LET_GO = (
    update(actions)
    .where(
        IS_STANDING,
        or_(actions.c.incident_id == bindparam("incident"), _is_over),
    )
    .values(stands=False)
)
