"""Who looks after what failed, as its definition says: tags of the op, owners of asset and job.

The tags of a run come first and are in the run itself (`run_log`); Dagster puts the job's there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dagster import DagsterInstance, HookContext

from ..run import Ownership
from .tags import OWNER_TAGS, TEAM_TAGS

_TEAM = "team:"


def of_definition(instance: DagsterInstance, definition: str, step: str) -> Ownership:
    """What the job's stored snapshot says: tags of the step's op, then tags and owners of the job.

    The owners of an asset are not in it; Dagster keeps them in its user code alone.
    """
    if not definition or not instance.has_job_snapshot(definition):
        return Ownership()
    snapshot = instance.get_job_snapshot(definition)
    op_name = step.partition("[")[0].rpartition(".")[2]
    ops = {op.name: op.tags for op in snapshot.node_defs_snapshot.op_def_snaps}
    return (
        _of_tags(ops.get(op_name, {}))
        .or_else(_of_tags(snapshot.tags))
        # Dagster 1.12 has no owners of jobs.
        .or_else(_of_owners(getattr(snapshot, "owners", None)))
    )


def of_hook(context: HookContext) -> Ownership:
    """As above, from the definitions that the step runs with; tags and owners of its assets too."""
    step = context._step_execution_context
    assets = step.assets_def.specs if step.assets_def is not None else ()
    found = _of_tags(step.op_def.tags)
    for asset in assets:
        found = found.or_else(_of_tags(asset.tags)).or_else(_of_owners(asset.owners))
    job = step.job_def
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
