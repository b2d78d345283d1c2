"""Where a run comes from."""

from __future__ import annotations

from dagster import DagsterRun

from .tags import REPOSITORY_TAG


def location_of(run: DagsterRun) -> str:
    """The code location's name; empty for a run that came from none (`execute_in_process`)."""
    origin = run.remote_job_origin
    if origin is not None:
        return origin.repository_origin.code_location_origin.location_name
    return location_in(run.tags.get(REPOSITORY_TAG, ""))


def location_in(repository_tag: str) -> str:
    """From the tag's value, "__repository__@location"."""
    return repository_tag.partition("@")[2]
