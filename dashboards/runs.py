"""Runs: what is under way, what ended and how, how long it takes, what ticks."""

from __future__ import annotations

from . import variables
from .board import Board, Row
from .jobs import ENDED, JOB, jobs_table, runs_that_ended
from .links import RUNS_OF_JOB
from .look import BAD, BUSY, GOOD, OF_STATUS, WARNING, coloured, limit, steps, words
from .panels import Drawn, Size, Words, bars, lines, number, spread, states
from .promql import LOCATION, RANGE, RUNS, STEP, buckets, gained, latest, or_zero, quantile
from .queries import counts, now, over_time, rows
from .schedules import SCHEDULE, schedules_table
from .tables import Column, rows_of

ACTIVE = latest("dagster_active_runs", *JOB, "status", match=RUNS)
STEP_OF = (*JOB, "step_key")


def runs() -> Board:
    return Board(
        "runs",
        "WorkDataHub / Runs",
        "What is under way, what ended and how, how long it takes, what ticks."
        " 运行：进行中的、已结束的、耗时、调度与传感器。",
        [
            variables.source(),
            variables.location(),
            variables.job(),
            variables.dagster(),
            variables.runbooks(),
        ],
        [
            Row("Under way · 进行中", [_under_way(), _longest()]),
            Row(
                "Ended · 已结束",
                [*_totals(), runs_that_ended(Size(14)), _failures(), jobs_table(Size(24))],
            ),
            Row("How long · 耗时", [_durations(), _spread(), _queued()]),
            Row("Steps · 步骤", [_steps(), _failed_steps()]),
            Row("Ticks · 触发", [schedules_table(Size(14)), _late(), _ticks(), _heartbeats()]),
        ],
    )


def _under_way() -> Drawn:
    return lines(
        Words(
            "Runs under way",
            "Queued, starting and running, over time. A queue that only grows is a run queue or a"
            " launcher that stands still.",
            "排队、启动、运行中的数量。只增不减说明队列或启动器停了。",
            none="no run is under way",
        ),
        over_time(f"sum by (status) ({ACTIVE})", "{{status}}"),
        size=Size(14),
        colors={name: OF_STATUS[name] for name in ("queued", "starting", "started", "canceling")},
    )


def _longest() -> Drawn:
    longest = latest("dagster_active_run_duration_seconds", *JOB, "status", match=RUNS)
    return rows_of(
        Words(
            "For how long",
            "Of each job, the run that has been in its status for longest. A run that is stuck in"
            " starting or canceling will not get out by itself.",
            "各作业在当前状态停留最久的运行；长期停在 starting 或 canceling 需人工处理。",
            none="no run is under way",
        ),
        [
            Column("job_name", "Job", link=RUNS_OF_JOB),
            Column("location", "Location"),
            Column("status", "Status", mappings=coloured(OF_STATUS), width=100),
            Column("Value", "For", unit="s", width=100),
        ],
        rows(longest),
        size=Size(10),
        sort="For",
        descending=True,
    )


def _totals() -> list[Drawn]:
    return [
        *(_total(status, zh) for status, zh in zip(ENDED, ("成功", "失败", "取消"), strict=True)),
        _share(),
    ]


def _total(status: str, zh: str) -> Drawn:
    return number(
        Words(
            f"Runs: {status}",
            f"Runs that ended as {status} within the time shown.",
            f"所选时间内{zh}的运行数。",
        ),
        now(or_zero(f"sum({_gained(status)})")),
        size=Size(6, 4),
        colors=steps("text", {1: BAD}) if status == "failure" else steps("text"),
    )


def _share() -> Drawn:
    good, bad = (f"sum({_gained(status)})" for status in ("success", "failure"))
    return number(
        Words(
            "Went well",
            "Successes among successes and failures within the time shown, without cancelled runs.",
            "成功率：成功 /（成功 + 失败），不计取消。",
            none="no run ended",
        ),
        now(f"{good} / ({good} + {bad} > 0)"),
        size=Size(6, 4),
        unit="percentunit",
        colors=steps(BAD, {0.9: WARNING, 0.99: GOOD}),
        decimals=1,
    )


def _gained(status: str) -> str:
    match = f'{RUNS},status="{status}"'
    return gained("dagster_completed_runs_total", *JOB, match=match)


def _failures() -> Drawn:
    match = f'{RUNS},status="failure"'
    failed = gained("dagster_completed_runs_total", *JOB, match=match, over=STEP)
    return bars(
        Words(
            "Failures by job",
            "Which jobs failed, and when.",
            "哪些作业在何时失败。",
            none="no run failed",
        ),
        over_time(f"sum by (job_name) ({failed})", "{{job_name}}"),
        size=Size(10),
        limit=limit(1, BAD),
    )


def _durations() -> Drawn:
    took = latest("dagster_last_run_duration_seconds", *JOB, match=RUNS)
    return lines(
        Words(
            "How long the last run took",
            "From creation to end, of each job's last run. A step up that stays: it got slower.",
            "各作业最近一次运行的总耗时；台阶式上升说明变慢。",
            none="no run has ended",
        ),
        over_time(f"max by (job_name) ({took})", "{{job_name}}"),
        size=Size(10),
        unit="s",
    )


def _spread() -> Drawn:
    return spread(
        Words(
            "Run time",
            "From start to end: how many runs took how long, over time.",
            "运行时间分布（不含排队）。",
            none="no run ended",
        ),
        counts(
            f"sum by (le) ({buckets('dagster_run_duration_seconds', *JOB, match=RUNS, over=STEP)})"
        ),
        size=Size(8),
    )


def _queued() -> Drawn:
    waited = quantile(0.95, "dagster_run_queue_duration_seconds", *JOB, match=RUNS)
    return number(
        Words(
            "Waited to start, p95",
            "95 % of the runs that started within the time shown had waited less than this.",
            "95% 的运行排队时间低于此值。",
            none="no run started",
        ),
        now(waited),
        size=Size(6, 8),
        unit="s",
        colors=steps("text", {600: WARNING}),
        decimals=1,
    )


def _steps() -> Drawn:
    took = gained("dagster_step_duration_seconds_sum", *STEP_OF, match=RUNS)
    times = gained("dagster_step_duration_seconds_count", *STEP_OF, match=RUNS)
    return rows_of(
        Words(
            "Steps",
            "Of each step that ended within the time shown: its mean time, and how often it ended"
            " well or not. A step's last attempt counts, when its run has ended.",
            "所选时间内各步骤的平均耗时与成败次数。",
            none="no step ended",
        ),
        [
            Column("job_name", "Job", link=RUNS_OF_JOB),
            Column("location", "Location"),
            Column("step_key", "Step"),
            Column("Value #A", "Mean time", unit="s", width=110),
            Column("Value #B", "Succeeded", width=100),
            Column("Value #C", "Failed", thresholds=steps("text", {1: BAD}).build(), width=80),
        ],
        rows(f"{took} / ({times} > 0)"),
        rows(_steps_ended("success")),
        rows(_steps_ended("failure")),
        size=Size(14),
        sort="Mean time",
        descending=True,
    )


def _failed_steps() -> Drawn:
    return bars(
        Words(
            "Failed steps",
            "Which steps failed, and when.",
            "哪些步骤在何时失败。",
            none="no step failed",
        ),
        over_time(f"sum by (step_key) ({_steps_ended('failure', over=STEP)})", "{{step_key}}"),
        size=Size(10),
        limit=limit(1, BAD),
    )


def _steps_ended(status: str, over: str = RANGE) -> str:
    match = f'{RUNS},status="{status}"'
    return gained("dagster_completed_steps_total", *STEP_OF, match=match, over=over)


def _late() -> Drawn:
    due = latest("dagster_schedule_next_tick_timestamp_seconds", *SCHEDULE, match=LOCATION)
    return lines(
        Words(
            "How late schedules are",
            "How long ago the next tick was due; 0 while it is yet to come. A schedule that stays"
            " late is one whose daemon or code location is gone; ScheduleMissed opens at 300 s.",
            "调度晚点多久；0 表示未到时间。持续晚点说明守护进程或代码位置不在。"
            "超过 300 秒触发 ScheduleMissed。",
            none="no schedule is running",
        ),
        over_time(f"clamp_min(time() - {due}, 0)", "{{schedule_name}}"),
        size=Size(10),
        unit="s",
        limit=steps("transparent", {120: WARNING, 300: BAD}),
    )


def _ticks() -> Drawn:
    return states(
        Words(
            "Last tick of each schedule and sensor",
            "Green: it asked for a run. Blue: it skipped, or is ticking. Red: its code raised; the"
            " tick is in Dagster under Automation.",
            "绿：已发起运行；蓝：跳过或正在触发；红：代码抛错，见 Dagster 的 Automation 页。",
            none="nothing has ticked",
        ),
        over_time(_tick("schedule"), "{{schedule_name}}"),
        over_time(_tick("sensor"), "{{sensor_name}}"),
        size=Size(14),
        mappings=words(
            {
                "1": ("success", GOOD),
                "2": ("skipped", BUSY),
                "3": ("started", BUSY),
                "4": ("failure", BAD),
            }
        ),
    )


def _tick(kind: str) -> str:
    """1 success, 2 skipped, 3 started, 4 failure. `other` is many, and has no one status."""
    name = f"{kind}_name"
    last = f"dagster_{kind}_last_tick_status"

    def by(status: str) -> str:
        return latest(last, "location", name, match=f'{LOCATION},{name}!="other",status="{status}"')

    statuses = enumerate(("success", "skipped", "started", "failure"), start=1)
    return " or ".join(f"{code} * {by(status)}" for code, status in statuses)


def _heartbeats() -> Drawn:
    beat = latest("dagster_daemon_last_heartbeat_timestamp_seconds", "daemon_type")
    return lines(
        Words(
            "Since the daemons' last heartbeat",
            "A daemon beats every 30 s or so. DaemonDown opens at 120 s for sensors, schedules and"
            " the run queue, and at 10 min for the others.",
            "距各守护进程上次心跳的时间；超过 120 秒（其他为 10 分钟）触发 DaemonDown。",
            none="no daemon has beaten",
        ),
        over_time(f"time() - {beat}", "{{daemon_type}}"),
        size=Size(10),
        unit="s",
        limit=steps("transparent", {120: WARNING, 600: BAD}),
    )
