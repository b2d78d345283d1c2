"""Regular expressions as Alertmanager has them: RE2, anchored; and how much a file may hold.

RE2 matches in linear time, but it compiles a class such as `\\pL` to a thousand steps, and `{1000}`
multiplies: without an end to it, a file of 1 MiB takes minutes to be refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

MAX_PATTERN_CHARS = 10_000
MAX_CHARS_OF_A_FILE = 100_000
# 0.4 s of compiling. A pattern of plain letters and `.*` has about as many steps as characters.
MAX_STEPS_OF_A_FILE = 1_000_000
# Jinja2 compiles so much in half a second.
MAX_TEMPLATE_CHARS_OF_A_FILE = 30_000
# A template takes as long as so many characters, however short it is.
_CHARS_OF_ANY_TEMPLATE = 20

# What RE2 does in vain. It gives up a program that needs more than its 8 MiB.
_STEPS_OF_A_REFUSED_CHAR = 50
_STEPS_OF_ONE_TOO_LARGE = 250_000
_TOO_LARGE = "pattern too large"

# One byte, which RE2 knows in C++ and not in Go. Two backslashes before it are one for itself.
_ONE_BYTE = re.compile(r"(?<!\\)(?:\\\\)*\\C")


def compiled(pattern: str) -> Any:
    """The RE2 expression, anchored as Alertmanager's. Raises ValueError that says what is wrong."""
    import re2  # type: ignore[import-untyped]

    options = re2.Options()
    options.log_errors = False
    try:
        if _ONE_BYTE.search(pattern):
            raise ValueError(f"{pattern!r} is no regular expression: invalid escape sequence \\C")
        return re2.compile(f"^(?:{pattern})$", options)
    except re2.error as err:
        why = err.args[0].decode(errors="replace") if err.args else "it cannot be read"
        why = why.removesuffix(f": ^(?:{pattern})$")
        raise ValueError(f"{pattern!r} is no regular expression (RE2): {why}") from None


@dataclass
class Allowance:
    """What is left to the regular expressions and templates of one file; more is not compiled."""

    chars: int = MAX_CHARS_OF_A_FILE
    steps: int = MAX_STEPS_OF_A_FILE
    template_chars: int = MAX_TEMPLATE_CHARS_OF_A_FILE

    def take_template(self, text: str) -> None:
        """Raises ValueError for one too many."""
        self.template_chars -= max(len(text), _CHARS_OF_ANY_TEMPLATE)
        if self.template_chars < 0:
            raise ValueError(
                "is not read: the templates up to here are more than a file may hold, "
                f"{MAX_TEMPLATE_CHARS_OF_A_FILE} characters"
            )

    def check(self, pattern: str) -> None:
        """Raises ValueError for what is no regular expression, or one too many."""
        if len(pattern) > MAX_PATTERN_CHARS:
            raise ValueError(
                f"is a regular expression of {len(pattern)} characters, at most {MAX_PATTERN_CHARS}"
            )
        self.chars -= len(pattern)
        if self.chars < 0 or self.steps <= 0:
            raise ValueError(
                "is not read: the regular expressions up to here are more than a file may hold, "
                f"{MAX_CHARS_OF_A_FILE} characters or {MAX_STEPS_OF_A_FILE} steps of RE2"
            )
        try:
            self.steps -= compiled(pattern).programsize
        except ValueError as err:
            self.steps -= _STEPS_OF_A_REFUSED_CHAR * len(pattern)
            if _TOO_LARGE in str(err):
                self.steps -= _STEPS_OF_ONE_TOO_LARGE
            raise
