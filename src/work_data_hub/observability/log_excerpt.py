"""What a step said on stderr before it failed, without what Dagster itself wrote there. Pure."""

from __future__ import annotations

import re
from datetime import datetime

from ..alerting.render import local_time

MAX_LINES = 40
MAX_CHARS = 4_000

_STAMP = r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}) - dagster - "
# An event of Dagster's own, on one line: `... - 4711 - load - STEP_START - Started execution ...`.
_EVENT = re.compile(rf"{_STAMP}[A-Z]+ - .* - [A-Z]+(?:_[A-Z]+)+ - ")
_RUN_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def log_excerpt(stderr: str, step: str) -> str:
    """The last lines, at most 40 and 4,000 characters, of what `step` wrote.

    stderr: its end; of a process that runs step after step it holds the others' lines too.
    Dagster writes the failure there, frames and all: the excerpt ends before it, for the message
    has the error already.
    """
    named = re.escape(step)
    of_step = rf"^{_STAMP}.* - {named} - STEP_"
    begun = [*re.finditer(rf"{of_step}(?:START|RESTARTED) - .*\n?", stderr, re.M)]
    said = stderr[begun[-1].end() :] if begun else stderr
    failed = re.search(rf"{of_step}(?:FAILURE|UP_FOR_RETRY) - ", said, re.M)
    said = said[: failed.start()] if failed else said
    # A line of `context.log` repeats job, run and step before its text.
    prefix = re.compile(rf"{_STAMP}([A-Z]+) - .*?\b{_RUN_ID} - (?:{named} - )?")
    kept: list[str] = []
    room = MAX_CHARS
    for line in reversed(said.splitlines()):
        if _EVENT.match(line):
            continue
        begin = prefix.match(line)
        shown = f"{_time_of(begin[1])} {begin[2]} {line[begin.end() :]}" if begin else line
        room -= len(shown) + 1
        if len(kept) == MAX_LINES or (room < 0 and kept):
            break
        kept.append(shown[:MAX_CHARS])
    return "\n".join(reversed(kept)).strip("\n")


def _time_of(stamp: str) -> str:
    """As the rest of the message shows times, and no date: it is that of the failure."""
    return local_time(datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S %z")).partition(" ")[2]
