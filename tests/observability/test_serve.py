"""What `wdh serve` does and answers, over a real instance and a real Slack stand-in."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from dagster import DagsterInstance, instance_for_test

from work_data_hub.alerting import AlertRouter
from work_data_hub.alerting.errors import StoreUnavailable
from work_data_hub.alerting.testing import Receiver, Reply, Request, SlackServer
from work_data_hub.observability import feed

from ..prometheus_server import promtool_finds
from .dagster_dev import wait_until
from .dagster_runs import failed_at, succeeded_at
from .serving import serving

ALERTS = """
route: {{receiver: team, group_by: [alertname, job], group_wait: 0s, group_interval: 1s}}
receivers:
  - name: team
    slack_configs: [{{app_token: "{token}", app_url: "{url}", channel: alerts}}]
"""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    home = tmp_path / "home"
    home.mkdir()
    with instance_for_test(temp_dir=str(home)) as made:
        yield made


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'alerts.db'}"


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with SlackServer(channels=["alerts"]) as server:
        yield server


@pytest.fixture
def config(tmp_path: Path, slack: SlackServer) -> Path:
    path = tmp_path / "alerts.yml"
    path.write_text(ALERTS.format(token=slack.token, url=slack.app_url))
    return path


def test_a_failed_run_becomes_a_message_and_its_success_closes_it(
    instance: DagsterInstance, config: Path, store_url: str, slack: SlackServer
) -> None:
    with serving(instance, config, store_url):
        failed_at(instance, datetime.now(UTC))
        wait_until(lambda: slack.messages, seconds=20, what="a message")
        succeeded_at(instance, datetime.now(UTC))
        (message,) = slack.messages
        wait_until(lambda: message.edited, seconds=20, what="the edit")
        assert "Resolved" in message.text


def test_metrics_are_negotiated(instance: DagsterInstance, config: Path, store_url: str) -> None:
    with serving(instance, config, store_url) as address:
        plain = requests.get(f"{address}/metrics", headers={"Accept-Encoding": ""}, timeout=10)
        assert plain.headers["Content-Type"].startswith("text/plain; version=")
        assert "wdh_store_up 1.0" in plain.text
        assert 'wdh_round_errors_total{round="feed"} 0.0' in plain.text
        assert promtool_finds(plain.content) == ""
        asked = {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"}
        with requests.get(f"{address}/metrics", headers=asked, timeout=10, stream=True) as answer:
            assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
            assert gzip.decompress(answer.raw.read()).endswith(b"# EOF\n")
        assert requests.get(f"{address}/nothing", timeout=10).status_code == 404


def test_it_is_ready_once_instance_and_store_have_answered(
    instance: DagsterInstance, config: Path, store_url: str
) -> None:
    with serving(instance, config, store_url) as address:
        wait_until(
            lambda: requests.get(f"{address}/-/ready", timeout=10).ok, seconds=20, what="ready"
        )
        assert requests.get(f"{address}/-/healthy", timeout=10).text == "ok\n"


def test_a_round_that_raises_is_counted_told_once_and_makes_it_unready(
    instance: DagsterInstance,
    config: Path,
    store_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def down(*_: object, **__: object) -> None:
        raise StoreUnavailable("away for a minute")

    with serving(instance, config, store_url) as address:
        wait_until(
            lambda: requests.get(f"{address}/-/ready", timeout=10).ok, seconds=20, what="ready"
        )
        monkeypatch.setattr(feed, "advance", down)
        wait_until(
            lambda: 'errors_total{round="feed"} 2' in requests.get(f"{address}/metrics").text,
            seconds=20,
            what="two failed turns",
        )
        unready = requests.get(f"{address}/-/ready", timeout=10)
        assert unready.status_code == 503
        assert "the round feed" in unready.text
        assert "away for a minute" in unready.text
        assert requests.get(f"{address}/-/healthy", timeout=10).ok
        monkeypatch.undo()
        wait_until(
            lambda: requests.get(f"{address}/-/ready", timeout=10).ok, seconds=20, what="ready"
        )
    assert caplog.text.count("round.failed") == 1


def test_what_is_being_delivered_when_it_is_stopped_comes_to_its_end(
    instance: DagsterInstance, tmp_path: Path, store_url: str
) -> None:
    stop = threading.Event()

    class Slow(Receiver):
        def behave(self, request: Request) -> Reply:
            stop.set()
            time.sleep(0.5)  # the wait is the case itself: the stop comes in the middle
            return super().behave(request)

    with Slow() as receiver:
        config = tmp_path / "alerts.yml"
        config.write_text(
            "route: {receiver: team, group_wait: 0s}\n"
            f"receivers: [{{name: team, webhook_configs: [{{url: '{receiver.address}/'}}]}}]\n"
        )
        with serving(instance, config, store_url, stop=stop):
            failed_at(instance, datetime.now(UTC))
            assert stop.wait(20)
        assert len(receiver.taken) == 1
        router = AlertRouter.from_file(config, store_url)
        assert router.dispatch() == 0, "it was written down"
        router.close()
