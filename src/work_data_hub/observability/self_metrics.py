"""What `wdh serve` says of itself: the store under alerts.yml as it is now, how its rounds fare,
where links lead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from .. import locations
from ..alerting.metric_families import gauge
from ..alerting.metrics import StoreCollector

if TYPE_CHECKING:
    from prometheus_client import Metric

    from ..alerting.redact import Redactor
    from .live_router import LiveRouter
    from .rounds import Condition


class LiveStoreCollector:
    """The store's metrics, by the integrations of alerts.yml as it is at each scrape."""

    def __init__(self, live: LiveRouter) -> None:
        self._live = live

    def describe(self) -> Iterator[Metric]:
        return self._now().describe()

    def collect(self) -> Iterator[Metric]:
        return self._now().collect()

    def _now(self) -> StoreCollector:
        router = self._live.router
        names = {(i.receiver, i.name) for i in router.config.integrations()}
        return StoreCollector(router.store, integrations=names)


class RoundsCollector:
    """Of this process; `wdh_round_last_success_timestamp_seconds` is missing before the first."""

    def __init__(self, conditions: Callable[[], Sequence[Condition]]) -> None:
        self._conditions = conditions

    def describe(self) -> Iterator[Metric]:
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        errors = CounterMetricFamily(
            "wdh_round_errors", "Turns of a round that raised.", labels=["round"]
        )
        good_at = GaugeMetricFamily(
            "wdh_round_last_success_timestamp_seconds",
            "When a round last came to a good end.",
            labels=["round"],
        )
        # From the monotonic clock to the one on the wall.
        offset_s = time.time() - time.monotonic()
        for condition in self._conditions():
            errors.add_metric([condition.name], condition.errors)
            if condition.good_at is not None:
                good_at.add_metric([condition.name], offset_s + condition.good_at)
        yield errors
        yield good_at


class LinksCollector:
    """Where the links of messages lead, so that a dashboard's lead there too.

    redactor: takes out what a link must not hold, as it does for messages.
    """

    def __init__(self, redactor: Redactor) -> None:
        addresses = (locations.dagster_url(), locations.runbooks_url())
        self._addresses = tuple(map(redactor.link, addresses))

    def describe(self) -> Iterator[Metric]:
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        yield gauge(
            "wdh_links_info",
            "1, under the addresses with which links to Dagster and to the runbooks begin.",
            {self._addresses: 1.0},
            ["dagster_url", "runbook_url"],
        )
