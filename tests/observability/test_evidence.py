"""What a failed run's alert says beyond its event, from a real instance with real logs."""

import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetSpec,
    DagsterInstance,
    Definitions,
    OpExecutionContext,
    SensorEvaluationContext,
    asset,
    instance_for_test,
    job,
    op,
)
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from work_data_hub.alerting import AlertRouter
from work_data_hub.alerting.sink import Deadline
from work_data_hub.observability.dagster_api import ownership, step_logs
from work_data_hub.observability.dagster_api.run_log import runs_by_id
from work_data_hub.observability.evidence import FAILURES_OF_A_JOB, Evidence
from work_data_hub.observability.feed import advance
from work_data_hub.observability.run import Ownership

from .dagster_runs import failed_at, in_process_executor, run, succeeded_at
from .stores import firing

NOW = datetime(2024, 11, 5, 2, 0, tzinfo=UTC)
FILLING = 300_000


@op(config_schema={"table": str, "fails": bool}, tags={"team": "loaders"})
def talkative(context: OpExecutionContext) -> None:
    sys.stderr.write("s" * FILLING + "\n")
    context.log.warning("about to load %s", context.op_config["table"])
    sys.stderr.write("token=abcdefgh12345678 refused\n")
    sys.stderr.flush()
    if context.op_config["fails"]:
        raise ValueError("row 7 has no plan")


@job(executor_def=in_process_executor, tags={"owner": "anna@example.com"})
def loading() -> None:
    talkative()


def config(table: str, *, fails: bool) -> dict[str, Any]:
    return {"ops": {"talkative": {"config": {"table": table, "fails": fails}}}}


@pytest.fixture
def logging_instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    """A real instance that keeps what steps write, in files."""
    logs = {"module": "dagster._core.storage.local_compute_log_manager"}
    logs |= {"class": "LocalComputeLogManager", "config": {"base_dir": str(tmp_path / "logs")}}
    home = tmp_path / "home"
    home.mkdir()
    with instance_for_test(temp_dir=str(home), overrides={"compute_logs": logs}) as made:
        yield made


def evidence_of(instance: DagsterInstance, **given: Any) -> Evidence:
    return Evidence(instance, redact=str, **given)


def test_a_failed_run_tells_its_last_words_its_owner_and_what_changed(
    logging_instance: DagsterInstance, router: AlertRouter
) -> None:
    instance = logging_instance
    run(instance, loading, run_config=config("returns", fails=False), tags={"dagster/image": "1.4"})
    tags = {"dagster/image": "1.5"}
    run(instance, loading, run_config=config("returns_v2", fails=True), tags=tags)
    advance(instance, router, now=datetime.now(UTC), deadline=Deadline(60))
    (incident,) = firing(router)
    said = incident.annotations["log_excerpt"].splitlines()
    assert said[-1] == "token=[redacted] refused"
    assert said[-2].endswith(" WARNING about to load returns_v2")
    assert incident.annotations["changes"].splitlines()[1:] == [
        "image: 1.4 → 1.5",
        "ops.talkative.config.fails: false → true",
        "ops.talkative.config.table: returns → returns_v2",
    ]
    assert incident.annotations["changes_zh"].startswith("与 ")
    assert incident.labels["owner"] == "anna@example.com"
    assert incident.labels["team"] == "loaders"


def test_an_owner_who_changes_is_no_new_incident(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    for owner in ("anna", "ben"):
        failed_at(instance, NOW, tags={"dagster/owner": owner})
    advance(instance, router, now=NOW, deadline=Deadline(60))
    (incident,) = firing(router)
    assert incident.event_count == 2
    succeeded_at(instance, NOW)
    advance(instance, router, now=NOW, deadline=Deadline(60))
    assert firing(router) == []


def test_the_owner_of_an_asset_beside_the_sensor_is_known(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job of assets has no tags of theirs, and Dagster's storage does not know their owners."""

    @asset(owners=["team:prices"], tags={"owner": "anna"})
    def prices() -> None: ...

    monkeypatch.setattr(ownership, "_of_assets", {})
    made_elsewhere = AssetSpec("rates", owners=["team:rates"])
    repository = Definitions(assets=[prices, made_elsewhere]).get_repository_def()
    target = LoadableTargetOrigin(python_file="sales.py")
    origin = InProcessCodeLocationOrigin(target, location_name="sales")
    ownership.learn(
        SensorEvaluationContext(
            instance_ref=None,
            last_tick_completion_time=None,
            last_run_key=None,
            cursor=None,
            repository_name="__repository__",
            instance=instance,
            repository_def=repository,
            code_location_origin=origin,
        )
    )
    failed = runs_by_id(instance, [failed_at(instance, NOW)])
    (read,) = failed.values()
    evidence = evidence_of(instance)
    assert evidence.ownership(read, "prices") == Ownership("anna", "prices")
    assert evidence.ownership(read, "load") == Ownership()


def test_it_is_compared_with_the_last_success_of_its_own_partition_and_location(
    instance: DagsterInstance,
) -> None:
    ours = {"tags": {"dagster/partition": "a", "user": "anna"}}
    succeeded_at(instance, NOW, **ours)
    succeeded_at(instance, NOW, tags={"dagster/partition": "b", "user": "ben"})
    succeeded_at(instance, NOW, location="other", tags={"dagster/partition": "a", "user": "cara"})
    succeeded_at(instance, NOW, tags={"dagster/partition": "a", "wdh/alerts": "off"})
    failed = failed_at(instance, NOW, tags={"dagster/partition": "a", "user": "dora"})
    succeeded_at(instance, NOW, tags={"dagster/partition": "a", "user": "created later"})
    found = evidence_of(instance).annotations(runs_by_id(instance, [failed])[failed], "")
    assert found["changes"].splitlines()[1:] == ["tag user: anna → dora"]


def test_of_a_storm_the_first_failures_of_each_job_are_looked_into(
    instance: DagsterInstance,
) -> None:
    evidence = evidence_of(instance)
    failed = runs_by_id(instance, [failed_at(instance, NOW) for _ in range(5)])
    told = [bool(evidence.annotations(run, "")) for run in failed.values()]
    assert told == [True] * FAILURES_OF_A_JOB + [False] * (5 - FAILURES_OF_A_JOB)


def test_when_the_time_of_the_round_is_spent_nothing_more_is_read(
    instance: DagsterInstance,
) -> None:
    failed = failed_at(instance, NOW)
    evidence = evidence_of(instance, budget_s=0)
    assert evidence.annotations(runs_by_id(instance, [failed])[failed], "load") == {}


class SlowLogs:
    """A log manager whose bucket does not answer."""

    def get_log_data_for_type(self, *_: Any) -> tuple[bytes | None, int]:
        time.sleep(0.5)
        return b"too late", 0


class ShortLogs:
    """A log manager with so many bytes, which it gives as Dagster's own do."""

    def __init__(self, log: bytes) -> None:
        self.log = log
        self.reads = 0

    def get_log_data_for_type(
        self, _: Sequence[str], __: Any, offset: int, max_bytes: int
    ) -> tuple[bytes | None, int]:
        self.reads += 1
        return self.log[offset : offset + max_bytes], 0


def test_a_log_manager_that_does_not_answer_holds_up_no_alert() -> None:
    with pytest.raises(TimeoutError, match=r"0\.1 s"):
        step_logs._within(0.1, SlowLogs(), ["run", "compute_logs", "key"])


@pytest.mark.parametrize("size", [0, 5, 65_536, 65_537, 300_000, 5_000_000])
def test_the_end_of_a_log_is_found_however_long_it_is(size: int) -> None:
    log = b"".join(b"%07d\n" % n for n in range(size // 8 + 1))[-size:] if size else b""
    manager = ShortLogs(log)
    found = step_logs._tail(manager, [])
    assert log.decode().endswith(found)
    assert len(found) >= min(size, step_logs.TAIL_BYTES) - 8
    assert manager.reads < 40


def test_what_cannot_be_read_is_left_out(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a record of another version")

    failed = failed_at(instance, NOW, tags={"owner": "anna"})
    read = runs_by_id(instance, [failed])[failed]
    monkeypatch.setattr(instance, "get_run_records", broken)
    monkeypatch.setattr(instance, "get_job_snapshot", broken)
    evidence = evidence_of(instance)
    assert evidence.annotations(read, "load") == {"log_excerpt": ""}
    assert evidence.ownership(read, "load") == Ownership("anna")
