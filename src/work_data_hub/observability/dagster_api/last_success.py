"""What a run was started with, and what the last one that succeeded before it was started with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord, RunsFilter

from ..run import Run, Setup
from .run_log import run_of
from .tags import CODE_TAGS, PARTITION_TAG

# Other code locations have jobs of the same name; a run without partition has partitioned sisters.
LOOKED_AT = (5, 100)
MAX_CONFIG_VALUES = 1_000
_DAGSTERS = ("dagster/", ".dagster/")


def setup_of(instance: DagsterInstance, run_id: str) -> Setup | None:
    """What this run was started with; None when it was deleted."""
    records = instance.get_run_records(RunsFilter(run_ids=[run_id]), limit=1)
    return _setup(records[0]) if records else None


def last_success_before(instance: DagsterInstance, run: Run) -> Setup | None:
    """Of the newest run of the same location, job and partition that was created before `run` and
    succeeded; None when none is known. A dry run is none."""
    wanted = RunsFilter(
        job_name=run.job,
        statuses=[DagsterRunStatus.SUCCESS],
        # A range of partitions is two tags; it is left to the comparison below.
        tags={PARTITION_TAG: run.partition} if run.partition and "..." not in run.partition else {},
    )
    for limit in LOOKED_AT:
        records = instance.get_run_records(wanted, limit=limit, cursor=run.run_id)
        for record in records:
            found = run_of(record.dagster_run)
            if found.work == run.work and not found.is_silent:
                return _setup(record)
        if len(records) < limit:
            break
    return None


def _setup(record: RunRecord) -> Setup:
    run = record.dagster_run
    at = record.end_time or record.create_timestamp.timestamp()
    return Setup(
        run_id=run.run_id,
        at=datetime.fromtimestamp(at, UTC),
        definition=run.job_snapshot_id or "",
        code=_code(run),
        config=dict(_leaves(run.run_config)),
        tags={k: v for k, v in run.tags.items() if not k.startswith(_DAGSTERS)},
    )


def _code(run: DagsterRun) -> Mapping[str, str]:
    origin = run.job_code_origin
    image = origin.repository_origin.container_image if origin is not None else None
    tagged = {name: run.tags[tag] for tag, name in CODE_TAGS.items() if run.tags.get(tag)}
    return {"image": image, **tagged} if image else tagged


def _leaves(config: Any) -> Iterator[tuple[str, str]]:
    """`ops.load.config.paths[0]` and the value as text, as many as anybody compares."""
    left = MAX_CONFIG_VALUES
    waiting: list[tuple[str, Any]] = [("", config)]
    while waiting and left:
        path, value = waiting.pop()
        if isinstance(value, Mapping) and value:
            dot = f"{path}." if path else ""
            waiting += [(f"{dot}{name}", item) for name, item in reversed([*value.items()])]
        elif isinstance(value, list) and value:
            waiting += [(f"{path}[{i}]", item) for i, item in reversed([*enumerate(value)])]
        elif path:
            left -= 1
            yield path, value if isinstance(value, str) else json.dumps(value, default=str)
