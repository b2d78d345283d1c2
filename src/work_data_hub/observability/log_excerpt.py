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
_OF_STEP = re.compile(rf"^{_STAMP}.* - (\S+) - STEP_([A-Z_]+) - .*\n?", re.M)
_BEGINS = {"START", "RESTARTED"}
_FAILS = {"FAILURE", "UP_FOR_RETRY"}
# A line of `context.log`: it repeats job, run and step before its text.
_RUN_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_LOGGED = re.compile(rf"{_STAMP}([A-Z]+) - .*?\b{_RUN_ID} - ")


def log_excerpt(stderr: str, step: str) -> str:
    """The last lines, at most 40 and 4,000 characters, of what `step` wrote.

    stderr: its end; of a process that runs step after step it holds the others' lines too.
    Dagster writes the failure there, frames and all: the excerpt ends before it, for the message
    has the error already.
    """
    own = [event for event in _OF_STEP.finditer(stderr) if event[2] == step]
    begun = max((event.end() for event in own if event[3] in _BEGINS), default=0)
    fails = (event.start() for event in own if event[3] in _FAILS)
    failed = min((at for at in fails if at >= begun), default=len(stderr))
    kept: list[str] = []
    room = MAX_CHARS
    for line in reversed(stderr[begun:failed].splitlines()):
        if _EVENT.match(line):
            continue
        shown = line
        if logged := _LOGGED.match(line):
            text = line[logged.end() :].removeprefix(f"{step} - ")
            shown = f"{_time_of(logged[1])} {logged[2]} {text}"
        room -= len(shown) + 1
        if len(kept) == MAX_LINES or (room < 0 and kept):
            break
        kept.append(shown[:MAX_CHARS])
    return "\n".join(reversed(kept)).strip("\n")


def _time_of(stamp: str) -> str:
    """As the rest of the message shows times, and no date: it is that of the failure."""
    return local_time(datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S %z")).partition(" ")[2]
