"""dagster-slack's `make_slack_on_run_failure_sensor`, sent through the router: change the import.

What was told once is not lost by a Slack that is down or asks for patience; a failure that recovers
is marked resolved in its message; silences, `wdh alerts list` and the rest work on it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, cast

from dagster import (
    DagsterRun,
    DefaultSensorStatus,
    EnvVar,
    RunFailureSensorContext,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from ..alerting.own_receiver import SLACK_BLOCKS, with_receiver
from . import events
from .addressed import AddressedRouter
from .dagster_api import ownership
from .dagster_api.failed_runs import dagster_runs, failure_context, is_monitored
from .definitions import tell_and_send
from .local_router import local_router, local_store
from .reconciler import Reconciler

if TYPE_CHECKING:
    from ..alerting import Alert, AlertRouter

DEFAULT_NAME = "slack_on_run_failure"
APP_URL = "https://slack.com/api/chat.postMessage"
# Blocks that Slack takes have less.
MAX_JSON_CHARS = 30_000

TextFn = Callable[[RunFailureSensorContext], str]
BlocksFn = Callable[[RunFailureSensorContext], list[dict[Any, Any]]]


def make_slack_on_run_failure_sensor(  # noqa: PLR0917 - dagster-slack's order
    channel: str,
    slack_token: str | EnvVar | Any,
    text_fn: TextFn | None = None,
    blocks_fn: BlocksFn | None = None,
    name: str | None = None,
    dagit_base_url: str | None = None,
    minimum_interval_seconds: int | None = None,
    monitored_jobs: Sequence[Any] | None = None,
    job_selection: Sequence[Any] | None = None,
    monitor_all_code_locations: bool = False,
    default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
    webserver_base_url: str | None = None,
    monitor_all_repositories: bool = False,
) -> SensorDefinition:
    """A sensor that tells a Slack channel of failed runs, by dagster-slack's own arguments.

    channel, slack_token: a channel that the bot is in, and its token (`xoxb-...`): text, an
    `EnvVar`, or dagster-slack's `SlackResource`, whose token is taken.
    text_fn: its text is the summary, in Slack with its markup; without it, step and root exception.
    blocks_fn: its blocks stand in the place of that, and text_fn's text is then what a phone's
    notification shows. Job, error and log follow as far as there is room. Where either raises, or
    Slack refuses the blocks, the alert is told without them.
    webserver_base_url (dagit_base_url, older): the base of the links; else WDH_DAGSTER_URL.
    monitored_jobs (job_selection, older): as there; the jobs of the sensor's own code location when
    not given. monitor_all_code_locations (monitor_all_repositories, older): every job.
    minimum_interval_seconds: 30 when not given. default_status: stopped, as there.

    The store is that of `alerting_definitions`; alerts.yml has no say in where these alerts go, and
    its fallback receiver is told when Slack takes nothing. Where both are in use, a failure is told
    by each. Raises ValueError on arguments that exclude each other.
    """
    if dagit_base_url and webserver_base_url:
        raise ValueError("webserver_base_url and dagit_base_url are the same; give one of them")
    monitored = list(monitored_jobs or job_selection or ())
    everywhere = monitor_all_code_locations or monitor_all_repositories
    if everywhere and monitored:
        raise ValueError("monitored_jobs has no meaning when every code location is monitored")
    sensor_name = name or DEFAULT_NAME
    reconciler = cache(Reconciler)

    @sensor(
        name=sensor_name,
        minimum_interval_seconds=minimum_interval_seconds,
        default_status=default_status,
        description=f"Tells Slack's {channel} of failed runs, through the alert router.",
    )
    def slack_on_run_failure(context: SensorEvaluationContext) -> SkipReason:
        ownership.learn(context)
        here = context.code_location_origin
        receiver = "/".join(filter(None, (here.location_name if here else "", sensor_name)))

        def chosen(alerts: Sequence[Alert]) -> Iterator[Alert]:
            failed = [alert for alert in alerts if alert.name == events.RUN_FAILED]
            runs = dagster_runs(context.instance, (a.annotations["run_id"] for a in failed))
            for alert in failed:
                run = runs.get(alert.annotations["run_id"])
                if run and (everywhere or is_monitored(run, monitored, context)):
                    yield form.of(alert, run, context)

        router = _router(local_router(), local_store(), receiver, channel, token_of(slack_token))
        base_url = webserver_base_url or dagit_base_url
        form = _Form(sensor_name, text_fn, blocks_fn, base_url, router.redact)
        addressed = AddressedRouter(router, receiver=receiver, chosen=chosen)
        # It has what the feed, the reconciler and the dispatcher ask of a router.
        told = cast("AlertRouter", addressed)
        now = datetime.now(UTC)
        return SkipReason(tell_and_send(context.instance, told, reconciler(), now=now))

    return slack_on_run_failure


def token_of(given: Any) -> str:
    """The token in what was given for it. Raises ValueError when there is none."""
    token = getattr(given, "token", given)
    if isinstance(token, EnvVar):
        token = token.get_value()
    if not isinstance(token, str) or not token:
        raise ValueError("slack_token: a bot token, an EnvVar that is set, or a SlackResource")
    return token


@lru_cache(maxsize=32)
def _router(
    base: AlertRouter, store_url: str, receiver: str, channel: str, token: str
) -> AlertRouter:
    """Over the same store, with the channel as a receiver beside those of alerts.yml."""
    from ..alerting import AlertRouter

    slack = {"app_token": token, "channel": channel, "app_url": APP_URL}
    config = with_receiver(base.config, receiver, {"slack": slack, "prometheus": {}})
    return AlertRouter(config, store_url)


@dataclass(frozen=True)
class _Form:
    """What whoever made the sensor wants said."""

    sensor_name: str
    text_fn: TextFn | None
    blocks_fn: BlocksFn | None
    base_url: str | None
    redact: Callable[[str], str]

    def of(self, alert: Alert, run: DagsterRun, context: SensorEvaluationContext) -> Alert:
        """The alert with their summary and their links."""
        notes = dict(alert.annotations) | self._words(run, context)
        url = alert.generator_url
        if self.base_url:
            url = events.run_url(run.run_id, {"WDH_DAGSTER_URL": self.base_url})
            notes["run_url"] = url
        return replace(alert, annotations=notes, generator_url=url)

    def _words(self, run: DagsterRun, context: SensorEvaluationContext) -> dict[str, str]:
        if self.text_fn is None and self.blocks_fn is None:
            return {}
        try:
            about = failure_context(context, run, sensor_name=self.sensor_name)
            text = str(self.text_fn(about)) if self.text_fn is not None else ""
            section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
            blocks = self.blocks_fn(about) if self.blocks_fn is not None else [section]
            # slack_sdk's own classes for blocks have to_dict().
            plain = json.loads(json.dumps(blocks, default=lambda block: block.to_dict()))
            # Before it is JSON: there a quote is written otherwise, and ends no secret.
            told = json.dumps(_redacted(plain, self.redact), ensure_ascii=False)
            words = {
                "summary": text or "\n".join(_texts(plain)),
                SLACK_BLOCKS: told if len(told) <= MAX_JSON_CHARS else "",
            }
            return {name: said for name, said in words.items() if said}
        except Exception as err:  # noqa: BLE001 - the alert must not be lost with somebody's words
            import structlog

            # The text of an error from there may hold anything.
            structlog.get_logger().warning("slack_sensor.text_failed", error=type(err).__name__)
            return {"text_fn": f"raised {type(err).__name__}"}


def _redacted(part: Any, redact: Callable[[str], str]) -> Any:
    """The same blocks, each text in them without secrets."""
    if isinstance(part, str):
        return redact(part)
    if isinstance(part, list):
        return [_redacted(each, redact) for each in part]
    if isinstance(part, dict):
        return {name: _redacted(each, redact) for name, each in part.items()}
    return part


def _texts(blocks: Any) -> Iterable[str]:
    """Every text in Slack's blocks, in their order."""
    if isinstance(blocks, list):
        for block in blocks:
            yield from _texts(block)
    elif isinstance(blocks, Mapping):
        for name, value in blocks.items():
            if name == "text" and isinstance(value, str):
                yield value
            else:
                yield from _texts(value)
