"""What fires: it opens an incident, or updates the one that is open.

An explicit event time decides, not the order of arrival: what fired before a resolution is over,
and a resolution closes nothing that fired after it. Without one, it happens now.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, and_, case, or_, select, text, update

from ..alert import ALERTNAME, Alert
from ..sink import Status
from .direct import execute, first_of_each
from .events import are_new
from .incidents import json_text
from .resolving import FINGERPRINT, carries
from .tables import IS_FIRING, incidents
from .upsert import as_text, insert


class Outcome(StrEnum):
    """What publishing an alert came to."""

    OPENED = "opened"
    UPDATED = "updated"
    ALREADY_OVER = "already_over"  # older than its resolution: told as a thing of the past
    REPEATED = "repeated"  # this event was published before


@dataclass(frozen=True)
class Ready:
    """An alert, and its texts as they may be stored: without secrets."""

    alert: Alert
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    event_key: str | None
    url: str | None


def publish(connection: Connection, ready: Sequence[Ready], *, now: float) -> list[Outcome]:
    """Stores what fires, in order. Few questions for many alerts: a server may be far away."""
    fingerprints = [one.alert.fingerprint for one in ready]
    keys = [one.event_key for one in ready]
    is_new = are_new(connection, list(zip(keys, fingerprints, strict=True)), now=now)
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


def _row(ready: Ready, fingerprint: str, *, now: float) -> dict[str, Any]:
    """As the table has it, were it a new incident."""
    alert = ready.alert
    at = now if alert.occurred_at is None else min(alert.occurred_at.timestamp(), now)
    return {
        "fingerprint": fingerprint,
        "alertname": ready.labels[ALERTNAME],
        "labels": json_text(ready.labels),
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
        labels = {**ready[at].labels, FINGERPRINT: rows[at]["fingerprint"]}
        later = [
            resolved_at
            for of, resolved_at in known
            if resolved_at > rows[at]["fired_at"] and carries(labels, of)
        ]
        over_at[at] = min(later, default=None)
    return over_at


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


_LATER_RESOLUTIONS = text(
    "SELECT COALESCE(whole, labels), at FROM alert_resolutions"
    " WHERE alertname IN (:alertname, '') AND at > :at"
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
