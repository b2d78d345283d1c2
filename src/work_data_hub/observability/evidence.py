"""What else helps to act on a failed run: the end of the step's log, what changed, who owns it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ..alerting.sink import Deadline
from ..alerting.wording import EN, LANGUAGES
from .changes import changes
from .log_excerpt import log_excerpt
from .run import Ownership, Run

if TYPE_CHECKING:
    from dagster import DagsterInstance

Found = TypeVar("Found")

# A message shows the first incidents of its group in full, and the rest of a storm a line each.
FAILURES_OF_A_JOB = 3
# For all failures of a round, whatever the storage or a bucket of logs takes.
BUDGET_S = 3.0
# Owners are looked up for every failure, for they route: once for each job as it is defined.
OWNERS_BUDGET_S = 5.0


class Evidence:
    """Reads for the first failures of each job, as long as its time lasts. One for each round.

    It never raises: what cannot be read is left out, and said in our own log. An alert that says
    less is better than none. redact: takes secrets out of a text; before any cut, for half a
    secret passes for none.
    """

    def __init__(
        self,
        instance: DagsterInstance,
        *,
        redact: Callable[[str], str],
        budget_s: float = BUDGET_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._instance = instance
        self._redact = redact
        self._deadline = Deadline(budget_s, clock=clock)
        self._owners_deadline = Deadline(OWNERS_BUDGET_S, clock=clock)
        self._failures: Counter[tuple[str, str]] = Counter()
        self._defined: dict[tuple[str, str], Ownership] = {}

    def annotations(self, run: Run, step: str) -> dict[str, str]:
        """`log_excerpt`, and `changes` in each language; what is not known is not in it."""
        self._failures[run.location, run.job] += 1
        if self._failures[run.location, run.job] > FAILURES_OF_A_JOB:
            return {}
        found: dict[str, str] = {}
        for read in (self._changes, self._log_excerpt):
            if self._deadline.remaining_s > 0:
                found |= _unless_it_fails(partial(read, run, step), otherwise=dict[str, str]())
        return found

    def ownership(self, run: Run, step: str) -> Ownership:
        """As the run's tags say, else the definitions of its step and job."""
        from .dagster_api import ownership

        tagged = Ownership(run.owner, run.team)
        if tagged.owner and tagged.team:
            return tagged
        key = (run.definition, step)
        if key not in self._defined and self._owners_deadline.remaining_s > 0:
            read = partial(ownership.of_definition, self._instance, *key)
            self._defined[key] = _unless_it_fails(read, otherwise=Ownership())
        of_asset = ownership.of_asset(run.location, step)
        return tagged.or_else(of_asset).or_else(self._defined.get(key, Ownership()))

    def _changes(self, run: Run, _step: str) -> dict[str, str]:
        from .dagster_api.last_success import last_success_before, setup_of

        setup = setup_of(self._instance, run.run_id)
        if setup is None:
            return {}
        success = last_success_before(self._instance, run)
        told = {
            f"changes_{words.code}": changes(setup, success, words, redact=self._redact)
            for words in LANGUAGES.values()
        }
        # The annotation without a language is the English one, as everywhere.
        return {"changes": told.pop(f"changes_{EN.code}"), **told}

    def _log_excerpt(self, run: Run, step: str) -> dict[str, str]:
        from .dagster_api.step_logs import stderr_end

        if not step:
            return {}
        stderr = stderr_end(self._instance, run.run_id, step, deadline=self._deadline)
        return {"log_excerpt": log_excerpt(self._redact(stderr), step)}


def _unless_it_fails(read: Callable[[], Found], *, otherwise: Found) -> Found:
    try:
        return read()
    except Exception as err:  # noqa: BLE001 - anybody's log manager, any old record of a run
        import structlog

        # The text of an error from there may hold anything.
        structlog.get_logger().warning("evidence.unreadable", error=type(err).__name__)
        return otherwise
