"""Matchers in Alertmanager's notation: `severity="critical"`, `job=~"trustee_.*"`, `team!=data`.

https://prometheus.io/docs/alerting/latest/configuration/#matcher
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

Labels = Mapping[str, str]

_NAME = r'[^\s{}!=~,\\"\'`]+|"(?:[^"\\]|\\.)*"'
_VALUE = r'"(?:[^"\\]|\\.)*"|[^\s{}!=~,\\"\'`]*'
_MATCHER = re.compile(rf"\s*(?P<name>{_NAME})\s*(?P<op>=~|!~|!=|=)\s*(?P<value>{_VALUE})\s*")
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}


class Op(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True)
class Matcher:
    """One condition on one label; a label that is not there counts as empty."""

    name: str
    op: Op
    value: str

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        return re.compile(self.value)

    def matches(self, labels: Labels) -> bool:
        value = labels.get(self.name, "")
        if self.op in (Op.EQUAL, Op.NOT_EQUAL):
            return (value == self.value) is (self.op is Op.EQUAL)
        return (self._regex.fullmatch(value) is not None) is (self.op is Op.REGEX)

    def __str__(self) -> str:
        return f"{self.name}{self.op}{quoted(self.value)}"


def quoted(value: str) -> str:
    """The value in double quotes, as it stands in a matcher or in a group's key."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def all_match(matchers: Iterable[Matcher], labels: Labels) -> bool:
    return all(matcher.matches(labels) for matcher in matchers)


def parse(text: str) -> tuple[Matcher, ...]:
    """`{a="b", c=~"d"}`, the braces optional. Raises ValueError that says where it stops."""
    inner = text.strip()
    if inner.startswith("{") and inner.endswith("}"):
        inner = inner[1:-1]
    found = []
    position = 0
    while position < len(inner):
        match = _MATCHER.match(inner, position)
        if match is None:
            raise ValueError(
                f"{text!r} is not a matcher at {inner[position:][:20]!r};"
                ' write it like severity="critical" or job=~"trustee_.*"'
            )
        found.append(_matcher(match, text))
        position = match.end()
        if position < len(inner):
            if inner[position] != ",":
                raise ValueError(f"{text!r}: a comma is missing before {inner[position:][:20]!r}")
            position += 1
    if not found:
        raise ValueError(f"{text!r} holds no matcher")
    return tuple(found)


def _matcher(match: re.Match[str], text: str) -> Matcher:
    matcher = Matcher(_unquoted(match["name"]), Op(match["op"]), _unquoted(match["value"]))
    if matcher.op in (Op.REGEX, Op.NOT_REGEX):
        try:
            re.compile(matcher.value)
        except re.error as err:
            raise ValueError(f"{text!r}: not a regular expression: {err}") from None
    return matcher


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[0]), text[1:-1])
