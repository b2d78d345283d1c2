"""A real Prometheus scrapes a real `wdh serve` over a real Dagster: its numbers are Dagster's."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
import requests

from ..prometheus_server import process, prometheus, promtool_finds
from .dagster_dev import dagster_dev, free_port, wait_until

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
PROJECT = """
import dagster as dg

@dg.op
def extract() -> int:
    return 1

@dg.op
def break_down() -> None:
    raise ValueError("boom")

@dg.job(executor_def=dg.in_process_executor)
def sound():
    extract()

@dg.job(executor_def=dg.in_process_executor)
def broken():
    break_down()

@dg.asset
def report() -> None: ...

every_minute = dg.ScheduleDefinition(
    name="every_minute", job=sound, cron_schedule="* * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
yearly = dg.ScheduleDefinition(name="yearly", job=sound, cron_schedule="0 0 1 1 *")

@dg.sensor(job=sound, minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING)
def watcher():
    return dg.SkipReason("nothing new")

defs = dg.Definitions(
    assets=[report], jobs=[sound, broken], schedules=[every_minute, yearly], sensors=[watcher]
)
"""


def ask(address: str, query: str) -> dict[str, float]:
    """Values by all labels but those of the target."""
    try:
        answer = requests.get(f"{address}/api/v1/query", params={"query": query}, timeout=10)
    except requests.RequestException:
        return {}
    assert answer.ok, answer.text
    return {
        ",".join(
            value
            for name, value in sorted(each["metric"].items())
            if name not in ("__name__", "instance", "job")
        ): float(each["value"][1])
        for each in answer.json()["data"]["result"]
    }


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="Debian's prometheus is needed")
def test_what_prometheus_has_is_what_dagster_has(tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "team.py"
    home.mkdir()
    project.write_text(PROJECT)
    listen = f"127.0.0.1:{free_port()}"
    state = {"WDH_STATE_DIR": str(tmp_path / "state")}
    with dagster_dev(project, home, state) as dev:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        env = {**kept, **state, "DAGSTER_HOME": str(home), "WDH_DAGSTER_URL": dev.url}
        wdh = Path(sys.executable).with_name("wdh")
        served = process(
            *(str(wdh), "serve", "--listen", listen),
            log=tmp_path / "serve.log",
            env=env,
            cwd=tmp_path,
        )
        with served, prometheus(tmp_path, listen, rules=RULES) as scraping:

            def values(query: str) -> dict[str, float]:
                return ask(scraping.url, query)

            for _ in range(2):
                dev.launch("broken")
            launched = dev.launch("sound")
            wait_until(
                lambda: (
                    values("dagster_completed_runs_total").get("broken,team.py,failure") == 2
                    and values('dagster_completed_runs_total{status="success"}').get(
                        "sound,team.py,success", 0
                    )
                    >= 1
                ),
                seconds=120,
                what=f"the ends of runs are counted, {launched} among them",
                log=tmp_path / "serve.log",
            )
            steps = values('dagster_completed_steps_total{step_key="break_down"}')
            assert steps == {"broken,team.py,failure,break_down": 2}
            wait_until(
                lambda: values('dagster_sensor_last_tick_status{status="skipped"}'),
                seconds=60,
                what="the sensor has ticked",
            )
            assert values("dagster_code_location_load_error") == {"team.py": 0}
            status = values("dagster_schedule_status")
            assert status == {"team.py,every_minute,running": 1, "team.py,yearly,stopped": 1}
            wait_until(
                lambda: values(
                    "dagster_schedule_last_tick_timestamp_seconds"
                    ' and on (schedule_name) dagster_schedule_last_tick_status{status="success"}'
                ),
                seconds=120,
                what="the schedule has ticked",
            )
            ((due),) = wait_until(
                lambda: values(
                    "dagster_schedule_next_tick_timestamp_seconds"
                    " - on (schedule_name, location) dagster_schedule_last_tick_timestamp_seconds"
                ),
                seconds=30,
                what="the schedule is due again",
            ).values()
            assert due == 60
            healthy = values('dagster_daemon_healthy{daemon_type=~"SENSOR|SCHEDULER"}')
            assert healthy == {"SCHEDULER,true": 1, "SENSOR,true": 1}
            up = values("wdh_scrape_source_up")
            assert set(up) >= {"runs", "tally", "instigators", "daemons", "assets", "webserver"}
            assert set(up.values()) == {1}
            assert values("wdh_feed_lag_seconds")["feed"] < 60
            assert values("scrape_samples_scraped").popitem()[1] < 1_000
            served_text = requests.get(f"http://{listen}/metrics", timeout=10).content
            assert promtool_finds(served_text) == ""
            rules = requests.get(f"{scraping.url}/api/v1/rules", timeout=10).json()["data"][
                "groups"
            ]
            assert {rule["health"] for group in rules for rule in group["rules"]} == {"ok"}
            assert values("ALERTS") == {}
