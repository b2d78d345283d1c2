"""What became of runs, told to the router: what failed, what recovered, what waits for a retry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from . import events, successes
from .dagster_api import run_log
from .evidence import Evidence
from .retries import Verdict, verdict
from .run import Change, Ending, Run, StatusChange

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from ..alerting import Alert, AlertRouter

Known = tuple[StatusChange, Run]


@dataclass
class Announcer:
    """The telling of one round, and its counts.

    told: failures published; new: those of them that the router had not heard of. held: ids of the
    failures held back. failed, succeeded: what was told as such in the last helping.
    """

    instance: DagsterInstance
    router: AlertRouter
    now: datetime
    told: int = 0
    new: int = 0
    recovered: int = 0
    held: tuple[int, ...] = ()
    failed: list[Known] = field(default_factory=list)
    succeeded: list[Known] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._evidence = Evidence(self.instance, redact=self.router.redact)

    def tell(self, changes: Sequence[StatusChange]) -> None:
        """Tell what failed and what recovered; hold what Dagster will retry.

        The router goes by the events' times: a failure before a success ends closed, in whatever
        order it is told of them, and also when it is told of a held failure hours later.
        """
        runs = run_log.runs_by_id(self.instance, (change.run_id for change in changes))
        retries = run_log.runs_by_id(
            self.instance, (run.retry_run_id for run in runs.values() if run.retry_run_id)
        )
        known = [(change, runs[change.run_id]) for change in changes if change.run_id in runs]
        known = [(change, run) for change, run in known if not run.is_silent]
        self.failed, self.succeeded = [], []
        for change, run in _without_repeated_successes(known):
            if change.change is Change.SUCCEEDED:
                self.succeeded.append((change, run))
                continue
            match self._verdict(change, run, retries.get(run.retry_run_id)):
                case Verdict.TELL:
                    self.failed.append((change, run))
                case Verdict.HOLD:
                    self.held += (change.event_id,)
        if self.failed:
            self._publish()
        successes.tell(self.router, known)
        if self.succeeded:
            self.recovered += self.router.resolve_all(
                (events.run_recovered(run), change.at) for change, run in self.succeeded
            )

    def _publish(self) -> None:
        from ..alerting.store.firing import Outcome

        outcomes = self.router.publish_all(self._alert(run, change) for change, run in self.failed)
        self.told += len(outcomes)
        self.new += sum(outcome is not Outcome.REPEATED for outcome in outcomes)

    def _alert(self, run: Run, change: StatusChange) -> Alert:
        ending = self._ending(change)
        step = ending.step.step if ending.step is not None else ""
        ownership = self._evidence.ownership(run, step)
        evidence = self._evidence.annotations(run, step)
        return events.run_failed(run, change, ending, ownership=ownership, evidence=evidence)

    def _verdict(self, change: StatusChange, run: Run, retry: Run | None) -> Verdict:
        enabled = run_log.retries_enabled(self.instance)
        return verdict(run, retry, failed_at=change.at, now=self.now, retries_enabled=enabled)

    def _ending(self, change: StatusChange) -> Ending:
        if change.step is not None:
            return Ending(change.step, "")
        return run_log.ending(self.instance, change.run_id)


def _without_repeated_successes(changes: Sequence[Known]) -> Iterator[Known]:
    """By event time, and without each success that follows another one of the same work."""
    sound: set[tuple[str, str, str]] = set()
    for change, run in sorted(changes, key=lambda pair: (pair[0].at, pair[0].event_id)):
        if change.change is Change.FAILED:
            sound.discard(run.work)
        elif run.work in sound:
            continue
        else:
            sound.add(run.work)
        yield change, run
