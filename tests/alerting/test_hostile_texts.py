"""60 kB and hostile texts, from publish to every sink: taken at once, and nothing given up."""

from __future__ import annotations

from typing import Any

import pytest
from every_sink import every_sink

from work_data_hub.alerting import Alert
from work_data_hub.alerting.testing import sample_incident

pytestmark = pytest.mark.both_databases

KB_60 = 60_000
HOSTILE = (
    "<!channel> <@U1> *bold* `code` ```block``` &amp; <b>x</b>\r\nBcc: eve@example.org\r\n.\r\n"
    "{{ 7 * 7 }} ${HOME} %s \x00\x1b[31m\u202e\ud800 '; DROP TABLE alert_incidents; --"
)
TEXTS = {
    "hostile": HOSTILE,
    "60 kB hostile": (HOSTILE * (KB_60 // len(HOSTILE) + 1))[:KB_60],
    "60 kB Chinese": "受托业绩加载失败" * (KB_60 // 8),
    "60 kB on one line": "x" * KB_60,
    "60 kB of line ends": "\n" * KB_60,
    "60 kB of what is escaped": "<&>" * (KB_60 // 3),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_every_sink_takes_it_at_once_and_tells_its_end(scene: Any, text: str) -> None:
    names = (*sample_incident().annotations, "else", HOSTILE[:200])
    alert = Alert(
        {"alertname": "RunFailed", "job": "daily", "severity": "critical", "partition": text},
        dict.fromkeys(names, text),
        event_key=f"run_failed:{text[:50]}",
        generator_url=f"https://dagster.example/runs/{text[:100]}",
    )
    with every_sink(scene, environ={}) as sinks:
        sinks.router.publish(alert)
        sinks.router.dispatch(until_idle=True)
        sinks.router.resolve({"job": "daily"})
        scene.clock.advance(60)
        sinks.router.dispatch(until_idle=True)
        attempts = sinks.router.store.attempts(alert.fingerprint)
        assert [a.detail for a in attempts if a.outcome != "delivered"] == []
        told = {(a.integration, a.purpose.value) for a in attempts}
        assert told == {
            (f"{kind}[0]", purpose)
            for kind in ("slack", "email", "webhook", "log", "prometheus", "memory")
            for purpose in ("open", "resolve")
        }
        assert sinks.router.store.dead_letters() == []
        assert all(not message.mentions for message in sinks.slack.messages)
        assert all(mail.recipients == ("ann@example.org",) for mail in sinks.mail.mails)
