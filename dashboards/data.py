"""Data: which files came, what became of their rows, what the probes found."""

from __future__ import annotations

from . import variables
from .board import Board, Row
from .files import MAX_AGE_S, failed_files, newest_file, quarantined, rows_loaded
from .look import OF_DATA, WARNING, coloured, limit, steps
from .panels import Drawn, Size, Words, bars, lines, spread
from .promql import DOMAIN, STEP, buckets, gained, latest
from .queries import counts, over_time, rows
from .tables import Column, rows_of

# Three of WDH_DQ_INTERVAL_S as it is where nobody sets it.
MAX_PROBE_AGE_S = 3 * 600
ROW_OUTCOMES = ("loaded", "superseded", "quarantined", "replayed")


def data() -> Board:
    return Board(
        "data",
        "WorkDataHub / Data",
        "Which files came, what became of their rows, what the probes found."
        " 数据：文件、行数、隔离区、质量探测。",
        [
            variables.source(),
            variables.domain(),
            variables.dagster(),
            variables.runbooks(),
        ],
        [
            Row("Now · 现在", [panel(DOMAIN) for panel in _NOW]),
            Row("Files · 文件", [_files(), _age(), _loads()]),
            Row("Rows · 行", [_rows(), _in_quarantine(), _spread()]),
            Row("Probes · 探测", [_probes(), _findings(), _probed()]),
            Row("Assets · 资产", [_assets()]),
        ],
        since="now-7d",
    )


_NOW = (newest_file, rows_loaded, quarantined, failed_files)


def _files() -> Drawn:
    return rows_of(
        Words(
            "Files by state",
            "seen: known and not yet wanted; waiting: will be loaded; loaded; failed: will be tried"
            " again; refused: failed three times, until its content changes; withdrawn: gone from"
            " the folder. `wdh files` has each one.",
            "各状态的文件数；逐个文件见 `wdh files`。",
            none="no file is known",
        ),
        [
            Column("domain", "Domain"),
            Column("state", "State", mappings=coloured(OF_DATA)),
            Column("Value", "Files", width=90),
        ],
        rows(latest("wdh_files", "domain", "state", match=DOMAIN)),
        size=Size(8),
        sort="State",
    )


def _age() -> Drawn:
    newest = latest("wdh_newest_file_timestamp_seconds", "domain", match=DOMAIN)
    return lines(
        Words(
            "Age of the newest file",
            "A line that climbs past the limit (max_file_age_days, 45 as shipped) is a month that"
            " did not come: StaleFile.",
            "最新文件的年龄；超过上限（默认 45 天）触发 StaleFile。",
            none="no file",
        ),
        over_time(f"time() - {newest}", "{{domain}}"),
        size=Size(8),
        unit="s",
        limit=limit(MAX_AGE_S, WARNING),
    )


def _loads() -> Drawn:
    loads = gained("wdh_loads_total", "domain", "outcome", match=DOMAIN, over=STEP)
    return bars(
        Words(
            "Files taken",
            "Files that were loaded, and tries that failed.",
            "入库成功与失败的文件次数。",
            none="no file was taken",
        ),
        over_time(f"sum by (outcome) ({loads})", "{{outcome}}"),
        size=Size(8),
        colors={name: OF_DATA[name] for name in ("loaded", "failed")},
        window="30m",
    )


def _rows() -> Drawn:
    outcomes = gained("wdh_rows_total", "domain", "outcome", match=DOMAIN, over=STEP)
    return bars(
        Words(
            "Rows, and what became of them",
            "Every row is loaded, superseded by a newer file, or quarantined; none is lost. One"
            " that is replayed was in quarantine.",
            "每一行要么入库、要么被新文件取代、要么进隔离区，不会丢失。",
            none="no row was read",
        ),
        over_time(f"sum by (outcome) ({outcomes})", "{{outcome}}"),
        size=Size(10),
        colors={name: OF_DATA[name] for name in ROW_OUTCOMES},
        window="30m",
    )


def _in_quarantine() -> Drawn:
    return lines(
        Words(
            "Rows in quarantine",
            "Refused rows that nobody has replayed and no newer file has replaced:"
            " `wdh quarantine list` says why, `wdh quarantine replay` tries again.",
            "隔离区待处理行数；原因见 `wdh quarantine list`。",
            none="nothing in quarantine",
        ),
        over_time(latest("wdh_quarantine_open_rows", "domain", match=DOMAIN), "{{domain}}"),
        size=Size(7),
        limit=limit(1, WARNING),
    )


def _spread() -> Drawn:
    took = buckets("wdh_load_duration_seconds", "domain", match=DOMAIN, over=STEP)
    return spread(
        Words(
            "Time to load a file",
            "From reading to commit: how many files took how long.",
            "单个文件从读取到提交的耗时分布。",
            none="no file was taken",
        ),
        counts(f"sum by (le) ({took})"),
        size=Size(7),
    )


def _probes() -> Drawn:
    probes = gained("wdh_dq_probes_total", "domain", "outcome", match=DOMAIN, over=STEP)
    return bars(
        Words(
            "Probes of the newest file",
            "The data-quality sensor reads the newest file every ten minutes, and writes nothing.",
            "质量传感器每十分钟探测一次最新文件，只读不写。",
            none="no probe",
        ),
        over_time(f"sum by (outcome) ({probes})", "{{outcome}}"),
        size=Size(9),
        colors={name: OF_DATA[name] for name in ("passed", "found", "no_file")},
        window="30m",
    )


def _findings() -> Drawn:
    findings = gained("wdh_dq_findings_total", "domain", "alertname", match=DOMAIN, over=STEP)
    return bars(
        Words(
            "What they found",
            "By alert; each has a runbook.",
            "探测发现的问题，按告警名。",
            none="nothing was found",
        ),
        over_time(f"sum by (alertname) ({findings})", "{{alertname}}"),
        size=Size(9),
        limit=limit(1, WARNING),
        window="30m",
    )


def _probed() -> Drawn:
    probed = latest("wdh_dq_last_probe_timestamp_seconds", "domain", match=DOMAIN)
    return rows_of(
        Words(
            "Last probe",
            "When the newest file of each domain was last looked at. Orange: three probes have not"
            " come.",
            "各业务域最近一次探测的时间；橙色表示已错过三次。",
            none="no probe yet",
        ),
        [
            Column("domain", "Domain"),
            Column("Value #A", "Probed", unit="dateTimeFromNow"),
            Column(
                "Value #B",
                "Age",
                unit="s",
                thresholds=steps("text", {MAX_PROBE_AGE_S: WARNING}).build(),
            ),
        ],
        rows(f"1000 * {probed}"),
        rows(f"time() - {probed}"),
        size=Size(6),
        sort="Domain",
    )


def _assets() -> Drawn:
    made = latest("dagster_asset_last_materialization_timestamp_seconds", "asset_key")
    return rows_of(
        Words(
            "Assets, the longest untouched first",
            "When each asset of the Dagster instance was last materialized; observing is not.",
            "各资产最近一次物化的时间（不计观测），最久未更新的在前。",
            none="no asset has been materialized",
        ),
        [
            Column("asset_key", "Asset"),
            Column("Value #A", "Last materialized", unit="dateTimeFromNow"),
            Column(
                "Value #B", "Age", unit="s", thresholds=steps("text", {MAX_AGE_S: WARNING}).build()
            ),
        ],
        rows(f"1000 * {made}"),
        rows(f"time() - {made}"),
        size=Size(24),
        sort="Age",
        descending=True,
    )
