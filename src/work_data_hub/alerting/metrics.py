"""The store as Prometheus sees it: all processes, all restarts, read at each scrape.

    names = {(i.receiver, i.name) for i in router.config.integrations()}
    registry.register(StoreCollector(router.store, integrations=names))

Labels are bounded: integrations by alerts.yml, alertnames by the store (`alert_counts`) and, for
what is open, here. Whatever is one too many is under `other`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from .errors import StoreUnavailable
from .metric_families import Histogram, Values, counter, described, gauge, histogram
from .store import latency
from .store.alert_counts import ALERTS, MAX_ALERTNAMES, OTHER, OVERFLOWED
from .store.health import Count, Name
from .store.reading import Open, Reading
from .timing import utc_now

if TYPE_CHECKING:
    from prometheus_client import Metric

    from .store.store import Store

OUTCOMES = ("delivered", "failed", "dead")
_OF_INTEGRATION = ("integration", "receiver")


class StoreCollector:
    """A collector for prometheus_client, over the store that all processes share.

    integrations: the (receiver, integration) of the configuration. Their series are there from the
    start, at 0, and what is pending or parked is told of them alone: what an integration that is
    gone from alerts.yml was yet to hear, nobody will tell. Not given: all that the store knows.
    A store that does not answer is `wdh_store_up 0` and nothing else, never an error of the scrape.
    """

    def __init__(
        self,
        store: Store,
        *,
        integrations: Collection[Name] | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._integrations = None if integrations is None else frozenset(integrations)
        self._clock = clock

    def describe(self) -> Iterator[Metric]:
        """The families without samples: registering touches no store."""
        yield from described(self._families(Reading(), now=0.0))

    def collect(self) -> Iterator[Metric]:
        now = self._clock().timestamp()
        try:
            reading = self._store.reading(now=now)
        except StoreUnavailable:
            yield _gauge("store_up", "Whether the router's store answers.", {(): 0.0})
            return
        yield from self._families(reading, now=now)

    def _families(self, reading: Reading, *, now: float) -> Iterator[Metric]:
        yield _gauge("store_up", "Whether the router's store answers.", {(): 1.0})
        yield from _alerts(reading)
        yield from self._notifications(reading.counters)
        yield from self._waiting(reading, now=now)

    def _notifications(self, counters: Mapping[Count, int]) -> Iterator[Metric]:
        outcomes: Counter[tuple[str, ...]] = Counter()
        reasons: Counter[tuple[str, ...]] = Counter()
        twice: Counter[tuple[str, ...]] = Counter()
        lost: Counter[tuple[str, ...]] = Counter()
        unfilled: Counter[tuple[str, ...]] = Counter()
        for receiver, name in self._integrations or ():
            twice[name, receiver] = lost[name, receiver] = unfilled[name, receiver] = 0
            outcomes.update({(name, receiver, outcome): 0 for outcome in OUTCOMES})
        for count, value in counters.items():
            by = (count.integration, count.receiver)
            if count.name in OUTCOMES:
                outcomes[*by, count.name] += value
                if count.label:
                    reasons[*by, count.label] += value
            elif count.name == "maybe_twice":
                twice[by] += value
            elif count.name == "lease_lost":
                lost[by] += value
            elif count.name == "templates_failed":
                unfilled[by] += value
        yield _counter(
            "notifications",
            "Attempts to tell an integration, by what came of them: delivered, failed (to be tried"
            " again) or dead (given up).",
            outcomes,
            (*_OF_INTEGRATION, "outcome"),
        )
        yield _counter(
            "notification_failures",
            "Attempts that failed or were given up, by the reason.",
            reasons,
            (*_OF_INTEGRATION, "reason"),
        )
        yield _counter(
            "notifications_ambiguous",
            "Attempts of which nobody knows whether they arrived; retried, so perhaps told twice.",
            twice,
            _OF_INTEGRATION,
        )
        yield _counter(
            "leases_lost",
            "Attempts that could not be recorded, for another process had taken over; told twice"
            " where both arrived.",
            lost,
            _OF_INTEGRATION,
        )
        yield _counter(
            "templates_failed",
            "Templates of alerts.yml that failed; our own text was sent in their place.",
            unfilled,
            _OF_INTEGRATION,
        )
        yield _latency(counters)

    def _waiting(self, reading: Reading, *, now: float) -> Iterator[Metric]:
        due = {name: of for name, of in reading.due.items() if self._is_ours(name)}
        unrouted = reading.unrouted
        since = [of.since for of in due.values()] + ([unrouted.since] if unrouted else [])
        yield _gauge(
            "incidents_unrouted",
            "Incidents that no dispatcher has looked at since they last changed.",
            {(): float(unrouted.count if unrouted else 0)},
        )
        yield _gauge(
            "notifications_pending",
            "Groups of which an integration is due to hear by now.",
            self._for_each({name: of.count for name, of in due.items()}),
            _OF_INTEGRATION,
        )
        yield _gauge(
            "notifications_oldest_pending_seconds",
            "For how long the oldest unrouted incident or pending notification has been waiting.",
            {(): max(0.0, now - min(since, default=now))},
        )
        yield _gauge(
            "dead_letters",
            "Notifications that were given up and that nobody has replayed or dropped.",
            self._for_each(reading.dead_letters),
            _OF_INTEGRATION,
        )
        yield _gauge(
            "integration_parked",
            "1 where an integration is sent nothing until an operator acts.",
            self._for_each({name: 1 for name in reading.parked if self._is_ours(name)}),
            _OF_INTEGRATION,
        )

    def _is_ours(self, name: Name) -> bool:
        return self._integrations is None or name in self._integrations

    def _for_each(self, values: Mapping[Name, int]) -> Mapping[tuple[str, ...], float]:
        """By (integration, receiver); 0 for those of the configuration that have none."""
        filled = {**dict.fromkeys(self._integrations or (), 0), **values}
        return {(name, receiver): float(n) for (receiver, name), n in filled.items()}


def _alerts(reading: Reading) -> Iterator[Metric]:
    alerts: Counter[tuple[str, ...]] = Counter()
    overflowed: Counter[tuple[str, ...]] = Counter()
    for count, value in reading.counters.items():
        if count.name == ALERTS and len(labels := json.loads(count.label)) == 3:
            alerts[*labels, count.receiver] += value
        elif count.name == OVERFLOWED:
            overflowed[count.receiver,] += value
    yield _counter(
        "alerts",
        "Alerts that a receiver was told of, once when they fired and once when they were over.",
        alerts,
        ("alertname", "severity", "status", "receiver"),
    )
    yield _counter(
        "alerts_overflowed",
        f"Alerts counted as alertname {OTHER!r}, for there are over {MAX_ALERTNAMES} names.",
        overflowed,
        ("receiver",),
    )
    folded = _folded(reading.open)
    yield _gauge(
        "incidents_open",
        "Incidents that are open now.",
        {labels: float(of.count) for labels, of in folded.items()},
        ("alertname", "severity"),
    )
    yield _gauge(
        "incidents_oldest_open_timestamp_seconds",
        "When the oldest of the incidents that are open now began.",
        {labels: of.since for labels, of in folded.items()},
        ("alertname", "severity"),
    )


def _folded(incidents: Mapping[tuple[str, str], Open]) -> Mapping[tuple[str, ...], Open]:
    """By (alertname, severity), the names with the most incidents; the rest under `other`."""
    of_name: Counter[str] = Counter()
    for (name, _), of in incidents.items():
        of_name[name] += of.count
    kept = sorted(of_name, key=lambda name: (-of_name[name], name))[:MAX_ALERTNAMES]
    folded: dict[tuple[str, ...], Open] = {}
    for (name, severity), of in incidents.items():
        labels = (name if name in kept else OTHER, severity)
        before = folded.get(labels, Open(0, of.since))
        folded[labels] = Open(before.count + of.count, min(before.since, of.since))
    return folded


def _latency(counters: Mapping[Count, int]) -> Metric:
    of_integration: Mapping[tuple[str, ...], Histogram] = {
        (n, receiver): of for (receiver, n), of in latency.histograms(counters).items()
    }
    return histogram(
        "wdh_notification_latency_seconds",
        "How long the exchange with the other side took, for each attempt.",
        of_integration,
        _OF_INTEGRATION,
    )


def _counter(name: str, text: str, values: Values, labels: Collection[str] = ()) -> Metric:
    return counter(f"wdh_{name}", text, values, labels)


def _gauge(name: str, text: str, values: Values, labels: Collection[str] = ()) -> Metric:
    return gauge(f"wdh_{name}", text, values, labels)
