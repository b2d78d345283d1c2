from __future__ import annotations

import pytest

from work_data_hub.observability import events
from work_data_hub.observability.run import Ending, Raised, StepFailure

from .runs import FAILED_AT, a_failure, a_run
from .stores import filled

LOAD = StepFailure(
    "load",
    (
        Raised("DagsterExecutionStepExecutionError", "Error occurred while executing op"),
        Raised("ValueError", "row 7 has no plan", ("  File load.py, line 3\n",)),
        Raised("KeyError", "'plan'", ("  File rows.py, line 9\n",)),
    ),
)
IN_LOAD = Ending(LOAD, "")
OUTSIDE = Ending(None, "")


def test_a_failed_run_is_named_by_location_job_and_partition_only() -> None:
    first = events.run_failed(a_run(partition="2024-11"), a_failure(), IN_LOAD)
    second = events.run_failed(
        a_run(partition="2024-11", run_id="77", schedule="daily", retry_number="2"),
        a_failure("other words"),
        OUTSIDE,
    )
    other = events.run_failed(a_run(partition="2024-12"), a_failure(), IN_LOAD)
    assert first.fingerprint == second.fingerprint != other.fingerprint
    assert filled(first.labels) == {
        "alertname": "RunFailed",
        "location": "sales",
        "job": "nightly",
        "partition": "2024-11",
        "severity": "critical",
    }
    assert first.event_key == "run_failed:8a1f"
    assert first.occurred_at == FAILED_AT


def test_the_message_says_step_root_cause_and_what_it_was_raised_as() -> None:
    notes = events.run_failed(a_run(), a_failure("gone"), IN_LOAD).annotations
    assert notes["summary"] == "load: KeyError: 'plan'"
    assert notes["step"] == "load"
    assert notes["error_class"] == "KeyError"
    assert notes["error"].splitlines() == [
        "KeyError: 'plan'",
        "raised as ValueError: row 7 has no plan",
        "  File rows.py, line 9",
    ]


def test_dagsters_own_frames_above_ours_are_left_out() -> None:
    core = (
        '  File "/venv/site-packages/dagster/_core/execution/plan/utils.py", line 57, in boundary\n'
    )
    ours = '  File "/srv/dagster/prices.py", line 28, in fund_prices\n    rows = read()\n'
    failure = StepFailure("load", (Raised("OSError", "gone", (core, core, ours, core)),))
    error = events.step_failed(a_run(), failure, at=FAILED_AT).annotations["error"]
    assert error == f"OSError: gone\n{ours}{core}".rstrip("\n")
    all_dagsters = StepFailure("load", (Raised("OSError", "gone", (core,)),))
    error = events.step_failed(a_run(), all_dagsters, at=FAILED_AT).annotations["error"]
    assert error.endswith("in boundary")


def test_a_run_that_failed_outside_its_steps_says_what_dagster_says() -> None:
    notes = events.run_failed(
        a_run(failure_reason="START_TIMEOUT"),
        a_failure("Run timed out due to taking longer than 180 seconds to start."),
        OUTSIDE,
    ).annotations
    assert notes["error"] == "Run timed out due to taking longer than 180 seconds to start."
    assert notes["summary"] == notes["error"]
    assert notes["reason"] == "START_TIMEOUT"
    assert "step" not in notes


def test_what_ended_the_run_is_told_where_no_step_failed() -> None:
    raised = (Raised("DagsterUserCodeUnreachableError", "no code server"),)
    notes = events.run_failed(a_run(), a_failure("m", raised=raised), OUTSIDE).annotations
    assert notes["error"] == "DagsterUserCodeUnreachableError: no code server"


def test_the_step_a_dead_worker_was_in_is_told_with_dagsters_reason() -> None:
    ending = Ending(StepFailure("load", ()), "")
    alert = events.run_failed(a_run(), a_failure("the worker died"), ending)
    assert alert.annotations["summary"] == "load: the worker died"
    assert alert.annotations["error"] == "the worker died"


@pytest.mark.parametrize("raised", [(), (Raised("ChildProcessCrashException", "", ("frame",)),)])
def test_the_engines_last_words_say_why_where_no_exception_does(raised: tuple[Raised]) -> None:
    ending = Ending(StepFailure("load", raised), "child process exited with code 9")
    failure = a_failure("failed from outside", raised=(Raised("DagsterSubprocessError", "long"),))
    notes = events.run_failed(a_run(), failure, ending).annotations
    assert notes["summary"] == "load: child process exited with code 9"
    assert notes["error"] == "child process exited with code 9"


def test_an_exception_says_more_than_the_engines_last_words() -> None:
    notes = events.run_failed(a_run(), a_failure(), Ending(LOAD, "process exits")).annotations
    assert notes["summary"] == "load: KeyError: 'plan'"


def test_the_message_leads_to_the_run_and_to_what_started_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WDH_DAGSTER_URL", "https://dagster.example.com/prod/")
    run = a_run(
        schedule="daily", sensor="files", backfill="abc", root_run_id="77", retry_number="1"
    )
    alert = events.run_failed(run, a_failure(), IN_LOAD)
    assert alert.generator_url == "https://dagster.example.com/prod/runs/8a1f"
    assert alert.annotations["run_url"] == alert.generator_url
    assert alert.annotations["schedule"] == "daily"
    assert alert.annotations["sensor"] == "files"
    assert alert.annotations["backfill"] == "abc"
    assert alert.annotations["root_run_id"] == "77"
    assert alert.annotations["attempt"] == "2"


def test_the_runbook_is_linked_at_wdh_serve_or_where_somebody_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notes = events.run_failed(a_run(), a_failure(), IN_LOAD).annotations
    assert notes["runbook_url"] == "http://127.0.0.1:9464/runbooks/RunFailed.md"
    monkeypatch.setenv("WDH_RUNBOOK_URL", "https://wiki.example.com/runbooks/")
    notes = events.step_failed(a_run(), LOAD, at=FAILED_AT).annotations
    assert notes["runbook_url"] == "https://wiki.example.com/runbooks/StepFailed.md"


def test_an_empty_address_means_the_default_one() -> None:
    assert events.run_url("8a1f", {"WDH_DAGSTER_URL": ""}) == "http://127.0.0.1:3000/runs/8a1f"


def test_a_message_is_bounded_whatever_was_raised() -> None:
    endless = Raised("ValueError", "x" * 5_000_000, ("frame\n" * 1_000_000,))
    run = a_run(assets=tuple(f"asset_{number}" for number in range(10_000)))
    ending = Ending(StepFailure("load", (endless, endless)), "w" * 5_000_000)
    alert = events.run_failed(run, a_failure("m" * 5_000_000), ending)
    assert len(alert.annotations["summary"]) <= events.MAX_LINE_CHARS
    assert len(alert.annotations["error"]) < 4_000
    assert sum(len(text) for text in alert.annotations.values()) < 6_000
    assert alert.annotations["assets"].endswith("asset_9 (+9990)")


def test_no_cut_leaves_half_a_secret() -> None:
    secret = "xoxb-" + "0123456789" * 4
    for length in range(events.MAX_EXCEPTION_CHARS - 80, events.MAX_EXCEPTION_CHARS + 20):
        text = "word " * (length // 5) + secret + " and more" * 50
        failure = StepFailure("load", (Raised("ValueError", text),))
        notes = events.step_failed(a_run(), failure, at=FAILED_AT).annotations
        assert "xoxb-" not in notes["error"].replace(secret, "")


def test_a_summary_stays_on_one_line() -> None:
    failure = StepFailure("load", (Raised("ValueError", "first\nsecond"),))
    assert (
        events.step_failed(a_run(), failure, at=FAILED_AT).annotations["summary"]
        == "ValueError: first"
    )


def test_a_success_closes_only_what_has_its_own_partition() -> None:
    assert events.run_recovered(a_run(partition="a"))["partition"] == "a"
    assert events.run_recovered(a_run())["partition"] == ""
    assert "severity" not in events.run_recovered(a_run())


def test_a_steps_failure_is_named_by_its_step_too() -> None:
    alert = events.step_failed(a_run(partition="a"), LOAD, at=FAILED_AT)
    assert filled(alert.labels) == {
        "alertname": "StepFailed",
        "location": "sales",
        "job": "nightly",
        "partition": "a",
        "step": "load",
        "severity": "warning",
    }
    assert alert.event_key == "step_failed:8a1f:load"
    recovered = events.step_recovered(a_run(partition="a"), "load")
    assert {**recovered, "severity": "warning"} == dict(alert.labels)


def test_a_retry_of_dagsters_own_is_the_same_event_and_a_persons_is_not() -> None:
    automatic = a_run(run_id="b", root_run_id="a", retry_number="1")
    by_hand = a_run(run_id="c", root_run_id="a")
    first = a_run(run_id="a", root_run_id="a")
    keys = [
        events.step_failed(run, LOAD, at=FAILED_AT).event_key for run in (first, automatic, by_hand)
    ]
    assert keys == ["step_failed:a:load", "step_failed:a:load", "step_failed:c:load"]
    done = [
        events.step_succeeded(run, "load", at=FAILED_AT).event_key for run in (first, automatic)
    ]
    assert done == ["step_succeeded:a:load", "step_succeeded:a:load"]


def test_a_success_is_no_more_than_information() -> None:
    alert = events.step_succeeded(a_run(), "load", at=FAILED_AT)
    assert alert.severity == "info"
    assert alert.name == "StepSucceeded"
