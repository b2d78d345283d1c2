"""The counts of alerts, held to so many alertnames: each is a series in somebody's Prometheus.

The bound is kept where counts are written, not where they are shown. A name that has its own
series keeps it, and one that came too late is in `other` from its first alert on: no series falls.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, select

from .health import Count
from .tables import counters

ALERTS = "alerts"
# How many alerts were put under `other`.
OVERFLOWED = "alerts_overflowed"
OTHER = "other"
# For each integration that counts. Times three severities and two statuses it is 600 series.
MAX_ALERTNAMES = 100


def bounded(
    connection: Connection, counts: Mapping[Count, int], *, max_alertnames: int = MAX_ALERTNAMES
) -> Mapping[Count, int]:
    """The counts as they may be added: alerts of one name too many become those of `other`.

    Two processes that meet new names at the same moment do so one after the other, each within
    its transaction, so the bound holds for both.
    """
    unknown = [c for c in counts if c.name == ALERTS and not _is_known(connection, c)]
    if not unknown:
        return counts
    names = {
        key: _names(connection, *key) for key in {(c.receiver, c.integration) for c in unknown}
    }
    made: Counter[Count] = Counter({c: n for c, n in counts.items() if c not in unknown})
    for count in unknown:
        value = counts[count]
        known = names[count.receiver, count.integration]
        name, *rest = json.loads(count.label) or [""]
        if name not in known and len(known) >= max_alertnames:
            made[Count(OVERFLOWED, count.receiver, count.integration)] += value
            label = json.dumps([OTHER, *rest], ensure_ascii=False)
            made[Count(ALERTS, count.receiver, count.integration, label)] += value
        else:
            known.add(name)
            made[count] += value
    return made


def _is_known(connection: Connection, count: Count) -> bool:
    return connection.execute(_KNOWN, vars(count)).first() is not None


def _names(connection: Connection, receiver: str, integration: str) -> set[str]:
    """The alertnames that have series of their own."""
    given = {"name": ALERTS, "receiver": receiver, "integration": integration}
    labels = connection.execute(_LABELS, given).scalars()
    return {name for label in labels for name in json.loads(label)[:1]}


_OF_INTEGRATION = (
    counters.c.name == bindparam("name"),
    counters.c.receiver == bindparam("receiver"),
    counters.c.integration == bindparam("integration"),
)
_KNOWN = select(counters.c.value).where(*_OF_INTEGRATION, counters.c.label == bindparam("label"))
_LABELS = select(counters.c.label).where(*_OF_INTEGRATION)
