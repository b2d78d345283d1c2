"""A Dagster run and what became of it, in our own terms. No Dagster here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Change(StrEnum):
    """What became of a run."""

    FAILED = "failed"
    SUCCEEDED = "succeeded"


@dataclass(frozen=True)
class Raised:
    """One exception of a chain: its class, its message without the class, its frames as text."""

    kind: str
    message: str
    stack: tuple[str, ...] = ()

    @property
    def is_dagsters(self) -> bool:
        """Only Dagster's words around what a step raised."""
        return self.kind in ("DagsterExecutionStepExecutionError", "RetryRequestedFromPolicy")

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind


@dataclass(frozen=True)
class StepFailure:
    """A step and why it failed, outermost exception first; empty where Dagster kept none."""

    step: str
    raised: tuple[Raised, ...]


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    last_words: what Dagster's engine said last between the begin of the last step and the failure.
    """

    step: StepFailure | None
    last_words: str


@dataclass(frozen=True)
class StatusChange:
    """A run that failed or succeeded: one event of the log.

    event_id orders the events of an instance. message is Dagster's own sentence.
    step: the first that failed, where the event carries it. raised: what ended the run.
    """

    event_id: int
    change: Change
    run_id: str
    at: datetime
    message: str
    step: StepFailure | None = None
    raised: tuple[Raised, ...] = ()


@dataclass(frozen=True)
class Run:
    """A run, as far as alerts need it. Empty text for what it has not.

    is_silent: whoever started it wants no alert of it, neither opened nor closed.
    definition: names the job as it was then, its ops, config schema and tags; another one after a
    change of the code that shows in these. owner, team: of its tags, the job's among them.
    """

    run_id: str
    job: str
    location: str
    partition: str
    schedule: str
    sensor: str
    backfill: str
    root_run_id: str
    retry_number: str
    will_retry: bool | None
    retry_run_id: str
    failure_reason: str
    assets: tuple[str, ...]
    finished: bool
    succeeded: bool
    failed: bool
    is_silent: bool = False
    definition: str = ""
    owner: str = ""
    team: str = ""

    @property
    def work(self) -> tuple[str, str, str]:
        """Location, job and partition: two runs of the same work have the same."""
        return self.location, self.job, self.partition


@dataclass(frozen=True)
class Ownership:
    """Who looks after a job or an asset. team is without Dagster's `team:`; empty for unknown."""

    owner: str = ""
    team: str = ""

    def or_else(self, other: Ownership) -> Ownership:
        """What is not known here, as it is there."""
        return Ownership(self.owner or other.owner, self.team or other.team)


@dataclass(frozen=True)
class Setup:
    """What a run was started with.

    code: what tells one state of the code from another (image, code version, git), by name.
    config, tags: values as text, by path; tags without Dagster's own.
    """

    run_id: str
    at: datetime
    definition: str
    code: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
