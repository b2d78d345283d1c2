"""Overview: is anything wrong, since when, what ran last night, when the next run is due."""

from __future__ import annotations

from . import variables
from .board import Board, Row
from .files import failed_files, newest_file, quarantined, rows_loaded
from .jobs import JOB, jobs_table, runs_that_ended
from .links import RUNBOOK
from .look import BAD, BUSY, GOOD, OF_SEVERITY, UP, WARNING, coloured, steps, words
from .panels import Drawn, Size, Words, number, states
from .promql import LOCATION, RUNS, gained, latest, or_zero
from .queries import now, over_time, rows
from .schedules import DUE_IN, schedules_table
from .tables import Column, rows_of

OPEN = latest("wdh_incidents_open", "alertname", "severity")
SINCE = latest("wdh_incidents_oldest_open_timestamp_seconds", "alertname", "severity")
CRITICAL = latest("wdh_incidents_open", "alertname", match='severity="critical"')
ANSWERS = "max(wdh_store_up)"
# 0 all is well, 1 something is open, 2 something critical is, 3 nobody knows.
LEVEL = f"""clamp_max(
  clamp_max({or_zero(f"sum({OPEN})")}, 1)
  + clamp_max({or_zero(f"sum({CRITICAL})")}, 1)
  + 3 * (1 - ({or_zero(ANSWERS)})), 3
)"""
SCHEDULED = latest(
    "dagster_schedule_next_tick_timestamp_seconds", "schedule_name", "location", match=LOCATION
)


def overview() -> Board:
    return Board(
        "overview",
        "WorkDataHub / Overview",
        "Is anything wrong, since when, what ran last night, when the next run is due."
        " 总览：有没有问题、从何时起、昨夜跑了什么、下次何时跑。",
        [
            variables.source(),
            variables.location(),
            variables.job(),
            variables.dagster(),
            variables.runbooks(),
        ],
        [
            Row("Now · 现在", [make() for make in _NOW]),
            Row("Incidents · 事件", [_incidents(), _came_and_went()]),
            Row("Last night · 昨夜", [jobs_table(Size(14, 9)), runs_that_ended(Size(10, 9))]),
            Row("What should run · 该跑的", [schedules_table(Size(14)), _up()]),
            Row("Data · 数据", [newest_file(), rows_loaded(), quarantined(), failed_files()]),
        ],
    )


def _level() -> Drawn:
    return number(
        Words(
            "Is anything wrong?",
            "All is well: no incident is open. Warning or critical: the gravest that is open."
            " Blind: the alert store does not answer, so nobody knows.",
            "一切正常：没有未关闭的事件；否则显示最严重的级别。“Blind”表示告警库无响应，状况未知。",
            none="Blind: no metrics",
        ),
        now(LEVEL),
        size=Size(5, 4),
        mappings=words(
            {
                "0": ("All is well · 一切正常", GOOD),
                "1": ("Warning · 有警告", WARNING),
                "2": ("Critical · 严重", BAD),
                "3": ("Blind · 状况未知", BAD),
            }
        ),
        colors=steps(GOOD, {1: WARNING, 2: BAD}),
        filled=True,
    )


def _open() -> Drawn:
    return number(
        Words(
            "Open incidents",
            "Incidents that are open now, and how many were.",
            "当前未关闭的事件数及其走势。",
        ),
        over_time(or_zero(f"sum({OPEN})")),
        size=Size(3, 4),
        colors=steps(GOOD, {1: WARNING}),
        with_history=True,
    )


def _since() -> Drawn:
    return number(
        Words(
            "Since when",
            "When the oldest incident that is open now began.",
            "最早一件未关闭事件的开始时间。",
            none="nothing is open",
        ),
        now(f"1000 * min({SINCE})"),
        size=Size(4, 4),
        unit="dateTimeFromNow",
        decimals=None,
    )


def _failed() -> Drawn:
    failed = gained(
        "dagster_completed_runs_total",
        *JOB,
        match=f'{RUNS},status="failure"',
    )
    return number(
        Words(
            "Runs that failed",
            "Within the time shown. A run that Dagster tried again counts each time.",
            "所选时间内失败的运行；每次重试各算一次。",
        ),
        now(or_zero(f"sum({failed})")),
        size=Size(3, 4),
        colors=steps(GOOD, {1: BAD}),
    )


def _under_way() -> Drawn:
    active = latest("dagster_active_runs", *JOB, "status", match=RUNS)
    return number(
        Words(
            "Under way",
            "Runs that are queued, starting or running now.",
            "排队、启动和运行中的运行数。",
        ),
        over_time(or_zero(f"sum({active})")),
        size=Size(3, 4),
        colors=steps("text", {1: BUSY}),
        with_history=True,
    )


def _due() -> Drawn:
    return number(
        Words(
            "Next run in",
            "Of all running schedules, the one that is due first. Below zero: it is late.",
            "最近一个到期的调度还有多久；负数表示已经晚点。",
            none="no schedule is running",
        ),
        now(f"min({SCHEDULED}) - time()"),
        size=Size(3, 4),
        unit="s",
        colors=DUE_IN,
        decimals=None,
    )


def _untold() -> Drawn:
    untold = " + ".join(
        f"({or_zero(f'sum({latest(name, *labels)})')})"
        for name, labels in (
            ("wdh_dead_letters", ("integration", "receiver")),
            ("wdh_integration_parked", ("integration", "receiver")),
        )
    )
    return number(
        Words(
            "Not told",
            "Notifications that were given up, and integrations that are switched off until"
            " somebody acts: `wdh alerts dead-letters list`. More on the dashboard Alerting.",
            "放弃投递的通知数，加上被停用、等待人工处理的渠道数。详见 Alerting。",
        ),
        now(untold),
        size=Size(3, 4),
        colors=steps(GOOD, {1: BAD}),
    )


def _incidents() -> Drawn:
    return rows_of(
        Words(
            "What is open",
            "Every kind of incident that is open now; `wdh alerts list` has each one.",
            "当前未关闭的事件，按告警名汇总；逐条明细见 `wdh alerts list`。",
            none="nothing is open",
        ),
        [
            Column("alertname", "Alert", link=RUNBOOK),
            Column("severity", "Severity", mappings=coloured(OF_SEVERITY), width=110),
            Column("Value #A", "Open", width=80),
            Column("Value #B", "Since", unit="dateTimeFromNow", width=140),
        ],
        rows(OPEN),
        rows(f"1000 * {SINCE}"),
        size=Size(10),
        sort="Open",
        descending=True,
    )


def _came_and_went() -> Drawn:
    return states(
        Words(
            "As they came and went",
            "When incidents of each kind were open: one orange, more red.",
            "各类事件的起止时间：橙色一件，红色多件。",
            none="nothing was open",
        ),
        over_time(f"sum by (alertname) ({OPEN})", "{{alertname}}"),
        size=Size(14),
        colors=steps("transparent", {1: WARNING, 2: BAD}),
    )


def _up() -> Drawn:
    daemon = latest("dagster_daemon_healthy", "daemon_type", match='required="true"')
    error = latest("dagster_code_location_load_error", "location", match=LOCATION)
    return states(
        Words(
            "Daemons, code locations, sources",
            "Dagster's daemons beat, its code locations load, the sources of the metrics answer.",
            "守护进程心跳、代码位置加载、各指标来源是否正常。",
            none="no metrics",
        ),
        over_time(daemon, "daemon {{daemon_type}}"),
        over_time(f"1 - {error}", "code {{location}}"),
        over_time(latest("wdh_scrape_source_up", "source"), "source {{source}}"),
        size=Size(10),
        mappings=UP,
    )


_NOW = (_level, _open, _since, _failed, _under_way, _due, _untold)
