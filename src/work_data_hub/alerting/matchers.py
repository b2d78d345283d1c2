"""Matchers in Alertmanager's notation: `severity="critical"`, `job=~"trustee_.*"`, `team!=data`.

The grammar is that of Alertmanager 0.25, with its tolerance: tests/alerting/test_amtool.py holds
it against the real one. https://prometheus.io/docs/alerting/0.25/configuration/#matcher
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from .regex import Allowance, compiled

Labels = Mapping[str, str]

# A label that can be grouped by or compared; only a matcher may name one with a colon.
LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")

# Go's \s, which is narrower than Python's.
_SPACE = "\t\n\f\r "
_NAME_AND_OP = re.compile(
    rf"[{_SPACE}]*(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)[{_SPACE}]*(?P<op>=~|=|!=|!~)"
)
# Go's unicode.IsSpace, again not Python's.
_WHITE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)


class Op(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"

    @property
    def is_regex(self) -> bool:
        return self in (Op.REGEX, Op.NOT_REGEX)


@dataclass(frozen=True)
class Matcher:
    """One condition on one label; a label that is not there counts as empty."""

    name: str
    op: Op
    value: str

    @cached_property
    def _regex(self) -> Any:
        return compiled(self.value)

    def matches(self, labels: Labels) -> bool:
        value = labels.get(self.name, "")
        if self.op.is_regex:
            return (self._regex.search(value) is not None) is (self.op is Op.REGEX)
        return (value == self.value) is (self.op is Op.EQUAL)

    def __str__(self) -> str:
        return f"{self.name}{self.op}{quoted(self.value)}"


def quoted(value: str) -> str:
    """The value in double quotes, as it stands in a matcher or in a group's key."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def all_match(matchers: Iterable[Matcher], labels: Labels) -> bool:
    return all(matcher.matches(labels) for matcher in matchers)


def in_order(matchers: Iterable[Matcher]) -> tuple[Matcher, ...]:
    """By name, value and operator, however they were written: a route is named by its matchers."""
    ops = list(Op)
    return tuple(sorted(matchers, key=lambda m: (m.name, m.value, ops.index(m.op))))


def text_of(matchers: Iterable[Matcher]) -> str:
    """`{a="b",c=~"d"}`"""
    return "{" + ",".join(map(str, matchers)) + "}"


def parse(text: str, *, allowance: Allowance | None = None) -> tuple[Matcher, ...]:
    """`{a="b", c=~"d"}`; either brace may be missing, and a comma may end it. Empty for none.

    allowance: what regular expressions may come to where this is one text of many.
    Raises ValueError that names the part which is not a matcher.
    """
    allowed = allowance or Allowance()
    parts = _parts(text.removeprefix("{").removesuffix("}"))
    return tuple(parse_one(part, allowance=allowed) for part in parts)


def _parts(text: str) -> list[str]:
    """Cut at the commas outside quotes; a backslash keeps a quote from counting as one."""
    parts = []
    begins_at = 0
    in_quotes = escaped = False
    for i, char in enumerate(text):
        if char == "," and not in_quotes:
            parts.append(text[begins_at:i])
            begins_at = i + 1
        elif char == '"':
            in_quotes ^= not escaped
            escaped = False
        elif char == "\\":
            escaped = not escaped
        elif char != ",":
            escaped = False
    last = text[begins_at:].strip(_WHITE)
    return [*parts, last] if last else parts


def parse_one(text: str, *, allowance: Allowance | None = None) -> Matcher:
    """`name op value`, the value in double quotes or without. Raises ValueError."""
    match = _NAME_AND_OP.match(text)
    if match is None:
        raise ValueError(
            f'{text!r} is not a matcher; write it like severity="critical" or job=~"daily_.*"'
        )
    value = _unquoted(text[match.end() :].strip(_SPACE), text)
    matcher = Matcher(match["name"], Op(match["op"]), value)
    if matcher.op.is_regex:
        (allowance or Allowance()).check(matcher.value)
    return matcher


def _unquoted(raw: str, text: str) -> str:
    """\\n, \\" and \\\\ are read; any other backslash stands for itself, as OpenMetrics has it."""
    is_quoted = raw.startswith('"')
    rest = raw.removeprefix('"')
    value = ""
    escaped = False
    for i, char in enumerate(rest):
        is_last = i == len(rest) - 1
        if escaped:
            value += {"n": "\n", '"': '"', "\\": "\\"}.get(char, f"\\{char}")
            escaped = False
        elif char == "\\" and not is_last:
            escaped = True
        elif char != '"':
            value += char
        elif is_quoted and is_last:
            return value
        else:
            break
    else:
        if not is_quoted:
            return value
    raise ValueError(f"{text!r}: a double quote is missing, or stands within the value without \\")
