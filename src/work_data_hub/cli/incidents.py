"""`wdh alerts list|show|history|ack|resolve`: incidents, and what people do about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .alert_router import alert_desk, alert_store
from .errors import Mistake
from .options import By, Comment, Json

if TYPE_CHECKING:
    from ..alerting.matchers import Matcher
    from ..alerting.silences import Silence
    from ..alerting.sink import Incident
    from ..alerting.store.store import Store

# Of what is over too: a month of it is more than anybody reads.
MOST_LISTED = 1_000

Fingerprint = Annotated[
    str, typer.Argument(help="Of an incident, as `wdh alerts list` shows it; may be abbreviated.")
]
Fingerprints = Annotated[list[str], typer.Argument(help="Of incidents; each may be abbreviated.")]
Matchers = Annotated[
    list[str] | None, typer.Argument(help="job=daily severity=~'critical|warning' ...")
]


def list_incidents(
    matchers: Matchers = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that are over: the newest 1,000 that match.")
    ] = False,
    as_json: Json = False,
) -> None:
    """The incidents that are open, the newest first; with matchers, those that have the labels."""
    show_incidents(
        title="Incidents" if everything else "Open incidents",
        matchers=matchers,
        everything=everything,
        as_json=as_json,
    )


def show_incidents(
    *,
    title: str,
    matchers: list[str] | None = None,
    everything: bool = False,
    as_json: bool = False,
) -> None:
    """The table of `wdh alerts list`."""
    from ..alerting.sink import Status
    from ..alerting.store.desk import Desk
    from ..alerting.timing import utc_now
    from .console import show_json, show_table

    wanted = parsed(matchers or [])
    now = utc_now()
    with alert_store() as store:
        found = store.incidents(
            status=None if everything else Status.FIRING,
            matchers=wanted,
            limit=MOST_LISTED if everything else None,
        )
        silences = Desk(store.database).silences(at=now)
    if as_json:
        show_json([document(incident) for incident in found])
        return
    show_table(
        title,
        ["fingerprint", "severity", "alert", "labels", "since", "times", "state", "summary"],
        [
            (
                incident.fingerprint,
                incident.severity.value,
                incident.labels["alertname"],
                _labels(incident),
                _short_time(incident.started_at),
                incident.event_count,
                _state(incident, silences, now),
                incident.annotations.get("summary", "").split("\n")[0][:200],
            )
            for incident in found
        ],
        right=["times"],
    )


def parsed(texts: list[str]) -> tuple[Matcher, ...]:
    """Matchers as they are typed; the first may be an alert's name alone, as for amtool."""
    from ..alerting.matchers import parse_one, quoted

    found = []
    for i, text in enumerate(texts):
        is_name = i == 0 and not set(text) & set('=!~{}" ')
        try:
            found.append(parse_one(f"alertname={quoted(text)}" if is_name else text))
        except ValueError as err:
            raise Mistake(str(err)) from None
    return tuple(found)


def show(fingerprint: Fingerprint, as_json: Json = False) -> None:
    """Everything known of an incident, its texts whole."""
    from .console import console, show_json, show_table

    with alert_desk() as desk:
        incident = desk.incident(fingerprint)
    if as_json:
        show_json(document(incident))
        return
    show_table(f"Incident {incident.fingerprint}", ["", ""], _facts(incident))
    for name, text in sorted(incident.annotations.items()):
        console().print(f"[bold]{name}[/bold]")
        # As it is: to be copied, or searched through a pipe.
        console().print(text, markup=False, soft_wrap=True)


def history(fingerprint: Fingerprint, as_json: Json = False) -> None:
    """What happened to an incident, in order: fired, told, acknowledged, resolved."""
    from .console import show_json, show_table

    with alert_store() as store:
        entries = _entries(store, fingerprint)
    if as_json:
        show_json(entries)
        return
    show_table(
        f"History of {fingerprint}",
        ["when", "what", "who", "about"],
        [(time_text(e["at"]), e["what"], e["who"], e["about"]) for e in entries],
    )


def ack(
    fingerprints: Fingerprints,
    by: By,
    comment: Comment = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take it back.")] = False,
    as_json: Json = False,
) -> None:
    """Say that somebody is at it: no more reminders, and everybody sees who and since when.

    It holds until the incident is resolved or gets graver. The same failure once more does not
    undo it; what fires after it was resolved is a new incident.
    """
    from ..alerting.timing import utc_now

    with alert_desk() as desk:
        act = desk.withdraw if undo else desk.acknowledge
        done = [act(name, by=by, comment=comment, at=utc_now()) for name in fingerprints]
    what = "no longer acknowledged" if undo else f"acknowledged by {by}"
    _show_done(done, what, as_json=as_json)


def resolve(
    fingerprints: Fingerprints, by: By, comment: Comment = "", as_json: Json = False
) -> None:
    """Close an incident that nothing else will close. If it fires again, it is a new one."""
    from ..alerting.timing import utc_now

    with alert_desk() as desk:
        done = [desk.resolve(name, by=by, comment=comment, at=utc_now()) for name in fingerprints]
    _show_done(done, "resolved", as_json=as_json)


def document(incident: Incident) -> dict[str, Any]:
    """As `--json` gives it."""
    seen = incident.acknowledged
    return {
        **{name: getattr(incident, name) for name in ("fingerprint", "severity", "status")},
        "labels": dict(incident.labels),
        "annotations": dict(incident.annotations),
        "started_at": incident.started_at,
        "resolved_at": incident.resolved_at,
        "event_count": incident.event_count,
        "url": incident.generator_url,
        "acknowledged": seen and {"by": seen.by, "at": seen.at, "comment": seen.comment},
    }


def time_text(at: datetime) -> str:
    """As in messages: Shanghai's time."""
    from ..alerting.render import local_time

    return local_time(at)


def _facts(incident: Incident) -> Iterator[tuple[str, object]]:
    yield from sorted(incident.labels.items())
    yield "status", incident.status.value
    yield "fired", time_text(incident.started_at)
    if incident.resolved_at is not None:
        yield "over", time_text(incident.resolved_at)
    yield "times", incident.event_count
    if seen := incident.acknowledged:
        why = f": {seen.comment}" if seen.comment else ""
        yield "acknowledged", f"{seen.by}, {time_text(seen.at)}{why}"
    if incident.generator_url:
        yield "url", incident.generator_url


def _entries(store: Store, fingerprint: str) -> list[dict[str, Any]]:
    from ..alerting.store.desk import Desk

    desk = Desk(store.database)
    whole = desk.incident(fingerprint).fingerprint
    found = [
        *(entry for i in store.incidents(fingerprint=whole) for entry in _course(i)),
        *(_entry(a.at, a.kind.value, a.by, a.comment) for a in desk.actions(whole)),
        *(
            _entry(
                a.at,
                f"{a.purpose} {a.outcome}",
                f"{a.receiver} {a.integration}",
                a.detail or f"attempt {a.attempt}, {a.latency_s:.2f} s",
            )
            for a in store.attempts(whole)
        ),
    ]
    return sorted(found, key=lambda entry: entry["at"])


def _course(incident: Incident) -> Iterator[dict[str, Any]]:
    summary = incident.annotations.get("summary", "").split("\n")[0]
    yield _entry(incident.started_at, "fired", "", f"{incident.severity} {summary}".strip())
    if incident.event_count > 1:
        times = f"{incident.event_count} times by then"
        yield _entry(incident.updated_at, "fired again", "", times)
    if incident.resolved_at is not None:
        yield _entry(incident.resolved_at, "over", "", "")


def _entry(at: datetime, what: str, who: str, about: str) -> dict[str, Any]:
    return {"at": at, "what": what, "who": who, "about": about}


def _show_done(done: list[Incident], what: str, *, as_json: bool) -> None:
    from .console import console, show_json

    if as_json:
        show_json([document(incident) for incident in done])
        return
    for incident in done:
        console().print(f"{incident.labels['alertname']} {incident.fingerprint}: {what}")


def _labels(incident: Incident) -> str:
    shown = {k: v for k, v in incident.labels.items() if k not in ("alertname", "severity")}
    return "\n".join(f"{name}={value}" for name, value in sorted(shown.items()) if value)


def _state(incident: Incident, silences: Sequence[Silence], now: datetime) -> str:
    from ..alerting.silences import silenced_by
    from ..alerting.sink import Status

    if incident.status is Status.RESOLVED:
        return "over"
    states = [
        f"silenced until {_short_time(s.ends_at)}"
        for s in silenced_by(silences, incident.labels, at=now)
    ]
    if seen := incident.acknowledged:
        states.append(f"acknowledged by {seen.by}, {_short_time(seen.at)}")
    return "\n".join(states)


def _short_time(at: datetime) -> str:
    return time_text(at)[5:16]
