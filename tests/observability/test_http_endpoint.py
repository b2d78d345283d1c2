"""What the endpoint of `wdh serve` does when a collector of ours is broken."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import requests
from prometheus_client import CollectorRegistry, Metric

from work_data_hub.observability.http_endpoint import Verdict, answering

from .dagster_dev import wait_until


class Broken:
    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        raise RuntimeError("token=hunter2")


def test_a_scrape_that_raises_is_logged_without_its_text_and_the_next_request_is_answered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = CollectorRegistry()
    registry.register(Broken())
    caplog.set_level(logging.ERROR)
    with answering("127.0.0.1", 0, registry=registry, checks={"/-/healthy": Verdict}) as address:
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{address}/metrics", timeout=10)
        assert requests.get(f"{address}/-/healthy", timeout=10).text == "ok\n"
        # The thread of the first request logs after it has hung up.
        wait_until(lambda: caplog.messages, seconds=10, what="a line in the log")
    assert ["http.failed" in line and "RuntimeError" in line for line in caplog.messages] == [True]
    assert "hunter2" not in caplog.text
