"""RunSucceeded: a notice of a job's success, for whoever asked for it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from . import events
from .run import Change, Run, StatusChange

if TYPE_CHECKING:
    from ..alerting import AlertRouter

# In WDH_TELL_SUCCESSES and in `alerting_definitions(tell_successes=...)`.
EVERY_JOB = "*"

# What alerting_definitions() was told in this process.
_asked: set[str] = set()


def ask_for(jobs: Iterable[str]) -> None:
    """Have the successes of these jobs told by the feed of this process."""
    _asked.update(jobs)


def is_asked_for(job: str, environ: Mapping[str, str] | None = None) -> bool:
    """By `ask_for`, or by WDH_TELL_SUCCESSES: names of jobs with commas between, or `*`."""
    env = os.environ if environ is None else environ
    named = {name.strip() for name in env.get("WDH_TELL_SUCCESSES", "").split(",")}
    return not (named | _asked).isdisjoint((job, EVERY_JOB))


def tell(router: AlertRouter, changes: Sequence[tuple[StatusChange, Run]]) -> None:
    """Publish those that were asked for; each is over at once."""
    told = [
        (events.run_succeeded(run, change), change.at)
        for change, run in changes
        if change.change is Change.SUCCEEDED and is_asked_for(run.job)
    ]
    if told:
        router.publish_all(notice for notice, _ in told)
        router.resolve_all((notice.labels, at) for notice, at in told)
