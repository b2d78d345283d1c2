"""Incidents: opened and updated by what fires, closed by what resolves.

An explicit event time decides, not the order of arrival: what fired before a resolution is over,
and a resolution closes nothing that fired after it. Without one, it happens now.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, and_, case, or_, select, text, update

from ..alert import ALERTNAME, MAX_INDEXED_BYTES, Alert, Severity, shortened
from ..sink import Incident, Status
from ..telling import StoredIncident
from ..timing import moment
from .actions import of_open, with_acknowledgements
from .direct import execute, first_of_each
from .tables import IS_FIRING, events, incidents, resolutions
from .upsert import as_text, insert

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_DECODER = json.JSONDecoder()

# In place of a label, where a resolution is of one fingerprint. No label can be named so.
_FINGERPRINT = "(fingerprint)"


class Outcome(StrEnum):
    """What publishing an alert came to."""

    OPENED = "opened"
    UPDATED = "updated"
    ALREADY_OVER = "already_over"  # older than its resolution: told as a thing of the past
    REPEATED = "repeated"  # this event was published before


@dataclass(frozen=True)
class Ready:
    """An alert with its annotations and URL as they may be stored."""

    alert: Alert
    annotations: Mapping[str, str]
    url: str | None


def publish(connection: Connection, ready: Sequence[Ready], *, now: float) -> list[Outcome]:
    """Stores what fires, in order. Few questions for many alerts: a server may be far away."""
    fingerprints = [one.alert.fingerprint for one in ready]
    is_new = _are_new(connection, [one.alert for one in ready], fingerprints, now=now)
    rows = [
        _row(one, fingerprint, now=now)
        for one, fingerprint in zip(ready, fingerprints, strict=True)
    ]
    over_at = _over_at(connection, ready, rows)
    outcomes = [Outcome.REPEATED] * len(ready)
    firing: list[int] = []
    for at, row in enumerate(rows):
        if not is_new[at]:
            continue
        if over_at[at] is None:
            firing.append(at)
            continue
        _fire(connection, rows, firing, outcomes)  # what comes later is folded into what was open
        firing = []
        if not _fold_in(connection, row["fingerprint"], row["fired_at"]):
            over = {"status": Status.RESOLVED.value, "resolved_at": over_at[at]}
            connection.execute(incidents.insert(), row | over)
        outcomes[at] = Outcome.ALREADY_OVER
    _fire(connection, rows, firing, outcomes)
    return outcomes


def resolve(
    connection: Connection,
    labels: Mapping[str, str],
    *,
    at: float | None,
    event_key: str | None,
    now: float,
) -> int:
    """Closes every open incident that carries these labels; gives how many.

    labels: one with an empty value is carried by what has no such label.
    at: when it was over; what fired later stays open. None: now, whatever has fired.
    """
    if event_key is not None:
        (event,) = first_of_each(connection, _EVENT, [_event(event_key, now, None)])
        if event is None:
            return 0
    over_at = now if at is None else min(at, now)
    _note_resolution(connection, labels, labels.get(ALERTNAME, ""), over_at)
    firing = select(incidents.c.id, incidents.c.labels).where(IS_FIRING)
    if name := labels.get(ALERTNAME):
        firing = firing.where(incidents.c.alertname == name)
    if at is not None:
        firing = firing.where(incidents.c.fired_at <= over_at)
    ids = [id_ for id_, has in connection.execute(firing) if _carries(json.loads(has), labels)]
    if ids:
        _close(connection, ids, over_at=over_at, now=now)
    return len(ids)


def resolve_one(connection: Connection, incident_id: int, *, now: float) -> None:
    """Closes this open incident and none that carries more labels; what fired before is over."""
    query = select(incidents.c.fingerprint, incidents.c.alertname)
    fingerprint, alertname = connection.execute(query.where(incidents.c.id == incident_id)).one()
    _note_resolution(connection, {_FINGERPRINT: fingerprint}, alertname, now)
    _close(connection, [incident_id], over_at=now, now=now)


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
    limit: int = 1_000,
) -> list[Incident]:
    """Incidents with who has acknowledged them, the newest first."""
    query = select(incidents).order_by(incidents.c.started_at.desc(), incidents.c.id.desc())
    if status is Status.FIRING:
        query = query.where(IS_FIRING)  # as its indices say it
    elif status is not None:
        query = query.where(incidents.c.status == status.value)
    if fingerprint is not None:
        query = query.where(incidents.c.fingerprint == fingerprint)
    if alertname is not None:
        query = query.where(incidents.c.alertname == alertname)
    stored = (stored_incident(row) for row in connection.execute(query.limit(limit)))
    return [s.incident for s in with_acknowledgements(stored, of_open(connection))]


def firing_labels(connection: Connection) -> Sequence[Mapping[str, str]]:
    """The labels of every open incident."""
    query = select(incidents.c.labels).where(IS_FIRING)
    return [json.loads(labels) for labels in connection.execute(query).scalars()]


def _row(ready: Ready, fingerprint: str, *, now: float) -> dict[str, Any]:
    """As the table has it, were it a new incident."""
    alert = ready.alert
    at = now if alert.occurred_at is None else min(alert.occurred_at.timestamp(), now)
    return {
        "fingerprint": fingerprint,
        "alertname": alert.name,
        "labels": json_text(alert.labels),
        "annotations": json_text(ready.annotations),
        "generator_url": ready.url,
        "severity": alert.severity.value,
        "status": Status.FIRING.value,
        "started_at": at,
        "received_at": now,
        "fired_at": at,
        "updated_at": now,
        "resolved_at": None,
        "event_count": 1,
        "version": 1,
        "changed": True,
    }


def _fire(
    connection: Connection,
    rows: Sequence[Mapping[str, Any]],
    firing: Sequence[int],
    outcomes: list[Outcome],
) -> None:
    """Opens or updates the incidents of these rows, and notes what came of each."""
    counts = first_of_each(connection, _FIRE, [rows[at] for at in firing])
    for at, count in zip(firing, counts, strict=True):
        outcomes[at] = Outcome.OPENED if count == (1,) else Outcome.UPDATED


def _are_new(
    connection: Connection, alerts: Sequence[Alert], fingerprints: Sequence[str], *, now: float
) -> list[bool]:
    """Which of these events were not published before; one without a key is new."""
    keyed = [at for at, alert in enumerate(alerts) if alert.event_key is not None]
    events = [_event(alerts[at].event_key or "", now, fingerprints[at]) for at in keyed]
    is_new = [True] * len(alerts)
    for at, found in zip(keyed, first_of_each(connection, _EVENT, events), strict=True):
        is_new[at] = found is not None
    return is_new


def _event(key: str, now: float, fingerprint: str | None) -> dict[str, Any]:
    return {"key": shortened(key), "at": now, "fingerprint": fingerprint}


def _note_resolution(
    connection: Connection, labels: Mapping[str, str], alertname: str, at: float
) -> None:
    text = json_text(labels)
    # PostgreSQL can index no more: what fires late is told then, though it is over.
    if len(text.encode()) <= 2 * MAX_INDEXED_BYTES:
        connection.execute(_RESOLVE, {"labels": text, "alertname": alertname, "at": at})


def _close(connection: Connection, ids: Sequence[int], *, over_at: float, now: float) -> None:
    connection.execute(
        update(incidents)
        .where(incidents.c.id.in_(ids))
        .values(
            status=Status.RESOLVED.value,
            resolved_at=over_at,
            updated_at=now,
            version=incidents.c.version + 1,
            changed=True,
        )
    )


def _over_at(
    connection: Connection, ready: Sequence[Ready], rows: Sequence[Mapping[str, Any]]
) -> list[float | None]:
    """When what fired at a time of its own was over: at the first later resolution of its labels.

    None for what is not over, and for what fires now.
    """
    dated = [at for at, one in enumerate(ready) if one.alert.occurred_at is not None]
    over_at: list[float | None] = [None] * len(ready)
    if not dated:
        return over_at
    names = {rows[at]["alertname"] for at in dated}
    since = min(rows[at]["fired_at"] for at in dated)
    known: list[tuple[Mapping[str, str], float]] = []
    for name in names:
        found = execute(connection, _LATER_RESOLUTIONS, {"alertname": name, "at": since})
        known += [(json.loads(labels), resolved_at) for labels, resolved_at in found]
    for at in dated if known else ():
        labels = {**ready[at].alert.labels, _FINGERPRINT: rows[at]["fingerprint"]}
        later = [
            resolved_at
            for of, resolved_at in known
            if resolved_at > rows[at]["fired_at"] and _carries(labels, of)
        ]
        over_at[at] = min(later, default=None)
    return over_at


def _carries(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """All that is wanted is there; an empty value wants the label to be absent."""
    return all(labels.get(name, "") == value for name, value in wanted.items())


def _fold_in(connection: Connection, fingerprint: str, at: float) -> bool:
    """Counts a late event where its incident is told of anyway: it was open then, or is open now.

    False where there is no such incident.
    """
    i = incidents.c
    covering = (
        select(i.id)
        .where(
            i.fingerprint == fingerprint,
            or_(and_(i.started_at <= at, i.resolved_at >= at), IS_FIRING),
        )
        .order_by(i.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    counted = update(incidents).where(i.id == covering).values(event_count=i.event_count + 1)
    return connection.execute(counted).rowcount == 1


_EVENT = as_text(insert(events).on_conflict_do_nothing().returning(events.c.at))

_LATER_RESOLUTIONS = text(
    "SELECT labels, at FROM alert_resolutions WHERE alertname IN (:alertname, '') AND at > :at"
)

_new_resolution = insert(resolutions)
_RESOLVE = as_text(
    _new_resolution.on_conflict_do_update(
        index_elements=[resolutions.c.labels],
        set_={"at": _new_resolution.excluded.at},
        where=resolutions.c.at < _new_resolution.excluded.at,
    )
)

_fired = insert(incidents)
_is_latest = _fired.excluded.fired_at >= incidents.c.fired_at
_FIRE = as_text(
    _fired.on_conflict_do_update(
        index_elements=[incidents.c.fingerprint],
        index_where=IS_FIRING,
        set_={
            **{
                name: case((_is_latest, _fired.excluded[name]), else_=incidents.c[name])
                for name in ("labels", "annotations", "generator_url", "severity", "fired_at")
            },
            "started_at": case(
                (_fired.excluded.started_at < incidents.c.started_at, _fired.excluded.started_at),
                else_=incidents.c.started_at,
            ),
            "updated_at": _fired.excluded.updated_at,
            "event_count": incidents.c.event_count + text("1"),
            "version": incidents.c.version + text("1"),
            "changed": text("TRUE"),
        },
    ).returning(incidents.c.event_count)
)
