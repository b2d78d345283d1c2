"""Who looks after what failed, as its definition says: tags of the op, owners of asset and job.

The tags of a run come first and are in the run itself (`run_log`); Dagster puts the job's there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dagster import (
    AssetSpec,
    DagsterInstance,
    HookContext,
    JobDefinition,
    OpDefinition,
    OpExecutionContext,
    SensorEvaluationContext,
)

from ..run import Ownership
from .tags import OWNER_TAGS, TEAM_TAGS

_TEAM = "team:"


def of_definition(instance: DagsterInstance, definition: str, step: str) -> Ownership:
    """What the job's stored snapshot says: tags of the step's op, then tags and owners of the job.

    The owners of an asset are not in it: Dagster keeps them in user code alone (see `learn`).
    """
    if not definition or not instance.has_job_snapshot(definition):
        return Ownership()
    snapshot = instance.get_job_snapshot(definition)
    ops = {op.name: op.tags for op in snapshot.node_defs_snapshot.op_def_snaps}
    return (
        _of_tags(ops.get(_op_of(step), {}))
        .or_else(_of_tags(snapshot.tags))
        # Dagster 1.12 has no owners of jobs.
        .or_else(_of_owners(getattr(snapshot, "owners", None)))
    )


# Of the assets of this process's own code location, by (location, op).
_of_assets: dict[tuple[str, str], Ownership] = {}


def learn(context: SensorEvaluationContext) -> None:
    """Take in what the assets beside this sensor say of their owners; once, for they stay."""
    origin = context.code_location_origin
    if _of_assets or origin is None or context.repository_def is None:
        return
    for assets in set(context.repository_def.assets_defs_by_key.values()):
        if not assets.is_executable:  # an AssetSpec alone: no step makes it
            continue
        found = Ownership()
        for asset in assets.specs:
            found = found.or_else(_of_tags(asset.tags)).or_else(_of_owners(asset.owners))
        _of_assets[origin.location_name, assets.node_def.name] = found


def of_asset(location: str, step: str) -> Ownership:
    """What `learn` took in; nothing of the assets of other locations."""
    return _of_assets.get((location, _op_of(step)), Ownership())


def _op_of(step: str) -> str:
    """`graph.op[3]` is the op's name, as far as a step's key says it."""
    return step.partition("[")[0].rpartition(".")[2]


def of_hook(context: HookContext) -> Ownership:
    """As above, from the definitions that the step runs with; tags and owners of its assets too."""
    step = context._step_execution_context
    assets = step.assets_def.specs if step.assets_def is not None else ()
    return _of_all(step.op_def, assets, step.job_def)


def of_op(context: OpExecutionContext, *assets: AssetSpec) -> Ownership:
    """The same from inside an op, which loads these assets without being their definition."""
    return _of_all(context.op_def, assets, context.job_def)


def _of_all(op: OpDefinition, assets: Iterable[AssetSpec], job: JobDefinition) -> Ownership:
    found = _of_tags(op.tags)
    for asset in assets:
        found = found.or_else(_of_tags(asset.tags)).or_else(_of_owners(asset.owners))
    return found.or_else(_of_tags(job.tags)).or_else(_of_owners(getattr(job, "owners", None)))


def _of_tags(tags: Mapping[str, str]) -> Ownership:
    def first(names: Iterable[str]) -> str:
        return next((str(tags[name]) for name in names if tags.get(name)), "")

    return Ownership(first(OWNER_TAGS), first(TEAM_TAGS))


def _of_owners(owners: Iterable[str] | None) -> Ownership:
    """Dagster's `team:data` and `anna@example.com`: the first of each."""
    named = list(owners or ())
    teams = [name.removeprefix(_TEAM) for name in named if name.startswith(_TEAM)]
    people = [name for name in named if not name.startswith(_TEAM)]
    return Ownership(next(iter(people), ""), next(iter(teams), ""))
