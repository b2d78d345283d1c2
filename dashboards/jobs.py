"""Each job: how its last run ended, how long it took, when it last went well; and all ends."""

from __future__ import annotations

from .links import RUNS_OF_JOB
from .look import BAD, OF_STATUS, coloured, steps
from .panels import Drawn, Size, Words, bars
from .promql import RUNS, STEP, gained, latest
from .queries import over_time, rows
from .tables import Column, rows_of

JOB = ("location", "job_name")
ENDED = ("success", "failure", "canceled")


def jobs_table(size: Size) -> Drawn:
    return rows_of(
        Words(
            "Jobs, and how they ended last",
            "A job's last run: how and when it ended, and its time from creation to end. When the"
            " job last went well; what ended within the time shown. A name leads to its runs in"
            " Dagster.",
            "各作业最近一次的结果与耗时、最近成功时间、期间成败次数。点作业名进 Dagster。",
            none="no run has ended",
        ),
        [
            Column("job_name", "Job", link=RUNS_OF_JOB),
            Column("location", "Location"),
            Column("status", "Last run", mappings=coloured(OF_STATUS), width=95),
            Column("Value #B", "Ended", unit="dateTimeAsIsoNoDateIfToday", width=150),
            Column("Value #C", "It took", unit="s", width=90),
            Column("Value #D", "Last success", unit="dateTimeFromNow", width=125, none="never"),
            Column("Value #E", "Succeeded", width=95),
            Column("Value #F", "Failed", thresholds=steps("text", {1: BAD}).build(), width=75),
        ],
        rows(latest("dagster_last_run_info", *JOB, "status", match=RUNS)),
        rows(f"1000 * {latest('dagster_last_run_end_timestamp_seconds', *JOB, match=RUNS)}"),
        rows(latest("dagster_last_run_duration_seconds", *JOB, match=RUNS)),
        rows(f"1000 * {latest('dagster_job_last_success_timestamp_seconds', *JOB, match=RUNS)}"),
        rows(_ended("success")),
        rows(_ended("failure")),
        size=size,
        sort="Ended",
        descending=True,
    )


def runs_that_ended(size: Size) -> Drawn:
    ended = gained("dagster_completed_runs_total", *JOB, "status", match=RUNS, over=STEP)
    return bars(
        Words(
            "Runs that ended",
            "How many, when, and how.",
            "何时结束了多少次运行，结果如何。",
            none="no run ended",
        ),
        over_time(f"sum by (status) ({ended})", "{{status}}"),
        size=size,
        colors={name: OF_STATUS[name] for name in ENDED},
    )


def _ended(status: str) -> str:
    match = f'{RUNS},status="{status}"'
    return gained("dagster_completed_runs_total", *JOB, match=match)
