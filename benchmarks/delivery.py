"""Alerts published one by one and told one POST each, against those who keep nothing.

Ours are on disk before they are sent and recorded after. Apprise's notify loop, bare requests and
bare urllib3 send; Alertmanager takes them over HTTP, keeps them in memory, and sends.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Figure
from benchmarks.receiver import count_of, receiver
from benchmarks.running_alertmanager import alertmanager, is_installed

ALERTS = 2_000
ROUNDS = 3
SLOW_ALERTS = 100
SLOW_S = 0.05
CONFIG = """
route: {{receiver: team, group_by: ['...'], group_wait: 0s, group_interval: 1m}}
receivers: [{{name: team, webhook_configs: [{{url: "{url}"}}]}}]
"""


def figures() -> list[Figure]:
    """Ratios of rates to Apprise's, against a receiver that is quick and one that is slow."""
    senders = _senders()
    with receiver() as url:
        taken: dict[str, list[float]] = {name: [] for name in senders}
        for _ in range(ROUNDS):
            for name, send in senders.items():
                taken[name].append(_rate(send, url, ALERTS))
    rates = {name: statistics.median(of_each) for name, of_each in taken.items()}
    with receiver(takes_s=SLOW_S) as url:
        ours_slow = _rate(_ours, url, SLOW_ALERTS)
        apprise_slow = _rate(_apprise, url, SLOW_ALERTS)
    apprise = rates["Apprise"]
    beside = ", ".join(
        f"{name} {rate:,.0f} ({rate / apprise:.1f} x)" for name, rate in rates.items()
    )
    return [
        Figure(
            f"{ALERTS:,} alerts published and delivered, one POST each, against Apprise",
            rates["ours"] / apprise,
            "x",
            2.0,
            at_least=True,
            note=f"a second: {beside}",
        ),
        Figure(
            f"the same to a receiver that takes {SLOW_S * 1000:.0f} ms",
            ours_slow / apprise_slow,
            "x",
            10.0,
            at_least=True,
            note=f"a second: {ours_slow:,.0f}, Apprise {apprise_slow:,.0f}",
        ),
    ]


def _senders() -> dict[str, Callable[[str, int], float]]:
    senders = {"ours": _ours, "Apprise": _apprise, "requests": _requests, "urllib3": _urllib3}
    if is_installed():
        senders["Alertmanager"] = _alertmanager
    return senders


def _rate(send: Callable[[str, int], float], url: str, alerts: int) -> float:
    """Alerts a second; every one of them has come."""
    before = count_of(url)
    taken_s = send(url, alerts)
    come = count_of(url) - before
    assert come == alerts, f"{come} of {alerts} came"
    return alerts / taken_s


def _ours(url: str, alerts: int) -> float:
    from work_data_hub.alerting import Alert, AlertRouter

    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "alerts.yml")
        config.write_text(CONFIG.format(url=url), encoding="utf-8")
        router = AlertRouter.from_file(config, f"sqlite:///{folder}/alerts.db", environ={})
        router.dispatch()
        begun = time.perf_counter()
        for i in range(alerts):
            router.publish(Alert(_labels(i), {"summary": _SUMMARY}))
        router.dispatch(until_idle=True)
        taken_s = time.perf_counter() - begun
        router.close()
    return taken_s


def _apprise(url: str, alerts: int) -> float:
    import apprise

    told = apprise.Apprise()
    told.add(url.replace("http://", "json://"))
    begun = time.perf_counter()
    for i in range(alerts):
        assert told.notify(title=f"RunFailed job{i}", body=_SUMMARY)
    return time.perf_counter() - begun


def _requests(url: str, alerts: int) -> float:
    import requests

    with requests.Session() as session:
        begun = time.perf_counter()
        for i in range(alerts):
            session.post(url, json=_payload(i), timeout=10).raise_for_status()
        return time.perf_counter() - begun


def _urllib3(url: str, alerts: int) -> float:
    import urllib3

    with urllib3.PoolManager() as pool:
        begun = time.perf_counter()
        for i in range(alerts):
            assert pool.request("POST", url, json=_payload(i)).status == 200
        return time.perf_counter() - begun


def _alertmanager(url: str, alerts: int) -> float:
    import urllib3

    with alertmanager(CONFIG.format(url=url)) as peer, urllib3.PoolManager() as pool:
        before = count_of(url)
        begun = time.perf_counter()
        for i in range(alerts):
            given = [{"labels": _labels(i), "annotations": {"summary": _SUMMARY}}]
            assert pool.request("POST", f"{peer.address}/api/v2/alerts", json=given).status == 200
        while count_of(url) - before < alerts and time.perf_counter() - begun < 60:
            time.sleep(0.01)
        return time.perf_counter() - begun


_SUMMARY = "load: KeyError: 'plan'"


def _labels(i: int) -> dict[str, str]:
    return {"alertname": "RunFailed", "job": f"job{i}", "severity": "critical"}


def _payload(i: int) -> dict[str, str]:
    return {"title": f"RunFailed job{i}", "body": _SUMMARY}
