"""The round that watches the rest: Dagster's daemons, alerts.yml, dispatch and the other rounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from ..alerting import troubles
from ..alerting.timing import utc_now
from ..alerting.watchdog import beat, ping_routes
from . import instance_events, self_watch
from .daemons import Patience, down
from .dagster_api import heartbeats
from .standing import Standing

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from ..alerting import AlertRouter
    from .live_router import LiveRouter
    from .rounds import Condition

# Without a good turn of feed and dispatcher for so long, the Watchdog does not beat.
FRESH_WITHIN_S = 45.0


@dataclass(frozen=True)
class Limits:
    """From when on something is wrong.

    dispatch_lag_s: what is due may wait so long. round_failing_s: a round may raise for so long.
    """

    daemons: Patience = field(default_factory=Patience)
    dispatch_lag_s: float = 300.0
    round_failing_s: float = 120.0


class Watch:
    """One turn looks at everything once. Each part that fails leaves the others their turn."""

    def __init__(
        self,
        instance: DagsterInstance,
        live: LiveRouter,
        conditions: Callable[[], Sequence[Condition]],
        limits: Limits,
        *,
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._instance = instance
        self._live = live
        self._conditions = conditions
        self._limits = limits
        self._clock = clock
        self._monotonic = monotonic
        self._watched_since = clock()
        self._config = Standing(troubles.CONFIG_INVALID)
        self._rounds = Standing(troubles.ROUND_FAILING)
        self._lag = Standing(troubles.DISPATCH_LAG)
        self._daemons = Standing(instance_events.DAEMON_DOWN)

    def turn(self) -> None:
        """The Watchdog last of its own part: it beats only where the store took what was said.

        Dagster's storage comes after it. Whether that answers is what the feed's round says.
        """
        router = self._live.router
        self._watch_itself(router)
        if ping_routes(router.config) and self._is_well():
            router.publish(beat())
        self._watch_daemons(router)

    def _watch_itself(self, router: AlertRouter) -> None:
        problem = self._live.problem
        bad = [instance_events.config_invalid(self._live.path.name, str(problem))]
        at = self._clock()
        self._config.keep(router, bad if problem is not None else (), now=at)
        self._rounds.keep(
            router,
            self_watch.failing(
                self._conditions(),
                monotonic=self._monotonic(),
                patience_s=self._limits.round_failing_s,
            ),
            now=at,
        )
        now = at.timestamp()
        self._lag.keep(
            router,
            self_watch.lagging(
                router.store.reading(now=now),
                {(i.receiver, i.name) for i in router.config.integrations()},
                now=now,
                patience_s=self._limits.dispatch_lag_s,
            ),
            now=at,
        )

    def _watch_daemons(self, router: AlertRouter) -> None:
        now = self._clock()
        found = down(
            heartbeats.daemons(self._instance),
            self._limits.daemons,
            watched_since=self._watched_since,
            now=now,
        )
        self._daemons.keep(router, map(instance_events.daemon_down, found), now=now)

    def _is_well(self) -> bool:
        """Feed and dispatcher have come to good ends of late, and so has what they read."""
        now = self._monotonic()
        return all(
            c.failing_since is None and c.is_fresh(now, FRESH_WITHIN_S) and not c.hangs(now)
            for c in self._conditions()
            if c.name in ("feed", "dispatch")
        )
