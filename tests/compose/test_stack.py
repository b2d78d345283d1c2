"""`make compose-test`: the stack of docker-compose.yml, from `up` to `down`, told in order.

Plain `pytest` passes it by: it needs `docker` on PATH and some minutes.
"""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from work_data_hub.cli.sample_data import HEADING
from work_data_hub.cli.sample_workbook import Sheet, workbook

from .stack import ROOT, THAT_WATCH, THAT_WORK, Stack, say, wait_for

ROWS_OF_SAMPLE = 131
ROWS_OF_WORKBOOK = 40
ROWS = "SELECT count(*) FROM trustee_performance"
UNDER_WAY = "SELECT count(*) FROM runs WHERE status IN ('STARTING', 'STARTED')"
# Not STARTING: a daemon that is killed while it hands a run over leaves it to the three minutes of
# dagster.yaml's start_timeout_seconds.
STARTED = "SELECT count(*) FROM runs WHERE status = 'STARTED'"
ALERTS_TOLD = "sum(wdh_alerts_total)"
ROWS_COUNTED = 'sum(wdh_rows_total{outcome="loaded"})'
MULTI_FILE_JOB = "trustee_performance_multi_file_job"
# Once it is built, on two cores; a minute where they have nothing else to do.
HEALTHY_WITHIN_S = 300
# With an official slim base, which has less than the one it is tested on.
IMAGE_AT_MOST_MB = 600
# Years that no sample is of, a month of which each test drops.
DROPPED: list[str] = []


def drop_workbook(stack: Stack) -> str:
    """Drops a good workbook of a month that was not there yet; returns its name."""
    year, month = 2018 + len(DROPPED) // 12, len(DROPPED) % 12 + 1
    rows = [
        (year, month, f"QY{n:04d}", "ABC01", 0.01 + n / 1000, 1 + n / 100, 1000.0 + n)
        for n in range(ROWS_OF_WORKBOOK)
    ]
    name = f"{year}_{month:02d}_受托业绩报告.xlsx"
    stack.drop(name, workbook(Sheet("受托业绩", [HEADING, *rows])))
    DROPPED.append(name)
    say(f"dropped {name}")
    return name


def wait_until_all_is_loaded(stack: Stack) -> None:
    expected = ROWS_OF_SAMPLE + len(DROPPED) * ROWS_OF_WORKBOOK
    wait_for(
        f"{expected} rows in PostgreSQL", lambda: int(stack.sql("warehouse", ROWS)) == expected
    )


def kill_and_wait(stack: Stack, service: str) -> None:
    restarts = stack.kill(service)
    say(f"killed {service}")
    wait_for(f"{service} is back", lambda: stack.is_back(service, restarts_before=restarts))


def test_without_an_env_file_compose_stops_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    done = subprocess.run(
        ["docker", "compose", "--env-file", str(tmp_path / "empty"), "config"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "run `make env` first" in done.stderr


def test_it_comes_up_healthy_in_minutes(stack: Stack) -> None:
    began = time.monotonic()
    stack.build()
    built = time.monotonic()
    say(f"built: {built - began:.0f} s")
    stack.up()
    took_s = time.monotonic() - built
    say(f"up and healthy: {took_s:.0f} s")
    assert took_s < HEALTHY_WITHIN_S
    states = {service: stack.health(service) for service in (*THAT_WORK, *THAT_WATCH)}
    assert set(states.values()) == {"healthy"}
    if sys.platform != "win32":
        assert stat.S_IMODE(stack.env_file.stat().st_mode) == 0o600


def test_every_container_is_an_ordinary_users_and_the_image_is_small(stack: Stack) -> None:
    users = {
        service: stack.state(service)["Config"]["User"].partition(":")[0]
        for service in (*THAT_WORK, *THAT_WATCH)
    }
    assert [service for service, user in users.items() if user in ("", "0", "root")] == []
    say(f"the image: {stack.image_mb():.0f} MB")
    assert stack.image_mb() < IMAGE_AT_MOST_MB


def test_the_sample_is_loaded_by_the_sensor(stack: Stack) -> None:
    wait_until_all_is_loaded(stack)
    launched = "SELECT count(DISTINCT run_id) FROM run_tags WHERE key = 'dagster/sensor_name'"
    assert int(stack.sql("dagster", launched)) >= 2


def test_a_workbook_dropped_into_the_folder_becomes_rows(stack: Stack) -> None:
    name = drop_workbook(stack)
    wait_until_all_is_loaded(stack)
    ledger = f"SELECT state, loaded FROM wdh_files WHERE path LIKE '%/{name}'"
    assert stack.sql("warehouse", ledger) == f"loaded|{ROWS_OF_WORKBOOK}"


def test_a_failed_run_is_told_by_webhook_and_by_mail(stack: Stack) -> None:
    """The sample has a workbook that was cut off halfway."""
    [alert, *_] = wait_for("RunFailed in the webhook receiver", lambda: stack.told("RunFailed"))
    assert alert["labels"]["job"] == MULTI_FILE_JOB
    assert "is cut short or damaged" in str(alert["annotations"])
    link = alert["generatorURL"]
    assert link.startswith(stack.url("dagster", "/runs/"))
    assert requests.get(link, timeout=10).status_code == 200
    runbook = alert["annotations"]["runbook_url"]
    assert runbook == stack.url("alerting", "/runbooks/RunFailed.md")
    assert "RunFailed" in requests.get(runbook, timeout=10).text
    query = f'subject:"{MULTI_FILE_JOB}"'
    [mail, *_] = wait_for("RunFailed in the mail catcher", lambda: stack.mails(query))
    assert [to["Address"] for to in mail["To"]] == ["on-call@example.org"]


def test_grafana_lets_in_who_has_the_password_and_reaches_prometheus(stack: Stack) -> None:
    health = stack.url("grafana", "/api/datasources/uid/prometheus/health")
    assert requests.get(health, timeout=10).status_code == 401
    assert requests.get(health, auth=("admin", "admin"), timeout=10).status_code == 401
    answer = requests.get(health, auth=stack.grafana_admin(), timeout=10)
    assert (answer.status_code, answer.json()["status"]) == (200, "OK")


def test_grafana_has_every_dashboard_in_its_folder(stack: Stack) -> None:
    found = stack.get_json("grafana", "/api/search", auth=stack.grafana_admin(), tag="workdatahub")
    shipped = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in (ROOT / "grafana" / "dashboards").glob("*.json")
    ]
    assert {(each["uid"], each["title"]) for each in found} == {
        (board["uid"], board["title"]) for board in shipped
    }
    assert {each["folderTitle"] for each in found} == {"WorkDataHub"}


def test_prometheus_counts_the_rows_and_hears_of_every_source(stack: Stack) -> None:
    wait_for(
        "the rows of the warehouse in Prometheus",
        lambda: stack.metric(ROWS_COUNTED) == float(stack.sql("warehouse", ROWS)),
    )
    wait_for("all sources up", lambda: stack.metric("min(wdh_scrape_source_up)") == 1)
    failures = 'sum(dagster_completed_runs_total{status="failure"})'
    wait_for("the failed run in Prometheus", lambda: stack.metric(failures) >= 1)


def test_the_dashboards_are_told_where_this_stacks_dagster_is(stack: Stack) -> None:
    addresses = stack.get_json("prometheus", "/api/v1/query", query="wdh_links_info")
    [links] = [each["metric"] for each in addresses["data"]["result"]]
    assert links["dagster_url"] == stack.url("dagster", "")
    page = links["runbook_url"] + "/RunFailed.md"
    assert requests.get(page, timeout=10).status_code == 200


def test_prometheus_evaluates_every_rule(stack: Stack) -> None:
    def unwell() -> list[str]:
        groups = stack.get_json("prometheus", "/api/v1/rules")["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        assert len(rules) >= 5
        return [rule["name"] for rule in rules if rule["health"] != "ok"]

    wait_for("every rule is evaluated", lambda: not unwell())


@pytest.mark.parametrize("service", THAT_WORK)
def test_what_is_killed_under_a_run_comes_back_and_nothing_is_lost(
    stack: Stack, service: str
) -> None:
    told = stack.metric(ALERTS_TOLD)
    name = drop_workbook(stack)
    broken = f"2016_{THAT_WORK.index(service) + 1:02d}_受托业绩报告.xlsx"
    stack.drop(broken, b"PK\x03\x04 cut off")
    wait_for("a run is under way", lambda: int(stack.sql("dagster", STARTED)), every_s=0.1)
    kill_and_wait(stack, service)
    wait_until_all_is_loaded(stack)
    wait_for(
        f"{broken} in the webhook receiver",
        lambda: [
            alert for alert in stack.told("UnreadableFile") if alert["labels"]["file"] == broken
        ],
    )
    ledger = f"SELECT state FROM wdh_files WHERE path LIKE '%/{name}'"
    assert stack.sql("warehouse", ledger) == "loaded"
    wait_for("counters that did not fall", lambda: stack.metric(ALERTS_TOLD) > told)


@pytest.mark.parametrize("service", THAT_WATCH)
def test_what_looks_on_comes_back_too(stack: Stack, service: str) -> None:
    """Prometheus with what it had scraped. Caught mails are gone: the catcher stores none."""
    moment = time.time()
    query = f"sum(wdh_alerts_total @ {moment:.3f})"
    known = stack.metric(query)
    kill_and_wait(stack, service)
    assert stack.metric(query) == known


def test_after_all_that_everything_is_healthy_and_no_run_is_stuck(stack: Stack) -> None:
    wait_for(
        "everything is healthy",
        lambda: {stack.health(service) for service in (*THAT_WORK, *THAT_WATCH)} == {"healthy"},
    )
    wait_for(
        "the rows of the warehouse in Prometheus",
        lambda: stack.metric(ROWS_COUNTED) == float(stack.sql("warehouse", ROWS)),
    )
    wait_for("no run is under way", lambda: stack.sql("dagster", UNDER_WAY) == "0")
