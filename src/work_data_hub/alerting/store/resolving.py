"""What resolves: closes open incidents, and is remembered for what fired before and comes late."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select, update

from ..alert import ALERTNAME, MAX_INDEXED_BYTES, shortened
from ..sink import Status
from .events import are_new
from .incidents import json_text
from .tables import IS_FIRING, incidents, resolutions
from .upsert import as_text, insert

# In place of a label, where a resolution is of one fingerprint. No label can be named so.
FINGERPRINT = "(fingerprint)"
# In place of labels that are too long for a key.
SHORTENED = "(shortened)"


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
    if are_new(connection, [(event_key, None)], now=now) != [True]:
        return 0
    over_at = now if at is None else min(at, now)
    _note_resolution(connection, labels, labels.get(ALERTNAME, ""), over_at)
    firing = select(incidents.c.id, incidents.c.labels).where(IS_FIRING)
    if name := labels.get(ALERTNAME):
        firing = firing.where(incidents.c.alertname == name)
    if at is not None:
        firing = firing.where(incidents.c.fired_at <= over_at)
    ids = [id_ for id_, has in connection.execute(firing) if carries(json.loads(has), labels)]
    if ids:
        _close(connection, ids, over_at=over_at, now=now)
    return len(ids)


def resolve_one(connection: Connection, incident_id: int, *, now: float) -> None:
    """Closes this open incident and none that carries more labels; what fired before is over."""
    query = select(incidents.c.fingerprint, incidents.c.alertname)
    fingerprint, alertname = connection.execute(query.where(incidents.c.id == incident_id)).one()
    _note_resolution(connection, {FINGERPRINT: fingerprint}, alertname, now)
    _close(connection, [incident_id], over_at=now, now=now)


def _note_resolution(
    connection: Connection, labels: Mapping[str, str], alertname: str, at: float
) -> None:
    text = json_text(labels)
    is_whole = len(text.encode()) <= 2 * MAX_INDEXED_BYTES  # PostgreSQL can index no more
    row = {"labels": text, "alertname": alertname, "at": at, "whole": None}
    if not is_whole:
        row |= {"labels": json_text({SHORTENED: shortened(text)}), "whole": text}
    connection.execute(_RESOLVE, row)


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


def carries(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """All that is wanted is there; an empty value wants the label to be absent."""
    return all(labels.get(name, "") == value for name, value in wanted.items())


_new_resolution = insert(resolutions)
_RESOLVE = as_text(
    _new_resolution.on_conflict_do_update(
        index_elements=[resolutions.c.labels],
        set_={"at": _new_resolution.excluded.at},
        where=resolutions.c.at < _new_resolution.excluded.at,
    )
)
