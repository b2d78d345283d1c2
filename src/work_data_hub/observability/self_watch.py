"""What is wrong with alerting itself, from what its store and this process's rounds say. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from . import instance_events

if TYPE_CHECKING:
    from ..alerting import Alert
    from ..alerting.store.reading import Reading
    from .rounds import Condition

Name = tuple[str, str]


def lagging(
    reading: Reading, integrations: Collection[Name], *, now: float, patience_s: float
) -> Iterator[Alert]:
    """What has been due for too long though its sink takes what it is given.

    A sink that fails or is parked has alerts of its own, and what waits for it waits rightly.
    integrations: those of alerts.yml; what others were yet to hear nobody will tell.
    """
    troubled = reading.parked | reading.failing
    for (receiver, integration), due in sorted(reading.due.items()):
        name, waits_s = (receiver, integration), now - due.since
        if name in integrations and name not in troubled and waits_s > patience_s:
            yield instance_events.dispatch_lag(*name, waits_s=waits_s, count=due.count)
    unrouted = reading.unrouted
    if unrouted is not None and now - unrouted.since > patience_s:
        waits_s = now - unrouted.since
        yield instance_events.dispatch_lag("", "", waits_s=waits_s, count=unrouted.count)


def failing(
    conditions: Iterable[Condition], *, monotonic: float, patience_s: float
) -> Iterator[Alert]:
    """Rounds that have raised at every turn for so long, or hang."""
    for condition in conditions:
        since = condition.failing_since
        if since is not None and monotonic - since > patience_s:
            yield instance_events.round_failing(
                condition.name, fails_s=monotonic - since, error=condition.last_error
            )
        elif condition.hangs(monotonic):
            began = condition.began or monotonic
            yield instance_events.round_failing(condition.name, fails_s=monotonic - began, error="")
