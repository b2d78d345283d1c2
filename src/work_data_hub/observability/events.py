"""What happened in Dagster -> an Alert. Which labels make the identity is decided here only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from .. import locations
from ..alerting.alert import ALERTNAME, OWNER, SEVERITY, TEAM, Alert, Severity
from .run import Ending, Ownership, Raised, Run, StatusChange, StepFailure

RUN_FAILED = "RunFailed"
RUN_SUCCEEDED = "RunSucceeded"
STEP_FAILED = "StepFailed"
STEP_SUCCEEDED = "StepSucceeded"

MAX_LINE_CHARS = 300
MAX_EXCEPTION_CHARS = 1_000
MAX_FRAMES_CHARS = 1_500
MAX_ASSETS = 10
# A longer word is cut all the same.
MAX_WORD_CHARS = 250

# Of a failure, else, the step's own words are told, or Dagster's.
NO_REASON, NO_REASON_ZH = "no reason is known", "原因不明"

_DAGSTERS_FRAME = re.compile(r'\s*File "[^"\n]*[\\/]dagster[\\/]_(?:core|utils)[\\/]')


def run_failed(
    run: Run,
    change: StatusChange,
    ending: Ending,
    *,
    ownership: Ownership | None = None,
    evidence: Mapping[str, str] | None = None,
) -> Alert:
    """A run whose last attempt failed.

    It says what the step raised, else what Dagster's engine said last (a worker that died), else
    what ended the run, else Dagster's own sentence (a run that never started).
    ownership: where more is known than the run's tags say. evidence: further annotations.
    """
    chain: tuple[Raised, ...] = ending.step.raised if ending.step is not None else ()
    if ending.last_words and not (chain and chain[-1].message):
        chain = ()
    else:
        chain = chain or change.raised
    said = ending.last_words or change.message or NO_REASON
    why = _root_cause(chain) or said
    step = ending.step.step if ending.step is not None else ""
    labels = _run_labels(RUN_FAILED, run)
    annotations = {
        "summary": _line(f"{step}: {why}" if step else why),
        "summary_zh": "：".join(filter(None, (step, NO_REASON_ZH))) if why == NO_REASON else "",
        "step": step,
        "error": _error(chain) or _cut(said, MAX_EXCEPTION_CHARS),
        "error_class": chain[-1].kind if chain else "",
        # That a step failed is said already, by its name.
        "reason": "" if run.failure_reason == "STEP_FAILURE" else run.failure_reason,
        **_about(RUN_FAILED, run),
        **(evidence or {}),
    }
    return Alert(
        {**labels, **_owned(run, ownership), SEVERITY: Severity.CRITICAL},
        _filled(annotations),
        event_key=f"run_failed:{run.run_id}",
        occurred_at=change.at,
        identity=tuple(labels),
        generator_url=run_url(run.run_id),
    )


def run_recovered(run: Run) -> Mapping[str, str]:
    """The labels of the incident that a success of `run` closes."""
    return _run_labels(RUN_FAILED, run)


def run_succeeded(run: Run, change: StatusChange) -> Alert:
    """A run that came to its end: a notice, over as soon as it is published."""
    labels = _run_labels(RUN_SUCCEEDED, run)
    return Alert(
        {**labels, **_owned(run), SEVERITY: Severity.INFO},
        _filled(_about(RUN_SUCCEEDED, run)),
        event_key=f"run_succeeded:{run.run_id}",
        occurred_at=change.at,
        identity=tuple(labels),
        generator_url=run_url(run.run_id),
    )


def step_failed(
    run: Run,
    step: StepFailure,
    *,
    at: datetime,
    ownership: Ownership | None = None,
    log_excerpt: str = "",
) -> Alert:
    """A step that failed for good, told from inside its run."""
    labels = {**_run_labels(STEP_FAILED, run), "step": step.step}
    annotations = {
        "summary": _line(_root_cause(step.raised)),
        "error": _error(step.raised),
        "error_class": step.raised[-1].kind if step.raised else "",
        "log_excerpt": log_excerpt,
        **_about(STEP_FAILED, run),
    }
    return Alert(
        {**labels, **_owned(run, ownership), SEVERITY: Severity.WARNING},
        _filled(annotations),
        event_key=f"step_failed:{_first_attempt(run)}:{step.step}",
        occurred_at=at,
        identity=tuple(labels),
        generator_url=run_url(run.run_id),
    )


def step_recovered(run: Run, step_key: str) -> Mapping[str, str]:
    """The labels of the incident that a success of this step closes."""
    return {**_run_labels(STEP_FAILED, run), "step": step_key}


def step_succeeded(run: Run, step_key: str, *, at: datetime) -> Alert:
    """A step that came to its end: a notice, over as soon as it is published."""
    labels = {**_run_labels(STEP_SUCCEEDED, run), "step": step_key}
    return Alert(
        {**labels, **_owned(run), SEVERITY: Severity.INFO},
        _filled(_about(STEP_SUCCEEDED, run)),
        event_key=f"step_succeeded:{_first_attempt(run)}:{step_key}",
        occurred_at=at,
        identity=tuple(labels),
        generator_url=run_url(run.run_id),
    )


def met_in(alert: Alert, run: Run, ownership: Ownership | None = None) -> Alert:
    """An alert about something else, as a run met it: it leads to the run, and to who owns that.

    Which incident it is, is not the run's to say.
    """
    identity = alert.identity if alert.identity is not None else set(alert.labels) - {SEVERITY}
    about = {"job": run.job, "partition": run.partition, **_about(alert.name, run)}
    return replace(
        alert,
        labels={**alert.labels, **_owned(run, ownership)},
        annotations={**alert.annotations, **_filled(about)},
        identity=tuple(sorted(identity)),
        generator_url=run_url(run.run_id),
    )


def run_url(run_id: str, environ: Mapping[str, str] | None = None) -> str:
    """The run's page under WDH_DAGSTER_URL."""
    return f"{locations.dagster_url(environ)}/runs/{run_id}"


def runbook_url(alertname: str, environ: Mapping[str, str] | None = None) -> str:
    """The page on what to do about such an alert."""
    return locations.runbook_url(alertname, environ)


def _run_labels(name: str, run: Run) -> dict[str, str]:
    """Location and partition stand here even when empty.

    As everywhere in Alertmanager's language, empty is the same as absent. Said in so many words it
    keeps the success of a run without partition from closing what every partition has open.
    """
    return {ALERTNAME: name, "location": run.location, "job": run.job, "partition": run.partition}


def _owned(run: Run, ownership: Ownership | None = None) -> dict[str, str]:
    """Labels that route and never identify: an owner who changes is no new incident."""
    known = ownership or Ownership(run.owner, run.team)
    return _filled({OWNER: known.owner, TEAM: known.team})


def _first_attempt(run: Run) -> str:
    """The run that Dagster's own retries began with; a person's re-execution is a new one."""
    return run.root_run_id if run.retry_number else run.run_id


def _about(alertname: str, run: Run) -> dict[str, str]:
    """What every alert on a run says of it."""
    more = len(run.assets) - MAX_ASSETS
    assets = ", ".join(run.assets[:MAX_ASSETS]) + (f" (+{more})" if more > 0 else "")
    return {
        "run_id": run.run_id,
        "run_url": run_url(run.run_id),
        "runbook_url": runbook_url(alertname),
        "root_run_id": run.root_run_id if run.root_run_id != run.run_id else "",
        "attempt": str(int(run.retry_number) + 1) if run.retry_number.isdigit() else "",
        "schedule": run.schedule,
        "sensor": run.sensor,
        "backfill": run.backfill,
        "assets": _line(assets),
    }


def _root_cause(chain: Sequence[Raised]) -> str:
    """The innermost exception: its class and message."""
    return str(chain[-1]) if chain else ""


def _error(chain: Sequence[Raised]) -> str:
    """The root cause, what was raised on account of it, and the frames that it came from.

    In this order, and not in Python's: whoever reads one line reads the cause.
    """
    if not chain:
        return ""
    root, outer = chain[-1], next((raised for raised in chain if not raised.is_dagsters), chain[-1])
    lines = [_cut(str(root), MAX_EXCEPTION_CHARS)]
    if outer is not root:
        lines.append(f"raised as {_cut(str(outer), MAX_EXCEPTION_CHARS)}")
    if frames := "".join(_own_frames(root.stack)).strip("\n"):
        if len(frames) > MAX_FRAMES_CHARS:
            frames = "…\n" + frames[-MAX_FRAMES_CHARS:].partition("\n")[2]
        lines.append(frames)
    return "\n".join(lines)


def _own_frames(stack: Sequence[str]) -> Sequence[str]:
    """Without Dagster's frames above the first one that is not Dagster's: they are always alike."""
    own = next((at for at, frame in enumerate(stack) if not _DAGSTERS_FRAME.match(frame)), 0)
    return stack[own:]


def _line(text: str) -> str:
    """The first line of `text`, short enough for a title."""
    return _cut(text.strip().partition("\n")[0], MAX_LINE_CHARS)


def _cut(text: str, most: int) -> str:
    """At most so many characters. It is cut between words: half a secret would pass for none."""
    text = text.strip()
    if len(text) <= most:
        return text
    kept = text[: most - 1]
    between = max(kept.rfind(" "), kept.rfind("\n"))
    return f"{kept[:between] if between > most - MAX_WORD_CHARS else kept}…"


def _filled(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in texts.items() if text}
