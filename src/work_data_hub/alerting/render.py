"""A notification as a neutral message: what to say, in which order, in which language.

Sinks lay it out in their own form. Alert text is data here: never a template, never markup, free
of control characters, terminal colours and text-direction tricks. Nothing is cut to a vendor's
limit; that is the sink's part.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from .alert import ALERTNAME, SEVERITY, Severity
from .matchers import LABEL_NAME
from .message import Field, IncidentLine, IncidentText, Link, Message, Section
from .own_receiver import SLACK_BLOCKS
from .plain_text import one_line, plain
from .redact import MASK, without_userinfo
from .silences import matchers_for
from .sink import Incident, NoticeCause, Notification, Purpose, Status
from .wording import EN, LANGUAGES, Words

ZONE = ZoneInfo("Asia/Shanghai")

ICONS = {Severity.CRITICAL: "🔴", Severity.WARNING: "🟠", Severity.INFO: "🔵"}
RESOLVED_ICON = "✅"

MAX_TITLE_CHARS = 150
MAX_PLACE_CHARS = 80
MAX_REASON_CHARS = 90
MAX_VALUE_CHARS = 2_000
MAX_EXTRA_FIELDS = 12
# A command that is longer is not copied by anybody, and one that is cut is of no use.
MAX_COMMAND_CHARS = 250
MAX_OTHERS = 25

# Shown as fields, in this order; every other label follows, then annotations nobody knows.
_FIELDS = (
    *("job", "step", "partition", "schedule", "sensor", "asset_key", "check", "domain"),
    *("file", "files", "daemon", "last_heartbeat", "round", "receiver", "integration"),
    *("undelivered", "dead_letter", "group", "error_class", "reason", "owner", "team"),
    *("attempt", "backfill", "assets", "found_by", "location", "run_id", "root_run_id"),
    "wdh_receiver",
)
# Annotations that may come in several languages.
_SPOKEN = ("summary", "next_step", "changes")
# Annotations with a place of their own.
_PLACED = frozenset(
    {
        *("error", "log_excerpt", "run_url", "runbook_url", SLACK_BLOCKS, *_FIELDS, *_SPOKEN),
        *(f"{name}_{code}" for name in _SPOKEN for code in LANGUAGES),
    }
)
# What names the place in a title: the first group of which the incident has any label.
_PLACES = (
    ("job", "step", "partition"),
    ("schedule",),
    ("sensor",),
    ("asset_key", "check"),
    ("domain", "file"),
    ("receiver", "integration"),
    ("daemon",),
    ("round",),
    ("file",),
    ("location",),
)

_WEB_ADDRESS = re.compile(r"https?://[^\s<>|\"]+\Z", re.IGNORECASE)


def message(notification: Notification) -> Message:
    """What to say. An unknown language is spoken as English."""
    words = LANGUAGES.get(notification.language, EN)
    first, *others = in_order(notification)
    return Message(
        status=notification.status,
        severity=notification.severity,
        title=_title(notification, first, words),
        first=incident_text(first, words),
        others=tuple(
            _line(other, words, shared=notification.group_labels) for other in others[:MAX_OTHERS]
        ),
        more=max(0, len(others) - MAX_OTHERS),
        footer=words.separator.join(
            (words.severities[notification.severity], f"{words.incident} {first.fingerprint}")
        ),
        words=words,
        silence=Section(words.silence, silence_command(first), code=True)
        if first.status is Status.FIRING
        else None,
    )


def silence_command(incident: Incident) -> str:
    """What to type, on one line: by its labels, or by its name where they do not fit on it."""
    matchers = shlex.join(map(str, matchers_for(incident.labels)))
    # What a chat would write differently, or a shell could not be given on one line.
    is_plain = one_line(matchers) == matchers and not set(matchers) & set("&<>`")
    is_named = all(map(LABEL_NAME.fullmatch, incident.labels))
    if not is_plain or not is_named or len(matchers) > MAX_COMMAND_CHARS:
        matchers = f"--incident {incident.fingerprint}"
    return f"wdh alerts silence add {matchers} --for 2h"


def incident_text(incident: Incident, words: Words) -> IncidentText:
    """One incident in words. What is over needs no next step, no changes and no log."""
    notes = incident.annotations
    sections = [Section(words.error, plain(notes.get("error", "")), code=True)]
    if incident.status is Status.FIRING:
        sections = [
            Section(words.next_step, spoken(notes, "next_step", words)),
            *sections,
            Section(words.changes, spoken(notes, "changes", words), code=True, brief=True),
            Section(words.log, plain(notes.get("log_excerpt", "")), code=True, keep_end=True),
        ]
    return IncidentText(
        summary=spoken(notes, "summary", words),
        fields=tuple(_fields(incident, words)),
        sections=tuple(section for section in sections if section.text),
        links=tuple(_links(incident, words)),
    )


def spoken(notes: Mapping[str, str], name: str, words: Words) -> str:
    """An annotation that may come in several languages, in this one where it does."""
    return plain(notes.get(f"{name}_{words.code}") or notes.get(name, ""))


def web_address(text: str) -> str:
    """A link that opens, without user and password; empty for what is none."""
    address = without_userinfo(text.strip())
    return address if _opens(address) else ""


def is_notice(incident: Incident) -> bool:
    """It was over as soon as it began, such as a success: nothing was ever wrong."""
    return incident.resolved_at is not None and incident.resolved_at <= incident.started_at


def local_time(at: datetime) -> str:
    """`2024-11-05 02:10:33`, as a clock in Shanghai shows it."""
    return at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")


def lasting(length: timedelta, words: Words) -> str:
    """`2 h 5 min`: the two greatest units. A clock that stepped back counts as no time."""
    seconds = max(0, int(length.total_seconds()))
    units = ((86_400, words.day), (3_600, words.hour), (60, words.minute), (1, words.second))
    parts: list[str] = []
    for size, word in units:
        count, seconds = divmod(seconds, size)
        if count or (size == 1 and not parts):
            parts.append(word.format(count))
    return " ".join(parts[:2])


def in_order(notification: Notification) -> tuple[Incident, ...]:
    """All incidents, the one that the notification is about in front."""
    if NoticeCause.NEW_INCIDENT not in notification.causes or not notification.firing:
        return notification.incidents
    newest = max(notification.firing, key=lambda incident: incident.started_at)
    return (newest, *(i for i in notification.incidents if i is not newest))


def _title(notification: Notification, first: Incident, words: Words) -> str:
    firing = len(notification.firing)
    resolved = len(notification.incidents) - firing
    if all(map(is_notice, notification.incidents)):
        told, rest = _what_where(first.labels, words), _why(first, words)
        icon = ICONS[notification.severity]
    elif notification.status is Status.RESOLVED:
        told = words.resolved + words.colon + _what_where(first.labels, words)
        ended = first.resolved_at or first.updated_at
        rest = lasting(ended - first.started_at, words)
        icon = RESOLVED_ICON
    else:
        told = _what_where(first.labels, words)
        rest = _why(first, words)
        icon = ICONS[notification.severity]
        if notification.purpose is Purpose.NOTICE and notification.causes:
            told = words.causes[notification.causes[0]] + words.colon + told
    if firing + resolved > 1:
        counts = words.open_and_resolved if resolved else words.open_count
        told = f"[{counts.format(firing, resolved) if firing else resolved}] {told}"
    return one_line(f"{icon} {words.separator.join(filter(None, (told, rest)))}", MAX_TITLE_CHARS)


def _line(incident: Incident, words: Words, *, shared: Collection[str]) -> IncidentLine:
    """shared: labels that the whole group has; they are left out."""
    own = {name: value for name, value in incident.labels.items() if name not in shared}
    said = _what_where(own, words) or _what_where(incident.labels, words)
    text = words.separator.join(filter(None, (said, _why(incident, words))))
    firing = incident.status is Status.FIRING
    return IncidentLine(
        f"{_icon(incident)} {text}", next(_links(incident, words), None) if firing else None
    )


def _what_where(labels: Mapping[str, str], words: Words) -> str:
    name = labels.get(ALERTNAME, "")
    what = words.alerts.get(name, one_line(name, MAX_PLACE_CHARS))
    return words.separator.join(filter(None, (what, _where(labels))))


def _where(labels: Mapping[str, str]) -> str:
    for place in _PLACES:
        if values := [labels[name] for name in place if labels.get(name)]:
            return one_line(" / ".join(values), MAX_PLACE_CHARS)
    rest = sorted(set(labels) - {ALERTNAME, SEVERITY})
    return one_line(", ".join(f"{name}={labels[name]}" for name in rest), MAX_PLACE_CHARS)


def _why(incident: Incident, words: Words) -> str:
    """The root of it in a few words: the summary, else the error's first line, else its class."""
    notes = incident.annotations
    error = plain(notes.get("error", "")).strip().partition("\n")[0]
    why = spoken(notes, "summary", words) or error or notes.get("error_class", "")
    return one_line(why, MAX_REASON_CHARS)


def _icon(incident: Incident) -> str:
    over = incident.status is Status.RESOLVED and not is_notice(incident)
    return RESOLVED_ICON if over else ICONS[incident.severity]


def _fields(incident: Incident, words: Words) -> Iterator[Field]:
    known = {**incident.annotations, **incident.labels}
    for name in _FIELDS:
        if value := one_line(known.get(name, ""), MAX_VALUE_CHARS):
            yield Field(words.names[name], value)
    began = words.happened if is_notice(incident) else words.started
    yield Field(began, f"{local_time(incident.started_at)} ({words.zone})")
    if incident.resolved_at is not None and not is_notice(incident):
        yield Field(words.ended, f"{local_time(incident.resolved_at)} ({words.zone})")
        yield Field(words.duration, lasting(incident.resolved_at - incident.started_at, words))
    if incident.event_count > 1:
        yield Field(words.times, str(incident.event_count))
    if (seen := incident.acknowledged) and incident.status is Status.FIRING:
        parts = (seen.by, f"{local_time(seen.at)} ({words.zone})", seen.comment)
        shown = words.separator.join(filter(None, parts))
        yield Field(words.acknowledged, one_line(shown, MAX_VALUE_CHARS))
    source = (incident.generator_url or "").strip()
    if source and not web_address(source):
        yield Field(words.source, one_line(source, MAX_VALUE_CHARS))
    yield from _unknown(incident.labels, skip={ALERTNAME, SEVERITY, *_FIELDS})
    yield from _unknown(incident.annotations, skip={*_PLACED, *incident.labels})


def _unknown(texts: Mapping[str, str], skip: set[str]) -> Iterator[Field]:
    """What has no word of its own, under its own name; bounded."""
    names = sorted(name for name in set(texts) - skip if texts[name].strip())
    for name in names[:MAX_EXTRA_FIELDS]:
        yield Field(one_line(name, 60), one_line(texts[name], MAX_VALUE_CHARS))


def _links(incident: Incident, words: Words) -> Iterator[Link]:
    run = web_address(incident.annotations.get("run_url", ""))
    runbook = web_address(incident.annotations.get("runbook_url", ""))
    source = web_address(incident.generator_url or "")
    wanted = {words.open_run: run, words.source: source, words.runbook: runbook}
    if source == run:
        del wanted[words.source]
    for text, url in wanted.items():
        if url:
            yield Link(text, url)


def _opens(url: str) -> bool:
    """A whole web address. Slack refuses a message with a button that leads nowhere."""
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_whole and MASK not in parts.netloc and bool(_WEB_ADDRESS.match(url))
