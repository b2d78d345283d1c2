"""Whether the exporter itself is well: what it reads, how long that takes, what it left out."""

from __future__ import annotations

from .look import BAD, UP, WARNING, limit, steps
from .panels import Drawn, Size, Words, bars, lines, states
from .promql import latest
from .queries import over_time, rows
from .tables import Column, rows_of

# As observability/sources.py has it.
DEADLINE_S = 5


def feed_lag() -> Drawn:
    return lines(
        Words(
            "How far behind the readers are",
            "How old the oldest ended run is that the feed (alerts) or the tally (counters) has not"
            " read yet; 0 where all is read.",
            "最旧的未读运行结束事件有多久；0 表示全部已读。",
            none="no reader",
        ),
        over_time(latest("wdh_feed_lag_seconds", "reader"), "{{reader}}"),
        size=Size(8),
        unit="s",
        limit=steps("transparent", {60: WARNING, 300: BAD}),
    )


def sources() -> Drawn:
    return states(
        Words(
            "Sources that answer",
            "Each source of the metrics, within its deadline. One that is down has no values.",
            "各指标来源是否按时应答；不应答时不显示旧值。",
            none="no metrics",
        ),
        over_time(latest("wdh_scrape_source_up", "source"), "{{source}}"),
        over_time("max(wdh_store_up)", "alert store"),
        size=Size(8),
        mappings=UP,
    )


def scrape_time() -> Drawn:
    return lines(
        Words(
            "How long the sources take",
            "Each source's last answer; the slowest makes the scrape. The line is their deadline:"
            " one that is past it is down.",
            "各来源最近一次应答的耗时；超过期限即视为不可用。",
            none="no metrics",
        ),
        over_time(latest("wdh_scrape_source_duration_seconds", "source"), "{{source}}"),
        size=Size(8),
        unit="s",
        limit=limit(DEADLINE_S, BAD),
    )


def errors() -> Drawn:
    # The processes' own, and from 0 with each: those of all are added up.
    failed = "sum by (source) (increase(wdh_scrape_source_errors_total[$__rate_interval]))"
    raised = "sum by (round) (increase(wdh_round_errors_total[$__rate_interval]))"
    return bars(
        Words(
            "Sources and rounds that failed",
            "Failures and missed deadlines of the sources, and turns of the rounds of `wdh serve`"
            " that raised, as Prometheus estimates them.",
            "指标来源的失败与超时、`wdh serve` 各轮次的异常次数（估算）。",
            none="none failed",
        ),
        over_time(failed, "source {{source}}"),
        over_time(raised, "round {{round}}"),
        size=Size(8),
        limit=limit(1, WARNING),
    )


def overflow() -> Drawn:
    return rows_of(
        Words(
            "Beyond the bounds",
            "Names that are counted under `other`, for there are too many: 500 schedules and"
            " sensors, 100 assets, 100 jobs.",
            "超出上限、归入 other 的名称数。",
            none="nothing is left out",
        ),
        [
            Column("metric", "Metric"),
            Column("Value", "Names", thresholds=steps("text", {1: WARNING}).build(), width=90),
        ],
        rows(latest("wdh_scrape_overflowed", "metric")),
        size=Size(8),
        sort="Names",
        descending=True,
    )


def build() -> Drawn:
    return rows_of(
        Words(
            "What runs",
            "The version of each `wdh serve`, and of the Dagster it reads.",
            "各 `wdh serve` 的版本及其 Dagster 版本。",
            none="no `wdh serve` is scraped",
        ),
        [
            Column("instance", "Process"),
            Column("version", "WorkDataHub"),
            Column("dagster_version", "Dagster"),
        ],
        rows("group by (instance, version, dagster_version) (wdh_build_info)"),
        size=Size(8),
        sort="Process",
    )
