"""What Dagster is given to load, under both module names, and at what price."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dagster import DefaultSensorStatus
from src.work_data_hub.orchestration.repository import defs

ROOT = Path(__file__).parents[2]
MODULES = ("work_data_hub.orchestration.repository", "src.work_data_hub.orchestration.repository")


def python(code: str, cwd: Path = ROOT) -> str:
    env = {"PATH": os.environ["PATH"], "HOME": str(cwd)}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=env, check=True, capture_output=True, text=True
    ).stdout


def test_definitions_hold_both_jobs_the_schedule_and_every_sensor() -> None:
    repository = defs.get_repository_def()
    assert {job.name for job in repository.get_all_jobs()} >= {
        "trustee_performance_job",
        "trustee_performance_multi_file_job",
    }
    assert [s.name for s in repository.schedule_defs] == ["trustee_daily_schedule"]
    assert {s.name for s in repository.sensor_defs} == {
        "trustee_new_files_sensor",
        "trustee_dq_sensor",
        "alerting_sensor",
    }


def test_sensors_have_their_intervals_and_only_the_alerting_comes_up_running() -> None:
    sensors = {sensor.name: sensor for sensor in defs.get_repository_def().sensor_defs}
    assert sensors["trustee_new_files_sensor"].minimum_interval_seconds == 300
    assert sensors["trustee_dq_sensor"].minimum_interval_seconds == 600
    running = [n for n, s in sensors.items() if s.default_status is DefaultSensorStatus.RUNNING]
    assert running == ["alerting_sensor"]


@pytest.mark.parametrize("variable", ["WDH_NEW_FILES_INTERVAL_S", "WDH_DQ_INTERVAL_S"])
def test_the_intervals_and_the_autostart_are_settings(variable: str) -> None:
    seen = python(
        f"import os; os.environ['{variable}'] = '77'; os.environ['WDH_AUTOSTART'] = 'true'\n"
        "from work_data_hub.orchestration.repository import defs\n"
        "for s in defs.get_repository_def().sensor_defs:\n"
        "    print(s.name, s.minimum_interval_seconds, s.default_status.value)"
    ).split("\n")
    changed = {"WDH_NEW_FILES_INTERVAL_S": 0, "WDH_DQ_INTERVAL_S": 1}[variable]
    names = ("trustee_new_files_sensor", "trustee_dq_sensor")
    assert f"{names[changed]} 77 RUNNING" in seen
    assert all("STOPPED" not in line for line in seen)


@pytest.mark.parametrize("module", MODULES)
def test_each_module_name_imports_as_one_whole(module: str) -> None:
    other = MODULES[1 - MODULES.index(module)].split(".")[0]
    mixed = python(
        f"import sys, {module}\n"
        f"print([name for name in sys.modules if name.split('.')[0] == '{other}'])"
    )
    assert mixed.strip() == "[]"


def test_importing_it_reads_no_file_and_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text("this: [is not, a configuration")
    heavy = "{'polars', 'fastexcel', 'pandas', 'psycopg', 'jinja2.sandbox', 'structlog'}"
    loaded = python(
        "import sys, dagster\n"
        "before = {'sqlalchemy'} & set(sys.modules)\n"
        "import work_data_hub.orchestration.repository\n"
        f"print(sorted(({heavy} | {{'sqlalchemy'}} - before) & set(sys.modules)))\n"
        "ours = ('work_data_hub.alerting.sinks.', 'work_data_hub.io.readers.')\n"
        "print([name for name in sys.modules if name.startswith(ours)])",
        cwd=tmp_path,
    )
    assert loaded.split("\n")[:2] == ["[]", "[]"]
    assert [path.name for path in tmp_path.iterdir()] == ["alerts.yml"]


@pytest.mark.processes
@pytest.mark.parametrize("module", MODULES)
def test_dagster_validates_the_definitions(module: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-m", module],
        cwd=ROOT,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path), "WDH_STATE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Validation successful" in done.stdout + done.stderr
