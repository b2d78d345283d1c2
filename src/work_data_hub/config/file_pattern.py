"""From a file's name to its month, by a configured regular expression.

The expression has the groups `year` and `month`, and may have `day`. A number is never cut out of
a longer digit run: people write `2024_11`, and under `0?[1-9]|1[0-2]` a plain search says January.
So the expression is compiled a second time with conditions at the edges of these groups, inside
it, where the regex engine goes on to its other ways to match:

- the first group starts, and the last one ends, at the edge of a digit run;
- between two of them, either both edges are edges of digit runs, or the second begins exactly
  where the first ends (`202411`).
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

DATE_GROUPS = ("year", "month", "day")
REQUIRED_GROUPS = ("year", "month")
TWO_DIGIT_CENTURY = 2000

# What stands in an expression's source, as far as its groups are concerned.
_SYNTAX_SOURCE = (
    r"(?P<escape>\\.)|(?P<class>\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<comment>\(\?\#[^)]*\))"
    r"|\(\?P<(?P<name>\w+)>|(?P<number>\(\?\(\d)|(?P<open>\()|(?P<close>\))"
)
_SYNTAX = re.compile(_SYNTAX_SOURCE, re.DOTALL)
_VERBOSE_SYNTAX = re.compile(_SYNTAX_SOURCE + r"|(?P<line_comment>\#[^\n]*)", re.DOTALL)

_RUN_STARTS = r"(?<!\d)"
_RUN_ENDS = r"(?!\d)"
_A_MONTH_ENDS_THE_RUN = r"(?=(?:0*[1-9]|1[0-2])(?!\d))"


class FilePattern:
    """A configured expression. Raises ValueError when it cannot be used, saying why."""

    def __init__(self, source: str) -> None:
        self.source = unicodedata.normalize("NFC", source)
        try:
            self._anywhere = re.compile(self.source)
            for name in REQUIRED_GROUPS:
                if name not in self._anywhere.groupindex:
                    raise ValueError(f"has no group (?P<{name}>...)")
            verbose = bool(self._anywhere.flags & re.VERBOSE)
            self._bounded = re.compile(_bounded(self.source, verbose))
        except re.error as err:
            raise ValueError(f"is not a regular expression that can be used: {err}") from None

    def month_of(self, name: str) -> tuple[int, int] | None:
        """(year, month) of a file name, None when it is not one of ours.

        The name may be decomposed (macOS keeps names in NFD) and may hold full-width characters:
        where it does not match as it is, its NFKC form is tried.
        """
        if unicodedata.is_normalized("NFKC", name):
            # Most names are not ours, and the expression as it is written finds that out fastest.
            return self._search(name) if self._anywhere.search(name) else None
        composed = unicodedata.normalize("NFC", name)
        return self._search(composed) or self._search(unicodedata.normalize("NFKC", name))

    def _search(self, name: str) -> tuple[int, int] | None:
        start = 0
        while match := self._bounded.search(name, start):
            year, month = match["year"], match["month"]
            if year and month and 1 <= int(month) <= 12:
                return int(year) + (TWO_DIGIT_CENTURY if len(year) <= 2 else 0), int(month)
            start = match.start() + 1
        return None


def _bounded(source: str, verbose: bool) -> str:
    """The expression with the conditions of this module's docstring written into it."""
    spans = _date_group_spans(source, verbose)
    for (_, (_, end)), (_, (start, _)) in pairwise(spans):
        if start < end:
            raise ValueError("has year, month or day inside one another; put them side by side")
    text, done = "", 0
    for i, (name, (start, end)) in enumerate(spans):
        is_last = i == len(spans) - 1
        opening = _RUN_STARTS if i == 0 else _next_opens(i - 1)
        if is_last and name == "month":
            opening += _A_MONTH_ENDS_THE_RUN
        closing = _RUN_ENDS if is_last else _group_closes(i)
        text += f"{source[done:start]}{opening}(?:{source[start:end]}){closing}"
        done = end
    return text + source[done:]


def _group_closes(i: int) -> str:
    """At a run's end: note that. Within a run: note what is left of the name."""
    return rf"(?:{_RUN_ENDS}(?P<_apart{i}>)|(?=(?P<_rest{i}>\d[\s\S]*)))"


def _next_opens(i: int) -> str:
    """Apart: at a run's start. Else right there, that is, with exactly as much of the name left."""
    return rf"(?(_apart{i}){_RUN_STARTS}|(?=(?P=_rest{i})\Z))"


def _date_group_spans(source: str, verbose: bool) -> list[tuple[str, tuple[int, int]]]:
    """Each date group, and where its inside begins and ends in the source; in this order."""
    spans: list[tuple[str, tuple[int, int]]] = []
    opened: list[tuple[str, int]] = []
    for token in (_VERBOSE_SYNTAX if verbose else _SYNTAX).finditer(source):
        kind, text = token.lastgroup, token.group()
        if kind == "number" or (kind == "escape" and text[1] in "123456789"):
            raise ValueError(f"refers to a group by number ({text}); give it a name")
        if kind in ("name", "open"):
            opened.append((token["name"] or "", token.end()))
        elif kind == "close":
            name, start = opened.pop()
            if name in DATE_GROUPS:
                spans.append((name, (start, token.start())))
    return sorted(spans, key=lambda span: span[1])
