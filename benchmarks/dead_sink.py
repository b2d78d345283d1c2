"""A dead sink beside a healthy one: how much later the healthy one hears of an alert.

Dead is one that refuses connections, and one that takes them and never answers.
"""

from __future__ import annotations

import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.dispatching import dispatching
from benchmarks.measure import Figure
from benchmarks.payloads import Receiver, payload_receiver

ALERTS = 100
EVERY_S = 0.025
ROUNDS = 3
APPRISE_ALERTS = 4
AT_MOST_LATER_MS = 50.0
CONFIG = """
route: {{receiver: team, group_by: ['...'], group_wait: 0s, group_interval: 1m}}
receivers: [{{name: team, webhook_configs: [{urls}]}}]
"""


def figures() -> list[Figure]:
    """The 99th percentile from publish to arrival, less what it is without a dead sink."""
    with _refusing() as refusing, _hanging() as hanging:
        dead: dict[str, list[str]] = {"": [], "refuses": [refusing], "hangs": [hanging]}
        # In turns, so that a busy moment hits all alike.
        rounds = [{what: _p99_ms(urls) for what, urls in dead.items()} for _ in range(ROUNDS)]
        apprise_s = _apprise_s(hanging)
    p99_ms = {what: statistics.median(taken[what] for taken in rounds) for what in dead}
    return [
        Figure(
            f"a healthy sink beside one that {what}: p99 later than alone",
            p99_ms[what] - p99_ms[""],
            "ms",
            AT_MOST_LATER_MS,
            note=f"p99 {p99_ms[what]:.0f} ms, alone {p99_ms['']:.0f} ms;"
            f" Apprise beside one that hangs: {apprise_s:.1f} s later with every alert",
        )
        for what in ("refuses", "hangs")
    ]


def _p99_ms(dead: Sequence[str]) -> float:
    """Of what one healthy sink hears, dead ones standing before it in the same receiver."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        healthy = stack.enter_context(payload_receiver())
        urls = ", ".join(f'{{url: "{url}"}}' for url in (*dead, healthy.url))
        router = stack.enter_context(dispatching(CONFIG.format(urls=urls), folder))
        published = _publish(router, healthy)
    came = {one.payload["commonLabels"]["job"]: one.at for one in healthy.heard}
    latencies = sorted(came[job] - at for job, at in published.items())
    return latencies[int(len(latencies) * 0.99) - 1] * 1_000


def _publish(router: object, healthy: Receiver) -> dict[str, float]:
    """Publishes at a steady pace, and waits until all have come. Gives when each was published."""
    from work_data_hub.alerting import Alert, AlertRouter

    assert isinstance(router, AlertRouter)
    router.publish(Alert({"alertname": "WarmUp", "job": "none"}))
    _wait_until_heard(healthy, 1)
    published = {}
    begun = time.monotonic()
    for i in range(ALERTS):
        time.sleep(max(0.0, begun + i * EVERY_S - time.monotonic()))
        published[f"job{i}"] = time.time()
        router.publish(Alert({"alertname": "RunFailed", "job": f"job{i}"}))
    _wait_until_heard(healthy, ALERTS + 1)
    return published


def _wait_until_heard(receiver: Receiver, count: int) -> None:
    ends_at = time.monotonic() + 60
    while len(receiver.heard) < count:
        assert time.monotonic() < ends_at, f"{len(receiver.heard)} of {count} came"
        time.sleep(0.005)


def _apprise_s(dead: str) -> float:
    """How long each alert is behind the one before it."""
    import apprise

    with payload_receiver() as healthy:
        told = apprise.Apprise()
        for url in (dead, healthy.url):
            told.add(url.replace("http://", "json://"))
        begun = time.time()
        for i in range(APPRISE_ALERTS):
            told.notify(title=f"RunFailed job{i}", body="boom")
        return (healthy.heard[-1].at - begun) / (APPRISE_ALERTS - 1)


@contextmanager
def _refusing() -> Iterator[str]:
    """The port is ours, and nobody listens at it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/"


@contextmanager
def _hanging() -> Iterator[str]:
    """Takes every connection, and never says a word."""
    taken: list[socket.socket] = []

    def take() -> None:
        while True:
            try:
                taken.append(listening.accept()[0])
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    for connection in taken:
        connection.close()
