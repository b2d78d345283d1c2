"""What the store knows that can hold an incident back."""

from __future__ import annotations

from sqlalchemy import Connection

from ..config import AlertsConfig
from ..held_back import Hush
from ..timing import moment
from . import incidents, silences

# What came and went under a silence is looked at so much later at most: dispatchers that were away
# for a long weekend.
_LATE_S = 7 * 86_400.0


def hush(connection: Connection, config: AlertsConfig, *, now: float) -> Hush:
    """As things are now. now: seconds since the epoch."""
    rules = config.inhibit_rules
    return Hush(
        at=moment(now),
        rules=rules,
        firing=incidents.firing_labels(connection) if rules else (),
        silences=silences.ending_after(connection, now - _LATE_S),
        intervals=config.time_intervals,
    )
