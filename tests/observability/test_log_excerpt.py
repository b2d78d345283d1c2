"""Of a step's stderr, what helps: its own last words, without Dagster's."""

from __future__ import annotations

from work_data_hub.observability.log_excerpt import MAX_CHARS, MAX_LINES, log_excerpt

RUN = "632af75a-7907-4368-b1d4-25944cf19c72"
AT = "2026-11-23 08:26:29 +0000 - dagster"


def an_event(step: str, kind: str, said: str = "") -> str:
    level = "ERROR" if kind == "STEP_FAILURE" else "DEBUG"
    return f"{AT} - {level} - nightly - {RUN} - 31283 - {step} - {kind} - {said}\n"


CAPTURED = (
    an_event("extract", "STEP_START", "Started execution")
    + "of another step\n"
    + an_event("extract", "STEP_SUCCESS", "Finished")
    + an_event("load", "STEP_START", 'Started execution of step "load".')
    + "progress 1\n"
    + an_event("load", "LOADED_INPUT", "Loaded input")
    + f"{AT} - WARNING - nightly - {RUN} - load - about to fail\n"
    + "the last thing said\n"
    + an_event("load", "STEP_FAILURE", 'Execution of step "load" failed.')
    + "\ndagster._core.errors.DagsterExecutionStepExecutionError: ...\n  File x.py\n"
)


def test_it_is_what_the_step_said_before_it_failed() -> None:
    assert log_excerpt(CAPTURED, "load").splitlines() == [
        "progress 1",
        "16:26:29 WARNING about to fail",
        "the last thing said",
    ]


def test_of_a_step_tried_again_it_is_the_last_attempt() -> None:
    first = an_event("load", "STEP_UP_FOR_RETRY") + an_event("load", "STEP_RESTARTED")
    twice = CAPTURED.replace(an_event("load", "LOADED_INPUT", "Loaded input"), first)
    assert log_excerpt(twice, "load").splitlines()[0] == "16:26:29 WARNING about to fail"


def test_a_worker_that_was_killed_has_no_failure_to_end_before() -> None:
    killed = CAPTURED.partition("the last thing")[0]
    assert log_excerpt(killed, "load").splitlines()[-1] == "16:26:29 WARNING about to fail"


def test_what_no_dagster_wrote_is_taken_as_it_is() -> None:
    assert log_excerpt("Killed\n", "load") == "Killed"
    assert log_excerpt("", "load") == ""


def test_it_is_bounded_and_whole_lines_of_the_end() -> None:
    lines = [f"line {n}" for n in range(9_000)]
    assert log_excerpt("\n".join(lines), "load").splitlines() == lines[-MAX_LINES:]
    wide = "\n".join("w" * 1_000 for _ in range(9))
    assert log_excerpt(wide, "load").splitlines() == ["w" * 1_000] * 3
    assert len(log_excerpt("x" * 60_000, "load")) == MAX_CHARS
