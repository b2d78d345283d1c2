"""Incidents, as they are read. `firing` opens and updates them, `resolving` closes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, select

from ..alert import Severity
from ..matchers import Matcher, all_match
from ..sink import Incident, Status
from ..telling import StoredIncident
from ..timing import moment
from .actions import of_open, with_acknowledgements
from .tables import IS_FIRING, incidents

_READ_AT_ONCE = 500
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_DECODER = json.JSONDecoder()


def json_text(value: Mapping[str, Any]) -> str:
    """Compact and the same for equal maps, whatever their order."""
    return _ENCODER.encode(dict(value))


def from_json_text(text: str) -> Any:
    """What `json_text` wrote: no white space around it is looked for."""
    return _DECODER.raw_decode(text)[0]


def stored_incident(row: Row[Any]) -> StoredIncident:
    """A row of the table as the rest of the router knows it."""
    incident = Incident(
        fingerprint=row.fingerprint,
        labels=from_json_text(row.labels),
        annotations=from_json_text(row.annotations),
        severity=Severity(row.severity),
        status=Status(row.status),
        started_at=moment(row.started_at),
        updated_at=moment(row.updated_at),
        resolved_at=None if row.resolved_at is None else moment(row.resolved_at),
        event_count=row.event_count,
        generator_url=row.generator_url,
    )
    return StoredIncident(row.id, row.version, incident)


def listed(
    connection: Connection,
    *,
    status: Status | None = None,
    fingerprint: str | None = None,
    alertname: str | None = None,
    matchers: Sequence[Matcher] = (),
    limit: int | None = None,
) -> list[Incident]:
    """Incidents with who has acknowledged them, the newest first; all there are without a limit.

    limit: of those that match.
    """
    query = select(incidents).order_by(incidents.c.started_at.desc(), incidents.c.id.desc())
    if status is Status.FIRING:
        query = query.where(IS_FIRING)  # as its indices say it
    elif status is not None:
        query = query.where(incidents.c.status == status.value)
    if fingerprint is not None:
        query = query.where(incidents.c.fingerprint == fingerprint)
    if alertname is not None:
        query = query.where(incidents.c.alertname == alertname)
    acknowledged = of_open(connection)
    # A month of what is over is not held at once to find some of it.
    with connection.execute(query, execution_options={"yield_per": _READ_AT_ONCE}) as rows:
        stored = map(stored_incident, rows)
        found = (s for s in stored if all_match(matchers, s.incident.labels))
        return [s.incident for s in with_acknowledgements(islice(found, limit), acknowledged)]


def firing_labels(connection: Connection) -> Sequence[Mapping[str, str]]:
    """The labels of every open incident."""
    query = select(incidents.c.labels).where(IS_FIRING)
    return [json.loads(labels) for labels in connection.execute(query).scalars()]
