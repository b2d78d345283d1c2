"""A message in words, before any sink gives it a form."""

from __future__ import annotations

from dataclasses import dataclass

from .alert import Severity
from .sink import Status
from .wording import EN, Words


@dataclass(frozen=True)
class Field:
    """One fact: its name in the message's language, and its value on one line."""

    name: str
    value: str


@dataclass(frozen=True)
class Section:
    """A titled text. code: line breaks and spaces matter. keep_end: cut away the beginning.

    brief: a few lines as a rule; where room is short it gets the least.
    """

    title: str
    text: str
    code: bool = False
    keep_end: bool = False
    brief: bool = False


@dataclass(frozen=True)
class Link:
    """text is ours; url is http or https and free of spaces."""

    text: str
    url: str


@dataclass(frozen=True)
class IncidentText:
    """One incident in full. links: the run's page first."""

    summary: str
    fields: tuple[Field, ...]
    sections: tuple[Section, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True)
class IncidentLine:
    """One incident in a line, icon first: what tells it from the others of its group."""

    text: str
    link: Link | None


@dataclass(frozen=True)
class Message:
    """title: one line that says what and where, fit for a phone's lock screen.

    first: the incident to act on; others: the rest of its group; more: how many are left out.
    silence: the command that silences the first one, ready to be copied; None when it is over.
    body: what the operator's template says in the place of first and others, but for the links; in
    the sink's own markup, and safe in it.
    """

    status: Status
    severity: Severity
    title: str
    first: IncidentText
    others: tuple[IncidentLine, ...]
    more: int
    footer: str
    words: Words = EN
    silence: Section | None = None
    body: str | None = None
