"""What must be so before the code server of docker compose serves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, job, op

from deploy.code_server import DIED, GRPC_INFO_TAG, fail_orphaned_runs, write_sample_into_empty


@op
def load() -> None: ...


@job
def nightly() -> None:
    load()


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


def _run(
    instance: DagsterInstance, status: DagsterRunStatus, *, host: str | None = "code"
) -> DagsterRun:
    tags = {GRPC_INFO_TAG: json.dumps({"host": host, "port": 4000})} if host else {}
    run = instance.create_run_for_job(nightly, status=status, tags=tags)
    assert run.status is status
    return run


@pytest.mark.parametrize(
    "status", [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
)
def test_a_run_that_died_with_its_container_is_failed_and_says_why(
    instance: DagsterInstance, status: DagsterRunStatus
) -> None:
    run = _run(instance, status)
    assert fail_orphaned_runs(instance, host="code") == [run.run_id]
    stored = instance.get_run_by_id(run.run_id)
    assert stored is not None
    assert stored.status is DagsterRunStatus.FAILURE
    assert DIED in [entry.dagster_event.message for entry in instance.all_logs(run.run_id)]


def test_what_waits_what_is_over_and_what_runs_elsewhere_is_left_alone(
    instance: DagsterInstance,
) -> None:
    _run(instance, DagsterRunStatus.NOT_STARTED, host=None)
    _run(instance, DagsterRunStatus.SUCCESS)
    _run(instance, DagsterRunStatus.STARTED, host="another-team")
    _run(instance, DagsterRunStatus.STARTED, host=None)
    assert fail_orphaned_runs(instance, host="code") == []


def test_the_tag_is_the_one_that_dagster_writes() -> None:
    from dagster._core.storage.tags import GRPC_INFO_TAG as DAGSTERS

    assert GRPC_INFO_TAG == DAGSTERS


def test_an_empty_landing_folder_gets_the_sample_once(tmp_path: Path) -> None:
    assert write_sample_into_empty(tmp_path)
    assert len(list(tmp_path.rglob("*.xlsx"))) == 9
    for path in tmp_path.rglob("*.xlsx"):
        path.unlink()
    assert not write_sample_into_empty(tmp_path)
    assert list(tmp_path.rglob("*.xlsx")) == []


def test_a_landing_folder_in_use_gets_no_sample(tmp_path: Path) -> None:
    (tmp_path / "202410受托业绩.xlsx").write_bytes(b"theirs")
    assert not write_sample_into_empty(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["202410受托业绩.xlsx"]
