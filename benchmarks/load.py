"""From path to committed rows: 100,000 rows, delete_insert over a full table.

ours          read_file and load_file: bounds, hash, exact rounding, refusals, ledger, quarantine,
              who supersedes whom; then the same through the Dagster job, on an instance that is
              there, as it is in any deployment
conventional  pandas with openpyxl, a pydantic model for each row, executemany (SQLite) or
              execute_values (PostgreSQL)
limit         fastexcel to polars, vectorised cleaning, executemany or COPY, nothing else
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.conventional_load import conventional_load
from benchmarks.limit_load import limit_load
from benchmarks.measure import Figure, medians
from benchmarks.workbook import write_workbook

if TYPE_CHECKING:
    from dagster import DagsterInstance

ROWS = 100_000
MAX_RSS_MIB = 300
# The promised ratio to the limit, by database.
LIMITS = {"SQLite": 2.2, "PostgreSQL": 1.6}
FASTER = 15
COLUMNS = {
    "report_date": "date NOT NULL",
    "plan_code": "text NOT NULL",
    "company_code": "text NOT NULL",
    "return_rate": "numeric",
    "net_asset_value": "numeric",
    "fund_scale": "numeric",
    "data_source": "text NOT NULL",
    "processed_at": "text NOT NULL",
    "has_performance_data": "boolean NOT NULL",
    "validation_warnings": "text NOT NULL",
}


@dataclass(frozen=True)
class Place:
    """Where a workbook lies and the databases it is loaded into, each kind into its own table."""

    landing: Path
    name: str
    warehouse_url: str

    @property
    def workbook(self) -> Path:
        return self.landing / self.name


def figures() -> list[Figure]:
    found = []
    with tempfile.TemporaryDirectory() as folder:
        landing = Path(folder, "landing")
        landing.mkdir()
        name = "2024_11_受托业绩报告.xlsx"
        write_workbook(landing / name, ROWS)
        os.environ |= {"WDH_DATA_BASE_DIR": str(landing), "WDH_STATE_DIR": folder}
        for database, url in (("SQLite", f"sqlite:///{folder}/warehouse.db"), ("PostgreSQL", None)):
            with _database(url) as there:
                os.environ["WDH_WAREHOUSE_URL"] = there
                found += _figures_of(database, Place(landing, name, there))
    return found


def _figures_of(database: str, place: Place) -> list[Figure]:
    from dagster import DagsterInstance

    with DagsterInstance.ephemeral() as instance:
        return _measured(database, place, instance)


def _measured(database: str, place: Place, instance: DagsterInstance) -> list[Figure]:
    _make_table(place.warehouse_url, "bench_limit")
    _make_table(place.warehouse_url, "bench_conventional")

    def ours() -> None:
        load_once(place)

    def limit() -> None:
        limit_load(place.workbook, place.warehouse_url, "bench_limit")

    def conventional() -> None:
        conventional_load(place.workbook, place.warehouse_url, "bench_conventional")

    def through_the_job() -> None:
        _run_job(place, instance)

    for fill in (ours, limit, conventional):
        fill()
    reset = _Reset(place.warehouse_url)
    ours_s, limit_s, job_s = medians([ours, limit, through_the_job], rounds=7, before_each=reset)
    also_ours_s, slow_s = medians([ours, conventional], rounds=3, before_each=reset)
    rss = _peak_rss_mib(place, reset)
    slow = f"{slow_s:.1f} s to {also_ours_s:.2f} s"
    return [
        Figure(
            f"load, {database}: faster than the conventional way",
            slow_s / also_ours_s,
            "x",
            FASTER,
            at_least=True,
            note=slow,
        ),
        Figure(
            f"load, {database}: to the limit",
            ours_s / limit_s,
            "x",
            LIMITS[database],
            note=f"{ours_s:.2f} s to {limit_s:.2f} s",
        ),
        Figure(
            f"load, {database}, through the job: to the limit",
            job_s / limit_s,
            "x",
            LIMITS[database],
            note=f"{job_s:.2f} s to {limit_s:.2f} s",
        ),
        Figure(f"load, {database}: peak RSS", rss, "MiB", MAX_RSS_MIB, note="a fresh process"),
    ]


def load_once(place: Place, *, rows: int = ROWS) -> None:
    """The product's way, without Dagster. rows: how many the workbook has."""
    from work_data_hub.config.data_sources import load_data_sources
    from work_data_hub.io.connectors.file_connector import DataSourceConnector
    from work_data_hub.io.file_load import FilePlan, load_file, read_file
    from work_data_hub.io.loader.warehouse_loader import Warehouse

    config = load_data_sources().domain("trustee_performance")
    (file,) = DataSourceConnector().discover("trustee_performance")
    plan = read_file(file, config)
    assert isinstance(plan, FilePlan), plan
    with Warehouse.open(place.warehouse_url) as warehouse:
        report = load_file(warehouse, plan, table=config.table, pk=config.pk, run_id="bench")
    assert report.loaded == rows, report


def _run_job(place: Place, instance: DagsterInstance) -> None:
    from work_data_hub.orchestration.jobs import (
        build_run_config,
        trustee_performance_multi_file_job,
    )

    config = build_run_config(paths=[str(place.workbook)], plan_only=False)
    config["loggers"] = {"console": {"config": {"log_level": "CRITICAL"}}}
    result = trustee_performance_multi_file_job.execute_in_process(config, instance=instance)
    (report,) = result.output_for_node("load_op")
    assert report.loaded == ROWS, report


@dataclass(frozen=True)
class _Reset:
    """Not measured: other content as far as the ledger knows, and a database at rest."""

    url: str

    def __call__(self) -> None:
        from sqlalchemy import create_engine

        from work_data_hub.locations import with_psycopg3

        engine = create_engine(with_psycopg3(self.url), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql("UPDATE wdh_files SET sha256 = 'other'")
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql("VACUUM ANALYZE")
                connection.exec_driver_sql("CHECKPOINT")
            else:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        engine.dispose()


def _peak_rss_mib(place: Place, reset: _Reset) -> float:
    reset()
    command = [sys.executable, "-m", "benchmarks.load", str(place.landing), place.name]
    done = subprocess.run(
        [*command, place.warehouse_url], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def _make_table(url: str, table: str) -> None:
    from sqlalchemy import create_engine

    from work_data_hub.locations import with_psycopg3

    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    engine = create_engine(with_psycopg3(url))
    if engine.dialect.name == "postgresql":  # as the product's own table
        columns = columns.replace("_code text", '_code text COLLATE "C"')
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE TABLE {table} ({columns}, PRIMARY KEY (report_date, plan_code, company_code))"
        )
    engine.dispose()


@contextmanager
def _database(url: str | None) -> Iterator[str]:
    if url is not None:
        yield url
        return
    from tests.postgres_server import new_database, running_postgres

    with running_postgres() as server, new_database(server) as there:
        yield there


def _child(landing: str, name: str, url: str) -> None:
    load_once(Place(Path(landing), name, url))
    # Not getrusage: its peak is also that of the process which started this one.
    (peak,) = re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    print(int(peak) / 1024)


if __name__ == "__main__":
    _child(*sys.argv[1:])
