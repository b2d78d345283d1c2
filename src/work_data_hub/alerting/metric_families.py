"""Families of metrics for prometheus_client, from values by label values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import Metric

Values = Mapping[tuple[str, ...], float]
BEYOND = "+Inf"


@dataclass(frozen=True)
class Histogram:
    """buckets: (upper bound as Prometheus writes it, how many within it), the last is +Inf."""

    buckets: tuple[tuple[str, int], ...]
    sum_s: float


def counter(name: str, text: str, values: Values, labels: Collection[str] = ()) -> Metric:
    """name: without `_total`, which prometheus_client adds."""
    from prometheus_client.core import CounterMetricFamily

    return _filled(CounterMetricFamily(name, text, labels=list(labels)), values)


def gauge(name: str, text: str, values: Values, labels: Collection[str] = ()) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    return _filled(GaugeMetricFamily(name, text, labels=list(labels)), values)


def histogram(
    name: str,
    text: str,
    values: Mapping[tuple[str, ...], Histogram],
    labels: Collection[str] = (),
) -> Metric:
    from prometheus_client.core import HistogramMetricFamily

    family = HistogramMetricFamily(name, text, labels=list(labels))
    for values_of, of in sorted(values.items()):
        family.add_metric(list(values_of), list(of.buckets), of.sum_s)
    return family


def cumulative(bounds_s: Sequence[float], within: Mapping[int, int]) -> tuple[tuple[str, int], ...]:
    """Buckets from how many are in each alone, by the index of its bound; one beyond is +Inf."""
    total, buckets = 0, []
    for at, bound in enumerate([*map(str, bounds_s), BEYOND]):
        total += within.get(at, 0)
        buckets.append((bound, total))
    return tuple(buckets)


def described(families: Iterable[Metric]) -> Iterable[Metric]:
    """The families without samples, for a collector's `describe`."""
    for family in families:
        family.samples.clear()
        yield family


def _filled(family: Metric, values: Values) -> Metric:
    for values_of, value in sorted(values.items()):
        family.add_metric(list(values_of), value)  # type: ignore[attr-defined]
    return family
