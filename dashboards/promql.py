"""How the metrics of `wdh serve` are read.

Every `wdh serve` reports the same store and the same Dagster, so two of them that are scraped give
each series twice. `latest` and `gained` take one of each before anything is added up.
"""

from __future__ import annotations

RUNS = 'location=~"$location",job_name=~"$job"'
LOCATION = 'location=~"$location"'
DOMAIN = 'domain=~"$domain"'
RECEIVER = 'receiver=~"$receiver"'

# The panel's own step: windows of this length touch and do not overlap.
STEP = "$__interval"
# All that the dashboard shows.
RANGE = "$__range"

# What is 1 at each scrape that brought the counters of this beginning; the last one fits all.
_BROUGHT_BY = {
    "dagster_": "wdh_tally_complete",
    "wdh_rows_": 'wdh_scrape_source_up{source="warehouse"}',
    "wdh_load": 'wdh_scrape_source_up{source="warehouse"}',
    "wdh_dq_": 'wdh_scrape_source_up{source="probes"}',
    "wdh_": "wdh_store_up",
}


def latest(metric: str, *labels: str, match: str = "") -> str:
    """The metric by these labels, once, however many processes report it."""
    return f"max by ({', '.join(labels)}) ({_selected(metric, match)})"


def gained(metric: str, *labels: str, match: str = "", over: str = RANGE) -> str:
    """By how much a counter rose, by these labels: a whole number, and 0 where nothing happened.

    Not increase(): a job's first failure is a series that begins at 1, of which increase() says 0,
    and its extrapolation makes 1.03 of one run. Our counters never fall, so the difference to the
    window's start is exact. Of what was not there then: a series with fewer samples than its source
    had scrapes began within the window, at 0. One with as many is as old as the scraping; what it
    had counted before, nobody saw happen.
    """
    selected = _selected(metric, match)
    by = f"max by ({', '.join(labels)})"
    (brought, *_) = (guard for name, guard in _BROUGHT_BY.items() if metric.startswith(name))
    return f"""clamp_min(
  {by} ({selected})
  - (
    {by} ({selected} offset {over})
    or 0 * (
      {by} (count_over_time({selected}[{over}]))
      < on () group_left () max(sum_over_time({brought}[{over}]))
    )
    or {by} (min_over_time({selected}[{over}]))
  ), 0
)"""


def quantile(share: float, histogram: str, *labels: str, match: str = "") -> str:
    """A quantile of all observations within the range, over all series of these labels."""
    return f"histogram_quantile({share}, sum by (le) ({buckets(histogram, *labels, match=match)}))"


def buckets(histogram: str, *labels: str, match: str = "", over: str = RANGE) -> str:
    """How many observations a histogram's buckets took in."""
    return gained(f"{histogram}_bucket", "le", *labels, match=match, over=over)


def or_zero(expr: str) -> str:
    """0 where there is nothing to count."""
    return f"({expr}) or vector(0)"


def _selected(metric: str, match: str) -> str:
    return f"{metric}{{{match}}}" if match else metric
