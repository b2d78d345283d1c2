"""A real Prometheus that scraped a real `wdh serve` answers every query of the dashboards."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence

import pytest
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from dashboards.promql import or_zero

from .demo import PROJECT, Demo, demo
from .shipped import Query, VariableQuery, annotation_queries, panel_queries, variable_queries

pytestmark = [
    pytest.mark.processes,
    pytest.mark.xdist_group("dashboards"),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="Prometheus is not installed"),
]

TEAM = PROJECT.name
# What must have happened before the dashboards are asked.
HAPPENED = (
    'dagster_completed_runs_total{job_name="nightly",status="success"} > 0',
    'dagster_completed_runs_total{job_name="nightly",status="failure"} > 0',
    'dagster_completed_runs_total{job_name="nightly",status="canceled"} > 0',
    'dagster_active_runs{job_name="nightly",status="started"} > 0',
    'dagster_schedule_last_tick_status{schedule_name="hourly",status="success"}',
    'dagster_sensor_last_tick_status{sensor_name="orders",status="skipped"}',
    "dagster_schedule_next_tick_timestamp_seconds",
    "dagster_code_location_load_error == 0",
    'wdh_alerts_total{alertname="RunFailed",status="resolved"} > 0',
    'wdh_files{state="waiting"} == 0',
    'wdh_rows_total{outcome="loaded"} > 0',
    'wdh_dq_probes_total{outcome="found"} > 0',
    "wdh_dead_letters > 0",
    "wdh_integration_parked > 0",
    "wdh_notifications_pending > 0",
    "wdh_notifications_ambiguous_total > 0",
    "wdh_scrape_overflowed > 0",
)
# As the overview's first panel has it.
GRAVITY = {"info": 1, "warning": 1, "critical": 2}
OR_ZERO = or_zero("").removeprefix("()")
# A scrape that was missed on a busy machine leaves a gap; a moment later it is over.
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def happened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """After a night in which everything happened."""
    with demo(tmp_path_factory.mktemp("demo")) as up:
        up.dagster.launch("nightly", location=TEAM, run_config=told("fail"))
        up.dagster.launch("nightly", location=TEAM, run_config=told("wait"))
        up.dagster.cancel(up.dagster.launch("nightly", location=TEAM, run_config=told("wait")))
        # This job's and the pipeline's, so that the one that closes is seen to close.
        up.until('wdh_incidents_open{alertname="RunFailed"} == 2')
        up.dagster.launch("nightly", location=TEAM, run_config=told("succeed"))
        up.tick("hourly")
        for what in HAPPENED:
            up.until(what)
        yield up


def told(what: str) -> Mapping[str, object]:
    return {"ops": {"work": {"config": what}}}


def test_every_query_of_every_panel_has_an_answer(happened: Demo) -> None:
    all_have_data(happened, panel_queries(), everything())


def test_it_has_one_for_the_first_value_of_every_variable_too(happened: Demo) -> None:
    all_have_data(happened, panel_queries(), first_values(happened))


def test_incidents_are_marked_as_they_open_and_as_they_close(happened: Demo) -> None:
    all_have_data(happened, annotation_queries(), everything())


def test_every_variable_has_values(happened: Demo) -> None:
    found = {query.where: values(happened, query, everything()) for query in variable_queries()}
    assert found["WorkDataHub / Runs: location"] == [
        TEAM,
        "work_data_hub.orchestration.repository",
    ]
    assert all(found.values()), found
    for board in ("Overview", "Runs", "Data", "Alerting"):
        assert found[f"WorkDataHub / {board}: dagster"] == [happened.environ["WDH_DAGSTER_URL"]]
        assert found[f"WorkDataHub / {board}: runbooks"] == [happened.environ["WDH_RUNBOOK_URL"]]


def test_the_numbers_are_those_of_dagster_and_of_wdh(happened: Demo) -> None:
    asked = {query.where: query.expr for query in panel_queries()}

    def shown(panel: str) -> float | None:
        expr = filled(asked[f"WorkDataHub / {panel} A"], everything(), since=happened.began)
        return happened.prometheus.number(expr)

    def numbers() -> tuple[Mapping[str, float | None], Mapping[str, float]]:
        there = {**of_runs(happened), **of_data(happened), **of_alerts(happened)}
        return {panel: shown(panel) for panel in there}, there

    deadline = time.monotonic() + PATIENCE_S
    here, there = numbers()
    while here != there and time.monotonic() < deadline:
        here, there = numbers()
    assert here == there
    assert all(there.values())


def of_runs(demo: Demo) -> Mapping[str, float]:
    """What panels should show, by Dagster's own storage."""
    with DagsterInstance.from_config(str(demo.home)) as instance:
        runs = {
            status.value: instance.get_runs_count(RunsFilter(statuses=[status]))
            for status in DagsterRunStatus
        }
    return {
        "Overview: Under way": runs["STARTED"],
        "Overview: Runs that failed": runs["FAILURE"],
        "Runs: Runs: success": runs["SUCCESS"],
        "Runs: Runs: failure": runs["FAILURE"],
        "Runs: Runs: canceled": runs["CANCELED"],
    }


def of_data(demo: Demo) -> Mapping[str, float]:
    """The same, by `wdh files` and `wdh quarantine`."""
    files = demo.wdh("files")
    there = {
        "Rows loaded": sum(file["loaded"] for file in files),
        "Rows in quarantine": len(demo.wdh("quarantine", "list", "--limit", "1000")),
        "Files not taken": sum(file["state"] == "failed" for file in files),
    }
    boards = ("Overview", "Data")
    return {f"{board}: {panel}": value for board in boards for panel, value in there.items()}


def of_alerts(demo: Demo) -> Mapping[str, float]:
    """The same, by `wdh alerts` and the alert store."""
    incidents = demo.wdh("alerts", "list")
    dead_letters = len(demo.wdh("alerts", "dead-letters", "list"))
    reading = demo.reading()
    return {
        "Overview: Is anything wrong?": max(GRAVITY[of["severity"]] for of in incidents),
        "Overview: Open incidents": len(incidents),
        "Overview: Not told": dead_letters + len(reading.parked),
        "Alerting: Due, not told": sum(due.count for due in reading.due.values()),
        "Alerting: Dead letters": dead_letters,
        "Alerting: Parked": len(reading.parked),
        "Alerting: Perhaps told twice": sum(
            n for count, n in reading.counters.items() if count.name == "maybe_twice"
        ),
    }


def all_have_data(demo: Demo, queries: Sequence[Query], chosen: Mapping[str, str]) -> None:
    """Each query has a number at some time."""
    assert queries
    empty = list(queries)
    deadline = time.monotonic() + PATIENCE_S
    while empty and time.monotonic() < deadline:
        empty = [query for query in empty if not has_data(demo, query, chosen)]
    assert [query.where for query in empty] == []


def has_data(demo: Demo, query: Query, chosen: Mapping[str, str]) -> bool:
    """Of its own: the 0 that stands where nothing is would also stand for a misspelt label."""
    expr = filled(query.expr.replace(OR_ZERO, ""), chosen, since=demo.began)
    prometheus = demo.prometheus
    found = prometheus.now(expr) if query.instant else prometheus.since(demo.began, expr)
    return any(series.values for series in found)


def everything() -> Mapping[str, str]:
    return dict.fromkeys(("location", "job", "domain", "receiver"), ".*")


def first_values(demo: Demo) -> Mapping[str, str]:
    """Of each variable the value that comes first, given those of the variables before it."""
    chosen = dict(everything())
    for query in variable_queries():
        first = values(demo, query, chosen)[0]
        chosen[query.name] = re.escape(first).replace("\\", "\\\\")
    return chosen


def values(demo: Demo, query: VariableQuery, chosen: Mapping[str, str]) -> list[str]:
    asked = filled(query.selector, chosen)
    if query.label:
        return demo.prometheus.label_values(query.label, asked)
    # As Grafana writes a result before it looks for the pattern.
    results = [
        "{" + ",".join(f'{name}="{value}"' for name, value in series.labels.items()) + "} 1 0"
        for series in demo.prometheus.now(asked)
    ]
    return [found[1] for result in results if (found := re.search(query.pattern, result))]


def filled(expr: str, chosen: Mapping[str, str], *, since: float = 0.0) -> str:
    """As Grafana fills in what was chosen, on a page that shows all since then."""
    given = {
        "__range": f"{time.time() - since:.0f}s",
        "__interval": "5s",
        "__rate_interval": "10s",
        **chosen,
    }
    return re.sub(r"\$([a-z_]+)", lambda found: given[found[1]], expr)
