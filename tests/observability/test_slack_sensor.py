"""dagster-slack's sensor with a changed import: the same arguments, nothing lost."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    CodeLocationSelector,
    DagsterInstance,
    Definitions,
    EnvVar,
    JobSelector,
    RepositorySelector,
    RunFailureSensorContext,
    SensorDefinition,
    SensorEvaluationContext,
    build_sensor_context,
    define_asset_job,
    graph,
    run_failure_sensor,
)
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from work_data_hub.alerting.own_receiver import OWN_RECEIVER, SLACK_BLOCKS
from work_data_hub.alerting.sinks.slack.laid_out import laid_out as blocks_of
from work_data_hub.alerting.testing import SlackServer, sample_incident
from work_data_hub.observability import (
    alerting_definitions,
    make_slack_on_run_failure_sensor,
    slack_sensor,
)
from work_data_hub.observability.local_router import local_router

from .dagster_dev import wait_until
from .dagster_runs import failed_at, nightly, purposeful, run, sound, succeeded_at
from .stores import firing
from .test_definitions import ticked as ticked_by_ours

AT_ONCE = """
route: {receiver: quiet, group_by: [job], group_wait: 0s, group_interval: 1s}
receivers: [{name: quiet}]
"""


@graph(name="nightly")
def nightly_graph() -> None:
    """Of the job by its name."""


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackServer]:
    """A Slack that the sensor finds in the place of slack.com."""
    with SlackServer(channels=["alerts", "other"]) as server:
        monkeypatch.setattr(slack_sensor, "APP_URL", server.app_url)
        yield server


def ticked(instance: DagsterInstance, made: SensorDefinition) -> str:
    with build_sensor_context(instance=instance) as context:
        return str(made(context))


def watching_all(slack: SlackServer, channel: str = "#alerts", **given: Any) -> SensorDefinition:
    given = {"monitor_all_code_locations": True, **given}
    return make_slack_on_run_failure_sensor(channel, slack.token, **given)


def laid_out(text: str) -> list[dict[Any, Any]]:
    return [{"type": "section", "text": {"type": "mrkdwn", "text": text}}, {"type": "divider"}]


def test_it_takes_what_dagster_slack_takes_in_the_same_order() -> None:
    from dagster_slack import make_slack_on_run_failure_sensor as stock

    ours = inspect.signature(make_slack_on_run_failure_sensor).parameters
    theirs = inspect.signature(stock).parameters
    assert list(ours) == list(theirs)
    for name, parameter in theirs.items():
        assert ours[name].kind is parameter.kind, name
        if name != "text_fn":  # theirs is a text of their own, ours what we know of the failure
            assert ours[name].default == parameter.default, name


def test_it_is_a_sensor_by_the_name_that_they_give_it() -> None:
    made = make_slack_on_run_failure_sensor("#alerts", "xoxb-1", minimum_interval_seconds=7)
    loaded = Definitions(sensors=[made]).resolve_sensor_def("slack_on_run_failure")
    assert loaded.minimum_interval_seconds == 7


def test_a_failure_is_one_message_through_429_and_503_that_the_next_success_marks_resolved(
    instance: DagsterInstance, slack: SlackServer
) -> None:
    Path("alerts.yml").write_text(AT_ONCE)
    slack.answer(503, 429)
    made = watching_all(slack, webserver_base_url="https://dagster.example.com")
    run_id = run(instance, nightly)
    ticked(instance, made)
    (message,) = slack.messages
    assert "KeyError: 'plan'" in message.all_text
    assert f"https://dagster.example.com/runs/{run_id}" in json.dumps(message.versions[-1])
    succeeded_at(instance, datetime.now(UTC))
    ticked(instance, made)
    assert slack.messages == [message]
    assert "Resolved" in message.text


def test_their_text_is_the_summary_with_its_markup_and_what_we_know_follows(
    instance: DagsterInstance, slack: SlackServer
) -> None:
    def text(context: RunFailureSensorContext) -> str:
        assert context.failure_event.is_run_failure
        return f"*job {context.dagster_run.job_name}*: <https://wiki.example/nightly|what to do>"

    run(instance, nightly)
    ticked(instance, watching_all(slack, text_fn=text))
    (message,) = slack.messages
    assert message.blocks[1]["text"]["text"] == (
        "*job nightly*: <https://wiki.example/nightly|what to do>"
    )
    assert "KeyError: 'plan'" in message.all_text
    notes = firing(local_router())[0].annotations
    assert notes["summary"] == "*job nightly*: <https://wiki.example/nightly|what to do>"


def test_their_blocks_are_told_as_they_are_and_their_text_is_the_notification(
    instance: DagsterInstance, slack: SlackServer
) -> None:
    def blocks(context: RunFailureSensorContext) -> list[dict[Any, Any]]:
        steps = [event.step_key for event in context.get_step_failure_events()]
        return laid_out(f"in *{steps}*")

    Path("alerts.yml").write_text(AT_ONCE)
    run(instance, nightly)
    ticked(instance, watching_all(slack, text_fn=lambda _: "went wrong", blocks_fn=blocks))
    ticked(instance, watching_all(slack, "#other", name="untold", blocks_fn=blocks))
    first, second = slack.messages
    assert first.blocks[1:3] == second.blocks[1:3] == laid_out("in *['load']*")
    assert "went wrong" in first.text
    assert "in *['load']*" in second.text
    succeeded_at(instance, datetime.now(UTC))
    made = watching_all(slack, text_fn=lambda _: "went wrong", blocks_fn=blocks)
    wait_until(
        lambda: ticked(instance, made) and "Resolved" in first.text, seconds=20, what="the edit"
    )
    assert first.blocks[1:3] == laid_out("in *['load']*")


def test_a_secret_in_their_blocks_is_gone_however_it_is_quoted(
    instance: DagsterInstance, slack: SlackServer
) -> None:
    said = 'password="hunter \\" 2" at postgresql://wdh:hunter2@db/x'
    run(instance, nightly)
    ticked(instance, watching_all(slack, blocks_fn=lambda _: laid_out(said)))
    (message,) = slack.messages
    assert message.blocks[2] == {"type": "divider"}
    assert "hunter" not in json.dumps([message.versions, firing(local_router())], default=str)


@pytest.mark.parametrize(
    "blocks",
    [
        laid_out("x" * 3_001),
        laid_out("x") * 30,
        [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2_900}}] * 5,
        [{"type": "no such block", "text": {"type": "mrkdwn", "text": "x"}}],
        ["x"],
    ],
    ids=["too long", "too many", "too much", "unknown", "no block"],
)
def test_blocks_that_slack_would_not_take_are_told_in_our_form(
    instance: DagsterInstance, slack: SlackServer, blocks: list[Any]
) -> None:
    run(instance, nightly)
    made = watching_all(slack, text_fn=lambda _: "went wrong", blocks_fn=lambda _: blocks)
    ticked(instance, made)
    (message,) = slack.messages
    assert "went wrong" in message.text
    assert "KeyError: 'plan'" in message.all_text
    assert message.blocks[-1]["type"] == "context"


def test_no_other_alert_brings_blocks_of_its_own() -> None:
    told = sample_incident(annotations={SLACK_BLOCKS: json.dumps(laid_out("<!channel>"))})
    assert blocks_of(told) == []
    ours = sample_incident(annotations=told.annotations, labels={OWN_RECEIVER: "sensor"})
    assert blocks_of(ours) == laid_out("<!channel>")


def test_a_text_function_that_raises_loses_no_alert(
    instance: DagsterInstance, slack: SlackServer
) -> None:
    def broken(_: RunFailureSensorContext) -> str:
        raise ValueError("a secret")

    run(instance, nightly)
    ticked(instance, watching_all(slack, text_fn=broken))
    (message,) = slack.messages
    assert "KeyError" in message.all_text
    assert "raised ValueError" in message.all_text


def test_only_monitored_jobs_are_told(instance: DagsterInstance, slack: SlackServer) -> None:
    for job_def in (nightly, purposeful):
        failed_at(instance, datetime.now(UTC), job_def)
    wanted = JobSelector(
        location_name="sales", repository_name="__repository__", job_name="purposeful"
    )
    made = watching_all(slack, monitor_all_code_locations=False, monitored_jobs=[wanted])
    ticked(instance, made)
    assert [i.labels["job"] for i in firing(local_router())] == ["purposeful"]
    elsewhere = watching_all(slack, "#other", name="own", monitor_all_code_locations=False)
    ticked(instance, elsewhere)  # this context is of no location; the runs are of `sales`
    assert len(firing(local_router())) == 1


IN_STOCK = RepositorySelector(location_name="stock", repository_name="__repository__")
SOUND = JobSelector(location_name="stock", job_name="sound")


def at_home(instance: DagsterInstance, cursor: str | None = None) -> SensorEvaluationContext:
    """As the daemon has it for a sensor of the code location `sales`."""
    target = LoadableTargetOrigin(executable_path=sys.executable, python_file="sales.py")
    return SensorEvaluationContext(
        instance_ref=None,
        instance=instance,
        cursor=cursor,
        repository_name="__repository__",
        repository_def=Definitions(jobs=[nightly, purposeful]).get_repository_def(),
        code_location_origin=InProcessCodeLocationOrigin(target, location_name="sales"),
    )


def some_fail(instance: DagsterInstance) -> None:
    """At home and elsewhere, one job under the same name."""
    for job_def in (nightly, purposeful):
        failed_at(instance, datetime.now(UTC), job_def)
    for job_def in (nightly, sound):
        failed_at(instance, datetime.now(UTC), job_def, location="stock")


def told_by_dagsters_own(instance: DagsterInstance, **given: Any) -> set[str]:
    """The jobs of which a stock sensor with these arguments is called."""
    told = set()

    @run_failure_sensor(**given)
    def stock(context: RunFailureSensorContext) -> None:
        origin = context.dagster_run.remote_job_origin
        assert origin is not None
        location = origin.repository_origin.code_location_origin.location_name
        told.add(f"{location}/{context.dagster_run.job_name}")

    with at_home(instance) as first:  # only takes its place in the log
        cursor = stock.evaluate_tick(first).cursor
    some_fail(instance)
    with at_home(instance, cursor) as second:
        stock.evaluate_tick(second)
    return told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, {"sales/nightly", "sales/purposeful"}),
        ({"monitored_jobs": [nightly]}, {"sales/nightly"}),
        ({"monitored_jobs": [nightly_graph]}, {"sales/nightly"}),
        ({"monitored_jobs": [define_asset_job("nightly")]}, {"sales/nightly"}),
        (
            {"monitored_jobs": [CodeLocationSelector(location_name="stock")]},
            {"stock/nightly", "stock/sound"},
        ),
        (
            {"monitored_jobs": [IN_STOCK]},
            {"stock/nightly", "stock/sound"},
        ),
        ({"monitored_jobs": [SOUND]}, {"stock/sound"}),
        (
            {"monitored_jobs": [purposeful, SOUND]},
            {"sales/purposeful", "stock/sound"},
        ),
        (
            {"monitor_all_code_locations": True},
            {"sales/nightly", "sales/purposeful", "stock/nightly", "stock/sound"},
        ),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else "",
)
def test_it_watches_the_jobs_that_dagsters_own_sensor_would(
    instance: DagsterInstance, slack: SlackServer, given: dict[str, Any], told: set[str]
) -> None:
    assert told_by_dagsters_own(instance, **given) == told
    older = {"monitored_jobs": "job_selection"}
    older |= {"monitor_all_code_locations": "monitor_all_repositories"}
    for name, arguments in {
        "new": given,
        "old": {older[name]: value for name, value in given.items()},
    }.items():
        with at_home(instance) as context:
            made = make_slack_on_run_failure_sensor("#alerts", slack.token, name=name, **arguments)
            made.evaluate_tick(context)
        found = [i.labels for i in firing(local_router()) if i.labels[OWN_RECEIVER].endswith(name)]
        assert {f"{labels['location']}/{labels['job']}" for labels in found} == told


@pytest.mark.parametrize("argument", ["webserver_base_url", "dagit_base_url"])
def test_the_link_begins_as_it_is_told(
    instance: DagsterInstance, slack: SlackServer, argument: str
) -> None:
    run_id = failed_at(instance, datetime.now(UTC))
    ticked(instance, watching_all(slack, **{argument: "https://dagster.example.com"}))
    (message,) = slack.messages
    assert f"https://dagster.example.com/runs/{run_id}" in json.dumps(message.versions[-1])


def test_two_sensors_and_the_router_of_alerts_yml_tell_each_their_own(
    instance: DagsterInstance, slack: SlackServer, caplog: pytest.LogCaptureFixture
) -> None:
    failed_at(instance, datetime.now(UTC))
    ticked_by_ours(instance, alerting_definitions())
    ticked(instance, watching_all(slack))
    ticked(instance, watching_all(slack, "#other", name="second"))
    channels = [message.versions[-1]["channel"] for message in slack.messages]
    assert channels == ["#alerts", "#other"]
    assert len([r for r in caplog.records if "alert.told" in r.message]) == 1
    receivers = {i.labels.get(OWN_RECEIVER, "") for i in firing(local_router())}
    assert receivers == {"", "slack_on_run_failure", "second"}


def test_a_slack_resource_and_an_env_var_hold_tokens_too(
    instance: DagsterInstance, slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dagster_slack import SlackResource

    monkeypatch.setenv("MY_SLACK_TOKEN", slack.token)
    failed_at(instance, datetime.now(UTC))
    variable = EnvVar("MY_SLACK_TOKEN")
    resources = [SlackResource(token=token) for token in (slack.token, variable)]
    for n, given in enumerate([variable, *resources]):
        made = make_slack_on_run_failure_sensor(
            "#alerts", given, name=f"s{n}", monitor_all_code_locations=True
        )
        ticked(instance, made)
        assert len(slack.messages) == n + 1


def test_arguments_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="every code location"):
        make_slack_on_run_failure_sensor(
            "#a", "t", monitor_all_code_locations=True, monitored_jobs=[nightly]
        )
    with pytest.raises(ValueError, match="give one of them"):
        make_slack_on_run_failure_sensor("#a", "t", dagit_base_url="x", webserver_base_url="y")


def test_no_token_is_an_error_of_the_tick_and_not_of_the_import(instance: DagsterInstance) -> None:
    made = make_slack_on_run_failure_sensor("#alerts", "")
    with pytest.raises(Exception, match="slack_token"):
        ticked(instance, made)
