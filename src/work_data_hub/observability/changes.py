"""What is different from the last run that succeeded, in a few lines. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ..alerting.plain_text import one_line
from ..alerting.redact import is_secret_name
from ..alerting.render import local_time
from ..alerting.wording import Words
from .run import Setup

MAX_LINES = 12
MAX_NAME_CHARS = 120
MAX_VALUE_CHARS = 80


Redact = Callable[[str], str]


def changes(run: Setup, success: Setup | None, words: Words, *, redact: Redact) -> str:
    """Line after line: what it is compared with, then `path: before → now`; code comes first.

    redact: for each value, before it is cut. The value of what its name calls a secret is not
    told, only that it changed.
    """
    if success is None:
        return words.never_succeeded
    at = f"{local_time(success.at)} ({words.zone})"
    lines = [*_differences(run, success, words, redact)]
    if not lines:
        return words.nothing_changed.format(at)
    over = len(lines) - MAX_LINES
    more = [words.more.format(over)] if over > 0 else []
    return "\n".join([words.changed_since.format(at), *lines[:MAX_LINES], *more])


def _differences(run: Setup, success: Setup, words: Words, redact: Redact) -> Iterator[str]:
    yield from _changed(success.code, run.code, words, redact)
    if run.definition != success.definition:
        yield words.definition_changed
    yield from _changed(success.config, run.config, words, redact)
    yield from _changed(success.tags, run.tags, words, redact, prefix=f"{words.tag} ")


def _changed(
    before: Mapping[str, str],
    now: Mapping[str, str],
    words: Words,
    redact: Redact,
    *,
    prefix: str = "",
) -> Iterator[str]:
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) == now.get(name):
            continue
        told = words.changed
        if not is_secret_name(name):
            values = (before.get(name, words.absent), now.get(name, words.absent))
            shown = (one_line(redact(value), MAX_VALUE_CHARS) for value in values)
            told = " → ".join(value or '""' for value in shown)
        yield f"{prefix}{one_line(name, MAX_NAME_CHARS)}: {told}"
