"""How long deliveries take, as counters: buckets and a sum that all processes add to."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping

from ..metric_families import BEYOND, Histogram, cumulative
from .health import Count, Name

# Upper bounds, in seconds. A delivery has ten; beyond is a sink that did not keep its deadline.
BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BUCKET = "latency_bucket"
_SUM = "latency_us"


def counts_of(name: Name, latencies_s: Iterable[float]) -> Mapping[Count, int]:
    """What attempts that took so long add to the counters.

    Each is in one bucket only; microseconds, for counters are whole numbers.
    """
    taken = [max(0.0, latency_s) for latency_s in latencies_s]
    found = Counter(bisect_left(BOUNDS_S, latency_s) for latency_s in taken)
    buckets = {
        Count(_BUCKET, *name, str(BOUNDS_S[at]) if at < len(BOUNDS_S) else BEYOND): n
        for at, n in found.items()
    }
    return {**buckets, Count(_SUM, *name): round(sum(taken) * 1e6)}


def histograms(counters: Mapping[Count, int]) -> Mapping[Name, Histogram]:
    """By (receiver, integration), from the counters of all processes.

    A bound that an earlier version used, and this one does not, counts under the next one up.
    """
    found: dict[Name, Counter[int]] = {}
    for count, value in counters.items():
        if count.name == _BUCKET:
            at = bisect_left(BOUNDS_S, float(count.label))
            found.setdefault((count.receiver, count.integration), Counter())[at] += value
    return {
        name: Histogram(cumulative(BOUNDS_S, within), counters.get(Count(_SUM, *name), 0) / 1e6)
        for name, within in found.items()
    }
