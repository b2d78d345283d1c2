"""Why an incident was told, held back, folded into another or given up; step by step. Pure.

Everything is read from what the store kept and from alerts.yml as it is now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from .config import AlertsConfig
from .fallback import FALLBACK_ID, routes_for
from .held_back import Because, Hush, labels_text
from .own_receiver import OWN_RECEIVER
from .render import is_notice, local_time
from .route import Route, receivers_for
from .sink import Purpose, Status
from .store.actions import Kind
from .store.history import Attempt
from .store.trace import Episode, Event, Told, Trace

_SAID = {
    Purpose.OPEN: "told",
    Purpose.UPDATE: "its message was edited in silence",
    Purpose.NOTICE: "told again",
    Purpose.RESOLVE: "told that it is over",
}
_OUTCOMES = {"delivered": "", "failed": " failed, to be tried again", "dead": " failed for good"}


@dataclass(frozen=True)
class Step:
    """at: None for how things are now. where: receiver and integration, empty for all of them."""

    at: datetime | None
    where: str
    text: str


@dataclass(frozen=True)
class Explanation:
    """verdict: in a line for each who could have been told, or one for all."""

    title: str
    fingerprint: str | None
    verdict: tuple[str, ...]
    steps: tuple[Step, ...]


def explain(found: Trace | Event, config: AlertsConfig, hush: Hush) -> Explanation:
    """hush: what holds incidents back now; its `at` is the present."""
    if isinstance(found, Event):
        return _bare_event(found)
    incident = found.stored.incident
    steps = [*_beginning(found), *_routes(found, config)]
    verdict = []
    for episode in found.episodes:
        steps += _grouped(episode)
        route = config.routes_by_id().get(episode.route, config.route)
        for told in episode.told:
            now = tuple(_now(found, told, route, hush))
            steps += [*_attempts(found, told), *(Step(None, _name(told), text) for text in now)]
            verdict.append(f"{_name(told)}: {'; '.join(now)}")
    if not found.episodes:
        verdict = ["not routed yet: no dispatcher has looked at it"]
    elif not verdict:
        verdict = ["told to nobody: its receivers have no integration that is on"]
    return Explanation(
        title=labels_text(incident.labels),
        fingerprint=incident.fingerprint,
        verdict=tuple(verdict),
        steps=_in_order([*steps, *_end(found)]),
    )


def _in_order(steps: list[Step]) -> tuple[Step, ...]:
    """What happened, by time; then how things are."""
    happened = sorted((s for s in steps if s.at), key=lambda s: (s.at is None, s.at))
    return (*happened, *(s for s in steps if s.at is None))


def _bare_event(event: Event) -> Explanation:
    what = "it resolved what it was about; a resolution is not told by itself"
    if event.fingerprint is not None:
        what = f"the incident {event.fingerprint} that it was about is no longer kept"
    return Explanation(event.key, event.fingerprint, (what,), (Step(event.at, "", "received"),))


def _beginning(trace: Trace) -> Iterator[Step]:
    incident = trace.stored.incident
    if trace.event is not None:
        yield Step(trace.event.at, "", f"event {trace.event.key} was received: {_came_to(trace)}")
    late = (incident.resolved_at or trace.received_at) < trace.received_at
    yield Step(incident.started_at, "", f"it fired, severity {incident.severity}")
    if is_notice(incident):
        yield Step(None, "", "a notice: it was over as soon as it began")
    elif late:
        yield Step(trace.received_at, "", "received after its resolution: told as already over")
    if incident.event_count > 1:
        yield Step(
            incident.updated_at,
            "",
            f"{incident.event_count} events so far are this one incident; the further ones change"
            " its message and are no news",
        )
    for action in trace.actions:
        why = f": {action.comment}" if action.comment else ""
        yield Step(action.at, "", f"{action.kind.value} by {action.by}{why}")
    was_acknowledged = any(a.kind is Kind.ACKNOWLEDGED for a in trace.actions)
    if incident.acknowledged is not None:
        yield Step(None, "", f"acknowledged by {incident.acknowledged.by}: no reminders")
    elif was_acknowledged and incident.status is Status.FIRING:
        yield Step(None, "", "no acknowledgement stands: taken back, or it has got graver since")


def _came_to(trace: Trace) -> str:
    assert trace.event is not None
    incident = trace.stored.incident
    if trace.event.at > trace.received_at:
        return "folded into the incident that was open, which is no news"
    if incident.resolved_at is not None and incident.resolved_at < trace.received_at:
        return "it came after its resolution"
    return "it opened the incident"


def _routes(trace: Trace, config: AlertsConfig) -> Iterator[Step]:
    labels = trace.stored.incident.labels
    if receiver := labels.get(OWN_RECEIVER):
        yield Step(None, receiver, "it names its receiver, which no route of alerts.yml leads to")
        return
    for route in receivers_for(config.route, labels):
        names = [i.name for i in config.receivers[route.receiver].integrations]
        off = [f"{d.name} ({d.why})" for d in config.disabled if d.receiver == route.receiver]
        text = f"route {route.id} takes it; told by {', '.join(names) or 'nothing'}"
        if off:
            text += f"; off: {', '.join(off)}"
        yield Step(None, route.receiver, text)
    if any(route.id == FALLBACK_ID for route in routes_for(config, labels)):
        yield Step(None, config.fallback, "the fallback is told in the place of who cannot be")
    if trace.changed:
        yield Step(None, "", "no dispatcher has looked at its present state yet")


def _grouped(episode: Episode) -> Iterator[Step]:
    shared = f"with {episode.others} other(s)" if episode.others else "alone so far"
    over = "" if episode.active else "; this episode is over"
    text = f"group {episode.group_key}, one message for all of it, {shared}{over}"
    yield Step(None, episode.receiver, text)


def _attempts(trace: Trace, told: Told) -> Iterator[Step]:
    for attempt in told.attempts:
        if attempt.at >= trace.received_at:
            yield Step(attempt.at, _name(told), _attempt_text(attempt))


def _attempt_text(attempt: Attempt) -> str:
    if attempt.outcome == "delivered":
        return _SAID[attempt.purpose]
    why = f": {attempt.reason} {attempt.detail}" if attempt.reason else ""
    return f"attempt {attempt.attempt} ({attempt.purpose}){_OUTCOMES[attempt.outcome]}{why}"


def _now(trace: Trace, told: Told, route: Route, hush: Hush) -> Iterator[str]:
    """How things are with this integration, the main thing first."""
    said = told.said
    if told.letters:
        named = ", ".join(map(str, told.letters))
        yield f"given up: dead letter {named}; `wdh alerts dead-letters replay {named}` retries"
    elif said is not None and said.status is not None and _is_given_up(told):
        yield "given up, and the dead letter was dropped"
    elif said is not None and said.status is not None:
        yield _last_word(trace, told, said.status)
    elif said is not None and trace.stored.incident.status is Status.RESOLVED:
        yield "held back until it was over, and so not told"
    else:
        yield from _not_told(trace, told, route, hush)
        return
    yield from _held_back(trace, route, hush)
    yield from _hindered(told, hush)


def _is_given_up(told: Told) -> bool:
    """What was to be said last never was, though it counts as said: so it is not tried again."""
    return bool(told.attempts) and told.attempts[-1].outcome == "dead"


def _last_word(trace: Trace, told: Told, said: Status) -> str:
    if said is Status.RESOLVED:
        return _SAID[Purpose.RESOLVE]
    if trace.stored.incident.status is Status.FIRING:
        return "told; what it heard last is that it fires"
    if trace.changed:
        return "told; not yet that it is over"
    if told.due_at is None:
        return "told; it hears nothing of the end"
    return f"told; that it is over waits until {local_time(told.due_at)}"


def _not_told(trace: Trace, told: Told, route: Route, hush: Hush) -> Iterator[str]:
    reasons = [*_held_back(trace, route, hush), *_hindered(told, hush)]
    yield from reasons
    if told.due_at is None:
        yield "nothing is to come"
    elif told.due_at > hush.at:
        yield f"{'looked at again' if reasons else 'waits to be told'} {local_time(told.due_at)}"
    elif not reasons:
        yield f"due since {local_time(told.due_at)}; no dispatcher has taken it"


def _held_back(trace: Trace, route: Route, hush: Hush) -> Iterator[str]:
    if trace.stored.incident.status is Status.RESOLVED:
        return
    for reason in hush.reasons(trace.stored.incident, route):
        until = reason.until
        if reason.because is Because.MUTED:
            until = hush.quiet_until(route)
        ends = f", until {local_time(until)}" if until else ""
        yield f"{reason.because.value}: {reason.text}{ends}"


def _hindered(told: Told, hush: Hush) -> Iterator[str]:
    health = told.health
    if told.attempts_failed and not told.ended:
        when = max(told.not_before, hush.at)
        yield f"{told.attempts_failed} attempt(s) failed; tried again {local_time(when)}"
    if health is not None and health.parked:
        yield "parked: it refuses our credentials, or wants nothing more; nothing is sent to it"
    elif health is not None and health.failures:
        yield f"it has failed {health.failures} time(s) in a row, and rests between attempts"


def _end(trace: Trace) -> Iterator[Step]:
    incident = trace.stored.incident
    if incident.resolved_at is not None and not is_notice(incident):
        yield Step(incident.resolved_at, "", "it was over")


def _name(told: Told) -> str:
    return f"{told.receiver} {told.integration}"
